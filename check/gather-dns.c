/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MX, addresses of every host, whether DANE holds, and the TLSA records.
 */
#include "config.h"

#include "check/gather-internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- questions --------------------------------------------------------- */

static const struct dns_answer no_time = { .status = DNS_TIMEOUT };
static const struct dns_answer not_asked = { .status = DNS_SERVFAIL,
	.why = "the question could not be asked" };

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct gather_question *q = arg;
	struct gather *g = q->g;

	q->query = NULL;
	g->pending--;
	q->take(g, q->host, a);
	gather_kick(g);
}

void gather_ask(struct gather *g, const char *name, enum dns_type type,
    gather_take_fn *take, size_t host)
{
	struct gather_question *q;

	if (g->expired || g->questions_n == GATHER_QUESTIONS_MAX) {
		take(g, host, g->expired ? &no_time : &not_asked);
		return;
	}
	q = &g->questions[g->questions_n++];
	*q = (struct gather_question){ .g = g, .take = take, .host = host };
	q->query = dns_query_start(g->ctx->dns, name, type, on_answer, q);
	if (q->query)
		g->pending++;
	else
		take(g, host, &not_asked);
}

void gather_dns_expire(struct gather *g)
{
	g->expired = true;
	for (size_t i = 0; i < g->questions_n; i++) {
		struct gather_question *q = &g->questions[i];

		if (!q->query)
			continue;
		dns_query_cancel(q->query);
		on_answer(q, &no_time);
	}
	dane_lookup_cancel(g->dane);
	g->dane = NULL;
	gather_kick(g);
}

void gather_dns_cancel(struct gather *g)
{
	for (size_t i = 0; i < g->questions_n; i++)
		dns_query_cancel(g->questions[i].query);
	dane_lookup_cancel(g->dane);
}

bool gather_dns_ended(const struct gather *g)
{
	return g->pending == 0 && !g->dane;
}

/* ---- addresses --------------------------------------------------------- */

static void take_family(struct gather *g, struct host_facts *h,
    const struct dns_answer *a, bool connect, struct family_facts *f)
{
	f->asked = true;
	f->status = a->status;
	f->secure = a->secure;
	snprintf(f->why, sizeof(f->why), "%s", a->why);
	if (a->alias) {
		h->alias = true;
		snprintf(h->canonical, sizeof(h->canonical), "%s",
		    a->canonical);
	}
	if (connect && a->status == DNS_FOUND &&
	    !gather_addresses(a, g->f.target.port, h))
		gather_no_memory(g);
}

static void take_a(struct gather *g, size_t host, const struct dns_answer *a)
{
	struct host_facts *h = &g->f.hosts[host];

	take_family(g, h, a, !g->o.no_ipv4, &h->ipv4);
}

static void take_aaaa(struct gather *g, size_t host,
    const struct dns_answer *a)
{
	struct host_facts *h = &g->f.hosts[host];

	take_family(g, h, a, !g->o.no_ipv6, &h->ipv6);
}

static void ask_addresses(struct gather *g, size_t host)
{
	const char *name = g->f.hosts[host].name;

	gather_ask(g, name, DNS_A, take_a, host);
	gather_ask(g, name, DNS_AAAA, take_aaaa, host);
}

/* The one host of a target without MX records. */
static bool only_host(struct gather *g)
{
	g->f.hosts = calloc(1, sizeof(g->f.hosts[0]));
	if (!g->f.hosts) {
		gather_no_memory(g);
		return false;
	}
	g->f.n = 1;
	snprintf(g->f.hosts[0].name, sizeof(g->f.hosts[0].name), "%s",
	    g->f.target.name);
	return true;
}

/* ---- DANE -------------------------------------------------------------- */

static struct host_facts *find_host(struct check_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->hosts[i].name, name) == 0)
			return &f->hosts[i];
	return NULL;
}

static void take_dane_host(struct check_facts *f,
    const struct dane_host_result *r)
{
	struct host_facts *h = find_host(f, r->name);

	if (!h)
		return;		/* cut, or the answers differ */
	h->dane = r->state;
	if (r->base)
		snprintf(h->base, sizeof(h->base), "%s", r->base);
}

