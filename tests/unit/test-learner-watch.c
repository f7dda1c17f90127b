/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store thread and a resolver that is played here: checks of watched
 * domains asked for, their results kept and logged, and all that can go
 * wrong with that.
 */
#include "config.h"

#include "check/memorystore.h"
#include "milter/proto.h"
#include "milter/watchmsg.h"
#include "tests/unit/learner-world.h"
#include "util/chan.h"
#include "util/clock.h"

#define A "watch { domains = {a.example} interval = 6h }\n"
#define A_AND_B "watch { domains = {a.example, b.example} interval = 6h }\n"
#define HOUR 3600

static struct world w;
static struct memorystore *memory;

static void open_memory(void)
{
	enum store_error e = STORE_OK;
	struct buf err;

	buf_init(&err, 1000);
	memory = memorystore_open(w.dir.dir, false, &err, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
	buf_clear(&err);
}

static void start(const char *text)
{
	world_init(&w);
	open_memory();
	world_start(&w, text);
	learner_set_memory(w.learner, memory);
}

static void end(void)
{
	learner_stop(w.learner);
	w.learner = NULL;
	memorystore_close(memory);
	world_end(&w);
}

/* ---- the resolver's part ----------------------------------------------- */

static struct watch_ask expect_ask(const char *domain)
{
	static struct buf keep = { .max = WATCHMSG_SIZE };
	struct watch_ask ask = { .domain = "", .held_id = "", .note = "" };

	CHECK_CASE(domain, world_next_message(&w, MSG_WATCH_ASK, &keep));
	CHECK_CASE(domain, watch_ask_unpack(keep.data, keep.len, &ask));
	CHECK_CASE_STR(domain, ask.domain, domain);
	return ask;
}

static void send_answer(const struct watch_answer *m)
{
	struct buf b;

	buf_init(&b, WATCHMSG_SIZE);
	watch_answer_pack(m, &b);
	CU_ASSERT_FALSE(b.failed);
	world_send(&w, MSG_WATCH_ANSWER, b.data, b.len);
	buf_clear(&b);
}

/* A check that found one thing, or nothing. */
static void answer(uint32_t seq, enum check_status status, const char *note)
{
	struct watch_answer m = { .seq = seq, .failed = "", .note = note,
		.summary = { .status = status, .verdict = "a sentence" } };

	m.summary.counts[status] = 1;
	if (status)
		m.summary.v[m.summary.n++] = (struct watch_finding){
			.info = finding_info("starttls.lost"),
			.status = status, .host = "mx1.a.example",
			.text = "was there before" };
	send_answer(&m);
}

static void answer_failed(uint32_t seq)
{
	struct watch_answer m = { .seq = seq, .failed = "no check now",
		.note = "" };

	send_answer(&m);
}

static bool is_string(const char *name, const char *want)
{
	json_t *all = learner_watch_status(w.learner);
	const char *got = json_string_value(json_object_get(
	    json_array_get(all, 0), name));
	bool same = got ? want && strcmp(got, want) == 0 : !want;

	json_decref(all);
	return same;
}

/* ---- cases ------------------------------------------------------------- */

#define LINE "a.example mx1.a.example: starttls.lost"

static void changes_are_logged_once(void)
{
	struct watch_ask ask;

	start(A);
	world_set_now(NOW + 60);
	ask = expect_ask("a.example");
	CU_ASSERT_STRING_EQUAL(ask.note, "");
	CU_ASSERT(is_string("status", NULL));
	answer(ask.seq, CHECK_FAIL, "{\"n\":1}");
	CU_ASSERT(world_wait_log(&w, LINE " (fail): was there before"));
	CU_ASSERT(world_wait_log(&w, "a.example checked: fail: a sentence"));
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(is_string("status", "fail"));
	CU_ASSERT(is_string("verdict", "a sentence"));
	/* Hours later, with what is remembered. */
	world_set_now(NOW + 60 + 7 * HOUR);
	ask = expect_ask("a.example");
	CU_ASSERT_STRING_EQUAL(ask.note, "{\"n\":1}");
	answer(ask.seq, CHECK_FAIL, "{\"n\":2}");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_logged(LINE), 1);
	world_set_now(NOW + 60 + 14 * HOUR);
	ask = expect_ask("a.example");
	CU_ASSERT_STRING_EQUAL(ask.note, "{\"n\":2}");
	answer(ask.seq, CHECK_OK, "{}");
	CU_ASSERT(world_wait_log(&w, LINE " is good again (was fail)"));
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(is_string("status", "ok"));
	end();
}

static void the_policy_held_is_told(void)
{
	struct record rec = world_policy();
	struct watch_ask ask;

	world_init(&w);
	world_put(&w, "a.example", &rec);
	open_memory();
	world_start(&w, A);
	learner_set_memory(w.learner, memory);
	world_set_now(NOW + 60);
	ask = expect_ask("a.example");
	CU_ASSERT_STRING_EQUAL(ask.held_id, rec.id);
	CU_ASSERT_EQUAL(ask.held_mode, rec.mode);
	end();
}

