/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlsrpt - the TXT record at _smtp._tls (RFC 8460 §3).
 *
 * Its mailboxes matter most: mail to them must get through even where TLS is
 * required, as it reports that TLS does not work.
 */
#ifndef TM_MTASTS_TLSRPT_H
#define TM_MTASTS_TLSRPT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* True when the text claims to be a TLSRPT record ("v=TLSRPTv1", optional
 * blanks, ";"). */
bool tlsrpt_is_candidate(const char *text, size_t len);

/*
 * Append the mailto: addresses of the record's rua field to out, separated
 * by spaces: percent-decoded, without ?headers, the domain normalised.
 * Other schemes and addresses that are none are left out. False when the
 * record is syntactically wrong; the first rua counts.
 */
bool tlsrpt_mailboxes(const char *text, size_t len, struct buf *out);

/*
 * Append all URIs of the first rua field as they are published, each with a
 * '\n' behind it; clean ASCII. False as above, when out may hold some.
 */
bool tlsrpt_uris(const char *text, size_t len, struct buf *out);

#endif
