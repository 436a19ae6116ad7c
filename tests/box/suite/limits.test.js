// SPDX-License-Identifier: Apache-2.0
//
// Limits: of one indexer, of a tree together, and of all. What systemd is told is looked at here, and which
// control group a process is in; that the kernel keeps to it wants a kernel of its own.
'use strict';

const fs = require('node:fs');
const {
	assert, call, later, lines, project, refused, restart, run, served, sh, show, test, unit, until,
} = require('./lib');

const SLEEP = '#!/bin/sh\necho hello\nexec sleep infinity\n';
// Asks for the command that it is told by its environment, through the socket of indexers.
const FACTORY = '#!/bin/sh\nindexerctl --address "$INDEXER_RUNNER_ADDRESS" $WORDS 2>&1\nexec sleep infinity\n';
const MIB = 1 << 20;

const name = (id) => `indexers/${id}`;
const create = (indexer_id, indexer) => call('CreateIndexer', { indexer_id, indexer: { runtime: 'exec', script: 'run', ...indexer } });
const update = (id, indexer, ...paths) => call('UpdateIndexer', { indexer: { name: name(id), ...indexer }, update_mask: { paths } });
const sliceOf = (id) => show(unit(id), 'Slice').Slice;
const pid = (id) => show(unit(id), 'MainPID').MainPID;
const limits = (slice) => Object.values(show(slice, 'MemoryMax', 'CPUQuotaPerSecUSec', 'TasksMax')).sort();
const tasks = (slice) => show(slice, 'TasksMax').TasksMax;
const group = (id) => fs.readFileSync(`/proc/${pid(id)}/cgroup`, 'utf8').match(/^0::(.*)$/m)[1];
const slices = () => run(`systemctl list-units --all --plain --no-legend 'indexer-*.slice' | cut -d' ' -f1`);

// A root, its child, and a child of that one.
async function tree(tree_resources) {
	const project_source = project({ run: SLEEP });
	const root = await create('root', { project_source, tree_resources });
	await create('child', { spawned_by: name('root') });
	await create('grandchild', { spawned_by: name('child') });
	return { root, slice: `indexer-${root.uid}.slice`, ids: ['root', 'child', 'grandchild'] };
}

test('the limits of a tree are those of a slice in which all of it runs', async () => {
	const { root, slice, ids } = await tree({ memory_max_bytes: 512 * MIB, cpu_percent: 150, tasks_max: 99 });
	assert.deepEqual(root.tree_resources, { memory_max_bytes: 512 * MIB, cpu_percent: 150, tasks_max: 99 });
	assert.deepEqual(limits(slice), ['1.500000s', String(512 * MIB), '99'].sort());
	for (const id of ids) {
		assert.equal(sliceOf(id), slice);
		assert.equal(group(id), `/indexer.slice/${slice}/${unit(id)}`);
	}
	await create('apart', { project_source: root.project_source });
	assert.equal(sliceOf('apart'), 'indexer.slice');
	assert.equal(group('apart'), `/indexer.slice/${unit('apart')}`);
	assert.match(run('indexerctl get root'), /^Memory max: +536870912 bytes of the tree together$/m);

	await call('DeleteIndexer', { name: name('root') });
	await until(() => slices() === '');
	assert.deepEqual(fs.readdirSync('/run/systemd/transient').filter((file) => file.startsWith('indexer-')), [unit('apart')]);
});

test('its lines are live and stored, by themselves and as a tree', async () => {
	const { ids } = await tree({ tasks_max: 99 });
	const followed = lines({ parent: name('root'), recursive: true });
	const seen = await followed.take(3);
	assert.deepEqual(seen.map(({ indexer, content }) => `${indexer} ${content}`).sort(), ids.map((id) => `${name(id)} hello`).sort());
	const live = lines({ parent: name('child'), tail: 1 });
	await live.take(1);
	await call('RestartIndexer', { name: name('child') });
	assert.equal((await live.next()).content, 'hello');
	assert.equal((await followed.next()).indexer, name('child'));
});

test('another limit takes effect at once, and no process notices', async () => {
	const { slice, ids } = await tree({ memory_max_bytes: 512 * MIB });
	const before = ids.map(pid);
	const answer = await update('root', { tree_resources: { memory_max_bytes: 256 * MIB, tasks_max: 50 } }, 'tree_resources');
	assert.deepEqual(limits(slice), [String(256 * MIB), '50', 'infinity'].sort());
	assert.match(answer.status.message, /not restarted/);
	assert.match(run('indexerctl update root --tree-memory-max= --tree-cpu-percent=70'), /RUNNING: updated, not restarted$/);
	assert.deepEqual(limits(slice), ['700ms', '50', 'infinity'].sort());
	assert.deepEqual(ids.map(pid), before);

	// systemd reads all of it again, and the unit that is killed comes back into it.
	run('systemctl daemon-reload');
	assert.deepEqual(limits(slice), ['700ms', '50', 'infinity'].sort());
	process.kill(Number(before[1]), 'SIGKILL');
	await until(() => ![before[1], '0'].includes(pid('child')));
	assert.equal(group('child'), `/indexer.slice/${slice}/${unit('child')}`);

	// So does a daemon that finds the slice there.
	await restart();
	await update('root', { tree_resources: { tasks_max: 51 } }, 'tree_resources.tasks_max');
	assert.deepEqual(limits(slice), ['700ms', '51', 'infinity'].sort());
	assert.deepEqual([pid('root'), pid('grandchild')], [before[0], before[2]]);
});

