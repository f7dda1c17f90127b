/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what is known of a next hop to the answer: what waits, what is looked
 * up, and what was known before (design §8). The decisions themselves are in
 * test-tlspolicy.
 */
#include "config.h"

#include "conf/outgoing.h"

#include "policy/partners.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1000000
#define DAY 86400

static struct conf conf;
static struct hosted hosted = { .domain = (char[]){ "ours.example" } };

static const struct record enforce = {
	.kind = RECORD_POLICY, .mode = MTASTS_ENFORCE, .fetched = NOW - 10,
	.checked = NOW - 10, .expires = NOW + DAY, .check_after = NOW + 60,
	.refetch_after = NOW + DAY / 2, .patterns = "mx.a.example", .id = "1",
	.failed_id = "", .text = "version: STSv1\n", .mx = "", .rua = "",
};
static const struct record negative = {
	.kind = RECORD_NEGATIVE, .checked = NOW - 10, .expires = NOW + 600,
	.check_after = NOW + 600, .patterns = "", .id = "", .failed_id = "",
	.text = "", .mx = "", .rua = "",
};
/* The lookup failed some time ago, and is due again. */
static const struct record failed_before = {
	.kind = RECORD_NEGATIVE, .error = MTASTS_E_TIMEOUT,
	.checked = NOW - 400, .expires = NOW - 100, .patterns = "", .id = "",
	.failed_id = "", .text = "", .mx = "", .rua = "",
};
static const struct record failed_long_ago = {
	.kind = RECORD_NEGATIVE, .error = MTASTS_E_TIMEOUT,
	.checked = NOW - 2 * DAY, .expires = NOW - DAY, .patterns = "",
	.id = "", .failed_id = "", .text = "", .mx = "", .rua = "",
};

#define DANE(what, age) { .validated = true, .outcome = what, \
	.ttl = 600, .checked = NOW - (age), .hosts = "" }
static const struct danerec all = DANE(DANE_ALL, 10);
static const struct danerec none = DANE(DANE_NONE, 10);
static const struct danerec old_none = DANE(DANE_NONE, 700);
static const struct danerec old_all = DANE(DANE_ALL, 700);
static const struct danerec error = DANE(DANE_ERROR, 10);
static const struct danerec old_error = DANE(DANE_ERROR, 40);
static const struct danerec null_mx = DANE(DANE_NULL_MX, 10);
static const struct danerec not_validated = { .validated = false,
	.checked = NOW - 10, .hosts = "" };

enum { WAIT = 1, LEARN_STS = 2, LEARN_DANE = 4 };

struct row {
	const char *label;
	const char *key;
	bool dane;		/* postfix.dane */
	struct outgoing_known known;
	const char *answer;
	unsigned what;		/* WAIT, LEARN_* */
};

#define WORKS .dane_works = true
#define SECURE "secure match=mx.a.example servername=hostname"

