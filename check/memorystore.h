/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memorystore - the file of the notes of memory.h ("checks.mdb", LMDB).
 *
 * One process writes at a time, which the caller sees to: the daemon's store
 * thread, or the tool while it holds the lock of the folder.
 */
#ifndef TM_CHECK_MEMORYSTORE_H
#define TM_CHECK_MEMORYSTORE_H

#include "util/store.h"

struct buf;
struct memorystore;

#define MEMORYSTORE_FILE "checks.mdb"

/* Open or create in a folder. NULL with a sentence in err. */
struct memorystore *memorystore_open(const char *folder, bool readonly,
    struct buf *err, enum store_error *error_r);
void memorystore_close(struct memorystore *m);

/* The note of a target (its text), appended; STORE_NOT_FOUND if none. */
enum store_error memorystore_get(struct memorystore *m, const char *target,
    struct buf *note);
enum store_error memorystore_put(struct memorystore *m, const char *target,
    const char *note, size_t len);
enum store_error memorystore_forget(struct memorystore *m,
    const char *target);

#endif
