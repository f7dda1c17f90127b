/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop - an event loop: descriptors, timers, signals (libevent).
 *
 * One loop belongs to one thread; only loop_wake() may be called from
 * others. A watch must be freed before its descriptor is closed. Callbacks
 * may free any watch or timer, their own included, but not the loop. All
 * _free functions accept NULL; all _new functions return NULL when out of
 * memory or descriptors.
 */
#ifndef TM_UTIL_LOOP_H
#define TM_UTIL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_io;
struct loop_timer;
struct loop_signal;

struct loop *loop_new(void);
void loop_free(struct loop *l);	/* after all its watches and timers */
void loop_run(struct loop *l);		/* until loop_stop() */
void loop_stop(struct loop *l);		/* from a callback */

/* For libraries that want to live on the same loop (libunbound). */
struct event_base *loop_event_base(struct loop *l);

/* Call fn whenever the descriptor is ready for one of events; 0 pauses. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_io_fn(void *arg, int fd, unsigned events);
struct loop_io *loop_io_new(struct loop *l, int fd, unsigned events,
    loop_io_fn *fn, void *arg);
bool loop_io_set(struct loop_io *io, unsigned events);
void loop_io_free(struct loop_io *io);

/* A timer runs once after each loop_timer_set(); a later call replaces
 * the earlier, ms < 0 stops it. New timers are stopped. */
typedef void loop_timer_fn(void *arg);
struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn *fn,
    void *arg);
void loop_timer_set(struct loop_timer *t, int64_t ms);
void loop_timer_free(struct loop_timer *t);

/* Only one loop of a process can watch signals. */
typedef void loop_signal_fn(void *arg, int signo);
struct loop_signal *loop_signal_new(struct loop *l, int signo,
    loop_signal_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *s);

/* Make fn run soon in the loop's thread; calls may be merged. Set fn
 * before another thread may call loop_wake(). */
typedef void loop_wake_fn(void *arg);
void loop_set_wake(struct loop *l, loop_wake_fn *fn, void *arg);
void loop_wake(struct loop *l);

#endif
