/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * partners-internal - what the files of partners share.
 *
 * A list is drafted, entry by entry (partners-draft.c), by the reader of
 * the JSON (partners-read.c), and compiled into a blob, which is opened like
 * any other (partners.c). partners-locate.c finds the place of a mistake.
 */
#ifndef TM_POLICY_PARTNERS_INTERNAL_H
#define TM_POLICY_PARTNERS_INTERNAL_H

#include "policy/partners.h"
#include "util/buf.h"

/*
 * The blob, all numbers little-endian:
 *
 *	header
 *	slots		u32 each: a hash table of the entries
 *	entries		8 bytes each, in the order of their names
 *	terms		16 bytes each, shared by entries that say the same
 *	texts		strings, each ended by NUL, shared likewise
 *
 * A slot is 0 when free, else the number of an entry, from 1, and above it
 * bits of the name's hash, so that most strangers are told apart without
 * looking at a name.
 */
#define BLOB_MAGIC "tmlist1\n"
#define BLOB_MAGIC_LEN 8

enum blob_layout {
	AT_MAGIC = 0,
	AT_CHECKSUM = 8,	/* u64, of all that follows it */
	AT_LEN = 16,		/* u32, of the whole blob */
	AT_SEED = 20,		/* u32, of the hash */
	AT_TIMESTAMP = 24,	/* i64 */
	AT_EXPIRES = 32,	/* i64 */
	AT_SLOTS = 40,		/* u32, how many; a power of two */
	AT_ENTRIES = 44,	/* u32 */
	AT_TERMS = 48,		/* u32 */
	AT_TEXTS = 52,		/* u32, bytes */
	AT_WIDE = 56,		/* u32, how many entries begin with "." */
	AT_NAME = 60,		/* u32, offset in texts, as all below */
	AT_AUTHOR = 64,
	AT_CONTACT = 68,
	HEADER_SIZE = 72,

	SLOT_SIZE = 4,

	ENTRY_NAME = 0,		/* u32, offset in texts */
	ENTRY_TERMS = 4,	/* u32, number */
	ENTRY_SIZE = 8,

	TERMS_UNTIL = 0,	/* i64 */
	TERMS_MX = 8,		/* u32, offset in texts */
	TERMS_MODE = 12,	/* u8 */
	TERMS_VERSION = 13,	/* u8 */
	TERMS_SIZE = 16,	/* and two bytes of 0 */
};

#define SLOT_INDEX_BITS 18
#define SLOT_INDEX_MASK ((UINT32_C(1) << SLOT_INDEX_BITS) - 1)
_Static_assert(PARTNERS_DOMAINS_MAX < SLOT_INDEX_MASK,
    "a slot has room for the number of every entry");

/* So many slots in a row may be taken; no search looks at more. */
#define SLOT_RUN_MAX 256

/* FNV-1a from the last byte to the first, so that the suffixes of a domain
 * are hashed in one pass over it. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static inline uint64_t hash_begin(uint32_t seed)
{
	return (HASH_START ^ seed) * HASH_PRIME;
}

static inline uint64_t hash_step(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * HASH_PRIME;
}

static inline uint64_t hash_mix(uint64_t hash)
{
	return hash ^ hash >> 29;
}

static inline uint64_t hash_text(uint32_t seed, const char *s, size_t len)
{
	uint64_t hash = hash_begin(seed);

	while (len > 0)
		hash = hash_step(hash, s[--len]);
	return hash_mix(hash);
}

/* The slot for entry number index of this (mixed) hash. */
static inline uint32_t slot_of(uint64_t hash, uint32_t index)
{
	return (uint32_t)(hash >> 32) << SLOT_INDEX_BITS | (index + 1);
}

uint64_t partners_checksum(const void *data, size_t len);

/* ---- a list being made ------------------------------------------------- */

/* Byte strings that are kept once, by offset. */
struct pool {
	struct buf bytes;
	uint32_t *slots;	/* offset + 1; 0: free */
	size_t size;		/* of slots, a power of two or 0 */
	size_t n;
};

struct draft_entry {
	uint32_t name;		/* offset in texts */
	uint32_t terms;		/* number */
	uint32_t order;		/* as it was added, from 0 */
};

struct draft {
	int64_t timestamp;
	int64_t expires;
	uint32_t name, author, contact;	/* offsets in texts */
	struct pool texts;
	struct pool terms;
	struct draft_entry *v;
	size_t n;
	size_t size;
	bool failed;		/* out of memory, or too large */
};

void draft_init(struct draft *d);
void draft_clear(struct draft *d);
/* Keep a text; its offset. */
uint32_t draft_text(struct draft *d, const char *s);
/* Keep what partner says; its number. partner->mx is copied. */
uint32_t draft_terms(struct draft *d, const struct partner *partner);
void draft_add(struct draft *d, const char *domain, uint32_t terms);
/* Sort the entries by name, those of one name in the order in which they
 * were added. */
void draft_sort(struct draft *d);
const char *draft_name(const struct draft *d, const struct draft_entry *e);
/* The blob (heap) of a sorted draft without duplicates, or NULL with a
 * sentence in err. */
void *draft_compile(const struct draft *d, size_t *len_r, struct buf *err);

/* True for a domain an entry can have: normal, perhaps with "." before. */
bool partners_is_key(const char *s);
/* True for a list of MX patterns as in struct partner. */
bool partners_is_mx(const char *list);
/* True for one such pattern of len bytes. */
bool partners_is_pattern(const char *s, size_t len);

/* ---- where a mistake is ------------------------------------------------ */

/* A place in the JSON: the member key of what up is, or, with key == NULL,
 * its element index. The root is NULL. */
struct place {
	const struct place *up;
	const char *key;
	size_t index;
};

struct position {
	unsigned line, column;	/* from 1; column in characters */
};

/* Find a place in valid JSON: its value, or with at_key the name of the
 * member. For what is not there, the object where it ought to be. */
void place_find(const struct place *place, bool at_key, const char *text,
    size_t len, struct position *pos_r);

/* Append a place as `domains."bank.example".mx[2]`. */
void place_write(const struct place *place, struct buf *out);

/* Append a peer's text (valid UTF-8), at most max bytes of it, without what
 * would disturb a terminal or a log line; quoted: as between quotes. */
void place_write_text(const char *s, size_t max, bool quoted,
    struct buf *out);

/*
 * Look over a text before it is parsed: true unless it would make the
 * parser nest deeply or use memory out of proportion. Says nothing of
 * whether it is JSON. False with the position and a sentence.
 */
bool place_is_bounded(const char *text, size_t len, struct position *pos_r,
    const char **sentence_r);

#endif
