/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a request of Postfix to the action it gets. Made for RCPT; at DATA and
 * END-OF-MESSAGE there is one recipient or none, and earlier nothing is
 * known that could not still become right (design §6.2, §8).
 */
#include "config.h"

#include "milter/policyd-internal.h"

#include "milter/judge.h"
#include "milter/services.h"
#include "policy/ar.h"
#include "policy/delegation.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

/* A mistake in main.cf shows at every message. */
#define ADVICE_MS (60 * 60 * 1000)
#define TEXT_MAX 1000

void policyd_message_clear(struct policyd_message *m)
{
	free(m->worst);
	conf_unref(m->conf);
	*m = (struct policyd_message){ .conf = NULL };
}

/* ---- advice ------------------------------------------------------------ */

static void advise_early(struct policyd_judge *pj, const char *state)
{
	struct buf quoted;
	unsigned silent;

	if (!notice_due(&pj->early, ADVICE_MS, &silent))
		return;
	buf_init(&quoted, 100);
	str_quote(&quoted, state, 20);
	log_warn("policy", "asked at protocol_state %s, where nothing is "
	    "judged: put check_policy_service into "
	    "smtpd_recipient_restrictions", buf_str(&quoted));
	buf_clear(&quoted);
}

/* The first rule that asks for a recipient, or NULL. */
static const struct rule *rule_about_rcpt(const struct conf *c)
{
	for (size_t i = 0; i < c->rules.n; i++)
		if (c->rules.rules[i]->to || c->rules.rules[i]->to_policy)
			return c->rules.rules[i];
	return NULL;
}

static void advise_no_rcpt(struct policyd_judge *pj, const struct conf *c,
    const struct delegation_facts *f)
{
	const struct rule *rule = rule_about_rcpt(c);
	unsigned silent;

	if (!rule || !notice_due(&pj->no_rcpt, ADVICE_MS, &silent))
		return;
	log_warn("policy", "asked at %s about a message with several "
	    "recipients: rules with to or to_policy, the first is \"%s\", "
	    "are skipped there; put check_policy_service into "
	    "smtpd_recipient_restrictions", f->stage == DELEGATION_AT_DATA ?
	    "DATA" : "END-OF-MESSAGE", rule->name);
}

static void advise_no_tag(struct policyd_judge *pj, const struct rule *rule)
{
	unsigned silent;

	if (!notice_due(&pj->no_tag, ADVICE_MS, &silent))
		return;
	log_warn("policy", "rule \"%s\" wants to tag, but Postfix adds no "
	    "header field at END-OF-MESSAGE; put check_policy_service into "
	    "smtpd_recipient_restrictions", rule ? rule->name : "");
}

/* ---- actions ----------------------------------------------------------- */

/* One field, since PREPEND takes no more, and once a message (PF-PD-10). Not
 * Authentication-Results: nothing here can remove forged ones, so nobody
 * should believe them. */
static void answer_tag(struct policyd_judge *pj, struct policyd_message *m,
    const struct delegation_facts *f, const struct verdict *v,
    struct buf *out)
{
	struct buf field;

	if (m->tagged) {
		delegation_answer(out, "DUNNO", NULL);
		return;
	}
	if (f->stage == DELEGATION_AT_END) {	/* PF-PD-09 */
		advise_no_tag(pj, v->rule);
		delegation_answer(out, "DUNNO", NULL);
		return;
	}
	buf_init(&field, TEXT_MAX);
	buf_adds(&field, "X-TLS-Policy: ");
	ar_format_tag(&field, &f->session.tls, v);
	delegation_answer(out, "PREPEND", buf_str(&field));
	out->failed |= field.failed;
	buf_clear(&field);
	m->tagged = true;
}

static void answer_hold(struct policyd_message *m, const struct verdict *v,
    struct buf *out)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	buf_addf(&text, "held for TLS policy: %s", v->reason);
	delegation_answer(out, "HOLD", buf_str(&text));
	out->failed |= text.failed;
	buf_clear(&text);
	m->held = true;
}

static void answer_reply(const struct reply *r, struct buf *out)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	buf_addf(&text, "%s %s", r->xcode, r->text);
	delegation_answer(out, r->code, buf_str(&text));
	out->failed |= text.failed;
	buf_clear(&text);
}

static void answer_verdict(struct policyd_judge *pj,
    struct policyd_message *m, const struct delegation_facts *f,
    const struct verdict *v, const struct reply *reply, struct buf *out)
{
	if (v->action >= ACTION_DEFER)
		answer_reply(reply, out);
	else if (v->action == ACTION_QUARANTINE)
		answer_hold(m, v, out);
	else if (v->action == ACTION_TAG)
		answer_tag(pj, m, f, v, out);
	else	/* never OK: it would permit what others refuse */
		delegation_answer(out, "DUNNO", NULL);
}

