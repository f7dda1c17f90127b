/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdatomic.h>
#include <unistd.h>

#include "milter/proto.h"
#include "tests/unit/learner-world.h"
#include "util/chan.h"
#include "util/clock.h"
#include "util/pack.h"

#define NOTHING_HOSTED ""
#define TWO_HOSTED "hosted_domains = {\"a.example\", \"b.example\"}\n"

static struct world w;

static void want(const char *domain, enum ask_class class)
{
	learner_want(w.learner, domain, class);
}

static int64_t waiting(const char *domain)
{
	return learner_waiting_since(w.learner, domain, world_now());
}

static void start(const char *conf)
{
	world_init(&w);
	world_start(&w, conf);
}

/* ---- asking ------------------------------------------------------------ */

static void *want_often(void *arg)
{
	for (unsigned i = 0; i < 50; i++)
		want(arg, i % 2 ? ASK_SENDER : ASK_RECIPIENT);
	return NULL;
}

static void two_hundred_wants_are_one_question(void)
{
	static char domain[] = "a.example";
	pthread_t threads[4];
	struct answer answer;
	struct held held;
	struct ask ask;

	start(NOTHING_HOSTED);
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, want_often, domain);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_FATAL(world_expect_ask(&w, domain, &ask));
	CHECK_CASE("STS-F-18 one question", world_no_ask(&w));
	CU_ASSERT_STRING_EQUAL(ask.held_id, "");
	CU_ASSERT(!ask.refetch && ask.want_mx && !ask.want_rua &&
	    !ask.allow_private);
	CU_ASSERT(waiting(domain) >= 1);
	world_set_now(NOW + 77);
	CU_ASSERT_EQUAL(waiting(domain), 77);
	CU_ASSERT_EQUAL(waiting("other.example"), 0);
	CU_ASSERT_EQUAL(world_status(&w, "wanted"), 200);
	CU_ASSERT_EQUAL(world_status(&w, "coalesced"), 199);
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_kind(&w, domain, RECORD_POLICY));
	CU_ASSERT(world_wait_done(&w, domain));
	CU_ASSERT(world_held(&w, domain, &held));
	CU_ASSERT_EQUAL(held.rec.used, (NOW + 77) - (NOW + 77) % DAY);
	CU_ASSERT_STRING_EQUAL(held.mx, "mx.a.example");
	CU_ASSERT_EQUAL(world_logged("new domain=a.example mode=enforce"), 1);
	want(domain, ASK_RECIPIENT);
	CHECK_CASE("what is known is not asked", world_no_ask(&w));
	world_end(&w);
}

static void what_more_is_wanted_is_asked_after(void)
{
	struct answer answer;
	struct held held;
	struct ask ask;

	start(NOTHING_HOSTED);
	want("a.example", ASK_SENDER);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT(!ask.want_mx);
	want("a.example", ASK_RECIPIENT);
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT(ask.want_mx);
	CU_ASSERT_STRING_EQUAL(ask.held_id, "id1");
	answer = world_outcome(&ask, MTASTS_UNCHANGED, MTASTS_OK);
	answer.id = "id1";
	answer.mx = "mx9.a.example";
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_done(&w, "a.example"));
	CU_ASSERT(world_held(&w, "a.example", &held));
	CU_ASSERT_STRING_EQUAL(held.mx, "mx9.a.example");
	world_end(&w);
}

static void queues_are_bounded_each(void)
{
	char domain[64];
	struct ask ask;

	world_init(&w);
	w.tuning.limits[QUEUE_SENDER].bound = 3;
	close(w.learner_fd);
	w.learner_fd = -1;
	world_start(&w, NOTHING_HOSTED);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(domain, sizeof(domain), "spam%u.example", i);
		want(domain, ASK_SENDER);
	}
	want("r.example", ASK_RECIPIENT);
	CU_ASSERT_EQUAL(world_status(&w, "queues.senders.queued"), 3);
	CU_ASSERT_EQUAL(world_status(&w, "queues.senders.dropped"), 7);
	CU_ASSERT_EQUAL(world_status(&w, "queues.recipients.queued"), 1);
	CU_ASSERT(waiting("spam2.example") > 0);
	CU_ASSERT_EQUAL(waiting("spam3.example"), 0);
	world_new_resolver(&w);
	CHECK_CASE("recipients first", world_expect_ask(&w, "r.example",
	    &ask));
	CU_ASSERT(world_expect_ask(&w, "spam0.example", &ask));
	world_end(&w);
}

