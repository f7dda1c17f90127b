/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store thread and a resolver that is played here: partner lists asked
 * for one by one, drawn over in parts, and all that can go wrong with that.
 */
#include "config.h"

#include <dirent.h>

#include "milter/listmsg.h"
#include "milter/lists.h"
#include "milter/proto.h"
#include "policy/partners.h"
#include "tests/unit/learner-world.h"
#include "util/chan.h"
#include "util/clock.h"

#define ONE "list \"one\" { url = \"https://one.example/l.json\" }\n"
#define TWO "list \"two\" { url = \"https://two.example/l.json\" }\n"
#define URL_ONE "https://one.example/l.json"

static struct world w;
static struct lists *lists;
static struct conf *conf;

static void start(const char *text)
{
	world_init(&w);
	conf = world_conf(text);
	lists = lists_new(w.dir.dir);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lists);
	world_start(&w, text);
	learner_set_lists(w.learner, lists);
}

static void forget(void *arg, const char *path)
{
	(void)arg;
	(void)path;
}

static void end(void)
{
	learner_stop(w.learner);
	w.learner = NULL;
	listcopy_sweep(w.dir.dir, NULL, 0, forget, NULL);
	rmdir(tmpdir_path(&w.dir, LISTCOPY_FOLDER));
	lists_free(lists);
	conf_unref(conf);
	world_end(&w);
}

/* ---- the resolver's part ----------------------------------------------- */

static struct list_ask expect_ask(const char *url)
{
	static struct buf keep = { .max = LISTMSG_SIZE };
	struct list_ask ask = { .url = "", .etag = "" };

	CHECK_CASE(url, world_next_message(&w, MSG_LIST_ASK, &keep));
	CHECK_CASE(url, list_ask_unpack(keep.data, keep.len, &ask));
	CHECK_CASE_STR(url, ask.url, url);
	return ask;
}

static bool expect_more(uint32_t seq, uint32_t offset)
{
	struct buf keep = { .max = LISTMSG_SIZE };
	struct list_more more = { 0, 0 };
	bool good = world_next_message(&w, MSG_LIST_MORE, &keep) &&
	    list_more_unpack(keep.data, keep.len, &more);

	buf_clear(&keep);
	return good && more.seq == seq && more.offset == offset;
}

static void answer(uint32_t seq, enum list_outcome outcome, size_t size,
    const char *reason)
{
	struct list_answer m = { seq, outcome, (uint32_t)size, "", reason };
	struct buf b;

	buf_init(&b, LISTMSG_SIZE);
	list_answer_pack(&m, &b);
	world_send(&w, MSG_LIST_ANSWER, b.data, b.len);
	buf_clear(&b);
}

static void part(uint32_t seq, size_t offset, const char *data, size_t len)
{
	struct list_part m = { seq, (uint32_t)offset, data, len };
	struct buf b;

	buf_init(&b, LISTMSG_SIZE);
	list_part_pack(&m, &b);
	world_send(&w, MSG_LIST_PART, b.data, b.len);
	buf_clear(&b);
}

/* A list of n domains, d0.example to …, good at the world's time. */
static struct partners *make(unsigned n, int64_t age)
{
	struct partners *p;
	struct buf text, err;

	buf_init(&text, 10000000);
	buf_init(&err, 1000);
	buf_adds(&text, "{\"schema\": \"tlsmilter/partners-1\", "
	    "\"author\": \"A\", \"timestamp\": \"");
	clock_add_time(&text, NOW - age);
	buf_adds(&text, "\", \"expires\": \"");
	clock_add_time(&text, NOW + 30 * DAY);
	buf_adds(&text, "\", \"defaults\": {\"mode\": \"enforce\"}, "
	    "\"domains\": {");
	for (unsigned i = 0; i < n; i++)
		buf_addf(&text, "%s\"d%u.example\": {}", i ? "," : "", i);
	buf_adds(&text, "}}");
	p = partners_read("L", buf_str(&text), text.len, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	buf_clear(&text);
	buf_clear(&err);
	return p;
}

/* Play the whole of a good answer. */
static void serve(uint32_t seq, struct partners *p)
{
	size_t len;
	const char *data = partners_data(p, &len);

	answer(seq, LIST_FETCHED, len, "");
	for (size_t at = 0; at < len; at += LISTMSG_PART_MAX) {
		size_t n = len - at;

		CU_ASSERT_FATAL(expect_more(seq, (uint32_t)at));
		if (n > LISTMSG_PART_MAX)
			n = LISTMSG_PART_MAX;
		part(seq, at, data + at, n);
	}
	CU_ASSERT(expect_more(seq, (uint32_t)len));
	partners_unref(p);
}

static enum listed_mode mode_of(size_t list, const char *domain)
{
	struct listed listed[LISTS_MAX];

