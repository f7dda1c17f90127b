/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/outbound.h"

#include "milter/learner.h"
#include "milter/lists.h"
#include "milter/services.h"
#include "policy/partners.h"
#include "util/clock.h"

/* ---- what is known ----------------------------------------------------- */

struct view {
	struct services *services;
	const struct outbound_question *q;
	struct outgoing_known known;
	const char *list;
	outbound_view_fn *fn;
	void *arg;
};

static void tell(struct view *v)
{
	v->fn(v->arg, &v->known, v->list);
}

static void with_dane(void *arg, const struct danerec *rec)
{
	struct view *v = arg;

	v->known.dane = rec;
	tell(v);
}

static void with_record(void *arg, const struct record *rec)
{
	struct view *v = arg;

	v->known.rec = rec;
	if (!(v->known.dane_works || v->q->complete) || cache_get_dane(
	    services_cache(v->services), v->q->hop->text, with_dane, v))
		tell(v);
}

static bool is_worth_a_look(const struct view *v)
{
	return *v->q->hop->domain && (v->q->complete ||
	    !outgoing_is_fixed(v->q->conf, v->q->hop, v->known.partner));
}

/* Read both records, one inside of the view of the other. */
static void look_up(struct view *v)
{
	struct cache *cache = services_cache(v->services);

	if (!cache || !is_worth_a_look(v))
		tell(v);
	else if (cache_get(cache, v->q->hop->domain, with_record, v))
		with_record(v, NULL);
}

static void set_learner(struct view *v)
{
	struct learner *learner = services_learner(v->services);

	v->known.dane_works = learner_dane(learner) != LEARNER_DANE_OFF;
	v->known.outage = learner_is_out(learner);
	if (!v->q->wanted || !*v->q->hop->domain)
		return;
	v->known.sts_given_up = learner_gave_up(learner, v->q->hop->domain);
	v->known.dane_given_up = learner_gave_up_dane(learner,
	    v->q->hop->text);
}

void outbound_view(struct services *s, const struct outbound_question *q,
    outbound_view_fn *fn, void *arg)
{
	struct view v = { .services = s, .q = q, .fn = fn, .arg = arg,
		.known = { .hop = q->hop, .out_of_time = q->out_of_time,
			.now = clock_wall() } };
	struct partners *owner = NULL;
	struct partner partner;
	size_t index;

	set_learner(&v);
	if (q->conf->lists_n && *q->hop->domain)
		owner = lists_partner(services_lists(s), q->conf,
		    q->hop->domain, v.known.now, &partner, &index);
	if (owner) {
		v.known.partner = &partner;
		v.list = q->conf->lists[index].name;
	}
	look_up(&v);
	partners_unref(owner);
}

/* ---- answering --------------------------------------------------------- */

struct answering {
	const struct outbound_question *q;
	struct buf *out;
	struct outgoing_answer *answer;
};

static void decide(void *arg, const struct outgoing_known *known,
    const char *list)
{
	struct answering *a = arg;

	(void)list;
	outgoing_decide(a->q->conf, a->q->dialect, known, a->out, a->answer);
}

void outbound_answer(struct services *s, const struct outbound_question *q,
    struct buf *out, struct outgoing_answer *answer_r)
{
	struct answering a = { q, out, answer_r };

	outbound_view(s, q, decide, &a);
}

void outbound_learn(struct services *s, const struct nexthop *hop,
    const struct outgoing_answer *answer)
{
	struct learner *learner = services_learner(s);

	if (answer->learn_sts)
		learner_want(learner, hop->domain, ASK_OUTBOUND);
	if (answer->learn_dane)
		learner_want_dane(learner, hop->text);
}
