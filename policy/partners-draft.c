/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/partners-internal.h"

#include "util/pack.h"
#include "util/str.h"

/* A hostile list cannot make keeping slow: what is not found after so many
 * steps is kept again. */
#define POOL_STEPS 64

/* A hash under which too many names fall together is tried again with
 * another seed. */
#define SEEDS 8

/* ---- pools ------------------------------------------------------------- */

static bool pool_grow(struct pool *p)
{
	size_t size = p->size ? p->size * 2 : 64;
	uint32_t *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return false;
	/* What was kept stays where it is; it is just not found again, which
	 * costs a second copy at most. So nothing need be hashed again. */
	free(p->slots);
	p->slots = slots;
	p->size = size;
	p->n = 0;
	return true;
}

static bool pool_holds(const struct pool *p, uint32_t slot, const void *data,
    size_t len)
{
	size_t offset = slot - 1;

	return len <= p->bytes.len - offset &&
	    memcmp(p->bytes.data + offset, data, len) == 0;
}

/* Keep len bytes, or find them; false when it cannot be done. */
static bool pool_keep(struct pool *p, const void *data, size_t len,
    uint32_t *offset_r)
{
	uint32_t offset = (uint32_t)p->bytes.len;
	size_t i;

	if ((p->n + 1) * 2 > p->size && !pool_grow(p))
		return false;
	i = (size_t)hash_text(0, data, len) & (p->size - 1);
	for (int step = 0; p->slots[i] && step < POOL_STEPS; step++) {
		if (pool_holds(p, p->slots[i], data, len)) {
			*offset_r = p->slots[i] - 1;
			return true;
		}
		i = (i + 1) & (p->size - 1);
	}
	buf_add(&p->bytes, data, len);
	if (p->bytes.failed)
		return false;
	if (!p->slots[i])
		p->n++;
	p->slots[i] = offset + 1;
	*offset_r = offset;
	return true;
}

static void pool_clear(struct pool *p)
{
	buf_clear(&p->bytes);
	free(p->slots);
}

/* ---- drafting ---------------------------------------------------------- */

void draft_init(struct draft *d)
{
	*d = (struct draft){ 0 };
	buf_init(&d->texts.bytes, PARTNERS_BLOB_MAX);
	buf_init(&d->terms.bytes, PARTNERS_BLOB_MAX);
	buf_addc(&d->texts.bytes, '\0');	/* offset 0 is "" */
}

void draft_clear(struct draft *d)
{
	pool_clear(&d->texts);
	pool_clear(&d->terms);
	free(d->v);
}

uint32_t draft_text(struct draft *d, const char *s)
{
	uint32_t offset = 0;

	if (*s && !pool_keep(&d->texts, s, strlen(s) + 1, &offset))
		d->failed = true;
	return offset;
}

uint32_t draft_terms(struct draft *d, const struct partner *partner)
{
	uint32_t offset = 0;
	struct buf b;

	buf_init(&b, TERMS_SIZE);
	pack_i64(&b, partner->until);
	pack_u32(&b, draft_text(d, partner->mx));
	pack_u8(&b, partner->mode);
	pack_u8(&b, (unsigned)partner->min_version);
	pack_u16(&b, 0);
	if (b.failed || !pool_keep(&d->terms, b.data, b.len, &offset))
		d->failed = true;
	buf_clear(&b);
	return offset / TERMS_SIZE;
}

static bool draft_grow(struct draft *d)
{
	size_t size = d->size ? d->size * 2 : 32;
	struct draft_entry *v = reallocarray(d->v, size, sizeof(*v));

	if (!v)
		return false;
	d->v = v;
	d->size = size;
	return true;
}

void draft_add(struct draft *d, const char *domain, uint32_t terms)
{
	uint32_t name = (uint32_t)d->texts.bytes.len;

	buf_add(&d->texts.bytes, domain, strlen(domain) + 1);
	if (d->texts.bytes.failed || (d->n == d->size && !draft_grow(d))) {
		d->failed = true;
		return;
	}
	d->v[d->n] = (struct draft_entry){ name, terms, (uint32_t)d->n };
	d->n++;
}

const char *draft_name(const struct draft *d, const struct draft_entry *e)
{
	return d->texts.bytes.data + e->name;
}

