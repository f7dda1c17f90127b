/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define V "version: STSv1\n"
#define E "mode: enforce\n"
#define X "mx: mx.example.com\n"
#define A "max_age: 604800\n"
#define K32 "0123456789abcdefghijklmnopqrstuv"

/* The findings of one parse, as "severity:line:column:id" words. */
static void note(void *arg, const struct mtasts_finding *f)
{
	static const char *const letters[] = { "note", "warning", "error" };
	struct buf *b = arg;

	CU_ASSERT(f->text && *f->text);
	if (b->len)
		buf_addc(b, ' ');
	buf_addf(b, "%s:%u:%u:%s", letters[f->severity], f->line, f->column,
	    f->id);
}

/* The policy in one line: "mode max_age mx…", or the error. */
static void describe(struct buf *b, const struct mtasts_policy *p,
    enum mtasts_error e)
{
	if (!p) {
		buf_adds(b, mtasts_strerror(e));
		return;
	}
	buf_addf(b, "%s %u", mtasts_mode_name(mtasts_policy_mode(p)),
	    mtasts_policy_max_age(p));
	for (size_t i = 0; i < mtasts_policy_mx_count(p); i++)
		buf_addf(b, " %s", mtasts_policy_mx(p, i));
}

struct policy_case {
	const char *label, *text, *want, *findings;
};

static void check_text(const char *label, const char *text, size_t len,
    unsigned flags, const char *want, const char *findings)
{
	struct mtasts_policy *p;
	struct buf found, got;
	enum mtasts_error e = MTASTS_E_BUSY;

	buf_init(&found, 100000);
	buf_init(&got, 100000);
	p = mtasts_policy_parse(text, len, flags, note, &found, &e);
	CHECK_CASE(label, !p == (e != MTASTS_OK));
	describe(&got, p, e);
	CHECK_CASE_STR(label, buf_str(&got), want);
	CHECK_CASE_STR(label, buf_str(&found), findings);
	buf_clear(&got);
	buf_clear(&found);
	mtasts_policy_free(p);
}

static void check_cases(const struct policy_case *cases, size_t n,
    unsigned flags)
{
	for (size_t i = 0; i < n; i++)
		check_text(cases[i].label, cases[i].text,
		    strlen(cases[i].text), flags, cases[i].want,
		    cases[i].findings);
}

static void valid_policies_are_read(void)
{
	static const char plain[] = "enforce 604800 mx.example.com";
	const struct policy_case cases[] = {
		{ "STS-P-01 LF", V E X A, plain, "" },
		{ "STS-P-01 CRLF", "version: STSv1\r\nmode: enforce\r\n"
		    "mx: mx.example.com\r\nmax_age: 604800\r\n", plain, "" },
		{ "STS-P-01 mixed", "version: STSv1\r\n" E X A, plain, "" },
		{ "STS-P-01 no end", V E X "max_age: 604800", plain, "" },
		{ "STS-P-02 no blank", "version:STSv1\nmode:enforce\n"
		    "mx:mx.example.com\nmax_age:604800", plain, "" },
		{ "STS-P-02 blanks around", "version: \tSTSv1 \r\n"
		    "mode:\tenforce \t\n" X "max_age:   604800\t", plain, "" },
		{ "STS-P-03 version last", A X E V, plain, "" },
		{ "STS-P-05 testing", V "mode: testing\n" X A,
		    "testing 604800 mx.example.com", "" },
		{ "STS-P-05 none without mx", V "mode: none\n" A,
		    "none 604800", "" },
		{ "STS-P-05 none with mx", V "mode: none\n" X A,
		    "none 604800 mx.example.com", "" },
		{ "STS-P-06 first mode wins", V "mode: none\n" E A,
		    "none 604800", "warning:3:1:policy.key.duplicate" },
		{ "STS-P-06 later one may be odd", V E "mode: maybe\n" X A,
		    plain, "warning:3:1:policy.key.duplicate" },
		{ "STS-P-06 first max_age wins", V E X A "max_age: 1\n",
		    plain, "warning:5:1:policy.key.duplicate" },
		{ "STS-P-06 first version wins", V "version: STSv2\n" E X A,
		    plain, "warning:2:1:policy.key.duplicate" },
		{ "STS-P-07 unknown key", V E X A "foo: a:b c\n", plain,
		    "note:5:1:policy.key.unknown" },
		{ "STS-P-07 unknown key twice", V E X A "a: b\na: c\n", plain,
		    "note:5:1:policy.key.unknown "
		    "note:6:1:policy.key.unknown" },
		{ "STS-P-07 key of 32", V E X A K32 ": x\n", plain,
		    "note:5:1:policy.key.unknown" },
		{ "STS-P-07 key with marks", V E X A "0_-.: x\n", plain,
		    "note:5:1:policy.key.unknown" },
		{ "STS-P-07 UTF-8 value", V E X A "a: \xc3\xbc \xf0\x9f\x98\x80"
		    "\n", plain, "note:5:1:policy.key.unknown" },
		{ "STS-P-07 C1 is UTF-8 by the ABNF", V E X A "a: \xc2\x85\n",
		    plain, "note:5:1:policy.key.unknown" },
		{ "STS-P-11 several mx, lower case", V E "mx: MX1.Example.com\n"
		    "mx: *.Example.net\n" A,
		    "enforce 604800 mx1.example.com *.example.net", "" },
		{ "STS-P-11 same mx twice", V E X "mx: MX.example.com\n" A,
		    plain, "note:4:5:policy.mx.duplicate" },
		{ "STS-P-11 A-label", V E "mx: xn--bcher-kva.example\n" A,
		    "enforce 604800 xn--bcher-kva.example", "" },
		{ "STS-P-11 single label", V E "mx: localhost\n" A,
		    "enforce 604800 localhost", "" },
		{ "STS-P-11 address beside a name", V E "mx: 192.0.2.1\n" X A,
		    plain, "warning:3:5:policy.mx.address" },
	};

	check_cases(cases, N(cases), MTASTS_PARSE_STRICT);
	check_cases(cases, N(cases), 0);
}

