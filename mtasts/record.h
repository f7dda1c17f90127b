/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - what is remembered of one domain.
 *
 * The packed form is the value in the cache: a version byte, numbers, then
 * strings with their NUL, so that record_read() gives a view into mapped
 * memory without allocation. A version it does not know is refused; the
 * domain is then learnt again, never trusted.
 */
#ifndef TM_MTASTS_RECORD_H
#define TM_MTASTS_RECORD_H

#include "mtasts/mtasts.h"

struct buf;

/* As ANSWER_MAX_PACKED. */
#define RECORD_MAX_PACKED (MTASTS_POLICY_SIZE + 131072)

enum record_kind {
	RECORD_NEGATIVE,	/* no policy, as far as the last lookup saw */
	RECORD_POLICY,		/* a policy, in force until expires */
};

/* All times are wall-clock seconds; 0 means "never happened". They are
 * stored in 32 bits without sign, so that later than 2106 becomes that. */
struct record {
	enum record_kind kind;
	enum mtasts_mode mode;		/* RECORD_POLICY */
	enum mtasts_error error;	/* of the last lookup */
	bool secure;			/* TXT answer was DNSSEC-secure */
	bool imported;			/* came in by "cache import" */
	bool mx_known;
	bool null_mx;
	uint32_t max_age;
	int64_t fetched;	/* last successful HTTPS fetch (STS-C-01) */
	int64_t expires;	/* fetched + max_age; negative: end of life */
	int64_t checked;	/* last time the id was looked at */
	int64_t check_after;	/* the id's DNS answer holds until then */
	int64_t refetch_after;	/* daily refresh is due then */
	int64_t retry_after;	/* after a failed fetch: not before then */
	int64_t used;		/* last use, to the day */
	const char *id;		/* id the policy was fetched under */
	const char *failed_id;	/* id whose fetch failed last, "" if none */
	const char *patterns;	/* space-separated, as in struct answer */
	const char *mx;		/* MX host names, space-separated */
	const char *rua;	/* TLSRPT mailboxes, space-separated */
	const char *text;	/* the policy as published */
};

/* Append the packed form; a NULL string counts as "". */
void record_pack(const struct record *rec, struct buf *out);

/* Point *rec_r into data; false when it is damaged or of another version. */
bool record_read(const void *data, size_t len, struct record *rec_r);

/* True when a space-separated list holds the name, without case. */
bool record_list_has(const char *list, const char *name);

/* True when an MX host matches one of the record's patterns (§4.1). */
bool record_matches(const struct record *rec, const char *host);

#endif
