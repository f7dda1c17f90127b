/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup - ask DNS and HTTPS without a daemon.
 */
#ifndef TM_TOOL_LOOKUP_H
#define TM_TOOL_LOOKUP_H

#include "mtasts/answer.h"
#include "mtasts/fresh.h"

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

/* The limits of the configuration. */
struct fresh_limits lookup_limits(const struct conf *conf);

#endif
