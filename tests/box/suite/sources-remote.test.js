// SPDX-License-Identifier: Apache-2.0
//
// Projects over ssh with a key of the server's store, with what they depend on in private: submodules, and packages of
// npm that the build step installs; what a build may do; and archives, hostile ones too.
'use strict';

const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const { assert, background, call, later, lines, project, refused, run, served, sh, test, unit, until } = require('./lib');
const { configure } = require('./people');
const { ended, repository, ssh } = require('./repositories');

const CACHE = '/var/cache/indexerd';
const SLEEPER = '#!/bin/sh\necho here\nexec sleep infinity\n';
const TELL = '#!/bin/sh\ncat word.txt\nexec sleep infinity\n';

const create = (indexer_id, indexer) => ended(call('CreateIndexer', { indexer_id, indexer: { script: 'main.sh', ...indexer } }));
const get = (id) => call('GetIndexer', { name: `indexers/${id}` });
const settled = (id, state, limit = 60_000) => until(async () => {
	const indexer = await get(id);
	assert.ok(state === 'STATE_FAILED' || indexer.status.state !== 'STATE_FAILED', indexer.status.message);
	return indexer.status.state === state && indexer;
}, { limit, what: `${id} is ${state}` });
const said = async (id, content) => until(async () =>
	(await lines({ parent: `indexers/${id}`, no_follow: true }).rest()).find((line) => line.content.includes(content)),
{ what: `${id} says ${content}` });

async function failed(id, indexer, words) {
	await create(id, indexer);
	const { status } = await settled(id, 'STATE_FAILED');
	assert.match(status.message, words);
	assert.equal(status.last_exit.reason, 'REASON_START_FAILED');
	return status.message;
}

// A runtime of the administrator's, until the test ends.
async function runtime(name, text) {
	fs.mkdirSync('/etc/indexerd/runtimes', { recursive: true });
	const file = `/etc/indexerd/runtimes/${name}.conf`;
	fs.writeFileSync(file, text);
	later(() => fs.rmSync(file, { force: true }));
	run('systemctl reload indexerd.service');
	await served();
}

// npm is where Debian has it.
function npm() {
	run('ln -sf /opt/tests/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm');
	later(() => fs.rmSync('/usr/local/bin/npm', { force: true }));
}

const manifest = (name, more = {}) => `${JSON.stringify({ name, version: '1.0.0', ...more }, null, '\t')}\n`;

// What nobody may find anywhere but in the store: a line out of the middle of the private key.
const secret = (file) => fs.readFileSync(`/srv/sshd/${file}`, 'utf8').split('\n')[2];

test('a private project with a private submodule starts over ssh, by a key that is nowhere to be seen', async () => {
	const server = await ssh();
	const part = repository({ 'word.txt': 'of the submodule\n' }), repo = repository({ 'main.sh': '#!/bin/sh\ncat part/word.txt\nexec sleep infinity\n' });
	const url = server.url(repo);
	repo.git(`submodule -q add -b main file://${part.path} part`);
	repo.git(`config -f .gitmodules submodule.part.url ${server.url(part)}`);
	const commit = repo.commit({});
	const made = await create('private', { project_source: `${url}?credential=indexer.deploy#main` });
	const { status } = await settled('private', 'STATE_RUNNING');
	assert.equal(status.message, `of commit ${commit}`);
	await said('private', 'of the submodule');
	assert.equal(made.project_source, `${url}?credential=indexer.deploy#main`, 'a name is no secret');

	const key = secret('deploy');
	assert.notEqual(sh(`journalctl -q -o export | grep -aF '${key}'`).code, 0);
	for (const place of [CACHE, '/var/lib/indexerd', '/run/indexerd', '/run/systemd'])
		assert.notEqual(sh(`grep -raF '${key}' ${place}`).code, 0, place);
	assert.equal(sh(`find ${CACHE} -name .git`).stdout, '');
	assert.notEqual(sh(`systemctl show ${unit('private')} | grep -F deploy`).code, 0);
});

