/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evloop - the small event loop inside libmtasts.
 *
 * One epoll descriptor holds the sockets of libcurl, libunbound and c-ares,
 * a heap their timers, so that a program can drive the library by one
 * descriptor and a timeout, whatever event loop it has itself. The resolver
 * process runs on nothing else. Callbacks come from evloop_process() only,
 * and may free any watch or timer, their own included. Not thread-safe.
 */
#ifndef TM_MTASTS_EVLOOP_H
#define TM_MTASTS_EVLOOP_H

#include <stdbool.h>
#include <stdint.h>

struct evloop;
struct evio;
struct evtimer;

/* NULL with errno set. Watches and timers must be gone before the end. */
struct evloop *evloop_new(void);
void evloop_free(struct evloop *l);

/* Readable when a watched descriptor has something to do. */
int evloop_fd(const struct evloop *l);

/* Milliseconds until the next timer is due; -1: there is none. */
int evloop_timeout(const struct evloop *l);

/* Call back what is ready and what is due; never wait. */
void evloop_process(struct evloop *l);

/* Wait for at most max_ms (-1: no limit), then process. */
void evloop_wait(struct evloop *l, int max_ms);

enum { EVLOOP_READ = 1, EVLOOP_WRITE = 2 };

/*
 * Watch a descriptor; at most one watch for each. An error or hang-up is
 * reported as every event asked for. Free the watch before closing the
 * descriptor. evio_set() with 0 pauses it.
 */
typedef void evio_fn(void *arg, int fd, unsigned events);
struct evio *evio_new(struct evloop *l, int fd, unsigned events, evio_fn *fn,
    void *arg);
bool evio_set(struct evio *io, unsigned events);
void evio_free(struct evio *io);

/* A timer that fires once each time it is set. 0 ms: at the next
 * evloop_process(), never sooner. A negative time stops it. */
typedef void evtimer_fn(void *arg);
struct evtimer *evtimer_new(struct evloop *l, evtimer_fn *fn, void *arg);
void evtimer_set(struct evtimer *t, int64_t ms);
void evtimer_free(struct evtimer *t);

#endif
