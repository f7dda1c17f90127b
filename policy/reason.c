/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/reason.h"

#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* So much of a rule's name and of a domain is shown. */
#define NAME_MAX_SHOWN 30
#define DOMAIN_MAX_SHOWN 50

static const char *const exempt_reasons[] = {
	[EXEMPT_NOT] = "not exempt",
	[EXEMPT_CLIENT] = "client is exempt",
	[EXEMPT_NON_SMTP] = "not received by SMTP",
	[EXEMPT_AUTHENTICATED] = "authenticated clients are exempt",
	[EXEMPT_NULL_SENDER] = "the null sender is exempt",
	[EXEMPT_FROM] = "sender is exempt",
	[EXEMPT_TO] = "recipient is exempt",
	[EXEMPT_TLSRPT] = "recipient is for TLS reports",
};

#define NO_CERTIFICATE "no client certificate"
#define NOT_TRUSTED "client certificate is not trusted"

/* What is wrong with a session, by the requirement it does not meet. */
static const struct {
	const char *what;
	const char *text;
} shortcomings[] = {
	{ "tls", "plaintext" },
	{ "deny_cipher", "this cipher is denied" },
	{ "verified", NOT_TRUSTED },
	{ "cert_name", "client certificate has another name" },
	{ "cert_fingerprint", "client certificate is another one" },
};

/* What is not known because a lookup has not ended; any other fact that is
 * not known is one the MTA does not supply. */
static const char *const lookups[] = { "to_policy", "from_policy", "list" };

bool reason_is_lookup(const char *what)
{
	for (size_t i = 0; what && i < COUNT(lookups); i++)
		if (strcmp(what, lookups[i]) == 0)
			return true;
	return false;
}

/* Why it is not known. */
static const char *not_known(const char *what)
{
	return reason_is_lookup(what) ? "is not known yet" :
	    "cannot be checked";
}

/* A set of one PROMISE_* bit as it is written in the configuration. */
static const char *const promise_names[] = {
	[PROMISE_NONE] = "none",
	[PROMISE_TESTING] = "testing",
	[PROMISE_ENFORCE] = "enforce",
	[PROMISE_DANE] = "dane",
};

/* What is wrong before a certificate's name or fingerprint matters; NULL if
 * nothing. A pinned certificate need not be trusted. */
static const char *certificate_trouble(const struct verdict *v,
    const struct tls_facts *tls)
{
	bool pinned = strcmp(v->unmet_what, "cert_fingerprint") == 0;

	if (v->unmet != UNMET_CERTIFICATE)
		return NULL;
	if (tls->verify == VERIFY_NONE ||
	    (pinned && tls->cert_fingerprint && !*tls->cert_fingerprint))
		return NO_CERTIFICATE;
	return tls->verify == VERIFY_FAILED && !pinned ? NOT_TRUSTED : NULL;
}

/* Describe the session where it falls short of v->unmet_what. */
static void write_shortcoming(const struct verdict *v,
    const struct tls_facts *tls, char *out, size_t size)
{
	static const char *const versions[] = {
		[2] = "SSLv2", [3] = "SSLv3", [10] = "TLSv1",
		[11] = "TLSv1.1", [12] = "TLSv1.2", [13] = "TLSv1.3",
	};
	const char *text = versions[tls_version_rank(tls->version)];
	const char *trouble = certificate_trouble(v, tls);

	for (size_t i = 0; i < COUNT(shortcomings); i++)
		if (strcmp(v->unmet_what, shortcomings[i].what) == 0)
			text = shortcomings[i].text;
	if (strcmp(v->unmet_what, "min_bits") == 0)
		snprintf(out, size, "%d bits", tls->bits);
	else
		snprintf(out, size, "%s", trouble ? trouble : text);
}

/* Name the requirement as it is written in the configuration. */
static void write_requirement(const struct verdict *v, char *out, size_t size)
{
	enum requirement require = v->rule->require;

	if (v->unmet == UNMET_PLAINTEXT || reason_is_lookup(v->unmet_what))
		snprintf(out, size, "%s", requirement_name(
		    require == REQUIRE_NONE ? REQUIRE_TLS : require));
	else if (strcmp(v->unmet_what, "min_bits") == 0)
		snprintf(out, size, "min_bits %d", v->rule->min_bits);
	else
		snprintf(out, size, "%s", v->unmet_what);
}

/* Name what made the rule match, if that is not said in the rule. */
static void write_cause(const struct verdict *v, char *out, size_t size)
{
	const char *side = v->about_sender ? "from_policy" : "to_policy";
	const char *domain = v->policy_domain;

	if (v->promise)
		snprintf(out, size, "; %s %s of %.*s", side,
		    promise_names[v->promise], DOMAIN_MAX_SHOWN, domain);
	else if (v->rule->list && v->unmet != UNMET_UNKNOWN)
		snprintf(out, size, "; list \"%.*s\" names %.*s",
		    NAME_MAX_SHOWN, v->rule->list, DOMAIN_MAX_SHOWN, domain);
	else if (v->rule->history_downgrade && v->unmet != UNMET_UNKNOWN)
		snprintf(out, size, "; %.*s used TLS from this network",
		    DOMAIN_MAX_SHOWN, domain);
}

static void write_unmet(const struct verdict *v, const struct tls_facts *tls,
    char *out, size_t size)
{
	char session[48], requirement[32];
	size_t len;

	if (v->unmet == UNMET_UNKNOWN)
		snprintf(session, sizeof(session), "%s %s", v->unmet_what,
		    not_known(v->unmet_what));
	else
		write_shortcoming(v, tls, session, sizeof(session));
	write_requirement(v, requirement, sizeof(requirement));
	snprintf(out, size, "%s; rule \"%.*s\" requires %s", session,
	    NAME_MAX_SHOWN, v->rule->name, requirement);
	len = strlen(out);
	write_cause(v, out + len, size - len);
}

static void write_accepted(const struct tls_facts *tls,
    const struct reason_tally *tally, char *out, size_t size)
{
	if (tally->ended)
		snprintf(out, size, "rule \"%.*s\" requires nothing",
		    NAME_MAX_SHOWN, tally->ended->name);
	else if (tally->unknown && tls->state == TLS_UNKNOWN)
		snprintf(out, size, "cannot tell whether TLS is in use");
	else if (tally->unknown)
		snprintf(out, size, "%s %s; rule \"%.*s\" counts as met",
		    tally->unknown_what, not_known(tally->unknown_what),
		    NAME_MAX_SHOWN, tally->unknown->name);
	else if (tally->met > 0)
		snprintf(out, size, "every rule that matches is met");
	else
		snprintf(out, size, "no rule matches");
}

/* Say why the action is milder than the rule's. */
static const char *softened_by(const struct verdict *v)
{
	if (v->action == v->would)
		return "";
	if (v->relayed)
		return "; client is a relay";
	if (v->fused)
		return "; our own STARTTLS may be broken";
	return "; observe mode";
}

void reason_write(struct verdict *v, const struct tls_facts *tls,
    const struct reason_tally *tally)
{
	const char *suffix = softened_by(v);
	size_t size = sizeof(v->reason) - strlen(suffix), len;

	if (v->exempt)
		snprintf(v->reason, size, "%s", exempt_reasons[v->exempt]);
	else if (v->rule)
		write_unmet(v, tls, v->reason, size);
	else
		write_accepted(tls, tally, v->reason, size);
	len = strlen(v->reason);
	memcpy(v->reason + len, suffix, strlen(suffix) + 1);
	/* a rule's name may be anything the administrator likes */
	for (char *p = v->reason; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}
