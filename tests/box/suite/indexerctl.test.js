// SPDX-License-Identifier: Apache-2.0
//
// The command line as somebody meets it who has not read the manual: each mistake is told in its words.
'use strict';

const fs = require('node:fs');
const http2 = require('node:http2');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { assert, background, call, later, project, restart, run, served, sh, show, test, unit, until } =
	require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';

// Runs indexerctl without a shell and without a terminal.
function ctl(words, options) {
	const { status, stdout, stderr } = spawnSync('indexerctl', words, { encoding: 'utf8', timeout: 60_000, ...options });
	return { code: status, stdout, stderr };
}

// On a terminal, beside the test: { output, code }, where code is null until it has ended.
function onTerminal(command) {
	const child = background('script', ['-qec', command, '/dev/null']);
	const seen = { output: '', code: null };
	child.stdout.on('data', (data) => { seen.output += data; });
	child.on('close', (code) => { seen.code = code; });
	return seen;
}

function create(id, words, options) {
	later(() => ctl(['delete', id]));
	return ctl(['create', id, ...words], options);
}

// The present state of an indexer, as -o json has it.
const get = (id) => JSON.parse(ctl(['get', '-o', 'json', id]).stdout);

function good() {
	return ['--runtime=exec', '--script=main.sh', `--project-source=${project({ 'main.sh': SLEEPER })}`];
}

for (const [option, value, field = option.replace('-', '_')] of [
	['project-source', '/srv/none'],
	['project-dir', '..'],
	['script', '../main.sh'],
	['runtime', 'cobol'],
	['preset', '-x'],
	['arg', 'x'.repeat(40_000), 'args'],
	['env', '1A=x', 'environment'],
	['label', 'a b=x', 'labels'],
	['memory-max', '1', 'resources.memory_max_bytes'],
	['cpu-percent', '1000000', 'resources.cpu_percent'],
	['tasks-max', '1', 'resources.tasks_max'],
	['spawned-by', 'none'],
])
	test(`a refusal of what --${option} has set names it`, () => {
		const { code, stderr } = create('refused', [...good(), `--${option}=${value}`]);
		assert.equal(code, 2);
		const told = new RegExp(`^  field indexer\\.${field.replace('.', '\\.')}(\\[.*)?\\n  option --${option}$`, 'm');
		assert.match(stderr, told);
		assert.equal(stderr.match(/^ {2}option /mg).length, 1);
	});

test('a refusal of what no option sets names none', () => {
	const { code, stderr } = create('Capital', good());
	assert.equal(code, 2);
	assert.match(stderr, /^ {2}field indexer_id$/m);
	assert.doesNotMatch(stderr, /option/);
});

test('a git source is sent as it was given, wherever one stands', () => {
	for (const source of ['http://example.com/x.git', 'git@example.com:x.git'])
		for (const cwd of ['/', '/srv']) {
			const { code, stderr } = create('git', ['--runtime=exec', '--script=x', `--project-source=${source}`], { cwd });
			assert.equal(code, 2);
			assert.match(stderr, /project_source: .*(https:\/\/|credential=NAME|ssh:\/\/)/);
		}
	const { stderr } = create('none', ['--runtime=exec', '--script=x', '--project-source=none'], { cwd: '/' });
	assert.match(stderr, /project_source: '\/none'/);
});

test('create of an id that is taken: told where it is not what was asked for, and only there', () => {
	const words = [...good(), '--label=a=1', '--label=b=2', '--env=A=x', '--arg=1'];
	const first = create('taken', words);
	assert.deepEqual(first, { code: 0, stdout: 'indexers/taken RUNNING\n', stderr: '' });
	assert.deepEqual(ctl(['create', 'taken', ...words]), first);
	assert.deepEqual(ctl(['create', 'taken', ...words.slice(0, 2), `${words[2]}/`, '--label=b=2', ...words.slice(3, 4), ...words.slice(5)]), first);
	const other = ctl(['create', 'taken', ...words, '--label=a=3', '--restart=never']);
	assert.equal(other.code, 0);
	assert.equal(other.stdout, first.stdout);
	assert.match(other.stderr, /^indexerctl: indexers\/taken exists already, and the options were not applied: it has another --label, --restart\n/);
	assert.match(other.stderr, /use indexerctl update/);
	const json = ctl(['create', 'taken', '-o', 'json', ...words, '--memory-max=1G']);
	assert.equal(JSON.parse(json.stdout).labels.a, '1');
	assert.match(json.stderr, /another --memory-max\n/);
});

