/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache - shared by the sub-commands of `tlsmilter cache`.
 */
#ifndef TM_TOOL_CACHE_H
#define TM_TOOL_CACHE_H

#include "tool/access.h"
#include "tool/tool.h"
#include "util/str.h"

extern const struct command command_cache_import;
extern const struct command command_cache_purge;
extern const struct command command_cache_refresh;

/* Normalise the domains of the command line into domains, which the caller
 * clears; false after a complaint. */
bool cache_domains(int n, char **operands, struct strv *domains);

#endif
