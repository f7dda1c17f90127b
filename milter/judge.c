/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/judge.h"

#include "audit/line.h"
#include "audit/rulecounts.h"
#include "conf/gather.h"
#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/lists.h"
#include "milter/services.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

/* A domain not known after this many seconds counts as without policy. */
#define WAIT_LIMIT 1800

void judge_end(struct judge *j)
{
	conf_unref(j->conf);
	free(j->auth_user);
	*j = (struct judge){ 0 };
}

/* ---- the session ------------------------------------------------------- */

static const char *fuse_key(const struct session_facts *s)
{
	if (s->listener_port)
		return s->listener_port;
	return s->listener_name ? s->listener_name : "";
}

/* The session's facts as this message's configuration sees them. */
static void judge_session(struct judge *j, struct session_facts *s)
{
	const struct conf_listener *l = conf_listener_of(j->conf, s);

	s->relay = client_set_match(j->conf->relays, s);
	s->client_exempt = client_set_match(j->conf->exempt_client, s);
	if ((l && l->tls_unknown) || s->non_smtp)
		s->tls.state = TLS_UNKNOWN;
	if (s->client_exempt || s->relay || s->tls.state == TLS_UNKNOWN)
		return;
	services_fuse_saw(j->services, fuse_key(s), &s->client,
	    s->tls.state == TLS_ENCRYPTED);
}

/* ---- the sender -------------------------------------------------------- */

static void take_sender(struct judge *j, const struct judge_sender *sender)
{
	const char *user = sender->auth_user;

	addr_split(sender->path, j->from, sizeof(j->from), j->from_domain);
	j->auth_user = user && *user ? strdup(user) : NULL;
	j->facts.from = j->from;
	j->facts.from_domain = *j->from_domain ? j->from_domain : NULL;
	/* out of memory must not make a stranger of a user */
	if (user && *user)
		j->facts.auth_user = j->auth_user ? j->auth_user : "-";
	j->facts.requiretls = sender->requiretls;
}

/* Set promise.waited_out for a domain whose first lookup does not end. */
static void note_waiting(struct judge *j, const char *domain,
    struct promise *promise)
{
	int64_t since;

	if (promise->known || !domain)
		return;
	since = learner_waiting_since(services_learner(j->services), domain,
	    clock_wall());
	promise->waited_out = since > WAIT_LIMIT;
}

/* True when rules about the sender's domain can match at all. */
static bool is_about_sender(const struct judge *j)
{
	return j->facts.from_domain &&
	    verdict_promises_apply(j->session, &j->facts);
}

static void gather_from(struct judge *j)
{
	struct gathered g;

	if (!j->conf->needs_from_policy || !is_about_sender(j))
		return;
	gather_sender(j->conf, services_cache(j->services),
	    j->facts.from_domain, clock_wall(), &g);
	note_waiting(j, j->facts.from_domain, &g.promise);
	j->facts.from_promise = g.promise;
}

/* What this sender did before; only if a rule asks. */
static void gather_history(struct judge *j)
{
	if (j->conf->needs_history && is_about_sender(j))
		history_look(services_history(j->services),
		    j->facts.from_domain, &j->session->client,
		    &j->conf->history, clock_wall(), &j->facts.history);
}

/* Ask the partner lists, if there are any, about the sender's domain. */
static void gather_listed(struct judge *j)
{
	if (j->conf->lists_n && is_about_sender(j))
		lists_find(services_lists(j->services), j->conf,
		    j->facts.from_domain, clock_wall(), j->facts.listed);
}

void judge_begin_with(struct judge *j, struct services *services,
    struct conf *conf, struct session_facts *session,
    const struct judge_sender *sender)
{
	judge_end(j);
	j->services = services;
	j->session = session;
	j->conf = conf;
	take_sender(j, sender);
	judge_session(j, session);
	gather_from(j);
	gather_history(j);
	gather_listed(j);
}

