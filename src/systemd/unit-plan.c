/*
 * What a transient unit is made of; see unit-plan.h. Properties are rows of tables, not a ladder of
 * calls; the few of a shape of their own (ExecStart and the like) have a function each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <syslog.h>

#include "common/cleanup.h"
#include "model/exit.h"
#include "model/names.h"
#include "systemd/plan-append.h"
#include "systemd/state-directory.h"
#include "systemd/unit-plan.h"

/* Of the unit itself: a runtime has no key for these. */
static const struct setting constants[] = {
	/* Pins the unit while the bus connection lives, so that its result can be read and its
	   state cleaned. */
	P_BOOL("AddRef", true),
	P_STRING("StandardInput", "null"),
	/*
	 * All goes to the journal by indexer-exec, and its native protocol. A stream is nothing to
	 * rely on: journald has 4,096, and what is refused one is not told.
	 */
	P_STRING("StandardOutput", "null"),
	P_STRING("StandardError", "null"),
	/* The default limit would end a crash loop after five restarts. */
	P_UINT64("StartLimitIntervalUSec", 0),
};

static const struct setting run_constants[] = {
	P_STRING("Type", "notify"),
	P_STRING("NotifyAccess", "all"),
};

static const struct setting hold_constants[] = {
	P_STRING("Type", "oneshot"),
	P_STRING("Restart", "no"),
	/* It runs nothing of the indexer's: the log must not say that the indexer starts. */
	P_INT32("LogLevelMax", LOG_WARNING),
};

/* Of a tree's slice. */
static const struct setting slice_constants[] = {
	/* So it keeps its limits until the daemon lets it go, whoever stops it. */
	P_BOOL("AddRef", true),
	P_BOOL("MemoryAccounting", true),
	P_BOOL("CPUAccounting", true),
	P_BOOL("TasksAccounting", true),
};

static bool is_overridden(const struct unit_plan *plan, const char *property)
{
	for (size_t i = 0; i < plan->n_settings; i++)
		if (streq(plan->settings[i].property, property))
			return true;
	return false;
}

