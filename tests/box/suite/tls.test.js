// SPDX-License-Identifier: Apache-2.0
//
// TCP with client certificates: who gets in, what they may do there, certificates that change under
// open streams, and peers that never get as far as to show one.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const tls = require('node:tls');
const { assert, background, call, explain, grpc, health, later, project, refused, restart, run, Runner,
	served, sh, sleep, test, until, within } = require('./lib');
const { configure, misconfigure } = require('./people');
const { descriptors, resident } = require('./hostile');
const { SERVER, authority, certificate, key, pem, read } = require('./pki');

const PORT = 7175;
const ADDRESS = `localhost:${PORT}`;

// --- certificates --------------------------------------------------------------------------------

authority('ca');
authority('other-ca');
certificate('server', SERVER);
certificate('server-2', SERVER);
certificate('ci');
certificate('spiffe', { subject: '/CN=whoever', san: 'URI:spiffe://example.org/factory,DNS:f.example.org' });
certificate('reader', { subject: '/O=Example/CN=Jane Doe' });
certificate('stranger');
certificate('nameless', { subject: '/O=Example' });
certificate('not-a-client', { subject: '/CN=ci', usage: 'serverAuth' });
certificate('ci-of-other', { ca: 'other-ca', subject: '/CN=ci' });

const LISTEN = `[Listen]
Certificate=${pem('served')}
Key=${key('served')}
ClientCA=${pem('trusted')}
AllowedSubjects=ci spiffe://example.org/factory
ReadOnlySubjects="Jane Doe"
`;

function serveWith(server, ca = 'ca') {
	fs.copyFileSync(pem(server), pem('served'));
	fs.copyFileSync(key(server), key('served'));
	fs.copyFileSync(pem(ca), pem('trusted'));
}

async function listen(text = LISTEN) {
	serveWith('server');
	run('systemctl enable -q indexerd-tls.socket');
	await configure(text);
	// Before the daemon starts again without that: endings are run last first.
	later(() => run('systemctl disable -q indexerd-tls.socket && systemctl stop indexerd-tls.socket'));
}

// --- clients ---------------------------------------------------------------------------------------

function client(name, { ca = 'ca', address = ADDRESS } = {}) {
	const credentials = name
		? grpc.credentials.createSsl(read(`${ca}.pem`), read(`${name}.key`), read(`${name}.pem`))
		: grpc.credentials.createSsl(read(`${ca}.pem`));
	const made = new Runner(address, credentials, { 'grpc.use_local_subchannel_pool': 1 });
	later(() => made.close());
	return made;
}

const ask = (from, method, request = {}, deadline = 10_000) => new Promise((resolve, reject) =>
	from[method](request, { deadline: Date.now() + deadline }, (error, answer) =>
		(error ? reject(explain(error)) : resolve(answer))));

// The lines of a stream as they come, and how it ended.
function follow(from, parent) {
	const source = from.StreamLogs({ parent });
	const lines = [];
	const got = { lines, end: null, source };
	source.on('data', (message) => message.event === 'LOG_EVENT_UNSPECIFIED' && lines.push(message.content));
	source.on('error', (error) => (got.end = explain(error)));
	later(() => source.cancel());
	return got;
}

// The fingerprint of the certificate that new connections are shown.
const shown = () => new Promise((resolve, reject) => {
	const socket = tls.connect({ host: 'localhost', port: PORT, ca: read('ca.pem'), key: read('ci.key'),
		cert: read('ci.pem'), ALPNProtocols: ['h2'] }, () => {
		resolve(socket.getPeerCertificate().fingerprint256);
		socket.destroy();
	});
	socket.on('error', reject);
});
const fingerprint = (name) => run(`openssl x509 -in ${pem(name)} -noout -fingerprint -sha256`).split('=')[1];

const ticking = () => project({ 'main.sh': '#!/bin/sh\nwhile :; do echo "line $((n += 1))"; sleep 0.1; done\n' });
const ticker = () => call('CreateIndexer', {
	indexer_id: 'ticker', indexer: { runtime: 'exec', script: 'main.sh', project_source: ticking() },
});

