/* SPDX-License-Identifier: BSD-2-Clause */
/* What is remembered of DANE: its packed form, and for how long it holds. */
#include "config.h"

#include "mtasts/danerec.h"

#include "tests/unit/unit.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1000000

static void pack(const struct danerec *rec, struct buf *b)
{
	buf_init(b, DANEREC_MAX_PACKED);
	danerec_pack(rec, b);
	CU_ASSERT_FALSE_FATAL(b->failed);
}

static void a_record_survives_packing(void)
{
	const struct danerec rec = { .validated = true, .outcome = DANE_SOME,
		.mx_secure = true, .cut = true, .ttl = 300, .checked = NOW,
		.hosts = "mx1.example=usable mx=none" };
	struct danerec_host host;
	struct danerec got;
	struct buf b;

	pack(&rec, &b);
	CU_ASSERT_FATAL(danerec_read(b.data, b.len, &got));
	CU_ASSERT(got.validated && got.mx_secure && got.cut);
	CU_ASSERT(got.outcome == DANE_SOME && got.ttl == 300);
	CU_ASSERT_EQUAL(got.checked, NOW);
	CU_ASSERT_FATAL(danerec_next_host(&got.hosts, &host));
	CU_ASSERT(host.name_len == 11 &&
	    memcmp(host.name, "mx1.example", 11) == 0);
	CU_ASSERT_STRING_EQUAL(host.state, "usable");
	CU_ASSERT_FATAL(danerec_next_host(&got.hosts, &host));
	CU_ASSERT(host.name_len == 2);
	CU_ASSERT_STRING_EQUAL(host.state, "none");
	CU_ASSERT(!danerec_next_host(&got.hosts, &host));
	buf_clear(&b);
}

static void damage_is_no_record(void)
{
	static const struct {
		const char *label;
		struct danerec rec;
	} cases[] = {
		{ "an outcome nobody knows", { .outcome = DANE_ERROR + 1,
			.hosts = "" } },
		{ "a host without a state", { .hosts = "mx.example" } },
		{ "a state nobody knows", { .hosts = "mx.example=fine" } },
		{ "no host name", { .hosts = "mx_1.example=none" } },
		{ "upper case", { .hosts = "MX.example=none" } },
		{ "an empty name", { .hosts = "=none" } },
		{ "a line break", { .hosts = "mx.example=none\n" } },
	};
	struct danerec got;
	struct buf b;

	for (size_t i = 0; i < COUNT(cases); i++) {
		pack(&cases[i].rec, &b);
		CHECK_CASE(cases[i].label, !danerec_read(b.data, b.len, &got));
		buf_clear(&b);
	}
	pack(&(struct danerec){ .hosts = "mx.example=none" }, &b);
	for (size_t len = 0; len < b.len; len++)
		CU_ASSERT(!danerec_read(b.data, len, &got));
	b.data[0]++;
	CU_ASSERT(!danerec_read(b.data, b.len, &got));
	buf_clear(&b);
}

static void more_hosts_than_are_looked_at_are_no_record(void)
{
	struct danerec rec = { .outcome = DANE_NONE }, got;
	struct buf hosts, b;

	buf_init(&hosts, 10000);
	for (int i = 0; i < DANE_HOSTS_MAX; i++)
		buf_addf(&hosts, "mx%d.example=none ", i);
	rec.hosts = buf_str(&hosts);
	pack(&rec, &b);
	CU_ASSERT(danerec_read(b.data, b.len, &got));
	buf_clear(&b);
	buf_adds(&hosts, "mx.example=none");
	rec.hosts = buf_str(&hosts);
	pack(&rec, &b);
	CU_ASSERT(!danerec_read(b.data, b.len, &got));
	buf_clear(&b);
	buf_clear(&hosts);
}

static void it_holds_as_long_as_the_dns_answers(void)
{
	static const struct {
		const char *label;
		struct danerec rec;
		int64_t age;
		enum danerec_standing standing;
		bool due;
	} cases[] = {
		{ "new (DANE-F-05)", { true, DANE_ALL, .ttl = 400 }, 0,
			DANEREC_HOLDS, false },
		{ "in the last quarter", { true, DANE_ALL, .ttl = 400 }, 301,
			DANEREC_HOLDS, true },
		{ "its TTL is over", { true, DANE_ALL, .ttl = 400 }, 400,
			DANEREC_STALE, true },
		{ "an hour later", { true, DANE_ALL, .ttl = 400 }, 4000,
			DANEREC_UNKNOWN, true },
		{ "at least a minute", { true, DANE_NONE, .ttl = 1 }, 44,
			DANEREC_HOLDS, false },
		{ "a minute is enough", { true, DANE_NONE, .ttl = 1 }, 60,
			DANEREC_STALE, true },
		{ "at most an hour", { true, DANE_SOME, .ttl = 86400 }, 3600,
			DANEREC_STALE, true },
		{ "nearly an hour", { true, DANE_SOME, .ttl = 86400 }, 2699,
			DANEREC_HOLDS, false },
		{ "a failure", { true, DANE_ERROR, .ttl = 400 }, 29,
			DANEREC_HOLDS, false },
		{ "a failure is no news later (DANE-A-04)",
			{ true, DANE_ERROR, .ttl = 400 }, 30,
			DANEREC_UNKNOWN, true },
		{ "not validated", { false, DANE_ALL, .ttl = 400 }, 29,
			DANEREC_HOLDS, false },
		{ "not validated, and later",
			{ false, DANE_ALL, .ttl = 400 }, 30,
			DANEREC_UNKNOWN, true },
		{ "the clock jumped back", { true, DANE_NONE, .ttl = 400 },
			-10, DANEREC_STALE, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct danerec rec = cases[i].rec;
		int64_t now = NOW + cases[i].age;

		rec.checked = NOW;
		CHECK_CASE(cases[i].label, danerec_standing(&rec, now) ==
		    cases[i].standing);
		CHECK_CASE(cases[i].label, danerec_is_due(&rec, now) ==
		    cases[i].due);
	}
	CU_ASSERT(danerec_standing(NULL, NOW) == DANEREC_UNKNOWN);
	CU_ASSERT(danerec_is_due(NULL, NOW));
}

static void a_lookup_becomes_a_record(void)
{
	struct danestate *s = danestate_new("mail.example", false, 25);
	struct danerec rec;
	struct buf hosts;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	buf_init(&hosts, 1000);
	danestate_expire(s);
	danerec_from_state(s, &hosts, &rec);
	CU_ASSERT(rec.validated && rec.outcome == DANE_ERROR);
	CU_ASSERT_STRING_EQUAL(rec.hosts, "mail.example=address-error");
	buf_reset(&hosts);
	danerec_from_state(NULL, &hosts, &rec);
	CU_ASSERT(!rec.validated);
	CU_ASSERT_STRING_EQUAL(rec.hosts, "");
	buf_clear(&hosts);
	danestate_free(s);
}

static const struct unit_test tests[] = {
	{ "a record survives packing", a_record_survives_packing },
	{ "damage is no record", damage_is_no_record },
	{ "more hosts than are looked at are no record",
	    more_hosts_than_are_looked_at_are_no_record },
	{ "it holds as long as the DNS answers",
	    it_holds_as_long_as_the_dns_answers },
	{ "a lookup becomes a record", a_lookup_becomes_a_record },
};

UNIT_MAIN("danerec", tests)
