/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reason - a verdict in one clean ASCII phrase, for administrators.
 *
 * Nothing a peer wrote gets into it but validated domain names.
 */
#ifndef TM_POLICY_REASON_H
#define TM_POLICY_REASON_H

#include "policy/verdict.h"

/* What evaluation saw besides what the verdict holds. */
struct reason_tally {
	const struct rule *ended;	/* exception that ended it, or NULL */
	const struct rule *unknown;	/* first counted as met, or NULL */
	const char *unknown_what;	/* and what was not known about it */
	unsigned met;			/* rules that were met */
};

/* Fill in v->reason from the rest of the verdict. */
void reason_write(struct verdict *v, const struct tls_facts *tls,
    const struct reason_tally *tally);

/* True for what a lookup is to tell ("to_policy", "list" …), as opposed to a
 * fact of the session that the MTA does not supply. NULL is allowed. */
bool reason_is_lookup(const char *what);

#endif
