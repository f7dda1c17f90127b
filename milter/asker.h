/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asker - questions of the frontend, worked on side by side.
 *
 * Each question starts up to three lookups over one mtasts_ctx and ends in
 * one answer. Each class has its own bound on questions under way and
 * waiting, so that senders' domains, which strangers choose, never keep a
 * hosted domain waiting. Not thread-safe.
 */
#ifndef TM_MILTER_ASKER_H
#define TM_MILTER_ASKER_H

#include "mtasts/answer.h"

struct asker;

/* The lookups all classes together may have under way. */
#define ASKER_LOOKUPS 384

/* Called once for each question, never from asker_ask(). */
typedef void asker_fn(void *arg, const struct answer *answer);

/* Take ctx over; its max_lookups is at least ASKER_LOOKUPS. NULL when out
 * of memory. asker_free() ends it and every question without a call. */
struct asker *asker_new(struct mtasts_ctx *ctx, asker_fn *fn, void *arg);
void asker_free(struct asker *a);

/* Take a question; its strings are copied. False: too many are waiting,
 * or out of memory; there will be no answer. */
bool asker_ask(struct asker *a, const struct ask *ask);

#endif
