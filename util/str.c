/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/str.h"

#include <malloc.h>

#include "util/buf.h"

static bool strv_add_own(struct strv *sv, char *s)
{
	char **v;
	size_t size;

	if (!s)
		return false;
	if (sv->n == sv->size) {
		size = sv->size ? sv->size * 2 : 8;
		v = reallocarray(sv->v, size, sizeof(*v));
		if (!v) {
			free(s);
			return false;
		}
		sv->v = v;
		sv->size = size;
	}
	sv->v[sv->n++] = s;
	return true;
}

bool strv_add(struct strv *sv, const char *s)
{
	return strv_add_own(sv, strdup(s));
}

bool strv_add_n(struct strv *sv, const char *s, size_t len)
{
	return strv_add_own(sv, strndup(s, len));
}

bool strv_has(const struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (strcmp(sv->v[i], s) == 0)
			return true;
	return false;
}

bool strv_has_nocase(const struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (str_ieq(sv->v[i], s))
			return true;
	return false;
}

void strv_clear(struct strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	*sv = (struct strv){ 0 };
}

void str_lower_all(char *s)
{
	for (; *s; s++)
		*s = str_lower(*s);
}

bool str_ieq(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (str_lower(*a) != str_lower(*b))
			return false;
	return *a == *b;
}

bool str_ieq_n(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_lower(a[i]) != str_lower(b[i]))
			return false;
		if (!a[i])
			return true;
	}
	return true;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

size_t str_bom(const char *text, size_t len)
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };

	return len >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0 ?
	    sizeof(mark) : 0;
}

void str_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

bool str_to_u64(const char *s, uint64_t max, uint64_t *value_r)
{
	uint64_t value = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned digit = (unsigned)(*s - '0');

		if (!str_is_digit(*s))
			return false;
		if (value > (max - digit % 10) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*value_r = value;
	return true;
}

/* Return the length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 :
	    s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	unsigned code;

	if (n < 2 || n > left)
		return n > left ? 0 : n;
	code = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3fu);
	}
	if (code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

size_t str_utf8_text_len(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = utf8_len(p + i, len - i);
		if (n == 0 || (n == 1 && (p[i] < 0x20 || p[i] == 0x7f)))
			break;
	}
	return i;
}

bool str_is_clean_utf8(const char *s, size_t len)
{
	if (str_utf8_text_len(s, len) < len)
		return false;
	for (size_t i = 0; i + 1 < len; i++)
		if ((unsigned char)s[i] == 0xc2 &&
		    (unsigned char)s[i + 1] < 0xa0)
			return false;
	return true;
}

static bool is_plain_log_char(char c)
{
	return str_is_alnum(c) || (c && strchr("._-@+/:[]<>,*%~", c));
}

void str_quote(struct buf *b, const char *s, size_t max)
{
	size_t len, i;

	if (!s) {
		buf_addc(b, '-');
		return;
	}
	len = strnlen(s, max);
	for (i = 0; i < len && is_plain_log_char(s[i]); i++)
		;
	if (i == len && len && !s[len]) {
		buf_add(b, s, len);
		return;
	}
	buf_addc(b, '"');
	for (i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			buf_addf(b, "\\%c", s[i]);
		else if (s[i] < 0x20 || s[i] > 0x7e)
			buf_addf(b, "\\x%02X", (unsigned char)s[i]);
		else
			buf_addc(b, s[i]);
	}
	buf_adds(b, s[len] ? "...\"" : "\"");
}

void *mem_array(size_t n, size_t size)
{
	return reallocarray(NULL, n ? n : 1, size ? size : 1);
}

void mem_trim(void)
{
#ifdef HAVE_MALLOC_TRIM
	malloc_trim(0);
#endif
}

/* malloc_trim() leaves alone what is free at the end of the heap of any
 * thread but the first; and each large block that is freed raises what may
 * stay there, to 64 MiB, unless a bound is set. */
void mem_keep_little(void)
{
#ifdef M_TRIM_THRESHOLD
	mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
#endif
}
