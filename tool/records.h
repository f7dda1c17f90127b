/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records - what the cache holds, whoever has it open.
 *
 * Records are JSON objects as mtasts/cachejson.h makes them.
 */
#ifndef TM_TOOL_RECORDS_H
#define TM_TOOL_RECORDS_H

#include <jansson.h>

#include "tool/access.h"

enum records_result {
	RECORDS_FOUND,
	RECORDS_MISSING,
	RECORDS_ERROR,		/* complained about */
};

/* The record of a normalised domain; *record_r is then the caller's. */
enum records_result records_get(struct access *a, const char *domain,
    json_t **record_r);

/* Call fn with each record, policies first; with_text: the policy text is
 * wanted too. False after a complaint, or when fn returned false. */
typedef bool records_fn(void *arg, const json_t *record);
bool records_walk(struct access *a, bool with_text, records_fn *fn,
    void *arg);

/* A member that is a string, or NULL. */
const char *records_string(const json_t *record, const char *member);

/* True when the record is a policy that holds now. */
bool records_in_force(const json_t *record);

/* Append the strings of a list, separated by blanks. */
void records_add_list(const json_t *record, const char *member,
    struct buf *out);

#endif
