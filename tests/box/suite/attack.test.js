// SPDX-License-Identifier: Apache-2.0
//
// The indexers' socket attacked: by who has an indexer's uid but not its cgroup, or its cgroup but not
// its uid; by a process that an indexer has left behind; by who holds its connection.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { assert, background, call, later, project, run, served, sh, test, unit, until } = require('./lib');
const { connectAs, runtime } = require('./people');
const { raw } = require('./hostile');

const SOCKET = '/run/indexerd/unit.sock';
const ELSEWHERE = '/sys/fs/cgroup/elsewhere';
const GROUP = Number(run('getent group indexerd-unit').split(':')[2]);

// A process of the indexer that does as it is told on a TCP port, and so can be asked also when it is
// none of the indexer's any more. It asks the daemon on the connection that it has held from its start
// (`held`), or on another one (`fresh`); `orphan PORT` has a child connect and end, and leaves that
// connection to a grandchild, which tells on that port how it fared.
const AGENT = `
const http2 = require('node:http2');
const net = require('node:net');
const { spawn } = require('node:child_process');
const open = (socket) => {
	const s = http2.connect('http://localhost', { createConnection: () => socket });
	s.on('error', () => {});
	return s;
};
const ask = (s) => new Promise((resolve) => {
	if (s.closed || s.destroyed)
		return resolve('closed');
	const stream = s.request({ ':method': 'POST', ':path': '/indexerd.v1.IndexerRunner/ListIndexers',
		'content-type': 'application/grpc', te: 'trailers' });
	let status = 'closed';
	const take = (headers) => (status = headers['grpc-status'] ? 'status ' + headers['grpc-status'] : status);
	stream.on('response', take);
	stream.on('trailers', take);
	stream.on('error', () => {});
	stream.on('close', () => resolve(status));
	stream.resume();
	stream.end(Buffer.alloc(5));
});
const serve = (port, answer) => net.createServer((client) =>
	client.once('data', async (word) => client.end(await answer(String(word))))).listen(port, 'localhost');
const [role, port] = process.argv.slice(2);
if (role === 'agent') {
	const held = open(net.connect('${SOCKET}'));
	serve(port, async (word) => {
		const [what, other] = word.split(' ');
		if (what === 'held')
			return ask(held);
		if (what === 'fresh') {
			const s = open(net.connect('${SOCKET}'));
			const answer = await ask(s);
			s.destroy();
			return answer;
		}
		spawn(process.execPath, [__filename, 'orphan', other], { stdio: 'ignore', detached: true });
		return 'begun';
	});
} else if (role === 'orphan') {
	const socket = net.connect('${SOCKET}', () => {
		spawn(process.execPath, [__filename, 'keeper', port], { stdio: ['ignore', 'ignore', 'ignore', socket], detached: true });
		process.exit(0);
	});
} else {
	const answer = ask(open(new net.Socket({ fd: 3 })));
	serve(port, (word) => (word === 'there?' ? 'yes' : answer));
}
`;

let ports = 9_100;

// An indexer whose main process only waits; the agent is its child.
async function spawnAgent(indexer_id, name = 'exec') {
	const port = ports++;
	const source = project({
		'agent.js': AGENT,
		'main.sh': `#!/bin/sh\nnode "$(dirname "$0")/agent.js" agent ${port} &\nexec sleep infinity\n`,
	});
	const made = await call('CreateIndexer', {
		indexer_id, indexer: { runtime: name, script: 'main.sh', project_source: source },
	});
	await until(() => tell(port, 'held').then((answer) => answer === 'status 0'));
	return { port, made, pid: Number(run(`pgrep -f 'agent.js agent ${port}'`)) };
}

const tell = (port, word) => new Promise((resolve) => {
	const socket = net.connect(port, 'localhost', () => socket.write(word));
	let text = '';
	socket.on('data', (data) => (text += data));
	socket.on('error', () => {});
	socket.on('close', () => resolve(text || 'nobody'));
});

// A runtime whose units have little time to stop. They take all of it where an agent has been moved away,
// which holds their output open.
const brief = async () => {
	await runtime('brief', ['[Service]', 'TimeoutStopSec=3']);
	return 'brief';
};

// Moves processes out of their unit's cgroup, as only root can; they are killed in the end.
function moveAway(...pids) {
	fs.mkdirSync(ELSEWHERE, { recursive: true });
	later(() => sh(`echo 1 > ${ELSEWHERE}/cgroup.kill`));
	for (const pid of pids)
		fs.writeFileSync(`${ELSEWHERE}/cgroup.procs`, String(pid));
}

const uidOf = (id) => Number(run(`stat -c %u /proc/$(systemctl show -P MainPID ${unit(id)})`));
const refusals = () => Number(run(
	"journalctl -q -u indexerd.service -o cat | grep -c \"connection to the indexers' socket was refused\" || true"));

// Connects and waits until that is closed, without a byte.
async function turnedAway(socket, what) {
	const peer = raw(socket);
	peer.begin();
	await until(() => peer.closed, { what });
	assert.equal(peer.frames.length, 0, what);
}

test('an indexer’s uid without its cgroup is refused', async () => {
	await spawnAgent('victim');
	const uid = uidOf('victim');
	const before = refusals();
	await turnedAway(connectAs({ uid, gid: uid, groups: [GROUP] }, SOCKET), 'a stranger with its uid');
	await turnedAway(connectAs({ uid: 0, gid: 0, groups: [0] }, SOCKET), 'root in no unit');
	await until(() => refusals() === before + 2);
});

