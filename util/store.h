/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store - a key-value file with many readers and one writer (LMDB).
 *
 * Opened only after fork and exec; never carried across a fork. Reads may
 * be done by any thread through a store_reader, at most one at a time per
 * reader; store_read_begin() takes one from a fixed pool and never blocks
 * for the writer. Writing is for one thread of one process, which the
 * caller assures by its own lock. LMDB codes are translated here, once.
 */
#ifndef TM_UTIL_STORE_H
#define TM_UTIL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct store;

enum store_error {
	STORE_OK = 0,
	STORE_NOT_FOUND,	/* no such key: an answer, not a failure */
	STORE_FULL,		/* map or disk is full */
	STORE_DAMAGED,		/* file is not what was written */
	STORE_BUSY,		/* no free reader */
	STORE_IO,		/* system call failed, errno is set */
	STORE_ARGUMENT,		/* key empty or too long */
};
const char *store_strerror(enum store_error e);

enum store_sync {
	STORE_SYNC_COMMIT,	/* a commit survives kill -9 and a crash of
				 * the system (MDB_NOMETASYNC) */
	STORE_SYNC_LATER,	/* only store_sync() is durable */
};

struct store_options {
	uint64_t size;		/* bytes, fixed while open */
	enum store_sync sync;
	bool readonly;		/* an absent file is STORE_NOT_FOUND */
	bool empty;		/* discard what is there, unread */
};

/* A value in mapped memory; valid until the read or write ends. */
struct store_value {
	const void *data;
	size_t len;
};

/*
 * Open or create the file at path (a lock file "-lock" stands beside it),
 * mode 0640. A file another user could have written to is refused with
 * STORE_IO and errno EPERM. Return NULL with a sentence in err and the
 * reason in *error_r. A process opens a file once at a time.
 */
struct store *store_open(const char *path, const struct store_options *o,
    struct buf *err, enum store_error *error_r);
void store_close(struct store *s);

/* A read: a snapshot until it ends. Keep it shorter than a callback. 128
 * can be under way at once; beginning and ending one takes no lock. */
struct store_read;
struct store_read *store_read_begin(struct store *s);	/* NULL: none free */
enum store_error store_read_get(struct store_read *r, const char *key,
    struct store_value *value_r);
void store_read_end(struct store_read *r);

/*
 * Call fn for each entry whose key is >= from ("" for all) in key order,
 * until it returns false. The snapshot is renewed every 256 records, so a
 * long walk pins no old pages; entries changed meanwhile may or may not be
 * seen.
 */
typedef bool store_walk_fn(void *arg, const char *key,
    const struct store_value *value);
enum store_error store_walk(struct store *s, const char *from,
    store_walk_fn *fn, void *arg);

/*
 * Write: begin, put and delete, commit or abort, all in one thread. After a
 * failure other than STORE_NOT_FOUND and STORE_ARGUMENT the write is spoilt:
 * every later call, the commit included, returns that error and nothing is
 * written. A value got lives until the next put or delete.
 */
enum store_error store_write_begin(struct store *s);
enum store_error store_write_get(struct store *s, const char *key,
    struct store_value *value_r);
enum store_error store_put(struct store *s, const char *key,
    const void *data, size_t len);
enum store_error store_delete(struct store *s, const char *key);
enum store_error store_commit(struct store *s);
void store_abort(struct store *s);
enum store_error store_sync_now(struct store *s);

/* The first entry whose key is >= from; key_r has STORE_KEY_SIZE bytes. */
#define STORE_KEY_SIZE 512
enum store_error store_write_seek(struct store *s, const char *from,
    char *key_r, struct store_value *value_r);

/* Delete every entry. */
enum store_error store_write_empty(struct store *s);

/* Bytes in use by the write under way, uncommitted changes included, and
 * the size of the map; and the number of entries. */
void store_write_usage(struct store *s, uint64_t *used_r, uint64_t *size_r);
uint64_t store_write_entries(struct store *s);

/* Remove slots of readers that died; call once a minute (design §2). */
void store_check_readers(struct store *s);

struct store_stat {
	uint64_t entries;
	uint64_t used;		/* bytes of the map in use */
	uint64_t size;
	unsigned readers;
};
void store_stat(struct store *s, struct store_stat *stat_r);

/*
 * Check a file that nobody has open: the header, every entry and the list
 * of free pages. The work is done in a child process, since a damaged mapped
 * file may raise a signal there. STORE_OK; STORE_NOT_FOUND; STORE_DAMAGED
 * or STORE_IO with a sentence in err. A changed byte inside a value goes
 * unnoticed: readers of values check those themselves.
 */
enum store_error store_verify(const char *path, struct buf *err);

#endif
