/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store thread and DANE of next hops, what those who wait are told, and
 * what it means to be without a resolver.
 */
#include "config.h"

#include <unistd.h>

#include "milter/danemsg.h"
#include "milter/proto.h"
#include "tests/unit/learner-world.h"

#define HOP "[mx.a.example]:587"

static struct world w;

/* What fn of learner_set_news() was told, in the store thread. */
static struct {
	pthread_mutex_t lock;
	char names[10][NEXTHOP_TEXT_SIZE];
	unsigned n;
	bool kept;		/* when the last was told */
} news = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void see(void *arg, const struct danerec *rec)
{
	(void)rec;
	*(bool *)arg = true;
}

static bool is_kept(const char *hop)
{
	bool found = false;

	(void)cache_get_dane(w.cache, hop, see, &found);
	return found;
}

static void on_news(void *arg, const char *name)
{
	(void)arg;
	pthread_mutex_lock(&news.lock);
	if (news.n < 10)
		snprintf(news.names[news.n], NEXTHOP_TEXT_SIZE, "%s", name);
	news.n++;
	news.kept = is_kept(name);
	pthread_mutex_unlock(&news.lock);
}

static unsigned told(void)
{
	unsigned n;

	pthread_mutex_lock(&news.lock);
	n = news.n;
	pthread_mutex_unlock(&news.lock);
	return n;
}

static bool is_told(struct world *unused, void *n)
{
	(void)unused;
	return told() >= *(unsigned *)n;
}

static bool wait_told(unsigned n)
{
	return world_wait(&w, is_told, &n);
}

static void start(void)
{
	news.n = 0;
	world_init(&w);
	world_start(&w, "");
	learner_set_news(w.learner, on_news, NULL);
}

/* ---- the resolver's part ----------------------------------------------- */

/* The next question; its number, 0 if it is not about that hop. */
static uint32_t expect(const char *hop)
{
	struct buf keep = { .max = DANEMSG_SIZE };
	struct dane_ask ask = { .seq = 0 };
	bool good = world_next_message(&w, MSG_DANE_ASK, &keep) &&
	    dane_ask_unpack(keep.data, keep.len, &ask);

	CHECK_CASE(hop, good);
	CHECK_CASE_STR(hop, good ? ask.hop.text : "", hop);
	buf_clear(&keep);
	return ask.seq;
}

static void answer(uint32_t seq, const char *hop, enum dane_outcome outcome)
{
	struct dane_answer a = { .seq = seq, .hop = hop, .rec = {
		.validated = true, .outcome = outcome, .mx_secure = true,
		.ttl = 400, .hosts = "mx.a.example=usable" } };
	struct buf b;

	buf_init(&b, DANEMSG_SIZE);
	dane_answer_pack(&a, &b);
	CU_ASSERT(!b.failed);
	world_send(&w, MSG_DANE_ANSWER, b.data, b.len);
	buf_clear(&b);
}

static bool kept(struct world *unused, void *hop)
{
	(void)unused;
	return is_kept(hop);
}

static bool wait_kept(const char *hop)
{
	char copy[NEXTHOP_TEXT_SIZE];

	snprintf(copy, sizeof(copy), "%s", hop);
	return world_wait(&w, kept, copy);
}

/* ---- questions --------------------------------------------------------- */

static void many_wants_are_one_question(void)
{
	start();
	for (unsigned i = 0; i < 50; i++)
		learner_want_dane(w.learner, HOP);
	answer(expect(HOP), HOP, DANE_ALL);
	CU_ASSERT(wait_kept(HOP));
	CHECK_CASE("STS-F-18", world_no_ask(&w));
	learner_want_dane(w.learner, HOP);
	CHECK_CASE("what is known is not asked", world_no_ask(&w));
	world_set_now(NOW + 301);
	learner_want_dane(w.learner, HOP);
	CHECK_CASE("near its end it is", expect(HOP) != 0);
	CU_ASSERT_EQUAL(world_status(&w, "dane.wanted"), 52);
	world_end(&w);
}

