/* SPDX-License-Identifier: BSD-2-Clause */
/* Input: a pattern, LF, a host. */
#include "config.h"

#include "mtasts/mtasts.h"
#include "mtasts/record.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "mx";

static void check_match(const char *pattern, const char *host)
{
	char name[MTASTS_DOMAIN_SIZE];
	const char *rest = name;

	FUZZ_CHECK(mtasts_domain_normalize(host, name) == MTASTS_OK);
	if (*pattern == '*') {
		pattern++;
		rest = strchr(name, '.');
	}
	FUZZ_CHECK(rest && strcasecmp(pattern, rest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *pattern = strndup((const char *)data, size);
	struct record rec = { .kind = RECORD_POLICY };
	char *host;

	if (!pattern)
		return 0;
	host = strchr(pattern, '\n');
	if (host) {
		*host++ = '\0';
		rec.patterns = pattern;
		if (mtasts_mx_match(pattern, host)) {
			check_match(pattern, host);
			FUZZ_CHECK(record_matches(&rec, host));
		}
		record_matches(&rec, host);
		record_list_has(pattern, host);
	}
	free(pattern);
	return 0;
}
