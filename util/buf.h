/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buf - a growing byte buffer with a hard maximum.
 *
 * The first failure (maximum reached, out of memory) is kept inside and
 * turns every later call into a no-op, so that building a text reads as a
 * list of steps with one check at the end. The content is always followed
 * by a NUL that len does not count. Not thread-safe.
 */
#ifndef TM_UTIL_BUF_H
#define TM_UTIL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len;
	size_t size;
	size_t max;
	bool failed;
};

/* Prepare caller's storage; it never grows beyond max bytes of content. */
void buf_init(struct buf *b, size_t max);

/* Free the content; the buffer can be used again with the same maximum. */
void buf_clear(struct buf *b);

/* Empty the buffer and forget a failure; keep the memory. */
void buf_reset(struct buf *b);

/* Append; after a failure nothing is appended any more. */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addu(struct buf *b, uint64_t n);	/* in decimal */
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Append what a file holds; false with a sentence in err when it cannot be
 * read, or is longer than the buffer may be. */
bool buf_add_file(struct buf *b, const char *path, struct buf *err);

/* Cut the content to len bytes; a larger len changes nothing. */
void buf_cut(struct buf *b, size_t len);

/* Return the content, NUL-terminated; "" while nothing was added. */
const char *buf_str(const struct buf *b);

/* Return the content as heap memory the caller frees, and empty the
 * buffer; NULL after a failure. */
char *buf_steal(struct buf *b);

#endif
