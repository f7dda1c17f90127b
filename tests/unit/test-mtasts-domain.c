/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "mtasts/name.h"
#include "tests/unit/unit.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define L63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"
#define L61 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy"

static void names_take_one_form(void)
{
	static const struct {
		const char *label, *in, *want;
	} cases[] = {
		{ "plain", "example.com", "example.com" },
		{ "STS-V-04 case and dot", "MAIL.Example.COM.",
		    "mail.example.com" },
		{ "STS-T-01 U-label", "b\xc3\xbc" "cher.example",
		    "xn--bcher-kva.example" },
		{ "STS-V-04 U-label in upper case", "B\xc3\x9c" "CHER.Example.",
		    "xn--bcher-kva.example" },
		{ "A-label stays", "xn--bcher-kva.example",
		    "xn--bcher-kva.example" },
		{ "IDNA2008 keeps sharp s", "stra\xc3\x9f" "e.example",
		    "xn--strae-oqa.example" },
		{ "decomposed becomes composed", "bu\xcc\x88" "cher.example",
		    "xn--bcher-kva.example" },
		{ "ideographic full stop", "example\xe3\x80\x82" "com",
		    "example.com" },
		{ "hyphens inside", "a--b.c-d.example", "a--b.c-d.example" },
		{ "digits", "1.2.3.example", "1.2.3.example" },
		{ "longest label", L63 ".example", L63 ".example" },
		{ "longest name", L63 "." L63 "." L63 "." L61,
		    L63 "." L63 "." L63 "." L61 },
		{ "longest name and dot", L63 "." L63 "." L63 "." L61 ".",
		    L63 "." L63 "." L63 "." L61 },
		{ "too long name", L63 "." L63 "." L63 "." L61 "z", NULL },
		{ "too long label", L63 "x.example", NULL },
		{ "STS-A-10 empty", "", NULL },
		{ "STS-A-10 root", ".", NULL },
		{ "STS-A-10 single label", "localhost", NULL },
		{ "STS-A-10 underscore", "_mta-sts.example.com", NULL },
		{ "STS-A-10 space", "example .com", NULL },
		{ "STS-A-06 leading dot", ".example.com", NULL },
		{ "STS-A-07 IPv4 literal", "[192.0.2.1]", NULL },
		{ "STS-A-07 IPv6 literal", "[IPv6:2001:db8::1]", NULL },
		{ "STS-A-07 bare address", "192.0.2.1", NULL },
		{ "empty label", "example..com", NULL },
		{ "two trailing dots", "example.com..", NULL },
		{ "leading hyphen", "-a.example", NULL },
		{ "trailing hyphen", "a-.example", NULL },
		{ "port", "example.com:587", NULL },
		{ "control byte", "exam\nple.com", NULL },
		{ "wildcard", "*.example.com", NULL },
		{ "broken UTF-8", "b\xc3.example", NULL },
		{ "overlong UTF-8", "b\xc0\xae.example", NULL },
		{ "disallowed code point", "a\xe2\x80\xae" "b.example", NULL },
		{ "U-label single", "b\xc3\xbc" "cher", NULL },
	};

	for (size_t i = 0; i < N(cases); i++) {
		char out[MTASTS_DOMAIN_SIZE] = "untouched";
		enum mtasts_error e;

		e = mtasts_domain_normalize(cases[i].in, out);
		CHECK_CASE(cases[i].label, e == (cases[i].want ? MTASTS_OK :
		    MTASTS_E_ARGUMENT));
		CHECK_CASE_STR(cases[i].label, out,
		    cases[i].want ? cases[i].want : "untouched");
	}
}

static void endless_names_are_refused(void)
{
	static char text[100001];
	char out[MTASTS_DOMAIN_SIZE];

	memset(text, 'a', sizeof(text) - 1);
	CU_ASSERT_EQUAL(mtasts_domain_normalize(text, out),
	    MTASTS_E_ARGUMENT);
	text[0] = '\xc3';
	text[1] = '\xbc';
	CU_ASSERT_EQUAL(mtasts_domain_normalize(text, out),
	    MTASTS_E_ARGUMENT);
}