test('an indexer that creates its children anew after a restart hears nothing of it', async () => {
	const [runtime, script, source] = good();
	fs.writeFileSync(`${source.split('=')[1]}/main.sh`, '#!/bin/sh\n' +
		'[ "$INDEXER_ID" = parent ] || exec sleep infinity\n' +
		'indexerctl create child --runtime=exec --script=main.sh 2>&1\necho created\nexec sleep infinity\n');
	const lines = () => sh('journalctl -q -o cat -u indexer-parent').stdout.split('\n').filter(Boolean);
	create('parent', [runtime, script, source]);
	await until(() => lines().filter((line) => line === 'created').length === 1);
	run('systemctl kill -s KILL indexer-parent');
	await until(() => lines().filter((line) => line === 'created').length === 2);
	assert.equal(lines().filter((line) => /^indexers\/child (RUNNING|STARTING)$/.test(line)).length, 2, lines().join('\n'));
	assert.ok(!lines().some((line) => line.includes('exists already')));
	assert.match(ctl(['create', 'child', '--runtime=exec', '--script=none.sh']).stderr, /another --script\n/);
});

for (const [words, told] of [
	[[], /^indexerctl: VERB is missing\n {2}It is one of: create get list update start stop restart delete logs watch runtimes\nUsage: indexerctl \[OPTION\]\.\.\. VERB/],
	[['gett', 'x'], /^indexerctl: there is no verb 'gett'\n.*\nUsage: /],
	[['get'], /^indexerctl get: ID is missing\nUsage: indexerctl get \[OPTION\]\.\.\. ID\n/],
	[['create', '--script=x'], /^indexerctl create: ID is missing\nUsage: indexerctl create /],
	[['get', 'a', 'b'], /^indexerctl get: 'b' is one argument too many\nUsage: indexerctl get \[OPTION\]\.\.\. ID\n/],
	[['stop'], /^indexerctl stop: ID is missing\nUsage: indexerctl stop \[OPTION\]\.\.\. ID\.\.\.\n/],
	[['delete', '--allow-missing'], /^indexerctl delete: ID is missing\nUsage: /],
	[['update', 'a'], /^indexerctl: update: no option says what to change\n$/],
	[['update', '--etag=x', 'a'], /no option says what to change/],
	[['update', '--spawned-by=b', 'a'], /'--spawned-by=b'\nUsage: indexerctl update /],
	[['update', '--unset-label=a=b', 'a'], /--unset-label=a=b: a key is expected\nUsage: /],
	[['watch', 'x'], /^indexerctl watch: 'x' is one argument too many\nUsage: indexerctl watch \[OPTION\]\.\.\.\n/],
	[['list', '--filter'], /'--filter' requires an argument\nUsage: indexerctl list /],
	[['list', 'x'], /^indexerctl list: 'x' is one argument too many\nUsage: indexerctl list \[OPTION\]\.\.\.\n/],
	[['runtimes', 'check'], /^indexerctl runtimes: FILE is missing\n$/],
	[['runtimes', 'list'], /^indexerctl runtimes: 'list' is not 'check FILE\.\.\.'\n$/],
	[['logs', '--folow', 'x'], /'--folow'\nUsage: indexerctl logs .*\n'indexerctl logs --help' shows more\.\n$/],
	[['list', '--timeout=x'], /--timeout=x: .* is expected\nUsage: indexerctl list /],
])
	test(`a wrong command line is told, and a right one shown: ${JSON.stringify(words)}`, () => {
		const { code, stdout, stderr } = ctl(words);
		assert.equal(code, 1);
		assert.equal(stdout, '');
		assert.match(stderr, told);
	});

