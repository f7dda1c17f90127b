/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - one check from start to end: gather, judge, remember, and the
 * report as JSON (contrib/schema/check-1.json), from which every form of
 * output is made.
 */
#ifndef TM_CHECK_REPORT_H
#define TM_CHECK_REPORT_H

#include <jansson.h>

#include "check/gather.h"

struct check;

struct check_result {
	json_t *report;		/* the callee's; takes the reference */
	char *note;		/* for the memory; lives until return */
	size_t note_len;
};

/* Called once, from evloop_process(). NULL: out of memory. */
typedef void check_fn(void *arg, const struct check_result *r);

/* note (may be NULL) is what memory keeps of the target; not used after
 * this returns. */
struct check *check_start(struct mtasts_ctx *ctx, struct prober *prober,
    const struct check_target *target, const struct gather_options *o,
    const char *note, size_t note_len, gather_progress_fn *progress,
    check_fn *fn, void *arg);
void check_cancel(struct check *c);	/* fn will not be called */

/* The exit status a report has: 0 ok, 1 warn, 2 fail, 3 unknown. */
int check_report_exit(const json_t *report);

#endif
