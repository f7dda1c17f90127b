/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - what every fuzz target of ours has.
 *
 * A target defines the two names below. It is linked with libFuzzer, or
 * with replay.c, which runs the corpus folder named fuzz_name. See
 * README.md.
 */
#ifndef TM_TESTS_FUZZ_H
#define TM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The folder of the seeds, in tests/fuzz/corpus. */
extern const char fuzz_name[];

/* Feed one input to the parser; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input; ends the program where it does not. */
#define FUZZ_CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
			    #cond); \
			abort(); \
		} \
	} while (0)

#endif
