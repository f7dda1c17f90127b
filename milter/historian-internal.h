/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * historian-internal - what tests make shorter than anyone would wait for.
 */
#ifndef TM_MILTER_HISTORIAN_INTERNAL_H
#define TM_MILTER_HISTORIAN_INTERNAL_H

#include "milter/historian.h"

struct historian_tuning {
	int64_t gather_ms;	/* a batch is written so long after its first */
	int64_t sync_ms;
	size_t queue;		/* bytes that wait at most */
};
extern const struct historian_tuning historian_defaults;

struct historian *historian_start_tuned(struct history *history,
    const struct historian_tuning *tuning);

#endif
