/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * require - does a session's TLS meet what a rule requires?
 */
#ifndef TM_POLICY_REQUIRE_H
#define TM_POLICY_REQUIRE_H

#include "policy/verdict.h"

enum judged {
	JUDGED_MET,
	JUDGED_UNMET,
	JUDGED_UNKNOWN,		/* the MTA does not tell what decides it */
};

struct judgement {
	enum judged judged;
	enum unmet unmet;	/* UNMET_NOTHING if met */
	const char *what;	/* the requirement that decided; NULL if met */
};

/* Judge all of a rule's requirements: one that is not met outweighs one
 * that cannot be judged. TLS_UNKNOWN is never "not met". least is a version
 * a partner list asks for beside the rule, as tls_version_rank(), or 0. */
struct judgement require_judge(const struct rule *rule, int least,
    const struct tls_facts *tls);

/* True for the name of a requirement about the client certificate
 * ("verified", "cert_name" …). NULL is allowed. */
bool require_is_about_certificate(const char *what);

#endif
