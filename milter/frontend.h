/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frontend - the process that answers the mail servers (design §2).
 *
 * libmilter in a thread of its own, the other doors on a loop, the store
 * thread and the log thread. It never waits for the network or a disk.
 */
#ifndef TM_MILTER_FRONTEND_H
#define TM_MILTER_FRONTEND_H

/* Serve until the monitor says drain or is gone; the exit status. */
int frontend_main(int argc, char **argv);

#endif
