/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/pack.h"

#include "util/buf.h"

void pack_u8(struct buf *b, unsigned v)
{
	buf_addc(b, (char)(v & 0xff));
}

void pack_u16(struct buf *b, unsigned v)
{
	pack_u8(b, v);
	pack_u8(b, v >> 8);
}

void pack_u32(struct buf *b, uint32_t v)
{
	pack_u16(b, v & 0xffff);
	pack_u16(b, v >> 16);
}

void pack_i64(struct buf *b, int64_t v)
{
	pack_u32(b, (uint32_t)((uint64_t)v & 0xffffffffu));
	pack_u32(b, (uint32_t)((uint64_t)v >> 32));
}

void pack_mem(struct buf *b, const void *data, size_t len)
{
	if (len > 0xffff) {
		b->failed = true;
		return;
	}
	pack_u16(b, (unsigned)len);
	buf_add(b, data, len);
	buf_addc(b, '\0');
}

void pack_str(struct buf *b, const char *s)
{
	pack_mem(b, s, strlen(s));
}

void pack_text(struct buf *b, const char *s)
{
	size_t len = strlen(s);

	if (len > UINT32_MAX) {
		b->failed = true;
		return;
	}
	pack_u32(b, (uint32_t)len);
	buf_add(b, s, len + 1);
}

void unpack_init(struct unpack *u, const void *data, size_t len)
{
	*u = (struct unpack){ .p = data, .left = len };
}

/* Return a pointer to the next len bytes and go past them; NULL if there
 * are fewer. */
static const unsigned char *take(struct unpack *u, size_t len)
{
	const unsigned char *p = u->p;

	if (u->failed || len > u->left) {
		u->failed = true;
		return NULL;
	}
	u->p += len;
	u->left -= len;
	return p;
}

unsigned unpack_u8(struct unpack *u)
{
	const unsigned char *p = take(u, 1);

	return p ? p[0] : 0;
}

unsigned unpack_u16(struct unpack *u)
{
	const unsigned char *p = take(u, 2);

	return p ? p[0] | (unsigned)p[1] << 8 : 0;
}

uint32_t unpack_u32(struct unpack *u)
{
	const unsigned char *p = take(u, 4);

	return p ? p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24 : 0;
}

int64_t unpack_i64(struct unpack *u)
{
	uint64_t low = unpack_u32(u);

	return (int64_t)(low | (uint64_t)unpack_u32(u) << 32);
}

/* Take len bytes and the NUL behind them; "" when they are not there. */
static const char *take_ended(struct unpack *u, size_t len)
{
	const char *p = NULL;

	if (len < u->left)
		p = (const char *)take(u, len + 1);
	if (p && p[len] == '\0')
		return p;
	u->failed = true;
	return "";
}

/* The same, without a NUL before the end. */
static const char *take_string(struct unpack *u, size_t len)
{
	const char *s = take_ended(u, len);

	if (strlen(s) == len)
		return s;
	u->failed = true;
	return "";
}

const void *unpack_mem(struct unpack *u, size_t *len_r)
{
	size_t len = unpack_u16(u);
	const char *p = take_ended(u, len);

	*len_r = u->failed ? 0 : len;
	return p;
}

const char *unpack_str(struct unpack *u)
{
	return take_string(u, unpack_u16(u));
}

const char *unpack_text(struct unpack *u)
{
	return take_string(u, unpack_u32(u));
}

bool unpack_ok(const struct unpack *u)
{
	return !u->failed && u->left == 0;
}
