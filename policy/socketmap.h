/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socketmap - requests and replies of the socketmap protocol (PF-SM).
 *
 * What goes through the netstrings of util/netstring: a request is the name
 * of a map, a space and a key; a reply is a status word, a space and a text
 * (socketmap_table(5), Sendmail's op.me). Pure functions, no allocation but
 * that of the output buffer.
 */
#ifndef TM_POLICY_SOCKETMAP_H
#define TM_POLICY_SOCKETMAP_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Longest request read: Postfix sends at most 10000 bytes (PF-SM-05). */
#define SOCKETMAP_REQUEST_MAX 16384
/* Longest reply sent, without its frame: what Postfix takes (PF-SM-04). */
#define SOCKETMAP_REPLY_MAX 100000
/* Longest reason; Postfix logs no more of it (PF-SM-09). */
#define SOCKETMAP_REASON_MAX 200

/* Views into the payload; a key may hold any bytes, spaces too. */
struct socketmap_request {
	const char *map;
	size_t map_len;
	const char *key;
	size_t key_len;
};

/* False when the payload has no space or no map name: nobody who speaks
 * the protocol sends that, and the connection is closed. */
bool socketmap_request_read(const char *payload, size_t len,
    struct socketmap_request *request_r);

enum socketmap_status {
	SOCKETMAP_OK,		/* text is the value found */
	SOCKETMAP_NOTFOUND,	/* text is ignored */
	SOCKETMAP_TEMP,		/* text says why; the mail is deferred */
};

/*
 * Append a reply with its frame. text may be NULL. The control and 8-bit
 * bytes of a reason become "?", and it is cut at SOCKETMAP_REASON_MAX. A
 * value is never changed nor cut: one that is empty, too long or not
 * printable ASCII cannot be sent, and becomes TEMP with the reason
 * (PF-SM-04, PF-SM-08). Return what was sent; if out failed it holds a part
 * of a frame, and the connection can only be closed.
 */
enum socketmap_status socketmap_reply(struct buf *out,
    enum socketmap_status status, const char *text);

#endif
