/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - from the configuration and the cache to facts about a domain.
 *
 * Used by every door and by explain, so that all of them see the same
 * promises. Reads the cache only; says what should be learnt.
 */
#ifndef TM_CONF_GATHER_H
#define TM_CONF_GATHER_H

#include "conf/conf.h"
#include "mtasts/cache.h"

/* What gather found out about one domain. */
struct gathered {
	struct promise promise;
	bool hosted;		/* in hosted_domains */
	bool ours;		/* hosted, or policy or MX names one of ours */
	bool learn;		/* the resolver should be asked */
	bool is_tlsrpt;		/* gather_rcpt only */
};

/*
 * The promises of a recipient's domain. mx_names are ours (conf->mx_names,
 * or the MTA's {j}). A domain not yet looked up has promise.known == false
 * unless it is hosted with a stated mode. A known domain that is not ours
 * has promise PROMISE_NONE: its promise binds the hop to its MX, not this
 * one. address (may be NULL) is compared with the TLSRPT mailboxes of
 * hosted domains.
 */
void gather_rcpt(const struct conf *conf, struct cache *cache,
    const char *domain, const char *address, const struct strv *mx_names,
    int64_t now, struct gathered *g_r);

/* The promises of a sender's domain. */
void gather_sender(const struct conf *conf, struct cache *cache,
    const char *domain, int64_t now, struct gathered *g_r);

/*
 * The same from a record wherever it comes from; NULL: nothing is known.
 * For explain, which may have to ask the daemon for what is in the cache or
 * be told of a policy on the command line.
 */
void gather_rcpt_record(const struct conf *conf, const char *domain,
    const struct record *rec, const char *address,
    const struct strv *mx_names, int64_t now, struct gathered *g_r);
void gather_sender_record(const struct conf *conf, const char *domain,
    const struct record *rec, int64_t now, struct gathered *g_r);

#endif
