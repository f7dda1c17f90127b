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
