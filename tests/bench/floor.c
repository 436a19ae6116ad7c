/*
 * The floor of CreateIndexer and of DeleteIndexer; see floor.h. It uses the daemon's own plan of a
 * unit, so that the two differ in nothing but the way that they are asked for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "common/util.h"
#include "floor.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "model/names.h"
#include "runtime/runtime.h"
#include "systemd/systemd.h"

#define SPEC_PATH  "/run/indexerd-bench.spec"
#define PROGRAM	   "/srv/bench/sleep" /* as that of the indexers of api.c */
#define UNIT_UID   "00000000000000000000000000000000"
#define UNITS_MAX  SAMPLES_MAX
#define LIMIT_USEC (120 * USEC_PER_SEC) /* in which something has to happen */

struct unit {
	struct floor *floor;
	uint64_t began;
	bool cleaning;
};

struct floor {
	sd_event *event;
	struct systemd *systemd;
	struct samples *milliseconds;
	size_t n, n_started, n_up, n_gone;
	struct unit units[UNITS_MAX];
	const struct setting *settings; /* the runtime's, as the daemon would add them */
	size_t n_settings;
	struct runtime_set *runtimes;
	bool removing;
	uint64_t happened; /* when a unit last came one step further */
	bool finished;	   /* the present phase, with */
	int error;
};

static void finish(struct floor *floor, int error)
{
	floor->finished = true;
	floor->error = error;
}

/* The floor's unit of this name, or NULL. */
static struct unit *find_unit(struct floor *floor, const char *name)
{
	size_t i;

	return sscanf(name, "indexer-bench-floor-%zu.service", &i) == 1 && i < floor->n
		       ? &floor->units[i]
		       : NULL;
}

static void unit_name(size_t i, char buffer[UNIT_MAX_SIZE])
{
	(void)snprintf(buffer, UNIT_MAX_SIZE, "indexer-bench-floor-%zu.service", i);
}

static void on_called(const struct systemd_result *result, void *userdata)
{
	struct floor *floor = userdata;

	if (result->error < 0) {
		log_error("The floor's unit: %s", result->text);
		finish(floor, result->error);
	}
}

/* The daemon's own. */
static const struct unit_log log_limits = { 30 * USEC_PER_SEC, 1000000 };
static const struct kv_list no_credentials = {};

static void start_next(struct floor *floor)
{
	char unit[UNIT_MAX_SIZE], id[ID_MAX];
	struct unit_plan plan = {
		.kind = UNIT_PLAN_RUN,
		.unit = unit,
		.id = id,
		.uid = UNIT_UID,
		.lineage = UNIT_UID,
		.description = "Indexer of the benchmark's floor",
		.exec_path = PKGLIBEXECDIR "/indexer-exec",
		.credential_path = SPEC_PATH,
		.credentials = &no_credentials,
		.encrypted = &no_credentials,
		.unit_group = INDEXER_GROUP,
		.log = &log_limits,
		.restart = RESTART_ALWAYS,
		.settings = floor->settings,
		.n_settings = floor->n_settings,
	};

	if (floor->n_started >= floor->n)
		return;
	unit_name(floor->n_started, unit);
	(void)snprintf(id, sizeof(id), "bench-floor-%zu", floor->n_started);
	floor->units[floor->n_started++] =
		(struct unit){ .floor = floor, .began = now_usec(CLOCK_MONOTONIC) };
	if (systemd_start(floor->systemd, &plan, on_called, floor) < 0)
		finish(floor, -EIO);
}

static void on_up(struct floor *floor, const struct unit *unit)
{
	samples_add(floor->milliseconds,
		    (double)(now_usec(CLOCK_MONOTONIC) - unit->began) / USEC_PER_MSEC);
	if (++floor->n_up == floor->n)
		finish(floor, 0);
	else
		start_next(floor);
}

/* What systemd says of the unit from now on is that it is being cleaned, or that this is over. */
static void on_cleaning(const struct systemd_result *result, void *userdata)
{
	struct unit *unit = userdata;

	on_called(result, unit->floor);
	unit->cleaning = true;
}

static void on_job(const char *name, const char *job, const char *result, void *userdata)
{
	struct floor *floor = userdata;
	struct unit *unit = find_unit(floor, name);

	(void)job;
	if (!unit)
		return;
	floor->happened = now_usec(CLOCK_MONOTONIC);
	if (!streq(result, "done"))
		finish(floor, -EIO);
	else if (!floor->removing)
		on_up(floor, unit);
	else if (systemd_clean(floor->systemd, name, on_cleaning, unit) < 0)
		finish(floor, -EIO);
}

