/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/nexthop.h"

#include "mtasts/name.h"
#include "util/netaddr.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The longest name in U-labels, brackets, a colon and a service. */
#define KEY_MAX ((MTASTS_DOMAIN_SIZE - 1) * 4 + 64)

/* Services a relayhost is written with. They are not looked up in
 * services(5): the answer must not depend on whose file that is. */
static const struct {
	const char *name;
	uint16_t port;
} services[] = {
	{ "lmtp", 24 },
	{ "smtp", NEXTHOP_SMTP_PORT },
	{ "smtps", 465 },
	{ "submission", 587 },
	{ "submissions", 465 },
};

/* A number, or the name of a service; 0 for a name we do not know. */
static bool parse_port(const char *s, uint16_t *port_r)
{
	uint64_t port;

	if (*s == '\0')
		return false;
	if (str_is_digit(*s)) {
		if (!str_to_u64(s, UINT16_MAX, &port) || port == 0)
			return false;
		*port_r = (uint16_t)port;
		return true;
	}
	*port_r = 0;
	for (size_t i = 0; i < COUNT(services); i++)
		if (str_ieq(s, services[i].name))
			*port_r = services[i].port;
	return true;
}

/* The key's parts; the strings point into a copy of it. */
struct parts {
	char *host;
	const char *port;	/* NULL: none */
	bool brackets;
};

static bool split_brackets(char *key, struct parts *parts_r)
{
	char *end = strchr(key, ']');

	if (!end || (end[1] != '\0' && end[1] != ':'))
		return false;
	parts_r->brackets = true;
	parts_r->host = key + 1;
	parts_r->port = end[1] == ':' ? end + 2 : NULL;
	*end = '\0';
	return true;
}

/* Split "host", "host:port", "[host]" and "[host]:port". More than one
 * colon outside brackets is an IPv6 address, if anything. */
static bool split(char *key, struct parts *parts_r)
{
	char *colon = strchr(key, ':');

	if (*key == '[')
		return split_brackets(key, parts_r);
	*parts_r = (struct parts){ .host = key };
	if (!colon || strchr(colon + 1, ':'))
		return true;
	*colon = '\0';
	parts_r->port = colon + 1;
	return true;
}

static void write_text(struct nexthop *hop, const char *host, bool brackets)
{
	const char *open = brackets ? "[" : "", *close = brackets ? "]" : "";

	if (hop->port != NEXTHOP_SMTP_PORT)
		snprintf(hop->text, sizeof(hop->text), "%s%s%s:%u", open,
		    host, close, hop->port);
	else if (brackets)
		snprintf(hop->text, sizeof(hop->text), "[%s]", host);
	else
		memcpy(hop->text, host, strlen(host) + 1);	/* usual */
}

/* True for all addresses there are, and few names: trying costs more. */
static bool may_be_address(const char *host)
{
	size_t len = strlen(host);

	return strchr(host, ':') || (len > 0 && str_is_digit(host[len - 1]));
}

static bool take_host(const struct parts *parts, struct nexthop *hop)
{
	struct netaddr addr;
	char text[NETADDR_TEXT];

	hop->port = NEXTHOP_SMTP_PORT;
	if (parts->port && !parse_port(parts->port, &hop->port))
		return false;
	if (may_be_address(parts->host) && netaddr_parse(parts->host, &addr)) {
		hop->kind = NEXTHOP_LITERAL;
		write_text(hop, netaddr_format(&addr, text), true);
		return true;
	}
	if (mtasts_domain_normalize(parts->host, hop->domain))
		return false;
	hop->kind = parts->brackets ? NEXTHOP_HOST : NEXTHOP_DOMAIN;
	write_text(hop, hop->domain, parts->brackets);
	return true;
}

/* ".example.com", or ".com": of one label, too. */
static bool take_parent(char *key, struct nexthop *hop)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct name_shape shape;
	size_t len = strlen(key + 1);

	str_lower_all(key);
	if (mtasts_domain_normalize(key + 1, domain)) {
		if (!name_scan(key + 1, len, &shape))
			return false;
		memcpy(domain, key + 1, len + 1);
	}
	hop->kind = NEXTHOP_PARENT;
	snprintf(hop->text, sizeof(hop->text), ".%s", domain);
	return true;
}

static bool take_path(const char *key, struct nexthop *hop)
{
	size_t len = strlen(key);

	if (len >= sizeof(hop->text))
		return false;
	hop->kind = NEXTHOP_PATH;
	memcpy(hop->text, key, len + 1);
	return true;
}

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 127)
			return true;
	return false;
}

bool nexthop_parse(const char *key, size_t len, struct nexthop *hop_r)
{
	char copy[KEY_MAX + 1];
	struct parts parts;
	bool good = false;

	*hop_r = (struct nexthop){ .kind = NEXTHOP_INVALID };
	if (len > 0 && len <= KEY_MAX && !has_control(key, len)) {
		memcpy(copy, key, len);
		copy[len] = '\0';
		if (memchr(copy, '/', len))
			good = take_path(copy, hop_r);
		else if (*copy == '.')
			good = take_parent(copy, hop_r);
		else
			good = split(copy, &parts) &&
			    take_host(&parts, hop_r);
	}
	if (!good)
		*hop_r = (struct nexthop){ .kind = NEXTHOP_INVALID };
	return good;
}
