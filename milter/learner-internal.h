/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * learner-internal - what the files of the store thread share.
 *
 *   learner.c          start, stop, the loop, what other threads may call
 *   learner-resolver.c the channel: questions out, answers and lines in
 *   learner-answer.c   working answers into the cache, and the commit
 *   learner-keep.c     hosted domains and the daily refresh
 *   learner-call.c     refresh, purge, import and lookup
 *   learner-dane.c     DANE of next hops, and what outbound mail waits for
 *   learner-lists.c    partner lists from URLs
 *   learner-watch.c    regular checks of watched domains
 *   learner-log.c      what is logged, and how often
 *
 * Unless said otherwise a function here belongs to the store thread.
 */
#ifndef TM_MILTER_LEARNER_INTERNAL_H
#define TM_MILTER_LEARNER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "milter/learner.h"
#include "milter/wants.h"
#include "policy/nexthop.h"
#include "util/buf.h"
#include "util/loop.h"

#define DAY 86400
/* A write of so many answers ends before its time: LMDB keeps every page
 * that the largest of all changed, for ever, and in a large file each answer
 * changes another. */
#define LEARNER_WRITE_MAX 128

struct chan;
struct memorystore;
struct watch;

/* What tests make shorter than anyone would wait for. */
struct learner_tuning {
	int64_t (*wall)(void);	/* seconds */
	int64_t commit_ms;	/* longest time an answer is uncommitted */
	int64_t ask_ms;		/* longest time for one question */
	int64_t tick_ms;	/* housekeeping; first at once */
	int64_t cool_ms;	/* pause when a result could not be kept */
	int64_t outage_ms;	/* without a resolver for longer: an outage */
	struct want_limits limits[QUEUES];
	struct want_limits dane_limits[QUEUES];
};
extern const struct learner_tuning learner_defaults;

struct learner *learner_start_tuned(struct cache *cache, struct conf *conf,
    int resolver_fd, const struct learner_tuning *tuning);

struct learner_counts {
	atomic_uint_fast64_t asked, answered, failed, timeouts, strays;
	atomic_uint_fast64_t resent, commits, commit_failures;
	atomic_uint_fast64_t lines_dropped;
};

/* A call of learner_call() under way. */
struct want_call {
	STAILQ_ENTRY(want_call) entry;	/* until the thread takes it */
	struct want_call *next;		/* then of its want, or finished */
	enum learner_op op;
	learner_done_fn *fn;
	void *arg;
	bool ok;
	struct buf text;
	struct buf data;		/* LEARNER_IMPORT */
	char domain[NEXTHOP_TEXT_SIZE];	/* or next hop, or list */
};
STAILQ_HEAD(call_list, want_call);

/* One domain of conf->hosted, at the same index. */
struct hosted_state {
	int64_t next;		/* look again then; wall clock */
	bool looked;		/* since it became hosted */
	bool missed;		/* not learnt, and said so */
};

/* A log line that comes at most so often a minute; the rest is counted. */
struct log_limit {
	unsigned left;
	uint64_t dropped;
};

/* A partner list being fetched. */
struct list_fetch {
	bool active;
	uint32_t seq;
	int64_t deadline;	/* monotonic */
	char *name, *url;
	struct listcopy_writer *writer;	/* while it is drawn over */
	uint32_t size, offset;
};

struct learner {
	struct learner_tuning tuning;
	struct cache *cache;
	struct loop *loop;
	pthread_t thread;
	struct wants wants;	/* domains, by name */
	struct wants danes;	/* next hops, by text */
	struct learner_counts counts;
	atomic_bool woken;
	atomic_bool resolver_up;
	atomic_int_fast64_t down_since;	/* monotonic ms; 0: it is up */
	atomic_int dane;	/* enum learner_dane */
	learner_news_fn *news;
	void *news_arg;
	atomic_int waiters;
	atomic_size_t hosted_missed;

	/* Posted by other threads. */
	pthread_mutex_t lock;
	struct conf *new_conf;
	struct lists *new_lists;
	struct memorystore *new_memory;
	int new_resolver;	/* -1: none */
	bool stop;
	struct call_list new_calls;
	size_t calls_n;		/* posted or under way */
	json_t *resolver_status;	/* NULL until one came */
	json_t *watch_status;

	/* The thread's own. */
	struct conf *conf;
	struct chan *chan;	/* NULL while there is no resolver */
	struct loop_io *io;
	struct loop_timer *commit_timer, *pump_timer, *tick_timer;
	bool writing;		/* between cache_begin and cache_commit */
	bool commit_now;	/* somebody waits for what was answered, or
				 * it is much */
	unsigned kept_n;	/* answers in this write */
	struct want_call *finished;	/* told after the commit */
	uint32_t seq;
	struct buf message;
	struct hosted_state *hosted;
	struct lists *lists;	/* NULL: none to keep */
	struct list_fetch fetch;
	struct want_call *list_calls;	/* who waits for a list */
	struct watch *watch;
	struct cache_cursor scan;
	struct log_limit full_limit, missed_limit, line_limit, misc_limit;
	bool outage_said;
};

