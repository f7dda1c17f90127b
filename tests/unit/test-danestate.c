/* SPDX-License-Identifier: BSD-2-Clause */
/* DANE for a next hop (RFC 7672 §2): rfc ids DANE-R, -L, -A. */
#include "config.h"

#include "mtasts/danestate.h"

#include "tests/unit/dane-world.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The order answers come in must not matter. */
enum order { FIRST_FIRST, LAST_FIRST, ORDERS };

/* Run to the end, answering from the world; every question asked goes to
 * asked as "TYPE NAME|". */
static void run(const char *label, struct danestate *s, const char *world,
    enum order order, struct buf *asked)
{
	struct dane_question q[DANE_QUESTIONS_MAX];
	size_t n = 0, rounds = 0;

	while (!danestate_done(s) && rounds++ < 500) {
		struct dns_answer a;
		size_t take;

		while (n < DANE_QUESTIONS_MAX && danestate_next(s, &q[n])) {
			CHECK_CASE(label, q[n].id < DANE_QUESTIONS_MAX);
			buf_addf(asked, "%s %s|", dane_world_type(q[n].type),
			    q[n].name);
			n++;
		}
		if (n == 0)
			break;
		take = order == FIRST_FIRST ? 0 : n - 1;
		dane_world_answer(world, q[take].name, q[take].type, &a);
		danestate_answer(s, q[take].id, &a);
		dns_answer_clear(&a);
		memmove(&q[take], &q[take + 1],
		    (n - take - 1) * sizeof(q[0]));
		n--;
	}
	CHECK_CASE(label, danestate_done(s));
}

/* "all+mx ttl=N host=state …": a host's state is a letter. */
static void describe(const struct danestate *s, struct buf *out)
{
	static const char letters[] = "?UXNaAT";
	struct dane_result r;

	danestate_result(s, &r);
	buf_addf(out, "%s%s%s ttl=%u", dane_outcome_text(r.outcome),
	    r.mx_secure ? "+mx" : "", r.cut ? "+cut" : "", r.ttl);
	for (size_t i = 0; i < r.hosts; i++) {
		struct dane_host_result h;

		danestate_host(s, i, &h);
		buf_addf(out, " %s=%c", h.name, letters[h.state]);
		if (h.base && strcmp(h.base, h.name) != 0)
			buf_addf(out, "@%s", h.base);
	}
}

struct row {
	const char *label;
	const char *key;	/* "example.com", "[mx1.example]:587" … */
	const char *world;
	const char *want;
	const char *asked;	/* NULL, or a question that must have been */
	const char *not_asked;	/* NULL, or part of one that must not */
};

static struct danestate *begin(const char *key)
{
	bool bracket = *key == '[';
	char name[300];
	const char *port = strstr(key, "]:");

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(key + bracket, "]"),
	    key + bracket);
	return danestate_new(name, !bracket,
	    port ? (unsigned)strtoul(port + 2, NULL, 10) : 25);
}

static void check(const struct row *row, enum order order)
{
	struct danestate *s = begin(row->key);
	struct buf got, asked;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	buf_init(&got, 10000);
	buf_init(&asked, 10000);
	run(row->label, s, row->world, order, &asked);
	describe(s, &got);
	CHECK_CASE_STR(row->label, buf_str(&got), row->want);
	if (row->asked)
		CHECK_CASE(row->label, strstr(buf_str(&asked), row->asked));
	if (row->not_asked)
		CHECK_CASE(row->label, !strstr(buf_str(&asked),
		    row->not_asked));
	buf_clear(&got);
	buf_clear(&asked);
	danestate_free(s);
}

static void check_all(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int order = 0; order < ORDERS; order++)
			check(&rows[i], (enum order)order);
}

#define D "example.com"
#define ONE D " MX s 10 mx1.example;"
#define TWO D " MX s 10 mx1.example 20 mx2.example;"
#define GOOD1 "mx1.example A s; _25._tcp.mx1.example TLSA s 311;"
#define GOOD2 "mx2.example A s; _25._tcp.mx2.example TLSA s 311;"

