// SPDX-License-Identifier: Apache-2.0
//
// Users of the box who are clients, and a daemon that is configured for a test.
//
//	configure('[Access]\nUsers=alice\n');         // until the end of the test
//	runtime('deaf', ['[Service]', 'TimeoutStopSec=1']); // likewise: a runtime for executables
//	const alice = as(user('alice', ['indexerd'])); // an address that reaches the daemon as alice
//	await call('ListIndexers', {}, { address: alice });
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { ADDRESS, assert, later, restart, run, served, sh } = require('./lib');

const DROP_IN = '/etc/indexerd/indexerd.conf.d/90-test.conf';

// Has the daemon run with this file as its last drop-in until the end of the test.
async function configure(text) {
	fs.mkdirSync(DROP_IN.replace(/\/[^/]*$/, ''), { recursive: true });
	fs.writeFileSync(DROP_IN, text);
	later(async () => {
		fs.rmSync(DROP_IN, { force: true });
		await restart();
	});
	await restart();
}

// Makes a runtime like `exec` known to the daemon until the end of the test: lines of [Runtime], and of
// sections behind it.
async function runtime(name, lines) {
	const file = `/etc/indexerd/runtimes/${name}.conf`;
	fs.mkdirSync('/etc/indexerd/runtimes', { recursive: true });
	fs.writeFileSync(file, `[Runtime]\nExec=\${SCRIPT_PATH}\n${lines.join('\n')}\n`);
	later(() => {
		fs.rmSync(file);
		run('systemctl reload indexerd.service');
	});
	run('systemctl reload indexerd.service');
	await served();
}

// The same as configure() with a file that the daemon refuses: what it says about that. It is not running then.
function misconfigure(text) {
	fs.mkdirSync(DROP_IN.replace(/\/[^/]*$/, ''), { recursive: true });
	fs.writeFileSync(DROP_IN, text);
	const { code } = sh('systemctl restart indexerd.service');
	const words = run('journalctl -q -u indexerd.service -o cat -n 30');
	fs.rmSync(DROP_IN);
	assert.notEqual(code, 0, words);
	return words;
}

// A user with these groups, made where it is not there: { name, uid, gid, groups: [gid] }.
function user(name, groups = []) {
	for (const group of groups)
		sh(`groupadd -f ${group}`);
	run(`id ${name} >/dev/null 2>&1 || useradd -M -N -s /bin/sh ${name}`);
	run(`usermod -G '${groups.join()}' ${name}`);
	const ids = (what) => run(`id ${what} ${name}`).split(' ').map(Number);
	return { name, uid: ids('-u')[0], gid: ids('-g')[0], groups: ids('-G') };
}

// Connects a socket as somebody else. The kernel notes who it is in connect(), which is called
// before this returns.
function connectAs({ uid, gid, groups }, path) {
	const own = process.getgroups();
	process.setgroups(groups);
	process.setegid(gid);
	process.seteuid(uid);
	try {
		return net.connect(path);
	} finally {
		process.seteuid(0);
		process.setegid(0);
		process.setgroups(own);
	}
}

// An address by which clients in this process reach a socket as that user.
let relays = 0;
function as(who, path = ADDRESS.replace('unix:', '')) {
	const own = `/tmp/relay-${process.pid}-${++relays}.sock`;
	const sockets = new Set();
	const relay = net.createServer((near) => {
		const far = connectAs(who, path);
		for (const [socket, other] of [[near, far], [far, near]]) {
			sockets.add(socket);
			socket.pipe(other);
			socket.on('error', () => {});
			socket.on('close', () => {
				sockets.delete(socket);
				other.destroy();
			});
		}
	});
	relay.listen(own);
	later(() => {
		relay.close();
		sockets.forEach((socket) => socket.destroy());
	});
	return `unix:${own}`;
}

module.exports = { as, configure, connectAs, misconfigure, runtime, user };