test('a host that is another one, and a key that is a stranger\'s, are told in the words of ssh', async () => {
	const server = await ssh(), repo = repository({ 'main.sh': SLEEPER }), url = server.url(repo);
	await failed('stranger', { project_source: `${url}?credential=indexer.stranger` }, /cannot be fetched: .*Permission denied/s);
	await failed('nobody', { project_source: url }, /cannot be fetched: .*Permission denied/s);
	await failed('missing', { project_source: `${url}?credential=indexer.nope` }, /credential/);
	const other = run('cut -d" " -f1,2 /srv/sshd/stranger.pub');
	server.known(`[127.0.0.1]:${server.port} ${other}\n`);
	await failed('changed', { project_source: `${url}?credential=indexer.deploy` }, /cannot be fetched: .*[Hh]ost key verification failed/s);
	server.known('');
	await failed('unknown', { project_source: `${url}?credential=indexer.deploy` }, /cannot be fetched: .*[Hh]ost key verification failed/s);
	server.known(`[127.0.0.1]:${server.port} ${server.key}\n`);
	assert.equal((await ended(call('StartIndexer', { name: 'indexers/unknown' }))).status.state, 'STATE_RUNNING');
	await refused(create('forbidden', { project_source: `${url}?credential=root.key` }), 'PERMISSION_DENIED', /root\.key/);
});

test('a private package of npm is installed by the build step, once for all', async () => {
	const server = await ssh();
	npm();
	await runtime('built', '[Runtime]\nExec=/usr/bin/node ${SCRIPT_PATH}\nBuild=npm ci --no-audit --no-fund\n');
	const dependency = repository({ 'package.json': manifest('private-words'), 'index.js': "module.exports = 'out of a private package';\n" });
	const url = `git+${server.url(dependency)}`, repo = repository({ 'main.js': "console.log(require('private-words'));\nsetInterval(() => {}, 1000);\n" });
	const [resolved, dependencies] = [`${url}#${dependency.first}`, { 'private-words': url }];
	repo.commit({
		'package.json': manifest('uses-it', { dependencies }),
		'package-lock.json': `${JSON.stringify({
			name: 'uses-it', version: '1.0.0', lockfileVersion: 3, requires: true,
			packages: { '': { name: 'uses-it', version: '1.0.0', dependencies }, 'node_modules/private-words': { version: '1.0.0', resolved } },
		})}\n`,
	});
	const indexer = { runtime: 'built', script: 'main.js', project_source: `${server.url(repo)}?credential=indexer.deploy` };
	await create('npm', indexer);
	await settled('npm', 'STATE_RUNNING');
	await said('npm', 'out of a private package');
	assert.ok(await said('npm', 'added 1 package'));
	const built = () => sh("journalctl -q -o cat --grep 'Finished.*Build of' _PID=1 | wc -l").stdout.trim() | 0;
	const n = built();
	await create('again', indexer);
	await settled('again', 'STATE_RUNNING');
	const child = await create('child', { spawned_by: 'indexers/npm', runtime: 'built', script: 'main.js' });
	assert.equal(child.status.state, 'STATE_RUNNING', child.status.message);
	assert.equal(built(), n);

	repo.commit({ 'package-lock.json': '{}\n' });
	await failed('broken', indexer, /cannot be built: .*npm/s);
	await said('broken', 'npm');
});