static void a_successor_is_asked_again(void)
{
	start();
	learner_want_dane(w.learner, HOP);
	CU_ASSERT(expect(HOP) != 0);
	world_new_resolver(&w);
	answer(expect(HOP), HOP, DANE_NONE);
	CU_ASSERT(wait_kept(HOP));
	CU_ASSERT_EQUAL(world_status(&w, "resent"), 1);
	world_end(&w);
}

static void the_resolver_is_not_trusted(void)
{
	struct buf b;
	uint32_t seq;

	start();
	learner_want_dane(w.learner, HOP);
	seq = expect(HOP);
	answer(seq + 1, HOP, DANE_ALL);
	answer(seq, "other.example", DANE_ALL);
	buf_init(&b, 100);
	buf_adds(&b, "nonsense");
	world_send(&w, MSG_DANE_ANSWER, b.data, b.len);
	buf_clear(&b);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(!is_kept(HOP) && !is_kept("other.example"));
	CU_ASSERT_EQUAL(world_status(&w, "strays"), 3);
	answer(seq, HOP, DANE_ALL);
	CU_ASSERT(wait_kept(HOP));
	world_end(&w);
}

static void no_answer_is_an_error(void)
{
	news.n = 0;
	world_init(&w);
	w.tuning.ask_ms = 50;
	world_start(&w, "");
	learner_want_dane(w.learner, HOP);
	CU_ASSERT(expect(HOP) != 0);
	CU_ASSERT(wait_kept(HOP));
	CU_ASSERT_EQUAL(world_status(&w, "timeouts"), 1);
	CU_ASSERT(world_logged("lookup failed next_hop=" HOP) == 1);
	world_end(&w);
}

static void a_call_is_told_the_outcome(void)
{
	struct result r;

	start();
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_DANE, HOP, NULL, &r));
	answer(expect(HOP), HOP, DANE_SOME);
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok && strcmp(r.text, "some") == 0);
	CU_ASSERT(is_kept(HOP));
	CU_ASSERT(world_call(&w, LEARNER_DANE, HOP, NULL, &r));
	CU_ASSERT(result_wait(&r, 2));
	CHECK_CASE("known already", r.ok && world_no_ask(&w));
	world_end(&w);
}

/* ---- news -------------------------------------------------------------- */

static void who_waits_is_told_when_it_is_kept(void)
{
	struct ask ask;
	struct answer a;
	struct held held;

	start();
	learner_add_waiters(w.learner, 1);
	learner_want_dane(w.learner, HOP);
	answer(expect(HOP), HOP, DANE_ALL);
	CU_ASSERT(wait_told(1));
	CU_ASSERT_STRING_EQUAL(news.names[0], HOP);
	CU_ASSERT(news.kept);
	learner_want(w.learner, "a.example", ASK_OUTBOUND);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	a = world_found(&ask, "1");
	world_answer(&w, &a);
	CU_ASSERT(wait_told(2));
	CU_ASSERT_STRING_EQUAL(news.names[1], "a.example");
	CU_ASSERT(world_held(&w, "a.example", &held));
	world_end(&w);
}

static void what_is_known_is_news_too(void)
{
	struct record rec = world_policy();

	news.n = 0;
	world_init(&w);
	world_put(&w, "a.example", &rec);
	world_start(&w, "");
	learner_set_news(w.learner, on_news, NULL);
	learner_add_waiters(w.learner, 1);
	learner_want(w.learner, "a.example", ASK_OUTBOUND);
	CU_ASSERT(wait_told(1));
	CU_ASSERT_STRING_EQUAL(news.names[0], "a.example");
	world_end(&w);
}

static void nobody_waits_nobody_is_told(void)
{
	start();
	learner_want_dane(w.learner, HOP);
	answer(expect(HOP), HOP, DANE_ALL);
	CU_ASSERT(wait_kept(HOP));
	CU_ASSERT(world_no_ask(&w));
	CU_ASSERT_EQUAL(told(), 0);
	world_end(&w);
}

