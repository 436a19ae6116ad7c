// A script for apibara-sink-console (Apibara, version 1): a line for each block of Starknet. The sink
// itself logs the block that it is at.
//
// SPDX-License-Identifier: Apache-2.0

export const config = {
	streamUrl: "https://mainnet.starknet.a5a.ch",
	network: "starknet",
	startingBlock: 10_000,
	filter: { header: {} },
	finality: "DATA_STATUS_ACCEPTED",
	sinkType: "console",
	sinkOptions: {},
};

export default function transform({ header }) {
	return { number: header.blockNumber, hash: header.blockHash };
}
