/*
 * The journal: its threads' beginning and end. See journal.h, and stream.h for how they work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/condition.h"
#include "journal/stream.h"

DEFINE_CLEANUP(struct journal, journal_free);

struct journal *journal_free(struct journal *journal)
{
	if (!journal)
		return NULL;
	pthread_mutex_lock(&journal->lock);
	atomic_store(&journal->stopping, true);
	pthread_cond_broadcast(&journal->work);
	pthread_mutex_unlock(&journal->lock);
	/* The workers first: what they still hold may go to the live thread. */
	for (unsigned i = 0; i < journal->n_workers; i++)
		pthread_join(journal->workers[i], NULL);
	if (journal->has_live) {
		live_wake(journal);
		pthread_join(journal->live, NULL);
	}
	if (journal->inbox_fd >= 0)
		close(journal->inbox_fd);
	pthread_mutex_destroy(&journal->lock);
	pthread_mutex_destroy(&journal->sync_lock);
	pthread_cond_destroy(&journal->work);
	notices_free(journal->notices);
	gaps_free(journal->gaps);
	family_free(journal->family);
	free((char *)journal->source.directory);
	free((char *)journal->source.log_namespace);
	free(journal);
	return NULL;
}

static int start_threads(struct journal *journal)
{
	int r;

	for (; journal->n_workers < WORKERS; journal->n_workers++) {
		r = pthread_create(&journal->workers[journal->n_workers], NULL, worker_thread,
				   journal);
		if (r != 0)
			return -r;
	}
	r = pthread_create(&journal->live, NULL, live_thread, journal);
	journal->has_live = r == 0;
	return -r;
}

/* 0 with a copy, or NULL for NULL, in *ret; or -ENOMEM. */
static int copy(const char *string, const char **ret)
{
	*ret = string ? strdup(string) : NULL;
	return string && !*ret ? -ENOMEM : 0;
}

int journal_new(const struct journal_source *source, struct journal **ret)
{
	_cleanup_(journal_freep) struct journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (!journal)
		return -ENOMEM;
	TAILQ_INIT(&journal->queue);
	TAILQ_INIT(&journal->parked);
	TAILQ_INIT(&journal->inbox);
	pthread_mutex_init(&journal->lock, NULL);
	pthread_mutex_init(&journal->sync_lock, NULL);
	condition_init(&journal->work);
	journal->inbox_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (journal->inbox_fd < 0)
		return -errno;
	r = copy(source->directory, &journal->source.directory);
	r = r < 0 ? r : copy(source->log_namespace, &journal->source.log_namespace);
	r = r < 0 ? r : family_new(&journal->family);
	r = r < 0 ? r : notices_new(&journal->notices);
	r = r < 0 ? r : gaps_new(&journal->gaps);
	r = r < 0 ? r : start_threads(journal);
	if (r < 0)
		return r;
	*ret = TAKE(journal);
	return 0;
}

int journal_add_indexer(struct journal *journal, const char *id, const char *lineage,
			uint64_t created)
{
	struct kin kin = { .created = created };

	strcpy(kin.id, id);
	strcpy(kin.lineage, lineage);
	return family_add(journal->family, &kin);
}

int journal_put_deletion(struct journal *journal, const char *id, bool is_again,
			 struct loop_queue *queue, struct loop_item *item)
{
	struct kin kin;

	if (!family_find(journal->family, id, UINT64_MAX, &kin))
		return -ENOENT;
	return notices_put_deleted(journal->notices, &kin, is_again, queue, item);
}

void journal_end_deletions(struct journal *journal)
{
	notices_stop(journal->notices);
}

void journal_remove_indexer(struct journal *journal, const char *id)
{
	family_remove(journal->family, id);
}
