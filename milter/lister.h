/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lister - the resolver's half of partner lists from URLs.
 *
 * Fetches the list asked for, reads it and compiles it, and keeps it until
 * the frontend has drawn it over (milter/listmsg.h). One list at a time: a
 * new question ends what was under way. Reading a long list takes a good
 * part of a second, so a thread does it, and lookups go on.
 *
 * The URL is the administrator's own, unlike the host of a policy, which any
 * stranger chooses: so it may have a private address, as a server of lists
 * inside an organisation has. Not thread-safe.
 */
#ifndef TM_MILTER_LISTER_H
#define TM_MILTER_LISTER_H

#include "milter/listmsg.h"

struct lister;
struct mtasts_ctx;

/* Called from the event loop, answer never from lister_ask(). */
struct lister_handler {
	void (*answer)(void *arg, const struct list_answer *answer);
	void (*part)(void *arg, const struct list_part *part);
	void *arg;
};

/* NULL when out of memory or descriptors. ctx is borrowed, and must go
 * later. */
struct lister *lister_new(struct mtasts_ctx *ctx,
    const struct lister_handler *handler);
void lister_free(struct lister *l);

/* There will be one answer, unless another question comes first. */
void lister_ask(struct lister *l, const struct list_ask *ask);
void lister_more(struct lister *l, const struct list_more *more);

#endif
