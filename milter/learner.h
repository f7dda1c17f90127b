/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * learner - the store thread: the only writer of the cache.
 *
 * Callbacks push names to bounded queues, one for each class; the thread
 * joins questions about one domain, asks the resolver, works the answer
 * into the cache, and wakes who waits. It refreshes policies before they
 * expire, hosted domains first. Questions outstanding when the resolver
 * dies are asked again of its successor. Design §2, §7.
 */
#ifndef TM_MILTER_LEARNER_H
#define TM_MILTER_LEARNER_H

#include <jansson.h>

#include "conf/conf.h"
#include "mtasts/answer.h"
#include "mtasts/cache.h"

struct learner;
struct lists;
struct memorystore;

/* Start the thread. resolver_fd is our end of the channel (util/chan), or
 * -1 if there is none yet; it and the conf reference are taken over. NULL
 * when out of memory or threads. */
struct learner *learner_start(struct cache *cache, struct conf *conf,
    int resolver_fd);

/* Commit what is pending, then end the thread. Afterwards nothing is learnt,
 * but other threads may still call what any thread may call. */
void learner_end(struct learner *l);

/* End the thread, if that was not done, and free everything: no other
 * thread may use l any more. */
void learner_stop(struct learner *l);

/*
 * Any thread; none of these waits. learner_want(), learner_waiting_since()
 * and learner_call() accept NULL, when there is no cache to learn for: then
 * nothing is learnt, and nobody waits. A full queue drops and counts. The
 * domain is normalised. Wanting a domain that needs no look costs no question; it
 * notes that the domain is in use, at most once a day.
 */
void learner_want(struct learner *l, const char *domain,
    enum ask_class class);
void learner_set_conf(struct learner *l, struct conf *conf);
/* Keep these lists up to date from now on; they must outlive l. */
void learner_set_lists(struct learner *l, struct lists *lists);
void learner_set_resolver(struct learner *l, int resolver_fd);
/* Keep what checks of watched domains saw in this file from now on; nobody
 * else may write it, and it must outlive l. */
void learner_set_memory(struct learner *l, struct memorystore *memory);

/* Want to know how DANE of a next hop stands (its text); as learner_want(). */
void learner_want_dane(struct learner *l, const char *hop);

/*
 * Tell fn, in the store thread, of each domain and each next hop whose
 * question has come to an end, after the result is committed: while anybody
 * waits, which learner_add_waiters() counts. "" means that every answer may
 * have changed. A result is committed at once then. Whoever waits counts
 * itself before it wants something, so that no news is missed. Set fn before
 * another thread may want anything.
 */
typedef void learner_news_fn(void *arg, const char *name);
void learner_set_news(struct learner *l, learner_news_fn *fn, void *arg);
void learner_add_waiters(struct learner *l, int change);

/* True when the result of the last lookup of a domain, or of a next hop's
 * DANE, could not be kept (disk or cache full): nobody shall wait for it. */
bool learner_gave_up(struct learner *l, const char *domain);
bool learner_gave_up_dane(struct learner *l, const char *hop);

/* Can DANE be relied on: we validate, and the servers of resolv.conf, which
 * the mail server asks, set AD? */
enum learner_dane {
	LEARNER_DANE_OFF,
	LEARNER_DANE_TESTING,	/* soon to be known */
	LEARNER_DANE_WORKS,
};
enum learner_dane learner_dane(struct learner *l);

/* What the resolver says of DNSSEC, a new object, or null. */
json_t *learner_dnssec(struct learner *l);

/* True when the resolver process has been gone for more than a minute. */
bool learner_is_out(struct learner *l);

/* Seconds since a domain that is still unknown was first wanted, at least
 * 1; 0 if it is not outstanding. A day when the lookup has ended but its
 * result could not be kept (disk or cache full): nobody shall wait for it. */
int64_t learner_waiting_since(struct learner *l, const char *domain,
    int64_t now);

/*
 * Ask the thread to do something and call fn, in that thread, when it is
 * done and committed; text (never NULL, valid during the call) is a clean
 * sentence for the asker. fn is called exactly once, at the latest from
 * learner_stop(); it may call the functions above. False, and no call of fn,
 * when too many such calls are under way or memory ran out.
 */
enum learner_op {
	LEARNER_REFRESH,	/* true refetch of a domain */
	LEARNER_PURGE,		/* delete a domain; logged as a downgrade */
	LEARNER_IMPORT,		/* a packed record; refused while a policy
				 * fetched later is held */
	LEARNER_LOOKUP,		/* answer when known; waits for the first
				 * lookup */
	LEARNER_DANE,		/* the same for DANE of a next hop */
	LEARNER_LIST,		/* fetch the partner list of that name */
	LEARNER_WATCH,		/* check a watched domain now */
};
typedef void learner_done_fn(void *arg, bool ok, const char *text);
bool learner_call(struct learner *l, enum learner_op op, const char *domain,
    const void *data, size_t len, learner_done_fn *fn, void *arg);

/* Counters and queue depths, into an object of `status`. */
json_t *learner_status(struct learner *l);

/* How the watched domains stand, a new array; l may be NULL. */
json_t *learner_watch_status(struct learner *l);

#endif
