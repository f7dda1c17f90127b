/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/pack.h"
#include "util/str.h"

static void buf_keeps_the_first_failure(void)
{
	struct buf b;

	buf_init(&b, 5);
	buf_adds(&b, "abc");
	buf_adds(&b, "def");
	CU_ASSERT(b.failed);
	buf_addc(&b, 'x');
	CU_ASSERT_STRING_EQUAL(buf_str(&b), "abc");
	CU_ASSERT_PTR_NULL(buf_steal(&b));
	buf_addf(&b, "%s-%d", "ab", 12);
	CU_ASSERT_STRING_EQUAL(buf_str(&b), "ab-12");
	buf_clear(&b);
}

static void numbers_are_written_in_decimal(void)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 7, "7" }, { 10, "10" }, { 100000, "100000" },
		{ UINT64_MAX, "18446744073709551615" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 100);
		buf_addu(&b, cases[i].n);
		CHECK_CASE_STR(cases[i].text, buf_str(&b), cases[i].text);
		buf_clear(&b);
	}
}

static void durations_are_read_and_written(void)
{
	static const struct {
		const char *text;
		int64_t seconds;
		const char *back;
	} cases[] = {
		{ "5", 5, "5s" }, { "90s", 90, "90s" }, { "30m", 1800, "30m" },
		{ "6h", 21600, "6h" }, { "1d", 86400, "1d" },
		{ "2w", 1209600, "2w" }, { "0", 0, "0s" },
		{ "", -1, "" }, { "h", -1, "" }, { "-1", -1, "" },
		{ "1y", -1, "" }, { "1h30m", -1, "" },
		{ "99999999999999w", -1, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;
		int64_t got = -1;

		buf_init(&b, 100);
		if (clock_parse_duration(cases[i].text, &got))
			clock_add_duration(&b, got);
		CHECK_CASE(cases[i].text, got == cases[i].seconds);
		CHECK_CASE_STR(cases[i].text, buf_str(&b), cases[i].back);
		buf_clear(&b);
	}
}

static void bytes_in_hexadecimal(void)
{
	char out[9];

	str_hex("\x00\x7f\xab\xff", 4, out);
	CU_ASSERT_STRING_EQUAL(out, "007fabff");
	str_hex("", 0, out);
	CU_ASSERT_STRING_EQUAL(out, "");
}

static void spans_are_for_people(void)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 seconds" }, { 119, "119 seconds" },
		{ 120, "2 minutes" }, { 7199, "119 minutes" },
		{ 7200, "2 hours" }, { 172799, "47 hours" },
		{ 172800, "2 days" }, { 31557600, "365 days" },
		{ -5, "-5 seconds" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 100);
		clock_add_span(&b, cases[i].seconds);
		CHECK_CASE_STR(cases[i].text, buf_str(&b), cases[i].text);
		buf_clear(&b);
	}
}

static void times_survive_a_round_trip(void)
{
	struct buf b;
	int64_t t = 0;

	buf_init(&b, 100);
	clock_add_time(&b, 1795294982);
	CU_ASSERT(clock_parse_time(buf_str(&b), &t));
	CU_ASSERT_EQUAL(t, 1795294982);
	CU_ASSERT(!clock_parse_time("2026-11-21 20:44:02", &t));
	buf_clear(&b);
}

static void log_values_are_quoted(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "mail.example.com", "mail.example.com" },
		{ "a b", "\"a b\"" },
		{ "", "\"\"" },
		{ "x\"y\\", "\"x\\\"y\\\\\"" },
		{ "a\nb\x80", "\"a\\x0Ab\\x80\"" },
		{ "k=v", "\"k=v\"" },
		{ "0123456789abcdef", "\"0123456789ab...\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, 200);
		str_quote(&b, cases[i].in, i == 6 ? 12 : 100);
		CHECK_CASE_STR(cases[i].in, buf_str(&b), cases[i].out);
		buf_clear(&b);
	}
}

