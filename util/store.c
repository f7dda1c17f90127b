/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules design §2 sets for LMDB, each measured to matter: MDB_NOTLS, so
 * that a reader belongs to a snapshot and not to a thread; a fixed pool of
 * snapshots that keep their slot in the reader table; room for 1024
 * readers, checked, because the first opener decides; a fixed map size.
 */
#include "config.h"

#include "util/store.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/store-internal.h"

#define READERS_MAX 1024
/* LMDB's lock file: a cache line for each reader, and a head. */
#define LOCK_BYTES (READERS_MAX * 64 + 4096)
#define POOL 128		/* power of two */
#define POOL_SHIFT 25		/* 32 - log2(POOL) */
#define KEY_MAX (STORE_KEY_SIZE - 1)	/* LMDB's own limit */
#define WALK_RENEW 256
#define FREE_DBI 0		/* LMDB's list of free pages */

/* One snapshot handle. Each on its own cache line: threads claim them by
 * exchanging `busy`, and nothing else is shared. */
struct store_read {
	_Alignas(64) atomic_bool busy;
	MDB_txn *txn;
	struct store *store;
};

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *write;
	enum store_error write_error;	/* first failure since begin */
	struct store_read pool[POOL];
};

const char *store_strerror(enum store_error e)
{
	switch (e) {
	case STORE_OK:
		return "no error";
	case STORE_NOT_FOUND:
		return "not found";
	case STORE_FULL:
		return "no space left";
	case STORE_DAMAGED:
		return "file is damaged";
	case STORE_BUSY:
		return "too many readers";
	case STORE_IO:
		return "input/output error";
	case STORE_ARGUMENT:
		return "bad key or value";
	}
	return "unknown error";
}

/* Translate what LMDB or the system returned; STORE_IO sets errno. */
static enum store_error translate(int rc)
{
	static const struct {
		int rc;
		enum store_error error;
	} table[] = {
		{ MDB_SUCCESS, STORE_OK },
		{ MDB_NOTFOUND, STORE_NOT_FOUND },
		{ ENOENT, STORE_NOT_FOUND },
		{ MDB_MAP_FULL, STORE_FULL },
		{ MDB_TXN_FULL, STORE_FULL },
		{ ENOSPC, STORE_FULL },
		{ EDQUOT, STORE_FULL },
		{ MDB_CORRUPTED, STORE_DAMAGED },
		{ MDB_PAGE_NOTFOUND, STORE_DAMAGED },
		{ MDB_PANIC, STORE_DAMAGED },
		{ MDB_VERSION_MISMATCH, STORE_DAMAGED },
		{ MDB_INVALID, STORE_DAMAGED },
		{ MDB_INCOMPATIBLE, STORE_DAMAGED },
		{ MDB_READERS_FULL, STORE_BUSY },
		{ MDB_BAD_VALSIZE, STORE_ARGUMENT },
		{ EINVAL, STORE_ARGUMENT },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].rc == rc)
			return table[i].error;
	errno = rc > 0 ? rc : EIO;
	return STORE_IO;
}

/* ---- opening ----------------------------------------------------------- */

static enum store_error env_open(struct store *s, const char *path,
    const struct store_options *o)
{
	unsigned flags = MDB_NOTLS | MDB_NOSUBDIR;
	int rc = mdb_env_create(&s->env);

	if (o->readonly)
		flags |= MDB_RDONLY;
	else
		flags |= o->sync == STORE_SYNC_COMMIT ? MDB_NOMETASYNC :
		    MDB_NOSYNC;
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
	if (rc == 0 && o->size)
		rc = mdb_env_set_mapsize(s->env, o->size);
	if (rc == 0)
		rc = mdb_env_open(s->env, path, flags, 0640);
	return translate(rc);
}

/* Whoever opened the file first fixed the number of readers for all. */
static enum store_error readers_check(struct store *s, struct buf *err)
{
	unsigned n = 0;
	int dead = 0;
	int rc = mdb_env_get_maxreaders(s->env, &n);

