/*
 * What indexers use; see usage.h. Answers are kept in a table of a fixed size, by the indexer's uid
 * and its main process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "systemd/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"

#define AGE_MAX_USEC (1 * USEC_PER_SEC)

/*
 * An answer may stand in any of so many slots that follow each other. With more live indexers than
 * systemd has dynamic users (INDEXERS_MOST) some are read more often than once a second, and that
 * is all.
 */
#define SLOTS 8192
#define PROBE 8

#define FILE_MAX 4096 /* bytes of a file that are looked at */

struct slot {
	uint64_t uid[2]; /* its digits as two numbers */
	int64_t pid;
	uint64_t time; /* CLOCK_MONOTONIC; 0 where the slot is free */
	struct usage usage;
};

struct usage_table {
	char *root;
	pthread_mutex_t lock; /* held for a look at slots only */
	struct slot slots[SLOTS];
};

int usage_table_new(const char *root, struct usage_table **ret)
{
	/* Pages that no answer was written to take no memory. */
	_cleanup_free_ struct usage_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->root = strdup(root);
	if (!table->root)
		return -ENOMEM;
	pthread_mutex_init(&table->lock, NULL);
	*ret = TAKE(table);
	return 0;
}

struct usage_table *usage_table_free(struct usage_table *table)
{
	if (!table)
		return NULL;
	pthread_mutex_destroy(&table->lock);
	free(table->root);
	free(table);
	return NULL;
}

/* Reads a file of a control group as text. False where there is none. */
static bool read_file(const char *root, const char *group, const char *name, char text[FILE_MAX])
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s%s/%s", root, group, name) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, FILE_MAX - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

/* The number behind a key, such as "usage_usec 123" in a line of its own. */
static bool find_number(const char *text, const char *key, uint64_t *ret)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *value;

		line += *line == '\n';
		value = startswith(line, key);
		if (value && *value >= '0' && *value <= '9') {
			*ret = strtoull(value, NULL, 10);
			return true;
		}
	}
	return false;
}

static bool read_usage(const char *root, const char *group, struct usage *ret)
{
	struct usage usage = {};
	char text[FILE_MAX];

	if (!read_file(root, group, "cpu.stat", text) ||
	    !find_number(text, "usage_usec ", &usage.cpu_usec))
		return false;
	if (read_file(root, group, "memory.current", text))
		(void)find_number(text, "", &usage.memory_bytes);
	*ret = usage;
	return true;
}

static void read_uid(const char *text, uint64_t ret[2])
{
	char half[17] = "";

	for (int i = 0; i < 2; i++) {
		memcpy(half, text + 16 * i, 16);
		ret[i] = strtoull(half, NULL, 16);
	}
}

/* The uid's slot; or, where it has none, the one to be taken for it: free, or the oldest. */
static struct slot *find_slot(struct usage_table *table, const uint64_t uid[2])
{
	struct slot *oldest = NULL;

	/* Uids are random: their digits spread as they are. */
	for (size_t i = 0; i < PROBE; i++) {
		struct slot *slot = &table->slots[(uid[0] + i) % SLOTS];

		if (slot->uid[0] == uid[0] && slot->uid[1] == uid[1])
			return slot;
		if (!oldest || slot->time < oldest->time)
			oldest = slot;
	}
	return oldest;
}

/* An answer that was given within the last second, about this process. */
static bool find_answer(struct usage_table *table, const uint64_t uid[2], int64_t pid, uint64_t now,
			struct usage *ret)
{
	const struct slot *slot;
	bool found;

	pthread_mutex_lock(&table->lock);
	slot = find_slot(table, uid);
	found = slot->time != 0 && slot->uid[0] == uid[0] && slot->uid[1] == uid[1] &&
		slot->pid == pid && now < slot->time + AGE_MAX_USEC;
	if (found)
		*ret = slot->usage;
	pthread_mutex_unlock(&table->lock);
	return found;
}

static void keep_answer(struct usage_table *table, const struct slot *answer)
{
	pthread_mutex_lock(&table->lock);
	*find_slot(table, answer->uid) = *answer;
	pthread_mutex_unlock(&table->lock);
}

bool usage_get(struct usage_table *table, const struct view *view, uint64_t now, struct usage *ret)
{
	const struct status *status = &view->status;
	struct slot answer = { .pid = status->main_pid, .time = now };

	if (status->main_pid == 0 || isempty(status->control_group))
		return false;
	assert(strlen(view->definition->uid) == ID128_TEXT_MAX - 1);
	read_uid(view->definition->uid, answer.uid);
	if (find_answer(table, answer.uid, answer.pid, now, ret))
		return true;
	if (!read_usage(table->root, status->control_group, &answer.usage))
		return false;
	keep_answer(table, &answer);
	*ret = answer.usage;
	return true;
}
