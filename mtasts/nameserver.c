/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/nameserver.h"

#include <unistd.h>

#include "util/buf.h"
#include "util/str.h"

#define FILE_MAX 65536
#define KEYWORD "nameserver"

/* Without the literals of mail addresses, which netaddr_parse() takes. */
static bool parse_address(const char *s, struct netaddr *addr_r)
{
	return !strchr("[I", s[0]) && netaddr_parse(s, addr_r);
}

bool nameserver_parse(const char *s, struct netaddr *addr_r,
    uint16_t *port_r)
{
	const char *at = strchr(s, '@');
	size_t len = at ? (size_t)(at - s) : strlen(s);
	char host[NETADDR_TEXT];
	struct netaddr addr;
	uint64_t port = 53;

	if (len >= sizeof(host) || (at && !str_to_u64(at + 1, 65535, &port)))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	if (port == 0 || !parse_address(host, &addr))
		return false;
	*addr_r = addr;
	*port_r = (uint16_t)port;
	return true;
}

bool nameserver_is_local(const char *s)
{
	/* The unspecified address is what resolv.conf(5) takes for "here". */
	static const char *const local[] = {
		"127.0.0.0/8", "0.0.0.0", "::1", "::",
	};
	struct netaddr addr;
	struct cidr net;
	const char *err;
	uint16_t port;

	if (!nameserver_parse(s, &addr, &port))
		return false;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (cidr_parse(local[i], &net, &err) &&
		    cidr_match(&net, &addr))
			return true;
	return false;
}

/* ---- resolv.conf ------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* True for what the C library can ask: an address, with a scope or not. */
static bool is_address(const char *s)
{
	char host[NETADDR_TEXT];
	size_t len = strcspn(s, "%");
	struct netaddr addr;

	memcpy(host, s, len);
	host[len] = '\0';
	return parse_address(host, &addr) &&
	    (!s[len] || addr.family == AF_INET6);
}

/* Take the address out of a line; false when there is none. */
static bool parse_line(const char *line, char *out)
{
	size_t len;

	if (!str_starts(line, KEYWORD) || !is_blank(line[strlen(KEYWORD)]))
		return false;
	line += strlen(KEYWORD);
	line += strspn(line, " \t");
	len = strcspn(line, " \t\r\n");
	if (len == 0 || len >= NETADDR_TEXT)
		return false;
	memcpy(out, line, len);
	out[len] = '\0';
	return is_address(out);
}

void resolv_conf_parse(const char *text, struct resolv_conf *rc_r)
{
	size_t n = 0;

	while (*text && n < RESOLV_CONF_SERVERS) {
		if (parse_line(text, rc_r->text[n])) {
			rc_r->servers[n] = rc_r->text[n];
			n++;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	if (n == 0)
		rc_r->servers[n++] = "127.0.0.1";
	rc_r->servers[n] = NULL;
}

bool resolv_conf_read(const char *path, struct resolv_conf *rc_r,
    struct buf *err)
{
	struct buf text;
	bool good;

	if (!path)
		path = RESOLV_CONF;
	buf_init(&text, FILE_MAX);
	good = access(path, F_OK) < 0 || buf_add_file(&text, path, err);
	if (good)
		resolv_conf_parse(buf_str(&text), rc_r);
	buf_clear(&text);
	return good;
}
