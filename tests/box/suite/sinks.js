// SPDX-License-Identifier: Apache-2.0
//
// What the tests of state share: a stand-in for a sink, the configuration, Debian's Redis and Debian's etcd.
'use strict';

const fs = require('node:fs');
const { assert, call, project, refused, restart, run, sh, until } = require('./lib');

const DROP_IN = '/etc/indexerd/indexerd.conf.d/50-persistence.conf';
const CREDENTIALS = '/etc/systemd/system/indexerd.service.d';
const SECRET = 's3cret@/:';

// A stand-in for Apibara's sinks of version 1: it writes the file and the keys that they write, by their
// environment. With an etcd it holds the lock, too.
const SINK = `#!/bin/bash
echo "env: $(env | grep -E '^(SINK_ID|PERSIST_TO_|STATE_DIRECTORY)' | sort | tr '\\n' ' ')"
state='{"cursor":{"orderKey":"7"}}'
if [ "$PERSIST_TO_FS" ]; then
	cat "$PERSIST_TO_FS/$SINK_ID.state" 2>/dev/null && echo 'met an old state'
	echo "$state" > "$PERSIST_TO_FS/$SINK_ID.state" && echo stored
elif [ "$PERSIST_TO_REDIS" ]; then
	[ "$(redis-cli -u "$PERSIST_TO_REDIS" exists "apibara:sink:$SINK_ID" 2>/dev/null)" = 0 ] || echo 'met an old state'
	redis-cli -u "$PERSIST_TO_REDIS" set "apibara:sink:$SINK_ID" "$state" 2>/dev/null | grep -q OK && echo stored
elif [ "$PERSIST_TO_ETCD" ]; then
	export ETCDCTL_API=3 ETCDCTL_ENDPOINTS="$PERSIST_TO_ETCD" $LOGIN
	[ -z "$(etcdctl get "$SINK_ID")" ] || echo 'met an old state'
	etcdctl put "$SINK_ID" "$state" >/dev/null
	exec etcdctl lock --ttl=60 "$SINK_ID" ./hold
fi
exec sleep infinity
`;

const HOLD = '#!/bin/sh\necho stored\nexec sleep infinity\n'; // by the lock's owner

const sink = () => ({ runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': SINK, hold: HOLD }) });

// What an indexer has said, and not an earlier one of its id.
const said = ({ uid }) => run(`journalctl -q -o cat INDEXER_UID=${uid}`);

// Creates a sink and waits until it has written its state.
async function create(id, indexer = {}) {
	const made = await call('CreateIndexer', { indexer_id: id, indexer: { ...sink(), ...indexer } });
	await until(() => said(made).includes('stored'), { limit: 40_000, what: `${id} stores its state` });
	return made;
}

const remove = (id, options) => call('DeleteIndexer', { name: `indexers/${id}` }, options);
const get = (id) => call('GetIndexer', { name: `indexers/${id}` });
const gone = (id) => until(() => get(id).then(() => false, (error) => error.name === 'NOT_FOUND'), { limit: 30_000 });
const told = (indexer) => said(indexer).match(/^env: .*$/m)[0];

// [Persistence] of the configuration, until the end of the test. The credentials' values by their names.
async function configure(lines, credentials = {}) {
	fs.mkdirSync('/etc/indexerd/indexerd.conf.d', { recursive: true });
	fs.mkdirSync(CREDENTIALS, { recursive: true });
	fs.writeFileSync(DROP_IN, `[Persistence]\n${lines.join('\n')}\n`);
	for (const [name, value] of Object.entries(credentials))
		fs.writeFileSync(`/etc/indexerd/${name}`, `${value}\n`, { mode: 0o600 });
	if (Object.keys(credentials).length > 0)
		fs.writeFileSync(`${CREDENTIALS}/50-persistence.conf`, `[Service]\n${Object.keys(credentials).map((name) =>
			`LoadCredential=${name}:/etc/indexerd/${name}`).join('\n')}\n`);
	run('systemctl daemon-reload');
	await restart();
}

// A test's indexers are removed at its end: this is for the next one, or for when they are gone.
async function unconfigured() {
	fs.rmSync(DROP_IN, { force: true });
	fs.rmSync(CREDENTIALS, { recursive: true, force: true });
	run('systemctl daemon-reload');
	await restart();
}

const redis = (command) => run(`redis-cli ${command}`);
const keys = (database = 0) => redis(`-n ${database} keys '*'`).split('\n').filter(Boolean).sort();
async function startRedis() {
	run('systemctl start redis-server.service', { limit: 60_000 });
	await until(() => sh('redis-cli ping').stdout.startsWith('PONG'));
}
const stopRedis = () => run('systemctl stop redis-server.service', { limit: 60_000 });

const etcdctl = (command, login = '') => run(`ETCDCTL_API=3 etcdctl ${login} ${command}`);
async function startEtcd() {
	run('systemctl start etcd.service', { limit: 60_000 });
	await until(() => sh('ETCDCTL_API=3 etcdctl endpoint health').code === 0);
}

// What is not cleared says so, after one try and not later.
async function delayed(promise, message) {
	const begin = Date.now();
	const error = await refused(promise, 'UNAVAILABLE', message);
	assert.ok(Date.now() - begin < 15_000, `${Date.now() - begin} ms`);
	assert.equal(error.reason, 'STATE_NOT_CLEARED');
	assert.ok(Number(error.info.RetryInfo[0].retry_delay.seconds) > 0);
	assert.ok(!error.details.includes(SECRET) && !error.details.includes(encodeURIComponent(SECRET)));
	return error;
}

module.exports = {
	CREDENTIALS, DROP_IN, SECRET, configure, create, delayed, etcdctl, get, gone, keys, redis, remove, said, sink, startEtcd,
	startRedis, stopRedis, told, unconfigured,
};
