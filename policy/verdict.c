/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict - the evaluation of design §5.
 *
 * Rules are tried in order and none hides another: each notes its action
 * when it matches and is not met, and the most severe one noted decides.
 * Only an exception (require = none) ends evaluation.
 */
#include "config.h"

#include "policy/verdict.h"

#include "policy/reason.h"
#include "policy/require.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What is judged; passed to every condition. */
struct subject {
	const struct session_facts *s;
	const struct message_facts *m;
	const struct rcpt_facts *r;	/* NULL: none yet */
};

/* A promise that was never looked up may or may not hold. */
enum tri { NO, YES, MAYBE };

/* How one rule fared. */
struct finding {
	struct rule_trace trace;
	unsigned promise;
};

const char *exemption_name(enum exemption e)
{
	static const char *const names[] = {
		[EXEMPT_NOT] = "none",
		[EXEMPT_CLIENT] = "client",
		[EXEMPT_NON_SMTP] = "non_smtp",
		[EXEMPT_AUTHENTICATED] = "authenticated",
		[EXEMPT_NULL_SENDER] = "null_sender",
		[EXEMPT_FROM] = "from",
		[EXEMPT_TO] = "to",
		[EXEMPT_TLSRPT] = "tlsrpt",
	};

	return names[e];
}

const char *unmet_name(enum unmet u)
{
	static const char *const names[] = {
		[UNMET_NOTHING] = "nothing",
		[UNMET_PLAINTEXT] = "plaintext",
		[UNMET_WEAK] = "weak",
		[UNMET_CERTIFICATE] = "certificate",
		[UNMET_UNKNOWN] = "unknown",
	};

	return names[u];
}

static bool is_authenticated(const struct message_facts *m)
{
	return m->auth_user && *m->auth_user;
}

static bool is_null_sender(const struct message_facts *m)
{
	return m->from && !*m->from;
}

bool verdict_promises_apply(const struct session_facts *s,
    const struct message_facts *m)
{
	return !is_authenticated(m) && !s->relay && !s->client_exempt &&
	    !is_null_sender(m);
}

/* ---- conditions -------------------------------------------------------- */

static enum tri tri(bool yes)
{
	return yes ? YES : NO;
}

static enum tri match_listener(const struct rule *rule,
    const struct subject *j)
{
	return tri(rule->listeners.n == 0 ||
	    listener_match(&rule->listeners, j->s));
}

static enum tri match_client(const struct rule *rule,
    const struct subject *j)
{
	return tri(!rule->clients || client_set_is_empty(rule->clients) ||
	    client_set_match(rule->clients, j->s));
}

static enum tri match_from(const struct rule *rule, const struct subject *j)
{
	return tri(!rule->from || addr_set_is_empty(rule->from) ||
	    addr_set_match(rule->from, j->m->from, j->m->from_domain));
}

static enum tri match_to(const struct rule *rule, const struct subject *j)
{
	if (!rule->to || addr_set_is_empty(rule->to))
		return YES;
	return tri(j->r &&
	    addr_set_match(rule->to, j->r->to, j->r->to_domain));
}

static enum tri match_authenticated(const struct rule *rule,
    const struct subject *j)
{
	return tri(rule->authenticated < 0 ||
	    (rule->authenticated > 0) == is_authenticated(j->m));
}

static enum tri match_requiretls(const struct rule *rule,
    const struct subject *j)
{
	return tri(rule->requiretls < 0 ||
	    (rule->requiretls > 0) == j->m->requiretls);
}

/* A lookup that did not end in time is "no policy" (design §5). */
static unsigned promise_set(const struct promise *p)
{
	return p->known ? p->set : p->waited_out ? PROMISE_NONE : 0;
}

static enum tri match_promise(const struct promise *p, unsigned wanted)
{
	if (!p->known && !p->waited_out)
		return MAYBE;
	return tri(promise_set(p) & wanted);
}

/* Our promise binds mail to us only: a printer that relays in plaintext to
 * a domain of others breaks nobody's promise (design §5). */
static enum tri match_to_policy(const struct rule *rule,
    const struct subject *j)
{
	enum tri match;

	if (!rule->to_policy)
		return YES;
	if (!j->r || !j->r->to_domain || !verdict_promises_apply(j->s, j->m))
		return NO;
	match = match_promise(&j->r->to_promise, rule->to_policy);
	return match == MAYBE || j->r->ours ? match : NO;
}

static enum tri match_from_policy(const struct rule *rule,
    const struct subject *j)
{
	if (!rule->from_policy)
		return YES;
	if (!j->m->from_domain || !verdict_promises_apply(j->s, j->m))
		return NO;
	return match_promise(&j->m->from_promise, rule->from_policy);
}

