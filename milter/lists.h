/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lists - the partner lists in force, and when to fetch the next.
 *
 * Lists from files belong to the configuration. Of each list from a URL
 * this keeps the newest that was good, in memory and in state_dir
 * (conf/listcopy.h), and decides what may replace it: only a list that is
 * later by its own timestamp and still valid. Whatever else a server sends
 * changes nothing, and is logged.
 *
 * Any thread may ask who is listed; the rest belongs to the store thread,
 * or to whoever starts it, before.
 */
#ifndef TM_MILTER_LISTS_H
#define TM_MILTER_LISTS_H

#include <jansson.h>

#include "conf/conf.h"
#include "conf/listcopy.h"

struct buf;
struct lists;

/* NULL when out of memory. */
struct lists *lists_new(const char *state_dir);
void lists_free(struct lists *l);

/* ---- any thread -------------------------------------------------------- */

/* What each list of the configuration says about a domain, by the list's
 * index. Neither waits nor allocates. */
void lists_find(struct lists *l, const struct conf *conf, const char *domain,
    int64_t now, struct listed listed_r[LISTS_MAX]);

/*
 * What the lists say about mail to a domain: of those in mode enforce the
 * first one, in the order of the configuration. The strings of *partner_r
 * live until the list that is returned is given back with partners_unref();
 * NULL: no list has the domain.
 */
struct partner;
struct partners *lists_partner(struct lists *l, const struct conf *conf,
    const char *domain, int64_t now, struct partner *partner_r,
    size_t *index_r);

/* For `status`: an array with one object for each list; NULL when out of
 * memory. */
json_t *lists_json(struct lists *l, const struct conf *conf);

/* ---- the store thread -------------------------------------------------- */

/* Keep the lists of this configuration, and only those: open the copies of
 * new ones, and remove those of lists that are gone. */
void lists_set_conf(struct lists *l, const struct conf *conf, int64_t now);

/* A list to fetch now. The strings live until lists_set_conf(). */
struct list_job {
	const char *name;
	const char *url;
	const char *etag;	/* of the list held; "": none */
};

/* False when nothing is due. */
bool lists_due(const struct lists *l, int64_t now, struct list_job *job_r);

/* Make a list due; false when none of that name comes from a URL. */
bool lists_hurry(struct lists *l, const char *name, int64_t now);

/* Begin to write a new copy of a list. */
struct listcopy_writer *lists_begin_copy(struct lists *l,
    const struct list_job *job, const char *etag, struct buf *err);

/*
 * The end of a fetch. Each logs the result, puts it as a sentence into
 * said, which must be empty, and sets when the list is due again. Those that
 * return a bool say whether what the server has is in force; lists_take()
 * takes the writer over.
 */
bool lists_take(struct lists *l, const char *name,
    struct listcopy_writer *w, int64_t now, struct buf *said);
bool lists_unchanged(struct lists *l, const char *name, int64_t now,
    struct buf *said);
void lists_failed(struct lists *l, const char *name, const char *why,
    int64_t now, struct buf *said);

/* Nobody knows how it ended, for the resolver did: the first time that is
 * no failure. False when it was one. */
bool lists_lost(struct lists *l, const char *name, int64_t now,
    struct buf *said);

/* Warn of lists that end soon, or have ended; call it once a minute. */
void lists_warn(struct lists *l, int64_t now);

/* ---- pure -------------------------------------------------------------- */

enum lists_verdict {
	LISTS_NEWER,
	LISTS_SAME,		/* what is held already */
	LISTS_OLDER,
	LISTS_CHANGED,		/* another list with the same timestamp */
	LISTS_EXPIRED,
	LISTS_FUTURE,		/* it would keep out every later list */
};

/* May this list replace the one held (NULL: none)? */
enum lists_verdict lists_judge(const struct partners *held,
    const struct partners *new, int64_t now);

/* Seconds until the next try after so many failures in a row. */
int64_t lists_pause(unsigned failures, int64_t refresh);

#endif
