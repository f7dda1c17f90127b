/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two queues of bytes take turns: callbacks fill one while the thread works
 * off the other, so that they wait for a copy of a few bytes at most.
 */
#include "config.h"

#include "milter/historian.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "milter/historian-internal.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

#define MINUTE_MS 60000
#define CALLS_MAX 64
#define TEXT_MAX 1000

const struct historian_tuning historian_defaults = {
	.gather_ms = 500,
	.sync_ms = 5000,
	.queue = 128 * 1024,
};

/* One message in a queue; the pair's name and its NUL follow. */
struct note {
	struct pair_event event;
	size_t len;		/* of the name, NUL included */
};

struct queue {
	char *data;
	size_t len;
};

/* A call of historian_forget() that waits. */
struct call {
	STAILQ_ENTRY(call) entry;
	historian_done_fn *fn;
	void *arg;
	char *domain;		/* NULL: everything */
	char *network;
};
STAILQ_HEAD(call_list, call);

struct historian {
	struct historian_tuning tuning;
	struct history *history;
	pthread_t thread;
	atomic_uint_fast64_t recorded, dropped, commit_failures;
	atomic_int_fast64_t last_commit;	/* wall clock; 0: none yet */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue filling;
	struct call_list calls;
	size_t calls_n;
	bool stop;

	/* The thread's own. */
	struct queue writing;
	unsigned batch;		/* notes in the write under way */
	bool open;		/* a write is under way */
	bool dirty;		/* committed, not synced */
	int64_t sync_at, minute_at, warn_at;	/* monotonic ms */
	uint64_t dropped_told;
};

/* ---- writing ----------------------------------------------------------- */

/* Mail flows, whatever happens to the file; say so once a minute. */
static void failed(struct historian *h, enum store_error e, unsigned lost)
{
	int64_t now = clock_mono_ms();

	atomic_fetch_add(&h->dropped, lost);
	if (now < h->warn_at)
		return;
	h->warn_at = now + MINUTE_MS;
	log_warn("history", "%s: who uses TLS now is not remembered, mail "
	    "goes on", e == STORE_FULL ? "file or disk is full" :
	    store_strerror(e));
}

static void commit(struct historian *h)
{
	enum store_error e;

	if (!h->open)
		return;
	e = history_commit(h->history);
	h->open = false;
	if (e) {
		atomic_fetch_add(&h->commit_failures, 1);
		failed(h, e, h->batch);
		return;
	}
	atomic_fetch_add(&h->recorded, h->batch);
	atomic_store(&h->last_commit, clock_wall());
	if (!h->dirty)
		h->sync_at = clock_mono_ms() + h->tuning.sync_ms;
	h->dirty = true;
}

/* Begin a write if none is under way. */
static enum store_error begin(struct historian *h)
{
	enum store_error e;

	if (h->open)
		return STORE_OK;
	e = history_begin(h->history);
	h->open = e == STORE_OK;
	h->batch = 0;
	return e;
}

static void write_note(struct historian *h, const struct note *n,
    const char *name)
{
	enum store_error e = begin(h);

	if (!e)
		e = history_note(h->history, name, &n->event);
	if (e)
		failed(h, e, 1);
	else
		h->batch++;
	if (h->batch == HISTORY_BATCH)
		commit(h);
}

static void write_queue(struct historian *h)
{
	const char *at = h->writing.data, *end = at + h->writing.len;
	struct note n;

	while (at < end) {
		memcpy(&n, at, sizeof(n));
		write_note(h, &n, at + sizeof(n));
		at += sizeof(n) + n.len;
	}
	commit(h);
	h->writing.len = 0;
}

static void sync_file(struct historian *h)
{
	enum store_error e;

	if (!h->dirty)
		return;
	e = history_sync(h->history);
	h->dirty = false;
	if (e)
		failed(h, e, 0);
}

/* ---- forgetting -------------------------------------------------------- */

/* One write: some pairs of a domain, or everything. */
static enum store_error forget_some(struct historian *h,
    const struct call *call, uint64_t *n_r)
{
	enum store_error e = begin(h);
	unsigned n = 0;

	if (!e && call->domain)
		e = history_forget(h->history, call->domain, call->network,
		    &n);
	*n_r = n;
	if (!e && !call->domain)
		e = history_forget_all(h->history, n_r);
	if (!e) {
		h->open = false;
		e = history_commit(h->history);
		h->dirty = true;
	}
	return e;
}