/* ---- one host ---------------------------------------------------------- */

static void the_state_table(void)
{
	static const struct row rows[] = {
		{ "all secure", D, ONE GOOD1,
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "an address of the other family", D, ONE
		    "mx1.example AAAA s; _25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "DANE-R-03: an unsigned MX record", D,
		    D " MX i 10 mx1.example;" GOOD1,
		    "some ttl=3600 mx1.example=U", NULL, NULL },
		{ "MX lookup failed", D, D " MX s fail",
		    "error ttl=0", NULL, "A mx" },
		{ "DANE-R-04: bogus is an error", D, D " MX s bogus",
		    "error ttl=0", NULL, NULL },
		{ "DANE-R-06: so is a timeout", D, D " MX s timeout",
		    "error ttl=0", NULL, NULL },
		{ "DANE-R-05: no MX: the domain is the host", D, D " A s;"
		    "_25._tcp." D " TLSA s 311",
		    "all+mx ttl=3600 " D "=U", NULL, NULL },
		{ "not signed: no MX", D, D " MX i none;" D " A s;"
		    "_25._tcp." D " TLSA s 311",
		    "some ttl=3600 " D "=U", NULL, NULL },
		{ "no such domain", D, D " MX s nx", "none+mx ttl=3600",
		    NULL, "A " },
		{ "DANE-L-14: null MX", D, D " MX s 0 .",
		    "null MX+mx ttl=3600", NULL, "TLSA" },
		{ "DANE-L-02: not secure: TLSA is not asked for", D,
		    ONE "mx1.example A i; _25._tcp.mx1.example TLSA s 311",
		    "none+mx ttl=3600 mx1.example=N", NULL, "TLSA" },
		{ "DANE-L-01: servers that fail on TLSA do not stop mail", D,
		    D " MX i 10 mx1.example; mx1.example A i;"
		    "_25._tcp.mx1.example TLSA s fail",
		    "none ttl=3600 mx1.example=N", NULL, "TLSA" },
		{ "DANE-L-01: no address", D, ONE,
		    "none+mx ttl=3600 mx1.example=a", NULL, "TLSA" },
		{ "DANE-A-03: no TLSA", D, ONE "mx1.example A s",
		    "none+mx ttl=3600 mx1.example=N",
		    "TLSA _25._tcp.mx1.example|", NULL },
		{ "DANE-A-03: TLSA not secure", D, ONE "mx1.example A s;"
		    "_25._tcp.mx1.example TLSA i 311",
		    "none+mx ttl=3600 mx1.example=N", NULL, NULL },
		{ "DANE-A-04: TLSA failed", D, ONE "mx1.example A s;"
		    "_25._tcp.mx1.example TLSA s fail",
		    "error+mx ttl=3600 mx1.example=T", NULL, NULL },
		{ "DANE-A-04: TLSA bogus", D, ONE "mx1.example A s;"
		    "_25._tcp.mx1.example TLSA s bogus",
		    "error+mx ttl=3600 mx1.example=T", NULL, NULL },
		{ "DANE-A-02: none usable", D, ONE "mx1.example A s;"
		    "_25._tcp.mx1.example TLSA s 111 bad",
		    "some+mx ttl=3600 mx1.example=X", NULL, NULL },
		{ "DANE-A-01: one of them usable", D, ONE "mx1.example A s;"
		    "_25._tcp.mx1.example TLSA s 111 bad 311",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "both families failed", D, ONE "mx1.example A s fail;"
		    "mx1.example AAAA s fail",
		    "error+mx ttl=3600 mx1.example=A", NULL, "TLSA" },
		{ "a family failed, the other has nothing", D, ONE
		    "mx1.example A s none; mx1.example AAAA s fail",
		    "error+mx ttl=3600 mx1.example=A", NULL, NULL },
		{ "the other way round", D, ONE
		    "mx1.example A s fail; mx1.example AAAA s none",
		    "error+mx ttl=3600 mx1.example=A", NULL, NULL },
		{ "tlspol#189: not secure A decides, AAAA fails", D,
		    D " MX i 10 mx1.example; mx1.example A i;"
		    "mx1.example AAAA s fail",
		    "none ttl=3600 mx1.example=N", NULL, NULL },
		{ "secure A decides, AAAA fails", D, ONE GOOD1
		    "mx1.example AAAA s timeout",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "secure AAAA decides, A is bogus", D, ONE
		    "mx1.example AAAA s; mx1.example A s bogus;"
		    "_25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "DANE-L-11: an address as MX", D, D " MX s 10 192.0.2.1",
		    "none+mx ttl=3600 192.0.2.1=N", NULL, "A " },
		{ "DANE-F-05: the least TTL counts", D,
		    D " MX s ttl=50 10 mx1.example; mx1.example A s ttl=40;"
		    "_25._tcp.mx1.example TLSA s ttl=30 311",
		    "all+mx ttl=30 mx1.example=U", NULL, NULL },
		{ "DANE-F-05: that of the MX record", D,
		    D " MX s ttl=10 10 mx1.example;" GOOD1,
		    "all+mx ttl=10 mx1.example=U", NULL, NULL },
		{ "DANE-F-05: that of the address", D, ONE
		    "mx1.example A s ttl=10; _25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=10 mx1.example=U", NULL, NULL },
		{ "DANE-F-05: that of an address not signed", D, ONE
		    "mx1.example A i ttl=10",
		    "none+mx ttl=10 mx1.example=N", NULL, NULL },
		{ "DANE-F-05: that of no address", D, ONE
		    "mx1.example A s ttl=10 none",
		    "none+mx ttl=10 mx1.example=a", NULL, NULL },
		{ "DANE-F-05: that of no address, the second answer", D, ONE
		    "mx1.example AAAA s ttl=10 nx",
		    "none+mx ttl=10 mx1.example=a", NULL, NULL },
		{ "DANE-F-05: that of the alias", D, ONE
		    "mx1.example A i >t.net; mx1.example CNAME s ttl=10",
		    "none+mx ttl=10 mx1.example=N", NULL, NULL },
		{ "DANE-F-05: that of the first of two names", D, ONE
		    "mx1.example A s >t.net; _25._tcp.t.net TLSA s ttl=10 nx;"
		    "_25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=10 mx1.example=U", NULL, NULL },
		{ "DANE-F-05: that of a \"no\" too", D,
		    ONE "mx1.example A s ttl=40;"
		    "_25._tcp.mx1.example TLSA s ttl=20 none",
		    "none+mx ttl=20 mx1.example=N", NULL, NULL },
	};

	check_all(rows, COUNT(rows));
}

