/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/fresh.h"

/* An id is looked at again when its DNS answer has run out, but at least
 * so far apart, and at least once a day (RFC 8461 §10.2). */
#define CHECK_LEAST 60
#define DAY 86400
/* After a failed fetch (RFC 8461 §3.3). */
#define RETRY 300
/* What the delivery that caused a fetch needs to use its result. */
#define CURRENT_DELIVERY 10

static int64_t at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- what holds now ---------------------------------------------------- */

/* When the record stops saying anything. */
static int64_t end_of(const struct record *rec)
{
	if (rec->kind == RECORD_NEGATIVE)
		return rec->expires;
	return at_least(rec->expires, rec->fetched + CURRENT_DELIVERY);
}

/* True in the minutes after a failed fetch. A time further away than that
 * was set by a clock that has jumped back since. */
static bool must_wait(const struct record *rec, int64_t now)
{
	return now < rec->retry_after && rec->retry_after - now <= RETRY;
}

/* The id that may not be fetched now, "" if there is none. */
static const char *barred_id(const struct record *rec, int64_t now)
{
	return rec->failed_id && must_wait(rec, now) ? rec->failed_id : "";
}

enum standing fresh_standing(const struct record *rec, int64_t now)
{
	if (!rec)
		return STANDING_UNKNOWN;
	if (now >= end_of(rec))
		return *barred_id(rec, now) ? STANDING_NO_POLICY :
		    STANDING_UNKNOWN;
	if (rec->kind == RECORD_POLICY)
		return STANDING_POLICY;
	/* The clock jumped back: nobody knows how long this is to hold. */
	return now < rec->checked ? STANDING_UNKNOWN : STANDING_NO_POLICY;
}

static bool has_policy(const struct record *rec, int64_t now)
{
	return fresh_standing(rec, now) == STANDING_POLICY;
}

/* True when a policy should be fetched again, whatever its id says. */
static bool wants_refetch(const struct record *rec, int64_t now)
{
	return now >= rec->refetch_after || now < rec->fetched ||
	    now < rec->checked;
}

enum fresh_due fresh_due(const struct record *rec, int64_t now)
{
	enum standing standing = fresh_standing(rec, now);

	if (standing == STANDING_UNKNOWN)
		return FRESH_CHECK;
	if (standing == STANDING_POLICY && wants_refetch(rec, now) &&
	    !must_wait(rec, now))
		return FRESH_REFETCH;
	return now >= rec->check_after ? FRESH_CHECK : FRESH_NOTHING;
}

int64_t fresh_next(const struct record *rec, int64_t now)
{
	int64_t next = INT64_MAX;

	if (!rec)
		return next;
	const int64_t edges[] = {
		end_of(rec), rec->fetched, rec->checked, rec->check_after,
		rec->refetch_after, rec->retry_after,
		rec->retry_after - RETRY,
	};
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		if (edges[i] > now)
			next = at_most(next, edges[i]);
	return next;
}

void fresh_ask(const struct record *rec, int64_t now, struct ask *ask)
{
	ask->held_id = "";
	ask->refetch = false;
	if (!rec)
		return;
	if (has_policy(rec, now)) {
		ask->held_id = rec->id;
		ask->refetch = fresh_due(rec, now) == FRESH_REFETCH;
	}
	if (!ask->refetch && *barred_id(rec, now))
		ask->held_id = rec->failed_id;
}

/* ---- what an answer changes -------------------------------------------- */

/* One answer at work. */
struct change {
	const struct record *old;	/* NULL: nothing was held */
	const struct answer *answer;
	const struct fresh_limits *limits;
	int64_t now;
	bool held;		/* old is a policy that stands */
	struct record rec;	/* what becomes of old */
};

static void set_check(struct change *c)
{
	c->rec.checked = c->now;
	c->rec.check_after = c->now +
	    at_most(at_least(c->answer->ttl, CHECK_LEAST), DAY);
}

/* Daily, but for short policies well before they end: half way, or later
 * if the limit says so, up to three quarters (STS-C-06, STS-C-07). A
 * max_age of a few seconds does not make us fetch all the time. */
static int64_t refetch_delay(const struct change *c)
{
	int64_t max_age = c->answer->max_age;
	int64_t delay = at_most(DAY, max_age / 2);
	int64_t least = at_most(c->limits->min_refresh,
	    max_age - max_age / 4);

	return at_least(at_least(delay, least), CURRENT_DELIVERY);
}

static unsigned apply_found(struct change *c)
{
	const struct record *old = c->old;
	const struct answer *a = c->answer;
	struct record *rec = &c->rec;
	bool was_policy = old && old->kind == RECORD_POLICY;

	rec->kind = RECORD_POLICY;
	rec->mode = a->mode;
	rec->max_age = a->max_age;
	rec->patterns = a->patterns;
	rec->text = a->text;
	rec->imported = false;
	rec->fetched = c->now;
	rec->expires = c->now + a->max_age;
	rec->refetch_after = c->now + refetch_delay(c);
	rec->retry_after = 0;
	rec->failed_id = "";
	/* A refetch needs no TXT record; the id known stays known then. */
	if (*a->id)
		rec->id = a->id;
	set_check(c);
	if (!was_policy)
		return FRESH_LOG_NEW;
	return old->mode == a->mode && strcmp(old->patterns, a->patterns) == 0
	    ? 0 : FRESH_LOG_CHANGED;
}

