/*
 * Follows one indexer's numbered lines (journal-write) with many streams, and checks that each
 * stream gets each line of its level once and in order.
 *
 *   journal-stress [-g] UID LAST follow STREAMS
 *       streams of random levels that refuse at random and are resumed by another thread
 *   journal-stress [-g] UID LAST resume STREAMS
 *       the same, and each is closed at any moment, over and over, and opened again with the cursor
 *       of the last record that it had
 *   journal-stress [-g] UID LAST handover TIMES
 *       streams opened with a tail while lines are written, one after the other, each watched until
 *       it is live and closed at any moment; at least so many until the last line is there
 *
 * Half of the streams are recursive: the writer is a tree of one. LAST is the number of the last
 * line, a multiple of 7. -g allows gaps: old records may be vacuumed away. Prints one summary line;
 * exits 1 where a stream was wrong or has not come to LAST within 120 seconds and 200 us a line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "journal/bus-error.h"
#include "journal/journal.h"
#include "journal/step.h"
#include "line-check.h"

#define LIMIT	    (120 * USEC_PER_SEC)
#define LIMIT_LINE  200ULL /* microseconds more for each line */
#define STREAMS_MAX 1000

struct follower {
	struct log_query query;
	struct log_stream *stream;
	struct line_check check;
	unsigned seed, refusal; /* one of so many records is refused */
	atomic_bool parked, ended;
	atomic_long refused;
	atomic_int live_flushes;
	char cursor[LOG_CURSOR_SIZE + 1]; /* of the last record */
	long cuts;
};

static bool gaps_allowed;
static atomic_bool over;
static atomic_long n_late; /* callbacks after close */

static uint64_t limit(long last)
{
	return LIMIT + (uint64_t)last * LIMIT_LINE;
}

static struct line_check new_check(const struct log_query *query)
{
	return (struct line_check){
		.level = query->level,
		.begins_late = query->tail > 0,
		.gaps_allowed = gaps_allowed,
		.last = -1,
	};
}

static int on_record(const struct log_record *record, void *userdata)
{
	struct follower *f = userdata;
	if (atomic_load(&f->ended))
		atomic_fetch_add(&n_late, 1);
	if (f->refusal > 0 && (unsigned)rand_r(&f->seed) % f->refusal == 0) {
		atomic_fetch_add(&f->refused, 1);
		atomic_store(&f->parked, true);
		return -EAGAIN;
	}
	if (record->event == LOG_LOST)
		line_check_lost(&f->check, (long)record->lost);
	else
		line_check_line(&f->check, line_number(record->content, record->content_size),
				record->level);
	log_cursor_format(&record->mark, f->query.uid, f->cursor);
	return 0;
}

static void on_flush(void *userdata)
{
	struct follower *f = userdata;

	atomic_fetch_add(&f->live_flushes, 1);
}

static void on_end(int error, void *userdata)
{
	struct follower *f = userdata;

	printf("# ended: %d\n", error);
	f->check.wrong++;
}

static const struct log_sink sink = { .record = on_record, .end = on_end, .flush = on_flush };

struct crowd {
	struct follower *followers;
	int n;
	pthread_mutex_t lock; /* the streams stay open while it is held */
};

/* Resumes parked followers, now and then too early or without need. */
static void *resume_thread(void *userdata)
{
	struct crowd *crowd = userdata;
	unsigned seed = 7;

	while (!atomic_load(&over)) {
		for (int i = 0; i < crowd->n; i++) {
			struct follower *f = &crowd->followers[i];

			pthread_mutex_lock(&crowd->lock);
			if (atomic_exchange(&f->parked, false) || rand_r(&seed) % 1000 == 0)
				log_stream_resume(f->stream);
			pthread_mutex_unlock(&crowd->lock);
		}
		usleep((unsigned)rand_r(&seed) % 3000);
	}
	return NULL;
}

/* Closes a stream wherever it is and goes on with the cursor of what it had. */
static int cut(struct journal *journal, struct crowd *crowd, struct follower *f)
{
	int r = 0;

	pthread_mutex_lock(&crowd->lock);
	log_stream_close(f->stream);
	f->cuts++;
	if (*f->cursor)
		r = log_cursor_parse(f->cursor, f->query.uid, &f->query.after);
	r = r < 0 ? r : log_stream_open(journal, &f->query, &sink, f, &f->stream);
	pthread_mutex_unlock(&crowd->lock);
	return r;
}

