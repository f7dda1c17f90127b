/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/partners.h"

#include <endian.h>
#include <stdatomic.h>

#include "mtasts/name.h"
#include "policy/partners-internal.h"
#include "util/str.h"

#define VERSION12 12	/* as tls_version_rank() */
#define VERSION13 13

struct partners {
	atomic_uint refs;
	const unsigned char *blob;
	size_t len;
	partners_release_fn *release;
	void *arg;
	/* from the header, checked */
	uint32_t seed;
	int64_t timestamp, expires;
	uint32_t slots_n, entries_n, terms_n, texts_len, wide;
	const unsigned char *slots, *entries, *terms;
	const char *texts;
};

const char *partner_mode_name(enum partner_mode mode)
{
	return mode == PARTNER_ENFORCE ? "enforce" : "testing";
}

/* ---- reading numbers --------------------------------------------------- */

static uint32_t get_u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static int64_t get_i64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (int64_t)le64toh(v);
}

/* Eight bytes at a time, as a blob has megabytes. It finds damage, not
 * forgery. */
uint64_t partners_checksum(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t hash = HASH_START, v;

	for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		hash = (hash ^ le64toh(v)) * HASH_PRIME;
		hash ^= hash >> 32;
	}
	for (; len > 0; p++, len--)
		hash = (hash ^ *p) * HASH_PRIME;
	return hash;
}

static const unsigned char *entry_at(const struct partners *p, uint32_t n)
{
	return p->entries + (size_t)n * ENTRY_SIZE;
}

static const char *entry_name(const struct partners *p, uint32_t n)
{
	return p->texts + get_u32(entry_at(p, n) + ENTRY_NAME);
}

static struct partner partner_of(const struct partners *p, uint32_t n)
{
	const unsigned char *t = p->terms +
	    (size_t)get_u32(entry_at(p, n) + ENTRY_TERMS) * TERMS_SIZE;

	return (struct partner){
		.mode = t[TERMS_MODE] == PARTNER_ENFORCE ? PARTNER_ENFORCE :
		    PARTNER_TESTING,
		.min_version = t[TERMS_VERSION],
		.until = get_i64(t + TERMS_UNTIL),
		.mx = p->texts + get_u32(t + TERMS_MX),
	};
}

/* ---- names and patterns ------------------------------------------------ */

bool partners_is_key(const char *s)
{
	s += *s == '.';
	return name_is_normal(s, strlen(s));
}

bool partners_is_pattern(const char *s, size_t len)
{
	if (len > 1 && s[0] == '.')
		return s[1] != '*' && name_is_pattern(s + 1, len - 1);
	return name_is_pattern(s, len);
}

bool partners_is_mx(const char *list)
{
	const char *pattern;
	size_t len, n = 0, bytes = strlen(list);

	while (name_list_next(&list, &pattern, &len)) {
		if (!partners_is_pattern(pattern, len))
			return false;
		bytes -= len;
		n++;
	}
	/* One space between two, and none besides. */
	return n <= PARTNERS_MX_MAX && bytes == (n ? n - 1 : 0);
}

/* ---- opening ----------------------------------------------------------- */

static void read_header(struct partners *p)
{
	const unsigned char *b = p->blob;

	p->seed = get_u32(b + AT_SEED);
	p->timestamp = get_i64(b + AT_TIMESTAMP);
	p->expires = get_i64(b + AT_EXPIRES);
	p->slots_n = get_u32(b + AT_SLOTS);
	p->entries_n = get_u32(b + AT_ENTRIES);
	p->terms_n = get_u32(b + AT_TERMS);
	p->texts_len = get_u32(b + AT_TEXTS);
	p->wide = get_u32(b + AT_WIDE);
	p->slots = b + HEADER_SIZE;
	p->entries = p->slots + (size_t)p->slots_n * SLOT_SIZE;
	p->terms = p->entries + (size_t)p->entries_n * ENTRY_SIZE;
	p->texts = (const char *)p->terms + (size_t)p->terms_n * TERMS_SIZE;
}

/* The counts fit together and into the blob; the texts end with a NUL, so
 * that each of them ends. */
