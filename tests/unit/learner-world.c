/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/learner-world.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include "milter/proto.h"
#include "util/chan.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/pack.h"

#define CONF_NAME "/t.conf"
#define MIB (1024 * 1024)

static atomic_int_fast64_t fake_now;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf log_text = { .max = 1000000 };

void world_set_now(int64_t now)
{
	fake_now = now;
}

int64_t world_now(void)
{
	return fake_now;
}

static void keep_line(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	(void)priority;
	pthread_mutex_lock(&log_lock);
	buf_add(&log_text, line, len);
	buf_addc(&log_text, '\n');
	pthread_mutex_unlock(&log_lock);
}

unsigned world_logged(const char *text)
{
	unsigned n = 0;

	pthread_mutex_lock(&log_lock);
	for (const char *p = buf_str(&log_text); (p = strstr(p, text)); p++)
		n++;
	pthread_mutex_unlock(&log_lock);
	return n;
}

/* ---- life -------------------------------------------------------------- */

static void channel(struct world *w)
{
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(chan_pair(fds), 0);
	w->learner_fd = fds[0];
	w->resolver = chan_new(fds[1], MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->resolver);
}

void world_init(struct world *w)
{
	struct cache_options o = { .size = MIB };
	enum store_error e = STORE_OK;
	struct buf err;

	memset(w, 0, sizeof(*w));
	world_set_now(NOW);
	log_set_sink(keep_line, NULL);
	log_set_level(LOG_DEBUG);
	buf_reset(&log_text);
	tmpdir_make(&w->dir);
	o.state_dir = w->dir.dir;
	buf_init(&err, 1000);
	w->cache = cache_open(&o, &err, &e);
	buf_clear(&err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->cache);
	w->tuning = learner_defaults;
	w->tuning.wall = world_now;
	w->tuning.commit_ms = 20;
	w->tuning.tick_ms = 20;
	channel(w);
}

struct conf *world_conf(const char *text)
{
	struct conf_messages m = { 0 };
	struct bundle *b = bundle_new();
	struct conf *c;

	bundle_add_text(b, CONF_NAME, text, strlen(text));
	c = conf_load_bundle(CONF_NAME, b, &m);
	for (size_t i = 0; i < m.n; i++)
		if (m.v[i].error)
			fprintf(stderr, "%s\n", m.v[i].text);
	conf_messages_clear(&m);
	bundle_free(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

void world_start(struct world *w, const char *conf_text)
{
	w->learner = learner_start_tuned(w->cache, world_conf(conf_text),
	    w->learner_fd, &w->tuning);
	w->learner_fd = -1;
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->learner);
}

void world_end(struct world *w)
{
	learner_stop(w->learner);
	chan_free(w->resolver);
	if (w->learner_fd >= 0)
		close(w->learner_fd);
	cache_close(w->cache);
	tmpdir_remove(&w->dir);
	log_set_sink(NULL, NULL);
	log_set_level(LOG_INFO);
	buf_clear(&log_text);
}

void world_kill_resolver(struct world *w)
{
	chan_free(w->resolver);
	w->resolver = NULL;
}

void world_new_resolver(struct world *w)
{
	world_kill_resolver(w);
	channel(w);
	learner_set_resolver(w->learner, w->learner_fd);
	w->learner_fd = -1;
}

/* ---- the resolver's part ----------------------------------------------- */

/* 1: a question; 0: none now; -1: the learner is gone. */
static int take_ask(struct world *w, struct ask *ask_r, struct buf *keep)
{
	const void *data;
	unsigned type;
	size_t len;
	int passfd = -1;
	int rc = chan_recv(w->resolver, &type, &data, &len, &passfd);

	if (rc <= 0)
		return rc;
	CU_ASSERT_EQUAL(type, MSG_ASK);
	buf_reset(keep);
	buf_add(keep, data, len);
	CU_ASSERT_FATAL(ask_unpack(keep->data, keep->len, ask_r));
	return 1;
}

bool world_next_message(struct world *w, unsigned type, struct buf *keep)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	struct pollfd p = { .fd = chan_fd(w->resolver), .events = POLLIN };
	const void *data;
	unsigned got = 0;
	size_t len;
	int fd, rc;

