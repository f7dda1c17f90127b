/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/bench/where.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/str.h"

#define BACKLOG 1024

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
};

static void die(const char *where)
{
	perror(where);
	exit(1);
}

static socklen_t read_where(const char *where, union address *a_r)
{
	uint64_t port;

	*a_r = (union address){ .sa.sa_family = AF_UNSPEC };
	if (str_to_u64(where, 65535, &port)) {
		a_r->in.sin_family = AF_INET;
		a_r->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a_r->in.sin_port = htons((uint16_t)port);
		return sizeof(a_r->in);
	}
	a_r->un.sun_family = AF_UNIX;
	snprintf(a_r->un.sun_path, sizeof(a_r->un.sun_path), "%s", where);
	return sizeof(a_r->un);
}

/* Fails on a unix socket, which knows no delay. */
static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int where_dial(const char *where)
{
	union address a;
	socklen_t len = read_where(where, &a);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, &a.sa, len) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die(where);
	no_delay(fd);
	return fd;
}

int where_listen(const char *where)
{
	union address a;
	socklen_t len = read_where(where, &a);
	int fd = socket(a.sa.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (a.sa.sa_family == AF_UNIX)
		unlink(where);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, &a.sa, len) < 0 || listen(fd, BACKLOG) < 0)
		die(where);
	return fd;
}

int where_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		no_delay(fd);
	return fd;
}
