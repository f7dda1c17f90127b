/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Freshness, told as scripts: at each step an answer arrives, or time has
 * passed; then the record is compared with what the step expects.
 */
#include "config.h"

#include "mtasts/fresh.h"
#include "tests/unit/unit.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define T0 1795294982
#define MINUTE 60
#define HOUR 3600
#define DAY 86400
#define WEEK (7 * DAY)

enum { NO_ANSWER = -1 };

struct step {
	int64_t at;		/* seconds after T0 */
	int answer;		/* enum mtasts_outcome, or NO_ANSWER */
	const char *id;
	enum mtasts_error error;
	enum mtasts_mode mode;
	uint32_t max_age;
	uint32_t ttl;
	/* expected after the answer, at the same time */
	enum standing standing;
	enum fresh_due due;
	const char *held_id;	/* of the next question */
	unsigned log;
};

#define U STANDING_UNKNOWN
#define NP STANDING_NO_POLICY
#define P STANDING_POLICY
#define WAIT .answer = NO_ANSWER
#define FOUND(i, m, a) .answer = MTASTS_FOUND, .id = i, .mode = m, \
	.max_age = a, .ttl = HOUR
#define SAME(i) .answer = MTASTS_UNCHANGED, .id = i, .ttl = HOUR
#define ABSENT(t) .answer = MTASTS_ABSENT, .error = MTASTS_E_NO_RECORD, \
	.ttl = t
#define FAILED(i, e) .answer = MTASTS_FAILED, .id = i, .error = e, \
	.ttl = HOUR
#define IS(s, d, i, l) .standing = s, .due = d, .held_id = i, .log = l
#define ENF MTASTS_ENFORCE
#define LOG(x) FRESH_LOG_ ## x

static const struct fresh_limits limits = {
	.min_refresh = HOUR,
	.max_negative = HOUR,
};

/* Copies of the strings, as the cache makes them. */
struct memory {
	struct record rec;
	char id[64], failed_id[64], patterns[64];
	bool held;
};

/* The strings of rec may be those of m. */
static void keep(struct memory *m, const struct record *rec)
{
	struct memory new = { .rec = *rec, .held = true };

	snprintf(new.id, sizeof(new.id), "%s", rec->id);
	snprintf(new.failed_id, sizeof(new.failed_id), "%s", rec->failed_id);
	snprintf(new.patterns, sizeof(new.patterns), "%s", rec->patterns);
	*m = new;
	m->rec.id = m->id;
	m->rec.failed_id = m->failed_id;
	m->rec.patterns = m->patterns;
	m->rec.mx = m->rec.rua = m->rec.text = "";
}

static unsigned answer_step(struct memory *m, const struct step *s)
{
	const struct answer a = {
		.domain = "example.com",
		.detail = "",
		.outcome = (enum mtasts_outcome)s->answer,
		.error = s->error,
		.id = s->id ? s->id : "",
		.ttl = s->ttl,
		.mode = s->mode,
		.max_age = s->max_age,
		.patterns = s->answer == MTASTS_FOUND ? "mx.example.com" : "",
		.text = "", .mx = "", .rua = "",
	};
	struct record rec;
	unsigned log;

	log = fresh_apply(m->held ? &m->rec : NULL, &a, &limits, T0 + s->at,
	    &rec);
	keep(m, &rec);
	return log;
}

static void check_step(const char *label, size_t n, struct memory *m,
    const struct step *s)
{
	const struct record *rec;
	char where[200];
	struct ask ask = { 0 };
	unsigned log = 0;

	snprintf(where, sizeof(where), "%s, step %zu", label, n + 1);
	if (s->answer != NO_ANSWER)
		log = answer_step(m, s);
	rec = m->held ? &m->rec : NULL;
	fresh_ask(rec, T0 + s->at, &ask);
	CHECK_CASE(where, fresh_standing(rec, T0 + s->at) == s->standing);
	CHECK_CASE(where, fresh_due(rec, T0 + s->at) == s->due);
	CHECK_CASE(where, ask.refetch == (s->due == FRESH_REFETCH));
	CHECK_CASE_STR(where, ask.held_id, s->held_id ? s->held_id : "");
	CHECK_CASE(where, log == s->log);
}

static void run(const char *label, const struct step *steps, size_t n)
{
	struct memory m = { .held = false };

	for (size_t i = 0; i < n; i++)
		check_step(label, i, &m, &steps[i]);
}

#define RUN(label, ...) \
	do { \
		static const struct step steps_[] = { __VA_ARGS__ }; \
		run(label, steps_, N(steps_)); \
	} while (0)

