/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers whose AD bit is trusted (RFC 7672 §2.1.1): what they are asked,
 * and what becomes of what they say. They are played here, on the loopback
 * address.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "tests/unit/skipclock.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define HEADER 12
#define OPT 11
#define SIZE 600
enum { NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED };

/* What a server does. */
struct script {
	bool soa_ad, ad;	/* to the self-test, to other questions */
	int rcode;		/* to other questions */
	bool no_edns;		/* it does not know EDNS */
	bool truncates;		/* over UDP */
	bool soa_silent, silent;	/* to the same */
	bool lies;		/* an answer with another id comes first */
};

struct server {
	struct evloop *loop;
	struct script script;
	int udp, tcp, conn;
	struct evio *udp_io, *tcp_io, *conn_io;
	char name[32];
	uint8_t query[SIZE];	/* the last one */
	size_t len;
	unsigned asked, asked_tcp;
};

/* ---- the server -------------------------------------------------------- */

static bool is_soa(const struct server *s)
{
	/* The self-test asks for the root: its name is a single zero. */
	return s->len > HEADER && s->query[HEADER] == 0;
}

static bool has_edns(const struct server *s)
{
	return s->query[11] == 1;
}

/* Make the answer to the last query: a TXT record at its name. Return its
 * length. */
static size_t make_answer(const struct server *s, bool tcp, uint8_t *out)
{
	static const uint8_t record[] = {
		0xc0, HEADER, 0, 16, 0, 1, 0, 0, 0, 60, 0, 2, 1, 'x',
	};
	bool old = s->script.no_edns && has_edns(s);
	bool cut = s->script.truncates && !tcp;
	int rcode = old ? FORMERR : is_soa(s) ? NOERROR : s->script.rcode;
	size_t len = s->len - (has_edns(s) ? OPT : 0);

	memcpy(out, s->query, len);
	out[2] = 0x81 | (cut ? 2 : 0);
	out[3] = (uint8_t)(0x80 | rcode);
	if (is_soa(s) ? s->script.soa_ad : s->script.ad)
		out[3] |= 0x20;
	out[7] = out[9] = out[11] = 0;
	if (rcode != NOERROR || cut)
		return len;
	out[7] = 1;
	memcpy(out + len, record, sizeof(record));
	if (is_soa(s))
		out[len + 3] = DNS_SOA;
	return len + sizeof(record);
}

static void on_udp(void *arg, int fd, unsigned events)
{
	struct server *s = arg;
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	uint8_t out[SIZE];
	ssize_t n = recvfrom(fd, s->query, SIZE, MSG_DONTWAIT,
	    (struct sockaddr *)&peer, &size);
	size_t len;

	(void)events;
	if (n < HEADER)
		return;
	s->len = (size_t)n;
	s->asked++;
	if (is_soa(s) ? s->script.soa_silent : s->script.silent)
		return;
	len = make_answer(s, false, out);
	if (s->script.lies) {
		out[0] ^= 1;
		out[len - 1] = 'y';
		sendto(fd, out, len, 0, (struct sockaddr *)&peer, size);
		out[0] ^= 1;
		out[len - 1] = 'x';
	}
	sendto(fd, out, len, 0, (struct sockaddr *)&peer, size);
}

static void close_conn(struct server *s)
{
	evio_free(s->conn_io);
	s->conn_io = NULL;
	if (s->conn >= 0)
		close(s->conn);
	s->conn = -1;
}

static void on_conn(void *arg, int fd, unsigned events)
{
	struct server *s = arg;
	uint8_t in[SIZE + 2], out[SIZE + 2];
	ssize_t n = recv(fd, in, sizeof(in), MSG_DONTWAIT);
	size_t len;

	(void)events;
	if (n < 2 + HEADER) {
		close_conn(s);
		return;
	}
	s->len = (size_t)n - 2;
	memcpy(s->query, in + 2, s->len);
	s->asked_tcp++;
	len = make_answer(s, true, out + 2);
	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	CU_ASSERT_EQUAL(send(fd, out, len + 2, MSG_NOSIGNAL),
	    (ssize_t)len + 2);
}

static void on_tcp(void *arg, int fd, unsigned events)
{
	struct server *s = arg;

	(void)events;
	close_conn(s);
	s->conn = accept(fd, NULL, NULL);
	s->conn_io = evio_new(s->loop, s->conn, EVLOOP_READ, on_conn, s);
}