test('an address may be a path, and a scheme that does not exist is told', () => {
	for (const address of ['/run/indexerd/indexerd.sock', 'unix:/run/indexerd/indexerd.sock'])
		assert.equal(ctl([`--address=${address}`, 'list']).code, 0);
	assert.equal(ctl(['--address=indexerd/indexerd.sock', 'list'], { cwd: '/run' }).code, 0);
	const { code, stderr } = ctl(['list'], { env: { ...process.env, INDEXERD_ADDRESS: 'http://localhost:1' } });
	assert.equal(code, 1);
	assert.match(stderr, /^indexerctl: INDEXERD_ADDRESS=http:\/\/localhost:1: there is no scheme 'http' here\n.*unix:\/PATH/);
	assert.match(ctl(['--address=/run/none', 'list']).stderr, /\/run\/none: no such socket/);
});

// The socket is systemd's, and takes connections all the time.
function breakDaemon() {
	const file = '/etc/indexerd/indexerd.conf.d/bad.conf';
	const mend = () => fs.rmSync(file, { force: true });
	fs.mkdirSync('/etc/indexerd/indexerd.conf.d', { recursive: true });
	fs.writeFileSync(file, '[Manager]\nNoSuchKey=1\n');
	later(async () => {
		mend();
		await restart();
	});
	sh('systemctl restart indexerd.service');
	return mend;
}

test('a daemon that fails to start: one who waits is told so, once, and at the end what to do', async () => {
	breakDaemon();
	const advice = /indexerd does not answer\r?\n.*\r?\n {2}See: systemctl status indexerd\.service; journalctl/;
	const seen = onTerminal('indexerctl --timeout 5 list');
	await until(() => seen.output.includes('waiting for indexerd...'), { limit: 4_000 });
	await until(() => seen.code !== null);
	assert.equal(seen.code, 5);
	assert.equal(seen.output.match(/waiting/g).length, 1);
	assert.match(seen.output, advice);
	const script = ctl(['--timeout=3', 'create', 'never', '--runtime=exec']);
	assert.equal(script.code, 5);
	assert.match(script.stderr, advice);
	assert.doesNotMatch(script.stderr, /waiting/);
});

test('a daemon that comes back while it is waited for answers', async () => {
	const mend = breakDaemon();
	const seen = onTerminal('indexerctl list');
	await until(() => seen.output.includes('waiting for indexerd...'));
	mend();
	await until(() => seen.code !== null);
	assert.equal(seen.code, 0);
	assert.match(seen.output, /waiting for indexerd\.\.\.\r\nNAME +STATE/);
});

test('what was sent and is not answered in time has an unknown outcome, and is not waited for in words', async () => {
	const server = http2.createServer();
	const streams = [];
	server.on('stream', (stream) => streams.push(stream.on('error', () => {})));
	await new Promise((resolve) => server.listen('/run/silent.sock', resolve));
	later(() => server.close());
	const seen = onTerminal('indexerctl --address=/run/silent.sock --timeout 3 delete x');
	await until(() => seen.code !== null);
	assert.equal(seen.code, 6);
	assert.equal(streams.length, 1);
	assert.match(seen.output, /DEADLINE_EXCEEDED/);
	assert.doesNotMatch(seen.output, /waiting/);
});

test('completion and manual know each verb and each option', () => {
	const completion = fs.readFileSync('/usr/share/bash-completion/completions/indexerctl', 'utf8');
	const manual = run('zcat /usr/share/man/man1/indexerctl.1.gz').replaceAll('\\-', '-');
	const verbs = ctl(['--help']).stdout.match(/^ {2}[a-z]+(?= )/mg).map((verb) => verb.trim());
	const knows = (text, word) => new RegExp(`(^|[^a-z-])${word}([^a-z-]|$)`, 'm').test(text);
	assert.ok(verbs.includes('create') && verbs.length === 11);
	for (const verb of verbs) {
		const options = ctl([verb, '--help']).stdout.match(/--[a-z-]+/g);
		assert.ok(options.includes('--address'));
		for (const word of [verb, ...options]) {
			assert.ok(knows(completion, word), `completion of ${word}`);
			assert.ok(knows(manual, word), `${word} in the manual`);
		}
	}
});

