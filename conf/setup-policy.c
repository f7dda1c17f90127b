/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What main.cf must say so that Postfix asks the policy service, and what of
 * a configuration cannot be done there (design §8).
 */
#include "config.h"

#include "conf/setup-internal.h"

#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WIDTH 78

/* ---- what it cannot do --------------------------------------------------- */

static bool wants_tag(const struct rule *r)
{
	return r->action == ACTION_TAG;
}

static bool wants_fact_about_rcpt(const struct rule *r)
{
	return r->to || r->to_policy;
}

static bool wants_requiretls(const struct rule *r)
{
	return r->requiretls == 1;
}

static bool wants_no_requiretls(const struct rule *r)
{
	return r->requiretls == 0;
}

static bool wants_certificate(const struct rule *r)
{
	return r->require == REQUIRE_VERIFIED || r->cert_name.n ||
	    r->cert_fingerprint.n;
}

static bool wants_learning(const struct rule *r)
{
	return r->history_downgrade;
}

static const struct {
	bool (*concerns)(const struct rule *r);
	const char *text;
} rule_limits[] = {
	{ wants_tag, "action = tag adds X-TLS-Policy and no "
	    "Authentication-Results, and nothing at END-OF-MESSAGE, where "
	    "Postfix adds no header field." },
	{ wants_fact_about_rcpt, "to and to_policy are skipped at DATA and "
	    "END-OF-MESSAGE if there are several recipients: Postfix names "
	    "none there." },
	{ wants_requiretls, "requiretls = yes never holds: Postfix does not "
	    "pass on the parameters of MAIL." },
	{ wants_no_requiretls, "requiretls = no always holds: Postfix does "
	    "not pass on the parameters of MAIL." },
	{ wants_certificate, "without a client certificate Postfix does not "
	    "say whether it asked for one: the fact is unavailable, and the "
	    "rule's unknown decides." },
	{ wants_learning, "history remembers accepted messages, so the policy "
	    "service must also be asked at END-OF-MESSAGE." },
};

static bool is_about_our_promise(const struct rule *r)
{
	return r->to_policy != 0;
}

static bool any_rule(const struct conf *c,
    bool (*concerns)(const struct rule *r))
{
	for (size_t i = 0; i < c->rules.n; i++)
		if (concerns(c->rules.rules[i]))
			return true;
	return false;
}

void setup_policy_limits(const struct conf *c, setup_limit_fn *fn, void *arg)
{
	for (size_t i = 0; i < c->rules.n; i++)
		for (size_t k = 0; k < COUNT(rule_limits); k++)
			if (rule_limits[k].concerns(c->rules.rules[i]))
				fn(arg, c->rules.rules[i]->name,
				    rule_limits[k].text);
	fn(arg, NULL, "Forged X-TLS-Policy and Authentication-Results fields "
	    "are not removed: no filter should believe x-tls in any.");
	if (c->authentication_results == AR_ALL)
		fn(arg, NULL, "authentication_results = all: no "
		    "Authentication-Results is added.");
	if (c->mx_names.n == 0 && any_rule(c, is_about_our_promise))
		fn(arg, NULL, "mx_names is empty, and Postfix does not say what "
		    "it calls itself: authserv_id stands in for it.");
}

/* ---- remarks ------------------------------------------------------------- */

/* Append text as remarks of at most 78 columns; lines after the first are
 * indented. */
static void add_wrapped(struct buf *out, const char *text)
{
	size_t column = 3;

	buf_adds(out, "# -");
	while (*text) {
		size_t len = strcspn(text, " ");

		if (column + 1 + len > WIDTH) {
			buf_adds(out, "\n#  ");
			column = 3;
		}
		buf_addc(out, ' ');
		buf_add(out, text, len);
		column += 1 + len;
		text += len + (text[len] == ' ');
	}
	buf_addc(out, '\n');
}

static void add_limit(void *arg, const char *rule, const char *text)
{
	struct buf whole;

	buf_init(&whole, 1000);
	if (rule)
		buf_addf(&whole, "rule \"%s\": ", rule);
	buf_adds(&whole, text);
	add_wrapped(arg, buf_str(&whole));
	buf_clear(&whole);
}

/* ---- main.cf ------------------------------------------------------------- */

/* A default action of its own, since the one of main.cf is for all policy
 * services. It answers within milliseconds: ten seconds mean that it hangs. */
static void add_check(const struct conf *c, struct buf *out)
{
	buf_adds(out, "check_policy_service { ");
	setup_add_socket(&c->policy_service.v[0], out);
	buf_addf(out, ", timeout=10s, default_action=%s }\n",
	    c->observe ? "DUNNO" : "DEFER_IF_PERMIT");
}

