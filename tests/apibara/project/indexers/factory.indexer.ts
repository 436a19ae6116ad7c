// Watches for new pools, and asks the runner for an indexer for each. Creation is idempotent by id,
// so a factory that was restarted, and sees its first blocks again, changes nothing.
//
// SPDX-License-Identifier: Apache-2.0

import { defineIndexer } from "@apibara/indexer";
import { useLogger } from "@apibara/indexer/plugins";
import { StarknetStream } from "@apibara/starknet";
import type { ApibaraRuntimeConfig } from "apibara/types";
import { POOL_CREATED, POOL_FACTORY } from "../lib/chain.mjs";
import { connectRunner } from "../lib/runner";

// What a child shall have of this process's environment.
const HANDED_DOWN = ["APIBARA_RUNTIME_CONFIG", "CONSOLA_LEVEL", "NO_COLOR"];

function handedDown() {
	const has = HANDED_DOWN.filter((name) => process.env[name] !== undefined);

	return Object.fromEntries(has.map((name) => [name, process.env[name] as string]));
}

export default function (config: ApibaraRuntimeConfig) {
	const createIndexer = connectRunner();

	return defineIndexer(StarknetStream)({
		streamUrl: config.streamUrl,
		finality: "accepted",
		startingBlock: BigInt(config.startingBlock),
		filter: {
			header: "on_data",
			events: [{ address: POOL_FACTORY, keys: [POOL_CREATED] }],
		},
		async transform({ block }) {
			const logger = useLogger();

			for (const { keys } of block.events) {
				const pool = `0x${BigInt(keys[1]).toString(16)}`;

				logger.info(`Block ${block.header.blockNumber}: new pool ${pool}`);
				const child = await createIndexer(`pool-${pool.slice(2)}`, {
					script: "pool",
					runtime: "apibara",
					labels: { pool },
					environment: { ...handedDown(), POOL_ADDRESS: pool },
				});
				logger.success(`${child.name} follows pool ${pool}`);
			}
		},
	});
}
