/*
 * What systemd says of one unit; see unit-state.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/exit.h"
#include "model/names.h"
#include "model/secret.h"
#include "systemd/unit-plan.h"
#include "systemd/unit-state.h"

#define UID_FIELD INDEXER_FIELD_UID "="

typedef int read_value(sd_bus_message *message, void *field);

static int read_word(sd_bus_message *message, void *field)
{
	const char *word;
	int r = sd_bus_message_read_basic(message, 's', &word);

	if (r >= 0)
		(void)snprintf(field, UNIT_WORD_MAX, "%s", word);
	return r;
}

static int read_text(sd_bus_message *message, void *field)
{
	const char *text;
	int r = sd_bus_message_read_basic(message, 's', &text);

	if (r >= 0)
		(void)snprintf(field, UNIT_TEXT_MAX, "%s", text);
	return r;
}

static int read_path(sd_bus_message *message, void *field)
{
	const char *path;
	int r = sd_bus_message_read_basic(message, 's', &path);

	if (r >= 0)
		(void)snprintf(field, UNIT_PATH_MAX, "%s",
			       strlen(path) < UNIT_PATH_MAX ? path : "");
	return r;
}

static int read_slice(sd_bus_message *message, void *field)
{
	const char *slice;
	int r = sd_bus_message_read_basic(message, 's', &slice);

	if (r >= 0)
		(void)snprintf(field, SLICE_MAX_SIZE, "%s", slice);
	return r;
}

static int read_u32(sd_bus_message *message, void *field)
{
	return sd_bus_message_read_basic(message, 'u', field);
}

static int read_i32(sd_bus_message *message, void *field)
{
	return sd_bus_message_read_basic(message, 'i', field);
}

static int read_u64(sd_bus_message *message, void *field)
{
	return sd_bus_message_read_basic(message, 't', field);
}

static int read_id128(sd_bus_message *message, void *field)
{
	const void *bytes;
	char *text = field;
	size_t n;
	int r = sd_bus_message_read_array(message, 'y', &bytes, &n);

	if (r < 0)
		return r;
	text[0] = '\0';
	for (size_t i = 0; n == 16 && i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
	return 0;
}

/* (id, object path) of the unit's job; id 0 where it has none. */
static int read_job(sd_bus_message *message, void *field)
{
	return sd_bus_message_read(message, "(uo)", field, NULL);
}

/*
 * LoadCredential, an array of (id, path): the path ends in ".RUN", which tells the run that the
 * unit is of.
 */
