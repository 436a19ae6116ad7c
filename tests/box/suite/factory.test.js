// SPDX-License-Identifier: Apache-2.0
//
// Factories: indexers that ask for indexers by gRPC libraries that nobody here wrote, with no address
// and no name in their code.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { assert, call, project, refused, sh, show, test, unit, until } = require('./lib');

const CHILD = '#!/bin/sh\nexec sleep infinity\n';
const source = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');

const factories = {
	'JavaScript, with @grpc/grpc-js': {
		script: 'factory.mjs', runtime: 'node', files: {},
		prepare: (directory) => fs.symlinkSync('/opt/tests/node_modules', path.join(directory, 'node_modules')),
	},
	'Python, with python3-grpcio': {
		script: 'factory.py', runtime: 'exec', files: { 'lib.py': source('lib.py'), 'messages.json': source('messages.json') },
	},
};

for (const [name, { script, runtime, files, prepare }] of Object.entries(factories))
	test(`a factory in ${name}`, async () => {
		assert.doesNotMatch(source(script), /unix:|\.sock|localhost|indexers\/|INDEXER_(ID|NAME)/);
		const project_source = project({ 'child.sh': CHILD, [script]: source(script), ...files });
		prepare?.(project_source);
		const factory = await call('CreateIndexer', {
			indexer_id: 'factory', indexer: { runtime, script, project_source, args: ['pool-1', 'pool-2'] },
		});
		// What indexer-exec says of the wait before a restart has no number.
		const said = () => sh(`journalctl -q -o cat INDEXER_UID=${factory.uid}`)
			.stdout.trim().split('\n').filter((line) => !line.startsWith('Waiting ')).sort();
		const both = ['indexers/factory has indexers/pool-1', 'indexers/factory has indexers/pool-2'];
		await until(() => said().length >= 2, { limit: 30_000 });
		assert.deepEqual(said(), both);
		const children = await Promise.all(['pool-1', 'pool-2'].map((id) => call('GetIndexer', { name: `indexers/${id}` })));
		for (const child of children) {
			assert.equal(child.spawned_by, 'indexers/factory');
			assert.equal(child.project_source, project_source);
			assert.equal(child.status.state, 'STATE_RUNNING');
		}

		// Started again, it asks again, and has the same children.
		const { MainPID } = show(unit('factory'), 'MainPID');
		process.kill(Number(MainPID), 'SIGKILL');
		await until(() => said().length >= 4, { limit: 30_000 });
		assert.deepEqual(said(), [...both, ...both].sort());
		for (const child of children) {
			const now = await call('GetIndexer', { name: child.name });
			assert.deepEqual([now.uid, now.status.main_pid], [child.uid, child.status.main_pid]);
		}
		await call('DeleteIndexer', { name: 'indexers/factory' });
		for (const child of children)
			await refused(call('GetIndexer', { name: child.name }), 'NOT_FOUND');
	});
