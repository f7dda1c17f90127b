/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/unit.h"
#include "policy/match.h"

#include "mtasts/mtasts.h"
#include "policy/facts.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* AD-06, EA-01 */
static void envelope_addresses_are_split(void)
{
	static const struct {
		const char *label, *path, *address, *domain;
	} cases[] = {
		{ "plain", "<a@Example.COM>", "a@Example.COM",
		    "example.com" },
		{ "no brackets (PF-MI non-SMTP)", "a@b.example",
		    "a@b.example", "b.example" },
		{ "null sender", "<>", "", "" },
		{ "empty", "", "", "" },
		{ "blank", "  ", "", "" },
		{ "postmaster without domain", "<postmaster>", "postmaster",
		    "" },
		{ "source route", "<@a.example,@b.example:u@d.example>",
		    "u@d.example", "d.example" },
		{ "route with a literal", "<@[IPv6:::1],@b:u@d.example>",
		    "u@d.example", "d.example" },
		{ "route without end", "<@a.example>", "@a.example",
		    "a.example" },
		{ "quoted @", "<\"a@b\"@c.example>", "\"a@b\"@c.example",
		    "c.example" },
		{ "quoted >", "<\"a>b\"@c.example>", "\"a>b\"@c.example",
		    "c.example" },
		{ "quoted pair", "<\"a\\\"@x.example\"@c.example>",
		    "\"a\\\"@x.example\"@c.example", "c.example" },
		{ "quoted, no domain", "<\"a@b.example\">",
		    "\"a@b.example\"", "" },
		{ "quote never closed", "<\"a@b.example>", "\"a@b.example",
		    "b.example" },
		{ "escaped end", "<a@b.example\\", "a@b.example\\", "" },
		{ "two @", "<a@b@c.example>", "a@b@c.example", "c.example" },
		{ "no closing bracket", "<a@b.example", "a@b.example",
		    "b.example" },
		{ "text behind", "<a@b.example> SIZE=1", "a@b.example",
		    "b.example" },
		{ "blanks around", " <a@b.example > ", "a@b.example",
		    "b.example" },
		{ "trailing dot", "<a@b.example.>", "a@b.example.",
		    "b.example" },
		{ "U-label (EA-01)", "<a@B\xc3\x9c" "cher.example>",
		    "a@B\xc3\x9c" "cher.example", "xn--bcher-kva.example" },
		{ "broken UTF-8", "<a@b\xc3.example>", "a@b\xc3.example",
		    "" },
		{ "literal (AD-02)", "<a@[192.0.2.1]>", "a@[192.0.2.1]",
		    "" },
		{ "single label", "<a@localhost>", "a@localhost", "" },
		{ "nothing behind @", "<a@>", "a@", "" },
		{ "only @", "@", "@", "" },
		{ "only <", "<", "", "" },
		{ "only a quote", "\"", "\"", "" },
	};
	char address[600], domain[MTASTS_DOMAIN_SIZE];

	for (size_t i = 0; i < COUNT(cases); i++) {
		addr_split(cases[i].path, address, sizeof(address), domain);
		CHECK_CASE_STR(cases[i].label, address, cases[i].address);
		CHECK_CASE_STR(cases[i].label, domain, cases[i].domain);
	}
}

