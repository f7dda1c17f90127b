/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ar - Authentication-Results (RFC 8601): which fields are forged, and ours.
 *
 * Field values are a stranger's text of any length. The scanner is linear,
 * keeps no more than one name, and in doubt about a field that names our id
 * says "forged" (AR-06, AR-09).
 */
#ifndef TM_POLICY_AR_H
#define TM_POLICY_AR_H

#include "policy/verdict.h"

struct buf;

/* What to strip under our own id (`strip_ar`). */
enum strip_ar {
	STRIP_AR_OWN,	/* fields that hold an x-tls result */
	STRIP_AR_ALL,	/* every field under our id */
};

/* True for the field names we look at: "Authentication-Results" and
 * "X-TLS-Policy", without case and without blanks at their end. */
bool ar_is_ar_field(const char *name);
bool ar_is_tag_field(const char *name);

/*
 * True when an Authentication-Results value claims authserv_id (compared
 * after comments, quoting, case, folding, a trailing dot and IDN are taken
 * away) and must go: with STRIP_AR_OWN only if it holds an x-tls method, or
 * if its quotes or comments never end. What OpenDKIM and OpenDMARC write
 * under the same id stays then.
 */
bool ar_is_forged(const char *value, const char *authserv_id,
    enum strip_ar what);

/* Append the value of our Authentication-Results field: "ID; x-tls=pass
 * smtp.version=TLSv1.3 …", "ID; x-tls=none", "ID; x-tls=neutral" if TLS
 * cannot be told, or, from action tag on, "ID; x-tls=fail policy.rule=…".
 * Never a recipient's address; folded with "\n\t". */
void ar_format(struct buf *out, const char *authserv_id,
    const struct tls_facts *tls, const struct verdict *v);

/* Append the value of X-TLS-Policy for a tagged message: "fail rule=bank
 * unmet=plaintext required=tls". */
void ar_format_tag(struct buf *out, const struct tls_facts *tls,
    const struct verdict *v);

#endif
