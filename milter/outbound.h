/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outbound - what the daemon knows of a next hop, and what it answers.
 *
 * Gathers what configuration, partner lists and cache say, for the socketmap
 * and the control socket. Never waits; any thread.
 */
#ifndef TM_MILTER_OUTBOUND_H
#define TM_MILTER_OUTBOUND_H

#include "conf/outgoing.h"

struct services;

struct outbound_question {
	const struct conf *conf;
	const struct nexthop *hop;
	enum tls_dialect dialect;
	bool wanted;		/* what was to be learnt has been wanted: see
				 * whether that was in vain */
	bool out_of_time;	/* as in struct outgoing_known */
	bool complete;		/* all that is known, even if nothing of it
				 * changes the answer */
};

/* Call fn with all that is known, which is valid during the call only; list
 * is the name of the list that `partner` is from, NULL: none. */
typedef void outbound_view_fn(void *arg, const struct outgoing_known *known,
    const char *list);
void outbound_view(struct services *s, const struct outbound_question *q,
    outbound_view_fn *fn, void *arg);

/* Answer; the value is appended to out as by tlspolicy_decide(). */
void outbound_answer(struct services *s, const struct outbound_question *q,
    struct buf *out, struct outgoing_answer *answer_r);

/* Have looked up what an answer said should be. */
void outbound_learn(struct services *s, const struct nexthop *hop,
    const struct outgoing_answer *answer);

#endif
