/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/unit.h"
#include "util/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void addresses_are_parsed(void)
{
	static const struct {
		const char *text, *back;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "[192.0.2.1]", "192.0.2.1" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "IPv6:2001:db8::1", "2001:db8::1" },
		{ "[IPv6:2001:db8::192.0.2.1]", "2001:db8::c000:201" },
		{ "[IPV6:::1]", "::1" },
		/* PF-MI-11: mapped forms are the IPv4 address */
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "[IPv6:::ffff:192.0.2.1]", "192.0.2.1" },
		{ "256.1.1.1", NULL },
		{ "[256.1.1.1]", NULL },
		{ "192.0.2", NULL },
		{ "192.0.2.01", NULL },
		{ "IPv6:192.0.2.1", NULL },
		{ "[192.0.2.1", NULL },
		{ "192.0.2.1]", NULL },
		{ "[[::1]]", NULL },
		{ "[]", NULL },
		{ "", NULL },
		{ "unknown", NULL },
		{ "fe80::1%eth0", NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
		    NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct netaddr a = { 0 };
		char text[NETADDR_TEXT];
		bool ok = netaddr_parse(cases[i].text, &a);

		CHECK_CASE(cases[i].text, ok == (cases[i].back != NULL));
		if (ok)
			CHECK_CASE_STR(cases[i].text,
			    netaddr_format(&a, text), cases[i].back);
	}
}

static void socket_addresses_are_read(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(25) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(2525) };
	struct sockaddr local = { .sa_family = AF_UNIX };
	struct netaddr a = { .family = AF_UNSPEC };
	char text[NETADDR_TEXT];
	uint16_t port = 0;

	CU_ASSERT(!netaddr_from_sockaddr(NULL, &a, &port));
	CU_ASSERT(!netaddr_from_sockaddr(&local, &a, &port));
	CU_ASSERT_STRING_EQUAL(netaddr_format(&a, text), "-");
	CU_ASSERT_STRING_EQUAL(netaddr_network(&a, text), "-");

	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	CU_ASSERT(netaddr_from_sockaddr((struct sockaddr *)&in, &a, &port));
	CU_ASSERT_STRING_EQUAL(netaddr_format(&a, text), "192.0.2.1");
	CU_ASSERT_EQUAL(port, 25);

	inet_pton(AF_INET6, "2001:db8::5", &in6.sin6_addr);
	CU_ASSERT(netaddr_from_sockaddr((struct sockaddr *)&in6, &a, &port));
	CU_ASSERT_STRING_EQUAL(netaddr_format(&a, text), "2001:db8::5");
	CU_ASSERT_EQUAL(port, 2525);

	inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr);
	CU_ASSERT(netaddr_from_sockaddr((struct sockaddr *)&in6, &a, &port));
	CU_ASSERT_STRING_EQUAL(netaddr_format(&a, text), "192.0.2.7");
}

static void networks_of_clients(void)
{
	static const struct {
		const char *text, *network;
	} cases[] = {
		{ "192.0.2.77", "192.0.2.0/24" },
		{ "::ffff:192.0.2.77", "192.0.2.0/24" },
		{ "2001:db8:1:2:3::4", "2001:db8:1::/48" },
	};
	char text[NETADDR_TEXT];
	struct netaddr a;

	for (size_t i = 0; i < COUNT(cases); i++) {
		CU_ASSERT_FATAL(netaddr_parse(cases[i].text, &a));
		CHECK_CASE_STR(cases[i].text, netaddr_network(&a, text),
		    cases[i].network);
	}
}

static void addresses_are_compared(void)
{
	struct netaddr a, b, c, none = { .family = AF_UNSPEC };

	netaddr_parse("192.0.2.1", &a);
	netaddr_parse("::ffff:192.0.2.1", &b);
	netaddr_parse("192.0.2.2", &c);
	CU_ASSERT(netaddr_equal(&a, &b));
	CU_ASSERT(!netaddr_equal(&a, &c));
	CU_ASSERT(!netaddr_equal(&a, &none));
	CU_ASSERT(netaddr_equal(&none, &none));
}

