/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query - what the files of the command `query` share: query.c asks the
 * daemon, query-live.c does without one, query-print.c answers.
 */
#ifndef TM_TOOL_QUERY_H
#define TM_TOOL_QUERY_H

#include <jansson.h>

#include "policy/nexthop.h"
#include "tool/access.h"

/* One next hop and what became of it. */
struct queried {
	struct nexthop hop;
	json_t *record;		/* NULL: nothing is known of its domain */
	json_t *outgoing;	/* of conf/outgoingjson.h; NULL: failed */
	json_t *dnssec;		/* what the daemon says of it, or NULL */
	bool live;		/* looked up for us */
	bool failed;		/* complained about */
};

/* Fill in all without a daemon: from its cache, as far as access has it,
 * else from the network. Closes access. False after a complaint. */
bool query_live(struct tool *t, struct access *access, struct queried *v,
    size_t n);

void query_print(const struct tool *t, const struct queried *q);
enum status query_status(const struct queried *q);

#endif
