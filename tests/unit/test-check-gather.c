/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "tests/unit/failmalloc.h"
#include "tests/unit/gather-world.h"
#include "tests/unit/unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct gather_run run;

static void run_target(const struct world *w, const struct check_target *t,
    const struct gather_options *o)
{
	gather_world_run(w, t, o, -1, &run);
	CU_ASSERT(!run.doubled);
	CU_ASSERT(run.ended && !run.no_memory);
}

static struct check_target example_com(void)
{
	struct check_target t = { .is_domain = false };
	char err[100];

	CU_ASSERT_FATAL(check_target_domain("example.com", &t, err,
	    sizeof(err)));
	return t;
}

static void run_domain(const struct world *w, const struct gather_options *o)
{
	struct check_target t = example_com();

	run_target(w, &t, o);
}

static void run_host(const struct world *w, enum check_protocol p,
    const char *operand, const struct gather_options *o)
{
	struct check_target t;
	char err[100];

	CU_ASSERT_FATAL(check_target_host(p, operand, &t, err, sizeof(err)));
	run_target(w, &t, o);
}

/* ---- worlds ------------------------------------------------------------ */

static const struct gather_options plain = { .ehlo = "us.example" };

static const struct row signed_rows[] = {
	{ "example.com", DNS_MX, DNS_FOUND,
	    "20 b.example.com 10 a.example.com 10 192.0.2.9 "
	    "30 a.example.com", NULL, false, false },
	{ "a.example.com", DNS_A, DNS_FOUND, "192.0.2.2 192.0.2.1", NULL,
	    false, false },
	{ "a.example.com", DNS_AAAA, DNS_FOUND, "2001:db8::1", NULL, false,
	    false },
	{ "b.example.com", DNS_A, DNS_FOUND, "192.0.2.1", "c.example.net",
	    false, false },
	{ "b.example.com", DNS_AAAA, DNS_SERVFAIL, NULL, NULL, false, false },
	{ "_25._tcp.a.example.com", DNS_TLSA, DNS_FOUND, "311=1 311=2 011=3",
	    NULL, false, false },
	{ "_smtp._tls.example.com", DNS_TXT, DNS_FOUND,
	    "v=TLSRPTv1; rua=mailto:r@example.com,https://r.example/", NULL,
	    false, false },
	{ "mta-sts.example.com", DNS_A, DNS_FOUND,
	    "10.9.8.7 203.0.112.7", NULL, false, false },
	{ NULL, DNS_A, DNS_NODATA, NULL, NULL, false, false }
};
static const struct server signed_servers[] = {
	{ "192.0.2.1", "good=1" },
	{ "192.0.2.2", "wrong" },
	{ "2001:db8::1", "refused" },
	{ NULL, NULL }
};
static const struct world signed_world = {
	.rows = signed_rows, .servers = signed_servers,
	.policy = "\nversion: STSv1\nmode: enforce\nmx: a.example.com\n"
	    "max_age: 86400\n",
};

