/*
 * Calls about units; see systemd.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "common/log.h"
#include "common/timer.h"
#include "common/util.h"
#include "model/id.h"
#include "systemd/private.h"

/*
 * Calls in flight at most. dbus-daemon refuses a connection's 129th pending reply (LimitsExceeded,
 * max_replies_per_connection), which must not pass for systemd's answer; a look around at thousands
 * of units waits here.
 */
#define CALLS_MAX 100

/*
 * How long a call waits to be sent: systemd has then not answered a hundred others for that long.
 */
#define WAITING_LIMIT_USEC (SYSTEMD_CALL_LIMIT_USEC - SYSTEMD_CALL_TIMEOUT_USEC)

struct call {
	struct call *next;
	uint64_t waits_until; /* CLOCK_MONOTONIC, microseconds; of one that is not sent yet */
	struct systemd *systemd;
	sd_bus_message *message; /* until it is sent */
	uint64_t timeout_usec;
	systemd_done *done;
	void *userdata;
};

static void call_free(struct call *call)
{
	sd_bus_message_unref(call->message);
	free(call);
}

DEFINE_CLEANUP(struct call, call_free);

static void free_with_slot(void *userdata)
{
	call_free(userdata);
}

static void end_call(struct call *call, int error)
{
	struct systemd_result result = { .error = error, .transient = true };

	call->done(&result, call->userdata);
	call_free(call);
}

static struct call *take_waiting(struct systemd *systemd)
{
	struct call *call = systemd->waiting;

	systemd->waiting = call->next;
	if (!systemd->waiting)
		systemd->last_waiting = NULL;
	return call;
}

static int transmit(struct call *call);

/* The first one waits for the longest time. */
static void arm_expiry(struct systemd *systemd)
{
	int r = 0;

	if (systemd->waiting)
		r = sd_event_source_set_time(systemd->expiry, systemd->waiting->waits_until);
	r = r < 0 ? r
		  : sd_event_source_set_enabled(systemd->expiry,
						systemd->waiting ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		log_error("systemd: no timer for calls that wait: %s", strerror(-r));
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct systemd *systemd = userdata;

	(void)source;
	while (systemd->waiting && systemd->waiting->waits_until <= usec)
		end_call(take_waiting(systemd), -ETIMEDOUT);
	arm_expiry(systemd);
	return 0;
}

int systemd_calls_setup(struct systemd *systemd)
{
	return timer_new(systemd->event, 0, on_expiry, systemd, &systemd->expiry);
}

static void send_waiting(struct systemd *systemd)
{
	while (systemd->waiting && systemd->n_calls < CALLS_MAX) {
		struct call *call = take_waiting(systemd);
		int r = transmit(call);

		if (r < 0)
			end_call(call, r == -ENOTCONN ? -ECONNRESET : r);
	}
	arm_expiry(systemd);
}

/* Errors that the bus or the library make when systemd does not answer. */
static bool is_transient(const sd_bus_error *e)
{
	static const char *const names[] = {
		SD_BUS_ERROR_NO_REPLY,		SD_BUS_ERROR_TIMEOUT,
		SD_BUS_ERROR_NO_MEMORY,		SD_BUS_ERROR_SERVICE_UNKNOWN,
		SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_LIMITS_EXCEEDED,
		SD_BUS_ERROR_DISCONNECTED,
	};

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (sd_bus_error_has_name(e, names[i]))
			return true;
	return startswith(e->name, "org.freedesktop.DBus.Error.Spawn.") != NULL;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct call *call = userdata; /* freed with its slot */
	const sd_bus_error *e = sd_bus_message_get_error(m);
	struct systemd_result result = { .reply = m };

	(void)error;
	if (e) {
		result = (struct systemd_result){ .error = -sd_bus_message_get_errno(m),
						  .name = e->name,
						  .text = e->message,
						  .transient = is_transient(e) };
		if (sd_bus_is_open(call->systemd->bus) <= 0)
			result.error = -ECONNRESET;
		else if (result.error == 0)
			result.error = -EIO;
	}
	call->systemd->n_calls--;
	call->done(&result, call->userdata);
	send_waiting(call->systemd);
	return 0;
}

static int transmit(struct call *call)
{
	struct systemd *systemd = call->systemd;
	sd_bus_slot *slot;
	int r = sd_bus_call_async(systemd->bus, &slot, call->message, on_reply, call,
				  call->timeout_usec);

	if (r < 0)
		return r;
	call->message = sd_bus_message_unref(call->message);
	(void)sd_bus_slot_set_destroy_callback(slot, free_with_slot);
	(void)sd_bus_slot_set_floating(slot, true);
	sd_bus_slot_unref(slot);
	systemd->n_calls++;
	return 0;
}

static int send_call(struct systemd *systemd, sd_bus_message *m, systemd_done *done, void *userdata,
		     uint64_t timeout_usec)
{
	_cleanup_(call_freep) struct call *call = malloc(sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct call){ .systemd = systemd,
			       .message = sd_bus_message_ref(m),
			       .timeout_usec = timeout_usec,
			       .done = done,
			       .userdata = userdata };
	if (systemd->n_calls < CALLS_MAX) {
		r = transmit(call);
		if (r < 0)
			return r;
	} else {
		if (systemd->last_waiting)
			systemd->last_waiting->next = call;
		else
			systemd->waiting = call;
		systemd->last_waiting = call;
		call->waits_until = now_usec(CLOCK_MONOTONIC) + WAITING_LIMIT_USEC;
		arm_expiry(systemd);
	}
	(void)TAKE(call);
	return 0;
}

void systemd_abandon_calls(struct systemd *systemd)
{
	while (systemd->waiting)
		end_call(take_waiting(systemd), -ECONNRESET);
}

void systemd_drop_calls(struct systemd *systemd)
{
	while (systemd->waiting)
		call_free(take_waiting(systemd));
}

static int new_call(struct systemd *systemd, const char *path, const char *interface,
		    const char *member, sd_bus_message **ret)
{
	if (!systemd->connected)
		return -ENOTCONN;
	return sd_bus_message_new_method_call(systemd->bus, ret, SYSTEMD_NAME, path, interface,
					      member);
}

/* A method of the manager whose only argument is a unit's name, and for jobs the mode. */
static int unit_call(struct systemd *systemd, const char *member, const char *unit,
		     const char *mode, systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, member, &m);

	r = r < 0 ? r : sd_bus_message_append(m, "s", unit);
	if (r >= 0 && mode)
		r = sd_bus_message_append(m, "s", mode);
	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_CALL_TIMEOUT_USEC);
}

