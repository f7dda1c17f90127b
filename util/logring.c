/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/logring.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "util/clock.h"

#define REPORT_EVERY_MS 1000
/* How long lines are collected before the thread writes them: under load it
 * then wakes hundreds of times a second instead of once for each line. */
#define COLLECT_US 2000

/*
 * Two halves: producers append to one while the thread writes out the
 * other. The lock is held for one copy or one exchange, never during a
 * write.
 */
struct half {
	char *data;
	size_t len;
	uint64_t lines;
};

/* Stands before each line in a half. */
struct entry {
	int priority;
	size_t len;
};

struct logring {
	log_sink_fn *sink;
	void *arg;
	size_t size;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;		/* something for the thread */
	pthread_cond_t written;		/* something for logring_flush() */
	struct half half[2];
	unsigned in;			/* the half producers append to */
	bool idle;			/* the thread waits for filled */
	bool stop;
	uint64_t lines_in, lines_out;
	uint64_t dropped, reported;
	int64_t report_at;
};

static bool push(struct logring *r, int priority, const char *line,
    size_t len)
{
	struct entry e = { .priority = priority, .len = len };
	struct half *h = &r->half[r->in];

	if (len > r->size || sizeof(e) + len > r->size - h->len)
		return false;
	memcpy(h->data + h->len, &e, sizeof(e));
	memcpy(h->data + h->len + sizeof(e), line, len);
	h->len += sizeof(e) + len;
	h->lines++;
	return true;
}

void logring_sink(void *arg, int priority, const char *line, size_t len)
{
	struct logring *r = arg;

	pthread_mutex_lock(&r->lock);
	if (push(r, priority, line, len))
		r->lines_in++;
	else
		r->dropped++;
	if (r->idle)
		pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
}

/* Hand every line of a half to the sink, without the lock. */
static void write_half(struct logring *r, const struct half *h)
{
	struct entry e;

	for (size_t at = 0; at < h->len; at += sizeof(e) + e.len) {
		memcpy(&e, h->data + at, sizeof(e));
		r->sink(r->arg, e.priority, h->data + at + sizeof(e), e.len);
	}
}

/* Exchange the halves and write what had come in. Called with the lock,
 * which is open during the write. */
static void write_out(struct logring *r)
{
	struct half *h = &r->half[r->in];

	r->in ^= 1;
	pthread_mutex_unlock(&r->lock);
	write_half(r, h);
	pthread_mutex_lock(&r->lock);
	r->lines_out += h->lines;
	h->len = 0;
	h->lines = 0;
	pthread_cond_broadcast(&r->written);
}

/* Say how many lines were dropped, if it is time. Called with the lock. */
static void report(struct logring *r, int64_t now)
{
	uint64_t n = r->dropped - r->reported;
	char line[80];
	int len;

	if (n == 0 || (now < r->report_at && !r->stop))
		return;
	r->reported = r->dropped;
	r->report_at = now + REPORT_EVERY_MS;
	len = snprintf(line, sizeof(line),
	    "log: %llu lines dropped, the log daemon is too slow",
	    (unsigned long long)n);
	pthread_mutex_unlock(&r->lock);
	r->sink(r->arg, LOG_WARNING, line, (size_t)len);
	pthread_mutex_lock(&r->lock);
}

static struct timespec mono_at(int64_t ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000 * 1000000) };
}

/* Sleep until a line comes or a report is due. Called with the lock. */
static void wait_filled(struct logring *r)
{
	struct timespec until = mono_at(r->report_at);

	r->idle = true;
	if (r->dropped != r->reported)
		pthread_cond_timedwait(&r->filled, &r->lock, &until);
	else
		pthread_cond_wait(&r->filled, &r->lock);
	r->idle = false;
	if (r->stop)
		return;
	pthread_mutex_unlock(&r->lock);
	usleep(COLLECT_US);
	pthread_mutex_lock(&r->lock);
}

static void *thread_main(void *arg)
{
	struct logring *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		if (r->half[r->in].len)
			write_out(r);
		else if (r->stop && r->dropped == r->reported)
			break;
		else if (!r->stop)
			wait_filled(r);
		report(r, clock_mono_ms());
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void ring_free(struct logring *r)
{
	free(r->half[0].data);
	free(r->half[1].data);
	pthread_cond_destroy(&r->filled);
	pthread_cond_destroy(&r->written);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct logring *logring_start(size_t size, log_sink_fn *sink, void *arg)
{
	struct logring *r = calloc(1, sizeof(*r));
	sigset_t all, old;
	int error;

	if (!r)
		return NULL;
	r->sink = sink;
	r->arg = arg;
	r->size = size;
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->filled);
	cond_init(&r->written);
	r->half[0].data = malloc(size);
	r->half[1].data = malloc(size);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = !r->half[0].data || !r->half[1].data ||
	    pthread_create(&r->thread, NULL, thread_main, r) != 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!error)
		return r;
	ring_free(r);
	return NULL;
}

bool logring_flush(struct logring *r, int timeout_ms)
{
	struct timespec until = mono_at(clock_mono_ms() + timeout_ms);
	uint64_t target;
	int error = 0;
	bool done;

	pthread_mutex_lock(&r->lock);
	target = r->lines_in;
	while (r->lines_out < target && error == 0)
		error = pthread_cond_timedwait(&r->written, &r->lock, &until);
	done = r->lines_out >= target;
	pthread_mutex_unlock(&r->lock);
	return done;
}

uint64_t logring_dropped(struct logring *r)
{
	uint64_t n;

	pthread_mutex_lock(&r->lock);
	n = r->dropped;
	pthread_mutex_unlock(&r->lock);
	return n;
}

void logring_stop(struct logring *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->filled);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	ring_free(r);
}
