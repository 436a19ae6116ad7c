// SPDX-License-Identifier: Apache-2.0
//
// A hostile peer as a process of its own: node flood.js KIND SECONDS. On several connections it sends
// frames of that kind as fast as the daemon takes them, does not read what comes back, and connects
// again when it is cut off; then it prints how many it sent.
'use strict';

const { block, FLAG, frame, raw } = require('./hostile');

const once = (make) => () => make; // the same frame each time
const reset = Buffer.from([0, 0, 0, 8]);
let stream = 1;

const KINDS = {
	'rapid reset': () => {
		stream += 2;
		return Buffer.concat([frame('HEADERS', FLAG.END_HEADERS, stream, block()), frame('RST_STREAM', 0, stream, reset)]);
	},
	PING: once(frame('PING', 0, 0, Buffer.alloc(8))),
	SETTINGS: once(frame('SETTINGS', 0, 0, Buffer.from([0, 4, 0, 1, 0, 0]))),
	'empty DATA': once(frame('DATA', 0, 1)),
	WINDOW_UPDATE: once(frame('WINDOW_UPDATE', 0, 0, Buffer.from([0, 0, 0, 1]))),
	PRIORITY: once(frame('PRIORITY', 0, 3, Buffer.from([0, 0, 0, 0, 1]))),
	CONTINUATION: once(frame('CONTINUATION', 0, 1, Buffer.alloc(100, 0x40))),
	RST_STREAM: once(frame('RST_STREAM', 0, 1, reset)),
	'calls that nobody reads': () => {
		stream += 2;
		return Buffer.concat([frame('HEADERS', FLAG.END_HEADERS, stream, block()),
			frame('DATA', FLAG.END_STREAM, stream, Buffer.alloc(5))]);
	},
};

async function connection(make, headers, end) {
	const peer = raw();
	let sent = 0;
	peer.begin();
	peer.socket.write(frame('SETTINGS', FLAG.ACK, 0));
	peer.socket.write(frame('HEADERS', headers, 1, block()));
	peer.socket.pause();
	while (Date.now() < end && !peer.closed) {
		const burst = Array.from({ length: 500 }, make);
		sent += burst.length;
		if (!peer.socket.write(Buffer.concat(burst)))
			await new Promise((resolve) => {
				const timer = setTimeout(resolve, 100); // it may not drain before the end
				peer.socket.once('drain', () => {
					clearTimeout(timer);
					resolve();
				});
			});
		await new Promise((resolve) => setImmediate(resolve));
	}
	peer.socket.destroy();
	return sent;
}

async function flood(make, headers, end) {
	let sent = 0;
	while (Date.now() < end) {
		sent += await connection(make, headers, end);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	return sent;
}

async function main(kind, seconds) {
	const headers = kind === 'CONTINUATION' ? 0 : FLAG.END_HEADERS;
	const end = Date.now() + 1_000 * seconds;
	const sent = await Promise.all(Array.from({ length: 8 }, () => flood(KINDS[kind], headers, end)));
	console.log(sent.reduce((a, b) => a + b));
	process.exit(0);
}

if (require.main === module)
	main(process.argv[2], Number(process.argv[3]));
else
	module.exports = { KINDS: Object.keys(KINDS) };
