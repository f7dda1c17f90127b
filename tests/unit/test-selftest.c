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
	bool passed;
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

static void ended(void *arg, bool passed, const char *why)
{
	struct owner *o = arg;

	o->ended++;
	o->passed = passed;
	snprintf(o->why, sizeof(o->why), "%s", why);
}

static void begin(struct owner *o, const char *const *zones)
{
	struct selftest_owner owner = { ask, ended, o };

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

static void results(void)
{
	static const struct {
		const char *label;
		enum dns_status status;
		bool secure;
		const char *said;
		bool passed;
		const char *why;
	} cases[] = {
		{ "secure", DNS_FOUND, true, "", true, "" },
		{ "not secure", DNS_FOUND, false, "", false,
		    "answers are not signed" },
		{ "securely absent", DNS_NODATA, true, "", false, "no data" },
		{ "bogus", DNS_BOGUS, false, "no keys", false, "no keys" },
		{ "no answer", DNS_TIMEOUT, false, "", false,
		    "no answer in time" },
	};
	static const char *const root[] = { ".", NULL };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owner o;

		begin(&o, root);
		CHECK_CASE(cases[i].label, o.asked == 1 && o.ended == 0);
		CHECK_CASE_STR(cases[i].label, o.zones[0], ".");
		answer(&o, 0, cases[i].status, cases[i].secure,
		    cases[i].said);
		CHECK_CASE(cases[i].label, o.ended == 1);
		CHECK_CASE(cases[i].label, o.passed == cases[i].passed);
		CHECK_CASE_STR(cases[i].label, o.why, cases[i].why);
		/* It is repeated until it has passed. */
		CHECK_CASE(cases[i].label, (evloop_timeout(o.loop) > 0) ==
		    !cases[i].passed);
		end(&o);
	}
}

static void one_zone_of_several_is_enough(void)
{
	static const char *const zones[] = {
		"a.example", "A.Example", "b.example", "c.example",
		"d.example", "e.example", NULL,
	};
	struct owner o;

	begin(&o, zones);
	CU_ASSERT_EQUAL(o.asked, 4);
	answer(&o, 0, DNS_BOGUS, false, "x");
	answer(&o, 2, DNS_FOUND, true, "");
	answer(&o, 1, DNS_TIMEOUT, false, "");
	CU_ASSERT_EQUAL(o.ended, 0);
	answer(&o, 3, DNS_SERVFAIL, false, "");
	CU_ASSERT(o.ended == 1 && o.passed);
	CU_ASSERT_STRING_EQUAL(o.why, "");
	end(&o);
}

static const struct unit_test tests[] = {
	{ "results", results },
	{ "one zone of several is enough", one_zone_of_several_is_enough },
};

UNIT_MAIN("selftest", tests)
