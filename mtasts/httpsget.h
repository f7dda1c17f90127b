/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpsget - resolve a host and get one text from it: mtasts/dns and
 * mtasts/fetch in a row.
 *
 * Both address families are asked for at once. Addresses nobody outside
 * should be able to make us connect to are refused unless the request says
 * otherwise. With a proxy nothing is resolved here. Not thread-safe.
 */
#ifndef TM_MTASTS_HTTPSGET_H
#define TM_MTASTS_HTTPSGET_H

#include "mtasts/fetch.h"

struct httpsget;
struct mtasts_ctx;

/*
 * Begin. fn is called once, from evloop_process(), never from here; the
 * get is gone by then. result.detail names the host. The strings of r must
 * live until then. NULL when out of memory.
 */
struct httpsget *httpsget_start(struct mtasts_ctx *ctx,
    const struct fetch_request *r, bool allow_private, fetch_fn *fn,
    void *arg);

/* fn will not be called. NULL is accepted. */
void httpsget_cancel(struct httpsget *g);

#endif
