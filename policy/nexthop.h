/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nexthop - what Postfix and Sendmail mean by the key they look up.
 *
 * The key of a TLS policy is the next hop word for word (PF-TP-01): a
 * domain whose MX is looked up, a host in brackets whose MX is not, either
 * with a port; an address literal; the path of a unix socket; or, after a
 * domain was not found, ".parent" (PF-TP-02). Upper case and U-labels come
 * as they were typed (PF-TP-04). A pure function; only U-labels need
 * memory.
 */
#ifndef TM_POLICY_NEXTHOP_H
#define TM_POLICY_NEXTHOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mtasts/mtasts.h"

enum nexthop_kind {
	NEXTHOP_INVALID,	/* nothing that could promise anything */
	NEXTHOP_DOMAIN,		/* its MX hosts, or itself without MX */
	NEXTHOP_HOST,		/* in brackets: this host alone */
	NEXTHOP_LITERAL,	/* an address, in brackets or not */
	NEXTHOP_PARENT,		/* ".example.com": Postfix tries parents */
	NEXTHOP_PATH,		/* a unix socket */
};

#define NEXTHOP_SMTP_PORT 25
/* Room for the canonical text of any next hop. */
#define NEXTHOP_TEXT_SIZE (MTASTS_DOMAIN_SIZE + 16)

struct nexthop {
	enum nexthop_kind kind;
	/* DOMAIN and HOST: normalised, and the policy domain of MTA-STS,
	 * which a smart host has as well (RFC 8461 §3.4); else "". */
	char domain[MTASTS_DOMAIN_SIZE];
	/* Where the connection goes, for the name of the TLSA records
	 * (DANE-L-07); 0: a service of a name we do not know. */
	uint16_t port;
	/* The one spelling of this next hop, for looking overrides up:
	 * lower case, A-labels, no ":25". "" if INVALID. */
	char text[NEXTHOP_TEXT_SIZE];
};

/* Read a key of any bytes. False and INVALID when it is no next hop. */
bool nexthop_parse(const char *key, size_t len, struct nexthop *hop_r);

#endif