static int follow(struct journal *journal, const char *uid, long last, int n, bool cutting)
{
	struct follower *followers = calloc((size_t)n, sizeof(*followers));
	struct crowd crowd = { followers, n, PTHREAD_MUTEX_INITIALIZER };
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	long refused = 0, cuts = 0, wrong = 0, gaps = 0, records = 0, least = last + 1;
	pthread_t thread;
	unsigned seed = (unsigned)begin;
	int done = 0;

	for (int i = 0; i < n; i++) {
		struct follower *f = &followers[i];

		(void)snprintf(f->query.uid, sizeof(f->query.uid), "%s", uid);
		f->query.level = (enum level)(rand_r(&seed) % (LEVEL_ERROR + 1));
		f->query.follow = true;
		f->query.recursive = i % 2;
		f->seed = seed + (unsigned)i;
		f->refusal = i % 5 == 0 ? 0 : 200 + (unsigned)rand_r(&seed) % 5000;
		f->check = new_check(&f->query);
		if (log_stream_open(journal, &f->query, &sink, f, &f->stream) < 0)
			return 1;
		usleep((unsigned)rand_r(&seed) % 20000);
	}
	pthread_create(&thread, NULL, resume_thread, &crowd);
	while (done < n && now_usec(CLOCK_MONOTONIC) - begin < limit(last)) {
		usleep(20000);
		for (int i = rand_r(&seed) % 60; cutting && i < n; i += 4 + rand_r(&seed) % 60)
			if (cut(journal, &crowd, &followers[i]) < 0)
				return 1;
		done = 0;
		for (int i = 0; i < n; i++)
			done += atomic_load(&followers[i].check.last) >= last;
	}
	usleep(500000); /* what would come twice comes now */
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	for (int i = 0; i < n; i++) {
		struct follower *f = &followers[i];

		log_stream_close(f->stream);
		if (atomic_load(&f->check.last) < last)
			printf("# level %d stands at %ld\n", (int)f->query.level,
			       atomic_load(&f->check.last));
		refused += f->refused;
		cuts += f->cuts;
		wrong += f->check.wrong;
		gaps += f->check.gaps;
		records += f->check.lines;
		if (f->query.level <= LEVEL_TRACE)
			least = MIN(least, f->check.lines);
	}
	free(followers);
	printf("%d of %d streams complete, %ld records, %ld refused, %ld cuts, %ld gaps, %ld "
	       "wrong, "
	       "at least %ld of %ld lines, %.1f s\n",
	       done, n, records, refused, cuts, gaps, wrong, least, last + 1,
	       (double)(now_usec(CLOCK_MONOTONIC) - begin) / 1e6);
	return done < n || wrong > 0;
}

static int handover(struct journal *journal, const char *uid, long last, int times)
{
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	unsigned seed = (unsigned)begin;
	long wrong = 0, records = 0, reached = 0;
	int i;

	for (i = 0; reached < last && now_usec(CLOCK_MONOTONIC) - begin < limit(last); i++) {
		struct follower f = { .refusal = i % 2 ? 0 : 500, .seed = seed };

		(void)snprintf(f.query.uid, sizeof(f.query.uid), "%s", uid);
		f.query.follow = true;
		f.query.recursive = rand_r(&seed) % 2;
		f.query.level = (enum level)(rand_r(&seed) % (LEVEL_ERROR + 1));
		f.query.tail = 1 + rand_r(&seed) % 2000;
		f.check = new_check(&f.query);
		if (log_stream_open(journal, &f.query, &sink, &f, &f.stream) < 0)
			return 1;
		while (f.live_flushes < 4 && atomic_load(&f.check.last) < last &&
		       now_usec(CLOCK_MONOTONIC) - begin < limit(last)) {
			usleep((unsigned)rand_r(&seed) % 3000);
			if (atomic_exchange(&f.parked, false))
				log_stream_resume(f.stream);
		}
		log_stream_close(f.stream);
		atomic_store(&f.ended, true);
		wrong += f.check.wrong;
		records += f.check.lines;
		reached = MAX(reached, atomic_load(&f.check.last));
	}
	printf("%d handovers up to line %ld, %ld records, %ld wrong, %ld late, %.1f s\n", i,
	       reached, records, wrong, atomic_load(&n_late),
	       (double)(now_usec(CLOCK_MONOTONIC) - begin) / 1e6);
	return i < times || reached < last || wrong > 0 || atomic_load(&n_late) > 0;
}

int main(int argc, char **argv)
{
	const struct journal_source source = {};
	struct journal *journal;
	int r, n;

	if (argc > 1 && streq(argv[1], "-g")) {
		gaps_allowed = true;
		argc--, argv++;
	}
	if (argc != 5 || !is_last_candidate(atol(argv[2])))
		return 2;
	n = atoi(argv[4]);
	if (n < 1 || n > STREAMS_MAX || journal_catch_bus_errors() < 0 ||
	    journal_catch_aborts() < 0 || journal_new(&source, &journal) < 0)
		return 2;
	r = streq(argv[3], "handover")
		    ? handover(journal, argv[1], atol(argv[2]), n)
		    : follow(journal, argv[1], atol(argv[2]), n, streq(argv[3], "resume"));
	journal_free(journal);
	return r;
}
