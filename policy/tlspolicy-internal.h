/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlspolicy-internal - what the files of tlspolicy share: tlspolicy.c
 * decides, tlspolicy-write.c writes what was decided.
 */
#ifndef TM_POLICY_TLSPOLICY_INTERNAL_H
#define TM_POLICY_TLSPOLICY_INTERNAL_H

#include "policy/tlspolicy.h"

/* What an answer is written from. */
struct tlspolicy_text {
	enum tls_level level;
	/* Names the certificate may have: of an override, else of a list
	 * or policy, separated by a space; NULL: none. */
	const struct tlspolicy_override *override;
	const char *patterns;
	int min_version;	/* as struct partner; 0: any */
	const char *domain;	/* of the next hop; "": none */
	const char *policy_text;	/* of MTA-STS, for TLSRPT; NULL: none */
};

/* Append the value. NULL, or why it cannot be sent, as a static sentence;
 * out may then hold anything. */
const char *tlspolicy_write(const struct tlspolicy_options *o,
    const struct tlspolicy_text *t, struct buf *out);

#endif