static void max_age_has_bounds(void)
{
	static const char bad[] = "invalid policy";
	static const char syntax[] = "error:4:10:policy.max-age.syntax";
	const struct policy_case cases[] = {
		{ "STS-P-08 largest", V E X "max_age: 31557600\n",
		    "enforce 31557600 mx.example.com", "" },
		{ "STS-P-08 leading zeros", V E X "max_age: 0000604800\n",
		    "enforce 604800 mx.example.com", "" },
		{ "STS-P-09 just above", V E X "max_age: 31557601\n",
		    "enforce 31557600 mx.example.com",
		    "warning:4:10:policy.max-age.range" },
		{ "STS-P-09 ten digits", V E X "max_age: 9999999999\n",
		    "enforce 31557600 mx.example.com",
		    "warning:4:10:policy.max-age.range" },
		{ "STS-P-10 zero", V E X "max_age: 0\n",
		    "enforce 0 mx.example.com",
		    "warning:4:10:policy.max-age.day" },
		{ "STS-G-03 less than a day", V E X "max_age: 86399\n",
		    "enforce 86399 mx.example.com",
		    "warning:4:10:policy.max-age.day" },
		{ "STS-G-03 a day", V E X "max_age: 86400\n",
		    "enforce 86400 mx.example.com",
		    "note:4:10:policy.max-age.week" },
		{ "STS-G-03 short while testing", V "mode: testing\n" X
		    "max_age: 60\n", "testing 60 mx.example.com",
		    "note:4:10:policy.max-age.week" },
		{ "STS-G-07 short for removal", V "mode: none\nmax_age: 60\n",
		    "none 60", "" },
		{ "STS-P-08 negative", V E X "max_age: -1\n", bad, syntax },
		{ "STS-P-08 plus", V E X "max_age: +1\n", bad, syntax },
		{ "STS-P-08 fraction", V E X "max_age: 1.5\n", bad,
		    "error:4:11:policy.max-age.syntax" },
		{ "STS-P-08 hexadecimal", V E X "max_age: 0x10\n", bad,
		    "error:4:11:policy.max-age.syntax" },
		{ "STS-P-08 eleven digits", V E X "max_age: 00000604800\n",
		    bad, "error:4:20:policy.max-age.syntax" },
		{ "STS-P-08 empty", V E X "max_age: \n", bad,
		    "error:4:10:policy.value.empty" },
		{ "STS-P-08 two numbers", V E X "max_age: 1 2\n", bad,
		    "error:4:11:policy.max-age.syntax" },
	};

	check_cases(cases, N(cases), 0);
}

