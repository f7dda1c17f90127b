/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup - ask DNS and HTTPS without a daemon.
 */
#ifndef TM_TOOL_LOOKUP_H
#define TM_TOOL_LOOKUP_H

#include "mtasts/answer.h"
#include "mtasts/danerec.h"
#include "mtasts/fresh.h"
#include "policy/nexthop.h"

struct conf;

struct lookup {
	const char *domain;	/* normalised */
	const char *held_id;	/* "" if nothing is held */
	bool refetch;
};

/* Called once for each lookup, in the order in which they end; the answer
 * lives until it returns. */
typedef void lookup_fn(void *arg, size_t index, const struct answer *answer);

/* Do all lookups, several at a time. False after a complaint. */
bool lookup_run(const struct conf *conf, const struct lookup *lookups,
    size_t n, lookup_fn *fn, void *arg);

/* The same for DANE of next hops that have a domain. */
typedef void lookup_dane_fn(void *arg, size_t index,
    const struct danerec *rec);
bool lookup_dane(const struct conf *conf, const struct nexthop *const *hops,
    size_t n, lookup_dane_fn *fn, void *arg);

/* A context as the configuration says; NULL after a complaint. */
struct mtasts_ctx;
struct mtasts_ctx *lookup_context(const struct conf *conf);

/* The limits of the configuration. */
struct fresh_limits lookup_limits(const struct conf *conf);

#endif
