// SPDX-License-Identifier: Apache-2.0
//
// Bad days of a server: each leaves what is acknowledged in place, and the next call is served.
'use strict';

const fs = require('node:fs');
const { assert, call, health, later, lines, project, refused, restart, run, served, sh, show, test, unit,
	until } = require('./lib');
const { runtime } = require('./people');

const SLEEPER = '#!/bin/sh\necho up\nexec sleep infinity\n';
const create = (indexer_id, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': SLEEPER }), ...indexer },
});
const state = async (id) => (await call('GetIndexer', { name: `indexers/${id}` })).status.state;
const pid = (id) => show(unit(id), 'MainPID').MainPID;

test('daemon-reload, and then a killed indexer comes back', async () => {
	await create('reloaded', {
		environment: { PERCENT: '100%n $HOME $$' }, args: ['%h', '$$', '${X}', 'a;b', '\\'],
	});
	run('systemctl daemon-reload');
	const before = pid('reloaded');
	run(`systemctl kill -s KILL ${unit('reloaded')}`);
	await until(async () => !['0', before].includes(pid('reloaded')) && (await state('reloaded')) === 'STATE_RUNNING');
	const properties = show(unit('reloaded'), 'LoadState', 'NRestarts');
	assert.deepEqual(properties, { LoadState: 'loaded', NRestarts: '1' });
});

test('it comes back while the daemon is away, too', async () => {
	await create('alone');
	run('systemctl stop indexerd.service');
	later(() => run('systemctl start indexerd.service'));
	const before = pid('alone');
	run(`systemctl kill -s KILL ${unit('alone')}`);
	await until(() => !['0', before].includes(pid('alone')));
	run('systemctl start indexerd.service');
	await served();
	await until(async () => (await state('alone')) === 'STATE_RUNNING'); // the process is there a little before
	assert.equal(String((await call('GetIndexer', { name: 'indexers/alone' })).status.main_pid), pid('alone'));
});

test('stopped by an administrator while the daemon is away: respected', async () => {
	await create('away');
	run('systemctl stop indexerd.service');
	run(`systemctl stop ${unit('away')}`);
	run('systemctl start indexerd.service');
	await served();
	await until(async () => (await state('away')) === 'STATE_STOPPED');
	assert.equal(pid('away'), '0');
	await call('DeleteIndexer', { name: 'indexers/away' }); // its unit is gone: state is cleared all the same
	assert.ok(!fs.existsSync('/var/lib/private/indexers/away'));
});

test('the registry’s disk is full: RESOURCE_EXHAUSTED, no unit, and served again with room', async () => {
	run('systemctl stop indexerd.service && mount -t tmpfs -o size=1200k,mode=0700 registry /var/lib/indexerd && systemctl start indexerd.service');
	await served();
	later(async () => {
		run('systemctl stop indexerd.service; umount /var/lib/indexerd; systemctl start indexerd.service');
		await served();
	});
	await create('before');
	run('cat /dev/zero >/var/lib/indexerd/filler || true');
	const error = await refused((async () => {
		for (let i = 0; i < 400; i++) // the last free page may hold some more
			await create(`full-${i}`, { labels: { fill: 'x'.repeat(500) } });
	})(), 'RESOURCE_EXHAUSTED', /disk is full/);
	assert.equal(error.reason, 'DISK_FULL');
	const rows = (await call('ListIndexers', { page_size: 1000 })).indexers.map((i) => i.name);
	const next = `full-${rows.length - 1}`;
	assert.equal(show(unit(next), 'LoadState').LoadState, 'not-found');
	assert.equal(await state('before'), 'STATE_RUNNING');
	fs.rmSync('/var/lib/indexerd/filler');
	assert.equal((await create(next)).status.state, 'STATE_RUNNING');
	for (const name of rows)
		await call('DeleteIndexer', { name });
	await call('DeleteIndexer', { name: `indexers/${next}` });
});

