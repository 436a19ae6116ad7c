// SPDX-License-Identifier: Apache-2.0
//
// Restarts by cause: crash loops whose waits grow, what is not restarted, and what ends a wait. Times
// are the programs' own, and only lower bounds are tested: who is late is not wrong.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, refused, restart, run, served, sh, show, sleep, test, unit, until } =
	require('./lib');

const get = (id) => call('GetIndexer', { name: `indexers/${id}` });
const control = (what, id) => call(`${what}Indexer`, { name: `indexers/${id}` });
const update = (id, indexer, paths) =>
	call('UpdateIndexer', { indexer: { name: `indexers/${id}`, ...indexer }, update_mask: { paths } });
const make = (id, script, more = {}) => call('CreateIndexer', {
	indexer_id: id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': script }), ...more },
});

const ms = (value) => ({ seconds: Math.floor(value / 1000), nanos: (value % 1000) * 1e6 });
const backoff = (initial, max, policy = 'POLICY_ALWAYS') =>
	({ restart: { policy, initial_backoff: ms(initial), max_backoff: ms(max) } });
const MINUTE = backoff(60_000, 60_000);
const fields = (duration) => ({ seconds: Number(duration.seconds), nanos: duration.nanos });

// When the program began, each time, in milliseconds, by its own clock.
const STAMP = 'echo "begins $(date +%s%3N)"\n';
const begins = (uid) =>
	[...sh(`journalctl -q -o cat INDEXER_UID=${uid}`).stdout.matchAll(/^begins (\d+)$/mg)].map((m) => Number(m[1]));
// The waits that are told: { seconds, try, until }.
const waits = (uid) =>
	[...sh(`journalctl -q -o cat -p info INDEXER_UID=${uid}`).stdout.matchAll(/^Waiting ([\d.]+) s before try (\d+), until (\S+)$/mg)]
		.map((m) => ({ seconds: Number(m[1]), try: Number(m[2]), until: Date.parse(m[3]) }));
const waiting = (id) => until(async () => {
	const { status } = await get(id);
	return status.state === 'STATE_BACKING_OFF' && /^try \d+ at /.test(status.message) && status;
}, { limit: 30_000 });

function grow(times, initial, max) {
	for (let n = 1; n < times.length; n++) {
		const least = Math.min(max, initial * 2 ** (n - 1)) / 2;
		assert.ok(times[n] - times[n - 1] >= least, `gap ${n} of ${times.map((t) => t - times[0])}: less than ${least}`);
	}
}

test('a crash loop waits longer each time, and says until when', async () => {
	const made = await make('loop', `#!/bin/sh\n${STAMP}exit 3\n`, backoff(200, 1600));
	await until(() => begins(made.uid).length >= 8, { limit: 60_000 });
	grow(begins(made.uid), 200, 1600);
	const told = waits(made.uid);
	// The first may be too short to be told.
	assert.deepEqual(told.slice(-5).map((w) => w.try), told.slice(-5).map((_, i) => told.at(-1).try - 4 + i));
	assert.ok(told[0].try <= 3 && told.at(-1).try >= 8, told.map((w) => w.try).join());
	assert.ok(told.every((w) => w.seconds <= 1.6), 'none is longer than the longest');
	const tries = begins(made.uid);
	for (const w of told.filter((t) => t.try <= 8))
		assert.ok(tries[w.try - 1] >= w.until - 1, `try ${w.try} came before its time`);
	const status = await waiting('loop');
	assert.equal(status.last_exit.code, 3);
	assert.equal(status.last_exit.reason, 'REASON_EXITED');
	assert.ok(status.restart_count >= 7);
	assert.equal(status.main_pid, 0, 'there is no process of the indexer’s');
});

