/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cachejson - a cached record as JSON: export, import, query, show.
 *
 * An exported file is one object: "schema" is CACHEJSON_SCHEMA, "exported"
 * the time, "domains" an array of the objects below, policies only. Times
 * are RFC 3339 in UTC. An importer needs "domain" and "text"; the rest has
 * defaults, and members it does not know are ignored.
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

#define CACHEJSON_SCHEMA "tlsmilter/cache-1"

/*
 * A new object, NULL when out of memory: domain, source ("mta-sts", "import"
 * or "none"), mode (null without a policy), mx[] (the policy's patterns),
 * id, fetched, expires, expired, max_age, checked, used, dnssec, mx_hosts[]
 * (null if not known), null_mx, tlsrpt[], error (null or a sentence about
 * the last lookup) and text. Times that never were are null.
 */
json_t *cachejson_from_record(const char *domain, const struct record *rec,
    int64_t now);

/* An exported file without its domains, for the caller to fill in. */
json_t *cachejson_file(int64_t now);

/* The domains of a file that was read; borrowed. NULL with a sentence in err
 * if it is no export of a version we know. */
const json_t *cachejson_file_domains(const json_t *file, struct buf *err);

/*
 * Read one member of an exported file into a packed record. domain has
 * MTASTS_DOMAIN_SIZE bytes. False with a sentence in err naming the member.
 */
bool cachejson_to_record(const json_t *object, int64_t now, char *domain,
    struct buf *packed, struct buf *err);

#endif