static void on_dane(void *arg, const struct danestate *s)
{
	struct gather *g = arg;
	struct dane_host_result host;
	struct dane_result r;

	g->dane = NULL;
	gather_kick(g);
	if (!s)
		return;		/* nothing is validated, nothing is known */
	danestate_result(s, &r);
	g->f.dane_asked = g->f.target.is_domain;
	g->f.dane = r.outcome;
	for (size_t i = 0; i < r.hosts; i++) {
		danestate_host(s, i, &host);
		take_dane_host(&g->f, &host);
	}
}

/* The records themselves are asked for behind it, in what is left. */
static void start_dane(struct gather *g)
{
	struct dane_next_hop hop = {
		.domain = g->f.target.name,
		.use_mx = g->f.target.is_domain,
		.port = g->f.target.port,
		.budget_ms = gather_time_left(g) / 8 * 7,
	};

	g->dane = dane_lookup_start(g->ctx->loop, g->ctx->dns, &hop, on_dane,
	    g);
	if (!g->dane)
		gather_no_memory(g);
}

/* DANE has seen secure records a moment ago; what does not have them now
 * has failed, and must not be taken for "none". */
static void take_tlsa(struct gather *g, size_t host,
    const struct dns_answer *a)
{
	struct host_facts *h = &g->f.hosts[host];

	if (a->status != DNS_FOUND || !a->secure) {
		h->dane = DANE_HOST_TLSA_ERROR;
		*h->base = '\0';
	} else if (!gather_tlsa(a, h)) {
		gather_no_memory(g);
	}
}

void gather_dns_tlsa(struct gather *g)
{
	char name[DNS_NAME_SIZE + 32];

	for (size_t i = 0; i < g->f.n; i++) {
		if (!*g->f.hosts[i].base)
			continue;
		snprintf(name, sizeof(name), "_%u._tcp.%s", g->f.target.port,
		    g->f.hosts[i].base);
		gather_ask(g, name, DNS_TLSA, take_tlsa, i);
	}
}

/* ---- MX ---------------------------------------------------------------- */

static void take_hosts(struct gather *g, const struct dns_answer *a)
{
	size_t max = g->o.max_mx;

	if (max == 0 || max > GATHER_HOSTS_MAX)
		max = GATHER_HOSTS_MAX;
	if (!gather_mx_hosts(a, max, &g->f)) {
		gather_no_memory(g);
		return;
	}
	for (size_t i = 0; i < g->f.n; i++)
		if (!g->f.hosts[i].is_literal)
			ask_addresses(g, i);
}

/* DANE is asked about once the MX records are here, as what it says is
 * about their hosts; it finds them in the cache of the client. */
static void take_mx(struct gather *g, size_t host, const struct dns_answer *a)
{
	struct check_facts *f = &g->f;

	(void)host;
	f->mx_status = a->status;
	f->mx_secure = a->secure;
	snprintf(f->mx_why, sizeof(f->mx_why), "%s", a->why);
	switch (a->status) {
	case DNS_FOUND:
		take_hosts(g, a);
		start_dane(g);
		return;
	case DNS_NODATA:
		f->mx = MX_IMPLICIT;	/* RFC 5321 §5.1 */
		if (only_host(g))
			ask_addresses(g, 0);
		start_dane(g);
		return;
	case DNS_NXDOMAIN:
		f->mx = MX_NO_DOMAIN;
		return;
	case DNS_SERVFAIL:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		break;
	}
	f->mx = MX_UNKNOWN;
	f->dane_asked = dns_validation(g->ctx->dns, NULL) ==
	    DNS_VALIDATION_WORKS;
	f->dane = DANE_ERROR;
}

/* A target that is an address, or one host; DANE of SMTP is about mail
 * between servers, and not about submission (RFC 7672 §3.1.3). */
static void start_host(struct gather *g)
{
	struct dns_answer a = { .status = DNS_FOUND, .n = 1 };
	struct dns_record r = { .len = 0 };

	if (!only_host(g))
		return;
	if (netaddr_parse(g->f.target.name, &r.addr)) {
		a.records = &r;
		if (!gather_addresses(&a, g->f.target.port, &g->f.hosts[0]))
			gather_no_memory(g);
		return;
	}
	ask_addresses(g, 0);
	if (check_protocol_info(g->f.target.protocol)->is_relay)
		start_dane(g);
}

void gather_dns_start(struct gather *g)
{
	if (g->f.target.is_domain)
		gather_ask(g, g->f.target.name, DNS_MX, take_mx, 0);
	else
		start_host(g);
}
