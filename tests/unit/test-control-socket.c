/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket against a store thread that is made up here: what it
 * is asked is kept, and ends when a test says so, from another thread.
 */
#include "config.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/control.h"
#include "milter/control.h"
#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/services.h"
#include "mtasts/cachejson.h"
#include "tests/unit/no-learner.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/clock.h"
#include "util/endpoint.h"
#include "util/loop.h"
#include "util/str.h"

#define WAIT_MS 20000
#define ASKED_MAX 500

struct asked {
	enum learner_op op;
	char domain[MTASTS_DOMAIN_SIZE];
	learner_done_fn *fn;
	void *arg;
};

static struct {
	struct tmpdir dir;
	struct endpoint ep;
	struct loop *loop;
	struct control *control;
	struct cache *cache;
	struct history *history;
	struct historian *historian;
	pthread_t thread;
	/* the made-up store thread */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct asked asked[ASKED_MAX];
	size_t asked_n;
	size_t asked_limit;
	size_t most;		/* questions at a time */
	size_t total;
} world = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER };

/* ---- what the frontend would provide ----------------------------------- */

/* Only what is asked of it here. */
struct conf *services_conf(struct services *s)
{
	static struct conf conf = { .refs = 1, .history = { 3, 30 } };

	(void)s;
	return conf_ref(&conf);
}

struct history *services_history(struct services *s)
{
	(void)s;
	return world.history;
}

struct historian *services_historian(struct services *s)
{
	(void)s;
	return world.historian;
}

struct cache *services_cache(struct services *s)
{
	(void)s;
	return world.cache;
}

struct learner *services_learner(struct services *s)
{
	(void)s;
	return NULL;
}

json_t *services_status(struct services *s)
{
	(void)s;
	return json_pack("{s:s}", "version", "test");
}

bool services_reload(struct services *s, services_reload_fn *fn, void *arg)
{
	(void)s;
	fn(arg, false, "tlsmilter.conf:3: no such option");
	return true;
}

bool learner_call(struct learner *l, enum learner_op op, const char *domain,
    const void *data, size_t len, learner_done_fn *fn, void *arg)
{
	struct asked *a;
	bool taken;

	(void)l;
	(void)data;
	(void)len;
	pthread_mutex_lock(&world.lock);
	taken = world.asked_n < world.asked_limit;
	if (taken) {
		a = &world.asked[world.asked_n++];
		*a = (struct asked){ .op = op, .fn = fn, .arg = arg };
		snprintf(a->domain, sizeof(a->domain), "%s", domain);
		world.total++;
		if (world.asked_n > world.most)
			world.most = world.asked_n;
	}
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
	return taken;
}

/* Wait for a question and take it. */
static struct asked take_question(void)
{
	struct asked a = { .fn = NULL };
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_MS / 1000;
	pthread_mutex_lock(&world.lock);
	while (world.asked_n == 0 && pthread_cond_timedwait(&world.changed,
	    &world.lock, &until) == 0)
		;
	if (world.asked_n > 0) {
		a = world.asked[0];
		world.asked_n--;
		memmove(&world.asked[0], &world.asked[1],
		    world.asked_n * sizeof(a));
	}
	pthread_mutex_unlock(&world.lock);
	CU_ASSERT_FATAL(a.fn != NULL);
	return a;
}

/* ---- the socket under test --------------------------------------------- */

static void on_wake(void *arg)
{
	loop_stop(arg);
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void socket_open(void)
{
	struct cache_options options = { .size = 16 << 20 };
	enum store_error error;
	struct buf err;
	int fd;

	buf_init(&err, 500);
	tmpdir_make(&world.dir);
	options.state_dir = world.dir.dir;
	world.cache = cache_open(&options, &err, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world.cache);
	world.ep = (struct endpoint){ .kind = ENDPOINT_UNIX };
	snprintf(world.ep.path, sizeof(world.ep.path), "%s/s",
	    world.dir.dir);
	fd = endpoint_listen(&world.ep, 0600, (gid_t)-1, &err);
	CU_ASSERT_FATAL(fd >= 0);
	world.loop = loop_new();
	loop_set_wake(world.loop, on_wake, world.loop);
	world.control = control_new(world.loop, NULL, fd);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world.control);
	world.asked_n = world.most = world.total = 0;
	world.asked_limit = ASKED_MAX;
	pthread_create(&world.thread, NULL, run_loop, world.loop);
	buf_clear(&err);
}

