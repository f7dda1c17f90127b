/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnswire - read a DNS answer from its bytes (RFC 1035 §4).
 *
 * A pure function of a packet: no I/O, no state. It follows the CNAME chain
 * inside the packet, keeps the records of the type asked for, tells "no
 * such name" from "no such data", and finds how long either holds. Every
 * length, pointer and count in the packet is checked.
 */
#ifndef TM_MTASTS_DNSWIRE_H
#define TM_MTASTS_DNSWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/netaddr.h"

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52,
};

enum dns_status {
	DNS_FOUND,	/* there are records, even if none is usable */
	DNS_NODATA,	/* the name exists, the type does not */
	DNS_NXDOMAIN,
	DNS_SERVFAIL,	/* the servers failed, or the packet is broken */
	DNS_BOGUS,	/* DNSSEC validation failed */
	DNS_TIMEOUT,
};

/* The most records of one answer that are kept. */
#define DNS_RECORDS_MAX 256
/* The longest CNAME chain that is followed. */
#define DNS_CHAIN_MAX 16
/* Room for a name as text, with its NUL. */
#define DNS_NAME_SIZE 256

/*
 * TXT: the character-strings joined, in data (any bytes, and a NUL that
 * len does not count). TLSA: the record data as it came, in data. MX:
 * priority, and the host name in data, lower case, without a trailing dot,
 * "" for the root; names with bytes no host name has are left out. CNAME:
 * the name in data, as for MX. A, AAAA: addr.
 */
struct dns_record {
	unsigned priority;
	struct netaddr addr;
	char *data;
	size_t len;
};

struct dns_answer {
	enum dns_status status;
	bool secure;		/* validated; also for "no such …" */
	bool truncated;		/* there were more than DNS_RECORDS_MAX */
	uint32_t ttl;		/* seconds; 0 unless status is known */
	/* A CNAME led elsewhere, from which the answer is, also a "no such
	 * …"; canonical is that name, "" if no host has such a name. */
	bool alias;
	char canonical[DNS_NAME_SIZE];
	struct dns_record *records;
	size_t n;
	char why[160];		/* SERVFAIL, BOGUS: clean text, may be "" */
};

/*
 * Read the answer to a question of this type. Fills status (DNS_FOUND,
 * _NODATA, _NXDOMAIN or _SERVFAIL), ttl and the records; false only when
 * memory ran out. The caller frees with dns_answer_clear().
 */
bool dns_answer_parse(const void *packet, size_t len, unsigned type,
    struct dns_answer *answer_r);
void dns_answer_clear(struct dns_answer *a);

/* "NXDOMAIN", "no data", … for details and logs. */
const char *dns_status_text(enum dns_status status);

#endif
