/* SPDX-License-Identifier: BSD-2-Clause */
/* Netstrings, strictly (PF-SM-03). */
#include "config.h"

#include "util/netstring.h"

#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX 20

/* Feed text in pieces of that size, write each payload and a "|" to out;
 * return how it ended. */
static enum netstring_progress feed(struct netstring *n, const char *text,
    size_t len, size_t piece, struct buf *out)
{
	enum netstring_progress p = NETSTRING_MORE;
	const char *payload;
	size_t at = 0, used, payload_len;

	while (p != NETSTRING_MALFORMED && at < len) {
		size_t k = len - at < piece ? len - at : piece;

		p = netstring_feed(n, text + at, k, &used, &payload,
		    &payload_len);
		CU_ASSERT(used <= k);
		CU_ASSERT(used > 0 || p == NETSTRING_MALFORMED);
		CU_ASSERT(p != NETSTRING_MORE || used == k);
		at += used;
		if (p != NETSTRING_DONE)
			continue;
		buf_add(out, payload, payload_len);
		buf_addc(out, '|');
	}
	return p;
}

static const struct {
	const char *label, *text, *payloads;
	const char *error;	/* NULL: sound */
} cases[] = {
	{ "PF-SM-03: one frame", "3:abc,", "abc|", NULL },
	{ "PF-SM-03: nothing in it", "0:,", "|", NULL },
	{ "PF-SM-03: several at once", "3:abc,0:,10:0123456789,",
	    "abc||0123456789|", NULL },
	{ "PF-SM-03: commas and colons inside", "5:,:,:,,", ",:,:,|", NULL },
	{ "PF-SM-03: as long as may be", "20:01234567890123456789,",
	    "01234567890123456789|", NULL },
	{ "PF-SM-03: one byte longer", "21:012345678901234567890,", "",
	    "a frame that is too long" },
	{ "PF-SM-03: too long is told before it has come", "21", "",
	    "a frame that is too long" },
	{ "PF-SM-03: 00:,", "00:,", "", "a length with a leading zero" },
	{ "PF-SM-03: 03:abc,", "03:abc,", "",
	    "a length with a leading zero" },
	{ "PF-SM-03: +3:abc,", "+3:abc,", "", "no length" },
	{ "PF-SM-03: -1:,", "-1:,", "", "no length" },
	{ "PF-SM-03: a space before", " 3:abc,", "", "no length" },
	{ "PF-SM-03: a space behind", "3 :abc,", "",
	    "no colon behind the length" },
	{ "PF-SM-03: hexadecimal", "0x3:abc,", "",
	    "no colon behind the length" },
	{ "PF-SM-03: no digits", ":abc,", "", "no length" },
	{ "PF-SM-03: 3:abc;", "3:abc;", "", "no comma behind the frame" },
	{ "PF-SM-03: 99999999999:", "99999999999:", "",
	    "a frame that is too long" },
	{ "PF-SM-03: too short a length", "2:abc,", "",
	    "no comma behind the frame" },
	{ "PF-SM-03: too long a length eats the next", "4:abc,3:def,", "",
	    "no comma behind the frame" },
	{ "PF-SM-03: a good one, then junk", "3:abc,junk", "abc|",
	    "no length" },
	{ "PF-SM-03: a line end between", "3:abc,\n3:def,", "abc|",
	    "no length" },
	{ "HTTP", "GET /metrics HTTP/1.0\r\n", "", "no length" },
};

static void frames_are_read_in_any_pieces(void)
{
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t piece = 1; piece <= strlen(cases[i].text);
		    piece++) {
			const char *label = cases[i].label;
			enum netstring_progress p;
			struct netstring n;
			struct buf out;

			netstring_init(&n, MAX);
			buf_init(&out, 1000);
			p = feed(&n, cases[i].text, strlen(cases[i].text),
			    piece, &out);
			CHECK_CASE(label, p == (cases[i].error ?
			    NETSTRING_MALFORMED : NETSTRING_DONE));
			CHECK_CASE_STR(label, buf_str(&out),
			    cases[i].payloads);
			CHECK_CASE_STR(label, netstring_error(&n),
			    cases[i].error ? cases[i].error : "");
			/* and it stays so */
			if (cases[i].error)
				CHECK_CASE(label, feed(&n, "3:abc,", 6, 6,
				    &out) == NETSTRING_MALFORMED);
			buf_clear(&out);
			netstring_clear(&n);
		}
}

