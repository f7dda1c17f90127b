/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outgoingjson - what is known of a next hop and what is answered for it, as
 * JSON: for `tlsmilter query`, by the daemon or without it.
 */
#ifndef TM_CONF_OUTGOINGJSON_H
#define TM_CONF_OUTGOINGJSON_H

#include <jansson.h>

#include "conf/outgoing.h"

/*
 * A new object; NULL when out of memory:
 * next_hop	its text
 * override	null, or {"source": "destination"|"list", "name": …, and of a
 *		destination "level" and "match"}: what comes first
 * dane		null, or {"outcome", "mx_secure", "hosts": [{"name",
 *		"state"}], "expires"}
 * answers	[{"map", "status", "value", "reason"}]: for each dialect, by
 *		the name of its map; value is null unless the status is OK
 * list is the name of the list that known->partner is from.
 */
json_t *outgoing_json(const struct conf *conf,
    const struct outgoing_known *known, const char *list);

#endif
