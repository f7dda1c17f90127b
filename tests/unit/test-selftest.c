/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/evloop.h"
#include "mtasts/selftest.h"
#include "tests/unit/unit.h"

#define ASKED_MAX 8

/* Plays the DNS client: keeps the questions until the test answers. */
struct owner {
	struct evloop *loop;
	struct selftest *test;
	char zones[ASKED_MAX][64];
	dns_fn *fn[ASKED_MAX];
	void *fn_arg[ASKED_MAX];
	unsigned asked, ended;
	enum selftest_result result;
	char why[200];
};

/* Something to point at; the self-test never looks inside. */
static char a_query;

static struct dns_query *ask(void *arg, const char *zone, dns_fn *fn,
    void *fn_arg)
{
	struct owner *o = arg;

	snprintf(o->zones[o->asked], sizeof(o->zones[0]), "%s", zone);
	o->fn[o->asked] = fn;
	o->fn_arg[o->asked] = fn_arg;
	o->asked++;
	return (struct dns_query *)(void *)&a_query;
}

static void ended(void *arg, enum selftest_result result, const char *why)
{
	struct owner *o = arg;

	o->ended++;
	o->result = result;
	snprintf(o->why, sizeof(o->why), "%s", why);
}

static void begin(struct owner *o, const char *const *zones,
    int64_t repeat_ms)
{
	struct selftest_owner owner = {
		.ask = ask, .ended = ended, .arg = o,
		.insecure = "answers are not signed", .repeat_ms = repeat_ms,
	};

	memset(o, 0, sizeof(*o));
	o->loop = evloop_new();
	o->test = selftest_new(o->loop, &owner);
	CU_ASSERT_FATAL(o->test != NULL);
	CU_ASSERT(!selftest_has_zones(o->test));
	for (; *zones; zones++)
		CU_ASSERT(selftest_add_zone(o->test, *zones,
		    strlen(*zones)));
	CU_ASSERT(selftest_has_zones(o->test));
	selftest_begin(o->test);
}

static void answer(struct owner *o, unsigned i, enum dns_status status,
    bool secure, const char *why)
{
	struct dns_answer a = { .status = status, .secure = secure };

	snprintf(a.why, sizeof(a.why), "%s", why);
	o->fn[i](o->fn_arg[i], &a);
}

static void end(struct owner *o)
{
	selftest_free(o->test);
	evloop_free(o->loop);
}

static const char *const root[] = { ".", NULL };

static void results(void)
{
	static const struct {
		const char *label;
		enum dns_status status;
		bool secure;
		const char *said;
		enum selftest_result result;
		const char *why;
	} cases[] = {
		{ "secure", DNS_FOUND, true, "", SELFTEST_PASSED, "" },
		{ "not secure", DNS_FOUND, false, "", SELFTEST_FAILED,
		    "answers are not signed" },
		{ "securely absent", DNS_NODATA, true, "", SELFTEST_FAILED,
		    "no data" },
		{ "no such name", DNS_NXDOMAIN, true, "", SELFTEST_FAILED,
		    "NXDOMAIN" },
		{ "bogus", DNS_BOGUS, false, "no keys", SELFTEST_FAILED,
		    "no keys" },
		{ "refused", DNS_SERVFAIL, false, "", SELFTEST_NO_ANSWER,
		    "SERVFAIL" },
		{ "no answer", DNS_TIMEOUT, false, "", SELFTEST_NO_ANSWER,
		    "no answer in time" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owner o;

		begin(&o, root, 0);
		CHECK_CASE(cases[i].label, o.asked == 1 && o.ended == 0);
		CHECK_CASE_STR(cases[i].label, o.zones[0], ".");
		answer(&o, 0, cases[i].status, cases[i].secure,
		    cases[i].said);
		CHECK_CASE(cases[i].label, o.ended == 1);
		CHECK_CASE(cases[i].label, o.result == cases[i].result);
		CHECK_CASE_STR(cases[i].label, o.why, cases[i].why);
		/* It is repeated until it has passed. */
		CHECK_CASE(cases[i].label, (evloop_timeout(o.loop) > 0) ==
		    (cases[i].result != SELFTEST_PASSED));
		end(&o);
	}
}

static void it_is_repeated_for_ever_if_wanted(void)
{
	struct owner o;

	begin(&o, root, 3600000);
	answer(&o, 0, DNS_FOUND, true, "");
	CU_ASSERT(evloop_timeout(o.loop) > 3000000);
	end(&o);
	/* Soon after a failure all the same. */
	begin(&o, root, 3600000);
	answer(&o, 0, DNS_TIMEOUT, true, "");
	CU_ASSERT(evloop_timeout(o.loop) < 100000);
	end(&o);
	/* And the second test forgets the first. */
	begin(&o, root, 1);
	answer(&o, 0, DNS_FOUND, true, "");
	while (o.asked < 2)
		evloop_wait(o.loop, -1);
	answer(&o, 1, DNS_FOUND, false, "");
	CU_ASSERT(o.ended == 2 && o.result == SELFTEST_FAILED);
	end(&o);
}

static struct dns_query *ask_nothing(void *arg, const char *zone, dns_fn *fn,
    void *fn_arg)
{
	(void)arg;
	(void)zone;
	(void)fn;
	(void)fn_arg;
	return NULL;
}

static void nothing_can_be_asked(void)
{
	struct owner o = { .asked = 0 };
	struct selftest_owner owner = { .ask = ask_nothing, .ended = ended,
		.arg = &o };

	o.loop = evloop_new();
	o.test = selftest_new(o.loop, &owner);
	CU_ASSERT(selftest_add_zone(o.test, ".", 1));
	selftest_begin(o.test);
	CU_ASSERT(o.ended == 1 && o.result == SELFTEST_NO_ANSWER);
	CU_ASSERT_STRING_EQUAL(o.why, "out of memory");
	CU_ASSERT(evloop_timeout(o.loop) > 0);
	end(&o);
}

static void one_zone_of_several_is_enough(void)
{
	static const char *const zones[] = {
		"a.example", "A.Example", "b.example", "c.example",
		"d.example", "e.example", NULL,
	};
	struct owner o;

	begin(&o, zones, 0);
	CU_ASSERT_EQUAL(o.asked, 4);
	answer(&o, 0, DNS_BOGUS, false, "x");
	answer(&o, 2, DNS_FOUND, true, "");
	answer(&o, 1, DNS_TIMEOUT, false, "");
	CU_ASSERT_EQUAL(o.ended, 0);
	answer(&o, 3, DNS_SERVFAIL, false, "");
	CU_ASSERT(o.ended == 1 && o.result == SELFTEST_PASSED);
	CU_ASSERT_STRING_EQUAL(o.why, "");
	end(&o);
}

static const struct unit_test tests[] = {
	{ "results", results },
	{ "it is repeated for ever if wanted",
	    it_is_repeated_for_ever_if_wanted },
	{ "nothing can be asked", nothing_can_be_asked },
	{ "one zone of several is enough", one_zone_of_several_is_enough },
};

UNIT_MAIN("selftest", tests)
