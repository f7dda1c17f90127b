/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/httphead.h"

#include "util/buf.h"
#include "util/str.h"

#define VALUE_MAX 64

/* Interim answers (1xx) have headers, too. */
static void status_line(struct httphead *h, const char *value)
{
	(void)value;
	h->encoded = h->has_length = false;
}

static void content_encoding(struct httphead *h, const char *value)
{
	if (!str_ieq(value, "identity"))
		h->encoded = true;
}

static void content_length(struct httphead *h, const char *value)
{
	(void)value;
	h->has_length = true;
}

static void transfer_encoding(struct httphead *h, const char *value)
{
	if (str_ieq(value, "chunked"))
		h->has_length = true;
	else if (!str_ieq(value, "identity"))
		h->encoded = true;
}

static const struct {
	const char *name;
	void (*take)(struct httphead *h, const char *value);
} headers[] = {
	{ "HTTP/", status_line },
	{ "Content-Encoding:", content_encoding },
	{ "Content-Length:", content_length },
	{ "Transfer-Encoding:", transfer_encoding },
};

bool httphead_take(struct httphead *h, const char *line, size_t len)
{
	char value[VALUE_MAX];

	if (len > HTTPHEAD_MAX || h->bytes + len > HTTPHEAD_MAX) {
		h->bytes = HTTPHEAD_MAX + 1;
		return false;
	}
	h->bytes += len;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		size_t at = strlen(headers[i].name), end = len;

		if (len < at || !str_ieq_n(line, headers[i].name, at))
			continue;
		while (at < end && (line[at] == ' ' || line[at] == '\t'))
			at++;
		while (end > at && strchr(" \t\r\n", line[end - 1]))
			end--;
		snprintf(value, sizeof(value), "%.*s", (int)(end - at),
		    line + at);
		headers[i].take(h, value);
	}
	return true;
}

/* "text/plain", whatever its parameters say (RFC 8461 §3.2). */
static bool is_text_plain(const char *type)
{
	static const char want[] = "text/plain";
	size_t n = sizeof(want) - 1;

	if (!type || strlen(type) < n || !str_ieq_n(type, want, n))
		return false;
	n += strspn(type + n, " \t");
	return type[n] == '\0' || type[n] == ';';
}

bool httphead_is_policy(const struct httphead *h, long status,
    const char *type, struct buf *why)
{
	if (status != 200) {
		buf_addf(why, "HTTP status %ld", status);
		return false;
	}
	if (h->encoded) {
		buf_adds(why, "the text has an encoding");
		return false;
	}
	if (is_text_plain(type))
		return true;
	buf_adds(why, "content type is ");
	if (type)
		str_quote(why, type, 60);
	else
		buf_adds(why, "missing");
	buf_adds(why, ", not text/plain");
	return false;
}
