// SPDX-License-Identifier: Apache-2.0
//
// The runtime that is chosen where none is named: kept and shown, never changed by itself, by files of
// the administrator too; what is refused; and `indexerctl runtimes`.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, refused, restart, run, served, sh, stored, test } = require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';
const FOREVER = 'setInterval(() => {}, 1000);\n';
const ETC = '/etc/indexerd/runtimes';

const create = (indexer_id, indexer) => call('CreateIndexer', { indexer_id, indexer });
const get = (id) => call('GetIndexer', { name: `indexers/${id}` });

// A runtime of the administrator's, until the test ends.
async function runtime(name, text) {
	fs.mkdirSync(ETC, { recursive: true });
	fs.writeFileSync(`${ETC}/${name}.conf`, text);
	later(async () => {
		fs.rmSync(`${ETC}/${name}.conf`, { force: true });
		run('systemctl reload indexerd.service');
		await served();
	});
	run('systemctl reload indexerd.service');
	await served();
}

test('the choice is in the answer, and stays whatever becomes of the project', async () => {
	const project_source = project({ 'main.js': FOREVER, 'run': SLEEPER });
	const made = await create('chosen', { project_source, script: 'main.js' });
	assert.equal(made.runtime, 'node');
	assert.equal(made.status.state, 'STATE_RUNNING');
	fs.writeFileSync(`${project_source}/deno.json`, '{}');
	await restart();
	assert.equal((await get('chosen')).runtime, 'node');
	const { indexers } = await call('ListIndexers', { filter: 'runtime = "node"' });
	assert.deepEqual(indexers.map((i) => i.name), ['indexers/chosen']);
	assert.match(run('indexerctl list'), /^indexers\/chosen +RUNNING +node /m);

	// Created again, without a runtime: as it is.
	const again = await create('chosen', { project_source, script: 'main.js' });
	assert.deepEqual([again.uid, again.runtime, again.etag, again.status.main_pid],
		[made.uid, 'node', made.etag, made.status.main_pid]);
	const { code, stdout, stderr } = sh(`indexerctl create chosen --project-source=${project_source} --script=main.js`);
	assert.deepEqual([code, stdout, stderr], [0, 'indexers/chosen RUNNING: runtime node\n', '']);

	// Changed: another script has the same runtime, and an empty runtime is chosen anew.
	const update = (indexer, ...paths) => call('UpdateIndexer', { indexer: { name: 'indexers/chosen', ...indexer }, update_mask: { paths } });
	assert.equal((await update({ labels: { a: 'b' } }, 'labels')).runtime, 'node');
	assert.equal((await update({ script: 'run', runtime: '' }, 'script', 'runtime')).runtime, 'exec');
	assert.equal((await get('chosen')).script, 'run');
});

test('a child’s runtime is chosen by the project that it has from its parent', async () => {
	const project_source = project({
		'main.sh': '#!/bin/sh\nindexerctl --address "$INDEXER_RUNNER_ADDRESS" create heir --script=child.py\nexec sleep infinity\n',
		'child.py': 'import time\nwhile True: time.sleep(1)\n',
	});
	assert.equal((await create('testator', { project_source, script: 'main.sh' })).runtime, 'exec');
	await stored('testator', 'indexers/heir RUNNING: runtime python');
	const heir = await get('heir');
	assert.deepEqual([heir.runtime, heir.spawned_by], ['python', 'indexers/testator']);
});

test('nothing that fits, or too much: what was looked for, in words', async () => {
	const project_source = project({ 'notes.txt': 'x', 'main.py': 'x', 'two.js': '// sinkType: "a"\nsinkType: "b"\n', 'some.js': 'sinkType: f()' });
	const none = await refused(create('none', { project_source, script: 'notes.txt' }), 'INVALID_ARGUMENT', /name one of: apibara, .*'notes\.txt' is a file that is not executable.*script:\*\.py/);
	assert.equal(none.reason, 'RUNTIME_REQUIRED');
	assert.equal(none.info.BadRequest[0].field_violations[0].field, 'indexer.runtime');
	const typo = await refused(create('none', { project_source, script: 'mian.py' }), 'INVALID_ARGUMENT', /'mian\.py' is no file of the project/);
	assert.equal(typo.reason, 'RUNTIME_REQUIRED');
	assert.equal((await refused(create('none', { project_source, script: 'two.js' }), 'INVALID_ARGUMENT', /'a' and 'b'/)).reason, 'PRESET_AMBIGUOUS');
	assert.equal((await refused(create('none', { project_source, script: 'some.js' }), 'INVALID_ARGUMENT', /sinkType/)).reason, 'PRESET_REQUIRED');
	// Only what all may read is read, though the daemon is root.
	fs.writeFileSync(`${project_source}/secret.js`, 'sinkType: "a"', { mode: 0o640 });
	await refused(create('none', { project_source, script: 'secret.js' }), 'INVALID_ARGUMENT', /chmod o\+r/);
	await refused(get('none'), 'NOT_FOUND');
	const { code, stderr } = sh(`indexerctl create none --project-source=${project_source} --script=notes.txt`);
	assert.equal(code, 2);
	assert.match(stderr, /--runtime/);

	await runtime('snake', '[Runtime]\nExec=/usr/bin/python3 ${SCRIPT_PATH}\nDetects=script:*.py\n');
	assert.equal((await refused(create('none', { project_source, script: 'main.py' }), 'INVALID_ARGUMENT', /'python' and 'snake'/)).reason, 'RUNTIME_AMBIGUOUS');
});

