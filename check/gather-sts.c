/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MTA-STS, the address of its policy host, and TLSRPT.
 */
#include "config.h"

#include "check/gather-internal.h"

#include <stdlib.h>
#include <string.h>

#include "mtasts/tlsrpt.h"

/* ---- MTA-STS ----------------------------------------------------------- */

static void on_finding(void *arg, const struct mtasts_finding *f)
{
	struct gather *g = arg;
	char text[300], line[32] = "";

	/* A note is advice, which the check gives itself where it matters. */
	if (f->severity == MTASTS_NOTE ||
	    g->f.sts_findings.n == GATHER_STS_FINDINGS_MAX)
		return;
	if (f->line)
		snprintf(line, sizeof(line), "line %u: ", f->line);
	snprintf(text, sizeof(text), "%s%s", line, f->text);
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (!strv_add(&g->f.sts_findings, text))
		gather_no_memory(g);
}

static void take_policy(struct gather *g, const struct mtasts_result *r)
{
	struct check_facts *f = &g->f;

	f->sts_mode = mtasts_policy_mode(r->policy);
	f->sts_max_age = mtasts_policy_max_age(r->policy);
	for (size_t i = 0; i < mtasts_policy_mx_count(r->policy); i++)
		if (!strv_add(&f->sts_mx, mtasts_policy_mx(r->policy, i)))
			gather_no_memory(g);
	mtasts_policy_free(mtasts_policy_parse(r->text, r->text_len, 0,
	    on_finding, g, NULL));
}

static void on_sts(void *arg, const struct mtasts_result *r)
{
	struct gather_sts *sts = arg;
	struct gather *g = sts->g;
	struct check_facts *f;

	free(sts);
	if (!g)
		return;
	g->sts = NULL;
	gather_kick(g);
	f = &g->f;
	f->sts = r->outcome;
	f->sts_error = r->error;
	f->sts_secure = r->secure;
	snprintf(f->sts_id, sizeof(f->sts_id), "%s", r->id);
	snprintf(f->sts_detail, sizeof(f->sts_detail), "%s",
	    r->detail ? r->detail : "");
	if (r->error == MTASTS_E_MEMORY)
		gather_no_memory(g);
	if (r->outcome == MTASTS_FOUND)
		take_policy(g, r);
}

/* Nothing is said to be held: the policy is to be fetched in any case. */
static void start_lookup(struct gather *g)
{
	struct check_facts *f = &g->f;
	struct gather_sts *sts = calloc(1, sizeof(*sts));
	enum mtasts_error error = MTASTS_E_MEMORY;

	f->sts_asked = true;
	if (sts) {
		sts->g = g;
		error = mtasts_lookup_start(g->ctx, f->target.name, NULL, 0,
		    on_sts, sts);
	}
	if (error == MTASTS_OK) {
		g->sts = sts;
		return;
	}
	free(sts);
	if (error == MTASTS_E_MEMORY)
		gather_no_memory(g);
	f->sts = MTASTS_FAILED;
	f->sts_error = error;
	snprintf(f->sts_detail, sizeof(f->sts_detail), "%s",
	    mtasts_strerror(error));
}

bool gather_sts_published(const struct gather *g)
{
	return g->f.sts_asked && (*g->f.sts_id ||
	    g->f.sts_error == MTASTS_E_RECORD);
}

void gather_sts_cancel(struct gather *g)
{
	if (g->sts)
		g->sts->g = NULL;
}

/* ---- the policy host --------------------------------------------------- */

/* One address is enough, of version 4 if there is one; where the policy is
 * not fetched from, nothing is to be seen. */
static void take_policy_addr(struct gather *g, size_t host,
    const struct dns_answer *a)
{
	(void)host;
	for (size_t i = 0; a->status == DNS_FOUND && i < a->n; i++)
		if (g->policy_addr.family != AF_INET &&
		    (g->ctx->allow_private ||
		    !netaddr_is_private(&a->records[i].addr))) {
			g->policy_addr = a->records[i].addr;
			return;
		}
}

static void ask_policy_host(struct gather *g)
{
	snprintf(g->policy_name, sizeof(g->policy_name), "mta-sts.%s",
	    g->f.target.name);
	if (!g->o.no_ipv4)
		gather_ask(g, g->policy_name, DNS_A, take_policy_addr, 0);
	if (!g->o.no_ipv6)
		gather_ask(g, g->policy_name, DNS_AAAA, take_policy_addr, 0);
}

/* ---- TLSRPT ------------------------------------------------------------ */

static void take_uris(struct gather *g, const struct dns_record *r)
{
	struct check_facts *f = &g->f;
	const char *p, *end;
	struct buf uris;

	buf_init(&uris, r->len + 1);
	if (!tlsrpt_uris(r->data, r->len, &uris)) {
		f->tlsrpt = TLSRPT_INVALID;
		snprintf(f->tlsrpt_why, sizeof(f->tlsrpt_why),
		    "the record is syntactically wrong");
	} else {
		f->tlsrpt = TLSRPT_FOUND;
		for (p = buf_str(&uris); (end = strchr(p, '\n')) &&
		    f->tlsrpt_rua.n < GATHER_RUA_MAX; p = end + 1)
			if (!strv_add_n(&f->tlsrpt_rua, p,
			    (size_t)(end - p)))
				gather_no_memory(g);
	}
	if (uris.failed)
		gather_no_memory(g);
	buf_clear(&uris);
}

/* The records at a name that are none of ours do not count, as for
 * MTA-STS; with several that are, there is none (RFC 8460 §3). */
static void take_records(struct gather *g, const struct dns_answer *a)
{
	const struct dns_record *one = NULL;
	struct check_facts *f = &g->f;
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		if (tlsrpt_is_candidate(a->records[i].data,
		    a->records[i].len)) {
			one = &a->records[i];
			n++;
		}
	if (n == 1) {
		take_uris(g, one);
	} else if (n > 1) {
		f->tlsrpt = TLSRPT_SEVERAL;
		snprintf(f->tlsrpt_why, sizeof(f->tlsrpt_why),
		    "%zu TLSRPT records", n);
	} else {
		f->tlsrpt = TLSRPT_ABSENT;
		snprintf(f->tlsrpt_why, sizeof(f->tlsrpt_why),
		    "none of %zu TXT records is for TLSRPT", a->n);
	}
}

static void take_tlsrpt(struct gather *g, size_t host,
    const struct dns_answer *a)
{
	struct check_facts *f = &g->f;

	(void)host;
	switch (a->status) {
	case DNS_FOUND:
		take_records(g, a);
		return;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		f->tlsrpt = TLSRPT_ABSENT;
		return;
	case DNS_SERVFAIL:
	case DNS_BOGUS:
	case DNS_TIMEOUT:
		break;
	}
	f->tlsrpt = TLSRPT_UNKNOWN;
	snprintf(f->tlsrpt_why, sizeof(f->tlsrpt_why), "%s%s%.140s",
	    dns_status_text(a->status), *a->why ? ": " : "", a->why);
}

void gather_sts_start(struct gather *g)
{
	char name[sizeof("_smtp._tls.") + DNS_NAME_SIZE];

	if (!g->f.target.is_domain)
		return;
	start_lookup(g);
	ask_policy_host(g);
	snprintf(name, sizeof(name), "_smtp._tls.%s", g->f.target.name);
	gather_ask(g, name, DNS_TXT, take_tlsrpt, 0);
}
