/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/adtest.h"
#include "mtasts/evloop.h"
#include "tests/unit/skipclock.h"
#include "tests/unit/unit.h"

#define AFTER_SUCCESS_MS 600000
#define AFTER_FAILURE_MS 15000

#define ASKED_MAX 16

/* Plays the DNS client: keeps the questions until the test answers. */
struct owner {
	struct evloop *loop;
	struct adtest *test;
	struct asked {
		size_t server;
		char zone[64];
		dns_fn *fn;
		void *fn_arg;
	} asked[ASKED_MAX];
	unsigned n, changes;
};

/* Something to point at; the test never looks inside. */
static char a_query;

static struct dns_query *ask(void *arg, size_t server, const char *zone,
    dns_fn *fn, void *fn_arg)
{
	struct owner *o = arg;
	struct asked *a = &o->asked[o->n++];

	a->server = server;
	snprintf(a->zone, sizeof(a->zone), "%s", zone);
	a->fn = fn;
	a->fn_arg = fn_arg;
	return (struct dns_query *)(void *)&a_query;
}

static void changed(void *arg)
{
	struct owner *o = arg;

	o->changes++;
}

static void begin(struct owner *o, const char *const *servers)
{
	struct adtest_owner owner = { ask, changed, o };

	memset(o, 0, sizeof(*o));
	o->loop = evloop_new();
	o->test = adtest_new(o->loop, &owner, servers);
	CU_ASSERT_FATAL(o->test != NULL);
	CU_ASSERT(adtest_add_zone(o->test, ".", 1));
	adtest_begin(o->test);
	CU_ASSERT_EQUAL(adtest_state(o->test, NULL), DNS_MTA_TESTING);
}

static void end(struct owner *o)
{
	adtest_free(o->test);
	evloop_free(o->loop);
}

/* How a server answers. */
enum kind { NONE, AD, NO_AD, SILENT, FAILS };

static void answer(struct owner *o, unsigned i, enum kind kind)
{
	static const struct dns_answer answers[] = {
		[AD] = { .status = DNS_FOUND, .secure = true },
		[NO_AD] = { .status = DNS_FOUND },
		[SILENT] = { .status = DNS_TIMEOUT },
		[FAILS] = { .status = DNS_SERVFAIL },
	};

	o->asked[i].fn(o->asked[i].fn_arg, &answers[kind]);
}

static void results(void)
{
	static const char *const names[] = { "192.0.2.1", "192.0.2.2",
		"192.0.2.3" };
	static const struct {
		const char *label;
		enum kind kinds[3];
		enum dns_mta state;
		const char *why;
	} cases[] = {
		{ "one that sets AD", { AD }, DNS_MTA_AD, "" },
		{ "one that does not", { NO_AD }, DNS_MTA_NO_AD,
		    "192.0.2.1: AD is not set" },
		{ "one that is silent", { SILENT }, DNS_MTA_NO_AD,
		    "192.0.2.1: no answer in time" },
		{ "all set AD", { AD, AD, AD }, DNS_MTA_AD, "" },
		{ "the last does not", { AD, AD, NO_AD }, DNS_MTA_NO_AD,
		    "192.0.2.3: AD is not set" },
		{ "a silent one does not matter", { SILENT, AD }, DNS_MTA_AD,
		    "" },
		{ "nor one that fails, as the C library goes on",
		    { AD, FAILS }, DNS_MTA_AD, "" },
		{ "silent, and one without AD", { SILENT, NO_AD },
		    DNS_MTA_NO_AD, "192.0.2.2: AD is not set" },
		{ "all silent", { SILENT, FAILS, SILENT }, DNS_MTA_NO_AD,
		    "192.0.2.1: no answer in time" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *servers[4] = { NULL };
		const char *why;
		struct owner o;
		unsigned n = 0;

		for (; n < 3 && cases[i].kinds[n] != NONE; n++)
			servers[n] = names[n];
		begin(&o, servers);
		CHECK_CASE(cases[i].label, o.n == n);
		/* In whatever order they answer; all are waited for. */
		for (unsigned k = n; k-- > 0;) {
			CHECK_CASE(cases[i].label, o.asked[k].server == k);
			CHECK_CASE(cases[i].label, o.changes == 0);
			answer(&o, k, cases[i].kinds[k]);
		}
		CHECK_CASE(cases[i].label, o.changes == 1);
		CHECK_CASE(cases[i].label, adtest_state(o.test, &why) ==
		    cases[i].state);
		CHECK_CASE_STR(cases[i].label, why, cases[i].why);
		/* It is repeated, whatever came out. */
		CHECK_CASE(cases[i].label, evloop_timeout(o.loop) > 0);
		end(&o);
	}
}

/* Put the clock forward; the test is repeated then, and not before. */
static void repeat(struct owner *o, int64_t ms)
{
	unsigned before = o->n;

	clock_skip(ms - 1000);
	evloop_process(o->loop);
	CU_ASSERT_EQUAL(o->n, before);
	clock_skip(1000);
	evloop_process(o->loop);
	CU_ASSERT_EQUAL(o->n, before + 1);
}

static void changes_are_noticed(void)
{
	static const char *const servers[] = { "192.0.2.1", NULL };
	static const struct {
		enum kind kind;
		enum dns_mta state;
		unsigned changes;
		const char *why;
	} steps[] = {
		{ AD, DNS_MTA_AD, 1, "" },
		{ AD, DNS_MTA_AD, 1, "" },
		{ NO_AD, DNS_MTA_NO_AD, 2, "192.0.2.1: AD is not set" },
		{ NO_AD, DNS_MTA_NO_AD, 2, "192.0.2.1: AD is not set" },
		{ SILENT, DNS_MTA_NO_AD, 3, "192.0.2.1: no answer in time" },
		{ AD, DNS_MTA_AD, 4, "" },
	};
	struct owner o;

	begin(&o, servers);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const char *why;

		if (i > 0)
			repeat(&o, steps[i - 1].kind == AD ?
			    AFTER_SUCCESS_MS : AFTER_FAILURE_MS);
		answer(&o, i, steps[i].kind);
		CU_ASSERT_EQUAL(adtest_state(o.test, &why), steps[i].state);
		CU_ASSERT_EQUAL(o.changes, steps[i].changes);
		CU_ASSERT_STRING_EQUAL(why, steps[i].why);
	}
	end(&o);
}

static void one_zone_of_several_is_enough(void)
{
	static const char *const servers[] = { "192.0.2.1", NULL };
	struct owner o;

	memset(&o, 0, sizeof(o));
	o.loop = evloop_new();
	o.test = adtest_new(o.loop, &(struct adtest_owner){ ask, changed, &o },
	    servers);
	CU_ASSERT_FATAL(o.test != NULL);
	CU_ASSERT(adtest_add_zone(o.test, "a.example", 9));
	CU_ASSERT(adtest_add_zone(o.test, "b.example", 9));
	adtest_begin(o.test);
	CU_ASSERT_EQUAL(o.n, 2);
	CU_ASSERT_STRING_EQUAL(o.asked[1].zone, "b.example");
	answer(&o, 0, NO_AD);
	CU_ASSERT_EQUAL(adtest_state(o.test, NULL), DNS_MTA_TESTING);
	answer(&o, 1, AD);
	CU_ASSERT_EQUAL(adtest_state(o.test, NULL), DNS_MTA_AD);
	end(&o);
}

static const struct unit_test tests[] = {
	{ "results", results },
	{ "changes are noticed", changes_are_noticed },
	{ "one zone of several is enough", one_zone_of_several_is_enough },
};

UNIT_MAIN("adtest", tests)
