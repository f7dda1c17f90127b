/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctx - what is inside a struct mtasts_ctx, for the resolver process,
 * which asks more questions over the same DNS client.
 */
#ifndef TM_MTASTS_CTX_H
#define TM_MTASTS_CTX_H

#include "mtasts/mtasts.h"

struct dns;
struct evloop;
struct fetcher;
struct lookup;

#define CTX_BUCKETS 1024

struct mtasts_ctx {
	struct evloop *loop;
	struct dns *dns;
	struct fetcher *fetcher;
	bool allow_private;
	bool closing;
	unsigned max_active;
	unsigned max_queued;
	unsigned active;
	unsigned queued;
	/* Lookups under way or queued, by domain and flags. */
	struct lookup *buckets[CTX_BUCKETS];
	struct lookup *queue;
	struct lookup **queue_tail;
};

/* What only our own programs ask for. Zero-initialise. */
struct ctx_extra {
	bool mta_test;		/* dns_mta() of ctx->dns is wanted */
};

/* mtasts_ctx_new(), with more. */
struct mtasts_ctx *ctx_new(const struct mtasts_options *options,
    const struct ctx_extra *extra, char *err, size_t errsize);

/* End every lookup with MTASTS_E_CANCELLED; for mtasts_ctx_free(). */
void lookup_cancel_all(struct mtasts_ctx *ctx);

#endif
