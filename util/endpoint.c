/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/str.h"

#define BACKLOG 1024

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* What may stand before the address, and the family it asks for. */
struct prefix {
	const char *text;
	int family;		/* AF_UNSPEC: either */
};

static const struct prefix prefixes[] = {
	{ "inet:", AF_UNSPEC },
	{ "inet6:", AF_INET6 },
	{ "unix:", AF_UNIX },
	{ "local:", AF_UNIX },
	{ "/", AF_UNIX },
	{ "", AF_UNSPEC },
};

static bool fail(struct buf *err, const char *s, const char *why)
{
	buf_adds(err, "socket address ");
	str_quote(err, s, 200);
	buf_addf(err, ": %s", why);
	return false;
}

static bool parse_unix(const char *s, const char *path,
    struct endpoint *ep_r, struct buf *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return fail(err, s, "the path must begin with a slash");
	if (len >= sizeof(ep_r->path))
		return fail(err, s, "the path is too long");
	*ep_r = (struct endpoint){ .kind = ENDPOINT_UNIX };
	memcpy(ep_r->path, path, len + 1);
	return true;
}

/* Split "8899@host" or "host:8899"; a bare IPv6 address has more colons
 * than a port needs and must stand in brackets before it. */
static bool split_inet(const char *s, char *host, size_t size,
    const char **port_r)
{
	const char *at = strchr(s, '@');
	const char *colon = strrchr(s, ':');
	const char *from = s, *to;

	if (at) {
		*port_r = s;
		from = at + 1;
		to = from + strlen(from);
	} else if (colon && (*s == '[' || strchr(s, ':') == colon)) {
		*port_r = colon + 1;
		to = colon;
	} else {
		return false;
	}
	if ((size_t)(to - from) >= size)
		return false;
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	return true;
}

static bool parse_port(const char *s, uint16_t *port_r)
{
	char text[6];
	size_t len = strcspn(s, "@");
	uint64_t port;

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (!str_to_u64(text, 65535, &port) || port == 0)
		return false;
	*port_r = (uint16_t)port;
	return true;
}

static bool parse_inet(const char *s, const char *rest, int family,
    struct endpoint *ep_r, struct buf *err)
{
	struct endpoint ep = { .kind = ENDPOINT_INET };
	char host[NETADDR_TEXT];
	const char *port;

	if (!split_inet(rest, host, sizeof(host), &port))
		return fail(err, s, "neither PORT@HOST nor HOST:PORT; an IPv6 "
		    "address stands in brackets");
	if (!parse_port(port, &ep.port))
		return fail(err, s, "the port must be a number from 1 to "
		    "65535");
	if (!*host)
		return fail(err, s, "a host is missing; 0.0.0.0 or [::] "
		    "stand for every interface");
	if (str_ieq(host, "localhost"))
		netaddr_parse(family == AF_INET6 ? "::1" : "127.0.0.1",
		    &ep.addr);
	else if (!netaddr_parse(host, &ep.addr))
		return fail(err, s, "the host must be an IP address or "
		    "localhost");
	if (family == AF_INET6 && ep.addr.family != AF_INET6)
		return fail(err, s, "inet6 needs an IPv6 address");
	*ep_r = ep;
	return true;
}

bool endpoint_parse(const char *s, struct endpoint *ep_r, struct buf *err)
{
	const struct prefix *p = prefixes;
	const char *rest;

	while (!str_starts(s, p->text))
		p++;
	rest = s + strlen(p->text);
	if (p->family == AF_UNIX)
		return parse_unix(s, *p->text == '/' ? s : rest, ep_r, err);
	return parse_inet(s, rest, p->family, ep_r, err);
}

void endpoint_format(const struct endpoint *ep, enum endpoint_style style,
    struct buf *out)
{
	char text[NETADDR_TEXT];
	bool v6 = ep->addr.family == AF_INET6;

	if (ep->kind == ENDPOINT_UNIX) {
		buf_addf(out, "unix:%s", ep->path);
		return;
	}
	netaddr_format(&ep->addr, text);
	if (style == ENDPOINT_LIBMILTER)
		buf_addf(out, v6 ? "inet6:%u@[%s]" : "inet:%u@%s", ep->port,
		    text);
	else
		buf_addf(out, v6 ? "inet:[%s]:%u" : "inet:%s:%u", text,
		    ep->port);
}

