/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/learner.h"

#include <signal.h>
#include <unistd.h>

#include "milter/learner-internal.h"
#include "util/chan.h"
#include "util/clock.h"
#include "util/log.h"

/* Without a store thread nobody shall wait for a lookup. */
#define NO_LEARNER_SINCE 86400
#define CALLS_MAX 256

/*
 * Bounds, how many at once, a second, burst. The senders' row is what spam
 * can make us do; together the rows stay below what the resolver takes.
 */
const struct learner_tuning learner_defaults = {
	.wall = clock_wall,
	.commit_ms = 250,
	.ask_ms = 120000,
	.tick_ms = 60000,
	.cool_ms = 300000,
	.outage_ms = 60000,
	.limits = {
		[QUEUE_CALL] = { 256, 64, 0, 0 },
		[QUEUE_HOSTED] = { 100000, 64, 100, 200 },
		[QUEUE_OUTBOUND] = { 8192, 256, 0, 0 },
		[QUEUE_RECIPIENT] = { 4096, 128, 200, 400 },
		[QUEUE_SENDER] = { 4096, 64, 50, 100 },
		[QUEUE_REFRESH] = { 1024, 32, 20, 20 },
	},
	.dane_limits = {
		[QUEUE_CALL] = { 256, 64, 0, 0 },
		[QUEUE_OUTBOUND] = { 8192, 256, 0, 0 },
	},
};

/* The queue of a class, and what a use of that kind needs to know. */
static const struct {
	enum want_queue queue;
	unsigned flags;
} class_of[ASK_CLASSES] = {
	[ASK_OUTBOUND] = { QUEUE_OUTBOUND, WANT_USE },
	[ASK_HOSTED] = { QUEUE_HOSTED, WANT_USE | WANT_MX },
	[ASK_RECIPIENT] = { QUEUE_RECIPIENT, WANT_USE | WANT_MX },
	[ASK_SENDER] = { QUEUE_SENDER, WANT_USE },
};

/* ---- the thread -------------------------------------------------------- */

/* What other threads left for this one. */
struct posted {
	struct conf *conf;
	struct lists *lists;
	struct memorystore *memory;
	int resolver;
	bool stop;
	struct call_list calls;
};

static void take_posted(struct learner *l, struct posted *p)
{
	STAILQ_INIT(&p->calls);
	pthread_mutex_lock(&l->lock);
	p->conf = l->new_conf;
	p->lists = l->new_lists;
	p->memory = l->new_memory;
	p->resolver = l->new_resolver;
	p->stop = l->stop;
	STAILQ_CONCAT(&p->calls, &l->new_calls);
	l->new_conf = NULL;
	l->new_lists = NULL;
	l->new_memory = NULL;
	l->new_resolver = -1;
	pthread_mutex_unlock(&l->lock);
}

static void use_posted(struct learner *l, struct posted *p)
{
	struct want_call *call;

	if (p->conf && !learner_keep_conf(l, p->conf))
		log_err("learner", "out of memory: hosted domains stay as "
		    "they were");
	if (p->lists)
		l->lists = p->lists;
	if (p->lists || p->conf)
		learner_lists_conf(l);
	if (p->conf)
		learner_watch_conf(l);
	if (p->memory)
		learner_watch_memory(l, p->memory);
	if (p->resolver >= 0)
		learner_resolver_take(l, p->resolver);
	while ((call = STAILQ_FIRST(&p->calls))) {
		STAILQ_REMOVE_HEAD(&p->calls, entry);
		learner_call_begin(l, call);
	}
	if (p->stop)
		loop_stop(l->loop);
}

static void on_wake(void *arg)
{
	struct learner *l = arg;
	struct posted posted;

	l->woken = false;
	take_posted(l, &posted);
	use_posted(l, &posted);
	learner_pump(l);
	learner_commit_if_wanted(l);
}

static void on_commit_timer(void *arg)
{
	learner_commit(arg);
}

static void on_pump_timer(void *arg)
{
	struct learner *l = arg;

	learner_pump(l);
	learner_commit_if_wanted(l);
}

static void on_tick(void *arg)
{
	struct learner *l = arg;

	wants_thaw(&l->wants, clock_mono_ms());
	learner_give_up_overdue(l);
	learner_dane_tick(l);
	learner_keep_tick(l);
	learner_lists_tick(l);
	learner_watch_tick(l);
	cache_maintain(l->cache);
	learner_log_minute(l);
	learner_pump(l);
	learner_commit_if_wanted(l);
	loop_timer_set(l->tick_timer, l->tuning.tick_ms);
}

static void wind_up_wants(struct learner *l, struct wants *wants)
{
	struct want *want;

	while ((want = wants_first(wants))) {
		learner_calls_finish(l, want);
		wants_drop(wants, want);
	}
}

