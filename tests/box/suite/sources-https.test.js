// SPDX-License-Identifier: Apache-2.0
//
// Projects over https by a token of the server's store, from git's own http-backend; and where that token
// never gets to: another server, a redirection, the journal.
'use strict';

const fs = require('node:fs');
const { spawn } = require('node:child_process');
const http = require('node:http');
const https = require('node:https');
const { assert, call, later, lines, run, sh, test, until } = require('./lib');
const { SERVER, authority, certificate, key, pem } = require('./pki');
const { repository } = require('./repositories');

const TOKEN = 'ghp_u5ed0n1yHere';
const DROP_IN = '/etc/systemd/system/indexerd-fetch-.service.d';
const MAIN = '#!/bin/sh\necho "token: $(cat word.txt)"\nexec sleep infinity\n';
const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const create = (indexer_id, project_source) =>
	call('CreateIndexer', { indexer_id, indexer: { script: 'main.sh', project_source } });
const settled = (id, state) => until(async () => {
	const { status } = await call('GetIndexer', { name: `indexers/${id}` });
	return status.state === state && status;
}, { limit: 60_000, what: `${id} is ${state}` });

async function failed(id, source, words) {
	await create(id, source);
	const status = await settled(id, 'STATE_FAILED');
	assert.match(status.message, words);
	assert.equal(status.last_exit.reason, 'REASON_START_FAILED');
}

// One request to git's CGI program.
function backend(request, body, response) {
	const url = new URL(request.url, 'https://h');
	const cgi = spawn('git', ['http-backend'], { env: {
		PATH: process.env.PATH, GIT_PROJECT_ROOT: '/srv', GIT_HTTP_EXPORT_ALL: '1', REMOTE_USER: 'u',
		GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*',
		REQUEST_METHOD: request.method, PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1),
		CONTENT_TYPE: request.headers['content-type'] ?? '', CONTENT_LENGTH: String(body.length),
		HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
		HTTP_GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
	} });
	const output = [];
	cgi.stdin.on('error', () => {});
	cgi.stdin.end(body);
	cgi.stdout.on('data', (chunk) => output.push(chunk));
	cgi.on('close', () => {
		const all = Buffer.concat(output), end = all.indexOf('\r\n\r\n');
		for (const line of all.subarray(0, end).toString().split('\r\n')) {
			const [name, value] = line.split(/: */);
			if (name === 'Status')
				response.statusCode = parseInt(value, 10);
			else
				response.setHeader(name, value);
		}
		response.end(all.subarray(end + 4));
	});
}

// A server until the end of the test: seen has the Authorization of each request. It serves who comes with
// `wanted`, and answers the others with 401; or, with `to`, sends all of them there.
async function server({ wanted, to, plain = false }) {
	const seen = [];
	const answer = (request, response) => {
		const body = [];
		seen.push(request.headers.authorization ?? '');
		request.on('data', (chunk) => body.push(chunk)).on('end', () => {
			if (to)
				response.writeHead(302, { Location: to + request.url }).end();
			else if (request.headers.authorization !== wanted)
				response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"' }).end();
			else
				backend(request, Buffer.concat(body), response);
		});
	};
	const made = plain ? http.createServer(answer)
		: https.createServer({ cert: fs.readFileSync(pem('server')), key: fs.readFileSync(key('server')) }, answer);
	await new Promise((resolve) => made.listen(0, '127.0.0.1', resolve));
	later(() => { made.close(); made.closeAllConnections?.(); });
	const url = `${plain ? 'http' : 'https'}://localhost:${made.address().port}`;
	return { seen, url, of: (repo) => `${url}${repo.path.replace('/srv', '')}` };
}

function store(name, content) {
	fs.mkdirSync('/etc/credstore', { recursive: true });
	fs.writeFileSync(`/etc/credstore/${name}`, content, { mode: 0o600 });
	later(() => fs.rmSync(`/etc/credstore/${name}`, { force: true }));
}

authority('ca');
certificate('server', SERVER);
fs.mkdirSync(DROP_IN, { recursive: true });
fs.writeFileSync(`${DROP_IN}/ca.conf`, `[Service]\nEnvironment=GIT_SSL_CAINFO=${pem('ca')}\n`);
run('systemctl daemon-reload');

test('a private project starts by a token, and by user and password, neither of which is to be seen', async () => {
	const repo = repository({ 'main.sh': MAIN, 'word.txt': 'none here\n' });
	const byToken = await server({ wanted: basic('git', TOKEN) }), byUser = await server({ wanted: basic('jane', TOKEN) });
	store('indexer.token', `${TOKEN}\n`);
	store('indexer.user', `jane:${TOKEN}`);
	for (const [id, source] of [['token', `${byToken.of(repo)}?credential=indexer.token#main`],
		['user', `git+${byUser.of(repo)}?credential=indexer.user`]]) {
		await create(id, source);
		assert.equal((await settled(id, 'STATE_RUNNING')).message, `of commit ${repo.first}`);
	}
	await until(async () => (await lines({ parent: 'indexers/token', no_follow: true }).rest())
		.some((line) => line.content === 'token: none here'));
	assert.notEqual(sh(`journalctl -q -o export | grep -aF ${TOKEN}`).code, 0);
	for (const place of ['/var/cache/indexerd', '/var/lib/indexerd', '/run/indexerd', '/run/systemd'])
		assert.notEqual(sh(`grep -raF ${TOKEN} ${place}`).code, 0, place);
});

