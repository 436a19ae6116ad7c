/*
 * Many streams that nobody reads, and a journal whose files are removed meanwhile: what indexerd
 * still holds of these, what memory it needs for the streams, and what they get afterwards.
 *
 *	parked PID ID COUNT GO
 *
 * PID is indexerd's. The indexer ID has written a long backlog of numbered lines, and writes one
 * more, "the end", when the file GO is there (see backlog.sh). Prints lines of the benchmark's
 * table. Runs in a box with the package installed, whose journal it rotates and empties.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/condition.h"
#include "followers.h"
#include "journalctl.h"
#include "model/id.h"
#include "process.h"

#define BEGIN_LIMIT (300 * USEC_PER_SEC)
#define END_LIMIT   (300 * USEC_PER_SEC)
#define WINDOW	    16384
#define QUIET_SEC   1 /* a process that has needed nothing for so long has nothing to do */
#define LATER_SEC   5
#define LAST_LINE   "the end"

/* What a follower has got. */
struct got {
	uint64_t next; /* the number of the next line */
	bool begun, over;
};

static char indexer[NAME_MAX_SIZE];
static size_t count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static pthread_cond_t changed;
static struct got gots[FOLLOWERS_MAX];
static size_t n_begun, n_over;
static size_t n_wrong; /* records that are not the next one */
static uint64_t lost;

static void name(size_t follower, char *name)
{
	(void)follower;
	strcpy(name, indexer);
}

static void take_line_locked(struct got *got, const char *content)
{
	unsigned long number;

	if (streq(content, LAST_LINE)) {
		got->over = true;
		n_over++;
	} else {
		n_wrong += sscanf(content, "line %lu ", &number) != 1 || number != got->next;
		got->next++;
	}
}

/* Each takes its first line, and no other until it is resumed. */
static bool record(size_t follower, const Indexerd__V1__StreamLogsResponse *record)
{
	struct got *got = &gots[follower];
	bool goes_on;

	pthread_mutex_lock(&lock);
	if (record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_LOST) {
		got->next += record->lost;
		lost += record->lost;
	} else if (record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_UNSPECIFIED) {
		take_line_locked(got, record->content);
	}
	goes_on = got->begun && !got->over;
	if (!got->begun) {
		got->begun = true;
		n_begun++;
	}
	if (n_begun == count || n_over == count)
		pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	return goes_on;
}

/* Waits until all are counted. */
static int await(const size_t *n, uint64_t limit)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + limit;
	int r;

	pthread_mutex_lock(&lock);
	while (*n < count && now_usec(CLOCK_MONOTONIC) < end)
		condition_wait(&changed, &lock, end);
	r = *n < count ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&lock);
	return r;
}

static int await_quiet(pid_t daemon)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + BEGIN_LIMIT;
	double before, now = process_seconds(daemon);

	do {
		before = now;
		sleep(QUIET_SEC);
		now = process_seconds(daemon);
		if (now < 0 || now_usec(CLOCK_MONOTONIC) > end)
			return now < 0 ? -ESRCH : -ETIMEDOUT;
	} while (now - before > 0.01);
	return 0;
}

/* --- files of the journal that have been removed -----------------------------------------------
 */

static bool is_removed_journal(const char *path)
{
	return strstr(path, "/journal/") && strstr(path, " (deleted)");
}

static int count_descriptors(pid_t pid)
{
	char path[64], target[4096];
	struct dirent *entry;
	DIR *directory;
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		ssize_t size =
			readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		target[MAX(size, 0)] = '\0';
		n += is_removed_journal(target);
	}
	closedir(directory);
	return n;
}

static int count_mappings(pid_t pid)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[4096];
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		n += is_removed_journal(line);
	return n;
}

static int remove_files(void)
{
	static char *const argv[] = { (char *)"journalctl", (char *)"-q", (char *)"--rotate",
				      (char *)"--vacuum-files=1", NULL };

	return journalctl_wait(journalctl_spawn(argv, STDERR_FILENO));
}

/* --- the measurement -------------------------------------------------------------------------- */

static int measure_held(pid_t daemon)
{
	int r = remove_files(), descriptors, mappings;

	if (r < 0)
		return r;
	sleep(LATER_SEC);
	descriptors = count_descriptors(daemon);
	mappings = count_mappings(daemon);
	if (descriptors < 0 || mappings < 0)
		return MIN(descriptors, mappings);
	printf("| %zu parked streams, %d s after the journal's files were removed: those still "
	       "open; mapped | %d; %d | - | - | 0; 0 |\n",
	       count, LATER_SEC, descriptors, mappings);
	return 0;
}

/* Some time after the last of them has been filled. */
static int measure_memory(pid_t daemon, long before)
{
	long after = process_resident(daemon);

	if (before < 0 || after < 0)
		return (int)MIN(before, after);
	printf("| ... memory for each of them | %.1f KB | - | - | - |\n",
	       (double)(after - before) / (double)count / 1024);
	return 0;
}

/* Lets all read on, to the last line. */
static int measure_rest(const char *go)
{
	FILE *f = fopen(go, "we");
	int r;

	if (!f)
		return -errno;
	fclose(f);
	for (size_t i = 0; i < count; i++)
		followers_resume(i);
	r = await(&n_over, END_LIMIT);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) /* as many for each, whether it got them or lost them */
		n_wrong += gots[i].next != gots[0].next;
	printf("| ... of them that then got each line, or how many are lost | %zu, %zu wrong | - | "
	       "- | all |\n",
	       n_over, n_wrong);
	return lost > 0 ? 0 : -ENODATA; /* nothing was removed that they wanted */
}

static int measure(pid_t daemon, const char *go)
{
	static const struct followers_handler handler = { .name = name,
							  .record = record,
							  .window = WINDOW };
	long before = process_resident(daemon);
	int r = followers_open(&handler, count);

	r = r < 0 ? r : await(&n_begun, BEGIN_LIMIT);
	r = r < 0 ? r : await_quiet(daemon);
	r = r < 0 ? r : measure_held(daemon);
	r = r < 0 ? r : measure_memory(daemon, before);
	return r < 0 ? r : measure_rest(go);
}

int main(int argc, char *argv[])
{
	int r;

	count = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
	if (count == 0 || count > FOLLOWERS_MAX || strlen(argv[2]) >= ID_MAX)
		return 2;
	name_from_id(argv[2], indexer);
	for (size_t i = 0; i < count; i++)
		gots[i].next = 1;
	condition_init(&changed);
	r = measure(atoi(argv[1]), argv[4]);
	if (r < 0)
		fprintf(stderr, "bench parked: %s\n", strerror(-r));
	/* The streams end with the process. */
	_exit(fflush(stdout) == 0 && r == 0 ? 0 : 1);
}
