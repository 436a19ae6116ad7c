// SPDX-License-Identifier: Apache-2.0
//
// Projects that are fetched: by git, pinned to a commit, shared, kept over restarts and reboots of what runs them;
// what fails, in git's words; and what is asked for meanwhile.
'use strict';

const fs = require('node:fs');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { assert, call, later, lines, refused, restart, run, served, sh, show, stream, test, unit, until } = require('./lib');
const { configure } = require('./people');
const { ended, gate, repository, ssh } = require('./repositories');

const CACHE = '/var/cache/indexerd';
const SLEEPER = '#!/bin/sh\necho here\nexec sleep infinity\n';
const TELL = '#!/bin/sh\ncat word.txt\nexec sleep infinity\n';

const create = (indexer_id, indexer) => ended(call('CreateIndexer', { indexer_id, indexer: { script: 'main.sh', ...indexer } }));
// A promise that may be rejected before it is awaited.
function told(promise) {
	promise.catch(() => {});
	return promise;
}

const get = (id) => call('GetIndexer', { name: `indexers/${id}` });
const settled = (id, state, limit = 30_000) => until(async () => {
	const indexer = await get(id);
	return indexer.status.state === state && indexer;
}, { limit, what: `${id} is ${state}` });

// Until the indexer's stream has the line.
async function said(id, content) {
	const log = lines({ parent: `indexers/${id}` });
	for (;;) {
		const line = await log.next();
		assert.ok(line, `the end of the log of ${id}`);
		if (line.content.includes(content))
			return line;
	}
}

const units = () => run("systemctl list-units --all --plain --no-legend 'indexerd-fetch-*' | awk '{ print $1 }'")
	.split('\n').filter(Boolean);
const checkouts = () => (fs.existsSync(CACHE) ? fs.readdirSync(CACHE) : []).filter((name) => /^[0-9a-f]{64}$/.test(name));
const fetches = () => sh("journalctl -q -o cat --grep 'Finished.*Fetch of an indexer' _PID=1 | wc -l").stdout.trim() | 0;

// Nothing is left of a fetch but its checkout.
const idle = () => until(() => units().length === 0 &&
	fs.readdirSync(CACHE).every((name) => /^[0-9a-f]{64}$/.test(name)), { limit: 30_000 });

test('a project is fetched, its runtime chosen by what it holds, and its commit kept', async () => {
	const repo = repository({ 'main.sh': TELL, 'word.txt': 'first\n' });
	const made = await create('git', { project_source: `${repo.url}#main` });
	assert.equal(made.project_source, `${repo.url}#main`);
	assert.equal(made.status.state, 'STATE_RUNNING', made.status.message);
	assert.equal(made.runtime, 'exec');
	assert.equal(made.status.message, `of commit ${repo.first}`);
	await said('git', 'first');

	// It is read-only, its own, and all of the cache that it can see.
	const { MainPID } = show(unit('git'), 'MainPID');
	const inside = (command) => sh(`nsenter -t ${MainPID} -m -S $(stat -c %u /proc/${MainPID}) sh -c '${command}'`);
	assert.match(inside('ls /run/indexerd/project/tree').stdout, /^main.sh\nword.txt$/m);
	assert.notEqual(inside('touch /run/indexerd/project/tree/x').code, 0);
	assert.notEqual(inside('ls /var/cache/indexerd').code, 0);

	// The branch goes on, and nothing that starts it again moves it.
	repo.commit({ 'word.txt': 'second\n' });
	const before = checkouts(), n = fetches();
	await call('RestartIndexer', { name: 'indexers/git' });
	run(`systemctl kill -s KILL ${unit('git')}`);
	await restart();
	await settled('git', 'STATE_RUNNING');
	assert.deepEqual(checkouts(), before);
	assert.equal(fetches(), n);
	assert.equal((await get('git')).status.message, `of commit ${repo.first}`);

	// One that is made now has the newer one; naming the source in an update is asking for it.
	const newer = await create('newer', { project_source: repo.url });
	assert.notEqual(newer.status.message, made.status.message);
	const updated = await call('UpdateIndexer', {
		indexer: { name: 'indexers/git', project_source: `${repo.url}#main` }, update_mask: { paths: ['project_source'] },
	});
	assert.match(updated.status.message, /updated; the process was restarted/);
	assert.equal((await get('git')).status.message, newer.status.message);
	await said('git', 'second');
	await idle();
});