int systemd_list(struct systemd *systemd, systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitsByPatterns", &m);

	r = r < 0 ? r
		  : sd_bus_message_append(m, "asas", 0, 2, UNIT_PREFIX "*" UNIT_SUFFIX,
					  UNIT_PREFIX "*" SLICE_SUFFIX);
	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_CALL_TIMEOUT_USEC);
}

/* Get, or without a property GetAll. */
static int properties_call(struct systemd *systemd, const char *unit, const char *interface,
			   const char *property, systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	_cleanup_free_ char *path = NULL;
	int r = sd_bus_path_encode(UNIT_PATH, unit, &path);

	r = r < 0 ? r
		  : new_call(systemd, path, "org.freedesktop.DBus.Properties",
			     property ? "Get" : "GetAll", &m);
	r = r < 0 ? r : sd_bus_message_append(m, "s", interface);
	if (r >= 0 && property)
		r = sd_bus_message_append(m, "s", property);
	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_QUERY_TIMEOUT_USEC);
}

int systemd_query(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata)
{
	/* An empty interface asks for the properties of all of them in one go. */
	return properties_call(systemd, unit, "", NULL, done, userdata);
}

int systemd_query_property(struct systemd *systemd, const char *unit, const char *property,
			   systemd_done *done, void *userdata)
{
	return properties_call(systemd, unit, SYSTEMD_NAME ".Service", property, done, userdata);
}

/* A StartTransientUnit up to its properties. */
static int new_start(struct systemd *systemd, const char *unit, sd_bus_message **ret)
{
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, "StartTransientUnit", ret);

	return r < 0 ? r : sd_bus_message_append(*ret, "ss", unit, "fail");
}

static int send_start(struct systemd *systemd, sd_bus_message *m, systemd_done *done,
		      void *userdata)
{
	int r = sd_bus_message_append(m, "a(sa(sv))", 0);

	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_CALL_TIMEOUT_USEC);
}

int systemd_start(struct systemd *systemd, const struct unit_plan *plan, systemd_done *done,
		  void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_start(systemd, plan->unit, &m);

	r = r < 0 ? r : unit_plan_append(m, plan);
	return r < 0 ? r : send_start(systemd, m, done, userdata);
}

