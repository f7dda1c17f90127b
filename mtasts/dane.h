/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dane - look up whether DANE holds for a next hop.
 *
 * Feeds the machine of danestate.h with answers of the DNS client: several
 * questions at once, all of them within one budget of time. Keeps nothing;
 * whoever asks for the same name twice looks twice. Not thread-safe; it
 * runs on the event loop of the DNS client.
 */
#ifndef TM_MTASTS_DANE_H
#define TM_MTASTS_DANE_H

#include "mtasts/danestate.h"

struct dane_lookup;
struct dns;
struct evloop;

/* Questions of one lookup that are under way at once. */
#define DANE_PARALLEL 32

struct dane_next_hop {
	const char *domain;	/* normalised */
	bool use_mx;		/* false: the only host, as in brackets */
	unsigned port;
	uint32_t budget_ms;	/* what is not known then counts as failed */
};

/*
 * Called once, from evloop_process(); the lookup is gone by then, and the
 * machine lives until return. NULL instead of the machine: answers cannot
 * be validated now, so that nothing can be said, and nothing was asked
 * that counts (DANE-R-01); mail must go on without DANE.
 */
typedef void dane_fn(void *arg, const struct danestate *s);

/* Begin; fn is never called from here. NULL when out of memory. */
struct dane_lookup *dane_lookup_start(struct evloop *loop, struct dns *dns,
    const struct dane_next_hop *hop, dane_fn *fn, void *arg);

/* fn will not be called. NULL is accepted. */
void dane_lookup_cancel(struct dane_lookup *l);

#endif