test('limits are told to the slice also when the bus or PID 1 was gone, and what was missed then', async () => {
	const { slice, ids } = await tree({ tasks_max: 99 });
	const before = ids.map(pid);
	run('systemctl daemon-reexec');
	await served();
	await update('root', { tree_resources: { tasks_max: 98 } }, 'tree_resources');
	assert.equal(tasks(slice), '98');
	run('systemctl stop dbus.socket dbus.service');
	later(() => run('systemctl start dbus.socket dbus.service'));
	await refused(update('root', { tree_resources: { tasks_max: 97 } }, 'tree_resources'), 'UNAVAILABLE');
	run('systemctl start dbus.socket dbus.service');
	await until(() => update('root', { tree_resources: { tasks_max: 96 } }, 'tree_resources').then(() => true, () => false));
	assert.equal(tasks(slice), '96');
	// Somebody else has set it otherwise: the next daemon says again what is wanted.
	run(`systemctl set-property --runtime ${slice} TasksMax=5`);
	await restart();
	await until(() => tasks(slice) === '96');
	assert.deepEqual(ids.map(pid), before);
});

test('the first limit and the end of the last one start anew what runs, and only that', async () => {
	const { slice, ids } = await tree(undefined);
	assert.ok(ids.every((id) => sliceOf(id) === 'indexer.slice'));
	await create('stopped', { spawned_by: name('root') });
	await call('StopIndexer', { name: name('stopped') });
	await create('failed', { spawned_by: name('root'), script: 'run', restart: { policy: 'POLICY_NEVER' } });
	run(`systemctl kill -s KILL ${unit('failed')}`);
	await until(async () => (await call('GetIndexer', { name: name('failed') })).status.state === 'STATE_FAILED');

	const before = ids.map(pid);
	const answer = await update('root', { tree_resources: { tasks_max: 99 } }, 'tree_resources');
	assert.match(answer.status.message, /was restarted/);
	assert.notEqual(answer.status.main_pid, Number(before[0]));
	await until(() => ids.every((id, i) => ![before[i], '0'].includes(pid(id)) && sliceOf(id) === slice));
	assert.equal(tasks(slice), '99');

	const between = ids.map(pid);
	assert.match(run('indexerctl update root --tree-tasks-max='), /: updated, (restarted with PID \d+|being restarted)$/);
	await until(() => ids.every((id, i) => ![between[i], '0'].includes(pid(id)) && sliceOf(id) === 'indexer.slice'));
	await until(() => slices() === '');
	for (const [id, state] of [['stopped', 'STATE_STOPPED'], ['failed', 'STATE_FAILED']])
		assert.equal((await call('GetIndexer', { name: name(id) })).status.state, state);
	assert.ok(ids.every((id) => show(unit(id), 'NRestarts').NRestarts === '0'));
});

test('the slice is gone when none of it runs, and has its limits again with the first that does', async () => {
	const { slice, ids } = await tree({ tasks_max: 99 });
	for (const id of ids)
		await call('StopIndexer', { name: name(id) });
	await until(() => show(slice, 'ActiveState').ActiveState === 'inactive');
	await call('StartIndexer', { name: name('grandchild') });
	assert.deepEqual([sliceOf('grandchild'), tasks(slice)], [slice, '99']);
	assert.equal(group('grandchild'), `/indexer.slice/${slice}/${unit('grandchild')}`);

	// An administrator stops all of it; what is started then has limits, too.
	run(`systemctl stop ${slice}`);
	await until(async () => (await call('GetIndexer', { name: name('grandchild') })).status.state === 'STATE_STOPPED');
	await call('StartIndexer', { name: name('child') });
	assert.deepEqual([sliceOf('child'), tasks(slice)], [slice, '99']);
	assert.equal(show(slice, 'ActiveState').ActiveState, 'active');
});

