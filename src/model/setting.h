/*
 * One property of a unit, in the form that the bus wants it: what a runtime's [Service] section
 * turns into, and what the systemd layer appends to StartTransientUnit. Never a value of a user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_BOOL,	 /* bus type b */
	SETTING_UINT32,	 /* u */
	SETTING_UINT64,	 /* t */
	SETTING_STRING,	 /* s */
	SETTING_STRINGS, /* as */
	SETTING_INT32,	 /* i */
};

struct setting {
	const char *property; /* the bus property's name, e.g. "MemoryMax"; not owned */
	enum setting_type type;
	union {
		bool boolean;
		uint32_t u32;
		int32_t i32;
		uint64_t u64;
		char *string;	/* owned */
		char **strings; /* NULL-terminated; owned, and its strings */
	};
};
