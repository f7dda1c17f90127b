/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiled partner lists as nobody's compiler makes them. The process that
 * compiles them reads the Internet; whoever opens one must find everything
 * that a search would stumble over.
 */
#include "config.h"

#include "policy/partners-internal.h"

#include "tests/unit/unit.h"
#include "util/pack.h"

#define SLOTS_MAX 512
#define TEXTS "\0.c.example\0b.example\0mx.b.example\0*.\x1b\0\xff"
#define WIDE 1		/* offsets in it */
#define OWN 12
#define MX 22
#define NO_PATTERN 35
#define CONTROL 37
#define NO_UTF8 39

struct made_entry {
	uint32_t name, terms;
};

/* Everything a blob says of itself. */
struct made {
	uint32_t len_more, seed, slots_n, entries_n, wide;
	uint32_t name, author, contact;
	int64_t timestamp, expires;
	uint32_t slots[SLOTS_MAX];
	struct made_entry *entries;
	int64_t until;
	uint32_t mx;
	unsigned mode, version;
	char *texts;
	size_t texts_len;
};

/* Put the entries where a search looks for them. */
static void fill(struct made *m)
{
	memset(m->slots, 0, sizeof(m->slots));
	for (uint32_t n = 0; n < m->entries_n; n++) {
		const char *name = m->texts + m->entries[n].name;
		uint64_t hash = hash_text(m->seed, name, strlen(name));
		uint64_t i = hash & (m->slots_n - 1);

		while (m->slots[i])
			i = (i + 1) & (m->slots_n - 1);
		m->slots[i] = slot_of(hash, n);
	}
}

static void made_init(struct made *m)
{
	*m = (struct made){ .slots_n = 4, .entries_n = 2, .wide = 1,
		.timestamp = 1, .expires = 1000, .mx = MX,
		.mode = PARTNER_ENFORCE, .texts_len = sizeof(TEXTS) };
	m->entries = calloc(SLOTS_MAX, sizeof(*m->entries));
	m->texts = malloc(sizeof(TEXTS));
	CU_ASSERT_FATAL(m->entries && m->texts);
	memcpy(m->texts, TEXTS, sizeof(TEXTS));
	m->entries[0].name = WIDE;
	m->entries[1].name = OWN;
	fill(m);
}

static void made_clear(struct made *m)
{
	free(m->entries);
	free(m->texts);
}

static void write_blob(const struct made *m, struct buf *b)
{
	size_t len = HEADER_SIZE + m->slots_n * SLOT_SIZE +
	    m->entries_n * ENTRY_SIZE + TERMS_SIZE + m->texts_len;

	buf_add(b, BLOB_MAGIC, BLOB_MAGIC_LEN);
	pack_i64(b, 0);
	pack_u32(b, (uint32_t)len + m->len_more);
	pack_u32(b, m->seed);
	pack_i64(b, m->timestamp);
	pack_i64(b, m->expires);
	pack_u32(b, m->slots_n);
	pack_u32(b, m->entries_n);
	pack_u32(b, 1);
	pack_u32(b, (uint32_t)m->texts_len);
	pack_u32(b, m->wide);
	pack_u32(b, m->name);
	pack_u32(b, m->author);
	pack_u32(b, m->contact);
	for (size_t i = 0; i < m->slots_n; i++)
		pack_u32(b, m->slots[i]);
	for (size_t i = 0; i < m->entries_n; i++) {
		pack_u32(b, m->entries[i].name);
		pack_u32(b, m->entries[i].terms);
	}
	pack_i64(b, m->until);
	pack_u32(b, m->mx);
	pack_u8(b, m->mode);
	pack_u8(b, m->version);
	pack_u16(b, 0);
	buf_add(b, m->texts, m->texts_len);
}

/* Open it from memory that ends where it ends; NULL if it is refused. */
static struct partners *open_made(const struct made *m)
{
	struct partners *p;
	struct buf b, err;
	uint64_t sum;
	char *copy;