static void long_addresses_are_cut(void)
{
	char domain[MTASTS_DOMAIN_SIZE], address[8], *path;
	size_t len = 100000;

	addr_split("<0123456789@b.example>", address, sizeof(address),
	    domain);
	CU_ASSERT_STRING_EQUAL(address, "0123456");
	CU_ASSERT_STRING_EQUAL(domain, "b.example");
	addr_split("<0123456789@b.example>", address, 0, domain);
	CU_ASSERT_STRING_EQUAL(address, "0123456");
	path = malloc(len + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	memset(path, 'x', len);
	path[0] = '<';
	path[1] = '@';
	path[len] = '\0';
	addr_split(path, address, sizeof(address), domain);
	CU_ASSERT_STRING_EQUAL(domain, "");
	CU_ASSERT_STRING_EQUAL(address, "@xxxxxx");
	free(path);
}

/* One set of patterns, and whether an address matches it. */
static void addresses_match(void)
{
	static const struct {
		const char *pattern, *address;
		bool match;
	} cases[] = {
		{ "example.com", "a@example.com", true },
		{ "example.com", "a@EXAMPLE.com", true },
		{ "EXAMPLE.com.", "a@example.com", true },
		{ "example.com", "a@sub.example.com", false },
		{ "example.com", "a@badexample.com", false },
		{ "example.com", "example.com", false },
		{ ".example.com", "a@sub.example.com", true },
		{ ".example.com", "a@x.sub.example.com", true },
		{ ".example.com", "a@example.com", false },
		{ ".example.com", "a@badexample.com", false },
		{ ".com", "a@example.com", true },
		{ ".com", "a@example.net", false },
		{ ".b\xc3\xbc" "cher.example", "a@x.xn--bcher-kva.example",
		    true },
		{ "b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example",
		    true },
		{ "xn--bcher-kva.example", "a@b\xc3\xbc" "cher.example",
		    true },
		{ "postmaster@", "postmaster@example.com", true },
		{ "postmaster@", "Postmaster@example.com", true },
		{ "postmaster@", "postmaster", true },
		{ "postmaster@", "\"postmaster\"@example.com", true },
		{ "postmaster@", "xpostmaster@example.com", false },
		{ "postmaster@", "", false },
		{ "a@example.com", "a@example.com", true },
		{ "a@example.com", "A@Example.Com", true },
		{ "a@example.com", "\"a\"@example.com", true },
		{ "a@example.com", "\"\\a\"@example.com", true },
		{ "a@example.com", "a@example.com.", true },
		{ "a@example.com", "b@example.com", false },
		{ "a@example.com", "a@sub.example.com", false },
		{ "a@example.com", "a", false },
		{ "\"a b\"@example.com", "\"A B\"@example.com", true },
		{ "a@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example",
		    true },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]", true },
		{ "a@localhost", "a@LOCALHOST", true },
		{ "a@localhost", "a@localhost2", false },
		{ "<>", "", true },
		{ "<>", "a@example.com", false },
		{ "example.com", "", false },
	};
	char address[600], domain[MTASTS_DOMAIN_SIZE];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr_set *set = addr_set_new();
		struct buf err;

		buf_init(&err, 1000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(set);
		CHECK_CASE(cases[i].pattern, addr_set_is_empty(set));
		CHECK_CASE(cases[i].address, !addr_set_match(set,
		    cases[i].address, NULL));
		CHECK_CASE(cases[i].pattern,
		    addr_set_add(set, cases[i].pattern, &err));
		CHECK_CASE(cases[i].pattern, !addr_set_is_empty(set));
		addr_split(cases[i].address, address, sizeof(address),
		    domain);
		CHECK_CASE(cases[i].address, addr_set_match(set, address,
		    *domain ? domain : NULL) == cases[i].match);
		CHECK_CASE("unknown address",
		    !addr_set_match(set, NULL, NULL));
		addr_set_free(set);
		buf_clear(&err);
	}
	addr_set_free(NULL);
}

