/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairs - what the history holds, whoever has it open.
 *
 * Pairs are JSON objects as audit/pairjson.h makes them.
 */
#ifndef TM_TOOL_PAIRS_H
#define TM_TOOL_PAIRS_H

#include <jansson.h>

#include "audit/pair.h"
#include "mtasts/mtasts.h"
#include "tool/access.h"

/* Which pairs are meant. */
struct pairs_wish {
	char domain[MTASTS_DOMAIN_SIZE];	/* normalised; "": any */
	char network[NETADDR_TEXT];	/* as pair_network(); "": any */
	bool downgraded;		/* only these */
	bool times;			/* with "tls_times" */
};

/* Read the domain and the network of a command line, NULL where there is
 * none; false after a complaint. */
bool pairs_take(const char *domain, const char *network,
    struct pairs_wish *wish);

/* After access_open(): where the files are ours, open that of the history.
 * One that does not exist is empty, and stays so. False after a complaint. */
bool pairs_open(struct tool *t, struct access *a, bool write);

/* Call fn with each pair that is meant. False after a complaint, or when fn
 * returned false. */
typedef bool pairs_fn(void *arg, const json_t *pair);
bool pairs_walk(struct tool *t, struct access *a,
    const struct pairs_wish *wish, pairs_fn *fn, void *arg);

#endif
