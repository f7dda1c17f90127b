/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns-internal - between dns.c and the libraries that ask for it.
 *
 * dns.c knows who asked, how long they wait and what is trusted; an upstream
 * takes one question to the servers and brings one answer back.
 */
#ifndef TM_MTASTS_DNS_INTERNAL_H
#define TM_MTASTS_DNS_INTERNAL_H

#include "mtasts/dns.h"

/*
 * A question as its upstream knows it. It cannot be withdrawn, so one whose
 * asker is gone stays until the upstream ends it, or is freed.
 */
struct dns_job {
	struct dns_job *prev, *next;
	struct dns *dns;
	struct dns_query *query;	/* NULL: nobody waits any more */
	unsigned type;
};

/* The end of a job; both may be called from inside ask(). The answer's
 * records become dns.c's; why (may be NULL) is text of a library's. */
void dns_job_answered(struct dns_job *job, const struct dns_answer *answer);
void dns_job_failed(struct dns_job *job, enum dns_status status,
    const char *why);

struct dns_upstream {
	/* Every job is ended once, unless free() comes first. */
	void (*ask)(struct dns_upstream *u, const char *name,
	    struct dns_job *job);
	void (*free)(struct dns_upstream *u);
};

/* ---- libunbound: dns-unbound.c ----------------------------------------- */

/* Asks the servers of the options, and validates what is below the anchors
 * it is given. NULL with a sentence in err. */
struct dns_upstream *dns_unbound_new(struct evloop *loop,
    const struct dns_options *o, struct buf *err);

/* Add a DS or DNSKEY line; NULL, or what is wrong with it. */
const char *dns_unbound_add_anchor(struct dns_upstream *u, const char *line);

/* Make it read and check all it was told, now; before any question. */
bool dns_unbound_ready(struct dns_upstream *u, struct buf *err);

/* ---- c-ares: dns-stub.c ------------------------------------------------ */

/* Asks these servers, one after the other until one answers, and validates
 * nothing: an answer is secure if they set AD in it. At least one server, as
 * nameserver_parse() reads them. NULL with a sentence in err. */
struct dns_upstream *dns_stub_new(struct evloop *loop,
    const char *const *servers, uint32_t timeout_ms, struct buf *err);

/* ---- what the MTA gets: dns-mta.c -------------------------------------- */

/* The test of the servers of resolv.conf; where it is not wanted, or cannot
 * be, all it does is to say so. */
struct dns_mta_test;

/* Zones are added before it begins. NULL with a sentence in err. */
struct dns_mta_test *dns_mta_test_new(struct dns *d, struct evloop *loop,
    const struct dns_options *o, struct buf *err);
bool dns_mta_test_add_zone(struct dns_mta_test *t, const char *name,
    size_t len);
void dns_mta_test_begin(struct dns_mta_test *t);
enum dns_mta dns_mta_test_state(const struct dns_mta_test *t,
    const char **why_r);
void dns_mta_test_free(struct dns_mta_test *t);

/* For tests, lent by dns.c: ask this upstream for the SOA of a zone, and
 * what it says is secure stays so. */
struct dns_query *dns_test_query(struct dns *d,
    struct dns_upstream *upstream, const char *zone, dns_fn *fn, void *arg);
void dns_tell_change(struct dns *d);

#endif
