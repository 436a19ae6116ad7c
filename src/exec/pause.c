/*
 * The wait before a restart; see pause.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <syslog.h>

#include "common/journal-socket.h"
#include "common/notify.h"
#include "common/util.h"
#include "exec/pause.h"
#include "lines/complaint.h"
#include "model/backoff.h"

/* What systemd gives the start behind the wait; a drop-in may have shortened the unit's own. */
#define START_USEC (90 * USEC_PER_SEC)

/* What is shorter nobody needs to be told. */
#define TOLD_USEC (100 * USEC_PER_MSEC)

static struct backoff backoff_of(const spec_t *spec)
{
	return (struct backoff){ .initial = spec->initial_backoff_usec,
				 .max = spec->max_backoff_usec };
}

/* Without random bits, which no running system lacks, the clock's will do. */
static uint64_t random_bits(uint64_t now)
{
	uint64_t bits = now;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
		bits = now * 0x9e3779b97f4a7c15ULL;
	return bits;
}

/* Says that it waits: to the journal, and to systemd, which is to give it the time. */
static void tell(const spec_t *spec, const struct backoff_wait *wait, uint64_t usec)
{
	char text[BACKOFF_TEXT_MAX], state[BACKOFF_TEXT_MAX + 64];

	backoff_describe(wait, usec, text);
	(void)snprintf(state, sizeof(state), "STATUS=%s\nEXTEND_TIMEOUT_USEC=%" PRIu64, text,
		       (uint64_t)(usec + START_USEC));
	(void)notify(state);
	(void)complaint_send(JOURNAL_SOCKET, LOG_INFO, spec->indexer_id, text);
}

/*
 * Sleeps until a time of CLOCK_BOOTTIME. SIGTERM, which is somebody who stops the unit, ends the
 * process as ever, and the row of tries with it: who starts the unit then is not to wait.
 */
static void sleep_until(uint64_t end, int directory)
{
	sigset_t term, before;
	uint64_t now;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	while ((now = now_usec(CLOCK_BOOTTIME)) < end) {
		const struct timespec left = {
			.tv_sec = (time_t)((end - now) / USEC_PER_SEC),
			.tv_nsec = (long)((end - now) % USEC_PER_SEC * NSEC_PER_USEC),
		};

		if (sigtimedwait(&term, NULL, &left) == SIGTERM) {
			tries_forget(directory);
			(void)raise(SIGTERM);
			break;
		}
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Whether the present start is another try after one that has ended; sets which one. */
static bool is_again(const spec_t *spec, const struct backoff *backoff, uint64_t now,
		     struct pause *pause)
{
	int r = tries_load(pause->directory, &pause->tries);

	if (r == -ENOENT)
		return false;
	if (r < 0) /* what is no record any more begins anew */
		pause->tries = (struct tries){};
	if (tries_asked_for(&pause->tries, tries_process_start(), backoff_pause(backoff))) {
		pause->tries = (struct tries){};
		return false;
	}
	tries_next(&pause->tries, now, spec->healthy_usec);
	return true;
}

int pause_before_try(const spec_t *spec, struct pause *pause)
{
	uint64_t now = now_usec(CLOCK_BOOTTIME), usec;
	struct backoff backoff = backoff_of(spec);
	struct backoff_wait wait;
	int r;

	pause->directory = -1;
	if (backoff.initial == 0) /* of an indexerd that knew no back-off */
		return 0;
	pause->directory = tries_open(getenv("RUNTIME_DIRECTORY"));
	if (pause->directory == -ENOENT) /* a drop-in has taken it away */
		return 0;
	if (pause->directory < 0)
		return pause->directory;
	if (!is_again(spec, &backoff, now, pause))
		return 0;

	usec = backoff_delay(&backoff, pause->tries.failed, random_bits(now)) -
	       backoff_pause(&backoff);
	wait = (struct backoff_wait){ .try = pause->tries.failed + 1,
				      .until = now_usec(CLOCK_REALTIME) + usec -
					       (now_usec(CLOCK_BOOTTIME) - now) };
	/* Before it waits: who kills it meanwhile gains nothing. */
	r = tries_save(pause->directory, &pause->tries);
	if (usec >= TOLD_USEC)
		tell(spec, &wait, usec);
	sleep_until(now + usec, pause->directory);
	return r;
}

int pause_end(struct pause *pause)
{
	if (pause->directory < 0)
		return 0;
	pause->tries.began = now_usec(CLOCK_BOOTTIME);
	return tries_save(pause->directory, &pause->tries);
}

void pause_clear(struct pause *pause)
{
	closep(&pause->directory);
	pause->directory = -1;
}
