// SPDX-License-Identifier: Apache-2.0
//
// What tests of hostile peers share: HTTP/2 as it is, without a gRPC client that would mend it, and
// what the daemon spends.
'use strict';

const http2 = require('node:http2');
const net = require('node:net');
const { ADDRESS, later, run } = require('./lib');

const SOCKET = ADDRESS.replace('unix:', '');

// Of the daemon: resident memory in MB, and its open descriptors.
const resident = () => Number(run(
	"sed -nE 's/^VmRSS:\\s+([0-9]+) kB/\\1/p' /proc/$(systemctl show -P MainPID indexerd)/status")) / 1000;
const descriptors = () => Number(run('ls /proc/$(systemctl show -P MainPID indexerd)/fd | wc -l'));

// A connection, ended with the test.
function session({ path = SOCKET, connect = () => net.connect(path), ...options } = {}) {
	const s = http2.connect('http://localhost', { createConnection: connect, ...options });
	s.on('error', () => {});
	later(() => s.destroy());
	return s;
}

const HEADERS = {
	':method': 'POST', ':path': '/indexerd.v1.IndexerRunner/ListIndexers',
	'content-type': 'application/grpc', te: 'trailers',
};

// The answer's headers and trailers together; null if the stream or connection was ended.
function request(s, headers, body) {
	return new Promise((resolve) => {
		const stream = s.request({ ...HEADERS, ...headers });
		const answer = {};
		stream.on('response', (h) => Object.assign(answer, h));
		stream.on('trailers', (h) => Object.assign(answer, h));
		stream.on('error', () => {});
		stream.on('close', () => resolve(answer['grpc-status'] === undefined ? null : answer));
		stream.resume();
		stream.end(body);
	});
}

// --- frames, for what no HTTP/2 library lets one send ----------------------------------------------

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME = { DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9 };
const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4 };

function frame(type, flags, stream, payload = Buffer.alloc(0)) {
	const head = Buffer.alloc(9);
	head.writeUIntBE(payload.length, 0, 3);
	head[3] = FRAME[type];
	head[4] = flags;
	head.writeUInt32BE(stream, 5);
	return Buffer.concat([head, payload]);
}

// One header as a literal that is not put into the table.
function literal(name, value) {
	const text = (string) => {
		const bytes = Buffer.from(string);
		const length = [];
		let n = bytes.length;
		if (n < 127) {
			length.push(n);
		} else {
			for (length.push(127), n -= 127; n >= 128; n >>= 7)
				length.push((n & 127) | 128);
			length.push(n);
		}
		return Buffer.concat([Buffer.from(length), bytes]);
	};
	return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

const block = (headers) => Buffer.concat(Object.entries({
	':method': 'POST', ':scheme': 'http', ':path': HEADERS[':path'], ':authority': 'localhost',
	'content-type': 'application/grpc', te: 'trailers', ...headers,
}).map(([name, value]) => literal(name, value)));

// A connection as it is: what comes is in `frames`, { type, flags, stream, payload }.
function raw(socket = net.connect(SOCKET)) {
	const connection = { socket, frames: [], closed: false };
	let rest = Buffer.alloc(0);
	socket.on('data', (data) => {
		rest = Buffer.concat([rest, data]);
		while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
			const end = 9 + rest.readUIntBE(0, 3);
			const type = Object.keys(FRAME).find((name) => FRAME[name] === rest[3]);
			connection.frames.push({ type, flags: rest[4], stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
			rest = rest.subarray(end);
		}
	});
	socket.on('error', () => {});
	socket.on('close', () => (connection.closed = true));
	later(() => socket.destroy());
	connection.got = (type) => connection.frames.filter((f) => f.type === type);
	// Begins as every client does.
	connection.begin = () => socket.write(Buffer.concat([PREFACE, frame('SETTINGS', 0, 0)]));
	return connection;
}

module.exports = { FLAG, HEADERS, SOCKET, block, descriptors, frame, raw, request, resident, session };
