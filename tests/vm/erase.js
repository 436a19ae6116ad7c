// SPDX-License-Identifier: Apache-2.0
//
// Deletes an indexer in the moment that a power failure would bring its state back, and says so: the registry
// writes over its log, a file that does not grow, so that its commit is no commit of the file system.
'use strict';

const fs = require('node:fs');
const { assert, call, run } = require('../box/suite/lib');

const SOURCE = '/srv/erase';
const MAIN = '#!/bin/sh\necho something >"$STATE_DIRECTORY/kept"\nexec sleep infinity\n';
// More commits than the log takes before it is begun anew.
const COMMITS = 3000;

const log = () => fs.statSync('/var/lib/indexerd/registry.db-wal').size;

async function main() {
	fs.mkdirSync(SOURCE);
	fs.writeFileSync(`${SOURCE}/main.sh`, MAIN, { mode: 0o755 });
	for (const indexer_id of ['erased', 'other'])
		await call('CreateIndexer', { indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: SOURCE } });
	let size = log();
	for (let i = 0, same = 0; same < 20; i++) {
		assert.ok(i < COMMITS, 'the log is begun anew');
		await call('UpdateIndexer', { indexer: { name: 'indexers/other', labels: { i: String(i) } }, update_mask: { paths: ['labels'] } });
		same = log() === size ? same + 1 : 0;
		size = log();
	}
	run('sync');
	await call('DeleteIndexer', { name: 'indexers/erased' });
	console.log('erased');
}

main().then(() => process.exit(0));
