/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy - the HTTP proxy an administrator has named, resolved once.
 *
 * The system's resolver needs files, and the process that fetches has none
 * later. The proxy then resolves the names of the policy hosts.
 */
#ifndef TM_MTASTS_PROXY_H
#define TM_MTASTS_PROXY_H

#include "mtasts/mtasts.h"
#include "util/netaddr.h"

struct buf;

#define PROXY_ADDRS_MAX 8

struct proxy {
	char *url;
	char host[MTASTS_DOMAIN_SIZE];
	uint16_t port;
	struct netaddr addrs[PROXY_ADDRS_MAX];	/* none: host is one */
	size_t addrs_n;
};

/* True for "http://HOST:PORT" with nothing behind it. */
bool proxy_is_valid(const char *url);

/* Parse and resolve; NULL with a sentence in err. */
struct proxy *proxy_new(const char *url, struct buf *err);
void proxy_free(struct proxy *p);

#endif
