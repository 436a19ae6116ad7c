/*
 * What a transient unit is made of; see unit-plan.h. Properties are rows of tables, not a ladder of
 * calls; the few of a shape of their own (ExecStart and the like) have a function each.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <syslog.h>

#include "common/cleanup.h"
#include "model/exit.h"
#include "model/lineage.h"
#include "model/names.h"
#include "model/secret.h"
#include "systemd/state-directory.h"
#include "systemd/unit-plan.h"

#define UMASK_PRIVATE 0077

#define B(p, v)                                                                                    \
	{                                                                                          \
		.property = p, .type = SETTING_BOOL, .boolean = v                                  \
	}
#define S(p, v)                                                                                    \
	{                                                                                          \
		.property = p, .type = SETTING_STRING, .string = (char *)(v)                       \
	}
#define I(p, v)                                                                                    \
	{                                                                                          \
		.property = p, .type = SETTING_INT32, .i32 = v                                     \
	}
#define T(p, v)                                                                                    \
	{                                                                                          \
		.property = p, .type = SETTING_UINT64, .u64 = v                                    \
	}
#define U(p, v)                                                                                    \
	{                                                                                          \
		.property = p, .type = SETTING_UINT32, .u32 = v                                    \
	}

/* The same for each unit, unless a runtime says otherwise: properties of the process and its
 * sandbox. */
static const struct setting defaults[] = {
	B("DynamicUser", true),
	S("ProtectSystem", "strict"),
	S("ProtectHome", "yes"),
	B("PrivateTmp", true),
	B("PrivateDevices", true),
	B("NoNewPrivileges", true),
	B("ProtectKernelTunables", true),
	B("ProtectKernelModules", true),
	B("ProtectKernelLogs", true),
	B("ProtectControlGroups", true),
	B("ProtectClock", true),
	B("ProtectHostname", true),
	S("ProtectProc", "invisible"),
	B("RestrictSUIDSGID", true),
	B("RestrictRealtime", true),
	B("LockPersonality", true),
	B("RemoveIPC", true),
	S("KeyringMode", "private"),
	T("CapabilityBoundingSet", 0),
	T("AmbientCapabilities", 0),
	/*
	 * The flags that stay allowed. systemd 252 writes none of them down as an empty value, and
	 * reads that, at a daemon-reload, as all of them. This one is of no use without a
	 * capability, or a user namespace to have one in.
	 */
	T("RestrictNamespaces", CLONE_NEWCGROUP),
	U("UMask", UMASK_PRIVATE),
	T("TimeoutStopUSec", UNIT_STOP_TIMEOUT_USEC),
	/* Not even into a pipe, which 0 would not keep the kernel from: systemd-coredump writes the
	   environment of a process that has crashed to the journal. */
	T("LimitCORE", 1),
	B("MemoryAccounting", true),
	B("CPUAccounting", true),
	B("TasksAccounting", true),
};

/* Of the unit itself: a runtime has no key for these. */
static const struct setting constants[] = {
	/* Pins the unit while the bus connection lives, so that its result can be read and its
	   state cleaned. */
	B("AddRef", true),
	S("StandardInput", "null"),
	/*
	 * All goes to the journal by indexer-exec, and its native protocol. A stream is nothing to
	 * rely on: journald has 4,096, and what is refused one is not told.
	 */
	S("StandardOutput", "null"),
	S("StandardError", "null"),
	/* The default limit would end a crash loop after five restarts. */
	T("StartLimitIntervalUSec", 0),
};

static const struct setting run_constants[] = {
	S("Type", "notify"),
	S("NotifyAccess", "all"),
};

static const struct setting hold_constants[] = {
	S("Type", "oneshot"),
	S("Restart", "no"),
	/* It runs nothing of the indexer's: the log must not say that the indexer starts. */
	I("LogLevelMax", LOG_WARNING),
};

/* Of a tree's slice. */
static const struct setting slice_constants[] = {
	/* So it keeps its limits until the daemon lets it go, whoever stops it. */
	B("AddRef", true),
	B("MemoryAccounting", true),
	B("CPUAccounting", true),
	B("TasksAccounting", true),
};

