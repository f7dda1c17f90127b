/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemonlog - where the daemon's lines go: syslog, and standard error.
 *
 * Standard error as well in the foreground and until the daemon is ready;
 * but not when it is the journal's stream, which gets the same line from
 * syslog.
 */
#ifndef TM_MILTER_DAEMONLOG_H
#define TM_MILTER_DAEMONLOG_H

#include <stdbool.h>
#include <stddef.h>

/* Name, facility and level; before a second thread exists. */
void daemonlog_open(const char *ident, int facility, unsigned verbose);

/* Switch the copy to standard error. */
void daemonlog_set_stderr(bool on);

/* Sinks for log_set_sink() and logring_start(): the first never waits for
 * the log daemon, the second may. */
void daemonlog_sink(void *arg, int priority, const char *line, size_t len);
void daemonlog_sink_patient(void *arg, int priority, const char *line,
    size_t len);

#endif