	while ((rc = chan_recv(w->resolver, &got, &data, &len, &fd)) == 0 &&
	    clock_mono_ms() < until)
		(void)poll(&p, 1, 100);
	if (rc != 1 || got != type)
		return false;
	buf_reset(keep);
	buf_add(keep, data, len);
	return true;
}

bool world_next_ask(struct world *w, struct ask *ask_r, struct buf *keep)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	int rc;

	while ((rc = take_ask(w, ask_r, keep)) == 0) {
		struct pollfd p = { .fd = chan_fd(w->resolver),
			.events = POLLIN };

		if (clock_mono_ms() > until)
			return false;
		(void)poll(&p, 1, 100);
	}
	return rc == 1;
}

bool world_expect_ask(struct world *w, const char *domain,
    struct ask *ask_r)
{
	static struct buf keep = { .max = ANSWER_MAX_PACKED };
	bool got = world_next_ask(w, ask_r, &keep);

	CHECK_CASE(domain, got);
	if (got)
		CHECK_CASE_STR(domain, ask_r->domain, domain);
	return got && strcmp(ask_r->domain, domain) == 0;
}

/* The thread serves what is wanted in the turn in which it tells who
 * called, so that after a call that asks nothing all questions are sent. */
bool world_no_ask(struct world *w)
{
	struct buf keep = { .max = ANSWER_MAX_PACKED };
	struct result r;
	struct ask ask;
	int rc;

	result_init(&r);
	CU_ASSERT(world_call(w, LEARNER_PURGE, "fence.example", NULL, &r));
	CU_ASSERT(result_wait(&r, 1));
	rc = take_ask(w, &ask, &keep);
	if (rc > 0)
		fprintf(stderr, "unexpected question about %s\n", ask.domain);
	buf_clear(&keep);
	return rc == 0;
}

void world_send(struct world *w, unsigned type, const void *data, size_t len)
{
	CU_ASSERT(chan_send(w->resolver, type, data, len, -1));
}

static bool line_came(struct world *w, void *arg)
{
	const unsigned *before = arg;

	(void)w;
	return world_logged("resolver: settled") > *before;
}

bool world_settle(struct world *w)
{
	unsigned before = world_logged("resolver: settled");
	struct buf b;

	buf_init(&b, 100);
	pack_u8(&b, LOG_INFO);
	pack_str(&b, "settled");
	world_send(w, MSG_LOG, b.data, b.len);
	buf_clear(&b);
	return world_wait(w, line_came, &before);
}

struct answer world_outcome(const struct ask *ask,
    enum mtasts_outcome outcome, enum mtasts_error error)
{
	return (struct answer){ .seq = ask->seq, .domain = ask->domain,
		.outcome = outcome, .error = error, .detail = "", .id = "",
		.ttl = 60, .patterns = "", .text = "",
		.mx_known = ask->want_mx, .mx = "", .rua = "" };
}

struct answer world_found(const struct ask *ask, const char *id)
{
	struct answer a = world_outcome(ask, MTASTS_FOUND, MTASTS_OK);

	a.id = id;
	a.mode = MTASTS_ENFORCE;
	a.max_age = 604800;
	a.patterns = "mx.a.example";
	a.text = ENFORCE_TEXT;
	a.mx = ask->want_mx ? "mx.a.example" : "";
	return a;
}

void world_answer(struct world *w, const struct answer *answer)
{
	struct buf b;

	buf_init(&b, ANSWER_MAX_PACKED);
	answer_pack(answer, &b);
	CU_ASSERT(!b.failed);
	world_send(w, MSG_ANSWER, b.data, b.len);
	buf_clear(&b);
}

/* ---- the cache --------------------------------------------------------- */

struct record world_policy(void)
{
	return (struct record){ .kind = RECORD_POLICY,
		.mode = MTASTS_ENFORCE, .max_age = 604800, .fetched = NOW,
		.expires = NOW + 604800, .checked = NOW,
		.check_after = NOW + 3600, .refetch_after = NOW + DAY,
		.used = NOW - NOW % DAY, .id = "held1", .failed_id = "",
		.patterns = "mx.a.example", .mx_known = true,
		.mx = "mx.a.example", .rua = "", .text = ENFORCE_TEXT };
}