static int append_setting(sd_bus_message *m, const struct setting *s)
{
	switch (s->type) {
	case SETTING_BOOL:
		return sd_bus_message_append(m, "(sv)", s->property, "b", (int)s->boolean);
	case SETTING_UINT32:
		return sd_bus_message_append(m, "(sv)", s->property, "u", s->u32);
	case SETTING_INT32:
		return sd_bus_message_append(m, "(sv)", s->property, "i", s->i32);
	case SETTING_UINT64:
		return sd_bus_message_append(m, "(sv)", s->property, "t", s->u64);
	case SETTING_STRING:
		return sd_bus_message_append(m, "(sv)", s->property, "s", s->string);
	default:
		break;
	}

	int r = sd_bus_message_open_container(m, 'r', "sv");
	r = r < 0 ? r : sd_bus_message_append(m, "s", s->property);
	r = r < 0 ? r : sd_bus_message_open_container(m, 'v', "as");
	r = r < 0 ? r : sd_bus_message_append_strv(m, s->strings);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static bool is_overridden(const struct unit_plan *plan, const char *property)
{
	for (size_t i = 0; i < plan->n_settings; i++)
		if (streq(plan->settings[i].property, property))
			return true;
	return false;
}

static int append_settings(sd_bus_message *m, const struct setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = append_setting(m, &settings[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Those of them that the runtime does not set. */
static int append_overridable(sd_bus_message *m, const struct unit_plan *plan,
			      const struct setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (!is_overridden(plan, settings[i].property))
			r = append_setting(m, &settings[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_defaults(sd_bus_message *m, const struct unit_plan *plan)
{
	const struct setting log[] = {
		T("LogRateLimitIntervalUSec", plan->log->rate_interval_usec),
		U("LogRateLimitBurst", plan->log->rate_burst),
	};
	int r = append_overridable(m, plan, defaults, ELEMENTSOF(defaults));

	r = r < 0 ? r : append_overridable(m, plan, log, ELEMENTSOF(log));
	return r < 0 ? r : append_settings(m, plan->settings, plan->n_settings);
}

/*
 * Of what a service needs, without what only a privileged one can do: a program that has no
 * capability and gets none could but find a fault of the kernel's with it. Keys in the kernel are
 * for file systems and logins. What sets priorities and limits (@resources) stays: databases and
 * Node.js do that for their threads.
 */
static int append_filters(sd_bus_message *m)
{
	int r = sd_bus_message_append(m, "(sv)", "SystemCallArchitectures", "as", 1, "native");

	r = r < 0 ? r
		  : sd_bus_message_append(m, "(sv)", "SystemCallFilter", "(bas)", 1, 1,
					  "@system-service");
	r = r < 0 ? r
		  : sd_bus_message_append(m, "(sv)", "SystemCallFilter", "(bas)", 0, 2,
					  "@privileged", "@keyring");
	r = r < 0 ? r : sd_bus_message_append(m, "(sv)", "SystemCallErrorNumber", "i", EPERM);
	/* Netlink too: resolvers and node's os module ask the kernel for addresses. */
	return r < 0 ? r
		     : sd_bus_message_append(m, "(sv)", "RestrictAddressFamilies", "(bas)", 1, 4,
					     "AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK");
}

static int append_field(sd_bus_message *m, const char *name, const char *value, size_t size)
{
	char field[sizeof(INDEXER_FIELD_LINEAGE "=") + LINEAGE_MAX];
	int n = snprintf(field, sizeof(field), "%s=%.*s", name, (int)size, value);

	return sd_bus_message_append_array(m, 'y', field, (size_t)n);
}

static int append_fields(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = append_field(m, INDEXER_FIELD_UID, plan->uid, strlen(plan->uid));

	r = r < 0 ? r : append_field(m, INDEXER_FIELD_ID, plan->id, strlen(plan->id));
	r = r < 0 ? r
		  : append_field(m, INDEXER_FIELD_LINEAGE, plan->lineage, strlen(plan->lineage));
	if (r >= 0 && plan->slice)
		r = append_field(m, INDEXER_FIELD_NESTED, "1", 1);
	for (size_t i = 0; r >= 0 && i < lineage_levels(plan->lineage); i++)
		r = append_field(m, INDEXER_FIELD_TREE, lineage_at(plan->lineage, i),
				 ID128_TEXT_MAX - 1);
	return r;
}

/* What journald adds to each record of the unit. */
static int append_log_fields(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	r = r < 0 ? r : sd_bus_message_append(m, "s", "LogExtraFields");
	r = r < 0 ? r : sd_bus_message_open_container(m, 'v', "aay");
	r = r < 0 ? r : sd_bus_message_open_container(m, 'a', "ay");
	r = r < 0 ? r : append_fields(m, plan);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_identity(sd_bus_message *m, const struct unit_plan *plan)
{
	char state[STATE_DIRECTORY_MAX];
	int r = append_log_fields(m, plan);

	state_directory_from_id(plan->id, state);
	return r < 0 ? r
		     : sd_bus_message_append(
			       m, "(sv)(sv)(sv)(sv)", "Description", "s", plan->description,
			       "Slice", "s", plan->slice ? plan->slice : INDEXER_SLICE,
			       "SyslogIdentifier", "s", plan->id, "StateDirectory", "as", 1, state);
}

static int append_exec(sd_bus_message *m, const char *path)
{
	return sd_bus_message_append(m, "(sv)", "ExecStart", "a(sasb)", 1, path, 1, path, 0);
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

/* By its name alone, which systemd looks for in its stores as it starts the unit. */
static int append_names(sd_bus_message *m, const struct kv_list *names)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < names->n; i++)
		r = sd_bus_message_append(m, "(ss)", names->items[i].key, names->items[i].key);
	return r;
}

/* The spec, where it is one of these, and the others by their names. */
static int append_load(sd_bus_message *m, const char *property, const char *spec_path,
		       const struct kv_list *names)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	r = r < 0 ? r : sd_bus_message_append(m, "s", property);
	r = r < 0 ? r : sd_bus_message_open_container(m, 'v', "a(ss)");
	r = r < 0 ? r : sd_bus_message_open_container(m, 'a', "(ss)");
	if (r >= 0 && spec_path)
		r = sd_bus_message_append(m, "(ss)", SPEC_CREDENTIAL, spec_path);
	r = r < 0 ? r : append_names(m, names);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_credentials(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = append_load(m, "LoadCredential", plan->credential_path, plan->credentials);

	/* An empty list would take the others back, too. */
	return r < 0 || plan->encrypted->n == 0
		       ? r
		       : append_load(m, "LoadCredentialEncrypted", NULL, plan->encrypted);
}

static int append_run(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = append_settings(m, run_constants, ELEMENTSOF(run_constants));

	/* systemd adds Requires= and After= for the sockets of that namespace's journald. */
	if (r >= 0 && plan->log->log_namespace)
		r = sd_bus_message_append(m, "(sv)", "LogNamespace", "s", plan->log->log_namespace);
	r = r < 0 ? r : append_exec(m, plan->exec_path);
	r = r < 0 ? r : append_resources(m, &plan->resources);
	r = r < 0 ? r : append_restart(m, plan);
	r = r < 0 ? r : append_credentials(m, plan);
	return r < 0 ? r
		     : sd_bus_message_append(m, "(sv)", "SupplementaryGroups", "as", 1,
					     plan->unit_group);
}

static int append_hold(sd_bus_message *m)
{
	int r = append_settings(m, hold_constants, ELEMENTSOF(hold_constants));

	return r < 0 ? r : append_exec(m, "/bin/true");
}

int unit_plan_append(sd_bus_message *m, const struct unit_plan *plan)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	r = r < 0 ? r : append_settings(m, constants, ELEMENTSOF(constants));
	r = r < 0 ? r : append_defaults(m, plan);
	r = r < 0 ? r : append_filters(m);
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
	r = r < 0 ? r : append_settings(m, slice_constants, ELEMENTSOF(slice_constants));
	r = r < 0 ? r : append_limits(m, limits);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
