/*
 * What the daemon itself writes into the journal; see notice.h.
 *
 * The thread takes all notices that wait, sends them one after the other, waits until journald has
 * taken the last one, and answers them all. What comes meanwhile is the next round.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/condition.h"
#include "common/journal-socket.h"
#include "common/log.h"
#include "journal/notice.h"
#include "model/indexer.h"
#include "model/names.h"

/* How long a round waits for journald to take it. */
#define LIMIT_USEC (5 * USEC_PER_SEC)

/* Between two looks whether a socket that is full, or away, is there again. */
#define PAUSE_MSEC 100

struct notice {
	TAILQ_ENTRY(notice) link;
	bool is_again; /* there may be an earlier record of it */
	struct loop_queue *queue;
	struct loop_item *answer;
	char id[ID_MAX];
	size_t size;
	char *text; /* an entry of journald's native protocol */
};

TAILQ_HEAD(notice_list, notice);

struct notices {
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* for these: */
	pthread_cond_t work;
	struct notice_list list;
	bool stopping;

	/* The thread's. */
	int fd;		      /* journald's socket, or -1 */
	bool is_silent;	      /* journald took nothing in its time, and nothing since, */
	unsigned n_unwritten; /* with so many notices */
};

static void notice_free(struct notice *notice)
{
	free(notice->text);
	free(notice);
}

/* --- the text ------------------------------------------------------------------------------ */

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

/* --- sending ------------------------------------------------------------------------------- */

/* One datagram; NULL is an empty one. 0, -ETIMEDOUT at the end, or another negative errno. */
static int send_one(int fd, const struct notice *notice, uint64_t end)
{
	static const char again[] = NOTICE_FIELD_AGAIN "=1\n";
	struct iovec parts[] = { { notice ? notice->text : NULL, notice ? notice->size : 0 },
				 { (void *)again, sizeof(again) - 1 } };
	const struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = notice ? 1 + notice->is_again : 0,
	};

	while (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		struct pollfd writable = { .fd = fd, .events = POLLOUT };

		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (now_usec(CLOCK_MONOTONIC) >= end)
			return -ETIMEDOUT;
		(void)poll(&writable, 1, PAUSE_MSEC);
	}
	return 0;
}

/* Opens journald's socket, unless it is open. 0 or a negative errno. */
static int open_socket(struct notices *notices)
{
	if (notices->fd < 0)
		notices->fd = journal_socket_connect(JOURNAL_SOCKET);
	return MIN(notices->fd, 0);
}

/*
 * Sends all of them, and waits until journald has them: what still lies in its socket when this
 * process is killed, it could not find to be the daemon's. 0, or a negative errno.
 */
static int send_round(struct notices *notices, struct notice_list *round, uint64_t end)
{
	struct notice *notice;
	int r = open_socket(notices);

	if (r < 0)
		return r;
	TAILQ_FOREACH(notice, round, link)
	{
		int sent = send_one(notices->fd, notice, end);

		notice->is_again |= sent == 0; /* where the round is sent once more */
		r = r < 0 ? r : sent;
	}
	r = r < 0 ? r : send_one(notices->fd, NULL, end);
	if (r == 0) {
		uint64_t now = now_usec(CLOCK_MONOTONIC);

		return journal_socket_settle(notices->fd, end > now ? end - now : 0) ? 0
										     : -ETIMEDOUT;
	}
	/* A socket that has been replaced has taken what was in it along. */
	if (r != -ETIMEDOUT) {
		closep(&notices->fd);
		notices->fd = -1;
	}
	return r;
}

/* Said once, and not for each level of a tree that is deleted while journald takes nothing. */
static void note_unwritten(struct notices *notices, const struct notice_list *round, int error)
{
	const struct notice *notice;

	if (!notices->is_silent)
		log_warning("journald does not take the record that " NAME_PREFIX
			    "%s is deleted; it is gone nevertheless: %s",
			    TAILQ_FIRST(round)->id,
			    error == -ETIMEDOUT ? "it is waited for no longer" : strerror(-error));
	notices->is_silent = true;
	TAILQ_FOREACH(notice, round, link)
	notices->n_unwritten++;
}

static void note_written(struct notices *notices)
{
	if (notices->is_silent)
		log_notice("journald takes records again; those of %u deletions may be missing",
			   notices->n_unwritten);
	notices->is_silent = false;
	notices->n_unwritten = 0;
}

