/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DANE of next hops, in a table of wants of its own; and what those who
 * wait for an answer to outbound mail are told.
 */
#include "config.h"

#include "milter/learner-internal.h"

#include "milter/danemsg.h"
#include "milter/proto.h"
#include "util/clock.h"
#include "util/log.h"

#define TURN 256

_Static_assert(WANT_NAME_SIZE >= NEXTHOP_TEXT_SIZE, "a next hop has room");

/* ---- life -------------------------------------------------------------- */

bool learner_dane_init(struct learner *l)
{
	l->dane = LEARNER_DANE_TESTING;
	l->down_since = clock_mono_ms();
	return wants_init(&l->danes, l->tuning.dane_limits);
}

void learner_dane_clear(struct learner *l)
{
	wants_clear(&l->danes);
}

/* ---- questions --------------------------------------------------------- */

static bool read_record(struct learner *l, const char *hop,
    struct danerec *rec_r)
{
	return learner_write(l) &&
	    cache_get_dane_for_update(l->cache, hop, rec_r) == STORE_OK;
}

static void is_known(struct learner *l, struct want *want,
    const struct danerec *rec)
{
	learner_calls_result(want, true, dane_outcome_text(rec->outcome));
	learner_calls_finish(l, want);
	learner_known(l, &l->danes, want);
}

/* Handle one next hop; false when the channel takes no more now. */
static bool pump_one(struct learner *l, struct want *want)
{
	struct danerec rec;

	if (read_record(l, want->domain, &rec) &&
	    !danerec_is_due(&rec, learner_now(l))) {
		is_known(l, want, &rec);
		return true;
	}
	want->seq = ++l->seq;
	want->brings = 0;
	buf_reset(&l->message);
	dane_ask_pack(want->seq, want->domain, &l->message);
	if (learner_send(l, MSG_DANE_ASK)) {
		l->counts.asked++;
		return true;
	}
	wants_untake(&l->danes, want);
	return false;
}

bool learner_dane_pump(struct learner *l, int64_t *wait_r)
{
	bool taken = true;

	for (unsigned n = 0; taken && n < TURN; n++) {
		int64_t now = clock_mono_ms();
		struct want *want = wants_take(&l->danes, now,
		    now + l->tuning.ask_ms, wait_r);

		if (!want)
			return true;
		taken = pump_one(l, want);
	}
	*wait_r = 0;
	return taken;
}

void learner_dane_call(struct learner *l, struct want_call *call)
{
	struct want *want = wants_get(&l->danes, call->domain, QUEUE_CALL, 0,
	    learner_now(l));

	if (!want) {
		learner_call_end(l, call, false, "out of memory");
		return;
	}
	call->next = want->calls;
	want->calls = call;
}

/* ---- answers ----------------------------------------------------------- */

static void log_answer(const char *hop, const struct danerec *rec)
{
	if (!rec->validated)
		log_debug("dane", "next_hop=%s not validated", hop);
	else if (rec->outcome == DANE_ERROR)
		log_info("dane", "lookup failed next_hop=%s hosts=\"%s\"", hop,
		    rec->hosts);
	else
		log_debug("dane", "next_hop=%s outcome=\"%s\" ttl=%u "
		    "hosts=\"%s\"", hop, dane_outcome_text(rec->outcome),
		    (unsigned)rec->ttl, rec->hosts);
}

static void work(struct learner *l, struct want *want, struct danerec *rec)
{
	enum store_error e = STORE_IO;

	rec->checked = learner_now(l);
	log_answer(want->domain, rec);
	learner_calls_result(want, rec->validated &&
	    rec->outcome != DANE_ERROR, dane_outcome_text(rec->outcome));
	if (learner_write(l))
		e = cache_put_dane(l->cache, want->domain, rec);
	if (e)
		learner_not_kept(l, &l->danes, want, e);
	else
		learner_kept(l, &l->danes, want);
}

