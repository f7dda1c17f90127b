/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httphead - what the head of an HTTP answer says about its text.
 *
 * Pure functions: the lines come from libcurl, in order, interim answers
 * and trailers included. RFC 8461 §3.2, §3.3: only status 200 and
 * text/plain are a policy.
 */
#ifndef TM_MTASTS_HTTPHEAD_H
#define TM_MTASTS_HTTPHEAD_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* The most header bytes of one answer. */
#define HTTPHEAD_MAX 65536

/* Zero-initialise. */
struct httphead {
	size_t bytes;
	bool encoded;		/* has a content encoding */
	bool has_length;	/* the text's end is marked */
};

/* Take one line, with or without its end; false when there were too many
 * bytes. A status line forgets the answer before. */
bool httphead_take(struct httphead *h, const char *line, size_t len);

/* True when status, type (NULL: none) and headers are a policy's; else a
 * clean text is appended to why. */
bool httphead_is_policy(const struct httphead *h, long status,
    const char *type, struct buf *why);

#endif