static bool check_sizes(const struct partners *p)
{
	uint64_t want = HEADER_SIZE + (uint64_t)p->slots_n * SLOT_SIZE +
	    (uint64_t)p->entries_n * ENTRY_SIZE +
	    (uint64_t)p->terms_n * TERMS_SIZE + p->texts_len;

	return want == p->len && get_u32(p->blob + AT_LEN) == p->len &&
	    p->entries_n <= PARTNERS_DOMAINS_MAX && p->texts_len > 0 &&
	    p->slots_n > p->entries_n &&
	    (p->slots_n & (p->slots_n - 1)) == 0 &&
	    p->texts[p->texts_len - 1] == '\0';
}

static bool is_text(const struct partners *p, uint32_t offset)
{
	const char *s = p->texts + offset;

	return offset < p->texts_len && str_is_clean_utf8(s, strlen(s));
}

static bool are_terms(const struct partners *p, const unsigned char *t)
{
	unsigned mode = t[TERMS_MODE], version = t[TERMS_VERSION];

	return (mode == PARTNER_TESTING || mode == PARTNER_ENFORCE) &&
	    (version == 0 || version == VERSION12 || version == VERSION13) &&
	    get_i64(t + TERMS_UNTIL) >= 0 &&
	    get_u32(t + TERMS_MX) < p->texts_len;
}

/* Terms may share their patterns, but a hostile blob must not make us read
 * the same ones for ever. */
static bool check_terms(const struct partners *p)
{
	uint32_t mx, last = UINT32_MAX;
	size_t bytes = 0;

	for (uint32_t i = 0; i < p->terms_n; i++, last = mx) {
		const unsigned char *t = p->terms + (size_t)i * TERMS_SIZE;

		if (!are_terms(p, t))
			return false;
		mx = get_u32(t + TERMS_MX);
		if (mx == last)
			continue;
		bytes += strlen(p->texts + mx);
		if (bytes > 2 * PARTNERS_BLOB_MAX ||
		    !partners_is_mx(p->texts + mx))
			return false;
	}
	return true;
}

/* Every entry has a name, greater than the one before it, and terms. */
static bool check_entries(const struct partners *p)
{
	const char *name, *last = "";
	uint32_t wide = 0;

	for (uint32_t i = 0; i < p->entries_n; i++, last = name) {
		const unsigned char *e = entry_at(p, i);

		if (get_u32(e + ENTRY_NAME) >= p->texts_len ||
		    get_u32(e + ENTRY_TERMS) >= p->terms_n)
			return false;
		name = entry_name(p, i);
		if (!partners_is_key(name) || strcmp(name, last) <= 0)
			return false;
		wide += *name == '.';
	}
	return wide == p->wide;
}

/* Every slot is free or has an entry; no run is longer than a search. */
static bool check_slots(const struct partners *p)
{
	uint32_t taken = 0, run = 0;

	/* Twice around, for the run that goes over the end. */
	for (uint64_t i = 0; i < 2 * (uint64_t)p->slots_n; i++) {
		uint32_t slot = get_u32(p->slots +
		    (i & (p->slots_n - 1)) * SLOT_SIZE);

		if ((slot & SLOT_INDEX_MASK) > p->entries_n)
			return false;
		if (slot && !(slot & SLOT_INDEX_MASK))
			return false;
		taken += slot && i < p->slots_n;
		run = slot ? run + 1 : 0;
		if (run >= SLOT_RUN_MAX)
			return false;
	}
	return taken == p->entries_n;
}

/* Find the entry of a name whose (mixed) hash is known. */
static bool find_hashed(const struct partners *p, uint64_t hash,
    const char *name, uint32_t *n_r)
{
	uint32_t want = slot_of(hash, 0) & ~SLOT_INDEX_MASK;
	uint64_t i = hash & (p->slots_n - 1);
	uint32_t slot;

	while ((slot = get_u32(p->slots + i * SLOT_SIZE))) {
		uint32_t n = (slot & SLOT_INDEX_MASK) - 1;

		if ((slot & ~SLOT_INDEX_MASK) == want &&
		    strcmp(entry_name(p, n), name) == 0) {
			*n_r = n;
			return true;
		}
		i = (i + 1) & (p->slots_n - 1);
	}
	return false;
}

static bool find_exact(const struct partners *p, const char *name,
    uint32_t *n_r)
{
	return find_hashed(p, hash_text(p->seed, name, strlen(name)), name,
	    n_r);
}

