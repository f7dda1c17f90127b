/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listcopy - the last good copy of a partner list that comes from a URL.
 *
 * It is a file in state_dir/lists: the URL it came from, the entity tag of
 * that answer, the list (policy/partners.h), and a checksum over all of it.
 * It is mapped, never read into memory of our own. When it was last known
 * to be what the server has is the time of its last change. The file's name
 * is made from the list's, whatever that is, so that it stays in its folder.
 *
 * One process writes, under the lock of state_dir; any may open, as files
 * are replaced as a whole. Functions that fail say why in err.
 */
#ifndef TM_CONF_LISTCOPY_H
#define TM_CONF_LISTCOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mtasts/httphead.h"

struct buf;
struct listcopy_writer;
struct partners;

/* Below state_dir. */
#define LISTCOPY_FOLDER "lists"

struct listcopy {
	struct partners *partners;	/* the caller's to unref */
	char etag[HTTPHEAD_ETAG_SIZE];	/* "" : none */
	int64_t fetched;		/* seconds */
};

enum listcopy_state {
	LISTCOPY_GOOD,
	LISTCOPY_NONE,		/* there is none */
	LISTCOPY_OTHER,		/* it came from another URL */
	LISTCOPY_DAMAGED,	/* not what was written */
	LISTCOPY_FAILED,	/* cannot be used now, but may be later */
};

/* Open the copy of the list of that name and URL; *copy_r is written for
 * LISTCOPY_GOOD only. A list that has expired is good in this sense. */
enum listcopy_state listcopy_open(const char *state_dir, const char *name,
    const char *url, struct listcopy *copy_r, struct buf *err);

/* Remove the copy, if there is one; false with errno set. */
bool listcopy_remove(const char *state_dir, const char *name);

/* Note that the copy is still what the server has. */
void listcopy_touch(const char *state_dir, const char *name);

/* Remove what is in the folder and belongs to none of the names; call fn
 * for each file removed. */
typedef void listcopy_removed_fn(void *arg, const char *path);
void listcopy_sweep(const char *state_dir, const char *const *names,
    size_t n, listcopy_removed_fn *fn, void *arg);

/* ---- writing ----------------------------------------------------------- */

/*
 * Write a new copy beside the old one: begin, add the list in as many parts
 * as it comes, and check, which opens what was written. Then commit, which
 * replaces the old copy durably, or abort, which removes what was written;
 * either frees the writer. What check opened stays good after a commit.
 */
struct listcopy_writer *listcopy_begin(const char *state_dir,
    const char *name, const char *url, const char *etag, struct buf *err);
bool listcopy_add(struct listcopy_writer *w, const void *data, size_t len,
    struct buf *err);
bool listcopy_check(struct listcopy_writer *w, struct listcopy *copy_r,
    struct buf *err);
bool listcopy_commit(struct listcopy_writer *w, struct buf *err);
void listcopy_abort(struct listcopy_writer *w);	/* NULL is allowed */

#endif
