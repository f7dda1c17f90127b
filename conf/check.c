/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks of the strings a configuration holds, one for each kind. Each
 * appends the canonical form, or says what is wrong.
 */
#include "config.h"

#include "conf/conf-internal.h"

#include "mtasts/nameserver.h"
#include "mtasts/proxy.h"
#include "util/buf.h"

#define URL_MAX 120	/* leaves room for words in a reply of 200 */

static bool only(const char *s, const char *extra)
{
	for (; *s; s++)
		if (!str_is_alnum(*s) && !strchr(extra, *s))
			return false;
	return true;
}

static bool accept_if(bool ok, const char *s, const char *what,
    struct buf *canon, struct buf *err)
{
	if (ok)
		buf_adds(canon, s);
	else
		buf_addf(err, "\"%s\" is not %s", s, what);
	return ok;
}

bool check_name(const char *s, struct buf *canon, struct buf *err)
{
	return accept_if(only(s, "._-") && strlen(s) <= 32, s,
	    "a name of letters, digits, dots, hyphens and underscores", canon,
	    err);
}

bool check_path(const char *s, struct buf *canon, struct buf *err)
{
	return accept_if(!*s || *s == '/', s, "an absolute path", canon, err);
}

bool check_authserv_id(const char *s, struct buf *canon, struct buf *err)
{
	return accept_if(*s && only(s, ".-_") && strlen(s) <= 253, s,
	    "a host name", canon, err);
}

static bool is_url(const char *s)
{
	if (!str_starts(s, "https://") && !str_starts(s, "http://"))
		return false;
	if (strlen(s) > URL_MAX)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("\"<>\\^`{|}", *s))
			return false;
	return true;
}

bool check_url(const char *s, struct buf *canon, struct buf *err)
{
	return accept_if(!*s || is_url(s), s,
	    "an http:// or https:// address of at most 120 characters", canon,
	    err);
}

bool check_proxy(const char *s, struct buf *canon, struct buf *err)
{
	return accept_if(!*s || proxy_is_valid(s), s, "http://HOST:PORT",
	    canon, err);
}

bool check_domain(const char *s, struct buf *canon, struct buf *err)
{
	char domain[MTASTS_DOMAIN_SIZE];

	if (mtasts_domain_normalize(s, domain) == MTASTS_OK) {
		buf_adds(canon, domain);
		return true;
	}
	buf_addf(err, "\"%s\" is not a domain name", s);
	return false;
}

bool check_server(const char *s, struct buf *canon, struct buf *err)
{
	struct netaddr addr;
	uint16_t port;

	return accept_if(nameserver_parse(s, &addr, &port), s,
	    "an address such as 192.0.2.1 or 192.0.2.1@53", canon, err);
}

bool check_listener(const char *s, struct buf *canon, struct buf *err)
{
	uint64_t port;
	bool number = *s && strspn(s, "0123456789") == strlen(s);

	if (number)
		return accept_if(str_to_u64(s, 65535, &port) && port > 0, s,
		    "a port", canon, err);
	return accept_if(*s && only(s, "._-") && strlen(s) <= 64, s,
	    "a port or a daemon name", canon, err);
}

bool check_token(const char *s, struct buf *canon, struct buf *err)
{
	bool ok = *s && strlen(s) <= 255;

	for (const char *p = s; *p; p++)
		ok = ok && *p >= ' ' && *p <= '~';
	return accept_if(ok, s, "1 to 255 characters of ASCII", canon, err);
}

bool check_fingerprint(const char *s, struct buf *canon, struct buf *err)
{
	size_t digits = 0;
	bool ok = true;

	for (const char *p = s; *p; p++) {
		bool hex = str_is_digit(*p) ||
		    (str_lower(*p) >= 'a' && str_lower(*p) <= 'f');

		ok = ok && (hex || *p == ':');
		digits += hex;
	}
	return accept_if(ok && digits >= 32 && digits <= 128, s,
	    "a fingerprint in hexadecimal digits", canon, err);
}
