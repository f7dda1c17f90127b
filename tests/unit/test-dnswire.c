/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/dnswire.h"
#include "tests/unit/unit.h"

/* ---- packets ----------------------------------------------------------- */

struct packet {
	uint8_t b[70000];
	size_t n;
};

static void put8(struct packet *p, unsigned v)
{
	p->b[p->n++] = (uint8_t)v;
}

static void put16(struct packet *p, unsigned v)
{
	put8(p, v >> 8);
	put8(p, v & 255);
}

static void put32(struct packet *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p, v & 65535);
}

static void put_mem(struct packet *p, const void *data, size_t len)
{
	memcpy(p->b + p->n, data, len);
	p->n += len;
}

/* "a.b" as labels; "" is the root. */
static void put_name(struct packet *p, const char *name)
{
	while (*name) {
		size_t len = strcspn(name, ".");

		put8(p, (unsigned)len);
		put_mem(p, name, len);
		name += len + (name[len] == '.');
	}
	put8(p, 0);
}

/* A header with counts to be set later, and one question. */
static void begin(struct packet *p, unsigned rcode, const char *name,
    unsigned type)
{
	p->n = 0;
	put16(p, 1);
	put16(p, 0x8180 | rcode);
	put16(p, 1);
	put16(p, 0);
	put16(p, 0);
	put16(p, 0);
	put_name(p, name);
	put16(p, type);
	put16(p, 1);
}

enum section { ANSWER = 6, AUTHORITY = 8 };

static void put_rr(struct packet *p, enum section section, const char *owner,
    unsigned type, uint32_t ttl, const void *rdata, size_t len)
{
	unsigned n = ((unsigned)p->b[section] << 8 | p->b[section + 1]) + 1;

	p->b[section] = (uint8_t)(n >> 8);
	p->b[section + 1] = (uint8_t)n;
	put_name(p, owner);
	put16(p, type);
	put16(p, 1);
	put32(p, ttl);
	put16(p, (unsigned)len);
	put_mem(p, rdata, len);
}

static void put_name_rr(struct packet *p, const char *owner, unsigned type,
    uint32_t ttl, const char *prefix, size_t prefix_len, const char *target)
{
	static struct packet rdata;

	rdata.n = 0;
	put_mem(&rdata, prefix, prefix_len);
	put_name(&rdata, target);
	put_rr(p, ANSWER, owner, type, ttl, rdata.b, rdata.n);
}

static void put_cname(struct packet *p, const char *owner, uint32_t ttl,
    const char *target)
{
	put_name_rr(p, owner, DNS_CNAME, ttl, "", 0, target);
}

