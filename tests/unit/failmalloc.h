/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failmalloc - let the n-th allocation of our own code fail.
 *
 * A test program links failmalloc.c and has $(FAILMALLOC_WRAP) in its
 * LDFLAGS; the linker then redirects the allocation functions of everything
 * linked statically, which is our code. Shared libraries are untouched.
 * One thread.
 */
#ifndef TM_TESTS_FAILMALLOC_H
#define TM_TESTS_FAILMALLOC_H

#include <stdbool.h>

/* The n-th allocation from now on fails, and only that; 0: none. */
void failmalloc_set(unsigned n);

/* True when an allocation has failed since failmalloc_set(). */
bool failmalloc_struck(void);

#endif
