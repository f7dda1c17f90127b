/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "tests/unit/unit.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define A32 "0123456789abcdefghijklmnopqrstuv"

static void records_are_told_from_other_texts(void)
{
	static const struct {
		const char *label, *text;
		bool want;
	} cases[] = {
		{ "STS-T-06 a record", "v=STSv1; id=1;", true },
		{ "STS-T-07 blank before semicolon", "v=STSv1 ; id=1", true },
		{ "STS-T-07 tab before semicolon", "v=STSv1\t;id=1", true },
		{ "STS-T-08 bad, but a candidate", "v=STSv1; id=-", true },
		{ "STS-T-04 version and semicolon", "v=STSv1;", true },
		{ "STS-T-04 version alone", "v=STSv1", false },
		{ "STS-T-07 longer version", "v=STSv10; id=1", false },
		{ "STS-T-07 other version", "v=STSv1x; id=1", false },
		{ "STS-T-05 upper-case key", "V=STSv1; id=1", false },
		{ "STS-T-05 lower-case version", "v=stsv1; id=1", false },
		{ "STS-T-05 leading space", " v=STSv1; id=1", false },
		{ "STS-T-05 version second", "id=1; v=STSv1;", false },
		{ "STS-T-06 SPF", "v=spf1 -all", false },
		{ "STS-T-06 empty", "", false },
	};

	for (size_t i = 0; i < N(cases); i++)
		CHECK_CASE(cases[i].label, cases[i].want ==
		    mtasts_txt_is_candidate(cases[i].text,
			strlen(cases[i].text)));
}

static void ids_are_read(void)
{
	static const struct {
		const char *label, *text, *id;
	} cases[] = {
		{ "STS-T-04 plain", "v=STSv1; id=20260101T000000;",
		    "20260101T000000" },
		{ "STS-T-04 no final delimiter", "v=STSv1; id=1", "1" },
		{ "STS-T-04 no blanks", "v=STSv1;id=1;", "1" },
		{ "STS-T-04 blanks and tabs", "v=STSv1 \t; \tid=1 ;\t ", "1" },
		{ "STS-T-03 joined strings", "v=STSv1; i" "d=1;", "1" },
		{ "STS-T-07 erratum 6285", "v=STSv1 ; id=1;", "1" },
		{ "STS-T-09 32 characters", "v=STSv1; id=" A32, A32 },
		{ "STS-T-10 case is kept", "v=STSv1; id=aBc", "aBc" },
		{ "STS-T-11 unknown field", "v=STSv1; foo=bar; id=1", "1" },
		{ "STS-T-11 unknown field behind", "v=STSv1; id=1; a=b:c/d",
		    "1" },
		{ "STS-T-12 name of 32", "v=STSv1; " A32 "=x; id=1", "1" },
		{ "STS-T-12 name with all marks", "v=STSv1; a_b-c.d=x; id=1",
		    "1" },
		{ "STS-T-13 first id wins", "v=STSv1; id=a; id=b", "a" },
		{ "STS-T-13 later id may be odd", "v=STSv1; id=a; id=b-c",
		    "a" },
		{ "STS-T-13 version again", "v=STSv1; v=STSv2; id=a", "a" },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct mtasts_txt txt = { "" };
		enum mtasts_error e;

		e = mtasts_txt_parse(cases[i].text, strlen(cases[i].text),
		    &txt, NULL);
		CHECK_CASE(cases[i].label, e == MTASTS_OK);
		CHECK_CASE_STR(cases[i].label, txt.id, cases[i].id);
	}
}

static void bad_records_are_refused(void)
{
	static const struct {
		const char *label, *text;
		size_t offset;
	} cases[] = {
		{ "STS-T-04 no field", "v=STSv1", 7 },
		{ "STS-T-04 only a delimiter", "v=STSv1;", 8 },
		{ "STS-T-04 two delimiters", "v=STSv1;; id=1", 8 },
		{ "STS-T-04 two at the end", "v=STSv1; id=1;;", 14 },
		{ "STS-T-04 trailing blank", "v=STSv1; id=1 ", 13 },
		{ "STS-T-05 version", "v=STSv2; id=1", 0 },
		{ "STS-T-07 version goes on", "v=STSv10; id=1", 7 },
		{ "STS-T-09 no id", "v=STSv1; foo=bar;", 17 },
		{ "STS-T-09 empty id", "v=STSv1; id=;", 12 },
		{ "STS-T-09 33 characters", "v=STSv1; id=" A32 "w", 44 },
		{ "STS-T-09 hyphen", "v=STSv1; id=a-b", 13 },
		{ "STS-T-09 underscore", "v=STSv1; id=a_b", 13 },
		{ "STS-T-09 dot", "v=STSv1; id=a.b", 13 },
		{ "STS-T-09 upper-case key", "v=STSv1; ID=1", 13 },
		{ "STS-T-12 two equal signs", "v=STSv1; a==b; id=1", 11 },
		{ "STS-T-12 blank in value", "v=STSv1; a=b c; id=1", 12 },
		{ "STS-T-12 name of 33", "v=STSv1; " A32 "w=x; id=1", 9 },
		{ "STS-T-12 name begins with mark", "v=STSv1; _a=x; id=1", 9 },
		{ "STS-T-12 no value", "v=STSv1; a; id=1", 10 },
		{ "STS-T-14 8-bit id", "v=STSv1; id=\xc3\xbc", 12 },
		{ "STS-T-14 8-bit value", "v=STSv1; id=1; a=\xc3\xbc", 17 },
		{ "control byte", "v=STSv1; id=1\n", 13 },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct mtasts_txt txt = { "untouched" };
		size_t offset = 999;
		enum mtasts_error e;

		e = mtasts_txt_parse(cases[i].text, strlen(cases[i].text),
		    &txt, &offset);
		CHECK_CASE(cases[i].label, e == MTASTS_E_RECORD);
		CHECK_CASE(cases[i].label, offset == cases[i].offset);
		CHECK_CASE_STR(cases[i].label, txt.id, "untouched");
	}
}

static void nul_bytes_end_nothing(void)
{
	static const char text[] = "v=STSv1; id=1;\0 id=2";
	struct mtasts_txt txt;

	CU_ASSERT_EQUAL(mtasts_txt_parse(text, sizeof(text) - 1, &txt, NULL),
	    MTASTS_E_RECORD);
}

static const struct unit_test tests[] = {
	{ "records are told from other texts",
	    records_are_told_from_other_texts },
	{ "ids are read", ids_are_read },
	{ "bad records are refused", bad_records_are_refused },
	{ "NUL bytes end nothing", nul_bytes_end_nothing },
};

UNIT_MAIN("mtasts-txt", tests)
