/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daneasker - questions of the frontend about DANE, worked on side by side
 * in the resolver. Bounded in number and each in time. Not thread-safe.
 */
#ifndef TM_MILTER_DANEASKER_H
#define TM_MILTER_DANEASKER_H

#include "milter/danemsg.h"

struct daneasker;
struct mtasts_ctx;

/* Called once for each question, never from daneasker_ask(); the answer
 * lives until return. */
typedef void daneasker_fn(void *arg, const struct dane_answer *answer);

/* ctx is borrowed and must outlive it. NULL when out of memory. */
struct daneasker *daneasker_new(struct mtasts_ctx *ctx, daneasker_fn *fn,
    void *arg);
/* Ends every question without a call. NULL is accepted. */
void daneasker_free(struct daneasker *d);

/* False: too many are waiting, or out of memory; there will be no answer. */
bool daneasker_ask(struct daneasker *d, const struct dane_ask *ask);

#endif
