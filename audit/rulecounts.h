/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rulecounts - how each rule fared since the daemon started.
 *
 * Counted by name, so that a reload loses nothing of the rules that stay.
 * The counters are atomic; binding rules to them and reading them takes a
 * lock, counting does not.
 */
#ifndef TM_AUDIT_RULECOUNTS_H
#define TM_AUDIT_RULECOUNTS_H

#include <jansson.h>
#include <stdbool.h>

#include "policy/verdict.h"

struct rulecounts;

/* NULL when out of memory. There is no limit but that of the configuration:
 * names are the administrator's. */
struct rulecounts *rulecounts_new(void);
void rulecounts_free(struct rulecounts *t);

/* Let each rule know its counters; the table must outlive the rules' use.
 * Without memory for a new one a rule is not counted, and false returned. */
bool rulecounts_bind(struct rulecounts *t, const struct ruleset *rs);

/* A rule_trace_fn: one rule was tried; arg is not used. */
void rulecounts_count_rule(void *arg, const struct rule_trace *trace);

/* A recipient was judged: count it for the rule that decided. */
void rulecounts_count_verdict(const struct verdict *v);

/*
 * A new array with an object for each rule in order: name, action, how often
 * it matched, was met, not met, or could not be judged (recipients), and by
 * action what it decided and would have decided without observe mode, relay
 * or fuse.
 */
json_t *rulecounts_json(const struct ruleset *rs);

#endif