static void bad_mx_makes_a_policy_invalid(void)
{
	static const struct {
		const char *label, *mx, *finding;
	} cases[] = {
		{ "STS-P-11 trailing dot", "mx.example.com.",
		    "error:3:5:policy.mx.dot" },
		{ "STS-P-11 leading dot", ".example.com",
		    "error:3:5:policy.mx.dot" },
		{ "STS-P-11 dot alone", ".", "error:3:5:policy.mx.dot" },
		{ "STS-P-11 underscore", "mx_1.example.com",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 empty label", "mx..example.com",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 hyphen first", "-mx.example.com",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 long label", K32 K32 ".example",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 IPv4 literal", "[192.0.2.1]",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 IPv6 literal", "[IPv6:2001:db8::1]",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 address alone", "192.0.2.1",
		    "warning:3:5:policy.mx.address "
		    "error:0:0:policy.missing.mx" },
		{ "STS-P-11 bare star", "*", "error:3:5:policy.mx.wildcard" },
		{ "STS-P-11 star and dot", "*.",
		    "error:3:5:policy.mx.wildcard" },
		{ "STS-P-11 star inside", "mx.*.example.com",
		    "error:3:5:policy.mx.wildcard" },
		{ "STS-P-11 star in a label", "mx*.example.com",
		    "error:3:5:policy.mx.wildcard" },
		{ "STS-P-11 two stars", "*.*.example.com",
		    "error:3:5:policy.mx.wildcard" },
		{ "STS-P-11 port", "mx.example.com:25",
		    "error:3:5:policy.mx.syntax" },
		{ "STS-P-11 comma list", "a.example,b.example",
		    "error:3:14:policy.mx.list" },
		{ "STS-P-11 blank list", "a.example b.example",
		    "error:3:14:policy.mx.list" },
		{ "STS-P-11 empty", "", "error:3:5:policy.value.empty" },
		{ "STS-P-12 U-label", "b\xc3\xbc" "cher.example",
		    "error:3:6:policy.mx.u-label" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, V E "mx: %s\n" A, cases[i].mx);
		check_text(cases[i].label, buf_str(&text), text.len, 0,
		    "invalid policy", cases[i].finding);
		buf_clear(&text);
	}
}