	buf_init(&b, 100000);
	buf_init(&err, 1000);
	write_blob(m, &b);
	CU_ASSERT_FATAL(!b.failed);
	copy = malloc(b.len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, b.data, b.len);
	sum = partners_checksum(copy + AT_LEN, b.len - AT_LEN);
	for (int i = 0; i < 8; i++)
		copy[AT_CHECKSUM + i] = (char)(sum >> 8 * i);
	p = partners_open(copy, b.len, free, copy, &err);
	CU_ASSERT_EQUAL(!p, err.len > 0);
	if (!p)
		free(copy);
	buf_clear(&b);
	buf_clear(&err);
	return p;
}

/* ---- changes ------------------------------------------------------------ */

static void nothing(struct made *m)
{
	(void)m;
}

static void other_seed(struct made *m)
{
	m->seed = 77;
	fill(m);
}

static void other_length(struct made *m)
{
	m->len_more = 4;
}

/* A search for what is not there would never end. */
static void no_free_slot(struct made *m)
{
	m->slots_n = 2;
	fill(m);
}

static void odd_slots(struct made *m)
{
	m->slots_n = 6;
	fill(m);
}

static void no_slots(struct made *m)
{
	m->slots_n = m->entries_n = m->wide = 0;
}

/* 511 entries in 512 slots stand in one row, whatever their names. */
static void long_run(struct made *m)
{
	struct buf b;

	buf_init(&b, 100000);
	buf_add(&b, TEXTS, sizeof(TEXTS));
	m->entries_n = SLOTS_MAX - 1;
	m->slots_n = SLOTS_MAX;
	m->wide = 0;
	for (uint32_t i = 0; i < m->entries_n; i++) {
		m->entries[i].name = (uint32_t)b.len;
		buf_addf(&b, "d%03u.example", i);
		buf_addc(&b, '\0');
	}
	free(m->texts);
	m->texts_len = b.len;
	m->texts = buf_steal(&b);
	fill(m);
}

static void entry_twice(struct made *m)
{
	for (int i = 0, n = 1; i < 4 && n; i++)
		if (!m->slots[i]) {
			m->slots[i] = m->slots[(i + 1) % 4] ?
			    m->slots[(i + 1) % 4] : m->slots[(i + 2) % 4];
			n = 0;
		}
}

static void entry_nowhere(struct made *m)
{
	for (int i = 0; i < 4; i++)
		if ((m->slots[i] & SLOT_INDEX_MASK) == 1)
			m->slots[i] = 0;
}

static void slot_of_nobody(struct made *m)
{
	for (int i = 0; i < 4; i++)
		if (m->slots[i])
			m->slots[i] += 2;
}

static void slot_of_nothing(struct made *m)
{
	for (int i = 0; i < 4; i++)
		if (!m->slots[i])
			m->slots[i] = SLOT_INDEX_MASK + 1;
}

static void slots_swapped(struct made *m)
{
	for (int i = 0; i < 4; i++)
		if (m->slots[i])
			m->slots[i] ^= 3;	/* 1 is 2, and 2 is 1 */
}

static void same_name(struct made *m)
{
	m->entries[0].name = OWN;
	m->wide = 0;
	fill(m);
}

static void unsorted(struct made *m)
{
	m->entries[0].name = OWN;
	m->entries[1].name = WIDE;
	fill(m);
}

static void name_behind(struct made *m)
{
	m->entries[1].name = (uint32_t)m->texts_len;
}

static void name_far_behind(struct made *m)
{
	m->entries[1].name = UINT32_MAX;
}

static void no_such_terms(struct made *m)
{
	m->entries[1].terms = 1;
}

static void no_domain(struct made *m)
{
	m->entries[1].name = NO_PATTERN;
	fill(m);
}

static void wide_hidden(struct made *m)
{
	m->wide = 0;
}

static void wide_invented(struct made *m)
{
	m->wide = 2;
}

static void until_negative(struct made *m)
{
	m->until = -1;
}

static void mx_behind(struct made *m)
{
	m->mx = (uint32_t)m->texts_len;
}

static void mx_no_pattern(struct made *m)
{
	m->mx = NO_PATTERN;
}

