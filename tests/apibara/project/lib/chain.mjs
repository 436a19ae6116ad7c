// The contracts of the stand-in chain: the stream server invents blocks for them, the indexers look
// for them. Plain numbers, no logic.
//
// SPDX-License-Identifier: Apache-2.0

export const TOKEN = "0x70c";
export const POOL_FACTORY = "0xfac";

// First key of an event: which one it is.
export const TRANSFER = "0x1"; // keys: from, to; data: amount
export const POOL_CREATED = "0x2"; // keys: pool
export const SWAP = "0x3"; // data: amount

// Pools, and the block in which the factory contract announces each.
export const POOLS = [
	{ address: "0xc0ffee01", createdAt: 5 },
	{ address: "0xc0ffee02", createdAt: 12 },
	{ address: "0xc0ffee03", createdAt: 25 },
];
