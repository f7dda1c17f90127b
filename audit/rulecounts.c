/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/rulecounts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit/counters.h"

struct rule_counts {
	struct rule_counts *next;
	atomic_uint_fast64_t outcomes[RULE_ENDS + 1];
	atomic_uint_fast64_t decided[ACTIONS];
	atomic_uint_fast64_t would[ACTIONS];
	char name[];
};

struct rulecounts {
	pthread_mutex_t lock;
	struct rule_counts *first;
};

struct rulecounts *rulecounts_new(void)
{
	struct rulecounts *t = calloc(1, sizeof(*t));

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

void rulecounts_free(struct rulecounts *t)
{
	if (!t)
		return;
	while (t->first) {
		struct rule_counts *c = t->first;

		t->first = c->next;
		free(c);
	}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Find the counters of that name, or make them. Called with the lock. */
static struct rule_counts *counts_of(struct rulecounts *t, const char *name)
{
	size_t size = strlen(name) + 1;
	struct rule_counts *c;

	for (c = t->first; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	memcpy(c->name, name, size);
	c->next = t->first;
	t->first = c;
	return c;
}

bool rulecounts_bind(struct rulecounts *t, const struct ruleset *rs)
{
	bool all = true;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < rs->n; i++) {
		rs->rules[i]->counts = counts_of(t, rs->rules[i]->name);
		all = all && rs->rules[i]->counts;
	}
	pthread_mutex_unlock(&t->lock);
	return all;
}

void rulecounts_count_rule(void *arg, const struct rule_trace *trace)
{
	struct rule_counts *c = trace->rule->counts;

	(void)arg;
	if (c)
		counter_add(&c->outcomes[trace->outcome], 1);
}

void rulecounts_count_verdict(const struct verdict *v)
{
	struct rule_counts *c = v->rule ? v->rule->counts : NULL;

	if (!c)
		return;
	counter_add(&c->decided[v->action], 1);
	counter_add(&c->would[v->would], 1);
}

static json_int_t sum(const struct rule_counts *c, enum rule_outcome from,
    enum rule_outcome to)
{
	uint64_t n = 0;

	for (enum rule_outcome o = from; c && o <= to; o++)
		n += atomic_load_explicit(&c->outcomes[o],
		    memory_order_relaxed);
	return (json_int_t)n;
}

static json_t *rule_json(const struct rule *rule)
{
	static const atomic_uint_fast64_t none[ACTIONS];
	const struct rule_counts *c = rule->counts;

	/* a failed part is NULL, and json_pack() then frees the others */
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}",
	    "name", rule->name, "action", action_name(rule->action),
	    "matched", sum(c, RULE_MET, RULE_ENDS),
	    "met", sum(c, RULE_MET, RULE_MET) + sum(c, RULE_ENDS, RULE_ENDS),
	    "unmet", sum(c, RULE_UNMET, RULE_UNMET),
	    "unknown", sum(c, RULE_UNKNOWN_MET, RULE_UNKNOWN_DEFER),
	    "decided", counters_by_action(c ? c->decided : none),
	    "would", counters_by_action(c ? c->would : none));
}

json_t *rulecounts_json(const struct ruleset *rs)
{
	json_t *all = json_array();

	for (size_t i = 0; i < rs->n; i++)
		if (json_array_append_new(all, rule_json(rs->rules[i])) != 0) {
			json_decref(all);
			return NULL;
		}
	return all;
}