static void socket_close(void)
{
	loop_wake(world.loop);
	pthread_join(world.thread, NULL);
	control_free(world.control);
	loop_free(world.loop);
	cache_close(world.cache);
	tmpdir_remove(&world.dir);
}

static struct control_client *connect_client(void)
{
	struct control_client *c;
	struct buf err;

	buf_init(&err, 500);
	c = control_connect(&world.ep, WAIT_MS, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	buf_clear(&err);
	return c;
}

/* Send a request made of JSON text. */
static void say(struct control_client *c, const char *text)
{
	json_t *request = json_loads(text, 0, NULL);
	struct buf err;

	buf_init(&err, 500);
	CU_ASSERT_PTR_NOT_NULL_FATAL(request);
	CU_ASSERT(control_send(c, request, WAIT_MS, &err));
	json_decref(request);
	buf_clear(&err);
}

static json_t *hear(struct control_client *c)
{
	struct buf err;
	json_t *answer;

	buf_init(&err, 500);
	answer = control_receive(c, WAIT_MS, &err);
	if (!answer)
		fprintf(stderr, "no answer: %s\n", buf_str(&err));
	CU_ASSERT_PTR_NOT_NULL(answer);
	buf_clear(&err);
	return answer;
}

/* Hear an answer and compare it, members in order, with a text. */
static void expect(struct control_client *c, const char *want)
{
	json_t *answer = hear(c);
	char *got = json_dumps(answer, JSON_COMPACT);

	CHECK_CASE_STR("answer", got ? got : "", want);
	free(got);
	json_decref(answer);
}

static json_t *policy(const char *domain)
{
	return json_pack("{s:s, s:s}", "domain", domain, "text",
	    "version: STSv1\nmode: enforce\nmx: mx.example\n"
	    "max_age: 86400\n");
}

static void put_policies(unsigned n)
{
	char name[MTASTS_DOMAIN_SIZE], domain[MTASTS_DOMAIN_SIZE];
	struct record rec;
	struct buf packed, err;

	buf_init(&packed, RECORD_MAX_PACKED);
	buf_init(&err, 500);
	CU_ASSERT_EQUAL(cache_begin(world.cache), STORE_OK);
	for (unsigned i = 0; i < n; i++) {
		json_t *object;

		snprintf(name, sizeof(name), "d%05u.example", i);
		object = policy(name);
		buf_reset(&packed);
		CU_ASSERT(cachejson_to_record(object, clock_wall(), domain,
		    &packed, &err));
		CU_ASSERT(record_read(packed.data, packed.len, &rec));
		CU_ASSERT_EQUAL(cache_put(world.cache, domain, &rec),
		    STORE_OK);
		json_decref(object);
	}
	CU_ASSERT_EQUAL(cache_commit(world.cache), STORE_OK);
	buf_clear(&packed);
	buf_clear(&err);
}

/* ---- tests ------------------------------------------------------------- */

#define MEMORY_OFF "{\"ok\":false,\"error\":\"the daemon has no " \
	"history: history.size is 0, or the file could not be opened\"}"

static void requests_are_answered(void)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "{\"command\":\"status\"}",
		  "{\"ok\":true,\"status\":{\"version\":\"test\"}}" },
		{ "{\"command\":\"reload\"}",
		  "{\"ok\":true,\"reloaded\":false,"
		  "\"messages\":\"tlsmilter.conf:3: no such option\"}" },
		{ "{}", "{\"ok\":false,\"error\":\"unknown command\"}" },
		{ "{\"command\":\"cache-show\",\"domain\":\"a.example\"}",
		  "{\"ok\":true,\"live\":false,\"record\":null}" },
		{ "{\"command\":\"cache-show\",\"domain\":7}",
		  "{\"ok\":false,\"error\":\"not a domain name\"}" },
		{ "{\"command\":\"cache-list\"}",
		  "{\"ok\":true,\"count\":0,\"older\":0}" },
		{ "{\"command\":\"cache-import\",\"records\":[]}",
		  "{\"ok\":true,\"count\":0,\"older\":0}" },
		{ "{\"command\":\"cache-import\",\"records\":[{}]}",
		  "{\"ok\":false,\"error\":\"\\\"domain\\\": not a string\"}"
		},
		{ "{\"command\":\"history-list\"}", MEMORY_OFF },
		{ "{\"command\":\"history-purge\",\"all\":true}",
		  MEMORY_OFF },
		{ "{\"command\":\"cache-refresh\",\"domains\":[]}",
		  "{\"ok\":true,\"count\":0,\"older\":0}" },
	};
	struct control_client *c;

	socket_open();
	c = connect_client();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(c, cases[i].request);
		expect(c, cases[i].answer);
	}
	control_close(c);
	socket_close();
}

