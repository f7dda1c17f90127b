/* SPDX-License-Identifier: BSD-2-Clause */
/* AR-01 to AR-14; design §6.6. */
#include "config.h"

#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"
#include "policy/ar.h"
#include "util/buf.h"
#include "util/clock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define X "x-tls=pass smtp.version=TLSv1.3"

static void field_names(void)
{
	static const struct {
		const char *name;
		bool ar, tag;
	} cases[] = {
		{ "Authentication-Results", true, false },
		{ "AUTHENTICATION-results", true, false },
		{ "Authentication-Results ", true, false },
		{ "Authentication-Results\t ", true, false },
		{ "Authentication-Results-Original", false, false },
		{ "Authentication-Result", false, false },
		/* AR-11 */
		{ "ARC-Authentication-Results", false, false },
		{ "X-TLS-Policy", false, true },
		{ "x-tls-policy", false, true },
		{ "X-TLS-Policy-2", false, false },
		{ "X-TLS", false, false },
		{ "", false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_CASE(cases[i].name,
		    ar_is_ar_field(cases[i].name) == cases[i].ar);
		CHECK_CASE(cases[i].name,
		    ar_is_tag_field(cases[i].name) == cases[i].tag);
	}
}

/* Each with the two settings of strip_ar: forged under "own", "all". */
static void fields_under_our_id(void)
{
	static const struct {
		const char *label, *value;
		bool own, all;
	} cases[] = {
		/* AR-09: whose field it is */
		{ "plain", " our.id; " X, true, true },
		{ "no blank", "our.id;" X, true, true },
		{ "version 1", " our.id 1; " X, true, true },
		{ "unsupported version (AR-07)", " our.id 7; " X, true, true },
		{ "quoted", " \"our.id\"; " X, true, true },
		{ "quoted pair", " \"our\\.id\"; " X, true, true },
		{ "quoted, with blanks", " \" our.id \"; " X, true, true },
		{ "half quoted", " \"our\".id; " X, true, true },
		{ "comments", " (c) our.id (x) ; " X, true, true },
		{ "nested comments", " (a (b ; \\) (c)) d) our.id; " X, true,
		    true },
		{ "comment beside the dot", " our (a) . (b) id; " X, true,
		    true },
		{ "blank before the dot", " our .id; " X, true, true },
		{ "blank behind the dot", " our. id; " X, true, true },
		{ "upper case", " OUR.ID; " X, true, true },
		{ "trailing dot", " our.id.; " X, true, true },
		{ "trailing dot and version", " our.id. 1; " X, true, true },
		{ "folded behind the colon", "\r\n\tour.id;\r\n " X, true,
		    true },
		{ "folded with LF", "\n our.id;\n\t" X, true, true },
		{ "job id (AuthservIDWithJobID)", " our.id/4ABC; " X, true,
		    true },
		{ "malformed: no semicolon", " our.id " X, true, true },
		{ "malformed: starts with our id", " our.id=1; " X, true,
		    true },
		{ "malformed: a colon", " our.id: " X, true, true },
		{ "malformed: second word", " evil.example our.id; " X, true,
		    true },
		{ "full-width letters", " \xef\xbd\x8fur.id; " X, true,
		    true },
		/* other people's fields stay (AR-06) */
		{ "another id", " evil.example; " X, false, false },
		{ "another id that begins like ours", " our.identity; " X,
		    false, false },
		{ "a subdomain", " x.our.id; " X, false, false },
		{ "ours as a subdomain", " our.id.example; " X, false,
		    false },
		{ "another id, ours later", " evil.example; our.id=1; " X,
		    false, false },
		{ "another id, ours in a comment",
		    " evil.example (our.id); " X, false, false },
		{ "another id, quoted ours in a value",
		    " evil.example; dkim=pass reason=\"our.id; x-tls=pass\"",
		    false, false },
		{ "no id at all", " ; " X, false, false },
		{ "empty", "", false, false },
		{ "blank", " \t", false, false },
		/* quotes and comments that never end */
		{ "open comment", " (our.id; " X, true, true },
		{ "open comment behind our id", " our.id (; " X, true, true },
		{ "open comment, no x-tls", " our.id (; dkim=pass", true,
		    true },
		{ "open quotes", " \"our.id; " X, true, true },
		{ "open quotes, spaced dot", " our . id; a=\"", true, true },
		{ "ends with a backslash in quotes", " \"our.id\\", true,
		    true },
		{ "ends with a backslash in a comment", " our.id (\\", true,
		    true },
		{ "open comment, another id", " evil.example (; " X, false,
		    false },
		/* what it holds (strip_ar = own) */
		{ "x-tls, upper case", " our.id; X-TLS=pass", true, true },
		{ "x-tls, version", " our.id; x-tls/1=pass", true, true },
		{ "x-tls, blanks", " our.id; x-tls = pass", true, true },
		{ "x-tls, comments", " our.id; x-tls (a) = (b) pass", true,
		    true },
		{ "x-tls, comments around the version",
		    " our.id; x-tls (a) / (b) 1 (c) = pass", true, true },
		{ "x-tls, folded", " our.id;\r\n\tx-tls\r\n =\r\n pass", true,
		    true },
		{ "x-tls, quoted", " our.id; \"x-tls\"=pass", true, true },
		{ "x-tls, second", " our.id; dkim=pass; x-tls=pass", true,
		    true },
		{ "x-tls, second, comment before",
		    " our.id; dkim=pass (k)x-tls=pass", true, true },
		{ "x-tls without semicolon before it",
		    " our.id; dkim=pass x-tls=pass", true, true },
		{ "x-tls behind a comma", " our.id; dkim=pass,x-tls=pass",
		    true, true },
		{ "x-tls behind quotes",
		    " our.id; dkim=pass reason=\"a\"x-tls=pass", true, true },
		{ "x-tls without result", " our.id; x-tls", true, true },
		{ "x-tls without result, more behind it",
		    " our.id; x-tls; dkim=pass", true, true },
		{ "empty parts", " our.id;;; x-tls=pass", true, true },
		{ "none", " our.id; none", false, true },
		{ "nothing", " our.id", false, true },
		{ "x-tls2 is another method", " our.id; x-tls2=pass", false,
		    true },
		{ "x-tls in a comment", " our.id; dkim=pass (x-tls=pass)",
		    false, true },
		{ "x-tls in quotes",
		    " our.id; dkim=pass reason=\"; x-tls=pass\"", false,
		    true },
		{ "x-tls as a domain", " our.id; dkim=pass header.d=x-tls",
		    false, true },
		{ "x-tls as a value, blanks",
		    " our.id; dkim=pass header.d = x-tls /1", false, true },
		{ "x-tls in an unquoted address",
		    " our.id; spf=pass smtp.mailfrom=a/x-tls=b@example.com",
		    false, true },
		{ "x-tls in a quoted address", " our.id; spf=pass "
		    "smtp.mailfrom=\"; x-tls=pass\"@example.com", false,
		    true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		CHECK_CASE(cases[i].label, ar_is_forged(cases[i].value,
		    "our.id", STRIP_AR_OWN) == cases[i].own);
		CHECK_CASE(cases[i].label, ar_is_forged(cases[i].value,
		    "our.id", STRIP_AR_ALL) == cases[i].all);
		CHECK_CASE(cases[i].label, ar_is_forged(cases[i].value,
		    "OUR.id.", STRIP_AR_OWN) == cases[i].own);
	}
}

/* Issue: every other field survives, also those of OpenDKIM and OpenDMARC
 * under the same id. These have the form those programs write. */
static void fields_of_other_filters_survive(void)
{
	static const char *const values[] = {
		" mx.example.com;\n\tdkim=pass (2048-bit key; unprotected) "
		    "header.d=example.org header.i=@example.org "
		    "header.a=rsa-sha256 header.s=sel header.b=\"aB3/x=\";"
		    "\n\tdkim-atps=neutral",
		" mx.example.com/4F1A2B;\n\tdkim=fail reason=\"signature "
		    "verification failed\" (1024-bit key) "
		    "header.d=example.org header.b=Ab+/cd=",
		" mx.example.com; dmarc=pass (p=reject dis=none) "
		    "header.from=example.org",
		" mx.example.com; spf=softfail smtp.mailfrom=a@example.org",
		" mx.example.com; spf=pass smtp.helo=mail.example.org",
		" mx.example.com; arc=none smtp.remote-ip=192.0.2.1",
		" mx.example.com; auth=pass smtp.auth=joe",
		" mx.example.com; iprev=pass policy.iprev=2001:db8::1 "
		    "(mail.example.org)",
		" mx.example.com 1; none",
	};

	for (size_t i = 0; i < COUNT(values); i++) {
		CHECK_CASE(values[i], !ar_is_forged(values[i],
		    "mx.example.com", STRIP_AR_OWN));
		CHECK_CASE(values[i], ar_is_forged(values[i],
		    "mx.example.com", STRIP_AR_ALL));
	}
}

/* AR-09: IDN normalisation, in both directions. */
static void ids_with_u_labels(void)
{
	static const struct {
		const char *id, *value;
		bool forged;
	} cases[] = {
		{ "mx.b\xc3\xbc" "cher.example",
		    " mx.xn--bcher-kva.example; " X, true },
		{ "mx.xn--bcher-kva.example",
		    " mx.b\xc3\xbc" "cher.example; " X, true },
		{ "mx.xn--bcher-kva.example",
		    " mx.B\xc3\x9c" "CHER.example; " X, true },
		{ "mx.b\xc3\xbc" "cher.example",
		    " mx.B\xc3\x9c" "CHER.example.; " X, true },
		{ "mx.b\xc3\xbc" "cher.example",
		    " mx.bucher.example; " X, false },
		{ "mx.b\xc3\xbc" "cher.example",
		    " mx.b\xc3; " X, false },
		/* an id need not be a domain name */
		{ "mailhost", " mailhost; " X, true },
		{ "mail_host", " MAIL_HOST 1; " X, true },
		{ "mailhost", " mailh\xc3\xb6st; " X, false },
		{ "", " ; " X, false },
		{ "", " x; " X, false },
		{ ".", " .; " X, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_CASE(cases[i].value, ar_is_forged(cases[i].value,
		    cases[i].id, STRIP_AR_OWN) == cases[i].forged);
}

/* Fill a value of len bytes by repeating a text between two others. */
static char *repeat(const char *first, const char *again, const char *last,
    size_t len)
{
	struct buf b;

	buf_init(&b, len + 100);
	buf_adds(&b, first);
	while (b.len < len)
		buf_adds(&b, again);
	buf_adds(&b, last);
	return buf_steal(&b);
}

/* AR-09, AR-14: 100 KB fields are read to their end, in no time. */
static void huge_fields(void)
{
	static const struct {
		const char *label, *first, *again, *last;
		bool forged;
	} cases[] = {
		{ "method at the end", " our.id; ", "dkim=pass; ", X, true },
		{ "id behind a long comment", " (", "x", ") our.id; " X,
		    true },
		{ "id behind many comments", " ", "(x)", " our.id; " X,
		    true },
		{ "only opening", " our.id; " X, "(", "", true },
		{ "only opening, another id", " evil.example; ", "(", "",
		    false },
		{ "a word", " ", "a", "", false },
		{ "a word, then ours", " ", "a", " our.id; " X, true },
		{ "quoted words, then ours", " \"", "a b", "\" our.id; " X,
		    true },
		{ "dots", " ", ". ", "; " X, false },
		{ "pieces of a name", " ", "o.", "; " X, false },
		{ "pieces of a name in quotes", " ", "\"o\"", "; " X,
		    false },
		/* more names than are converted: in doubt forged */
		{ "U-labels", " ", "\xc3\xbc.example ", "; " X, true },
		{ "one long U-label", " ", "\xc3\xbc", "; " X, false },
		{ "semicolons", " our.id", ";", "", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *value = repeat(cases[i].first, cases[i].again,
		    cases[i].last, 100000);
		int64_t start = clock_mono_ms();

		CU_ASSERT_PTR_NOT_NULL_FATAL(value);
		CHECK_CASE(cases[i].label, ar_is_forged(value, "our.id",
		    STRIP_AR_OWN) == cases[i].forged);
		/* takes about a millisecond; quadratic work took seconds */
		CHECK_CASE(cases[i].label, clock_mono_ms() - start < 1000);
		free(value);
	}
}

static void our_field(void)
{
	static const struct {
		const char *label, *id, *rules, *facts, *want;
	} cases[] = {
		{ "TLS (AR-03)", "mx.example.com", "",
		    "tls=TLSv1.3/TLS_AES_256_GCM_SHA384/256",
		    "mx.example.com; x-tls=pass smtp.version=TLSv1.3\n\t"
		    "smtp.cipher=TLS_AES_256_GCM_SHA384 smtp.bits=256" },
		{ "plaintext", "mx.example.com", "", "",
		    "mx.example.com; x-tls=none" },
		{ "unknown", "mx.example.com", "", "tls=unknown",
		    "mx.example.com; x-tls=neutral" },
		{ "nothing told", "mx.example.com", "", "tls=//0",
		    "mx.example.com; x-tls=pass" },
		{ "tagged", "mx.example.com", "bank action=tag", "",
		    "mx.example.com; x-tls=fail policy.rule=bank" },
		{ "tagged, weak", "mx", "bank require=tls1.3 action=tag",
		    "tls=TLSv1.2/AES/128", "mx; x-tls=fail "
		    "smtp.version=TLSv1.2 smtp.cipher=AES\n\tsmtp.bits=128 "
		    "policy.rule=bank" },
		{ "observed only", "mx", "bank action=observe", "",
		    "mx; x-tls=none" },
		{ "no recipient's address (§6.6)", "mx", "r to=our.example "
		    "action=tag", "to=secret@our.example",
		    "mx; x-tls=fail policy.rule=r" },
		{ "odd id is quoted", "mx/1", "", "",
		    "\"mx/1\"; x-tls=none" },
		{ "odd cipher is quoted (AR-12)", "mx", "",
		    "tls=TLSv1.3/A\"B\\C;x-tls=pass\r\nEvil:\xc3/0", "mx; "
		    "x-tls=pass smtp.version=TLSv1.3\n\tsmtp.cipher="
		    "\"A\\\"B\\\\C;x-tls=pass??Evil:?\"" },
		{ "odd rule is quoted", "mx", "b\xc3\xa4nk,2 action=tag", "",
		    "mx; x-tls=fail policy.rule=\"b??nk,2\"" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scenario sc;
		struct verdict v;
		struct buf b;

		buf_init(&b, 4000);
		scenario_read(&sc, cases[i].rules, cases[i].facts);
		scenario_decide(&sc, NULL, NULL, &v);
		ar_format(&b, cases[i].id, &sc.s.tls, &v);
		CU_ASSERT(!b.failed);
		CHECK_CASE_STR(cases[i].label, buf_str(&b), cases[i].want);
		CHECK_CASE("what we write is what we strip",
		    ar_is_forged(buf_str(&b), "mx", STRIP_AR_OWN) ||
		    ar_is_forged(buf_str(&b), "mx.example.com",
			STRIP_AR_OWN));
		scenario_clear(&sc);
		buf_clear(&b);
	}
}

static void our_tag(void)
{
	static const struct {
		const char *rules, *facts, *want;
	} cases[] = {
		{ "bank action=tag", "",
		    "fail rule=bank unmet=plaintext required=tls" },
		{ "bank require=tls1.2 action=tag", "tls=TLSv1/DES/56",
		    "fail rule=bank unmet=weak required=tls1.2 "
		    "version=TLSv1\n\tcipher=DES bits=56" },
		{ "partner_list,x action=tag", "",
		    "fail rule=\"partner_list,x\" unmet=plaintext "
		    "required=tls" },
		{ "", "", "fail unmet=nothing" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scenario sc;
		struct verdict v;
		struct buf b;

		buf_init(&b, 4000);
		scenario_read(&sc, cases[i].rules, cases[i].facts);
		scenario_decide(&sc, NULL, NULL, &v);
		ar_format_tag(&b, &sc.s.tls, &v);
		CHECK_CASE_STR(cases[i].rules, buf_str(&b), cases[i].want);
		scenario_clear(&sc);
		buf_clear(&b);
	}
}

/* AR-13: LF and WSP only, no line beyond 998, whatever the MTA told us. */
static void long_values_are_cut_and_folded(void)
{
	char *odd = repeat("", "\"\\", "", 3000);
	struct tls_facts tls = { .state = TLS_ENCRYPTED, .version = odd,
		.cipher = odd, .bits = 2147483647 };
	struct rule rule = { .name = odd };
	struct verdict v = { .action = ACTION_TAG, .rule = &rule };
	struct buf b;

	CU_ASSERT_PTR_NOT_NULL_FATAL(odd);
	buf_init(&b, 4000);
	ar_format(&b, odd, &tls, &v);
	buf_adds(&b, "\n");
	ar_format_tag(&b, &tls, &v);
	CU_ASSERT(!b.failed);
	CU_ASSERT_PTR_NULL(strchr(buf_str(&b), '\r'));
	for (const char *s = buf_str(&b); *s; s += strcspn(s, "\n") + 1) {
		CU_ASSERT(strcspn(s, "\n") < 300);
		if (!s[strcspn(s, "\n")])
			break;
	}
	buf_clear(&b);
	/* no room: the caller sees it */
	buf_init(&b, 40);
	ar_format(&b, "mx", &tls, &v);
	CU_ASSERT(b.failed);
	buf_clear(&b);
	free(odd);
}

static const struct unit_test tests[] = {
	{ "field names", field_names },
	{ "fields under our id", fields_under_our_id },
	{ "fields of other filters survive",
	    fields_of_other_filters_survive },
	{ "ids with U-labels", ids_with_u_labels },
	{ "huge fields", huge_fields },
	{ "our field", our_field },
	{ "our tag", our_tag },
	{ "long values are cut and folded", long_values_are_cut_and_folded },
};

UNIT_MAIN("ar", tests)