static void bad_lines_make_a_policy_invalid(void)
{
	static const char bad[] = "invalid policy";
	const struct policy_case cases[] = {
		{ "STS-P-01 bare CR", "version: STSv1\rmode: enforce\n" X A,
		    bad, "error:1:10:policy.version.value "
		    "error:0:0:policy.missing.mode" },
		{ "STS-P-01 CR at the end", V E X "max_age: 604800\r", bad,
		    "error:4:16:policy.max-age.syntax" },
		{ "STS-P-02 blank before key", V " mode: enforce\n" X A, bad,
		    "error:2:1:policy.key.space "
		    "error:0:0:policy.missing.mode" },
		{ "STS-P-02 blank before colon", V "mode : enforce\n" X A, bad,
		    "error:2:5:policy.key.space "
		    "error:0:0:policy.missing.mode" },
		{ "STS-P-04 key in capitals", V "Mode: enforce\n" X A, bad,
		    "warning:2:1:policy.key.case "
		    "error:0:0:policy.missing.mode" },
		{ "STS-P-04 mode in capitals", V "mode: Enforce\n" X A, bad,
		    "error:2:7:policy.mode.value" },
		{ "STS-P-04 longer mode", V "mode: enforced\n" X A, bad,
		    "error:2:7:policy.mode.value" },
		{ "STS-P-16 other version", "version: STSv2\n" E X A, bad,
		    "error:1:10:policy.version.value" },
		{ "STS-P-16 version in capitals", "version: STSV1\n" E X A,
		    bad, "error:1:10:policy.version.value" },
		{ "STS-P-05 no version", E X A, bad,
		    "error:0:0:policy.missing.version" },
		{ "STS-P-05 no mode", V X A, bad,
		    "error:0:0:policy.missing.mode" },
		{ "STS-P-05 no max_age", V E X, bad,
		    "error:0:0:policy.missing.max-age" },
		{ "STS-P-05 no mx", V E A, bad,
		    "error:0:0:policy.missing.mx" },
		{ "STS-P-05 no mx while testing", V "mode: testing\n" A, bad,
		    "error:0:0:policy.missing.mx" },
		{ "STS-P-06 first mode is bad", V "mode: x\n" E X A, bad,
		    "error:2:7:policy.mode.value "
		    "warning:3:1:policy.key.duplicate" },
		{ "STS-P-07 key of 33", V E X A K32 "w: x\n", bad,
		    "error:5:1:policy.key.syntax" },
		{ "STS-P-07 no key", V E X A ": x\n", bad,
		    "error:5:1:policy.key.syntax" },
		{ "STS-P-07 odd key", V E X A "_a: x\n", bad,
		    "error:5:1:policy.key.syntax" },
		{ "STS-P-07 no value", V E X A "a:\n", bad,
		    "note:5:1:policy.key.unknown "
		    "error:5:3:policy.value.empty" },
		{ "STS-P-07 control byte", V E X A "a: b\x01\n", bad,
		    "note:5:1:policy.key.unknown "
		    "error:5:5:policy.value.syntax" },
		{ "STS-P-07 tab inside", V E X A "a: b\tc\n", bad,
		    "note:5:1:policy.key.unknown "
		    "error:5:5:policy.value.syntax" },
		{ "STS-P-07 broken UTF-8", V E X A "a: \xc3(\n", bad,
		    "note:5:1:policy.key.unknown "
		    "error:5:4:policy.value.syntax" },
		{ "no colon", V E X A "# comment\n", bad,
		    "error:5:1:policy.line.no-colon" },
		{ "HTML", "<html>\n", bad, "error:1:1:policy.line.no-colon "
		    "error:0:0:policy.missing.version "
		    "error:0:0:policy.missing.mode "
		    "error:0:0:policy.missing.max-age" },
		{ "STS-P-15 empty", "", bad,
		    "error:0:0:policy.missing.version "
		    "error:0:0:policy.missing.mode "
		    "error:0:0:policy.missing.max-age" },
	};

	check_cases(cases, N(cases), 0);
}