/* What the rule's list says of the sender's domain. */
static const struct listed *listed_by(const struct rule *rule,
    const struct subject *j)
{
	static const struct listed no;

	return rule->list_index < 0 ? &no : &j->m->listed[rule->list_index];
}

static enum tri match_list(const struct rule *rule, const struct subject *j)
{
	enum listed_mode mode = listed_by(rule, j)->mode;

	if (!rule->list)
		return YES;
	if (!j->m->from_domain || !verdict_promises_apply(j->s, j->m))
		return NO;
	return mode == LISTED_UNKNOWN ? MAYBE : tri(mode != LISTED_NO);
}

static enum tri match_history(const struct rule *rule,
    const struct subject *j)
{
	const struct history_facts *h = &j->m->history;

	if (!rule->history_downgrade)
		return YES;
	return tri(verdict_promises_apply(j->s, j->m) && h->known &&
	    h->used_tls && j->s->tls.state == TLS_PLAINTEXT);
}

static const struct condition {
	const char *name;
	enum tri (*match)(const struct rule *rule, const struct subject *j);
} conditions[] = {
	{ "listener", match_listener },
	{ "client", match_client },
	{ "from", match_from },
	{ "to", match_to },
	{ "authenticated", match_authenticated },
	{ "requiretls", match_requiretls },
	{ "to_policy", match_to_policy },
	{ "from_policy", match_from_policy },
	{ "list", match_list },
	{ "history", match_history },
};

/* Try all conditions; *name_r is the first that failed, else the first
 * that is not known, else NULL. */
static enum tri match_all(const struct rule *rule, const struct subject *j,
    const char **name_r)
{
	enum tri all = YES;

	*name_r = NULL;
	for (size_t i = 0; i < COUNT(conditions); i++) {
		enum tri match = conditions[i].match(rule, j);

		if (match == NO) {
			*name_r = conditions[i].name;
			return NO;
		}
		if (match == MAYBE && all == YES) {
			*name_r = conditions[i].name;
			all = MAYBE;
		}
	}
	return all;
}

/* ---- one rule ---------------------------------------------------------- */

/* Pick the bit that made a rule about promises match; the strongest, if
 * several did. */
static unsigned matched_promise(const struct rule *rule,
    const struct subject *j)
{
	unsigned set = 0, bit = PROMISE_DANE;

	if (rule->to_policy)
		set = promise_set(&j->r->to_promise) & rule->to_policy;
	else if (rule->from_policy)
		set = promise_set(&j->m->from_promise) & rule->from_policy;
	while (bit && !(set & bit))
		bit >>= 1;
	return bit;
}

/*
 * Decide what a rule that is not met, or may not be, does. Not knowing
 * defers only where the rule says so, and never because the state of TLS
 * itself is unknown: that does not change by waiting (design §6.3).
 */
static enum rule_outcome unmet_outcome(const struct rule *rule,
    const struct judgement *judgement, enum tri match,
    const struct tls_facts *tls)
{
	if (tls->state == TLS_UNKNOWN)
		return RULE_UNKNOWN_MET;
	if (match == YES && judgement->judged == JUDGED_UNMET)
		return RULE_UNMET;
	return rule->unknown == UNKNOWN_DEFER ? RULE_UNKNOWN_DEFER :
	    RULE_UNKNOWN_MET;
}

/* Waiting for what is not known costs mail a delay: a rule that observes
 * touches no mail, whatever its `unknown` says. */
static enum action rule_waits(const struct rule *rule)
{
	return rule->action == ACTION_OBSERVE ? ACTION_OBSERVE : ACTION_DEFER;
}

/* A list may only be trying a domain out: then the rule just observes. */
static enum action tried_out(const struct listed *listed, enum action action)
{
	return listed->mode == LISTED_TESTING ? ACTION_OBSERVE : action;
}

static void judge_rule(const struct rule *rule, const struct subject *j,
    struct finding *f)
{
	const struct listed *listed = listed_by(rule, j);
	struct judgement judgement;
	enum tri match;

	*f = (struct finding){ .trace.rule = rule };
	match = match_all(rule, j, &f->trace.condition);
	if (match == NO) {
		f->trace.outcome = RULE_NO_MATCH;
		return;
	}
	judgement = require_judge(rule, listed->min_version, &j->s->tls);
	f->trace.outcome = RULE_MET;
	if (judgement.judged == JUDGED_MET) {
		/* an exception that may not hold ends nothing */
		if (match == YES && rule_requires_nothing(rule))
			f->trace.outcome = RULE_ENDS;
		return;
	}
	f->trace.outcome = unmet_outcome(rule, &judgement, match,
	    &j->s->tls);
	f->trace.unmet_what = judgement.what;
	f->trace.unmet = UNMET_UNKNOWN;
	if (f->trace.outcome == RULE_UNMET) {
		f->trace.noted = tried_out(listed, rule->action);
		f->trace.unmet = judgement.unmet;
		f->promise = matched_promise(rule, j);
	} else if (f->trace.outcome == RULE_UNKNOWN_DEFER) {
		f->trace.noted = tried_out(listed, rule_waits(rule));
	}
}

