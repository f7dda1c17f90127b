/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "check/judge-internal.h"

/* Earlier checks that offered STARTTLS, before one without says more than
 * that a server has none. */
#define LOST_AFTER 3

static struct finding *say(struct judge *j, const char *id,
    enum check_status status, const char *text)
{
	return findings_add(j->out, id, status, j->h, j->a, "%s", text);
}

static const struct stage *stage(const struct judge *j, enum stage_id id)
{
	return &j->p->stages[id];
}

/* ---- no conversation --------------------------------------------------- */

static bool is_reachable(const struct address_facts *a)
{
	return a->first.stages[STAGE_CONNECT].state == STAGE_OK;
}

/* Something else of this target answers. */
static bool others_answer(const struct judge *j)
{
	if (j->f->target.port == 25 && j->f->port25 == ANSWER_YES)
		return true;
	for (size_t i = 0; i < j->f->n; i++)
		for (size_t k = 0; k < j->f->hosts[i].n; k++)
			if (is_reachable(&j->f->hosts[i].addresses[k]))
				return true;
	return false;
}

static bool host_answers(const struct judge *j)
{
	for (size_t i = 0; i < j->h->n; i++)
		if (is_reachable(&j->h->addresses[i]))
			return true;
	return false;
}

static void judge_unconnected(struct judge *j)
{
	const struct stage *s = stage(j, STAGE_CONNECT);

	if (s->state == STAGE_SKIPPED)
		findings_add(j->out, "host.not-tested", CHECK_UNKNOWN, j->h,
		    j->a, "not tested: %s", s->detail);
	else if (j->p->is_local)
		findings_add(j->out, "host.no-route", host_answers(j) ?
		    CHECK_INFO : CHECK_UNKNOWN, j->h, j->a, "not tested: %s",
		    s->detail);
	else if (s->state == STAGE_FAILED)
		say(j, "host.refused", CHECK_FAIL, "nobody listens there");
	else if (others_answer(j))
		findings_add(j->out, "host.unreachable", CHECK_FAIL, j->h,
		    j->a, "no connection: %s", s->detail);
	/* On port 25 egress.port25 says it once for all. */
	else if (j->f->target.port != 25)
		findings_add(j->out, "host.unreachable", CHECK_UNKNOWN, j->h,
		    j->a, "no connection: %s", s->detail);
}

/* A stage that did not end well for now, or nonsense. */
static void judge_unknown(struct judge *j, enum stage_id id)
{
	const struct stage *s = stage(j, id);
	struct finding *one;

	/* A whole reply that said so leaves no doubt of ours. */
	if (s->reply && !*s->detail)
		one = findings_add(j->out, "smtp.busy", CHECK_UNKNOWN, j->h,
		    j->a, "a temporary error at %s", stage_name(id));
	else
		one = findings_add(j->out, "smtp.silent", CHECK_UNKNOWN,
		    j->h, j->a, "at %s: %s", stage_name(id), s->detail);
	judge_quote(j, one, id);
}

static void judge_greeting(struct judge *j)
{
	const struct stage *s = stage(j, STAGE_GREETING);
	struct finding *one;

	/* 554 or -ERR may be meant for us alone. */
	if (!*s->detail)
		one = say(j, "smtp.greeting", CHECK_UNKNOWN,
		    "the server refuses to talk to this machine");
	else
		one = say(j, "smtp.greeting", CHECK_FAIL, s->detail);
	judge_quote(j, one, STAGE_GREETING);
}

/* ---- STARTTLS is not offered ------------------------------------------- */

static void earlier(const struct judge *j, struct memory_starttls *s_r)
{
	*s_r = (struct memory_starttls){ .offered = 0 };
	if (j->m)
		memory_starttls(j->m, j->h->name, &j->a->addr, s_r);
}

/* Two connections say more than one. */
static bool is_missing_twice(const struct judge *j)
{
	return j->a->second_kind == SECOND_RETRY &&
	    j->a->first.offered == ANSWER_NO &&
	    j->a->second.offered == ANSWER_NO;
}