static int read_run(sd_bus_message *message, void *field)
{
	uint64_t *run = field;
	const char *id, *path;
	int r = sd_bus_message_enter_container(message, 'a', "(ss)");

	if (r < 0)
		return r;
	*run = 0;
	while ((r = sd_bus_message_read(message, "(ss)", &id, &path)) > 0) {
		const char *dot = strrchr(path, '.');

		if (streq(id, SPEC_CREDENTIAL) && dot)
			*run = strtoull(dot + 1, NULL, 10);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* BindReadOnlyPaths, an array of (source, destination, ignore, flags): that of the project. */
static int read_checkout(sd_bus_message *message, void *field)
{
	const char *from, *to;
	char *text = field;
	int r = sd_bus_message_enter_container(message, 'a', "(ssbt)");

	if (r < 0)
		return r;
	text[0] = '\0';
	while ((r = sd_bus_message_read(message, "(ssbt)", &from, &to, NULL, NULL)) > 0) {
		const char *slash = strrchr(from, '/');

		if (streq(to, PROJECT_MOUNT) && slash && strlen(slash + 1) < HASH_TEXT_MAX)
			strcpy(text, slash + 1);
	}
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* LogExtraFields, an array of byte arrays: only the field that makes a unit ours. */
static int read_indexer_uid(sd_bus_message *message, void *field)
{
	char *text = field;
	const void *bytes;
	size_t n;
	int r = sd_bus_message_enter_container(message, 'a', "ay");

	if (r < 0)
		return r;
	text[0] = '\0';
	while ((r = sd_bus_message_read_array(message, 'y', &bytes, &n)) > 0)
		if (n == strlen(UID_FIELD) + ID128_TEXT_MAX - 1 &&
		    memcmp(bytes, UID_FIELD, strlen(UID_FIELD)) == 0)
			(void)snprintf(text, ID128_TEXT_MAX, "%.*s", ID128_TEXT_MAX - 1,
				       (const char *)bytes + strlen(UID_FIELD));
	return r < 0 ? r : sd_bus_message_exit_container(message);
}

static const struct {
	const char *property;
	const char *type;
	read_value *read;
	size_t offset;
} rows[] = {
#define ROW(property, type, read, field)                                                           \
	{                                                                                          \
		property, type, read, offsetof(struct unit_state, field)                           \
	}
	ROW("ActiveState", "s", read_word, active_state),
	ROW("SubState", "s", read_word, sub_state),
	ROW("LoadState", "s", read_word, load_state),
	ROW("Result", "s", read_word, result),
	ROW("StatusText", "s", read_text, status_text),
	ROW("StatusErrno", "i", read_i32, status_errno),
	ROW("InvocationID", "ay", read_id128, invocation_id),
	ROW("Slice", "s", read_slice, slice),
	ROW("LogExtraFields", "aay", read_indexer_uid, indexer_uid),
	ROW("LoadCredential", "a(ss)", read_run, run),
	ROW("BindReadOnlyPaths", "a(ssbt)", read_checkout, checkout),
	ROW("ControlGroup", "s", read_path, control_group),
	ROW("CPUUsageNSec", "t", read_u64, cpu_usage_nsec),
	ROW("Job", "(uo)", read_job, job),
	ROW("UID", "u", read_u32, uid),
	ROW("MainPID", "u", read_u32, main_pid),
	ROW("NRestarts", "u", read_u32, n_restarts),
	ROW("ExecMainCode", "i", read_i32, exec_main_code),
	ROW("ExecMainStatus", "i", read_i32, exec_main_status),
	ROW("ExecMainStartTimestamp", "t", read_u64, exec_main_start),
	ROW("ExecMainExitTimestamp", "t", read_u64, exec_main_exit),
	ROW("StateChangeTimestamp", "t", read_u64, state_change),
	ROW("ExecMainStartTimestampMonotonic", "t", read_u64, exec_main_start_monotonic),
	ROW("ActiveEnterTimestamp", "t", read_u64, active_enter),
	ROW("ActiveEnterTimestampMonotonic", "t", read_u64, active_enter_monotonic),
#undef ROW
};

void unit_state_init(struct unit_state *state)
{
	*state = (struct unit_state){ .uid = UINT32_MAX, .cpu_usage_nsec = UINT64_MAX };
}

int unit_state_read_property(sd_bus_message *message, const char *property,
			     struct unit_state *state)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		int r;

		if (!streq(rows[i].property, property))
			continue;
		r = sd_bus_message_enter_container(message, 'v', rows[i].type);
		if (r < 0)
			return r;
		r = rows[i].read(message, (char *)state + rows[i].offset);
		return r < 0 ? r : sd_bus_message_exit_container(message);
	}
	return sd_bus_message_skip(message, "v");
}

int unit_state_read(sd_bus_message *message, struct unit_state *state)
{
	struct unit_state next = *state;
	int r = sd_bus_message_enter_container(message, 'a', "{sv}");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		const char *property;

		r = sd_bus_message_read_basic(message, 's', &property);
		if (r < 0)
			return r;
		r = unit_state_read_property(message, property, &next);
		if (r < 0)
			return r;
		r = sd_bus_message_exit_container(message);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(message);
	if (r < 0)
		return r;
	*state = next;
	return 0;
}

void unit_state_forget(struct unit_state *state, const char *invocation_id)
{
	if (streq(state->invocation_id, invocation_id))
		return;
	state->control_group[0] = '\0';
	state->cpu_usage_nsec = UINT64_MAX;
}

bool unit_state_is_live(const struct unit_state *state)
{
	static const char *const live[] = { "active", "activating", "deactivating", "reloading",
					    "refreshing" };

	for (size_t i = 0; i < ELEMENTSOF(live); i++)
		if (streq(state->active_state, live[i]))
			return true;
	return false;
}

bool unit_state_is_backing_off(const struct unit_state *state)
{
	return startswith(state->sub_state, "auto-restart") || unit_state_is_waiting(state);
}

/* Before READY=1, which comes before the program is executed, the text is indexer-exec's. */
static bool has_own_text(const struct unit_state *state)
{
	return streq(state->active_state, "activating") && state->main_pid != 0;
}

bool unit_state_is_waiting(const struct unit_state *state)
{
	struct backoff_wait wait;

	return unit_state_wait(state, &wait) ||
	       (has_own_text(state) && state->n_restarts > 0 && isempty(state->status_text));
}

bool unit_state_wait(const struct unit_state *state, struct backoff_wait *ret)
{
	return has_own_text(state) && backoff_read(state->status_text, ret);
}

/* indexer-exec has said why it does not run the program; a program that runs may say ERRNO= too. */
static bool has_complained(const struct unit_state *state)
{
	struct progress progress;

	return state->status_errno != 0 && !streq(state->status_text, EXEC_STATUS_RUNNING) &&
	       progress_parse(state->status_text, &progress) < 0;
}

/* The unit has been active since its present or last main process was forked. */
static bool has_been_active(const struct unit_state *state)
{
	return state->exec_main_start_monotonic > 0 &&
	       state->active_enter_monotonic >= state->exec_main_start_monotonic;
}

/*
 * The present or last main process has become the program: it said READY=1, so that the unit has
 * been active since it was forked, and did not complain after that.
 */
static bool is_executed(const struct unit_state *state)
{
	return has_been_active(state) && !has_complained(state);
}

uint64_t unit_state_program_start(const struct unit_state *state)
{
	return has_been_active(state) ? state->active_enter : state->exec_main_start;
}

bool unit_state_is_starting(const struct unit_state *state)
{
	if (streq(state->active_state, "active"))
		/* ERRNO= is for a service that fails (sd_notify(3)): its end is on its way. */
		return streq(state->status_text, EXEC_STATUS_STARTING) || has_complained(state);
	return streq(state->active_state, "deactivating") && state->exec_main_code == CLD_EXITED &&
	       !is_executed(state);
}

void unit_state_exit(const struct unit_state *state, struct exit_record *ret)
{
	struct backoff_wait wait;

	*ret = (struct exit_record){ .time = state->exec_main_exit };
	if (state->exec_main_code == 0 &&
	    (state->main_pid != 0 || isempty(state->result) || streq(state->result, "success")))
		return;
	if (!is_executed(state) && backoff_read(state->status_text, &wait))
		return;
	if (state->exec_main_code == CLD_EXITED)
		ret->code = state->exec_main_status;
	else if (state->exec_main_code != 0)
		ret->signal = state->exec_main_status;
	else /* nothing was ever forked */
		ret->time = state->state_change;
	ret->reason =
		exit_reason_from_result(state->result, ret->code, ret->signal, is_executed(state));
}

void unit_state_progress(const struct unit_state *state, struct progress *ret)
{
	*ret = (struct progress){};
	if (state->main_pid != 0)
		(void)progress_parse(state->status_text, ret);
}

bool unit_state_same_but_progress(const struct unit_state *a, const struct unit_state *b)
{
	struct unit_state same = *a;

	memcpy(same.status_text, b->status_text, sizeof(same.status_text));
	/* Bytes behind a text's end may differ: then the answer is no, which is always safe. */
	return memcmp(&same, b, sizeof(same)) == 0 &&
	       unit_state_is_starting(a) == unit_state_is_starting(b) &&
	       unit_state_is_backing_off(a) == unit_state_is_backing_off(b);
}

uint64_t unit_state_cpu_usage(const struct unit_state *state)
{
	return state->cpu_usage_nsec == UINT64_MAX ? 0 : state->cpu_usage_nsec / NSEC_PER_USEC;
}
