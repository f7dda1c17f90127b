/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/history.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/str.h"

#define DAY 86400
#define PATH_BYTES 4096

/* A pair and its index need about 180 bytes in pages partly full; names may
 * be long and times many. What no pair fills is a hole in the file. */
#define MAP_ENTRY ((uint64_t)384)
#define MAP_SLACK ((uint64_t)8 * 1024 * 1024)

/* Pairs that may go to make room for one. */
#define EVICT_MAX 8

#define PAIR_PREFIX 'p'
#define DAY_PREFIX 'd'
#define DAY_DIGITS 4
#define DAY_LAST 0xffff		/* in 2149 */

struct history {
	struct store *store;
	uint64_t max_entries;
	atomic_uint_fast64_t evicted;
};

/* Room for the longest key there is. */
struct key {
	char text[STORE_KEY_SIZE];
};

/* What every network ends with is not kept; a name that was cut already
 * stays as it is. */
static const char *const tails[] = { ".0/24", "::/48" };

static size_t cut_length(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (str_ends(name, tails[i]))
			return len - strlen(tails[i]);
	return len;
}

/* The network as people write it again. */
static void add_tail(const char *network, char *out, size_t size)
{
	snprintf(out, size, "%s%s", network,
	    strchr(network, '.') ? tails[0] : tails[1]);
}

static struct key pair_key(const char *name)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%c%.*s", PAIR_PREFIX,
	    (int)cut_length(name), name);
	return k;
}

static unsigned day_of(uint32_t when)
{
	unsigned day = when / DAY;

	return day < DAY_LAST ? day : DAY_LAST;
}

static struct key day_key(unsigned day, const char *name)
{
	struct key k;

	snprintf(k.text, sizeof(k.text), "%c%0*x%.*s", DAY_PREFIX, DAY_DIGITS,
	    day, (int)cut_length(name), name);
	return k;
}

/* ---- opening ----------------------------------------------------------- */

/* LMDB needs free pages for whatever it changes: a file that once held more
 * is mapped with room to shrink. */
static uint64_t map_size(const struct history_options *o, const char *path)
{
	uint64_t size = o->map_size ? o->map_size :
	    o->entries * MAP_ENTRY + MAP_SLACK;
	struct stat st;

	if (!o->map_size && stat(path, &st) == 0 && st.st_size > 0 &&
	    (uint64_t)st.st_size + MAP_SLACK > size)
		size = (uint64_t)st.st_size + MAP_SLACK;
	return size;
}

static struct store *open_store(const struct history_options *o,
    struct buf *err, enum store_error *error_r)
{
	struct store_options so = { .sync = STORE_SYNC_LATER,
		.readonly = o->readonly };
	struct store *s;
	struct buf path;

	buf_init(&path, PATH_BYTES);
	buf_addf(&path, "%s/%s", o->state_dir, HISTORY_FILE);
	so.size = map_size(o, buf_str(&path));
	s = store_open(buf_str(&path), &so, err, error_r);
	buf_clear(&path);
	return s;
}

struct history *history_open(const struct history_options *o,
    struct buf *err, enum store_error *error_r)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h) {
		buf_adds(err, "out of memory");
		errno = ENOMEM;
		*error_r = STORE_IO;
		return NULL;
	}
	h->max_entries = o->entries ? o->entries : 1;
	h->store = open_store(o, err, error_r);
	if (h->store)
		return h;
	free(h);
	return NULL;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	store_close(h->store);
	free(h);
}

/* ---- reading ----------------------------------------------------------- */

enum store_error history_get(struct history *h, const char *name,
    struct pair *pair_r)
{
	struct store_read *r = store_read_begin(h->store);
	struct key key = pair_key(name);
	struct store_value value;
	enum store_error e;

	if (!r)
		return STORE_BUSY;
	e = store_read_get(r, key.text, &value);
	if (!e && !pair_read(value.data, value.len, pair_r))
		e = STORE_NOT_FOUND;
	store_read_end(r);
	return e;
}

void history_look(struct history *h, const char *domain,
    const struct netaddr *client, const struct pair_limits *limits,
    int64_t now, struct history_facts *facts_r)
{
	char name[PAIR_NAME_SIZE];
	struct pair p = { 0 };
	enum store_error e;

	*facts_r = (struct history_facts){ 0 };
	if (!h || !pair_name(domain, client, name))
		return;
	e = history_get(h, name, &p);
	if (e == STORE_OK)
		pair_facts(&p, limits, now, facts_r);
	else
		facts_r->known = e == STORE_NOT_FOUND;
}

