/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpsurl - the parts of an https URL (RFC 3986) that we fetch from.
 *
 * Only what can be verified and means one thing: a host name, not an
 * address, since the certificate must name it; no user or password; no
 * fragment, which is not sent; visible ASCII. A pure function.
 */
#ifndef TM_MTASTS_HTTPSURL_H
#define TM_MTASTS_HTTPSURL_H

#include "mtasts/mtasts.h"

struct buf;

/* The longest URL, its end counted. */
#define HTTPSURL_SIZE 1024

struct httpsurl {
	char host[MTASTS_DOMAIN_SIZE];	/* normalised */
	uint16_t port;			/* 0: not stated */
	const char *path;		/* and query, without the first
					 * slash; points into the text */
};

/* False with a sentence about the URL in err. */
bool httpsurl_parse(const char *text, struct httpsurl *url_r,
    struct buf *err);

#endif
