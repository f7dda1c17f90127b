/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "mtasts/name.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "domain";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char once[MTASTS_DOMAIN_SIZE], twice[MTASTS_DOMAIN_SIZE];
	char *name = strndup((const char *)data, size);

	if (!name)
		return 0;
	if (mtasts_domain_normalize(name, once) == MTASTS_OK) {
		FUZZ_CHECK(name_is_normal(once, strlen(once)));
		FUZZ_CHECK(mtasts_domain_normalize(once, twice) == MTASTS_OK);
		FUZZ_CHECK(strcmp(once, twice) == 0);
	}
	free(name);
	return 0;
}
