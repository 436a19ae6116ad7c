// SPDX-License-Identifier: Apache-2.0
//
// The cases of conformance.json, by @grpc/grpc-js. conformance.test.py does the same.
//
// They run over the Unix socket, or wherever the environment says:
//
//	CONFORMANCE_ADDRESS     e.g. localhost:7171
//	CONFORMANCE_TLS         a directory with ca.pem, cert.pem and key.pem of the client
//	CONFORMANCE_CALLER      who the client is to the server, as QuotaFailure names it; root, if nothing is said
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const { ADDRESS, api, assert, explain, grpc, later, project, sleep, test, until, within } = require('./lib');
const { project: files, cases } = require('./conformance.json');

const RUNNER = '/indexerd.v1.IndexerRunner/';
const LIMIT_MS = 30_000;

const address = process.env.CONFORMANCE_ADDRESS ?? ADDRESS;
const caller = process.env.CONFORMANCE_CALLER ?? 'user:0';
const pem = (name) => fs.readFileSync(path.join(process.env.CONFORMANCE_TLS, `${name}.pem`));
const credentials = process.env.CONFORMANCE_TLS
	? grpc.credentials.createSsl(pem('ca'), pem('key'), pem('cert')) : grpc.credentials.createInsecure();

const show = (value) => JSON.stringify(value).slice(0, 1000);

// --- what stands in the table --------------------------------------------------------------------

// A text or a list as the table describes it, with the variables in it.
function expand(value, variables) {
	if (typeof value === 'string')
		return value.replace(/\$\{(\w+)\}/g, (_, name) => variables[name]);
	if (Array.isArray(value))
		return value.map((item) => expand(item, variables));
	if (value === null || typeof value !== 'object')
		return value;
	if (value.$repeat)
		return value.$repeat[0].repeat(value.$repeat[1]);
	if (value.$list)
		return Array(value.$list[1]).fill(expand(value.$list[0], variables));
	if (value.$keys)
		return Object.fromEntries(Array.from({ length: value.$keys[1] }, (_, i) => [value.$keys[0] + i, '']));
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item, variables)]));
}

const RULES = {
	$match: (re, value) => typeof value === 'string' && new RegExp(re).test(value),
	$count: (n, value) => Object.keys(value).length === n,
	$not: (other, value) => !isDeepStrictEqual(other, value),
	$set: (_, value) => Boolean(value),
	$has: (items, value) => items.every((item) => value.some((one) => matches(item, one))),
};

function matches(pattern, value) {
	if (pattern === null || typeof pattern !== 'object')
		return pattern === value;
	if (Array.isArray(pattern))
		return Array.isArray(value) && value.length === pattern.length &&
			pattern.every((item, i) => matches(item, value[i]));
	if (value === null || typeof value !== 'object')
		return Object.keys(pattern).every((key) => RULES[key]?.(pattern[key], value));
	return Object.entries(pattern).every(([key, item]) =>
		RULES[key] ? RULES[key](item, value) : matches(item, value[key]));
}

function checkReply(pattern, value) {
	assert.ok(matches(pattern, value), `${show(value)} is not as ${show(pattern)}`);
}

function checkError(pattern, error) {
	assert.ok(error, `no error, but ${show(pattern)} is expected`);
	if (error.code === undefined)
		throw error;
	const seen = {
		code: error.name,
		reason: error.reason,
		field: error.info?.BadRequest?.[0].field_violations[0].field,
		resource: error.info?.ResourceInfo?.[0].resource_name,
		quota: error.info?.QuotaFailure?.[0].violations[0].subject,
		retry: error.info?.RetryInfo && error.info.RetryInfo[0].retry_delay.seconds > 0,
	};
	for (const key of Object.keys(seen))
		assert.ok(matches(pattern[key], seen[key]),
			`${key} is ${seen[key]}, not ${JSON.stringify(pattern[key])}: ${error.details}`);
	assert.match(error.details, new RegExp(pattern.message ?? '.'));
	if (!pattern.reason)
		return assert.deepEqual(error.metadata?.get('grpc-status-details-bin') ?? [], []);
	const { ErrorInfo, QuotaFailure } = error.info;
	assert.equal(ErrorInfo[0].domain, 'indexerd');
	assert.equal(ErrorInfo[0].metadata.field, seen.field);
	assert.equal(Boolean(QuotaFailure), seen.code === 'RESOURCE_EXHAUSTED');
}

// --- calls -----------------------------------------------------------------------------------------

function connect(options = {}) {
	const client = new grpc.Client(address, credentials, {
		'grpc.max_send_message_length': -1, 'grpc.use_local_subchannel_pool': 1, ...options,
	});
	later(() => client.close());
	return client;
}

const shared = new Map();

function connection({ compression }) {
	const key = compression ?? '';
	if (!shared.has(key))
		shared.set(key, connect(compression && { 'grpc.default_compression_algorithm': 2 }));
	return shared.get(key);
}

function method(name) {
	const [, service, rpc] = (name.startsWith('/') ? name : RUNNER + name).split('/');
	return service.split('.').reduce((inside, word) => inside[word], api).service[rpc];
}

function metadata(step) {
	const result = new grpc.Metadata();
	for (const [key, value] of Object.entries(step.metadata ?? {}))
		result.set(key, value);
	return result;
}

const optionsOf = (step) => ({ deadline: Date.now() + (step.deadline ?? LIMIT_MS) });

function serializer(definition, step) {
	return (request) => Buffer.concat([definition.requestSerialize(request), Buffer.from(step.append ?? '', 'hex')]);
}