test('update of a label tells that nothing was restarted, and a second time that nothing has changed', () => {
	create('labelled', [...good(), '--label=keep=1', '--label=team=red', '--label=x.y=1']);
	const before = get('labelled');
	const words = ['update', 'labelled', '--label=team=blue', '--unset-label=x.y', '--label=a.b=c=d'];
	assert.deepEqual(ctl(words), { code: 0, stdout: 'indexers/labelled RUNNING: updated, not restarted\n', stderr: '' });
	const after = get('labelled');
	assert.deepEqual(after.labels, { keep: '1', team: 'blue', 'a.b': 'c=d' });
	assert.equal(after.status.mainPid, before.status.mainPid);
	assert.deepEqual(ctl(words), { code: 0, stdout: 'indexers/labelled RUNNING: unchanged\n', stderr: '' });
	assert.equal(get('labelled').etag, after.etag);
});

test('update of what the process has to see restarts it, and changes nothing else', () => {
	const source = project({ 'main.sh': '#!/bin/sh\nexec sleep infinity\n', 'sub/main.sh': SLEEPER });
	create('changed', ['--runtime=exec', '--script=main.sh', `--project-source=${source}`, '--arg=1', '--arg=2',
		'--env=A=a', '--env=B=b', '--memory-max=64M', '--tasks-max=20']);
	const first = get('changed');
	const { code, stdout } = ctl(['update', '--env', 'A=x', '--unset-env=B', '--arg=3', '--memory-max=', 'changed']);
	const second = get('changed');
	assert.equal(code, 0);
	assert.equal(stdout, `indexers/changed RUNNING: updated, restarted with PID ${second.status.mainPid}\n`);
	assert.equal(show(unit('changed'), 'MainPID').MainPID, second.status.mainPid);
	assert.notEqual(second.status.mainPid, first.status.mainPid);
	assert.deepEqual(second.environment, { A: 'x' });
	assert.deepEqual(second.args, ['3']);
	assert.deepEqual(second.resources, { tasksMax: '20' });
	assert.equal(show(unit('changed'), 'MemoryMax').MemoryMax, 'infinity');
	assert.equal(run(`tr '\\0' ' ' < /proc/${second.status.mainPid}/environ`).includes('A=x '), true);

	const json = JSON.parse(ctl(['update', 'indexers/changed', '-o', 'json', '--unset-args', '--project-dir=sub', '--restart=never']).stdout);
	assert.deepEqual([json.args, json.projectDir, json.projectSource, json.restart.policy], [undefined, 'sub', source, 'POLICY_NEVER']);
	assert.match(ctl(['update', 'changed', '--project-dir=', '--restart=']).stdout, /restarted with PID/);
	const last = get('changed');
	assert.deepEqual([last.projectDir, last.restart.policy], [undefined, 'POLICY_ALWAYS']);
	const [there, name] = [path.dirname(source), path.basename(source)];
	assert.match(ctl(['update', 'changed', `--project-source=${name}/`], { cwd: there }).stdout, /: unchanged\n/);
});

for (const [option, value] of [
	['project-source', '/srv/none'],
	['script', '../main.sh'],
	['runtime', 'cobol'],
	['env', 'INDEXER_ID=x'],
	['label', 'a b=x'],
	['memory-max', '1'],
	['etag', 'stale'],
])
	test(`a refusal of what --${option}=${value} was to change names the option, and changes nothing`, () => {
		create('strict', good());
		const before = get('strict');
		const { code, stdout, stderr } = ctl(['update', 'strict', '--label=a=1', `--${option}=${value}`]);
		assert.equal(code, 2);
		assert.equal(stdout, '');
		assert.match(stderr, new RegExp(`^  option --${option}$`, 'm'));
		assert.equal(get('strict').etag, before.etag);
		assert.equal(ctl(['update', 'strict', '--label=a=1', `--etag=${before.etag}`]).code, 0);
	});

test('update --runtime= has it chosen anew: what comes out as before is no change', () => {
	create('anew', good());
	assert.deepEqual(ctl(['update', 'anew', '--runtime=']), { code: 0, stdout: 'indexers/anew RUNNING: unchanged\n', stderr: '' });
	assert.equal(get('anew').runtime, 'exec');
});

