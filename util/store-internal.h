/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store-internal - what the two halves of the store share.
 *
 * store.c is the one file that knows LMDB; store-file.c judges files and
 * runs the checker in a child.
 */
#ifndef TM_UTIL_STORE_INTERNAL_H
#define TM_UTIL_STORE_INTERNAL_H

#include "util/store.h"

/*
 * Refuse a file another user could have written: path and its lock file
 * must be absent or regular files of ours (or root's) that nobody else may
 * write, in a directory not open to everybody. STORE_OK, or STORE_IO with
 * errno and a sentence in err. *exists_r tells whether path is there.
 */
enum store_error store_file_check(const char *path, bool *exists_r,
    struct buf *err);

/* Remove a file and its lock file; 0, or -1 with errno. */
int store_file_remove(const char *path);

/*
 * Make the lock file of path, with room on the disk for all of its bytes:
 * LMDB maps it as a hole, and to write to a hole on a full disk kills the
 * process. False with errno when there is no room; every other failure is
 * LMDB's to meet.
 */
bool store_file_reserve_lock(const char *path, size_t size);

/* The walk of store_verify(), in the process that may die of it. */
enum store_error store_walk_damaged(const char *path, struct buf *err);

#endif
