// SPDX-License-Identifier: Apache-2.0
//
// Secrets of an environment: credentials of the server by their names, plain and encrypted; what is not shown;
// and that a secret is nowhere but in the process, in its credentials, and in files that only root reads.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const { assert, call, later, project, refused, restart, run, sh, show, stream, test, unit, until } = require('./lib');
const { configure } = require('./people');

const PLAIN = '/etc/credstore';
const ENCRYPTED = '/etc/credstore.encrypted';
const REDACTED = '[redacted]';

// Tells what the program finds, in a file: the journal is no place for it.
const TELL = `#!/bin/sh
env -0 > "$STATE_DIRECTORY/env.new"
ls "$CREDENTIALS_DIRECTORY" > "$STATE_DIRECTORY/names"
cat "$FILE" > "$STATE_DIRECTORY/file" 2>/dev/null
mv "$STATE_DIRECTORY/env.new" "$STATE_DIRECTORY/env"
exec sleep infinity
`;

const secret = () => `hush-${crypto.randomBytes(12).toString('hex')}`;
const indexer = (environment, more = {}) => ({
	runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': TELL }), environment, ...more,
});
const create = (indexer_id, environment, more) => call('CreateIndexer', { indexer_id, indexer: indexer(environment, more) });
const get = (id) => call('GetIndexer', { name: `indexers/${id}` });
const update = (id, environment, paths = ['environment']) =>
	call('UpdateIndexer', { indexer: { name: `indexers/${id}`, environment }, update_mask: { paths } });