test('a daemon that is killed in a move finishes it when it is back', async () => {
	const { slice, ids } = await tree(undefined);
	const before = ids.map(pid);
	const moving = update('root', { tree_resources: { tasks_max: 99 } }, 'tree_resources').catch(() => {});
	await until(() => pid('root') !== before[0]);
	run('systemctl kill -s KILL indexerd.service');
	await moving;
	await served();
	await until(() => ids.every((id, i) => ![before[i], '0'].includes(pid(id)) && sliceOf(id) === slice), { limit: 30_000 });
	assert.equal(tasks(slice), '99');
	await call('DeleteIndexer', { name: name('root') });
	await until(() => slices() === '');
});

test('many of one tree that begin at the same time are in one slice', async () => {
	const { slice } = await tree({ tasks_max: 999 });
	const ids = Array.from({ length: 20 }, (_, i) => `many-${i}`);
	for (const id of ['root', 'child', 'grandchild'])
		await call('StopIndexer', { name: name(id) });
	await Promise.all(ids.map((id) => create(id, { spawned_by: name('root') })));
	assert.ok(ids.every((id) => sliceOf(id) === slice));
	assert.equal(tasks(slice), '999');
});

test('limits of a tree are its root’s, and not for its indexers to change', async () => {
	const project_source = project({ run: SLEEP, factory: FACTORY });
	await create('root', { project_source, script: 'factory', tree_resources: { tasks_max: 99 },
		environment: { WORDS: 'update root --tree-tasks-max=' } });
	const error = await refused(create('child', { spawned_by: name('root'), tree_resources: { tasks_max: 9 } }),
		'INVALID_ARGUMENT', /indexer\.tree_resources: 'child' is spawned by 'root'/);
	assert.equal(error.reason, 'TREE_RESOURCES_OF_CHILD');
	await create('child', { spawned_by: name('root') });
	assert.equal((await refused(update('child', { tree_resources: { tasks_max: 9 } }, 'tree_resources'), 'INVALID_ARGUMENT')).reason,
		'TREE_RESOURCES_OF_CHILD');
	assert.equal((await refused(update('root', { tree_resources: { memory_max_bytes: 9 } }, 'tree_resources'),
		'INVALID_ARGUMENT', /indexer\.tree_resources\.memory_max_bytes: 9 is less than/)).reason, 'RESOURCES_INVALID');

	// The factory has tried.
	const said = await lines({ parent: name('root') }).next();
	assert.match(said.content, /PERMISSION_DENIED: indexer\.tree_resources: indexers\/root is an indexer of the tree/);
	assert.equal((await call('GetIndexer', { name: name('root') })).tree_resources.tasks_max, 99);
	// What it may change goes on to work from within a slice, with the limits sent along as they are.
	await update('root', { environment: { WORDS: 'update child --label=by=root' } }, 'environment');
	await until(async () => (await call('GetIndexer', { name: name('child') })).labels.by === 'root');
	await update('root', { environment: { WORDS: 'create own --script=run --runtime=exec --tree-tasks-max=5' } }, 'environment');
	await until(() => sh(`journalctl -q -o cat -u ${unit('root')}`).stdout.includes('TREE_RESOURCES_OF_CHILD'));
});

test('a drop-in for the slices of trees is in each of them', async () => {
	const directory = '/etc/systemd/system/indexer-.slice.d';
	fs.mkdirSync(directory, { recursive: true });
	fs.writeFileSync(`${directory}/50-weight.conf`, '[Slice]\nCPUWeight=7\n');
	run('systemctl daemon-reload');
	later(() => run(`rm -r ${directory} && systemctl daemon-reload`));
	const { slice } = await tree({ tasks_max: 99 });
	assert.deepEqual([show(slice, 'CPUWeight').CPUWeight, tasks(slice)], ['7', '99']);
});

test('limits of all together are an administrator’s drop-in, and the one that is shipped is right', async () => {
	const directory = '/etc/systemd/system/indexer.slice.d';
	fs.mkdirSync(directory, { recursive: true });
	fs.copyFileSync('/usr/share/doc/indexerd/examples/indexer.slice.conf', `${directory}/50-limits.conf`);
	later(() => run(`rm -r ${directory} && systemctl daemon-reload`));
	await create('root', { project_source: project({ run: SLEEP }) });
	const before = pid('root');
	run('systemctl daemon-reload');
	const all = show('indexer.slice', 'MemoryMax', 'MemoryHigh', 'CPUQuotaPerSecUSec', 'CPUWeight', 'TasksMax', 'IPAddressDeny');
	assert.ok(Number(all.MemoryHigh) > 0 && Number(all.MemoryMax) > Number(all.MemoryHigh));
	assert.deepEqual([all.CPUQuotaPerSecUSec, all.CPUWeight, all.TasksMax], ['6s', '50', '20000']);
	assert.match(all.IPAddressDeny, /169\.254\.169\.254\/32/);
	assert.match(all.IPAddressDeny, /fd00:ec2::254\/128/);
	assert.equal(run(`systemd-analyze verify indexer.slice 2>&1 | grep 50-limits || :`), '');
	assert.equal(pid('root'), before);
});
