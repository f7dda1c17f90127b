/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <pthread.h>

#include "tests/unit/unit.h"
#include "util/logring.h"
#include "util/str.h"

#define THREADS 4
#define EACH 500

/* A sink that keeps every line, and can be made to hang. */
struct keeper {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool closed;		/* writers wait */
	bool inside;		/* one waits right now */
	struct strv lines;
	int last_priority;
};

static void keeper_init(struct keeper *k)
{
	*k = (struct keeper){ .closed = false };
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->moved, NULL);
}

static void keeper_clear(struct keeper *k)
{
	strv_clear(&k->lines);
	pthread_cond_destroy(&k->moved);
	pthread_mutex_destroy(&k->lock);
}

static void keep(void *arg, int priority, const char *line, size_t len)
{
	struct keeper *k = arg;

	pthread_mutex_lock(&k->lock);
	while (k->closed) {
		k->inside = true;
		pthread_cond_broadcast(&k->moved);
		pthread_cond_wait(&k->moved, &k->lock);
	}
	k->inside = false;
	k->last_priority = priority;
	strv_add_n(&k->lines, line, len);
	pthread_mutex_unlock(&k->lock);
}

static void keeper_set(struct keeper *k, bool closed)
{
	pthread_mutex_lock(&k->lock);
	k->closed = closed;
	pthread_cond_broadcast(&k->moved);
	pthread_mutex_unlock(&k->lock);
}

static void keeper_wait_inside(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	while (!k->inside)
		pthread_cond_wait(&k->moved, &k->lock);
	pthread_mutex_unlock(&k->lock);
}

struct pusher {
	struct logring *ring;
	unsigned id;
};

static void *push_many(void *arg)
{
	struct pusher *p = arg;
	char line[40];

	for (int i = 0; i < EACH; i++) {
		int n = snprintf(line, sizeof(line), "%u %d", p->id, i);

		logring_sink(p->ring, LOG_INFO, line, (size_t)n);
	}
	return NULL;
}

/* Each thread's lines must be there once and in order. */
static void check_order(const struct strv *lines)
{
	int next[THREADS] = { 0 };
	unsigned id;
	int i;

	CU_ASSERT_EQUAL(lines->n, THREADS * EACH);
	for (size_t n = 0; n < lines->n; n++) {
		CU_ASSERT_EQUAL_FATAL(
		    sscanf(lines->v[n], "%u %d", &id, &i), 2);
		CU_ASSERT_FATAL(id < THREADS);
		CU_ASSERT_EQUAL_FATAL(i, next[id]);
		next[id]++;
	}
}

static void lines_of_many_threads_keep_their_order(void)
{
	struct pusher p[THREADS];
	pthread_t t[THREADS];
	struct logring *r;
	struct keeper k;

	keeper_init(&k);
	r = logring_start(1 << 20, keep, &k);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned i = 0; i < THREADS; i++) {
		p[i] = (struct pusher){ .ring = r, .id = i };
		pthread_create(&t[i], NULL, push_many, &p[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CU_ASSERT(logring_flush(r, 20000));
	CU_ASSERT_EQUAL(logring_dropped(r), 0);
	check_order(&k.lines);
	logring_stop(r);
	keeper_clear(&k);
}

static void push_text(struct logring *r, const char *s)
{
	logring_sink(r, LOG_ERR, s, strlen(s));
}

static void a_hung_sink_costs_lines_but_no_time(void)
{
	char big[400];
	struct logring *r;
	struct keeper k;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	keeper_init(&k);
	k.closed = true;
	r = logring_start(1000, keep, &k);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	push_text(r, "first");
	keeper_wait_inside(&k);
	for (int i = 0; i < 5; i++)
		push_text(r, big);
	CU_ASSERT_EQUAL(logring_dropped(r), 3);
	CU_ASSERT(!logring_flush(r, 10));
	keeper_set(&k, false);
	CU_ASSERT(logring_flush(r, 20000));
	push_text(r, "last");
	logring_stop(r);
	CU_ASSERT_EQUAL_FATAL(k.lines.n, 5);
	CU_ASSERT_STRING_EQUAL(k.lines.v[0], "first");
	CU_ASSERT_STRING_EQUAL(k.lines.v[2], big);
	CU_ASSERT(strv_has(&k.lines, "last"));
	CU_ASSERT(strv_has(&k.lines,
	    "log: 3 lines dropped, the log daemon is too slow"));
	keeper_clear(&k);
}

static void a_line_larger_than_the_room_is_dropped(void)
{
	struct logring *r;
	struct keeper k;

	keeper_init(&k);
	r = logring_start(64, keep, &k);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	logring_sink(r, LOG_INFO, "", 0);
	logring_sink(r, LOG_INFO,
	    "0123456789012345678901234567890123456789012345678901234567890123",
	    64);
	CU_ASSERT_EQUAL(logring_dropped(r), 1);
	logring_stop(r);
	CU_ASSERT_EQUAL(k.lines.n, 2);
	/* Which of the two comes first is up to the thread. */
	CU_ASSERT(strv_has(&k.lines, ""));
	CU_ASSERT(strv_has(&k.lines,
	    "log: 1 lines dropped, the log daemon is too slow"));
	keeper_clear(&k);
}

static void it_serves_as_the_program_s_sink(void)
{
	struct logring *r;
	struct keeper k;

	keeper_init(&k);
	r = logring_start(4096, keep, &k);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	log_set_sink(logring_sink, r);
	log_err("cache", "cannot %s", "open");
	log_debug("cache", "not wanted");
	log_set_sink(NULL, NULL);
	CU_ASSERT(logring_flush(r, 20000));
	CU_ASSERT_EQUAL_FATAL(k.lines.n, 1);
	CU_ASSERT_STRING_EQUAL(k.lines.v[0], "cache: cannot open");
	CU_ASSERT_EQUAL(k.last_priority, LOG_ERR);
	logring_stop(r);
	keeper_clear(&k);
}

static const struct unit_test tests[] = {
	{ "lines of many threads keep their order",
	    lines_of_many_threads_keep_their_order },
	{ "a hung sink costs lines but no time",
	    a_hung_sink_costs_lines_but_no_time },
	{ "a line larger than the room is dropped",
	    a_line_larger_than_the_room_is_dropped },
	{ "it serves as the program's sink", it_serves_as_the_program_s_sink },
};

UNIT_MAIN("logring", tests)
