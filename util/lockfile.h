/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockfile - who owns state_dir: one process at a time.
 *
 * The monitor holds the lock as long as it runs; the tool takes it before
 * it opens the files itself (design §2). The lock ends with the process
 * that holds it, however that ends, and is not inherited by exec.
 */
#ifndef TM_UTIL_LOCKFILE_H
#define TM_UTIL_LOCKFILE_H

#include <stdbool.h>

struct buf;

enum lockfile_state {
	LOCKFILE_TAKEN,		/* it is ours now */
	LOCKFILE_HELD,		/* another process holds it */
	LOCKFILE_FAILED,	/* no such directory, no permission … */
};

/*
 * Take the lock of a state directory without waiting: the file "lock" in
 * it, made if need be. On LOCKFILE_TAKEN *fd_r holds the lock until it is
 * closed; otherwise err says why not.
 */
enum lockfile_state lockfile_take(const char *dir, int *fd_r,
    struct buf *err);

#endif
