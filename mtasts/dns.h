/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns - DNS questions with DNSSEC: libunbound, or c-ares to trust AD.
 *
 * All questions go to the servers of resolv.conf or of the options; the
 * validation happens here (MTASTS_DNSSEC_VALIDATE), or there. Servers that
 * do not deliver DNSSEC would make every name bogus, so a self-test asks for
 * the zone of the trust anchor: until it succeeds, answers are not validated
 * (never secure, never bogus) and the test is repeated. Mail must go on.
 *
 * To trust AD (MTASTS_DNSSEC_TRUST_AD), the test asks for the root. There is
 * no cache then but that of the servers, and nothing is bogus: they say
 * SERVFAIL. The test is repeated for ever, so that servers that no longer
 * validate are not taken for a world without DNSSEC.
 *
 * Everything is read from files in dns_new(). Not thread-safe.
 */
#ifndef TM_MTASTS_DNS_H
#define TM_MTASTS_DNS_H

#include "mtasts/dnswire.h"
#include "mtasts/mtasts.h"

struct buf;
struct dns;
struct dns_query;
struct evloop;

struct dns_options {
	/* "192.0.2.1" or "192.0.2.1@5353", NULL-terminated; NULL or empty:
	 * the servers of resolv_conf. */
	const char *const *servers;
	const char *resolv_conf;	/* NULL: /etc/resolv.conf */
	enum mtasts_dnssec dnssec;
	const char *anchors;		/* to validate: DS or DNSKEY lines */
	uint32_t timeout_ms;		/* for one question */
	bool mta_test;			/* dns_mta() is wanted */
};

enum dns_validation {
	DNS_VALIDATION_OFF,
	DNS_VALIDATION_TESTING,	/* questions wait for the first test */
	DNS_VALIDATION_WORKS,
	DNS_VALIDATION_FAILED,	/* answers are not validated */
};

/* NULL with a sentence in err. */
struct dns *dns_new(struct evloop *loop, const struct dns_options *o,
    struct buf *err);

/* Every question must be cancelled or answered before. */
void dns_free(struct dns *d);

/* why_r (may be NULL) says why the last self-test failed, "" if not. */
enum dns_validation dns_validation(const struct dns *d, const char **why_r);

/* The servers that are asked, apart by a comma; "" if that cannot be told. */
const char *dns_servers(const struct dns *d);

/* The servers, apart by a comma, whose AD is trusted though it comes over a
 * network (DANE-R-02); "" if there are none. */
const char *dns_trusted_remotes(const struct dns *d);

enum dns_mta { DNS_MTA_TESTING, DNS_MTA_AD, DNS_MTA_NO_AD };

/*
 * Do the servers of resolv.conf, which the MTA asks, set AD for signed data?
 * Whatever we validate here, the MTA repeats the look-ups of DANE there, and
 * believes nothing without AD (PF-TP-25). All that answer must set it; the
 * test is repeated for ever. why_r (may be NULL) says why not, "" if so.
 * DNS_MTA_NO_AD when the options do not want it.
 */
enum dns_mta dns_mta(const struct dns *d, const char **why_r);

/* fn is called from evloop_process() when what dns_validation() or dns_mta()
 * says has changed, the text included. */
typedef void dns_validation_fn(void *arg);
void dns_on_validation(struct dns *d, dns_validation_fn *fn, void *arg);

/*
 * Ask. fn is called once, from evloop_process(), never from here; the query
 * is gone by then and the answer lives until fn returns. NULL when memory
 * or the bound on questions is exhausted.
 */
typedef void dns_fn(void *arg, const struct dns_answer *a);
struct dns_query *dns_query_start(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg);

/* fn will not be called. NULL is accepted. */
void dns_query_cancel(struct dns_query *q);

const char *dns_library_version(void);
const char *dns_stub_library_version(void);

#endif