static void senders_have_a_rate(void)
{
	char domain[64];
	struct ask ask;
	int64_t begun;

	world_init(&w);
	w.tuning.limits[QUEUE_SENDER].rate = 10;
	w.tuning.limits[QUEUE_SENDER].burst = 2;
	world_start(&w, NOTHING_HOSTED);
	begun = clock_mono_ms();
	for (unsigned i = 0; i < 5; i++) {
		snprintf(domain, sizeof(domain), "s%u.example", i);
		want(domain, ASK_SENDER);
	}
	want("r.example", ASK_RECIPIENT);
	/* Two at once, three more at ten a second. */
	for (unsigned i = 0, seen = 0; i < 6; i++) {
		struct buf keep = { .max = ANSWER_MAX_PACKED };

		CU_ASSERT_FATAL(world_next_ask(&w, &ask, &keep));
		seen += ask.domain[0] == 'r';
		if (i == 3)
			CHECK_CASE("recipients do not wait for senders", seen);
		buf_clear(&keep);
	}
	CU_ASSERT(clock_mono_ms() - begun >= 250);
	world_end(&w);
}

static void few_are_asked_at_once(void)
{
	char domain[64];
	struct answer answer;
	struct ask ask, first;

	world_init(&w);
	w.tuning.limits[QUEUE_SENDER].asked = 2;
	world_start(&w, NOTHING_HOSTED);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(domain, sizeof(domain), "s%u.example", i);
		want(domain, ASK_SENDER);
	}
	CU_ASSERT_FATAL(world_expect_ask(&w, "s0.example", &first));
	answer = world_outcome(&first, MTASTS_ABSENT, MTASTS_E_NO_RECORD);
	answer.domain = "s0.example";
	CU_ASSERT_FATAL(world_expect_ask(&w, "s1.example", &ask));
	CU_ASSERT(world_no_ask(&w));
	world_answer(&w, &answer);
	CU_ASSERT(world_expect_ask(&w, "s2.example", &ask));
	CU_ASSERT(world_settle(&w) && world_no_ask(&w));
	world_end(&w);
}

/* ---- answers ----------------------------------------------------------- */

static void a_failed_fetch_waits_five_minutes(void)
{
	static const struct {
		const char *label;
		int64_t after;
		bool asked;
	} cases[] = {
		{ "STS-F-12 at once", 0, false },
		{ "STS-F-12 a minute later", 59, false },
		{ "STS-F-12 after five minutes", 301, true },
	};
	struct answer answer;
	struct held held;
	struct ask ask;

	start(NOTHING_HOSTED);
	want("a.example", ASK_RECIPIENT);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	answer = world_outcome(&ask, MTASTS_FAILED, MTASTS_E_HTTP);
	answer.id = "new1";
	answer.ttl = 86400;
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_done(&w, "a.example"));
	CU_ASSERT(world_held(&w, "a.example", &held));
	CHECK_CASE("STS-C-05 no policy meanwhile",
	    held.rec.kind == RECORD_NEGATIVE);
	CU_ASSERT_EQUAL(world_status(&w, "failed"), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_set_now(NOW + cases[i].after);
		want("a.example", ASK_RECIPIENT);
		if (cases[i].asked)
			CHECK_CASE(cases[i].label, world_expect_ask(&w,
			    "a.example", &ask));
		else
			CHECK_CASE(cases[i].label, world_no_ask(&w));
	}
	world_end(&w);
}

