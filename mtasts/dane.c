/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/dane.h"

#include "mtasts/dns.h"
#include "mtasts/evloop.h"

/* A question under way. */
struct asked {
	struct dane_lookup *lookup;
	struct dns_query *query;	/* NULL: none */
};

struct dane_lookup {
	struct dns *dns;
	struct danestate *state;
	struct evtimer *timer;		/* of the budget */
	dane_fn *fn;
	void *arg;
	bool validates;			/* when it began */
	unsigned under_way;
	struct asked asked[DANE_QUESTIONS_MAX];	/* by id */
};

static bool can_validate(const struct dns *d)
{
	enum dns_validation v = dns_validation(d, NULL);

	return v == DNS_VALIDATION_WORKS || v == DNS_VALIDATION_TESTING;
}

void dane_lookup_cancel(struct dane_lookup *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < DANE_QUESTIONS_MAX; i++)
		dns_query_cancel(l->asked[i].query);
	evtimer_free(l->timer);
	danestate_free(l->state);
	free(l);
}

/* Call back, with the lookup gone. */
static void finish(struct dane_lookup *l)
{
	bool validated = l->validates &&
	    dns_validation(l->dns, NULL) == DNS_VALIDATION_WORKS;
	struct danestate *state = l->state;
	dane_fn *fn = l->fn;
	void *arg = l->arg;

	l->state = NULL;
	dane_lookup_cancel(l);
	fn(arg, validated ? state : NULL);
	danestate_free(state);
}

static void on_answer(void *arg, const struct dns_answer *a);

/* Ask what there is to ask, as long as there is room. A question that
 * cannot be asked has failed. */
static void ask(struct dane_lookup *l)
{
	static const struct dns_answer failed = { .status = DNS_SERVFAIL };
	struct dane_question q;

	while (l->under_way < DANE_PARALLEL &&
	    danestate_next(l->state, &q)) {
		struct asked *slot = &l->asked[q.id];

		slot->lookup = l;
		slot->query = dns_query_start(l->dns, q.name, q.type,
		    on_answer, slot);
		if (slot->query)
			l->under_way++;
		else
			danestate_answer(l->state, q.id, &failed);
	}
}

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct asked *slot = arg;
	struct dane_lookup *l = slot->lookup;

	slot->query = NULL;
	l->under_way--;
	danestate_answer(l->state, (unsigned)(slot - l->asked), a);
	ask(l);
	if (danestate_done(l->state))
		finish(l);
}

/* The budget is spent, or nothing needed to be asked. */
static void on_time(void *arg)
{
	struct dane_lookup *l = arg;

	danestate_expire(l->state);
	finish(l);
}

struct dane_lookup *dane_lookup_start(struct evloop *loop, struct dns *dns,
    const struct dane_next_hop *hop, dane_fn *fn, void *arg)
{
	struct dane_lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->dns = dns;
	l->fn = fn;
	l->arg = arg;
	l->timer = evtimer_new(loop, on_time, l);
	l->state = danestate_new(hop->domain, hop->use_mx, hop->port);
	if (!l->timer || !l->state) {
		dane_lookup_cancel(l);
		return NULL;
	}
	l->validates = can_validate(dns);
	if (l->validates)
		ask(l);
	evtimer_set(l->timer, danestate_done(l->state) ||
	    !l->validates ? 0 : (int64_t)hop->budget_ms);
	return l;
}
