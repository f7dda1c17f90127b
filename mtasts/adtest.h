/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adtest - do all the servers of a list set AD for signed data?
 *
 * Who asks them in turn, as the C library does, may believe in AD only if
 * each of them that answers sets it. Every server has a self-test of its
 * own, repeated for ever: soon after a failure, and now and then after a
 * success, so that a change is noticed. Not thread-safe.
 */
#ifndef TM_MTASTS_ADTEST_H
#define TM_MTASTS_ADTEST_H

#include "mtasts/dns.h"

struct adtest;

struct adtest_owner {
	/* Ask a server, by its place in the list, for the SOA of a zone; an
	 * answer with AD is secure. As dns_query_start(). */
	struct dns_query *(*ask)(void *arg, size_t server, const char *zone,
	    dns_fn *fn, void *fn_arg);
	/* What adtest_state() says has changed. */
	void (*changed)(void *arg);
	void *arg;
};

/* The names, NULL-terminated and at least one, are for texts. NULL when out
 * of memory. Questions under way are cancelled at the end. */
struct adtest *adtest_new(struct evloop *loop,
    const struct adtest_owner *owner, const char *const *servers);
void adtest_free(struct adtest *t);

/* Add a zone to ask for; one that gets AD is enough. False when out of
 * memory. */
bool adtest_add_zone(struct adtest *t, const char *name, size_t len);

/* Begin; changed() is called from here only if nothing can be asked. */
void adtest_begin(struct adtest *t);

/* why_r names a server and what is wrong, or is "". */
enum dns_mta adtest_state(const struct adtest *t, const char **why_r);

#endif
