/*
 * The format `raw`: lines as they are, all at INFO; see format.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lines/format-impl.h"

const struct format format_raw = {
	.name = "raw",
	.usual = { LEVEL_INFO, LEVEL_INFO },
	.is_plain = true,
};