	if (rc == 0 && n < READERS_MAX) {
		buf_addf(err, "another process allows only %u readers", n);
		return STORE_BUSY;
	}
	if (rc == 0)
		rc = mdb_reader_check(s->env, &dead);
	return translate(rc);
}

static enum store_error dbi_open(struct store *s, bool readonly)
{
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(s->env, NULL, readonly ? MDB_RDONLY : 0, &txn);

	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (rc == 0) {
		rc = mdb_txn_commit(txn);
		txn = NULL;
	}
	if (txn)
		mdb_txn_abort(txn);
	return translate(rc);
}

static enum store_error open_steps(struct store *s, const char *path,
    const struct store_options *o, struct buf *err)
{
	bool exists = false;
	enum store_error e = store_file_check(path, &exists, err);

	if (!e && o->readonly && !exists)
		e = STORE_NOT_FOUND;
	if (!e && o->empty && !o->readonly && store_file_remove(path) < 0)
		e = STORE_IO;
	if (!e && !o->readonly && !store_file_reserve_lock(path, LOCK_BYTES))
		e = translate(errno);
	if (!e)
		e = env_open(s, path, o);
	if (!e)
		e = readers_check(s, err);
	if (!e)
		e = dbi_open(s, o->readonly);
	return e;
}

struct store *store_open(const char *path, const struct store_options *o,
    struct buf *err, enum store_error *error_r)
{
	enum store_error e = STORE_IO;
	struct store *s = aligned_alloc(64, sizeof(*s));
	size_t before = err->len;
	int saved = ENOMEM;

	if (s)
		memset(s, 0, sizeof(*s));
	/* A caller without memory for the path has an empty one. */
	if (s && *path) {
		for (size_t i = 0; i < POOL; i++)
			s->pool[i].store = s;
		e = open_steps(s, path, o, err);
		saved = errno;
	}
	if (!e)
		return s;
	if (err->len == before)
		buf_addf(err, "%s: %s", path, e == STORE_IO ?
		    strerror(saved) : store_strerror(e));
	store_close(s);
	errno = saved;
	*error_r = e;
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_abort(s);
	for (size_t i = 0; i < POOL; i++)
		if (s->pool[i].txn)
			mdb_txn_abort(s->pool[i].txn);
	if (s->env)
		mdb_env_close(s->env);
	free(s);
}

/* ---- reading ----------------------------------------------------------- */

/* Where this thread starts to look for a free handle: stacks of threads lie
 * apart, so that threads seldom meet on one handle. */
static unsigned pool_start(void)
{
	char here;
	uint32_t page = (uint32_t)((uintptr_t)&here >> 14);

	return (page * UINT32_C(2654435761)) >> POOL_SHIFT;
}

static struct store_read *pool_claim(struct store *s)
{
	unsigned start = pool_start();

	for (unsigned i = 0; i < POOL; i++) {
		struct store_read *r = &s->pool[(start + i) & (POOL - 1)];

		if (!atomic_exchange_explicit(&r->busy, true,
		    memory_order_acquire))
			return r;
	}
	return NULL;
}

static void pool_release(struct store_read *r)
{
	atomic_store_explicit(&r->busy, false, memory_order_release);
}

/* A snapshot of now: the first time takes a slot in LMDB's reader table,
 * later ones touch no lock at all. */
static int snapshot(struct store_read *r)
{
	int rc;

	if (r->txn)
		return mdb_txn_renew(r->txn);
	rc = mdb_txn_begin(r->store->env, NULL, MDB_RDONLY, &r->txn);
	if (rc)
		r->txn = NULL;
	return rc;
}

struct store_read *store_read_begin(struct store *s)
{
	struct store_read *r = pool_claim(s);

	if (!r)
		return NULL;
	if (snapshot(r) == 0)
		return r;
	pool_release(r);
	return NULL;
}