/* Both sockets at one port; true when the port was free for both. */
static bool bind_both(struct server *s)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(sa);

	s->udp = socket(AF_INET, SOCK_DGRAM, 0);
	s->tcp = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_FATAL(s->udp >= 0 && s->tcp >= 0);
	CU_ASSERT_FATAL(bind(s->udp, (struct sockaddr *)&sa, size) == 0);
	CU_ASSERT_FATAL(getsockname(s->udp, (struct sockaddr *)&sa, &size) ==
	    0);
	snprintf(s->name, sizeof(s->name), "127.0.0.1@%d",
	    ntohs(sa.sin_port));
	if (bind(s->tcp, (struct sockaddr *)&sa, size) == 0)
		return listen(s->tcp, 5) == 0;
	close(s->udp);
	close(s->tcp);
	return false;
}

static void server_open(struct server *s, struct evloop *loop,
    const struct script *script)
{
	*s = (struct server){ .loop = loop, .script = *script, .conn = -1 };
	while (!bind_both(s))
		;
	s->udp_io = evio_new(loop, s->udp, EVLOOP_READ, on_udp, s);
	s->tcp_io = evio_new(loop, s->tcp, EVLOOP_READ, on_tcp, s);
}

static void server_close(struct server *s)
{
	close_conn(s);
	evio_free(s->udp_io);
	evio_free(s->tcp_io);
	close(s->udp);
	close(s->tcp);
}

/* ---- the client -------------------------------------------------------- */

struct client {
	struct evloop *loop;
	struct server servers[2];
	struct dns *dns;
	unsigned answers;
	struct dns_answer answer;	/* without its records */
	char text[10];
};

static void on_answer(void *arg, const struct dns_answer *a)
{
	struct client *c = arg;

	c->answers++;
	c->answer = *a;
	snprintf(c->text, sizeof(c->text), "%s", a->n ? a->records[0].data :
	    "");
}

static void open_client(struct client *c, const struct script *first,
    const struct script *second, uint32_t timeout_ms)
{
	const char *names[3] = { NULL };
	struct dns_options o = { .servers = names,
		.dnssec = MTASTS_DNSSEC_TRUST_AD, .timeout_ms = timeout_ms };
	struct buf err;

	memset(c, 0, sizeof(*c));
	buf_init(&err, 200);
	c->loop = evloop_new();
	server_open(&c->servers[0], c->loop, first);
	names[0] = c->servers[0].name;
	if (second) {
		server_open(&c->servers[1], c->loop, second);
		names[1] = c->servers[1].name;
	}
	c->dns = dns_new(c->loop, &o, &err);
	CU_ASSERT_STRING_EQUAL(buf_str(&err), "");
	CU_ASSERT_FATAL(c->dns != NULL);
	CU_ASSERT_EQUAL(dns_validation(c->dns, NULL),
	    DNS_VALIDATION_TESTING);
	buf_clear(&err);
}

static void ask(struct client *c)
{
	unsigned before = c->answers;

	CU_ASSERT_FATAL(dns_query_start(c->dns, "a.example", DNS_TXT,
	    on_answer, c) != NULL);
	while (c->answers == before)
		evloop_wait(c->loop, -1);
}

static void close_client(struct client *c)
{
	dns_free(c->dns);
	server_close(&c->servers[0]);
	if (c->servers[1].loop)
		server_close(&c->servers[1]);
	evloop_free(c->loop);
}

/* ---- the tests --------------------------------------------------------- */

static void what_is_asked(void)
{
	static const uint8_t question[] = {
		0, 1, 0, 0, 0, 0, 0, 1,	/* one question, one OPT */
		1, 'a', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,
		0, DNS_TXT, 0, 1,
		0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0x80, 0, 0, 0,
	};
	const struct script script = { .soa_ad = true, .ad = true };
	struct client c;
	const struct server *s = &c.servers[0];
	unsigned id;

	open_client(&c, &script, NULL, 60000);
	ask(&c);
	/* RD, AD, and DO in the OPT record: as the C library does. */
	CU_ASSERT_EQUAL(s->query[2], 0x01);
	CU_ASSERT_EQUAL(s->query[3], 0x20);
	CU_ASSERT_EQUAL_FATAL(s->len, 4 + sizeof(question));
	CU_ASSERT_EQUAL(memcmp(s->query + 4, question, sizeof(question)), 0);
	id = s->query[0] << 8 | s->query[1];
	for (unsigned i = 0; i < 3 &&
	    id == (unsigned)(s->query[0] << 8 | s->query[1]); i++)
		ask(&c);
	CU_ASSERT(id != (unsigned)(s->query[0] << 8 | s->query[1]));
	close_client(&c);
}

