/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * services-internal - the side of the services that frontend.c sees.
 */
#ifndef TM_MILTER_SERVICES_INTERNAL_H
#define TM_MILTER_SERVICES_INTERNAL_H

#include <pthread.h>
#include <stdint.h>

#include "milter/services.h"
#include "util/str.h"

struct fuse;
struct listeners;
struct logring;
struct memorystore;
struct policyd;
struct rulecounts;
struct socketmapd;
struct wire;

#define RELOAD_WAITERS_MAX 32
#define CLIENTS_MAX 8192

struct reload_waiter {
	services_reload_fn *fn;
	void *arg;
};

struct services {
	pthread_mutex_t conf_lock;
	struct conf *conf;
	int64_t loaded;			/* wall clock, under conf_lock */

	struct cache *cache;
	struct learner *learner;	/* NULL: none */
	struct history *history;	/* NULL: none */
	struct historian *historian;
	struct memorystore *memory;	/* NULL: none */
	struct lists *lists;
	struct counters counters;
	struct rulecounts *rulecounts;
	struct logring *ring;

	pthread_mutex_t fuse_lock;
	struct fuse *fuse;
	struct strv fuse_listeners;	/* that sent plaintext */
	struct listeners *listeners;

	/* Hashes of clients the milter has had, each in its place. */
	_Atomic uint64_t clients[CLIENTS_MAX];

	/* Of the loop's thread alone. */
	struct policyd *policyd;	/* NULL: none */
	struct socketmapd *socketmapd;	/* NULL: none */
	struct wire *monitor;
	struct reload_waiter waiters[RELOAD_WAITERS_MAX];
	size_t waiters_n;

	const char *milter;		/* where the door listens */
	int64_t started_ms;		/* monotonic */
};

/* Prepare caller's storage; takes the reference of conf. False when out
 * of memory. There is no clear: the services end with the process. */
bool services_init(struct services *s, struct conf *conf);

/* Put another configuration in force; takes its reference. */
void services_set_conf(struct services *s, struct conf *conf);

/* The monitor has answered: tell everybody who asked for a reload. */
void services_reloaded(struct services *s, bool ok, const char *messages);

/* Log each blown fuse; called once a minute. */
void services_warn_fuses(struct services *s);

/* Log, once, listeners that rules name and no session had; called once a
 * minute. */
void services_warn_listeners(struct services *s);

#endif
