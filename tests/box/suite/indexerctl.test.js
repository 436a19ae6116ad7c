// SPDX-License-Identifier: Apache-2.0
//
// The command line as somebody meets it who has not read the manual: each mistake is told in its words.
'use strict';

const fs = require('node:fs');
const http2 = require('node:http2');
const { spawnSync } = require('node:child_process');
const { assert, background, call, later, project, run, served, sh, test, until } = require('./lib');

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

test('a git source is told as it was given, wherever one stands', () => {
	for (const source of ['https://example.com/x.git', 'git@example.com:x.git'])
		for (const cwd of ['/', '/srv']) {
			const { code, stderr } = create('git', ['--runtime=exec', '--script=x', `--project-source=${source}`], { cwd });
			assert.equal(code, 2);
			assert.ok(stderr.includes(`project_source: '${source}': git and other remote sources are not served`), stderr);
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
	assert.match(other.stderr, /delete it and create it again/);
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
	[[], /^indexerctl: VERB is missing\n {2}It is one of: create get list delete logs\nUsage: indexerctl \[OPTION\]\.\.\. VERB/],
	[['gett', 'x'], /^indexerctl: there is no verb 'gett'\n.*\nUsage: /],
	[['get'], /^indexerctl get: ID is missing\nUsage: indexerctl get \[OPTION\]\.\.\. ID\n/],
	[['create', '--script=x'], /^indexerctl create: ID is missing\nUsage: indexerctl create /],
	[['delete', 'a', 'b'], /^indexerctl delete: 'b' is one argument too many\nUsage: indexerctl delete \[OPTION\]\.\.\. ID\n/],
	[['list', 'x'], /^indexerctl list: 'x' is one argument too many\nUsage: indexerctl list \[OPTION\]\.\.\.\n/],
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
		run('systemctl restart indexerd.service');
		await served();
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
	assert.ok(verbs.includes('create') && verbs.length === 5);
	for (const verb of verbs) {
		const options = ctl([verb, '--help']).stdout.match(/--[a-z-]+/g);
		assert.ok(options.includes('--address'));
		for (const word of [verb, ...options]) {
			assert.ok(knows(completion, word), `completion of ${word}`);
			assert.ok(knows(manual, word), `${word} in the manual`);
		}
	}
});

test('a state has one name in the table, and the API’s own in JSON', () => {
	create('names', good());
	assert.match(ctl(['get', 'names']).stdout, /^State: +RUNNING$/m);
	assert.equal(JSON.parse(ctl(['get', '-o', 'json', 'names']).stdout).status.state, 'STATE_RUNNING');
});

test('with the runtime node, a prefix alone makes a level, on both streams', async () => {
	const source = project({
		'main.mjs': 'console.log("plain");\nconsole.error("an error");\nconsole.error("<3>marked");\nsetInterval(() => {}, 1e6);\n',
	});
	create('levels', ['--runtime=node', '--script=main.mjs', `--project-source=${source}`]);
	const lines = () => ctl(['logs', 'levels']).stdout.trim().split('\n').map((line) => line.split(/ +/).slice(3).join(' '));
	await until(() => lines().length === 3);
	assert.deepEqual(lines().sort(), ['ERROR marked', 'INFO an error', 'INFO plain']);
	assert.equal((await call('GetIndexer', { name: 'indexers/levels' })).status.state, 'STATE_RUNNING');
});
