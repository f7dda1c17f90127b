/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/proxy.h"

#include <netdb.h>

#include "util/buf.h"
#include "util/str.h"

static bool parse(const char *url, struct proxy *p)
{
	static const char scheme[] = "http://";
	const char *at = url + sizeof(scheme) - 1, *colon = strrchr(url, ':');
	uint64_t port = 0;

	if (!str_starts(url, scheme) || !colon || colon <= at ||
	    (size_t)(colon - at) >= sizeof(p->host) ||
	    !str_to_u64(colon + 1, 65535, &port) || port == 0)
		return false;
	for (const char *c = at; c < colon; c++)
		if (!str_is_alnum(*c) && !strchr(".-_:[]", *c))
			return false;
	memcpy(p->host, at, (size_t)(colon - at));
	p->host[colon - at] = '\0';
	p->port = (uint16_t)port;
	return true;
}

bool proxy_is_valid(const char *url)
{
	struct proxy p;

	return parse(url, &p);
}

static bool resolve(struct proxy *p, struct buf *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	struct netaddr numeric;
	int rc;

	if (netaddr_parse(p->host, &numeric))
		return true;
	rc = getaddrinfo(p->host, NULL, &hints, &list);
	for (struct addrinfo *a = list; a && p->addrs_n < PROXY_ADDRS_MAX;
	    a = a->ai_next) {
		uint16_t unused;

		p->addrs_n += netaddr_from_sockaddr(a->ai_addr,
		    &p->addrs[p->addrs_n], &unused);
	}
	if (list)
		freeaddrinfo(list);
	if (!p->addrs_n)
		buf_addf(err, "proxy %s: %s", p->host,
		    rc ? gai_strerror(rc) : "no address");
	return p->addrs_n > 0;
}

struct proxy *proxy_new(const char *url, struct buf *err)
{
	struct proxy *p = calloc(1, sizeof(*p));

	if (p)
		p->url = strdup(url);
	if (!p || !p->url)
		buf_adds(err, "out of memory");
	else if (!parse(url, p))
		buf_addf(err, "proxy \"%s\" is not http://HOST:PORT", url);
	else if (resolve(p, err))
		return p;
	proxy_free(p);
	return NULL;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	free(p->url);
	free(p);
}
