/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netstring-echo - the baseline of the socketmap benchmark: a server that
 * looks nothing up. It finds the end of every request and sends the same
 * reply to each, with one read and one write a turn and nothing between
 * them: what a server with one thread can do at best.
 *
 *	netstring-echo SOCKET REPLY
 *
 * SOCKET is /path or PORT (on 127.0.0.1), REPLY a text such as
 * "OK secure match=mx.example.com servername=hostname". It runs until it is
 * killed.
 */
#include "config.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/where.h"
#include "util/buf.h"
#include "util/netstring.h"
#include "util/str.h"

#define EVENTS 256
#define OUT_SIZE 65536

struct conn {
	int fd;
	size_t len;
	char in[8192];
};

struct echo {
	int epfd, listener;
	struct buf reply;	/* framed */
	char out[OUT_SIZE];	/* many of them */
};

/* Bytes of the first request in data, its frame included; 0: not all of it
 * is there; -1: this is no netstring. */
static ssize_t request_size(const char *data, size_t len)
{
	size_t n = 0, i = 0;

	while (i < len && str_is_digit(data[i]))
		n = n * 10 + (size_t)(data[i++] - '0');
	if (i == len)
		return 0;
	if (i == 0 || i > NETSTRING_DIGITS_MAX || data[i] != ':' ||
	    n > sizeof(((struct conn *)0)->in) - NETSTRING_DIGITS_MAX)
		return -1;
	if (i + n + 1 >= len)
		return 0;
	return data[i + n + 1] == ',' ? (ssize_t)(i + n + 2) : -1;
}

/* Answer what has come. A reader as slow as that its socket is full is not
 * what this is for: a short write ends the connection. */
static bool answer(struct echo *e, struct conn *c)
{
	size_t done = 0, out = 0;
	ssize_t n;

	while ((n = request_size(c->in + done, c->len - done)) > 0 &&
	    out + e->reply.len <= OUT_SIZE) {
		memcpy(e->out + out, e->reply.data, e->reply.len);
		out += e->reply.len;
		done += (size_t)n;
	}
	if (n < 0)
		return false;
	c->len -= done;
	if (c->len)
		memmove(c->in, c->in + done, c->len);
	return !out || write(c->fd, e->out, out) == (ssize_t)out;
}

static bool on_readable(struct echo *e, struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->len, sizeof(c->in) - c->len);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->len += (size_t)n;
	return answer(e, c);
}

static void watch(struct echo *e, int fd, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(e->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		perror("netstring-echo: epoll_ctl");
		exit(1);
	}
}

static void accept_all(struct echo *e)
{
	int fd;

	while ((fd = where_accept(e->listener)) >= 0) {
		struct conn *c = malloc(sizeof(*c));

		if (!c)
			exit(1);
		c->fd = fd;
		c->len = 0;
		watch(e, fd, c);
	}
}

int main(int argc, char **argv)
{
	static struct echo e;
	struct epoll_event ev[EVENTS];

	if (argc != 3) {
		fprintf(stderr, "usage: netstring-echo SOCKET REPLY\n");
		return 64;
	}
	buf_init(&e.reply, OUT_SIZE);
	netstring_add(&e.reply, argv[2], strlen(argv[2]));
	e.epfd = epoll_create1(EPOLL_CLOEXEC);
	e.listener = where_listen(argv[1]);
	watch(&e, e.listener, NULL);
	for (;;) {
		int n = epoll_wait(e.epfd, ev, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (!c) {
				accept_all(&e);
			} else if (!on_readable(&e, c)) {
				close(c->fd);
				free(c);
			}
		}
	}
}
