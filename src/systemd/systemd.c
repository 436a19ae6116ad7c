/*
 * The connection to systemd's manager; see systemd.h. This file connects, subscribes and connects
 * again; calls.c makes the calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "common/timer.h"
#include "common/util.h"
#include "model/id.h"
#include "systemd/private.h"

#define RECONNECT_FIRST_USEC (100 * USEC_PER_MSEC)
#define RECONNECT_MAX_USEC   (5 * USEC_PER_SEC)

/* How the path of an indexer's unit begins: sd_bus_path_encode() writes '-' as "_2d". */
#define INDEXER_UNIT_PATH UNIT_PATH "/indexer_2d"

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	_cleanup_free_ char *unit = NULL;
	const char *interface;
	int r;

	(void)error;
	if (!startswith(sd_bus_message_get_path(m), INDEXER_UNIT_PATH))
		return 0;
	r = sd_bus_path_decode(sd_bus_message_get_path(m), UNIT_PATH, &unit);
	if (r <= 0)
		return r;
	r = sd_bus_message_read(m, "s", &interface);
	if (r < 0)
		return r;
	if (streq(interface, SYSTEMD_NAME ".Unit") || streq(interface, SYSTEMD_NAME ".Service"))
		systemd->events.unit_changed(unit, m, systemd->userdata);
	return 0;
}

static bool is_indexers_unit(const char *unit)
{
	char id[ID_MAX];

	return id_from_unit(unit, id);
}

static int on_unit_new(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	const char *unit;
	int r = sd_bus_message_read(m, "so", &unit, NULL);

	(void)error;
	if (r >= 0 && is_indexers_unit(unit))
		systemd->events.unit_new(unit, systemd->userdata);
	return r < 0 ? r : 0;
}

static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	const char *unit;
	int r = sd_bus_message_read(m, "so", &unit, NULL);

	(void)error;
	if (r >= 0 && !systemd->reloading && is_indexers_unit(unit))
		systemd->events.unit_removed(unit, systemd->userdata);
	return r < 0 ? r : 0;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	const char *job, *unit, *result;
	int r = sd_bus_message_read(m, "uoss", NULL, &job, &unit, &result);

	(void)error;
	if (r >= 0 && is_indexers_unit(unit))
		systemd->events.job_removed(unit, job, result, systemd->userdata);
	else if (r >= 0 && startswith(unit, FETCH_UNIT_PREFIX))
		systemd->events.fetch_ended(unit, systemd->userdata);
	return r < 0 ? r : 0;
}

/*
 * PID 1 forgets all units and reads them anew, and says of each that it is removed. What is there
 * in the end is asked for.
 */
static int on_reloading(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	int active, r = sd_bus_message_read(m, "b", &active);

	(void)error;
	if (r < 0)
		return r;
	systemd->reloading = active;
	if (!active && systemd->connected)
		systemd->events.resync(systemd->userdata);
	return 0;
}

static void schedule_reconnect(struct systemd *systemd)
{
	int r;

	systemd->connected = false;
	r = timer_start(systemd->reconnect, systemd->backoff_usec);
	if (r < 0)
		log_error("systemd: the reconnect timer cannot be set: %s", strerror(-r));
	systemd->backoff_usec = MIN(2 * systemd->backoff_usec, (uint64_t)RECONNECT_MAX_USEC);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;

	(void)m, (void)error;
	if (systemd->connected)
		log_warning("The bus is gone. Indexers keep running; calls that change something "
			    "are refused until it is back.");
	schedule_reconnect(systemd);
	systemd_abandon_calls(systemd);
	systemd->events.lost(systemd->userdata);
	return 0;
}

static int on_subscribed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	const sd_bus_error *e = sd_bus_message_get_error(m);

	(void)error;
	/* A second Subscribe of the same connection, after PID 1 executed itself anew, is no
	 * failure. */
	if (e && !sd_bus_error_has_name(e, SYSTEMD_ERROR_ALREADY_SUBSCRIBED)) {
		log_warning("systemd does not answer on the bus: %s", e->message);
		schedule_reconnect(systemd);
		return 0;
	}
	systemd->connected = true;
	systemd->reloading =
		false; /* one that executed itself anew may not have said the end of it */
	systemd->backoff_usec = RECONNECT_FIRST_USEC;
	systemd->events.resync(systemd->userdata);
	return 0;
}

