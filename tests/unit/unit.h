/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit - what every CUnit program of ours needs.
 *
 * A test file has a table of struct unit_test and ends with
 * UNIT_MAIN("module", tests). CHECK_CASE fails with the label of a table
 * row, so that a failure names the case.
 */
#ifndef TM_TESTS_UNIT_H
#define TM_TESTS_UNIT_H

#include <CUnit/Basic.h>
#include <stdio.h>

struct unit_test {
	const char *name;
	void (*fn)(void);
};

/* Like CU_ASSERT, and print the label of the row when it fails. */
#define CHECK_CASE(label, cond) \
	do { \
		int holds_ = !!(cond); \
		if (!holds_) \
			fprintf(stderr, "%s:%d: case \"%s\": %s\n", __FILE__, \
			    __LINE__, label, #cond); \
		CU_assertImplementation(holds_, __LINE__, #cond, __FILE__, "", \
		    CU_FALSE); \
	} while (0)

#define CHECK_CASE_STR(label, got, want) \
	do { \
		const char *got_ = (got), *want_ = (want); \
		if (strcmp(got_, want_) != 0) \
			fprintf(stderr, "%s:%d: case \"%s\": got <%s>, want <%s>\n", \
			    __FILE__, __LINE__, label, got_, want_); \
		CU_ASSERT_STRING_EQUAL(got_, want_); \
	} while (0)

static inline int unit_run(const char *suite, const struct unit_test *tests,
    size_t n)
{
	unsigned failed;
	CU_pSuite s;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	s = CU_add_suite(suite, NULL, NULL);
	for (size_t i = 0; s && i < n; i++)
		if (!CU_add_test(s, tests[i].name, tests[i].fn))
			return 1;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return !s || failed ? 1 : 0;
}

#define UNIT_MAIN(suite, tests) \
	int main(void) \
	{ \
		return unit_run(suite, tests, \
		    sizeof(tests) / sizeof((tests)[0])); \
	}

#endif