/* Nothing stands in the place of what there was. */
static void make_negative(struct change *c, int64_t life)
{
	struct record *rec = &c->rec;

	rec->kind = RECORD_NEGATIVE;
	rec->mode = MTASTS_NONE;
	rec->max_age = 0;
	rec->fetched = 0;
	rec->refetch_after = 0;
	rec->imported = false;
	rec->id = rec->patterns = rec->text = "";
	rec->expires = c->now + life;
}

static unsigned lost(const struct change *c)
{
	return c->old && c->old->kind == RECORD_POLICY &&
	    c->old->mode != MTASTS_NONE ? FRESH_LOG_LOST : 0;
}

/* What to log about a policy that could not be refreshed (STS-C-08). */
static unsigned failing(const struct change *c)
{
	const struct record *old = c->old;

	if (old->mode == MTASTS_NONE)
		return 0;
	if (old->expires - c->now < old->max_age / 5)
		return FRESH_LOG_REFRESH_FAILED | FRESH_LOG_EXPIRING;
	return FRESH_LOG_REFRESH_FAILED;
}

/* If a refetch is due still, this answer was not it: not at once again. */
static unsigned hold_refetch(struct change *c)
{
	if (!wants_refetch(c->old, c->now) || must_wait(c->old, c->now))
		return 0;
	c->rec.retry_after = c->now + RETRY;
	return failing(c);
}

/* An id that did not change never extends a policy (STS-C-02). */
static unsigned apply_unchanged(struct change *c)
{
	const struct answer *a = c->answer;
	struct record *rec = &c->rec;

	set_check(c);
	if (!c->old) {
		make_negative(c, 0);	/* purged meanwhile: learn it again */
		return 0;
	}
	if (!c->held || strcmp(a->id, rec->failed_id) == 0) {
		/* Still the id that failed: neither better nor worse. */
		rec->error = c->old->error;
		return 0;
	}
	if (*rec->failed_id) {
		rec->failed_id = "";
		rec->retry_after = 0;
	}
	hold_refetch(c);
	return 0;
}

static unsigned apply_absent(struct change *c)
{
	int64_t life = at_least(c->answer->ttl, CHECK_LEAST);

	set_check(c);
	if (c->held)
		return hold_refetch(c);
	c->rec.failed_id = "";
	c->rec.retry_after = 0;
	make_negative(c, at_most(life, c->limits->max_negative));
	c->rec.check_after = c->rec.expires;
	return lost(c);
}

/* True when the lookup ended before a fetch was tried. */
static bool failed_early(enum mtasts_error e)
{
	static const bool early[] = {
		[MTASTS_E_MEMORY] = true,
		[MTASTS_E_DNS] = true,
		[MTASTS_E_BOGUS] = true,
		[MTASTS_E_BUSY] = true,
		[MTASTS_E_CANCELLED] = true,
	};

	return (size_t)e < sizeof(early) / sizeof(early[0]) && early[e];
}

static unsigned apply_failed(struct change *c)
{
	struct record *rec = &c->rec;
	unsigned log = 0;

	set_check(c);
	if (failed_early(c->answer->error)) {
		rec->check_after = c->now + CHECK_LEAST;
		if (c->held)
			log = hold_refetch(c);
	} else {
		rec->retry_after = c->now + RETRY;
		rec->check_after = at_most(rec->check_after,
		    rec->retry_after);
		rec->failed_id = *c->answer->id || !c->held ?
		    c->answer->id : c->old->id;
		if (c->held)
			log = failing(c);
	}
	if (c->held)
		return log;
	make_negative(c, RETRY);
	return lost(c);
}

static void take_lists(struct change *c)
{
	const struct answer *a = c->answer;

	if (a->mx_known) {
		c->rec.mx_known = true;
		c->rec.null_mx = a->null_mx;
		c->rec.mx = a->mx;
	}
	if (a->mx_known || *a->rua)
		c->rec.rua = a->rua;
}

unsigned fresh_apply(const struct record *old, const struct answer *answer,
    const struct fresh_limits *limits, int64_t now, struct record *new_r)
{
	static unsigned (*const apply[])(struct change *) = {
		[MTASTS_FOUND] = apply_found,
		[MTASTS_UNCHANGED] = apply_unchanged,
		[MTASTS_ABSENT] = apply_absent,
		[MTASTS_FAILED] = apply_failed,
	};
	struct change c = {
		.old = old,
		.answer = answer,
		.limits = limits,
		.now = now,
		.held = has_policy(old, now),
		.rec = {
			.id = "", .failed_id = "", .patterns = "",
			.mx = "", .rua = "", .text = "",
		},
	};
	unsigned log;

	if (old)
		c.rec = *old;
	c.rec.error = answer->error;
	if (*answer->id || !c.held)
		c.rec.secure = answer->secure;
	take_lists(&c);
	log = apply[answer->outcome](&c);
	*new_r = c.rec;
	return log;
}
