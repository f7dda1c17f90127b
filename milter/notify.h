/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify - tell the service manager how we are: sd_notify(3)'s datagrams.
 *
 * Does nothing when NOTIFY_SOCKET is not set. Never waits.
 */
#ifndef TM_MILTER_NOTIFY_H
#define TM_MILTER_NOTIFY_H

#include <stdbool.h>

/* True when a service manager listens; then we stay in the foreground. */
bool notify_wanted(void);

/* Send newline-separated assignments, as "READY=1\nSTATUS=…". */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "RELOADING=1" with the time stamp that Type=notify-reload asks for. */
void notify_reloading(void);

#endif
