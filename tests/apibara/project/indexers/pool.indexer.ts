// Follows the swaps of one pool, which POOL_ADDRESS names; the factory creates these.
//
// SPDX-License-Identifier: Apache-2.0

import { defineIndexer } from "@apibara/indexer";
import { useLogger } from "@apibara/indexer/plugins";
import { StarknetStream } from "@apibara/starknet";
import type { ApibaraRuntimeConfig } from "apibara/types";
import { SWAP } from "../lib/chain.mjs";

const LARGE_SWAP = 900n;

export default function (config: ApibaraRuntimeConfig) {
	const pool = process.env.POOL_ADDRESS as `0x${string}` | undefined;

	if (!pool) throw new Error("POOL_ADDRESS is not set: no pool to follow");

	return defineIndexer(StarknetStream)({
		streamUrl: config.streamUrl,
		finality: "accepted",
		startingBlock: BigInt(config.startingBlock),
		filter: {
			header: "on_data",
			events: [{ address: pool, keys: [SWAP] }],
		},
		async transform({ block }) {
			const logger = useLogger();

			for (const { data } of block.events) {
				const amount = BigInt(data[0]);

				logger.info(`Block ${block.header.blockNumber}: ${pool} swapped ${amount}`);
				if (amount >= LARGE_SWAP)
					logger.warn(`Block ${block.header.blockNumber}: ${pool} had a large swap`);
			}
		},
	});
}
