/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/wants.h"
#include "tests/unit/unit.h"

static struct wants w;

/* Ten of each, one at once; senders twice a second with a burst of three. */
static void begin(void)
{
	struct want_limits limits[QUEUES];

	for (size_t q = 0; q < QUEUES; q++)
		limits[q] = (struct want_limits){ .bound = 10, .asked = 10 };
	limits[QUEUE_SENDER].rate = 2;
	limits[QUEUE_SENDER].burst = 3;
	CU_ASSERT_FATAL(wants_init(&w, limits));
}

static const char *next(int64_t mono_ms)
{
	int64_t wait = -1;
	struct want *want = wants_take(&w, mono_ms, mono_ms + 100, &wait);

	if (!want)
		return "-";
	want->seq = 7;
	return want->domain;
}

static void queues_are_served_in_order(void)
{
	static const struct {
		const char *domain;
		enum want_queue queue;
	} added[] = {
		{ "refresh.example", QUEUE_REFRESH },
		{ "sender.example", QUEUE_SENDER },
		{ "rcpt1.example", QUEUE_RECIPIENT },
		{ "rcpt2.example", QUEUE_RECIPIENT },
		{ "out.example", QUEUE_OUTBOUND },
		{ "hosted.example", QUEUE_HOSTED },
		{ "call.example", QUEUE_CALL },
	};
	static const char *const order[] = { "call.example",
		"hosted.example", "out.example", "rcpt1.example",
		"rcpt2.example", "sender.example", "refresh.example", "-" };

	begin();
	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
		CHECK_CASE(added[i].domain, wants_add(&w, added[i].domain,
		    added[i].queue, 0, 1));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		CHECK_CASE_STR(order[i], next(0), order[i]);
	wants_clear(&w);
}

static void a_better_reason_moves_it_forward(void)
{
	begin();
	CU_ASSERT(wants_add(&w, "a.example", QUEUE_SENDER, 0, 1));
	CU_ASSERT(wants_add(&w, "b.example", QUEUE_RECIPIENT, 0, 1));
	CU_ASSERT(!wants_add(&w, "a.example", QUEUE_HOSTED, WANT_MX, 1));
	CU_ASSERT(!wants_add(&w, "b.example", QUEUE_REFRESH, 0, 1));
	CU_ASSERT_STRING_EQUAL(next(0), "a.example");
	CU_ASSERT_STRING_EQUAL(next(0), "b.example");
	wants_clear(&w);
}

static void a_rate_is_a_burst_and_then_time(void)
{
	static const struct {
		int64_t at;
		const char *label;
		bool served;
	} cases[] = {
		{ 1000, "burst 1", true }, { 1000, "burst 2", true },
		{ 1000, "burst 3", true }, { 1000, "burst ends", false },
		{ 1499, "not yet", false }, { 1500, "half a second", true },
		{ 1500, "one only", false },
		{ 900000, "a long pause 1", true },
		{ 900000, "a long pause 2", true },
		{ 900000, "a long pause 3", true },
		{ 900000, "no more than a burst", false },
	};
	char domain[32];

	begin();
	for (unsigned i = 0; i < 10; i++) {
		snprintf(domain, sizeof(domain), "s%u.example", i);
		wants_add(&w, domain, QUEUE_SENDER, 0, 1);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool served = next(cases[i].at)[0] == 's';

		CHECK_CASE(cases[i].label, served == cases[i].served);
	}
	wants_clear(&w);
}

static void the_wait_is_until_the_rate_allows(void)
{
	int64_t wait = 5;

	begin();
	wants_add(&w, "a.example", QUEUE_SENDER, 0, 1);
	for (unsigned i = 0; i < 3; i++) {
		struct want *want = wants_take(&w, 1000, 2000, &wait);

		CU_ASSERT_PTR_NOT_NULL_FATAL(want);
		wants_add(&w, want->domain, QUEUE_SENDER, WANT_REFETCH, 1);
		CU_ASSERT(!wants_answered(&w, want));
	}
	CU_ASSERT_PTR_NULL(wants_take(&w, 1000, 2000, &wait));
	CU_ASSERT(wait >= 499 && wait <= 501);
	wants_clear(&w);
	begin();
	CU_ASSERT_PTR_NULL(wants_take(&w, 1000, 2000, &wait));
	CU_ASSERT_EQUAL(wait, -1);
	wants_clear(&w);
}

static void names_of_any_length_are_judged(void)
{
	char longest[300];

	begin();
	memset(longest, 'a', sizeof(longest));
	longest[WANT_NAME_SIZE] = '\0';
	CU_ASSERT(!wants_add(&w, longest, QUEUE_SENDER, 0, 1));
	longest[WANT_NAME_SIZE - 1] = '\0';
	CU_ASSERT(wants_add(&w, longest, QUEUE_SENDER, 0, 1));
	CU_ASSERT(!wants_add(&w, "", QUEUE_SENDER, 0, 1));
	wants_clear(&w);
}

