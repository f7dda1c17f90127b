/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/unit.h"
#include "tool/explain-args.h"
#include "tool/tool.h"
#include "util/buf.h"

static void tls_arguments_are_read(void)
{
	static const struct {
		const char *text;
		bool ok;
		enum tls_state state;
		const char *version, *cipher;
		int bits;
	} cases[] = {
		{ "none", true, TLS_PLAINTEXT, "", "", 0 },
		{ "unknown", true, TLS_UNKNOWN, "", "", 0 },
		{ "TLSv1.3/TLS_AES_256_GCM_SHA384/256", true, TLS_ENCRYPTED,
		  "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256 },
		{ "TLSv1.2/AES128-SHA", true, TLS_ENCRYPTED, "TLSv1.2",
		  "AES128-SHA", 0 },
		{ "TLSv1", true, TLS_ENCRYPTED, "TLSv1", "", 0 },
		{ "", false, 0, "", "", 0 },
		{ "/", false, 0, "", "", 0 },
		{ "TLSv1.2/", false, 0, "", "", 0 },
		{ "TLSv1.2//128", false, 0, "", "", 0 },
		{ "TLSv1.2/X/", false, 0, "", "", 0 },
		{ "TLSv1.2/X/12a", false, 0, "", "", 0 },
		{ "TLSv1.2/X/-1", false, 0, "", "", 0 },
		{ "TLSv1.2/X/99999999", false, 0, "", "", 0 },
		{ "TLSv1.2/X/128/y", false, 0, "", "", 0 },
		{ "TLSv1.2/X Y/128", false, 0, "", "", 0 },
		{ "TLSv9/X/128", false, 0, "", "", 0 },
		{ "NONE", false, 0, "", "", 0 },
		{ "TLSv1.2/0123456789012345678901234567890123456789"
		  "012345678901234567890123456789/1", false, 0, "", "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct explain_tls tls = { .bits = -1 };
		struct buf err;
		bool ok;

		buf_init(&err, 500);
		ok = explain_parse_tls(cases[i].text, &tls, &err);
		CHECK_CASE(cases[i].text, ok == cases[i].ok);
		CHECK_CASE(cases[i].text, ok == (err.len == 0));
		if (!ok) {
			CHECK_CASE(cases[i].text, tls.bits == -1);
		} else {
			CHECK_CASE(cases[i].text, tls.state == cases[i].state);
			CHECK_CASE(cases[i].text, tls.bits == cases[i].bits);
			CHECK_CASE_STR(cases[i].text, tls.version,
			    cases[i].version);
			CHECK_CASE_STR(cases[i].text, tls.cipher,
			    cases[i].cipher);
		}
		buf_clear(&err);
	}
}

static void policy_arguments_are_read(void)
{
	static const struct {
		const char *text;
		bool ok, known;
		enum mtasts_mode mode;
		const char *domain;
	} cases[] = {
		{ "example.com=enforce", true, true, MTASTS_ENFORCE,
		  "example.com" },
		{ "EXAMPLE.com.=testing", true, true, MTASTS_TESTING,
		  "example.com" },
		{ "b\xc3\xbc" "cher.example=none", true, true, MTASTS_NONE,
		  "xn--bcher-kva.example" },
		{ "example.com=unknown", true, false, MTASTS_NONE,
		  "example.com" },
		{ "example.com", false, false, 0, "" },
		{ "=enforce", false, false, 0, "" },
		{ "example.com=", false, false, 0, "" },
		{ "example.com=Enforce", false, false, 0, "" },
		{ "localhost=enforce", false, false, 0, "" },
		{ "[192.0.2.1]=enforce", false, false, 0, "" },
		{ "example.com=enforce=none", false, false, 0, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct explain_policy p = { .known = false };
		struct buf err;
		bool ok;

		buf_init(&err, 500);
		ok = explain_parse_policy(cases[i].text, &p, &err);
		CHECK_CASE(cases[i].text, ok == cases[i].ok);
		CHECK_CASE(cases[i].text, ok == (err.len == 0));
		CHECK_CASE_STR(cases[i].text, p.domain, cases[i].domain);
		CHECK_CASE(cases[i].text, p.known == cases[i].known);
		CHECK_CASE(cases[i].text, !ok || p.mode == cases[i].mode);
		buf_clear(&err);
	}
}

static void verify_arguments_are_read(void)
{
	enum verify_state v = VERIFY_UNAVAILABLE;
	struct buf err;

	buf_init(&err, 500);
	CU_ASSERT(explain_parse_verify("ok", &v, &err) && v == VERIFY_OK);
	CU_ASSERT(explain_parse_verify("fail", &v, &err) &&
	    v == VERIFY_FAILED);
	CU_ASSERT(explain_parse_verify("none", &v, &err) && v == VERIFY_NONE);
	CU_ASSERT(!explain_parse_verify("yes", &v, &err) && v == VERIFY_NONE);
	CU_ASSERT(err.len > 0);
	buf_clear(&err);
}

static void listeners_are_ports_or_names(void)
{
	CU_ASSERT(explain_is_port("587"));
	CU_ASSERT(!explain_is_port("smtpd"));
	CU_ASSERT(!explain_is_port("65536"));
	CU_ASSERT(!explain_is_port(""));
}

static void the_worse_status_wins(void)
{
	static const struct {
		enum status a, b, worse;
	} cases[] = {
		{ STATUS_GOOD, STATUS_GOOD, STATUS_GOOD },
		{ STATUS_GOOD, STATUS_WARNING, STATUS_WARNING },
		{ STATUS_WARNING, STATUS_UNKNOWN, STATUS_UNKNOWN },
		{ STATUS_FAILED, STATUS_UNKNOWN, STATUS_FAILED },
		{ STATUS_USAGE, STATUS_FAILED, STATUS_USAGE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(status_worse(cases[i].a, cases[i].b),
		    cases[i].worse);
		CU_ASSERT_EQUAL(status_worse(cases[i].b, cases[i].a),
		    cases[i].worse);
	}
}

static const struct unit_test tests[] = {
	{ "--tls arguments are read", tls_arguments_are_read },
	{ "--policy arguments are read", policy_arguments_are_read },
	{ "--verify arguments are read", verify_arguments_are_read },
	{ "listeners are ports or names", listeners_are_ports_or_names },
	{ "the worse status wins", the_worse_status_wins },
};

UNIT_MAIN("tool", tests)
