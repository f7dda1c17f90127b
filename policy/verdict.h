/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict - from facts and rules to a decision with its reason.
 *
 * Pure: the same facts and rules give the same verdict, whichever door
 * asks (milter, policy service, explain). Design §5 "Evaluation".
 */
#ifndef TM_POLICY_VERDICT_H
#define TM_POLICY_VERDICT_H

#include <stddef.h>

#include "policy/facts.h"
#include "policy/rule.h"

/* Everything a verdict needs besides facts; part of the configuration. */
struct ruleset {
	bool observe;		/* mode = observe */
	struct rule **rules;
	size_t n;
	struct addr_set *exempt_from;
	struct addr_set *exempt_to;
	bool exempt_authenticated;
	bool exempt_null_sender;
};

/* What about the requirement was not met; decides the reply's code. */
enum unmet {
	UNMET_NOTHING,
	UNMET_PLAINTEXT,	/* 5.7.10 */
	UNMET_WEAK,		/* version, bits, cipher: 5.7.5 */
	UNMET_CERTIFICATE,	/* verified, cert_name, fingerprint: 5.7.1 */
	UNMET_UNKNOWN,		/* promise or fact not known yet: 4.7.10 */
};
/* "plaintext", "weak", "certificate", "unknown"; "nothing". */
const char *unmet_name(enum unmet u);

/* Why nothing was evaluated, if so. */
enum exemption {
	EXEMPT_NOT,
	EXEMPT_CLIENT,
	EXEMPT_NON_SMTP,
	EXEMPT_AUTHENTICATED,
	EXEMPT_NULL_SENDER,
	EXEMPT_FROM,
	EXEMPT_TO,
	EXEMPT_TLSRPT,
};
const char *exemption_name(enum exemption e);

/* What it points to belongs to the rules and the facts. */
struct verdict {
	enum action action;	/* what to do */
	enum action would;	/* what would be done without observe mode,
				 * relay or fuse; equal to action otherwise */
	const struct rule *rule;	/* the deciding rule; NULL if none */
	enum unmet unmet;
	const char *unmet_what;	/* "tls", "tls1.2", "min_bits" …, with
				 * UNMET_UNKNOWN also "to_policy" or
				 * "from_policy"; NULL if nothing is unmet */
	enum exemption exempt;
	bool relayed;		/* capped because the client is a relay */
	bool fused;		/* softened by the fuse */
	const char *policy_domain;	/* whose mail the rule is about:
					 * to_domain or from_domain, or NULL */
	bool about_sender;	/* policy_domain is from_domain */
	unsigned promise;	/* the PROMISE_* bit that made the rule match */
	char reason[160];	/* clean ASCII: `plaintext; rule "bank" requires
				 * tls1.2` */
};

/* How each rule fared, for explain. */
enum rule_outcome {
	RULE_NO_MATCH,		/* condition names the first that failed */
	RULE_MET,
	RULE_UNMET,
	RULE_UNKNOWN_MET,	/* not known, counted as met */
	RULE_UNKNOWN_DEFER,
	RULE_ENDS,		/* require = none matched: evaluation ends */
};

struct rule_trace {
	const struct rule *rule;
	enum rule_outcome outcome;
	const char *condition;	/* "to_policy", "client" …: what failed, or
				 * is not known yet; NULL if matched */
	enum unmet unmet;
	const char *unmet_what;	/* "tls", "tls1.2", "min_bits" …; or NULL */
	enum action noted;	/* what the rule asks for now, which is milder
				 * than its action where a list only tries a
				 * domain out; ACTION_ACCEPT: nothing */
};

/* Called for each rule tried, in order; may be NULL. */
typedef void rule_trace_fn(void *arg, const struct rule_trace *t);

/*
 * Judge one recipient. fused: the fuse is blown for this listener, so
 * reject and quarantine become defer (design §10). rcpt may be NULL when
 * there is no recipient yet: rules with `to` or to_policy then do not match.
 */
void verdict_decide(const struct ruleset *rs, const struct session_facts *s,
    const struct message_facts *m, const struct rcpt_facts *r, bool fused,
    rule_trace_fn *trace, void *arg, struct verdict *v_r);

/* The TLS version's rank: 3 for SSLv3, 10 for TLSv1 … 13 for TLSv1.3, 0
 * if the text is no version we know. */
int tls_version_rank(const char *version);

/* True when facts about a relay, exempt client, authenticated session or
 * null sender keep rules about promises from matching. */
bool verdict_promises_apply(const struct session_facts *s,
    const struct message_facts *m);

#endif