static void digits_are_bounded(void)
{
	struct netstring n;
	struct buf out;

	buf_init(&out, 100);
	netstring_init(&n, 999999999);
	CU_ASSERT(feed(&n, "999999999", 9, 1, &out) == NETSTRING_MORE);
	CU_ASSERT(feed(&n, "9", 1, 1, &out) == NETSTRING_MALFORMED);
	CU_ASSERT_STRING_EQUAL(netstring_error(&n),
	    "a length of too many digits");
	/* and it stays so, until it is a new stream */
	CU_ASSERT(feed(&n, "3:abc,", 6, 6, &out) == NETSTRING_MALFORMED);
	netstring_clear(&n);
	CU_ASSERT(feed(&n, "3:abc,", 6, 6, &out) == NETSTRING_DONE);
	netstring_clear(&n);
	buf_clear(&out);
}

static void any_byte_may_be_inside(void)
{
	static const char text[] = "4:a\0\xff\n,";
	struct netstring n;
	struct buf out;

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		netstring_init(&n, MAX);
		buf_init(&out, 100);
		CU_ASSERT(feed(&n, text, sizeof(text) - 1, piece, &out) ==
		    NETSTRING_DONE);
		CU_ASSERT(out.len == 5 &&
		    memcmp(out.data, "a\0\xff\n|", 5) == 0);
		buf_clear(&out);
		netstring_clear(&n);
	}
}

static void whole_frames_cost_no_memory(void)
{
	static const char text[] = "3:abc,3:def,3:ghi,";
	struct netstring n;
	struct buf out;

	netstring_init(&n, MAX);
	buf_init(&out, 100);
	buf_adds(&out, "|");
	failmalloc_set(1);
	CU_ASSERT(feed(&n, text, strlen(text), 100, &out) == NETSTRING_DONE);
	CU_ASSERT(feed(&n, text, strlen(text), 6, &out) == NETSTRING_DONE);
	CU_ASSERT(!failmalloc_struck());
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "|abc|def|ghi|abc|def|ghi|");
	/* the first that comes in pieces does, and says so */
	CU_ASSERT(feed(&n, text, 5, 100, &out) == NETSTRING_MALFORMED);
	CU_ASSERT(failmalloc_struck());
	CU_ASSERT_STRING_EQUAL(netstring_error(&n), "out of memory");
	failmalloc_set(0);
	/* later ones do not */
	netstring_clear(&n);
	CU_ASSERT(feed(&n, text, strlen(text), 1, &out) == NETSTRING_DONE);
	failmalloc_set(1);
	CU_ASSERT(feed(&n, text, strlen(text), 1, &out) == NETSTRING_DONE);
	CU_ASSERT(!failmalloc_struck());
	failmalloc_set(0);
	netstring_clear(&n);
	buf_clear(&out);
}

static void what_is_written_can_be_read(void)
{
	static const char *const payloads[] = { "", "x", "0123456789" };
	struct buf wire, out;
	struct netstring n;

	buf_init(&wire, 1000);
	buf_init(&out, 1000);
	netstring_init(&n, MAX);
	for (size_t i = 0; i < COUNT(payloads); i++)
		netstring_add(&wire, payloads[i], strlen(payloads[i]));
	CU_ASSERT_STRING_EQUAL(buf_str(&wire), "0:,1:x,10:0123456789,");
	CU_ASSERT(feed(&n, wire.data, wire.len, 3, &out) == NETSTRING_DONE);
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "|x|0123456789|");
	netstring_clear(&n);
	buf_clear(&wire);
	buf_clear(&out);
}

static const struct unit_test tests[] = {
	{ "frames are read in any pieces", frames_are_read_in_any_pieces },
	{ "digits are bounded", digits_are_bounded },
	{ "any byte may be inside", any_byte_may_be_inside },
	{ "whole frames cost no memory", whole_frames_cost_no_memory },
	{ "what is written can be read", what_is_written_can_be_read },
};

UNIT_MAIN("netstring", tests)
