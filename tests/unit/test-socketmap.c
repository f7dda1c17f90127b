/* SPDX-License-Identifier: BSD-2-Clause */
/* The socketmap protocol (PF-SM). */
#include "config.h"

#include "policy/socketmap.h"

#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void requests_are_read(void)
{
	static const struct {
		const char *label, *payload;
		const char *map;	/* NULL: malformed */
		const char *key;
	} cases[] = {
		{ "PF-SM-02: map and key", "postfix example.com", "postfix",
		    "example.com" },
		{ "PF-SM-02: the key is all after the first space",
		    "postfix a b ", "postfix", "a b " },
		{ "PF-SM-02: an empty key", "postfix ", "postfix", "" },
		{ "PF-SM-12: as Sendmail asks", "sts enf.example", "sts",
		    "enf.example" },
		{ "PF-SM-03: no space", "postfix", NULL, NULL },
		{ "PF-SM-03: no map", " example.com", NULL, NULL },
		{ "PF-SM-03: nothing", "", NULL, NULL },
		{ "PF-SM-03: a tab is no space", "postfix\texample.com", NULL,
		    NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct socketmap_request r = { .map = "unset" };
		const char *label = cases[i].label;
		bool good = socketmap_request_read(cases[i].payload,
		    strlen(cases[i].payload), &r);

		CHECK_CASE(label, good == (cases[i].map != NULL));
		if (!good) {
			CHECK_CASE_STR(label, r.map, "unset");
			continue;
		}
		CHECK_CASE(label, r.map_len == strlen(cases[i].map) &&
		    memcmp(r.map, cases[i].map, r.map_len) == 0);
		CHECK_CASE(label, r.key_len == strlen(cases[i].key) &&
		    memcmp(r.key, cases[i].key, r.key_len) == 0);
	}
}

static void replies_are_as_documented(void)
{
	static const struct {
		const char *label;
		enum socketmap_status status;
		const char *text, *wire;
		enum socketmap_status sent;
	} cases[] = {
		{ "PF-SM-02: OK", SOCKETMAP_OK, "dane-only", "12:OK dane-only,",
		    SOCKETMAP_OK },
		{ "PF-SM-02: NOTFOUND has its space", SOCKETMAP_NOTFOUND, NULL,
		    "9:NOTFOUND ,", SOCKETMAP_NOTFOUND },
		{ "PF-SM-02: and no text", SOCKETMAP_NOTFOUND, "x",
		    "9:NOTFOUND ,", SOCKETMAP_NOTFOUND },
		{ "PF-SM-02: TEMP", SOCKETMAP_TEMP, "why", "8:TEMP why,",
		    SOCKETMAP_TEMP },
		{ "PF-SM-09: a reason is cleaned", SOCKETMAP_TEMP, "a\nb\xc3",
		    "9:TEMP a?b?,", SOCKETMAP_TEMP },
		{ "PF-SM-08: never OK with nothing", SOCKETMAP_OK, "",
		    "24:TEMP the answer is empty,", SOCKETMAP_TEMP },
		{ "PF-SM-08: nor with no text", SOCKETMAP_OK, NULL,
		    "24:TEMP the answer is empty,", SOCKETMAP_TEMP },
		{ "PF-TP-21: a value is never changed", SOCKETMAP_OK, "a\nb",
		    "32:TEMP the answer is not printable,", SOCKETMAP_TEMP },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out;

		buf_init(&out, 1000);
		CHECK_CASE(cases[i].label, socketmap_reply(&out,
		    cases[i].status, cases[i].text) == cases[i].sent);
		CHECK_CASE_STR(cases[i].label, buf_str(&out), cases[i].wire);
		buf_clear(&out);
	}
}

/* PF-TP-21, wherever in a value it stands. */
static void every_byte_of_a_value_is_looked_at(void)
{
	for (int c = 1; c < 256; c++) {
		enum socketmap_status want = c >= ' ' && c <= '~' ?
		    SOCKETMAP_OK : SOCKETMAP_TEMP;

		for (size_t at = 0; at < 19; at++) {
			char value[] = "~~~ ~~~~ ~~~~ ~~~~~";
			struct buf out;

			value[at] = (char)c;
			buf_init(&out, 1000);
			CU_ASSERT_EQUAL(socketmap_reply(&out, SOCKETMAP_OK,
			    value), want);
			buf_clear(&out);
		}
	}
}

static void sizes_are_bounded(void)
{
	static const struct {
		const char *label;
		enum socketmap_status status;
		size_t len;
		size_t sent;		/* the whole frame */
		enum socketmap_status as;
	} cases[] = {
		{ "PF-SM-04: the longest value", SOCKETMAP_OK, 99997,
		    100000 + 8, SOCKETMAP_OK },
		{ "PF-SM-04: a longer one is not cut", SOCKETMAP_OK, 99998,
		    sizeof("39:TEMP the answer is too long for a reply,") - 1,
		    SOCKETMAP_TEMP },
		{ "PF-SM-09: the longest reason", SOCKETMAP_TEMP, 200, 210,
		    SOCKETMAP_TEMP },
		{ "PF-SM-09: a longer one is cut", SOCKETMAP_TEMP, 201, 210,
		    SOCKETMAP_TEMP },
	};
	static char text[100000];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out;

		buf_init(&out, 200000);
		memset(text, 'x', cases[i].len);
		text[cases[i].len] = '\0';
		CHECK_CASE(cases[i].label, socketmap_reply(&out,
		    cases[i].status, text) == cases[i].as);
		CHECK_CASE(cases[i].label, out.len == cases[i].sent);
		buf_clear(&out);
	}
}

static const struct unit_test tests[] = {
	{ "requests are read", requests_are_read },
	{ "replies are as documented", replies_are_as_documented },
	{ "every byte of a value is looked at",
	    every_byte_of_a_value_is_looked_at },
	{ "sizes are bounded", sizes_are_bounded },
};

UNIT_MAIN("socketmap", tests)
