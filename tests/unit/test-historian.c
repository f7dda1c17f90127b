/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "milter/historian-internal.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

#define NOW INT64_C(1795294982)
#define PATIENCE_MS 20000

static const struct pair_limits limits = { 3, 30 };
static const struct historian_tuning quick = { .gather_ms = 1,
	.sync_ms = 1, .queue = 64 * 1024 };

static struct tmpdir dir;
static struct history *history;
static struct buf err;

static struct historian *begin_with(uint64_t entries,
    const struct historian_tuning *tuning)
{
	struct history_options o = { .entries = entries };
	enum store_error e = STORE_OK;
	struct historian *h;

	tmpdir_make(&dir);
	buf_init(&err, 1000);
	o.state_dir = dir.dir;
	history = history_open(&o, &err, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(history);
	h = historian_start_tuned(history, tuning);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	return h;
}

static void end(struct historian *h)
{
	historian_stop(h);
	history_close(history);
	buf_clear(&err);
	tmpdir_remove(&dir);
}

static struct netaddr address(const char *text)
{
	struct netaddr addr = { .family = AF_UNSPEC };

	CU_ASSERT(netaddr_parse(text, &addr));
	return addr;
}

/* An accepted message of that domain. */
static void saw(struct historian *h, const char *domain, const char *client,
    bool tls)
{
	const struct message_facts m = { .from = "a@b", .from_domain = domain };
	const struct session_facts s = { .client = address(client),
		.tls = { .state = tls ? TLS_ENCRYPTED : TLS_PLAINTEXT,
			.version = "TLSv1.3" } };

	historian_saw(h, &s, &m, limits.min, NOW);
}

static struct history_facts look(const char *domain, const char *client)
{
	struct netaddr addr = address(client);
	struct history_facts f;

	history_look(history, domain, &addr, &limits, NOW, &f);
	return f;
}

static json_int_t number(struct historian *h, const char *name)
{
	json_t *status = historian_status(h);
	json_int_t n = json_integer_value(json_object_get(status, name));

	CU_ASSERT(json_is_integer(json_object_get(status, name)));
	json_decref(status);
	return n;
}

/* Wait until a number of status is reached. */
static bool reaches(struct historian *h, const char *name, json_int_t n)
{
	int64_t limit = clock_mono_ms() + PATIENCE_MS;

	while (number(h, name) < n && clock_mono_ms() < limit)
		(void)poll(NULL, 0, 1);
	return number(h, name) >= n;
}

static void what_was_seen_is_remembered(void)
{
	struct historian *h = begin_with(100, &quick);
	json_t *status;

	for (int i = 0; i < 3; i++)
		saw(h, "a.example", "192.0.2.1", true);
	saw(h, "b.example", "192.0.2.1", false);
	CU_ASSERT(reaches(h, "recorded", 4));
	CU_ASSERT(look("a.example", "192.0.2.200").used_tls);
	CU_ASSERT_EQUAL(look("a.example", "192.0.2.1").tls, 3);
	CU_ASSERT_EQUAL(look("b.example", "192.0.2.1").plaintext, 1);
	CU_ASSERT_EQUAL(number(h, "entries"), 2);
	CU_ASSERT_EQUAL(number(h, "max_entries"), 100);
	CU_ASSERT_EQUAL(number(h, "dropped"), 0);
	status = historian_status(h);
	CU_ASSERT(json_is_true(json_object_get(status, "open")));
	CU_ASSERT(json_is_string(json_object_get(status, "last_commit")));
	json_decref(status);
	end(h);
}

/* Nothing waits for the gathering when the daemon stops. */
static void the_end_writes_what_is_queued(void)
{
	const struct historian_tuning slow = { .gather_ms = 3600000,
		.sync_ms = 3600000, .queue = 64 * 1024 };
	struct historian *h = begin_with(100, &slow);

	for (int i = 0; i < 3; i++)
		saw(h, "a.example", "192.0.2.1", true);
	historian_end(h);
	CU_ASSERT(look("a.example", "192.0.2.1").used_tls);
	saw(h, "a.example", "192.0.2.1", true);
	historian_end(h);
	CU_ASSERT_EQUAL(look("a.example", "192.0.2.1").tls, 3);
	CU_ASSERT_EQUAL(number(h, "dropped"), 1);
	end(h);
}

/* A flood is bounded: what does not fit is dropped and counted. */
static void a_full_queue_drops_and_counts(void)
{
	const struct historian_tuning slow = { .gather_ms = 3600000,
		.sync_ms = 3600000, .queue = 100 };
	struct historian *h = begin_with(1000, &slow);

	for (int i = 0; i < 1000; i++)
		saw(h, "a.example", "192.0.2.1", true);
	historian_end(h);
	CU_ASSERT(number(h, "dropped") > 0);
	CU_ASSERT_EQUAL(number(h, "dropped") + number(h, "recorded"), 1000);
	CU_ASSERT_EQUAL(look("a.example", "192.0.2.1").tls,
	    (uint64_t)number(h, "recorded"));
	end(h);
}

#define THREADS 4
#define MESSAGES 2000

static void *flood(void *arg)
{
	char domain[40];

	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(domain, sizeof(domain), "d%u.example", i % 100);
		saw(arg, domain, "192.0.2.1", true);
	}
	return NULL;
}

