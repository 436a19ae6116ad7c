/*
 * The way in by TCP; see gate.h.
 *
 * The gate's thread has an event loop of its own, with the listener and the TLS connections. What
 * the two threads have to say to each other goes by their loops' queues.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/loop_queue.h"
#include "common/util.h"
#include "rpc/gate.h"
#include "rpc/listener.h"
#include "rpc/passages.h"

#define LAST_WORDS_USEC (1 * USEC_PER_SEC) /* for what is still to be sent when the daemon ends */

#define ARRIVALS_MAX 512

static_assert(PASSAGES_FILES + ARRIVALS_MAX < GATE_FILES,
	      "the listener and the loop have some, too");

/* A client on its way to the main loop. */
struct arrival {
	struct loop_item item;
	LIST_ENTRY(arrival) link;
	struct gate *gate;
	struct name_list names;
	bool extra;
	int fd;
};

struct gate {
	/* The gate's thread's: */
	sd_event *event;
	struct passages *passages;
	struct listener *listener;
	bool ending;

	/* The main loop's: */
	gate_accepted *accepted;
	void *userdata;
	pthread_t thread;
	bool running, closed;
	struct loop_queue *to_main, *to_gate;
	struct loop_item close_item, end_item;

	pthread_mutex_t lock;
	LIST_HEAD(, arrival) arrivals; /* guarded by lock: those the main loop has not taken */
	unsigned n_arrivals;	       /* guarded by lock */
};

static void arrival_free(struct arrival *arrival)
{
	name_list_clear(&arrival->names);
	closep(&arrival->fd);
	free(arrival);
}

/* On the main loop's thread. */
static void take_arrival(struct loop_item *item)
{
	struct arrival *arrival = (struct arrival *)(void *)item;
	struct gate *gate = arrival->gate;
	int fd = arrival->fd;

	pthread_mutex_lock(&gate->lock);
	LIST_REMOVE(arrival, link);
	gate->n_arrivals--;
	pthread_mutex_unlock(&gate->lock);
	arrival->fd = -1;
	gate->accepted(fd, &arrival->names, arrival->extra, gate->userdata);
	arrival_free(arrival);
}

/* False where too many wait already: their tunnels may have ended meanwhile, so these are no bound.
 */
static bool add_arrival(struct gate *gate, struct arrival *arrival)
{
	bool room;

	pthread_mutex_lock(&gate->lock);
	room = gate->n_arrivals < ARRIVALS_MAX;
	if (room) {
		LIST_INSERT_HEAD(&gate->arrivals, arrival, link);
		gate->n_arrivals++;
	}
	pthread_mutex_unlock(&gate->lock);
	return room;
}

static void on_opened(int fd, struct name_list *names, bool extra, void *userdata)
{
	struct gate *gate = userdata;
	struct arrival *arrival = calloc(1, sizeof(*arrival));

	if (!arrival) {
		name_list_clear(names);
		close(fd);
		return;
	}
	*arrival = (struct arrival){
		.item.run = take_arrival, .gate = gate, .names = *names, .extra = extra, .fd = fd
	};
	if (add_arrival(gate, arrival))
		loop_queue_post(gate->to_main, &arrival->item);
	else
		arrival_free(arrival);
}

static void on_emptied(void *userdata)
{
	struct gate *gate = userdata;

	if (gate->ending)
		(void)sd_event_exit(gate->event, 0);
}

static const struct passages_handler handler = { .opened = on_opened, .emptied = on_emptied };

static void on_accepted(int fd, void *userdata)
{
	struct gate *gate = userdata;

	passages_begin(gate->passages, fd);
}

/* What the main loop asks for, on the gate's thread. */
static void run_close(struct loop_item *item)
{
	struct gate *gate = CONTAINER_OF(item, struct gate, close_item);

	gate->listener = listener_free(gate->listener);
	passages_drop_handshakes(gate->passages);
}

static int on_patience_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct gate *gate = userdata;

	(void)source, (void)usec;
	return sd_event_exit(gate->event, 0);
}

static void run_end(struct loop_item *item)
{
	struct gate *gate = CONTAINER_OF(item, struct gate, end_item);
	int r = sd_event_add_time_relative(gate->event, NULL, CLOCK_MONOTONIC, LAST_WORDS_USEC, 0,
					   on_patience_over, gate);

	gate->ending = true;
	if (r < 0 || passages_is_empty(gate->passages))
		(void)sd_event_exit(gate->event, 0);
}

static void *serve(void *userdata)
{
	struct gate *gate = userdata;
	int r = sd_event_loop(gate->event);

	if (r < 0)
		log_error("TCP is not served any more: %s", strerrordesc_np(-r));
	return NULL;
}

static int start_thread(struct gate *gate)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&gate->thread, NULL, serve, gate);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	(void)pthread_setname_np(gate->thread, "tls");
	gate->running = true;
	return 0;
}

static int setup(struct gate *gate, sd_event *event, int fd, struct tls *tls)
{
	int r = sd_event_new(&gate->event);

	r = r < 0 ? r : passages_new(gate->event, tls, &handler, gate, &gate->passages);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = listener_new(gate->event, fd, on_accepted, gate, &gate->listener);
	r = r < 0 ? r : loop_queue_new(event, &gate->to_main);
	r = r < 0 ? r : loop_queue_new(gate->event, &gate->to_gate);
	return r < 0 ? r : start_thread(gate);
}

DEFINE_CLEANUP(struct gate, gate_free);

int gate_new(sd_event *event, int fd, struct tls *tls, gate_accepted *accepted, void *userdata,
	     struct gate **ret)
{
	_cleanup_(gate_freep) struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate) {
		close(fd);
		return -ENOMEM;
	}
	gate->accepted = accepted;
	gate->userdata = userdata;
	gate->close_item.run = run_close;
	gate->end_item.run = run_end;
	pthread_mutex_init(&gate->lock, NULL);
	r = setup(gate, event, fd, tls);
	if (r < 0)
		return r;
	*ret = TAKE(gate);
	return 0;
}

void gate_close(struct gate *gate)
{
	if (!gate->closed)
		loop_queue_post(gate->to_gate, &gate->close_item);
	gate->closed = true;
}

static void free_arrivals(struct gate *gate)
{
	struct arrival *arrival;

	while ((arrival = LIST_FIRST(&gate->arrivals))) {
		LIST_REMOVE(arrival, link);
		arrival_free(arrival);
	}
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	if (gate->running) {
		gate_close(gate);
		loop_queue_post(gate->to_gate, &gate->end_item);
		pthread_join(gate->thread, NULL);
	}
	loop_queue_free(gate->to_main);
	loop_queue_free(gate->to_gate);
	free_arrivals(gate);
	passages_free(gate->passages);
	listener_free(gate->listener);
	sd_event_unref(gate->event);
	pthread_mutex_destroy(&gate->lock);
	free(gate);
	return NULL;
}