test('update of what is stopped leaves it so; of what has failed, it can mend it', () => {
	const source = project({ 'main.sh': SLEEPER, 'bad.sh': '#!/bin/none\n' });
	create('held', ['--runtime=exec', '--script=main.sh', `--project-source=${source}`]);
	assert.deepEqual(ctl(['stop', 'held']), { code: 0, stdout: 'indexers/held STOPPED\n', stderr: '' });
	assert.equal(ctl(['update', 'held', '--arg=x']).stdout, 'indexers/held STOPPED: updated, stays stopped\n');
	assert.deepEqual(ctl(['start', 'held']), { code: 0, stdout: 'indexers/held RUNNING\n', stderr: '' });
	fs.renameSync(`${source}/main.sh`, `${source}/good.sh`);
	fs.renameSync(`${source}/bad.sh`, `${source}/main.sh`);
	for (const words of [['restart', 'held'], ['update', 'held', '--arg=y'], ['start', 'held']]) {
		const failed = ctl(words);
		assert.equal(failed.code, 3, failed.stderr);
		assert.match(failed.stdout, /^indexers\/held FAILED(: updated, restarted)?\n$/);
		assert.match(failed.stderr, /^indexerctl: indexers\/held has failed: cannot execute .*\/main.sh: /);
	}
	assert.match(ctl(['update', 'held', '--script=good.sh']).stdout, /^indexers\/held RUNNING: updated, restarted with PID \d+\n$/);
	assert.equal(ctl(['update', 'missing', '--label=a=1']).code, 4);
});

test('start, stop and restart of several go on behind one that fails, whose exit code is told', () => {
	for (const id of ['one', 'two'])
		create(id, good());
	const [one, two] = [get('one'), get('two')].map((indexer) => indexer.status.mainPid);
	const stopped = ctl(['stop', 'one', 'missing', 'indexers/two']);
	assert.equal(stopped.code, 4);
	assert.equal(stopped.stdout, 'indexers/one STOPPED\nindexers/two STOPPED\n');
	assert.match(stopped.stderr, /^indexerctl: NOT_FOUND: .*missing/);
	for (const id of ['one', 'two'])
		assert.equal(show(unit(id), 'ActiveState').ActiveState, 'inactive');

	const started = ctl(['start', 'Bad', 'missing', 'two', 'one']);
	assert.equal(started.code, 2);
	assert.equal(started.stdout, 'indexers/two RUNNING\nindexers/one RUNNING\n');
	assert.deepEqual(started.stderr.match(/^indexerctl: [A-Z_]+/mg), ['indexerctl: INVALID_ARGUMENT', 'indexerctl: NOT_FOUND']);
	const restarted = ctl(['restart', '-o', 'json', 'one', 'two']);
	assert.equal(restarted.code, 0);
	const documents = JSON.parse(`[${restarted.stdout.replaceAll('\n}\n{', '\n},\n{')}]`);
	assert.deepEqual(documents.map((indexer) => indexer.name), ['indexers/one', 'indexers/two']);
	assert.ok(documents.every(({ status }) => status.state === 'STATE_RUNNING' && ![one, two].includes(status.mainPid)));
});

test('delete of several, and of what may be missing', () => {
	for (const id of ['one', 'two'])
		create(id, good());
	assert.equal(ctl(['delete', 'one', 'missing', 'two']).code, 4);
	assert.equal(ctl(['list']).stdout.split('\n').length, 2, 'the title alone');
	assert.deepEqual(ctl(['delete', '--allow-missing', 'one', 'two']), { code: 0, stdout: '', stderr: '' });
	assert.deepEqual(ctl(['delete', '-o', 'json', '--allow-missing', 'one']), { code: 0, stdout: '{}\n', stderr: '' });
	assert.equal(ctl(['delete', '--allow-missing', 'Bad']).code, 2);
});

test('where there is no daemon, that is told once, however many names there are', () => {
	for (const verb of ['start', 'stop', 'restart', 'delete']) {
		const { code, stderr } = ctl(['--address=/run/none', verb, 'a', 'b', 'c']);
		assert.equal(code, 5);
		assert.equal(stderr.match(/no such socket/g).length, 1);
	}
});