static void add_others(const struct conf *c, struct buf *out)
{
	if (c->policy_service.n < 2)
		return;
	buf_adds(out, "# Any of these will do as well:\n");
	for (size_t i = 1; i < c->policy_service.n; i++) {
		buf_adds(out, "#   ");
		setup_add_socket(&c->policy_service.v[i], out);
		buf_addc(out, '\n');
	}
}

static void add_service(const struct conf *c, struct buf *out)
{
	buf_adds(out,
	    "# 1. The policy service. If there are "
	    "smtpd_recipient_restrictions already, keep\n# them, and add "
	    "check_policy_service behind reject_unauth_destination. What\n"
	    "# something before it permits is not judged. Who may relay is "
	    "decided by\n# smtpd_relay_restrictions; their default is "
	    "right.\n");
	buf_adds(out, c->observe ?
	    "# mode = observe: if tlsmilterd is not running, mail flows as "
	    "without it.\n# Use default_action=DEFER_IF_PERMIT when you "
	    "enforce.\n" :
	    "# mode = enforce: if tlsmilterd is not running, mail is "
	    "deferred, not let\n# through.\n");
	setup_add_socket_advice(c, &c->policy_service.v[0],
	    "policy_service", "policy.sock", out);
	add_others(c, out);
	buf_adds(out, "smtpd_recipient_restrictions = ");
	add_check(c, out);
	buf_adds(out,
	    "# smtpd_policy_service_max_idle and _max_ttl can stay as they "
	    "are: below the\n# 1200 seconds after which an idle connection "
	    "is closed here.\n");
}

/* Asked at the end, it knows what was accepted. */
static void add_end(const struct conf *c, struct buf *out)
{
	bool needed = any_rule(c, wants_learning);

	buf_adds(out, needed ?
	    "\n# 3. A rule learns from messages that were accepted, which "
	    "is known only at\n# their end.\n" :
	    "\n# 3. With this line as well, tlsmilter status counts "
	    "messages and not only\n# recipients.\n");
	buf_addf(out, "%ssmtpd_end_of_data_restrictions = ",
	    needed ? "" : "#");
	add_check(c, out);
}

static void add_contexts(const struct conf *c, struct buf *out)
{
	struct strv names = { 0 };

	setup_service_names(c, &names);
	if (names.n)
		buf_adds(out,
		    "\n# 4. Rules or listener sections name services. Give "
		    "each its name in\n# master.cf, below the line of its "
		    "smtpd (Postfix 3.1 and later); a port\n# number needs "
		    "nothing.\n");
	for (size_t i = 0; i < names.n; i++)
		buf_addf(out,
		    "#   -o smtpd_policy_service_policy_context=%s\n",
		    names.v[i]);
	strv_clear(&names);
}

static size_t hex_digits(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s != ':';
	return n;
}

/* Postfix makes one kind of fingerprint; the first in the rules tells which
 * by its length. */
static void add_fingerprint_digest(const struct conf *c, struct buf *out)
{
	static const struct {
		size_t digits;
		const char *name;
	} digests[] = {
		{ 32, "md5" }, { 40, "sha1" }, { 64, "sha256" },
		{ 96, "sha384" }, { 128, "sha512" },
	};
	const struct strv *first = NULL;

	for (size_t i = 0; i < c->rules.n && !first; i++)
		if (c->rules.rules[i]->cert_fingerprint.n)
			first = &c->rules.rules[i]->cert_fingerprint;
	for (size_t i = 0; first && i < sizeof(digests) / sizeof(digests[0]);
	    i++)
		if (hex_digits(first->v[0]) == digests[i].digits)
			buf_addf(out, "# The fingerprints in the rules are of "
			    "this kind.\n"
			    "smtpd_tls_fingerprint_digest = %s\n",
			    digests[i].name);
}

bool setup_postfix_policy(const struct conf *c, struct buf *out)
{
	buf_addf(out, "# Postfix main.cf for tlsmilter's policy service, made "
	    "from\n# %s.\n# Postfix 3.2 or later. Nothing has been changed on "
	    "this system.\n\n", c->file);
	if (!c->policy_service.n) {
		const struct endpoint none = { .kind = ENDPOINT_INET };

		buf_adds(out, "# There is no policy service: policy_service "
		    "is empty.\n");
		setup_add_socket_advice(c, &none, "policy_service",
		    "policy.sock", out);
		return false;
	}
	add_service(c, out);
	setup_add_tls(c, out);
	add_fingerprint_digest(c, out);
	add_end(c, out);
	add_contexts(c, out);
	buf_adds(out, "\n# What the policy service cannot do, as opposed to "
	    "the milter:\n");
	setup_policy_limits(c, add_limit, out);
	buf_adds(out,
	    "\n# Then: postfix reload; send a message; tlsmilter status\n");
	return true;
}