/* Everybody who waits is told; nobody is left in the tables. */
static void wind_up(struct learner *l)
{
	struct posted posted;
	struct want_call *call;

	learner_resolver_close(l);
	learner_lists_stop(l);
	learner_watch_stop(l);
	take_posted(l, &posted);
	if (posted.resolver >= 0)
		close(posted.resolver);
	conf_unref(posted.conf);
	while ((call = STAILQ_FIRST(&posted.calls))) {
		STAILQ_REMOVE_HEAD(&posted.calls, entry);
		call->next = l->finished;
		l->finished = call;
	}
	learner_commit(l);
	wind_up_wants(l, &l->wants);
	wind_up_wants(l, &l->danes);
	learner_calls_tell(l, true);
}

static void *thread_main(void *arg)
{
	struct learner *l = arg;

	loop_timer_set(l->tick_timer, 0);
	loop_run(l->loop);
	wind_up(l);
	return NULL;
}

/* Signals are for other threads. */
static bool thread_start(struct learner *l)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&l->thread, NULL, thread_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0;
}

/* ---- life -------------------------------------------------------------- */

static void learner_free(struct learner *l)
{
	if (l->new_resolver >= 0)
		close(l->new_resolver);
	learner_resolver_close(l);
	learner_dane_clear(l);
	learner_watch_free(l);
	loop_timer_free(l->commit_timer);
	loop_timer_free(l->pump_timer);
	loop_timer_free(l->tick_timer);
	loop_free(l->loop);
	wants_clear(&l->wants);
	buf_clear(&l->message);
	free(l->hosted);
	conf_unref(l->new_conf);
	conf_unref(l->conf);
	json_decref(l->resolver_status);
	json_decref(l->watch_status);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static bool set_up(struct learner *l)
{
	l->loop = loop_new();
	if (!l->loop || !wants_init(&l->wants, l->tuning.limits) ||
	    !learner_dane_init(l) || !learner_watch_init(l))
		return false;
	l->commit_timer = loop_timer_new(l->loop, on_commit_timer, l);
	l->pump_timer = loop_timer_new(l->loop, on_pump_timer, l);
	l->tick_timer = loop_timer_new(l->loop, on_tick, l);
	loop_set_wake(l->loop, on_wake, l);
	return l->commit_timer && l->pump_timer && l->tick_timer;
}

struct learner *learner_start_tuned(struct cache *cache, struct conf *conf,
    int resolver_fd, const struct learner_tuning *tuning)
{
	struct learner *l = calloc(1, sizeof(*l));

	if (!l) {
		if (resolver_fd >= 0)
			close(resolver_fd);
		conf_unref(conf);
		return NULL;
	}
	l->tuning = *tuning;
	l->cache = cache;
	l->new_resolver = resolver_fd;
	STAILQ_INIT(&l->new_calls);
	pthread_mutex_init(&l->lock, NULL);
	buf_init(&l->message, ANSWER_MAX_PACKED);
	learner_log_minute(l);
	if (set_up(l) && learner_keep_conf(l, conf)) {
		learner_watch_conf(l);
		if (thread_start(l)) {
			learner_wake(l);
			return l;
		}
	}
	if (!l->conf)
		conf_unref(conf);
	learner_free(l);
	return NULL;
}

struct learner *learner_start(struct cache *cache, struct conf *conf,
    int resolver_fd)
{
	return learner_start_tuned(cache, conf, resolver_fd,
	    &learner_defaults);
}

void learner_end(struct learner *l)
{
	bool ended;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	ended = l->stop;
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	if (ended)
		return;
	learner_wake(l);
	pthread_join(l->thread, NULL);
}

void learner_stop(struct learner *l)
{
	learner_end(l);
	if (l)
		learner_free(l);
}

/* ---- any thread -------------------------------------------------------- */

void learner_wake(struct learner *l)
{
	if (!atomic_exchange(&l->woken, true))
		loop_wake(l->loop);
}

void learner_want(struct learner *l, const char *domain,
    enum ask_class class)
{
	if (l && wants_add(&l->wants, domain, class_of[class].queue,
	    class_of[class].flags, learner_now(l)))
		learner_wake(l);
}

int64_t learner_waiting_since(struct learner *l, const char *domain,
    int64_t now)
{
	return l ? wants_waiting(&l->wants, domain, now) : NO_LEARNER_SINCE;
}

void learner_set_conf(struct learner *l, struct conf *conf)
{
	struct conf *old;

	pthread_mutex_lock(&l->lock);
	old = l->new_conf;
	l->new_conf = conf;
	pthread_mutex_unlock(&l->lock);
	conf_unref(old);
	learner_wake(l);
}

void learner_set_lists(struct learner *l, struct lists *lists)
{
	pthread_mutex_lock(&l->lock);
	l->new_lists = lists;
	pthread_mutex_unlock(&l->lock);
	learner_wake(l);
}

void learner_set_memory(struct learner *l, struct memorystore *memory)
{
	pthread_mutex_lock(&l->lock);
	l->new_memory = memory;
	pthread_mutex_unlock(&l->lock);
	learner_wake(l);
}

void learner_set_resolver(struct learner *l, int resolver_fd)
{
	int old;

	pthread_mutex_lock(&l->lock);
	old = l->new_resolver;
	l->new_resolver = resolver_fd;
	pthread_mutex_unlock(&l->lock);
	if (old >= 0)
		close(old);
	learner_wake(l);
}

static struct want_call *call_new(enum learner_op op, const char *domain,
    const void *data, size_t len, learner_done_fn *fn, void *arg)
{
	struct want_call *call = NULL;

	if (*domain && strlen(domain) < sizeof(call->domain))
		call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->op = op;
	call->fn = fn;
	call->arg = arg;
	memcpy(call->domain, domain, strlen(domain) + 1);
	buf_init(&call->text, 4000);
	buf_init(&call->data, RECORD_MAX_PACKED);
	buf_add(&call->data, data, len);
	if (!call->data.failed)
		return call;
	free(call);
	return NULL;
}

bool learner_call(struct learner *l, enum learner_op op, const char *domain,
    const void *data, size_t len, learner_done_fn *fn, void *arg)
{
	struct want_call *call =
	    l ? call_new(op, domain, data, len, fn, arg) : NULL;
	bool taken = false;

	if (!call)
		return false;
	pthread_mutex_lock(&l->lock);
	if (l->calls_n < CALLS_MAX && !l->stop) {
		STAILQ_INSERT_TAIL(&l->new_calls, call, entry);
		l->calls_n++;
		taken = true;
	}
	pthread_mutex_unlock(&l->lock);
	if (taken) {
		learner_wake(l);
		return true;
	}
	buf_clear(&call->data);
	free(call);
	return false;
}

/* ---- status ------------------------------------------------------------ */

static json_t *queues_json(const struct want_counts *n)
{
	json_t *queues = json_object();

	for (int q = 0; q < QUEUES; q++)
		json_object_set_new(queues, want_queue_name(
		    (enum want_queue)q), json_pack("{sI sI sI}",
		    "queued", (json_int_t)n->queued[q],
		    "asked", (json_int_t)n->asked[q],
		    "dropped", (json_int_t)n->dropped[q]));
	return queues;
}

static json_t *resolver_json(struct learner *l)
{
	json_t *status;

	pthread_mutex_lock(&l->lock);
	status = l->resolver_status ? json_deep_copy(l->resolver_status) :
	    json_object();
	pthread_mutex_unlock(&l->lock);
	json_object_set_new(status, "connected", json_boolean(
	    (bool)l->resolver_up));
	return status;
}

json_t *learner_dnssec(struct learner *l)
{
	json_t *dnssec;

	pthread_mutex_lock(&l->lock);
	dnssec = json_deep_copy(json_object_get(l->resolver_status,
	    "dnssec"));
	pthread_mutex_unlock(&l->lock);
	return dnssec ? dnssec : json_null();
}

static json_t *dane_json(struct learner *l)
{
	static const char *const states[] = {
		[LEARNER_DANE_OFF] = "off",
		[LEARNER_DANE_TESTING] = "testing",
		[LEARNER_DANE_WORKS] = "works",
	};
	struct want_counts n;

	wants_counts(&l->danes, &n);
	return json_pack("{ss sI sI sI so}",
	    "state", states[learner_dane(l)],
	    "wanted", (json_int_t)n.wanted,
	    "coalesced", (json_int_t)n.coalesced,
	    "not_kept", (json_int_t)n.cooling,
	    "queues", queues_json(&n));
}

json_t *learner_status(struct learner *l)
{
	const struct learner_counts *c = &l->counts;
	struct want_counts n;

	wants_counts(&l->wants, &n);
	return json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI so so so}",
	    "wanted", (json_int_t)n.wanted,
	    "coalesced", (json_int_t)n.coalesced,
	    "asked", (json_int_t)c->asked,
	    "answered", (json_int_t)c->answered,
	    "failed", (json_int_t)c->failed,
	    "timeouts", (json_int_t)c->timeouts,
	    "strays", (json_int_t)c->strays,
	    "resent", (json_int_t)c->resent,
	    "commits", (json_int_t)c->commits,
	    "commit_failures", (json_int_t)c->commit_failures,
	    "lines_dropped", (json_int_t)c->lines_dropped,
	    "hosted_not_learnt", (json_int_t)l->hosted_missed,
	    "not_kept", (json_int_t)n.cooling,
	    "queues", queues_json(&n),
	    "dane", dane_json(l),
	    "resolver", resolver_json(l));
}
