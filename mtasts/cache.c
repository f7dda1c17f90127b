/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/cache.h"

#include <errno.h>

#include "mtasts/cache-internal.h"
#include "util/buf.h"
#include "util/clock.h"

#define VOLATILE_SHARE 16
#define VOLATILE_MIN ((uint64_t)4 * 1024 * 1024)
#define PATH_BYTES 4096

/* ---- opening ----------------------------------------------------------- */

static const char *const file_names[CACHE_STORES] = {
	[POLICIES] = "policies.mdb",
	[NEGATIVES] = "volatile.mdb",
	[DANES] = "dane.mdb",
};

static struct store *open_one(const struct cache_options *o,
    enum cache_which which, struct buf *err, enum store_error *error_r)
{
	struct store_options so = { .size = o->size,
		.readonly = o->readonly, .sync = STORE_SYNC_COMMIT };
	struct store *s;
	struct buf path;

	if (which != POLICIES) {
		so.size = o->size / VOLATILE_SHARE;
		if (so.size < VOLATILE_MIN)
			so.size = VOLATILE_MIN;
		so.sync = STORE_SYNC_LATER;
		so.empty = !o->readonly;
	}
	buf_init(&path, PATH_BYTES);
	buf_addf(&path, "%s/%s", o->state_dir, file_names[which]);
	s = store_open(buf_str(&path), &so, err, error_r);
	buf_clear(&path);
	return s;
}

/* A reader may come before the first negative record was ever written. */
static bool open_negatives(struct cache *c, const struct cache_options *o,
    struct buf *err, enum store_error *error_r)
{
	size_t before = err->len;
	enum store_error e = STORE_OK;

	c->store[NEGATIVES] = open_one(o, NEGATIVES, err, &e);
	if (c->store[NEGATIVES])
		return true;
	if (o->readonly && e == STORE_NOT_FOUND) {
		buf_cut(err, before);
		return true;
	}
	*error_r = e;
	return false;
}

/* Whoever only reads looks DANE up. */
static bool open_danes(struct cache *c, const struct cache_options *o,
    struct buf *err, enum store_error *error_r)
{
	if (o->readonly)
		return true;
	c->store[DANES] = open_one(o, DANES, err, error_r);
	return c->store[DANES] != NULL;
}

struct cache *cache_open(const struct cache_options *o, struct buf *err,
    enum store_error *error_r)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c) {
		buf_adds(err, "out of memory");
		errno = ENOMEM;
		*error_r = STORE_IO;
		return NULL;
	}
	buf_init(&c->packed, RECORD_MAX_PACKED);
	c->store[POLICIES] = open_one(o, POLICIES, err, error_r);
	if (c->store[POLICIES] && open_negatives(c, o, err, error_r) &&
	    open_danes(c, o, err, error_r))
		return c;
	cache_close(c);
	return NULL;
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CACHE_STORES; i++)
		store_close(c->store[i]);
	buf_clear(&c->packed);
	free(c);
}

/* ---- reading ----------------------------------------------------------- */

static enum store_error view(struct store *s, const char *domain,
    cache_view_fn *fn, void *arg)
{
	struct store_read *r = store_read_begin(s);
	struct store_value value;
	struct record rec;
	enum store_error e;

	if (!r)
		return STORE_BUSY;
	e = store_read_get(r, domain, &value);
	if (!e && !record_read(value.data, value.len, &rec))
		e = STORE_NOT_FOUND;
	if (!e)
		fn(arg, &rec);
	store_read_end(r);
	return e;
}

enum store_error cache_get(struct cache *c, const char *domain,
    cache_view_fn *fn, void *arg)
{
	enum store_error e = view(c->store[POLICIES], domain, fn, arg);

	if (e == STORE_NOT_FOUND && c->store[NEGATIVES])
		e = view(c->store[NEGATIVES], domain, fn, arg);
	return e;
}

