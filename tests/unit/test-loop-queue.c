/*
 * Messages to the loop: none is lost, their order is kept, and the loop's other sources are served
 * between many of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <stdlib.h>

#include "common/loop_queue.h"
#include "common/util.h"
#include "tap.h"

#define ITEMS	    40
#define THREADS	    4
#define BUSY_USEC   (2 * USEC_PER_MSEC)
#define PER_THREAD  5000
#define TIMER_FIRES (5 * USEC_PER_MSEC)

struct item {
	struct loop_item item;
	int number;
};

static sd_event *event;
static struct loop_queue *queue;
static int n_run, n_disorder, run_at_timer = -1, most;

static void count_one(int number)
{
	n_disorder += number >= 0 && number != n_run;
	if (++n_run == most)
		(void)sd_event_exit(event, 0);
}

static void run_busy(struct loop_item *item)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + BUSY_USEC;

	while (now_usec(CLOCK_MONOTONIC) < end)
		;
	count_one(((struct item *)(void *)item)->number);
}

static void run_quick(struct loop_item *item)
{
	(void)item;
	count_one(-1);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source, (void)usec, (void)userdata;
	run_at_timer = n_run;
	return 0;
}

static void test_turns(void)
{
	static struct item items[ITEMS];

	n_run = 0;
	most = ITEMS;
	for (int i = 0; i < ITEMS; i++) {
		items[i] = (struct item){ .item.run = run_busy, .number = i };
		loop_queue_post(queue, &items[i].item);
	}
	(void)sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, TIMER_FIRES, 1, on_timer,
					 NULL);
	is_int(sd_event_loop(event), 0, "the loop ends when all are run");
	is_int(n_run, ITEMS, "all are run");
	is_int(n_disorder, 0, "in their order");
	ok(run_at_timer > 0 && run_at_timer < ITEMS, "a timer has its turn in between (after %d)",
	   run_at_timer);
}

static void *post_many(void *userdata)
{
	struct item *items = userdata;

	for (int i = 0; i < PER_THREAD; i++) {
		items[i].item.run = run_quick;
		loop_queue_post(queue, &items[i].item);
	}
	return NULL;
}

static void test_threads(void)
{
	static struct item items[THREADS][PER_THREAD];
	pthread_t threads[THREADS];

	n_run = 0;
	most = THREADS * PER_THREAD;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, post_many, items[i]) != 0)
			abort();
	is_int(sd_event_loop(event), 0, "the loop ends when those of all threads are run");
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	is_int(n_run, THREADS * PER_THREAD, "none is lost");
}

static void in_loop(void (*test)(void))
{
	if (sd_event_new(&event) < 0 || loop_queue_new(event, &queue) < 0)
		abort();
	test();
	queue = loop_queue_free(queue);
	event = sd_event_unref(event);
}

int main(void)
{
	in_loop(test_turns);
	in_loop(test_threads);
	return tap_done();
}
