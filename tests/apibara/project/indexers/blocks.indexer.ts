// Keeps a row for each block in a database, and with it how far it has come, as the project that
// `apibara init` makes does: where POSTGRES_CONNECTION_STRING is file://DIRECTORY, in a PGlite of its own.
//
// SPDX-License-Identifier: Apache-2.0

import { defineIndexer } from "@apibara/indexer";
import { useLogger } from "@apibara/indexer/plugins";
import { drizzle, drizzleStorage, useDrizzleStorage } from "@apibara/plugin-drizzle";
import { StarknetStream } from "@apibara/starknet";
import type { ApibaraRuntimeConfig } from "apibara/types";
import { TOKEN, TRANSFER } from "../lib/chain.mjs";
import * as schema from "../lib/schema";

export default function (config: ApibaraRuntimeConfig) {
	const db = drizzle({ schema });

	return defineIndexer(StarknetStream)({
		streamUrl: config.streamUrl,
		finality: "accepted",
		startingBlock: BigInt(config.startingBlock),
		filter: {
			header: "always",
			events: [{ address: TOKEN, keys: [TRANSFER] }],
		},
		plugins: [drizzleStorage({ db, migrate: { migrationsFolder: "./drizzle" } })],
		async transform({ block, endCursor, finality }) {
			const logger = useLogger();
			const { db: transaction } = useDrizzleStorage(db);

			logger.info("Transforming block | orderKey: ", endCursor?.orderKey, " | finality: ", finality);
			await transaction.insert(schema.blocks).values({
				number: Number(block.header.blockNumber),
				invocation: process.env.INVOCATION_ID ?? "",
			});
		},
	});
}
