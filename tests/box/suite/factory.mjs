// SPDX-License-Identifier: Apache-2.0
//
// A factory indexer in JavaScript: asks for an indexer for each of its arguments, and says who is whose
// child. The runner's address is all that it knows, and what any indexer is given.

import process from 'node:process';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const definition = loader.loadSync('indexerd/v1/indexer_runner.proto', {
	includeDirs: ['/usr/share/indexerd/proto'], keepCase: true, enums: String, defaults: true,
});
const { IndexerRunner } = grpc.loadPackageDefinition(definition).indexerd.v1;
const runner = new IndexerRunner(process.env.INDEXER_RUNNER_ADDRESS, grpc.credentials.createInsecure());

for (const indexer_id of process.argv.slice(2))
	runner.CreateIndexer({ indexer_id, indexer: { runtime: 'exec', script: 'child.sh' } }, (error, child) =>
		console.log(error ? `<3>${error.message}` : `${child.spawned_by} has ${child.name}`));
setInterval(() => {}, 1e6);
