/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/httpsget.h"

#include "mtasts/ctx.h"
#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "util/buf.h"

#define DETAIL_MAX 600
/* How long IPv6 addresses may take once IPv4 ones are there. */
#define OTHER_FAMILY_MS 500

struct httpsget {
	struct mtasts_ctx *ctx;
	struct fetch_request request;
	bool allow_private;
	fetch_fn *fn;
	void *arg;
	/* Steps under way, NULL otherwise. */
	struct dns_query *query[2];	/* A, AAAA */
	struct fetch *fetch;
	struct evtimer *timer;
	/* What is known so far. */
	struct netaddr addrs[2][FETCH_ADDRS_MAX / 2];
	size_t addrs_n[2];
	enum dns_status status[2];
	bool saw_private;
	struct buf why;		/* about the addresses that are of no use */
};

static const enum dns_type types[2] = { DNS_A, DNS_AAAA };

static void get_free(struct httpsget *g)
{
	dns_query_cancel(g->query[0]);
	dns_query_cancel(g->query[1]);
	fetch_cancel(g->fetch);
	evtimer_free(g->timer);
	buf_clear(&g->why);
	free(g);
}

/* What peers sent must not get out unclean. */
static void clean(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] < ' ' || b->data[i] > '~')
			b->data[i] = '?';
}

/* ---- the end ----------------------------------------------------------- */

static void finish_failed(struct httpsget *g, enum mtasts_error error,
    struct buf *detail)
{
	fetch_fn *fn = g->fn;
	void *arg = g->arg;
	struct fetch_result r = { .error = error, .etag = "" };

	get_free(g);
	clean(detail);
	r.detail = buf_str(detail);
	fn(arg, &r);
	buf_clear(detail);
}

static void finish_busy(struct httpsget *g)
{
	struct buf detail;

	buf_init(&detail, DETAIL_MAX);
	buf_adds(&detail, "too many DNS questions");
	finish_failed(g, MTASTS_E_BUSY, &detail);
}

static void on_fetched(void *arg, struct fetch_result *r)
{
	struct httpsget *g = arg;
	fetch_fn *fn = g->fn;
	void *fn_arg = g->arg;
	struct buf detail;

	g->fetch = NULL;
	if (r->error != MTASTS_OK) {
		buf_init(&detail, DETAIL_MAX);
		buf_addf(&detail, "%s: %s", g->request.host, r->detail);
		finish_failed(g, r->error, &detail);
		return;
	}
	get_free(g);
	fn(fn_arg, r);
}

static void begin_fetch(struct httpsget *g)
{
	struct netaddr addrs[FETCH_ADDRS_MAX];
	struct buf detail;
	size_t n = 0;

	/* IPv4 first: IPv6 is more often published than reachable. */
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < g->addrs_n[i]; k++)
			addrs[n++] = g->addrs[i][k];
	g->fetch = fetch_start(g->ctx->fetcher, &g->request, addrs, n,
	    on_fetched, g);
	if (g->fetch)
		return;
	buf_init(&detail, DETAIL_MAX);
	buf_adds(&detail, "out of memory");
	finish_failed(g, MTASTS_E_MEMORY, &detail);
}

/* ---- addresses --------------------------------------------------------- */

static void no_address(struct httpsget *g)
{
	const char *host = g->request.host;
	struct buf detail;
	bool absent = true;

	for (int i = 0; i < 2; i++)
		absent = absent && (g->status[i] == DNS_NODATA ||
		    g->status[i] == DNS_NXDOMAIN);
	buf_init(&detail, DETAIL_MAX);
	if (g->saw_private)
		buf_addf(&detail, "%s has only private addresses, such as "
		    "%s", host, buf_str(&g->why));
	else if (absent)
		buf_addf(&detail, "%s has no address (%s)", host,
		    dns_status_text(g->status[0]));
	else
		buf_addf(&detail, "address of %s: %s", host,
		    buf_str(&g->why));
	finish_failed(g, MTASTS_E_HOST, &detail);
}

/* Both families are known, or one and the other took too long. */
static void addresses_done(struct httpsget *g)
{
	for (int i = 0; i < 2; i++) {
		dns_query_cancel(g->query[i]);
		g->query[i] = NULL;
	}
	evtimer_set(g->timer, -1);
	if (g->addrs_n[0] + g->addrs_n[1])
		begin_fetch(g);
	else
		no_address(g);
}

static void add_address(struct httpsget *g, int family,
    const struct netaddr *addr)
{
	char text[NETADDR_TEXT];

	if (!g->allow_private && netaddr_is_private(addr)) {
		g->saw_private = true;
		buf_reset(&g->why);
		buf_adds(&g->why, netaddr_format(addr, text));
	} else if (g->addrs_n[family] < FETCH_ADDRS_MAX / 2) {
		g->addrs[family][g->addrs_n[family]++] = *addr;
	}
}

static void on_address(struct httpsget *g, int family,
    const struct dns_answer *a)
{
	g->query[family] = NULL;
	g->status[family] = a->status;
	if (a->status == DNS_FOUND) {
		for (size_t i = 0; i < a->n; i++)
			add_address(g, family, &a->records[i].addr);
	} else if (a->status > DNS_NXDOMAIN && !g->saw_private) {
		buf_reset(&g->why);
		buf_addf(&g->why, "%s%s%s", dns_status_text(a->status),
		    a->why[0] ? ": " : "", a->why);
	}
	if (!g->query[!family])
		addresses_done(g);
	else if (g->addrs_n[family])
		evtimer_set(g->timer, OTHER_FAMILY_MS);
}

static void on_a(void *arg, const struct dns_answer *a)
{
	on_address(arg, 0, a);
}

static void on_aaaa(void *arg, const struct dns_answer *a)
{
	on_address(arg, 1, a);
}

static void begin_addresses(struct httpsget *g)
{
	static dns_fn *const fns[2] = { on_a, on_aaaa };

	for (int i = 0; i < 2; i++) {
		g->status[i] = DNS_SERVFAIL;
		g->query[i] = dns_query_start(g->ctx->dns, g->request.host,
		    types[i], fns[i], g);
	}
}

/* A second family of addresses that takes too long; or there is nothing to
 * resolve, or nothing could be asked. */
static void on_timer(void *arg)
{
	struct httpsget *g = arg;

	if (g->query[0] || g->query[1])
		addresses_done(g);
	else if (fetcher_has_proxy(g->ctx->fetcher))
		begin_fetch(g);
	else
		finish_busy(g);
}

struct httpsget *httpsget_start(struct mtasts_ctx *ctx,
    const struct fetch_request *r, bool allow_private, fetch_fn *fn,
    void *arg)
{
	struct httpsget *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->timer = evtimer_new(ctx->loop, on_timer, g);
	if (!g->timer) {
		free(g);
		return NULL;
	}
	g->ctx = ctx;
	g->request = *r;
	g->allow_private = allow_private;
	g->fn = fn;
	g->arg = arg;
	buf_init(&g->why, DETAIL_MAX);
	if (!fetcher_has_proxy(ctx->fetcher))
		begin_addresses(g);
	/* Never call back from here. */
	if (!g->query[0] && !g->query[1])
		evtimer_set(g->timer, 0);
	return g;
}

void httpsget_cancel(struct httpsget *g)
{
	if (g)
		get_free(g);
}