test('a build sees its project and nothing of others, and ends with its unit', async () => {
	await runtime('curious', '[Runtime]\nExec=/bin/sh ${SCRIPT_PATH}\nBuild=sh ${PROJECT}/build.sh\n');
	const other = repository({ 'main.sh': SLEEPER });
	await create('other', { project_source: other.url });
	await settled('other', 'STATE_RUNNING');
	const repo = repository({
		'main.sh': TELL,
		'build.sh': `#!/bin/sh
pwd; ls ${CACHE} 2>&1; ls /run/indexerd/credentials 2>&1; ls /run/credentials 2>&1
for f in ${CACHE}/*/tree/main.sh /srv/x /etc/x /run/indexerd/x /run/indexerd/plain/tree/main.sh; do echo x > $f; done 2>/dev/null
ln -sfn / ../../key 2>/dev/null; echo $(id -u) > word.txt
(exec 3<> /proc/$PPID/mem) 2>/dev/null && echo "got at the memory of indexer-fetch"
setsid sleep 1000 &
`,
	});
	await create('curious', { runtime: 'curious', project_source: repo.url });
	await settled('curious', 'STATE_RUNNING');
	const all = (await lines({ parent: 'indexers/curious', no_follow: true }).rest()).map((line) => line.content).join('\n');
	assert.match(all, /^\/run\/indexerd\/project\/tree$/m);
	assert.match(all, /cannot open directory '\/var\/cache\/indexerd'|cannot access '\/var\/cache\/indexerd/);
	assert.doesNotMatch(all, /^got at/m);
	assert.equal(sh('pgrep -f "sleep 1000"').stdout, '');
	for (const key of fs.readdirSync(CACHE).filter((name) => name.length === 64))
		assert.notEqual(sh(`cat ${CACHE}/${key}/tree/main.sh`).stdout, 'x\n');
	assert.equal(['/srv/x', '/etc/x', '/run/indexerd/x'].some((file) => fs.existsSync(file)), false);

	// What it leaves in the place of its project is looked at, not followed.
	const liar = repository({ 'main.sh': SLEEPER, 'build.sh': '#!/bin/sh\ncd ../../..\nmv project/tree project/x 2>/dev/null; ln -s /etc project/tree\n' });
	await failed('liar', { runtime: 'curious', project_source: liar.url }, /cannot be built/);
});

test('what a build says itself is no result, also where nobody saw how it ended', async () => {
	await runtime('forger', '[Runtime]\nExec=/bin/sh ${SCRIPT_PATH}\nBuild=sh ${PROJECT}/build.sh\n');
	run('rm -rf /srv/forger && mkdir -m 755 /srv/forger');
	later(() => run('rm -rf /srv/forger'));
	const repo = repository({
		'main.sh': TELL,
		'build.sh': `#!/bin/sh
[ ! -e /srv/forger/go ] || { echo whole > word.txt; exit 0; }
echo half > word.txt
node -e '
const order = require("fs").readFileSync(process.env.CREDENTIALS_DIRECTORY + "/spec", "latin1");
const [commit] = /[0-9a-f]{40}/.exec(order), [url] = /file:.*?\\.git/.exec(order);
const text = ["g" + url, "c" + commit, "d", "w/usr/bin/sh", "w/run/indexerd/project/tree/build.sh", "e", ""].join("\\0");
const key = require("crypto").createHash("sha256").update(text).digest("hex");
require("fs").writeFileSync("/run/indexerd/project/result", key + " " + commit + " 0\\n");
console.log("forged " + key);
'
exec sleep infinity
`,
	});
	create('forger', { runtime: 'forger', project_source: repo.url }).catch(() => {});
	await until(() => get('forger').then(() => true, () => false));
	const forged = (await said('forger', 'forged ')).content.slice('forged '.length);
	const [building] = run("systemctl list-units --plain --no-legend 'indexerd-fetch-*' | awk '{ print $1 }'").split('\n');
	fs.writeFileSync('/srv/forger/go', '');
	run('systemctl kill -s STOP indexerd.service');
	run(`systemctl kill -s KILL ${building}`);
	await until(() => run(`systemctl show -P ActiveState ${building}`) === 'failed');
	run('systemctl kill -s KILL indexerd.service');
	await served();
	await settled('forger', 'STATE_RUNNING');
	await said('forger', 'whole');
	assert.ok(fs.existsSync(`${CACHE}/${forged}/tree`), 'its key is the one that the build told');
	assert.equal(fs.readFileSync(`${CACHE}/${forged}/tree/word.txt`, 'utf8'), 'whole\n');
});

test('who is handed the place of a build from within replaces nothing there', async () => {
	await runtime('giver', '[Runtime]\nExec=/bin/sh ${SCRIPT_PATH}\nBuild=python3 ${PROJECT}/give.py\n');
	const taker = project({ 'take.py': `import os, socket
s = socket.socket(socket.AF_UNIX)
s.bind('\\0taker')
s.listen()
print('ready', flush=True)
c = s.accept()[0]
at = socket.recv_fds(c, 1, 1)[1][0]
try:
    os.rename('tree', 'old', src_dir_fd=at, dst_dir_fd=at)
    os.rename('old', 'tree', src_dir_fd=at, dst_dir_fd=at)
    c.send(b'it was replaced')
except OSError as e:
    c.send(e.strerror.encode())
` });
	const helper = background('runuser', ['-u', 'nobody', '--', 'python3', `${taker}/take.py`]);
	await once(helper.stdout, 'data');
	const repo = repository({ 'main.sh': SLEEPER, 'give.py': `import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect('\\0taker')
socket.send_fds(s, [b'.'], [os.open('/run/indexerd/project', os.O_RDONLY)])
print('taker:', s.recv(100).decode())
` });
	await create('giver', { runtime: 'giver', project_source: repo.url });
	await settled('giver', 'STATE_RUNNING');
	assert.equal((await said('giver', 'taker: ')).content, 'taker: Operation not permitted');
});

test('archives are unpacked once, and stay what they were', async () => {
	const source = project({ 'top/main.sh': TELL, 'top/word.txt': 'out of an archive\n' });
	run('mkdir -p /srv/archives && chmod 755 /srv/archives');
	later(() => run('rm -rf /srv/archives'));
	for (const [name, flag] of [['a.tar.gz', 'z'], ['a.tgz', 'z'], ['a.tar.zst', '-zstd ']]) {
		const file = `/srv/archives/${name}`, id = name.replaceAll('.', '-');
		run(flag === 'z' ? `tar -czf ${file} -C ${source} top` : `tar --zstd -cf ${file} -C ${source} top`);
		await create(id, { project_source: file, project_dir: 'top' });
		const { status } = await settled(id, 'STATE_RUNNING');
		await said(id, 'out of an archive');
		assert.equal(status.message, `of the archive ${crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex')}`);
	}

	// Replaced by another one: what there is goes on, and what was lost is not made up.
	fs.writeFileSync(`${source}/top/word.txt`, 'another one\n');
	run(`tar -czf /srv/archives/a.tar.gz -C ${source} top`);
	await call('RestartIndexer', { name: 'indexers/a-tar-gz' });
	await settled('a-tar-gz', 'STATE_RUNNING');
	await call('StopIndexer', { name: 'indexers/a-tar-gz' });
	run(`rm -rf ${CACHE}/*`);
	await call('StartIndexer', { name: 'indexers/a-tar-gz' });
	assert.match((await settled('a-tar-gz', 'STATE_FAILED')).status.message, /archive has changed/);
	await call('UpdateIndexer', {
		indexer: { name: 'indexers/a-tar-gz', project_source: '/srv/archives/a.tar.gz' }, update_mask: { paths: ['project_source'] },
	});
	await settled('a-tar-gz', 'STATE_RUNNING');
	await said('a-tar-gz', 'another one');
});

test('a hostile archive gets nowhere', async () => {
	run('mkdir -p /srv/archives && chmod 755 /srv/archives');
	later(() => run('rm -rf /srv/archives'));
	const pack = (name, script) => {
		const file = `/srv/archives/${name}.tar.gz`;
		run(`python3 - ${file} <<'X'
import io, sys, tarfile
t = tarfile.open(sys.argv[1], 'w:gz')
def file(name, data=b'#!/bin/sh\\nexec sleep 9\\n', mode=0o755, **more):
    i = tarfile.TarInfo(name); i.size = len(data); i.mode = mode
    for k, v in more.items(): setattr(i, k, v)
    t.addfile(i, io.BytesIO(data))
def link(name, to, kind=tarfile.SYMTYPE):
    i = tarfile.TarInfo(name); i.type = kind; i.linkname = to; t.addfile(i)
file('main.sh')
${script}
t.close()
X`);
		return file;
	};
	const bad = {
		above: "file('../../escaped')",
		through: "link('d', '/srv')\nfile('d/escaped')",
		hard: "link('h', '/etc/passwd', tarfile.LNKTYPE)",
		device: "i = tarfile.TarInfo('null'); i.type = tarfile.CHRTYPE; i.devmajor = 1; i.devminor = 3; t.addfile(i)",
	};
	for (const [name, script] of Object.entries(bad)) {
		const project_source = pack(name, script);
		await create(name, { project_source });
		await until(async () => !['STATE_STARTING'].includes((await get(name)).status.state));
		const { status } = await get(name);
		assert.equal(status.state, 'STATE_FAILED', `${name}: ${status.message}`);
	}
	// Of an absolute one tar takes the slash.
	await create('absolute', { project_source: pack('absolute', "file('/srv/escaped')") });
	await settled('absolute', 'STATE_RUNNING');
	assert.equal(sh(`find / -xdev -name escaped -not -path '${CACHE}/*'`).stdout, '');
	await failed('cut', { project_source: (fs.writeFileSync('/srv/archives/cut.tar.gz', run('head -c 200 /dev/zero | gzip -c | base64 -w0')), '/srv/archives/cut.tar.gz') }, /cannot be fetched/);
	await configure('[Source]\nMaxMiB=16\n');
	await failed('bomb', { project_source: pack('bomb', "file('z', bytes(300 << 20))") }, /cannot be fetched: .*16/s);
	// A link that leads out is a link; a script behind it is refused.
	await failed('leads', { runtime: 'exec', script: 'out', project_source: pack('leads', "link('out', '/bin/true')") }, /leads out|outside of/);
});