test('one fetch serves all that ask for it, and a child has what its parent has', async () => {
	const repo = repository({ 'main.sh': SLEEPER, 'other.sh': SLEEPER }), n = fetches(), before = checkouts();
	const added = () => checkouts().filter((key) => !before.includes(key)).length;
	const project_source = `${repo.url}#main`;
	const ids = Array.from({ length: 12 }, (_, i) => `same-${i}`);
	const made = await Promise.all(ids.map((id) => create(id, { project_source })));
	assert.deepEqual(new Set(made.map((i) => i.status.state)), new Set(['STATE_RUNNING']));
	assert.equal(fetches(), n + 1);
	assert.equal(added(), 1);

	// The commit alone is asked for once more, and is the same.
	await create('later', { project_source: repo.url });
	assert.equal(added(), 1);

	repo.commit({ 'other.sh': `${SLEEPER}# newer\n` });
	const m = fetches();
	const child = await create('child', { spawned_by: 'indexers/same-0', script: 'other.sh' });
	assert.equal(child.status.state, 'STATE_RUNNING', child.status.message);
	assert.equal(child.project_source, project_source);
	assert.equal(child.status.message, `of commit ${repo.first}`);
	assert.equal(fetches(), m);

	// A commit by its whole id, which is no branch's any more.
	repo.git('checkout -q main');
	const lost = repo.commit({ 'main.sh': `${SLEEPER}# lost\n` }, 'lost');
	repo.git('push -q origin :lost');
	const pinned = await create('pinned', { project_source: `${repo.url}#${repo.first}` });
	assert.equal(pinned.status.message, `of commit ${repo.first}`);
	assert.notEqual(lost, repo.first);
	await idle();
});

test('what cannot be fetched or is not in it fails in words, and can be mended', async () => {
	const repo = repository({ 'main.sh': SLEEPER, 'a/plain.txt': 'x' });
	const failed = async (id, indexer, words) => {
		await create(id, indexer);
		const got = await settled(id, 'STATE_FAILED');
		assert.match(got.status.message, words);
		assert.equal(got.status.last_exit.reason, 'REASON_START_FAILED');
		return got;
	};
	await failed('branch', { project_source: `${repo.url}#nope` }, /the project cannot be fetched: .*nope/);
	await said('branch', 'nope');
	await failed('nothing', { project_source: 'file:///srv/no-such.git' },
		/^the project cannot be fetched: [^\\]*no-such\.git[^\\]* and the repository exists\.$/);
	await failed('script', { project_source: repo.url, runtime: 'exec', script: 'nope.sh' }, /indexer\.script: 'nope\.sh'/);
	await failed('dir', { project_source: repo.url, project_dir: 'nope' }, /indexer\.project_dir: 'nope'/);
	await failed('runtime', { project_source: repo.url, project_dir: 'a', script: 'plain.txt' }, /name one of/);
	await until(() => /^runtime: it cannot be started: .*name one of/m.test(run('journalctl -q -o cat -u indexerd')));
	assert.match(run('indexerctl list'), /^indexers\/runtime +FAILED +- +- /m);
	assert.equal(sh(`indexerctl create chosen --script=plain.txt --project-source=${repo.url}`).stdout,
		'indexers/chosen FAILED\n');
	assert.match(run('indexerctl get runtime'), /^Last exit: +START_FAILED, \d{4}-/m);
	assert.match(run('indexerctl get branch'), /the project cannot be fetched/);

	// Mended on the other side, or here.
	repo.commit({}, 'nope');
	assert.equal((await ended(call('StartIndexer', { name: 'indexers/branch' }))).status.state, 'STATE_RUNNING');
	const updated = await ended(call('UpdateIndexer', {
		indexer: { name: 'indexers/script', script: 'main.sh' }, update_mask: { paths: ['script'] },
	}));
	assert.equal(updated.status.state, 'STATE_RUNNING', updated.status.message);
	await idle();
});