static void ids_are_looked_at_on_use(void)
{
	struct record rec = world_policy();
	struct answer answer;
	struct held held;
	struct ask ask;

	world_init(&w);
	world_put(&w, "a.example", &rec);
	world_start(&w, NOTHING_HOSTED);
	want("a.example", ASK_RECIPIENT);
	CU_ASSERT(world_no_ask(&w));
	world_set_now(NOW + 3601);
	want("a.example", ASK_RECIPIENT);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT_STRING_EQUAL(ask.held_id, "held1");
	CU_ASSERT(!ask.refetch);
	answer = world_outcome(&ask, MTASTS_UNCHANGED, MTASTS_OK);
	answer.id = "held1";
	answer.mx = "mx.a.example";
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_done(&w, "a.example"));
	CU_ASSERT(world_held(&w, "a.example", &held));
	CHECK_CASE("STS-C-02 an unchanged id is no fetch",
	    held.rec.expires == rec.expires && held.rec.fetched == NOW);
	CU_ASSERT_EQUAL(held.rec.checked, NOW + 3601);
	world_set_now(NOW + 7300);
	want("a.example", ASK_RECIPIENT);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	answer = world_found(&ask, "held2");
	answer.mode = MTASTS_NONE;
	answer.patterns = "";
	answer.text = "version: STSv1\nmode: none\nmax_age: 604800\n";
	world_answer(&w, &answer);
	CHECK_CASE("STS-C-03 a new id replaces",
	    world_wait_id(&w, "a.example", "held2"));
	CU_ASSERT(world_held(&w, "a.example", &held));
	CHECK_CASE("STS-C-11 none at once", held.rec.mode == MTASTS_NONE);
	CU_ASSERT_EQUAL(world_logged("changed domain=a.example mode=none "
	    "was=enforce"), 1);
	world_end(&w);
}

static void a_failed_refresh_keeps_the_policy(void)
{
	struct record rec = world_policy();
	struct answer answer;
	struct held held;
	struct ask ask;

	world_init(&w);
	world_put(&w, "a.example", &rec);
	world_start(&w, NOTHING_HOSTED);
	for (unsigned i = 0; i < 2; i++) {
		world_set_now(NOW + 3601 + i * 400);
		want("a.example", ASK_RECIPIENT);
		CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
		answer = world_outcome(&ask, MTASTS_FAILED, MTASTS_E_TLS);
		answer.id = "held2";
		answer.detail = "certificate expired";
		answer.mx = "mx.a.example";
		world_answer(&w, &answer);
		CU_ASSERT(world_wait_done(&w, "a.example"));
	}
	CU_ASSERT(world_held(&w, "a.example", &held));
	CHECK_CASE("STS-C-04 still enforced",
	    held.rec.kind == RECORD_POLICY &&
	    held.rec.mode == MTASTS_ENFORCE);
	CU_ASSERT_STRING_EQUAL(held.id, "held1");
	CU_ASSERT_EQUAL(held.rec.expires, rec.expires);
	CHECK_CASE("STS-C-08 said once, not each time",
	    world_logged("refresh failed domain=a.example") == 1);
	CU_ASSERT_EQUAL(world_logged("certificate expired"), 1);
	world_end(&w);
}

static void no_answer_is_a_failure(void)
{
	struct answer late;
	struct ask ask;

	world_init(&w);
	w.tuning.ask_ms = 50;
	world_start(&w, NOTHING_HOSTED);
	want("a.example", ASK_RECIPIENT);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	late = world_found(&ask, "late1");
	CU_ASSERT(world_wait_kind(&w, "a.example", RECORD_NEGATIVE));
	CU_ASSERT(world_wait_done(&w, "a.example"));
	CU_ASSERT_EQUAL(world_status(&w, "timeouts"), 1);
	world_answer(&w, &late);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_status(&w, "strays"), 1);
	CU_ASSERT(world_wait_kind(&w, "a.example", RECORD_NEGATIVE));
	world_end(&w);
}

/* ---- the resolver ------------------------------------------------------ */

static void a_successor_is_asked_again(void)
{
	static const char *const domains[] = { "a.example", "b.example",
		"c.example", "d.example" };
	struct answer answer;
	struct ask ask;

	start(NOTHING_HOSTED);
	for (size_t i = 0; i < 3; i++) {
		want(domains[i], ASK_RECIPIENT);
		CU_ASSERT(world_expect_ask(&w, domains[i], &ask));
	}
	answer = world_found(&ask, "id1");
	answer.domain = "c.example";
	world_answer(&w, &answer);
	world_kill_resolver(&w);
	CHECK_CASE("an answer sent before death counts",
	    world_wait_id(&w, "c.example", "id1"));
	CU_ASSERT(world_wait_log(&w, "the resolver is gone"));
	world_set_now(NOW + 100);
	want("d.example", ASK_RECIPIENT);
	CU_ASSERT_EQUAL(waiting("a.example"), 100);
	CU_ASSERT_EQUAL(world_status(&w, "resolver.connected"), 0);
	world_new_resolver(&w);
	CU_ASSERT(world_expect_ask(&w, "a.example", &ask));
	answer = world_found(&ask, "id2");
	answer.domain = "a.example";
	world_answer(&w, &answer);
	CU_ASSERT(world_expect_ask(&w, "b.example", &ask));
	CU_ASSERT(world_expect_ask(&w, "d.example", &ask));
	CU_ASSERT(world_no_ask(&w));
	CU_ASSERT(world_wait_id(&w, "a.example", "id2"));
	CU_ASSERT_EQUAL(world_status(&w, "resent"), 2);
	CU_ASSERT_EQUAL(world_status(&w, "resolver.connected"), 1);
	world_end(&w);
}