static void put_soa(struct packet *p, uint32_t ttl, uint32_t minimum)
{
	static struct packet rdata;

	rdata.n = 0;
	put_name(&rdata, "ns.example");
	put_name(&rdata, "hostmaster.example");
	put_mem(&rdata, "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 16);
	put32(&rdata, minimum);
	put_rr(p, AUTHORITY, "example", DNS_SOA, ttl, rdata.b, rdata.n);
}

static struct packet packet;

static struct dns_answer parse(unsigned type)
{
	struct dns_answer a = { .status = DNS_TIMEOUT };

	CU_ASSERT_FATAL(dns_answer_parse(packet.b, packet.n, type, &a));
	return a;
}

/* ---- tests ------------------------------------------------------------- */

static void strings_are_joined(void)
{
	static const struct {
		const char *label;
		const char *rdata;
		size_t len;
		const char *text;	/* NULL: broken */
	} cases[] = {
		{ "one string", "\4abcd", 5, "abcd" },
		{ "two strings STS-T-03", "\3v=S\2Tx", 7, "v=STx" },
		{ "an empty one between", "\1a\0\1b", 5, "ab" },
		{ "no string at all", "", 0, "" },
		{ "string longer than the record", "\5abcd", 5, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_answer a;

		begin(&packet, 0, "x.example", DNS_TXT);
		put_rr(&packet, ANSWER, "X.Example", DNS_TXT, 60,
		    cases[i].rdata, cases[i].len);
		a = parse(DNS_TXT);
		CHECK_CASE(cases[i].label, a.status ==
		    (cases[i].text ? DNS_FOUND : DNS_SERVFAIL));
		CHECK_CASE(cases[i].label, a.n == (cases[i].text ? 1 : 0));
		if (a.n)
			CHECK_CASE_STR(cases[i].label, a.records[0].data,
			    cases[i].text);
		dns_answer_clear(&a);
	}
}

static void text_may_hold_any_byte(void)
{
	struct dns_answer a;

	begin(&packet, 0, "x.example", DNS_TXT);
	put_rr(&packet, ANSWER, "x.example", DNS_TXT, 60, "\3a\0\377", 4);
	a = parse(DNS_TXT);
	CU_ASSERT(a.n == 1 && a.records[0].len == 3);
	CU_ASSERT(memcmp(a.records[0].data, "a\0\377", 4) == 0);
	dns_answer_clear(&a);
}

static void cname_chains_are_followed(void)
{
	static const struct {
		const char *label;
		int hops;
		enum dns_status status;
	} cases[] = {
		{ "none", 0, DNS_FOUND },
		{ "one STS-T-02", 1, DNS_FOUND },
		{ "as many as allowed", DNS_CHAIN_MAX, DNS_FOUND },
		{ "one more", DNS_CHAIN_MAX + 1, DNS_SERVFAIL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char owner[32], target[32];
		struct dns_answer a;

		begin(&packet, 0, "h0.example", DNS_TXT);
		for (int h = 0; h < cases[i].hops; h++) {
			snprintf(owner, sizeof(owner), "h%d.example", h);
			snprintf(target, sizeof(target), "h%d.example",
			    h + 1);
			put_cname(&packet, owner, 100 - (uint32_t)h, target);
		}
		snprintf(owner, sizeof(owner), "h%d.example", cases[i].hops);
		put_rr(&packet, ANSWER, owner, DNS_TXT, 200, "\1x", 2);
		put_rr(&packet, ANSWER, "other.example", DNS_TXT, 1, "\1y",
		    2);
		a = parse(DNS_TXT);
		CHECK_CASE(cases[i].label, a.status == cases[i].status);
		if (a.status == DNS_FOUND) {
			CHECK_CASE(cases[i].label, a.n == 1);
			CHECK_CASE(cases[i].label, a.ttl == (cases[i].hops ?
			    101 - (uint32_t)cases[i].hops : 200));
			CHECK_CASE(cases[i].label, a.alias ==
			    (cases[i].hops > 0));
			CHECK_CASE_STR(cases[i].label, a.canonical,
			    cases[i].hops ? owner : "");
		}
		dns_answer_clear(&a);
	}
}

static void aliases_are_told(void)
{
	static const struct {
		const char *label, *target;
		bool found;
		const char *canonical;
	} cases[] = {
		{ "DANE-L-04: data behind an alias", "T.Example", true,
		    "t.example" },
		{ "DANE-L-04: no data behind an alias", "t.example", false,
		    "t.example" },
		{ "a name no host has", "t x.example", true, "" },
		{ "the root", "", false, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_answer a;

		begin(&packet, 0, "x.example", DNS_A);
		put_cname(&packet, "x.example", 60, cases[i].target);
		if (cases[i].found)
			put_rr(&packet, ANSWER, cases[i].target, DNS_A, 60,
			    "\xc0\0\2\1", 4);
		a = parse(DNS_A);
		CHECK_CASE(cases[i].label, a.status ==
		    (cases[i].found ? DNS_FOUND : DNS_NODATA));
		CHECK_CASE(cases[i].label, a.alias);
		CHECK_CASE_STR(cases[i].label, a.canonical,
		    cases[i].canonical);
		dns_answer_clear(&a);
	}
}

/* DANE-R-10: who asks for the alias itself is not led on. */
static void an_alias_can_be_asked_for(void)
{
	struct dns_answer a;

	begin(&packet, 0, "x.example", DNS_CNAME);
	put_cname(&packet, "x.example", 60, "Y.Example");
	put_cname(&packet, "y.example", 60, "z.example");
	a = parse(DNS_CNAME);
	CU_ASSERT(a.status == DNS_FOUND && a.n == 1 && !a.alias);
	CU_ASSERT_STRING_EQUAL(a.records[0].data, "y.example");
	dns_answer_clear(&a);
}

/* DANE-U-01: also what is too short to be one. */
static void tlsa_records_come_raw(void)
{
	struct dns_answer a;

	begin(&packet, 0, "_25._tcp.x.example", DNS_TLSA);
	put_rr(&packet, ANSWER, "_25._tcp.x.example", DNS_TLSA, 60,
	    "\3\1\1\0\377", 5);
	put_rr(&packet, ANSWER, "_25._tcp.x.example", DNS_TLSA, 60, "\3", 1);
	put_rr(&packet, ANSWER, "_25._tcp.x.example", DNS_TLSA, 60, "", 0);
	a = parse(DNS_TLSA);
	CU_ASSERT(a.status == DNS_FOUND && a.n == 3);
	CU_ASSERT(a.records[0].len == 5 &&
	    memcmp(a.records[0].data, "\3\1\1\0\377", 6) == 0);
	CU_ASSERT(a.records[1].len == 1 && a.records[2].len == 0);
	dns_answer_clear(&a);
}

static void a_cname_loop_has_no_data(void)
{
	struct dns_answer a;

	begin(&packet, 0, "a.example", DNS_TXT);
	put_cname(&packet, "a.example", 60, "b.example");
	put_cname(&packet, "b.example", 60, "a.example");
	a = parse(DNS_TXT);
	CU_ASSERT(a.status == DNS_NODATA && a.n == 0);
	dns_answer_clear(&a);
}

static void no_is_told_apart_and_has_a_ttl(void)
{
	static const struct {
		const char *label;
		unsigned rcode;
		bool soa;
		uint32_t ttl, minimum;
		enum dns_status status;
		uint32_t want;
	} cases[] = {
		{ "no such name STS-T-16", 3, true, 900, 60, DNS_NXDOMAIN, 60 },
		{ "no such data STS-T-16", 0, true, 30, 60, DNS_NODATA, 30 },
		{ "no SOA", 3, false, 0, 0, DNS_NXDOMAIN, 0 },
		{ "TTL with the top bit", 0, true, 0x80000001, 60, DNS_NODATA,
		    0 },
		{ "server failure", 2, true, 900, 60, DNS_SERVFAIL, 0 },
		{ "refused", 5, true, 900, 60, DNS_SERVFAIL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_answer a;

		begin(&packet, cases[i].rcode, "x.example", DNS_MX);
		if (cases[i].soa)
			put_soa(&packet, cases[i].ttl, cases[i].minimum);
		a = parse(DNS_MX);
		CHECK_CASE(cases[i].label, a.status == cases[i].status);
		CHECK_CASE(cases[i].label, a.ttl == cases[i].want);
		CHECK_CASE(cases[i].label, a.n == 0);
		dns_answer_clear(&a);
	}
}

static void mx_hosts_are_read(void)
{
	static const struct {
		const char *label;
		const char *target;
		const char *host;	/* NULL: left out */
	} cases[] = {
		{ "plain", "mx1.example", "mx1.example" },
		{ "upper case", "MX1.Example", "mx1.example" },
		{ "null MX", "", "" },
		{ "underscore", "_x.example", "_x.example" },
		{ "a space", "a b.example", NULL },
		{ "an escape sequence", "\033[31m.example", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_answer a;

		begin(&packet, 0, "x.example", DNS_MX);
		put_name_rr(&packet, "x.example", DNS_MX, 60, "\1\2", 2,
		    cases[i].target);
		a = parse(DNS_MX);
		CHECK_CASE(cases[i].label, a.status == DNS_FOUND);
		CHECK_CASE(cases[i].label, a.n == (cases[i].host ? 1 : 0));
		if (a.n) {
			CHECK_CASE(cases[i].label,
			    a.records[0].priority == 258);
			CHECK_CASE_STR(cases[i].label, a.records[0].data,
			    cases[i].host);
		}
		dns_answer_clear(&a);
	}
}

static void addresses_are_read(void)
{
	static const struct {
		const char *label;
		unsigned type;
		const char *rdata;
		size_t len;
		const char *text;	/* NULL: broken */
	} cases[] = {
		{ "IPv4", DNS_A, "\300\0\2\1", 4, "192.0.2.1" },
		{ "IPv4, short", DNS_A, "\300\0\2", 3, NULL },
		{ "IPv4, long", DNS_A, "\300\0\2\1\0", 5, NULL },
		{ "IPv6", DNS_AAAA,
		    "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16,
		    "2001:db8::1" },
		{ "mapped IPv4", DNS_AAAA,
		    "\0\0\0\0\0\0\0\0\0\0\377\377\177\0\0\1", 16,
		    "127.0.0.1" },
		{ "IPv6, short", DNS_AAAA, "\x20\1", 2, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[NETADDR_TEXT];
		struct dns_answer a;

		begin(&packet, 0, "x.example", cases[i].type);
		put_rr(&packet, ANSWER, "x.example", cases[i].type, 60,
		    cases[i].rdata, cases[i].len);
		a = parse(cases[i].type);
		CHECK_CASE(cases[i].label, a.status ==
		    (cases[i].text ? DNS_FOUND : DNS_SERVFAIL));
		if (a.n)
			CHECK_CASE_STR(cases[i].label,
			    netaddr_format(&a.records[0].addr, text),
			    cases[i].text);
		dns_answer_clear(&a);
	}
}

static void the_number_of_records_is_bounded(void)
{
	struct dns_answer a;

	begin(&packet, 0, "x.example", DNS_A);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		put_rr(&packet, ANSWER, "x.example", DNS_A, 60, "abcd", 4);
	a = parse(DNS_A);
	CU_ASSERT(a.n == DNS_RECORDS_MAX && !a.truncated);
	dns_answer_clear(&a);
	put_rr(&packet, ANSWER, "x.example", DNS_A, 5, "abcd", 4);
	a = parse(DNS_A);
	CU_ASSERT(a.n == DNS_RECORDS_MAX && a.truncated && a.ttl == 5);
	dns_answer_clear(&a);
}

static void other_records_are_passed_over(void)
{
	struct dns_answer a;
	size_t class;

	begin(&packet, 0, "x.example", DNS_TXT);
	put_rr(&packet, ANSWER, "x.example", DNS_A, 1, "abcd", 4);
	put_rr(&packet, ANSWER, "y.example", DNS_TXT, 1, "\1y", 2);
	put_rr(&packet, ANSWER, "x.example", DNS_TXT, 1, "\1z", 2);
	class = packet.n - 2 - 2 - 4 - 2;
	packet.b[class + 1] = 3;	/* CHAOS */
	put_rr(&packet, ANSWER, "x.example", DNS_TXT, 60, "\1x", 2);
	a = parse(DNS_TXT);
	CU_ASSERT(a.status == DNS_FOUND && a.n == 1 && a.ttl == 60);
	if (a.n)
		CU_ASSERT_STRING_EQUAL(a.records[0].data, "x");
	dns_answer_clear(&a);
}

static void compressed_names_are_bounded(void)
{
	static const struct {
		const char *label;
		const char *owner;
		size_t len;
		enum dns_status status;
	} cases[] = {
		{ "a pointer to the question", "\300\14", 2, DNS_FOUND },
		{ "a label and a pointer", "\1w\300\14", 4, DNS_NODATA },
		{ "a pointer to itself", "\300\35", 2, DNS_SERVFAIL },
		{ "a pointer forward", "\300\60", 2, DNS_SERVFAIL },
		{ "behind the packet", "\377\377", 2, DNS_SERVFAIL },
		{ "an unknown kind of label", "\100x", 2, DNS_SERVFAIL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_answer a;

		begin(&packet, 0, "x.example", DNS_TXT);
		packet.b[7] = 1;
		put_mem(&packet, cases[i].owner, cases[i].len);
		put16(&packet, DNS_TXT);
		put16(&packet, 1);
		put32(&packet, 60);
		put16(&packet, 2);
		put_mem(&packet, "\1x", 2);
		a = parse(DNS_TXT);
		CHECK_CASE(cases[i].label, a.status == cases[i].status);
		dns_answer_clear(&a);
	}
}

static void the_question_must_be_ours(void)
{
	struct dns_answer a;

	begin(&packet, 0, "x.example", DNS_A);
	put_rr(&packet, ANSWER, "x.example", DNS_A, 60, "abcd", 4);
	a = parse(DNS_TXT);
	CU_ASSERT_EQUAL(a.status, DNS_SERVFAIL);
	dns_answer_clear(&a);
	packet.b[5] = 2;		/* two questions */
	a = parse(DNS_A);
	CU_ASSERT_EQUAL(a.status, DNS_SERVFAIL);
	dns_answer_clear(&a);
}

static void no_cut_packet_is_an_answer(void)
{
	size_t whole;

	begin(&packet, 0, "x.example", DNS_MX);
	put_cname(&packet, "x.example", 60, "y.example");
	put_name_rr(&packet, "y.example", DNS_MX, 60, "\0\1", 2,
	    "mx.example");
	whole = packet.n;
	for (size_t cut = 0; cut <= whole; cut++) {
		struct dns_answer a;

		packet.n = cut;
		a = parse(DNS_MX);
		CU_ASSERT(a.status ==
		    (cut == whole ? DNS_FOUND : DNS_SERVFAIL));
		dns_answer_clear(&a);
	}
}

static const struct unit_test tests[] = {
	{ "strings are joined", strings_are_joined },
	{ "text may hold any byte", text_may_hold_any_byte },
	{ "CNAME chains are followed", cname_chains_are_followed },
	{ "aliases are told", aliases_are_told },
	{ "an alias can be asked for", an_alias_can_be_asked_for },
	{ "TLSA records come raw", tlsa_records_come_raw },
	{ "a CNAME loop has no data", a_cname_loop_has_no_data },
	{ "no is told apart and has a TTL", no_is_told_apart_and_has_a_ttl },
	{ "MX hosts are read", mx_hosts_are_read },
	{ "addresses are read", addresses_are_read },
	{ "the number of records is bounded",
	    the_number_of_records_is_bounded },
	{ "other records are passed over", other_records_are_passed_over },
	{ "compressed names are bounded", compressed_names_are_bounded },
	{ "the question must be ours", the_question_must_be_ours },
	{ "no cut packet is an answer", no_cut_packet_is_an_answer },
};

UNIT_MAIN("dnswire", tests)
