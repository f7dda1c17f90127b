/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory-internal - shared by memory.c, which keeps the note, and
 * memory-compare.c, which says what has changed.
 */
#ifndef TM_CHECK_MEMORY_INTERNAL_H
#define TM_CHECK_MEMORY_INTERNAL_H

#include <jansson.h>

#include "check/memory.h"

/* Certificates of one address that are remembered. */
#define MEMORY_CERTIFICATES 8

struct memory {
	json_t *note;
	bool known;		/* the target was checked before */
};

/* NULL: nothing is remembered. */
json_t *memory_host(const struct memory *m, const char *host);
json_t *memory_address(const struct memory *m, const char *host,
    const struct netaddr *addr);

enum check_answer memory_offered(const struct address_facts *a);
/* NULL: no TLS. */
const struct probe_tls *memory_tls(const struct address_facts *a);

/* ["10 mx1.example.com", …]; false when out of memory. */
bool memory_mx(const struct check_facts *f, json_t **list_r);

#endif
