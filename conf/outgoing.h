/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outgoing - from the configuration and what is known of a next hop to the
 * answer an MTA gets about mail it sends there (design §8).
 *
 * Used by the socketmap and by `tlsmilter query`, so that both say the
 * same. Decides nothing by itself, that is policy/tlspolicy; says which
 * facts hold now, and what should be looked up. Pure functions of their
 * arguments; nothing is allocated but the output.
 */
#ifndef TM_CONF_OUTGOING_H
#define TM_CONF_OUTGOING_H

#include "conf/conf.h"
#include "mtasts/danerec.h"
#include "mtasts/fresh.h"
#include "policy/tlspolicy.h"

/* What is known; everything is borrowed. */
struct outgoing_known {
	const struct nexthop *hop;
	const struct partner *partner;	/* a list's; NULL: none has it */
	const struct record *rec;	/* of hop->domain; NULL: none */
	const struct danerec *dane;	/* of hop->text; NULL: none */
	int64_t now;			/* wall clock */
	bool dane_works;	/* or that is soon to be known */
	bool outage;		/* nobody is there to look anything up */
	/* The last result could not be kept, the next could not either. */
	bool sts_given_up, dane_given_up;
	/* Whoever asks waits no longer: what was known before counts, if it
	 * is not too old. */
	bool out_of_time;
};

struct outgoing_answer {
	struct tlspolicy_answer tls;
	/* What should be looked up, whatever the answer was. */
	bool learn_sts, learn_dane;
};

/* True when nothing that could be looked up changes the answer: then rec,
 * dane and what follows them need not be filled in. */
bool outgoing_is_fixed(const struct conf *conf, const struct nexthop *hop,
    const struct partner *partner);

/* Decide; the value is appended to out as by tlspolicy_decide(). */
void outgoing_decide(const struct conf *conf, enum tls_dialect dialect,
    const struct outgoing_known *k, struct buf *out,
    struct outgoing_answer *answer_r);

#endif