static bool is_lost(struct judge *j)
{
	struct memory_starttls s;
	struct finding *one;
	char time[JUDGE_TIME_SIZE];

	earlier(j, &s);
	if (s.offered < LOST_AFTER)
		return false;
	one = findings_add(j->out, "starttls.lost", is_missing_twice(j) ?
	    CHECK_FAIL : CHECK_WARN, j->h, j->a, "offered on %u of %u "
	    "earlier checks (last %s ago), now missing%s", s.offered, s.told,
	    judge_time_text(j->f->started - s.last_offered, time),
	    is_missing_twice(j) ? "" : " on one connection");
	if (one)
		one->since = s.missing_since;
	judge_quote(j, one, STAGE_HELLO);
	if (*j->p->masked)
		judge_evidence(j, one, "%s is masked, as SMTP inspection "
		    "does", j->p->masked);
	judge_quote(j, one, STAGE_STARTTLS);
	return true;
}

static bool is_flapping(const struct judge *j)
{
	return j->a->second_kind == SECOND_RETRY &&
	    ((j->a->first.offered == ANSWER_NO &&
	    j->a->second.offered == ANSWER_YES) ||
	    (j->a->first.offered == ANSWER_YES &&
	    j->a->second.offered == ANSWER_NO));
}

/* Why is it not there? One finding, the most telling. */
static void judge_missing(struct judge *j)
{
	struct memory_starttls s;
	struct finding *one;

	if (is_lost(j))
		return;
	earlier(j, &s);
	if (j->p->accepted == ANSWER_YES)
		one = say(j, "starttls.hidden", judge_tls(j),
		    "not offered, but accepted when it is sent");
	else if (*j->p->masked)
		one = findings_add(j->out, "starttls.masked", judge_tls(j),
		    j->h, j->a, "%s stands where a keyword was",
		    j->p->masked);
	else if (j->p->hello_refused)
		one = say(j, "smtp.helo", judge_tls(j),
		    "EHLO is refused, HELO works: no STARTTLS");
	else if (s.offered > 0)
		one = findings_add(j->out, "starttls.missing", judge_tls(j),
		    j->h, j->a, "not offered; it was on %u of %u earlier "
		    "checks", s.offered, s.told);
	else
		one = say(j, "starttls.missing", judge_tls(j),
		    "not offered");
	judge_quote(j, one, STAGE_HELLO);
	judge_quote(j, one, STAGE_STARTTLS);
}

/* ---- STARTTLS, and what follows ---------------------------------------- */

static void judge_refused(struct judge *j)
{
	struct finding *one;

	if (stage(j, STAGE_STARTTLS)->state == STAGE_FAILED)
		one = say(j, "starttls.refused", CHECK_FAIL,
		    "offered, and refused when it is sent");
	else
		one = findings_add(j->out, "starttls.unavailable",
		    CHECK_UNKNOWN, j->h, j->a, "offered, but not available "
		    "now%s%s", *stage(j, STAGE_STARTTLS)->detail ? ": " : "",
		    stage(j, STAGE_STARTTLS)->detail);
	judge_quote(j, one, STAGE_STARTTLS);
}

static void judge_handshake(struct judge *j)
{
	const struct stage *s = stage(j, STAGE_HANDSHAKE);

	if (s->state == STAGE_UNKNOWN)
		judge_unknown(j, STAGE_HANDSHAKE);
	else
		say(j, "tls.handshake", CHECK_FAIL, s->detail);
}

/* ---- inside TLS -------------------------------------------------------- */

static void judge_version(struct judge *j)
{
	const char *v = j->p->tls.version;
	bool good = strcmp(v, "TLSv1.2") == 0 || strcmp(v, "TLSv1.3") == 0;

	findings_add(j->out, "tls.version", good ? CHECK_OK : j->is_relay ?
	    CHECK_WARN : CHECK_FAIL, j->h, j->a, "%s", v);
}

static void judge_cipher(struct judge *j)
{
	const struct probe_tls *t = &j->p->tls;
	enum check_status status = CHECK_OK;
	const char *why = "";

	if (!t->forward_secret || t->bits < 128 ||
	    strstr(t->cipher, "RC4") || strstr(t->cipher, "DES")) {
		status = CHECK_WARN;
		why = !t->forward_secret ? ": no forward secrecy" : ": weak";
	} else if (!t->aead) {
		status = CHECK_INFO;
		why = ": CBC, to be phased out";
	}
	findings_add(j->out, "tls.cipher", status, j->h, j->a, "%s%s%s%s%s",
	    t->cipher, *t->group ? " (" : "", t->group, *t->group ? ")" : "",
	    why);
}

