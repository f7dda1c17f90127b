/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is probed when: several addresses at a time, one connection to each.
 *
 * An address is a piece of work of several steps, which keeps it from its
 * first connection to its last, so that no other work for the same address
 * (hosts often share one) begins in between.
 */
#include "config.h"

#include "check/gather-internal.h"

#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

#define TLS_1_2 "TLSv1.2"

static const char *const versions[] = {
	"TLSv1", "TLSv1.1", TLS_1_2, "TLSv1.3",
};
#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

/* ---- what was seen ----------------------------------------------------- */

/* Every connection to port 25 that is established shows that it is open;
 * only the control host shows that it is not. What answers may be a box in
 * between that takes all connections, so its greeting decides. */
static void note_port25(struct gather *g, const struct gather_work *w,
    const struct probe_facts *f)
{
	const struct stage *greeting = &f->stages[STAGE_GREETING];

	if (w->step == STEP_CONTROL) {
		if (greeting->state == STAGE_OK || greeting->code)
			g->f.port25 = ANSWER_YES;
		else if (g->f.port25 == ANSWER_UNKNOWN)
			g->f.port25 = ANSWER_NO;
	} else if (w->port == 25 &&
	    f->stages[STAGE_CONNECT].state == STAGE_OK) {
		g->f.port25 = ANSWER_YES;
	}
}

/* The server did not let us come as far as the question. */
static bool was_stopped(const struct probe_facts *f)
{
	return f->stages[STAGE_HANDSHAKE].state == STAGE_SKIPPED ||
	    gather_said_421(f);
}

/* ---- steps ------------------------------------------------------------- */

/* Only where a handshake was seen, and nothing says to stay away. */
static enum gather_step step_behind(const struct gather_work *w)
{
	const struct address_facts *a = w->address;
	bool second = a->second_kind != SECOND_NONE;

	if (!w->g->o.deep || gather_said_421(&a->first) ||
	    !(a->first.has_tls || a->second.has_tls))
		return STEP_DONE;
	if (second && was_stopped(&a->second))
		return STEP_DONE;
	return STEP_VERSIONS;
}

static void take_first(struct gather_work *w, struct probe_facts *f)
{
	bool implicit =
	    check_protocol_info(w->g->f.target.protocol)->implicit;

	w->address->first = *f;
	w->address->second_kind = gather_second_kind(f, implicit);
	w->step = w->address->second_kind != SECOND_NONE ? STEP_SECOND :
	    step_behind(w);
}

static void take_second(struct gather_work *w, struct probe_facts *f)
{
	struct address_facts *a = w->address;

	a->second = *f;
	/* Not carried out, but taken for a part of the handshake. */
	if (w->g->o.injection && f->has_tls &&
	    a->first.accepted == ANSWER_YES &&
	    a->first.stages[STAGE_HANDSHAKE].state == STAGE_FAILED)
		a->second.injection = ANSWER_NO;
	w->step = step_behind(w);
}

static void cut_deep(struct gather_work *w)
{
	w->address->deep.cut = true;
	w->step = STEP_DONE;
}

/* Add a cipher of TLS 1.2; false if it was found before. */
static bool add_cipher(struct gather_work *w, const struct probe_facts *f)
{
	struct strv *ciphers = &w->address->deep.ciphers;
	char name[sizeof(f->tls.cipher) + sizeof(TLS_1_2 " ")];

	snprintf(name, sizeof(name), TLS_1_2 " %s", f->tls.cipher);
	if (strv_has(ciphers, name))
		return false;
	buf_addf(&w->ciphers, ":!%s", f->tls.cipher);
	if (!strv_add(ciphers, name) || w->ciphers.failed)
		gather_no_memory(w->g);
	return true;
}

static void take_version(struct gather_work *w, struct probe_facts *f)
{
	struct deep_facts *deep = &w->address->deep;
	const char *version = versions[w->version];

	if (was_stopped(f)) {
		cut_deep(w);
		return;
	}
	if (f->has_tls && !strv_add(&deep->versions, version))
		gather_no_memory(w->g);
	if (f->has_tls && strcmp(version, TLS_1_2) == 0)
		add_cipher(w, f);
	if (++w->version == VERSIONS)
		w->step = strv_has(&deep->versions, TLS_1_2) ? STEP_CIPHERS :
		    STEP_DONE;
}

