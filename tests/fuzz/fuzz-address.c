/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "mtasts/name.h"
#include "policy/match.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "address";

/* A pattern made of what was found must match it. */
static void check_pattern(const char *pattern, const char *address,
    const char *domain)
{
	struct addr_set *set = addr_set_new();
	struct buf err;

	buf_init(&err, 1000);
	if (set && addr_set_add(set, pattern, &err))
		FUZZ_CHECK(addr_set_match(set, address, domain));
	else
		FUZZ_CHECK(err.len > 0);
	addr_set_free(set);
	buf_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = strndup((const char *)data, size);
	char address[64], domain[MTASTS_DOMAIN_SIZE];

	if (!path)
		return 0;
	addr_split(path, address, sizeof(address), domain);
	FUZZ_CHECK(strlen(address) < sizeof(address));
	FUZZ_CHECK(strlen(address) <= strlen(path));
	if (*domain) {
		FUZZ_CHECK(name_is_normal(domain, strlen(domain)));
		check_pattern(domain, address, domain);
	}
	/* a cut one has lost its domain; one without "@" is no address */
	if (strlen(address) < sizeof(address) - 1 && strchr(address, '@'))
		check_pattern(address, address, *domain ? domain : NULL);
	free(path);
	return 0;
}