test('an indexer’s cgroup without its uid is refused', async () => {
	await spawnAgent('victim');
	await spawnAgent('other');
	const other = uidOf('other');
	for (const uid of [0, other]) {
		const before = refusals();
		const { code, stderr } = sh(`echo $$ > /sys/fs/cgroup/indexer.slice/${unit('victim')}/cgroup.procs && ` +
			`exec setpriv --reuid=${uid} --regid=${uid} --groups=${GROUP} ` +
			`indexerctl --address unix:${SOCKET} --timeout=5 list`);
		assert.notEqual(code, 0);
		assert.doesNotMatch(stderr, /OUTSIDE/);
		assert.ok(refusals() > before);
	}
	assert.equal((await call('GetIndexer', { name: 'indexers/victim' })).status.state, 'STATE_RUNNING');
});

test('a forked child that has left the cgroup is refused', async () => {
	const { port, pid } = await spawnAgent('leaky');
	assert.equal(await tell(port, 'fresh'), 'status 0');
	moveAway(pid);
	assert.equal(await tell(port, 'fresh'), 'closed');
	// What it has opened as the indexer stays the indexer's, while that runs.
	assert.equal(await tell(port, 'held'), 'status 0');
});

test('a connection that outlives its indexer is closed', async () => {
	const { port, pid } = await spawnAgent('leaky', await brief());
	moveAway(pid);
	assert.equal(await tell(port, 'held'), 'status 0');
	await call('StopIndexer', { name: 'indexers/leaky' });
	await until(async () => (await tell(port, 'held')) === 'closed');
	assert.equal(await tell(port, 'fresh'), 'closed');
});

test('a uid that has become another indexer’s does not let the former one’s processes in', async () => {
	const first = await spawnAgent('recycled', await brief());
	const uid = uidOf('recycled');
	moveAway(first.pid);
	await call('DeleteIndexer', { name: 'indexers/recycled' });
	const second = await spawnAgent('recycled');
	assert.equal(uidOf('recycled'), uid, 'systemd gives the same uid to the same name');
	assert.notEqual(second.made.uid, first.made.uid);
	assert.equal(await tell(first.port, 'held'), 'closed');
	assert.equal(await tell(first.port, 'fresh'), 'closed');
	assert.equal(await tell(second.port, 'held'), 'status 0');
});

test('a restart, too, ends what the former invocation has left open', async () => {
	const { port, pid } = await spawnAgent('leaky');
	moveAway(pid);
	run(`systemctl kill -s KILL ${unit('leaky')}`);
	await until(async () => (await tell(port, 'held')) === 'closed');
	await until(async () => (await call('GetIndexer', { name: 'indexers/leaky' })).status.state === 'STATE_RUNNING');
	assert.equal(await tell(port, 'fresh'), 'closed');
});

test('a reload and a new PID 1 close nothing', async () => {
	const { port } = await spawnAgent('steady');
	for (const command of ['daemon-reload', 'daemon-reload', 'daemon-reload', 'daemon-reexec']) {
		run(`systemctl ${command}`);
		await served();
		assert.equal(await tell(port, 'held'), 'status 0', command);
	}
	// And the daemon still hears of an end.
	run(`systemctl kill -s KILL ${unit('steady')}`);
	await until(async () => (await call('GetIndexer', { name: 'indexers/steady' })).status.restart_count === 1);
});

test('the connection of a process that is dead when it is looked at is refused, whoever holds it', async () => {
	const { port } = await spawnAgent('parent');
	const keeper = ports++;
	const before = refusals();
	run('systemctl kill -s STOP indexerd.service'); // what connects now is looked at later
	later(() => run('systemctl kill -s CONT indexerd.service'));
	assert.equal(await tell(port, `orphan ${keeper}`), 'begun');
	await until(async () => (await tell(keeper, 'there?')) === 'yes');
	await until(() => sh(`pgrep -f 'agent.js orphan ${keeper}'`).code === 1);
	run('systemctl kill -s CONT indexerd.service');
	await until(async () => (await tell(keeper, 'how?')) === 'closed');
	assert.ok(refusals() > before);
	assert.equal(await tell(port, 'held'), 'status 0');
	await served();
});

test('an indexer’s connections are limited, and another one’s are not touched', async () => {
	const { port } = await spawnAgent('greedy');
	const uid = uidOf('greedy');
	// As the indexer, from within its cgroup: more connections than it may have, all held open.
	const script = `
		const net = require('node:net');
		let open = 0, closed = 0;
		for (let i = 0; i < 200; i++) {
			const s = net.connect('${SOCKET}');
			s.on('connect', () => open++);
			s.on('error', () => {});
			s.on('close', () => closed++);
			s.resume();
		}
		setInterval(() => console.log(open + ' ' + closed), 200);`;
	const child = background('/bin/bash', ['-c',
		`echo $$ > /sys/fs/cgroup/indexer.slice/${unit('greedy')}/cgroup.procs && exec setpriv --reuid=${uid} ` +
		`--regid=${uid} --groups=${GROUP} node -e "$0"`, script]);
	let last = '';
	child.stdout.on('data', (data) => (last = String(data).trim().split('\n').pop()));
	await until(() => Number(last.split(' ')[1]) >= 200 - 64);
	assert.ok(Number(last.split(' ')[1]) < 200, last);
	const { port: other } = await spawnAgent('modest');
	assert.equal(await tell(other, 'fresh'), 'status 0');
	child.kill('SIGKILL');
	await until(async () => (await tell(port, 'fresh')) === 'status 0');
});