/* Neither checked at once nor logged again. */
static void a_restart_remembers(void)
{
	struct watch_ask ask;

	start(A);
	world_set_now(NOW + 60);
	ask = expect_ask("a.example");
	answer(ask.seq, CHECK_FAIL, "{\"n\":1}");
	CU_ASSERT(world_wait_log(&w, LINE));
	CU_ASSERT(world_settle(&w));
	world_kill_resolver(&w);
	learner_stop(w.learner);
	world_set_now(NOW + HOUR);
	w.learner_fd = -1;
	world_start(&w, A);
	learner_set_memory(w.learner, memory);
	world_new_resolver(&w);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(is_string("status", "fail"));
	world_set_now(NOW + 7 * HOUR);
	ask = expect_ask("a.example");
	CU_ASSERT_STRING_EQUAL(ask.note, "{\"n\":1}");
	answer(ask.seq, CHECK_FAIL, "{\"n\":2}");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_logged(LINE), 1);
	end();
}

static bool is_failed(struct world *world, void *arg)
{
	json_t *all = learner_watch_status(world->learner);
	json_int_t n = json_integer_value(json_object_get(
	    json_array_get(all, 0), "failures"));

	json_decref(all);
	return n == *(json_int_t *)arg;
}

/* Later, and later each time. */
static void no_storm_without_a_resolver(void)
{
	json_int_t failures = 1;

	start(A);
	world_set_now(NOW + 60);
	expect_ask("a.example");
	world_new_resolver(&w);
	CU_ASSERT(world_wait(&w, is_failed, &failures));
	CU_ASSERT_EQUAL(world_logged("a.example could not be checked: the "
	    "resolver ended"), 1);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(world_no_ask(&w));
	world_set_now(NOW + 60 + 61);
	answer_failed(expect_ask("a.example").seq);
	failures = 2;
	CU_ASSERT(world_wait(&w, is_failed, &failures));
	CU_ASSERT_EQUAL(world_logged("could not be checked"), 1);
	world_set_now(NOW + 60 + 2 * 61);
	CU_ASSERT(world_no_ask(&w));
	world_set_now(NOW + 60 + 61 + 121);
	answer(expect_ask("a.example").seq, CHECK_OK, "{}");
	failures = 0;
	CU_ASSERT(world_wait(&w, is_failed, &failures));
	end();
}

static void a_reload_changes_what_is_watched(void)
{
	struct watch_ask a, b;

	start(A);
	world_set_now(NOW + 60);
	a = expect_ask("a.example");
	answer(a.seq, CHECK_WARN, "{}");
	CU_ASSERT(world_wait_log(&w, LINE));
	learner_set_conf(w.learner, world_conf(A_AND_B));
	CU_ASSERT(world_settle(&w));
	CU_ASSERT(is_string("status", "warn"));
	world_set_now(NOW + 120);
	b = expect_ask("b.example");
	/* Gone while it is checked: nobody wants to know. */
	learner_set_conf(w.learner, world_conf(A));
	CU_ASSERT(world_settle(&w));
	answer(b.seq, CHECK_FAIL, "{}");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_logged("b.example"), 0);
	CU_ASSERT_EQUAL(world_status(&w, "strays"), 1);
	end();
}

static void a_check_can_be_asked_for(void)
{
	struct result r;
	struct watch_ask first, second;

	start(A);
	result_init(&r);
	world_set_now(NOW + 60);
	first = expect_ask("a.example");
	CU_ASSERT(world_call(&w, LEARNER_WATCH, "a.example", NULL, &r));
	second = expect_ask("a.example");
	/* The one that began before the call is too old for the caller. */
	answer(first.seq, CHECK_FAIL, "{}");
	answer(second.seq, CHECK_OK, "{}");
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "a sentence");
	CU_ASSERT_EQUAL(world_logged(LINE), 0);
	CU_ASSERT(world_call(&w, LEARNER_WATCH, "b.example", NULL, &r));
	CU_ASSERT(result_wait(&r, 2));
	CU_ASSERT_FALSE(r.ok);
	end();
}

static void hostile_answers_change_nothing(void)
{
	struct watch_ask ask;

	start(A);
	world_set_now(NOW + 60);
	ask = expect_ask("a.example");
	world_send(&w, MSG_WATCH_ANSWER, "", 0);
	world_send(&w, MSG_WATCH_ANSWER, "\0\0\0\0\0\0\0\0\0", 9);
	answer(0, CHECK_FAIL, "{}");
	answer(ask.seq + 1, CHECK_FAIL, "{}");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_status(&w, "strays"), 4);
	CU_ASSERT(is_string("status", NULL));
	answer(ask.seq, CHECK_OK, "{}");
	CU_ASSERT(world_wait_log(&w, "a.example checked: ok"));
	CU_ASSERT_EQUAL(world_logged(LINE), 0);
	end();
}

static const struct unit_test tests[] = {
	{ "changes are logged once", changes_are_logged_once },
	{ "the policy held is told", the_policy_held_is_told },
	{ "a restart remembers", a_restart_remembers },
	{ "no storm without a resolver", no_storm_without_a_resolver },
	{ "a reload changes what is watched",
	    a_reload_changes_what_is_watched },
	{ "a check can be asked for", a_check_can_be_asked_for },
	{ "hostile answers change nothing", hostile_answers_change_nothing },
};

UNIT_MAIN("learner: watched domains", tests)
