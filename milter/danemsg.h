/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * danemsg - what frontend and resolver say to each other about DANE.
 *
 * MSG_DANE_ASK names a next hop; MSG_DANE_ANSWER tells how it stands. Both
 * name it by its text (policy/nexthop.h), which is read again on the other
 * side. Unpacking validates: the resolver reads the Internet. Strings of
 * what is unpacked point into the message.
 */
#ifndef TM_MILTER_DANEMSG_H
#define TM_MILTER_DANEMSG_H

#include "mtasts/danerec.h"
#include "policy/nexthop.h"

/* Room for either. */
#define DANEMSG_SIZE (NEXTHOP_TEXT_SIZE + DANEREC_MAX_PACKED + 64)

struct dane_ask {
	uint32_t seq;		/* echoed back */
	struct nexthop hop;	/* DOMAIN or HOST */
};

struct dane_answer {
	uint32_t seq;
	const char *hop;	/* text */
	struct danerec rec;
};

void dane_ask_pack(uint32_t seq, const char *hop, struct buf *out);
bool dane_ask_unpack(const void *data, size_t len, struct dane_ask *ask_r);

void dane_answer_pack(const struct dane_answer *answer, struct buf *out);
bool dane_answer_unpack(const void *data, size_t len,
    struct dane_answer *answer_r);

#endif
