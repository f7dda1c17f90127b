/* SPDX-License-Identifier: BSD-2-Clause */
/* Replies of SMTP, POP3 and IMAP servers, and the keywords in them. */
#include "config.h"

#include "check/reply.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *label;
	enum reply_kind kind;
	const char *text;
	enum reply_state state;
	unsigned code;
	size_t left;		/* bytes behind the reply */
	const char *keywords;	/* apart by spaces */
} cases[] = {
	{ "one line", REPLY_SMTP, "220 mx ESMTP\r\n", REPLY_YES, 220, 0, "" },
	{ "a greeting of several lines", REPLY_SMTP,
	    "220-mx\r\n220-no spam\r\n220 ok\r\n", REPLY_YES, 220, 0,
	    "no ok" },
	{ "extensions; the case does not matter to us", REPLY_SMTP,
	    "250-mx\r\n250-Size 100\r\n250 starttls\r\n", REPLY_YES, 250, 0,
	    "Size starttls" },
	{ "line feeds alone", REPLY_SMTP, "250-mx\n250 A\n", REPLY_YES, 250,
	    0, "A" },
	{ "a code without text", REPLY_SMTP, "250\r\n", REPLY_YES, 250, 0,
	    "" },
	{ "not complete", REPLY_SMTP, "250-mx\r\n250", REPLY_MORE, 250, 0,
	    "" },
	{ "ST-C-01: what follows is not part of it", REPLY_SMTP,
	    "220 go\r\n250 injected\r\n", REPLY_YES, 220, 14, "" },
	{ "ST-S-02: temporarily not available", REPLY_SMTP,
	    "454 4.7.0 no\r\n", REPLY_LATER, 454, 0, "" },
	{ "closing, for now", REPLY_SMTP, "421 later\r\n", REPLY_LATER, 421,
	    0, "" },
	{ "refused", REPLY_SMTP, "554 no\r\n", REPLY_NO, 554, 0, "" },
	{ "354 is no answer to anything we say", REPLY_SMTP, "354 go on\r\n",
	    REPLY_NO, 354, 0, "" },
	{ "another code in the second line", REPLY_SMTP,
	    "250-mx\r\n251 x\r\n", REPLY_NONSENSE, 250, 0, "x" },
	{ "no code", REPLY_SMTP, "SSH-2.0-x\r\n", REPLY_NONSENSE, 0, 0, "" },
	{ "a code that is none", REPLY_SMTP, "650 x\r\n", REPLY_NONSENSE, 0,
	    0, "" },
	{ "no blank behind the code", REPLY_SMTP, "2500 x\r\n",
	    REPLY_NONSENSE, 0, 0, "" },
	{ "an empty line", REPLY_SMTP, "\r\n220 x\r\n", REPLY_NONSENSE, 0, 7,
	    "" },
	{ "nothing but a line feed", REPLY_SMTP, "\n", REPLY_NONSENSE, 0, 0,
	    "" },
	{ "POP3", REPLY_POP3, "+OK hi\r\n", REPLY_YES, 0, 0, "" },
	{ "POP3 refuses", REPLY_POP3, "-ERR no\r\n", REPLY_NO, 0, 0, "" },
	{ "POP3 refuses for now", REPLY_POP3, "-ERR [SYS/TEMP] no\r\n",
	    REPLY_LATER, 0, 0, "" },
	{ "a list of POP3", REPLY_POP3_LIST,
	    "+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n", REPLY_YES, 0, 0,
	    "STLS SASL ." },
	{ "a list without its end", REPLY_POP3_LIST, "+OK\r\nSTLS\r\n",
	    REPLY_MORE, 0, 0, "STLS" },
	{ "no list", REPLY_POP3_LIST, "-ERR unknown\r\n", REPLY_NO, 0, 0, "" },
	{ "POP3 nonsense", REPLY_POP3, "220 x\r\n", REPLY_NONSENSE, 0, 0, "" },
	{ "IMAP greets", REPLY_IMAP_GREETING,
	    "* OK [CAPABILITY IMAP4rev1] hi\r\n", REPLY_YES, 0, 0, "" },
	{ "IMAP says good-bye", REPLY_IMAP_GREETING, "* BYE full\r\n",
	    REPLY_LATER, 0, 0, "" },
	{ "IMAP nonsense", REPLY_IMAP_GREETING, "+OK\r\n", REPLY_NONSENSE, 0,
	    0, "" },
	{ "capabilities", REPLY_IMAP,
	    "* CAPABILITY IMAP4rev1  StartTLS\r\na1 OK done\r\n", REPLY_YES,
	    0, 0, "IMAP4rev1 StartTLS" },
	{ "IMAP refuses", REPLY_IMAP, "a1 BAD no\r\n", REPLY_NO, 0, 0, "" },
	{ "IMAP, another tag: not the answer", REPLY_IMAP,
	    "a2 OK x\r\n", REPLY_MORE, 0, 0, "" },
};

struct words {
	char text[256];
};

static void add(void *arg, const char *word, size_t len)
{
	struct words *w = arg;
	size_t n = strlen(w->text);

	snprintf(w->text + n, sizeof(w->text) - n, "%s%.*s", n ? " " : "",
	    (int)len, word);
}

/* At once, and byte by byte. */
static void test_replies(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 1000; step += 998) {
			size_t len = strlen(cases[i].text), used = 0, n;
			struct words words = { "" };
			struct reply r;

			reply_init(&r, cases[i].kind);
			do {
				n = len - used < step ? len - used : step;
				n = reply_feed(&r, cases[i].text + used, n);
				used += n;
			} while (n > 0);
			reply_keywords(&r, add, &words);
			CHECK_CASE(cases[i].label,
			    r.state == cases[i].state &&
			    r.code == cases[i].code &&
			    len - used == cases[i].left);
			CHECK_CASE_STR(cases[i].label, words.text,
			    cases[i].keywords);
			reply_clear(&r);
		}
}

/* ST-C-07: every length and count is bounded. */
static void test_endless(void)
{
	static const char *const endless[] = { "250-XYZ\r\n", "a", "250-\n",
		"\0\0\0\0" };

	for (size_t i = 0; i < 4; i++) {
		struct reply r;
		size_t fed = 0;

		reply_init(&r, REPLY_SMTP);
		while (r.state == REPLY_MORE && fed < 100000)
			fed += reply_feed(&r, endless[i], i == 3 ? 4 :
			    strlen(endless[i]));
		CU_ASSERT_EQUAL(r.state, REPLY_NONSENSE);
		CU_ASSERT(fed <= REPLY_MAX);
		reply_clear(&r);
	}
}

static void test_clean(void)
{
	static const char text[] = "250 a\x1b[2Jb\xff\r\n\0end\n";
	struct buf b;

	buf_init(&b, 1000);
	reply_clean(&b, text, sizeof(text) - 1, 1000);
	CU_ASSERT_STRING_EQUAL(buf_str(&b),
	    "250 a\\x1B[2Jb\\xFF\n\\x00end");
	buf_reset(&b);
	reply_clean(&b, "abcdef", 6, 3);
	CU_ASSERT_STRING_EQUAL(buf_str(&b), "abc...");
	buf_clear(&b);
}

static const struct unit_test tests[] = {
	{ "replies", test_replies },
	{ "endless ones", test_endless },
	{ "cleaned", test_clean },
};

UNIT_MAIN("check/reply", tests)