static void take_cipher(struct gather_work *w, struct probe_facts *f)
{
	if (was_stopped(f))
		cut_deep(w);
	else if (!f->has_tls || !add_cipher(w, f))
		w->step = STEP_DONE;
	else if (w->tries == GATHER_CIPHERS_MAX)
		cut_deep(w);
}

/* The facts go where they belong, or away. */
static void take(struct gather_work *w, struct probe_facts *f)
{
	struct gather *g = w->g;

	switch (w->step) {
	case STEP_FIRST:
		take_first(w, f);
		return;
	case STEP_SECOND:
		take_second(w, f);
		return;
	case STEP_POLICY:
		g->f.policy_host.asked = true;
		g->f.policy_host.addr = w->addr;
		g->f.policy_host.probe = *f;
		w->step = STEP_DONE;
		return;
	case STEP_VERSIONS:
		take_version(w, f);
		break;
	case STEP_CIPHERS:
		take_cipher(w, f);
		break;
	case STEP_CONTROL:
	case STEP_DONE:
		w->step = STEP_DONE;
		break;
	}
	probe_facts_clear(f);
}

/* ---- connections ------------------------------------------------------- */

/* The name senders go by, unless the host is but an address. */
static void request_host(const struct gather_work *w, struct probe_request *r)
{
	const struct host_facts *h = w->host;
	struct netaddr addr;

	if (netaddr_parse(h->name, &addr))
		return;
	r->name = h->name;
	r->sni = h->name;
	if (h->dane != DANE_HOST_USABLE)
		return;
	r->sni = h->base;		/* RFC 7672 §8.1 */
	r->dane_base = h->base;
	r->tlsa = h->tlsa;
	r->tlsa_n = h->tlsa_n;
}

static void request_deep(struct gather_work *w, struct probe_request *r)
{
	w->address->has_deep = true;
	w->address->deep.connections++;
	if (w->step == STEP_VERSIONS) {
		r->version = versions[w->version];
		return;
	}
	w->tries++;
	r->version = TLS_1_2;
	r->cipher = buf_str(&w->ciphers);
}

static void make_request(struct gather_work *w, struct probe_request *r)
{
	*r = (struct probe_request){
		.protocol = w->g->f.target.protocol,
		.addr = w->addr, .port = w->port,
	};
	switch (w->step) {
	case STEP_CONTROL:
		r->protocol = CHECK_SMTP;
		break;
	case STEP_POLICY:
		r->protocol = CHECK_HTTPS;
		r->name = r->sni = w->g->policy_name;
		break;
	case STEP_FIRST:
		request_host(w, r);
		r->injection = w->g->o.injection;
		break;
	case STEP_SECOND:
		request_host(w, r);
		if (w->address->second_kind == SECOND_NO_SNI)
			r->sni = NULL;
		break;
	case STEP_VERSIONS:
	case STEP_CIPHERS:
		request_host(w, r);
		request_deep(w, r);
		break;
	case STEP_DONE:
		break;
	}
}

static void on_probe(void *arg, struct probe_facts *f);

/* Servers that talk slowly enough could hold a target for hours. */
static bool is_over(const struct gather *g)
{
	return clock_mono_ms() - g->began >= g->o.total_ms;
}

/* The step tells nothing: its connection was not even tried. */
static void skip(struct gather_work *w, const char *why)
{
	struct probe_facts f = { .has_tls = false };
	struct stage *s = &f.stages[STAGE_CONNECT];

	snprintf(s->detail, sizeof(s->detail), "%s", why);
	take(w, &f);
}

/* Connect for the step that is due. */
static void connect_next(struct gather_work *w)
{
	struct gather *g = w->g;
	struct probe_request r;

	while (w->step != STEP_DONE) {
		if (is_over(g)) {
			skip(w, "no time left");
			continue;
		}
		make_request(w, &r);
		w->probe = probe_start(g->prober, &r, on_probe, w);
		if (w->probe) {
			g->f.connections++;
			return;
		}
		skip(w, "out of memory or descriptors");
	}
	g->busy--;
	gather_kick(g);
}

static void on_probe(void *arg, struct probe_facts *f)
{
	struct gather_work *w = arg;

	w->probe = NULL;
	note_port25(w->g, w, f);
	take(w, f);
	connect_next(w);
}