test('without it, with a wrong one, and from an unknown authority, git says what is wrong', async () => {
	const repo = repository({ 'main.sh': MAIN });
	const { of } = await server({ wanted: basic('git', TOKEN) });
	store('indexer.wrong', 'ghp_another_one');
	await failed('without', of(repo), /could not read Username for 'https:\/\/localhost:\d+'/);
	await failed('wrong', `${of(repo)}?credential=indexer.wrong`, /Authentication failed for 'https:\/\/localhost:\d+/);
	await failed('missing', `${of(repo)}?credential=indexer.none`, /indexer\.none/);
	fs.renameSync(`${DROP_IN}/ca.conf`, `${DROP_IN}/ca.off`);
	run('systemctl daemon-reload');
	later(() => {
		fs.renameSync(`${DROP_IN}/ca.off`, `${DROP_IN}/ca.conf`);
		run('systemctl daemon-reload');
	});
	await failed('unknown', `${of(repo)}?credential=indexer.wrong`, /certificate/);
});

test('no other server is given the token, and none is reached in clear', async () => {
	const repo = repository({ 'main.sh': MAIN }), part = repository({ 'a': 'b\n' });
	const own = await server({ wanted: basic('git', TOKEN) });
	const other = await server({ wanted: 'nothing that there is' }), clear = await server({ plain: true });
	store('indexer.token', TOKEN);

	// The submodule of a hostile project, and a server that sends who asks it elsewhere.
	repo.git(`submodule -q add file://${part.path} part`);
	repo.git(`config -f .gitmodules submodule.part.url ${other.of(part)}`);
	repo.commit({});
	await failed('part', `${own.of(repo)}?credential=indexer.token`, /could not read Username|part/);
	assert.ok(other.seen.length > 0, 'it was asked');
	assert.deepEqual(other.seen.filter(Boolean), [], 'but told nothing');

	const away = await server({ to: other.url });
	await failed('away', `${away.of(repo)}?credential=indexer.token`, /could not read Username|Authentication/);
	assert.deepEqual(other.seen.filter(Boolean), []);

	const down = await server({ to: clear.url });
	await failed('down', `${down.of(repo)}?credential=indexer.token`, /http.*(not supported|disabled)/i);
	assert.deepEqual(clear.seen, [], 'not one request');
});

test('an indexer has no other server told the token of its own project, which its process is not told either', async () => {
	const repo = repository({}), foreign = repository({ 'main.sh': MAIN, 'word.txt': 'foreign\n' });
	const own = await server({ wanted: basic('git', TOKEN) }), other = await server({ wanted: basic('git', TOKEN) });
	store('indexer.token', TOKEN);
	store('indexer.more', TOKEN);
	const at = (url) => `--script main.sh --project-source "${url}?credential=indexer.token`;
	repo.commit({
		'word.txt': 'own\n',
		'main.sh': `#!/bin/bash
ctl() { indexerctl --address "$INDEXER_RUNNER_ADDRESS" "$@" 2>&1; echo "$2 $?"; }
[[ $INDEXER_ID == factory ]] || exec sleep infinity
ctl create elsewhere ${at(other.of(repo))}"
ctl create neighbour ${at(own.of(foreign))}"
ctl update factory --project-source "${other.of(repo)}?credential=indexer.token"
ctl create same ${at(own.of(repo))}#main"
ctl create given --script main.sh --project-source "${own.of(foreign)}?credential=indexer.more"
echo end
exec sleep infinity
`,
	});
	await call('CreateIndexer', { indexer_id: 'factory', indexer: {
		script: 'main.sh', project_source: `${own.of(repo)}?credential=indexer.token`, environment: { MORE: 'credential:indexer.more' },
	} });
	const said = [], log = lines({ parent: 'indexers/factory' });
	for (let line; (line = await log.next(60_000))?.content !== 'end';)
		said.push(line.content);
	for (const line of [/^elsewhere [^0]/, /^neighbour [^0]/, /^factory [^0]/, /^same 0$/, /^given 0$/])
		assert.ok(said.some((text) => line.test(text)), `${line}: ${said.join('\n')}`);
	assert.equal(said.filter((text) => text.includes('none that the calling indexer has itself')).length, 3, said.join('\n'));
	assert.deepEqual(other.seen, [], 'not one request');
});