test('get shows what an indexer has used, when it was changed, and the etag for the next change', async () => {
	const source = project({ 'main.sh': '#!/bin/sh\ni=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done\n' });
	create('worked', ['--runtime=exec', '--script=main.sh', '--restart=never', `--project-source=${source}`]);
	await until(() => get('worked').status.cpuUsage && get('worked').status.state === 'STATE_STOPPED', { limit: 30_000 });
	const { stdout } = ctl(['get', 'worked']);
	const shown = (title) => stdout.match(new RegExp(`^${title}: +(.*)$`, 'm'))?.[1];
	assert.equal(Number(shown('CPU time').replace(/ s$/, '')), Math.floor(Number(get('worked').status.cpuUsage.replace(/s$/, '')) * 1000) / 1000);
	assert.match(shown('Updated'), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
	assert.equal(ctl(['update', 'worked', `--etag=${shown('ETag')}`, '--label=a=1']).code, 0);
});

test('a state has one name in the table, and the API’s own in JSON', () => {
	create('names', good());
	assert.match(ctl(['get', 'names']).stdout, /^State: +RUNNING$/m);
	assert.equal(JSON.parse(ctl(['get', '-o', 'json', 'names']).stdout).status.state, 'STATE_RUNNING');
});

test('logs of a tree have the indexer’s name in each line', async () => {
	const source = project({ 'main.sh': '#!/bin/sh\necho "<4>$INDEXER_ID"\nexec sleep infinity\n' });
	create('above', ['--runtime=exec', '--script=main.sh', `--project-source=${source}`]);
	create('below', ['--runtime=exec', '--script=main.sh', `--project-source=${source}`, '--spawned-by=above']);
	const shown = (...args) => ctl(['logs', ...args, 'above']).stdout.trim().split('\n').map((line) => line.split(/ +/).slice(3).join(' '));
	await until(() => shown('--recursive').length === 4);
	assert.deepEqual(shown('-r').sort(), ['- indexers/above: -- started --', '- indexers/below: -- started --',
		'WARNING indexers/above: above', 'WARNING indexers/below: below']);
	assert.deepEqual(shown(), ['- -- started --', 'WARNING above']);
	const { cursor } = JSON.parse(ctl(['logs', '-r', '-o', 'json', '-n', '1', 'above']).stdout);
	assert.equal(ctl(['logs', '-r', `--after-cursor=${cursor}`, 'above']).stdout, '');
	assert.match(ctl(['logs', `--after-cursor=${cursor}`, 'above']).stderr, /recursive/);
});

test('with the runtime node, a prefix alone makes a level, on both streams', async () => {
	const source = project({
		'main.mjs': 'console.log("plain");\nconsole.error("an error");\nconsole.error("<3>marked");\nsetInterval(() => {}, 1e6);\n',
	});
	create('levels', ['--runtime=node', '--script=main.mjs', `--project-source=${source}`]);
	const lines = () => ctl(['logs', 'levels']).stdout.trim().split('\n').map((line) => line.split(/ +/).slice(3).join(' '));
	await until(() => lines().length === 4);
	assert.equal(lines()[0], '- -- started --');
	assert.deepEqual(lines().slice(1).sort(), ['ERROR marked', 'INFO an error', 'INFO plain']);
	const shown = ctl(['logs', '--show-cursor', '-n', '1', 'levels']).stdout.trim().split('\n');
	assert.equal(shown.length, 2);
	const cursor = /^-- cursor: (\S+)$/.exec(shown[1])[1];
	assert.equal(ctl(['logs', `--after-cursor=${cursor}`, 'levels']).stdout, '');
	assert.match(ctl(['logs', '--after-cursor=c', 'levels']).stderr, /after-cursor|cursor/);
	assert.equal(JSON.parse(ctl(['logs', '-o', 'json', '-n', '1', 'levels']).stdout).cursor, cursor);
	assert.equal((await call('GetIndexer', { name: 'indexers/levels' })).status.state, 'STATE_RUNNING');
});