void judge_begin(struct judge *j, struct services *services,
    struct session_facts *session, const struct judge_sender *sender)
{
	judge_begin_with(j, services, services_conf(services), session,
	    sender);
}

void judge_set_queue_id(struct judge *j, const char *id)
{
	if (id && *id)
		snprintf(j->queue_id, sizeof(j->queue_id), "%s", id);
}

/* ---- a recipient ------------------------------------------------------- */

/* Find out what the recipient's domain has promised, and ask for what is
 * not known. A hosted domain is looked at in any case, for the sake of its
 * TLSRPT mailboxes. */
static void gather_to(struct judge *j, const char *mta_name,
    struct rcpt_facts *rcpt)
{
	char *name = (char *)mta_name;
	const struct strv mta = { .v = &name, .n = mta_name ? 1 : 0 };
	const struct strv *ours = j->conf->mx_names.n ? &j->conf->mx_names :
	    &mta;
	struct gathered g;

	if (!rcpt->to_domain || j->session->client_exempt ||
	    j->session->non_smtp)
		return;
	if (!conf_hosted(j->conf, rcpt->to_domain) &&
	    !(j->conf->needs_to_policy &&
	    verdict_promises_apply(j->session, &j->facts)))
		return;
	gather_rcpt(j->conf, services_cache(j->services), rcpt->to_domain,
	    rcpt->to, ours, clock_wall(), &g);
	if (g.learn)
		learner_want(services_learner(j->services), rcpt->to_domain,
		    g.hosted ? ASK_HOSTED : ASK_RECIPIENT);
	note_waiting(j, rcpt->to_domain, &g.promise);
	rcpt->ours = g.ours;
	rcpt->is_tlsrpt = g.is_tlsrpt;
	rcpt->to_promise = g.promise;
}

static const char *source_name(enum door door)
{
	return door == DOOR_POLICY_SERVICE ? "policy" : "milter";
}

static void write_line(const struct audit *a)
{
	struct buf line;

	buf_init(&line, AUDIT_LINE_MAX);
	audit_format(&line, a);
	log_line(LOG_INFO, NULL, "%s", buf_str(&line));
	buf_clear(&line);
}

static struct audit audit_of(const struct judge *j, const struct verdict *v)
{
	return (struct audit){
		.queue_id = *j->queue_id ? j->queue_id : NULL,
		.session = j->session,
		.message = &j->facts,
		.verdict = v,
		.source = source_name(j->session->door),
	};
}

static void audit_rcpt(const struct judge *j, const struct rcpt_facts *rcpt,
    const struct verdict *v)
{
	struct audit a = audit_of(j, v);

	a.to = rcpt ? rcpt->to : NULL;
	if (rcpt) {
		a.to_domain = rcpt->to_domain;
		a.to_promise = rcpt->to_promise;
	}
	write_line(&a);
}

/* Remember the most severe verdict among accepted recipients. The verdict
 * borrows policy_domain from the recipient: keep only what outlives it. */
static void note_accepted(struct judge *j, const struct rcpt_facts *rcpt,
    const struct verdict *v)
{
	struct judge_worst *worst = &j->worst;

	j->accepted++;
	if (worst->set && (v->action < worst->verdict.action ||
	    (v->action == worst->verdict.action &&
	    v->would <= worst->verdict.would)))
		return;
	worst->verdict = *v;
	worst->verdict.policy_domain = NULL;
	worst->promise = rcpt ? rcpt->to_promise : (struct promise){ 0 };
	worst->set = true;
}

static void count_verdict(struct judge *j, const struct verdict *v)
{
	struct counters *c = services_counters(j->services);

	counter_add(&c->recipients[v->action], 1);
	counter_add(&c->would[v->would], 1);
	rulecounts_count_verdict(v);
}

/* Whatever is not accepted has its line. Where no line of the whole message
 * follows, this is the place of what that would say. */
static bool wants_line(const struct judge *j, const struct verdict *v)
{
	if (v->action >= ACTION_DEFER || j->conf->log == LOG_RECIPIENTS)
		return true;
	return j->has_no_end && (v->would > ACTION_ACCEPT ||
	    j->conf->log == LOG_MESSAGE);
}