static int compare_entries(const void *a, const void *b, void *arg)
{
	const struct draft_entry *x = a, *y = b;
	const struct draft *d = arg;
	int order = strcmp(draft_name(d, x), draft_name(d, y));

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

void draft_sort(struct draft *d)
{
	if (d->n)
		qsort_r(d->v, d->n, sizeof(*d->v), compare_entries, d);
}

/* ---- compiling --------------------------------------------------------- */

static size_t slots_for(size_t entries)
{
	size_t size = 1;

	while (size < entries * 2)
		size *= 2;
	return size;
}

/* Put every entry into its slot; false when one is far from its place. */
static bool fill_slots(const struct draft *d, uint32_t seed, uint32_t *slots,
    size_t size)
{
	memset(slots, 0, size * sizeof(*slots));
	for (uint32_t n = 0; n < d->n; n++) {
		const char *name = draft_name(d, &d->v[n]);
		uint64_t hash = hash_text(seed, name, strlen(name));
		size_t i = hash & (size - 1), run = 0;

		for (; slots[i]; i = (i + 1) & (size - 1))
			if (++run >= SLOT_RUN_MAX)
				return false;
		slots[i] = slot_of(hash, n);
	}
	return true;
}

/* True when no run of taken slots is so long that a search would take its
 * time: names chosen to fall together. */
static bool runs_are_short(const uint32_t *slots, size_t size)
{
	size_t run = 0;

	/* Twice around, for the run that goes over the end. */
	for (size_t i = 0; i < 2 * size; i++) {
		run = slots[i & (size - 1)] ? run + 1 : 0;
		if (run >= SLOT_RUN_MAX)
			return false;
	}
	return true;
}

static uint32_t *make_slots(const struct draft *d, size_t size,
    uint32_t *seed_r, struct buf *err)
{
	uint32_t *slots = mem_array(size, sizeof(*slots));

	if (!slots) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	for (uint32_t seed = 0; seed < SEEDS; seed++) {
		if (fill_slots(d, seed, slots, size) &&
		    runs_are_short(slots, size)) {
			*seed_r = seed;
			return slots;
		}
	}
	free(slots);
	buf_adds(err, "its domains cannot be told apart quickly");
	return NULL;
}

static void write_header(const struct draft *d, size_t slots, uint32_t seed,
    size_t len, struct buf *b)
{
	uint32_t wide = 0;

	for (size_t i = 0; i < d->n; i++)
		wide += *draft_name(d, &d->v[i]) == '.';
	buf_add(b, BLOB_MAGIC, BLOB_MAGIC_LEN);
	pack_i64(b, 0);		/* the checksum, later */
	pack_u32(b, (uint32_t)len);
	pack_u32(b, seed);
	pack_i64(b, d->timestamp);
	pack_i64(b, d->expires);
	pack_u32(b, (uint32_t)slots);
	pack_u32(b, (uint32_t)d->n);
	pack_u32(b, (uint32_t)(d->terms.bytes.len / TERMS_SIZE));
	pack_u32(b, (uint32_t)d->texts.bytes.len);
	pack_u32(b, wide);
	pack_u32(b, d->name);
	pack_u32(b, d->author);
	pack_u32(b, d->contact);
}

static void write_tables(const struct draft *d, const uint32_t *slots,
    size_t size, struct buf *b)
{
	for (size_t i = 0; i < size; i++)
		pack_u32(b, slots[i]);
	for (size_t i = 0; i < d->n; i++) {
		pack_u32(b, d->v[i].name);
		pack_u32(b, d->v[i].terms);
	}
	if (d->terms.bytes.len)
		buf_add(b, d->terms.bytes.data, d->terms.bytes.len);
	buf_add(b, d->texts.bytes.data, d->texts.bytes.len);
}

static void write_checksum(struct buf *b)
{
	struct buf sum;

	buf_init(&sum, 8);
	pack_i64(&sum, (int64_t)partners_checksum(b->data + AT_LEN,
	    b->len - AT_LEN));
	if (sum.failed)
		b->failed = true;
	else
		memcpy(b->data + AT_CHECKSUM, sum.data, sum.len);
	buf_clear(&sum);
}

/* A buffer grows by doubling; a blob lives long, so give back the rest. */
static void *shrink(struct buf *b, size_t *len_r)
{
	size_t len = b->len;
	void *data = buf_steal(b);
	void *less = data ? realloc(data, len) : NULL;

	*len_r = len;
	return less ? less : data;
}

void *draft_compile(const struct draft *d, size_t *len_r, struct buf *err)
{
	size_t size = slots_for(d->n), len;
	uint32_t *slots, seed = 0;
	struct buf b;

	if (d->failed) {
		buf_adds(err, "out of memory, or too large");
		return NULL;
	}
	len = HEADER_SIZE + size * SLOT_SIZE + d->n * ENTRY_SIZE +
	    d->terms.bytes.len + d->texts.bytes.len;
	if (len > PARTNERS_BLOB_MAX) {
		buf_addf(err, "too large: more than %zu bytes when compiled",
		    PARTNERS_BLOB_MAX);
		return NULL;
	}
	slots = make_slots(d, size, &seed, err);
	if (!slots)
		return NULL;
	buf_init(&b, len);
	write_header(d, size, seed, len, &b);
	write_tables(d, slots, size, &b);
	free(slots);
	if (!b.failed)
		write_checksum(&b);
	if (!b.failed)
		return shrink(&b, len_r);
	buf_clear(&b);
	buf_adds(err, "out of memory");
	return NULL;
}