enum store_error cache_get_dane(struct cache *c, const char *hop,
    cache_dane_fn *fn, void *arg)
{
	struct store_value value;
	struct store_read *r;
	struct danerec rec;
	enum store_error e;

	if (!c->store[DANES])
		return STORE_NOT_FOUND;
	r = store_read_begin(c->store[DANES]);
	if (!r)
		return STORE_BUSY;
	e = store_read_get(r, hop, &value);
	if (!e && !danerec_read(value.data, value.len, &rec))
		e = STORE_NOT_FOUND;
	if (!e)
		fn(arg, &rec);
	store_read_end(r);
	return e;
}

/* True when a store holds the key, readable or not. */
static bool holds(struct store *s, const char *domain)
{
	struct store_read *r = store_read_begin(s);
	struct store_value value;
	bool found = r && store_read_get(r, domain, &value) == STORE_OK;

	store_read_end(r);
	return found;
}

struct walk {
	struct cache *cache;
	cache_walk_fn *fn;
	void *arg;
	struct cache_cursor *at;
	bool stopped;
};

static bool walk_entry(void *arg, const char *key,
    const struct store_value *value)
{
	struct walk *w = arg;
	struct record rec;

	if (strlen(key) >= sizeof(w->at->from) ||
	    !record_read(value->data, value->len, &rec))
		return true;
	/* A policy learnt since has been written above it. */
	if (w->at->negatives && holds(w->cache->store[POLICIES], key))
		return true;
	w->stopped = !w->fn(w->arg, key, &rec);
	if (w->stopped)
		memcpy(w->at->from, key, strlen(key) + 1);
	return !w->stopped;
}

enum store_error cache_walk_piece(struct cache *c, struct cache_cursor *at,
    cache_walk_fn *fn, void *arg)
{
	struct walk w = { .cache = c, .fn = fn, .arg = arg, .at = at };
	enum store_error e = STORE_OK;

	if (!at->negatives) {
		e = store_walk(c->store[POLICIES], at->from, walk_entry, &w);
		if (e || w.stopped)
			return e;
		at->negatives = true;
		at->from[0] = '\0';
	}
	if (c->store[NEGATIVES])
		e = store_walk(c->store[NEGATIVES], at->from, walk_entry, &w);
	return e || w.stopped ? e : STORE_NOT_FOUND;
}

enum store_error cache_walk(struct cache *c, cache_walk_fn *fn, void *arg)
{
	struct cache_cursor at = { 0 };
	enum store_error e = cache_walk_piece(c, &at, fn, arg);

	return e == STORE_NOT_FOUND ? STORE_OK : e;
}

/* ---- writing ----------------------------------------------------------- */

enum store_error cache_begin(struct cache *c)
{
	c->now = clock_wall();
	return STORE_OK;
}

/* Begin the write of one store when it is first needed, so that a batch of
 * negative records never waits for the disk. */
static enum store_error writing(struct cache *c, enum cache_which which)
{
	enum store_error e;

	if (c->writing[which])
		return STORE_OK;
	e = store_write_begin(c->store[which]);
	c->writing[which] = e == STORE_OK;
	return e;
}

static enum store_error put_in(struct cache *c, enum cache_which which,
    const char *domain)
{
	enum store_error e = writing(c, which);

	if (!e)
		e = cache_make_room(c, which, domain, c->packed.len);
	if (!e)
		e = store_put(c->store[which], domain, c->packed.data,
		    c->packed.len);
	return e;
}

/* Delete where it is; opens no write where it is not. */
static enum store_error delete_in(struct cache *c, enum cache_which which,
    const char *domain)
{
	enum store_error e;

	if (!c->writing[which] && !holds(c->store[which], domain))
		return STORE_NOT_FOUND;
	e = writing(c, which);
	return e ? e : store_delete(c->store[which], domain);
}

/*
 * A policy hides a negative record of the same name, which is therefore
 * left where it is; a negative record takes the place of a policy. With the
 * order of cache_commit() no reader ever finds neither.
 */
