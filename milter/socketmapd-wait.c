/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that wait for the first lookup of their next hop: until the
 * store thread brings news of it, or until their time is over.
 */
#include "config.h"

#include "milter/socketmapd-internal.h"

#include "milter/learner.h"
#include "milter/services.h"
#include "util/clock.h"
#include "util/loop.h"

/* Each has a connection, which is bounded as well; pipelining makes more of
 * one. */
#define WAITING_MAX 16384

static const int64_t patience_ms[WAIT_CLASSES] = {
	[WAIT_SENDMAIL] = 4000,
	[WAIT_POSTFIX] = 5000,
};

static enum wait_class class_of(const struct request *r)
{
	return r->dialect == DIALECT_SENDMAIL ? WAIT_SENDMAIL : WAIT_POSTFIX;
}

/* FNV-1a; the bound on waiting requests keeps chains short. */
static struct request_list *bucket(struct waiting *w, const char *domain)
{
	uint32_t h = 2166136261u;

	for (; *domain; domain++)
		h = (h ^ (unsigned char)*domain) * 16777619u;
	return &w->buckets[h % WAIT_BUCKETS];
}

/* ---- the tables -------------------------------------------------------- */

bool waiting_is_full(const struct socketmapd *d)
{
	return d->waiting.n >= WAITING_MAX;
}

static void set_timer(struct waiting *w)
{
	int64_t next = INT64_MAX, now = clock_mono_ms();

	for (size_t c = 0; c < WAIT_CLASSES; c++) {
		const struct request *r = TAILQ_FIRST(&w->by_deadline[c]);

		if (r && r->deadline < next)
			next = r->deadline;
	}
	if (next == INT64_MAX)
		loop_timer_set(w->timer, -1);
	else
		loop_timer_set(w->timer, next > now ? next - now : 0);
}

static void enter(struct socketmapd *d, struct request *r)
{
	struct waiting *w = &d->waiting;
	enum wait_class class = class_of(r);
	bool first = TAILQ_EMPTY(&w->by_deadline[class]);

	r->waits = true;
	r->deadline = clock_mono_ms() + patience_ms[class];
	TAILQ_INSERT_TAIL(bucket(w, r->hop.domain), r, in_bucket);
	TAILQ_INSERT_TAIL(&w->by_deadline[class], r, in_deadline);
	w->n++;
	learner_add_waiters(d->learner, 1);
	if (first)
		set_timer(w);
}

void waiting_remove(struct socketmapd *d, struct request *r)
{
	struct waiting *w = &d->waiting;

	if (!r->waits)
		return;
	r->waits = false;
	TAILQ_REMOVE(bucket(w, r->hop.domain), r, in_bucket);
	TAILQ_REMOVE(&w->by_deadline[class_of(r)], r, in_deadline);
	w->n--;
	learner_add_waiters(d->learner, -1);
}

/* ---- looking again ----------------------------------------------------- */

/* True when one that waits need not, by now; *answer_r says what it waits for
 * if it must. */
static bool settle(struct socketmapd *d, struct request *r,
    struct outgoing_answer *answer_r)
{
	struct outbound_question q = {
		.conf = services_conf_here(d->services), .hop = &r->hop,
		.dialect = r->dialect, .wanted = true };
	bool done = socketmapd_evaluate(d, &q, answer_r);

	if (done)
		waiting_remove(d, r);
	return done;
}

void waiting_add(struct socketmapd *d, struct request *r,
    const struct outgoing_answer *answer)
{
	struct outgoing_answer again;

	enter(d, r);
	outbound_learn(d->services, &r->hop, answer);
	/* News may have come before anybody waited; and what cannot be kept
	 * is not worth waiting for. */
	settle(d, r, &again);
}

/* The first that was not looked at in this turn; it goes to the end. */
static struct request *next_of(struct request_list *list, uint64_t turn)
{
	struct request *r = TAILQ_FIRST(list);

