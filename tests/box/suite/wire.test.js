// SPDX-License-Identifier: Apache-2.0
//
// The limits of the wire: what a peer may send, open and leave open, and that the others do not
// notice one that tries more.
'use strict';

const http2 = require('node:http2');
const net = require('node:net');
const path = require('node:path');
const { assert, background, call, health, later, refused, run, served, show, sleep, test, until } = require('./lib');
const { KINDS } = require('./flood');
const { block, descriptors, FLAG, frame, HEADERS, raw, request, resident, session, SOCKET } = require('./hostile');
const { as, configure, connectAs, user } = require('./people');

const bob = user('bob', ['indexerd']);
const carol = user('carol', ['indexerd']);

const open = (n) => Array.from({ length: n }, (_, i) => 2 * i + 1); // ids of a client's streams
const status = async (answer) => (await answer)?.['grpc-status'];

// Calls of somebody else that go on until the function ends: how many, and the longest in ms.
async function meanwhile(who, function_) {
	const address = as(who);
	let going = true, n = 0, longest = 0;
	const calls = (async () => {
		while (going) {
			const begin = Date.now();
			await call('ListIndexers', {}, { address, deadline: 10_000 });
			longest = Math.max(longest, Date.now() - begin);
			n++;
			await sleep(5);
		}
	})();
	try {
		await Promise.race([function_(), calls]);
	} finally {
		going = false;
	}
	await calls;
	return { n, longest };
}

// --- sizes -----------------------------------------------------------------------------------------

function message(size) { // a GetIndexerRequest of that size, in gRPC's frame
	const name = size - 4;
	const head = Buffer.from([0, 0, 0, 0, 0, 0x0a, (name & 127) | 128, ((name >> 7) & 127) | 128, name >> 14]);
	head.writeUInt32BE(size, 1);
	return Buffer.concat([head, Buffer.alloc(name, 'x')]);
}

test('a message has 256 KiB, and no byte more', async () => {
	const get = { ':path': '/indexerd.v1.IndexerRunner/GetIndexer' };
	assert.equal(await status(request(session(), get, message(256 << 10))), '3'); // the name is too long, the message is not
	const answer = await request(session(), get, message((256 << 10) + 1));
	assert.equal(answer['grpc-status'], '8');
	assert.match(decodeURIComponent(answer['grpc-message']), /larger than max/);
});

test('a message that is announced as 4 GB costs nothing', async () => {
	const before = resident();
	const bodies = Array.from({ length: 50 }, () => request(session(), {}, Buffer.from([0, 255, 255, 255, 255, 1, 2, 3])));
	for (const answer of await Promise.all(bodies))
		assert.notEqual(answer?.['grpc-status'], '0');
	assert.ok(resident() < before + 20, `${before} MB, then ${resident()} MB`);
});

test('metadata has 16 KiB, also of a peer that has not heard of that', async () => {
	const pairs = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`x-${i}`, 'v'.repeat(1_000)]));
	assert.equal(await status(request(session(), pairs(14), Buffer.alloc(5))), '0');
	const answer = await request(session({ maxSendHeaderBlockLength: 1 << 20 }), pairs(40), Buffer.alloc(5));
	assert.equal(answer['grpc-status'], '8');
	assert.match(decodeURIComponent(answer['grpc-message']), /the call's metadata has \d+ bytes, and 16384 are allowed/);
});

// --- calls and streams -----------------------------------------------------------------------------

test('one connection has 1,024 streams at a time', async () => {
	const peer = raw();
	peer.begin();
	await until(() => peer.got('SETTINGS').length >= 2);
	peer.socket.write(Buffer.concat([frame('SETTINGS', FLAG.ACK, 0),
		...open(1_500).map((id) => frame('HEADERS', FLAG.END_HEADERS, id, block()))]));
	// gRPC takes it for an error of the whole connection.
	await until(() => peer.closed || peer.got('RST_STREAM').length >= 1_500 - 1_024);
	assert.equal(await health(), 'SERVING');
});

