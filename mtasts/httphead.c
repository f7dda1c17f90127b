/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/httphead.h"

#include "util/buf.h"
#include "util/str.h"

#define VALUE_MAX HTTPHEAD_ETAG_SIZE

/* Interim answers (1xx) have headers, too. */
static void status_line(struct httphead *h, const char *value)
{
	(void)value;
	h->encoded = h->has_length = false;
	h->etag[0] = '\0';
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

bool httphead_is_etag(const char *s)
{
	size_t n;

	if (strlen(s) >= HTTPHEAD_ETAG_SIZE)
		return false;
	if (str_starts(s, "W/"))
		s += 2;
	n = strlen(s);
	if (n < 2 || s[0] != '"' || s[n - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '"')
			return false;
	return true;
}

/* One that VALUE_MAX cut has lost its last quote. */
static void etag(struct httphead *h, const char *value)
{
	snprintf(h->etag, sizeof(h->etag), "%s",
	    httphead_is_etag(value) ? value : "");
}

static const struct {
	const char *name;
	void (*take)(struct httphead *h, const char *value);
} headers[] = {
	{ "HTTP/", status_line },
	{ "Content-Encoding:", content_encoding },
	{ "Content-Length:", content_length },
	{ "ETag:", etag },
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

/* What each kind of text may be, and how its makers are asked for it. */
static const struct {
	const char *accept;
	const char *types[4];
	const char *suffix;	/* of other types: "+json" (RFC 6839); or
				 * NULL */
} kinds[] = {
	[HTTPHEAD_POLICY] = { "text/plain", { "text/plain" }, NULL },
	[HTTPHEAD_LIST] = { "application/json, text/plain;q=0.9",
	    { "application/json", "text/json", "text/plain" }, "+json" },
};

const char *httphead_accept(enum httphead_kind kind)
{
	return kinds[kind].accept;
}

/* True for a type of that kind, whatever its parameters say (RFC 8461
 * §3.2). */
static bool is_type(enum httphead_kind kind, const char *type)
{
	const char *const *good = kinds[kind].types;
	const char *suffix = kinds[kind].suffix;
	size_t n = strcspn(type, "; \t"), k;

	k = n + strspn(type + n, " \t");
	if (type[k] != '\0' && type[k] != ';')
		return false;
	for (; *good; good++)
		if (strlen(*good) == n && str_ieq_n(type, *good, n))
			return true;
	k = suffix ? strlen(suffix) : 0;
	return k && n > k && str_ieq_n(type + n - k, suffix, k);
}

bool httphead_is_good(const struct httphead *h, enum httphead_kind kind,
    long status, const char *type, struct buf *why)
{
	if (status != 200) {
		buf_addf(why, "HTTP status %ld%s", status,
		    status >= 300 && status < 400 ?
		    ", redirects are not followed" : "");
		return false;
	}
	if (h->encoded) {
		buf_adds(why, "the text has an encoding");
		return false;
	}
	if (type && is_type(kind, type))
		return true;
	buf_adds(why, "content type is ");
	if (type)
		str_quote(why, type, 60);
	else
		buf_adds(why, "missing");
	buf_addf(why, ", not %s", kinds[kind].types[0]);
	return false;
}