static void on_changed(const char *name, sd_bus_message *changes, void *userdata)
{
	struct floor *floor = userdata;
	struct unit *unit = find_unit(floor, name);
	struct unit_state state;

	unit_state_init(&state);
	if (!unit || !unit->cleaning || unit_state_read(changes, &state) < 0 ||
	    isempty(state.sub_state) || streq(state.sub_state, "cleaning"))
		return;
	unit->cleaning = false;
	(void)systemd_unref_unit(floor->systemd, name, on_called, floor);
	floor->happened = now_usec(CLOCK_MONOTONIC);
	if (++floor->n_gone == floor->n)
		finish(floor, 0);
}

static void on_resync(void *userdata)
{
	struct floor *floor = userdata;

	finish(floor, 0);
}

static void on_lost(void *userdata)
{
	struct floor *floor = userdata;

	finish(floor, -ECONNRESET);
}

static void ignore_unit(const char *unit, void *userdata)
{
	(void)unit, (void)userdata;
}

static const struct systemd_events events = {
	.resync = on_resync,
	.lost = on_lost,
	.unit_changed = on_changed,
	.unit_new = ignore_unit,
	.unit_removed = ignore_unit,
	.job_removed = on_job,
};

/* Runs the loop until the phase is finished. */
static int run_phase(struct floor *floor)
{
	floor->happened = now_usec(CLOCK_MONOTONIC);
	while (!floor->finished) {
		int r = sd_event_run(floor->event, USEC_PER_SEC);

		if (r < 0)
			return r;
		if (now_usec(CLOCK_MONOTONIC) > floor->happened + LIMIT_USEC)
			return -ETIMEDOUT;
	}
	floor->finished = false;
	return floor->error;
}

static int write_spec(void)
{
	Indexerd__Exec__V1__Spec spec = INDEXERD__EXEC__V1__SPEC__INIT;
	char *argv[] = { (char *)PROGRAM, (char *)"infinity" };
	uint8_t packed[4096];
	FILE *f = fopen(SPEC_PATH, "we");
	size_t n;

	if (!f)
		return -errno;
	spec.indexer_id = (char *)"bench-floor";
	spec.uid = (char *)UNIT_UID;
	spec.project_source = (char *)"/srv/bench";
	spec.n_argv = ELEMENTSOF(argv);
	spec.argv = argv;
	spec.log_format = INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW;
	assert(indexerd__exec__v1__spec__get_packed_size(&spec) <= sizeof(packed));
	n = fwrite(packed, 1, indexerd__exec__v1__spec__pack(&spec, packed), f);
	return fclose(f) == 0 && n > 0 ? 0 : -EIO;
}

static int find_settings(struct floor *floor)
{
	static const char *const directories[] = { RUNTIMESDIR, NULL };
	const struct runtime *runtime;
	int r = runtime_set_load(directories, &floor->runtimes);

	if (r < 0)
		return r;
	runtime = runtime_set_find(floor->runtimes, "exec");
	if (!runtime)
		return -ENOENT;
	floor->settings = runtime_settings(runtime, &floor->n_settings);
	return 0;
}

int floor_new(struct floor **ret)
{
	struct floor *floor = calloc(1, sizeof(*floor));
	int r = floor ? write_spec() : -ENOMEM;

	r = r < 0 ? r : find_settings(floor);
	r = r < 0 ? r : sd_event_new(&floor->event);
	r = r < 0 ? r : systemd_new(floor->event, &events, floor, &floor->systemd);
	r = r < 0 ? r : run_phase(floor);
	if (r < 0) {
		floor_free(floor);
		return r;
	}
	*ret = floor;
	return 0;
}

void floor_free(struct floor *floor)
{
	if (!floor)
		return;
	systemd_free(floor->systemd);
	sd_event_unref(floor->event);
	runtime_set_free(floor->runtimes);
	free(floor);
}

int floor_start(struct floor *floor, size_t n, size_t in_flight, struct samples *milliseconds,
		double *ret_seconds)
{
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	int r;

	assert(n <= UNITS_MAX);
	floor->milliseconds = milliseconds;
	floor->n = n;
	floor->n_started = floor->n_up = floor->n_gone = 0;
	floor->removing = false;
	for (size_t i = 0; i < in_flight; i++)
		start_next(floor);
	r = run_phase(floor);
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	return r;
}

int floor_remove(struct floor *floor, double *ret_seconds)
{
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	int r = 0;

	floor->removing = true;
	for (size_t i = 0; r >= 0 && i < floor->n; i++) {
		char unit[UNIT_MAX_SIZE];

		unit_name(i, unit);
		r = systemd_stop(floor->systemd, unit, on_called, floor);
	}
	r = r < 0 ? r : run_phase(floor);
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	return r;
}