static void a_replaced_resolver_loses_nothing(void)
{
	struct ask ask;

	start(NOTHING_HOSTED);
	want("a.example", ASK_RECIPIENT);
	CU_ASSERT(world_expect_ask(&w, "a.example", &ask));
	world_new_resolver(&w);
	CU_ASSERT(world_expect_ask(&w, "a.example", &ask));
	world_end(&w);
}

static void the_resolver_is_not_trusted(void)
{
	static const char *const garbage[] = { "", "x", "\xff\xff\xff\xff",
		"a message that is no answer at all" };
	struct answer answer;
	struct ask ask;
	struct buf b;

	start(NOTHING_HOSTED);
	want("a.example", ASK_SENDER);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	for (unsigned type = MSG_ANSWER; type <= MSG_RESOLVER_STATUS + 1;
	    type++)
		for (size_t i = 0; i < 4; i++)
			world_send(&w, type, garbage[i], strlen(garbage[i]));
	answer = world_found(&ask, "id1");
	answer.domain = "victim.example";
	world_answer(&w, &answer);
	answer = world_found(&ask, "stray");
	answer.seq++;
	world_answer(&w, &answer);
	answer = world_found(&ask, "id 1");
	world_answer(&w, &answer);
	buf_init(&b, 1000);
	pack_u8(&b, 0);
	pack_str(&b, "line\nfake: forged");
	world_send(&w, MSG_LOG, b.data, b.len);
	buf_clear(&b);
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_id(&w, "a.example", "id1"));
	CU_ASSERT_EQUAL(waiting("victim.example"), 0);
	CU_ASSERT_EQUAL(world_logged("resolver: line?fake: forged"), 1);
	CU_ASSERT_EQUAL(world_logged("\nfake"), 0);
	world_end(&w);
}

static void its_status_is_kept(void)
{
	static const char json[] = "{\"sandbox\":{\"landlock\":true}}";

	start(NOTHING_HOSTED);
	world_send(&w, MSG_RESOLVER_STATUS, json, strlen(json));
	world_send(&w, MSG_RESOLVER_STATUS, "[]", 2);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_status(&w, "resolver.sandbox.landlock"), 1);
	world_end(&w);
}

/* ---- without being asked ----------------------------------------------- */

static void hosted_domains_are_learnt_at_start(void)
{
	struct answer answer;
	struct held held;
	struct ask ask;

	start(TWO_HOSTED);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT_EQUAL(ask.class, ASK_HOSTED);
	CU_ASSERT(ask.want_mx && ask.want_rua && ask.allow_private);
	answer = world_found(&ask, "id1");
	answer.domain = "a.example";
	answer.rua = "tls@a.example";
	world_answer(&w, &answer);
	CU_ASSERT_FATAL(world_expect_ask(&w, "b.example", &ask));
	answer = world_outcome(&ask, MTASTS_ABSENT, MTASTS_E_NO_RECORD);
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_kind(&w, "a.example", RECORD_POLICY));
	CU_ASSERT(world_wait_kind(&w, "b.example", RECORD_NEGATIVE));
	CU_ASSERT_EQUAL(world_logged("hosted domain b.example has no"), 1);
	CU_ASSERT_EQUAL(world_logged("hosted domain a.example has no"), 0);
	CU_ASSERT_EQUAL(world_status(&w, "hosted_not_learnt"), 1);
	CU_ASSERT(world_no_ask(&w));
	/* Kept fresh: the negative record has ended, the TXT's TTL too. */
	world_set_now(NOW + 700);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT_STRING_EQUAL(ask.held_id, "id1");
	CU_ASSERT_FATAL(world_expect_ask(&w, "b.example", &ask));
	answer = world_found(&ask, "id7");
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_id(&w, "b.example", "id7"));
	CU_ASSERT_EQUAL(world_status(&w, "hosted_not_learnt"), 0);
	CU_ASSERT(world_held(&w, "b.example", &held));
	CU_ASSERT_EQUAL(world_logged("hosted domain b.example has no"), 1);
	world_end(&w);
}