static void numbers_have_bounds(void)
{
	uint64_t v = 7;

	CU_ASSERT(str_to_u64("65535", 65535, &v) && v == 65535);
	CU_ASSERT(!str_to_u64("65536", 65535, &v) && v == 65535);
	CU_ASSERT(str_to_u64("18446744073709551615", UINT64_MAX, &v));
	CU_ASSERT_EQUAL(v, UINT64_MAX);
	CU_ASSERT(!str_to_u64("18446744073709551616", UINT64_MAX, &v));
	CU_ASSERT(!str_to_u64("+1", 10, &v));
	CU_ASSERT(!str_to_u64("", 10, &v));
	CU_ASSERT(str_to_u64("3", 3, &v) && v == 3);
	CU_ASSERT(!str_to_u64("4", 3, &v));
}

static void utf8_is_checked(void)
{
	CU_ASSERT(str_is_clean_utf8("b\xc3\xbc", 3));
	CU_ASSERT(!str_is_clean_utf8("\xc0\x80", 2));
	CU_ASSERT(!str_is_clean_utf8("\xed\xa0\x80", 3));
	CU_ASSERT(!str_is_clean_utf8("\xf4\x90\x80\x80", 4));
	CU_ASSERT(str_is_clean_utf8("\xf0\x9f\x98\x80", 4));
	CU_ASSERT(!str_is_clean_utf8("a\tb", 3));
	CU_ASSERT(!str_is_clean_utf8("\xc2\x85", 2));
	CU_ASSERT(!str_is_clean_utf8("\xe2\x82", 2));
}

static void packed_fields_come_back(void)
{
	struct unpack u;
	struct buf b;

	buf_init(&b, 1000);
	pack_u8(&b, 200);
	pack_u16(&b, 60000);
	pack_i64(&b, -5);
	pack_str(&b, "text");
	pack_text(&b, "longer text");
	unpack_init(&u, b.data, b.len);
	CU_ASSERT_EQUAL(unpack_u8(&u), 200);
	CU_ASSERT_EQUAL(unpack_u16(&u), 60000);
	CU_ASSERT_EQUAL(unpack_i64(&u), -5);
	CU_ASSERT_STRING_EQUAL(unpack_str(&u), "text");
	CU_ASSERT_STRING_EQUAL(unpack_text(&u), "longer text");
	CU_ASSERT(unpack_ok(&u));
	for (size_t cut = 0; cut < b.len; cut++) {
		unpack_init(&u, b.data, cut);
		unpack_u8(&u);
		unpack_u16(&u);
		unpack_i64(&u);
		unpack_str(&u);
		unpack_text(&u);
		CU_ASSERT(!unpack_ok(&u));
	}
	unpack_init(&u, "\xff\xff\xff\xff", 5);
	CU_ASSERT_STRING_EQUAL(unpack_text(&u), "");
	CU_ASSERT(!unpack_ok(&u));
	buf_reset(&b);
	pack_mem(&b, "a\0b", 3);
	unpack_init(&u, b.data, b.len);
	CU_ASSERT_STRING_EQUAL(unpack_str(&u), "");
	CU_ASSERT(u.failed);
	buf_clear(&b);
}

static const struct unit_test tests[] = {
	{ "buf keeps the first failure", buf_keeps_the_first_failure },
	{ "numbers are written in decimal", numbers_are_written_in_decimal },
	{ "durations are read and written", durations_are_read_and_written },
	{ "bytes in hexadecimal", bytes_in_hexadecimal },
	{ "spans are for people", spans_are_for_people },
	{ "times survive a round trip", times_survive_a_round_trip },
	{ "log values are quoted", log_values_are_quoted },
	{ "numbers have bounds", numbers_have_bounds },
	{ "UTF-8 is checked", utf8_is_checked },
	{ "packed fields come back", packed_fields_come_back },
};

UNIT_MAIN("util", tests)