// --- tests -----------------------------------------------------------------------------------------

test('nothing listens on TCP by default', async () => {
	const error = await new Promise((resolve) => net.connect(PORT, 'localhost').on('error', resolve));
	assert.equal(error.code, 'ECONNREFUSED');
});

test('a listed subject has full access, by its common name or an alternative one', async () => {
	await listen();
	for (const name of ['ci', 'spiffe']) {
		const from = client(name);
		const indexer = { runtime: 'exec', script: 'main.sh', project_source: ticking() };
		assert.equal((await ask(from, 'CreateIndexer', { indexer_id: 'by-tls', indexer })).status.state, 'STATE_RUNNING');
		assert.equal((await ask(from, 'ListIndexers')).indexers.length, 1);
		await ask(from, 'DeleteIndexer', { name: 'indexers/by-tls' });
	}
});

test('a subject for reading is told why it may not change anything', async () => {
	await listen();
	await ticker();
	const from = client('reader');
	assert.equal((await ask(from, 'ListIndexers')).indexers.length, 1);
	const logs = follow(from, 'indexers/ticker');
	await until(() => logs.lines.length > 0);
	const error = await refused(ask(from, 'StopIndexer', { name: 'indexers/ticker' }), 'PERMISSION_DENIED',
		/the certificate's subject Jane Doe may only read, by ReadOnlySubjects= in \[Listen\]/);
	assert.equal(error.reason, 'READ_ONLY');
});

test('a subject that is not listed is told so by name', async () => {
	await listen();
	const error = await refused(ask(client('stranger'), 'ListIndexers'), 'PERMISSION_DENIED',
		/the certificate's subject stranger has no access: neither AllowedSubjects= nor ReadOnlySubjects= in \[Listen\]/);
	assert.equal(error.reason, 'ACCESS_DENIED');
	await refused(ask(client('nameless'), 'ListIndexers'), 'PERMISSION_DENIED', /has no access/);
});

test('without a certificate of the right authority and purpose there is no call at all', async () => {
	await listen();
	for (const name of [null, 'ci-of-other', 'not-a-client'])
		await refused(ask(client(name), 'ListIndexers', {}, 3_000), 'UNAVAILABLE');
	const plain = new Runner(ADDRESS, grpc.credentials.createInsecure());
	later(() => plain.close());
	await refused(ask(plain, 'ListIndexers', {}, 3_000), 'UNAVAILABLE');
	// Nor with an old version of TLS, or another protocol inside than HTTP/2.
	for (const bad of ['-tls1_1 -cipher ALL:@SECLEVEL=0', '-alpn http/1.1']) {
		const { code, stderr } = sh(`openssl s_client -connect ${ADDRESS} -cert ${pem('ci')} ` +
			`-key ${key('ci')} -CAfile ${pem('ca')} ${bad} </dev/null`);
		assert.notEqual(code, 0, bad);
		assert.match(stderr, /alert/);
	}
	assert.equal((await ask(client('ci'), 'ListIndexers')).indexers.length, 0);
});

test('certificates are read anew by a reload, and a live stream goes on', async () => {
	await listen();
	await ticker();
	const from = client('ci');
	const logs = follow(from, 'indexers/ticker');
	await until(() => logs.lines.length > 3);
	assert.equal(await shown(), fingerprint('server'));
	serveWith('server-2');
	run('systemctl reload indexerd.service');
	await until(async () => (await shown()) === fingerprint('server-2'));
	let before = logs.lines.length;
	await until(() => logs.lines.length > before + 5);
	assert.deepEqual(logs.lines, logs.lines.map((_, i) => `line ${i + 1}`));

	// So is the clients' authority: those of another one get in now, and these no more.
	serveWith('server-2', 'other-ca');
	run('systemctl reload indexerd.service');
	await until(() => ask(client('ci-of-other'), 'ListIndexers', {}, 2_000).then(() => true, () => false));
	await refused(ask(client('ci'), 'ListIndexers', {}, 3_000), 'UNAVAILABLE');
	before = logs.lines.length;
	await until(() => logs.lines.length > before + 5);
	assert.equal(logs.end, null);
});

test('a reload with files that cannot be used keeps what was there, and says which', async () => {
	await listen();
	fs.writeFileSync(pem('served'), 'no certificate\n');
	run('systemctl reload indexerd.service');
	await until(() => run('journalctl -q -u indexerd.service -o cat -n 20').includes(`Certificate=${pem('served')} in [Listen]`));
	assert.equal(await shown(), fingerprint('server'));
	fs.copyFileSync(pem('server-2'), pem('served')); // not of that key
	run('systemctl reload indexerd.service');
	await until(() => run('journalctl -q -u indexerd.service -o cat -n 20').includes(`Key=${key('served')} in [Listen]`));
	assert.equal(await shown(), fingerprint('server'));
	assert.equal((await ask(client('ci'), 'ListIndexers')).indexers.length, 0);
});

test('with the socket enabled and no certificates the daemon says what it lacks', async () => {
	serveWith('server');
	run('systemctl enable -q indexerd-tls.socket');
	later(async () => {
		run('systemctl disable -q indexerd-tls.socket; systemctl stop indexerd-tls.socket');
		await restart();
	});
	assert.match(misconfigure(`[Listen]\nCertificate=${pem('served')}\n`),
		/must have Certificate=, Key= and ClientCA=/);
	assert.match(misconfigure(LISTEN.replace('served.key', 'missing.key')),
		/Key=.*missing\.key in \[Listen\] of indexerd\.conf/);
});

test('a stop tells streams over TLS, too, that it is one', async () => {
	await listen();
	await ticker();
	const logs = follow(client('ci'), 'indexers/ticker');
	await until(() => logs.lines.length > 0);
	run('systemctl restart indexerd.service');
	await until(() => logs.end);
	assert.equal(logs.end.name, 'UNAVAILABLE');
	assert.match(logs.end.details, /indexerd is shutting down/);
	await served();
});

test('everything of a long log arrives, also at a reader that pauses', async () => {
	await listen();
	await call('CreateIndexer', {
		indexer_id: 'long', indexer: { runtime: 'exec', script: 'main.sh', project_source: project({
			'main.sh': '#!/bin/sh\nseq -f "%08.0f the quick brown fox jumps over the lazy dog" 100000\nexec sleep infinity\n',
		}) },
	});
	await until(() => run('journalctl -q -u indexer-long -n 1 -o cat').startsWith('00100000'), { limit: 60_000 });
	const logs = follow(client('ci'), 'indexers/long');
	await until(() => logs.lines.length > 1_000);
	logs.source.pause();
	await sleep(1_000); // nothing comes of it that could be awaited: the daemon's queues are full
	assert.ok(resident() < 150, `${resident()} MB resident`);
	logs.source.resume();
	await until(() => logs.lines.length === 100_000, { limit: 60_000 });
	assert.ok(logs.lines.every((line, i) => Number(line.slice(0, 8)) === i + 1));
});

test('peers that show no certificate keep nobody out, and are closed', async () => {
	await listen();
	const before = descriptors();
	const mute = [];
	later(() => mute.forEach((socket) => socket.destroy()));
	let closed = 0;
	for (let i = 0; i < 2_000; i++) {
		const socket = net.connect(PORT, 'localhost');
		socket.on('error', () => {});
		socket.on('close', () => closed++);
		mute.push(socket);
		if (i % 100 === 99)
			await new Promise((resolve) => setImmediate(resolve));
	}
	await until(() => closed > 1_500);
	assert.ok(descriptors() < before + 600, `${descriptors()} descriptors`);
	assert.equal((await ask(client('ci'), 'ListIndexers')).indexers.length, 0);
	assert.equal(await health(), 'SERVING');
	// The rest has ten seconds.
	await until(() => closed === mute.length, { limit: 20_000 });
	await until(() => descriptors() < before + 20);
});

test('records without data keep the thread from nobody', async () => {
	await listen();
	const from = client('ci');
	await ask(from, 'ListIndexers');
	// `K` has openssl send a KeyUpdate that asks for another. A stranger needs no more than a certificate.
	const said = '/tmp/key-updates';
	const peer = background('/bin/bash', ['-c', `yes K | nice -n 19 openssl s_client -connect ${ADDRESS} -alpn h2 ` +
		`-cert ${pem('stranger')} -key ${key('stranger')} -CAfile ${pem('ca')} >/dev/null 2>${said}`]);
	later(() => sh(`pkill -P ${peer.pid}`));
	await until(() => fs.existsSync(said) && /KEYUPDATE/.test(fs.readFileSync(said)));
	for (let i = 0; i < 12; i++)
		await ask(i % 2 ? from : client('spiffe'), 'ListIndexers');
});

test('why a client is refused is in the journal, and reaches the client as an alert', async () => {
	await listen();
	const { stderr } = sh(`openssl s_client -connect ${ADDRESS} -alpn h2 -cert ${pem('ci-of-other')} ` +
		`-key ${key('ci-of-other')} -CAfile ${pem('ca')} < <(sleep 10)`);
	assert.match(stderr, /alert unknown ca/);
	await until(() => /a TLS handshake with (::ffff:127\.0\.0\.1|::1) has failed: .*certificate/.test(
		run('journalctl -q -u indexerd.service -o cat -n 20')));
});

test('where all connections are taken, each subject may still have some', async () => {
	await listen(`${LISTEN}[Limits]\nMaxConnectionsPerUser=2100\n`);
	const sockets = [];
	later(() => sockets.forEach((socket) => socket.destroy()));
	const secureContext = tls.createSecureContext({ ca: read('ca.pem'), key: read('ci.key'), cert: read('ci.pem') });
	let closed = 0;
	for (let i = 0; i < 2_050; i++) {
		const socket = tls.connect({ host: 'localhost', port: PORT, ALPNProtocols: ['h2'], secureContext });
		socket.on('error', () => {});
		socket.on('close', () => closed++);
		socket.resume();
		sockets.push(socket);
		if (i % 50 === 49)
			await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
	}
	await until(() => closed >= 50);
	assert.ok(closed < 100, `${closed} are closed`);
	assert.equal((await ask(client('spiffe'), 'ListIndexers')).indexers.length, 0);
}, { limit: 100_000 });

test('connections of one subject are limited, and given back', async () => {
	await listen(`${LISTEN}[Limits]\nMaxConnectionsPerUser=5\n`);
	const sockets = [];
	let closed = 0;
	for (let i = 0; i < 8; i++) {
		const socket = tls.connect({ host: 'localhost', port: PORT, ca: read('ca.pem'), key: read('ci.key'),
			cert: read('ci.pem'), ALPNProtocols: ['h2'] });
		socket.on('error', () => {});
		socket.on('close', () => closed++);
		socket.resume();
		sockets.push(socket);
	}
	later(() => sockets.forEach((socket) => socket.destroy()));
	await until(() => closed === 3);
	assert.equal((await ask(client('spiffe'), 'ListIndexers')).indexers.length, 0);
	sockets.forEach((socket) => socket.destroy());
	await until(() => ask(client('ci'), 'ListIndexers').then(() => true, () => false));
});

test('the daemon has no network of its own', async () => {
	await listen();
	const pid = run('systemctl show -P MainPID indexerd.service');
	assert.notEqual(run(`readlink /proc/${pid}/ns/net`), run('readlink /proc/1/ns/net'));
	assert.equal((await within(10_000, ask(client('ci'), 'ListIndexers'), 'a call')).indexers.length, 0);
});