static void a_new_configuration_adds_hosted_domains(void)
{
	struct ask ask;
	struct answer answer;

	start(TWO_HOSTED);
	for (unsigned i = 0; i < 2; i++) {
		struct buf keep = { .max = ANSWER_MAX_PACKED };

		CU_ASSERT_FATAL(world_next_ask(&w, &ask, &keep));
		answer = world_found(&ask, "id1");
		world_answer(&w, &answer);
		CU_ASSERT(world_wait_done(&w, ask.domain));
		buf_clear(&keep);
	}
	learner_set_conf(w.learner, world_conf("hosted_domains = "
	    "{\"b.example\", \"c.example\", \"d.example=enforce\"}\n"));
	CU_ASSERT_FATAL(world_expect_ask(&w, "c.example", &ask));
	answer = world_outcome(&ask, MTASTS_FAILED, MTASTS_E_DNS);
	world_answer(&w, &answer);
	CU_ASSERT_FATAL(world_expect_ask(&w, "d.example", &ask));
	answer = world_outcome(&ask, MTASTS_FAILED, MTASTS_E_DNS);
	world_answer(&w, &answer);
	CU_ASSERT(world_settle(&w) && world_no_ask(&w));
	CU_ASSERT(world_wait_done(&w, "c.example"));
	CU_ASSERT(world_wait_done(&w, "d.example"));
	CU_ASSERT_EQUAL(world_logged("hosted domain c.example has no"), 1);
	CHECK_CASE("a stated mode needs no policy",
	    world_logged("hosted domain d.example has no") == 0);
	world_end(&w);
}

static void policies_in_use_are_refreshed_daily(void)
{
	struct record used = world_policy(), unused = world_policy(),
	    gone = world_policy();
	struct answer answer;
	struct held held;
	struct ask ask;

	unused.used -= 31 * DAY;
	gone.expires = NOW + 10;
	gone.used -= 31 * DAY;
	world_init(&w);
	world_put(&w, "a.example", &unused);
	world_put(&w, "b.example", &used);
	world_put(&w, "c.example", &gone);
	world_start(&w, NOTHING_HOSTED);
	CU_ASSERT(world_no_ask(&w));
	world_set_now(NOW + DAY + 3700);
	CU_ASSERT_FATAL(world_expect_ask(&w, "b.example", &ask));
	CHECK_CASE("STS-C-06 a true fetch", ask.refetch);
	CU_ASSERT(ask.want_mx);
	answer = world_found(&ask, "held1");
	world_answer(&w, &answer);
	CU_ASSERT(world_wait_done(&w, "b.example"));
	CU_ASSERT(world_held(&w, "b.example", &held));
	CHECK_CASE("STS-C-07 extended", held.rec.expires ==
	    NOW + DAY + 3700 + 604800);
	CHECK_CASE("a refresh is no use", held.rec.used == used.used);
	CHECK_CASE("unused ones are left alone", world_no_ask(&w));
	CU_ASSERT(world_held(&w, "a.example", &held));
	CU_ASSERT(held.rec.kind == RECORD_POLICY);
	want("a.example", ASK_SENDER);
	CHECK_CASE("… until they are used",
	    world_expect_ask(&w, "a.example", &ask) && ask.refetch);
	world_end(&w);
}

static void the_last_use_is_noted_once_a_day(void)
{
	struct record rec = world_policy();
	struct held held;

	rec.used -= 3 * DAY;
	world_init(&w);
	world_put(&w, "a.example", &rec);
	world_start(&w, NOTHING_HOSTED);
	want("a.example", ASK_SENDER);
	CU_ASSERT(world_no_ask(&w));
	CU_ASSERT(world_held(&w, "a.example", &held));
	CU_ASSERT_EQUAL(held.rec.used, NOW - NOW % DAY);
	CU_ASSERT_EQUAL(held.rec.expires, rec.expires);
	CU_ASSERT_EQUAL(world_status(&w, "asked"), 0);
	world_end(&w);
}

