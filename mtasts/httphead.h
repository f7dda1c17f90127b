/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httphead - what the head of an HTTP answer says about its text.
 *
 * Pure functions: the lines come from libcurl, in order, interim answers
 * and trailers included. RFC 8461 §3.2, §3.3: only status 200 and
 * text/plain are a policy. A partner list may be text/plain too, since that
 * is what many servers say of a file they do not know, or any JSON type;
 * but never a page for people, such as that of a login or a captive portal.
 */
#ifndef TM_MTASTS_HTTPHEAD_H
#define TM_MTASTS_HTTPHEAD_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* The most header bytes of one answer. */
#define HTTPHEAD_MAX 65536

/* Room for an entity tag (RFC 9110 §8.8.3); a longer one is not used. */
#define HTTPHEAD_ETAG_SIZE 128

enum httphead_kind {
	HTTPHEAD_POLICY,	/* text/plain */
	HTTPHEAD_LIST,		/* JSON, or text/plain */
};

/* The value of the Accept header that asks for that kind. */
const char *httphead_accept(enum httphead_kind kind);

/* Zero-initialise. */
struct httphead {
	size_t bytes;
	bool encoded;		/* has a content encoding */
	bool has_length;	/* the text's end is marked */
	char etag[HTTPHEAD_ETAG_SIZE];	/* "": none that can be sent again */
};

/* Take one line, with or without its end; false when there were too many
 * bytes. A status line forgets the answer before. */
bool httphead_take(struct httphead *h, const char *line, size_t len);

/* True when status, type (NULL: none) and headers are as that kind of text
 * must have them; else a clean text is appended to why. */
bool httphead_is_good(const struct httphead *h, enum httphead_kind kind,
    long status, const char *type, struct buf *why);

/* True for an entity tag that is safe to send: W/ or not, in quotes, of
 * visible ASCII, and short enough. */
bool httphead_is_etag(const char *s);

#endif