static void domain(void)
{
	run_domain(&signed_world, &plain);
	CU_ASSERT_STRING_EQUAL(run.log,
	    "smtp 192.0.2.1:25 name=a.example.com sni=a.example.com tlsa=2\n"
	    "smtp 192.0.2.2:25 name=a.example.com sni=a.example.com tlsa=2\n"
	    "smtp 2001:db8::1:25 name=a.example.com sni=a.example.com "
	    "tlsa=2\n"
	    "https 203.0.112.7:443 name=mta-sts.example.com "
	    "sni=mta-sts.example.com tlsa=0\n"
	    "smtp 192.0.2.1:25 name=a.example.com sni= tlsa=2\n"
	    "smtp 192.0.2.2:25 name=a.example.com sni= tlsa=2\n"
	    "smtp 192.0.2.1:25 name=b.example.com sni=b.example.com tlsa=0\n"
	    "smtp 192.0.2.1:25 name=b.example.com sni= tlsa=0\n");
	CU_ASSERT_EQUAL(run.f.connections, 8);
	CU_ASSERT_EQUAL(run.f.port25, ANSWER_YES);
	CU_ASSERT_EQUAL(run.f.mx, MX_FOUND);
	CU_ASSERT_STRING_EQUAL(run.f.resolver, "192.0.2.53");
	CU_ASSERT_EQUAL_FATAL(run.f.n, 3);
	CU_ASSERT(run.f.hosts[0].is_literal);
	CU_ASSERT_STRING_EQUAL(run.f.hosts[1].name, "a.example.com");
	CU_ASSERT_EQUAL(run.f.hosts[1].preference, 10);
	CU_ASSERT(run.f.hosts[2].alias);
	CU_ASSERT_STRING_EQUAL(run.f.hosts[2].canonical, "c.example.net");
	CU_ASSERT_EQUAL(run.f.hosts[2].ipv6.status, DNS_SERVFAIL);
	CU_ASSERT_EQUAL(run.f.tlsrpt, TLSRPT_FOUND);
	CU_ASSERT_EQUAL_FATAL(run.f.tlsrpt_rua.n, 2);
	CU_ASSERT_STRING_EQUAL(run.f.tlsrpt_rua.v[1], "https://r.example/");
	CU_ASSERT(run.f.policy_host.asked && run.f.policy_host.probe.has_tls);
	CU_ASSERT_EQUAL(run.f.policy_host.addr.bytes[3], 7);
	CU_ASSERT(run.f.sts_findings.n > 0);
	check_facts_clear(&run.f);
}

static void tlsa(void)
{
	const struct host_facts *h;

	run_domain(&signed_world, &plain);
	CU_ASSERT_FATAL(run.f.n == 3 && run.f.hosts[1].tlsa_n == 3);
	h = &run.f.hosts[1];
	CU_ASSERT_EQUAL(run.f.dane, DANE_SOME);
	CU_ASSERT_EQUAL(h->dane, DANE_HOST_USABLE);
	CU_ASSERT_STRING_EQUAL(h->base, "a.example.com");
	CU_ASSERT_STRING_EQUAL(h->tlsa[1].text, "3 1 1 010101010101010101010"
	    "1010101010101010101010101010101010101010101");
	CU_ASSERT_EQUAL(h->tlsa[0].use, TLSA_PKIX);
	CU_ASSERT_EQUAL(h->tlsa[0].matches, ANSWER_UNKNOWN);
	CU_ASSERT_EQUAL(h->tlsa[1].matches, ANSWER_YES);
	CU_ASSERT_EQUAL(h->tlsa[2].matches, ANSWER_NO);
	CU_ASSERT_EQUAL(check_promise(&run.f, h), CHECK_PROMISE_DANE);
	CU_ASSERT_EQUAL(run.f.hosts[2].dane, DANE_HOST_NO_TLSA);
	check_facts_clear(&run.f);
}

/* Without validation nothing is known of DANE, and nothing is promised by
 * it. */
static void unvalidated(void)
{
	struct world w = signed_world;

	w.unvalidated = true;
	w.policy = NULL;
	run_domain(&w, &plain);
	CU_ASSERT(!run.f.dane_asked);
	CU_ASSERT_EQUAL(run.f.hosts[1].dane, DANE_HOST_PENDING);
	CU_ASSERT_EQUAL(run.f.sts, MTASTS_ABSENT);
	CU_ASSERT(!run.f.policy_host.asked);
	CU_ASSERT_PTR_NULL(strstr(run.log, "https"));
	check_facts_clear(&run.f);
}

static void families(void)
{
	struct gather_options o = { .no_ipv4 = true, .max_mx = 2 };

	run_domain(&signed_world, &o);
	CU_ASSERT_STRING_EQUAL(run.log, "smtp 2001:db8::1:25 "
	    "name=a.example.com sni=a.example.com tlsa=2\n");
	CU_ASSERT(run.f.mx_cut);
	CU_ASSERT_EQUAL(run.f.hosts[1].ipv4.status, DNS_FOUND);
	CU_ASSERT_EQUAL(run.f.hosts[1].n, 1);
	check_facts_clear(&run.f);
}

/* ---- MX ---------------------------------------------------------------- */