/* ---- a full cache ------------------------------------------------------ */

static void fill_cache(void)
{
	struct record rec = world_policy();
	enum store_error e = STORE_OK;
	char domain[64];

	/* Eviction goes by the real clock. */
	rec.expires = clock_wall() + 604800;
	rec.used = clock_wall();
	for (unsigned i = 0; !e && i < 100000; i++) {
		snprintf(domain, sizeof(domain), "fill%u.example", i);
		CU_ASSERT_EQUAL_FATAL(cache_begin(w.cache), STORE_OK);
		e = cache_put(w.cache, domain, &rec);
		CU_ASSERT_EQUAL_FATAL(cache_commit(w.cache), STORE_OK);
	}
	CU_ASSERT_EQUAL(e, STORE_FULL);
}

static void a_full_cache_stops_no_mail(void)
{
	struct answer answer;
	struct held held;
	struct ask ask;

	world_init(&w);
	fill_cache();
	w.tuning.tick_ms = 600000;
	world_start(&w, NOTHING_HOSTED);
	for (unsigned i = 0; i < 3; i++) {
		char domain[64];

		snprintf(domain, sizeof(domain), "new%u.example", i);
		want(domain, ASK_RECIPIENT);
		CU_ASSERT_FATAL(world_expect_ask(&w, domain, &ask));
		answer = world_found(&ask, "id1");
		world_answer(&w, &answer);
	}
	want("n.example", ASK_RECIPIENT);
	CU_ASSERT_FATAL(world_expect_ask(&w, "n.example", &ask));
	answer = world_outcome(&ask, MTASTS_ABSENT, MTASTS_E_NO_RECORD);
	world_answer(&w, &answer);
	CU_ASSERT(world_settle(&w));
	CHECK_CASE("other records are kept",
	    world_wait_kind(&w, "n.example", RECORD_NEGATIVE));
	CU_ASSERT(!world_held(&w, "new0.example", &held));
	CHECK_CASE("nobody shall wait for it",
	    waiting("new0.example") == WANTS_GIVEN_UP);
	CU_ASSERT(learner_gave_up(w.learner, "new0.example"));
	CU_ASSERT(!learner_gave_up(w.learner, "n.example"));
	want("new0.example", ASK_RECIPIENT);
	CHECK_CASE("not asked without end", world_no_ask(&w));
	CU_ASSERT_EQUAL(world_logged("cache or disk is full"), 1);
	CU_ASSERT_EQUAL(world_status(&w, "not_kept"), 3);
	world_end(&w);
}

/* ---- calls ------------------------------------------------------------- */

static void lookups_wait_for_the_first_answer(void)
{
	struct answer answer;
	struct result r;
	struct held held;
	struct ask ask;

	start(NOTHING_HOSTED);
	result_init(&r);
	for (unsigned i = 0; i < 200; i++)
		CU_ASSERT(world_call(&w, LEARNER_LOOKUP, "a.example", NULL,
		    &r));
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CHECK_CASE("STS-F-18 one question", world_no_ask(&w));
	CU_ASSERT_EQUAL(r.done, 0);
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT(result_wait(&r, 200));
	CU_ASSERT(r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "policy enforce, id id1");
	CHECK_CASE("readers see it when told",
	    world_held(&w, "a.example", &held));
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_LOOKUP, "a.example", NULL, &r));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	world_end(&w);
}

static void calls_are_bounded_and_end_with_the_thread(void)
{
	struct result r;
	unsigned taken = 0;
	struct ask ask;

	start(NOTHING_HOSTED);
	result_init(&r);
	while (taken < 1000 && world_call(&w, LEARNER_LOOKUP, "a.example",
	    NULL, &r))
		taken++;
	CU_ASSERT_EQUAL(taken, 256);
	CU_ASSERT(world_expect_ask(&w, "a.example", &ask));
	world_end(&w);
	CU_ASSERT_EQUAL(r.done, 256);
	CU_ASSERT(!r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "the daemon is stopping");
}

