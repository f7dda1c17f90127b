/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/lookup.h"

#include "conf/conf.h"
#include "mtasts/ctx.h"
#include "mtasts/dane.h"
#include "mtasts/evloop.h"
#include "tool/out.h"
#include "util/buf.h"
#include "util/clock.h"

#define BUDGET_MS 20000

struct run {
	size_t ended;
	lookup_dane_fn *fn;
	void *arg;
};

struct one {
	struct run *run;
	size_t index;
};

static void on_dane(void *arg, const struct danestate *s)
{
	struct one *one = arg;
	struct danerec rec;
	struct buf hosts;

	buf_init(&hosts, DANEREC_MAX_PACKED - 64);
	danerec_from_state(s, &hosts, &rec);
	rec.checked = clock_wall();
	one->run->ended++;
	one->run->fn(one->run->arg, one->index, &rec);
	buf_clear(&hosts);
}

static bool start(struct mtasts_ctx *ctx, const struct nexthop *hop,
    struct one *one)
{
	struct dane_next_hop next = { .domain = hop->domain,
		.use_mx = hop->kind == NEXTHOP_DOMAIN, .port = hop->port,
		.budget_ms = BUDGET_MS };

	return dane_lookup_start(ctx->loop, ctx->dns, &next, on_dane, one) !=
	    NULL;
}

/* One after the other: each asks many questions at once already. */
bool lookup_dane(const struct conf *conf, const struct nexthop *const *hops,
    size_t n, lookup_dane_fn *fn, void *arg)
{
	struct run run = { .fn = fn, .arg = arg };
	struct mtasts_ctx *ctx;
	bool ok = true;

	if (n == 0)
		return true;
	ctx = lookup_context(conf);
	if (!ctx)
		return false;
	for (size_t i = 0; ok && i < n; i++) {
		struct one one = { &run, i };

		out_progress("looking up DANE of %s (%zu of %zu)",
		    hops[i]->text, i + 1, n);
		ok = start(ctx, hops[i], &one);
		while (ok && run.ended == i)
			evloop_wait(ctx->loop, -1);
	}
	out_progress_end();
	if (!ok)
		complain("out of memory");
	mtasts_ctx_free(ctx);
	return ok;
}