/* STS-F: what a policy host must not resolve to. */
static void private_addresses_are_known(void)
{
	static const struct {
		const char *text;
		bool private;
	} cases[] = {
		{ "8.8.8.8", false }, { "1.1.1.1", false },
		{ "223.255.255.255", false }, { "11.0.0.1", false },
		{ "172.15.255.255", false }, { "172.32.0.1", false },
		{ "100.63.255.255", false }, { "100.128.0.1", false },
		{ "192.0.1.1", false }, { "198.17.255.255", false },
		{ "198.20.0.1", false },
		{ "2606:4700:4700::1111", false }, { "2a00:1450::1", false },
		{ "2002:808:808::1", false }, { "64:ff9b::8.8.8.8", false },
		{ "::ffff:8.8.8.8", false },
		{ "0.0.0.0", true }, { "10.1.2.3", true },
		{ "100.64.0.1", true }, { "127.0.0.1", true },
		{ "169.254.1.1", true }, { "172.16.0.1", true },
		{ "172.31.255.255", true }, { "192.0.0.1", true },
		{ "192.0.2.1", true }, { "192.88.99.1", true },
		{ "192.168.1.1", true }, { "198.18.0.1", true },
		{ "198.19.255.255", true }, { "198.51.100.1", true },
		{ "203.0.113.1", true }, { "224.0.0.1", true },
		{ "240.0.0.1", true }, { "255.255.255.255", true },
		{ "::", true }, { "::1", true }, { "::ffff:10.0.0.1", true },
		{ "::7f00:1", true }, { "64:ff9b::127.0.0.1", true },
		{ "64:ff9b:1::8.8.8.8", true }, { "100::1", true },
		{ "2001::1", true }, { "2001:2::1", true },
		{ "2001:db8::1", true }, { "2002:7f00:1::1", true },
		{ "2002:c0a8:101::1", true }, { "3fff::1", true },
		{ "fc00::1", true }, { "fd12::1", true }, { "fe80::1", true },
		{ "fec0::1", true }, { "ff02::1", true },
	};
	struct netaddr a, none = { .family = AF_UNSPEC };

	for (size_t i = 0; i < COUNT(cases); i++) {
		CU_ASSERT_FATAL(netaddr_parse(cases[i].text, &a));
		CHECK_CASE(cases[i].text,
		    netaddr_is_private(&a) == cases[i].private);
	}
	CU_ASSERT(netaddr_is_private(&none));
}

static void networks_are_parsed(void)
{
	static const struct {
		const char *text, *back, *err;
		unsigned prefix;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.0", NULL, 24 },
		{ "192.0.2.1", "192.0.2.1", NULL, 32 },
		{ "0.0.0.0/0", "0.0.0.0", NULL, 0 },
		{ "192.0.2.128/25", "192.0.2.128", NULL, 25 },
		{ "2001:db8::/32", "2001:db8::", NULL, 32 },
		{ "[2001:db8::]/33", "2001:db8::", NULL, 33 },
		{ "::1", "::1", NULL, 128 },
		{ "::/0", "::", NULL, 0 },
		{ "::ffff:192.0.2.0/120", "192.0.2.0", NULL, 24 },
		{ "::ffff:192.0.2.1", "192.0.2.1", NULL, 32 },
		{ "::ffff:0.0.0.0/95", NULL, "prefix length out of range", 0 },
		{ "192.0.2.0/33", NULL, "prefix length out of range", 0 },
		{ "2001:db8::/129", NULL, "prefix length out of range", 0 },
		{ "192.0.2.0/", NULL, "prefix length out of range", 0 },
		{ "192.0.2.0/-1", NULL, "prefix length out of range", 0 },
		{ "192.0.2.0/2 4", NULL, "prefix length out of range", 0 },
		{ "192.0.2.0/255.255.255.0", NULL,
		    "prefix length out of range", 0 },
		{ "192.0.2.1/24", NULL,
		    "host bits are set behind the prefix", 0 },
		{ "2001:db8::1/64", NULL,
		    "host bits are set behind the prefix", 0 },
		{ "192.0.2/24", NULL, "not an IP address or network", 0 },
		{ "/24", NULL, "not an IP address or network", 0 },
		{ "", NULL, "not an IP address or network", 0 },
		{ "example.com", NULL, "not an IP address or network", 0 },
		{ "11111111111111111111111111111111111111111111111111111111111"
		  "11111/8", NULL, "not an IP address or network", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cidr c;
		char text[NETADDR_TEXT];
		const char *err = "unset";
		bool ok = cidr_parse(cases[i].text, &c, &err);

		CHECK_CASE(cases[i].text, ok == (cases[i].back != NULL));
		if (!ok) {
			CHECK_CASE_STR(cases[i].text, err, cases[i].err);
			continue;
		}
		CHECK_CASE(cases[i].text, c.prefix == cases[i].prefix);
		CHECK_CASE_STR(cases[i].text, netaddr_format(&c.addr, text),
		    cases[i].back);
	}
}

static void networks_match(void)
{
	static const struct {
		const char *network, *address;
		bool match;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.0/28", "192.0.2.15", true },
		{ "192.0.2.0/28", "192.0.2.16", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.1", true },
		{ "0.0.0.0/0", "192.0.2.1", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "::1", "::1", true },
		{ "::1", "::2", false },
	};
	struct netaddr a, none = { .family = AF_UNSPEC };
	struct cidr c;
	const char *err;

	for (size_t i = 0; i < COUNT(cases); i++) {
		CU_ASSERT_FATAL(cidr_parse(cases[i].network, &c, &err));
		CU_ASSERT_FATAL(netaddr_parse(cases[i].address, &a));
		CHECK_CASE(cases[i].address,
		    cidr_match(&c, &a) == cases[i].match);
		CHECK_CASE(cases[i].network, !cidr_match(&c, &none));
	}
}

static const struct unit_test tests[] = {
	{ "addresses are parsed", addresses_are_parsed },
	{ "socket addresses are read", socket_addresses_are_read },
	{ "networks of clients", networks_of_clients },
	{ "addresses are compared", addresses_are_compared },
	{ "private addresses are known", private_addresses_are_known },
	{ "networks are parsed", networks_are_parsed },
	{ "networks match", networks_match },
};

UNIT_MAIN("netaddr", tests)