enum store_error cache_put(struct cache *c, const char *domain,
    const struct record *rec)
{
	enum store_error e;

	buf_reset(&c->packed);
	record_pack(rec, &c->packed);
	if (c->packed.failed)
		return STORE_ARGUMENT;
	if (rec->kind == RECORD_POLICY)
		return put_in(c, POLICIES, domain);
	e = put_in(c, NEGATIVES, domain);
	if (!e)
		e = delete_in(c, POLICIES, domain);
	return e == STORE_NOT_FOUND ? STORE_OK : e;
}

enum store_error cache_delete(struct cache *c, const char *domain)
{
	enum store_error policy = delete_in(c, POLICIES, domain);
	enum store_error negative;

	if (policy && policy != STORE_NOT_FOUND)
		return policy;
	negative = delete_in(c, NEGATIVES, domain);
	return negative == STORE_NOT_FOUND ? policy : negative;
}

static enum store_error get_in(struct cache *c, enum cache_which which,
    const char *domain, struct record *rec_r)
{
	struct store_value value;
	struct record rec;
	enum store_error e = writing(c, which);

	if (!e)
		e = store_write_get(c->store[which], domain, &value);
	if (!e && !record_read(value.data, value.len, &rec))
		e = STORE_NOT_FOUND;
	if (!e)
		*rec_r = rec;
	return e;
}

enum store_error cache_get_for_update(struct cache *c, const char *domain,
    struct record *rec_r)
{
	enum store_error e = get_in(c, POLICIES, domain, rec_r);

	if (e == STORE_NOT_FOUND)
		e = get_in(c, NEGATIVES, domain, rec_r);
	return e;
}

/* Empty it when it is four fifths full. */
static enum store_error make_dane_room(struct cache *c)
{
	struct store *s = c->store[DANES];
	uint64_t used, size;

	store_write_usage(s, &used, &size);
	if (used < size / 5 * 4)
		return STORE_OK;
	c->evicted += store_write_entries(s);
	return store_write_empty(s);
}

enum store_error cache_put_dane(struct cache *c, const char *hop,
    const struct danerec *rec)
{
	enum store_error e = writing(c, DANES);

	buf_reset(&c->packed);
	danerec_pack(rec, &c->packed);
	if (c->packed.failed)
		return STORE_ARGUMENT;
	if (!e)
		e = make_dane_room(c);
	if (!e)
		e = store_put(c->store[DANES], hop, c->packed.data,
		    c->packed.len);
	return e;
}

enum store_error cache_get_dane_for_update(struct cache *c, const char *hop,
    struct danerec *rec_r)
{
	struct store_value value;
	struct danerec rec;
	enum store_error e = writing(c, DANES);

	if (!e)
		e = store_write_get(c->store[DANES], hop, &value);
	if (!e && !danerec_read(value.data, value.len, &rec))
		e = STORE_NOT_FOUND;
	if (!e)
		*rec_r = rec;
	return e;
}

/* Negative records before policies: see cache_put(). One that fails does not
 * take the others with it. */
enum store_error cache_commit(struct cache *c)
{
	static const enum cache_which order[] = { NEGATIVES, POLICIES, DANES };
	enum store_error first = STORE_OK;

	for (size_t i = 0; i < CACHE_STORES; i++) {
		enum store_error e = STORE_OK;

		if (c->writing[order[i]])
			e = store_commit(c->store[order[i]]);
		c->writing[order[i]] = false;
		if (e && !first)
			first = e;
	}
	return first;
}

void cache_abort(struct cache *c)
{
	for (size_t i = 0; i < CACHE_STORES; i++) {
		if (c->writing[i])
			store_abort(c->store[i]);
		c->writing[i] = false;
	}
}

void cache_maintain(struct cache *c)
{
	for (size_t i = 0; i < CACHE_STORES; i++)
		if (c->store[i])
			store_check_readers(c->store[i]);
}

void cache_stat(struct cache *c, struct cache_stat *stat_r)
{
	struct cache_stat st = { .evicted = c->evicted };

	store_stat(c->store[POLICIES], &st.policies);
	if (c->store[NEGATIVES])
		store_stat(c->store[NEGATIVES], &st.negatives);
	if (c->store[DANES])
		store_stat(c->store[DANES], &st.dane);
	*stat_r = st;
}
