// Counts blocks, a second each, and says so in logfmt.
//
// SPDX-License-Identifier: Apache-2.0

type Level = "debug" | "info" | "warn";

const state: string = `${Deno.env.get("STATE_DIRECTORY")}/block`;

function log(level: Level, msg: string, more = ""): void {
	console.log(`time=${new Date().toISOString()} level=${level} msg="${msg}"${more}`);
}

let block = 0;

log("debug", "started");
setInterval(() => {
	Deno.writeTextFileSync(state, String(++block));
	log("info", "indexed", ` block=${block}`);
	if (block % 5 === 0) log("warn", "five more blocks");
}, 1000);
