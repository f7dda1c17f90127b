/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selftest - do the DNS servers deliver DNSSEC?
 *
 * Asks every zone with a trust anchor for its SOA. One secure answer shows
 * that the servers do; until there is one, the test is repeated. What
 * secure means, and the question itself, are lent by who runs it. Not
 * thread-safe.
 */
#ifndef TM_MTASTS_SELFTEST_H
#define TM_MTASTS_SELFTEST_H

#include "mtasts/dns.h"

struct selftest;

enum selftest_result {
	SELFTEST_PASSED,
	SELFTEST_FAILED,	/* there was an answer, and none was secure */
	SELFTEST_NO_ANSWER,	/* servers that are silent, or refuse */
};

/* How often a test that has passed is repeated, where a change matters. */
#define SELFTEST_REPEAT_MS 600000

struct selftest_owner {
	/* Ask for the SOA of a zone; as dns_query_start(). */
	struct dns_query *(*ask)(void *arg, const char *zone, dns_fn *fn,
	    void *fn_arg);
	/* A test ended; why is a clean text, "" when it passed. */
	void (*ended)(void *arg, enum selftest_result result,
	    const char *why);
	void *arg;
	const char *insecure;	/* what is wrong with such an answer */
	int64_t repeat_ms;	/* after it has passed; 0: no more */
};

/* NULL when out of memory. Questions under way are cancelled at the end. */
struct selftest *selftest_new(struct evloop *loop,
    const struct selftest_owner *owner);
void selftest_free(struct selftest *t);

/* Add a zone, once; more than a few are not needed and left out. False
 * when out of memory. */
bool selftest_add_zone(struct selftest *t, const char *name, size_t len);
bool selftest_has_zones(const struct selftest *t);

/* Test now, and again until it has passed, or for ever. ended() is called
 * from here only if nothing can be asked. */
void selftest_begin(struct selftest *t);

#endif