// What the present process of an indexer has found.
async function found(id, was = () => true) {
	const state = `/var/lib/private/indexers/${id}`;
	let environment;
	await until(() => {
		if (!fs.existsSync(`${state}/env`))
			return false;
		environment = Object.fromEntries(fs.readFileSync(`${state}/env`, 'utf8').split('\0').filter(Boolean)
			.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
		return was(environment);
	});
	return {
		environment,
		names: fs.readFileSync(`${state}/names`, 'utf8').trim().split('\n'),
		file: fs.readFileSync(`${state}/file`, 'utf8'),
	};
}

// A credential of the server, until the end of the test.
function store(name, content) {
	fs.mkdirSync(PLAIN, { recursive: true, mode: 0o700 });
	fs.writeFileSync(`${PLAIN}/${name}`, content, { mode: 0o600 });
	later(() => fs.rmSync(`${PLAIN}/${name}`, { force: true }));
}

function encrypt(name, content, directory = ENCRYPTED) {
	fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
	const { code, stderr } = sh(`systemd-creds encrypt --with-key=host --name=${name} - ${directory}/${name}`, { input: content });
	assert.equal(code, 0, stderr);
	later(() => fs.rmSync(`${directory}/${name}`, { force: true }));
}

test('a credential is the value of a variable, or a file, as it is when the process starts', async () => {
	const first = secret(), second = secret(), binary = Buffer.from([0, 1, 2, 10]);
	store('indexer.db', `${first}\n`);
	store('indexer-cert', binary);
	const environment = { DB_PASSWORD: 'credential:indexer.db', AGAIN: 'credential:indexer.db', FILE: 'credential-file:indexer-cert' };
	const made = await create('plain', environment);
	assert.equal(made.status.state, 'STATE_RUNNING');
	assert.deepEqual(made.environment, environment, 'a name is no secret');
	const has = await found('plain');
	assert.equal(has.environment.DB_PASSWORD, first);
	assert.equal(has.environment.AGAIN, first);
	assert.equal(has.environment.FILE, `/run/credentials/${unit('plain')}/indexer-cert`);
	assert.equal(has.environment.CREDENTIALS_DIRECTORY, `/run/credentials/${unit('plain')}`);
	assert.deepEqual(has.names, ['indexer-cert', 'indexer.db', 'spec']);
	assert.equal(has.file, binary.toString());
	for (const place of ['/run/indexerd/credentials', '/var/lib/indexerd', '/run/systemd/transient'])
		assert.notEqual(sh(`grep -r ${first} ${place}`).code, 0, `it is kept in ${place}`);
	assert.equal(sh(`runuser -u nobody -- ls /run/credentials/${unit('plain')}`).code !== 0, true);

	// By systemd alone, and after it has read all units anew.
	fs.writeFileSync(`${PLAIN}/indexer.db`, second);
	run('systemctl stop indexerd.service indexerd.socket indexerd-unit.socket');
	run('systemctl daemon-reload');
	run(`systemctl kill -s KILL ${unit('plain')}`);
	await found('plain', (e) => e.DB_PASSWORD === second);
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	assert.equal((await get('plain')).status.state, 'STATE_RUNNING');
});

test('an encrypted one, and one that moves from store to store', async () => {
	const first = secret(), second = secret(), third = secret();
	encrypt('indexer.enc', first);
	store('indexer.both', third);
	await create('encrypted', { A: 'credential:indexer.enc', B: 'credential:indexer.both', FILE: 'credential-file:indexer.enc' });
	const has = await found('encrypted');
	assert.equal(has.environment.A, first);
	assert.equal(has.environment.B, third);
	assert.equal(has.file, first);
	run('systemctl daemon-reload');
	fs.rmSync('/var/lib/private/indexers/encrypted/env');
	run(`systemctl kill -s KILL ${unit('encrypted')}`);
	assert.equal((await found('encrypted')).environment.A, first);
	fs.rmSync(`${ENCRYPTED}/indexer.enc`);
	store('indexer.enc', second);
	await call('RestartIndexer', { name: 'indexers/encrypted' });
	await found('encrypted', (e) => e.A === second);
	encrypt('indexer.both', first);
	await call('RestartIndexer', { name: 'indexers/encrypted' });
	await found('encrypted', (e) => e.B === first);
	fs.rmSync(`${ENCRYPTED}/indexer.both`);
	for (const top of ['/run', '/usr/local/lib', '/usr/lib']) {
		const value = secret();
		encrypt('indexer.both', value, `${top}/credstore.encrypted`);
		await call('RestartIndexer', { name: 'indexers/encrypted' });
		await found('encrypted', (e) => e.B === value);
		fs.rmSync(`${top}/credstore.encrypted/indexer.both`);
	}
});

test('one that is missing, too long, or broken: START_FAILED, with its name, and mended by a start', async () => {
	const value = secret();
	const cases = [
		['missing', null, /credential indexer\.x: this server has none of that name/],
		['long', 'x'.repeat(65537), /credential indexer\.x: it is longer than 64 KiB/],
		['nul', `${value}\0`, /credential indexer\.x: it has a NUL byte/],
	];
	for (const [id, content, words] of cases) {
		if (content)
			store('indexer.x', content);
		const { status } = await create(id, { TOKEN: 'credential:indexer.x' });
		assert.equal(status.state, 'STATE_FAILED', id);
		assert.equal(status.last_exit.reason, 'REASON_START_FAILED', id);
		assert.equal(status.last_exit.code, 243, id);
		assert.match(status.message, words);
		assert.match(status.message, /variable TOKEN/);
		assert.match(run(`journalctl -q -o cat -u ${unit(id)}`), words);
	}
	store('indexer.x', value);
	await call('StartIndexer', { name: 'indexers/missing' });
	assert.equal((await found('missing')).environment.TOKEN, value);
	const files = await create('no-file', { FILE: 'credential-file:indexer.none' });
	assert.match(files.status.message, /credential indexer\.none: this server has none/);

	fs.mkdirSync(ENCRYPTED, { recursive: true, mode: 0o700 });
	fs.writeFileSync(`${ENCRYPTED}/indexer.broken`, 'no credential\n');
	later(() => fs.rmSync(`${ENCRYPTED}/indexer.broken`));
	const { status } = await create('broken', { TOKEN: 'credential:indexer.broken' });
	assert.equal(status.state, 'STATE_FAILED');
	assert.equal(status.last_exit.reason, 'REASON_START_FAILED');
	assert.match(status.message, /its credentials cannot be read or decrypted/);
});

test('not every credential: names are checked, and allowed by the configuration', async () => {
	const value = secret();
	store('postgresql.admin', value);
	for (const bad of ['credential:', 'credential:../indexer.db', 'credential:spec', 'credential-file:a b', `credential:${'a'.repeat(65)}`]) {
		const error = await refused(create('named', { DB: bad }), 'INVALID_ARGUMENT', /indexer\.environment\["DB"\]: no credential's name/);
		assert.equal(error.reason, 'CREDENTIAL_INVALID');
	}
	const error = await refused(create('named', { DB: 'credential:postgresql.admin' }), 'PERMISSION_DENIED',
		/indexer\.environment\["DB"\]: the credential postgresql\.admin is none that an indexer may have/);
	assert.equal(error.reason, 'CREDENTIAL_FORBIDDEN');
	await refused(get('named'), 'NOT_FOUND');
	await create('named', { A: '1' });
	await refused(update('named', { FILE: 'credential-file:postgresql.admin' }), 'PERMISSION_DENIED');
	assert.deepEqual((await get('named')).environment, { A: '1' });

	await configure('[Secrets]\nCredentials=postgresql.*\n');
	await update('named', { DB: 'credential:postgresql.admin' });
	await found('named', (e) => e.DB === value);
	// What was allowed is not for ever.
	await configure('[Secrets]\nCredentials=\n');
	assert.equal((await get('named')).status.state, 'STATE_RUNNING');
	const { status } = await call('RestartIndexer', { name: 'indexers/named' });
	assert.equal(status.state, 'STATE_FAILED');
	assert.equal(status.last_exit.reason, 'REASON_START_FAILED');
	assert.match(status.message, /the credential postgresql\.admin is none that an indexer may have/);
});

test('an indexer gives its children what it has itself, and nothing else', async () => {
	const own = secret(), other = secret(), persons = secret();
	store('indexer.own', own);
	store('indexer.other', other);
	store('indexer.persons', persons);
	const child = project({ 'main.sh': TELL });
	const ctl = 'indexerctl --address "$INDEXER_RUNNER_ADDRESS"';
	const from = `--runtime exec --script main.sh --project-source ${child}`;
	const source = project({
		'main.sh': `#!/bin/bash
{ ${ctl} create child-own ${from} --env T=credential:indexer.own; echo "own $?"
${ctl} create child-other ${from} --env T=credential:indexer.other; echo "other $?"
until [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.1; done
${ctl} update child-own --label a=b --env U=1; echo "kept $?"
${ctl} update child-own --env V=credential-file:indexer.other; echo "more $?"
${ctl} update factory --env V=credential:indexer.other; echo "itself $?"; } > "$STATE_DIRECTORY/said" 2>&1
touch "$STATE_DIRECTORY/end"
exec sleep infinity
`,
	});
	await call('CreateIndexer', {
		indexer_id: 'factory', indexer: { runtime: 'exec', script: 'main.sh', project_source: source, environment: { T: 'credential:indexer.own' } },
	});
	assert.equal((await found('child-own')).environment.T, own);
	// What a person gives the child, its parent leaves there.
	await update('child-own', { P: 'credential:indexer.persons' }, ['environment.P']);
	await found('child-own', (e) => e.P === persons);
	const state = '/var/lib/private/indexers/factory';
	fs.writeFileSync(`${state}/go`, '');
	await until(() => fs.existsSync(`${state}/end`));
	const said = fs.readFileSync(`${state}/said`, 'utf8');
	for (const line of [/^own 0$/m, /^other [^0]/m, /^kept 0$/m, /^more [^0]/m, /^itself [^0]/m])
		assert.match(said, line);
	assert.equal(said.match(/the credential indexer\.other is none that the calling indexer has itself/g).length, 3, said);
	assert.deepEqual((await get('child-own')).environment,
		{ T: 'credential:indexer.own', P: 'credential:indexer.persons', U: '1' });
	await refused(get('child-other'), 'NOT_FOUND');
});

test('a secret in clear is shown to nobody, and is what it was when it is sent back', async () => {
	const token = secret(), other = secret();
	const watching = stream('WatchIndexers', {}, { deadline: 100_000 });
	const shown = [];
	const environment = { DNA_TOKEN: token, postgres_connection_string: `postgres://u:${token}@h/d`, LOG_LEVEL: 'debug' };
	const redacted = { ...environment, DNA_TOKEN: REDACTED, postgres_connection_string: REDACTED };
	const made = await create('clear', environment);
	assert.deepEqual(made.environment, redacted);
	shown.push(made, await get('clear'), await call('ListIndexers', {}));
	assert.equal((await found('clear')).environment.DNA_TOKEN, token);

	// Read, change, write.
	const next = await get('clear');
	const updated = await call('UpdateIndexer', {
		indexer: { name: next.name, etag: next.etag, environment: { ...next.environment, LOG_LEVEL: 'info' } },
		update_mask: { paths: ['environment'] },
	});
	shown.push(updated);
	assert.notEqual(updated.etag, next.etag);
	const has = await found('clear', (e) => e.LOG_LEVEL === 'info');
	assert.equal(has.environment.DNA_TOKEN, token);
	assert.equal(has.environment.postgres_connection_string, `postgres://u:${token}@h/d`);
	// All as it is: no change, and no restart.
	const same = await update('clear', updated.environment);
	assert.equal(same.etag, updated.etag);
	assert.equal(same.status.invocation_id, updated.status.invocation_id);
	assert.equal((await update('clear', { DNA_TOKEN: REDACTED }, ['environment.DNA_TOKEN'])).etag, updated.etag);

	const none = await refused(update('clear', { NEW_TOKEN: REDACTED }, ['environment.NEW_TOKEN']), 'INVALID_ARGUMENT',
		/indexer\.environment\["NEW_TOKEN"\]: '\[redacted\]' stands for a value that is set/);
	assert.equal(none.reason, 'VALUE_REDACTED');
	await refused(create('copied', updated.environment), 'INVALID_ARGUMENT', /environment\["DNA_TOKEN"\]/);
	assert.equal((await create('clear', updated.environment)).uid, made.uid, 'what exists is the answer');

	shown.push(await update('clear', { DNA_TOKEN: other }, ['environment.DNA_TOKEN']));
	await found('clear', (e) => e.DNA_TOKEN === other);
	// What is not shown cannot be asked for, either.
	for (const filter of [`environment.DNA_TOKEN = "${other}"`, 'environment.DNA_TOKEN:"hush-*"', 'environment:DNA_TOKEN'])
		await refused(call('ListIndexers', { filter }), 'INVALID_ARGUMENT', /environment/);
	for (const bad of [{ 'A=B_TOKEN': token }, { INDEXER_ID: token }, { DNA_TOKEN: `${token}${'x'.repeat(140_000)}` }]) {
		const error = await refused(create('bad', bad), 'INVALID_ARGUMENT');
		assert.ok(!JSON.stringify([error.details, error.info]).includes(token), error.details);
	}
	await call('DeleteIndexer', { name: 'indexers/clear' });
	for (let event; (event = await watching.next(20_000)).event !== 'WATCH_EVENT_DELETED' || event.indexer.name !== 'indexers/clear';)
		shown.push(event);
	watching.cancel?.();
	assert.ok(shown.length > 8);
	for (const text of shown.map((m) => JSON.stringify(m)))
		assert.ok(!text.includes(token) && !text.includes(other), text);
});

test('which keys is configured', async () => {
	const value = secret();
	await configure('[Secrets]\nRedact=\nRedact=MINE_* *pin\n');
	const { environment } = await create('keys', { MINE_A: value, PIN: value, DNA_TOKEN: 'shown' });
	assert.deepEqual(environment, { MINE_A: REDACTED, PIN: REDACTED, DNA_TOKEN: 'shown' });
});

test('the command line: a secret by file or stdin, told as changed, and not as different', async () => {
	const value = secret(), source = project({ 'main.sh': TELL, vars: `# the provider's\nDNA_TOKEN=${value}\n\nA=b=c\r\nB=1\nC=x\ry\n`, bad: `DNA_TOKEN\n${value}\n` });
	const ctl = (words, options) => sh(`indexerctl ${words}`, options);
	const command = `create cli --runtime exec --script main.sh --project-source ${source} --env-file ${source}/vars --env B=2`;
	later(() => call('DeleteIndexer', { name: 'indexers/cli', allow_missing: true }));
	assert.equal(ctl(command).code, 0);
	const { environment } = await found('cli');
	assert.deepEqual([environment.DNA_TOKEN, environment.A, environment.B], [value, 'b=c', '2']);
	assert.equal((await call('GetIndexer', { name: 'indexers/cli' })).environment.C, 'x\ry');
	const again = ctl(command);
	assert.equal(again.code, 0);
	assert.doesNotMatch(again.stdout + again.stderr, /differ|--env/);
	const shown = ctl('get cli').stdout + ctl('get cli -o json').stdout + ctl('list -o json').stdout;
	assert.ok(!shown.includes(value));
	assert.match(shown, /"DNA_TOKEN": ?"\[redacted\]"/);
	const updated = ctl('update cli --env-file -', { input: 'DNA_TOKEN=other' });
	assert.match(updated.stdout, /updated, restarted with PID/);
	await found('cli', (e) => e.DNA_TOKEN === 'other');
	const bad = ctl(`update cli --env-file ${source}/bad`);
	assert.equal(bad.code, 1);
	assert.match(bad.stderr, /bad:1: not KEY=VALUE/);
	assert.equal(ctl('update cli --env-file /nowhere').code, 1);
	const endless = ctl('update cli --env-file /dev/zero');
	assert.equal(endless.code, 1);
	assert.match(endless.stderr, /zero: larger than 262144 bytes/);
});

test('a secret is nowhere else: units, properties, journal at debug, arguments, files that others may read', async () => {
	const clear = secret(), named = secret();
	await configure('[Manager]\nLogLevel=debug\n');
	run('systemctl log-level debug');
	later(() => run('systemctl log-level info'));
	store('indexer.named', named);
	const environment = { DNA_TOKEN: clear, NAMED: 'credential:indexer.named', FILE: 'credential-file:indexer.named' };
	await create('quiet', environment);
	await found('quiet');
	await update('quiet', { MORE: '1' }, ['environment.MORE']);
	await refused(create('quiet-2', { ...environment, INDEXER_ID: clear }), 'INVALID_ARGUMENT');
	await found('quiet', (e) => e.MORE === '1');
	run('systemctl daemon-reload');
	await restart();
	await call('RestartIndexer', { name: 'indexers/quiet' });
	run('journalctl --sync');
	for (const value of [clear, named]) {
		// Of this test, too: what it runs names the secret by a file.
		fs.writeFileSync('/root/secret', value, { mode: 0o600 });
		const is = (command) => sh(`${command} | grep -aq -F -f /root/secret`).code === 0;
		assert.ok(is('cat /root/secret'));
		assert.ok(!is('grep -rsh "" /run/systemd /etc/systemd /run/log'), 'in /run/systemd');
		assert.ok(!is(`systemctl show ${unit('quiet')} indexerd.service`), 'in a property');
		assert.ok(!is(`systemctl cat ${unit('quiet')}`), 'in the unit');
		assert.ok(!is(`systemctl status ${unit('quiet')} indexerd.service`), 'in the status');
		assert.ok(!is('journalctl -q -a -o export'), 'in the journal');
		assert.ok(!is('ps axww'), 'in arguments');
		assert.ok(!is("busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager Dump"), 'in systemd’s own state');
		assert.ok(is(`cat /proc/${show(unit('quiet'), 'MainPID').MainPID}/environ`), 'root may read it');
		assert.ok(!is(`runuser -u nobody -- cat /proc/${show(unit('quiet'), 'MainPID').MainPID}/environ 2>/dev/null`));
		fs.rmSync('/root/secret');
	}
	assert.equal(run("stat -c '%U %a' /var/lib/indexerd /run/indexerd/credentials").replace(/\n/g, ', '), 'root 700, root 700');
	assert.equal(run("stat -c '%U %a' /var/lib/indexerd/* /run/indexerd/credentials/* | sort -u"), 'root 600');
	assert.match(fs.readFileSync(`/proc/${show(unit('quiet'), 'MainPID').MainPID}/limits`, 'utf8'), /^Max core file size +1 +1 /m);
	assert.match(run('journalctl -q -o cat -u indexerd.service'), /indexers\/quiet is updated/);
});
