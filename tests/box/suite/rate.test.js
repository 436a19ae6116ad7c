// SPDX-License-Identifier: Apache-2.0
//
// The journal's rate limit: that it holds for each indexer, that StreamLogs tells what it drops, and
// that there can be none.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, restart, run, sh, show, stream, test, unit, until } = require('./lib');

const CONFIG = '/etc/indexerd/indexerd.conf.d/rate.conf';
const RUNTIME = '/etc/indexerd/runtimes/limited.conf';
const FLOOD = 20_000;
const INTERVAL_SEC = 2, BURST = 100;
// journald takes the more, the more room its disk has: by the logarithm, and never so many times as many.
const BURST_FACTOR_MAX = 8;

// Lines that show the format, a flood of numbers behind them, an error, and, when journald counts anew,
// a last line.
const HEAD = 3;
const flood = (n, pause) => `#!/bin/bash\nfor i in $(seq ${HEAD}); do echo "<6>begin"; done\n` +
	`seq ${HEAD + 1} ${HEAD + n}\necho "<3>trouble"\nsleep ${pause}\necho end\nexec sleep infinity\n`;

const create = (indexer_id, main, runtime = 'exec') => call('CreateIndexer', {
	indexer_id, indexer: { runtime, script: 'main.sh', project_source: project({ 'main.sh': main }) },
});

async function configure(text) {
	later(async () => {
		fs.rmSync(CONFIG, { force: true });
		await restart();
	});
	fs.mkdirSync('/etc/indexerd/indexerd.conf.d', { recursive: true });
	fs.writeFileSync(CONFIG, `[Journal]\n${text}\n`);
	await restart();
}

const stored = (id, line) => until(() =>
	sh(`journalctl -q -o cat -u ${unit(id)} -n 20`).stdout.split('\n').includes(line), { limit: 60_000 });

const all = (parent) => stream('StreamLogs', { parent, no_follow: true }).rest(30_000);

const seconds = ({ time }) => time.seconds + time.nanos / 1e9;
const isLine = (record) => record.event === 'LOG_EVENT_UNSPECIFIED';
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

test('what is above the limit is dropped, and told as LOST: lines and losses add up', async () => {
	await configure(`RateLimitIntervalSec=${INTERVAL_SEC}\nRateLimitBurst=${BURST}`);
	await create('flood', flood(FLOOD, 4));
	const follower = stream('StreamLogs', { parent: 'indexers/flood' });
	const live = [];
	while (live.at(-1)?.content !== 'end')
		live.push(await follower.next(30_000));
	follower.cancel();
	const later = await all('indexers/flood');
	for (const [records, what] of [[live, 'live'], [later, 'stored']]) {
		const lines = records.filter(isLine).map((r) => r.content);
		const lost = sum(records.filter((r) => r.event === 'LOG_EVENT_LOST').map((r) => r.lost));
		assert.equal(lines.length + lost, HEAD + FLOOD + 2, what);
		assert.ok(lost > 0, what);
		// A new burst begins with the first line after the interval.
		const bursts = Math.floor((seconds(records.at(-1)) - seconds(records[0])) / INTERVAL_SEC) + 1;
		assert.ok(lines.length <= bursts * BURST * BURST_FACTOR_MAX, `${what}: ${lines.length} lines in ${bursts} bursts`);
		assert.ok(lines.length > BURST, `${what}: ${lines.length} lines`);
		assert.ok(lines.includes('trouble'), `${what}: errors are counted apart from INFO`);
		assert.equal(lines.at(-1), 'end');
		// Each loss is where it was: the lines before it and up to it are of these numbers.
		let number = 0;
		for (const record of records.filter((r) => isLine(r) || r.event === 'LOG_EVENT_LOST')) {
			number += isLine(record) ? 1 : record.lost;
			if (isLine(record) && /^\d+$/.test(record.content))
				assert.equal(Number(record.content), number, what);
		}
	}
	assert.match(run('journalctl -q -o cat -u systemd-journald'), /Suppressed \d+ messages from indexer-flood\.service/);
});

test('with 0 seconds there is no limit', async () => {
	await configure('RateLimitIntervalSec=0\nRateLimitBurst=1');
	await create('free', flood(100_000, 0));
	await stored('free', 'end');
	const records = await all('indexers/free');
	assert.equal(records.filter(isLine).length, HEAD + 100_002);
	assert.ok(!records.some((r) => r.event === 'LOG_EVENT_LOST'));
});

test('a change holds from the next start on, and a runtime has the last word', async () => {
	const main = '#!/bin/sh\nexec sleep infinity\n';
	const limits = (id) => Object.values(show(unit(id), 'LogRateLimitIntervalUSec', 'LogRateLimitBurst')).sort();
	fs.mkdirSync('/etc/indexerd/runtimes', { recursive: true });
	later(() => fs.rmSync(RUNTIME, { force: true }));
	fs.writeFileSync(RUNTIME, '[Runtime]\nDescription=Limited\nExec=${SCRIPT_PATH}\n' +
		'[Service]\nLogRateLimitBurst=7\n');
	await create('early', main);
	assert.deepEqual(limits('early'), ['1000000', '30s']);
	await configure('RateLimitIntervalSec=20\nRateLimitBurst=300');
	assert.deepEqual(limits('early'), ['1000000', '30s']);
	await call('RestartIndexer', { name: 'indexers/early' });
	assert.deepEqual(limits('early'), ['20s', '300']);
	await create('limited', main, 'limited');
	assert.deepEqual(limits('limited'), ['20s', '7']);
});
