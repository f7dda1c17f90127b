/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor - the parent process: sockets, configuration, signals, restarts.
 *
 * Single-threaded. It opens no store, talks to no peer and never accepts a
 * connection; it binds the listeners and keeps them, so that a client which
 * connects while the frontend restarts is served by the next (design §2).
 */
#ifndef TM_MILTER_MONITOR_H
#define TM_MILTER_MONITOR_H

#include <stdbool.h>

struct cmdline;
struct monitor;

/* NULL when out of memory. The command line stays the caller's. */
struct monitor *monitor_new(const struct cmdline *cmd);
void monitor_free(struct monitor *m);

/* Each of these steps logs what is wrong and returns an exit status of
 * sysexits.h, EX_OK to go on with the next. */

/* Read and check the configuration. */
int monitor_load(struct monitor *m);

/* Print the configuration in force, as -D wants it. */
int monitor_dump(const struct monitor *m);

/* Warn of what would keep a right configuration from starting, for -n. */
void monitor_advise(const struct monitor *m);

/* What may need root: user, state folder and its lock, listeners. Then
 * give up root for good. */
int monitor_open(struct monitor *m);

/* Start the children and look after them until SIGTERM or SIGINT. */
int monitor_serve(struct monitor *m);

#endif
