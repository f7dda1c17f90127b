/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advice: what is allowed, but may not do what was meant. Each warning is
 * given once a rule, at load, by -n and by reload.
 */
#include "config.h"

#include "conf/conf-internal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- facts that a mail server may not supply ---------------------------- */

static bool is_about_certificate(const struct rule *r)
{
	return r->require == REQUIRE_VERIFIED || r->cert_name.n > 0;
}

static bool is_about_fingerprint(const struct rule *r)
{
	return r->cert_fingerprint.n > 0;
}

static bool is_about_requiretls(const struct rule *r)
{
	return r->requiretls > 0;
}

/* What becomes of a rule whose requirement cannot be checked. */
static const char *then_what(const struct rule *r)
{
	if (r->unknown == UNKNOWN_ACCEPT)
		return "the rule counts as met then (unknown = accept)";
	return r->action == ACTION_OBSERVE ?
	    "that is only logged then (action = observe)" :
	    "mail is deferred then (unknown = defer)";
}

/* tlsmilter.conf(5) has the whole table, in "WHAT A MAIL SERVER TELLS". */
static const struct {
	bool (*needed)(const struct rule *r);
	bool is_requirement;
	const char *text;
} facts[] = {
	{ is_about_certificate, true,
	    "Postfix names a client certificate only if it asks for one "
	    "(smtpd_tls_ask_ccert) and trusts it, and never says that there "
	    "was none" },
	{ is_about_fingerprint, true,
	    "Postfix gives milters no fingerprint" },
	{ is_about_requiretls, false,
	    "only Postfix 3.11 and later offers REQUIRETLS, and tells "
	    "milters of it; it never holds elsewhere" },
};

static void advise_facts(struct loader *l, const struct conf_group *g,
    const struct rule *r)
{
	for (size_t i = 0; i < COUNT(facts); i++)
		if (facts[i].needed(r))
			load_warn(l, g->line, "rule \"%s\": %s%s%s", r->name,
			    facts[i].text, facts[i].is_requirement ? "; " :
			    "", facts[i].is_requirement ? then_what(r) : "");
}

/* ---- rules --------------------------------------------------------------- */

static void advise_action(struct loader *l, const struct conf_group *g,
    const struct rule *r)
{
	if (r->from_policy && r->action > ACTION_TAG)
		load_warn(l, g->line, "rule \"%s\": from_policy is a guess, "
		    "since a promise binds those who send to a domain, not "
		    "those who send from it; action = tag at most is "
		    "recommended", r->name);
	else if (r->to_policy && r->action == ACTION_REJECT)
		load_warn(l, g->line, "rule \"%s\": action = defer is "
		    "recommended with to_policy, so that nobody who strips "
		    "STARTTLS can make mail bounce", r->name);
}

static void advise_history(struct loader *l, const struct conf_group *g,
    const struct rule *r)
{
	if (!r->history_downgrade)
		return;
	if (r->action == ACTION_REJECT)
		load_warn(l, g->line, "rule \"%s\": action = defer is "
		    "recommended with history, so that nobody who strips "
		    "STARTTLS can make mail bounce", r->name);
	if (l->conf->history_size == 0)
		load_warn(l, g->line, "rule \"%s\" never matches, since "
		    "history.size = 0 remembers nothing", r->name);
	if (r->authenticated == 1)
		load_warn(l, g->line, "rule \"%s\" never matches, since "
		    "history is not of authenticated sessions", r->name);
	/* at RCPT nobody says whether the message is accepted in the end */
	if (l->conf->policy_service.n > 0)
		load_warn(l, g->line, "rule \"%s\": what comes by the policy "
		    "service is remembered only if it is asked at the end of "
		    "the message too (smtpd_end_of_data_restrictions)",
		    r->name);
}

static bool matches_everything(const struct rule *r)
{
	return !r->listeners.n && !r->clients && !r->from && !r->to &&
	    !rule_is_about_promises(r) && r->authenticated < 0 &&
	    r->requiretls < 0;
}

static void advise_rule(struct loader *l, const struct conf_group *g,
    const struct rule *r, bool last)
{
	advise_action(l, g, r);
	advise_history(l, g, r);
	advise_facts(l, g, r);
	if (r->require == REQUIRE_NONE && !last && matches_everything(r))
		load_warn(l, g->line, "rule \"%s\" has no condition and ends "
		    "the rules; those behind it are never tried", r->name);
}

/* ---- outgoing mail ------------------------------------------------------- */

static bool is_dane(enum tls_level level)
{
	return level == TLS_LEVEL_DANE || level == TLS_LEVEL_DANE_ONLY;
}

static unsigned line_of(const struct conf_text *t, const char *section,
    const char *name)
{
	return conf_group_find(conf_text_find(t, section),
	    option_find(section, name))->line;
}

static void advise_outbound(struct loader *l, const struct conf_text *t)
{
	const struct conf_group *first = conf_text_find(t, "destination");
	const struct conf *c = l->conf;

	if (first && c->socketmap.n == 0)
		load_warn(l, first->line, "destination \"%s\" does nothing: "
		    "there is no socketmap that could be asked",
		    first->title);
	if (c->postfix.dane && c->dnssec == DNSSEC_OFF)
		load_warn(l, line_of(t, "postfix", "dane"), "dane = yes does "
		    "nothing with dns.dnssec = off: no DANE can be proved");
	/* PF-TP-26 */
	if (c->socketmap.n > 0 && !c->postfix.dane &&
	    is_dane(c->postfix.default_level))
		load_warn(l, line_of(t, "postfix", "default_level"),
		    "default_level = %s, but dane = no: where a domain has "
		    "DANE and an MTA-STS policy, Postfix is told the policy "
		    "and does without DANE, which outranks it (RFC 8461, "
		    "section 2)", tls_level_name(c->postfix.default_level));
}

void load_advice(struct loader *l, const struct conf_text *t)
{
	const struct conf *c = l->conf;
	const struct conf_entry *e;
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, "rule") == 0) {
			advise_rule(l, &t->g[i], c->rules.rules[n],
			    n + 1 == c->rules.n);
			n++;
		}
	advise_lists(l, t);
	advise_outbound(l, t);
	e = conf_group_find(&t->g[0], option_find("", "strip_ar"));
	if (c->strip_ar == STRIP_AR_ALL)
		load_warn(l, e->line, "strip_ar = all also removes what other "
		    "filters wrote under our name; use it only if none of "
		    "them runs before this one");
}
