/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - who has used TLS before: a bounded file of pairs (audit/pair.h).
 *
 * "history.mdb" in state_dir. Reads may be done by any thread and cost
 * about a microsecond, without a lock or an allocation; one thread writes.
 * Nothing is on the disk for certain before history_sync().
 *
 * Full, it forgets first what was not seen for the longest time. That is
 * known to the day: of the pairs last seen on one day (UTC) any may go
 * first. Keys are "p" and the pair's name, and "d", four hexadecimal digits
 * of the day last seen, and the name: an index that changes once a day. The
 * end of a network, ".0/24" or "::/48", is left out.
 */
#ifndef TM_AUDIT_HISTORY_H
#define TM_AUDIT_HISTORY_H

#include "audit/pair.h"
#include "util/store.h"

struct buf;
struct history;

#define HISTORY_FILE "history.mdb"

struct history_options {
	const char *state_dir;
	uint64_t entries;	/* at most so many pairs; at least 1 */
	uint64_t map_size;	/* bytes; 0: what that many pairs need */
	bool readonly;		/* an absent file is STORE_NOT_FOUND */
};

/* NULL with a sentence in err; *error_r tells damage from other trouble. */
struct history *history_open(const struct history_options *o,
    struct buf *err, enum store_error *error_r);
void history_close(struct history *h);

/*
 * The facts about a sender domain (normalised) and a client, for the rules.
 * Not known when h is NULL or cannot be read now; a pair never seen, or one
 * that is damaged, is known and has done nothing.
 */
void history_look(struct history *h, const char *domain,
    const struct netaddr *client, const struct pair_limits *limits,
    int64_t now, struct history_facts *facts_r);

/* One pair by its name; STORE_NOT_FOUND if there is none we can read. */
enum store_error history_get(struct history *h, const char *name,
    struct pair *pair_r);

/*
 * Call fn with every pair, of one domain unless domain is NULL, by name,
 * until it returns false; the pair it refused comes again in the next
 * piece. Return STORE_NOT_FOUND when all have been seen.
 */
struct history_cursor {
	char from[PAIR_NAME_SIZE];	/* "" at the start */
};
typedef bool history_walk_fn(void *arg, const char *domain,
    const char *network, const struct pair *p);
enum store_error history_walk_piece(struct history *h,
    struct history_cursor *at, const char *domain, history_walk_fn *fn,
    void *arg);

/*
 * Writer: changes between begin and commit, in one thread, at most
 * HISTORY_BATCH of them: LMDB keeps memory for the pages of the largest
 * write there was. History_note() makes room first, by eviction; STORE_FULL
 * from it spoils nothing when only new pairs are refused. After any other
 * error the commit fails.
 */
#define HISTORY_BATCH 32
enum store_error history_begin(struct history *h);
enum store_error history_note(struct history *h, const char *name,
    const struct pair_event *e);
/* Forget one domain's pairs, or one of them (network not NULL): at most
 * HISTORY_BATCH, the number is *n_r. When that many, there may be more. */
enum store_error history_forget(struct history *h, const char *domain,
    const char *network, unsigned *n_r);
enum store_error history_forget_all(struct history *h, uint64_t *n_r);
enum store_error history_commit(struct history *h);
void history_abort(struct history *h);
enum store_error history_sync(struct history *h);

void history_maintain(struct history *h);	/* once a minute */

struct history_stat {
	uint64_t entries;	/* pairs */
	uint64_t max_entries;
	uint64_t used;		/* bytes of the map */
	uint64_t size;
	uint64_t evicted;	/* since it was opened */
};
void history_stat(struct history *h, struct history_stat *stat_r);

#endif
