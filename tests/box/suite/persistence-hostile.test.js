// SPDX-License-Identifier: Apache-2.0
//
// Back ends that answer nonsense, or never.
'use strict';

const net = require('node:net');
const { assert, call, health, later, project, run, test } = require('./lib');
const { configure, delayed, gone, remove } = require('./sinks');

const onData = (answer) => (socket) => socket.on('data', () => socket.write(answer));

function dripping(socket) {
	const timer = setInterval(() => socket.write('+'), 200);
	socket.on('close', () => clearInterval(timer));
}

// Servers that are none: what each does with who has connected.
const hostile = [
	['redis', 'mute', () => {}],
	['redis', 'garbage', onData('\0\xff<4>hello\n<0>wall\r\n')],
	['redis', 'an error with a line end in it', onData('-ERR <x>\u0007\n<0>wall\r\n')],
	['redis', 'closing', (socket) => socket.end()],
	['redis', 'another type', onData('*1\r\n$1\r\nx\r\n')],
	['redis', 'a huge array', onData('*2147483647\r\n')],
	['redis', 'a long error', onData(`-${'e'.repeat(5000)}\r\n`)],
	['redis', 'dripping', dripping],
	['etcd', 'mute', () => {}],
	['etcd', 'garbage', onData('\0\xff<4>hello\n<0>wall\r\n')],
	['etcd', 'dripping', dripping],
];

test('a back end that answers nonsense, or never: told in time, and the daemon serves meanwhile', async () => {
	const ports = [];
	for (const [, , behave] of hostile) {
		const server = net.createServer((socket) => {
			socket.on('error', () => {});
			behave(socket);
		});
		await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
		later(() => server.close());
		server.unref();
		ports.push(server.address().port);
	}
	const sleeper = { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': '#!/bin/sh\nexec sleep infinity\n' }) };
	const addresses = [];
	for (const [i, [backend]] of hostile.entries()) {
		addresses.push(`${backend === 'redis' ? 'redis' : 'http'}://127.0.0.1:${ports[i]}`);
		await configure([`Backend=${backend}`, `Address=${addresses[i]}`]);
		await call('CreateIndexer', { indexer_id: `hostile-${i}`, indexer: sleeper });
	}
	await configure(['TimeoutSec=2']);
	const all = addresses.map((address, i) => delayed(remove(`hostile-${i}`), new RegExp(address)));
	let answered = false;
	const errors = Promise.all(all).finally(() => (answered = true));
	let slowest = 0;
	while (!answered) {
		const begin = Date.now();
		assert.equal(await health(), 'SERVING');
		await call('ListIndexers', {});
		slowest = Math.max(slowest, Date.now() - begin);
		await Promise.race([errors, new Promise((resolve) => setTimeout(resolve, 20))]);
	}
	const text = (await errors).map((error) => error.details);
	console.log(`# the slowest list meanwhile took ${slowest} ms`);
	assert.ok(slowest < 1_000, `${slowest} ms`);
	for (const line of text)
		assert.match(line, /^[\x20-\x7e]{20,1023}$/);
	for (const [i, [backend, what]] of hostile.entries())
		console.log(`# ${backend}, ${what}: ${text[i].slice(0, 160)}`);
	assert.doesNotMatch(run('journalctl -q -o cat -p emerg'), /wall/);
	// As they came, so they go.
	await configure([`Abandoned=${addresses.join(' ')}`]);
	for (const i of hostile.keys())
		await gone(`hostile-${i}`);
});