static void begin(struct gather_work *w)
{
	struct gather *g = w->g;
	char what[sizeof(g->f.target.text) + NETADDR_TEXT + 16];
	char addr[NETADDR_TEXT];

	w->begun = true;
	g->busy++;
	if (g->progress) {
		snprintf(what, sizeof(what), "%s: probing %s",
		    g->f.target.text, netaddr_format(&w->addr, addr));
		g->progress(g->arg, what);
	}
	connect_next(w);
}

/* ---- which address when ------------------------------------------------ */

/* Is port 25 of somebody who is known to answer open from here? Needless if
 * it is not the port that is meant. */
void gather_control_start(struct gather *g)
{
	struct gather_work *w = &g->control;

	w->g = g;
	w->step = STEP_DONE;
	if (g->o.control.family == AF_UNSPEC ||
	    !check_protocol_info(g->f.target.protocol)->is_relay)
		return;
	w->step = STEP_CONTROL;
	w->addr = g->o.control;
	w->port = g->o.control_port ? g->o.control_port : 25;
	begin(w);
}

static void add_work(struct gather *g, struct host_facts *h,
    struct address_facts *a)
{
	struct gather_work *w = &g->works[g->works_n++];

	w->g = g;
	w->step = STEP_FIRST;
	w->addr = a->addr;
	w->port = a->port;
	w->host = h;
	w->address = a;
	buf_init(&w->ciphers, GATHER_CIPHER_TEXT_MAX);
	buf_adds(&w->ciphers, "ALL");
}

static void add_policy_work(struct gather *g)
{
	struct gather_work *w = &g->works[g->works_n++];

	w->g = g;
	w->step = g->policy_addr.family == AF_UNSPEC ? STEP_DONE :
	    STEP_POLICY;
	w->addr = g->policy_addr;
	w->port = check_protocol_info(CHECK_HTTPS)->port;
}

void gather_probes_prepare(struct gather *g)
{
	size_t n = 1;

	for (size_t i = 0; i < g->f.n; i++)
		n += g->f.hosts[i].n;
	g->works = calloc(n, sizeof(g->works[0]));
	if (!g->works) {
		gather_no_memory(g);
		return;
	}
	for (size_t i = 0; i < g->f.n; i++)
		for (size_t j = 0; j < g->f.hosts[i].n; j++)
			add_work(g, &g->f.hosts[i],
			    &g->f.hosts[i].addresses[j]);
	add_policy_work(g);
}

static bool is_busy(const struct gather *g, const struct netaddr *addr)
{
	for (size_t i = 0; i < g->works_n; i++)
		if (g->works[i].begun && g->works[i].step != STEP_DONE &&
		    netaddr_equal(&g->works[i].addr, addr))
			return true;
	return g->control.begun && g->control.step != STEP_DONE &&
	    netaddr_equal(&g->control.addr, addr);
}

/* The policy host is left alone while the policy is fetched from it, and
 * altogether if there is no policy. */
static bool is_due(const struct gather *g, struct gather_work *w)
{
	if (w->begun || w->step == STEP_DONE)
		return false;
	if (w->step == STEP_POLICY && g->sts)
		return false;
	if (w->step == STEP_POLICY && !gather_sts_published(g)) {
		w->step = STEP_DONE;
		return false;
	}
	return !is_busy(g, &w->addr);
}

static bool all_done(const struct gather *g)
{
	for (size_t i = 0; i < g->works_n; i++)
		if (g->works[i].step != STEP_DONE)
			return false;
	return g->control.step == STEP_DONE;
}

bool gather_probes_run(struct gather *g)
{
	if (g->control.step != STEP_DONE)
		return false;
	for (size_t i = 0; i < g->works_n && g->busy < GATHER_PARALLEL; i++)
		if (is_due(g, &g->works[i]))
			begin(&g->works[i]);
	return all_done(g);
}

void gather_probes_cancel(struct gather *g)
{
	if (g->control.probe)
		probe_cancel(g->control.probe);
	for (size_t i = 0; i < g->works_n; i++) {
		if (g->works[i].probe)
			probe_cancel(g->works[i].probe);
		buf_clear(&g->works[i].ciphers);
	}
	free(g->works);
}
