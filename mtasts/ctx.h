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

/* End every lookup with MTASTS_E_CANCELLED; for mtasts_ctx_free(). */
void lookup_cancel_all(struct mtasts_ctx *ctx);

#endif
