/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/gather-internal.h"

#include <stdlib.h>
#include <string.h>

#include "mtasts/evloop.h"
#include "util/clock.h"

#define BUDGET_MS 20000
#define TOTAL_MS 300000

/* ---- where we stand ---------------------------------------------------- */

static void note_validation(struct gather *g)
{
	const char *why;

	g->f.validation = dns_validation(g->ctx->dns, &why);
	snprintf(g->f.validation_why, sizeof(g->f.validation_why), "%s", why);
	snprintf(g->f.resolver, sizeof(g->f.resolver), "%s",
	    dns_servers(g->ctx->dns));
}

/* ---- the end ----------------------------------------------------------- */

void gather_cancel(struct gather *g)
{
	if (!g)
		return;
	gather_probes_cancel(g);
	gather_sts_cancel(g);
	gather_dns_cancel(g);
	evtimer_free(g->kick);
	evtimer_free(g->budget);
	check_facts_clear(&g->f);
	free(g);
}

/* Call back, with everything gone. */
static void finish(struct gather *g)
{
	struct check_facts f;
	bool failed = g->failed;
	gather_fn *fn = g->fn;
	void *arg = g->arg;

	/* Without questions nothing has waited for the first test. */
	if (g->f.validation == DNS_VALIDATION_TESTING)
		note_validation(g);
	f = g->f;
	if (!failed) {
		f.ms = (uint32_t)(clock_mono_ms() - g->began);
		for (size_t i = 0; i < f.n; i++)
			gather_match_tlsa(&f.hosts[i]);
		g->f = (struct check_facts){ .n = 0 };
	}
	gather_cancel(g);
	fn(arg, failed ? NULL : &f);
}

/* ---- what comes after what --------------------------------------------- */

void gather_kick(struct gather *g)
{
	evtimer_set(g->kick, 0);
}

void gather_no_memory(struct gather *g)
{
	g->failed = true;
	gather_kick(g);
}

uint32_t gather_time_left(const struct gather *g)
{
	int64_t gone = clock_mono_ms() - g->began;

	return gone < g->o.budget_ms ? g->o.budget_ms - (uint32_t)gone : 0;
}

/* A domain without MX records takes mail only if it has an address. */
static void settle_implicit(struct check_facts *f)
{
	const struct family_facts *v4, *v6;

	if (f->mx != MX_IMPLICIT || f->n != 1)
		return;
	v4 = &f->hosts[0].ipv4;
	v6 = &f->hosts[0].ipv6;
	if ((v4->status != DNS_NODATA && v4->status != DNS_NXDOMAIN) ||
	    (v6->status != DNS_NODATA && v6->status != DNS_NXDOMAIN))
		return;
	f->mx = MX_NONE;
	f->n = 0;		/* a host without anything to be freed */
}

/* False while there is something to wait for. */
static bool names_ended(struct gather *g)
{
	if (g->phase == PHASE_NAMES && gather_dns_ended(g)) {
		settle_implicit(&g->f);
		g->phase = PHASE_TLSA;
		gather_dns_tlsa(g);
	}
	if (g->phase == PHASE_TLSA && gather_dns_ended(g)) {
		evtimer_set(g->budget, -1);
		note_validation(g);
		g->phase = PHASE_PROBES;
		gather_probes_prepare(g);
	}
	return g->phase == PHASE_PROBES;
}

static void on_kick(void *arg)
{
	struct gather *g = arg;
	bool ended = !g->failed && names_ended(g) && !g->failed &&
	    gather_probes_run(g) && !g->sts;

	if (g->failed || ended)
		finish(g);
}

static void on_budget(void *arg)
{
	gather_dns_expire(arg);
}

/* ---- the beginning ----------------------------------------------------- */

static void set_facts(struct gather *g, const struct check_target *target)
{
	struct check_facts *f = &g->f;

	f->target = *target;
	f->started = clock_wall();
	f->ehlo = g->o.ehlo;
	if (g->o.held_id)
		snprintf(f->held_id, sizeof(f->held_id), "%s", g->o.held_id);
	f->held_mode = g->o.held_mode;
}

static void begin(struct gather *g)
{
	char what[sizeof(g->f.target.text) + 16];

	if (g->progress) {
		snprintf(what, sizeof(what), "%s: looking up",
		    g->f.target.text);
		g->progress(g->arg, what);
	}
	evtimer_set(g->budget, g->o.budget_ms);
	gather_control_start(g);
	gather_dns_start(g);
	gather_sts_start(g);
	gather_kick(g);
}

struct gather *gather_start(struct mtasts_ctx *ctx, struct prober *prober,
    const struct check_target *target, const struct gather_options *o,
    gather_progress_fn *progress, gather_fn *fn, void *arg)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->ctx = ctx;
	g->prober = prober;
	g->o = *o;
	if (g->o.budget_ms == 0)
		g->o.budget_ms = BUDGET_MS;
	if (g->o.total_ms == 0)
		g->o.total_ms = TOTAL_MS;
	g->progress = progress;
	g->fn = fn;
	g->arg = arg;
	g->began = clock_mono_ms();
	g->control.step = STEP_DONE;
	g->kick = evtimer_new(ctx->loop, on_kick, g);
	g->budget = evtimer_new(ctx->loop, on_budget, g);
	if (!g->kick || !g->budget) {
		gather_cancel(g);
		return NULL;
	}
	set_facts(g, target);
	begin(g);
	return g;
}
