// Counts blocks, a second each, and says so as pino does: an object a line, with its level.
//
// SPDX-License-Identifier: Apache-2.0

import { writeFileSync } from "node:fs";

const LEVELS = { debug: 20, info: 30, warn: 40 };
const state = `${process.env.STATE_DIRECTORY}/block`;

function log(level, msg, fields) {
	console.log(JSON.stringify({ level: LEVELS[level], time: Date.now(), ...fields, msg }));
}

let block = 0;

log("debug", "started", { state });
setInterval(() => {
	writeFileSync(state, String(++block));
	log("info", "indexed", { block });
	if (block % 5 === 0) log("warn", "five more blocks");
}, 1000);
