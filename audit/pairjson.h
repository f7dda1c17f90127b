/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairjson - a pair as `tlsmilter history' and the control socket show it.
 */
#ifndef TM_AUDIT_PAIRJSON_H
#define TM_AUDIT_PAIRJSON_H

#include <jansson.h>

#include "audit/pair.h"

#define PAIRJSON_SCHEMA "tlsmilter/history-1"

/* An object with names, times and counts, and what follows from them under
 * these limits; with_times: "tls_times" too. NULL when out of memory. */
json_t *pairjson_from_pair(const char *domain, const char *network,
    const struct pair *p, const struct pair_limits *limits, int64_t now,
    bool with_times);

/* The facts of an object that has "tls_times", under other limits. */
void pairjson_facts(const json_t *object, const struct pair_limits *limits,
    int64_t now, struct history_facts *facts_r);

#endif
