/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cachejson - a cached record as JSON: export, import, query, show.
 *
 * Import trusts the file's claims about time no further than run time would:
 * the policy text is parsed again, expires is at most fetched + max_age, and
 * fetched at most now.
 */
#ifndef TM_MTASTS_CACHEJSON_H
#define TM_MTASTS_CACHEJSON_H

#include <jansson.h>

#include "mtasts/record.h"

struct buf;

/* A new object: domain, source, mode, mx[], id, fetched, expires, … */
json_t *cachejson_from_record(const char *domain, const struct record *rec,
    int64_t now);

/*
 * Read one member of an exported file into a packed record. domain has
 * MTASTS_DOMAIN_SIZE bytes. False with a sentence in err naming the member.
 */
bool cachejson_to_record(const json_t *object, int64_t now, char *domain,
    struct buf *packed, struct buf *err);

#endif
