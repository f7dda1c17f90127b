/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fresh - when a remembered policy holds, and when to look again.
 *
 * Pure functions of a record, an event and the time, used by the daemon's
 * store thread and by the tool alike (RFC 8461 §3.3, §5.1, §10.2; STS-C).
 * A clock that jumped back never ends a policy early: a record from the
 * future holds, and a refresh is due at once (STS-C-13).
 */
#ifndef TM_MTASTS_FRESH_H
#define TM_MTASTS_FRESH_H

#include "mtasts/answer.h"
#include "mtasts/record.h"

/* What a record says now. */
enum standing {
	STANDING_UNKNOWN,	/* never looked up, or too long ago */
	STANDING_NO_POLICY,
	STANDING_POLICY,	/* rec->mode is in force */
};

struct fresh_limits {
	int64_t min_refresh;	/* least time until a policy is refetched,
				 * unless it would expire; a new id is
				 * fetched at once */
	int64_t max_negative;	/* longest life of a negative record */
};

/*
 * rec may be NULL: nothing is held. A policy stands until it expires, and
 * at least the ten seconds that the delivery it was fetched for needs:
 * max_age may be 0 (STS-P-10). In the minutes after a failed fetch a domain
 * without policy has none; that is not unknown.
 */
enum standing fresh_standing(const struct record *rec, int64_t now);

/*
 * What is due. A record in use is checked (TXT) when check_after is past.
 * A policy is refetched, in use or not, when refetch_after is past, but not
 * before retry_after. What stands no more is to be checked.
 */
enum fresh_due { FRESH_NOTHING, FRESH_CHECK, FRESH_REFETCH };
enum fresh_due fresh_due(const struct record *rec, int64_t now);

/*
 * Set held_id and refetch of a question about the record. Until retry_after
 * held_id is the id whose fetch failed, so that nothing but a new id makes
 * the resolver fetch again (RFC 8461 §3.3). The string is the record's.
 */
void fresh_ask(const struct record *rec, int64_t now, struct ask *ask);

/* The next time fresh_due() can answer something else; INT64_MAX: never. */
int64_t fresh_next(const struct record *rec, int64_t now);

/*
 * Work an answer into what is held (old may be NULL) and describe the new
 * record; its strings point into old and into the answer. A failed or
 * absent answer never removes an unexpired policy (STS-C-04, STS-T-15);
 * mode none replaces at once (STS-C-11). Changes the caller should log are
 * returned as a set of FRESH_LOG_* bits.
 */
enum {
	FRESH_LOG_NEW = 1,		/* first policy of this domain */
	FRESH_LOG_CHANGED = 2,		/* mode or patterns changed */
	FRESH_LOG_REFRESH_FAILED = 4,	/* policy kept, refresh failed; not
					 * for mode none (STS-C-08) */
	FRESH_LOG_EXPIRING = 8,		/* … and less than a fifth of max_age
					 * is left */
	FRESH_LOG_LOST = 16,		/* policy expired, nothing replaced it */
};
unsigned fresh_apply(const struct record *old, const struct answer *answer,
    const struct fresh_limits *limits, int64_t now, struct record *new_r);

#endif