static const struct row rows[] = {
	{ "nothing is known", "a.example", false, { .outage = false },
		"TEMP", WAIT | LEARN_STS },
	{ "nothing is known, of DANE either", "a.example", true, { WORKS },
		"TEMP", WAIT | LEARN_STS | LEARN_DANE },
	{ "a policy is known", "a.example", false, { .rec = &enforce },
		SECURE, 0 },
	{ "a policy, not DANE", "a.example", true, { WORKS, .rec = &enforce },
		"TEMP", WAIT | LEARN_DANE },
	{ "DANE for every host decides alone (STS-A-08)", "a.example", true,
		{ WORKS, .dane = &all }, "dane-only", LEARN_STS },
	{ "no DANE: the policy", "a.example", true,
		{ WORKS, .rec = &enforce, .dane = &none }, SECURE, 0 },
	{ "no DANE, no policy", "a.example", true,
		{ WORKS, .rec = &negative, .dane = &none }, "NOTFOUND", 0 },
	{ "a DANE error is no leave for the policy (DANE-A-04)", "a.example",
		true, { WORKS, .rec = &enforce, .dane = &error }, "TEMP", 0 },
	{ "the error is over: look again", "a.example", true,
		{ WORKS, .rec = &enforce, .dane = &old_error }, "TEMP",
		WAIT | LEARN_DANE },
	{ "answers without validation stop no mail", "a.example", true,
		{ WORKS, .rec = &enforce, .dane = &not_validated }, SECURE,
		0 },
	{ "the servers deliver no DNSSEC", "a.example", true,
		{ .rec = &enforce, .dane = &all }, SECURE, 0 },
	{ "null MX", "a.example", true, { WORKS, .rec = &enforce,
		.dane = &null_mx }, "NOTFOUND", 0 },

	{ "what was known waits for what is", "a.example", false,
		{ .rec = &failed_before }, "TEMP", WAIT | LEARN_STS },
	{ "a policy host that never answers costs one TEMP", "a.example",
		false, { .rec = &failed_before, .out_of_time = true },
		"NOTFOUND", LEARN_STS },
	{ "but not for ever", "a.example", false,
		{ .rec = &failed_long_ago, .out_of_time = true }, "TEMP",
		WAIT | LEARN_STS },
	{ "DANE of before waits for that of now", "a.example", true,
		{ WORKS, .rec = &enforce, .dane = &old_all }, "TEMP",
		WAIT | LEARN_DANE },
	{ "slow DNS costs one TEMP", "a.example", true, { WORKS,
		.rec = &enforce, .dane = &old_all, .out_of_time = true },
		"dane-only", LEARN_DANE },
	{ "slow DNS, and there was no DANE", "a.example", true, { WORKS,
		.rec = &enforce, .dane = &old_none, .out_of_time = true },
		SECURE, LEARN_DANE },
	{ "an error of before says nothing", "a.example", true, { WORKS,
		.rec = &enforce, .dane = &old_error, .out_of_time = true },
		"TEMP", WAIT | LEARN_DANE },

	{ "what cannot be kept is not waited for", "a.example", false,
		{ .sts_given_up = true }, "NOTFOUND", LEARN_STS },
	{ "nor is DANE", "a.example", true, { WORKS, .rec = &enforce,
		.dane_given_up = true }, SECURE, LEARN_DANE },
	{ "an outage stops no mail", "a.example", true, { WORKS,
		.outage = true }, "NOTFOUND", LEARN_STS | LEARN_DANE },
	{ "what is known holds in an outage", "a.example", false,
		{ .rec = &enforce, .outage = true }, SECURE, 0 },

	{ "one of ours is never looked up", "ours.example", true, { WORKS },
		"NOTFOUND", 0 },
	{ "a parent is never looked up (PF-TP-02)", ".example", true,
		{ WORKS }, "NOTFOUND", 0 },
	{ "an address is never looked up (STS-A-07)", "[192.0.2.1]", true,
		{ WORKS }, "NOTFOUND", 0 },
	{ "nonsense is never looked up (STS-A-10)", "a b", true, { WORKS },
		"NOTFOUND", 0 },
	{ "a service nobody knows has no TLSA records", "a.example:nonesuch",
		true, { WORKS, .rec = &enforce }, SECURE, 0 },
};

static void check_row(const struct row *row)
{
	struct outgoing_known known = row->known;
	struct outgoing_answer answer;
	struct nexthop hop;
	struct buf out;
	unsigned what;

	buf_init(&out, 1000);
	nexthop_parse(row->key, strlen(row->key), &hop);
	known.hop = &hop;
	known.now = NOW;
	conf.postfix.dane = row->dane;
	outgoing_decide(&conf, DIALECT_POSTFIX, &known, &out, &answer);
	if (answer.tls.status == SOCKETMAP_OK)
		CHECK_CASE_STR(row->label, buf_str(&out), row->answer);
	else
		CHECK_CASE_STR(row->label, answer.tls.status ==
		    SOCKETMAP_TEMP ? "TEMP" : "NOTFOUND", row->answer);
	what = (answer.tls.waits ? WAIT : 0u) |
	    (answer.learn_sts ? LEARN_STS : 0u) |
	    (answer.learn_dane ? LEARN_DANE : 0u);
	CHECK_CASE(row->label, what == row->what);
	buf_clear(&out);
}

static void every_state_has_its_answer(void)
{
	conf.postfix.version = POSTFIX_VERSION(3, 7);
	conf.postfix.default_level = TLS_LEVEL_MAY;
	conf.hosted = &hosted;
	conf.hosted_n = 1;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
}

static void an_outage_may_be_waited_for(void)
{
	const struct row row = { "on_outage = temp", "a.example", false,
		{ .outage = true }, "TEMP", LEARN_STS };

	conf.postfix.outage_temp = true;
	check_row(&row);
	conf.postfix.outage_temp = false;
}

static void a_list_that_names_hosts_is_all_there_is(void)
{
	struct partner partner = { .mode = PARTNER_ENFORCE,
		.mx = "mx.list.example" };
	struct nexthop hop;

	nexthop_parse("a.example", 9, &hop);
	CU_ASSERT(outgoing_is_fixed(&conf, &hop, &partner));
	partner.mx = "";
	CU_ASSERT(!outgoing_is_fixed(&conf, &hop, &partner));
	partner.mx = "mx.list.example";
	partner.mode = PARTNER_TESTING;
	CU_ASSERT(!outgoing_is_fixed(&conf, &hop, &partner));
	CU_ASSERT(!outgoing_is_fixed(&conf, &hop, NULL));
}

static const struct unit_test tests[] = {
	{ "every state has its answer", every_state_has_its_answer },
	{ "an outage may be waited for", an_outage_may_be_waited_for },
	{ "a list that names hosts is all there is",
	    a_list_that_names_hosts_is_all_there_is },
};

UNIT_MAIN("outgoing", tests)