/* At the end of the frontend its milter threads are still in callbacks. */
static void other_threads_outlive_the_end(void)
{
	static char domain[] = "a.example";
	pthread_t threads[4];
	struct held held;
	struct result r;
	struct ask ask;
	struct answer answer;

	start(NOTHING_HOSTED);
	want("b.example", ASK_RECIPIENT);
	CU_ASSERT_FATAL(world_expect_ask(&w, "b.example", &ask));
	answer = world_found(&ask, "1");
	world_answer(&w, &answer);
	CU_ASSERT(world_settle(&w));
	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, want_often, domain);
	learner_end(w.learner);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_CASE("what was answered is committed",
	    world_held(&w, "b.example", &held) && held.found);
	want("c.example", ASK_SENDER);
	CHECK_CASE("an outstanding domain", waiting("c.example") > 0);
	learner_set_conf(w.learner, world_conf(TWO_HOSTED));
	learner_set_resolver(w.learner, dup(STDIN_FILENO));
	json_decref(learner_status(w.learner));
	result_init(&r);
	CHECK_CASE("a call is refused", !world_call(&w, LEARNER_LOOKUP,
	    "a.example", NULL, &r));
	learner_end(w.learner);
	world_end(&w);
}

static void refresh_is_a_true_fetch(void)
{
	struct record rec = world_policy();
	struct answer answer;
	struct result r;
	struct ask ask;

	world_init(&w);
	world_put(&w, "a.example", &rec);
	world_start(&w, NOTHING_HOSTED);
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_REFRESH, "a.example", NULL, &r));
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT(ask.refetch);
	answer = world_outcome(&ask, MTASTS_FAILED, MTASTS_E_CONNECT);
	answer.detail = "no route";
	answer.mx = "mx.a.example";
	world_answer(&w, &answer);
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.text, "policy enforce, id held1"));
	CU_ASSERT_PTR_NOT_NULL(strstr(r.text, "no route"));
	CU_ASSERT_EQUAL(world_logged("refresh failed domain=a.example"), 1);
	world_end(&w);
}

static void refresh_asks_again_after_a_mere_look(void)
{
	struct answer answer;
	struct result r;
	struct ask ask;

	start(NOTHING_HOSTED);
	result_init(&r);
	want("a.example", ASK_SENDER);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT(!ask.refetch);
	CU_ASSERT(world_call(&w, LEARNER_REFRESH, "a.example", NULL, &r));
	CU_ASSERT(world_no_ask(&w));
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT(ask.refetch);
	CU_ASSERT_EQUAL(r.done, 0);
	answer = world_found(&ask, "id2");
	world_answer(&w, &answer);
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT_STRING_EQUAL(r.text, "policy enforce, id id2");
	world_end(&w);
}

static void refresh_asks_again_before_the_commit(void)
{
	struct answer answer;
	struct result r;
	struct ask ask;

	world_init(&w);
	w.tuning.commit_ms = 600000;
	world_start(&w, NOTHING_HOSTED);
	result_init(&r);
	want("a.example", ASK_SENDER);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(waiting("a.example") > 0);
	CU_ASSERT(world_call(&w, LEARNER_REFRESH, "a.example", NULL, &r));
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT(ask.refetch);
	answer = world_found(&ask, "id2");
	world_answer(&w, &answer);
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "policy enforce, id id2");
	CU_ASSERT(world_wait_done(&w, "a.example"));
	world_end(&w);
}

static void more_wanted_before_the_commit_is_asked(void)
{
	struct answer answer;
	struct result r;
	struct ask ask;

	world_init(&w);
	w.tuning.commit_ms = 600000;
	world_start(&w, NOTHING_HOSTED);
	want("a.example", ASK_SENDER);
	CU_ASSERT_FATAL(world_expect_ask(&w, "a.example", &ask));
	answer = world_found(&ask, "id1");
	world_answer(&w, &answer);
	CU_ASSERT(world_settle(&w));
	want("a.example", ASK_RECIPIENT);
	/* A call that is done at once commits. */
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_PURGE, "b.example", NULL, &r));
	CU_ASSERT(world_expect_ask(&w, "a.example", &ask) && ask.want_mx);
	world_end(&w);
}

static void purge_is_logged_as_a_downgrade(void)
{
	struct record rec = world_policy();
	struct result r;
	struct held held;
	struct ask ask;

	world_init(&w);
	world_put(&w, "a.example", &rec);
	world_start(&w, NOTHING_HOSTED);
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_PURGE, "a.example", NULL, &r));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	CU_ASSERT(!world_held(&w, "a.example", &held));
	CHECK_CASE("STS-C-16", world_logged("purged by the administrator "
	    "domain=a.example mode=enforce, a downgrade") == 1);
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_PURGE, "a.example", NULL, &r));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "a.example is not in the cache");
	want("a.example", ASK_SENDER);
	CU_ASSERT(world_expect_ask(&w, "a.example", &ask));
	CU_ASSERT_STRING_EQUAL(ask.held_id, "");
	world_end(&w);
}

