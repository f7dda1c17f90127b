/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which records go when a store is four fifths full.
 *
 * There is no index by last use, which would cost more than it saves: two
 * walks over all records find the least used slice, and its bytes are then
 * a credit that later records use up before the next walk. A slice is a
 * 128th of the map, because deleting scattered records touches a page each
 * and pages are replaced, not overwritten, until the commit.
 */
#include "config.h"

#include "mtasts/cache-internal.h"

#define DAY 86400
#define SLICE 128
#define SLICE_MIN 16384
#define AGES 400		/* days for policies, minutes for negatives */
#define UNUSED_DAYS 30
#define BARREN_SECONDS 60
#define NODE_BYTES 16		/* what LMDB adds to an entry, about */

/* In the order they are given up. */
enum evict_class {
	EVICT_EXPIRED,
	EVICT_MILD,		/* modes none and testing; any negative */
	EVICT_UNUSED,		/* enforce, not used for 30 days */
	EVICT_CLASSES,
	EVICT_NEVER = EVICT_CLASSES,
};

static enum evict_class classify(const struct record *rec, int64_t now)
{
	enum standing standing = fresh_standing(rec, now);

	if (rec->kind == RECORD_NEGATIVE)
		return standing == STANDING_UNKNOWN ? EVICT_EXPIRED :
		    EVICT_MILD;
	if (standing != STANDING_POLICY)
		return EVICT_EXPIRED;
	if (rec->mode != MTASTS_ENFORCE)
		return EVICT_MILD;
	return rec->used < now - UNUSED_DAYS * DAY ? EVICT_UNUSED :
	    EVICT_NEVER;
}

/* The class and the age of a value; a record of an unknown version is as
 * good as expired. */
static enum evict_class judge(const struct store_value *value, int64_t now,
    unsigned *age_r)
{
	struct record rec;
	int64_t age;

	if (!record_read(value->data, value->len, &rec)) {
		*age_r = AGES - 1;
		return EVICT_EXPIRED;
	}
	age = rec.kind == RECORD_POLICY ? (now - rec.used) / DAY :
	    (now - rec.checked) / 60;
	*age_r = age < 0 ? 0 : age < AGES ? (unsigned)age : AGES - 1;
	return classify(&rec, now);
}

struct slice {
	struct cache *cache;
	enum cache_which which;
	uint64_t bytes[EVICT_CLASSES][AGES];
	uint64_t want;
	uint64_t freed;
	enum evict_class cut_class;	/* records before these go */
	unsigned cut_age;
	enum store_error error;
};

static uint64_t cost(const char *key, size_t len)
{
	return strlen(key) + len + NODE_BYTES;
}

static bool count_entry(void *arg, const char *key,
    const struct store_value *value)
{
	struct slice *s = arg;
	unsigned age;
	enum evict_class class = judge(value, s->cache->now, &age);

	if (class != EVICT_NEVER)
		s->bytes[class][age] += cost(key, value->len);
	return true;
}

/* Find how far eviction must reach; false when there is nothing to take. */
static bool choose_cut(struct slice *s)
{
	uint64_t sum = 0;

	for (unsigned class = 0; class < EVICT_CLASSES; class++) {
		for (unsigned age = AGES; age-- > 0 && sum < s->want;) {
			sum += s->bytes[class][age];
			s->cut_class = (enum evict_class)class;
			s->cut_age = age;
		}
	}
	return sum > 0;
}

static bool is_victim(const struct slice *s, const struct store_value *value)
{
	unsigned age;
	enum evict_class class = judge(value, s->cache->now, &age);

	if (class != s->cut_class)
		return class < s->cut_class;
	return class != EVICT_NEVER && age >= s->cut_age;
}

/* The walk sees what was committed; the write decides. */
static bool delete_entry(void *arg, const char *key,
    const struct store_value *value)
{
	struct slice *s = arg;
	struct store *store = s->cache->store[s->which];
	struct store_value newest;
	uint64_t bytes = cost(key, value->len);

	if (!is_victim(s, value) ||
	    store_write_get(store, key, &newest) != STORE_OK ||
	    !is_victim(s, &newest))
		return true;
	s->error = store_delete(store, key);
	if (s->error)
		return false;
	s->freed += bytes;
	atomic_fetch_add(&s->cache->evicted, 1);
	return s->freed < s->want;
}

/* Take the slice out; its bytes become credit. */
static enum store_error evict(struct cache *c, enum cache_which which,
    uint64_t want)
{
	struct slice *s = calloc(1, sizeof(*s));
	enum store_error e;

	if (!s)
		return STORE_OK;
	s->cache = c;
	s->which = which;
	s->want = want;
	e = store_walk(c->store[which], "", count_entry, s);
	if (!e && choose_cut(s))
		e = store_walk(c->store[which], "", delete_entry, s);
	if (!e)
		e = s->error;
	c->credit[which] += (int64_t)s->freed;
	if (s->freed == 0)
		c->barren[which] = c->now + BARREN_SECONDS;
	free(s);
	return e;
}

static bool is_new(struct store *s, const char *domain)
{
	struct store_value value;

	return store_write_get(s, domain, &value) == STORE_NOT_FOUND;
}

/* True for a minute after a walk that found nothing to take. */
static bool is_barren(const struct cache *c, enum cache_which which)
{
	return c->now < c->barren[which] &&
	    c->now >= c->barren[which] - BARREN_SECONDS;
}

enum store_error cache_make_room(struct cache *c, enum cache_which which,
    const char *domain, size_t len)
{
	uint64_t used, size, want, bytes = cost(domain, len);
	int64_t *credit = &c->credit[which];
	enum store_error e = STORE_OK;

	store_write_usage(c->store[which], &used, &size);
	if (used < size / 5 * 4) {
		*credit = 0;
		return STORE_OK;
	}
	if (!is_new(c->store[which], domain))
		return STORE_OK;
	/* Half-empty pages: take out more than comes in. */
	if (used > size / 20 * 17)
		bytes *= 2;
	want = size / SLICE > SLICE_MIN ? size / SLICE : SLICE_MIN;
	if (want < 2 * bytes)
		want = 2 * bytes;
	if (*credit < (int64_t)bytes && !is_barren(c, which))
		e = evict(c, which, want);
	if (!e && *credit < (int64_t)bytes && used > size / 10 * 9)
		return STORE_FULL;
	*credit = *credit > (int64_t)bytes ? *credit - (int64_t)bytes : 0;
	return e;
}