static void answers(void)
{
	static const struct {
		const char *label;
		struct script script;
		enum dns_validation validation;
		enum dns_status status;
		bool secure;
		unsigned asked, asked_tcp;	/* the self-test included */
	} cases[] = {
		{ "AD", { .soa_ad = true, .ad = true },
		    DNS_VALIDATION_WORKS, DNS_FOUND, true, 2, 0 },
		{ "no AD", { .soa_ad = true }, DNS_VALIDATION_WORKS,
		    DNS_FOUND, false, 2, 0 },
		{ "AD, but not for what is surely signed", { .ad = true },
		    DNS_VALIDATION_FAILED, DNS_FOUND, false, 2, 0 },
		{ "AD for what does not exist", { .soa_ad = true, .ad = true,
		    .rcode = NXDOMAIN }, DNS_VALIDATION_WORKS, DNS_NXDOMAIN,
		    true, 2, 0 },
		{ "an error is never secure", { .soa_ad = true, .ad = true,
		    .rcode = SERVFAIL }, DNS_VALIDATION_WORKS, DNS_SERVFAIL,
		    false, 2, 0 },
		{ "refused", { .soa_ad = true, .ad = true,
		    .rcode = REFUSED }, DNS_VALIDATION_WORKS, DNS_SERVFAIL,
		    false, 2, 0 },
		{ "no EDNS: asked again without, each time", { .no_edns =
		    true, .soa_ad = true, .ad = true }, DNS_VALIDATION_WORKS,
		    DNS_FOUND, true, 4, 0 },
		{ "too long for UDP", { .soa_ad = true, .ad = true,
		    .truncates = true }, DNS_VALIDATION_WORKS, DNS_FOUND,
		    true, 2, 2 },
		{ "another id", { .soa_ad = true, .ad = true, .lies = true },
		    DNS_VALIDATION_WORKS, DNS_FOUND, true, 2, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *label = cases[i].label;
		struct client c;
		const char *why;

		open_client(&c, &cases[i].script, NULL, 60000);
		ask(&c);
		CHECK_CASE(label, dns_validation(c.dns, &why) ==
		    cases[i].validation);
		CHECK_CASE_STR(label, why, cases[i].validation ==
		    DNS_VALIDATION_WORKS ? "" : "AD is not set");
		CHECK_CASE(label, c.answer.status == cases[i].status);
		CHECK_CASE(label, c.answer.secure == cases[i].secure);
		CHECK_CASE_STR(label, c.text, c.answer.status == DNS_FOUND ?
		    "x" : "");
		CHECK_CASE(label, c.servers[0].asked == cases[i].asked);
		CHECK_CASE(label, c.servers[0].asked_tcp ==
		    cases[i].asked_tcp);
		close_client(&c);
	}
}

static void silence(void)
{
	const struct script script = { .soa_ad = true, .silent = true };
	struct client c;

	open_client(&c, &script, NULL, 200);
	ask(&c);
	CU_ASSERT_EQUAL(c.answer.status, DNS_TIMEOUT);
	/* It is asked again before the time is over. */
	CU_ASSERT(c.servers[0].asked > 2);
	/* Questions given up, or under way at the end, are not answered. */
	c.answers = 0;
	dns_query_cancel(dns_query_start(c.dns, "a.example", DNS_TXT,
	    on_answer, &c));
	dns_query_start(c.dns, "b.example", DNS_TXT, on_answer, &c);
	evloop_process(c.loop);
	CU_ASSERT_EQUAL(c.answers, 0);
	while (c.answers == 0)
		evloop_wait(c.loop, -1);
	CU_ASSERT_EQUAL(c.answers, 1);
	close_client(&c);
}

/* Wait until the server has been asked once more. */
static void repeat_test(struct client *c, int64_t ms)
{
	unsigned before = c->servers[0].asked;

	clock_skip(ms);
	while (c->servers[0].asked == before)
		evloop_wait(c->loop, -1);
}

static void count(void *arg)
{
	unsigned *n = arg;

	++*n;
}

static void what_worked_is_tested_again(void)
{
	const struct script good = { .soa_ad = true, .ad = true };
	struct client c;
	const char *why;
	unsigned changes = 0;

	open_client(&c, &good, NULL, 60000);
	dns_on_validation(c.dns, count, &changes);
	ask(&c);
	CU_ASSERT(c.answer.secure && changes == 1);
	/* Silence proves nothing (DANE-R-06), and is not the last word. */
	c.servers[0].script.soa_silent = true;
	repeat_test(&c, 600000);
	clock_skip(60000);
	evloop_process(c.loop);
	CU_ASSERT_EQUAL(dns_validation(c.dns, &why), DNS_VALIDATION_WORKS);
	CU_ASSERT_STRING_EQUAL(why, "");
	ask(&c);
	CU_ASSERT(c.answer.secure);
	/* An answer without AD does, and what has AD is not believed. */
	c.servers[0].script = (struct script){ .ad = true };
	repeat_test(&c, 15000);
	while (dns_validation(c.dns, NULL) == DNS_VALIDATION_WORKS)
		evloop_wait(c.loop, -1);
	CU_ASSERT_EQUAL(dns_validation(c.dns, &why), DNS_VALIDATION_FAILED);
	CU_ASSERT_STRING_EQUAL(why, "AD is not set");
	ask(&c);
	CU_ASSERT(!c.answer.secure && changes == 2);
	c.servers[0].script = good;
	repeat_test(&c, 15000);
	while (dns_validation(c.dns, NULL) == DNS_VALIDATION_FAILED)
		evloop_wait(c.loop, -1);
	ask(&c);
	CU_ASSERT(c.answer.secure && changes == 3);
	close_client(&c);
}

static void the_next_server(void)
{
	static const struct {
		const char *label;
		struct script first;
	} cases[] = {
		{ "the first fails", { .rcode = SERVFAIL, .soa_ad = true } },
		{ "the first refuses", { .rcode = REFUSED, .soa_ad = true } },
		{ "the first is silent", { .silent = true, .soa_ad = true } },
	};
	const struct script good = { .soa_ad = true, .ad = true };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client c;

		open_client(&c, &cases[i].first, &good, 2000);
		ask(&c);
		CHECK_CASE(cases[i].label, c.answer.status == DNS_FOUND);
		CHECK_CASE(cases[i].label, c.answer.secure);
		CHECK_CASE(cases[i].label, c.servers[1].asked == 1);
		close_client(&c);
	}
}

