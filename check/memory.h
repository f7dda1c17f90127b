/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory - what earlier checks of a target saw.
 *
 * Pure functions on one note for each target, a JSON text of at most
 * MEMORY_NOTE_MAX bytes, which whoever keeps it need not understand; notes of
 * another version, or damaged ones, count as none. memorystore.h keeps
 * them in a file.
 */
#ifndef TM_CHECK_MEMORY_H
#define TM_CHECK_MEMORY_H

#include "check/facts.h"
#include "check/finding.h"

struct buf;

#define MEMORY_NOTE_MAX 65536

struct memory;

/* Read a note; text NULL or damaged: nothing is remembered. NULL when out
 * of memory. */
struct memory *memory_read(const char *text, size_t len);
void memory_free(struct memory *m);

/* How often, of how many checks that could tell, STARTTLS was offered by an
 * address or, if addr is NULL, any address of the host. */
struct memory_starttls {
	unsigned offered;
	unsigned told;
	int64_t last_offered;	/* 0: never */
	int64_t missing_since;	/* 0: not missing at the last check */
	int64_t last_check;
};
void memory_starttls(const struct memory *m, const char *host,
    const struct netaddr *addr, struct memory_starttls *s_r);

/* Add what has changed since: certificates, policies, TLSA, MX. */
void memory_compare(const struct memory *m, const struct check_facts *f,
    struct findings *out);

/* Take in what was seen now, and append the new note. What could not be told
 * leaves what is remembered as it was. False when out of memory. */
bool memory_update(struct memory *m, const struct check_facts *f,
    struct buf *note);

#endif