static void many_threads_lose_nothing(void)
{
	const struct historian_tuning big = { .gather_ms = 1, .sync_ms = 1,
		.queue = 4 * 1024 * 1024 };
	struct historian *h = begin_with(1000, &big);
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, flood,
		    h), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	historian_end(h);
	CU_ASSERT_EQUAL(number(h, "recorded"), THREADS * MESSAGES);
	CU_ASSERT_EQUAL(number(h, "entries"), 100);
	CU_ASSERT_EQUAL(look("d7.example", "192.0.2.1").tls,
	    THREADS * MESSAGES / 100);
	end(h);
}

static void the_bound_holds(void)
{
	struct historian *h = begin_with(10, &quick);
	char domain[40];

	for (unsigned i = 0; i < 300; i++) {
		snprintf(domain, sizeof(domain), "d%u.example", i);
		saw(h, domain, "192.0.2.1", true);
	}
	historian_end(h);
	CU_ASSERT_EQUAL(number(h, "entries"), 10);
	CU_ASSERT_EQUAL(number(h, "evicted"), 290);
	end(h);
}

/* What historian_forget() told. */
struct told {
	atomic_int calls;
	bool ok;
	char text[200];
};

static void on_forgotten(void *arg, bool ok, const char *text)
{
	struct told *t = arg;

	t->ok = ok;
	snprintf(t->text, sizeof(t->text), "%s", text);
	atomic_fetch_add(&t->calls, 1);
}

static void check_forget(struct historian *h, const char *domain,
    const char *network, bool ok, const char *text)
{
	int64_t limit = clock_mono_ms() + PATIENCE_MS;
	struct told t = { 0 };

	CHECK_CASE(text, historian_forget(h, domain, network, on_forgotten,
	    &t));
	while (!atomic_load(&t.calls) && clock_mono_ms() < limit)
		(void)poll(NULL, 0, 1);
	CHECK_CASE(text, atomic_load(&t.calls) == 1);
	CHECK_CASE(text, t.ok == ok);
	CHECK_CASE_STR(text, t.text, text);
}

static void forgetting_is_told(void)
{
	struct historian *h = begin_with(1000, &quick);
	char client[40];

	saw(h, "a.example", "192.0.2.1", true);
	saw(h, "a.example", "192.0.3.1", true);
	for (int i = 0; i < 100; i++) {
		snprintf(client, sizeof(client), "198.51.%d.1", i);
		saw(h, "b.example", client, true);
	}
	saw(h, "c.example", "192.0.2.1", true);
	check_forget(h, "a.example", "192.0.2.0/24", true, "1 forgotten");
	check_forget(h, "a.example", "192.0.2.0/24", false,
	    "a.example 192.0.2.0/24 is not in the history");
	check_forget(h, "a.example", NULL, true, "1 forgotten");
	check_forget(h, "b.example", NULL, true, "100 forgotten");
	check_forget(h, "b.example", NULL, false,
	    "b.example is not in the history");
	check_forget(h, NULL, NULL, true, "1 forgotten");
	check_forget(h, NULL, NULL, true, "0 forgotten");
	CU_ASSERT_EQUAL(number(h, "entries"), 0);
	CU_ASSERT(!look("c.example", "192.0.2.1").tls);
	end(h);
}

static void no_historian_is_no_trouble(void)
{
	struct historian *h = begin_with(10, &quick);
	struct told t = { 0 };
	json_t *status = historian_status(NULL);

	CU_ASSERT(json_is_false(json_object_get(status, "open")));
	json_decref(status);
	saw(NULL, "a.example", "192.0.2.1", true);
	CU_ASSERT(!historian_forget(NULL, NULL, NULL, on_forgotten, &t));
	historian_end(NULL);
	historian_stop(NULL);
	historian_end(h);
	CU_ASSERT(!historian_forget(h, NULL, NULL, on_forgotten, &t));
	CU_ASSERT_EQUAL(atomic_load(&t.calls), 0);
	end(h);
}

static const struct unit_test tests[] = {
	{ "what was seen is remembered", what_was_seen_is_remembered },
	{ "the end writes what is queued", the_end_writes_what_is_queued },
	{ "a full queue drops and counts", a_full_queue_drops_and_counts },
	{ "many threads lose nothing", many_threads_lose_nothing },
	{ "history.size holds in a flood", the_bound_holds },
	{ "forgetting is told", forgetting_is_told },
	{ "no historian is no trouble", no_historian_is_no_trouble },
};

UNIT_MAIN("historian", tests)