	if (!r || r->turn == turn)
		return NULL;
	r->turn = turn;
	TAILQ_REMOVE(list, r, in_bucket);
	TAILQ_INSERT_TAIL(list, r, in_bucket);
	return r;
}

/* News of it have come, or may have. If they were not enough, what is still
 * missing is wanted: it may have been forgotten. */
static void take_up(struct socketmapd *d, struct request *r)
{
	struct outgoing_answer answer;

	if (settle(d, r, &answer))
		socketmapd_go_on(r);
	else
		outbound_learn(d->services, &r->hop, &answer);
}

/* A connection that goes on may end, and all that waits there with it: look
 * at the list anew each time. */
static void settle_list(struct socketmapd *d, struct request_list *list,
    const char *domain)
{
	struct request *r;

	d->waiting.turn++;
	while ((r = next_of(list, d->waiting.turn)))
		if (!domain || strcmp(r->hop.domain, domain) == 0)
			take_up(d, r);
}

/* ---- news -------------------------------------------------------------- */

/* In the store thread. */
static void on_news(void *arg, const char *name)
{
	struct socketmapd *d = arg;
	struct waiting *w = &d->waiting;

	pthread_mutex_lock(&w->lock);
	if (*name == '\0' || !strv_add(&w->news, name))
		w->news_all = true;
	pthread_mutex_unlock(&w->lock);
	loop_wake(d->loop);
}

/* A domain, or a next hop, which has one. */
static void take_news(struct socketmapd *d, const char *name)
{
	struct nexthop hop;

	if (nexthop_parse(name, strlen(name), &hop))
		settle_list(d, bucket(&d->waiting, hop.domain), hop.domain);
}

static void on_wake(void *arg)
{
	struct socketmapd *d = arg;
	struct waiting *w = &d->waiting;
	struct strv news;
	bool all;

	pthread_mutex_lock(&w->lock);
	news = w->news;
	all = w->news_all;
	w->news = (struct strv){ .n = 0 };
	w->news_all = false;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < news.n; i++)
		take_news(d, news.v[i]);
	strv_clear(&news);
	for (size_t i = 0; all && i < WAIT_BUCKETS; i++)
		settle_list(d, &w->buckets[i], NULL);
}

/* ---- the end of patience ----------------------------------------------- */

/* True when there was one whose time is over. */
static bool end_one(struct socketmapd *d, enum wait_class class, int64_t now)
{
	struct request *r = TAILQ_FIRST(&d->waiting.by_deadline[class]);

	if (!r || r->deadline > now)
		return false;
	r->out_of_time = true;
	waiting_remove(d, r);
	socketmapd_go_on(r);
	return true;
}

static void on_timer(void *arg)
{
	struct socketmapd *d = arg;
	int64_t now = clock_mono_ms();

	for (unsigned c = 0; c < WAIT_CLASSES; c++)
		while (end_one(d, (enum wait_class)c, now))
			;
	set_timer(&d->waiting);
}

/* ---- life -------------------------------------------------------------- */

bool waiting_init(struct socketmapd *d)
{
	struct waiting *w = &d->waiting;

	for (size_t i = 0; i < WAIT_BUCKETS; i++)
		TAILQ_INIT(&w->buckets[i]);
	for (size_t c = 0; c < WAIT_CLASSES; c++)
		TAILQ_INIT(&w->by_deadline[c]);
	pthread_mutex_init(&w->lock, NULL);
	w->timer = loop_timer_new(d->loop, on_timer, d);
	if (!w->timer)
		return false;
	loop_set_wake(d->loop, on_wake, d);
	if (d->learner)
		learner_set_news(d->learner, on_news, d);
	return true;
}

void waiting_clear(struct socketmapd *d)
{
	strv_clear(&d->waiting.news);
	loop_timer_free(d->waiting.timer);
	pthread_mutex_destroy(&d->waiting.lock);
}
