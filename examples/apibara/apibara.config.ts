// APIBARA_RUNTIME_CONFIG in the indexer's environment, an object in JSON, overrides these values.
//
// SPDX-License-Identifier: Apache-2.0

import { defineConfig } from "apibara/config";

export default defineConfig({
	runtimeConfig: {
		streamUrl: "https://mainnet.starknet.a5a.ch",
		startingBlock: 10_000,
	},
});
