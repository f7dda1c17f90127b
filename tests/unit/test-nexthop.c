/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys as Postfix and Sendmail look them up (PF-TP-01 to 04). */
#include "config.h"

#include "policy/nexthop.h"

#include "tests/unit/unit.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* 63 letters, and with its dot 64 */
#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const kinds[] = {
	[NEXTHOP_INVALID] = "invalid", [NEXTHOP_DOMAIN] = "domain",
	[NEXTHOP_HOST] = "host", [NEXTHOP_LITERAL] = "literal",
	[NEXTHOP_PARENT] = "parent", [NEXTHOP_PATH] = "path",
};

static void keys_are_what_postfix_means(void)
{
	static const struct {
		const char *label, *key;
		const char *want;	/* kind domain port text */
	} cases[] = {
		{ "PF-TP-01: a domain", "example.com",
		    "domain example.com 25 example.com" },
		{ "PF-TP-01: a domain with a port", "example.com:2525",
		    "domain example.com 2525 example.com:2525" },
		{ "PF-TP-01: port 25 is no other next hop", "example.com:25",
		    "domain example.com 25 example.com" },
		{ "PF-TP-01: a host in brackets", "[mx.example.com]",
		    "host mx.example.com 25 [mx.example.com]" },
		{ "PF-TP-01: and with a port", "[mx.example.com]:587",
		    "host mx.example.com 587 [mx.example.com]:587" },
		{ "PF-TP-01: a service", "[mx.example.com]:submission",
		    "host mx.example.com 587 [mx.example.com]:587" },
		{ "PF-TP-01: smtp is port 25", "[mx.example.com]:smtp",
		    "host mx.example.com 25 [mx.example.com]" },
		{ "PF-TP-01: a service we do not know", "example.com:odd",
		    "domain example.com 0 example.com:0" },
		{ "PF-TP-01: an IPv4 literal", "[192.0.2.1]",
		    "literal  25 [192.0.2.1]" },
		{ "PF-TP-01: an IPv6 literal with a port",
		    "[2001:db8::1]:25", "literal  25 [2001:db8::1]" },
		{ "PF-TP-01: an IPv6 literal as SMTP writes it",
		    "[IPv6:2001:DB8::1]:26", "literal  26 [2001:db8::1]:26" },
		{ "PF-TP-01: an address without brackets", "192.0.2.1",
		    "literal  25 [192.0.2.1]" },
		{ "PF-TP-01: and with a port", "192.0.2.1:587",
		    "literal  587 [192.0.2.1]:587" },
		{ "PF-TP-01: an IPv6 address without brackets",
		    "2001:db8::1", "literal  25 [2001:db8::1]" },
		{ "PF-TP-01: a unix socket", "/var/run/x",
		    "path  0 /var/run/x" },
		{ "PF-TP-01: one below the queue directory",
		    "private/dovecot-lmtp", "path  0 private/dovecot-lmtp" },
		{ "PF-TP-02: a parent", ".example.com",
		    "parent  0 .example.com" },
		{ "PF-TP-02: the last of them", ".COM", "parent  0 .com" },
		{ "PF-TP-04: upper case", "Example.COM",
		    "domain example.com 25 example.com" },
		{ "PF-TP-04: U-labels", "B\303\274cher.Example",
		    "domain xn--bcher-kva.example 25 xn--bcher-kva.example" },
		{ "PF-TP-04: U-labels in brackets",
		    "[b\303\274cher.example]:26",
		    "host xn--bcher-kva.example 26 "
		    "[xn--bcher-kva.example]:26" },
		{ "PF-TP-04: U-labels of a parent", ".b\303\274cher.example",
		    "parent  0 .xn--bcher-kva.example" },
		{ "PF-SM-13: Sendmail may keep the last dot", "example.com.",
		    "domain example.com 25 example.com" },
		{ "STS-A-10: nothing", "", "invalid  0 " },
		{ "STS-A-10: a single label", "localhost", "invalid  0 " },
		{ "STS-A-10: a single label in brackets", "[localhost]",
		    "invalid  0 " },
		{ "STS-A-10: no LDH", "a_b.example", "invalid  0 " },
		{ "STS-A-10: a label too long", L63 "a.example",
		    "invalid  0 " },
		{ "STS-A-10: a name too long", L63 "." L63 "." L63 "." L63,
		    "invalid  0 " },
		{ "STS-A-10: a blank inside", "example.com x", "invalid  0 " },
		{ "STS-A-10: an address", "user@example.com", "invalid  0 " },
		{ "STS-A-10: what is no UTF-8", "\377.example",
		    "invalid  0 " },
		{ "brackets that do not close", "[mx.example.com",
		    "invalid  0 " },
		{ "brackets with something behind", "[mx.example.com]x",
		    "invalid  0 " },
		{ "brackets with nothing in them", "[]:25", "invalid  0 " },
		{ "a bracket too many", "[[mx.example.com]]",
		    "invalid  0 " },
		{ "no host", ":25", "invalid  0 " },
		{ "no port", "example.com:", "invalid  0 " },
		{ "no port behind brackets", "[mx.example.com]:",
		    "invalid  0 " },
		{ "port 0", "example.com:0", "invalid  0 " },
		{ "a port too high", "example.com:65536", "invalid  0 " },
		{ "a port with junk", "example.com:25x", "invalid  0 " },
		{ "two ports", "example.com:25:26", "invalid  0 " },
		{ "a dot alone", ".", "invalid  0 " },
		{ "two dots", "..example.com", "invalid  0 " },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *label = cases[i].label;
		struct nexthop hop;
		char got[600];
		bool good = nexthop_parse(cases[i].key, strlen(cases[i].key),
		    &hop);

		snprintf(got, sizeof(got), "%s %s %u %s", kinds[hop.kind],
		    hop.domain, hop.port, hop.text);
		CHECK_CASE_STR(label, got, cases[i].want);
		CHECK_CASE(label, good == (hop.kind != NEXTHOP_INVALID));
	}
}

static void keys_are_any_bytes(void)
{
	static char key[5000];
	struct nexthop hop;

	CU_ASSERT(!nexthop_parse("example.com\0.net", 16, &hop));
	CU_ASSERT(!nexthop_parse("example.com\n", 12, &hop));
	CU_ASSERT(!nexthop_parse("/var/run/a b", 12, &hop));
	CU_ASSERT(!nexthop_parse("/var/run/a\177", 11, &hop));
	CU_ASSERT(nexthop_parse("example.community", 11, &hop));
	CU_ASSERT_STRING_EQUAL(hop.domain, "example.com");
	memset(key, 'a', sizeof(key));
	CU_ASSERT(!nexthop_parse(key, sizeof(key), &hop));
	key[0] = '/';
	CU_ASSERT(nexthop_parse(key, NEXTHOP_TEXT_SIZE - 1, &hop));
	CU_ASSERT(!nexthop_parse(key, NEXTHOP_TEXT_SIZE, &hop));
	CU_ASSERT_EQUAL(hop.kind, NEXTHOP_INVALID);
}

static const struct unit_test tests[] = {
	{ "keys are what Postfix means", keys_are_what_postfix_means },
	{ "keys are any bytes", keys_are_any_bytes },
};

UNIT_MAIN("nexthop", tests)
