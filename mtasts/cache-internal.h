/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache-internal - what cache.c and cache-evict.c share.
 */
#ifndef TM_MTASTS_CACHE_INTERNAL_H
#define TM_MTASTS_CACHE_INTERNAL_H

#include <stdatomic.h>

#include "mtasts/cache.h"
#include "util/buf.h"

enum cache_which { POLICIES, NEGATIVES, DANES, CACHE_STORES };

struct cache {
	struct store *store[CACHE_STORES];	/* reading only, NEGATIVES may
						 * be NULL and DANES is */
	bool writing[CACHE_STORES];
	int64_t now;			/* of the write under way */
	int64_t credit[CACHE_STORES];	/* bytes evicted, not yet refilled */
	int64_t barren[CACHE_STORES];	/* a scan found nothing; not again
					 * before then */
	atomic_uint_fast64_t evicted;
	struct buf packed;
};

/*
 * Before a record of len bytes is put under domain: evict if the store is
 * four fifths full. STORE_FULL if nothing may be evicted and the record
 * would be a new one; a record that is there can always be replaced.
 */
enum store_error cache_make_room(struct cache *c, enum cache_which which,
    const char *domain, size_t len);

#endif
