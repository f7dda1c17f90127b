/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario - rules and facts from one line of text each, for tables.
 *
 * Rules: "NAME key=value …; NAME …" with the keys listener, client, from,
 * to, to_policy, from_policy, authenticated, requiretls, list (a, b …),
 * require, min_bits, deny, cert_name, fp, action, unknown, reply ("_" stands
 * for a blank), and the word downgrade.
 * Lists have commas.
 *
 * Facts: words such as "tls=TLSv1.3/AES/256", "tls=none", "tls=unknown"
 * (default none), "verify=ok", "subject=", "fp=", "client=", "client_name=",
 * "helo=", "port=", "name=", "from=" (<> is the null sender), "to=",
 * "to_policy=enforce,dane" or "unknown" or "waited" (default none), "ours",
 * "auth=user", "requiretls", "relay", "exempt", "non_smtp", "tlsrpt",
 * "fused", "observe", "exempt_from=", "exempt_to=", "exempt_auth",
 * "exempt_null", "listed=a:enforce:12" (version as a rank; enforce,
 * testing, no, unknown), "used_tls", "no_past". Without "to=" there is no recipient.
 */
#ifndef TM_TESTS_SCENARIO_H
#define TM_TESTS_SCENARIO_H

#include "mtasts/mtasts.h"
#include "policy/verdict.h"

struct scenario {
	struct ruleset rs;
	struct session_facts s;
	struct message_facts m;
	struct rcpt_facts r;
	bool has_rcpt;
	bool fused;
	/* what the facts point to */
	struct strv words;
	char from[300], to[300];
	char from_domain[MTASTS_DOMAIN_SIZE], to_domain[MTASTS_DOMAIN_SIZE];
};

/* Aborts with a message when the text is wrong: a table must be right. */
void scenario_read(struct scenario *sc, const char *rules,
    const char *facts);
void scenario_clear(struct scenario *sc);

/* Judge the scenario's recipient. */
void scenario_decide(const struct scenario *sc, rule_trace_fn *trace,
    void *arg, struct verdict *v_r);

#endif