void learner_dane_answer(struct learner *l, const void *data, size_t len)
{
	struct dane_answer answer;
	struct want *want = NULL;

	if (dane_answer_unpack(data, len, &answer))
		want = wants_find_asked(&l->danes, answer.hop, answer.seq);
	else if (log_limit_take(&l->misc_limit))
		log_warn("learner", "the resolver sent a malformed answer "
		    "about DANE, ignored");
	if (!want) {
		l->counts.strays++;
		return;
	}
	l->counts.answered++;
	work(l, want, &answer.rec);
}

/* Whoever hangs does not keep a next hop waiting for ever. */
static void give_up_overdue(struct learner *l)
{
	struct want *want;

	while ((want = wants_overdue(&l->danes, clock_mono_ms()))) {
		struct danerec failed = { .validated = true,
			.outcome = DANE_ERROR, .hosts = "" };

		l->counts.timeouts++;
		work(l, want, &failed);
	}
}

/* ---- whether it can be relied on --------------------------------------- */

static bool is_word(const json_t *o, const char *name, const char *word)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text && strcmp(text, word) == 0;
}

void learner_dane_status(struct learner *l, const json_t *status)
{
	const json_t *o = json_object_get(status, "dnssec");
	int before = l->dane;

	if (is_word(o, "validation", "works") && is_word(o, "mta", "works"))
		l->dane = LEARNER_DANE_WORKS;
	else if (is_word(o, "validation", "off") ||
	    is_word(o, "validation", "failed") || is_word(o, "mta", "off") ||
	    is_word(o, "mta", "failed"))
		l->dane = LEARNER_DANE_OFF;
	else
		l->dane = LEARNER_DANE_TESTING;
	if (l->dane != before)
		learner_tell_news(l, "");
}

enum learner_dane learner_dane(struct learner *l)
{
	return l ? (enum learner_dane)l->dane : LEARNER_DANE_OFF;
}

/* ---- without a resolver ------------------------------------------------ */

void learner_dane_up(struct learner *l, bool up)
{
	if (up) {
		if (l->outage_said)
			log_notice("learner", "the resolver is back");
		l->outage_said = false;
		l->down_since = 0;
	} else if (l->down_since == 0) {
		l->down_since = clock_mono_ms();
	}
}

bool learner_is_out(struct learner *l)
{
	int64_t since;

	if (!l)
		return true;
	since = l->down_since;
	return since != 0 && clock_mono_ms() - since >= l->tuning.outage_ms;
}

void learner_dane_tick(struct learner *l)
{
	wants_thaw(&l->danes, clock_mono_ms());
	give_up_overdue(l);
	if (!learner_is_out(l))
		return;
	log_err("learner", "there has been no resolver for %lld s: what is "
	    "not in the cache is unknown",
	    (long long)(clock_mono_ms() - l->down_since) / 1000);
	l->outage_said = true;
}

/* ---- any thread -------------------------------------------------------- */

void learner_want_dane(struct learner *l, const char *hop)
{
	if (l && wants_add(&l->danes, hop, QUEUE_OUTBOUND, 0, learner_now(l)))
		learner_wake(l);
}

void learner_set_news(struct learner *l, learner_news_fn *fn, void *arg)
{
	l->news = fn;
	l->news_arg = arg;
}

void learner_add_waiters(struct learner *l, int change)
{
	if (l)
		l->waiters += change;
}

void learner_tell_news(struct learner *l, const char *name)
{
	if (l->waiters > 0)
		l->news(l->news_arg, name);
}

static bool gave_up(struct wants *w, const char *name, int64_t now)
{
	return wants_waiting(w, name, now) == WANTS_GIVEN_UP;
}

bool learner_gave_up(struct learner *l, const char *domain)
{
	return l && gave_up(&l->wants, domain, learner_now(l));
}

bool learner_gave_up_dane(struct learner *l, const char *hop)
{
	return l && gave_up(&l->danes, hop, learner_now(l));
}
