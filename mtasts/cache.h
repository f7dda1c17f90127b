/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache - records of domains, kept over restarts.
 *
 * Three stores in state_dir: "policies.mdb" holds unexpired policies and
 * survives kill -9; "volatile.mdb" holds negative records, "dane.mdb" what
 * is known of DANE. These two are bounded apart and emptied at start, so that
 * attackers' domains never displace a policy. Readers on any thread; one
 * writer thread.
 */
#ifndef TM_MTASTS_CACHE_H
#define TM_MTASTS_CACHE_H

#include "mtasts/danerec.h"
#include "mtasts/fresh.h"
#include "mtasts/record.h"
#include "util/store.h"

struct cache;

struct cache_options {
	const char *state_dir;
	uint64_t size;		/* of policies.mdb; each of the others has a
				 * 16th, at least 4 MiB */
	bool readonly;
};

/* NULL with a sentence in err; *error_r tells damage from other trouble.
 * Reading only, an absent volatile.mdb is an empty one. */
struct cache *cache_open(const struct cache_options *o, struct buf *err,
    enum store_error *error_r);
void cache_close(struct cache *c);

/*
 * Look a domain up and call fn with its record, which is valid during the
 * call only. Return STORE_NOT_FOUND, without a call, for unknown domains
 * and unreadable records. Never waits; about a microsecond.
 */
typedef void cache_view_fn(void *arg, const struct record *rec);
enum store_error cache_get(struct cache *c, const char *domain,
    cache_view_fn *fn, void *arg);

/* The same for what is known of DANE; hop is the text of struct nexthop. */
typedef void cache_dane_fn(void *arg, const struct danerec *rec);
enum store_error cache_get_dane(struct cache *c, const char *hop,
    cache_dane_fn *fn, void *arg);

/* Every record, policies first, in order of the names. */
typedef bool cache_walk_fn(void *arg, const char *domain,
    const struct record *rec);
enum store_error cache_walk(struct cache *c, cache_walk_fn *fn, void *arg);

/*
 * A walk in pieces, for a reader that may not stay: call fn until it
 * returns false, and remember where that was; the record it refused comes
 * again in the next piece. Return STORE_NOT_FOUND when all have been seen.
 */
struct cache_cursor {
	bool negatives;		/* policies are done */
	char from[MTASTS_DOMAIN_SIZE];	/* "" at the start of each */
};
enum store_error cache_walk_piece(struct cache *c, struct cache_cursor *at,
    cache_walk_fn *fn, void *arg);

/*
 * Writer: changes are collected between begin and commit. When a map is
 * four fifths full, put first evicts, least recently used first: expired
 * policies, then mode none and testing, then those unused for 30 days;
 * never an unexpired enforce policy in use (STS-C-12). If nothing may go,
 * put refuses new domains from nine tenths on with STORE_FULL, which spoils
 * nothing: what is known can still be renewed. After other errors commit
 * fails for the file concerned, as util/store.h says.
 */
enum store_error cache_begin(struct cache *c);
enum store_error cache_put(struct cache *c, const char *domain,
    const struct record *rec);
enum store_error cache_delete(struct cache *c, const char *domain);
enum store_error cache_commit(struct cache *c);
void cache_abort(struct cache *c);
/* One record, inside begin and commit: sees uncommitted changes, and lives
 * until the next put or delete. */
enum store_error cache_get_for_update(struct cache *c, const char *domain,
    struct record *rec_r);

/* DANE: a store that is full is emptied, since all that is in it would have
 * to be looked up again within the hour anyway. */
enum store_error cache_put_dane(struct cache *c, const char *hop,
    const struct danerec *rec);
enum store_error cache_get_dane_for_update(struct cache *c, const char *hop,
    struct danerec *rec_r);

void cache_maintain(struct cache *c);	/* once a minute */

struct cache_stat {
	struct store_stat policies;
	struct store_stat negatives;
	struct store_stat dane;
	uint64_t evicted;
};
void cache_stat(struct cache *c, struct cache_stat *stat_r);

#endif
