// SPDX-License-Identifier: Apache-2.0
//
// One example for each runtime, created by indexerctl without --runtime: the choice is shown, the lines
// have the levels that they say, and the indexer is at its block.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { assert, call, later, run, sh, show, test, unit, until } = require('./lib');

const EXAMPLES = '/usr/share/doc/indexerd/examples';

// Creates an example as its README says; what indexerctl has printed.
function create(id, project_source, script, options = '') {
	later(() => run(`indexerctl delete --allow-missing ${id}`));
	return run(`indexerctl create ${id} --project-source=${project_source} --script=${script} ${options}`);
}

// Until an indexer is at the fifth block and has warned of it: its lines as "LEVEL text".
async function lines(id) {
	await until(() => sh(`indexerctl logs -p warning ${id}`).stdout.includes('five more blocks'), { limit: 60_000 });
	// The daemon hears of it a moment later.
	const { status } = await until(async () => {
		const indexer = await call('GetIndexer', { name: `indexers/${id}` });
		return indexer.status.progress?.current_block >= 5 && indexer;
	}, { limit: 30_000, what: `${id} at block 5` });
	assert.equal(status.state, 'STATE_RUNNING');
	assert.equal(status.restart_count, 0);
	const { indexers } = JSON.parse(run('indexerctl list -o json'));
	assert.ok(Number(indexers.find((i) => i.name === `indexers/${id}`).status.progress.currentBlock) >= 5);
	return run(`indexerctl logs ${id}`).split('\n').map((line) => line.replace(/^\S+ \S+ \S+ /, '').replace(/ +/g, ' '));
}

const has = (found, pattern) => assert.ok(found.some((line) => pattern.test(line)), `${pattern} in\n${found.join('\n')}`);

async function check(id, runtime, made, patterns) {
	assert.equal(made, `indexers/${id} RUNNING: runtime ${runtime}`);
	const found = await lines(id);
	for (const pattern of patterns)
		has(found, pattern);
	assert.equal(run(`indexerctl list --filter='runtime = "${runtime.split(',')[0]}"' | grep -c ${id}`), '1');
	assert.match(run(`indexerctl get ${id}`), new RegExp(`^Runtime: +${runtime.split(',')[0]}$`, 'm'));
}

test('exec', async () => {
	await check('hello-exec', 'exec', create('hello-exec', `${EXAMPLES}/exec`, 'run'),
		[/^DEBUG started in/, /^INFO indexed block=1$/, /^WARNING five more blocks$/]);
});

test('node', async () => {
	await check('hello-node', 'node', create('hello-node', `${EXAMPLES}/node`, 'main.mjs'),
		[/^DEBUG .*"started"/, /^INFO .*"block":1,"msg":"indexed"/, /^WARNING .*five more blocks/]);
});

test('python, which the host has not before it is installed', async () => {
	const python = '/usr/bin/python3';
	const { code, stderr } = (fs.renameSync(python, `${python}.away`), sh(
		`indexerctl create hello-python --project-source=${EXAMPLES}/python --script=main.py`));
	fs.renameSync(`${python}.away`, python);
	assert.equal(code, 2);
	assert.match(stderr, /FAILED_PRECONDITION[^]*'python' is not installed[^]*apt install python3/);
	await check('hello-python', 'python', create('hello-python', `${EXAMPLES}/python`, 'main.py'),
		[/^DEBUG DEBUG:main:started/, /^INFO INFO:main:indexed block=1$/, /^WARNING WARNING:main:five more/]);
});

test('deno, which is refused first, with the line that installs it', async () => {
	const { code, stderr } = sh(`indexerctl create hello-deno --project-source=${EXAMPLES}/deno --script=main.ts`);
	assert.equal(code, 2);
	assert.match(stderr, /FAILED_PRECONDITION[^]*'deno' is not installed[^]*npm install -g deno/);
	assert.match(run('indexerctl runtimes'), /^deno +no .*\n[^]*\ndeno: there is no deno; install it with: npm install -g deno$/m);

	const modules = '/opt/tests/node_modules/@deno';
	const [system] = fs.readdirSync(modules);
	fs.symlinkSync(path.join(modules, system, 'deno'), '/usr/local/bin/deno');
	later(() => fs.rmSync('/usr/local/bin/deno'));
	assert.match(run('indexerctl runtimes'), /^deno +yes /m);
	await check('hello-deno', 'deno', create('hello-deno', `${EXAMPLES}/deno`, 'main.ts'),
		[/^DEBUG .*msg="started"/, /^INFO .*msg="indexed" block=1$/, /^WARNING .*msg="five more blocks"/]);
	assert.ok(fs.existsSync('/var/lib/private/indexers/hello-deno/deno'));
});