static void lists_hold_every_record_once(void)
{
	struct control_client *c;
	char want[MTASTS_DOMAIN_SIZE];
	json_t *answer, *item;

	socket_open();
	put_policies(2000);
	c = connect_client();
	say(c, "{\"command\":\"cache-export\"}");
	for (unsigned i = 0; i < 2000; i++) {
		answer = hear(c);
		item = json_object_get(answer, "item");
		snprintf(want, sizeof(want), "d%05u.example", i);
		CHECK_CASE_STR(want, json_string_value(json_object_get(item,
		    "domain")) ? : "", want);
		json_decref(answer);
	}
	expect(c, "{\"ok\":true,\"count\":2000,\"older\":0}");
	control_close(c);
	socket_close();
}

/* A question of this kind about that name ends. */
static void end_question(enum learner_op op, const char *name, bool ok,
    const char *text)
{
	struct asked a = take_question();

	CU_ASSERT_EQUAL(a.op, op);
	CU_ASSERT_STRING_EQUAL(a.domain, name);
	a.fn(a.arg, ok, text);
}

static void a_query_waits_for_the_lookup(void)
{
	struct control_client *c;
	json_t *answer;

	socket_open();
	c = connect_client();
	say(c, "{\"command\":\"query\",\"domain\":\"D00000.example.\"}");
	end_question(LEARNER_LOOKUP, "d00000.example", true, "");
	put_policies(1);
	end_question(LEARNER_DANE, "d00000.example", false, "error");
	answer = hear(c);
	CU_ASSERT(json_is_true(json_object_get(answer, "live")));
	CU_ASSERT(json_is_object(json_object_get(answer, "record")));
	CU_ASSERT(json_is_null(json_object_get(answer, "dane")));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(answer,
	    "answers")), 4);
	json_decref(answer);
	say(c, "{\"command\":\"query\",\"domain\":\"d00000.example\"}");
	end_question(LEARNER_DANE, "d00000.example", true, "none");
	answer = hear(c);
	CU_ASSERT(json_is_false(json_object_get(answer, "live")));
	json_decref(answer);
	CU_ASSERT_EQUAL(world.total, 3);
	say(c, "{\"command\":\"query\",\"domain\":\"a.example\"}");
	end_question(LEARNER_LOOKUP, "a.example", false, "no room");
	end_question(LEARNER_DANE, "a.example", false, "no room");
	expect(c, "{\"ok\":false,\"error\":\"no room\"}");
	control_close(c);
	socket_close();
}

