/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skipclock - put the monotonic clock of our own code forward.
 *
 * A test program includes this in one file and has $(SKIPCLOCK_WRAP) in its
 * LDFLAGS. Shared libraries keep their own time.
 */
#ifndef TM_TESTS_SKIPCLOCK_H
#define TM_TESTS_SKIPCLOCK_H

#include <stdint.h>

/* Names the linker makes with --wrap. */
int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

static int64_t skipped;

int64_t __wrap_clock_mono_ms(void)
{
	return __real_clock_mono_ms() + skipped;
}

static inline void clock_skip(int64_t ms)
{
	skipped += ms;
}

#endif
