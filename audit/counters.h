/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters - what the daemon has done since it started.
 *
 * Atomic; any thread counts, `status` and metrics read. Counted at the
 * places where things are decided, once each.
 */
#ifndef TM_AUDIT_COUNTERS_H
#define TM_AUDIT_COUNTERS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

#include "policy/facts.h"
#include "policy/rule.h"

#define ACTIONS (ACTION_REJECT + 1)

struct counters {
	atomic_uint_fast64_t sessions;
	atomic_uint_fast64_t messages;		/* reached end of message */
	atomic_uint_fast64_t by_tls[3];		/* messages, by enum tls_state */
	atomic_uint_fast64_t recipients[ACTIONS];	/* verdicts, by action */
	atomic_uint_fast64_t would[ACTIONS];	/* … as would be without
						 * observe, relay, fuse */
	atomic_uint_fast64_t held;		/* messages quarantined */
	atomic_uint_fast64_t tagged;
	atomic_uint_fast64_t forged;		/* header fields removed */
	atomic_uint_fast64_t trouble;		/* callbacks that failed */
};

static inline void counter_add(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* A new JSON object with one number for each of ACTIONS counters; NULL when
 * out of memory. */
json_t *counters_by_action(const atomic_uint_fast64_t *counters);

/* A new JSON object with every counter by name. */
json_t *counters_json(const struct counters *c);

#endif