void store_read_end(struct store_read *r)
{
	if (!r)
		return;
	mdb_txn_reset(r->txn);
	pool_release(r);
}

static bool key_set(MDB_val *k, const char *key)
{
	k->mv_size = strlen(key);
	k->mv_data = (void *)(uintptr_t)key;
	return k->mv_size > 0 && k->mv_size <= KEY_MAX;
}

static enum store_error get(MDB_txn *txn, MDB_dbi dbi, const char *key,
    struct store_value *value_r)
{
	MDB_val k, v;
	int rc;

	if (!key_set(&k, key))
		return STORE_ARGUMENT;
	rc = mdb_get(txn, dbi, &k, &v);
	if (rc)
		return translate(rc);
	value_r->data = v.mv_data;
	value_r->len = v.mv_size;
	return STORE_OK;
}

enum store_error store_read_get(struct store_read *r, const char *key,
    struct store_value *value_r)
{
	return get(r->txn, r->store->dbi, key, value_r);
}

/* ---- walking ----------------------------------------------------------- */

struct walk {
	struct store_read *read;
	store_walk_fn *fn;
	void *arg;
	char key[KEY_MAX + 1];	/* the next one is >= this, or > */
	bool after;		/* key was seen already */
	bool stopped;
};

/* Give one entry to the caller; false when the walk ends here. */
static bool walk_entry(struct walk *w, const MDB_val *k, const MDB_val *v)
{
	struct store_value value = { v->mv_data, v->mv_size };

	if (k->mv_size > KEY_MAX)
		return false;
	memcpy(w->key, k->mv_data, k->mv_size);
	w->key[k->mv_size] = '\0';
	w->after = true;
	return w->fn(w->arg, w->key, &value);
}

/* Stand on the first entry of this part of the walk. */
static int walk_seek(const struct walk *w, MDB_cursor *c, MDB_val *k,
    MDB_val *v)
{
	int rc;

	if (!key_set(k, w->key))
		return mdb_cursor_get(c, k, v, MDB_FIRST);
	rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	if (rc == 0 && w->after && k->mv_size == strlen(w->key) &&
	    memcmp(k->mv_data, w->key, k->mv_size) == 0)
		rc = mdb_cursor_get(c, k, v, MDB_NEXT);
	return rc;
}

/* Walk up to WALK_RENEW entries of one snapshot. */
static int walk_part(struct walk *w)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(w->read->txn, w->read->store->dbi, &c);

	if (rc)
		return rc;
	rc = walk_seek(w, c, &k, &v);
	for (unsigned n = 0; rc == 0; n++) {
		w->stopped = !walk_entry(w, &k, &v);
		if (w->stopped || n + 1 == WALK_RENEW)
			break;
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc;
}

enum store_error store_walk(struct store *s, const char *from,
    store_walk_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	int rc;

	if (strlen(from) > KEY_MAX)
		return STORE_ARGUMENT;
	memcpy(w.key, from, strlen(from) + 1);
	w.read = store_read_begin(s);
	if (!w.read)
		return STORE_BUSY;
	do {
		rc = walk_part(&w);
		mdb_txn_reset(w.read->txn);
		if (rc == 0 && !w.stopped)
			rc = mdb_txn_renew(w.read->txn);
	} while (rc == 0 && !w.stopped);
	pool_release(w.read);
	return rc == MDB_NOTFOUND ? STORE_OK : translate(rc);
}

/* ---- writing ----------------------------------------------------------- */

enum store_error store_write_begin(struct store *s)
{
	assert(!s->write);
	s->write_error = translate(mdb_txn_begin(s->env, NULL, 0, &s->write));
	if (s->write_error)
		s->write = NULL;
	return s->write_error;
}

enum store_error store_write_get(struct store *s, const char *key,
    struct store_value *value_r)
{
	assert(s->write);
	if (s->write_error)
		return s->write_error;
	return get(s->write, s->dbi, key, value_r);
}