static void call_free(struct call *call)
{
	free(call->domain);
	free(call->network);
	free(call);
}

static void tell(struct call *call, enum store_error e, uint64_t n)
{
	const char *domain = call->domain ? call->domain : "everything";
	const char *network = call->network ? call->network : "";
	const char *blank = *network ? " " : "";
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (e)
		buf_addf(&text, "%s%s%s: %s", domain, blank, network,
		    store_strerror(e));
	else if (n == 0 && call->domain)
		buf_addf(&text, "%s%s%s is not in the history", domain,
		    blank, network);
	else
		buf_addf(&text, "%llu forgotten", (unsigned long long)n);
	if (!e && n)
		log_notice("history", "purged by the administrator domain=%s "
		    "network=%s entries=%llu, a downgrade until it is learnt "
		    "again", call->domain ? domain : "*",
		    *network ? network : "*", (unsigned long long)n);
	call->fn(call->arg, !e && (n || !call->domain), buf_str(&text));
	buf_clear(&text);
	call_free(call);
}

static void forget(struct historian *h, struct call *call)
{
	uint64_t n, sum = 0;
	enum store_error e;

	do {
		e = forget_some(h, call, &n);
		sum += e ? 0 : n;
	} while (!e && call->domain && n == HISTORY_BATCH);
	if (h->open)
		history_abort(h->history);
	h->open = false;
	sync_file(h);
	tell(call, e, sum);
}

/* ---- the thread -------------------------------------------------------- */

/* Wait for a change, at most until then. Called with the lock; false when
 * the time has come. */
static bool wait_until(struct historian *h, int64_t mono_ms)
{
	struct timespec at = { .tv_sec = mono_ms / 1000,
		.tv_nsec = mono_ms % 1000 * 1000000 };

	return pthread_cond_timedwait(&h->wake, &h->lock, &at) == 0;
}

/* True when something must be done now; with the lock. */
static bool is_urgent(const struct historian *h)
{
	return h->stop || !STAILQ_EMPTY(&h->calls) ||
	    h->filling.len > h->tuning.queue / 2;
}

/* Wait for work, then a little for more of it, and take it all. False when
 * this was the last. */
static bool take_work(struct historian *h, struct call_list *calls)
{
	int64_t due = h->dirty ? h->sync_at : h->minute_at;
	struct queue empty = h->writing;
	bool stop;

	STAILQ_INIT(calls);
	pthread_mutex_lock(&h->lock);
	while (!is_urgent(h) && !h->filling.len && wait_until(h, due))
		;
	due = clock_mono_ms() + h->tuning.gather_ms;
	while (!is_urgent(h) && h->filling.len && wait_until(h, due))
		;
	h->writing = h->filling;
	h->filling = empty;
	STAILQ_CONCAT(calls, &h->calls);
	h->calls_n = 0;
	stop = h->stop;
	pthread_mutex_unlock(&h->lock);
	return !stop;
}

static void tell_dropped(struct historian *h)
{
	uint64_t dropped = atomic_load(&h->dropped);

	if (dropped != h->dropped_told)
		log_warn("history", "%llu messages were not remembered",
		    (unsigned long long)(dropped - h->dropped_told));
	h->dropped_told = dropped;
}

static void housekeeping(struct historian *h)
{
	int64_t now = clock_mono_ms();

	if (h->dirty && now >= h->sync_at)
		sync_file(h);
	if (now < h->minute_at)
		return;
	h->minute_at = now + MINUTE_MS;
	history_maintain(h->history);
	tell_dropped(h);
}

static void *thread_main(void *arg)
{
	struct historian *h = arg;
	struct call_list calls;
	struct call *call;
	bool more;

	do {
		more = take_work(h, &calls);
		write_queue(h);
		while ((call = STAILQ_FIRST(&calls))) {
			STAILQ_REMOVE_HEAD(&calls, entry);
			forget(h, call);
		}
		housekeeping(h);
	} while (more);
	sync_file(h);
	return NULL;
}

/* ---- life -------------------------------------------------------------- */

/* Signals are for other threads. */
static bool thread_start(struct historian *h)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&h->thread, NULL, thread_main, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0;
}

static void historian_free(struct historian *h)
{
	free(h->filling.data);
	free(h->writing.data);
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void init_lock(struct historian *h)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&h->lock, NULL);
}

