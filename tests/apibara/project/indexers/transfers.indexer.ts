// Follows the token's transfers, and speaks at every level: one debug and one info line a block, a
// warning for a large transfer, an error for one that makes no sense, now and then an object that
// spans several lines. FAIL_AT_BLOCK makes it die of an uncaught error at that block.
//
// SPDX-License-Identifier: Apache-2.0

import { defineIndexer } from "@apibara/indexer";
import { useLogger } from "@apibara/indexer/plugins";
import { StarknetStream } from "@apibara/starknet";
import type { ApibaraRuntimeConfig } from "apibara/types";
import { TOKEN, TRANSFER } from "../lib/chain.mjs";

const SUMMARY_EVERY = 20;

export default function (config: ApibaraRuntimeConfig) {
	const failAt = process.env.FAIL_AT_BLOCK;
	const total = { blocks: 0, transfers: 0, amount: 0n, largest: 0n };

	return defineIndexer(StarknetStream)({
		streamUrl: config.streamUrl,
		finality: "accepted",
		startingBlock: BigInt(config.startingBlock),
		filter: {
			header: "always",
			events: [{ address: TOKEN, keys: [TRANSFER] }],
		},
		async transform({ block, endCursor, finality }) {
			const logger = useLogger();
			const number = block.header.blockNumber;

			// As the project that `apibara init` makes logs it.
			logger.debug("Transforming block | orderKey: ", endCursor?.orderKey, " | finality: ", finality);
			if (failAt !== undefined && number >= BigInt(failAt))
				throw new Error(`Told to fail at block ${failAt}`);

			for (const { keys, data } of block.events) {
				const amount = BigInt(data[0]);

				if (keys[1] === keys[2]) {
					logger.error(`Block ${number}: a transfer from an account to itself, skipped`);
					continue;
				}
				if (amount >= BigInt(config.largeTransfer))
					logger.warn(`Block ${number}: a large transfer of ${amount}`);
				total.transfers++;
				total.amount += amount;
				if (amount > total.largest) total.largest = amount;
			}
			total.blocks++;
			logger.info(`Block ${number}: ${block.events.length} transfers`);
			if (number % BigInt(SUMMARY_EVERY) === 0n)
				logger.success("So far", { ...total, asOf: block.header.timestamp });
		},
	});
}