/* ---- one request ------------------------------------------------------- */

/* Go on with the message that was asked about before, or begin another,
 * with the configuration of this moment. An instance that does not fit is
 * like none: it is never the same. */
static void follow_message(struct policyd_judge *pj,
    struct policyd_message *m, const char *instance)
{
	bool fits = instance && strlen(instance) < sizeof(m->instance);

	if (m->conf && fits && strcmp(m->instance, instance) == 0)
		return;
	policyd_message_clear(m);
	m->conf = services_conf(pj->services);
	if (fits)
		snprintf(m->instance, sizeof(m->instance), "%s", instance);
}

/* At the end Postfix does not repeat who the recipients were: what was
 * decided for them is kept for the line of the message. Without memory that
 * line says less. */
static void keep_worst(struct policyd_message *m, const struct judge *j)
{
	const struct judge_worst *w = &j->worst;

	if (!w->set || w->verdict.would == ACTION_ACCEPT)
		return;
	if (m->worst && (w->verdict.action < m->worst->verdict.action ||
	    (w->verdict.action == m->worst->verdict.action &&
	    w->verdict.would <= m->worst->verdict.would)))
		return;
	if (!m->worst)
		m->worst = malloc(sizeof(*m->worst));
	if (m->worst)
		*m->worst = *w;
}

/*
 * The message has come to its end and is not refused here. Postfix says
 * with how many recipients; ours at RCPT may have been more, since others
 * refuse some too.
 */
static void end_message(struct judge *j, struct policyd_message *m,
    const struct delegation_facts *f)
{
	keep_worst(m, j);
	if (m->worst)
		j->worst = *m->worst;
	if (f->recipients)
		j->accepted = f->recipients;
	judge_accepted(j, &(struct judge_end_of_message){
		.tagged = m->tagged,
		.held = m->held,
	});
}

/* Postfix does not tell a policy service its host name: authserv_id, which
 * is the host's name unless configured, has to stand in for it. */
static const char *our_name(const struct conf *c, char *room)
{
	return mtasts_domain_normalize(c->authserv_id, room) == MTASTS_OK ?
	    room : NULL;
}

/* True where no later request is sure to tell the end of the message. One at
 * DATA adds nothing to those at RCPT. */
static bool has_no_end(const struct policyd_message *m,
    const struct delegation_facts *f)
{
	return f->stage == DELEGATION_AT_RCPT ||
	    (f->stage == DELEGATION_AT_DATA && !m->judged);
}

static void judge_request(struct policyd_judge *pj,
    struct policyd_message *m, struct delegation_facts *f, struct buf *out)
{
	const struct judge_sender sender = {
		.path = f->sender,
		.auth_user = f->auth_user,
	};
	bool other = services_milter_has(pj->services, &f->session.client,
	    f->session.client_port);
	bool at_rcpt = f->stage == DELEGATION_AT_RCPT;
	char name[MTASTS_DOMAIN_SIZE];
	struct judge j = { .conf = NULL };
	struct reply reply;
	struct verdict v;

	judge_begin_with(&j, pj->services, conf_ref(m->conf), &f->session,
	    &sender);
	judge_set_queue_id(&j, f->queue_id);
	/* a recipient counts once, whatever the number of questions */
	j.uncounted = other || (!at_rcpt && m->judged);
	j.has_no_end = has_no_end(m, f) && !other;
	judge_rcpt(&j, f->recipient, our_name(m->conf, name), &v, &reply);
	m->judged |= at_rcpt;
	if (at_rcpt)
		keep_worst(m, &j);
	answer_verdict(pj, m, f, &v, &reply, out);
	if (f->stage == DELEGATION_AT_END && v.action < ACTION_DEFER &&
	    !other) {
		j.uncounted = false;
		end_message(&j, m, f);
	}
	judge_end(&j);
}

bool policyd_answer(struct policyd_judge *pj, struct policyd_message *m,
    const struct delegation *d, struct buf *out)
{
	struct delegation_facts f;

	delegation_facts(d, &f);
	services_saw_listener(pj->services, f.session.listener_port,
	    f.session.listener_name);
	if (f.stage == DELEGATION_EARLY) {
		advise_early(pj, f.state);
		delegation_answer(out, "DUNNO", NULL);
		return !out->failed;
	}
	follow_message(pj, m, f.instance);
	if (!f.recipient)
		advise_no_rcpt(pj, m->conf, &f);
	judge_request(pj, m, &f, out);
	return !out->failed;
}