static void a_query_names_any_next_hop(void)
{
	struct control_client *c;
	json_t *answer;

	socket_open();
	put_policies(1);
	c = connect_client();
	say(c, "{\"command\":\"query\",\"domain\":"
	    "\"[D00000.example]:587\"}");
	end_question(LEARNER_DANE, "[d00000.example]:587", true, "none");
	answer = hear(c);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(answer,
	    "next_hop")), "[d00000.example]:587");
	json_decref(answer);
	say(c, "{\"command\":\"query\",\"domain\":\"[192.0.2.1]\"}");
	answer = hear(c);
	CU_ASSERT(json_is_true(json_object_get(answer, "ok")));
	CU_ASSERT(json_is_null(json_object_get(answer, "record")));
	json_decref(answer);
	say(c, "{\"command\":\"query\",\"domain\":\"a b\"}");
	expect(c, "{\"ok\":false,\"error\":"
	    "\"not a domain name or next hop\"}");
	control_close(c);
	socket_close();
}

static json_t *many_domains(unsigned n)
{
	json_t *list = json_array();
	char name[MTASTS_DOMAIN_SIZE];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "r%u.example", i);
		json_array_append_new(list, json_string(name));
	}
	return list;
}

static void a_refresh_asks_a_few_at_a_time(void)
{
	json_t *request = json_pack("{s:s, s:o}", "command", "cache-refresh",
	    "domains", many_domains(100)), *answer, *item;
	struct control_client *c;
	struct asked a;
	struct buf err;

	socket_open();
	world.asked_limit = 5;	/* the store thread has no room for more */
	c = connect_client();
	buf_init(&err, 500);
	CU_ASSERT(control_send(c, request, WAIT_MS, &err));
	for (unsigned i = 0; i < 100; i++) {
		a = take_question();
		CU_ASSERT_EQUAL(a.op, LEARNER_REFRESH);
		a.fn(a.arg, i % 2 == 0, "text");
		answer = hear(c);
		item = json_object_get(answer, "item");
		CHECK_CASE_STR("domain", json_string_value(json_object_get(
		    item, "domain")) ? : "", a.domain);
		CU_ASSERT(json_is_boolean(json_object_get(item, "ok")));
		CU_ASSERT_EQUAL(json_is_true(json_object_get(item, "ok")),
		    i % 2 == 0);
		json_decref(answer);
	}
	expect(c, "{\"ok\":true,\"count\":50,\"older\":0}");
	CU_ASSERT(world.most <= 5);
	CU_ASSERT_EQUAL(world.total, 100);
	json_decref(request);
	buf_clear(&err);
	control_close(c);
	socket_close();
}

static json_t *import_request(unsigned n)
{
	json_t *records = json_array();
	char name[MTASTS_DOMAIN_SIZE];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "i%u.example", i);
		json_array_append_new(records, policy(name));
	}
	return json_pack("{s:s, s:o}", "command", "cache-import", "records",
	    records);
}

static void an_import_ends_with_its_count(void)
{
	json_t *request = import_request(300);
	struct control_client *c;
	json_t *answer;
	struct asked a;
	struct buf err;

	socket_open();
	c = connect_client();
	buf_init(&err, 500);
	CU_ASSERT(control_send(c, request, WAIT_MS, &err));
	for (unsigned i = 0; i < 300; i++) {
		a = take_question();
		CU_ASSERT_EQUAL(a.op, LEARNER_IMPORT);
		a.fn(a.arg, true, "");
	}
	expect(c, "{\"ok\":true,\"count\":300,\"older\":0}");
	CU_ASSERT(world.most <= 128);
	/* A failure ends it; what is still outstanding changes nothing. */
	CU_ASSERT(control_send(c, request, WAIT_MS, &err));
	a = take_question();
	a.fn(a.arg, false, "disk full");
	expect(c, "{\"ok\":false,\"error\":\"disk full\"}");
	say(c, "{\"command\":\"query\",\"domain\":\"q.example\"}");
	do {
		a = take_question();
		a.fn(a.arg, true, "");
	} while (a.op != LEARNER_DANE);
	answer = hear(c);
	CU_ASSERT(json_is_true(json_object_get(answer, "ok")));
	CU_ASSERT(json_is_null(json_object_get(answer, "record")));
	json_decref(answer);
	json_decref(request);
	buf_clear(&err);
	control_close(c);
	socket_close();
}

