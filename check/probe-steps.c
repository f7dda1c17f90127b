/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said to a server, and what its replies mean.
 */
#include "config.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "check/probe-internal.h"
#include "check/tlsfacts.h"
#include "util/str.h"

static const char *detail_of(const struct reply *r)
{
	return r->state == REPLY_NONSENSE ?
	    "the reply is none of this protocol" : "";
}

static enum stage_state state_of(const struct reply *r)
{
	switch (r->state) {
	case REPLY_YES:
		return STAGE_OK;
	case REPLY_LATER:
	case REPLY_MORE:
		return STAGE_UNKNOWN;
	case REPLY_NO:
	case REPLY_NONSENSE:
		break;
	}
	return STAGE_FAILED;
}

/* ---- leaving ----------------------------------------------------------- */

static void leave(struct probe *p)
{
	if (!p->dialect) {
		probe_end(p);
		return;
	}
	probe_say(p, p->dialect->quit, p->dialect->starttls_reply,
	    probe_end);
	probe_wait(p, PROBE_LINGER_MS, probe_end);
}

/* ---- inside TLS -------------------------------------------------------- */

static void inside_keyword(void *arg, const char *word, size_t len)
{
	struct probe *p = arg;

	if (len == strlen(p->dialect->keyword) &&
	    str_ieq_n(word, p->dialect->keyword, len))
		p->facts.offered_inside = true;
	if (len == strlen("REQUIRETLS") && str_ieq_n(word, "REQUIRETLS", len))
		p->facts.requiretls = true;
}

static void not_injected(struct probe *p)
{
	p->facts.injection = ANSWER_NO;
	leave(p);
}

/* One more answer than questions: the server carried out what it had been
 * sent in clear text (CVE-2011-0411). */
static void was_injected(struct probe *p)
{
	p->facts.injection = ANSWER_YES;
	reply_keywords(&p->reply, inside_keyword, p);
	leave(p);
}

static void on_hello_inside(struct probe *p)
{
	probe_stage_end(p, state_of(&p->reply), detail_of(&p->reply));
	reply_keywords(&p->reply, inside_keyword, p);
	if (p->request.injection && p->reply.state == REPLY_YES) {
		probe_say(p, NULL, p->dialect->hello_reply, was_injected);
		probe_wait(p, PROBE_LINGER_MS, not_injected);
	} else {
		leave(p);
	}
}

static void say_hello(struct probe *p, const char *format,
    probe_step_fn *step)
{
	char text[PROBE_OUT_MAX];
	const char *name = strstr(format, "%s");

	if (name)
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(name - format),
		    format, p->prober->ehlo, name + 2);
	probe_say(p, name ? text : format, p->dialect->hello_reply, step);
}

static void hello_inside(struct probe *p)
{
	say_hello(p, p->dialect->hello, on_hello_inside);
}

static void on_greeting_inside(struct probe *p)
{
	if (p->reply.state != REPLY_YES) {
		probe_stage_end(p, state_of(&p->reply),
		    detail_of(&p->reply));
		leave(p);
		return;
	}
	hello_inside(p);
}

void probe_secured(struct probe *p)
{
	const struct probe_request *r = &p->request;

	p->facts.has_tls = tls_facts_take(p->ssl, p->prober->roots,
	    r->name ? r->name : "", p->with_dane, &p->facts.tls);
	if (!p->facts.has_tls) {
		probe_fail(p, STAGE_UNKNOWN, "out of memory");
		return;
	}
	probe_stage_end(p, STAGE_OK, "");
	if (!p->dialect || r->version || r->cipher) {
		leave(p);
		return;
	}
	probe_stage(p, STAGE_HELLO_TLS);
	if (check_protocol_info(r->protocol)->implicit)
		probe_say(p, NULL, p->dialect->greeting, on_greeting_inside);
	else
		hello_inside(p);
}

/* ---- STARTTLS ---------------------------------------------------------- */