int systemd_start_fetch(struct systemd *systemd, const struct fetch_plan *plan, systemd_done *done,
			void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_start(systemd, plan->unit, &m);

	r = r < 0 ? r : fetch_plan_append(m, plan);
	return r < 0 ? r : send_start(systemd, m, done, userdata);
}

int systemd_start_remove(struct systemd *systemd, const struct remove_plan *plan,
			 systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_start(systemd, plan->unit, &m);

	r = r < 0 ? r : remove_plan_append(m, plan);
	return r < 0 ? r : send_start(systemd, m, done, userdata);
}

int systemd_start_slice(struct systemd *systemd, const char *slice, const char *description,
			const struct resources *limits, systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_start(systemd, slice, &m);

	r = r < 0 ? r : slice_plan_append(m, description, limits);
	return r < 0 ? r : send_start(systemd, m, done, userdata);
}

int systemd_limit_slice(struct systemd *systemd, const char *slice, const struct resources *limits,
			systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, "SetUnitProperties", &m);

	r = r < 0 ? r : sd_bus_message_append(m, "sb", slice, true);
	r = r < 0 ? r : slice_limits_append(m, limits);
	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_CALL_TIMEOUT_USEC);
}

int systemd_kill(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, "KillUnit", &m);

	r = r < 0 ? r : sd_bus_message_append(m, "ssi", unit, "all", SIGKILL);
	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_CALL_TIMEOUT_USEC);
}

static void ignore(const struct systemd_result *result, void *userdata)
{
	(void)result, (void)userdata;
}

static int cancel_job(struct systemd *systemd, uint32_t job)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, "CancelJob", &m);

	r = r < 0 ? r : sd_bus_message_append(m, "u", job);
	return r < 0 ? r : send_call(systemd, m, ignore, NULL, SYSTEMD_CALL_TIMEOUT_USEC);
}

/* A start that is to be cancelled, until its type is known. */
struct start_job {
	struct systemd *systemd;
	uint32_t id;
};

static void on_job_type(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct start_job *job = userdata;
	const char *type;

	if (result->error == 0 && sd_bus_message_read(result->reply, "v", "s", &type) >= 0 &&
	    streq(type, "start") && cancel_job(job->systemd, job->id) < 0)
		log_debug("systemd: job %u stays", job->id);
}

/* By its type, since the job of a stop may have taken its place in the unit. */
int systemd_cancel_start(struct systemd *systemd, uint32_t id)
{
	_cleanup_free_ struct start_job *job = malloc(sizeof(*job));
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	char path[sizeof(SYSTEMD_PATH "/job/4294967295")];
	int r = job ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	*job = (struct start_job){ .systemd = systemd, .id = id };
	(void)snprintf(path, sizeof(path), SYSTEMD_PATH "/job/%u", id);
	r = new_call(systemd, path, "org.freedesktop.DBus.Properties", "Get", &m);
	r = r < 0 ? r : sd_bus_message_append(m, "ss", SYSTEMD_NAME ".Job", "JobType");
	r = r < 0 ? r : send_call(systemd, m, on_job_type, job, SYSTEMD_QUERY_TIMEOUT_USEC);
	if (r >= 0)
		(void)TAKE(job);
	return r;
}

int systemd_clean(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r = new_call(systemd, SYSTEMD_PATH, SYSTEMD_MANAGER, "CleanUnit", &m);

	r = r < 0 ? r : sd_bus_message_append(m, "sas", unit, 1, "all");
	return r < 0 ? r : send_call(systemd, m, done, userdata, SYSTEMD_CALL_TIMEOUT_USEC);
}

int systemd_stop(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata)
{
	return unit_call(systemd, "StopUnit", unit, "replace", done, userdata);
}

int systemd_ref_unit(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata)
{
	return unit_call(systemd, "RefUnit", unit, NULL, done, userdata);
}

int systemd_unref_unit(struct systemd *systemd, const char *unit, systemd_done *done,
		       void *userdata)
{
	return unit_call(systemd, "UnrefUnit", unit, NULL, done, userdata);
}

int systemd_reset_failed(struct systemd *systemd, const char *unit, systemd_done *done,
			 void *userdata)
{
	return unit_call(systemd, "ResetFailedUnit", unit, NULL, done, userdata);
}
