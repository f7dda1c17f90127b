/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/pair.h"
#include "tests/unit/unit.h"

#define DAY 86400
#define NOW INT64_C(1795294982)

/* ---- names ------------------------------------------------------------- */

static void names_hold_the_domain_and_the_network(void)
{
	static const struct {
		const char *label, *client, *want;
	} cases[] = {
		{ "IPv4 is a /24", "192.0.2.77", "example.com 192.0.2.0/24" },
		{ "IPv6 is a /48", "2001:db8:1:2::3",
		    "example.com 2001:db8:1::/48" },
		{ "its text is canonical", "2001:0DB8:0:ffff:0:0:0:1",
		    "example.com 2001:db8::/48" },
		{ "a mapped address is the IPv4 one", "::ffff:192.0.2.1",
		    "example.com 192.0.2.0/24" },
		{ "the next /24 is another", "192.0.3.77",
		    "example.com 192.0.3.0/24" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[PAIR_NAME_SIZE] = "";
		struct netaddr client;

		CHECK_CASE(cases[i].label, netaddr_parse(cases[i].client,
		    &client) && pair_name("example.com", &client, name));
		CHECK_CASE_STR(cases[i].label, name, cases[i].want);
	}
}

static void no_name_without_client_or_domain(void)
{
	struct netaddr none = { .family = AF_UNSPEC }, client;
	char name[PAIR_NAME_SIZE], domain[300];

	CU_ASSERT(netaddr_parse("192.0.2.1", &client));
	CU_ASSERT(!pair_name("example.com", &none, name));
	CU_ASSERT(!pair_name("", &client, name));
	CU_ASSERT(!pair_name("a b", &client, name));
	memset(domain, 'a', sizeof(domain));
	domain[254] = '\0';
	CU_ASSERT(!pair_name(domain, &client, name));
	domain[253] = '\0';
	CU_ASSERT(pair_name(domain, &client, name));
	CU_ASSERT_EQUAL(strlen(name), 253 + 1 + strlen("192.0.2.0/24"));
}

static void networks_are_read_as_people_write_them(void)
{
	static const struct {
		const char *label, *text, *want;
	} cases[] = {
		{ "a /24", "192.0.2.0/24", "192.0.2.0/24" },
		{ "an address of it", "192.0.2.9", "192.0.2.0/24" },
		{ "a /48", "2001:DB8:1::/48", "2001:db8:1::/48" },
		{ "an address of it", "2001:db8:1::9", "2001:db8:1::/48" },
		{ "a mapped address", "::ffff:192.0.2.9", "192.0.2.0/24" },
		{ "host bits", "192.0.2.9/24", "" },
		{ "another prefix", "192.0.0.0/16", "" },
		{ "another prefix", "2001:db8::/32", "" },
		{ "a name", "example.com", "" },
		{ "nothing", "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char network[NETADDR_TEXT] = "";

		CHECK_CASE(cases[i].label, pair_network(cases[i].text,
		    network) == (*cases[i].want != '\0'));
		CHECK_CASE_STR(cases[i].label, network, cases[i].want);
	}
}

/* ---- what makes an event ----------------------------------------------- */

/* A message over TLS 1.2 from somebody, unless changed. */
static struct session_facts session(void)
{
	struct session_facts s = { .listener_port = "25",
		.tls = { .state = TLS_ENCRYPTED, .version = "TLSv1.2" } };

	CU_ASSERT(netaddr_parse("192.0.2.1", &s.client));
	return s;
}

static void check_event(const char *label, const struct session_facts *s,
    const struct message_facts *m, bool want)
{
	char name[PAIR_NAME_SIZE] = "";
	struct pair_event e = { 0 };

	CHECK_CASE(label, pair_of_message(s, m, 3, NOW, name, &e) == want);
	CHECK_CASE_STR(label, name, want ? "example.com 192.0.2.0/24" : "");
	CHECK_CASE(label, e.when == (want ? NOW : 0));
	CHECK_CASE(label, e.tls == (want && s->tls.state == TLS_ENCRYPTED));
	CHECK_CASE(label, e.version == (e.tls ? 12 : 0));
	CHECK_CASE(label, e.keep == (want ? 3 : 0));
}

/* Design §6.12 names who is never remembered. */
static void only_mail_of_strangers_makes_an_event(void)
{
	const struct message_facts plain = { .from = "a@example.com",
		.from_domain = "example.com" };
	struct message_facts m = plain;
	struct session_facts s = session();

	check_event("over TLS", &s, &m, true);
	s.tls = (struct tls_facts){ .state = TLS_PLAINTEXT };
	check_event("in plaintext", &s, &m, true);
	s.tls.state = TLS_UNKNOWN;
	check_event("not known whether it was TLS", &s, &m, false);
	s = session();
	s.relay = true;
	check_event("a relay", &s, &m, false);
	s = session();
	s.client_exempt = true;
	check_event("an exempt client", &s, &m, false);
	s = session();
	s.non_smtp = true;
	check_event("no SMTP session", &s, &m, false);
	s = session();
	s.client = (struct netaddr){ .family = AF_UNSPEC };
	check_event("no client address", &s, &m, false);
	s = session();
	m.auth_user = "user";
	check_event("an authenticated session", &s, &m, false);
	m = (struct message_facts){ .from = "" };
	check_event("a null sender", &s, &m, false);
	m = (struct message_facts){ .from = "root" };
	check_event("a sender without domain", &s, &m, false);
}

/* ---- what a pair remembers --------------------------------------------- */

static void note(struct pair *p, int64_t when, bool tls, unsigned keep)
{
	const struct pair_event e = { .when = when, .tls = tls,
		.version = tls ? 13 : 0, .keep = keep };

	pair_note(p, &e);
}

static void messages_are_counted_apart(void)
{
	struct pair p = { 0 };

	note(&p, NOW, true, 3);
	note(&p, NOW + 5, false, 3);
	note(&p, NOW + 9, true, 3);
	CU_ASSERT_EQUAL(p.first, NOW);
	CU_ASSERT_EQUAL(p.last, NOW + 9);
	CU_ASSERT_EQUAL(p.tls, 2);
	CU_ASSERT_EQUAL(p.plaintext, 1);
	CU_ASSERT_EQUAL(p.version, 13);
	CU_ASSERT(!p.last_plaintext);
	note(&p, NOW + 10, false, 3);
	CU_ASSERT(p.last_plaintext);
	CU_ASSERT_EQUAL(p.version, 13);
	CU_ASSERT_EQUAL(p.times_n, 2);
	CU_ASSERT_EQUAL(p.times[0], NOW + 9);
}

static void only_the_last_times_are_kept(void)
{
	struct pair p = { 0 };

	for (int i = 0; i < 10; i++)
		note(&p, NOW + i, true, 3);
	CU_ASSERT_EQUAL(p.times_n, 3);
	CU_ASSERT_EQUAL(p.times[0], NOW + 9);
	CU_ASSERT_EQUAL(p.times[2], NOW + 7);
	for (int i = 10; i < 40; i++)
		note(&p, NOW + i, true, 99);
	CU_ASSERT_EQUAL(p.times_n, PAIR_TIMES_MAX);
	CU_ASSERT_EQUAL(p.times[PAIR_TIMES_MAX - 1],
	    NOW + 39 - PAIR_TIMES_MAX + 1);
	note(&p, NOW + 40, true, 0);
	CU_ASSERT_EQUAL(p.times_n, 1);
	CU_ASSERT_EQUAL(p.times[0], NOW + 40);
	CU_ASSERT_EQUAL(p.tls, 41);
}

static void counts_stop_at_their_end(void)
{
	struct pair p = { .tls = UINT32_MAX, .plaintext = UINT32_MAX };

	note(&p, NOW, true, 1);
	note(&p, NOW, false, 1);
	CU_ASSERT_EQUAL(p.tls, UINT32_MAX);
	CU_ASSERT_EQUAL(p.plaintext, UINT32_MAX);
}

static void times_that_do_not_fit_are_the_nearest(void)
{
	struct pair p = { 0 };

	note(&p, -5, true, 3);
	CU_ASSERT_EQUAL(p.last, 0);
	note(&p, INT64_C(1) << 40, true, 3);
	CU_ASSERT_EQUAL(p.last, UINT32_MAX);
	CU_ASSERT_EQUAL(p.first, 0);
}

/* ---- what counts as use of TLS ----------------------------------------- */

/* Messages at so many seconds before now; TLS unless the sign is minus. */
static void use_is_min_messages_within_days(void)
{
	static const struct {
		const char *label;
		int64_t ago[4];
		unsigned n, keep;
		struct pair_limits limits;
		bool used;
	} cases[] = {
		{ "nothing ever", { 0 }, 0, 3, { 3, 30 }, false },
		{ "two are not three", { 20, 10 }, 2, 3, { 3, 30 }, false },
		{ "three are", { 30, 20, 10 }, 3, 3, { 3, 30 }, true },
		{ "min = 1: one is enough", { 10 }, 1, 1, { 1, 30 }, true },
		{ "the first is just within the days",
		    { 30 * DAY, 20, 10 }, 3, 3, { 3, 30 }, true },
		{ "the first is a second too old",
		    { 30 * DAY + 1, 20, 10 }, 3, 3, { 3, 30 }, false },
		{ "an older one does no harm",
		    { 40 * DAY, 30, 20, 10 }, 4, 3, { 3, 30 }, true },
		{ "a shorter time is asked of the same pair",
		    { 2 * DAY, 20, 10 }, 3, 3, { 3, 1 }, false },
		{ "fewer are asked than are kept",
		    { 50 * DAY, 20, 10 }, 3, 3, { 2, 30 }, true },
		{ "more are asked than were kept",
		    { 40, 30, 20, 10 }, 4, 2, { 3, 30 }, false },
		{ "plaintext counts nothing",
		    { 40, -30, -20, 10 }, 4, 3, { 3, 30 }, false },
		{ "a year is the longest", { 365 * DAY }, 1, 3, { 1, 365 },
		    true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair p = { 0 };
		struct history_facts f;

		for (unsigned j = 0; j < cases[i].n; j++) {
			int64_t ago = cases[i].ago[j];

			note(&p, NOW - llabs(ago), ago > 0, cases[i].keep);
		}
		pair_facts(&p, &cases[i].limits, NOW, &f);
		CHECK_CASE(cases[i].label, f.known);
		CHECK_CASE(cases[i].label, f.used_tls == cases[i].used);
		CHECK_CASE(cases[i].label, f.tls == p.tls &&
		    f.plaintext == p.plaintext);
	}
}

/* Design §10: the clock may have been wrong, and be right again. */
static void times_far_ahead_do_not_count(void)
{
	struct pair p = { 0 };

	for (int i = 0; i < 3; i++)
		note(&p, NOW + 3600, true, 3);
	CU_ASSERT_EQUAL(pair_recent(&p, 30, NOW), 3);
	for (int i = 0; i < 3; i++)
		note(&p, NOW + 400 * DAY, true, 3);
	CU_ASSERT_EQUAL(pair_recent(&p, 30, NOW), 0);
	note(&p, NOW, true, 3);
	CU_ASSERT_EQUAL(pair_recent(&p, 30, NOW), 1);
	CU_ASSERT_EQUAL(p.first, NOW);
	CU_ASSERT_EQUAL(p.last, NOW);
}

/* ---- the packed form --------------------------------------------------- */

static struct pair sample(void)
{
	struct pair p = { 0 };

	note(&p, NOW, true, 3);
	note(&p, NOW + 1, true, 3);
	note(&p, NOW + 2, false, 3);
	return p;
}

static bool same(const struct pair *a, const struct pair *b)
{
	return a->first == b->first && a->last == b->last &&
	    a->tls == b->tls && a->plaintext == b->plaintext &&
	    a->last_plaintext == b->last_plaintext &&
	    a->version == b->version && a->times_n == b->times_n &&
	    memcmp(a->times, b->times, sizeof(a->times)) == 0;
}

static void packing_loses_nothing(void)
{
	unsigned char packed[PAIR_PACKED_MAX];
	struct pair p = sample(), q;
	size_t len = pair_pack(&p, packed);

	CU_ASSERT_EQUAL(len, 28);
	CU_ASSERT(pair_read(packed, len, &q));
	CU_ASSERT(same(&p, &q));
	for (int i = 0; i < 20; i++)
		note(&p, NOW + i, true, PAIR_TIMES_MAX);
	len = pair_pack(&p, packed);
	CU_ASSERT_EQUAL(len, PAIR_PACKED_MAX);
	CU_ASSERT(pair_read(packed, len, &q));
	CU_ASSERT(same(&p, &q));
}

static void what_is_damaged_is_no_pair(void)
{
	static const struct {
		const char *label;
		size_t at;
		unsigned char value;
	} cases[] = {
		{ "version 0", 0, 0 },
		{ "a version to come", 0, 2 },
		{ "a flag to come", 1, 3 },
		{ "an unknown TLS version", 2, 42 },
		{ "last in plaintext, which never came", 15, 0 },
		{ "more times than messages", 11, 1 },
		{ "more times than there is room for", 19, 17 },
		{ "more times than there are", 19, 3 },
		{ "fewer times than there are", 19, 1 },
	};
	unsigned char packed[PAIR_PACKED_MAX + 1];
	struct pair p = sample(), q = { .tls = 77 };
	size_t len = pair_pack(&p, packed);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char was = packed[cases[i].at];

		packed[cases[i].at] = cases[i].value;
		CHECK_CASE(cases[i].label, was != cases[i].value);
		CHECK_CASE(cases[i].label, !pair_read(packed, len, &q));
		CHECK_CASE(cases[i].label, q.tls == 77);
		packed[cases[i].at] = was;
	}
	for (size_t n = 0; n < len; n++)
		CU_ASSERT(!pair_read(packed, n, &q));
	packed[len] = 0;
	CU_ASSERT(!pair_read(packed, len + 1, &q));
	CU_ASSERT(pair_read(packed, len, &q));
}

static void versions_have_names(void)
{
	CU_ASSERT_STRING_EQUAL(pair_version_name(13), "TLSv1.3");
	CU_ASSERT_STRING_EQUAL(pair_version_name(10), "TLSv1");
	CU_ASSERT_STRING_EQUAL(pair_version_name(0), "");
	CU_ASSERT_STRING_EQUAL(pair_version_name(99), "");
}

static const struct unit_test tests[] = {
	{ "design §6.12: a name holds domain and network",
	    names_hold_the_domain_and_the_network },
	{ "no name without client or domain",
	    no_name_without_client_or_domain },
	{ "networks are read as people write them",
	    networks_are_read_as_people_write_them },
	{ "design §6.12: only mail of strangers makes an event",
	    only_mail_of_strangers_makes_an_event },
	{ "TLS and plaintext are counted apart", messages_are_counted_apart },
	{ "only the last times are kept", only_the_last_times_are_kept },
	{ "counts stop at their end", counts_stop_at_their_end },
	{ "times that do not fit are the nearest",
	    times_that_do_not_fit_are_the_nearest },
	{ "use of TLS is history.min messages within history.days",
	    use_is_min_messages_within_days },
	{ "design §10: times far ahead do not count",
	    times_far_ahead_do_not_count },
	{ "packing loses nothing", packing_loses_nothing },
	{ "what is damaged is no pair", what_is_damaged_is_no_pair },
	{ "versions have names", versions_have_names },
};

UNIT_MAIN("pair", tests)
