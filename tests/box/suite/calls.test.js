// SPDX-License-Identifier: Apache-2.0
//
// The five calls as a client sees them, and what the administrator sees of it.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, refused, restart, run, served, sh, show, test, unit, until } =
	require('./lib');

const SLEEPER = '#!/bin/sh\necho "I am $INDEXER_ID"\nexec sleep infinity\n';

const create = (indexer_id, indexer) =>
	call('CreateIndexer', { indexer_id, indexer: { runtime: 'exec', script: 'main.sh', ...indexer } });

test('Create answers with the running indexer, and Get with the same', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const before = Date.now() / 1000;
	const made = await create('one', { project_source, labels: { team: 'a', empty: '' } });
	assert.equal(made.name, 'indexers/one');
	assert.equal(made.status.state, 'STATE_RUNNING');
	assert.equal(made.status.unit, unit('one'));
	assert.match(made.uid, /^[0-9a-f]{32}$/);
	assert.match(made.etag, /./);
	assert.deepEqual(made.labels, { team: 'a', empty: '' });
	assert.ok(made.create_time.seconds >= Math.floor(before));
	const seen = show(unit('one'), 'MainPID', 'InvocationID');
	assert.equal(String(made.status.main_pid), seen.MainPID);
	assert.equal(made.status.invocation_id, seen.InvocationID);
	assert.deepEqual(await call('GetIndexer', { name: 'indexers/one' }), made);
});

test('Create is idempotent: the existing one as it is, nothing changed, nothing restarted', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const made = await create('same', { project_source });
	const again = await create('same', { project_source, labels: { other: 'x' }, script: 'none.sh' });
	assert.deepEqual(again, made);
	assert.equal(show(unit('same'), 'MainPID').MainPID, String(made.status.main_pid));
});

test('16 clients that create one id get 16 equal answers and one unit', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const answers = await Promise.all(
		Array.from({ length: 16 }, () => create('many', { project_source })));
	for (const answer of answers)
		assert.deepEqual(answer, answers[0]);
	assert.equal(show(unit('many'), 'NRestarts').NRestarts, '0');
	assert.equal(run(`journalctl -q -u ${unit('many')} -o cat --grep '^I am many$' | wc -l`), '1');
});

test('fields that the server sets are ignored in a request', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const made = await create('ignored', {
		project_source, name: 'indexers/other', uid: 'f'.repeat(32), etag: 'x',
		status: { state: 'STATE_FAILED' }, create_time: { seconds: 1 }, update_time: { seconds: 1 },
	});
	assert.equal(made.name, 'indexers/ignored');
	assert.notEqual(made.uid, 'f'.repeat(32));
	assert.ok(made.create_time.seconds > 1);
});

test('an indexer gets its environment, arguments, working directory and state directory', async () => {
	const project_source = project({
		'in/main.sh': '#!/bin/sh\nenv >"$STATE_DIRECTORY/env"\npwd >"$STATE_DIRECTORY/pwd"\n' +
			'for a; do echo "$a"; done >"$STATE_DIRECTORY/args"\nid -u >"$STATE_DIRECTORY/uid"\n' +
			'echo ready\nexec sleep infinity\n',
	});
	const weird = 'a b;$(x)\n%n "\'\\ ${HOME}';
	await create('env', {
		project_source, project_dir: 'in', environment: { WEIRD: weird, EMPTY: '' },
		args: ['--x', weird.replace('\n', ' '), ''],
	});
	const state = '/var/lib/private/indexers/env';
	await until(() => fs.existsSync(`${state}/uid`) && fs.statSync(`${state}/uid`).size > 0);
	const env = fs.readFileSync(`${state}/env`, 'utf8');
	for (const line of [
		'INDEXER_ID=env', 'INDEXER_NAME=indexers/env', 'EMPTY=', `WEIRD=${weird}`,
		'INDEXER_RUNNER_ADDRESS=unix:/run/indexerd/unit.sock',
		`INDEXER_PROJECT_SOURCE=${project_source}`, 'INDEXER_PROJECT_DIR=in',
		'STATE_DIRECTORY=/var/lib/indexers/env',
	])
		assert.ok(`\n${env}`.includes(`\n${line}\n`), `${line} in ${env}`);
	assert.ok(!env.includes('NOTIFY_SOCKET='));
	assert.equal(fs.readFileSync(`${state}/pwd`, 'utf8'), `${project_source}/in\n`);
	assert.equal(fs.readFileSync(`${state}/args`, 'utf8'),
		['--x', weird.replace('\n', ' '), ''].map((arg) => `${arg}\n`).join(''));
	const uid = Number(fs.readFileSync(`${state}/uid`, 'utf8'));
	assert.ok(uid >= 61184 && uid <= 65519, `dynamic user ${uid}`);
});

