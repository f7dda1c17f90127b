/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/httpsurl.h"

#include "util/buf.h"
#include "util/str.h"

static const char scheme[] = "https://";

/* Visible ASCII without what RFC 3986 leaves out of every part. */
static bool is_clean(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"<>\\^`{|}", *s))
			return false;
	return true;
}

/* "443", or nothing at all after the colon (RFC 3986 §3.2.3). */
static bool parse_port(const char *s, size_t len, uint16_t *port_r)
{
	char digits[6];
	uint64_t port = 0;

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (len && (!str_to_u64(digits, 65535, &port) || port == 0))
		return false;
	*port_r = (uint16_t)port;
	return true;
}

/* "host" or "host:port"; false with a sentence in err. */
static bool parse_authority(const char *s, size_t len, struct httpsurl *url,
    struct buf *err)
{
	char host[MTASTS_DOMAIN_SIZE];
	size_t n = 0;

	while (n < len && s[n] != ':')
		n++;
	if (memchr(s, '@', len)) {
		buf_adds(err, "has a user name, which is not supported");
		return false;
	}
	if (n < len && s[0] != '[' &&
	    !parse_port(s + n + 1, len - n - 1, &url->port)) {
		buf_adds(err, "has no valid port");
		return false;
	}
	if (n < sizeof(host)) {
		memcpy(host, s, n);
		host[n] = '\0';
	}
	if (n < sizeof(host) &&
	    mtasts_domain_normalize(host, url->host) == MTASTS_OK)
		return true;
	buf_adds(err, "does not name a host such as lists.example.org; an "
	    "address has no certificate");
	return false;
}

bool httpsurl_parse(const char *text, struct httpsurl *url_r,
    struct buf *err)
{
	size_t skip = sizeof(scheme) - 1, len;
	struct httpsurl url = { .port = 0 };

	if (strlen(text) >= HTTPSURL_SIZE) {
		buf_addf(err, "is longer than %d characters",
		    HTTPSURL_SIZE - 1);
		return false;
	}
	if (strlen(text) < skip || !str_ieq_n(text, scheme, skip)) {
		buf_adds(err, "does not begin with https://");
		return false;
	}
	if (!is_clean(text)) {
		buf_adds(err, "has characters that must be written %XX");
		return false;
	}
	if (strchr(text, '#')) {
		buf_adds(err, "has a fragment (#), which is never sent");
		return false;
	}
	len = strcspn(text + skip, "/?");
	if (!parse_authority(text + skip, len, &url, err))
		return false;
	url.path = text + skip + len;
	if (*url.path == '?') {
		buf_adds(err, "needs a / before the ?");
		return false;
	}
	url.path += *url.path == '/';
	*url_r = url;
	return true;
}