static void what_is_known_costs_no_rate(void)
{
	int64_t wait;

	begin();
	wants_add(&w, "a.example", QUEUE_SENDER, WANT_USE, 1);
	for (unsigned i = 0; i < 10; i++) {
		struct want *want = wants_take(&w, 1000, 2000, &wait);

		CU_ASSERT_PTR_NOT_NULL_FATAL(want);
		if (i % 2) {
			wants_untake(&w, want);
			continue;
		}
		wants_known(&w, want);
		CU_ASSERT_EQUAL(wants_waiting(&w, "a.example", 5), 0);
		wants_add(&w, "a.example", QUEUE_SENDER, WANT_USE, 1);
	}
	wants_clear(&w);
}

static void more_wanted_meanwhile_is_asked_again(void)
{
	static const struct {
		const char *label;
		unsigned first, brings, then;
		bool done;
	} cases[] = {
		{ "nothing more", WANT_USE, 0, 0, true },
		{ "a use more", 0, 0, WANT_USE, true },
		{ "MX, not asked for", WANT_USE, 0, WANT_MX, false },
		{ "MX, asked for anyway", WANT_USE, WANT_MX, WANT_MX, true },
		{ "refetch, not asked for", WANT_MX, WANT_MX, WANT_REFETCH,
		    false },
		{ "refetch under way", WANT_REFETCH, WANT_REFETCH,
		    WANT_REFETCH, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct want *want;
		int64_t wait;

		begin();
		wants_add(&w, "a.example", QUEUE_SENDER, cases[i].first, 1);
		want = wants_take(&w, 0, 100, &wait);
		CU_ASSERT_PTR_NOT_NULL_FATAL(want);
		want->brings = cases[i].brings;
		wants_add(&w, "a.example", QUEUE_SENDER, cases[i].then, 1);
		CHECK_CASE(cases[i].label,
		    wants_answered(&w, want) == cases[i].done);
		CHECK_CASE(cases[i].label,
		    (wants_first_answered(&w) != NULL) == cases[i].done);
		CHECK_CASE_STR(cases[i].label, next(0),
		    cases[i].done ? "-" : "a.example");
		wants_clear(&w);
	}
}

static void requeued_questions_keep_their_order(void)
{
	begin();
	wants_add(&w, "a.example", QUEUE_RECIPIENT, WANT_MX, 1);
	wants_add(&w, "b.example", QUEUE_RECIPIENT, 0, 1);
	wants_add(&w, "c.example", QUEUE_RECIPIENT, 0, 1);
	CU_ASSERT_STRING_EQUAL(next(0), "a.example");
	CU_ASSERT_STRING_EQUAL(next(0), "b.example");
	CU_ASSERT_PTR_NOT_NULL(wants_find_asked(&w, "a.example", 7));
	CU_ASSERT_PTR_NULL(wants_find_asked(&w, "a.example", 8));
	CU_ASSERT_PTR_NULL(wants_find_asked(&w, "c.example", 7));
	wants_requeue_all(&w);
	CU_ASSERT_PTR_NULL(wants_find_asked(&w, "a.example", 7));
	CU_ASSERT_STRING_EQUAL(next(0), "a.example");
	CHECK_CASE("what was wanted is not forgotten", wants_find_asked(&w,
	    "a.example", 7)->asked_flags == WANT_MX);
	CU_ASSERT_STRING_EQUAL(next(0), "b.example");
	CU_ASSERT_STRING_EQUAL(next(0), "c.example");
	wants_clear(&w);
}

static void what_could_not_be_kept_cools(void)
{
	struct want *want;

	begin();
	wants_add(&w, "a.example", QUEUE_RECIPIENT, 0, 100);
	CU_ASSERT_EQUAL(wants_waiting(&w, "a.example", 160), 60);
	CU_ASSERT_EQUAL(wants_waiting(&w, "a.example", 50), 1);
	next(0);
	want = wants_overdue(&w, 99);
	CU_ASSERT_PTR_NULL(want);
	want = wants_overdue(&w, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(want);
	wants_cool(&w, want, 500);
	CU_ASSERT_EQUAL(wants_waiting(&w, "a.example", 160), WANTS_GIVEN_UP);
	CU_ASSERT(!wants_add(&w, "a.example", QUEUE_RECIPIENT, 0, 161));
	CU_ASSERT_STRING_EQUAL(next(0), "-");
	wants_thaw(&w, 499);
	CU_ASSERT_EQUAL(wants_waiting(&w, "a.example", 160), WANTS_GIVEN_UP);
	wants_thaw(&w, 500);
	CU_ASSERT_EQUAL(wants_waiting(&w, "a.example", 160), 0);
	CU_ASSERT(wants_add(&w, "a.example", QUEUE_RECIPIENT, 0, 161));
	wants_clear(&w);
}

static const struct unit_test tests[] = {
	{ "queues are served in order", queues_are_served_in_order },
	{ "a better reason moves it forward",
	    a_better_reason_moves_it_forward },
	{ "a rate is a burst and then time", a_rate_is_a_burst_and_then_time },
	{ "the wait is until the rate allows",
	    the_wait_is_until_the_rate_allows },
	{ "names of any length are judged", names_of_any_length_are_judged },
	{ "what is known costs no rate", what_is_known_costs_no_rate },
	{ "more wanted meanwhile is asked again",
	    more_wanted_meanwhile_is_asked_again },
	{ "requeued questions keep their order",
	    requeued_questions_keep_their_order },
	{ "what could not be kept cools", what_could_not_be_kept_cools },
};

UNIT_MAIN("wants", tests)
