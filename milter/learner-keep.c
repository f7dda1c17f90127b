/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is looked up without anybody asking: our own domains, from the start
 * on, and once a day the policies that were used in the last 30 days
 * (RFC 8461 §10.2). Others are not refreshed, and not deleted either.
 */
#include "config.h"

#include "milter/learner-internal.h"

#include "util/log.h"

#define HOSTED_MIN 600		/* timer only; use looks more often */
#define HOSTED_RETRY 60
#define UNUSED_DAYS 30
#define SCAN_MIN 20000		/* records a tick … */
#define SCAN_TICKS 30		/* … or what covers all in so many */
#define JITTER_MAX 3600

/* ---- hosted domains ---------------------------------------------------- */

/* Copy what is known of domains that stay; both lists are sorted. */
static void carry_over(const struct learner *l, const struct conf *conf,
    struct hosted_state *states)
{
	for (size_t i = 0, j = 0; l->conf && i < l->conf->hosted_n &&
	    j < conf->hosted_n;) {
		int c = strcmp(l->conf->hosted[i].domain,
		    conf->hosted[j].domain);

		if (c == 0)
			states[j] = l->hosted[i];
		i += c <= 0;
		j += c >= 0;
	}
}

static void count_missed(struct learner *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->conf->hosted_n; i++)
		n += l->hosted[i].missed;
	l->hosted_missed = n;
}

static void set_missed(struct learner *l, struct hosted_state *h, bool missed)
{
	if (h->missed && !missed)
		l->hosted_missed--;
	else if (missed && !h->missed)
		l->hosted_missed++;
	h->missed = missed;
}

/* Want those that are due; one that was dropped because the queue is full
 * comes again at the next tick. */
static void want_hosted(struct learner *l)
{
	int64_t now = learner_now(l);

	for (size_t i = 0; i < l->conf->hosted_n; i++) {
		struct hosted_state *h = &l->hosted[i];

		if (now < h->next && h->next <= now + DAY)
			continue;
		h->next = now + HOSTED_RETRY;
		(void)wants_add(&l->wants, l->conf->hosted[i].domain,
		    QUEUE_HOSTED, h->looked ? WANT_USE | WANT_MX :
		    WANT_USE | WANT_MX | WANT_LOOK, now);
	}
}

bool learner_keep_conf(struct learner *l, struct conf *conf)
{
	struct hosted_state *states = calloc(conf->hosted_n + 1,
	    sizeof(*states));

	if (!states) {
		if (l->conf)
			conf_unref(conf);
		return false;
	}
	carry_over(l, conf, states);
	free(l->hosted);
	conf_unref(l->conf);
	l->hosted = states;
	l->conf = conf;
	count_missed(l);
	want_hosted(l);
	return true;
}

/* Say once that the promise of one of our own domains cannot be kept. */
static void note_missed(struct learner *l, const struct hosted *hosted,
    struct hosted_state *h, bool has_policy, const char *why)
{
	if (has_policy || hosted->stated) {
		set_missed(l, h, false);
		return;
	}
	if (!h->missed && log_limit_take(&l->missed_limit))
		log_warn("learner", "hosted domain %s has no MTA-STS policy "
		    "(%s), treating it as one without promise",
		    hosted->domain, *why ? why : "none published");
	set_missed(l, h, true);
}

void learner_keep_answered(struct learner *l, const char *domain,
    const struct record *rec, const char *why)
{
	const struct hosted *hosted = conf_hosted(l->conf, domain);
	int64_t now = learner_now(l), next, soonest;
	struct hosted_state *h;
	bool has_policy;

	if (!hosted)
		return;
	h = &l->hosted[hosted - l->conf->hosted];
	has_policy = fresh_standing(rec, now) == STANDING_POLICY;
	next = fresh_next(rec, now);
	soonest = now + (has_policy ? HOSTED_MIN : HOSTED_RETRY);
	h->looked = true;
	h->next = next < soonest ? soonest : next < now + DAY ? next :
	    now + DAY;
	note_missed(l, hosted, h, has_policy, why);
}

void learner_keep_forget(struct learner *l, const char *domain)
{
	const struct hosted *hosted = conf_hosted(l->conf, domain);
	struct hosted_state *h;

	if (!hosted)
		return;
	h = &l->hosted[hosted - l->conf->hosted];
	h->looked = false;
	h->next = 0;
}

/* ---- the daily refresh ------------------------------------------------- */

struct scan {
	struct learner *l;
	int64_t now;
	uint64_t left;
};

/* Spread over an hour what became due together, but never up to the end. */
static int64_t jitter(const char *domain, const struct record *rec)
{
	int64_t room = (rec->expires - rec->refetch_after) / 4;
	uint32_t h = 2166136261u;

	for (; *domain; domain++)
		h = (h ^ (unsigned char)*domain) * 16777619u;
	if (room > JITTER_MAX)
		room = JITTER_MAX;
	return room > 0 ? (int64_t)(h % (uint32_t)room) : 0;
}

static bool is_due(const struct scan *s, const char *domain,
    const struct record *rec)
{
	return rec->used >= s->now - UNUSED_DAYS * DAY &&
	    fresh_due(rec, s->now) == FRESH_REFETCH &&
	    (s->now >= rec->refetch_after + jitter(domain, rec) ||
	    s->now < rec->fetched);
}

/* False, and the same record again at the next tick, when the queue or the
 * share of this tick is used up. */
static bool scan_entry(void *arg, const char *domain,
    const struct record *rec)
{
	struct scan *s = arg;
	struct wants *w = &s->l->wants;

	if (s->l->scan.negatives || s->left == 0)
		return false;
	s->left--;
	if (!is_due(s, domain, rec))
		return true;
	if (wants_add(w, domain, QUEUE_REFRESH, 0, s->now))
		return true;
	return wants_waiting(w, domain, s->now) != 0;
}

static void scan_policies(struct learner *l)
{
	struct scan s = { .l = l, .now = learner_now(l) };
	struct cache_stat st;
	enum store_error e;

	cache_stat(l->cache, &st);
	s.left = st.policies.entries / SCAN_TICKS;
	if (s.left < SCAN_MIN)
		s.left = SCAN_MIN;
	e = cache_walk_piece(l->cache, &l->scan, scan_entry, &s);
	if (e == STORE_NOT_FOUND || l->scan.negatives)
		memset(&l->scan, 0, sizeof(l->scan));
}

void learner_keep_tick(struct learner *l)
{
	want_hosted(l);
	scan_policies(l);
}
