/*
 * Properties of transient units, as rows of tables and by a function each where they are of a shape
 * of their own, and the sandbox that every unit of ours has. What the plans of units share.
 *
 * Each call returns 0 or a negative errno.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sched.h>
#include <systemd/sd-bus.h>

#include "model/kv.h"
#include "model/setting.h"

#define P_BOOL(p, v)                                                                               \
	{                                                                                          \
		.property = p, .type = SETTING_BOOL, .boolean = v                                  \
	}
#define P_STRING(p, v)                                                                             \
	{                                                                                          \
		.property = p, .type = SETTING_STRING, .string = (char *)(v)                       \
	}
#define P_INT32(p, v)                                                                              \
	{                                                                                          \
		.property = p, .type = SETTING_INT32, .i32 = v                                     \
	}
#define P_UINT64(p, v)                                                                             \
	{                                                                                          \
		.property = p, .type = SETTING_UINT64, .u64 = v                                    \
	}
#define P_UINT32(p, v)                                                                             \
	{                                                                                          \
		.property = p, .type = SETTING_UINT32, .u32 = v                                    \
	}

/*
 * The kinds of namespaces that RestrictNamespaces= leaves allowed. systemd 252 writes none of them
 * down as an empty value, and reads that, at a daemon-reload, as all of them. This one is of no use
 * without a capability, or a user namespace to have one in.
 */
#define PLAN_NAMESPACES CLONE_NEWCGROUP

/* Of each process and its sandbox; for an indexer's, unless its runtime says otherwise. */
extern const struct setting plan_sandbox[];
extern const size_t plan_sandbox_size;

int plan_append_setting(sd_bus_message *m, const struct setting *setting);
int plan_append_settings(sd_bus_message *m, const struct setting *settings, size_t n);

/* System calls and families of addresses. */
int plan_append_filters(sd_bus_message *m);

/* What journald adds to each record of the unit; `nested`: it is in the slice of a tree. */
int plan_append_log_fields(sd_bus_message *m, const char *uid, const char *id, const char *lineage,
			   bool nested);

/* The program, which gets no arguments. */
int plan_append_exec(sd_bus_message *m, const char *path);

/* BindPaths or BindReadOnlyPaths of one directory. */
int plan_append_bind(sd_bus_message *m, const char *property, const char *from, const char *to);

/* The credential SPEC_CREDENTIAL, from its file, and those that systemd finds by their names. */
int plan_append_credentials(sd_bus_message *m, const char *spec_path, const struct kv_list *plain,
			    const struct kv_list *encrypted);
