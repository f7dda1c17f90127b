/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * name - host names, MX patterns and lists of them, without allocation.
 *
 * "Normal" is the one form everything stored and compared has: LDH labels
 * (RFC 5890 §2.3.1), lower case, no trailing dot, at most 253 bytes.
 */
#ifndef TM_MTASTS_NAME_H
#define TM_MTASTS_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* What name_scan() saw. */
struct name_shape {
	unsigned labels;
	bool upper;		/* has an upper-case letter */
	bool numeric;		/* the last label is digits only: an address,
				 * as no top-level domain is (RFC 3696 §2) */
};

/* True when the bytes are LDH labels joined by dots, in bounds. */
bool name_scan(const char *s, size_t len, struct name_shape *shape_r);

/* True for a normal name of two labels or more that is no address. */
bool name_is_normal(const char *s, size_t len);

/* True for a normal MX pattern: a name of any number of labels, "*." may
 * stand before it (RFC 8461 §3.2). */
bool name_is_pattern(const char *s, size_t len);

/* True when a normal host matches a pattern of len bytes (§4.1). */
bool name_matches(const char *pattern, size_t len, const char *host);

/*
 * Step through a space-separated list: *list moves past one entry, which is
 * then at *entry_r, len_r bytes. False at the end. Empty entries are
 * skipped.
 */
bool name_list_next(const char **list, const char **entry_r, size_t *len_r);

#endif
