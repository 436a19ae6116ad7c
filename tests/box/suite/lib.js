// SPDX-License-Identifier: Apache-2.0
//
// What the tests in a box are written with: a gRPC client that is not ours (@grpc/grpc-js, over the
// installed .proto), shell commands and waiting with limits, and TAP.
//
// A test file NAME.test.js runs as root in a freshly booted box of its own in which the package has
// been installed, with Debian's node. ./check box NAME runs it alone.
//
//	const { test, call, refused, project, run, until, assert } = require('./lib');
//
//	test('an indexer runs', async () => {
//		const source = project({ 'main.sh': '#!/bin/sh\nexec sleep 1000\n' });
//		const indexer = await call('CreateIndexer', {
//			indexer_id: 'one',
//			indexer: { runtime: 'exec', project_source: source, script: 'main.sh' },
//		});
//		assert.equal(indexer.status.state, 'STATE_RUNNING');
//		await refused(call('GetIndexer', { name: 'indexers/two' }), 'NOT_FOUND', /two/);
//		await until(() => run(`systemctl is-active ${unit('one')}`) === 'active');
//	});
//
// Tests run in their order, one at a time, each within its limit. After each of them, passed or
// failed, the indexers that it made by call('CreateIndexer') and its project() directories are
// removed, last first; what it gave to later() is run before that.
//
// In messages, enums are names, 64-bit numbers are numbers, field names are those of the .proto.
'use strict';