static void policies_hold_until_max_age(void)
{
	RUN("STS-C-01 expiry to the second",
	    { 0, WAIT, IS(U, FRESH_CHECK, "", 0) },
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { WEEK - 1, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { WEEK, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-C-02 an unchanged id extends nothing",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { WEEK - 1, SAME("a"), IS(P, FRESH_NOTHING, "a", 0) },
	    { WEEK, WAIT, IS(U, FRESH_CHECK, "", 0) },
	    { WEEK, SAME("a"), IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-C-01 each fetch extends",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { DAY, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", 0) },
	    { DAY + WEEK - 1, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { DAY + WEEK, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-P-10 max_age 0 serves one delivery",
	    { 0, FOUND("a", ENF, 0), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { 9, WAIT, IS(P, FRESH_NOTHING, "a", 0) },
	    { 10, WAIT, IS(U, FRESH_CHECK, "", 0) });
}

static void ids_are_looked_at(void)
{
	RUN("STS-C-14 on use after the TTL",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR - 1, WAIT, IS(P, FRESH_NOTHING, "a", 0) },
	    { HOUR, WAIT, IS(P, FRESH_CHECK, "a", 0) },
	    { HOUR, SAME("a"), IS(P, FRESH_NOTHING, "a", 0) },
	    { 2 * HOUR, WAIT, IS(P, FRESH_CHECK, "a", 0) });
	RUN("STS-C-14 at least 60 s apart",
	    { 0, .answer = MTASTS_FOUND, .id = "a", .mode = ENF,
	      .max_age = WEEK, .ttl = 0,
	      IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { 59, WAIT, IS(P, FRESH_NOTHING, "a", 0) },
	    { 60, WAIT, IS(P, FRESH_CHECK, "a", 0) });
	RUN("STS-T-10 a new id brings a new policy within min_refresh",
	    { 0, FOUND("b", ENF, WEEK), IS(P, FRESH_NOTHING, "b", LOG(NEW)) },
	    { MINUTE, FOUND("a", MTASTS_TESTING, DAY),
	      IS(P, FRESH_NOTHING, "a", LOG(CHANGED)) });
	RUN("STS-C-11 none replaces at once",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR, FOUND("b", MTASTS_NONE, DAY),
	      IS(P, FRESH_NOTHING, "b", LOG(CHANGED)) },
	    { HOUR + 1, FAILED("c", MTASTS_E_HTTP),
	      IS(P, FRESH_NOTHING, "c", 0) },
	    { HOUR + DAY, FAILED("c", MTASTS_E_HTTP),
	      IS(NP, FRESH_NOTHING, "c", 0) });
}

static void failures_keep_what_is_held(void)
{
	RUN("STS-C-03 new id, fetch fails: old policy, old id, retry",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR, FAILED("b", MTASTS_E_HTTP),
	      IS(P, FRESH_NOTHING, "b", LOG(REFRESH_FAILED)) },
	    { HOUR + 299, WAIT, IS(P, FRESH_NOTHING, "b", 0) },
	    { HOUR + 300, WAIT, IS(P, FRESH_CHECK, "a", 0) },
	    { HOUR + 300, FOUND("b", ENF, WEEK),
	      IS(P, FRESH_NOTHING, "b", 0) });
	RUN("STS-F-12 within 5 minutes only another id is fetched",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR, .answer = MTASTS_FAILED, .id = "b", .ttl = 60,
	      .error = MTASTS_E_TLS,
	      IS(P, FRESH_NOTHING, "b", LOG(REFRESH_FAILED)) },
	    { HOUR + 60, WAIT, IS(P, FRESH_CHECK, "b", 0) },
	    { HOUR + 60, .answer = MTASTS_UNCHANGED, .id = "b", .ttl = 60,
	      IS(P, FRESH_NOTHING, "b", 0) },
	    { HOUR + 120, FOUND("c", ENF, WEEK),
	      IS(P, FRESH_NOTHING, "c", 0) });
	RUN("STS-C-03 the old id comes back",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR, FAILED("b", MTASTS_E_TLS),
	      IS(P, FRESH_NOTHING, "b", LOG(REFRESH_FAILED)) },
	    { HOUR + 300, SAME("a"), IS(P, FRESH_NOTHING, "a", 0) });
	RUN("STS-C-04 DNS fails, then HTTPS, until the end",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR, FAILED("", MTASTS_E_DNS), IS(P, FRESH_NOTHING, "a", 0) },
	    { HOUR + 60, WAIT, IS(P, FRESH_CHECK, "a", 0) },
	    { DAY, FAILED("", MTASTS_E_BOGUS),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED)) },
	    { DAY + 300, FAILED("a", MTASTS_E_POLICY),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED)) },
	    { WEEK - DAY, FAILED("a", MTASTS_E_TLS),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED) | LOG(EXPIRING)) },
	    { WEEK - 1, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { WEEK, WAIT, IS(U, FRESH_CHECK, "", 0) },
	    { WEEK, FAILED("a", MTASTS_E_TLS),
	      IS(NP, FRESH_NOTHING, "a", LOG(LOST)) });
	RUN("STS-T-15 TXT removed",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR, ABSENT(300), IS(P, FRESH_NOTHING, "a", 0) },
	    { HOUR + 300, WAIT, IS(P, FRESH_CHECK, "a", 0) },
	    { DAY, FOUND("", ENF, WEEK), IS(P, FRESH_NOTHING, "a", 0) },
	    { WEEK + DAY, ABSENT(300),
	      IS(NP, FRESH_NOTHING, "", LOG(LOST)) });
	RUN("STS-C-08 silence for mode none",
	    { 0, FOUND("a", MTASTS_NONE, WEEK),
	      IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { DAY, FAILED("a", MTASTS_E_TLS), IS(P, FRESH_NOTHING, "a", 0) },
	    { WEEK, ABSENT(300), IS(NP, FRESH_NOTHING, "", 0) });
}

