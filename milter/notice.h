/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notice - a line that is logged now and then, however often there is
 * reason to. Zero-initialised; of one thread.
 */
#ifndef TM_MILTER_NOTICE_H
#define TM_MILTER_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

struct notice {
	int64_t next;		/* monotonic ms: when it may come again */
	unsigned silent;	/* how often it did not */
};

/* True when the line is due; *silent_r is how often it was not since. */
bool notice_due(struct notice *n, int64_t interval_ms, unsigned *silent_r);

#endif