/* A journald that took nothing for so long keeps nobody waiting again before it takes something. */
static void send_in_time(struct notices *notices, struct notice_list *round)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC);
	bool was_open = notices->fd >= 0, is_open = open_socket(notices) == 0;
	int r;

	if (was_open && notices->is_silent && journal_socket_settle(notices->fd, 0))
		note_written(notices);
	if (!notices->is_silent || (is_open && !was_open))
		end += LIMIT_USEC;
	while ((r = send_round(notices, round, end)) < 0 && now_usec(CLOCK_MONOTONIC) < end)
		(void)poll(NULL, 0, PAUSE_MSEC);
	if (r < 0)
		note_unwritten(notices, round, r);
	else
		note_written(notices);
}

static void answer(struct notice_list *round)
{
	struct notice *notice;

	while ((notice = TAILQ_FIRST(round))) {
		TAILQ_REMOVE(round, notice, link);
		loop_queue_post(notice->queue, notice->answer);
		notice_free(notice);
	}
}

static void *notices_thread(void *userdata)
{
	struct notices *notices = userdata;
	struct notice_list round = TAILQ_HEAD_INITIALIZER(round);

	pthread_mutex_lock(&notices->lock);
	while (!notices->stopping) {
		if (TAILQ_EMPTY(&notices->list)) {
			condition_wait(&notices->work, &notices->lock, UINT64_MAX);
			continue;
		}
		TAILQ_CONCAT(&round, &notices->list, link);
		pthread_mutex_unlock(&notices->lock);
		send_in_time(notices, &round);
		answer(&round);
		pthread_mutex_lock(&notices->lock);
	}
	pthread_mutex_unlock(&notices->lock);
	return NULL;
}

/* --- the owner's calls --------------------------------------------------------------------- */

int notices_new(struct notices **ret)
{
	_cleanup_(notices_freep) struct notices *notices = calloc(1, sizeof(*notices));
	int r;

	if (!notices)
		return -ENOMEM;
	notices->fd = -1;
	pthread_mutex_init(&notices->lock, NULL);
	condition_init(&notices->work);
	TAILQ_INIT(&notices->list);
	r = pthread_create(&notices->thread, NULL, notices_thread, notices);
	if (r != 0)
		return -r;
	notices->has_thread = true;
	*ret = TAKE(notices);
	return 0;
}

void notices_stop(struct notices *notices)
{
	if (!notices->has_thread)
		return;
	pthread_mutex_lock(&notices->lock);
	notices->stopping = true;
	pthread_cond_signal(&notices->work);
	pthread_mutex_unlock(&notices->lock);
	pthread_join(notices->thread, NULL);
	notices->has_thread = false;
}

struct notices *notices_free(struct notices *notices)
{
	struct notice *notice;

	if (!notices)
		return NULL;
	notices_stop(notices);
	while ((notice = TAILQ_FIRST(&notices->list))) {
		TAILQ_REMOVE(&notices->list, notice, link);
		notice_free(notice);
	}
	closep(&notices->fd);
	pthread_mutex_destroy(&notices->lock);
	pthread_cond_destroy(&notices->work);
	free(notices);
	return NULL;
}

int notices_put_deleted(struct notices *notices, const struct kin *kin, bool is_again,
			struct loop_queue *queue, struct loop_item *item)
{
	struct notice *notice = calloc(1, sizeof(*notice));
	int r = notice ? format(kin, &notice->text, &notice->size) : -ENOMEM;

	if (r < 0) {
		if (notice)
			notice_free(notice);
		return r;
	}
	notice->is_again = is_again;
	notice->queue = queue;
	notice->answer = item;
	strcpy(notice->id, kin->id);
	pthread_mutex_lock(&notices->lock);
	TAILQ_INSERT_TAIL(&notices->list, notice, link);
	pthread_cond_signal(&notices->work);
	pthread_mutex_unlock(&notices->lock);
	return 0;
}

int notice_match(sd_journal *j)
{
	int r = sd_journal_add_match(j, "MESSAGE_ID=" NOTICE_DELETED_ID, 0);

	return r < 0 ? r : sd_journal_add_match(j, "_SYSTEMD_UNIT=" DAEMON_UNIT, 0);
}