static void imports_are_judged(void)
{
	static const struct {
		const char *label, *domain;
		int64_t fetched, expires;
		bool ok;
	} cases[] = {
		{ "new", "new.example", NOW, NOW + 1000, true },
		{ "expired", "old.example", NOW - 2000, NOW - 1000, false },
		{ "older than what is held", "held.example", NOW - 10,
		    NOW + 1000, false },
		{ "as old as what is held", "held.example", NOW,
		    NOW + 1000, true },
	};
	struct record rec = world_policy();

	world_init(&w);
	world_put(&w, "held.example", &rec);
	world_start(&w, NOTHING_HOSTED);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result r;
		struct held held;

		rec.id = "imported1";
		rec.imported = true;
		rec.fetched = cases[i].fetched;
		rec.expires = cases[i].expires;
		result_init(&r);
		CU_ASSERT(world_call(&w, LEARNER_IMPORT, cases[i].domain,
		    &rec, &r));
		CHECK_CASE(cases[i].label, result_wait(&r, 1));
		CHECK_CASE(cases[i].label, r.ok == cases[i].ok);
		CHECK_CASE(cases[i].label, world_held(&w, cases[i].domain,
		    &held) && strcmp(held.id, "imported1") == 0 ? r.ok :
		    !r.ok);
	}
	CU_ASSERT_EQUAL(world_logged("imported domain="), 2);
	world_end(&w);
}

static void an_import_that_is_no_record_is_refused(void)
{
	struct result r;

	start(NOTHING_HOSTED);
	result_init(&r);
	CU_ASSERT(world_call(&w, LEARNER_IMPORT, "a.example", NULL, &r));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "not a record");
	world_end(&w);
}

static const struct unit_test tests[] = {
	{ "two hundred wants are one question",
	    two_hundred_wants_are_one_question },
	{ "what more is wanted is asked after",
	    what_more_is_wanted_is_asked_after },
	{ "queues are bounded each", queues_are_bounded_each },
	{ "senders have a rate", senders_have_a_rate },
	{ "few are asked at once", few_are_asked_at_once },
	{ "a failed fetch waits five minutes",
	    a_failed_fetch_waits_five_minutes },
	{ "ids are looked at on use", ids_are_looked_at_on_use },
	{ "a failed refresh keeps the policy",
	    a_failed_refresh_keeps_the_policy },
	{ "no answer is a failure", no_answer_is_a_failure },
	{ "a successor is asked again", a_successor_is_asked_again },
	{ "a replaced resolver loses nothing",
	    a_replaced_resolver_loses_nothing },
	{ "the resolver is not trusted", the_resolver_is_not_trusted },
	{ "its status is kept", its_status_is_kept },
	{ "hosted domains are learnt at start",
	    hosted_domains_are_learnt_at_start },
	{ "a new configuration adds hosted domains",
	    a_new_configuration_adds_hosted_domains },
	{ "policies in use are refreshed daily",
	    policies_in_use_are_refreshed_daily },
	{ "the last use is noted once a day",
	    the_last_use_is_noted_once_a_day },
	{ "a full cache stops no mail", a_full_cache_stops_no_mail },
	{ "lookups wait for the first answer",
	    lookups_wait_for_the_first_answer },
	{ "calls are bounded and end with the thread",
	    calls_are_bounded_and_end_with_the_thread },
	{ "other threads outlive the end", other_threads_outlive_the_end },
	{ "refresh is a true fetch", refresh_is_a_true_fetch },
	{ "refresh asks again after a mere look",
	    refresh_asks_again_after_a_mere_look },
	{ "refresh asks again before the commit",
	    refresh_asks_again_before_the_commit },
	{ "more wanted before the commit is asked",
	    more_wanted_before_the_commit_is_asked },
	{ "purge is logged as a downgrade", purge_is_logged_as_a_downgrade },
	{ "imports are judged", imports_are_judged },
	{ "an import that is no record is refused",
	    an_import_that_is_no_record_is_refused },
};

UNIT_MAIN("learner", tests)