static void strict_is_stricter(void)
{
	static const char plain[] = "enforce 604800 mx.example.com";
	static const struct {
		const char *label, *text, *at;
	} cases[] = {
		{ "STS-P-13 blank line at the end", V E X A "\n",
		    "5:1:policy.line.blank" },
		{ "STS-P-13 blank line within", V E "\r\n" X A,
		    "3:1:policy.line.blank" },
		{ "STS-P-13 line of blanks", V E " \t\n" X A,
		    "3:1:policy.line.blank" },
		{ "STS-P-14 byte order mark", "\xef\xbb\xbf" V E X A,
		    "1:1:policy.bom" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		size_t len = strlen(cases[i].text);
		struct buf finding;

		buf_init(&finding, 100);
		buf_addf(&finding, "warning:%s", cases[i].at);
		check_text(cases[i].label, cases[i].text, len, 0, plain,
		    buf_str(&finding));
		buf_reset(&finding);
		buf_addf(&finding, "error:%s", cases[i].at);
		check_text(cases[i].label, cases[i].text, len,
		    MTASTS_PARSE_STRICT, "invalid policy",
		    buf_str(&finding));
		buf_clear(&finding);
	}
	check_text("STS-P-14 mark elsewhere", V "\xef\xbb\xbf" E X A,
	    strlen(V "\xef\xbb\xbf" E X A), 0, "invalid policy",
	    "error:2:1:policy.key.syntax error:0:0:policy.missing.mode");
}

static void nul_bytes_are_control_bytes(void)
{
	static const char in_mode[] = V "mode: none\0x\n" A;
	static const char in_value[] = V "mode: none\n" A "a: b\0c\n";
	static const char in_key[] = V "mode: none\n" A "a\0: b\n";

	check_text("STS-P-15 NUL in mode", in_mode, sizeof(in_mode) - 1, 0,
	    "invalid policy", "error:2:7:policy.mode.value");
	check_text("STS-P-15 NUL in value", in_value, sizeof(in_value) - 1, 0,
	    "invalid policy", "note:4:1:policy.key.unknown "
	    "error:4:5:policy.value.syntax");
	check_text("STS-P-15 NUL in key", in_key, sizeof(in_key) - 1, 0,
	    "invalid policy", "error:4:2:policy.key.syntax");
}

/* As many different mx lines as fit in len bytes. */
static void fill(struct buf *b, size_t len)
{
	for (unsigned i = 0; ; i++) {
		size_t before = b->len;

		buf_addf(b, "mx: %u.example\n", i);
		if (b->len > len) {
			buf_cut(b, before);
			break;
		}
	}
	while (b->len < len)
		buf_addc(b, '\n');
}

static void count_warnings(void *arg, const struct mtasts_finding *f)
{
	unsigned *n = arg;

	if (strcmp(f->id, "policy.mx.many") == 0)
		(*n)++;
}

static void size_has_bounds(void)
{
	enum mtasts_error e = MTASTS_OK;
	struct mtasts_policy *p;
	unsigned many = 0;
	struct buf b;

	buf_init(&b, MTASTS_POLICY_SIZE + 100);
	buf_adds(&b, V E A);
	fill(&b, MTASTS_POLICY_SIZE);
	p = mtasts_policy_parse(b.data, b.len, 0, count_warnings, &many, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CHECK_CASE("STS-P-15 64 KiB of mx",
	    mtasts_policy_mx_count(p) == MTASTS_MX_MAX && many > 3000);
	CHECK_CASE("STS-P-15 the first are kept",
	    mtasts_policy_match(p, "255.example") &&
	    !mtasts_policy_match(p, "256.example"));
	CU_ASSERT_PTR_NULL(mtasts_policy_mx(p, MTASTS_MX_MAX));
	mtasts_policy_free(p);
	buf_addc(&b, '\n');
	p = mtasts_policy_parse(b.data, b.len, 0, NULL, NULL, &e);
	CHECK_CASE("STS-F-11 one byte more", !p && e == MTASTS_E_SIZE);
	mtasts_policy_free(p);
	buf_clear(&b);
}

static void policies_match_hosts(void)
{
	static const char text[] = V E "mx: mx.example.com\n"
	    "mx: *.example.net\n" A;
	static const struct {
		const char *label, *host;
		bool want;
	} cases[] = {
		{ "STS-V-01 first pattern", "mx.example.com", true },
		{ "STS-V-01 second pattern", "a.example.net", true },
		{ "STS-V-04 case and dot", "A.EXAMPLE.NET.", true },
		{ "STS-V-03 two labels", "a.b.example.net", false },
		{ "STS-V-01 neither", "mx.example.org", false },
		{ "not a name", "a b", false },
	};
	struct mtasts_policy *p;

	p = mtasts_policy_parse(text, strlen(text), 0, NULL, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (size_t i = 0; i < N(cases); i++)
		CHECK_CASE(cases[i].label, cases[i].want ==
		    mtasts_policy_match(p, cases[i].host));
	mtasts_policy_free(p);
	mtasts_policy_free(NULL);
}

static void modes_have_names(void)
{
	enum mtasts_mode mode = MTASTS_TESTING;

	for (int m = MTASTS_NONE; m <= MTASTS_ENFORCE; m++) {
		CU_ASSERT(mtasts_mode_parse(
		    mtasts_mode_name((enum mtasts_mode)m), &mode));
		CU_ASSERT_EQUAL((int)mode, m);
	}
	CU_ASSERT(!mtasts_mode_parse("Testing", &mode));
	CU_ASSERT(!mtasts_mode_parse("", &mode));
	CU_ASSERT_EQUAL(mode, MTASTS_ENFORCE);
}

static const struct unit_test tests[] = {
	{ "valid policies are read", valid_policies_are_read },
	{ "max_age has bounds", max_age_has_bounds },
	{ "a bad mx makes a policy invalid", bad_mx_makes_a_policy_invalid },
	{ "bad lines make a policy invalid", bad_lines_make_a_policy_invalid },
	{ "strict is stricter", strict_is_stricter },
	{ "NUL bytes are control bytes", nul_bytes_are_control_bytes },
	{ "size has bounds", size_has_bounds },
	{ "policies match hosts", policies_match_hosts },
	{ "modes have names", modes_have_names },
};

UNIT_MAIN("mtasts-policy", tests)
