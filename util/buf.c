/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/buf.h"

#include <errno.h>

/* Room for most log lines and replies without growing again. */
#define FIRST_SIZE 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_clear(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Make room for more bytes and the final NUL; return false on failure. */
static bool buf_grow(struct buf *b, size_t more)
{
	size_t size;
	char *data;

	if (b->failed || more > b->max || b->len > b->max - more) {
		b->failed = true;
		return false;
	}
	if (b->len + more < b->size)
		return true;
	size = b->size ? b->size : FIRST_SIZE;
	while (size <= b->len + more)
		size *= 2;
	data = realloc(b->data, size);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->size = size;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!buf_grow(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addu(struct buf *b, uint64_t n)
{
	char digits[sizeof("18446744073709551615") - 1];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buf_add(b, digits + at, sizeof(digits) - at);
}

/* Most texts fit into the room there is: format there at once, and a second
 * time only if not. */
void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->failed ? 0 : b->size - b->len;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, again);
	va_end(again);
	if (n >= 0 && (size_t)n < room && (size_t)n <= b->max - b->len) {
		b->len += (size_t)n;
		return;
	}
	if (room)
		b->data[b->len] = '\0';
	if (n < 0)
		b->failed = true;
	else if (buf_grow(b, (size_t)n)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
		b->len += (size_t)n;
	}
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

bool buf_add_file(struct buf *b, const char *path, struct buf *err)
{
	char part[4096];
	FILE *f = fopen(path, "re");
	size_t n;
	bool failed;

	if (!f) {
		buf_addf(err, "%s: %s", path, strerror(errno));
		return false;
	}
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(b, part, n);
	failed = ferror(f) != 0;
	fclose(f);
	if (failed || b->failed)
		buf_addf(err, "%s: %s", path,
		    failed ? "cannot be read" : "too long");
	return !failed && !b->failed;
}

void buf_cut(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	char *data = NULL;

	if (!b->failed)
		data = b->data ? b->data : strdup("");
	if (b->failed)
		free(b->data);
	buf_init(b, b->max);
	return data;
}
