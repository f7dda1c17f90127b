/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socketmapd-internal - between the connections of the socketmap server
 * (socketmapd.c), and the requests that wait for a lookup
 * (socketmapd-wait.c). All of it belongs to the loop's thread.
 */
#ifndef TM_MILTER_SOCKETMAPD_INTERNAL_H
#define TM_MILTER_SOCKETMAPD_INTERNAL_H

#include <pthread.h>
#include <sys/queue.h>

#include "milter/outbound.h"
#include "milter/peers.h"
#include "util/netstring.h"
#include "util/str.h"

struct learner;

#define WAIT_BUCKETS 1024

/* A request that has to wait: for a lookup, or for the answer to one before
 * it. The answer itself is made when it can be sent. */
struct request {
	TAILQ_ENTRY(request) in_conn;
	struct conn *conn;
	enum tls_dialect dialect;
	struct nexthop hop;
	bool out_of_time;	/* it waits no longer */
	/* While it waits for a lookup. */
	bool waits;
	TAILQ_ENTRY(request) in_bucket;
	TAILQ_ENTRY(request) in_deadline;
	uint64_t turn;		/* when it was last looked at */
	int64_t deadline;	/* monotonic ms */
};
TAILQ_HEAD(request_list, request);

/* Sendmail waits 5 seconds for an answer, Postfix 100 (PF-SM-06). Of one
 * class the oldest is the first whose time is over. */
enum wait_class { WAIT_SENDMAIL, WAIT_POSTFIX, WAIT_CLASSES };

struct waiting {
	struct loop_timer *timer;
	struct request_list buckets[WAIT_BUCKETS];	/* by domain */
	struct request_list by_deadline[WAIT_CLASSES];
	size_t n;
	uint64_t turn;
	/* Posted by the store thread. */
	pthread_mutex_t lock;
	struct strv news;
	bool news_all;		/* it may be any */
};

struct socketmapd_counts {
	uint64_t requests, ok, notfound, temp, waited, malformed;
};

struct socketmapd {
	struct services *services;
	struct learner *learner;	/* NULL: none */
	struct loop *loop;
	struct peers *peers;
	struct waiting waiting;
	struct buf value;		/* of the answer being made */
	struct socketmapd_counts n;
	struct notice on_malformed, on_temp;
};

/* socketmapd.c: the request waits no longer; its connection goes on. */
void socketmapd_go_on(struct request *r);
/* Find the answer; its value is in d->value. False: the lookup it needs has
 * not ended. */
bool socketmapd_evaluate(struct socketmapd *d,
    const struct outbound_question *q, struct outgoing_answer *answer_r);

/* socketmapd-wait.c */
bool waiting_init(struct socketmapd *d);
void waiting_clear(struct socketmapd *d);
bool waiting_is_full(const struct socketmapd *d);
/* Let a request wait; what it waits for is wanted. r->waits is false on
 * return if that was not needed. */
void waiting_add(struct socketmapd *d, struct request *r,
    const struct outgoing_answer *answer);
/* It is not to wait any more. */
void waiting_remove(struct socketmapd *d, struct request *r);

#endif
