/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * door-client - a scripted client of a door with a unix socket, on the same
 * event loop as the door; and the listening socket for it.
 */
#ifndef TM_TESTS_DOOR_CLIENT_H
#define TM_TESTS_DOOR_CLIENT_H

#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/endpoint.h"
#include "util/loop.h"

struct client {
	struct loop *loop;
	int fd;
	struct loop_io *io;
	char heard[4096];
	size_t len;
	bool closed;
};

/* The loop ends each time something is heard. */
static inline void client_hear(void *arg, int fd, unsigned events)
{
	struct client *c = arg;
	ssize_t n = recv(fd, c->heard + c->len,
	    sizeof(c->heard) - 1 - c->len, MSG_DONTWAIT);

	(void)events;
	c->closed = n <= 0;
	if (n > 0)
		c->len += (size_t)n;
	c->heard[c->len] = '\0';
	loop_stop(c->loop);
}

static inline void client_open(struct client *c, struct loop *loop,
    const struct endpoint *ep)
{
	struct buf err;

	*c = (struct client){ .loop = loop };
	buf_init(&err, 500);
	c->fd = endpoint_connect(ep, 10000, &err);
	CU_ASSERT_FATAL(c->fd >= 0);
	c->io = loop_io_new(loop, c->fd, LOOP_READ, client_hear, c);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->io);
	buf_clear(&err);
}

static inline void client_close(struct client *c)
{
	loop_io_free(c->io);
	close(c->fd);
}

static inline void client_say(const struct client *c, const char *text)
{
	CU_ASSERT(send(c->fd, text, strlen(text), MSG_NOSIGNAL) ==
	    (ssize_t)strlen(text));
}

/* True when the door has closed the connection, and there is nothing left
 * to read. */
static inline bool client_is_hung_up(const struct client *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Make the folder and listen in it. */
static inline int door_listen(struct tmpdir *dir, struct endpoint *ep_r)
{
	struct buf err;
	int fd;

	tmpdir_make(dir);
	ep_r->kind = ENDPOINT_UNIX;
	snprintf(ep_r->path, sizeof(ep_r->path), "%s/s", dir->dir);
	buf_init(&err, 500);
	fd = endpoint_listen(ep_r, 0600, (gid_t)-1, &err);
	CU_ASSERT_FATAL(fd >= 0);
	buf_clear(&err);
	return fd;
}

#endif
