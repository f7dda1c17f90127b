/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"

#include "mtasts/name.h"

bool mtasts_mx_match(const char *pattern, const char *host)
{
	char name[MTASTS_DOMAIN_SIZE];

	return mtasts_domain_normalize(host, name) == MTASTS_OK &&
	    name_matches(pattern, strlen(pattern), name);
}

bool mtasts_policy_match(const struct mtasts_policy *policy,
    const char *host)
{
	char name[MTASTS_DOMAIN_SIZE];
	const char *pattern;

	if (mtasts_domain_normalize(host, name) != MTASTS_OK)
		return false;
	for (size_t i = 0; i < mtasts_policy_mx_count(policy); i++) {
		pattern = mtasts_policy_mx(policy, i);
		if (name_matches(pattern, strlen(pattern), name))
			return true;
	}
	return false;
}
