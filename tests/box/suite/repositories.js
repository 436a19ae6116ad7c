// SPDX-License-Identifier: Apache-2.0
//
// Repositories of git in the box, and a server of ssh before them.
//
//	const r = repository({ 'main.sh': '#!/bin/sh\nexec sleep infinity\n' });
//	r.url                                  // file:///srv/repository-1.git
//	r.commit({ 'a/b.txt': 'more' });       // the id of a new commit, on main
//	const server = ssh();                  // until the end of the test
//	server.url(r)                          // ssh://git@127.0.0.1:2222/srv/repository-1.git
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { background, call, later, run, sh, until } = require('./lib');

const GIT = 'git -c user.name=t -c user.email=t@t -c init.defaultBranch=main -c protocol.file.allow=always';
const SSHD = '/srv/sshd';
const PORT = 2222;

let made = 0;

// A bare repository that all may read, with one commit, until the end of the test.
function repository(files) {
	const place = `/srv/repository-${process.pid}-${++made}`, bare = `${place}.git`, work = `${place}.work`;
	run(`${GIT} init -q --bare ${bare} && ${GIT} clone -q ${bare} ${work} 2>/dev/null`);
	later(() => run(`rm -rf ${bare} ${work}`));
	const git = (command) => run(`cd ${work} && ${GIT} ${command}`);
	const repo = {
		path: bare, work, url: `file://${bare}`, git,
		commit(changes, branch = 'main') {
			sh(`cd ${work} && ${GIT} checkout -q ${branch} 2>/dev/null || ${GIT} checkout -q -b ${branch}`);
			for (const [name, content] of Object.entries(changes)) {
				fs.mkdirSync(path.dirname(`${work}/${name}`), { recursive: true });
				fs.writeFileSync(`${work}/${name}`, content, { mode: content.startsWith('#!') ? 0o755 : 0o644 });
			}
			git('add -A');
			git('commit -q --allow-empty -m change');
			git(`push -q origin ${branch}`);
			return git('rev-parse HEAD');
		},
	};
	repo.first = repo.commit(files);
	return repo;
}

// A server of ssh for the user git, who may do nothing but git; and the key to it, in the server's store as
// `indexer.deploy`. Its host's key is in /etc/indexerd/known_hosts.
async function ssh() {
	run(`rm -rf ${SSHD} && mkdir -p ${SSHD} /run/sshd /etc/credstore && chmod 755 ${SSHD}`);
	run('id git >/dev/null 2>&1 || useradd -m -s /usr/bin/git-shell git');
	run('usermod -p "*" git && git config -f ~git/.gitconfig safe.directory "*"');
	for (const name of ['host', 'deploy', 'stranger'])
		run(`ssh-keygen -q -t ed25519 -N '' -C ${name} -f ${SSHD}/${name}`);
	fs.copyFileSync(`${SSHD}/deploy.pub`, `${SSHD}/authorized_keys`);
	fs.writeFileSync(`${SSHD}/config`, [
		`Port ${PORT}`, 'ListenAddress 127.0.0.1', `HostKey ${SSHD}/host`, 'UsePAM no', 'StrictModes no',
		'PasswordAuthentication no', `AuthorizedKeysFile ${SSHD}/authorized_keys`, 'PidFile none', '',
	].join('\n'));
	const key = fs.readFileSync(`${SSHD}/host.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
	const known = (text) => fs.writeFileSync('/etc/indexerd/known_hosts', text);
	known(`[127.0.0.1]:* ${key}\n`);
	const store = (name, file) => {
		fs.writeFileSync(`/etc/credstore/${name}`, fs.readFileSync(`${SSHD}/${file}`), { mode: 0o600 });
		later(() => fs.rmSync(`/etc/credstore/${name}`, { force: true }));
	};
	store('indexer.deploy', 'deploy');
	store('indexer.stranger', 'stranger');
	background('/usr/sbin/sshd', ['-D', '-e', '-f', `${SSHD}/config`], { stdio: 'ignore' });
	await until(() => sh(`exec 3<>/dev/tcp/127.0.0.1/${PORT}`).code === 0);
	later(() => fs.rmSync('/etc/indexerd/known_hosts', { force: true }));
	return {
		known, key, port: PORT,
		url: (repo) => `ssh://git@127.0.0.1:${PORT}${repo.path}`,
	};
}

// A door before a server of ssh: who comes through waits until it is opened; with no port behind it, for ever.
//
//	const door = await gate(server.port);
//	door.url(url)          // the same URL, through the door
//	await door.knocked();  // somebody waits
//	door.open();
async function gate(behind) {
	const waiting = new Set();
	let opened = false;
	const pass = (client) => {
		const server = net.connect(behind, '127.0.0.1');
		server.on('error', () => client.destroy());
		client.on('error', () => server.destroy());
		client.removeAllListeners('data');
		server.write(client.said ?? '');
		client.pipe(server).pipe(client);
	};
	const door = net.createServer((client) => {
		if (opened)
			return pass(client);
		waiting.add(client);
		client.said = Buffer.alloc(0);
		client.on('data', (data) => (client.said = Buffer.concat([client.said, data])));
		client.on('error', () => {});
		client.on('close', () => waiting.delete(client));
	});
	await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
	later(() => {
		for (const client of waiting)
			client.destroy();
		door.close();
	});
	const { port } = door.address();
	return {
		port,
		url: (url) => url.replace(/:\d+\//, `:${port}/`),
		knocked: (n = 1) => until(() => waiting.size >= n),
		waiting: () => waiting.size,
		open() {
			opened = true;
			for (const client of waiting)
				pass(client);
			waiting.clear();
		},
	};
}

// The indexer of an answer when its start has ended: after 5 s an answer does not wait for that.
async function ended(answer) {
	const { name, status } = await answer;
	if (status.state !== 'STATE_STARTING')
		return answer;
	return until(async () => {
		const indexer = await call('GetIndexer', { name });
		return indexer.status.state !== 'STATE_STARTING' && indexer;
	}, { limit: 60_000, what: `the start of ${name} has ended` });
}

module.exports = { GIT, ended, gate, repository, ssh };
