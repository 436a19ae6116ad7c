// SPDX-License-Identifier: Apache-2.0
//
// What libgrpc 1.51 does to itself under a hostile peer, and that it does not do it here.
'use strict';

const http2 = require('node:http2');
const net = require('node:net');
const zlib = require('node:zlib');
const { assert, call, health, later, sleep, test, until } = require('./lib');
const { configure } = require('./people');
const { descriptors, HEADERS, request, resident, session, SOCKET } = require('./hostile');

test('a gzip bomb is not unpacked', async () => {
	const bomb = zlib.gzipSync(Buffer.alloc(200 << 20));
	const frame = Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), bomb]);
	frame.writeUInt32BE(bomb.length, 1);
	const answer = await request(session(), { 'grpc-encoding': 'gzip' }, frame);
	assert.notEqual(answer?.['grpc-status'], '0');
	assert.ok(resident() < 100, `${resident()} MB resident`);
	assert.equal(await health(), 'SERVING');
});

test('long headers are refused once the peer has our settings', async () => {
	const s = session();
	assert.equal((await request(s, {}, Buffer.alloc(5)))['grpc-status'], '0');
	const answer = await request(s, { 'x-long': 'x'.repeat(20_000) }, Buffer.alloc(5));
	assert.equal(answer['grpc-status'], '8');
	assert.equal(await health(), 'SERVING');
});

// Before a peer has acknowledged our settings, core takes what HTTP/2 allows by default, and chews on
// it for long. It can occupy one thread of the queue with that, so there is another one.
test('long header literals of many new peers: others are served meanwhile', async () => {
	const peers = Array.from({ length: 20 }, () =>
		request(session(), { 'x-long': 'x'.repeat(60_000) }, Buffer.alloc(5)));
	assert.equal(await health('', { deadline: 5_000 }), 'SERVING');
	await Promise.race([Promise.all(peers), sleep(10_000)]);
	assert.ok(resident() < 100, `${resident()} MB resident`);
	assert.equal(await health('', { deadline: 5_000 }), 'SERVING');
});

test('rapid resets are bounded, and over soon for who is of the same user', async () => {
	await configure('[Limits]\nKeepOutSec=1\n');
	const s = session();
	const end = Date.now() + 3_000;
	let n = 0;
	while (Date.now() < end && !s.destroyed && n < 30_000) {
		for (let i = 0; i < 200 && !s.destroyed; i++, n++) {
			const stream = s.request(HEADERS);
			stream.on('error', () => {});
			stream.close(http2.constants.NGHTTP2_CANCEL);
		}
		await new Promise((resolve) => setImmediate(resolve));
	}
	// Until its calls are gone, its user is told to try again, or is kept out where that was enough of them.
	await until(() => health('', { deadline: 5_000 }).then(() => true, (error) => {
		assert.match(error.name, /^(RESOURCE_EXHAUSTED|UNAVAILABLE)$/);
		return false;
	}), { limit: 30_000 });
	assert.ok(resident() < 400, `${resident()} MB resident after ${n} resets`);
});

test('connections of one peer are bounded, and given back', async () => {
	const before = descriptors();
	const sockets = [];
	for (let i = 0; i < 3_000; i++) {
		const socket = net.connect(SOCKET);
		socket.on('error', () => {});
		sockets.push(socket);
		if (i % 200 === 199)
			await sleep(20); // the backlog is 128: let it be accepted
	}
	later(() => sockets.forEach((socket) => socket.destroy()));
	await until(() => sockets.some((socket) => socket.destroyed || socket.readableEnded || socket.closed) || descriptors() > 500);
	assert.ok(descriptors() < 6_000, `${descriptors()} descriptors`);
	for (const socket of sockets)
		socket.destroy();
	await until(() => descriptors() < before + 100, { limit: 30_000, what: 'the descriptors are given back' });
	assert.equal(await health('', { deadline: 20_000 }), 'SERVING');
});

test('mute peers do not keep others out', async () => {
	const mute = Array.from({ length: 200 }, () => net.connect(SOCKET));
	mute.forEach((socket) => socket.on('error', () => {}));
	later(() => mute.forEach((socket) => socket.destroy()));
	assert.equal(await health('', { deadline: 5_000 }), 'SERVING');
	await call('ListIndexers', {});
});

test('bytes that are no HTTP/2 close only their own connection', async () => {
	const socket = net.connect(SOCKET);
	socket.on('error', () => {});
	socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
	await new Promise((resolve) => {
		socket.on('close', resolve);
		socket.on('end', resolve);
		socket.resume();
		setTimeout(resolve, 10_000);
	});
	socket.destroy();
	assert.equal(await health(), 'SERVING');
});