test('no value of a user is in the unit, its command line or what anybody may read', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	await create('private', {
		project_source, environment: { TOKEN: 'hush-hush' }, args: ['very-private'],
	});
	const all = run(`systemctl show ${unit('private')}; systemctl cat ${unit('private')}`);
	assert.doesNotMatch(all, /hush-hush|very-private|main\.sh/);
	assert.match(all, /^ExecStart=.*\/indexer-exec/m);
	assert.equal(run("stat -c '%U %a' /run/indexerd/credentials"), 'root 700');
	assert.notEqual(sh('runuser -u nobody -- cat /var/lib/indexerd/registry.db').code, 0);
	assert.equal(run("stat -c %a /var/lib/indexerd/registry.db"), '600');
});

test('resources and restart policy act', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	await create('limits', {
		project_source,
		resources: { memory_max_bytes: 64 << 20, cpu_percent: 50, tasks_max: 20 },
		restart: { policy: 'POLICY_ON_FAILURE' },
	});
	assert.deepEqual(show(unit('limits'), 'MemoryMax', 'CPUQuotaPerSecUSec', 'TasksMax', 'Restart'), {
		MemoryMax: String(64 << 20), CPUQuotaPerSecUSec: '500ms', TasksMax: '20',
		Restart: 'on-failure',
	});
});

test('policy NEVER: an end is an end, and the exit code stays readable', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\nexit 7\n', 'ok.sh': '#!/bin/sh\nexit 0\n' });
	const restart = { policy: 'POLICY_NEVER' };
	await create('never', { project_source, restart });
	await create('fine', { project_source, restart, script: 'ok.sh' });
	const failed = await until(async () => {
		const indexer = await call('GetIndexer', { name: 'indexers/never' });
		return indexer.status.state === 'STATE_FAILED' && indexer;
	});
	assert.equal(failed.status.last_exit.code, 7);
	assert.equal(failed.status.last_exit.reason, 'REASON_EXITED');
	assert.match(failed.status.message, /exited with code 7/);
	const fine = await until(async () => {
		const indexer = await call('GetIndexer', { name: 'indexers/fine' });
		return indexer.status.state === 'STATE_STOPPED' && indexer;
	});
	assert.equal(fine.status.last_exit.code, 0);
});

test('a crash is restarted again and again, and counted', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\nkill -9 $$\n' });
	await create('loop', { project_source, restart: { max_backoff: { seconds: 1 } } });
	const looped = await until(async () => {
		const indexer = await call('GetIndexer', { name: 'indexers/loop' });
		return indexer.status.restart_count >= 6 && indexer.status.state === 'STATE_BACKING_OFF' && indexer;
	}, { limit: 30_000, what: 'six restarts' });
	assert.equal(looped.status.last_exit.signal, 'SIGKILL');
	assert.equal(looped.status.last_exit.reason, 'REASON_SIGNALED');
	assert.match(looped.status.message, /SIGKILL/);
});

test('exit code 78, a configuration error, is not restarted', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\nexit 78\n' });
	await create('misconfigured', { project_source });
	const failed = await until(async () => {
		const indexer = await call('GetIndexer', { name: 'indexers/misconfigured' });
		return indexer.status.state === 'STATE_FAILED' && indexer;
	});
	assert.equal(failed.status.last_exit.reason, 'REASON_CONFIGURATION');
});