static void judge_inside(struct judge *j)
{
	const struct stage *s = stage(j, STAGE_HELLO_TLS);
	struct finding *one;

	if (s->state == STAGE_UNKNOWN) {
		judge_unknown(j, STAGE_HELLO_TLS);
	} else if (s->state == STAGE_FAILED) {
		one = say(j, "tls.ehlo", CHECK_FAIL, *s->detail ? s->detail :
		    "refused inside TLS");
		judge_quote(j, one, STAGE_HELLO_TLS);
	}
	if (j->p->offered_inside)
		say(j, "starttls.inside", CHECK_WARN,
		    "STARTTLS is offered again inside TLS");
	if (j->p->injection == ANSWER_YES)
		say(j, "starttls.injection", CHECK_FAIL, "a command sent in "
		    "clear text behind STARTTLS was carried out inside TLS");
	else if (j->p->injection == ANSWER_NO)
		say(j, "starttls.injection", CHECK_OK,
		    "a command sent in clear text behind STARTTLS is dropped");
}

static void judge_deep(struct judge *j)
{
	const struct deep_facts *d = &j->a->deep;
	enum check_status status = CHECK_OK;
	struct finding *one;

	if (!j->a->has_deep)
		return;
	for (size_t i = 0; i < d->versions.n; i++)
		if (strcmp(d->versions.v[i], "TLSv1") == 0 ||
		    strcmp(d->versions.v[i], "TLSv1.1") == 0)
			status = j->is_relay ? CHECK_INFO : CHECK_WARN;
	one = findings_add(j->out, "tls.deep", status, j->h, j->a,
	    "%zu versions, %zu ciphers below TLS 1.3%s", d->versions.n,
	    d->ciphers.n, d->cut ? ", not complete" : "");
	for (size_t i = 0; i < d->versions.n; i++)
		judge_evidence(j, one, "%s", d->versions.v[i]);
	for (size_t i = 0; i < d->ciphers.n; i++)
		judge_evidence(j, one, "%s", d->ciphers.v[i]);
}

static void judge_secured(struct judge *j)
{
	if (!check_protocol_info(j->f->target.protocol)->implicit &&
	    j->p->offered == ANSWER_YES && !is_flapping(j))
		say(j, "starttls.offered", CHECK_OK, "offered, and it works");
	judge_version(j);
	judge_cipher(j);
	judge_inside(j);
	judge_deep(j);
}

/* ---- all --------------------------------------------------------------- */

/* True: that was all there is to say about STARTTLS. */
static bool judge_clear_text(struct judge *j)
{
	struct finding *one;

	if (stage(j, STAGE_GREETING)->state == STAGE_FAILED) {
		judge_greeting(j);
	} else if (stage(j, STAGE_GREETING)->state == STAGE_UNKNOWN) {
		judge_unknown(j, STAGE_GREETING);
	} else if (stage(j, STAGE_HELLO)->state == STAGE_UNKNOWN) {
		judge_unknown(j, STAGE_HELLO);
	} else if (stage(j, STAGE_HELLO)->state == STAGE_FAILED &&
	    !j->p->hello_refused && j->p->accepted != ANSWER_YES) {
		one = say(j, "smtp.greeting", CHECK_FAIL,
		    "EHLO is not answered as the protocol asks");
		judge_quote(j, one, STAGE_HELLO);
	} else if (is_flapping(j)) {
		say(j, "starttls.flapping", judge_tls(j),
		    "offered on one of two connections");
		return !j->p->has_tls;
	} else if (j->p->spoke_early) {
		one = say(j, "starttls.early", CHECK_FAIL,
		    "clear text behind the reply, before the handshake");
		judge_evidence(j, one, "%s", j->p->early);
	} else if (j->p->offered != ANSWER_YES) {
		judge_missing(j);
		return !j->p->has_tls;
	} else if (j->p->accepted != ANSWER_YES) {
		judge_refused(j);
	} else {
		return false;
	}
	return true;
}

void judge_server(struct judge *j)
{
	if (stage(j, STAGE_CONNECT)->state != STAGE_OK) {
		judge_unconnected(j);
		return;
	}
	if (!check_protocol_info(j->f->target.protocol)->implicit &&
	    judge_clear_text(j))
		return;
	if (j->p->has_tls)
		judge_secured(j);
	else
		judge_handshake(j);
}