static void next_hops(void)
{
	static const struct row rows[] = {
		{ "DANE-L-12: in brackets", "[mx1.example]", GOOD1,
		    "all+mx ttl=3600 mx1.example=U", NULL, "MX" },
		{ "DANE-L-07: the real port", "[mx1.example]:587",
		    "mx1.example A s; _587._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U",
		    "TLSA _587._tcp.mx1.example|", "_25." },
		{ "DANE-L-07: records of another port", "[mx1.example]:587",
		    GOOD1, "none+mx ttl=3600 mx1.example=N", NULL, NULL },
		{ "a port nobody knows", "[mx1.example]:0", GOOD1,
		    "none+mx ttl=0 mx1.example=N", NULL, "A " },
	};

	check_all(rows, COUNT(rows));
}

static void aliases(void)
{
	static const struct row rows[] = {
		{ "DANE-L-04: at the target", D, ONE "mx1.example A s >t.net;"
		    "_25._tcp.t.net TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U@t.net", NULL,
		    "_tcp.mx1" },
		{ "DANE-L-04: only at the original", D, ONE
		    "mx1.example A s >t.net; _25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U", "TLSA _25._tcp.t.net|",
		    NULL },
		{ "DANE-L-04: both: the target wins", D, ONE
		    "mx1.example A s >t.net; _25._tcp.mx1.example TLSA s 311;"
		    "_25._tcp.t.net TLSA s 111",
		    "some+mx ttl=3600 mx1.example=X@t.net", NULL,
		    "_tcp.mx1" },
		{ "DANE-L-09: not secure at the target", D, ONE
		    "mx1.example A s >t.net; _25._tcp.mx1.example TLSA s 311;"
		    "_25._tcp.t.net TLSA i 311",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "DANE-L-09: at neither", D, ONE "mx1.example A s >t.net",
		    "none+mx ttl=3600 mx1.example=N",
		    "TLSA _25._tcp.t.net|TLSA _25._tcp.mx1.example|", NULL },
		{ "DANE-A-04: an error at the target ends it", D, ONE
		    "mx1.example A s >t.net; _25._tcp.mx1.example TLSA s 311;"
		    "_25._tcp.t.net TLSA s fail",
		    "error+mx ttl=3600 mx1.example=T", NULL, "_tcp.mx1" },
		{ "DANE-L-05: leads out of what is signed", D, ONE
		    "mx1.example A i >t.net; mx1.example CNAME s;"
		    "_25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U", "CNAME mx1.example|",
		    "_tcp.t.net" },
		{ "DANE-L-05: out of it, and no TLSA", D, ONE
		    "mx1.example A i >t.net; mx1.example CNAME s",
		    "none+mx ttl=3600 mx1.example=N", NULL, "_tcp.t.net" },
		{ "DANE-L-05: the first step is not secure", D, ONE
		    "mx1.example A i >t.net; mx1.example CNAME i",
		    "none+mx ttl=3600 mx1.example=N", "CNAME mx1.example|",
		    "TLSA" },
		{ "DANE-R-10: asking for it failed", D, ONE
		    "mx1.example A i >t.net; mx1.example CNAME s fail",
		    "error+mx ttl=3600 mx1.example=T", NULL, "TLSA" },
		{ "a target no host can be called", D, ONE
		    "mx1.example A s >; _25._tcp.mx1.example TLSA s 311",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "DANE-L-12: of a domain without MX", D,
		    D " A s >t.net; _25._tcp.t.net TLSA s 311",
		    "all+mx ttl=3600 " D "=U@t.net", NULL, NULL },
		{ "DANE-L-08: of the TLSA record changes nothing", D, ONE
		    "mx1.example A s; _25._tcp.mx1.example TLSA s >x.net 311",
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
	};

	check_all(rows, COUNT(rows));
}

/* ---- several hosts ----------------------------------------------------- */

static void several_hosts(void)
{
	static const struct row rows[] = {
		{ "both usable", D, TWO GOOD1 GOOD2,
		    "all+mx ttl=3600 mx1.example=U mx2.example=U", NULL,
		    NULL },
		{ "DANE-L-10: by preference", D,
		    D " MX s 20 mx2.example 10 mx1.example;" GOOD1 GOOD2,
		    "all+mx ttl=3600 mx1.example=U mx2.example=U", NULL,
		    NULL },
		{ "named twice", D,
		    D " MX s 10 mx1.example 20 mx1.example;" GOOD1,
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "a null MX among others is none", D,
		    D " MX s 0 . 10 mx1.example;" GOOD1,
		    "all+mx ttl=3600 mx1.example=U", NULL, NULL },
		{ "DANE-L-10: one provably without", D,
		    TWO GOOD1 "mx2.example A s",
		    "some+mx ttl=3600 mx1.example=U mx2.example=N", NULL,
		    NULL },
		{ "one unusable", D, TWO GOOD1 "mx2.example A s;"
		    "_25._tcp.mx2.example TLSA s bad",
		    "some+mx ttl=3600 mx1.example=U mx2.example=X", NULL,
		    NULL },
		{ "tlspol#172: a host that does not exist is no host", D,
		    TWO GOOD1 "mx2.example A i nx; mx2.example AAAA i nx",
		    "all+mx ttl=3600 mx1.example=U mx2.example=a", NULL,
		    NULL },
		{ "tlspol#172: nor with an unsigned MX", D,
		    D " MX i 10 mx1.example 20 mx2.example; mx1.example A i;"
		    "mx2.example A i nx; mx2.example AAAA i nx",
		    "none ttl=3600 mx1.example=N mx2.example=a", NULL, NULL },
		{ "a failing host does not stop the others", D,
		    TWO GOOD1 "mx2.example A s fail; mx2.example AAAA s fail",
		    "all+mx ttl=3600 mx1.example=U mx2.example=A", NULL,
		    NULL },
		{ "DANE-A-04: nor one whose TLSA fails", D,
		    TWO GOOD1 "mx2.example A s;"
		    "_25._tcp.mx2.example TLSA s fail",
		    "all+mx ttl=3600 mx1.example=U mx2.example=T", NULL,
		    NULL },
		{ "DANE-F-04: a failing host is not \"none\"", D, TWO
		    "mx1.example A s; mx2.example A s fail;"
		    "mx2.example AAAA s fail",
		    "some+mx ttl=3600 mx1.example=N mx2.example=A", NULL,
		    NULL },
		{ "DANE-F-04: nor one whose TLSA fails", D,
		    D " MX i 10 mx1.example 20 mx2.example; mx1.example A i;"
		    "mx2.example A s; _25._tcp.mx2.example TLSA s fail",
		    "some ttl=3600 mx1.example=N mx2.example=T", NULL, NULL },
		{ "tlspol#189: with an unsigned MX its addresses may fail", D,
		    D " MX i 10 mx1.example 20 mx2.example; mx1.example A i;"
		    "mx2.example A s fail; mx2.example AAAA s fail",
		    "none ttl=3600 mx1.example=N mx2.example=A", NULL, NULL },
		{ "all of them fail", D, TWO "mx1.example A s fail;"
		    "mx1.example AAAA s fail; mx2.example A s;"
		    "_25._tcp.mx2.example TLSA s timeout",
		    "error+mx ttl=3600 mx1.example=A mx2.example=T", NULL,
		    NULL },
		{ "one fails, the other has no address", D,
		    TWO "mx2.example A s; _25._tcp.mx2.example TLSA s fail",
		    "error+mx ttl=3600 mx1.example=a mx2.example=T", NULL,
		    NULL },
	};

	check_all(rows, COUNT(rows));
}

/* n hosts, worst preference first, all of them usable, or none. */
static void make_many(size_t n, bool usable, struct buf *world)
{
	buf_adds(world, D " MX s");
	for (size_t i = n; i > 0; i--)
		buf_addf(world, " %zu m%zu.example", i, i);
	for (size_t i = 1; i <= n; i++)
		buf_addf(world, "; m%zu.example A s; "
		    "_25._tcp.m%zu.example TLSA s %s", i, i,
		    usable ? "311" : "none");
}

static void many_hosts(void)
{
	static const struct {
		const char *label;
		size_t n;
		bool usable, cut;
		enum dane_outcome outcome;
	} cases[] = {
		{ "as many as are looked at", DANE_HOSTS_MAX, true, false,
		    DANE_ALL },
		{ "one more", DANE_HOSTS_MAX + 1, true, true, DANE_ALL },
		{ "many more", 48, true, true, DANE_ALL },
		{ "as many, and none has DANE", DANE_HOSTS_MAX, false, false,
		    DANE_NONE },
		{ "DANE-F-04: who is not looked at may have it",
		    DANE_HOSTS_MAX + 1, false, true, DANE_SOME },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct danestate *s = danestate_new(D, true, 25);
		struct dane_host_result last;
		struct buf world, asked;
		struct dane_result r;

		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		buf_init(&world, 100000);
		buf_init(&asked, 100000);
		make_many(cases[i].n, cases[i].usable, &world);
		run(cases[i].label, s, buf_str(&world), LAST_FIRST, &asked);
		danestate_result(s, &r);
		CHECK_CASE(cases[i].label, r.hosts == DANE_HOSTS_MAX);
		CHECK_CASE(cases[i].label, r.cut == cases[i].cut);
		CHECK_CASE(cases[i].label, r.outcome == cases[i].outcome);
		danestate_host(s, DANE_HOSTS_MAX - 1, &last);
		CHECK_CASE(cases[i].label, last.priority == DANE_HOSTS_MAX);
		danestate_free(s);
		buf_clear(&world);
		buf_clear(&asked);
	}
}

/* ---- time, order, limits ----------------------------------------------- */

/* What is not answered in the time counts as failed, wherever it stood. */
static void time_runs_out(void)
{
	static const struct {
		const char *label;
		unsigned answers;	/* that still came */
		const char *want;
	} cases[] = {
		{ "before the MX record", 0, "error ttl=0" },
		{ "before any address", 1,
		    "error+mx ttl=3600 mx1.example=A mx2.example=A" },
		{ "before TLSA", 2,
		    "error+mx ttl=3600 mx1.example=T mx2.example=A" },
		{ "with one host known", 4,
		    "all+mx ttl=3600 mx1.example=U mx2.example=T" },
		{ "with all known", 100,
		    "all+mx ttl=3600 mx1.example=U mx2.example=U" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct danestate *s = danestate_new(D, true, 25);
		/* addresses of v4 only are answered, to have an order */
		struct dane_question q;
		unsigned left = cases[i].answers;
		struct buf got;

		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		buf_init(&got, 1000);
		while (danestate_next(s, &q)) {
			struct dns_answer a;

			if (q.type == DNS_AAAA || left == 0)
				continue;
			left--;
			dane_world_answer(TWO GOOD1 GOOD2, q.name, q.type,
			    &a);
			danestate_answer(s, q.id, &a);
			dns_answer_clear(&a);
		}
		danestate_expire(s);
		CHECK_CASE(cases[i].label, danestate_done(s));
		describe(s, &got);
		CHECK_CASE_STR(cases[i].label, buf_str(&got), cases[i].want);
		buf_clear(&got);
		danestate_free(s);
	}
}

/* Answer the next question from the world; return its id. */
static unsigned step(struct danestate *s, const char *world)
{
	struct dane_question q = { .id = DANE_QUESTIONS_MAX };
	struct dns_answer a;

	CU_ASSERT_FATAL(danestate_next(s, &q));
	dane_world_answer(world, q.name, q.type, &a);
	danestate_answer(s, q.id, &a);
	dns_answer_clear(&a);
	return q.id;
}

/* More MX records than a packet's reader keeps: others may be there. */
static void records_that_were_not_kept(void)
{
	struct danestate *s = danestate_new(D, true, 25);
	struct dane_question q;
	struct dane_result r;
	struct dns_answer mx;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_FATAL(danestate_next(s, &q));
	dane_world_answer(ONE, D, DNS_MX, &mx);
	mx.truncated = true;
	danestate_answer(s, q.id, &mx);
	dns_answer_clear(&mx);
	while (!danestate_done(s))
		step(s, ONE "mx1.example A s");
	danestate_result(s, &r);
	CU_ASSERT(r.cut && r.outcome == DANE_SOME);
	danestate_free(s);
}

static void time_runs_out_at_an_alias(void)
{
	struct danestate *s = danestate_new("mx1.example", false, 25);
	struct dane_host_result h;
	struct dane_question q;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	step(s, "mx1.example A i >t.net");
	while (danestate_next(s, &q))
		CU_ASSERT(q.type == DNS_AAAA || q.type == DNS_CNAME);
	CU_ASSERT(!danestate_done(s));
	danestate_expire(s);
	danestate_host(s, 0, &h);
	CU_ASSERT_EQUAL(h.state, DANE_HOST_TLSA_ERROR);
	danestate_free(s);
}

/* An answer nobody asked for, or that comes twice or late, is none. */
static void answers_out_of_place(void)
{
	struct danestate *s = danestate_new(D, true, 25);
	struct dns_answer fail = { .status = DNS_SERVFAIL };
	struct buf asked, got;

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	buf_init(&asked, 1000);
	buf_init(&got, 1000);
	for (unsigned id = 0; id < 1000; id++)
		danestate_answer(s, id, &fail);
	CU_ASSERT(!danestate_done(s));
	step(s, ONE);		/* now it has a host, and asks nothing yet */
	for (unsigned id = 0; id < 1000; id++)
		danestate_answer(s, id, &fail);
	CU_ASSERT(!danestate_done(s));
	run("out of place", s, ONE GOOD1, FIRST_FIRST, &asked);
	for (unsigned id = 0; id < 1000; id++)
		danestate_answer(s, id, &fail);
	danestate_expire(s);
	describe(s, &got);
	CU_ASSERT_STRING_EQUAL(buf_str(&got), "all+mx ttl=3600 mx1.example=U");
	danestate_free(s);
	buf_clear(&asked);
	buf_clear(&got);
}

/* No name is longer than DNS allows, and a host whose TLSA name would be
 * has no records. */
static void long_names(void)
{
	char host[254], world[600];
	struct dane_question q;
	struct dns_answer a;

	for (size_t len = 243; len <= 253; len++) {
		struct danestate *s;
		struct dane_host_result h;

		memset(host, 'a', len);
		for (size_t i = 50; i < len; i += 50)
			host[i] = '.';
		host[len] = '\0';
		snprintf(world, sizeof(world), "%s A s", host);
		s = danestate_new(host, false, 25);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		while (danestate_next(s, &q)) {
			CU_ASSERT(strlen(q.name) <= 253);
			CU_ASSERT(q.type != DNS_TLSA || len <= 244);
			dane_world_answer(world, q.name, q.type, &a);
			danestate_answer(s, q.id, &a);
			dns_answer_clear(&a);
		}
		CU_ASSERT(danestate_done(s));
		danestate_host(s, 0, &h);
		CU_ASSERT_EQUAL(h.state, DANE_HOST_NO_TLSA);
		danestate_free(s);
	}
}

static void memory_is_taken_at_the_start(void)
{
	struct danestate *s;
	struct dns_answer mx, a = { .status = DNS_NODATA };
	struct dane_question q;

	failmalloc_set(1);
	CU_ASSERT_PTR_NULL(danestate_new(D, true, 25));
	failmalloc_set(0);
	s = danestate_new(D, true, 25);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	dane_world_answer(TWO, D, DNS_MX, &mx);
	failmalloc_set(1);
	while (danestate_next(s, &q))
		danestate_answer(s, q.id, q.type == DNS_MX ? &mx : &a);
	CU_ASSERT(danestate_done(s));
	CU_ASSERT(!failmalloc_struck());
	failmalloc_set(0);
	dns_answer_clear(&mx);
	danestate_free(s);
	danestate_free(NULL);
}

static void states_have_texts(void)
{
	for (int i = 0; i <= DANE_HOST_TLSA_ERROR; i++)
		CU_ASSERT(strcmp(dane_host_text((enum dane_host)i),
		    "unknown"));
	for (int i = 0; i <= DANE_ERROR; i++)
		CU_ASSERT(strcmp(dane_outcome_text((enum dane_outcome)i),
		    "unknown"));
}

static const struct unit_test tests[] = {
	{ "the state table", the_state_table },
	{ "next hops", next_hops },
	{ "aliases", aliases },
	{ "several hosts", several_hosts },
	{ "many hosts", many_hosts },
	{ "time runs out", time_runs_out },
	{ "records that were not kept", records_that_were_not_kept },
	{ "time runs out at an alias", time_runs_out_at_an_alias },
	{ "answers out of place", answers_out_of_place },
	{ "long names", long_names },
	{ "memory is taken at the start", memory_is_taken_at_the_start },
	{ "states have texts", states_have_texts },
};

UNIT_MAIN("danestate", tests)
