/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watcher - the resolver's half of watched domains: makes the checks that
 * the frontend asks for, and sums them up.
 *
 * Make it before the sandbox closes: the authorities that sign certificates
 * are read then. Not thread-safe.
 */
#ifndef TM_MILTER_WATCHER_H
#define TM_MILTER_WATCHER_H

#include <jansson.h>

#include "milter/watchmsg.h"

struct mtasts_ctx;
struct watcher;

struct watcher_options {
	const char *ca_file;	/* as of struct prober_options */
	const char *ca_text;
	const char *ehlo;	/* a domain; NULL: the host name */
	uint32_t timeout_ms;	/* for each stage of a session */
};

/* Called once for each question, never from watcher_ask(); the answer lives
 * until return. */
typedef void watcher_fn(void *arg, const struct watch_answer *answer);

/* ctx is borrowed and must outlive it. NULL with a sentence in err. */
struct watcher *watcher_new(struct mtasts_ctx *ctx,
    const struct watcher_options *o, watcher_fn *fn, void *arg,
    struct buf *err);
/* Ends every check without a call. NULL is accepted. */
void watcher_free(struct watcher *w);

/* A check of the same domain that is under way ends without a call. False:
 * too many are under way, or out of memory; there will be no answer. */
bool watcher_ask(struct watcher *w, const struct watch_ask *ask);

/* Sum up a report of check/report.h; strings point into it. */
void watch_summarize(const json_t *report, struct watch_summary *s_r);

#endif
