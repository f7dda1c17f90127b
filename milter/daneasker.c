/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/daneasker.h"

#include <sys/queue.h>

#include "mtasts/ctx.h"
#include "mtasts/dane.h"
#include "util/buf.h"

#define ACTIVE_MAX 64
#define WAITING_MAX 8192
/* Servers that are slow, or dead in part: the caller has had an answer by
 * then, and the next one shall find this done. */
#define BUDGET_MS 20000

struct question {
	TAILQ_ENTRY(question) entry;
	struct daneasker *asker;
	struct dane_ask ask;
	struct dane_lookup *lookup;	/* NULL: waiting */
};
TAILQ_HEAD(questions, question);

struct daneasker {
	struct mtasts_ctx *ctx;
	daneasker_fn *fn;
	void *arg;
	struct questions waiting, active;
	unsigned waiting_n, active_n;
};

static void start_waiting(struct daneasker *d);

static void answer(struct question *q, const struct danestate *s)
{
	struct dane_answer a = { .seq = q->ask.seq, .hop = q->ask.hop.text };
	struct daneasker *d = q->asker;
	struct buf hosts;

	buf_init(&hosts, DANEREC_MAX_PACKED - 64);
	danerec_from_state(s, &hosts, &a.rec);
	d->fn(d->arg, &a);
	buf_clear(&hosts);
}

static void on_dane(void *arg, const struct danestate *s)
{
	struct question *q = arg;
	struct daneasker *d = q->asker;

	TAILQ_REMOVE(&d->active, q, entry);
	d->active_n--;
	answer(q, s);
	free(q);
	start_waiting(d);
}

/* False when out of memory. */
static bool start(struct question *q)
{
	struct dane_next_hop hop = {
		.domain = q->ask.hop.domain,
		.use_mx = q->ask.hop.kind == NEXTHOP_DOMAIN,
		.port = q->ask.hop.port,
		.budget_ms = BUDGET_MS,
	};
	struct mtasts_ctx *ctx = q->asker->ctx;

	q->lookup = dane_lookup_start(ctx->loop, ctx->dns, &hop, on_dane, q);
	return q->lookup != NULL;
}

/* One that cannot begin now waits for the end of another. */
static void start_waiting(struct daneasker *d)
{
	struct question *q;

	while (d->active_n < ACTIVE_MAX &&
	    (q = TAILQ_FIRST(&d->waiting)) && start(q)) {
		TAILQ_REMOVE(&d->waiting, q, entry);
		d->waiting_n--;
		TAILQ_INSERT_TAIL(&d->active, q, entry);
		d->active_n++;
	}
}

bool daneasker_ask(struct daneasker *d, const struct dane_ask *ask)
{
	struct question *q;

	if (d->waiting_n >= WAITING_MAX)
		return false;
	q = calloc(1, sizeof(*q));
	if (!q)
		return false;
	q->asker = d;
	q->ask = *ask;
	TAILQ_INSERT_TAIL(&d->waiting, q, entry);
	d->waiting_n++;
	start_waiting(d);
	return true;
}

struct daneasker *daneasker_new(struct mtasts_ctx *ctx, daneasker_fn *fn,
    void *arg)
{
	struct daneasker *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->ctx = ctx;
	d->fn = fn;
	d->arg = arg;
	TAILQ_INIT(&d->waiting);
	TAILQ_INIT(&d->active);
	return d;
}

static void free_all(struct questions *list)
{
	struct question *q;

	while ((q = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, q, entry);
		dane_lookup_cancel(q->lookup);
		free(q);
	}
}

void daneasker_free(struct daneasker *d)
{
	if (!d)
		return;
	free_all(&d->waiting);
	free_all(&d->active);
	free(d);
}
