// SPDX-License-Identifier: Apache-2.0
//
// Indexers that call the runner themselves: known without a name in their code, and kept in their tree.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { assert, call, project, refused, restart, run, sh, test, unit, until } = require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';

// Runs lines of shell as an indexer, with indexerctl at the address that it is given; their output.
// Its script lies in project_dir, the files are named from the project's source on.
async function as(indexer_id, lines, files = {}, project_dir = '') {
	const source = project({
		'sleep.sh': SLEEPER, ...files,
		[path.join(project_dir, 'main.sh')]: `#!/bin/bash\nc() { indexerctl --address "$INDEXER_RUNNER_ADDRESS" "$@" 2>&1; }\n${lines}\n` +
			'echo "the end"\nexec sleep infinity\n',
	});
	const made = await call('CreateIndexer', {
		indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: source, project_dir },
	});
	const text = await until(() => {
		const out = sh(`journalctl -q -o cat INDEXER_UID=${made.uid}`).stdout;
		return out.includes('the end') && out;
	}, { limit: 40_000, what: 'the end' });
	return { made, text, source };
}

test('a factory’s child has it as parent unasked, and its project', async () => {
	const { text, source } = await as('factory',
		'c create child --runtime=exec --script=sleep.sh --label kind=pool');
	const child = await call('GetIndexer', { name: 'indexers/child' });
	assert.equal(child.spawned_by, 'indexers/factory', text);
	assert.equal(child.project_source, source);
	assert.equal(child.status.state, 'STATE_RUNNING');
	assert.deepEqual(child.labels, { kind: 'pool' });
	await call('DeleteIndexer', { name: 'indexers/factory' });
	await refused(call('GetIndexer', { name: 'indexers/child' }), 'NOT_FOUND');
});

test('a child’s script is judged by the directory that it has from its parent', async () => {
	const { text, made, source } = await as('nested', [
		'c create above --runtime=exec --script=../shared.sh',
		'echo "OUT $(c create out --runtime=exec --script=../../shared.sh)"',
		'echo "NONE $(c create none --runtime=exec --script=)"',
	].join('\n'), { 'shared.sh': SLEEPER }, 'pools');
	const child = await call('GetIndexer', { name: 'indexers/above' });
	assert.equal(child.status.state, 'STATE_RUNNING', text);
	assert.deepEqual([child.project_source, child.project_dir], [source, made.project_dir]);
	assert.match(text, /OUT .*INVALID_ARGUMENT.*indexer\.script.*leaves/);
	assert.match(text, /NONE .*INVALID_ARGUMENT.*indexer\.script/);
});

test('it sees, creates and deletes only in its own subtree', async () => {
	const source = project({ 'sleep.sh': SLEEPER });
	await call('CreateIndexer', {
		indexer_id: 'stranger', indexer: { runtime: 'exec', script: 'sleep.sh', project_source: source },
	});
	const { text } = await as('fenced', [
		'c create mine --runtime=exec --script=sleep.sh >/dev/null',
		'echo "LIST $(c list | grep -c stranger)"',
		'echo "OWN $(c list | grep -cE "mine|fenced")"',
		'echo "GET $(c get stranger)"',
		'echo "DELETE $(c delete stranger)"',
		'echo "CREATE $(c create stranger --runtime=exec --script=sleep.sh)"',
		'echo "LOGS $(c logs stranger)"',
		'echo "PARENT $(c create other --runtime=exec --script=sleep.sh --spawned-by stranger)"',
		'echo "MISSING $(c get nobody)"',
		'echo "GRANDCHILD $(c create grand --runtime=exec --script=sleep.sh --spawned-by mine)"',
		'echo "GONE $(c delete mine) $(c list | grep -cE "mine|grand")"',
	].join('\n'));
	const said = (word) => text.split('\n').find((line) => line.startsWith(`${word} `)) ?? text;
	assert.equal(said('LIST'), 'LIST 0');
	assert.equal(said('OWN'), 'OWN 2');
	for (const word of ['GET', 'DELETE', 'CREATE', 'LOGS', 'PARENT', 'MISSING'])
		assert.match(said(word), /PERMISSION_DENIED/, word);
	assert.match(said('GRANDCHILD'), /RUNNING/);
	assert.match(said('GONE'), / 0$/);
	assert.equal((await call('GetIndexer', { name: 'indexers/stranger' })).status.state, 'STATE_RUNNING');
});

test('who is no indexer is refused on the indexers’ socket, root too', async () => {
	const closed = () => new Promise((resolve, reject) => {
		const socket = net.connect('/run/indexerd/unit.sock');
		let bytes = 0;
		socket.on('data', (data) => (bytes += data.length));
		socket.on('error', () => resolve(bytes));
		socket.on('close', () => resolve(bytes));
		socket.setTimeout(15_000, () => reject(new Error('not closed')));
	});
	assert.equal(await closed(), 0);
	await refused(call('ListIndexers', {}, { address: 'unix:/run/indexerd/unit.sock', deadline: 5_000 })
		.catch((error) => {
			error.name = error.name === 'DEADLINE_EXCEEDED' ? 'UNAVAILABLE' : error.name;
			throw error;
		}), 'UNAVAILABLE');
	// A unit of a likely name, in the right slice, that is not ours.
	const out = sh('systemd-run -q --pipe --wait --slice=indexer.slice --unit=indexer-fake.service ' +
		'-p SupplementaryGroups=indexerd-unit -p DynamicUser=yes ' +
		'indexerctl --timeout 5 --address unix:/run/indexerd/unit.sock list');
	assert.notEqual(out.code, 0);
	assert.doesNotMatch(out.stdout, /NAME/);
});

test('a child is the child of the indexer that runs, also after a restart of the daemon', async () => {
	const { made } = await as('lasting',
		'until [ -e "$STATE_DIRECTORY/go" ]; do [ -e "$STATE_DIRECTORY/wait" ] || { touch "$STATE_DIRECTORY/wait"; echo "the end"; }; sleep 0.05; done\n' +
		'c create late --runtime=exec --script=sleep.sh; echo "AFTER"');
	await restart();
	fs.writeFileSync('/var/lib/private/indexers/lasting/go', '');
	await until(() => sh(`journalctl -q -o cat INDEXER_UID=${made.uid}`).stdout.includes('AFTER'));
	assert.equal((await call('GetIndexer', { name: 'indexers/late' })).spawned_by, 'indexers/lasting');
	assert.equal(show('lasting'), String(made.status.main_pid));
});

function show(id) {
	return run(`systemctl show -P MainPID ${unit(id)}`);
}
