/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failalloc - let one allocation of a test fail.
 *
 * For programs linked with $(FAILALLOC_WRAP), which send the calls of
 * our own code through here; those of shared libraries go on as ever.
 */
#ifndef TM_TESTS_FAILALLOC_H
#define TM_TESTS_FAILALLOC_H

#include <stdbool.h>

/* The nth allocation from now on fails, counted from 0; -1: none does. */
void failalloc_at(long n);

/* True when that allocation was asked for; ends the counting. */
bool failalloc_hit(void);

#endif