/* A failure spoils the whole write; that nothing was found does not. */
static enum store_error write_result(struct store *s, int rc)
{
	enum store_error e = translate(rc);

	if (e && e != STORE_NOT_FOUND && e != STORE_ARGUMENT)
		s->write_error = e;
	return e;
}

enum store_error store_put(struct store *s, const char *key,
    const void *data, size_t len)
{
	MDB_val k, v = { len, (void *)(uintptr_t)data };

	assert(s->write);
	if (s->write_error)
		return s->write_error;
	if (!key_set(&k, key))
		return STORE_ARGUMENT;
	return write_result(s, mdb_put(s->write, s->dbi, &k, &v, 0));
}

enum store_error store_delete(struct store *s, const char *key)
{
	MDB_val k;

	assert(s->write);
	if (s->write_error)
		return s->write_error;
	if (!key_set(&k, key))
		return STORE_ARGUMENT;
	return write_result(s, mdb_del(s->write, s->dbi, &k, NULL));
}

enum store_error store_write_empty(struct store *s)
{
	assert(s->write);
	if (s->write_error)
		return s->write_error;
	return write_result(s, mdb_drop(s->write, s->dbi, 0));
}

enum store_error store_write_seek(struct store *s, const char *from,
    char *key_r, struct store_value *value_r)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc;

	assert(s->write);
	if (s->write_error)
		return s->write_error;
	if (!key_set(&k, from))
		return STORE_ARGUMENT;
	rc = mdb_cursor_open(s->write, s->dbi, &c);
	if (rc)
		return write_result(s, rc);
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	if (rc == 0 && k.mv_size > KEY_MAX)
		rc = MDB_CORRUPTED;
	if (rc == 0) {
		memcpy(key_r, k.mv_data, k.mv_size);
		key_r[k.mv_size] = '\0';
		value_r->data = v.mv_data;
		value_r->len = v.mv_size;
	}
	mdb_cursor_close(c);
	return write_result(s, rc);
}

enum store_error store_commit(struct store *s)
{
	MDB_txn *txn = s->write;

	assert(txn);
	if (s->write_error) {
		store_abort(s);
		return s->write_error;
	}
	s->write = NULL;
	return translate(mdb_txn_commit(txn));
}

void store_abort(struct store *s)
{
	if (s->write)
		mdb_txn_abort(s->write);
	s->write = NULL;
}

enum store_error store_sync_now(struct store *s)
{
	return translate(mdb_env_sync(s->env, 1));
}

void store_check_readers(struct store *s)
{
	int dead = 0;

	(void)mdb_reader_check(s->env, &dead);
}

/* ---- size -------------------------------------------------------------- */

static uint64_t tree_bytes(const MDB_stat *st)
{
	return (uint64_t)st->ms_psize * (st->ms_branch_pages +
	    st->ms_leaf_pages + st->ms_overflow_pages);
}

/* Pages that hold something: entries, the free list, two headers. What the
 * file once grew to says nothing, because free pages are used again. */
static uint64_t used_bytes(MDB_txn *txn, MDB_dbi dbi, uint64_t *entries_r)
{
	MDB_stat data, list;

	if (mdb_stat(txn, dbi, &data) || mdb_stat(txn, FREE_DBI, &list))
		return 0;
	if (entries_r)
		*entries_r = data.ms_entries;
	return tree_bytes(&data) + tree_bytes(&list) +
	    2 * (uint64_t)data.ms_psize;
}

static uint64_t map_size(struct store *s)
{
	MDB_envinfo info;

	return mdb_env_info(s->env, &info) ? 0 : info.me_mapsize;
}

void store_write_usage(struct store *s, uint64_t *used_r, uint64_t *size_r)
{
	assert(s->write);
	*used_r = s->write_error ? 0 : used_bytes(s->write, s->dbi, NULL);
	*size_r = map_size(s);
}