static void wrong_patterns_are_explained(void)
{
	static const struct {
		const char *pattern, *why;
	} cases[] = {
		{ "", "is not a domain name" },
		{ ".", "is not a domain name" },
		{ "localhost", "is not a domain name" },
		{ "..example.com", "is not a domain name" },
		{ "*.example.com", "is not a domain name" },
		{ ".*", "is not a domain name" },
		{ "." A50 A50, "is not a domain name" },
		{ "exam ple.com", "is not a domain name" },
		{ "192.0.2.0/24", "is not a domain name" },
		{ "@example.com", "has nothing before the @" },
		{ "@", "has nothing before the @" },
		{ "a b@example.com", "is not an address" },
		{ "a\n@example.com", "is not an address" },
		{ "a@-example.com", "has no valid domain" },
		{ "a@[192.0.2.1", "has no valid domain" },
		{ "a@exa_mple.com", "has no valid domain" },
		{ "<a@example.com>", "must be written without <" },
		{ A50 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50
		  A50 A50 A50 A50 A50 A50 "@example.com", "is too long" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr_set *set = addr_set_new();
		struct buf err;

		buf_init(&err, 1000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(set);
		CHECK_CASE(cases[i].pattern,
		    !addr_set_add(set, cases[i].pattern, &err));
		CHECK_CASE(buf_str(&err),
		    strstr(buf_str(&err), cases[i].why) != NULL);
		CHECK_CASE(cases[i].pattern, addr_set_is_empty(set));
		addr_set_free(set);
		buf_clear(&err);
	}
}

static void a_long_local_part_matches_nothing(void)
{
	struct addr_set *set = addr_set_new();
	char address[3000];
	struct buf err;

	buf_init(&err, 1000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT(addr_set_add(set, "a@", &err));
	CU_ASSERT(addr_set_add(set, "example.com", &err));
	memset(address, 'a', sizeof(address));
	address[sizeof(address) - 1] = '\0';
	CU_ASSERT(!addr_set_match(set, address, NULL));
	CU_ASSERT(addr_set_match(set, address, "example.com"));
	address[1000] = '@';
	CU_ASSERT(!addr_set_match(set, address, NULL));
	addr_set_free(set);
	buf_clear(&err);
}

static void many_patterns_are_all_found(void)
{
	struct addr_set *set = addr_set_new();
	char pattern[40], address[64];
	struct buf err;

	buf_init(&err, 1000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (int i = 0; i < 20000; i++) {
		snprintf(pattern, sizeof(pattern), "%sd%d.example",
		    i % 2 ? "." : "", i);
		/* the second time changes nothing */
		if (!addr_set_add(set, pattern, &err) ||
		    !addr_set_add(set, pattern, &err))
			CU_FAIL("not added");
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(address, sizeof(address), "a@%sd%d.example",
		    i % 2 ? "x." : "", i);
		if (!addr_set_match(set, address, address + 2))
			CU_FAIL("not found");
		snprintf(address, sizeof(address), "a@%sd%d.example",
		    i % 2 ? "" : "x.", i);
		if (addr_set_match(set, address, address + 2))
			CU_FAIL("found what was not added");
	}
	addr_set_free(set);
	buf_clear(&err);
}

static void clients_match(void)
{
	static const struct {
		const char *pattern, *client, *name;
		bool match;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.7", NULL, true },
		{ "192.0.2.0/24", "192.0.3.7", NULL, false },
		/* PF-MI-11 */
		{ "192.0.2.0/24", "::ffff:192.0.2.7", NULL, true },
		{ "192.0.2.128/25", "192.0.2.129", NULL, true },
		{ "192.0.2.128/25", "192.0.2.127", NULL, false },
		{ "192.0.2.1", "192.0.2.1", NULL, true },
		{ "0.0.0.0/0", "198.51.100.1", NULL, true },
		{ "0.0.0.0/0", "2001:db8::1", NULL, false },
		{ "::/0", "2001:db8::1", NULL, true },
		{ "::/0", "192.0.2.1", NULL, false },
		{ "2001:db8::/33", "2001:db8:7fff::1", NULL, true },
		{ "2001:db8::/33", "2001:db8:8000::1", NULL, false },
		{ "::1", "::1", NULL, true },
		{ "192.0.2.0/24", NULL, NULL, false },
		{ "0.0.0.0/0", NULL, NULL, false },
		{ "mail.example.com", "192.0.2.1", "mail.example.com", true },
		{ "mail.example.com", "192.0.2.1", "MAIL.example.com.",
		    true },
		{ "mail.example.com", "192.0.2.1", "x.mail.example.com",
		    false },
		{ "mail.example.com", "192.0.2.1", NULL, false },
		{ ".example.com", "192.0.2.1", "mail.example.com", true },
		{ ".example.com", NULL, "mail.example.com", true },
		{ ".example.com", "192.0.2.1", "example.com", false },
		{ ".example.com", "192.0.2.1", "", false },
		{ ".example.com", "192.0.2.1", ".", false },
		{ ".example.com", "192.0.2.1", A50 "." A50 "." A50 "." A50
		  "." A50 ".example.com", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct client_set *set = client_set_new();
		struct session_facts s = { .client_name = cases[i].name };
		struct buf err;

		buf_init(&err, 1000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(set);
		if (cases[i].client)
			CU_ASSERT(netaddr_parse(cases[i].client, &s.client));
		CHECK_CASE(cases[i].pattern, client_set_is_empty(set));
		CHECK_CASE(cases[i].pattern, !client_set_match(set, &s));
		CHECK_CASE(cases[i].pattern,
		    client_set_add(set, cases[i].pattern, &err));
		CHECK_CASE(cases[i].pattern, !client_set_is_empty(set));
		CHECK_CASE(cases[i].pattern,
		    client_set_match(set, &s) == cases[i].match);
		client_set_free(set);
		buf_clear(&err);
	}
	client_set_free(NULL);
}

static void wrong_clients_are_explained(void)
{
	static const struct {
		const char *pattern, *why;
	} cases[] = {
		{ "192.0.2.1/24", "host bits are set" },
		{ "192.0.2.0/33", "prefix length" },
		{ "192.0.2.256", "not an IP address" },
		{ "2001:db8::g", "not an IP address" },
		{ "[2001:db8::1", "not an IP address" },
		{ "", "not an IP address" },
		{ "mail_1.example.com", "is not a domain name" },
		{ "localhost", "is not a domain name" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct client_set *set = client_set_new();
		struct buf err;

		buf_init(&err, 1000);
		CU_ASSERT_PTR_NOT_NULL_FATAL(set);
		CHECK_CASE(cases[i].pattern,
		    !client_set_add(set, cases[i].pattern, &err));
		CHECK_CASE(buf_str(&err),
		    strstr(buf_str(&err), cases[i].why) != NULL);
		client_set_free(set);
		buf_clear(&err);
	}
}

static void many_networks_are_all_found(void)
{
	struct client_set *set = client_set_new();
	struct session_facts s = { 0 };
	char text[64];
	struct buf err;

	buf_init(&err, 1000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (unsigned i = 0; i < 128; i++) {
		unsigned bits = i % 16 + 17;
		unsigned host = i << 24 | 128u << 16;

		snprintf(text, sizeof(text), "%u.128.0.0/%u", host >> 24,
		    bits);
		if (!client_set_add(set, text, &err))
			CU_FAIL("not added");
	}
	for (unsigned i = 0; i < 128; i++) {
		snprintf(text, sizeof(text), "%u.128.0.0", i);
		if (!netaddr_parse(text, &s.client) ||
		    !client_set_match(set, &s))
			CU_FAIL("not found");
		snprintf(text, sizeof(text), "%u.129.0.0", i);
		if (!netaddr_parse(text, &s.client) ||
		    client_set_match(set, &s))
			CU_FAIL("found what was not added");
	}
	client_set_free(set);
	buf_clear(&err);
}

static void listeners_match(void)
{
	static const struct {
		const char *pattern, *port, *name;
		bool match;
	} cases[] = {
		{ "587", "587", NULL, true },
		{ "587", "25", "MTA", false },
		{ "587", NULL, NULL, false },
		{ "587", NULL, "587", true },
		{ "MSA", "587", "msa", true },
		{ "MSA", "587", NULL, false },
		{ "mx.example.com", "25", "MX.example.com", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct session_facts s = { .listener_port = cases[i].port,
			.listener_name = cases[i].name };
		struct strv list = { 0 };

		CHECK_CASE(cases[i].pattern, !listener_match(&list, &s));
		CU_ASSERT_FATAL(strv_add(&list, "1"));
		CU_ASSERT_FATAL(strv_add(&list, cases[i].pattern));
		CHECK_CASE(cases[i].pattern,
		    listener_match(&list, &s) == cases[i].match);
		strv_clear(&list);
	}
}

static const struct unit_test tests[] = {
	{ "envelope addresses are split", envelope_addresses_are_split },
	{ "long addresses are cut", long_addresses_are_cut },
	{ "addresses match", addresses_match },
	{ "wrong patterns are explained", wrong_patterns_are_explained },
	{ "a long local part matches nothing",
	    a_long_local_part_matches_nothing },
	{ "many patterns are all found", many_patterns_are_all_found },
	{ "clients match", clients_match },
	{ "wrong clients are explained", wrong_clients_are_explained },
	{ "many networks are all found", many_networks_are_all_found },
	{ "listeners match", listeners_match },
};

UNIT_MAIN("match", tests)