/* Fill in a socket address; return its size. */
static socklen_t to_sockaddr(const struct endpoint *ep, union address *a)
{
	*a = (union address){ 0 };
	if (ep->kind == ENDPOINT_UNIX) {
		a->un.sun_family = AF_UNIX;
		memcpy(a->un.sun_path, ep->path, sizeof(ep->path));
		return sizeof(a->un);
	}
	if (ep->addr.family == AF_INET) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(ep->port);
		memcpy(&a->in.sin_addr, ep->addr.bytes, 4);
		return sizeof(a->in);
	}
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons(ep->port);
	memcpy(&a->in6.sin6_addr, ep->addr.bytes, 16);
	return sizeof(a->in6);
}

/* Say what failed, with errno; return -1. */
static int fail_errno(struct buf *err, const struct endpoint *ep,
    const char *what)
{
	int e = errno;

	endpoint_format(ep, ENDPOINT_LIBMILTER, err);
	buf_addf(err, ": %s: %s", what, strerror(e));
	return -1;
}

/* Return 0 when the path is free, after removing a socket nobody listens
 * on. A full backlog (EAGAIN) is an answer too. */
static int clear_stale(const struct endpoint *ep, struct buf *err)
{
	union address a;
	struct stat st;
	socklen_t len = to_sockaddr(ep, &a);
	int fd, rc;

	if (lstat(ep->path, &st) != 0)
		return errno == ENOENT ? 0 : fail_errno(err, ep, "stat");
	if (!S_ISSOCK(st.st_mode)) {
		buf_addf(err, "unix:%s: exists and is not a socket", ep->path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail_errno(err, ep, "socket");
	rc = connect(fd, &a.sa, len) == 0 ? 0 : errno;
	close(fd);
	if (rc == 0 || rc == EAGAIN || rc == EINPROGRESS) {
		buf_addf(err, "unix:%s: another process answers there",
		    ep->path);
		return -1;
	}
	errno = rc;
	if (rc != ECONNREFUSED)
		return fail_errno(err, ep, "probe of the old socket");
	return unlink(ep->path) == 0 ? 0 : fail_errno(err, ep, "unlink");
}

/* Bind a unix socket, which has its mode from the first moment on. To change
 * it later by name would follow a link that the owner of the folder puts in
 * its place while we are root. Nobody can connect before listen(). */
static int bind_unix(int fd, const struct endpoint *ep, mode_t mode,
    gid_t group, struct buf *err)
{
	union address a;
	socklen_t len = to_sockaddr(ep, &a);
	mode_t old;
	int rc;

	if (clear_stale(ep, err) != 0)
		return -1;
	old = umask(~mode & 0777);
	rc = bind(fd, &a.sa, len);
	umask(old);
	if (rc != 0)
		return fail_errno(err, ep, "bind");
	if (group != (gid_t)-1 && lchown(ep->path, (uid_t)-1, group) != 0)
		rc = fail_errno(err, ep, "chown");
	else if (listen(fd, BACKLOG) != 0)
		rc = fail_errno(err, ep, "listen");
	if (rc != 0)
		unlink(ep->path);
	return rc;
}

static int bind_inet(int fd, const struct endpoint *ep, struct buf *err)
{
	union address a;
	socklen_t len = to_sockaddr(ep, &a);
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return fail_errno(err, ep, "setsockopt");
	if (bind(fd, &a.sa, len) != 0)
		return fail_errno(err, ep, "bind");
	if (listen(fd, BACKLOG) != 0)
		return fail_errno(err, ep, "listen");
	return 0;
}

int endpoint_listen(const struct endpoint *ep, mode_t mode, gid_t group,
    struct buf *err)
{
	union address a;
	int fd, rc;

	to_sockaddr(ep, &a);
	fd = socket(a.sa.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail_errno(err, ep, "socket");
	if (ep->kind == ENDPOINT_UNIX)
		rc = bind_unix(fd, ep, mode, group, err);
	else
		rc = bind_inet(fd, ep, err);
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

/* Bound what connect() waits; 0 takes the bound away again. */
static int set_timeout(int fd, int ms)
{
	struct timeval tv = {
		.tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000,
	};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int endpoint_connect(const struct endpoint *ep, int timeout_ms,
    struct buf *err)
{
	union address a;
	socklen_t len = to_sockaddr(ep, &a);
	int fd;

	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(err, ep, "socket");
	/* The kernel applies the send timeout to connect(), for unix sockets
	 * with a full backlog as well, where poll() would not help. */
	if (set_timeout(fd, timeout_ms > 0 ? timeout_ms : 1) == 0 &&
	    connect(fd, &a.sa, len) == 0 && set_timeout(fd, 0) == 0)
		return fd;
	if (errno == EINPROGRESS || errno == EAGAIN)
		errno = ETIMEDOUT;
	fail_errno(err, ep, "connect");
	close(fd);
	return -1;
}