	lists_find(lists, conf, domain, world_now(), listed);
	return listed[list].mode;
}

/* Ask the thread to fetch a list now. */
static void hurry(const char *name, struct result *r)
{
	result_init(r);
	CU_ASSERT(world_call(&w, LEARNER_LIST, name, NULL, r));
}

/* ---- tests ------------------------------------------------------------- */

static void a_list_comes_in_parts(void)
{
	struct list_ask ask;

	start(ONE);
	ask = expect_ask(URL_ONE);
	CU_ASSERT_STRING_EQUAL(ask.etag, "");
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_UNKNOWN);
	serve(ask.seq, make(10000, 10));
	CU_ASSERT(world_wait_log(&w, "list \"one\": 10000 domains"));
	CU_ASSERT_EQUAL(mode_of(0, "d9999.example"), LISTED_ENFORCE);
	CU_ASSERT_EQUAL(mode_of(0, "d10000.example"), LISTED_NO);
	end();
}

static void one_list_at_a_time(void)
{
	struct list_ask ask;
	const void *data;
	unsigned type;
	size_t len;
	int fd;

	start(ONE TWO);
	ask = expect_ask(URL_ONE);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(chan_recv(w.resolver, &type, &data, &len, &fd), 0);
	answer(ask.seq, LIST_FAILED, 0, "bad weather");
	ask = expect_ask("https://two.example/l.json");
	CU_ASSERT_EQUAL(world_logged("list \"one\": not loaded: bad weather"),
	    1);
	serve(ask.seq, make(3, 10));
	CU_ASSERT(world_wait_log(&w, "list \"two\": 3 domains"));
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_UNKNOWN);
	CU_ASSERT_EQUAL(mode_of(1, "d0.example"), LISTED_ENFORCE);
	end();
}

/* What was not asked for changes nothing, whatever it is. */
static void stray_messages(void)
{
	static const char junk[] = "junk, and more of it than a header";
	struct partners *p = make(20, 10);
	struct list_ask ask;
	size_t len;
	const char *data = partners_data(p, &len);
	json_int_t strays;

	start(ONE);
	ask = expect_ask(URL_ONE);
	answer(ask.seq + 1, LIST_FETCHED, len, "");
	part(ask.seq, 0, data, len);
	world_send(&w, MSG_LIST_ANSWER, junk, sizeof(junk));
	world_send(&w, MSG_LIST_PART, junk, sizeof(junk));
	answer(ask.seq, LIST_FETCHED, len, "");
	CU_ASSERT(expect_more(ask.seq, 0));
	/* A second answer, the wrong place, too much. */
	answer(ask.seq, LIST_FETCHED, len, "");
	part(ask.seq, 1, data, 10);
	part(ask.seq + 1, 0, data, len);
	part(ask.seq, 0, data, len - 1);
	CU_ASSERT(expect_more(ask.seq, (uint32_t)len - 1));
	part(ask.seq, len - 1, data + len - 2, 2);
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_UNKNOWN);
	part(ask.seq, len - 1, data + len - 1, 1);
	CU_ASSERT(expect_more(ask.seq, (uint32_t)len));
	CU_ASSERT(world_wait_log(&w, "list \"one\": 20 domains"));
	strays = world_status(&w, "strays");
	CU_ASSERT_EQUAL(strays, 8);
	/* Late ones. */
	part(ask.seq, 0, data, len);
	answer(ask.seq, LIST_FAILED, 0, "x");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(world_status(&w, "strays"), 10);
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_ENFORCE);
	partners_unref(p);
	end();
}