static void mode_none(struct made *m)
{
	m->mode = 0;
}

static void mode_other(struct made *m)
{
	m->mode = PARTNER_ENFORCE + 1;
}

static void version_other(struct made *m)
{
	m->version = 11;
}

static void timestamp_negative(struct made *m)
{
	m->timestamp = -1;
}

static void expires_negative(struct made *m)
{
	m->expires = -1;
}

static void author_behind(struct made *m)
{
	m->author = (uint32_t)m->texts_len;
}

static void contact_of_control_characters(struct made *m)
{
	m->contact = CONTROL;
}

static void name_of_no_utf8(struct made *m)
{
	m->name = NO_UTF8;
}

static void texts_without_end(struct made *m)
{
	m->texts_len--;
}

/* ---- tests -------------------------------------------------------------- */

static void what_would_harm_a_search_is_refused(void)
{
	static const struct {
		const char *label;
		void (*change)(struct made *m);
		bool good;
	} rows[] = {
		{ "as it should be", nothing, true },
		{ "another seed", other_seed, true },
		{ "another length", other_length, false },
		{ "no slot is free", no_free_slot, false },
		{ "slots that are no power of two", odd_slots, false },
		{ "no slots", no_slots, false },
		{ "a long run of slots", long_run, false },
		{ "an entry that has two slots", entry_twice, false },
		{ "an entry that has none", entry_nowhere, false },
		{ "a slot of an entry that is not there", slot_of_nobody,
		    false },
		{ "a slot of no entry", slot_of_nothing, false },
		{ "slots that are swapped", slots_swapped, false },
		{ "two entries of one name", same_name, false },
		{ "entries that are not in order", unsorted, false },
		{ "a name behind the end", name_behind, false },
		{ "a name far behind it", name_far_behind, false },
		{ "terms that are not there", no_such_terms, false },
		{ "a name that is none", no_domain, false },
		{ "subdomains not told of", wide_hidden, false },
		{ "subdomains there are none of", wide_invented, false },
		{ "a negative time", until_negative, false },
		{ "hosts behind the end", mx_behind, false },
		{ "a host that is none", mx_no_pattern, false },
		{ "no mode", mode_none, false },
		{ "another mode", mode_other, false },
		{ "another version", version_other, false },
		{ "a negative timestamp", timestamp_negative, false },
		{ "a negative end", expires_negative, false },
		{ "an author behind the end", author_behind, false },
		{ "control characters", contact_of_control_characters,
		    false },
		{ "a name that is not UTF-8", name_of_no_utf8, false },
		{ "texts without an end", texts_without_end, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct partners *p;
		struct made m;

		made_init(&m);
		rows[i].change(&m);
		p = open_made(&m);
		CHECK_CASE(rows[i].label, !p == !rows[i].good);
		partners_unref(p);
		made_clear(&m);
	}
}

/* Ends are the first second at which something holds no more. */
static void what_ends_ends_at_its_second(void)
{
	struct partner found;
	struct partners *p;
	struct made m;

	made_init(&m);
	m.until = 500;
	p = open_made(&m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT(partners_find(p, "b.example", 499, &found));
	CU_ASSERT_STRING_EQUAL(found.mx, "mx.b.example");
	CU_ASSERT_FALSE(partners_find(p, "b.example", 500, &found));
	CU_ASSERT(partners_find(p, "a.c.example", 499, &found));
	CU_ASSERT_FALSE(partners_find(p, "a.c.example", 500, &found));
	CU_ASSERT_FALSE(partners_find(p, "c.example", 499, &found));
	partners_unref(p);
	m.until = 0;
	p = open_made(&m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT(partners_find(p, "b.example", 999, &found));
	CU_ASSERT_FALSE(partners_find(p, "b.example", 1000, &found));
	partners_unref(p);
	made_clear(&m);
}

static const struct unit_test tests[] = {
	{ "what would harm a search is refused",
	    what_would_harm_a_search_is_refused },
	{ "what ends, ends at its second", what_ends_ends_at_its_second },
};

UNIT_MAIN("partners-blob", tests)