static void older_policies_are_not_imported(void)
{
	json_t *old = policy("d00000.example"), *request;
	struct control_client *c;
	struct buf err;

	socket_open();
	put_policies(1);
	c = connect_client();
	buf_init(&err, 500);
	clock_add_time(&err, clock_wall() - 3600);
	json_object_set_new(old, "fetched", json_string(buf_str(&err)));
	buf_reset(&err);
	request = json_pack("{s:s, s:[o]}", "command", "cache-import",
	    "records", old);
	CU_ASSERT(control_send(c, request, WAIT_MS, &err));
	expect(c, "{\"ok\":true,\"count\":0,\"older\":1}");
	CU_ASSERT_EQUAL(world.total, 0);
	json_decref(request);
	buf_clear(&err);
	control_close(c);
	socket_close();
}

static void who_leaves_is_forgotten(void)
{
	struct control_client *c;
	struct asked asked[100];

	socket_open();
	/* More than there may be connections: each gives its place back. */
	for (size_t i = 0; i < 100; i++) {
		c = connect_client();
		say(c, "{\"command\":\"cache-purge\","
		    "\"domain\":\"a.example\"}");
		asked[i] = take_question();
		CU_ASSERT_EQUAL(asked[i].op, LEARNER_PURGE);
		control_close(c);
	}
	for (size_t i = 0; i < 100; i++)
		asked[i].fn(asked[i].arg, true, "");
	c = connect_client();
	say(c, "{\"command\":\"status\"}");
	json_decref(hear(c));
	control_close(c);
	socket_close();
}

static void answers_may_come_after_the_end(void)
{
	struct control_client *c;
	struct asked a;

	socket_open();
	c = connect_client();
	say(c, "{\"command\":\"cache-purge\",\"domain\":\"a.example\"}");
	a = take_question();
	socket_close();
	a.fn(a.arg, true, "late");
	control_close(c);
}

static void connections_are_bounded(void)
{
	struct control_client *clients[32], *late;

	socket_open();
	for (size_t i = 0; i < 32; i++) {
		clients[i] = connect_client();
		say(clients[i], "{\"command\":\"status\"}");
		json_decref(hear(clients[i]));
	}
	late = connect_client();
	expect(late, "{\"ok\":false,\"error\":\"too many connections\"}");
	control_close(late);
	for (size_t i = 0; i < 32; i++)
		control_close(clients[i]);
	socket_close();
}

/* ---- the history ------------------------------------------------------- */

static void history_start(void)
{
	struct history_options o = { .entries = 10000 };
	enum store_error e = STORE_OK;
	struct buf err;

	o.state_dir = world.dir.dir;
	buf_init(&err, 500);
	world.history = history_open(&o, &err, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world.history);
	world.historian = historian_start(world.history);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world.historian);
	buf_clear(&err);
}

static void history_stop(void)
{
	historian_stop(world.historian);
	history_close(world.history);
	world.historian = NULL;
	world.history = NULL;
}

static void put_pairs(const char *format, unsigned n, unsigned messages,
    bool tls)
{
	const struct pair_event event = { .when = clock_wall(), .tls = tls,
		.version = tls ? 13 : 0, .keep = 3 };
	char name[PAIR_NAME_SIZE];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%05u.example 192.0.2.0/24",
		    format, i);
		CU_ASSERT_EQUAL(history_begin(world.history), STORE_OK);
		for (unsigned j = 0; j < messages; j++)
			CU_ASSERT_EQUAL(history_note(world.history, name,
			    &event), STORE_OK);
		CU_ASSERT_EQUAL(history_commit(world.history), STORE_OK);
	}
}

/* Hear n pairs whose domains begin like this, in their order. */
static void hear_pairs(struct control_client *c, const char *format,
    unsigned n, bool uses_tls)
{
	char want[MTASTS_DOMAIN_SIZE];

	for (unsigned i = 0; i < n; i++) {
		json_t *answer = hear(c), *item;

		item = json_object_get(answer, "item");
		snprintf(want, sizeof(want), "%s%05u.example", format, i);
		CHECK_CASE_STR(want, json_string_value(json_object_get(item,
		    "domain")) ? : "", want);
		CHECK_CASE(want, json_is_true(json_object_get(item,
		    "uses_tls")) == uses_tls);
		json_decref(answer);
	}
}

