// The test project's configuration. APIBARA_RUNTIME_CONFIG overrides each of these values when an
// indexer starts, and so does a preset.
//
// SPDX-License-Identifier: Apache-2.0

import { defineConfig } from "apibara/config";

export default defineConfig({
	runtimeConfig: {
		// Where tests/apibara/stream-server.mjs listens by default.
		streamUrl: "http://127.0.0.1:7171",
		startingBlock: 0,
		// A transfer of at least this amount is worth a warning.
		largeTransfer: 900,
	},
	presets: {
		sensitive: { runtimeConfig: { largeTransfer: 500 } },
	},
});
