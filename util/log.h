/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - one line to wherever the program's log goes.
 *
 * Priorities are those of syslog(3). Lines go to a sink: standard error
 * until log_set_sink() names another. The built-in syslog sink writes to
 * the socket itself, because syslog(3) blocks when the log daemon hangs;
 * a line that cannot be sent is counted, never waited for. Libraries do
 * not log above LOG_DEBUG. All functions may be called from any thread;
 * the setters only before there is a second one.
 */
#ifndef TM_UTIL_LOG_H
#define TM_UTIL_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

/* A sink gets one complete line without a newline; it must not log. */
typedef void log_sink_fn(void *arg, int priority, const char *line,
    size_t len);

/* Set the name that stands before each line and the syslog facility. */
void log_open(const char *ident, int facility);

/* Lines less important than this are dropped; LOG_INFO at first. */
void log_set_level(int priority);
bool log_wants(int priority);

/* fn == NULL: back to standard error. */
void log_set_sink(log_sink_fn *fn, void *arg);

/* The sink that writes to standard error, with the ident before the line. */
void log_sink_stderr(void *arg, int priority, const char *line, size_t len);

/* The sink that writes one datagram to /dev/log. It waits for the log
 * daemon only if arg is not NULL. */
void log_sink_syslog(void *arg, int priority, const char *line, size_t len);

/* Lines log_sink_syslog() could not deliver since the start. */
uint64_t log_syslog_dropped(void);

/* Translate "mail", "local0" …; return -1 for an unknown name. */
int log_facility(const char *name);

/* Write one line: "subsystem: text"; subsystem NULL writes the text only. */
void log_line(int priority, const char *subsystem, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void log_vline(int priority, const char *subsystem, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));

#define log_err(sub, ...) log_line(LOG_ERR, sub, __VA_ARGS__)
#define log_warn(sub, ...) log_line(LOG_WARNING, sub, __VA_ARGS__)
#define log_notice(sub, ...) log_line(LOG_NOTICE, sub, __VA_ARGS__)
#define log_info(sub, ...) log_line(LOG_INFO, sub, __VA_ARGS__)
#define log_debug(sub, ...) log_line(LOG_DEBUG, sub, __VA_ARGS__)

#endif
