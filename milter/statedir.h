/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statedir - the folder of the cache: there, ours, and locked.
 */
#ifndef TM_MILTER_STATEDIR_H
#define TM_MILTER_STATEDIR_H

#include <stdbool.h>

struct buf;
struct privs;

/*
 * Make the folder (its last component) if it is missing, 0750 and owned by
 * the user of p. One that is world-writable, or neither the user's nor
 * root's, is refused with a sentence in err.
 */
bool statedir_prepare(const char *path, const struct privs *p,
    struct buf *err);

/*
 * Take the lock (util/lockfile) as the user of p. A lock whose holder is
 * just dying is waited for, at most wait_ms. Return the descriptor that
 * holds it, or -1 with a sentence in err.
 */
int statedir_lock(const char *path, const struct privs *p, int wait_ms,
    struct buf *err);

#endif