void world_put(struct world *w, const char *domain, const struct record *rec)
{
	CU_ASSERT_EQUAL(cache_begin(w->cache), STORE_OK);
	CU_ASSERT_EQUAL(cache_put(w->cache, domain, rec), STORE_OK);
	CU_ASSERT_EQUAL(cache_commit(w->cache), STORE_OK);
}

static void copy_held(void *arg, const struct record *rec)
{
	struct held *held = arg;

	held->found = true;
	held->rec = *rec;
	snprintf(held->id, sizeof(held->id), "%s", rec->id);
	snprintf(held->mx, sizeof(held->mx), "%s", rec->mx);
	held->rec.id = held->rec.failed_id = held->rec.patterns =
	    held->rec.mx = held->rec.rua = held->rec.text = "";
}

bool world_held(struct world *w, const char *domain, struct held *held_r)
{
	memset(held_r, 0, sizeof(*held_r));
	(void)cache_get(w->cache, domain, copy_held, held_r);
	return held_r->found;
}

/* ---- waiting ----------------------------------------------------------- */

bool world_wait(struct world *w, world_cond *cond, void *arg)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;

	while (!cond(w, arg)) {
		if (clock_mono_ms() > until)
			return false;
		(void)poll(NULL, 0, 2);
	}
	return true;
}

struct expected {
	const char *domain, *id;
	enum record_kind kind;
};

static bool kind_is(struct world *w, void *arg)
{
	const struct expected *want = arg;
	struct held held;

	return world_held(w, want->domain, &held) &&
	    held.rec.kind == want->kind;
}

bool world_wait_kind(struct world *w, const char *domain,
    enum record_kind kind)
{
	struct expected want = { .domain = domain, .kind = kind };

	return world_wait(w, kind_is, &want);
}

static bool id_is(struct world *w, void *arg)
{
	const struct expected *want = arg;
	struct held held;

	return world_held(w, want->domain, &held) &&
	    strcmp(held.id, want->id) == 0;
}

bool world_wait_id(struct world *w, const char *domain, const char *id)
{
	struct expected want = { .domain = domain, .id = id };

	return world_wait(w, id_is, &want);
}

static bool is_done(struct world *w, void *arg)
{
	const struct expected *want = arg;

	return learner_waiting_since(w->learner, want->domain,
	    world_now()) == 0;
}

bool world_wait_done(struct world *w, const char *domain)
{
	struct expected want = { .domain = domain };

	return world_wait(w, is_done, &want);
}

static bool is_logged(struct world *w, void *arg)
{
	const struct expected *want = arg;

	(void)w;
	return world_logged(want->id) > 0;
}

bool world_wait_log(struct world *w, const char *text)
{
	struct expected want = { .id = text };

	return world_wait(w, is_logged, &want);
}

/* ---- status and calls -------------------------------------------------- */

json_int_t world_status(struct world *w, const char *path)
{
	json_t *status = learner_status(w->learner), *at = status;
	json_int_t value;
	char name[50];

	CU_ASSERT_PTR_NOT_NULL_FATAL(status);
	for (;;) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		at = json_object_get(at, name);
		if (!path[n])
			break;
		path += n + 1;
	}
	CHECK_CASE(path, at != NULL);
	value = json_is_boolean(at) ? json_is_true(at) :
	    json_integer_value(at);
	json_decref(status);
	return value;
}

void result_init(struct result *r)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->cond, NULL);
}

static void on_done(void *arg, bool ok, const char *text)
{
	struct result *r = arg;

	pthread_mutex_lock(&r->lock);
	r->done++;
	r->ok = ok;
	snprintf(r->text, sizeof(r->text), "%s", text);
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

bool world_call(struct world *w, enum learner_op op, const char *domain,
    const struct record *rec, struct result *r)
{
	struct buf packed;
	bool taken;

	buf_init(&packed, RECORD_MAX_PACKED);
	if (rec)
		record_pack(rec, &packed);
	taken = learner_call(w->learner, op, domain, packed.data, packed.len,
	    on_done, r);
	buf_clear(&packed);
	return taken;
}

bool result_wait(struct result *r, unsigned n)
{
	struct timespec until;
	bool done;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&r->lock);
	while (r->done < n && pthread_cond_timedwait(&r->cond, &r->lock,
	    &until) != ETIMEDOUT)
		;
	done = r->done >= n;
	pthread_mutex_unlock(&r->lock);
	return done;
}