struct walk {
	struct history_cursor *at;
	const char *domain;
	history_walk_fn *fn;
	void *arg;
	bool stopped;
};

/* Cut a name into its halves, of PAIR_NAME_SIZE bytes each; false if it is
 * none. */
static bool split_name(const char *name, char *domain_r, char *network_r)
{
	const char *blank = strchr(name, ' ');
	size_t len = blank ? (size_t)(blank - name) : 0;

	if (len == 0 || strlen(name) >= PAIR_NAME_SIZE - strlen(tails[0]))
		return false;
	memcpy(domain_r, name, len);
	domain_r[len] = '\0';
	add_tail(blank + 1, network_r, PAIR_NAME_SIZE);
	return true;
}

static bool walk_entry(void *arg, const char *key,
    const struct store_value *value)
{
	char domain[PAIR_NAME_SIZE], network[PAIR_NAME_SIZE];
	const char *name = key + 1;
	struct walk *w = arg;
	struct pair p;

	if (*key != PAIR_PREFIX)
		return false;
	if (!split_name(name, domain, network))
		return true;
	if (w->domain && strcmp(domain, w->domain) != 0)
		return false;
	if (!pair_read(value->data, value->len, &p))
		return true;
	w->stopped = !w->fn(w->arg, domain, network, &p);
	if (w->stopped)
		memcpy(w->at->from, name, strlen(name) + 1);
	return !w->stopped;
}

enum store_error history_walk_piece(struct history *h,
    struct history_cursor *at, const char *domain, history_walk_fn *fn,
    void *arg)
{
	struct walk w = { .at = at, .domain = domain, .fn = fn, .arg = arg };
	struct key key = pair_key(at->from);
	enum store_error e;

	/* A blank stands before every letter of a longer domain. */
	if (domain && !*at->from)
		snprintf(key.text, sizeof(key.text), "%c%s ", PAIR_PREFIX,
		    domain);
	e = store_walk(h->store, key.text, walk_entry, &w);
	return e || w.stopped ? e : STORE_NOT_FOUND;
}

/* ---- room -------------------------------------------------------------- */

static uint64_t entries(struct history *h)
{
	return store_write_entries(h->store) / 2;
}

/* True when the pair was last seen on that day; one we cannot read might
 * have been. */
static bool seen_on(struct history *h, const char *name, unsigned long day)
{
	struct key key = pair_key(name);
	struct store_value value;
	struct pair p;

	if (store_write_get(h->store, key.text, &value) != STORE_OK)
		return false;
	return !pair_read(value.data, value.len, &p) ||
	    day_of(p.last) == day;
}

/* Forget a pair of the oldest day. An index that no pair stands behind, as
 * a damaged one leaves, goes alone. */
static enum store_error evict_one(struct history *h)
{
	char key[STORE_KEY_SIZE], first[] = { DAY_PREFIX, '\0' };
	char digits[DAY_DIGITS + 1] = "";
	struct store_value value;
	struct key pair;
	enum store_error e;

	e = store_write_seek(h->store, first, key, &value);
	if (!e && *key != DAY_PREFIX)
		e = STORE_NOT_FOUND;
	if (e)
		return e;
	if (strlen(key) <= DAY_DIGITS + 1)
		return store_delete(h->store, key);
	memcpy(digits, key + 1, DAY_DIGITS);
	pair = pair_key(key + 1 + DAY_DIGITS);
	if (seen_on(h, pair.text + 1, strtoul(digits, NULL, 16))) {
		e = store_delete(h->store, pair.text);
		atomic_fetch_add(&h->evicted, 1);
	}
	return e ? e : store_delete(h->store, key);
}

/* How many pairs are to go before a new one comes: those too many, or, when
 * the map is four fifths full, two, so that pages become empty; at nine
 * tenths as many as one write may bear. */
static unsigned surplus(struct history *h)
{
	uint64_t n = entries(h), used, size;

	if (n >= h->max_entries)
		return n - h->max_entries < EVICT_MAX ?
		    (unsigned)(n - h->max_entries) + 1 : EVICT_MAX;
	store_write_usage(h->store, &used, &size);
	if (used < size / 5 * 4)
		return 0;
	return used < size / 10 * 9 ? 2 : EVICT_MAX;
}