static void refetches_are_daily(void)
{
	RUN("STS-C-06 daily, whatever the id says",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { DAY - HOUR, SAME("a"), IS(P, FRESH_NOTHING, "a", 0) },
	    { DAY, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { DAY, FAILED("a", MTASTS_E_CONNECT),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED)) },
	    { DAY + 299, WAIT, IS(P, FRESH_NOTHING, "a", 0) },
	    { DAY + 300, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { DAY + 300, FOUND("a", ENF, WEEK),
	      IS(P, FRESH_NOTHING, "a", 0) },
	    { 2 * DAY, WAIT, IS(P, FRESH_CHECK, "a", 0) },
	    { 2 * DAY + 300, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
	RUN("STS-C-07 half way through a day",
	    { 0, FOUND("a", ENF, DAY), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { DAY / 2, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
	RUN("min_refresh delays, but not past three quarters",
	    { 0, FOUND("a", ENF, HOUR + 60),
	      IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { 2744, WAIT, IS(P, FRESH_NOTHING, "a", 0) },
	    { 2745, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
	RUN("min_refresh holds where it can",
	    { 0, FOUND("a", ENF, 100 * MINUTE),
	      IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR - 1, WAIT, IS(P, FRESH_NOTHING, "a", 0) },
	    { HOUR, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
	RUN("a refetch that ends otherwise is not repeated at once",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { DAY, SAME("a"), IS(P, FRESH_NOTHING, "a", 0) },
	    { DAY + 300, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { DAY + 300, ABSENT(60),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED)) },
	    { DAY + 600, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
}

static void no_policy_is_remembered_briefly(void)
{
	RUN("STS-C-15 as long as the TTL",
	    { 0, ABSENT(600), IS(NP, FRESH_NOTHING, "", 0) },
	    { 599, WAIT, IS(NP, FRESH_NOTHING, "", 0) },
	    { 600, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-C-15 at most max_negative",
	    { 0, ABSENT(DAY), IS(NP, FRESH_NOTHING, "", 0) },
	    { HOUR, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-C-15 at least a minute",
	    { 0, ABSENT(0), IS(NP, FRESH_NOTHING, "", 0) },
	    { 60, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-T-08 an invalid record is none",
	    { 0, .answer = MTASTS_ABSENT, .error = MTASTS_E_RECORD,
	      .ttl = 600, IS(NP, FRESH_NOTHING, "", 0) },
	    { 600, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-C-05 fetch failed: no policy for 5 minutes",
	    { 0, FAILED("a", MTASTS_E_HTTP), IS(NP, FRESH_NOTHING, "a", 0) },
	    { 299, WAIT, IS(NP, FRESH_NOTHING, "a", 0) },
	    { 300, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-F-12 unless a new id appears",
	    { 0, .answer = MTASTS_FAILED, .id = "a", .ttl = 0,
	      .error = MTASTS_E_HTTP, IS(NP, FRESH_NOTHING, "a", 0) },
	    { 60, WAIT, IS(NP, FRESH_CHECK, "a", 0) },
	    { 60, .answer = MTASTS_UNCHANGED, .id = "a", .ttl = 0,
	      IS(NP, FRESH_NOTHING, "a", 0) },
	    { 120, FAILED("", MTASTS_E_DNS), IS(NP, FRESH_NOTHING, "a", 0) },
	    { 200, FOUND("b", ENF, WEEK),
	      IS(P, FRESH_NOTHING, "b", LOG(NEW)) });
	RUN("STS-F-12 expired within the 5 minutes",
	    { 0, FOUND("a", ENF, HOUR), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { HOUR - 10, FAILED("a", MTASTS_E_HTTP), IS(P, FRESH_NOTHING, "a",
	      LOG(REFRESH_FAILED) | LOG(EXPIRING)) },
	    { HOUR, WAIT, IS(NP, FRESH_NOTHING, "a", 0) },
	    { HOUR + 100, SAME("a"), IS(NP, FRESH_NOTHING, "a", 0) },
	    { HOUR + 289, WAIT, IS(NP, FRESH_NOTHING, "a", 0) },
	    { HOUR + 290, WAIT, IS(U, FRESH_CHECK, "", 0) },
	    { HOUR + 290, FAILED("a", MTASTS_E_HTTP),
	      IS(NP, FRESH_NOTHING, "a", LOG(LOST)) });
	RUN("STS-T-16 DNS errors are asked about again after a minute",
	    { 0, FAILED("", MTASTS_E_DNS), IS(NP, FRESH_NOTHING, "", 0) },
	    { 60, WAIT, IS(NP, FRESH_CHECK, "", 0) },
	    { 300, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("an unchanged id of what was purged is learnt again",
	    { 0, SAME("a"), IS(U, FRESH_CHECK, "", 0) });
}

static void clocks_may_jump(void)
{
	RUN("STS-C-13 back: the policy holds, a refetch is due",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { -1, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { -10 * 365 * DAY, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { -10 * 365 * DAY, FAILED("a", MTASTS_E_TLS),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED)) },
	    { -10 * 365 * DAY + 300, WAIT, IS(P, FRESH_REFETCH, "a", 0) },
	    { -10 * 365 * DAY + 300, FOUND("a", ENF, WEEK),
	      IS(P, FRESH_NOTHING, "a", 0) });
	RUN("STS-C-13 back while waiting after a failure",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { DAY, FAILED("a", MTASTS_E_TLS),
	      IS(P, FRESH_NOTHING, "a", LOG(REFRESH_FAILED)) },
	    { HOUR, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
	RUN("STS-C-13 back: no policy is not believed for years",
	    { 0, ABSENT(600), IS(NP, FRESH_NOTHING, "", 0) },
	    { -365 * DAY, WAIT, IS(U, FRESH_CHECK, "", 0) });
	RUN("STS-C-13 forward and back: a policy not replaced meanwhile",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { 20 * 365 * DAY, WAIT, IS(U, FRESH_CHECK, "", 0) },
	    { HOUR, WAIT, IS(P, FRESH_CHECK, "a", 0) });
	RUN("STS-C-13 forward: learnt again",
	    { 0, FOUND("a", ENF, WEEK), IS(P, FRESH_NOTHING, "a", LOG(NEW)) },
	    { 20 * 365 * DAY, FOUND("a", ENF, WEEK),
	      IS(P, FRESH_NOTHING, "a", 0) },
	    { HOUR, WAIT, IS(P, FRESH_REFETCH, "a", 0) });
}

/* fresh_next() names every moment at which fresh_due() changes. */
static void nothing_changes_before_next(void)
{
	static const int64_t times[] = { 0, 1, 40, 100, 350, 700, 1000 };
	struct record rec = { .id = "a" };
	unsigned state = 12345;

	CU_ASSERT_EQUAL(fresh_next(NULL, 0), INT64_MAX);
	for (int round = 0; round < 3000; round++) {
		int64_t *const members[] = {
			&rec.fetched, &rec.expires, &rec.checked,
			&rec.check_after, &rec.refetch_after,
			&rec.retry_after,
		};
		int64_t now = 0, next = 0;
		enum fresh_due due = FRESH_NOTHING;
		bool good = true;

		rec.kind = (enum record_kind)(round & 1);
		rec.failed_id = round & 2 ? "b" : "";
		for (size_t i = 0; i < N(members); i++) {
			state = state * 1103515245u + 12345u;
			*members[i] = times[(state >> 16) % N(times)];
		}
		for (; now < 1100 && next != INT64_MAX; now++) {
			if (now >= next) {
				due = fresh_due(&rec, now);
				next = fresh_next(&rec, now);
				good = good && next > now;
			}
			good = good && fresh_due(&rec, now) == due;
		}
		CU_ASSERT(good);
	}
}

static void lists_are_kept_unless_known(void)
{
	const struct record old = {
		.kind = RECORD_POLICY, .mode = ENF, .fetched = T0,
		.expires = T0 + WEEK, .mx_known = true, .used = 5,
		.secure = true, .imported = true,
		.id = "a", .failed_id = "", .patterns = "x.example",
		.mx = "old.example", .rua = "old@example.com", .text = "t",
	};
	struct answer a = {
		.outcome = MTASTS_FAILED, .error = MTASTS_E_DNS,
		.id = "", .mx = "new.example", .rua = "",
		.patterns = "", .text = "",
	};
	struct record rec;

	fresh_apply(&old, &a, &limits, T0 + 1, &rec);
	CU_ASSERT_STRING_EQUAL(rec.mx, "old.example");
	CU_ASSERT_STRING_EQUAL(rec.rua, "old@example.com");
	CU_ASSERT(rec.mx_known && rec.secure && rec.imported);
	CU_ASSERT_EQUAL(rec.used, 5);
	CU_ASSERT_EQUAL(rec.error, MTASTS_E_DNS);
	a.mx_known = true;
	a.null_mx = true;
	fresh_apply(&old, &a, &limits, T0 + 1, &rec);
	CU_ASSERT_STRING_EQUAL(rec.mx, "new.example");
	CU_ASSERT_STRING_EQUAL(rec.rua, "");
	CU_ASSERT(rec.mx_known && rec.null_mx);
	a.outcome = MTASTS_ABSENT;
	fresh_apply(NULL, &a, &limits, T0 + 1, &rec);
	CU_ASSERT_STRING_EQUAL(rec.mx, "new.example");
	a.mx_known = false;
	a.rua = "new@example.com";
	fresh_apply(NULL, &a, &limits, T0 + 1, &rec);
	CU_ASSERT_STRING_EQUAL(rec.mx, "");
	CU_ASSERT_STRING_EQUAL(rec.rua, "new@example.com");
	CU_ASSERT(!rec.mx_known);
}

static void a_fetch_sets_every_member(void)
{
	const struct record old = {
		.kind = RECORD_NEGATIVE, .expires = T0 + 100, .imported = true,
		.error = MTASTS_E_TLS, .retry_after = T0 + 100, .used = 9,
		.id = "", .failed_id = "z", .patterns = "", .mx = "",
		.rua = "", .text = "",
	};
	const struct answer a = {
		.outcome = MTASTS_FOUND, .id = "a", .secure = true,
		.mode = ENF, .max_age = WEEK, .patterns = "mx.example",
		.text = "the text", .mx = "", .rua = "", .ttl = 700,
	};
	struct record rec;

	CU_ASSERT_EQUAL(fresh_apply(&old, &a, &limits, T0, &rec),
	    FRESH_LOG_NEW);
	CU_ASSERT(rec.kind == RECORD_POLICY && rec.mode == ENF &&
	    rec.error == MTASTS_OK && rec.secure && !rec.imported &&
	    rec.max_age == WEEK && rec.fetched == T0 &&
	    rec.expires == T0 + WEEK && rec.checked == T0 &&
	    rec.check_after == T0 + 700 && rec.refetch_after == T0 + DAY &&
	    rec.retry_after == 0 && rec.used == 9);
	CU_ASSERT_STRING_EQUAL(rec.id, "a");
	CU_ASSERT_STRING_EQUAL(rec.failed_id, "");
	CU_ASSERT_STRING_EQUAL(rec.patterns, "mx.example");
	CU_ASSERT_STRING_EQUAL(rec.text, "the text");
}

static const struct unit_test tests[] = {
	{ "policies hold until max_age", policies_hold_until_max_age },
	{ "ids are looked at", ids_are_looked_at },
	{ "failures keep what is held", failures_keep_what_is_held },
	{ "refetches are daily", refetches_are_daily },
	{ "no policy is remembered briefly", no_policy_is_remembered_briefly },
	{ "clocks may jump", clocks_may_jump },
	{ "nothing changes before next", nothing_changes_before_next },
	{ "lists are kept unless known", lists_are_kept_unless_known },
	{ "a fetch sets every member", a_fetch_sets_every_member },
};

UNIT_MAIN("mtasts-fresh", tests)
