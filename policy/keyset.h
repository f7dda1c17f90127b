/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keyset - a set of short byte strings, each with a kind.
 *
 * Filled once, then only read, by any number of threads. Looking up
 * allocates nothing and takes a time that does not grow with the set. The
 * hash runs from the last byte to the first, so that all suffixes of a
 * domain are looked up in one pass over it.
 */
#ifndef TM_POLICY_KEYSET_H
#define TM_POLICY_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keyset_entry {
	char *data;		/* NULL: free */
	size_t len;
	uint64_t hash;
	uint8_t kind;
};

/* Zero-initialised is empty. */
struct keyset {
	struct keyset_entry *entries;
	size_t n;
	size_t size;		/* a power of two, or 0 */
};

/* Add a copy; adding a key twice changes nothing. False when out of
 * memory; the set is then unchanged. */
bool keyset_add(struct keyset *ks, uint8_t kind, const void *data,
    size_t len);
bool keyset_has(const struct keyset *ks, uint8_t kind, const void *data,
    size_t len);

/* True when the set holds a proper suffix of name that follows a dot: for
 * "a.b.example", "b.example" or "example". */
bool keyset_has_parent(const struct keyset *ks, uint8_t kind,
    const char *name);

void keyset_clear(struct keyset *ks);

#endif