/* Our own domains are learnt anyway. */
static void learn_sender(struct judge *j)
{
	struct gathered g;

	if (!j->conf->needs_from_policy || !is_about_sender(j))
		return;
	gather_sender(j->conf, services_cache(j->services),
	    j->facts.from_domain, clock_wall(), &g);
	if (g.learn && !g.hosted)
		learner_want(services_learner(j->services),
		    j->facts.from_domain, ASK_SENDER);
}

/*
 * Senders are learnt only after an accepted message, so that spam that is
 * refused anyway costs no lookup (design §7). Two cases cannot wait for one:
 * a door that is not told of the end, where an accepted recipient has to do,
 * and mail that is deferred just because the sender's promise is not known,
 * which would be so at every attempt.
 */
static bool must_learn_sender_now(const struct judge *j,
    const struct verdict *v)
{
	if (v->action < ACTION_DEFER)
		return j->has_no_end;
	return v->unmet == UNMET_UNKNOWN && v->unmet_what &&
	    strcmp(v->unmet_what, "from_policy") == 0;
}

/* Judge the recipient, or none, and act on the verdict. */
static void decide(struct judge *j, const struct rcpt_facts *rcpt,
    struct verdict *v_r, struct reply *reply_r)
{
	verdict_decide(&j->conf->rules, j->session, &j->facts, rcpt,
	    services_fuse_blown(j->services, fuse_key(j->session)),
	    j->uncounted ? NULL : rulecounts_count_rule, NULL, v_r);
	if (!j->uncounted)
		count_verdict(j, v_r);
	if (wants_line(j, v_r))
		audit_rcpt(j, rcpt, v_r);
	if (v_r->action >= ACTION_DEFER)
		reply_build(v_r, j->conf->help_url, reply_r);
	else
		note_accepted(j, rcpt, v_r);
	if (must_learn_sender_now(j, v_r))
		learn_sender(j);
}

void judge_rcpt(struct judge *j, const char *path, const char *mta_name,
    struct verdict *v_r, struct reply *reply_r)
{
	char to[JUDGE_ADDRESS_SIZE], domain[MTASTS_DOMAIN_SIZE];
	struct rcpt_facts rcpt = { .to = to };

	if (!path) {
		decide(j, NULL, v_r, reply_r);
		return;
	}
	addr_split(path, to, sizeof(to), domain);
	rcpt.to_domain = *domain ? domain : NULL;
	gather_to(j, mta_name, &rcpt);
	decide(j, &rcpt, v_r, reply_r);
	v_r->policy_domain = NULL;
}

/* ---- the end of the message -------------------------------------------- */

static void count_message(struct judge *j,
    const struct judge_end_of_message *e)
{
	struct counters *c = services_counters(j->services);

	counter_add(&c->messages, 1);
	counter_add(&c->by_tls[j->session->tls.state], 1);
	counter_add(&c->forged, e->forged);
	if (e->tagged)
		counter_add(&c->tagged, 1);
	if (e->held)
		counter_add(&c->held, 1);
}

/* The line of the whole message, where one is wanted. */
static void audit_message(struct judge *j,
    const struct judge_end_of_message *e)
{
	const struct verdict *v = &j->worst.verdict;
	struct audit a = audit_of(j, v);

	if (j->conf->log == LOG_ACTIONS && v->would == ACTION_ACCEPT &&
	    !e->forged)
		return;
	a.recipients = j->accepted;
	a.to_promise = j->worst.promise;
	a.forged = (unsigned)e->forged;
	a.tls_required = e->tls_required;
	write_line(&a);
}

void judge_accepted(struct judge *j, const struct judge_end_of_message *e)
{
	count_message(j, e);
	audit_message(j, e);
	learn_sender(j);
	historian_saw(services_historian(j->services), j->session, &j->facts,
	    j->conf->history.min, clock_wall());
}
