/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wants - what the store thread shall learn, each once: domains, and in a
 * table of their own the next hops whose DANE is asked for. Here both are
 * called domains.
 *
 * A table of outstanding domains and a bounded queue for each class, so
 * that spam with a thousand invented senders cannot keep a recipient's
 * domain waiting. Names are added by any thread; everything marked "owner"
 * is for the store thread alone. The lock inside is never held across
 * anything slow.
 */
#ifndef TM_MILTER_WANTS_H
#define TM_MILTER_WANTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* Longest name, and its NUL. */
#define WANT_NAME_SIZE 280

/* In the order they are served. */
enum want_queue {
	QUEUE_CALL,		/* an administrator or a client waits */
	QUEUE_HOSTED,
	QUEUE_OUTBOUND,
	QUEUE_RECIPIENT,
	QUEUE_SENDER,
	QUEUE_REFRESH,		/* daily refresh; nobody waits */
	QUEUES
};
const char *want_queue_name(enum want_queue q);

struct want_limits {
	size_t bound;		/* longest queue; more is dropped */
	size_t asked;		/* at most so many asked at once */
	unsigned rate;		/* questions a second; 0: no limit */
	unsigned burst;
};

enum want_state {
	WANT_QUEUED,
	WANT_ASKED,		/* the resolver has the question */
	WANT_ANSWERED,		/* the answer is not yet committed */
	WANT_COOLING,		/* the answer could not be kept: not again
				 * before `deadline` */
};

enum {
	WANT_USE = 1,		/* mail uses the domain now */
	WANT_MX = 2,		/* the MX host names too */
	WANT_LOOK = 4,		/* look even if nothing is due */
	WANT_REFETCH = 8,	/* a true fetch, whatever is held */
};

struct want_call;		/* who waits; learner-call.c */

struct want {
	struct want *chain;
	TAILQ_ENTRY(want) entry;
	enum want_queue queue;
	enum want_queue asked_queue;
	enum want_state state;
	unsigned flags;		/* WANT_* since it was taken */
	unsigned asked_flags;	/* … for which it was taken */
	int64_t since;		/* first wanted; wall clock */
	int64_t deadline;	/* asked or cooling; monotonic ms */
	uint32_t seq;		/* owner, as what follows */
	unsigned brings;	/* WANT_* that the question satisfies */
	struct want_call *calls;
	char domain[];
};

TAILQ_HEAD(want_list, want);

/* Spends the rate of one queue; thousandths of a question. */
struct want_bucket {
	int64_t level;
	int64_t filled;		/* monotonic ms */
};

struct want_counts {
	uint64_t wanted, coalesced;
	uint64_t dropped[QUEUES];
	size_t queued[QUEUES], asked[QUEUES];
	size_t answered, cooling;
};

struct wants {
	pthread_mutex_t lock;
	struct want_limits limits[QUEUES];
	struct want_bucket buckets[QUEUES];
	struct want **table;
	uint64_t seed;
	struct want_list queued[QUEUES], asked, answered, cooling;
	struct want_counts n;
};

/* False when out of memory. */
bool wants_init(struct wants *w, const struct want_limits limits[QUEUES]);
void wants_clear(struct wants *w);

/* Any thread. True when the owner has something new to do; false when the
 * domain was outstanding, or dropped because the queue is full. */
bool wants_add(struct wants *w, const char *domain, enum want_queue queue,
    unsigned flags, int64_t now);

/* Any thread. Seconds since the domain was first wanted, at least 1; 0 if
 * it is not outstanding; WANTS_GIVEN_UP while it is cooling. */
#define WANTS_GIVEN_UP 86400
int64_t wants_waiting(struct wants *w, const char *domain, int64_t now);

/* Any thread. */
void wants_counts(struct wants *w, struct want_counts *n_r);

/* Owner: the entry of a domain, queued or asked; made if need be, whatever
 * the bounds say. */
struct want *wants_get(struct wants *w, const char *domain,
    enum want_queue queue, unsigned flags, int64_t now);

/*
 * Owner: take the next domain that may be asked about now; it counts as
 * asked from then on. NULL if there is none; *wait_r is then the time in ms
 * until a rate allows one, or -1 if nothing but an answer or a new want
 * changes that.
 */
struct want *wants_take(struct wants *w, int64_t mono_ms, int64_t deadline,
    int64_t *wait_r);

/* Owner: one that was taken could not be asked now, or needs not be. */
void wants_untake(struct wants *w, struct want *want);
void wants_known(struct wants *w, struct want *want);

/* Owner: one has its answer. False, and it is queued again, if more was
 * wanted meanwhile than the question brings. */
bool wants_answered(struct wants *w, struct want *want);

/* Owner: its answer is committed, it is forgotten. False, and it is queued
 * again, if more was wanted since. */
bool wants_committed(struct wants *w, struct want *want);

/* Owner: why it was wanted, until now. */
unsigned wants_flags(struct wants *w, const struct want *want);

void wants_cool(struct wants *w, struct want *want, int64_t deadline);
void wants_drop(struct wants *w, struct want *want);

/* Owner: the entry asked about domain under that number, or NULL. */
struct want *wants_find_asked(struct wants *w, const char *domain,
    uint32_t seq);
/* Owner: one that has been asked for too long, or NULL. */
struct want *wants_overdue(struct wants *w, int64_t mono_ms);
/* Owner: any whose answer is not yet committed, or NULL. */
struct want *wants_first_answered(struct wants *w);
/* Owner: any that is still there, or NULL; for the end. */
struct want *wants_first(struct wants *w);
/* Owner: all questions under way go back to the head of their queues. */
void wants_requeue_all(struct wants *w);
/* Owner: forget those that have cooled. */
void wants_thaw(struct wants *w, int64_t mono_ms);

#endif
