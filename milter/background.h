/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * background - leave the terminal, once it is known that all is well.
 *
 * The process that the administrator started waits until the daemon is
 * ready or has failed, and its exit status says which.
 */
#ifndef TM_MILTER_BACKGROUND_H
#define TM_MILTER_BACKGROUND_H

#include <stdbool.h>

/*
 * Fork. Returns in the new process only; the old one waits for
 * background_ready() and exits with 0, or with the status the new process
 * ends with. False, in the only process, when that failed (errno).
 */
bool background_begin(void);

/* Let the waiting process go and point standard input, output and error
 * at /dev/null. Nothing happens without background_begin(). */
void background_ready(void);

#endif