static int subscribe(struct systemd *systemd)
{
	return sd_bus_call_method_async(systemd->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH,
					SYSTEMD_MANAGER, "Subscribe", on_subscribed, systemd, NULL);
}

/* PID 1 has executed itself anew, or came to the bus: it must be subscribed to again. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	const char *owner;
	int r = sd_bus_message_read(m, "sss", NULL, NULL, &owner);

	(void)error;
	if (r >= 0 && !isempty(owner))
		r = subscribe(systemd);
	return r < 0 ? r : 0;
}

#define MANAGER_SIGNAL(member)                                                                     \
	"type='signal',sender='" SYSTEMD_NAME "',path='" SYSTEMD_PATH                              \
	"',interface='" SYSTEMD_MANAGER "',member='" member "'"

static const struct {
	const char *rule;
	sd_bus_message_handler_t handler;
} matches[] = {
	{ "type='signal',sender='" SYSTEMD_NAME "',path_namespace='" UNIT_PATH
	  "',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
	  on_properties_changed },
	{ MANAGER_SIGNAL("UnitNew"), on_unit_new },
	{ MANAGER_SIGNAL("UnitRemoved"), on_unit_removed },
	{ MANAGER_SIGNAL("JobRemoved"), on_job_removed },
	{ MANAGER_SIGNAL("Reloading"), on_reloading },
	{ "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0="
	  "'" SYSTEMD_NAME "'",
	  on_owner_changed },
	{ "type='signal',path='/org/freedesktop/DBus/Local',"
	  "interface='org.freedesktop.DBus.Local',member='Disconnected'",
	  on_disconnected },
};

/* All matches are installed before Subscribe, and that before the first look: nothing falls
 * between. */
static int connect_bus(struct systemd *systemd)
{
	int r = sd_bus_open_system_with_description(&systemd->bus, "systemd");

	if (r < 0)
		return r;
	r = sd_bus_attach_event(systemd->bus, systemd->event, SD_EVENT_PRIORITY_NORMAL);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(matches); i++)
		r = sd_bus_add_match_async(systemd->bus, NULL, matches[i].rule, matches[i].handler,
					   NULL, systemd);
	return r < 0 ? r : subscribe(systemd);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct systemd *systemd = userdata;
	int r;

	(void)source, (void)usec;
	if (systemd->bus && sd_bus_is_open(systemd->bus) > 0) {
		r = subscribe(systemd); /* the bus is there, and calls on it are under way */
	} else {
		systemd->bus = sd_bus_close_unref(systemd->bus);
		systemd->n_calls = 0; /* all ended before the bus was known to be gone */
		r = connect_bus(systemd);
	}
	if (r < 0) {
		log_debug("The bus cannot be reached: %s", strerror(-r));
		schedule_reconnect(systemd);
	}
	return 0;
}

struct systemd *systemd_free(struct systemd *systemd)
{
	if (!systemd)
		return NULL;
	sd_bus_close_unref(systemd->bus);
	systemd_drop_calls(systemd);
	sd_event_source_disable_unref(systemd->reconnect);
	sd_event_source_disable_unref(systemd->expiry);
	sd_event_unref(systemd->event);
	free(systemd);
	return NULL;
}

int systemd_new(sd_event *event, const struct systemd_events *events, void *userdata,
		struct systemd **ret)
{
	_cleanup_(systemd_freep) struct systemd *systemd = calloc(1, sizeof(*systemd));
	int r;

	if (!systemd)
		return -ENOMEM;
	systemd->event = sd_event_ref(event);
	systemd->events = *events;
	systemd->userdata = userdata;
	systemd->backoff_usec = RECONNECT_FIRST_USEC;
	r = sd_event_add_time_relative(event, &systemd->reconnect, CLOCK_MONOTONIC, 0, 0,
				       on_reconnect, systemd);
	r = r < 0 ? r : systemd_calls_setup(systemd);
	if (r < 0)
		return r;
	*ret = TAKE(systemd);
	return 0;
}

bool systemd_is_connected(const struct systemd *systemd)
{
	return systemd->connected;
}