static void spoke_early(struct probe *p)
{
	struct buf b;

	p->facts.spoke_early = true;
	buf_init(&b, 4 * sizeof(p->facts.early));
	reply_clean(&b, p->in.data, p->in.len, sizeof(p->facts.early) / 2);
	snprintf(p->facts.early, sizeof(p->facts.early), "%s", buf_str(&b));
	buf_clear(&b);
	/* Never go on with a connection that somebody may talk into
	 * (RFC 3207 §4). */
	probe_fail(p, STAGE_FAILED,
	    "clear text behind the reply, before the handshake");
}

static void on_starttls(struct probe *p)
{
	struct probe_facts *f = &p->facts;

	if (p->reply.state == REPLY_YES) {
		f->accepted = ANSWER_YES;
		if (p->in.len > 0) {
			spoke_early(p);
			return;
		}
		probe_stage_end(p, STAGE_OK, "");
		probe_handshake(p);
		return;
	}
	if (p->reply.state != REPLY_LATER)
		f->accepted = ANSWER_NO;
	probe_stage_end(p, state_of(&p->reply), f->sent_anyway ?
	    "not offered, and not accepted either" : detail_of(&p->reply));
	leave(p);
}

static void starttls(struct probe *p)
{
	char text[64];

	p->facts.sent_anyway = p->facts.offered != ANSWER_YES;
	probe_stage(p, STAGE_STARTTLS);
	snprintf(text, sizeof(text), "%s%s", p->dialect->starttls,
	    p->request.injection ? p->dialect->injected : "");
	probe_say(p, text, p->dialect->starttls_reply, on_starttls);
}

/* ---- before ------------------------------------------------------------ */

/* What middleboxes make of a keyword they do not want to be seen: every
 * letter becomes an X, or all but the last. */
static bool is_masked(const char *word, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (word[i] != 'X')
			return false;
	return len >= 4;
}

static void keyword(void *arg, const char *word, size_t len)
{
	struct probe *p = arg;
	struct probe_facts *f = &p->facts;
	size_t wanted = strlen(p->dialect->keyword);

	if (len == wanted && str_ieq_n(word, p->dialect->keyword, len))
		f->offered = ANSWER_YES;
	/* One as long as STARTTLS says more than another. */
	if (is_masked(word, len) && len < sizeof(f->masked) &&
	    (!*f->masked || len == wanted))
		snprintf(f->masked, sizeof(f->masked), "%.*s", (int)len,
		    word);
}

static void on_helo(struct probe *p)
{
	struct stage *s = &p->facts.stages[STAGE_HELLO];

	if (p->reply.state != REPLY_YES) {
		leave(p);
		return;
	}
	p->facts.hello_refused = true;
	p->facts.offered = ANSWER_NO;
	snprintf(s->detail, sizeof(s->detail), "refused, but HELO works");
	starttls(p);
}

static void on_hello(struct probe *p)
{
	if (p->reply.state == REPLY_NO && p->dialect->helo) {
		probe_stage_end(p, STAGE_FAILED, "refused");
		say_hello(p, p->dialect->helo, on_helo);
		return;
	}
	probe_stage_end(p, state_of(&p->reply), detail_of(&p->reply));
	if (p->reply.state == REPLY_YES) {
		p->facts.offered = ANSWER_NO;
		reply_keywords(&p->reply, keyword, p);
		if (p->facts.offered == ANSWER_YES)
			p->facts.masked[0] = '\0';
	} else if (p->reply.state != REPLY_NO) {
		leave(p);
		return;
	}
	/* A server without a list may still know the command. */
	starttls(p);
}

static void on_greeting(struct probe *p)
{
	probe_stage_end(p, state_of(&p->reply), detail_of(&p->reply));
	if (p->reply.state != REPLY_YES) {
		leave(p);
		return;
	}
	probe_stage(p, STAGE_HELLO);
	say_hello(p, p->dialect->hello, on_hello);
}

void probe_begin(struct probe *p)
{
	if (check_protocol_info(p->request.protocol)->implicit) {
		probe_handshake(p);
		return;
	}
	probe_stage(p, STAGE_GREETING);
	probe_say(p, NULL, p->dialect->greeting, on_greeting);
}
