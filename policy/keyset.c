/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/keyset.h"

#include "util/str.h"

/* FNV-1a, 64 bits. The keys in a set are the administrator's, so a hash
 * without a secret is enough: a peer cannot make the chains longer. */
#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u

static uint64_t hash_step(uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * HASH_PRIME;
}

static uint64_t hash_of(const char *data, size_t len)
{
	uint64_t hash = HASH_START;

	while (len > 0)
		hash = hash_step(hash, data[--len]);
	return hash;
}

static bool is_entry(const struct keyset_entry *e, uint8_t kind,
    uint64_t hash, const char *data, size_t len)
{
	return e->hash == hash && e->kind == kind && e->len == len &&
	    memcmp(e->data, data, len) == 0;
}

/* Return the entry of a key, or the free one where it belongs. The set is
 * never full, so a free entry ends every chain. */
static struct keyset_entry *find(const struct keyset *ks, uint8_t kind,
    uint64_t hash, const char *data, size_t len)
{
	size_t i = (size_t)(hash ^ hash >> 32 ^ kind) & (ks->size - 1);

	while (ks->entries[i].data &&
	    !is_entry(&ks->entries[i], kind, hash, data, len))
		i = (i + 1) & (ks->size - 1);
	return &ks->entries[i];
}

static bool grow(struct keyset *ks)
{
	struct keyset bigger = { NULL, ks->n, ks->size ? ks->size * 2 : 16 };

	bigger.entries = calloc(bigger.size, sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (size_t i = 0; i < ks->size; i++) {
		struct keyset_entry *e = &ks->entries[i];

		if (e->data)
			*find(&bigger, e->kind, e->hash, e->data, e->len) =
			    *e;
	}
	free(ks->entries);
	*ks = bigger;
	return true;
}

bool keyset_add(struct keyset *ks, uint8_t kind, const void *data,
    size_t len)
{
	uint64_t hash = hash_of(data, len);
	struct keyset_entry *e;
	char *copy;

	if ((ks->n + 1) * 2 > ks->size && !grow(ks))
		return false;
	e = find(ks, kind, hash, data, len);
	if (e->data)
		return true;
	copy = malloc(len + 1);
	if (!copy)
		return false;
	memcpy(copy, data, len);
	copy[len] = '\0';
	*e = (struct keyset_entry){ copy, len, hash, kind };
	ks->n++;
	return true;
}

static bool has_hash(const struct keyset *ks, uint8_t kind, uint64_t hash,
    const char *data, size_t len)
{
	return ks->n > 0 && find(ks, kind, hash, data, len)->data;
}

bool keyset_has(const struct keyset *ks, uint8_t kind, const void *data,
    size_t len)
{
	return has_hash(ks, kind, hash_of(data, len), data, len);
}

bool keyset_has_parent(const struct keyset *ks, uint8_t kind,
    const char *name)
{
	uint64_t hash = HASH_START;
	size_t len = strlen(name);

	for (size_t i = len; ks->n > 0 && i > 1; i--) {
		hash = hash_step(hash, name[i - 1]);
		if (name[i - 2] == '.' &&
		    has_hash(ks, kind, hash, name + i - 1, len - i + 1))
			return true;
	}
	return false;
}

void keyset_clear(struct keyset *ks)
{
	for (size_t i = 0; i < ks->size; i++)
		free(ks->entries[i].data);
	free(ks->entries);
	*ks = (struct keyset){ 0 };
}