static enum store_error make_room(struct history *h)
{
	enum store_error e = STORE_OK;
	uint64_t used, size;

	for (unsigned n = surplus(h); !e && n > 0; n--)
		e = evict_one(h);
	if (e && e != STORE_NOT_FOUND)
		return e;
	store_write_usage(h->store, &used, &size);
	return used < size / 10 * 9 ? STORE_OK : STORE_FULL;
}

/* ---- writing ----------------------------------------------------------- */

enum store_error history_begin(struct history *h)
{
	return store_write_begin(h->store);
}

static enum store_error put_pair(struct history *h, const char *name,
    const struct pair *p)
{
	struct key key = pair_key(name);
	unsigned char packed[PAIR_PACKED_MAX];

	return store_put(h->store, key.text, packed, pair_pack(p, packed));
}

static enum store_error put_day(struct history *h, const char *name,
    unsigned day)
{
	struct key key = day_key(day, name);

	return store_put(h->store, key.text, "", 0);
}

static enum store_error delete_day(struct history *h, const char *name,
    unsigned day)
{
	struct key key = day_key(day, name);
	enum store_error e = store_delete(h->store, key.text);

	return e == STORE_NOT_FOUND ? STORE_OK : e;
}

/* The pair as it is now, or a new one; *found_r tells. */
static enum store_error fetch(struct history *h, const char *name,
    struct pair *p, bool *found_r)
{
	struct key key = pair_key(name);
	struct store_value value;
	enum store_error e = store_write_get(h->store, key.text, &value);

	*p = (struct pair){ 0 };
	*found_r = !e && pair_read(value.data, value.len, p);
	return e == STORE_NOT_FOUND ? STORE_OK : e;
}

enum store_error history_note(struct history *h, const char *name,
    const struct pair_event *event)
{
	struct pair p;
	unsigned day;
	bool found;
	enum store_error e = fetch(h, name, &p, &found);

	if (!e && !found)
		e = make_room(h);
	day = day_of(p.last);
	pair_note(&p, event);
	if (!e && found && day != day_of(p.last))
		e = delete_day(h, name, day);
	if (!e && (!found || day != day_of(p.last)))
		e = put_day(h, name, day_of(p.last));
	return e ? e : put_pair(h, name, &p);
}

static enum store_error forget_one(struct history *h, const char *name)
{
	struct key key = pair_key(name);
	struct pair p;
	bool found;
	enum store_error e = fetch(h, name, &p, &found);

	if (!e && found)
		e = delete_day(h, name, day_of(p.last));
	return e ? e : store_delete(h->store, key.text);
}

enum store_error history_forget(struct history *h, const char *domain,
    const char *network, unsigned *n_r)
{
	char name[STORE_KEY_SIZE], key[STORE_KEY_SIZE];
	struct store_value value;
	struct key from;
	enum store_error e = STORE_OK;
	unsigned n = 0;

	snprintf(name, sizeof(name), "%s %s", domain, network ? network : "");
	from = pair_key(name);
	while (!e && n < HISTORY_BATCH) {
		e = store_write_seek(h->store, from.text, key, &value);
		if (!e && (network ? strcmp(key, from.text) != 0 :
		    strncmp(key, from.text, strlen(from.text)) != 0))
			e = STORE_NOT_FOUND;
		if (!e)
			e = forget_one(h, key + 1);
		n += !e;
	}
	if (e && e != STORE_NOT_FOUND)
		return e;
	*n_r = n;
	return STORE_OK;
}

enum store_error history_forget_all(struct history *h, uint64_t *n_r)
{
	uint64_t n = entries(h);
	enum store_error e = store_write_empty(h->store);

	if (!e)
		*n_r = n;
	return e;
}

enum store_error history_commit(struct history *h)
{
	return store_commit(h->store);
}

void history_abort(struct history *h)
{
	store_abort(h->store);
}

enum store_error history_sync(struct history *h)
{
	return store_sync_now(h->store);
}

void history_maintain(struct history *h)
{
	store_check_readers(h->store);
}

void history_stat(struct history *h, struct history_stat *stat_r)
{
	struct store_stat st;

	store_stat(h->store, &st);
	*stat_r = (struct history_stat){
		.entries = st.entries / 2,
		.max_entries = h->max_entries,
		.used = st.used,
		.size = st.size,
		.evicted = atomic_load(&h->evicted),
	};
}
