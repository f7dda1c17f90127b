/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/learner-internal.h"

#include "util/clock.h"
#include "util/log.h"

/* ---- the write under way ----------------------------------------------- */

bool learner_write(struct learner *l)
{
	enum store_error e;

	if (l->writing)
		return true;
	e = cache_begin(l->cache);
	if (e) {
		learner_log_full(l, e);
		return false;
	}
	l->writing = true;
	loop_timer_set(l->commit_timer, l->tuning.commit_ms);
	return true;
}

bool learner_read(struct learner *l, const char *domain,
    struct record *rec_r)
{
	return learner_write(l) &&
	    cache_get_for_update(l->cache, domain, rec_r) == STORE_OK;
}

/* The answers of this write: those it could not keep are left alone for a
 * while, so that a full disk does not mean asking without end. */
static void answered_done(struct learner *l, struct wants *wants, bool kept)
{
	int64_t thaw = clock_mono_ms() + l->tuning.cool_ms;
	char name[WANT_NAME_SIZE];
	struct want *want;

	while ((want = wants_first_answered(wants))) {
		learner_calls_finish(l, want);
		snprintf(name, sizeof(name), "%s", want->domain);
		if (!kept)
			wants_cool(wants, want, thaw);
		else if (!wants_committed(wants, want))
			loop_timer_set(l->pump_timer, 0);
		learner_tell_news(l, name);
	}
}

void learner_commit(struct learner *l)
{
	enum store_error e = STORE_OK;

	loop_timer_set(l->commit_timer, -1);
	l->commit_now = false;
	l->kept_n = 0;
	if (l->writing) {
		l->writing = false;
		e = cache_commit(l->cache);
		l->counts.commits++;
	}
	if (e) {
		l->counts.commit_failures++;
		learner_log_full(l, e);
	}
	answered_done(l, &l->wants, e == STORE_OK);
	answered_done(l, &l->danes, e == STORE_OK);
	learner_calls_tell(l, e == STORE_OK);
}

void learner_commit_if_wanted(struct learner *l)
{
	if (l->commit_now || l->finished)
		learner_commit(l);
}

/* ---- answers ----------------------------------------------------------- */

static int64_t day_of(int64_t now)
{
	return now - now % DAY;
}

void learner_stamp_used(struct learner *l, const char *domain)
{
	int64_t today = day_of(learner_now(l));
	struct record rec;

	if (!learner_read(l, domain, &rec) || rec.used == today)
		return;
	rec.used = today;
	(void)cache_put(l->cache, domain, &rec);
}

/* The result in a few words, for who asked on purpose. */
static void tell_result(struct want *want, const struct answer *answer,
    const struct record *rec, int64_t now)
{
	bool ok = answer->outcome != MTASTS_FAILED;
	struct buf b;

	if (!want->calls)
		return;
	buf_init(&b, 500);
	if (fresh_standing(rec, now) == STANDING_POLICY)
		buf_addf(&b, "policy %s, id %s", mtasts_mode_name(rec->mode),
		    *rec->id ? rec->id : "-");
	else
		buf_adds(&b, "no policy");
	if (answer->error)
		buf_addf(&b, " (%s: %s)", mtasts_strerror(answer->error),
		    answer->detail);
	learner_calls_result(want, ok, buf_str(&b));
	buf_clear(&b);
}

/* Make the new record from the old one and the answer, and keep it. */
static enum store_error apply(struct learner *l, struct want *want,
    const struct answer *answer)
{
	struct fresh_limits limits = { l->conf->min_refresh,
		l->conf->max_negative };
	int64_t now = learner_now(l);
	struct record old, new;
	bool held = learner_read(l, want->domain, &old);
	unsigned bits = fresh_apply(held ? &old : NULL, answer, &limits, now,
	    &new);

	new.used = held ? old.used : 0;
	if (wants_flags(&l->wants, want) & WANT_USE)
		new.used = day_of(now);
	learner_log_answer(want->domain, bits, held ? &old : NULL, &new,
	    answer);
	learner_keep_answered(l, want->domain, &new, answer->detail);
	tell_result(want, answer, &new, now);
	return l->writing ? cache_put(l->cache, want->domain, &new) :
	    STORE_IO;
}

void learner_not_kept(struct learner *l, struct wants *wants,
    struct want *want, enum store_error e)
{
	char name[WANT_NAME_SIZE];

	learner_log_full(l, e);
	learner_calls_result(want, false, store_strerror(e));
	learner_calls_finish(l, want);
	snprintf(name, sizeof(name), "%s", want->domain);
	wants_cool(wants, want, clock_mono_ms() + l->tuning.cool_ms);
	learner_tell_news(l, name);
}

/* Whoever waits shall not wait for the timer as well. */
void learner_kept(struct learner *l, struct wants *wants, struct want *want)
{
	bool waited_for = want->calls ||
	    (l->waiters > 0 && want->asked_queue == QUEUE_OUTBOUND);

	if ((wants_answered(wants, want) && waited_for) ||
	    ++l->kept_n >= LEARNER_WRITE_MAX)
		l->commit_now = true;
}

void learner_known(struct learner *l, struct wants *wants, struct want *want)
{
	if (l->waiters == 0 || want->asked_queue != QUEUE_OUTBOUND) {
		wants_known(wants, want);
		return;
	}
	/* It may be known from what is not committed yet. */
	want->brings = want->asked_flags;
	learner_kept(l, wants, want);
}

void learner_work(struct learner *l, struct want *want,
    const struct answer *answer)
{
	enum store_error e = apply(l, want, answer);

	if (answer->outcome == MTASTS_FAILED)
		l->counts.failed++;
	if (e) {
		learner_not_kept(l, &l->wants, want, e);
		return;
	}
	learner_kept(l, &l->wants, want);
}