static void all_servers_fail(void)
{
	const struct script bad = { .rcode = SERVFAIL, .soa_ad = true };
	struct client c;

	open_client(&c, &bad, &bad, 60000);
	ask(&c);
	CU_ASSERT_EQUAL(c.answer.status, DNS_SERVFAIL);
	CU_ASSERT(*c.answer.why != '\0');
	CU_ASSERT(c.servers[0].asked + c.servers[1].asked >= 3);
	close_client(&c);
}

static void servers_of_a_network_are_named(void)
{
	/* Only the first is asked before it is all over. */
	static const char *const servers[] = {
		"127.0.0.1@1", "192.0.2.53", "::1", "2001:db8::53@5353", NULL,
	};
	static const char *const names[] = { "127.0.0.1", "ns.example",
		NULL };
	struct dns_options o = { .servers = servers, .timeout_ms = 60000,
		.dnssec = MTASTS_DNSSEC_TRUST_AD };
	struct evloop *loop = evloop_new();
	struct buf err;
	struct dns *d;

	buf_init(&err, 200);
	d = dns_new(loop, &o, &err);
	CU_ASSERT_FATAL(d != NULL);
	CU_ASSERT_STRING_EQUAL(dns_trusted_remotes(d),
	    "192.0.2.53, 2001:db8::53@5353");
	dns_free(d);
	o.servers = names;
	CU_ASSERT(dns_new(loop, &o, &err) == NULL);
	CU_ASSERT_STRING_EQUAL(buf_str(&err), "DNS server \"ns.example\" is "
	    "not ADDRESS or ADDRESS@PORT");
	buf_clear(&err);
	evloop_free(loop);
}

static const struct unit_test tests[] = {
	{ "what is asked", what_is_asked },
	{ "answers", answers },
	{ "silence", silence },
	{ "what worked is tested again", what_worked_is_tested_again },
	{ "the next server", the_next_server },
	{ "all servers fail", all_servers_fail },
	{ "servers of a network are named", servers_of_a_network_are_named },
};

UNIT_MAIN("dns-stub", tests)
