/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack - write and read binary messages and records.
 *
 * Numbers are little-endian. Byte strings carry a 16-bit length
 * and a NUL behind the content that the length does not count, so that the
 * reader can point into the message without a copy. The reader keeps the
 * first error and answers 0 and "" from then on: read all fields, check
 * unpack_ok() once. Nothing here trusts its input.
 */
#ifndef TM_UTIL_PACK_H
#define TM_UTIL_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

void pack_u8(struct buf *b, unsigned v);
void pack_u16(struct buf *b, unsigned v);
void pack_u32(struct buf *b, uint32_t v);
void pack_i64(struct buf *b, int64_t v);
/* A string of at most 65535 bytes; a longer one fails the buffer. */
void pack_str(struct buf *b, const char *s);
void pack_mem(struct buf *b, const void *data, size_t len);
/* A string of any length the buffer takes; its length has 32 bits. */
void pack_text(struct buf *b, const char *s);

struct unpack {
	const unsigned char *p;
	size_t left;
	bool failed;
};

void unpack_init(struct unpack *u, const void *data, size_t len);
unsigned unpack_u8(struct unpack *u);
unsigned unpack_u16(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
/* Point at a string inside the message: it ends with NUL and holds no
 * other; anything else is an error. */
const char *unpack_str(struct unpack *u);
const char *unpack_text(struct unpack *u);
/* Point at len_r bytes of any content. */
const void *unpack_mem(struct unpack *u, size_t *len_r);
/* True when nothing failed and nothing is left over. */
bool unpack_ok(const struct unpack *u);

#endif