const assert = require('node:assert/strict');
const { execFile, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');
const { GrpcReflection } = require('grpc-js-reflection-client');

const ADDRESS = 'unix:/run/indexerd/indexerd.sock';
const PROTO_ROOT = '/usr/share/indexerd/proto';
const DEADLINE_MS = 45_000;
const TEST_LIMIT_MS = 120_000;

// --- messages that the package does not install ------------------------------------------------

const messages = require('./messages.json');
const reflection = messages.nested.grpc.nested.reflection.nested;
reflection.v1alpha = reflection.v1; // they differ in name only

const others = protobuf.Root.fromJSON(messages);

const toObject = { longs: Number, enums: String, defaults: true, arrays: true };

function decode(name, bytes) {
	const type = others.lookupType(name);
	return type.toObject(type.decode(bytes), toObject);
}

// --- the client --------------------------------------------------------------------------------

const loading = { includeDirs: [PROTO_ROOT], keepCase: true, longs: Number, enums: String, defaults: true };
const api = grpc.loadPackageDefinition({
	...loader.fromJSON(messages, loading),
	...loader.loadSync('indexerd/v1/indexer_runner.proto', loading),
});

// The services' methods; a client of one: new Runner(address, credentials, options).
const Runner = api.indexerd.v1.IndexerRunner;
const { Health } = api.grpc.health.v1;

const clients = new Map();

function client(kind = Runner, address = ADDRESS) {
	const key = `${kind.serviceName || kind.name} ${address}`;
	if (!clients.has(key))
		clients.set(key, new kind(address, grpc.credentials.createInsecure(), {
			// A daemon that is restarted is found again at once.
			'grpc.initial_reconnect_backoff_ms': 50,
			'grpc.max_reconnect_backoff_ms': 200,
		}));
	return clients.get(key);
}

// Adds to an error of a call: name (code's), reason (of ErrorInfo), and info: the google.rpc
// details by their type's name, each a list.
function explain(error) {
	error.name = grpc.status[error.code] ?? error.name;
	error.info = {};
	for (const bytes of error.metadata?.get('grpc-status-details-bin') ?? [])
		for (const any of decode('google.rpc.Status', bytes).details) {
			const type = any.type_url.replace(/^.*google\.rpc\./, '');
			(error.info[type] ??= []).push(decode(`google.rpc.${type}`, any.value));
		}
	error.reason = error.info.ErrorInfo?.[0]?.reason;
	return error;
}

function unary(target, method, request, deadline) {
	return new Promise((resolve, reject) => {
		target[method](request, { deadline: Date.now() + deadline }, (error, response) =>
			error ? reject(explain(error)) : resolve(response));
	});
}

// One call; the response, or an error with code, name, details (the message), reason and info.
async function call(method, request, { deadline = DEADLINE_MS, address } = {}) {
	if (method === 'CreateIndexer' && request.indexer_id)
		created.add(`indexers/${request.indexer_id}`);
	return unary(client(Runner, address), method, request, deadline);
}

// Asserts that a call is refused with a code's name and a message; the error, for a closer look.
async function refused(promise, name, message) {
	let answer;
	try {
		answer = await promise;
	} catch (error) {
		assert.equal(error.name, name, `${error.name}: ${error.details ?? error.message}`);
		if (message)
			assert.match(error.details, message);
		return error;
	}
	assert.fail(`not refused with ${name}: ${JSON.stringify(answer)}`);
}

// grpc.health.v1: the status of a service ('' is the server) as a name.
async function health(service = '', { deadline = DEADLINE_MS, address } = {}) {
	const response = await unary(client(Health, address), 'Check', { service }, deadline);
	return response.status;
}

// The names of the services by server reflection, in its version 'v1' or 'v1alpha'.
async function services(version = 'v1', address = ADDRESS) {
	const reflection =
		new GrpcReflection(address, grpc.credentials.createInsecure(), {}, version);
	return within(DEADLINE_MS, reflection.listServices(), 'reflection');
}

// A server stream. next(limit) is its next message, or null at its end with OK; an error as for
// call(). take(n, limit) is an array of n, rest(limit) one of all up to the end. cancel() ends it; pause()
// and resume() hold it up.
function stream(method, request, { deadline, address } = {}) {
	const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
	const source = client(Runner, address)[method](request, options);
	const queue = [];
	let wake = () => {};
	const put = (item) => {
		queue.push(item);
		wake();
	};
	source.on('data', (message) => put({ message }));
	source.on('error', (error) => put({ error: explain(error) }));
	source.on('end', () => put({ message: null }));
	later(() => source.cancel());

	async function next(limit = 10_000) {
		await until(() => queue.length > 0, {
			limit,
			what: `a message of ${method}`,
			event: () => new Promise((resolve) => (wake = resolve)),
		});
		// The end stays: it is the answer to every next() that follows.
		const last = queue[0].error || queue[0].message === null;
		const item = last ? queue[0] : queue.shift();
		if (item.error)
			throw item.error;
		return item.message;
	}
	return {
		next,
		rest: (limit) => restOf(next, limit),
		pause: () => source.pause(), // reads nothing more: flow control holds the server up
		resume: () => source.resume(),
		async take(n, limit = 10_000) {
			const messages = [];
			while (messages.length < n)
				messages.push(await next(limit));
			return messages;
		},
		cancel: () => source.cancel(),
	};
}

async function restOf(next, limit) {
	const messages = [];
	for (let message; (message = await next(limit)) !== null;)
		messages.push(message);
	return messages;
}

// StreamLogs without its events.
function lines(request, options) {
	const source = stream('StreamLogs', request, options);
	const next = async (limit) => {
		for (;;) {
			const record = await source.next(limit);
			if (record === null || record.event === 'LOG_EVENT_UNSPECIFIED')
				return record;
		}
	};
	const take = async (n, limit) => {
		const records = [];
		while (records.length < n)
			records.push(await next(limit));
		return records;
	};
	return { ...source, next, take, rest: (limit) => restOf(next, limit) };
}

// --- the host ----------------------------------------------------------------------------------

// Runs a shell command: { code, stdout, stderr }; code is null if it was killed after the limit.
function sh(command, { limit = 30_000, input } = {}) {
	const result = spawnSync('/bin/bash', ['-c', command], {
		encoding: 'utf8',
		timeout: limit,
		killSignal: 'SIGKILL',
		maxBuffer: 256 << 20,
		input,
	});
	return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

// The same, which must exit 0: its output without the last newline.
function run(command, options) {
	const { code, stdout, stderr } = sh(command, options);
	assert.equal(code, 0, `${command}: exit code ${code}\n${stdout}${stderr}`);
	return stdout.replace(/\n$/, '');
}

// Waits until the daemon serves: after a restart, a client that was blocked in sh() meanwhile finds
// its old connection dead first. With an address: until it serves who comes from there.
const served = (address) => until(() => call('ListIndexers', {}, { deadline: 2_000, address })
	.then(() => true, () => false), { limit: 30_000 });

// Restarts the daemon. Clients in this process go on meanwhile: blocked in run(), they would not hear
// that it is stopping, and it would wait for them to close.
async function restart() {
	await promisify(execFile)('systemctl', ['restart', 'indexerd.service'], { timeout: 60_000 });
	await served();
}

// Starts a command that goes on beside the test, and ends with it: a node:child_process.
function background(command, args = [], options = {}) {
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
	child.on('error', () => {});
	later(() => child.kill('SIGKILL'));
	return child;
}

const unit = (id) => `indexer-${id}.service`;

// Until the journal has a line of the indexer's with these words.
const stored = (id, words, limit) => until(() => sh(`journalctl -q -o cat -u ${unit(id)}`).stdout.includes(words), { limit });

// Properties of a unit: show('indexer-a.service', 'MainPID', 'NRestarts').MainPID, as strings.
function show(name, ...properties) {
	const text = run(`systemctl show ${name} -p ${properties.join(',')}`);
	return Object.fromEntries(text.split('\n').map((line) => {
		const at = line.indexOf('=');
		return [line.slice(0, at), line.slice(at + 1)];
	}));
}

// A directory with the files given by { 'path/in/it': 'content' }, that indexers can read; content
// which begins with #! is executable.
let projects = 0;
function project(files) {
	const top = `/srv/project-${process.pid}-${++projects}`;
	fs.mkdirSync(top, { recursive: true, mode: 0o755 });
	for (const [name, content] of Object.entries(files)) {
		const file = path.join(top, name);
		fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
		fs.writeFileSync(file, content, { mode: content.startsWith('#!') ? 0o755 : 0o644 });
	}
	later(() => fs.rmSync(top, { recursive: true, force: true }));
	return top;
}

// --- waiting -----------------------------------------------------------------------------------

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A promise that is rejected after the limit.
function within(limit, promise, what) {
	let timer;
	const over = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: not within ${limit} ms`)), limit);
	});
	return Promise.race([promise, over]).finally(() => clearTimeout(timer));
}

// Waits until the function (may be async) returns something true, and returns that. Asked anew
// every 50 ms, or after `event` where there is something to wait for.
async function until(condition, { limit = 15_000, what = condition.toString(), event } = {}) {
	const end = Date.now() + limit;
	for (;;) {
		const value = await condition();
		if (value)
			return value;
		const left = end - Date.now();
		if (left <= 0)
			throw new Error(`not within ${limit} ms: ${what}`);
		await (event ? Promise.race([event(), sleep(left)]) : sleep(Math.min(50, left)));
	}
}

// --- tests -------------------------------------------------------------------------------------

const tests = [];
const created = new Set();
let endings = [];

// Runs a function at the end of the present test.
function later(action) {
	endings.push(action);
}

function test(name, body, { limit = TEST_LIMIT_MS } = {}) {
	if (tests.length === 0)
		setImmediate(runAll);
	tests.push({ name, body, limit });
}

async function remove(name) {
	await call('DeleteIndexer', { name }).catch((error) => {
		// An invalid id made nothing, and a parent takes its children with it.
		if (!['NOT_FOUND', 'INVALID_ARGUMENT'].includes(error.name))
			throw error;
	});
}

// All of it, whatever fails of it: the next test begins with nothing of this one.
async function tidy() {
	const actions = [...endings.reverse(), ...[...created].reverse().map((name) => () => remove(name))];
	endings = [];
	created.clear();
	let wrong = null;
	for (const action of actions)
		try {
			await action();
		} catch (error) {
			wrong ??= error;
		}
	if (wrong)
		throw wrong;
}

function report(error) {
	const text = error.stack?.includes(error.message) ? error.stack : `${error.message}\n${error.stack}`;
	for (const line of `${text}\n${error.info ? JSON.stringify(error.info) : ''}`.split('\n'))
		if (line)
			console.log(`# ${line}`);
}

async function runAll() {
	let failed = 0;
	console.log(`1..${tests.length}`);
	for (const [index, { name, body, limit }] of tests.entries()) {
		let error = null;
		for (const step of [body, tidy])
			try {
				await within(limit, step(), name);
			} catch (e) {
				error ??= e;
			}
		if (error)
			report(error);
		failed += error ? 1 : 0;
		console.log(`${error ? 'not ok' : 'ok'} ${index + 1} - ${name}`);
	}
	process.exit(failed ? 1 : 0);
}

module.exports = {
	ADDRESS, PROTO_ROOT, Runner, Health, api,
	assert, background, call, client, explain, grpc, health, later, lines, project, refused, restart, run, served,
	services, sh, show, sleep, stored, stream, test, unit, until, within,
};
