/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch - get one text over HTTPS, with every check MTA-STS asks for
 * (RFC 8461 §3.3; libcurl).
 *
 * Certificates must chain to a trusted root and name the host in a DNS
 * SAN, never in a CN; TLS 1.2 or newer; status 200 and the wanted type
 * only; no redirect, cache, cookie, decompression or proxy from the
 * environment; size and time bounded. The caller resolves names, libcurl
 * never does. CA certificates are read in fetcher_new(). Not thread-safe.
 */
#ifndef TM_MTASTS_FETCH_H
#define TM_MTASTS_FETCH_H

#include "mtasts/httphead.h"
#include "mtasts/mtasts.h"
#include "util/netaddr.h"

struct buf;
struct evloop;
struct fetch;
struct fetcher;

/* The most addresses of a host that are tried. */
#define FETCH_ADDRS_MAX 8

struct fetcher_options {
	const char *ca_file;	/* PEM; NULL: the system's */
	const char *ca_text;	/* PEM; instead of the file if not NULL */
	const char *proxy;	/* "http://host:port"; NULL: none. A name is
				 * resolved once, in fetcher_new() */
	uint32_t timeout_ms;	/* for a whole fetch */
	uint32_t max_size;	/* of the body, unless a request says so */
	uint16_t port;
};

/* NULL with a sentence in err. */
struct fetcher *fetcher_new(struct evloop *loop,
    const struct fetcher_options *o, struct buf *err);

/* Fetches under way are ended without a call. */
void fetcher_free(struct fetcher *f);

/* True when a proxy resolves and connects; addresses are then not used. */
bool fetcher_has_proxy(const struct fetcher *f);

/* What to get. The strings are copied. */
struct fetch_request {
	enum httphead_kind kind;
	const char *host;	/* normalised */
	uint16_t port;		/* 0: the fetcher's */
	const char *path;	/* and query, without the first slash */
	const char *etag;	/* of what is held; NULL or "": nothing is */
	uint32_t max_size;	/* of the body; 0: the fetcher's */
};

struct fetch_result {
	enum mtasts_error error;
	const char *detail;	/* clean ASCII; "" when error is MTASTS_OK */
	bool unchanged;		/* MTASTS_OK, but the server says that what
				 * request.etag names still holds: no body */
	const char *etag;	/* "": none; else as it is to be sent again */
	char *body;		/* MTASTS_OK; a NUL follows. Heap: who wants
				 * to keep it sets this to NULL */
	size_t body_len;
};

/*
 * Get https://HOST/PATH from one of the addresses. fn is called once, from
 * evloop_process(), never from here; the fetch is gone by then and the
 * result lives until fn returns. NULL when memory ran out.
 */
typedef void fetch_fn(void *arg, struct fetch_result *r);
struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r,
    const struct netaddr *addrs, size_t addrs_n, fetch_fn *fn, void *arg);

/* fn will not be called. NULL is accepted. */
void fetch_cancel(struct fetch *t);

const char *fetch_library_version(void);

#endif
