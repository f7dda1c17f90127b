/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlspolicy - which TLS level a next hop has promised (design §8).
 *
 * From what is known of a next hop to the answer an MTA understands: the
 * value of Postfix's smtp_tls_policy_maps (PF-TP) or of Sendmail's
 * FEATURE(sts) (PF-SM-13). Pure functions, safe from any thread; nothing
 * is allocated but the output.
 *
 * Any error in an answer makes Postfix defer all mail to that destination
 * (PF-TP-08), and whoever publishes a policy would like to write it. So no
 * text is ever copied from a policy: every token is checked and written
 * anew (PF-TP-21).
 */
#ifndef TM_POLICY_TLSPOLICY_H
#define TM_POLICY_TLSPOLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/nexthop.h"
#include "policy/socketmap.h"

struct buf;
struct partner;

/* ---- how to answer ----------------------------------------------------- */

/* Postfix's levels, weakest first (PF-TP-07). */
enum tls_level {
	TLS_LEVEL_NONE,
	TLS_LEVEL_MAY,
	TLS_LEVEL_ENCRYPT,
	TLS_LEVEL_DANE,
	TLS_LEVEL_DANE_ONLY,
	TLS_LEVEL_FINGERPRINT,
	TLS_LEVEL_VERIFY,
	TLS_LEVEL_SECURE,
};
const char *tls_level_name(enum tls_level level);
bool tls_level_parse(const char *name, enum tls_level *level_r);

/* What the client of a map understands; the map's name tells. */
enum tls_dialect {
	DIALECT_POSTFIX,	/* any name: as postfix.version says */
	DIALECT_QUERY,		/* "QUERY": DANE always, TLSRPT never */
	DIALECT_QUERY_TLSRPT,	/* "QUERYwithTLSRPT": both always */
	DIALECT_SENDMAIL,	/* "sts" */
};
enum tls_dialect tls_dialect_of(const char *map, size_t len);

/* A version of Postfix as a number that can be compared. */
#define POSTFIX_VERSION(major, minor) ((unsigned)((major) * 100 + (minor)))
/* Read "3.7", "3.10.5" or "3.11-20250101"; false when it is none. */
bool postfix_version_parse(const char *text, unsigned *version_r);

struct tlspolicy_options {
	enum tls_dialect dialect;
	unsigned version;	/* POSTFIX_VERSION() */
	bool dane;		/* postfix.dane */
	bool dane_works;	/* we validate, and the resolver Postfix uses
				 * returns AD: false: no DANE answer at all,
				 * and no mail waits for one */
	bool default_may;	/* postfix.default_level is "may" */
	bool outage_temp;	/* on_outage is "temp" */
};

/* True when `dane` of the facts below takes part in the answer: else
 * nobody needs to look for it. */
bool tlspolicy_wants_dane(const struct tlspolicy_options *o);

/* ---- what is known ----------------------------------------------------- */

/* `destination "NEXTHOP" { level = … match = … }`. */
struct tlspolicy_override {
	enum tls_level level;
	const char *const *match;
	size_t match_n;
};

/*
 * Why a level and its match list cannot stand in an answer, as a static
 * sentence; NULL if they can. match belongs to fingerprint, where it is
 * needed, verify and secure (PF-TP-10).
 */
const char *tlspolicy_override_check(const struct tlspolicy_override *ov);

enum tlspolicy_sts {
	STS_UNKNOWN,		/* the first lookup has not ended */
	STS_NO_POLICY,		/* none, a bad one, or it could not be had */
	STS_MODE_NONE,
	STS_MODE_TESTING,
	STS_MODE_ENFORCE,
};

enum tlspolicy_dane {
	DANE_FACT_UNKNOWN,	/* the first lookup has not ended */
	DANE_FACT_NONE,
	DANE_FACT_SOME,		/* not every MX host, unusable records, or
				 * an MX record that is not signed */
	DANE_FACT_ALL,
	DANE_FACT_ERROR,	/* it cannot be told: never "no DANE" */
};

/* Strings and pointers are borrowed. */
struct tlspolicy_facts {
	const struct nexthop *hop;
	const struct tlspolicy_override *override;	/* NULL: none */
	const struct partner *partner;	/* of a list, in force; NULL: none */
	bool hosted;		/* ours */
	bool null_mx;		/* RFC 7505: takes no mail */
	bool outage;		/* nobody has been there to look anything up
				 * for more than a minute */
	enum tlspolicy_sts sts;
	const char *patterns;	/* STS_MODE_ENFORCE: as struct record has
				 * them, separated by a space */
	const char *text;	/* the policy as published, for TLSRPT */
	enum tlspolicy_dane dane;
};

/* ---- the answer -------------------------------------------------------- */

enum tlspolicy_source {
	FROM_NOTHING,		/* nothing was promised, or is known */
	FROM_OVERRIDE,
	FROM_LIST,
	FROM_DANE,
	FROM_MTA_STS,
};

struct tlspolicy_answer {
	enum socketmap_status status;
	enum tlspolicy_source source;
	enum tls_level level;	/* SOCKETMAP_OK */
	bool waits;		/* SOCKETMAP_TEMP, only because the first
				 * lookup has not ended */
	const char *why;	/* a static text: what decided; the reason
				 * of SOCKETMAP_TEMP */
};

/*
 * Decide, and append the value to out, nothing unless the status is OK.
 * An answer too long for its client, or for out, is TEMP, never a shorter
 * list. Lines of the policy that do not fit are left out of the TLSRPT
 * attributes, the last ones first: nothing is enforced by them.
 */
void tlspolicy_decide(const struct tlspolicy_options *o,
    const struct tlspolicy_facts *f, struct buf *out,
    struct tlspolicy_answer *answer_r);

#endif
