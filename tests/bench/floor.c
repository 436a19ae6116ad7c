/*
 * The floor of CreateIndexer; see floor.h. It uses the daemon's own plan of a unit, so that the two
 * differ in nothing but the way that they are asked for.
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
#define UNIT_UID   "00000000000000000000000000000000"
#define UNITS_MAX  256
#define LIMIT_USEC (120 * USEC_PER_SEC)

struct floor {
	sd_event *event;
	struct systemd *systemd;
	struct samples *milliseconds;
	size_t n, n_started, n_up, n_down;
	uint64_t began[UNITS_MAX];
	const struct setting *settings; /* the runtime's, as the daemon would add them */
	size_t n_settings;
	struct runtime_set *runtimes;
	bool stopping;
	bool finished; /* the present phase, with */
	int error;
};

static void finish(struct floor *floor, int error)
{
	floor->finished = true;
	floor->error = error;
}

static int index_of(const char *unit)
{
	int i;

	return sscanf(unit, "indexer-bench-floor-%d.service", &i) == 1 && i >= 0 && i < UNITS_MAX
		       ? i
		       : -1;
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

static void start_next(struct floor *floor)
{
	char unit[UNIT_MAX_SIZE], id[ID_MAX];
	struct unit_plan plan = {
		.kind = UNIT_PLAN_RUN,
		.unit = unit,
		.id = id,
		.uid = UNIT_UID,
		.description = "Indexer of the benchmark's floor",
		.exec_path = PKGLIBEXECDIR "/indexer-exec",
		.credential_path = SPEC_PATH,
		.unit_group = INDEXER_GROUP,
		.restart = RESTART_ALWAYS,
		.settings = floor->settings,
		.n_settings = floor->n_settings,
	};

	if (floor->n_started >= floor->n)
		return;
	unit_name(floor->n_started, unit);
	(void)snprintf(id, sizeof(id), "bench-floor-%zu", floor->n_started);
	floor->began[floor->n_started++] = now_usec(CLOCK_MONOTONIC);
	if (systemd_start(floor->systemd, &plan, on_called, floor) < 0)
		finish(floor, -EIO);
}

static void on_job(const char *unit, const char *job, const char *result, void *userdata)
{
	struct floor *floor = userdata;
	int i = index_of(unit);

	(void)job;
	if (i < 0 || !floor->milliseconds)
		return;
	if (!streq(result, "done"))
		finish(floor, -EIO);
	if (floor->stopping) {
		(void)systemd_unref_unit(floor->systemd, unit, on_called, floor);
		if (++floor->n_down == floor->n)
			finish(floor, 0);
		return;
	}
	samples_add(floor->milliseconds,
		    (double)(now_usec(CLOCK_MONOTONIC) - floor->began[i]) / USEC_PER_MSEC);
	if (++floor->n_up == floor->n)
		finish(floor, 0);
	else
		start_next(floor);
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

static void ignore_changed(const char *unit, sd_bus_message *changes, void *userdata)
{
	(void)unit, (void)changes, (void)userdata;
}

static void ignore_unit(const char *unit, void *userdata)
{
	(void)unit, (void)userdata;
}

static const struct systemd_events events = {
	.resync = on_resync,
	.lost = on_lost,
	.unit_changed = ignore_changed,
	.unit_new = ignore_unit,
	.unit_removed = ignore_unit,
	.job_removed = on_job,
};

/* Runs the loop until the phase is finished, or for LIMIT_USEC. */
static int run_phase(struct floor *floor)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + LIMIT_USEC;

	while (!floor->finished) {
		int r = sd_event_run(floor->event, USEC_PER_SEC);

		if (r < 0)
			return r;
		if (now_usec(CLOCK_MONOTONIC) > end)
			return -ETIMEDOUT;
	}
	floor->finished = false;
	return floor->error;
}

static int write_spec(const char *program)
{
	Indexerd__Exec__V1__Spec spec = INDEXERD__EXEC__V1__SPEC__INIT;
	char *argv[] = { (char *)program, (char *)"infinity" };
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

int floor_new(const char *program, struct floor **ret)
{
	struct floor *floor = calloc(1, sizeof(*floor));
	int r = floor ? write_spec(program) : -ENOMEM;

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
	floor->n_started = floor->n_up = floor->n_down = 0;
	floor->stopping = false;
	for (size_t i = 0; i < in_flight; i++)
		start_next(floor);
	r = run_phase(floor);
	if (r < 0)
		return r;
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;

	floor->stopping = true;
	for (size_t i = 0; i < n; i++) {
		char unit[UNIT_MAX_SIZE];

		unit_name(i, unit);
		r = systemd_stop(floor->systemd, unit, on_called, floor);
		if (r < 0)
			return r;
	}
	return run_phase(floor);
}
