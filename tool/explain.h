/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain - a verdict with everything that led to it, and its printing.
 */
#ifndef TM_TOOL_EXPLAIN_H
#define TM_TOOL_EXPLAIN_H

#include "conf/conf.h"

struct explanation {
	const struct conf *conf;
	const struct session_facts *session;
	const struct message_facts *message;
	struct rcpt_facts rcpt;
	bool from_asked;	/* some rule wanted the sender's promise */
	bool to_asked;
	bool history_asked;	/* some rule wanted the sender's past */
	struct verdict verdict;
	struct rule_trace *rules;	/* how each rule fared */
	size_t rules_n;
};

/* A rule_trace_fn whose arg is a struct explanation. */
void explanation_add_rule(void *arg, const struct rule_trace *trace);

void explanation_print(const struct explanation *e);
void explanation_print_json(const struct explanation *e);
void explanation_clear(struct explanation *e);

#endif