struct historian *historian_start_tuned(struct history *history,
    const struct historian_tuning *tuning)
{
	struct historian *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->tuning = *tuning;
	h->history = history;
	h->minute_at = clock_mono_ms() + MINUTE_MS;
	init_lock(h);
	STAILQ_INIT(&h->calls);
	h->filling.data = malloc(tuning->queue);
	h->writing.data = malloc(tuning->queue);
	if (h->filling.data && h->writing.data && thread_start(h))
		return h;
	historian_free(h);
	return NULL;
}

struct historian *historian_start(struct history *history)
{
	return historian_start_tuned(history, &historian_defaults);
}

void historian_end(struct historian *h)
{
	bool ended;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	ended = h->stop;
	h->stop = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	if (!ended)
		pthread_join(h->thread, NULL);
}

void historian_stop(struct historian *h)
{
	historian_end(h);
	if (h)
		historian_free(h);
}

/* ---- any thread -------------------------------------------------------- */

/* True when the thread sleeps and should not: with the first message, and
 * when half of the queue is full. */
static bool append(struct historian *h, const struct note *n,
    const char *name)
{
	struct queue *q = &h->filling;
	size_t was = q->len, half = h->tuning.queue / 2;

	memcpy(q->data + q->len, n, sizeof(*n));
	memcpy(q->data + q->len + sizeof(*n), name, n->len);
	q->len += sizeof(*n) + n->len;
	return was == 0 || (was <= half && q->len > half);
}

void historian_saw(struct historian *h, const struct session_facts *s,
    const struct message_facts *m, unsigned keep, int64_t now)
{
	char name[PAIR_NAME_SIZE];
	struct note n;
	bool wake = false;

	if (!h || !pair_of_message(s, m, keep, now, name, &n.event))
		return;
	n.len = strlen(name) + 1;
	pthread_mutex_lock(&h->lock);
	if (!h->stop &&
	    h->tuning.queue - h->filling.len >= sizeof(n) + n.len)
		wake = append(h, &n, name);
	else
		atomic_fetch_add(&h->dropped, 1);
	pthread_mutex_unlock(&h->lock);
	if (wake)
		pthread_cond_signal(&h->wake);
}

static struct call *call_new(const char *domain, const char *network,
    historian_done_fn *fn, void *arg)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->fn = fn;
	call->arg = arg;
	call->domain = domain ? strdup(domain) : NULL;
	call->network = network ? strdup(network) : NULL;
	if (!call->domain == !domain && !call->network == !network)
		return call;
	call_free(call);
	return NULL;
}

bool historian_forget(struct historian *h, const char *domain,
    const char *network, historian_done_fn *fn, void *arg)
{
	struct call *call = h ? call_new(domain, network, fn, arg) : NULL;
	bool taken = false;

	if (!call)
		return false;
	pthread_mutex_lock(&h->lock);
	if (h->calls_n < CALLS_MAX && !h->stop) {
		STAILQ_INSERT_TAIL(&h->calls, call, entry);
		h->calls_n++;
		taken = true;
	}
	pthread_mutex_unlock(&h->lock);
	if (taken)
		pthread_cond_signal(&h->wake);
	else
		call_free(call);
	return taken;
}

/* ---- status ------------------------------------------------------------ */

static json_t *time_json(int64_t wall)
{
	struct buf text;
	json_t *json;

	if (!wall)
		return json_null();
	buf_init(&text, 40);
	clock_add_time(&text, wall);
	json = json_string(buf_str(&text));
	buf_clear(&text);
	return json;
}

json_t *historian_status(struct historian *h)
{
	struct history_stat st;

	if (!h)
		return json_pack("{sb}", "open", 0);
	history_stat(h->history, &st);
	return json_pack("{sb sI sI sI sI sI sI sI sI so}",
	    "open", 1,
	    "entries", (json_int_t)st.entries,
	    "max_entries", (json_int_t)st.max_entries,
	    "used", (json_int_t)st.used,
	    "size", (json_int_t)st.size,
	    "evicted", (json_int_t)st.evicted,
	    "recorded", (json_int_t)atomic_load(&h->recorded),
	    "dropped", (json_int_t)atomic_load(&h->dropped),
	    "commit_failures", (json_int_t)atomic_load(&h->commit_failures),
	    "last_commit", time_json(atomic_load(&h->last_commit)));
}
