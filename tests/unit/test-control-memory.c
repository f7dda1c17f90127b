/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever allocation fails while the control socket serves a peer: it gets
 * a whole answer, or its connection ends; and the next peer is served. One
 * thread; the store thread is made up and answers at once.
 */
#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "conf/control.h"
#include "milter/control.h"
#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/services.h"
#include "mtasts/cachejson.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/no-learner.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/clock.h"
#include "util/endpoint.h"
#include "util/loop.h"

#define RUNS_MAX 5000

static struct cache *cache;
static struct history *history;

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
	return history;
}

struct historian *services_historian(struct services *s)
{
	(void)s;
	return NULL;
}

bool historian_forget(struct historian *h, const char *domain,
    const char *network, historian_done_fn *fn, void *arg)
{
	(void)h;
	(void)domain;
	(void)network;
	fn(arg, true, "1 forgotten");
	return true;
}

struct cache *services_cache(struct services *s)
{
	(void)s;
	return cache;
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
	fn(arg, true, "");
	return true;
}

bool learner_call(struct learner *l, enum learner_op op, const char *domain,
    const void *data, size_t len, learner_done_fn *fn, void *arg)
{
	(void)l;
	(void)op;
	(void)domain;
	(void)data;
	(void)len;
	fn(arg, true, "done");
	return true;
}

/* jansson asks us for memory, so that it too runs out. */
static void *json_malloc(size_t size)
{
	return malloc(size);
}

static void json_free(void *p)
{
	free(p);
}

struct peer {
	struct loop *loop;
	char heard[65536];
	size_t len;
	bool closed;
};

/* Read until the last line of the answer, or the end. */
static void on_peer(void *arg, int fd, unsigned events)
{
	struct peer *p = arg;
	ssize_t n = recv(fd, p->heard + p->len,
	    sizeof(p->heard) - 1 - p->len, MSG_DONTWAIT);

	(void)events;
	p->closed = n <= 0;
	if (n > 0)
		p->len += (size_t)n;
	p->heard[p->len] = '\0';
	if (p->closed || (strchr(p->heard, '\n') &&
	    strstr(p->heard, "\"ok\":")))
		loop_stop(p->loop);
}

static int connect_to(const struct endpoint *ep)
{
	struct buf err;
	int fd;

	buf_init(&err, 500);
	fd = endpoint_connect(ep, 10000, &err);
	CU_ASSERT_FATAL(fd >= 0);
	buf_clear(&err);
	return fd;
}

/* Serve one request with the given allocation failing (0: none); true when
 * it was answered. */
static bool serve(struct loop *loop, const struct endpoint *ep,
    const char *request, unsigned fail_at, bool *struck_r)
{
	struct peer p = { .loop = loop };
	int fd = connect_to(ep);
	struct loop_io *io = loop_io_new(loop, fd, LOOP_READ, on_peer, &p);

	CU_ASSERT_PTR_NOT_NULL_FATAL(io);
	CU_ASSERT(send(fd, request, strlen(request), MSG_NOSIGNAL) ==
	    (ssize_t)strlen(request));
	failmalloc_set(fail_at);
	loop_run(loop);
	*struck_r = failmalloc_struck();
	failmalloc_set(0);
	loop_io_free(io);
	close(fd);
	return !p.closed;
}

static void put_policy(const char *name)
{
	json_t *object = json_pack("{s:s, s:s}", "domain", name, "text",
	    "version: STSv1\nmode: enforce\nmx: mx.example\n"
	    "max_age: 86400\n");
	char domain[MTASTS_DOMAIN_SIZE];
	struct buf packed, err;
	struct record rec;

	buf_init(&packed, RECORD_MAX_PACKED);
	buf_init(&err, 500);
	CU_ASSERT(cachejson_to_record(object, clock_wall(), domain, &packed,
	    &err));
	CU_ASSERT(record_read(packed.data, packed.len, &rec));
	CU_ASSERT_EQUAL(cache_begin(cache), STORE_OK);
	CU_ASSERT_EQUAL(cache_put(cache, domain, &rec), STORE_OK);
	CU_ASSERT_EQUAL(cache_commit(cache), STORE_OK);
	json_decref(object);
	buf_clear(&packed);
	buf_clear(&err);
}

static void put_pair(const char *name)
{
	const struct pair_event event = { .when = clock_wall(), .tls = true,
		.version = 13, .keep = 3 };

	CU_ASSERT_EQUAL(history_begin(history), STORE_OK);
	CU_ASSERT_EQUAL(history_note(history, name, &event), STORE_OK);
	CU_ASSERT_EQUAL(history_commit(history), STORE_OK);
}

static void walk(struct loop *loop, const struct endpoint *ep,
    const char *request)
{
	bool struck, unused;
	unsigned n = 0;

	do {
		serve(loop, ep, request, ++n, &struck);
		CHECK_CASE(request, serve(loop, ep, request, 0, &unused));
	} while (struck && n < RUNS_MAX);
	CHECK_CASE(request, n > 3 && n < RUNS_MAX);
}

static void peers_are_answered_or_told_goodbye(void)
{
	static const char *const requests[] = {
		"{\"command\":\"status\"}\n",
		"{\"command\":\"reload\"}\n",
		"{\"command\":\"cache-export\"}\n",
		"{\"command\":\"cache-show\",\"domain\":\"a.example\"}\n",
		"{\"command\":\"query\",\"domain\":\"b.example\"}\n",
		"{\"command\":\"cache-purge\",\"domain\":\"a.example\"}\n",
		"{\"command\":\"cache-refresh\",\"domains\":[\"a.example\"]}"
		"\n",
		"{\"command\":\"cache-import\",\"records\":[{\"domain\":"
		"\"c.example\",\"text\":\"version: STSv1\\nmode: none\\n"
		"max_age: 1000\\n\"}]}\n",
		"{\"command\":\"history-list\",\"times\":true}\n",
		"{\"command\":\"history-purge\",\"domain\":\"a.example\","
		"\"network\":\"192.0.2.1\"}\n",
		"nonsense\n",
	};
	struct cache_options options = { .size = 16 << 20 };
	struct history_options past = { .entries = 10 };
	struct endpoint ep = { .kind = ENDPOINT_UNIX };
	struct loop *loop = loop_new();
	struct control *control;
	enum store_error error;
	struct tmpdir dir;
	struct buf err;

	buf_init(&err, 500);
	tmpdir_make(&dir);
	options.state_dir = dir.dir;
	cache = cache_open(&options, &err, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
	put_policy("a.example");
	past.state_dir = dir.dir;
	history = history_open(&past, &err, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(history);
	put_pair("a.example 192.0.2.0/24");
	snprintf(ep.path, sizeof(ep.path), "%s/s", dir.dir);
	control = control_new(loop, NULL, endpoint_listen(&ep, 0600,
	    (gid_t)-1, &err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(control);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		walk(loop, &ep, requests[i]);
	control_free(control);
	cache_close(cache);
	history_close(history);
	loop_free(loop);
	tmpdir_remove(&dir);
	buf_clear(&err);
}

static const struct unit_test tests[] = {
	{ "peers are answered or told goodbye",
	  peers_are_answered_or_told_goodbye },
};

int main(void)
{
	json_set_alloc_funcs(json_malloc, json_free);
	return unit_run("control memory", tests,
	    sizeof(tests) / sizeof(tests[0]));
}
