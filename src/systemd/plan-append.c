/*
 * Properties of transient units as the bus wants them; see plan-append.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "systemd/plan-append.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>

#include "model/lineage.h"
#include "model/names.h"
#include "model/secret.h"
#include "systemd/unit-plan.h"

#define UMASK_PRIVATE 0077

const struct setting plan_sandbox[] = {
	P_BOOL("DynamicUser", true),
	P_STRING("ProtectSystem", "strict"),
	P_STRING("ProtectHome", "yes"),
	P_BOOL("PrivateTmp", true),
	P_BOOL("PrivateDevices", true),
	P_BOOL("NoNewPrivileges", true),
	P_BOOL("ProtectKernelTunables", true),
	P_BOOL("ProtectKernelModules", true),
	P_BOOL("ProtectKernelLogs", true),
	P_BOOL("ProtectControlGroups", true),
	P_BOOL("ProtectClock", true),
	P_BOOL("ProtectHostname", true),
	P_STRING("ProtectProc", "invisible"),
	P_BOOL("RestrictSUIDSGID", true),
	P_BOOL("RestrictRealtime", true),
	P_BOOL("LockPersonality", true),
	P_BOOL("RemoveIPC", true),
	P_STRING("KeyringMode", "private"),
	P_UINT64("CapabilityBoundingSet", 0),
	P_UINT64("AmbientCapabilities", 0),
	P_UINT64("RestrictNamespaces", PLAN_NAMESPACES),
	P_UINT32("UMask", UMASK_PRIVATE),
	P_UINT64("TimeoutStopUSec", UNIT_STOP_TIMEOUT_USEC),
	/* Not even into a pipe, which 0 would not keep the kernel from: systemd-coredump writes the
	   environment of a process that has crashed to the journal. */
	P_UINT64("LimitCORE", 1),
	P_BOOL("MemoryAccounting", true),
	P_BOOL("CPUAccounting", true),
	P_BOOL("TasksAccounting", true),
};

const size_t plan_sandbox_size = ELEMENTSOF(plan_sandbox);

int plan_append_setting(sd_bus_message *m, const struct setting *s)
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

int plan_append_settings(sd_bus_message *m, const struct setting *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = plan_append_setting(m, &settings[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Of what a service needs, without what only a privileged one can do: a program that has no
 * capability and gets none could but find a fault of the kernel's with it. Keys in the kernel are
 * for file systems and logins. What sets priorities and limits (@resources) stays: databases and
 * Node.js do that for their threads.
 */
int plan_append_filters(sd_bus_message *m)
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

static int append_fields(sd_bus_message *m, const char *uid, const char *id, const char *lineage,
			 bool nested)
{
	int r = append_field(m, INDEXER_FIELD_UID, uid, strlen(uid));

	r = r < 0 ? r : append_field(m, INDEXER_FIELD_ID, id, strlen(id));
	r = r < 0 ? r : append_field(m, INDEXER_FIELD_LINEAGE, lineage, strlen(lineage));
	if (r >= 0 && nested)
		r = append_field(m, INDEXER_FIELD_NESTED, "1", 1);
	for (size_t i = 0; r >= 0 && i < lineage_levels(lineage); i++)
		r = append_field(m, INDEXER_FIELD_TREE, lineage_at(lineage, i), ID128_TEXT_MAX - 1);
	return r;
}

int plan_append_log_fields(sd_bus_message *m, const char *uid, const char *id, const char *lineage,
			   bool nested)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	r = r < 0 ? r : sd_bus_message_append(m, "s", "LogExtraFields");
	r = r < 0 ? r : sd_bus_message_open_container(m, 'v', "aay");
	r = r < 0 ? r : sd_bus_message_open_container(m, 'a', "ay");
	r = r < 0 ? r : append_fields(m, uid, id, lineage, nested);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	r = r < 0 ? r : sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int plan_append_exec(sd_bus_message *m, const char *path)
{
	return sd_bus_message_append(m, "(sv)", "ExecStart", "a(sasb)", 1, path, 1, path, 0);
}

int plan_append_bind(sd_bus_message *m, const char *property, const char *from, const char *to)
{
	return sd_bus_message_append(m, "(sv)", property, "a(ssbt)", 1, from, to, 0,
				     (uint64_t)MS_REC);
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

int plan_append_credentials(sd_bus_message *m, const char *spec_path, const struct kv_list *plain,
			    const struct kv_list *encrypted)
{
	int r = append_load(m, "LoadCredential", spec_path, plain);

	/* An empty list would take the others back, too. */
	return r < 0 || encrypted->n == 0
		       ? r
		       : append_load(m, "LoadCredentialEncrypted", NULL, encrypted);
}