test('calls whose request does not come are of no harm to others, and are ended', async () => {
	await configure('[Limits]\nMaxCallsPerUser=1500\n');
	const peers = [0, 1].map(() => raw(connectAs(bob, SOCKET)));
	for (const peer of peers) {
		peer.begin();
		await until(() => peer.got('SETTINGS').length >= 2);
		peer.socket.write(Buffer.concat([frame('SETTINGS', FLAG.ACK, 0),
			...open(1_000).map((id) => frame('HEADERS', FLAG.END_HEADERS, id, block()))]));
	}
	const address = as(bob);
	const error = await until(() => call('ListIndexers', {}, { address }).then(() => null, (e) => e));
	assert.equal(error.name, 'RESOURCE_EXHAUSTED', error.message);
	assert.match(error.details, /has calls in flight already, and MaxCallsPerUser= in indexerd\.conf allows 1500/);
	assert.equal(error.info.QuotaFailure[0].violations[0].subject, `user:${bob.uid}`);
	assert.ok(error.info.RetryInfo);
	const { n } = await meanwhile(carol, () => until(() => peers.every((peer) => // HEADERS: trailers with the status
		peer.closed || peer.got('RST_STREAM').length + peer.got('HEADERS').length >= 1_000), { limit: 45_000 }));
	assert.ok(n > 100, `${n} calls of another user`);
	await served(address);
});

// --- frames without an end -------------------------------------------------------------------------

// The floods come from a process of their own, so that it is the daemon that is measured, not this one.
const flood = (who, kind, seconds) => new Promise((resolve, reject) => {
	const peer = background('setpriv', [`--reuid=${who.uid}`, `--regid=${who.gid}`, `--groups=${who.groups}`,
		'node', path.join(__dirname, 'flood.js'), kind, String(seconds)]);
	let out = '';
	peer.stdout.on('data', (data) => (out += data));
	peer.on('close', (code) => (code === 0 ? resolve(Number(out)) : reject(new Error(`flood: ${code}`))));
});

for (const kind of KINDS)
	test(`a flood by one user, ${kind}: bounded memory, and no call of another user fails`, async () => {
		await configure('[Limits]\nKeepOutSec=1\n');
		let sent = 0, most = 0;
		const watch = setInterval(() => (most = Math.max(most, resident())), 200);
		later(() => clearInterval(watch));
		const { n, longest } = await meanwhile(carol, async () => (sent = await flood(bob, kind, 3)));
		console.log(`# ${sent} frames; meanwhile ${n} calls of another user, the longest ${longest} ms; at most ${most} MB resident`);
		assert.ok(sent > 0 && n > 0);
		assert.ok(most < 160, `${most} MB resident`);
		// And the user who did it is served again when it is over.
		await served(as(bob));
	});

test('who has flooded the daemon is kept out for a while, and nobody else is', async () => {
	await configure('[Limits]\nKeepOutSec=6\n');
	const log = `journalctl -q -o cat _PID=${show('indexerd.service', 'MainPID').MainPID}`;
	await until(async () => { // a slow machine may need more than a second for what is a flood
		await flood(bob, 'calls that nobody reads', 1);
		return run(log).includes(`user:${bob.uid} is disconnected and kept out for a while`);
	});
	const begin = Date.now();
	assert.ok(await call('ListIndexers', {}, { address: as(carol), deadline: 5_000 }));
	const address = as(bob);
	const isServed = () => call('ListIndexers', {}, { address, deadline: 1_000 }).then(() => true, () => false);
	assert.equal(await isServed(), false);
	await until(isServed);
	assert.ok(Date.now() - begin > 1_000);
});