// { reply } or { error }.
function unary(client, step) {
	const definition = method(step.call);
	return new Promise((resolve) => {
		const call = client.makeUnaryRequest(definition.path, serializer(definition, step), definition.responseDeserialize,
			step.request, metadata(step), optionsOf(step),
			(error, reply) => resolve(error ? { error: explain(error) } : { reply }));
		if (step.cancel)
			sleep(step.cancel).then(() => call.cancel());
	});
}

function raw(client, step) {
	return new Promise((resolve) => {
		const call = client.makeClientStreamRequest(step.path, (bytes) => bytes, (bytes) => bytes, metadata(step), optionsOf(step),
			(error, reply) => resolve(error ? { error: explain(error) } : { reply }));
		for (const message of step.messages)
			call.write(Buffer.from(message, 'hex'));
		call.end();
	});
}

function openStream(client, step) {
	const definition = method(step.call);
	const common = [definition.path, serializer(definition, step), definition.responseDeserialize];
	if (!definition.requestStream)
		return client.makeServerStreamRequest(...common, step.request, metadata(step), optionsOf(step));
	const call = client.makeBidiStreamRequest(...common, metadata(step), optionsOf(step));
	for (const request of step.requests)
		call.write(request);
	call.end();
	return call;
}

// A stream that is open: read() gives its next replies, as many as a part of the step expects of those
// that it does not pass over; finish() sees to it that the stream ends as told, without any more of them
// unless it is cancelled.
function follow(client, step) {
	const source = openStream(client, step);
	const queue = [];
	let end = null, only = {};
	let tell, told = new Promise((resolve) => (tell = resolve));
	const note = () => {
		tell();
		told = new Promise((resolve) => (tell = resolve));
	};
	source.on('data', (reply) => {
		queue.push(reply);
		note();
	});
	source.on('error', (error) => {
		end = { error: explain(error) };
		note();
	});
	source.on('end', () => {
		end ??= {};
		note();
	});
	// What is told after a look at the condition, and before the wait, is not missed.
	function wait(condition, what) {
		let next;
		return until(() => {
			next = told;
			return condition();
		}, { limit: LIMIT_MS, what: `${what} of ${step.call}`, event: () => next });
	}

	async function read(part) {
		const replies = [];
		only = part.only ?? {};
		while (replies.length < part.replies.length) {
			await wait(() => queue.length > 0 || end, `${part.replies.length} replies`);
			if (queue.length === 0 && end.error)
				throw end.error;
			if (queue.length === 0)
				break;
			const reply = queue.shift();
			if (matches(only, reply))
				replies.push(reply);
		}
		return replies;
	}

	async function finish({ cancel, error }) {
		if (cancel)
			source.cancel();
		await wait(() => end, 'the end');
		if (cancel)
			return assert.equal(end.error?.name, 'CANCELLED');
		assert.deepEqual(queue.filter((reply) => matches(only, reply)), [], 'no reply more');
		if (error)
			checkError(error, end.error);
		else if (end.error)
			throw end.error;
	}
	return { read, finish };
}

// The replies as they are expected, then what comes between, then the end as it is expected.
async function stream(client, step, variables) {
	const { read, finish } = follow(client, step);
	checkReply(step.replies, await read(step));
	for (const next of step.then ?? [])
		if (next.call || next.path) {
			await run(next, variables);
		} else {
			const part = expand(next, variables);
			checkReply(part.replies, await read(part));
		}
	if (step.hold)
		later(() => finish({ cancel: true }));
	else
		await finish(step);
}

// What the replies to several clients have in common.
const unmeasured = (reply) => reply?.status
	? { ...reply, status: { ...reply.status, memory_bytes: 0, cpu_usage: null } } : reply;

async function once(step, variables) {
	if (step.replies)
		return stream(connection(step), step, variables);
	const make = step.path ? raw : unary;
	const answers = await Promise.all(step.clients
		? Array.from({ length: step.clients }, () => make(connect(), step)) : [make(connection(step), step)]);
	for (const { error, reply } of answers) {
		if (step.cancel)
			assert.equal(error?.name, 'CANCELLED');
		else if (step.error)
			checkError(step.error, error);
		else if (error)
			throw error;
		else
			checkReply(step.reply ?? {}, reply);
		assert.deepEqual(unmeasured(reply), unmeasured(answers[0].reply));
	}
	for (const [name, where] of Object.entries(step.save ?? {}))
		variables[name] = where.split('.').reduce((inside, word) => inside[word], answers[0].reply);
}

async function remove(name) {
	const { error } = await unary(connection({}), { call: 'DeleteIndexer', request: { name, allow_missing: true } });
	if (error && error.name !== 'INVALID_ARGUMENT') // of an id that is none, and so made nothing
		throw error;
}

async function runOnce({ then, ...written }, variables) {
	// What is done within a stream is expanded at its time.
	const step = { ...expand(written, variables), then };
	if (step.call === 'CreateIndexer' && step.request.indexer_id)
		later(() => remove(`indexers/${step.request.indexer_id}`));
	if (step.until)
		await until(() => once(step, variables).then(() => true, (error) => {
			step.last = error;
			return false;
		}), { limit: 20_000 }).catch(() => { throw step.last; });
	else
		await within(LIMIT_MS + 5_000, once(step, variables), 'a step');
}

async function run(step, variables) {
	for (let n = 1; n <= (step.times ?? 1); n++) {
		variables.n = String(n);
		await runOnce(step, variables).catch((error) => {
			error.message += `\nin the step ${show(step)}`;
			throw error;
		});
	}
}

for (const { name, steps } of cases)
	test(name, async () => {
		const variables = { project: project(files), caller };
		shared.clear();
		connection({}); // closed after all that uses it at the end
		for (const step of steps)
			await run(step, variables);
	});
