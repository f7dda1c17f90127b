/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "mtasts/name.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "policy";

static void count(void *arg, const struct mtasts_finding *f)
{
	unsigned *errors = arg;

	FUZZ_CHECK(f->id && f->text && (f->line == 0) == (f->column == 0));
	if (f->severity == MTASTS_ERROR)
		(*errors)++;
}

static void check_policy(const struct mtasts_policy *p)
{
	size_t n = mtasts_policy_mx_count(p);

	FUZZ_CHECK(n <= MTASTS_MX_MAX);
	FUZZ_CHECK(n > 0 || mtasts_policy_mode(p) == MTASTS_NONE);
	FUZZ_CHECK(mtasts_policy_max_age(p) <= MTASTS_MAX_AGE);
	for (size_t i = 0; i < n; i++) {
		const char *mx = mtasts_policy_mx(p, i);

		FUZZ_CHECK(name_is_pattern(mx, strlen(mx)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	unsigned errors = 0, strict_errors = 0;
	struct mtasts_policy *p, *strict;

	p = mtasts_policy_parse(text, size, 0, count, &errors, NULL);
	strict = mtasts_policy_parse(text, size, MTASTS_PARSE_STRICT, count,
	    &strict_errors, NULL);
	FUZZ_CHECK(!p == (errors > 0));
	FUZZ_CHECK(!strict == (strict_errors > 0));
	FUZZ_CHECK(p || !strict);
	if (p)
		check_policy(p);
	if (strict)
		FUZZ_CHECK(mtasts_policy_mx_count(p) ==
		    mtasts_policy_mx_count(strict));
	mtasts_policy_free(strict);
	mtasts_policy_free(p);
	return 0;
}