test('List pages by name; every row that stays is seen once while others come and go', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const ids = ['p-a', 'p-b', 'p-c', 'p-d', 'p-e', 'p-f', 'p-g'];
	await Promise.all(ids.map((id) => create(id, { project_source })));
	const first = await call('ListIndexers', { page_size: 3 });
	assert.deepEqual(first.indexers.map((i) => i.name), ['indexers/p-a', 'indexers/p-b', 'indexers/p-c']);
	await call('DeleteIndexer', { name: 'indexers/p-c' }); // the row that the token names
	await create('p-aa', { project_source });
	await call('DeleteIndexer', { name: 'indexers/p-e' });
	await create('p-dd', { project_source });
	const second = await call('ListIndexers', { page_size: 3, page_token: first.next_page_token });
	assert.deepEqual(second.indexers.map((i) => i.name),
		['indexers/p-d', 'indexers/p-dd', 'indexers/p-f']);
	const third = await call('ListIndexers', { page_size: 3, page_token: second.next_page_token });
	assert.deepEqual(third.indexers.map((i) => i.name), ['indexers/p-g']);
	assert.equal(third.next_page_token, '');
	assert.equal((await call('ListIndexers', {})).indexers.length, 7);
	assert.equal((await call('ListIndexers', { page_size: 5000 })).indexers.length, 7);
});

test('Delete takes the tree, leaves first, with units and state directories', async () => {
	const project_source = project({
		'main.sh': '#!/bin/sh\ntouch "$STATE_DIRECTORY/kept"\n' +
			'trap "echo bye; exit 0" TERM\necho up\nwhile :; do sleep 0.1; done\n',
	});
	const tree = { root: '', left: 'root', right: 'root', leaf: 'left', other: '' };
	for (const [id, parent] of Object.entries(tree))
		await create(id, { project_source, spawned_by: parent && `indexers/${parent}` });
	const leaf = await call('GetIndexer', { name: 'indexers/leaf' });
	assert.equal(leaf.spawned_by, 'indexers/left');
	await until(() => Object.keys(tree).every((id) => fs.existsSync(`/var/lib/private/indexers/${id}/kept`)));
	await call('DeleteIndexer', { name: 'indexers/root' });
	for (const id of ['root', 'left', 'right', 'leaf']) {
		await refused(call('GetIndexer', { name: `indexers/${id}` }), 'NOT_FOUND', new RegExp(`indexers/${id}`));
		assert.equal(show(unit(id), 'LoadState').LoadState, 'not-found');
		assert.ok(!fs.existsSync(`/var/lib/private/indexers/${id}`), id);
		assert.ok(!fs.lstatSync(`/var/lib/indexers/${id}`, { throwIfNoEntry: false }), id);
	}
	assert.deepEqual((await call('ListIndexers', {})).indexers.map((i) => i.name), ['indexers/other']);
	assert.ok(fs.existsSync('/var/lib/private/indexers/other/kept'));
	// Each said its last line, and a child was down before its parent was asked to stop.
	const order = run("journalctl -q -o json --output-fields=MESSAGE,INDEXER_ID _TRANSPORT=journal --grep '^bye$'")
		.split('\n').map((line) => JSON.parse(line).INDEXER_ID);
	assert.deepEqual([...order].sort(), ['leaf', 'left', 'right', 'root']);
	assert.ok(order.indexOf('leaf') < order.indexOf('left'));
	assert.equal(order.at(-1), 'root');
});

test('an id is free again after Delete: other uid, empty state, other logs', async () => {
	const project_source = project({
		'main.sh': '#!/bin/sh\nls "$STATE_DIRECTORY" | wc -l\ntouch "$STATE_DIRECTORY/x"\nexec sleep infinity\n',
	});
	const first = await create('again', { project_source });
	await until(() => fs.existsSync('/var/lib/private/indexers/again/x'));
	await call('DeleteIndexer', { name: 'indexers/again' });
	const second = await create('again', { project_source });
	assert.equal(second.status.state, 'STATE_RUNNING');
	assert.notEqual(second.uid, first.uid);
	await until(() => fs.existsSync('/var/lib/private/indexers/again/x'));
	const lines = await until(() =>
		sh(`journalctl -q -o cat INDEXER_UID=${second.uid}`).stdout.trim());
	assert.equal(lines, '0');
});

test('what the administrator sees: description, identifier, slice, levels', async () => {
	const project_source = project({
		'main.sh': '#!/bin/sh\necho "plain"\necho "<3>bad"\necho "<4>odd"\necho "<7>detail"\nexec sleep infinity\n',
	});
	await create('seen', { project_source });
	const status = run(`systemctl status --no-pager ${unit('seen')}`);
	assert.match(status, /Indexer seen/);
	assert.match(status, /CGroup: \/indexer\.slice\/indexer-seen\.service/);
	assert.match(run('systemd-cgls --no-pager /indexer.slice'), /indexer-seen\.service/);
	const journal = (options) => sh(`journalctl -q -o cat -u ${unit('seen')} -t seen ${options}`).stdout;
	await until(() => journal('').includes('detail'));
	assert.equal(journal('-p err'), 'bad\n');
	assert.equal(journal('-p warning'), 'bad\nodd\n');
	assert.equal(journal('-p info'), 'plain\nbad\nodd\n');
});