test('the wait is in the status of the API and of the unit, and systemd has no job for it', async () => {
	const made = await make('seen', `#!/bin/sh\n${STAMP}exit 3\n`, MINUTE);
	const status = await waiting('seen');
	const [, number, time] = /^try (\d+) at (\S+): exited with code 3$/.exec(status.message);
	assert.equal(number, '2');
	assert.ok(Date.parse(time) - begins(made.uid)[0] >= 30_000, status.message);
	assert.ok(Date.parse(time) - begins(made.uid)[0] <= 90_000, status.message);
	const shown = show(unit('seen'), 'ActiveState', 'StatusText', 'TimeoutStartUSec', 'RestartUSec');
	assert.equal(shown.ActiveState, 'activating');
	assert.match(shown.StatusText, new RegExp(`^Waiting \\d+ s before try 2, until ${time}$`));
	assert.equal(shown.TimeoutStartUSec, '2min 30s', 'the wait, and what a start may take');
	assert.match(sh(`systemctl status ${unit('seen')}`).stdout, /Status: "Waiting \d+ s before try 2, until /);
	const [line] = JSON.parse(`[${sh(`journalctl -q -o json INDEXER_UID=${made.uid} --grep '^Waiting '`).stdout.trim().replaceAll('\n', ',')}]`);
	assert.equal(line.PRIORITY, '6');
	await until(() => show(unit('seen'), 'Job').Job === '', { what: 'no job is left' });
	run('systemctl daemon-reload');
	assert.equal((await waiting('seen')).message, status.message, 'a daemon-reload changes nothing');
	assert.equal((await waiting('seen')).start_time.seconds, status.start_time.seconds);
});

test('start, restart and update do not wait, and begin anew', async () => {
	const made = await make('asked', `#!/bin/sh\n${STAMP}[ -e mended ] || exit 3\nexec sleep infinity\n`, MINUTE);
	await waiting('asked');
	for (const [n, ask] of [
		() => control('Start', 'asked'), () => control('Restart', 'asked'),
		() => update('asked', backoff(50_000, 60_000), ['restart.initial_backoff']),
	].entries()) {
		await ask();
		await until(() => begins(made.uid).length === n + 2);
		assert.equal((await waiting('asked')).message.slice(0, 5), 'try 2');
		assert.equal((await get('asked')).status.restart_count, 1);
	}
	fs.writeFileSync(`${made.project_source}/mended`, '');
	assert.equal((await control('Start', 'asked')).status.state, 'STATE_RUNNING');
	assert.ok(waits(made.uid).every((w) => w.try === 2));
});

test('an administrator’s restart does not wait either, nor a stop and a start', async () => {
	const made = await make('by-hand', `#!/bin/sh\n${STAMP}[ -e mended ] || exit 3\nexec sleep infinity\n`, MINUTE);
	await waiting('by-hand');
	fs.writeFileSync(`${made.project_source}/mended`, '');
	run(`systemctl restart ${unit('by-hand')}`);
	await until(() => begins(made.uid).length === 2, { what: 'a restart in its wait' });
	run(`systemctl restart ${unit('by-hand')}`);
	await until(() => begins(made.uid).length === 3, { what: 'one while it runs, and has not run for long' });
	run(`systemctl stop ${unit('by-hand')}; systemctl start ${unit('by-hand')}`);
	await until(() => begins(made.uid).length === 4, { what: 'a start after a stop' });
	assert.equal(waits(made.uid).length, 1);
	await until(async () => (await get('by-hand')).status.state === 'STATE_RUNNING');
});

for (const [who, stop] of [
	['an administrator', (id) => run(`systemctl stop ${unit(id)}`)],
	['StopIndexer', (id) => control('Stop', id)],
])
	test(`a stop by ${who} ends the wait at once, and is no end of the program`, async () => {
		await make('stopped', `#!/bin/sh\n${STAMP}exit 3\n`, MINUTE);
		const { last_exit } = await waiting('stopped');
		const begin = Date.now();
		await stop('stopped');
		assert.ok(Date.now() - begin < 20_000, 'it does not take the rest of the wait');
		const { status } = await until(async () => {
			const now = await get('stopped');
			return now.status.state === 'STATE_STOPPED' && now;
		});
		assert.deepEqual(status.last_exit, last_exit);
		assert.equal(show(unit('stopped'), 'MainPID').MainPID, '0');
		assert.ok(!fs.existsSync('/run/private/indexers/stopped'));
	});

test('without the daemon it goes on in the same way', async () => {
	later(served);
	const made = await make('alone', `#!/bin/sh\n${STAMP}exit 3\n`, backoff(200, 60_000));
	run('systemctl stop indexerd.service');
	await until(() => begins(made.uid).length >= 7, { limit: 60_000 });
	assert.equal(show('indexerd.service', 'ActiveState').ActiveState, 'inactive');
	grow(begins(made.uid), 200, 60_000);
	run('systemctl start indexerd.service');
	await served();
	const { uid, status } = await get('alone');
	assert.equal(uid, made.uid);
	assert.equal(status.state, 'STATE_BACKING_OFF');
	assert.match((await waiting('alone')).message, /^try ([89]|1\d) at /);
});

test('a healthy run is the end of a row', async () => {
	const file = '/etc/indexerd/runtimes/quick.conf';
	run(`mkdir -p /etc/indexerd/runtimes && sed '/^Description=/a HealthySec=15' /usr/lib/indexerd/runtimes/exec.conf > ${file}`);
	later(() => run(`rm -f ${file} && systemctl reload indexerd.service`));
	run('systemctl reload indexerd.service');
	const made = await make('healthy', '#!/bin/sh\ncd "$STATE_DIRECTORY"; echo >> runs\n' +
		'case $(wc -l < runs) in 4) sleep 15.1; exit 1;; 6) exec sleep infinity;; *) exit 1;; esac\n',
	{ ...backoff(1200, 2400), runtime: 'quick' }); // each wait is long enough to be told
	await until(() => waits(made.uid).length >= 5, { limit: 90_000 });
	assert.deepEqual(waits(made.uid).map((w) => w.try), [2, 3, 4, 2, 3]);
});

test('78 is not restarted, whatever the policy', async () => {
	for (const [i, policy] of ['POLICY_ALWAYS', 'POLICY_ON_FAILURE', 'POLICY_NEVER'].entries()) {
		const made = await make(`config-${i}`, `#!/bin/sh\n${STAMP}exit 78\n`, backoff(100, 100 * 10, policy));
		const { status } = await until(async () => {
			const now = await get(`config-${i}`);
			return now.status.state === 'STATE_FAILED' && now;
		});
		assert.equal(status.last_exit.reason, 'REASON_CONFIGURATION');
		assert.equal(status.last_exit.code, 78);
		assert.match(status.message, /configuration/);
		await sleep(500);
		assert.equal(begins(made.uid).length, 1, policy);
		assert.equal(status.restart_count, 0);
	}
});

test('75 and a signal are restarted, unless the policy is never; exit code 0 follows the policy', async () => {
	const restarted = [
		['POLICY_ALWAYS', 'exit 75', true], ['POLICY_ON_FAILURE', 'exit 75', true], ['POLICY_NEVER', 'exit 75', 'STATE_FAILED'],
		['POLICY_ALWAYS', 'kill -9 $$', true], ['POLICY_ON_FAILURE', 'kill -9 $$', true], ['POLICY_NEVER', 'kill -9 $$', 'STATE_FAILED'],
		['POLICY_ALWAYS', 'exit 0', true], ['POLICY_ON_FAILURE', 'exit 0', 'STATE_STOPPED'], ['POLICY_NEVER', 'exit 0', 'STATE_STOPPED'],
	];
	const made = await Promise.all(restarted.map(([policy, end], i) =>
		make(`cause-${i}`, `#!/bin/sh\n${STAMP}${end}\n`, backoff(100, 1000, policy))));
	for (const [i, [policy, end, what]] of restarted.entries()) {
		if (what === true)
			await until(() => begins(made[i].uid).length >= 3, { what: `${policy}: ${end} is restarted` });
		else
			await until(async () => (await get(`cause-${i}`)).status.state === what, { what: `${policy}: ${end} is ${what}` });
	}
	for (const [i, [policy, end, what]] of restarted.entries())
		if (what !== true)
			assert.equal(begins(made[i].uid).length, 1, `${policy}: ${end}`);
});

test('an update of the back-off in a wait is in the unit, and in what Get and List say', async () => {
	const made = await make('changed', `#!/bin/sh\n${STAMP}exit 3\n`, MINUTE);
	await waiting('changed');
	const updated = await update('changed', backoff(400, 2000), ['restart']);
	assert.match(updated.status.message, /was restarted/);
	assert.notEqual(updated.etag, made.etag);
	for (const { restart } of [updated, await get('changed'), (await call('ListIndexers', {})).indexers.find((i) => i.uid === made.uid)]) {
		assert.deepEqual(fields(restart.initial_backoff), ms(400));
		assert.deepEqual(fields(restart.max_backoff), ms(2000));
	}
	await until(() => begins(made.uid).length >= 5, { limit: 30_000 });
	grow(begins(made.uid).slice(1), 400, 2000);
	const shown = show(unit('changed'), 'RestartUSec', 'TimeoutStartUSec');
	assert.deepEqual(shown, { RestartUSec: '200ms', TimeoutStartUSec: '1min 32s' });

	const cleared = await update('changed', {}, ['restart.initial_backoff', 'restart.max_backoff']);
	assert.deepEqual([fields(cleared.restart.initial_backoff), fields(cleared.restart.max_backoff)], [ms(1000), ms(300_000)]);
	await restart();
	assert.deepEqual(fields((await get('changed')).restart.max_backoff), ms(300_000), 'it is in the registry');
});

test('a back-off out of bounds is refused, and says them', async () => {
	const rows = [
		[{ initial_backoff: ms(99) }, 'initial_backoff', /0\.099 s is not from 0\.1 s to 86400 s/],
		[{ max_backoff: ms(86_401_000) }, 'max_backoff', /86401 s is not from 0\.1 s to 86400 s/],
		[{ initial_backoff: ms(3000), max_backoff: ms(2000) }, 'initial_backoff', /3 s is more than max_backoff, 2 s/],
		[{ initial_backoff: { seconds: -1 } }, 'initial_backoff', /-1 s/],
		[{ max_backoff: { nanos: 1e9 } }, 'max_backoff', /1000000000 ns/],
	];
	for (const [restart, field, words] of rows) {
		const error = await refused(make('refused', '#!/bin/sh\n', { restart }), 'INVALID_ARGUMENT', words);
		assert.equal(error.reason, 'BACKOFF_INVALID');
		assert.equal(error.info.BadRequest[0].field_violations[0].field, `indexer.restart.${field}`);
	}
	await make('strict', '#!/bin/sh\nexec sleep infinity\n', backoff(1000, 2000));
	await refused(update('strict', { restart: { initial_backoff: ms(3000) } }, ['restart.initial_backoff']), 'INVALID_ARGUMENT', /max_backoff/);
});

test('an indexer that spoils the record of its own tries waits all the same', async () => {
	for (const [id, spoil] of Object.entries({
		garbage: 'head -c 100000 /dev/urandom > tries',
		fifo: 'rm -f tries; mkfifo tries',
		link: 'ln -sf /etc/shadow tries',
		directory: 'rm -f tries; mkdir tries tries.new; :',
		future: 'echo "failed=4294967294 began=18446744073709551615 ended=18446744073709551615" > tries',
	})) {
		const made = await make(`bad-${id}`, `#!/bin/sh\n${STAMP}cd "$RUNTIME_DIRECTORY" && ${spoil}\nexit 3\n`, backoff(400, 800));
		await until(() => begins(made.uid).length >= 3, { limit: 30_000, what: id });
		const times = begins(made.uid);
		for (let n = 1; n < 3; n++)
			assert.ok(times[n] - times[n - 1] >= 200, `${id}: ${times}`);
		assert.ok(waits(made.uid).every((w) => w.seconds <= 0.8), id);
		await call('DeleteIndexer', { name: `indexers/bad-${id}` });
		assert.ok(!fs.existsSync(`/run/private/indexers/bad-${id}`));
	}
});

test('a delete ends a wait', async () => {
	await make('gone', '#!/bin/sh\nexit 3\n', MINUTE);
	await waiting('gone');
	await call('DeleteIndexer', { name: 'indexers/gone' }, { deadline: 20_000 });
});
