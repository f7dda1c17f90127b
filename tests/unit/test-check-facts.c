/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "check/gather-internal.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void promises(void)
{
	static const struct {
		const char *label;
		enum dane_host dane;
		enum mtasts_outcome sts;
		enum mtasts_mode mode;
		const char *mx;
		enum check_promise promise;
	} cases[] = {
		{ "nothing", DANE_HOST_PENDING, MTASTS_ABSENT, MTASTS_NONE,
		    "", CHECK_PROMISE_NONE },
		{ "DANE first", DANE_HOST_USABLE, MTASTS_FOUND,
		    MTASTS_ENFORCE, "mx.example.com", CHECK_PROMISE_DANE },
		{ "enforce", DANE_HOST_NO_TLSA, MTASTS_FOUND, MTASTS_ENFORCE,
		    "*.example.com", CHECK_PROMISE_ENFORCE },
		{ "enforce for others", DANE_HOST_NO_TLSA, MTASTS_FOUND,
		    MTASTS_ENFORCE, "mx.example.net", CHECK_PROMISE_NONE },
		{ "a policy that failed", DANE_HOST_NO_TLSA, MTASTS_FAILED,
		    MTASTS_ENFORCE, "*.example.com", CHECK_PROMISE_NONE },
		{ "unusable, enforce", DANE_HOST_UNUSABLE, MTASTS_FOUND,
		    MTASTS_ENFORCE, "*.example.com", CHECK_PROMISE_ENFORCE },
		{ "unusable, testing", DANE_HOST_UNUSABLE, MTASTS_FOUND,
		    MTASTS_TESTING, "*.example.com", CHECK_PROMISE_TLS },
		{ "testing", DANE_HOST_TLSA_ERROR, MTASTS_FOUND,
		    MTASTS_TESTING, "*.example.com", CHECK_PROMISE_TESTING },
		{ "mode none", DANE_HOST_NO_TLSA, MTASTS_FOUND, MTASTS_NONE,
		    "*.example.com", CHECK_PROMISE_NONE },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct check_facts f = { .sts_asked = true,
			.sts = cases[i].sts, .sts_mode = cases[i].mode };
		struct host_facts h = { .name = "mx.example.com",
			.dane = cases[i].dane };

		CU_ASSERT(strv_add(&f.sts_mx, cases[i].mx));
		CHECK_CASE(cases[i].label,
		    check_promise(&f, &h) == cases[i].promise);
		check_facts_clear(&f);
	}
}

/* OpenSSL tells of one record; of the others only some are known. */
static void matches(void)
{
	static const struct {
		const char *label;
		unsigned char head[3];
		enum check_answer dane;
		const char *record;
		enum check_answer matches;
	} cases[] = {
		{ "the record", { 3, 1, 1 }, ANSWER_YES, "3 1 1 55",
		    ANSWER_YES },
		{ "none", { 3, 1, 1 }, ANSWER_NO, "", ANSWER_NO },
		{ "not told", { 3, 1, 1 }, ANSWER_UNKNOWN, "",
		    ANSWER_UNKNOWN },
		{ "the same certificate", { 3, 0, 1 }, ANSWER_YES, "3 1 1 66",
		    ANSWER_YES },
		{ "another key", { 3, 1, 1 }, ANSWER_YES, "3 0 1 66",
		    ANSWER_NO },
		{ "a CA, not needed", { 2, 0, 1 }, ANSWER_YES, "3 1 1 66",
		    ANSWER_UNKNOWN },
		{ "a key, but a CA matched", { 3, 1, 1 }, ANSWER_YES,
		    "2 0 1 66", ANSWER_NO },
		{ "in full, not needed", { 3, 0, 0 }, ANSWER_YES, "3 1 1 66",
		    ANSWER_UNKNOWN },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char data[] = { cases[i].head[0], cases[i].head[1],
			cases[i].head[2], 0x55 };
		char text[20];
		struct tlsa_fact t = { .text = text, .data = data,
			.len = sizeof(data) };
		struct address_facts a = { .first = { .has_tls = true,
			.tls = { .dane = cases[i].dane } } };
		struct host_facts h = { .tlsa = &t, .tlsa_n = 1,
			.addresses = &a, .n = 1 };

		snprintf(text, sizeof(text), "%u %u %u 55", data[0], data[1],
		    data[2]);
		snprintf(a.first.tls.dane_record,
		    sizeof(a.first.tls.dane_record), "%s", cases[i].record);
		snprintf(a.first.tls.cert.sha256, 65, "55");
		snprintf(a.first.tls.cert.spki_sha256, 65, "66");
		gather_match_tlsa(&h);
		CHECK_CASE(cases[i].label, t.matches == cases[i].matches);
		CHECK_CASE(cases[i].label, host_facts_has_ta(&h) ==
		    (data[0] == 2));
	}
}