test('an administrator’s drop-in applies to all indexers', async () => {
	const directory = '/etc/systemd/system/indexer-.service.d';
	run(`mkdir -p ${directory} && printf '[Service]\\nNice=5\\n' >${directory}/nice.conf && systemctl daemon-reload`);
	later(() => run(`rm -r ${directory} && systemctl daemon-reload`));
	await create('nice', { project_source: project({ 'main.sh': SLEEPER }) });
	assert.equal(show(unit('nice'), 'Nice').Nice, '5');
});

test('systemctl stop is respected, also by a new daemon', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	await create('stopped', { project_source });
	run(`systemctl stop ${unit('stopped')}`);
	const stopped = async () =>
		(await call('GetIndexer', { name: 'indexers/stopped' })).status.state === 'STATE_STOPPED';
	await until(stopped);
	await restart();
	await until(stopped);
	assert.equal(show(unit('stopped'), 'MainPID').MainPID, '0');
});

test('a unit of somebody else under an indexer’s name is never touched', async () => {
	run(`systemd-run --unit=${unit('foreign')} sleep infinity`);
	later(() => run(`systemctl stop ${unit('foreign')}`));
	const pid = show(unit('foreign'), 'MainPID').MainPID;
	const made = await create('foreign', { project_source: project({ 'main.sh': SLEEPER }) });
	assert.equal(made.status.state, 'STATE_FAILED');
	assert.equal(made.status.last_exit.reason, 'REASON_START_FAILED');
	await restart();
	await call('DeleteIndexer', { name: 'indexers/foreign' });
	assert.equal(show(unit('foreign'), 'MainPID').MainPID, pid);
});

test('state behind a unit of somebody else is cleared when that unit is gone', async () => {
	await create('behind', { project_source: project({ 'main.sh': SLEEPER }) });
	run('systemctl stop indexerd.service indexerd.socket indexerd-unit.socket');
	run(`systemctl stop ${unit('behind')}`);
	run(`systemd-run --unit=${unit('behind')} sleep infinity`);
	later(() => sh(`systemctl stop ${unit('behind')}`));
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	await refused(call('DeleteIndexer', { name: 'indexers/behind' }), 'UNAVAILABLE', /indexer-behind\.service/);
	assert.equal((await call('GetIndexer', { name: 'indexers/behind' })).status.state, 'STATE_DELETING');
	assert.ok(fs.existsSync('/var/lib/private/indexers/behind'));
	run(`systemctl stop ${unit('behind')}`);
	await until(() => call('GetIndexer', { name: 'indexers/behind' }).then(() => false, (e) => e.code === 5));
	assert.ok(!fs.existsSync('/var/lib/private/indexers/behind'));
});

test('the sandbox: nothing to write, no other state, no secret of the daemon, no first socket', async () => {
	const tries = [
		'touch /etc/x', 'touch /srv/x', 'ls /var/lib/private/indexers/neighbour',
		'cat /var/lib/indexerd/registry.db', 'ls /run/indexerd/credentials', 'ls /root', 'ls /home/.',
		'indexerctl --address unix:/run/indexerd/indexerd.sock list', 'mount -t tmpfs x /mnt', 'ls /dev/kmsg',
	];
	const script = ['#!/bin/sh', ...tries.map((t) => `${t} >/dev/null 2>&1 && echo "COULD ${t}"`), 'echo done',
		'exec sleep infinity', ''].join('\n');
	const project_source = project({ 'main.sh': SLEEPER, 'try.sh': script });
	await create('neighbour', { project_source });
	const { uid } = await create('prisoner', { project_source, script: 'try.sh' });
	const lines = await until(() => {
		const text = sh(`journalctl -q -o cat INDEXER_UID=${uid}`).stdout;
		return text.includes('done') && text;
	});
	assert.equal(lines, 'done\n');
});
