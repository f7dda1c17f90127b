/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlsa - TLSA records, and which of them count for SMTP.
 *
 * A record that is malformed, of an unknown kind or of a usage SMTP has no
 * meaning for is unusable, which spoils no other record (RFC 6698 §4.1,
 * RFC 7671 §4, RFC 7672 §3.1); of the usable ones those with a weaker
 * digest than another's do not count (digest agility, RFC 7671 §9). Pure
 * functions; certificates and keys in full are parsed by OpenSSL.
 */
#ifndef TM_MTASTS_TLSA_H
#define TM_MTASTS_TLSA_H

#include <stdbool.h>
#include <stddef.h>

/* DANE-U-03 */
enum { TLSA_PKIX_TA, TLSA_PKIX_EE, TLSA_DANE_TA, TLSA_DANE_EE };
enum { TLSA_CERT, TLSA_SPKI };
enum { TLSA_FULL, TLSA_SHA256, TLSA_SHA512 };

/* A view into the record data. */
struct tlsa {
	unsigned usage;
	unsigned selector;
	unsigned mtype;		/* matching type */
	const unsigned char *data;
	size_t len;
};

enum tlsa_use {
	TLSA_COUNTS,
	TLSA_MALFORMED,		/* too short to be a record */
	TLSA_UNKNOWN_USAGE,
	TLSA_UNKNOWN_SELECTOR,
	TLSA_UNKNOWN_MTYPE,
	TLSA_PKIX,		/* usage 0 or 1 (RFC 7672 §3.1.3) */
	TLSA_DIGEST_LENGTH,
	TLSA_NOT_DER,		/* no certificate, or no public key */
	TLSA_WEAKER,		/* a stronger digest stands beside it */
};

/* A few words for people: "digest of a wrong length". */
const char *tlsa_use_text(enum tlsa_use use);

/* False when the data is too short for a record. */
bool tlsa_read(const void *rdata, size_t len, struct tlsa *tlsa_r);

/* Judge a record by itself: never TLSA_WEAKER. */
enum tlsa_use tlsa_judge(const struct tlsa *t);

/*
 * Judge the n records of one answer, use[i] for the i-th, and return how
 * many of them count. With none, TLS is still mandatory, without
 * authentication (DANE-A-02, DANE-A-05).
 */
struct dns_record;
size_t tlsa_judge_set(const struct dns_record *records, size_t n,
    enum tlsa_use *use);

#endif