static void send_status(const char *validation, const char *mta)
{
	struct buf b;

	buf_init(&b, 200);
	buf_addf(&b, "{\"dnssec\":{\"validation\":\"%s\",\"mta\":\"%s\"}}",
	    validation, mta);
	world_send(&w, MSG_RESOLVER_STATUS, b.data, b.len);
	buf_clear(&b);
	CU_ASSERT(world_settle(&w));
}

static void the_state_of_dnssec_is_news_for_all(void)
{
	static const struct {
		const char *label, *validation, *mta;
		enum learner_dane dane;
		unsigned told;
	} rows[] = {
		{ "not tested yet", "testing", "testing",
			LEARNER_DANE_TESTING, 0 },
		{ "one is missing", "works", "testing",
			LEARNER_DANE_TESTING, 0 },
		{ "both", "works", "works", LEARNER_DANE_WORKS, 1 },
		{ "the mail server's resolver sets no AD", "works", "failed",
			LEARNER_DANE_OFF, 2 },
		{ "again", "works", "works", LEARNER_DANE_WORKS, 3 },
		{ "no DNSSEC at all", "failed", "works", LEARNER_DANE_OFF,
			4 },
		{ "switched off", "off", "works", LEARNER_DANE_OFF, 4 },
		{ "nobody asks", "works", "off", LEARNER_DANE_OFF, 4 },
	};

	start();
	learner_add_waiters(w.learner, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		send_status(rows[i].validation, rows[i].mta);
		CHECK_CASE(rows[i].label, learner_dane(w.learner) ==
		    rows[i].dane);
		CHECK_CASE(rows[i].label, told() == rows[i].told);
	}
	CU_ASSERT_STRING_EQUAL(news.names[0], "");
	world_end(&w);
}

static void what_is_asked_is_worth_waiting_for(void)
{
	start();
	CU_ASSERT(!learner_gave_up_dane(w.learner, HOP));
	CU_ASSERT(!learner_gave_up(w.learner, "a.example"));
	learner_want_dane(w.learner, HOP);
	CU_ASSERT(!learner_gave_up_dane(w.learner, HOP));
	CU_ASSERT(!learner_gave_up_dane(NULL, HOP));
	world_end(&w);
}

/* ---- without a resolver ------------------------------------------------ */

static bool is_out(struct world *unused, void *arg)
{
	(void)unused;
	(void)arg;
	return learner_is_out(w.learner);
}

static void a_resolver_gone_for_long_is_an_outage(void)
{
	news.n = 0;
	world_init(&w);
	w.tuning.outage_ms = 50;
	world_start(&w, "");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(!learner_is_out(w.learner));
	world_kill_resolver(&w);
	CU_ASSERT(world_wait(&w, is_out, NULL));
	CU_ASSERT(world_wait_log(&w, "there has been no resolver for"));
	world_new_resolver(&w);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(!learner_is_out(w.learner));
	CU_ASSERT(world_logged("the resolver is back") == 1);
	CU_ASSERT(learner_is_out(NULL));
	world_end(&w);
}

static const struct unit_test tests[] = {
	{ "many wants are one question", many_wants_are_one_question },
	{ "a successor is asked again", a_successor_is_asked_again },
	{ "the resolver is not trusted", the_resolver_is_not_trusted },
	{ "no answer is an error", no_answer_is_an_error },
	{ "a call is told the outcome", a_call_is_told_the_outcome },
	{ "who waits is told when it is kept",
	    who_waits_is_told_when_it_is_kept },
	{ "what is known is news too", what_is_known_is_news_too },
	{ "nobody waits, nobody is told", nobody_waits_nobody_is_told },
	{ "the state of DNSSEC is news for all",
	    the_state_of_dnssec_is_news_for_all },
	{ "what is asked is worth waiting for",
	    what_is_asked_is_worth_waiting_for },
	{ "a resolver gone for long is an outage",
	    a_resolver_gone_for_long_is_an_outage },
};

UNIT_MAIN("learner-dane", tests)