uint64_t store_write_entries(struct store *s)
{
	MDB_stat st;

	assert(s->write);
	return s->write_error || mdb_stat(s->write, s->dbi, &st) ? 0 :
	    st.ms_entries;
}

void store_stat(struct store *s, struct store_stat *stat_r)
{
	struct store_stat st = { .size = map_size(s) };
	struct store_read *r = store_read_begin(s);
	MDB_envinfo info;

	if (mdb_env_info(s->env, &info) == 0)
		st.readers = info.me_numreaders;
	if (r)
		st.used = used_bytes(r->txn, s->dbi, &st.entries);
	store_read_end(r);
	*stat_r = st;
}

/* ---- checking a file --------------------------------------------------- */

/* Read every byte: a page that is not there raises a signal here. */
static unsigned touch(const MDB_val *v)
{
	const volatile unsigned char *p = v->mv_data;
	unsigned sum = 0;

	for (size_t i = 0; i < v->mv_size; i++)
		sum += p[i];
	return sum;
}

/* True when b follows a in the order of the tree. */
static bool follows(const MDB_val *a, const MDB_val *b)
{
	size_t n = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
	int c = memcmp(a->mv_data, b->mv_data, n);

	return c < 0 || (c == 0 && a->mv_size < b->mv_size);
}

/* Entries in order, keys of a sane size, as many as the header counts.
 * The order also ends a walk that a damaged page sent in a circle. */
static enum store_error check_entries(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *c;
	MDB_val k, v, last = { 0, NULL };
	MDB_stat st;
	size_t n = 0;
	int rc = mdb_stat(txn, dbi, &st);

	if (rc == 0)
		rc = mdb_cursor_open(txn, dbi, &c);
	if (rc)
		return translate(rc);
	rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		if (k.mv_size == 0 || k.mv_size > KEY_MAX)
			break;
		touch(&k);
		touch(&v);
		if (n++ && !follows(&last, &k))
			break;
		last = k;
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND && n == st.ms_entries ? STORE_OK :
	    STORE_DAMAGED;
}

/* One entry of the free list: a count, then so many page numbers. A wrong
 * one would let the next write run over live pages. */
static bool free_entry_ok(const MDB_val *v, size_t last_page)
{
	const size_t *page = v->mv_data;

	if (v->mv_size < sizeof(*page) || (uintptr_t)page % sizeof(*page) ||
	    page[0] >= v->mv_size / sizeof(*page))
		return false;
	for (size_t i = 1; i <= page[0]; i++)
		if (page[i] < 2 || page[i] > last_page ||
		    (i > 1 && page[i] >= page[i - 1]))
			return false;
	return true;
}

static enum store_error check_free_list(MDB_txn *txn, size_t last_page)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, FREE_DBI, &c);

	if (rc)
		return translate(rc);
	rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	while (rc == 0 && free_entry_ok(&v, last_page))
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? STORE_OK : STORE_DAMAGED;
}

static enum store_error check_env(MDB_env *env)
{
	MDB_envinfo info;
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	enum store_error e;
	int rc = mdb_env_info(env, &info);

	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &dbi);
	if (rc)
		return translate(rc);
	e = check_entries(txn, dbi);
	if (!e)
		e = check_free_list(txn, info.me_last_pgno);
	mdb_txn_abort(txn);
	return e;
}

enum store_error store_walk_damaged(const char *path, struct buf *err)
{
	MDB_env *env = NULL;
	enum store_error e;
	int rc = mdb_env_create(&env);

	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_NOTLS | MDB_NOSUBDIR |
		    MDB_RDONLY | MDB_NOLOCK, 0640);
	e = translate(rc);
	if (!e)
		e = check_env(env);
	if (e)
		buf_addf(err, "%s: %s", path, e == STORE_IO ?
		    strerror(errno) : store_strerror(e));
	if (env)
		mdb_env_close(env);
	return e;
}