/* Those of them that the runtime does not set. */
static int append_overridable(sd_bus_message *m, const struct unit_plan *plan,
			      const struct setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (!is_overridden(plan, settings[i].property))
			r = plan_append_setting(m, &settings[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_defaults(sd_bus_message *m, const struct unit_plan *plan)
{
	const struct setting log[] = {
		P_UINT64("LogRateLimitIntervalUSec", plan->log->rate_interval_usec),
		P_UINT32("LogRateLimitBurst", plan->log->rate_burst),
	};
	int r = append_overridable(m, plan, plan_sandbox, plan_sandbox_size);

	r = r < 0 ? r : append_overridable(m, plan, log, ELEMENTSOF(log));
	return r < 0 ? r : plan_append_settings(m, plan->settings, plan->n_settings);
}

static int append_identity(sd_bus_message *m, const struct unit_plan *plan)
{
	char state[STATE_DIRECTORY_MAX];
	int r = plan_append_log_fields(m, plan->uid, plan->id, plan->lineage, plan->slice);

	state_directory_from_id(plan->id, state);
	return r < 0 ? r
		     : sd_bus_message_append(
			       m, "(sv)(sv)(sv)(sv)", "Description", "s", plan->description,
			       "Slice", "s", plan->slice ? plan->slice : INDEXER_SLICE,
			       "SyslogIdentifier", "s", plan->id, "StateDirectory", "as", 1, state);
}

static int append_resources(sd_bus_message *m, const struct resources *resources)
{
	int r = 0;

	if (resources->memory_max_bytes)
		r = sd_bus_message_append(m, "(sv)", "MemoryMax", "t", resources->memory_max_bytes);
	if (r >= 0 && resources->cpu_percent)
		r = sd_bus_message_append(m, "(sv)", "CPUQuotaPerSecUSec", "t",
					  (uint64_t)resources->cpu_percent * USEC_PER_SEC / 100);
	if (r >= 0 && resources->tasks_max)
		r = sd_bus_message_append(m, "(sv)", "TasksMax", "t", resources->tasks_max);
	return r;
}

static const char *restart_word(enum restart_policy policy)
{
	switch (policy) {
	case RESTART_ON_FAILURE:
		return "on-failure";
	case RESTART_NEVER:
		return "no";
	default:
		return "always";
	}
}

/*
 * systemd waits for the same time before each restart; indexer-exec for the rest of it, in its
 * start, by what it keeps in the runtime directory. That systemd allows for that must not hang on
 * the unit's own asking for more time, which a daemon-reload forgets.
 */
static int append_restart(sd_bus_message *m, const struct unit_plan *plan)
{
	char runtime[STATE_DIRECTORY_MAX];

	state_directory_from_id(plan->id, runtime); /* the same name under /run */
	return sd_bus_message_append(
		m, "(sv)(sv)(sv)(sv)(sv)(sv)", "Restart", "s", restart_word(plan->restart),
		"RestartPreventExitStatus", "(aiai)", 4, EXIT_CODE_CONFIGURATION, EXIT_CODE_CHDIR,
		EXIT_CODE_EXEC, EXIT_CODE_CREDENTIALS, 0, "RestartUSec", "t",
		backoff_pause(&plan->backoff), "TimeoutStartUSec", "t",
		UNIT_START_TIMEOUT_USEC + plan->backoff.max, "RuntimeDirectory", "as", 1, runtime,
		"RuntimeDirectoryPreserve", "s", "restart");
}

static int append_run(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = plan_append_settings(m, run_constants, ELEMENTSOF(run_constants));

	if (r >= 0 && plan->checkout)
		r = plan_append_bind(m, "BindReadOnlyPaths", plan->checkout, PROJECT_MOUNT);
	/* systemd adds Requires= and After= for the sockets of that namespace's journald. */
	if (r >= 0 && plan->log->log_namespace)
		r = sd_bus_message_append(m, "(sv)", "LogNamespace", "s", plan->log->log_namespace);
	r = r < 0 ? r : plan_append_exec(m, plan->exec_path);
	r = r < 0 ? r : append_resources(m, &plan->resources);
	r = r < 0 ? r : append_restart(m, plan);
	r = r < 0 ? r
		  : plan_append_credentials(m, plan->credential_path, plan->credentials,
					    plan->encrypted);
	return r < 0 ? r
		     : sd_bus_message_append(m, "(sv)", "SupplementaryGroups", "as", 1,
					     plan->unit_group);
}

static int append_hold(sd_bus_message *m)
{
	int r = plan_append_settings(m, hold_constants, ELEMENTSOF(hold_constants));

	return r < 0 ? r : plan_append_exec(m, "/bin/true");
}

int unit_plan_append(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	r = r < 0 ? r : plan_append_settings(m, constants, ELEMENTSOF(constants));
	r = r < 0 ? r : append_defaults(m, plan);
	r = r < 0 ? r : plan_append_filters(m);
	r = r < 0 ? r : append_identity(m, plan);
	r = r < 0 ? r : plan->kind == UNIT_PLAN_RUN ? append_run(m, plan) : append_hold(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The manager takes UINT64_MAX for none. */
static uint64_t or_infinite(uint64_t limit)
{
	return limit > 0 ? limit : UINT64_MAX;
}

static int append_limits(sd_bus_message *m, const struct resources *limits)
{
	uint64_t quota = (uint64_t)limits->cpu_percent * USEC_PER_SEC / 100;

	return sd_bus_message_append(m, "(sv)(sv)(sv)", "MemoryMax", "t",
				     or_infinite(limits->memory_max_bytes), "CPUQuotaPerSecUSec",
				     "t", or_infinite(quota), "TasksMax", "t",
				     or_infinite(limits->tasks_max));
}

int slice_limits_append(sd_bus_message *m, const struct resources *limits)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	r = r < 0 ? r : append_limits(m, limits);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int slice_plan_append(sd_bus_message *m, const char *description, const struct resources *limits)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	r = r < 0 ? r : sd_bus_message_append(m, "(sv)", "Description", "s", description);
	r = r < 0 ? r : plan_append_settings(m, slice_constants, ELEMENTSOF(slice_constants));
	r = r < 0 ? r : append_limits(m, limits);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
