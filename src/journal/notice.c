/*
 * What the daemon itself writes into the journal; see notice.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "common/journal-socket.h"
#include "common/log.h"
#include "journal/notice.h"
#include "model/indexer.h"
#include "model/names.h"

/* How long a journald that does not take anything is waited for. */
#define SEND_LIMIT_SEC 5

/* That wait at most: as many as can be deleted while nothing is sent. */
#define NOTICES_MAX (2 * INDEXERS_MOST)

struct notice {
	TAILQ_ENTRY(notice) link;
	char id[ID_MAX];
	size_t size;
	char *text; /* an entry of journald's native protocol */
};

TAILQ_HEAD(notice_list, notice);

/* Locks: `lock` for the list; `sending`, which is taken first, for the order. */
struct notices {
	pthread_mutex_t lock, sending;
	struct notice_list list;
	atomic_size_t n;
};

int notices_new(struct notices **ret)
{
	struct notices *notices = calloc(1, sizeof(*notices));

	if (!notices)
		return -ENOMEM;
	pthread_mutex_init(&notices->lock, NULL);
	pthread_mutex_init(&notices->sending, NULL);
	TAILQ_INIT(&notices->list);
	*ret = notices;
	return 0;
}

static void notice_free(struct notice *notice)
{
	free(notice->text);
	free(notice);
}

struct notices *notices_free(struct notices *notices)
{
	struct notice *notice;

	if (!notices)
		return NULL;
	while ((notice = TAILQ_FIRST(&notices->list))) {
		TAILQ_REMOVE(&notices->list, notice, link);
		notice_free(notice);
	}
	pthread_mutex_destroy(&notices->lock);
	pthread_mutex_destroy(&notices->sending);
	free(notices);
	return NULL;
}

static int format(const struct kin *kin, char **text, size_t *size)
{
	FILE *f = open_memstream(text, size);

	if (!f)
		return -ENOMEM;
	fprintf(f,
		"MESSAGE=" NAME_PREFIX "%s is deleted\nMESSAGE_ID=" NOTICE_DELETED_ID
		"\nPRIORITY=%d\nSYSLOG_IDENTIFIER=indexerd\n" INDEXER_FIELD_UID
		"=%s\n" INDEXER_FIELD_ID "=%s\n" INDEXER_FIELD_LINEAGE "=%s\n" NOTICE_FIELD_CREATED
		"=%" PRIu64 "\n",
		kin->id, LOG_INFO, lineage_own(kin->lineage), kin->id, kin->lineage, kin->created);
	for (size_t i = 0; i < lineage_levels(kin->lineage); i++)
		fprintf(f, INDEXER_FIELD_TREE "=%.*s\n", ID128_TEXT_MAX - 1,
			lineage_at(kin->lineage, i));
	return fclose(f) == 0 ? 0 : -ENOMEM;
}

static void log_unwritten(const char *id, int error)
{
	log_warning(NAME_PREFIX "%s is deleted, and that cannot be written to the journal: %s", id,
		    strerror(-error));
}

void notices_put_deleted(struct notices *notices, const struct kin *kin)
{
	struct notice *notice = calloc(1, sizeof(*notice));
	int r = notice ? format(kin, &notice->text, &notice->size) : -ENOMEM;

	if (r >= 0 && atomic_load(&notices->n) >= NOTICES_MAX)
		r = -ENOBUFS;
	if (r < 0) {
		log_unwritten(kin->id, r);
		if (notice)
			notice_free(notice);
		return;
	}
	strcpy(notice->id, kin->id);
	pthread_mutex_lock(&notices->lock);
	TAILQ_INSERT_TAIL(&notices->list, notice, link);
	atomic_fetch_add(&notices->n, 1);
	pthread_mutex_unlock(&notices->lock);
}

bool notices_wait(const struct notices *notices)
{
	return atomic_load(&notices->n) > 0;
}

static struct notice *take(struct notices *notices)
{
	struct notice *notice;

	pthread_mutex_lock(&notices->lock);
	notice = TAILQ_FIRST(&notices->list);
	if (notice) {
		TAILQ_REMOVE(&notices->list, notice, link);
		atomic_fetch_sub(&notices->n, 1);
	}
	pthread_mutex_unlock(&notices->lock);
	return notice;
}

/* After a journald that took nothing for so long, no other one is tried. */
static void drop_rest(struct notices *notices)
{
	struct notice *notice;
	unsigned n = 0;

	for (; (notice = take(notices)); n++)
		notice_free(notice);
	if (n > 0)
		log_warning("%u more deletions cannot be written to the journal", n);
}

static int open_socket(void)
{
	const struct timeval limit = { .tv_sec = SEND_LIMIT_SEC };
	int fd = journal_socket_connect(JOURNAL_SOCKET);

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static int send_one(int fd, const struct notice *notice)
{
	if (fd < 0)
		return fd;
	while (send(fd, notice->text, notice->size, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* With the lock `sending`. */
static void send_all(struct notices *notices)
{
	_cleanup_close_ int fd = -1;
	struct notice *notice;

	while ((notice = take(notices))) {
		int r;

		if (fd < 0)
			fd = open_socket();
		r = send_one(fd, notice);
		if (r < 0) {
			log_unwritten(notice->id, r);
			closep(&fd);
			fd = -1; /* the next one looks for the socket anew */
		}
		notice_free(notice);
		if (r == -EAGAIN)
			drop_rest(notices);
	}
}

void notices_send(struct notices *notices)
{
	pthread_mutex_lock(&notices->sending);
	send_all(notices);
	pthread_mutex_unlock(&notices->sending);
}

bool notices_try_send(struct notices *notices)
{
	if (pthread_mutex_trylock(&notices->sending) != 0)
		return false;
	send_all(notices);
	pthread_mutex_unlock(&notices->sending);
	return true;
}

int notice_match(sd_journal *j)
{
	int r = sd_journal_add_match(j, "MESSAGE_ID=" NOTICE_DELETED_ID, 0);

	return r < 0 ? r : sd_journal_add_match(j, "_SYSTEMD_UNIT=" DAEMON_UNIT, 0);
}
