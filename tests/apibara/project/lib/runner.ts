// A client of indexerd for an indexer that creates indexers. The API is read from the .proto file
// that the indexerd package installs, so that nothing generated is kept here.
//
// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from "node:fs";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import protobuf from "protobufjs";

const PROTO =
	process.env.INDEXERD_PROTO ??
	"/usr/share/indexerd/proto/indexerd/v1/indexer_runner.proto";
const CALL_TIMEOUT_MS = 30_000;

export interface NewIndexer {
	script: string;
	runtime: string;
	labels?: Record<string, string>;
	environment?: Record<string, string>;
}

export interface Indexer extends NewIndexer {
	name: string;
	spawned_by: string;
}

// protobufjs loads files through a `require` that a bundled ES module does not have; it parses text
// all the same, and has the well-known types within.
function loadApi() {
	const root = new protobuf.Root();
	const { imports } = protobuf.parse(readFileSync(PROTO, "utf8"), root, {
		keepCase: true,
	});

	for (const file of imports ?? [])
		root.addJSON(protobuf.common.get(file)?.nested ?? {});

	// biome-ignore lint/suspicious/noExplicitAny: the shape comes from the .proto at run time
	return loadPackageDefinition(fromJSON(root.toJSON(), { keepCase: true })) as any;
}

/** Returns a function that creates an indexer, or hands back the one there is, by its id. */
export function connectRunner(
	address = process.env.INDEXER_RUNNER_ADDRESS,
): (id: string, indexer: NewIndexer) => Promise<Indexer> {
	if (!address)
		throw new Error("INDEXER_RUNNER_ADDRESS is not set: no runner to ask");

	const client = new (loadApi().indexerd.v1.IndexerRunner)(
		address,
		credentials.createInsecure(),
	);

	return (indexer_id, indexer) =>
		new Promise((resolve, reject) => {
			client.CreateIndexer(
				{ indexer_id, indexer },
				{ deadline: Date.now() + CALL_TIMEOUT_MS },
				(error: Error | null, reply: Indexer) =>
					error ? reject(error) : resolve(reply),
			);
		});
}