/* Every entry is found where a search looks for it. */
static bool check_findable(const struct partners *p)
{
	uint32_t n;

	for (uint32_t i = 0; i < p->entries_n; i++)
		if (!find_exact(p, entry_name(p, i), &n) || n != i)
			return false;
	return true;
}

static bool check_header_texts(const struct partners *p)
{
	return is_text(p, get_u32(p->blob + AT_NAME)) &&
	    is_text(p, get_u32(p->blob + AT_AUTHOR)) &&
	    is_text(p, get_u32(p->blob + AT_CONTACT)) &&
	    p->timestamp >= 0 && p->expires >= 0;
}

/* NULL when the blob is sound, else what is wrong with it. */
static const char *fault_of(struct partners *p)
{
	if (p->len < HEADER_SIZE ||
	    memcmp(p->blob, BLOB_MAGIC, BLOB_MAGIC_LEN) != 0)
		return "not a compiled list of this version";
	if (p->len > PARTNERS_BLOB_MAX)
		return "too large for a compiled list";
	if (partners_checksum(p->blob + AT_LEN, p->len - AT_LEN) !=
	    (uint64_t)get_i64(p->blob + AT_CHECKSUM))
		return "damaged: the checksum is wrong";
	read_header(p);
	if (!check_sizes(p))
		return "damaged: its parts do not fit together";
	if (!check_header_texts(p) || !check_terms(p) || !check_entries(p))
		return "damaged: an entry is not valid";
	if (!check_slots(p) || !check_findable(p))
		return "damaged: the index is not valid";
	return NULL;
}

struct partners *partners_open(const void *blob, size_t len,
    partners_release_fn *release, void *arg, struct buf *err)
{
	struct partners *p = calloc(1, sizeof(*p));
	const char *fault = "out of memory";

	if (p) {
		atomic_init(&p->refs, 1);
		p->blob = blob;
		p->len = len;
		fault = fault_of(p);
	}
	if (fault) {
		buf_adds(err, fault);
		free(p);
		return NULL;
	}
	p->release = release;
	p->arg = arg;
	return p;
}

struct partners *partners_ref(struct partners *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void partners_unref(struct partners *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1,
	    memory_order_acq_rel) != 1)
		return;
	if (p->release)
		p->release(p->arg);
	free(p);
}

/* ---- questions --------------------------------------------------------- */

static bool is_live(const struct partners *p, uint32_t n, int64_t now)
{
	int64_t until = partner_of(p, n).until;

	return until == 0 || now < until;
}

/* Hash the domain once, from its end, and look at each ".suffix" on the way:
 * the last one found is the longest, and its own entry comes after all. */
bool partners_find(const struct partners *p, const char *domain,
    int64_t now, struct partner *partner_r)
{
	uint64_t hash = hash_begin(p->seed);
	bool found = false;
	uint32_t n, best = 0;

	if (now >= p->expires)
		return false;
	for (size_t i = strlen(domain); i > 0; i--) {
		hash = hash_step(hash, domain[i - 1]);
		if (i > 1 && (domain[i - 1] != '.' || !p->wide))
			continue;
		if (find_hashed(p, hash_mix(hash), domain + i - 1, &n) &&
		    is_live(p, n, now)) {
			best = n;
			found = true;
		}
	}
	if (found)
		*partner_r = partner_of(p, best);
	return found;
}

bool partners_walk(const struct partners *p, partners_walk_fn *fn,
    void *arg)
{
	for (uint32_t i = 0; i < p->entries_n; i++) {
		struct partner partner = partner_of(p, i);

		if (!fn(arg, entry_name(p, i), &partner))
			return false;
	}
	return true;
}

const void *partners_data(const struct partners *p, size_t *len_r)
{
	*len_r = p->len;
	return p->blob;
}

size_t partners_count(const struct partners *p)
{
	return p->entries_n;
}

int64_t partners_timestamp(const struct partners *p)
{
	return p->timestamp;
}

int64_t partners_expires(const struct partners *p)
{
	return p->expires;
}

const char *partners_name(const struct partners *p)
{
	return p->texts + get_u32(p->blob + AT_NAME);
}

const char *partners_author(const struct partners *p)
{
	return p->texts + get_u32(p->blob + AT_AUTHOR);
}

const char *partners_contact(const struct partners *p)
{
	return p->texts + get_u32(p->blob + AT_CONTACT);
}
