// A stand-in of Apibara's stream server (service dna.v2.stream.DnaStream) for tests: it invents a
// Starknet chain. The first HISTORY blocks are there at once, then one is born every INTERVAL
// milliseconds, for ever. Block N is always the same, so whoever starts again sees the same.
// Events are filtered by address and first keys, and blocks without any are left out where the
// filter says so, as the real server does. As a unit it may be Type=notify, NotifyAccess=all.
//
//   node stream-server.cjs [--port 7171] [--history 40] [--interval 300]
//
// SPDX-License-Identifier: Apache-2.0

import { execFile } from "node:child_process";
import { setImmediate as yieldToOthers, setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { DnaStreamDefinition, StatusResponse } from "@apibara/protocol";
import { StarknetStream } from "@apibara/starknet";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { POOLS, POOL_CREATED, POOL_FACTORY, SWAP, TOKEN, TRANSFER } from "./project/lib/chain.mjs";

const HEARTBEAT_MS = 10_000; // clients give up after 45 s without a message
const BLOCKS_AT_ONCE = 100; // without a look at other clients
const TRANSFERS_PER_BLOCK = 3;
const GENESIS_MS = Date.UTC(2024, 0, 1);

const { values: option } = parseArgs({
	options: {
		port: { type: "string", default: "7171" },
		history: { type: "string", default: "40" },
		interval: { type: "string", default: "300" },
	},
});
const HISTORY = Number(option.history);
const INTERVAL_MS = Number(option.interval);
const startedAt = Date.now();

const hex = (number) => `0x${number.toString(16)}`;
const hashOf = (block) => hex(0xb10c000000000000n + BigInt(block));
const headBlock = () => HISTORY - 1 + Math.floor((Date.now() - startedAt) / INTERVAL_MS);
const bornAt = (block) => startedAt + (block - HISTORY + 1) * INTERVAL_MS;

// A number below `limit`, always the same for the same block and salt.
function dice(block, salt, limit) {
	let x = Math.imul(block * 31 + salt + 1, 0x9e3779b1);

	x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
	return ((x ^ (x >>> 13)) >>> 0) % limit;
}

function transfersOf(block) {
	return Array.from({ length: TRANSFERS_PER_BLOCK }, (_, i) => {
		const from = 0xa0 + dice(block, i, 16);
		const to = block % 11 === 10 && i === 0 ? from : 0xb0 + dice(block, i + 100, 16);

		return { address: TOKEN, keys: [TRANSFER, hex(from), hex(to)], data: [hex(dice(block, i + 200, 1000))] };
	});
}

function poolEventsOf(block) {
	const announced = POOLS.filter((pool) => pool.createdAt === block).map((pool) => ({
		address: POOL_FACTORY,
		keys: [POOL_CREATED, pool.address],
		data: [],
	}));
	const swaps = POOLS.filter((pool) => pool.createdAt < block).map((pool, i) => ({
		address: pool.address,
		keys: [SWAP],
		data: [hex(dice(block, i + 300, 1000))],
	}));

	return [...announced, ...swaps];
}

function headerOf(block) {
	return {
		blockHash: hashOf(block),
		parentBlockHash: hashOf(block - 1),
		blockNumber: BigInt(block),
		sequencerAddress: "0x5e9",
		timestamp: new Date(GENESIS_MS + block * INTERVAL_MS),
		starknetVersion: "0.13.3",
		l1GasPrice: {},
		l1DataGasPrice: {},
		l1DataAvailabilityMode: "blob",
	};
}

function matches(event, filter) {
	const keys = filter.keys ?? [];

	return (
		(filter.address === undefined || BigInt(filter.address) === BigInt(event.address)) &&
		keys.every((key, i) => key === null || (event.keys[i] && BigInt(key) === BigInt(event.keys[i])))
	);
}

// What one filter sees of a block; null where that is nothing.
function blockFor(filter, block) {
	const events = [...transfersOf(block), ...poolEventsOf(block)]
		.map((event, i) => ({
			...event,
			filterIds: (filter.events ?? []).flatMap((wanted, id) => (matches(event, wanted) ? [id + 1] : [])),
			eventIndex: i,
			transactionIndex: i,
			transactionHash: hex(BigInt(block) * 100n + BigInt(i)),
			transactionStatus: "succeeded",
			eventIndexInTransaction: 0,
		}))
		.filter((event) => event.filterIds.length > 0);

	if (events.length === 0 && filter.header !== "always") return null;
	return {
		header: headerOf(block),
		events,
		transactions: [],
		receipts: [],
		messages: [],
		traces: [],
		storageDiffs: [],
		contractChanges: [],
		nonceUpdates: [],
	};
}

const cursorAt = (block) => ({ orderKey: BigInt(block), uniqueKey: hashOf(block) });

function dataFor(filters, block) {
	const data = filters.map((filter) => blockFor(filter, block));

	if (data.every((seen) => seen === null)) return null;
	return {
		_tag: "data",
		data: {
			cursor: block > 0 ? cursorAt(block - 1) : undefined,
			endCursor: cursorAt(block),
			finality: "accepted",
			production: block < HISTORY ? "backfill" : "live",
			data,
		},
	};
}

// Writes messages, and waits while the client is slower than we are.
function senderTo(call) {
	let resume = () => {};

	for (const event of ["drain", "cancelled", "close"]) call.on(event, () => resume());
	return async (message) => {
		if (call.write({ message: StarknetStream.Response.encode(message) })) return;
		await new Promise((resolve) => {
			resume = resolve;
		});
	};
}

async function streamData(call) {
	const request = StarknetStream.Request.decode(call.request);
	const send = senderTo(call);
	let lastSent = Date.now();
	let block = request.startingCursor ? Number(request.startingCursor.orderKey) + 1 : 0;

	console.log(`stream from block ${block} to ${call.getPeer()}`);
	for (; !call.cancelled; block++) {
		while (block > headBlock() && !call.cancelled)
			await sleep(Math.min(Math.max(bornAt(block) - Date.now(), 1), 1000));
		if (block % BLOCKS_AT_ONCE === 0) await yieldToOthers();

		const message =
			dataFor(request.filter, block) ??
			(Date.now() - lastSent > HEARTBEAT_MS ? { _tag: "heartbeat" } : null);

		if (message === null || call.cancelled) continue;
		await send(message);
		lastSent = Date.now();
	}
}

function status(_call, reply) {
	const head = cursorAt(headBlock());

	reply(
		null,
		StatusResponse.encode({ currentHead: head, lastIngested: head, finalized: cursorAt(0), starting: cursorAt(0) }),
	);
}

// Apibara publishes its service in nice-grpc's shape; grpc-js wants its own.
function serviceOf({ fullName, methods }) {
	return Object.fromEntries(
		Object.entries(methods).map(([key, method]) => [
			key,
			{
				path: `/${fullName}/${method.name}`,
				requestStream: method.requestStream,
				responseStream: method.responseStream,
				requestDeserialize: (bytes) => method.requestType.decode(bytes),
				requestSerialize: (value) => Buffer.from(method.requestType.encode(value).finish()),
				responseDeserialize: (bytes) => method.responseType.decode(bytes),
				responseSerialize: (value) =>
					Buffer.from(method.responseType.encode(method.responseType.fromPartial(value)).finish()),
			},
		]),
	);
}

const server = new Server();

server.addService(serviceOf(DnaStreamDefinition), {
	streamData: (call) => streamData(call).catch((error) => call.destroy(error)),
	status,
});
server.bindAsync(`127.0.0.1:${option.port}`, ServerCredentials.createInsecure(), (error, port) => {
	if (error) throw error;
	console.log(`listening on 127.0.0.1:${port}`);
	if (process.env.NOTIFY_SOCKET) execFile("systemd-notify", ["--ready"]);
});