test('the bus is gone: reads are served, changes are UNAVAILABLE, and all is well when it is back', async () => {
	await create('bus');
	const before = pid('bus');
	run('systemctl stop dbus.socket dbus.service');
	later(() => run('systemctl start dbus.socket dbus.service'));
	const error = await refused(until(async () => {
		await create('no-bus');
		await call('DeleteIndexer', { name: 'indexers/no-bus' });
	}), 'UNAVAILABLE', /systemd cannot be reached/);
	assert.ok(error.info.RetryInfo);
	await refused(call('DeleteIndexer', { name: 'indexers/bus' }), 'UNAVAILABLE', /systemd/);
	await refused(call('GetIndexer', { name: 'indexers/no-bus' }), 'NOT_FOUND');
	assert.equal((await call('GetIndexer', { name: 'indexers/bus' })).status.main_pid, Number(before));
	assert.equal((await lines({ parent: 'indexers/bus' }).next()).content, 'up');
	assert.equal(await health(), 'SERVING');
	run('systemctl start dbus.socket dbus.service');
	await until(() => create('no-bus').then(() => true, () => false));
	assert.equal(await state('bus'), 'STATE_RUNNING');
	assert.equal(pid('bus'), before);
	await call('DeleteIndexer', { name: 'indexers/bus' });
});

test('the journal is unreadable: UNAVAILABLE in words, and served again when it is not', async () => {
	await create('unread');
	await until(() => sh(`journalctl -q -o cat -u ${unit('unread')}`).stdout.includes('up'));
	const places = '/var/log/journal /run/log/journal';
	run(`for d in ${places}; do [ ! -e $d ] || chmod 000 $d; done`);
	later(() => run(`for d in ${places}; do [ ! -e $d ] || chmod 2755 $d; done`));
	await refused(lines({ parent: 'indexers/unread' }).next(), 'UNAVAILABLE',
		/journal cannot be read.*Permission denied/);
	assert.equal(await state('unread'), 'STATE_RUNNING');
	run(`for d in ${places}; do [ ! -e $d ] || chmod 2755 $d; done`);
	assert.equal((await lines({ parent: 'indexers/unread' }).next()).content, 'up');
});

test('journald is killed and restarted under a stream: what follows arrives', async () => {
	await create('journald', {
		project_source: project({ 'main.sh': '#!/bin/bash\nfor ((i = 0; ; i++)); do echo "n $i"; sleep 0.02; done\n' }),
	});
	const follower = lines({ parent: 'indexers/journald' });
	await follower.take(20);
	run('systemctl kill -s KILL systemd-journald.service');
	const records = await follower.take(200, 30_000);
	const numbers = records.map((r) => Number(r.content.split(' ')[1]));
	for (let i = 1; i < numbers.length; i++)
		assert.ok(numbers[i] > numbers[i - 1], `${numbers[i - 1]} then ${numbers[i]}`);
	run('systemctl restart systemd-journald.service && journalctl --rotate -q && journalctl -q --vacuum-files=1');
	await follower.take(100, 30_000);
});

test('journal files that are cut short under a reader do not end the daemon', async () => {
	await create('busy', {
		project_source: project({ 'main.sh': '#!/bin/bash\nfor ((i = 0; ; i++)); do echo "n $i"; done\n' }),
	});
	const daemon = show('indexerd.service', 'MainPID').MainPID;
	const followers = Array.from({ length: 3 }, () => lines({ parent: 'indexers/busy' }));
	for (let round = 0; round < 20; round++) {
		await Promise.allSettled(followers.map((follower) => follower.next()));
		run('journalctl -q --rotate --vacuum-files=1');
	}
	assert.equal(show('indexerd.service', 'MainPID').MainPID, daemon);
	assert.match((await lines({ parent: 'indexers/busy', tail: 1 }).next()).content, /^n \d+$/);
});

