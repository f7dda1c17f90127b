/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge - from facts to findings.
 *
 * Pure. How bad a fault is follows from what was promised: the same
 * certificate is information for a host nobody made a promise about, and a
 * failure where MTA-STS is enforced or DANE holds.
 */
#ifndef TM_CHECK_JUDGE_H
#define TM_CHECK_JUDGE_H

#include "check/facts.h"
#include "check/finding.h"
#include "check/memory.h"

/* m may be NULL: nothing is remembered. */
void check_judge(const struct check_facts *f, const struct memory *m,
    struct findings *out);

#endif
