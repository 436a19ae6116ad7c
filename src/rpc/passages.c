/*
 * TLS connections in their stages; see passages.h.
 *
 * Who has shown no certificate yet cannot keep others out by that: when too many are at it, the one
 * that has taken longest gives way. So it is with those whose clients do not hear the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/util.h"
#include "rpc/passages.h"

#define HANDSHAKES_MAX 256
#define OPEN_MAX       2000
#define OPEN_EXTRA     256 /* for who has few, where others have taken all there are */
#define CLOSING_MAX    256

/* A connection is in one stage at a time; each stage is a list, oldest first. */
enum stage {
	STAGE_HANDSHAKE,
	STAGE_OPEN,
	STAGE_CLOSING,
	STAGES,
};

/* Of each stage; the first and the last are those that a client can linger in. */
static const struct {
	unsigned most;
	uint64_t usec;
} bounds[STAGES] = {
	[STAGE_HANDSHAKE] = { HANDSHAKES_MAX, 10 * USEC_PER_SEC },
	[STAGE_OPEN] = { OPEN_MAX + OPEN_EXTRA,
			 UINT64_MAX }, /* what is idle or dead is gRPC's business */
	[STAGE_CLOSING] = { CLOSING_MAX, 10 * USEC_PER_SEC }, /* for who does not read to the end */
};

static_assert(HANDSHAKES_MAX + 2 * (OPEN_MAX + OPEN_EXTRA + CLOSING_MAX) < PASSAGES_FILES,
	      "one in the handshake, two after it");

struct passage {
	TAILQ_ENTRY(passage) link;
	struct passages *all;
	struct tunnel *tunnel;
	enum stage stage;
	uint64_t since; /* in this stage */
};

TAILQ_HEAD(passage_list, passage);

struct passages {
	struct tls *tls; /* not owned */
	const struct passages_handler *handler;
	void *userdata;
	struct poller *poller;
	sd_event_source *sweep;
	struct passage_list stages[STAGES];
	unsigned n[STAGES];
};

static void leave_stage(struct passage *passage)
{
	struct passages *all = passage->all;

	TAILQ_REMOVE(&all->stages[passage->stage], passage, link);
	all->n[passage->stage]--;
}

static void enter_stage(struct passage *passage, enum stage stage)
{
	struct passages *all = passage->all;

	passage->stage = stage;
	passage->since = now_usec(CLOCK_MONOTONIC);
	TAILQ_INSERT_TAIL(&all->stages[stage], passage, link);
	all->n[stage]++;
}

static void passage_free(struct passage *passage)
{
	struct passages *all = passage->all;
	bool was_opened = passage->stage != STAGE_HANDSHAKE;

	leave_stage(passage);
	tunnel_free(passage->tunnel);
	free(passage);
	if (was_opened && passages_is_empty(all))
		all->handler->emptied(all->userdata);
}

/* The sweep comes when the oldest of a stage has been in it for too long. */
static void plan_sweep(struct passages *all)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < STAGES; i++) {
		const struct passage *oldest = TAILQ_FIRST(&all->stages[i]);

		if (oldest && bounds[i].usec != UINT64_MAX)
			next = MIN(next, oldest->since + bounds[i].usec);
	}
	(void)sd_event_source_set_time(all->sweep, next);
	(void)sd_event_source_set_enabled(all->sweep,
					  next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct passages *all = userdata;
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	(void)source, (void)usec;
	for (size_t i = 0; i < STAGES; i++) {
		struct passage *oldest;

		while (bounds[i].usec != UINT64_MAX && (oldest = TAILQ_FIRST(&all->stages[i])) &&
		       oldest->since + bounds[i].usec <= now)
			passage_free(oldest);
	}
	plan_sweep(all);
	return 0;
}

static void on_opened(struct tunnel *tunnel, int fd, struct name_list *names, void *userdata)
{
	struct passage *passage = userdata;
	struct passages *all = passage->all;

	(void)tunnel;
	leave_stage(passage);
	enter_stage(passage, STAGE_OPEN);
	if (all->n[STAGE_OPEN] <= bounds[STAGE_OPEN].most) {
		all->handler->opened(fd, names, all->n[STAGE_OPEN] > OPEN_MAX, all->userdata);
		return;
	}
	log_debug("a TLS connection was closed: there are too many");
	name_list_clear(names);
	close(fd); /* which the tunnel sees */
}

static void on_closing(struct tunnel *tunnel, void *userdata)
{
	struct passage *passage = userdata;
	struct passages *all = passage->all;

	(void)tunnel;
	leave_stage(passage);
	enter_stage(passage, STAGE_CLOSING);
	if (all->n[STAGE_CLOSING] > bounds[STAGE_CLOSING].most)
		passage_free(TAILQ_FIRST(&all->stages[STAGE_CLOSING]));
	plan_sweep(all);
}

static void on_over(struct tunnel *tunnel, void *userdata)
{
	(void)tunnel;
	passage_free(userdata);
}

static const struct tunnel_handler handler = {
	.opened = on_opened,
	.closing = on_closing,
	.over = on_over,
};

void passages_begin(struct passages *all, int fd)
{
	struct passage *passage = calloc(1, sizeof(*passage));
	int r;

	if (!passage) {
		close(fd);
		return;
	}
	if (all->n[STAGE_HANDSHAKE] >= bounds[STAGE_HANDSHAKE].most)
		passage_free(TAILQ_FIRST(&all->stages[STAGE_HANDSHAKE]));
	passage->all = all;
	r = tunnel_new(all->poller, all->tls, fd, &handler, passage, &passage->tunnel);
	if (r < 0) {
		log_debug("a TLS connection was closed: %s", strerrordesc_np(-r));
		free(passage);
		return;
	}
	enter_stage(passage, STAGE_HANDSHAKE);
	plan_sweep(all);
}

static void drop_stage(struct passages *all, enum stage stage)
{
	while (all->n[stage] > 0)
		passage_free(TAILQ_FIRST(&all->stages[stage]));
}

void passages_drop_handshakes(struct passages *all)
{
	drop_stage(all, STAGE_HANDSHAKE);
}

bool passages_is_empty(const struct passages *all)
{
	return all->n[STAGE_OPEN] + all->n[STAGE_CLOSING] == 0;
}

DEFINE_CLEANUP(struct passages, passages_free);

int passages_new(sd_event *event, struct tls *tls, const struct passages_handler *what,
		 void *userdata, struct passages **ret)
{
	_cleanup_(passages_freep) struct passages *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->tls = tls;
	all->handler = what;
	all->userdata = userdata;
	for (size_t i = 0; i < STAGES; i++)
		TAILQ_INIT(&all->stages[i]);
	r = poller_new(event, &all->poller);
	if (r < 0)
		return r;
	r = sd_event_add_time(event, &all->sweep, CLOCK_MONOTONIC, UINT64_MAX, 0, on_sweep, all);
	if (r < 0)
		return r;
	*ret = TAKE(all);
	return 0;
}

struct passages *passages_free(struct passages *all)
{
	if (!all)
		return NULL;
	for (size_t i = 0; i < STAGES; i++)
		drop_stage(all, (enum stage)i);
	poller_free(all->poller);
	sd_event_source_disable_unref(all->sweep);
	free(all);
	return NULL;
}
