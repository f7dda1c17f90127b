/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * str - small helpers for C strings, lists of strings and numbers.
 *
 * All character tests are ASCII and independent of the locale.
 */
#ifndef TM_UTIL_STR_H
#define TM_UTIL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* A list of heap strings it owns. Zero-initialised is empty. */
struct strv {
	char **v;
	size_t n;
	size_t size;
};

/* Append a copy; return false when out of memory. */
bool strv_add(struct strv *sv, const char *s);
bool strv_add_n(struct strv *sv, const char *s, size_t len);
bool strv_has(const struct strv *sv, const char *s);
/* Compare as ASCII without case. */
bool strv_has_nocase(const struct strv *sv, const char *s);
void strv_clear(struct strv *sv);

static inline bool str_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool str_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool str_is_alnum(char c)
{
	return str_is_alpha(c) || str_is_digit(c);
}

static inline char str_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void str_lower_all(char *s);
bool str_ieq(const char *a, const char *b);
bool str_ieq_n(const char *a, const char *b, size_t n);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* The bytes of the byte order mark that text in UTF-8 may begin with. */
size_t str_bom(const char *text, size_t len);

/* Write bytes as lower-case hexadecimal digits and a NUL: 2 * len + 1 bytes
 * of out. */
void str_hex(const void *data, size_t len, char *out);

/* Parse decimal digits only (no sign, no space); true when the whole of
 * s is a number not above max. *value_r is written on success only. */
bool str_to_u64(const char *s, uint64_t max, uint64_t *value_r);

/* Return true when the bytes are valid UTF-8 without control characters. */
bool str_is_clean_utf8(const char *s, size_t len);

/* Return how many bytes from the start are valid UTF-8 without ASCII
 * control characters; the others (U+0080 to U+009F) are let through. */
size_t str_utf8_text_len(const char *s, size_t len);

/*
 * Append a peer's text as a value of a key=value log line: as it is when it
 * is made of unsuspicious ASCII only, else in double quotes with \" and \\
 * escaped and every control or 8-bit byte written \xHH. At most max input
 * bytes are looked at; "..." marks a cut. NULL is written as "-".
 */
void str_quote(struct buf *b, const char *s, size_t max);

/* Give memory that was freed back to the system, after a large task; it
 * takes some milliseconds. A program that lives long says once, at start,
 * that none of its threads is to keep more than a megabyte. */
void mem_trim(void);
void mem_keep_little(void);

/* malloc(n * size) with the product checked; NULL on overflow. */
void *mem_array(size_t n, size_t size);

#endif