test('an administrator’s runtime takes part, and one in /etc stands for that in /usr', async () => {
	const project_source = project({ 'main.zig': SLEEPER, 'main.py': 'import time\ntime.sleep(1000)\n' });
	await runtime('zig', '[Runtime]\nDescription=Zig, say\nExec=sh ${SCRIPT_PATH}\nDetects=script:*.zig\n');
	const made = await create('zig', { project_source, script: 'main.zig' });
	assert.deepEqual([made.runtime, made.status.state], ['zig', 'STATE_RUNNING']);
	await runtime('python', '[Runtime]\nExec=${PROJECT}/.venv/bin/python3 ${SCRIPT_PATH}\nInstall=make venv\n');
	await refused(create('other', { project_source, script: 'main.py' }), 'INVALID_ARGUMENT', /not executable/);
	const list = run('indexerctl runtimes');
	assert.match(list, /^zig +yes +Zig, say +\/etc\/indexerd\/runtimes\/zig\.conf$/m);
	assert.match(list, /^python +yes +python +\/etc\/indexerd\/runtimes\/python\.conf$/m);
	assert.match(list, /^node +yes +.* +\/usr\/lib\/indexerd\/runtimes\/node\.conf$/m);
});

test('one that is not installed is refused by its line, and so is a start when it is gone', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	fs.copyFileSync('/bin/sh', '/usr/local/bin/my-shell');
	fs.chmodSync('/usr/local/bin/my-shell', 0o755);
	await runtime('mine', '[Runtime]\nExec=my-shell ${SCRIPT_PATH}\nInstall=get my-shell, ${ID}\n');
	assert.equal((await create('there', { project_source, script: 'main.sh', runtime: 'mine' })).status.state, 'STATE_RUNNING');
	fs.rmSync('/usr/local/bin/my-shell');
	const error = await refused(create('gone', { project_source, script: 'main.sh', runtime: 'mine' }),
		'FAILED_PRECONDITION', /'mine' is not installed.*no my-shell in .*install it with: get my-shell, gone$/);
	assert.equal(error.reason, 'RUNTIME_NOT_INSTALLED');
	await refused(get('gone'), 'NOT_FOUND');
	const restarted = await call('RestartIndexer', { name: 'indexers/there' });
	assert.equal(restarted.status.state, 'STATE_FAILED');
	assert.match(restarted.status.message, /get my-shell/);
});

test('indexerctl runtimes needs no daemon; check has the daemon’s own words, and a script’s exit code', async () => {
	run('systemctl stop indexerd.socket indexerd-unit.socket indexerd.service');
	later(async () => {
		run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
		await served();
	});
	fs.mkdirSync(ETC, { recursive: true });
	const bad = `${ETC}/bad.conf`;
	fs.writeFileSync(bad, '[Runtime]\nExec=/bin/x ${NOPE}\nNope=1\n\n[Service]\nNice=99\n');
	later(() => fs.rmSync(bad));
	const { runtimes } = JSON.parse(run('indexerctl runtimes -o json'));
	assert.deepEqual(runtimes.map((r) => r.name), ['apibara', 'apibara-sink', 'bad', 'deno', 'exec', 'node', 'python']);
	const of = (name) => runtimes.find((r) => r.name === name);
	assert.deepEqual(of('deno'), {
		name: 'deno', description: 'A script for Deno', file: '/usr/lib/indexerd/runtimes/deno.conf', program: 'deno',
		installed: false, install: 'npm install -g deno', broken: false,
	});
	assert.deepEqual([of('node').installed, of('node').install], [true, 'apt install nodejs']);
	assert.deepEqual([of('bad').broken, of('bad').installed], [true, false]);
	assert.match(run('indexerctl runtimes'), new RegExp(`^bad: indexerctl runtimes check ${bad}$`, 'm'));

	const { code, stdout, stderr } = sh(`indexerctl runtimes check ${bad} /usr/lib/indexerd/runtimes/*.conf`);
	assert.deepEqual([code, stderr], [1, '']);
	const errors = stdout.trim().split('\n');
	assert.equal(errors.length, 3, stdout);
	assert.match(errors[0], /^\/etc\/indexerd\/runtimes\/bad\.conf:2:13: Exec=: unknown variable \$\{NOPE\}/);
	assert.match(errors[1], /bad\.conf:3: unknown key Nope=/);
	assert.match(errors[2], /bad\.conf:6: Nice=99: expected/);
	const daemon = sh('indexerd --check');
	assert.equal(daemon.code, 1);
	assert.deepEqual(daemon.stderr.replace(/^<\d>/gm, '').trim().split('\n'), errors);
	assert.equal(run('indexerctl runtimes check /usr/lib/indexerd/runtimes/*.conf'), '');
	assert.equal(sh('indexerctl runtimes check').code, 1);
	assert.equal(sh('indexerctl runtimes nonsense').code, 1);
	assert.match(run('runuser -u nobody -- indexerctl runtimes'), /^node +yes /m);
});