test('what is no source, and what would show a secret, is refused', async () => {
	const secret = 'hush-4f1d22';
	const wrong = async (project_source, words, name = 'INVALID_ARGUMENT', reason = 'PROJECT_SOURCE_INVALID') => {
		const error = await refused(create('wrong', { project_source }), name, words);
		assert.equal(error.reason, reason);
		assert.equal(JSON.stringify([error.details, error.info]).includes(secret), false, error.details);
	};
	await wrong(`https://user:${secret}@example.org/p.git`, /credential=NAME/);
	await wrong(`https://${secret}@example.org/p.git`, /credential=NAME/);
	await wrong(`git+ssh://git:${secret}@example.org/p.git`, /credential/);
	await wrong(`https:/user:${secret}@example.org/p.git`, /project_source/);
	await wrong(`https://example.org/p.git?token=${secret}`, /credential=NAME/);
	await wrong('http://example.org/p.git', /https/);
	await wrong('git@example.org:p.git', /ssh:\/\//);
	await wrong('git://example.org/p.git', /https/);
	await wrong('file:///srv/p.git#--upload-pack=x', /#/);
	await wrong('https://example.org/p.git?credential=other', /credential other/, 'PERMISSION_DENIED', 'CREDENTIAL_FORBIDDEN');
	await wrong('/srv/p.zip', /\.tar\.gz/, 'UNIMPLEMENTED', 'PROJECT_SOURCE_UNSERVED');
	await wrong('a/b', /absolute/, 'INVALID_ARGUMENT', 'PATH_NOT_ABSOLUTE');
	await refused(create('wrong', { project_source: 'https://example.org/p.git', runtime: 'nope' }), 'INVALID_ARGUMENT', /no runtime 'nope'/);
	await refused(create('wrong', { project_source: 'https://example.org/p.git', project_dir: '..' }), 'INVALID_ARGUMENT', /leaves/);
	assert.notEqual(sh(`journalctl -q | grep -F ${secret}`).code, 0);
	assert.notEqual(sh(`grep -rF ${secret} /var/lib/indexerd /run/indexerd`).code, 0);
});

test('a fetch is ended by Delete, Stop and Update, and by its time', async () => {
	const repo = repository({ 'main.sh': SLEEPER });
	const door = await gate();
	const project_source = door.url('ssh://git@127.0.0.1:22/p.git');
	const begin = async (id) => {
		const made = told(create(id, { project_source }));
		await until(async () => (await get(id).catch(() => null))?.status.message === `fetching ${project_source}`);
		await until(() => units().length === 1);
		await door.knocked();
		return { made };
	};
	const gone = () => until(() => units().length === 0);

	const deleted = await begin('deleted');
	await call('DeleteIndexer', { name: 'indexers/deleted' });
	await refused(deleted.made, 'ABORTED', /being deleted/);
	await gone();

	const stopped = await begin('stopped');
	assert.equal((await get('stopped')).status.state, 'STATE_STARTING');
	const answer = await call('StopIndexer', { name: 'indexers/stopped' });
	assert.equal(answer.status.state, 'STATE_STOPPED');
	await stopped.made;
	await gone();

	const changed = told(call('StartIndexer', { name: 'indexers/stopped' }));
	await door.knocked();
	const updated = await ended(call('UpdateIndexer', {
		indexer: { name: 'indexers/stopped', project_source: repo.url }, update_mask: { paths: ['project_source'] },
	}));
	assert.equal(updated.status.state, 'STATE_RUNNING', updated.status.message);
	await changed;
	await gone();

	await configure('[Source]\nTimeoutSec=1\n');
	await create('late', { project_source });
	assert.match((await settled('late', 'STATE_FAILED')).status.message, /not ended within 1 s, which is TimeoutSec=/);
	await idle();
});

test('an update lets the process go on until what it wants is there, and where that cannot be had', async () => {
	const server = await ssh(), door = await gate(server.port);
	const repo = repository({ 'main.sh': TELL, 'word.txt': 'one\n' });
	const update = (project_source) => call('UpdateIndexer', {
		indexer: { name: 'indexers/kept', project_source }, update_mask: { paths: ['project_source'] },
	});
	const made = await create('kept', { project_source: repo.url });
	const pid = made.status.main_pid;
	assert.equal(made.status.state, 'STATE_RUNNING');

	const url = `${door.url(server.url(repo))}?credential=indexer.deploy`;
	const updated = told(update(url));
	await door.knocked();
	await until(async () => (await get('kept')).status.message === `fetching ${url}`);
	const meanwhile = await get('kept');
	assert.deepEqual([meanwhile.status.state, meanwhile.status.main_pid], ['STATE_RUNNING', pid]);
	door.open();
	assert.equal((await ended(updated)).status.state, 'STATE_RUNNING');
	const after = await settled('kept', 'STATE_RUNNING');
	assert.notEqual(after.status.main_pid, pid);
	assert.equal(after.status.message, `of commit ${repo.first}`);

	// What is not there costs nothing but words.
	const wrong = await update(`${repo.url}#nope`);
	assert.equal(wrong.status.state, 'STATE_RUNNING');
	assert.match(wrong.status.message, /cannot be fetched: .*nope.*; the process of before the change goes on/s);
	assert.equal(wrong.status.main_pid, after.status.main_pid);
	await restart();
	await until(async () => /goes on$/.test((await get('kept')).status.message));
	assert.equal((await get('kept')).status.main_pid, after.status.main_pid);
	repo.commit({ 'word.txt': 'two\n' }, 'nope');
	assert.equal((await ended(call('StartIndexer', { name: 'indexers/kept' }))).status.state, 'STATE_RUNNING');
	await said('kept', 'two');
	await update(`${repo.url}#none`);
	await call('StopIndexer', { name: 'indexers/kept' });
	assert.equal((await ended(call('StartIndexer', { name: 'indexers/kept' }))).status.state, 'STATE_FAILED');
	await idle();
});

test('an update that no process sees leaves a fetch alone', async () => {
	const server = await ssh(), door = await gate(server.port);
	const repo = repository({ 'main.sh': SLEEPER });
	told(create('named', { project_source: `${door.url(server.url(repo))}?credential=indexer.deploy` }));
	await door.knocked();
	const before = units();
	await call('UpdateIndexer', {
		indexer: { name: 'indexers/named', labels: { team: 'a' } }, update_mask: { paths: ['labels'] },
	});
	assert.deepEqual(units(), before);
	door.open();
	const named = await settled('named', 'STATE_RUNNING');
	assert.deepEqual([named.labels, named.status.message], [{ team: 'a' }, `of commit ${repo.first}`]);
	await idle();
});

test('what a process has stays there, also when the daemon has forgotten what it started', async () => {
	const repo = repository({ 'main.sh': '#!/bin/sh\nwhile sleep 0.1; do cat /run/indexerd/project/tree/word.txt; done\n', 'word.txt': 'here\n' });
	const others = checkouts(), made = await create('kept', { project_source: repo.url });
	const kept = checkouts().filter((key) => !others.includes(key));
	await create('spare', { project_source: repository({ 'main.sh': SLEEPER }).url });
	const spare = checkouts().filter((key) => ![...others, ...kept].includes(key));
	assert.deepEqual([kept.length, spare.length], [1, 1]);
	const wrong = await call('UpdateIndexer', {
		indexer: { name: 'indexers/kept', project_source: `${repo.url}#nope` }, update_mask: { paths: ['project_source'] },
	});
	assert.equal(wrong.status.main_pid, made.status.main_pid);
	await call('DeleteIndexer', { name: 'indexers/spare' });
	await configure('[Source]\nKeepUnusedSec=0\n');
	await until(() => !checkouts().includes(spare[0]));
	await idle();
	assert.ok(checkouts().includes(kept[0]));
	assert.equal(sh(`nsenter -t ${made.status.main_pid} -m cat /run/indexerd/project/tree/word.txt`).stdout, 'here\n');
});

test('a cache of very many checkouts is no hindrance', async () => {
	const names = Array.from({ length: 16_500 }, (_, i) => i.toString(16).padStart(64, '0'));
	run('systemctl stop indexerd.socket indexerd-unit.socket indexerd.service');
	for (const name of names)
		fs.mkdirSync(`${CACHE}/${name}/tree`, { recursive: true });
	later(async () => {
		run('systemctl stop indexerd.socket indexerd-unit.socket indexerd.service');
		for (const name of names)
			fs.rmSync(`${CACHE}/${name}`, { recursive: true, force: true });
		run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
		await served();
	});
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	const made = await create('many', { project_source: repository({ 'main.sh': SLEEPER }).url });
	assert.equal(made.status.state, 'STATE_RUNNING', made.status.message);
});

test('lines of a fetch hide none of those of the process that goes on, and make none lost', async () => {
	const repo = repository({ 'main.sh': '#!/bin/sh\nwhile sleep 0.05; do echo "tick=$((n += 1))"; done\n' });
	await create('ticks', { project_source: repo.url });
	await said('ticks', 'tick=3');
	const log = stream('StreamLogs', { parent: 'indexers/ticks', level: 'LOG_LEVEL_INFO' });
	const refuse = async (ref) => {
		const told = run(`indexerctl update ticks --project-source='${repo.url}#${ref}'`);
		assert.match(told, new RegExp(`RUNNING: updated, not restarted: the project cannot be fetched: .*'${ref}'`));
	};
	await refuse('nope');
	await said('ticks', `has no branch or tag 'nope'`);
	await refuse('none');
	const ticks = [], events = [];
	for (let fetched = 0, after = 0; after < 3;) {
		const record = await log.next();
		if (record.event !== 'LOG_EVENT_UNSPECIFIED') {
			events.push(record.event);
		} else if (/^tick=/.test(record.content)) {
			ticks.push(record.content);
			after += fetched === 2;
		} else {
			fetched += /has no branch or tag/.test(record.content);
		}
	}
	assert.deepEqual(events, ['LOG_EVENT_STARTED']);
	assert.deepEqual(ticks, ticks.map((_, i) => `tick=${i + 1}`));
	log.cancel();
	await idle();
});

test('only so many are fetched at one time', async () => {
	await configure('[Source]\nMaxFetches=1\n');
	const repo = repository({ 'main.sh': SLEEPER }), door = await gate();
	const first = told(create('first', { project_source: door.url('ssh://git@127.0.0.1:22/p.git') }));
	await door.knocked();
	const second = told(create('second', { project_source: repo.url }));
	await until(async () => (await get('second').catch(() => null))?.status.message === 'waits until other projects are fetched');
	assert.equal(units().length, 1);
	await call('DeleteIndexer', { name: 'indexers/first' });
	await refused(first, 'ABORTED');
	assert.equal((await second).status.state, 'STATE_RUNNING');
});

test('a fetch goes on without the daemon, and is found again', async () => {
	const server = await ssh(), repo = repository({ 'main.sh': TELL, 'word.txt': 'over ssh\n' });
	const url = `${server.url(repo)}?credential=indexer.deploy`, n = fetches();

	// Killed, and back before the fetch has ended.
	let door = await gate(server.port);
	const first = create('back', { project_source: door.url(url) }).catch(() => {});
	await door.knocked();
	const [before] = units();
	run('systemctl kill -s KILL indexerd.service');
	await first;
	await served();
	await until(async () => (await get('back')).status.message?.startsWith('fetching'));
	assert.deepEqual(units(), [before]);
	door.open();
	await settled('back', 'STATE_RUNNING');
	await said('back', 'over ssh');
	assert.equal(fetches(), n + 1);

	// Away when it ends.
	door = await gate(server.port);
	const second = create('away', { project_source: door.url(url) }).catch(() => {});
	await door.knocked();
	run('systemctl stop indexerd.socket indexerd-unit.socket');
	run('systemctl kill -s KILL indexerd.service && systemctl stop indexerd.service');
	await second;
	door.open();
	await until(() => units().length === 0);
	assert.equal(fetches(), n + 2);
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	await settled('away', 'STATE_RUNNING');
	assert.equal(fetches(), n + 2);

	// Deleted, and killed before it could end it.
	door = await gate(server.port);
	const third = create('lost', { project_source: door.url(url) }).catch(() => {});
	await door.knocked();
	run('systemctl kill -s STOP indexerd.service');
	const deleted = call('DeleteIndexer', { name: 'indexers/lost' }).catch(() => {});
	run('systemctl kill -s KILL indexerd.service');
	await Promise.all([third, deleted]);
	await served();
	await call('DeleteIndexer', { name: 'indexers/lost', allow_missing: true });
	await idle();
});

test('a cache that was emptied is filled again with the same commit', async () => {
	const repo = repository({ 'main.sh': TELL, 'word.txt': 'old\n' });
	await create('kept', { project_source: `${repo.url}#main` });
	repo.commit({ 'word.txt': 'new\n' });
	await call('StopIndexer', { name: 'indexers/kept' });
	run(`rm -rf ${CACHE}/*`);
	const started = await call('StartIndexer', { name: 'indexers/kept' });
	assert.equal(started.status.message, `of commit ${repo.first}`);
	await until(() => lines({ parent: 'indexers/kept', no_follow: true }).rest()
		.then((all) => all.filter((l) => l.content === 'old').length === 2));
});

test('checkouts that nobody uses are removed, and all together are bounded', async () => {
	await configure('[Source]\nKeepUnusedSec=0\nMaxMiB=3\nCacheMaxMiB=4\n');
	const big = '#'.repeat(2 << 20), repo = repository({ 'main.sh': SLEEPER, 'big': big });
	await create('one', { project_source: repo.url });
	await settled('one', 'STATE_RUNNING');
	const first = checkouts();
	repo.commit({ 'big': `${big}#` });
	await create('two', { project_source: repo.url });
	await settled('two', 'STATE_FAILED');
	repo.commit({ 'bigger': '#'.repeat(8 << 20) });
	await create('three', { project_source: repo.url });
	assert.match((await settled('three', 'STATE_FAILED')).status.message, /cannot be fetched|CacheMaxMiB=/);
	assert.deepEqual(checkouts(), first);
	await call('DeleteIndexer', { name: 'indexers/one' });
	await until(() => checkouts().length === 0);
	await idle();
	assert.equal((await ended(call('StartIndexer', { name: 'indexers/two' }))).status.state, 'STATE_FAILED');
});