static void mx_states(void)
{
	static const struct {
		const char *label;
		struct row rows[4];
		enum mx_state state;
		size_t hosts;
		bool null_and_others;
	} cases[] = {
		{ "null MX", { { "example.com", DNS_MX, DNS_FOUND, "0 .",
		    NULL, false, false } }, MX_NULL, 0, false },
		{ "null MX and another", { { "example.com", DNS_MX, DNS_FOUND,
		    "0 . 10 a.example.com", NULL, false, false } }, MX_FOUND,
		    1, true },
		{ "no such domain", { { "example.com", DNS_MX, DNS_NXDOMAIN,
		    NULL, NULL, false, false } }, MX_NO_DOMAIN, 0, false },
		{ "bogus", { { "example.com", DNS_MX, DNS_BOGUS, NULL, NULL,
		    false, false } }, MX_UNKNOWN, 0, false },
		{ "implicit", { { "example.com", DNS_A, DNS_FOUND,
		    "192.0.2.1", NULL, false, false } }, MX_IMPLICIT, 1,
		    false },
		{ "implicit, not told", { { "example.com", DNS_A,
		    DNS_SERVFAIL, NULL, NULL, false, false } }, MX_IMPLICIT,
		    1, false },
		{ "none", { { NULL, DNS_A, DNS_NODATA, NULL, NULL, false,
		    false } }, MX_NONE, 0, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world w = { .rows = cases[i].rows,
			.servers = signed_servers };

		run_domain(&w, &plain);
		CHECK_CASE(cases[i].label, run.f.mx == cases[i].state);
		CHECK_CASE(cases[i].label, run.f.n == cases[i].hosts);
		CHECK_CASE(cases[i].label, run.f.null_and_others ==
		    cases[i].null_and_others);
		check_facts_clear(&run.f);
	}
}

/* Whatever has not come in time has timed out, the rest is known. */
static void budget(void)
{
	static const struct row rows[] = {
		{ "example.com", DNS_MX, DNS_FOUND, "1 a.example.com", NULL,
		    false, false },
		{ "a.example.com", DNS_A, DNS_FOUND, "192.0.2.2", NULL, false,
		    false },
		{ "a.example.com", DNS_AAAA, DNS_FOUND, "", NULL, false,
		    true },
		{ "_smtp._tls.example.com", DNS_TXT, DNS_FOUND, "", NULL,
		    false, true },
		{ NULL, DNS_A, DNS_NODATA, NULL, NULL, false, false }
	};
	static const struct world w = { .rows = rows,
		.servers = signed_servers };
	struct gather_options o = { .budget_ms = 20 };

	run_domain(&w, &o);
	CU_ASSERT_EQUAL_FATAL(run.f.n, 1);
	CU_ASSERT_EQUAL(run.f.hosts[0].ipv4.status, DNS_FOUND);
	CU_ASSERT_EQUAL(run.f.hosts[0].ipv6.status, DNS_TIMEOUT);
	CU_ASSERT_EQUAL(run.f.tlsrpt, TLSRPT_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(run.f.tlsrpt_why, "no answer in time");
	CU_ASSERT_EQUAL(run.f.connections, 2);
	check_facts_clear(&run.f);
}

/* ---- hosts ------------------------------------------------------------- */

static void address_target(void)
{
	run_host(&signed_world, CHECK_IMAP, "[192.0.2.1]:1143", &plain);
	CU_ASSERT_STRING_EQUAL(run.log,
	    "imap 192.0.2.1:1143 name= sni= tlsa=0\n");
	CU_ASSERT(!run.f.sts_asked && !run.f.dane_asked);
	CU_ASSERT_EQUAL(run.f.port25, ANSWER_UNKNOWN);
	CU_ASSERT_EQUAL(run.f.n, 1);
	check_facts_clear(&run.f);
}

static void host_target(void)
{
	struct gather_options o = { .ehlo = "us.example", .control_port = 2525,
		.control = { AF_INET, { 192, 0, 2, 2 } } };

	run_host(&signed_world, CHECK_SMTP, "a.example.com", &o);
	CU_ASSERT_PTR_NOT_NULL(strstr(run.log, "sni=a.example.com tlsa=2\n"));
	CU_ASSERT_EQUAL(strncmp(run.log, "smtp 192.0.2.2:2525 name= sni= ",
	    31), 0);
	CU_ASSERT_EQUAL(run.f.hosts[0].dane, DANE_HOST_USABLE);
	check_facts_clear(&run.f);

	/* DANE of SMTP is not about submission. */
	run_host(&signed_world, CHECK_SUBMISSION, "a.example.com:25", &o);
	CU_ASSERT_PTR_NOT_NULL(strstr(run.log, "sni=a.example.com tlsa=0\n"));
	CU_ASSERT_PTR_NULL(strstr(run.log, ":2525"));
	CU_ASSERT_EQUAL(run.f.hosts[0].dane, DANE_HOST_PENDING);
	check_facts_clear(&run.f);
}

/* ---- connections ------------------------------------------------------- */

static void connections(void)
{
	static const struct {
		const char *words;
		unsigned n;
		int second;
	} cases[] = {
		{ "good", 2, SECOND_NO_SNI },
		{ "refused", 1, SECOND_NONE },
		{ "busy", 1, SECOND_NONE },
		{ "silent good", 2, SECOND_RETRY },
		{ "plain busy", 2, SECOND_RETRY },
	};
	struct row rows[] = {
		{ "a.example.com", DNS_A, DNS_FOUND, "192.0.2.1", NULL, false,
		    false },
		{ NULL, DNS_A, DNS_NODATA, NULL, NULL, false, false }
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct server servers[] = {
			{ "192.0.2.1", cases[i].words }, { NULL, NULL }
		};
		struct world w = { .rows = rows, .servers = servers };

		run_host(&w, CHECK_SMTP, "a.example.com", &plain);
		CHECK_CASE(cases[i].words,
		    run.f.connections == cases[i].n);
		CHECK_CASE(cases[i].words,
		    (int)run.f.hosts[0].addresses[0].second_kind ==
		    cases[i].second);
		check_facts_clear(&run.f);
	}
}

static void port25(void)
{
	static const struct {
		const char *label;
		const char *control, *host;
		enum check_answer port25;
	} cases[] = {
		{ "the control host answers", "plain", "refused",
		    ANSWER_YES },
		{ "it is busy", "busy", "refused", ANSWER_YES },
		{ "it takes connections, and is silent", "silent", "refused",
		    ANSWER_NO },
		{ "it does not, but the host does", "refused", "good",
		    ANSWER_YES },
	};
	struct gather_options o = { .ehlo = "us.example",
		.control = { AF_INET, { 192, 0, 2, 9 } } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct server servers[] = {
			{ "192.0.2.9", cases[i].control },
			{ "192.0.2.1", cases[i].host }, { NULL, NULL }
		};
		struct world w = { .rows = signed_rows, .servers = servers };

		run_host(&w, CHECK_SMTP, "192.0.2.1", &o);
		CHECK_CASE(cases[i].label, run.f.port25 == cases[i].port25);
		check_facts_clear(&run.f);
	}
}

static void deep(void)
{
	struct gather_options o = { .ehlo = "us.example", .deep = true };
	struct server servers[] = { { "192.0.2.1", "good" }, { NULL, NULL } };
	struct world w = { .rows = signed_rows, .servers = servers };
	struct deep_facts *d;

	run_host(&w, CHECK_SMTP, "192.0.2.1", &o);
	d = &run.f.hosts[0].addresses[0].deep;
	CU_ASSERT(run.f.hosts[0].addresses[0].has_deep && !d->cut);
	CU_ASSERT_EQUAL_FATAL(d->versions.n, 3);
	CU_ASSERT_STRING_EQUAL(d->versions.v[0], "TLSv1.1");
	CU_ASSERT_EQUAL_FATAL(d->ciphers.n, 3);
	CU_ASSERT_STRING_EQUAL(d->ciphers.v[2], "TLSv1.2 3DES");
	CU_ASSERT_EQUAL(d->connections, 7);
	CU_ASSERT_PTR_NOT_NULL(strstr(run.log,
	    "tlsa=0 TLSv1.2 ALL:!AES:!CHACHA:!3DES\n"));
	check_facts_clear(&run.f);

	servers[0].words = "good good busy";
	run_host(&w, CHECK_SMTP, "192.0.2.1", &o);
	d = &run.f.hosts[0].addresses[0].deep;
	CU_ASSERT(d->cut);
	CU_ASSERT_EQUAL(d->connections, 2);
	check_facts_clear(&run.f);

	servers[0].words = "plain";
	run_host(&w, CHECK_SMTP, "192.0.2.1", &o);
	CU_ASSERT(!run.f.hosts[0].addresses[0].has_deep);
	check_facts_clear(&run.f);
}

/* Twenty addresses of two hosts, which share some. */
static void parallel(void)
{
	static const struct row rows[] = {
		{ "example.com", DNS_MX, DNS_FOUND,
		    "1 a.example.com 1 b.example.com", NULL, false, false },
		{ "a.example.com", DNS_A, DNS_FOUND, "192.0.2.1 192.0.2.2 "
		    "192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 "
		    "192.0.2.8 192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12 "
		    "192.0.2.13 192.0.2.14 192.0.2.15 192.0.2.16 192.0.2.17 "
		    "192.0.2.1", NULL, false, false },
		{ "b.example.com", DNS_A, DNS_FOUND, "192.0.2.1 192.0.2.8",
		    NULL, false, false },
		{ NULL, DNS_A, DNS_NODATA, NULL, NULL, false, false }
	};
	static const struct world w = { .rows = rows,
		.servers = signed_servers };

	run_domain(&w, &plain);
	CU_ASSERT_EQUAL(run.most_parallel, GATHER_PARALLEL);
	CU_ASSERT_EQUAL(run.f.hosts[0].n, GATHER_ADDRESSES_MAX);
	CU_ASSERT_EQUAL(run.f.connections, 2 * (GATHER_ADDRESSES_MAX + 2));
	check_facts_clear(&run.f);
}

/* ---- the end of it ----------------------------------------------------- */

static void cancel(void)
{
	struct gather_options o = { .ehlo = "us.example", .deep = true,
		.control = { AF_INET, { 192, 0, 2, 1 } } };
	struct check_target t = example_com();
	int steps = 0;

	for (run.ended = false; !run.ended; steps++) {
		gather_world_run(&signed_world, &t, &o, steps, &run);
		CU_ASSERT_EQUAL_FATAL(run.parallel, 0);
	}
	CU_ASSERT(steps > 10);
	check_facts_clear(&run.f);
}

static void slow_policy(void)
{
	struct world w = signed_world;
	struct check_target t = example_com();

	w.slow_policy = true;
	gather_world_run(&w, &t, &plain, 15, &run);
	CU_ASSERT(!run.ended);
	CU_ASSERT_PTR_NULL(strstr(run.log, "https"));
}

static void memory(void)
{
	struct gather_options o = { .ehlo = "us.example", .deep = true,
		.budget_ms = 50 };
	struct check_target t = example_com();
	unsigned none = 0;

	for (unsigned n = 1; ; n++) {
		failmalloc_set(n);
		gather_world_run(&signed_world, &t, &o, -1, &run);
		CU_ASSERT_FATAL(run.ended);
		none += run.no_memory;
		check_facts_clear(&run.f);
		if (!failmalloc_struck())
			break;
	}
	failmalloc_set(0);
	CU_ASSERT(none > 20);
	CU_ASSERT(!run.no_memory);
}

static const struct unit_test tests[] = {
	{ "a domain", domain },
	{ "TLSA records", tlsa },
	{ "answers that are not validated", unvalidated },
	{ "one family only", families },
	{ "MX", mx_states },
	{ "the budget", budget },
	{ "a target that is an address", address_target },
	{ "a target that is a host", host_target },
	{ "connections", connections },
	{ "port 25", port25 },
	{ "deep", deep },
	{ "in parallel", parallel },
	{ "cancel", cancel },
	{ "a policy that does not come", slow_policy },
	{ "out of memory", memory },
};

UNIT_MAIN("check-gather", tests)