static void mx_hosts_match_patterns(void)
{
	static const struct {
		const char *label, *pattern, *host;
		bool want;
	} cases[] = {
		{ "STS-V-01 same name", "mx.example.com", "mx.example.com",
		    true },
		{ "STS-V-01 other name", "mx.example.com", "mx.example.net",
		    false },
		{ "STS-V-03 one label", "*.example.com", "mail.example.com",
		    true },
		{ "STS-V-03 no label", "*.example.com", "example.com", false },
		{ "STS-V-03 two labels", "*.example.com", "a.b.example.com",
		    false },
		{ "STS-V-03 empty label", "*.example.com", ".example.com",
		    false },
		{ "STS-V-03 longer suffix", "*.example.com",
		    "mail.example.com.evil.test", false },
		{ "STS-V-03 no dot before suffix", "*.example.com",
		    "mailexample.com", false },
		{ "STS-V-04 case and dot", "mail.example.com",
		    "MAIL.Example.COM.", true },
		{ "STS-V-04 wildcard, case and dot", "*.example.com",
		    "MAIL.Example.COM.", true },
		{ "STS-V-04 U-label host", "*.xn--bcher-kva.example",
		    "mx.b\xc3\xbc" "cher.example", true },
		{ "STS-V-02 target of a CNAME", "mx.example.com",
		    "real.provider.example", false },
		{ "STS-V-09 implicit MX", "example.com", "example.com", true },
		{ "prefix only", "mx.example.com", "mx.example.co", false },
		{ "suffix only", "mx.example.com", "x.example.com", false },
		{ "host is a pattern", "*.example.com", "*.example.com",
		    false },
		{ "bare star", "*", "mx.example.com", false },
		{ "star and dot", "*.", "mx.example.com", false },
		{ "empty pattern", "", "mx.example.com", false },
		{ "empty host", "mx.example.com", "", false },
	};

	for (size_t i = 0; i < N(cases); i++)
		CHECK_CASE(cases[i].label, mtasts_mx_match(cases[i].pattern,
		    cases[i].host) == cases[i].want);
}

static void lists_are_walked(void)
{
	const char *list = "  a.example  *.b.example c ", *entry = NULL;
	size_t len = 0;

	CU_ASSERT(name_list_next(&list, &entry, &len));
	CU_ASSERT(len == 9 && memcmp(entry, "a.example", len) == 0);
	CU_ASSERT(name_list_next(&list, &entry, &len));
	CU_ASSERT(len == 11 && memcmp(entry, "*.b.example", len) == 0);
	CU_ASSERT(name_list_next(&list, &entry, &len));
	CU_ASSERT(len == 1 && *entry == 'c');
	CU_ASSERT(!name_list_next(&list, &entry, &len));
	list = "";
	CU_ASSERT(!name_list_next(&list, &entry, &len));
}

static void every_code_has_a_text(void)
{
	static const struct {
		const char *label;
		enum mtasts_error e;
		const char *type;
	} cases[] = {
		{ "STS-R-04 no address", MTASTS_E_HOST,
		    "sts-policy-fetch-error" },
		{ "STS-R-04 no connection", MTASTS_E_CONNECT,
		    "sts-policy-fetch-error" },
		{ "STS-R-04 status", MTASTS_E_HTTP, "sts-policy-fetch-error" },
		{ "STS-R-04 too long", MTASTS_E_SIZE,
		    "sts-policy-fetch-error" },
		{ "STS-R-04 too slow", MTASTS_E_TIMEOUT,
		    "sts-policy-fetch-error" },
		{ "STS-R-04 certificate", MTASTS_E_TLS, "sts-webpki-invalid" },
		{ "STS-R-04 grammar", MTASTS_E_POLICY, "sts-policy-invalid" },
		{ "no failure", MTASTS_OK, "" },
		{ "no record", MTASTS_E_NO_RECORD, "" },
		{ "bad record", MTASTS_E_RECORD, "" },
		{ "DNS", MTASTS_E_DNS, "" },
		{ "cancelled", MTASTS_E_CANCELLED, "" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		const char *type = mtasts_tlsrpt_type(cases[i].e);

		CHECK_CASE_STR(cases[i].label, type ? type : "",
		    cases[i].type);
	}
	for (int e = MTASTS_OK; e <= MTASTS_E_CANCELLED; e++)
		for (int other = MTASTS_OK; other < e; other++)
			CU_ASSERT_STRING_NOT_EQUAL(
			    mtasts_strerror((enum mtasts_error)e),
			    mtasts_strerror((enum mtasts_error)other));
}

static const struct unit_test tests[] = {
	{ "names take one form", names_take_one_form },
	{ "endless names are refused", endless_names_are_refused },
	{ "MX hosts match patterns", mx_hosts_match_patterns },
	{ "lists are walked", lists_are_walked },
	{ "every code has a text", every_code_has_a_text },
};

UNIT_MAIN("mtasts-domain", tests)