static void history_lists_what_is_wished(void)
{
	struct control_client *c;

	socket_open();
	history_start();
	put_pairs("a", 500, 3, true);
	put_pairs("b", 300, 2, true);
	c = connect_client();
	say(c, "{\"command\":\"history-list\"}");
	hear_pairs(c, "a", 500, true);
	hear_pairs(c, "b", 300, false);
	expect(c, "{\"ok\":true,\"count\":800}");
	put_pairs("a", 2, 1, false);
	put_pairs("b", 2, 1, false);
	say(c, "{\"command\":\"history-list\",\"downgraded\":true}");
	hear_pairs(c, "a", 2, true);
	expect(c, "{\"ok\":true,\"count\":2}");
	say(c, "{\"command\":\"history-list\",\"domain\":"
	    "\"A00000.example\",\"network\":\"192.0.2.9\"}");
	hear_pairs(c, "a", 1, true);
	expect(c, "{\"ok\":true,\"count\":1}");
	say(c, "{\"command\":\"history-list\",\"network\":"
	    "\"192.0.3.0/24\"}");
	expect(c, "{\"ok\":true,\"count\":0}");
	control_close(c);
	socket_close();
	history_stop();
}

/* Whoever says less than he means must not lose everything. */
static void history_is_purged_as_told_only(void)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "", "name the domain to forget, or all" },
		{ ",\"all\":false", "name the domain to forget, or all" },
		{ ",\"network\":\"192.0.2.0/24\"",
		  "name the domain to forget, or all" },
		{ ",\"all\":true,\"network\":\"192.0.2.0/24\"",
		  "name the domain to forget, or all" },
		{ ",\"all\":true,\"domain\":\"a00000.example\"",
		  "name the domain to forget, or all" },
		{ ",\"domain\":7", "not a domain name" },
		{ ",\"domain\":\"a..b\"", "not a domain name" },
		{ ",\"domain\":\"a00000.example\",\"network\":\"10/8\"",
		  "not an address, a /24 or a /48" },
		{ ",\"domain\":\"x.example\"",
		  "x.example is not in the history" },
	};
	struct control_client *c;
	char text[500];

	socket_open();
	history_start();
	put_pairs("a", 3, 1, true);
	c = connect_client();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
		    "{\"command\":\"history-purge\"%s}", cases[i].request);
		say(c, text);
		snprintf(text, sizeof(text), "{\"ok\":false,\"error\":\"%s\"}",
		    cases[i].answer);
		expect(c, text);
	}
	say(c, "{\"command\":\"history-purge\",\"domain\":"
	    "\"a00001.example\",\"network\":\"192.0.2.0/24\"}");
	expect(c, "{\"ok\":true,\"text\":\"1 forgotten\"}");
	say(c, "{\"command\":\"history-purge\",\"all\":true}");
	expect(c, "{\"ok\":true,\"text\":\"2 forgotten\"}");
	control_close(c);
	socket_close();
	history_stop();
}

static const struct unit_test tests[] = {
	{ "the history lists what is wished", history_lists_what_is_wished },
	{ "the history is purged as told only",
	    history_is_purged_as_told_only },
	{ "requests are answered", requests_are_answered },
	{ "lists hold every record once", lists_hold_every_record_once },
	{ "a query waits for the lookup", a_query_waits_for_the_lookup },
	{ "a query names any next hop", a_query_names_any_next_hop },
	{ "a refresh asks a few at a time", a_refresh_asks_a_few_at_a_time },
	{ "an import ends with its count", an_import_ends_with_its_count },
	{ "older policies are not imported", older_policies_are_not_imported },
	{ "who leaves is forgotten", who_leaves_is_forgotten },
	{ "answers may come after the end", answers_may_come_after_the_end },
	{ "connections are bounded", connections_are_bounded },
};

UNIT_MAIN("control socket", tests)
