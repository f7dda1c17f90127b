/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listmsg - what frontend and resolver say to each other about partner
 * lists from URLs.
 *
 * The frontend asks for one list at a time (MSG_LIST_ASK). The resolver
 * fetches and reads it and answers once (MSG_LIST_ANSWER): a new list, none
 * newer, or why not. A new list then waits there, compiled, until the
 * frontend has drawn it over piece by piece: each MSG_LIST_MORE brings one
 * MSG_LIST_PART, so that no queue grows and lookups go on in between. A
 * MSG_LIST_MORE for what is behind the end brings nothing: the list may go.
 *
 * Unpacking validates: the resolver reads the Internet. Strings of what is
 * unpacked point into the message.
 */
#ifndef TM_MILTER_LISTMSG_H
#define TM_MILTER_LISTMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* The most bytes of a list in one part. */
#define LISTMSG_PART_MAX 61440
/* Room for any of these messages. */
#define LISTMSG_SIZE (LISTMSG_PART_MAX + 100)
/* The most bytes of a reason. */
#define LISTMSG_REASON_MAX 2500

struct list_ask {
	uint32_t seq;		/* echoed in all that follows */
	const char *url;
	const char *etag;	/* of what is held; "": nothing is */
};

enum list_outcome {
	LIST_FETCHED,
	LIST_UNCHANGED,		/* the server says that etag still holds */
	LIST_FAILED,
};

struct list_answer {
	uint32_t seq;
	enum list_outcome outcome;
	uint32_t size;		/* LIST_FETCHED: of the compiled list */
	const char *etag;	/* of this answer; "": none */
	const char *reason;	/* LIST_FAILED: for people */
};

struct list_more {
	uint32_t seq;
	uint32_t offset;
};

struct list_part {
	uint32_t seq;
	uint32_t offset;
	const void *data;
	size_t len;		/* 1 to LISTMSG_PART_MAX */
};

void list_ask_pack(const struct list_ask *m, struct buf *out);
/* A reason that is too long is cut. */
void list_answer_pack(const struct list_answer *m, struct buf *out);
void list_more_pack(const struct list_more *m, struct buf *out);
void list_part_pack(const struct list_part *m, struct buf *out);

/* False when the message is damaged or holds anything out of bounds. */
bool list_ask_unpack(const void *data, size_t len, struct list_ask *m_r);
bool list_answer_unpack(const void *data, size_t len,
    struct list_answer *m_r);
bool list_more_unpack(const void *data, size_t len, struct list_more *m_r);
bool list_part_unpack(const void *data, size_t len, struct list_part *m_r);

#endif