static void second_kind(void)
{
	static const struct {
		const char *label;
		enum stage_id last;
		enum stage_state state;
		unsigned code;
		bool implicit;
		const char *sni;
		int kind;
	} cases[] = {
		{ "no connection", STAGE_CONNECT, STAGE_FAILED, 0, false, "a",
		    SECOND_NONE },
		{ "a time-out", STAGE_CONNECT, STAGE_UNKNOWN, 0, false, "a",
		    SECOND_NONE },
		{ "not now", STAGE_GREETING, STAGE_UNKNOWN, 450, false, "a",
		    SECOND_NONE },
		{ "never", STAGE_GREETING, STAGE_FAILED, 554, false, "a",
		    SECOND_NONE },
		{ "silence", STAGE_GREETING, STAGE_UNKNOWN, 0, false, "a",
		    SECOND_RETRY },
		{ "421 to STARTTLS", STAGE_STARTTLS, STAGE_UNKNOWN, 421,
		    false, "a", SECOND_NONE },
		{ "454 to STARTTLS", STAGE_STARTTLS, STAGE_UNKNOWN, 454,
		    false, "a", SECOND_RETRY },
		{ "no handshake", STAGE_HANDSHAKE, STAGE_FAILED, 0, false,
		    "a", SECOND_RETRY },
		{ "good", STAGE_HELLO_TLS, STAGE_OK, 250, false, "a",
		    SECOND_NO_SNI },
		{ "good, but no name", STAGE_HELLO_TLS, STAGE_OK, 250, false,
		    "", SECOND_NONE },
		{ "a reset inside", STAGE_HELLO_TLS, STAGE_UNKNOWN, 0, false,
		    "a", SECOND_RETRY },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct probe_facts f = { .offered = ANSWER_YES,
			.accepted = ANSWER_YES,
			.has_tls = cases[i].last == STAGE_HELLO_TLS };

		for (int k = 0; k < (int)cases[i].last; k++)
			f.stages[k].state = STAGE_OK;
		f.stages[cases[i].last].state = cases[i].state;
		f.stages[cases[i].last].code = cases[i].code;
		snprintf(f.tls.sni, sizeof(f.tls.sni), "%s", cases[i].sni);
		CHECK_CASE(cases[i].label, gather_second_kind(&f,
		    cases[i].implicit) == cases[i].kind);
	}
}

static void names(void)
{
	CU_ASSERT_STRING_EQUAL(stage_name(STAGE_HANDSHAKE), "tls");
	CU_ASSERT_STRING_EQUAL(stage_name(STAGE_HELLO_TLS), "ehlo-tls");
	CU_ASSERT_STRING_EQUAL(stage_state_name(STAGE_SKIPPED), "skipped");
	CU_ASSERT_STRING_EQUAL(stage_state_name(STAGE_UNKNOWN), "unknown");
}

static const struct unit_test tests[] = {
	{ "promises", promises },
	{ "which record matches", matches },
	{ "the second connection", second_kind },
	{ "names", names },
};

UNIT_MAIN("check-facts", tests)