test('who pings all the time is sent away', async () => {
	const peer = raw();
	peer.begin();
	await until(() => peer.got('SETTINGS').length >= 2);
	peer.socket.write(frame('SETTINGS', FLAG.ACK, 0));
	const pings = Buffer.concat(Array.from({ length: 1_000 }, () => frame('PING', 0, 0, Buffer.alloc(8))));
	for (let i = 0; i < 60 && !peer.closed; i++)
		await new Promise((resolve) => (peer.closed ? resolve() : peer.socket.write(pings, resolve)));
	await until(() => peer.closed);
	const goaway = peer.got('GOAWAY')[0];
	assert.equal(goaway.payload.readUInt32BE(4), http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
	assert.match(goaway.payload.toString('latin1', 8), /too_many_pings/);
});

// --- connections -----------------------------------------------------------------------------------

test('idle connections are closed after their time, mute ones too', async () => {
	await configure('[Limits]\nIdleTimeoutSec=1\n');
	const mute = net.connect(SOCKET);
	let gone = false;
	mute.on('close', () => (gone = true));
	mute.on('error', () => {});
	mute.resume();
	later(() => mute.destroy());
	const s = session();
	assert.equal(await status(request(s, {}, Buffer.alloc(5))), '0');
	await until(() => s.closed || s.destroyed, { limit: 10_000 });
	await until(() => gone, { limit: 10_000 });
});

test('a peer that has stopped is noticed, and its connection with its stream is given back', async () => {
	await configure('[Limits]\nKeepaliveSec=1\n');
	const before = descriptors();
	const peer = background('node', ['-e', `
		const s = require('node:http2').connect('http://localhost',
			{ createConnection: () => require('node:net').connect(${JSON.stringify(SOCKET)}) });
		const stream = s.request({ ...${JSON.stringify(HEADERS)}, ':path': '/grpc.health.v1.Health/Watch' });
		stream.end(Buffer.alloc(5));
		stream.on('data', () => console.log('watching'));
	`]);
	await new Promise((resolve) => peer.stdout.once('data', resolve));
	await sleep(3_000); // it answers when it is asked whether it lives: nothing happens
	assert.ok(descriptors() > before);
	peer.kill('SIGSTOP');
	await until(() => descriptors() <= before, { limit: 15_000 });
});

test('connections come and go without a trace', async () => {
	const users = [bob, carol, user('dave', ['indexerd'])];
	const churn = async (n) => {
		for (let i = 0; i < n; i += 30) {
			const peers = Array.from({ length: 30 }, (_, j) => raw(connectAs(users[(i + j) % users.length], SOCKET)));
			peers.forEach((peer) => peer.begin());
			await until(() => peers.every((peer) => peer.got('SETTINGS').length >= 2 || peer.closed));
			peers.forEach((peer) => peer.socket.destroy());
		}
	};
	const before = descriptors();
	await churn(1_500);
	const first = resident();
	await churn(4_500);
	await until(() => descriptors() <= before + 2);
	console.log(`# after 1,500 connections ${first} MB, after 6,000 ${resident()} MB`);
	assert.ok(resident() < first + 10, `${first} MB, then ${resident()} MB`);
});

test('10,000 idle connections: bounded memory, and others are still served', async () => {
	await configure('');
	const files = Number(run("awk '/Max open files/ { print $4 }' /proc/$(systemctl show -P MainPID indexerd)/limits"));
	const most = Math.min(10_000, (files - 2_048) / 2);
	const users = Array.from({ length: 12 }, (_, i) => user(`idle${i}`, ['indexerd']));
	const before = resident();
	const peers = [];
	for (let i = 0; i < 10_000; i += 100) {
		const some = Array.from({ length: 100 }, (_, j) => raw(connectAs(users[(i + j) % users.length], SOCKET)));
		some.forEach((peer) => peer.begin());
		await until(() => some.every((peer) => peer.got('SETTINGS').length >= 2 || peer.closed));
		peers.push(...some);
	}
	const kept = peers.filter((peer) => !peer.closed).length;
	const grown = resident() - before;
	console.log(`# ${kept} idle connections of 10,000 (${files} open files): ${grown.toFixed(0)} MB, ` +
		`${(1000 * grown / kept).toFixed(1)} KB each`);
	assert.ok(kept >= most - 16 && kept <= most + 256, `${kept} of ${most}`);
	assert.ok(resident() < 480, `${resident()} MB resident`);
	// Who has few connections finds room even now.
	for (const who of [carol, bob, user('root')]) {
		const begin = Date.now();
		await call('ListIndexers', {}, { address: as(who), deadline: 5_000 });
		console.log(`# a call meanwhile: ${Date.now() - begin} ms`);
	}
	assert.equal(await health('', { deadline: 5_000 }), 'SERVING');
	peers.forEach((peer) => peer.socket.destroy());
	await until(() => descriptors() < 100, { limit: 30_000 });
	assert.equal(await health(), 'SERVING');
});

test('more connections than one user may have are closed at once, and the user’s calls go on', async () => {
	await configure('[Limits]\nMaxConnectionsPerUser=10\n');
	const peers = Array.from({ length: 30 }, () => raw(connectAs(bob, SOCKET)));
	peers.forEach((peer) => peer.begin());
	await until(() => peers.filter((peer) => peer.closed).length === 20);
	assert.equal(await status(request(session({ connect: () => connectAs(carol, SOCKET) }), {}, Buffer.alloc(5))), '0');
	peers.find((peer) => !peer.closed).socket.destroy();
	await served(as(bob));
	await refused(call('GetIndexer', { name: 'indexers/none' }), 'NOT_FOUND');
});
