/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply - read one reply of a mail server: SMTP, POP3 or IMAP.
 *
 * Takes bytes as they come, ends after the line that completes the reply,
 * and uses nothing of what follows it. Lines may be longer than the
 * standards allow (RFC 5321 §4.5.3.1.5), but everything is bounded. No I/O.
 */
#ifndef TM_CHECK_REPLY_H
#define TM_CHECK_REPLY_H

#include "util/buf.h"

#define REPLY_LINE_MAX 4096
#define REPLY_LINES_MAX 128
#define REPLY_MAX 16384

enum reply_kind {
	REPLY_SMTP,		/* "250-…" to "250 …" */
	REPLY_POP3,		/* "+OK …" or "-ERR …" */
	REPLY_POP3_LIST,	/* the same, a list and "." behind "+OK" */
	REPLY_IMAP_GREETING,	/* "* OK …" */
	REPLY_IMAP,		/* lines "* …", then "a1 OK …" */
};
/* The tag our IMAP commands have. */
#define REPLY_IMAP_TAG "a1"

enum reply_state {
	REPLY_MORE,		/* not complete */
	REPLY_YES,
	REPLY_NO,		/* lasting: 5xx, -ERR, NO, BAD */
	REPLY_LATER,		/* 4xx, [SYS/TEMP], * BYE */
	REPLY_NONSENSE,		/* not of the protocol, or too long */
};

struct reply {
	enum reply_kind kind;
	enum reply_state state;
	unsigned code;		/* SMTP; else 0 */
	unsigned lines;
	size_t line;		/* where the line begins that is read */
	struct buf text;	/* lines ended by '\n', as they came */
};

void reply_init(struct reply *r, enum reply_kind kind);
void reply_clear(struct reply *r);

/* Take bytes until the reply is complete; return how many were used. */
size_t reply_feed(struct reply *r, const char *data, size_t len);

/*
 * Call fn with every keyword of a list of extensions (EHLO, CAPA,
 * CAPABILITY), without its parameters.
 */
typedef void reply_keyword_fn(void *arg, const char *word, size_t len);
void reply_keywords(const struct reply *r, reply_keyword_fn *fn, void *arg);

/* Append text of a peer: printable ASCII and line ends stay, all else is
 * written \xHH; at most max bytes of input, "..." marks a cut. */
void reply_clean(struct buf *out, const char *text, size_t len, size_t max);

#endif
