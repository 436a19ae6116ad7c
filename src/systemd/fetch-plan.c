/*
 * What the units of fetches and removals are made of; see fetch-plan.h.
 *
 * A fetch reads what strangers have written and a build runs it, so each has a user of its own, and
 * nothing to write but the one directory. Its job ends when it does: the type is oneshot, of which
 * TimeoutStartSec= is the limit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "systemd/fetch-plan.h"

#include <linux/capability.h>

#include "common/util.h"
#include "model/names.h"
#include "systemd/plan-append.h"
#include "systemd/unit-plan.h"

#define REMOVE_PROGRAM	    "/bin/rm"
#define REMOVE_TIMEOUT_USEC (600 * USEC_PER_SEC)

static const struct setting constants[] = {
	P_STRING("Type", "oneshot"),
	P_STRING("Slice", INDEXER_SLICE),
	/* How it ended is read when its job is over; after that, or without us, it is forgotten. */
	P_BOOL("AddRef", true),
	P_STRING("CollectMode", "inactive-or-failed"),
	P_STRING("StandardInput", "null"),
	P_STRING("StandardOutput", "journal"),
	P_STRING("StandardError", "journal"),
};

/* It removes what the units of fetches have left, whose users are gone. */
static const struct setting remover[] = {
	P_STRING("ProtectSystem", "strict"),
	P_STRING("ProtectHome", "yes"),
	P_BOOL("PrivateTmp", true),
	P_BOOL("PrivateDevices", true),
	P_BOOL("PrivateNetwork", true),
	P_BOOL("NoNewPrivileges", true),
	P_BOOL("ProtectKernelTunables", true),
	P_BOOL("ProtectKernelModules", true),
	P_BOOL("ProtectControlGroups", true),
	P_BOOL("RestrictSUIDSGID", true),
	P_UINT64("CapabilityBoundingSet", 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER),
	P_UINT64("RestrictNamespaces", PLAN_NAMESPACES),
	P_UINT64("TimeoutStartUSec", REMOVE_TIMEOUT_USEC),
};

static int append_limits(sd_bus_message *m, const struct fetch_plan *plan)
{
	const struct setting limits[] = {
		P_UINT64("TimeoutStartUSec", plan->limits.timeout_usec),
		P_UINT64("MemoryMax", plan->limits.memory_max_bytes),
		P_UINT64("TasksMax", plan->limits.tasks_max),
		P_UINT64("LogRateLimitIntervalUSec", plan->log->rate_interval_usec),
		P_UINT32("LogRateLimitBurst", plan->log->rate_burst),
	};

	return plan_append_settings(m, limits, ELEMENTSOF(limits));
}

int fetch_plan_append(sd_bus_message *m, const struct fetch_plan *plan)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	r = r < 0 ? r : plan_append_settings(m, constants, ELEMENTSOF(constants));
	r = r < 0 ? r : plan_append_settings(m, plan_sandbox, plan_sandbox_size);
	r = r < 0 ? r : plan_append_filters(m);
	r = r < 0 ? r : append_limits(m, plan);
	r = r < 0 ? r : plan_append_log_fields(m, plan->uid, plan->id, plan->lineage, false);
	r = r < 0 ? r
		  : sd_bus_message_append(m, "(sv)(sv)", "Description", "s", plan->description,
					  "SyslogIdentifier", "s", plan->id);
	if (r >= 0 && plan->log->log_namespace)
		r = sd_bus_message_append(m, "(sv)", "LogNamespace", "s", plan->log->log_namespace);
	r = r < 0 ? r : plan_append_exec(m, plan->exec_path);
	r = r < 0 ? r : plan_append_bind(m, "BindPaths", plan->work, PROJECT_MOUNT);
	if (r >= 0 && plan->plain)
		r = plan_append_bind(m, "BindReadOnlyPaths", plan->plain, PLAIN_MOUNT);
	r = r < 0 ? r
		  : plan_append_credentials(m, plan->order_path, plan->credentials,
					    plan->encrypted);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int remove_plan_append(sd_bus_message *m, const struct remove_plan *plan)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	r = r < 0 ? r : plan_append_settings(m, constants, ELEMENTSOF(constants));
	r = r < 0 ? r : plan_append_settings(m, remover, ELEMENTSOF(remover));
	r = r < 0 ? r
		  : sd_bus_message_append(m, "(sv)(sv)", "Description", "s",
					  "Removal of a project's checkout", "ReadWritePaths", "as",
					  1, plan->parent);
	/* The name is of our own making, and has nothing but hexadecimal digits. */
	r = r < 0 ? r
		  : sd_bus_message_append(m, "(sv)", "ExecStart", "a(sasb)", 1, REMOVE_PROGRAM, 4,
					  REMOVE_PROGRAM, "-rf", "--", plan->directory, 0);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