// A stand-in of Apibara's sink of version 1, with the bytes that it prints; on an empty list, or none, of
// its script's variables it says what the script could read.
const SINK = `#!/bin/bash
[ "$1" = run ] && [ -r "$2" ] || exit 78
shift 2
echo "arguments: $*; status server: $STATUS_SERVER_ADDRESS; id: $SINK_ID; list: \${ALLOW_ENV_FROM_ENV-none}"
say() { printf '\\e[2m2024-11-19T11:35:45.123996Z\\e[0m %b %s\\n' "$1" "$2"; }
for ((block = 1; ; block++)); do
	say '\\e[32m INFO\\e[0m' "$(printf 'handle block batch \\e[3mblock\\e[0m\\e[2m=\\e[0m%d \\e[3mstatus\\e[0m\\e[2m=\\e[0maccepted' $block)"
	say '\\e[34mDEBUG\\e[0m' 'sink: batch'
	[ $((block % 5)) -ne 0 ] || say '\\e[33m WARN\\e[0m' 'sink: five more blocks'
	sleep 0.2
done
`;

test('apibara-sink: the type is the script’s, the variables are the request’s', async () => {
	const source = `${EXAMPLES}/apibara-sink`;
	const missing = sh(`indexerctl create hello-sink --project-source=${source} --script=script.js`);
	assert.equal(missing.code, 2);
	assert.match(missing.stderr, /no apibara-sink-console in \/usr\/local\/bin[^]*plugins install sink-console/);

	fs.writeFileSync('/usr/local/bin/apibara-sink-console', SINK, { mode: 0o755 });
	later(() => fs.rmSync('/usr/local/bin/apibara-sink-console'));
	await check('hello-sink', 'apibara-sink, preset console',
		create('hello-sink', source, 'script.js', '--env=AUTH_TOKEN=x --env=ALLOW_ENV_FROM_ENV='), [
			/^INFO arguments: --sink-id hello-sink --allow-env-from-env ALLOW_ENV_FROM_ENV,AUTH_TOKEN; status server: 127\.0\.0\.1:0;/,
			/^INFO .*handle block batch block=1 status=accepted$/, /^DEBUG .*sink: batch/, /^WARNING .*five more/]);
	create('bare-sink', source, 'script.js');
	has(await lines('bare-sink'), /^INFO arguments: --sink-id bare-sink; .*list: none$/);
});

test('apibara, built', async () => {
	fs.cpSync('/opt/apibara/example', '/srv/example', { recursive: true });
	run('cp -r /opt/apibara/stream-server.cjs /srv; systemd-run -q --unit=stream-server -p DynamicUser=yes -p Type=notify ' +
		'-p NotifyAccess=all node /srv/stream-server.cjs --port 7200 --interval 200');
	later(() => run('systemctl stop stream-server; rm -rf /srv/example /srv/stream-server.cjs'));
	await check('hello-apibara', 'apibara', create('hello-apibara', '/srv/example', 'blocks',
		`--env=CONSOLA_LEVEL=4 --env=NO_COLOR=1 --env='APIBARA_RUNTIME_CONFIG={"streamUrl":"http://127.0.0.1:7200","startingBlock":0}'`),
	[/^INFO blocks .*Transforming block \| orderKey: 1n/, /^DEBUG blocks .*Block 1 is of/, /^WARNING blocks .*five more blocks/]);
	// Sources that are not built are refused with what to do.
	assert.match(sh(`indexerctl create unbuilt --project-source=${EXAMPLES}/apibara --script=blocks`).stderr,
		/runtime 'apibara' needs [^]*npx apibara build/);
	assert.equal(show(unit('hello-apibara'), 'NRestarts').NRestarts, '0');
});
