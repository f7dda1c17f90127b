/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - find out everything there is to see about one target.
 *
 * A domain: MX, addresses of every MX host, DANE, MTA-STS, the certificate
 * of the policy host, TLSRPT; and a probe of each address, two connections
 * at most unless `deep`. A host: its addresses, DANE for its port if it is
 * SMTP, and the probes. DNS first, then the probes, several addresses at a
 * time, never two connections to one address at once. A 421 ends what would
 * be done with that address. Not thread-safe; runs on the loop of ctx.
 */
#ifndef TM_CHECK_GATHER_H
#define TM_CHECK_GATHER_H

#include "check/facts.h"

struct gather;
struct mtasts_ctx;
struct prober;

/* Addresses of one target that are probed at once, and at most in all. */
#define GATHER_PARALLEL 8
#define GATHER_HOSTS_MAX 32
#define GATHER_ADDRESSES_MAX 16		/* of one host */

struct gather_options {
	unsigned max_mx;	/* hosts; 0: GATHER_HOSTS_MAX */
	bool deep;		/* enumerate versions and ciphers */
	bool injection;
	bool no_ipv4, no_ipv6;	/* do not connect by that family */
	const char *ehlo;
	uint32_t budget_ms;	/* for all DNS questions; 0: 20000 */
	uint32_t total_ms;	/* then no connection is begun any more; 0:
				 * 300000 */
	/* What the cache holds of the domain; id "" if nothing. */
	const char *held_id;
	enum mtasts_mode held_mode;
	/* To know whether port 25 is open from here, AF_UNSPEC: none. */
	struct netaddr control;
	unsigned control_port;
};

/* What is being done, for progress: "example.com: probing 192.0.2.25". May be
 * NULL; it may be called from gather_start(), and may not cancel. */
typedef void gather_progress_fn(void *arg, const char *what);

/* Called once, from evloop_process(); the callee clears the facts. NULL:
 * out of memory. */
typedef void gather_fn(void *arg, struct check_facts *f);

/* The options are copied, their strings must live on. NULL when out of
 * memory. */
struct gather *gather_start(struct mtasts_ctx *ctx, struct prober *prober,
    const struct check_target *target, const struct gather_options *o,
    gather_progress_fn *progress, gather_fn *fn, void *arg);
void gather_cancel(struct gather *g);

#endif