/* The resolver is hostile: what it sends is no list, or a changed one. */
static void a_list_that_is_none(void)
{
	struct partners *p = make(20, 10);
	struct list_ask ask;
	struct result r;
	size_t len;
	const char *data = partners_data(p, &len);
	char *changed = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(changed);
	start(ONE);
	ask = expect_ask(URL_ONE);
	for (size_t at = 0; at < len; at += 7) {
		memcpy(changed, data, len);
		changed[at] = (char)(changed[at] ^ 0x41);
		answer(ask.seq, LIST_FETCHED, len, "");
		CU_ASSERT_FATAL(expect_more(ask.seq, 0));
		part(ask.seq, 0, changed, len);
		CU_ASSERT(expect_more(ask.seq, (uint32_t)len));
		CU_ASSERT(world_settle(&w));
		CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_UNKNOWN);
		CU_ASSERT(at == 0 || (result_wait(&r, 1) && !r.ok));
		hurry("one", &r);
		ask = expect_ask(URL_ONE);
	}
	answer(ask.seq, LIST_UNCHANGED, 0, "");
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok || world_logged("but no list is held"));
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_UNKNOWN);
	free(changed);
	partners_unref(p);
	end();
}

static void calls(void)
{
	struct list_ask ask;
	struct result r, s;

	start(ONE);
	ask = expect_ask(URL_ONE);
	hurry("one", &r);
	hurry("none", &s);
	CU_ASSERT(result_wait(&s, 1));
	CU_ASSERT(!s.ok);
	CU_ASSERT_STRING_EQUAL(s.text, "no list of that name comes from a "
	    "URL");
	serve(ask.seq, make(5, 10));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	CU_ASSERT_PTR_NOT_NULL(strstr(r.text, "5 domains"));
	/* Fetched just now, and again because somebody asks. */
	hurry("one", &r);
	ask = expect_ask(URL_ONE);
	answer(ask.seq, LIST_FAILED, 0, "no luck");
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "not replaced: no luck");
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_ENFORCE);
	/* The stop answers those who still wait. */
	hurry("one", &r);
	ask = expect_ask(URL_ONE);
	learner_end(w.learner);
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	end();
}

static void the_resolver_dies(void)
{
	struct list_ask ask;
	struct result r;

	start(ONE);
	ask = expect_ask(URL_ONE);
	answer(ask.seq, LIST_FETCHED, 1000, "");
	CU_ASSERT(expect_more(ask.seq, 0));
	world_new_resolver(&w);
	CU_ASSERT(world_settle(&w));
	/* Not at once, which could be for ever, but soon. */
	world_set_now(NOW + 10);
	ask = expect_ask(URL_ONE);
	CU_ASSERT_EQUAL(world_logged("not loaded"), 0);
	hurry("one", &r);
	CU_ASSERT(world_no_ask(&w));	/* the call has arrived */
	world_new_resolver(&w);
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	CU_ASSERT_EQUAL(world_logged("the resolver ended twice while it "
	    "worked on it"), 1);
	hurry("one", &r);
	serve(expect_ask(URL_ONE).seq, make(2, 10));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	end();
}

static void a_reload_in_the_middle(void)
{
	struct list_ask ask;
	struct result r;

	start(ONE);
	ask = expect_ask(URL_ONE);
	hurry("one", &r);
	CU_ASSERT(world_no_ask(&w));
	answer(ask.seq, LIST_FETCHED, 1000, "");
	CU_ASSERT(expect_more(ask.seq, 0));
	learner_set_conf(w.learner, world_conf(ONE TWO));
	CHECK_CASE("the rest is not wanted", expect_more(ask.seq, 1000));
	ask = expect_ask(URL_ONE);
	serve(ask.seq, make(2, 10));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(r.ok);
	ask = expect_ask("https://two.example/l.json");
	hurry("two", &r);
	CU_ASSERT(world_no_ask(&w));
	learner_set_conf(w.learner, world_conf(ONE));
	CU_ASSERT(result_wait(&r, 1));
	CU_ASSERT(!r.ok);
	CU_ASSERT_STRING_EQUAL(r.text, "the list is no longer configured");
	/* The answer comes too late for anybody. */
	answer(ask.seq, LIST_FAILED, 0, "x");
	CU_ASSERT(world_settle(&w));
	CU_ASSERT_EQUAL(mode_of(0, "d0.example"), LISTED_ENFORCE);
	end();
}

static const struct unit_test tests[] = {
	{ "a list comes in parts", a_list_comes_in_parts },
	{ "one list at a time", one_list_at_a_time },
	{ "stray messages", stray_messages },
	{ "a list that is none", a_list_that_is_none },
	{ "calls", calls },
	{ "the resolver dies", the_resolver_dies },
	{ "a reload in the middle", a_reload_in_the_middle },
};

UNIT_MAIN("learner-lists", tests)
