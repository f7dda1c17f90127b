/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "mtasts/evloop.h"
#include "tests/unit/unit.h"
#include "util/clock.h"

#define TIMERS 200

struct order {
	unsigned fired[TIMERS];
	size_t n;
};

struct numbered {
	struct evtimer *timer;
	struct order *order;
	unsigned number;
};

static void note(void *arg)
{
	struct numbered *t = arg;

	t->order->fired[t->order->n++] = t->number;
}

/* Wait until the timers left are gone. */
static void run_out(struct evloop *l)
{
	while (evloop_timeout(l) >= 0)
		evloop_wait(l, -1);
}

static void timers_fire_in_order(void)
{
	struct evloop *l = evloop_new();
	struct numbered t[TIMERS];
	struct order order = { .n = 0 };
	unsigned last = 0;

	for (unsigned i = 0; i < TIMERS; i++) {
		/* A scrambled order of 0 … TIMERS - 1, in steps of 10 ms. */
		t[i].number = i * 77 % TIMERS;
		t[i].order = &order;
		t[i].timer = evtimer_new(l, note, &t[i]);
		evtimer_set(t[i].timer, t[i].number / 20 * 10);
	}
	for (unsigned i = 0; i < TIMERS; i++)
		if (t[i].number % 3 == 0)
			evtimer_set(t[i].timer, -1);
	run_out(l);
	CU_ASSERT_EQUAL(order.n, TIMERS - 67);
	for (size_t i = 0; i < order.n; i++) {
		CU_ASSERT(order.fired[i] % 3 != 0);
		CU_ASSERT(order.fired[i] / 20 >= last);
		last = order.fired[i] / 20;
	}
	for (unsigned i = 0; i < TIMERS; i++)
		evtimer_free(t[i].timer);
	evloop_free(l);
}

struct again {
	struct evtimer *timer;
	int calls;
};

static void set_again(void *arg)
{
	struct again *a = arg;

	a->calls++;
	evtimer_set(a->timer, 0);
}

static void a_timer_set_to_zero_waits_for_the_next_round(void)
{
	struct evloop *l = evloop_new();
	struct again a = { .calls = 0 };

	a.timer = evtimer_new(l, set_again, &a);
	evtimer_set(a.timer, 0);
	CU_ASSERT_EQUAL(a.calls, 0);
	CU_ASSERT_EQUAL(evloop_timeout(l), 0);
	evloop_process(l);
	CU_ASSERT_EQUAL(a.calls, 1);
	evloop_process(l);
	CU_ASSERT_EQUAL(a.calls, 2);
	evtimer_free(a.timer);
	CU_ASSERT_EQUAL(evloop_timeout(l), -1);
	evloop_free(l);
}

struct ends {
	struct evio *io[2];
	int calls;
	unsigned events;
};

static void count(void *arg, int fd, unsigned events)
{
	struct ends *e = arg;

	(void)fd;
	e->calls++;
	e->events = events;
}

static void pauses_and_hang_ups(void)
{
	struct evloop *l = evloop_new();
	struct ends e = { .calls = 0 };
	int p[2];

	CU_ASSERT_FATAL(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
	e.io[0] = evio_new(l, p[0], EVLOOP_READ, count, &e);
	evloop_process(l);
	CU_ASSERT_EQUAL(e.calls, 0);
	CU_ASSERT(write(p[1], "x", 1) == 1);
	evloop_wait(l, 10000);
	CU_ASSERT(e.calls == 1 && e.events == EVLOOP_READ);
	CU_ASSERT(evio_set(e.io[0], 0));
	evloop_process(l);
	CU_ASSERT_EQUAL(e.calls, 1);
	close(p[1]);
	CU_ASSERT(evio_set(e.io[0], EVLOOP_READ));
	evloop_wait(l, 10000);
	CU_ASSERT(e.calls == 2 && e.events == EVLOOP_READ);
	evio_free(e.io[0]);
	close(p[0]);
	evloop_free(l);
}

/* Whichever is called first frees both. */
static void free_both(void *arg, int fd, unsigned events)
{
	struct ends *e = arg;

	(void)fd;
	(void)events;
	e->calls++;
	evio_free(e->io[0]);
	evio_free(e->io[1]);
}

static void a_callback_may_free_any_watch(void)
{
	struct evloop *l = evloop_new();
	struct ends e = { .calls = 0 };
	int p[2], q[2];

	CU_ASSERT_FATAL(pipe2(p, O_CLOEXEC) == 0);
	CU_ASSERT_FATAL(pipe2(q, O_CLOEXEC) == 0);
	e.io[0] = evio_new(l, p[0], EVLOOP_READ, free_both, &e);
	e.io[1] = evio_new(l, q[0], EVLOOP_READ, free_both, &e);
	CU_ASSERT(write(p[1], "x", 1) == 1 && write(q[1], "x", 1) == 1);
	evloop_wait(l, 10000);
	evloop_process(l);
	CU_ASSERT_EQUAL(e.calls, 1);
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
	evloop_free(l);
}

static const struct unit_test tests[] = {
	{ "timers fire in order", timers_fire_in_order },
	{ "a timer set to zero waits for the next round",
	    a_timer_set_to_zero_waits_for_the_next_round },
	{ "pauses and hang-ups", pauses_and_hang_ups },
	{ "a callback may free any watch", a_callback_may_free_any_watch },
};

UNIT_MAIN("evloop", tests)
