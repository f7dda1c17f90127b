/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netstring - frames of the form LENGTH ":" BYTES ",".
 *
 * The reader is fed bytes as they come, in pieces of any size. It is
 * strict (PF-SM-03): decimal digits without a leading zero, at most
 * NETSTRING_DIGITS_MAX of them, and the comma where it belongs. What
 * breaks the rules cannot be resynchronised; whoever reads it hangs up.
 *
 * A frame that lies whole in one piece is handed out as a view into it:
 * nothing is copied and nothing allocated. The beginning of a frame that
 * is not whole yet is kept, at most `max` bytes and its head; that memory
 * serves later frames too. Not thread-safe.
 */
#ifndef TM_UTIL_NETSTRING_H
#define TM_UTIL_NETSTRING_H

#include <stddef.h>

#include "util/buf.h"

#define NETSTRING_DIGITS_MAX 9

struct netstring {
	struct buf held;	/* the beginning of a frame */
	size_t max;
	const char *error;	/* NULL: none */
};

/* Prepare caller's storage; a payload longer than max is malformed. */
void netstring_init(struct netstring *n, size_t max);

/* Free what is held; the reader can be used again for a new stream. */
void netstring_clear(struct netstring *n);

enum netstring_progress {
	NETSTRING_MORE,		/* no frame ended in these bytes */
	NETSTRING_DONE,		/* one did; what follows is the next */
	NETSTRING_MALFORMED,	/* nothing more can be read here */
};

/*
 * Read from data; *used_r is how much of it belonged to this frame. After
 * DONE the payload is at *payload_r, any bytes, no NUL behind it, until
 * data goes or the reader is used again. After MALFORMED it stays so, and
 * netstring_error() has a static text that says why.
 */
enum netstring_progress netstring_feed(struct netstring *n, const char *data,
    size_t len, size_t *used_r, const char **payload_r,
    size_t *payload_len_r);
const char *netstring_error(const struct netstring *n);

/* Append a frame. */
void netstring_add(struct buf *out, const void *payload, size_t len);

#endif