test('a stopped child process of an indexer that ignores SIGTERM is killed, and Delete ends', async () => {
	await create('stubborn', {
		project_source: project({ 'main.sh': '#!/bin/bash\ntrap "" TERM\n(trap "" TERM; while :; do sleep 1; done) &\necho up\nwhile :; do sleep 1; done\n' }),
	});
	await until(() => sh(`journalctl -q -o cat -u ${unit('stubborn')}`).stdout.includes('up'));
	const began = Date.now();
	await call('DeleteIndexer', { name: 'indexers/stubborn' }, { deadline: 60_000 });
	assert.ok(Date.now() - began > 25_000, 'it was given its 30 seconds');
	assert.equal(sh('pgrep -f "trap.*TERM"').stdout, '');
});

test('SIGTERM drains: a call under way is answered, a stream is ended, the indexers go on', async () => {
	await create('drained');
	const before = pid('drained');
	const follower = lines({ parent: 'indexers/drained' });
	await follower.next();
	run('systemctl restart indexerd.service', { limit: 40_000 });
	await assert.rejects(follower.next(20_000), (error) => ['UNAVAILABLE', 'CANCELLED'].includes(error.name));
	await served();
	assert.equal(await state('drained'), 'STATE_RUNNING');
	assert.equal(pid('drained'), before);
	assert.equal(run('systemctl show -P Result indexerd.service'), 'success');
});

test('drop-ins of the configuration are read in their order, and a bad one is named', async () => {
	const directory = '/etc/indexerd/indexerd.conf.d';
	fs.mkdirSync(directory, { recursive: true });
	later(async () => {
		fs.rmSync(directory, { recursive: true });
		await restart();
	});
	fs.writeFileSync(`${directory}/10-one.conf`, '[Manager]\nMaxIndexers=5\n');
	fs.writeFileSync(`${directory}/20-two.conf`, '[Manager]\nMaxIndexers=1\n');
	await restart();
	await create('only');
	await refused(create('more'), 'RESOURCE_EXHAUSTED', /MaxIndexers= in indexerd\.conf allows 1/);
	assert.deepEqual(sh('indexerd --check'), { code: 0, stdout: '', stderr: '' });
	fs.writeFileSync(`${directory}/30-bad.conf`, '[Manager]\nNoSuchKey=1\n');
	const checked = sh('indexerd --check');
	assert.equal(checked.code, 1);
	assert.match(checked.stderr, /30-bad\.conf:2: unknown key NoSuchKey=/);
	sh('systemctl restart indexerd.service');
	assert.match(run('journalctl -q -u indexerd.service -o cat -n 50'), /30-bad\.conf:2: unknown key NoSuchKey=/);
	fs.rmSync(`${directory}/30-bad.conf`);
	await restart();
	assert.equal(await state('only'), 'STATE_RUNNING');
});

test('an id is free again after Delete also where systemd has reloaded meanwhile', async () => {
	await create('renewed');
	run('systemctl daemon-reload && systemctl daemon-reload');
	await call('DeleteIndexer', { name: 'indexers/renewed' });
	assert.equal((await create('renewed')).status.state, 'STATE_RUNNING');
});

test('a program that asks systemd for ever more time to stop is killed all the same', async () => {
	await runtime('hasty', ['[Service]', 'TimeoutStopSec=3']);
	await create('clinging', {
		runtime: 'hasty', project_source: project({ 'main.sh': '#!/bin/bash\ntrap "" TERM\necho up\nwhile :; do\n' +
			'NOTIFY_SOCKET=/run/systemd/notify systemd-notify EXTEND_TIMEOUT_USEC=600000000; sleep 1; done\n' }),
	});
	await until(() => sh(`journalctl -q -o cat -u ${unit('clinging')}`).stdout.includes('up'));
	const began = Date.now();
	await call('DeleteIndexer', { name: 'indexers/clinging' }, { deadline: 60_000 });
	assert.ok(Date.now() - began > 2_500, 'it was given its time');
	assert.ok(Date.now() - began < 30_000, 'which is that of its runtime');
});