static inline int64_t learner_now(const struct learner *l)
{
	return l->tuning.wall();
}

/* learner.c: any thread; make the thread look at what was posted. */
void learner_wake(struct learner *l);

/* learner-resolver.c */
void learner_resolver_take(struct learner *l, int fd);
void learner_resolver_close(struct learner *l);
/* Ask what may be asked now; stop when rates or the channel say so. */
void learner_pump(struct learner *l);
/* Give up on questions without an answer. */
void learner_give_up_overdue(struct learner *l);

/* Send what is in l->message; false when the channel takes no more now. */
bool learner_send(struct learner *l, unsigned type);

/* learner-dane.c */
bool learner_dane_init(struct learner *l);
void learner_dane_clear(struct learner *l);
/* Ask what may be asked now; as learner_pump(), which calls it. */
bool learner_dane_pump(struct learner *l, int64_t *wait_r);
void learner_dane_answer(struct learner *l, const void *data, size_t len);
void learner_dane_call(struct learner *l, struct want_call *call);
void learner_dane_status(struct learner *l, const json_t *status);
/* The resolver is there, or gone. */
void learner_dane_up(struct learner *l, bool up);
void learner_dane_tick(struct learner *l);
/* The question of that name has ended, and there is nothing uncommitted of
 * it: tell who waits. */
void learner_tell_news(struct learner *l, const char *name);

/* learner-answer.c */
void learner_work(struct learner *l, struct want *want,
    const struct answer *answer);
/* What was found out of this want could be put into the cache, or not: then
 * it is left alone for a while. */
void learner_kept(struct learner *l, struct wants *wants, struct want *want);
void learner_not_kept(struct learner *l, struct wants *wants,
    struct want *want, enum store_error e);
/* There is nothing to find out of this want. */
void learner_known(struct learner *l, struct wants *wants, struct want *want);
/* The record of a domain, uncommitted changes included, until the next
 * change; false if none. */
bool learner_read(struct learner *l, const char *domain,
    struct record *rec_r);
/* Begin a write if none is under way; it will be committed in time. */
bool learner_write(struct learner *l);
/* End the write: tell who waits, forget what was answered. */
void learner_commit(struct learner *l);
/* Commit, if somebody waits. */
void learner_commit_if_wanted(struct learner *l);
/* Note that mail uses the domain: to the day. */
void learner_stamp_used(struct learner *l, const char *domain);

/* learner-keep.c */
bool learner_keep_conf(struct learner *l, struct conf *conf);
void learner_keep_tick(struct learner *l);
/* A hosted domain's record after a lookup; rec may be NULL. */
void learner_keep_answered(struct learner *l, const char *domain,
    const struct record *rec, const char *why);
/* A hosted domain is no longer in the cache: learn it at the next tick. */
void learner_keep_forget(struct learner *l, const char *domain);

/* learner-call.c */
void learner_call_begin(struct learner *l, struct want_call *call);
/* The lookup a want's callers waited for has this result. */
void learner_calls_result(struct want *want, bool ok, const char *text);
/* Move a want's callers to those who are told after the commit. */
void learner_calls_finish(struct learner *l, struct want *want);
void learner_calls_tell(struct learner *l, bool committed);
/* This call has a result, to be told after the commit. */
void learner_call_end(struct learner *l, struct want_call *call, bool ok,
    const char *text);

/* learner-lists.c */
void learner_lists_conf(struct learner *l);
void learner_lists_call(struct learner *l, struct want_call *call);
void learner_lists_answer(struct learner *l, const void *data, size_t len);
void learner_lists_part(struct learner *l, const void *data, size_t len);
/* Ask for a list that is due, unless one is under way. */
void learner_lists_pump(struct learner *l);
/* The resolver is gone. */
void learner_lists_lost(struct learner *l);
void learner_lists_tick(struct learner *l);
void learner_lists_stop(struct learner *l);

/* learner-watch.c */
bool learner_watch_init(struct learner *l);
void learner_watch_free(struct learner *l);
/* Watch what the configuration says from now on. */
void learner_watch_conf(struct learner *l);
/* Keep what is remembered in this file. */
void learner_watch_memory(struct learner *l, struct memorystore *memory);
void learner_watch_call(struct learner *l, struct want_call *call);
void learner_watch_answer(struct learner *l, const void *data, size_t len);
/* Ask for checks that are due, a few at a time. */
void learner_watch_pump(struct learner *l);
/* The resolver is gone. */
void learner_watch_lost(struct learner *l);
void learner_watch_tick(struct learner *l);
void learner_watch_stop(struct learner *l);

/* learner-log.c */
bool log_limit_take(struct log_limit *limit);
void learner_log_minute(struct learner *l);
void learner_log_answer(const char *domain, unsigned bits,
    const struct record *old, const struct record *new,
    const struct answer *answer);
void learner_log_full(struct learner *l, enum store_error e);

#endif
