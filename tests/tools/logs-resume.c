/*
 * Follows one indexer's numbered lines (line-print) by StreamLogs with many clients, each of a
 * random level and now and then slow. Each is cut at any moment, over and over, and goes on with
 * the cursor of the last record that it had; also where the daemon went away. Checks that each line
 * came once and in order, or is in the count of a LOST.
 *
 *   logs-resume ID COUNT CLIENTS SECONDS
 *
 * COUNT is that of the lines, a multiple of 7 and 1 more. Prints one summary line; exits 1 where a
 * client was wrong or has not had the last line after SECONDS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/grpc.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ctl/client.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "line-check.h"

#define ADDRESS	    "unix:/run/indexerd/indexerd.sock"
#define CLIENTS_MAX 100

/* A client is cut after so many records on average, and its pauses are as far apart. */
#define CUT_RECORDS   20000
#define PAUSE_RECORDS 50000
#define PAUSE_USEC    (400 * USEC_PER_MSEC)

/* Between two tries while the daemon is away. */
#define RETRY_USEC (20 * USEC_PER_MSEC)

struct follower {
	pthread_t thread;
	const char *parent;
	long last;	/* the number of the last line */
	uint64_t until; /* CLOCK_MONOTONIC, microseconds */
	struct line_check check;
	unsigned seed;
	char cursor[128];
	long cuts, refusals;
	bool begun; /* a record came since the last cut */
};

static bool is_done(const struct follower *follower)
{
	return atomic_load(&follower->check.last) >= follower->last ||
	       now_usec(CLOCK_MONOTONIC) >= follower->until;
}

static int on_message(const ProtobufCMessage *message, void *userdata)
{
	const Indexerd__V1__StreamLogsResponse *record = (const void *)message;
	struct follower *follower = userdata;

	if (record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_LOST)
		line_check_lost(&follower->check, (long)record->lost);
	else if (record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_UNSPECIFIED)
		line_check_line(&follower->check,
				line_number(record->content, strlen(record->content)),
				(enum level)record->level);
	(void)snprintf(follower->cursor, sizeof(follower->cursor), "%s", record->cursor);
	follower->begun = true;
	if (rand_r(&follower->seed) % PAUSE_RECORDS == 0)
		usleep(PAUSE_USEC);
	if (is_done(follower) || rand_r(&follower->seed) % CUT_RECORDS == 0)
		return -ECANCELED;
	return 0;
}

/* One call, until it is cut by either side. */
static void follow_once(struct follower *follower, struct client *client)
{
	static const struct client_sink sink = { .message = on_message };
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;
	char cursor[sizeof(follower->cursor)];
	struct rpc_status status = {};
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	strcpy(cursor, follower->cursor);
	request.parent = (char *)follower->parent;
	request.level = (Indexerd__V1__LogLevel)follower->check.level;
	request.cursor = cursor;
	follower->begun = false;
	(void)client_stream(client, "StreamLogs", &request.base,
			    follower->until > now ? follower->until - now : 1, &sink, follower,
			    &status);
	follower->cuts++;
	if (!follower->begun) {
		follower->refusals++;
		usleep(RETRY_USEC);
	}
	rpc_status_clear(&status);
}

static void *follower_thread(void *userdata)
{
	struct follower *follower = userdata;
	_cleanup_(client_freep) struct client *client = NULL;

	if (client_new(ADDRESS, &client) < 0)
		return NULL;
	while (!is_done(follower))
		follow_once(follower, client);
	return NULL;
}

static void follower_begin(struct follower *follower, const char *parent, long count,
			   uint64_t until, unsigned seed)
{
	*follower = (struct follower){
		.parent = parent, .last = count - 1, .until = until, .seed = seed
	};
	follower->check.level = (enum level)(seed % (LEVEL_ERROR + 1));
	follower->check.gaps_allowed = true;
	follower->check.last = -1;
}

int main(int argc, char **argv)
{
	static struct follower followers[CLIENTS_MAX];
	long count = argc == 5 ? atol(argv[2]) : 0, lost = 0, lines = 0, wrong = 0, cuts = 0;
	long refusals = 0;
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	char parent[128];
	int n = argc == 5 ? atoi(argv[3]) : 0, complete = 0;

	if (n < 1 || n > CLIENTS_MAX || !is_last_candidate(count - 1))
		return 2;
	(void)snprintf(parent, sizeof(parent), "indexers/%s", argv[1]);
	grpc_init(); /* once more than the clients: it stays up until the last of them is gone */
	for (int i = 0; i < n; i++) {
		follower_begin(&followers[i], parent, count,
			       begin + (uint64_t)atol(argv[4]) * USEC_PER_SEC, (unsigned)i);
		if (pthread_create(&followers[i].thread, NULL, follower_thread, &followers[i]) != 0)
			return 2;
	}
	for (int i = 0; i < n; i++) {
		const struct line_check *check = &followers[i].check;

		pthread_join(followers[i].thread, NULL);
		if (check->last < count - 1)
			printf("# level %d stands at %ld\n", (int)check->level, check->last);
		complete += check->last >= count - 1;
		lines += check->lines;
		lost += check->lost_in_all;
		wrong += check->wrong;
		cuts += followers[i].cuts;
		refusals += followers[i].refusals;
	}
	grpc_shutdown();
	printf("%d of %d streams complete, %ld lines, %ld lost, %ld cuts, %ld calls without a "
	       "record, %ld wrong, %.1f s\n",
	       complete, n, lines, lost, cuts, refusals, wrong,
	       (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC);
	return complete < n || wrong > 0;
}
