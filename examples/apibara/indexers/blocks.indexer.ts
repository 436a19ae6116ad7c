// Follows the blocks of Starknet, and says so at several levels.
//
// SPDX-License-Identifier: Apache-2.0

import { defineIndexer } from "@apibara/indexer";
import { useLogger } from "@apibara/indexer/plugins";
import { StarknetStream } from "@apibara/starknet";
import type { ApibaraRuntimeConfig } from "apibara/types";

export default function (config: ApibaraRuntimeConfig) {
	return defineIndexer(StarknetStream)({
		streamUrl: config.streamUrl,
		finality: "accepted",
		startingBlock: BigInt(config.startingBlock),
		filter: { header: "always" },
		async transform({ block, endCursor, finality }) {
			const logger = useLogger();
			const number = block.header.blockNumber;

			// As the project that `apibara init` makes logs it: indexerd finds the block in it.
			logger.info("Transforming block | orderKey: ", endCursor?.orderKey, " | finality: ", finality);
			logger.debug(`Block ${number} is of ${block.header.timestamp}`);
			if (number % 5n === 0n) logger.warn("five more blocks");
		},
	});
}
