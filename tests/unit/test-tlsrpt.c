/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/tlsrpt.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

static void candidates(void)
{
	static const struct {
		const char *text;
		bool candidate;
	} cases[] = {
		{ "v=TLSRPTv1;", true },
		{ "v=TLSRPTv1; rua=mailto:a@b.example", true },
		{ "v=TLSRPTv1 \t;x=y", true },	/* RPT-D-03 */
		{ "v=TLSRPTv1", false },
		{ "v=TLSRPTv10;", false },
		{ "V=TLSRPTv1;", false },	/* RPT-D-02 */
		{ " v=TLSRPTv1;", false },
		{ "v=STSv1;", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_CASE(cases[i].text, tlsrpt_is_candidate(cases[i].text,
		    strlen(cases[i].text)) == cases[i].candidate);
}

static void mailboxes(void)
{
	static const struct {
		const char *label;
		const char *text;	/* behind "v=TLSRPTv1;" */
		const char *want;	/* NULL: invalid */
	} cases[] = {
		{ "one", "rua=mailto:a@b.example", "a@b.example" },
		{ "last semicolon", " rua=mailto:a@b.example ; ",
		    "a@b.example" },
		{ "two, blanks RPT-D-05",
		    "rua=mailto:a@b.example , MAILTO:c@D.example",
		    "a@b.example c@d.example" },
		{ "https is skipped RPT-D-05",
		    "rua=https://r.example/v1,mailto:a@b.example",
		    "a@b.example" },
		{ "only https", "rua=https://r.example/v1", "" },
		{ "percent-encoding RPT-D-05", "rua=mailto:a%21b@b.example",
		    "a!b@b.example" },
		{ "a comma is no mailbox", "rua=mailto:a%2Cb@b.example", "" },
		{ "a space is no mailbox", "rua=mailto:a%20b@b.example", "" },
		{ "a NUL", "rua=mailto:a%00b@b.example", "" },
		{ "a line break", "rua=mailto:a%0ab@b.example", "" },
		{ "half an escape", "rua=mailto:a@b.example%4", "" },
		{ "headers are dropped RPT-D-11",
		    "rua=mailto:a@b.example?subject=x&cc=e@f.example",
		    "a@b.example" },
		{ "no domain", "rua=mailto:a", "" },
		{ "address literal", "rua=mailto:a@[192.0.2.1]", "" },
		{ "no local part", "rua=mailto:@b.example", "" },
		{ "extension first RPT-D-06",
		    " foo=bar; rua=mailto:a@b.example", "a@b.example" },
		{ "the first rua counts RPT-D-07",
		    "rua=mailto:a@b.example; rua=mailto:c@d.example",
		    "a@b.example" },
		{ "no rua", "foo=bar", NULL },
		{ "nothing", "", NULL },
		{ "empty value", "rua=", NULL },
		{ "empty field", "; ;rua=mailto:a@b.example", NULL },
		{ "no name", "=x; rua=mailto:a@b.example", NULL },
		{ "8-bit", "rua=mailto:\xc3\xa4@b.example", NULL },
		{ "control character", "x=\1; rua=mailto:a@b.example", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text, out;
		bool good;

		buf_init(&text, 1000);
		buf_init(&out, 1000);
		buf_addf(&text, "v=TLSRPTv1;%s", cases[i].text);
		good = tlsrpt_mailboxes(buf_str(&text), text.len, &out);
		CHECK_CASE(cases[i].label, good == (cases[i].want != NULL));
		if (cases[i].want)
			CHECK_CASE_STR(cases[i].label, buf_str(&out),
			    cases[i].want);
		buf_clear(&text);
		buf_clear(&out);
	}
}

static void uris(void)
{
	static const struct {
		const char *label;
		const char *text;
		const char *want;	/* NULL: invalid */
	} cases[] = {
		{ "all schemes, as they are",
		    "v=TLSRPTv1; rua=mailto:A@b.example?subject=x , "
		    "https://r.example/v1,what is this;",
		    "mailto:A@b.example?subject=x\nhttps://r.example/v1\n"
		    "what is this\n" },
		{ "empty ones are none", "v=TLSRPTv1;rua=,,mailto:a@b.example",
		    "mailto:a@b.example\n" },
		{ "a tab inside is a blank", "v=TLSRPTv1;rua=a\tb", "a b\n" },
		{ "the first rua counts", "v=TLSRPTv1;rua=a:b;rua=c:d",
		    "a:b\n" },
		{ "no rua", "v=TLSRPTv1; foo=bar", NULL },
		{ "no record", "v=TLSRPTv2; rua=a:b", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;
		bool good;

		buf_init(&out, 1000);
		good = tlsrpt_uris(cases[i].text, strlen(cases[i].text),
		    &out);
		CHECK_CASE(cases[i].label, good == (cases[i].want != NULL));
		if (cases[i].want)
			CHECK_CASE_STR(cases[i].label, buf_str(&out),
			    cases[i].want);
		buf_clear(&out);
	}
}

static const struct unit_test tests[] = {
	{ "candidates", candidates },
	{ "mailboxes", mailboxes },
	{ "uris", uris },
};

UNIT_MAIN("tlsrpt", tests)