/* ---- all rules --------------------------------------------------------- */

/* Name whose mail a rule is about, for the reply and the log. */
static void set_policy_domain(struct verdict *v, const struct subject *j)
{
	const struct rule *rule = v->rule;
	bool sender = rule->from_policy || rule->list ||
	    rule->history_downgrade;
	bool to = rule->to && !addr_set_is_empty(rule->to);
	bool from = rule->from && !addr_set_is_empty(rule->from);

	if (rule->to_policy || (!sender && to)) {
		v->policy_domain = j->r->to_domain;
	} else if (sender || from) {
		v->policy_domain = j->m->from_domain;
		v->about_sender = true;
	}
}

/* What was not known, or not met. */
static const char *finding_what(const struct finding *f)
{
	return f->trace.condition ? f->trace.condition : f->trace.unmet_what;
}

static void note(struct verdict *v, struct reason_tally *tally,
    const struct finding *f)
{
	if (f->trace.outcome == RULE_MET)
		tally->met++;
	if (f->trace.outcome == RULE_ENDS)
		tally->ended = f->trace.rule;
	if (f->trace.outcome == RULE_UNKNOWN_MET && !tally->unknown) {
		tally->unknown = f->trace.rule;
		tally->unknown_what = finding_what(f);
	}
	if (f->trace.noted <= v->action)
		return;
	v->action = f->trace.noted;
	v->rule = f->trace.rule;
	v->unmet = f->trace.unmet;
	v->unmet_what = finding_what(f);
	v->promise = f->promise;
}

static void try_rules(const struct ruleset *rs, const struct subject *j,
    rule_trace_fn *trace, void *arg, struct verdict *v,
    struct reason_tally *tally)
{
	struct finding f;

	for (size_t i = 0; i < rs->n && !tally->ended; i++) {
		judge_rule(rs->rules[i], j, &f);
		if (trace)
			trace(arg, &f.trace);
		note(v, tally, &f);
	}
	if (v->rule)
		set_policy_domain(v, j);
}

static bool in_set(const struct addr_set *set, const char *address,
    const char *domain)
{
	return set && addr_set_match(set, address, domain);
}

static enum exemption find_exemption(const struct ruleset *rs,
    const struct subject *j)
{
	if (j->s->client_exempt)
		return EXEMPT_CLIENT;
	if (j->s->non_smtp)
		return EXEMPT_NON_SMTP;
	if (rs->exempt_authenticated && is_authenticated(j->m))
		return EXEMPT_AUTHENTICATED;
	if (rs->exempt_null_sender && is_null_sender(j->m))
		return EXEMPT_NULL_SENDER;
	if (in_set(rs->exempt_from, j->m->from, j->m->from_domain))
		return EXEMPT_FROM;
	if (j->r && in_set(rs->exempt_to, j->r->to, j->r->to_domain))
		return EXEMPT_TO;
	if (j->r && j->r->is_tlsrpt)
		return EXEMPT_TLSRPT;
	return EXEMPT_NOT;
}

/*
 * Make the action milder where it must be. A relay would have to bounce
 * what we refuse, so its mail is only logged. While our own STARTTLS looks
 * broken nothing is refused for good (design §10).
 */
static void soften(struct verdict *v, const struct ruleset *rs,
    const struct session_facts *s, bool fused)
{
	v->would = v->action;
	if (v->action > ACTION_OBSERVE && (rs->observe || s->relay)) {
		v->action = ACTION_OBSERVE;
		v->relayed = s->relay;
	}
	if (fused && (v->action == ACTION_REJECT ||
	    v->action == ACTION_QUARANTINE)) {
		v->action = ACTION_DEFER;
		v->fused = true;
	}
}

void verdict_decide(const struct ruleset *rs, const struct session_facts *s,
    const struct message_facts *m, const struct rcpt_facts *r, bool fused,
    rule_trace_fn *trace, void *arg, struct verdict *v_r)
{
	const struct subject j = { s, m, r };
	struct reason_tally tally = { 0 };

	*v_r = (struct verdict){ .exempt = find_exemption(rs, &j) };
	if (!v_r->exempt)
		try_rules(rs, &j, trace, arg, v_r, &tally);
	soften(v_r, rs, s, fused);
	reason_write(v_r, &s->tls, &tally);
}
