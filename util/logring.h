/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logring - log lines on their way to a thread that may wait.
 *
 * Even syslog(3) blocks when the log daemon hangs, so whoever must never
 * wait puts its lines here: many threads push, one thread of the ring's own
 * hands them to a slower sink in the order they came. The room is bounded;
 * a line that finds none is dropped and counted, and a line in the log says
 * how many went missing, at most once a second.
 */
#ifndef TM_UTIL_LOGRING_H
#define TM_UTIL_LOGRING_H

#include "util/log.h"

struct logring;

/*
 * Start the thread, with every signal blocked in it. size is the room for
 * waiting lines in bytes, allocated twice. NULL when out of memory or
 * threads.
 */
struct logring *logring_start(size_t size, log_sink_fn *sink, void *arg);

/* A sink for log_set_sink(); arg is the ring. Never waits for the thread. */
void logring_sink(void *arg, int priority, const char *line, size_t len);

/* Wait until every line pushed before this call has left, at most
 * timeout_ms; false when the time ran out. */
bool logring_flush(struct logring *r, int timeout_ms);

/* Lines that found no room since the start. */
uint64_t logring_dropped(struct logring *r);

/* Write what is left, end the thread, free the ring. Waits as long as the
 * sink does; nobody may push any more. */
void logring_stop(struct logring *r);

#endif
