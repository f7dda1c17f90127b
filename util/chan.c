/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/buf.h"

/*
 * Every packet begins with this header in host order: both ends are the
 * same program on the same machine. A message's first packet has flags 0,
 * the others FLAG_MORE; all carry the message's type and whole length.
 */
struct header {
	uint16_t type;
	uint16_t flags;
	uint32_t total;
};

#define FLAG_MORE 1
#define PAYLOAD (CHAN_PACKET - sizeof(struct header))

/* A packet the socket did not take yet. */
struct packet {
	struct packet *next;
	size_t len;
	int fd;
	unsigned char data[];
};

struct chan {
	int fd;
	bool recv_dead;
	bool send_dead;
	size_t queued;
	size_t queue_max;
	struct packet *head;
	struct packet **tail;
	/* The message being put together. */
	struct buf in;
	bool in_progress;
	struct header first;
	int in_fd;
};

int chan_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

struct chan *chan_new(int fd, size_t queue_max)
{
	struct chan *c = calloc(1, sizeof(*c));
	int flags;

	if (!c)
		return NULL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(c);
		return NULL;
	}
	c->fd = fd;
	c->queue_max = queue_max;
	c->tail = &c->head;
	c->in_fd = -1;
	buf_init(&c->in, CHAN_MESSAGE_MAX);
	return c;
}

static void packet_free(struct packet *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static void packets_free(struct packet *list)
{
	while (list) {
		struct packet *next = list->next;

		packet_free(list);
		list = next;
	}
}

static void drop_queue(struct chan *c)
{
	packets_free(c->head);
	c->head = NULL;
	c->tail = &c->head;
	c->queued = 0;
}

static void drop_in_fd(struct chan *c)
{
	if (c->in_fd >= 0)
		close(c->in_fd);
	c->in_fd = -1;
}

void chan_free(struct chan *c)
{
	if (!c)
		return;
	drop_queue(c);
	drop_in_fd(c);
	buf_clear(&c->in);
	close(c->fd);
	free(c);
}

int chan_fd(const struct chan *c)
{
	return c->fd;
}

bool chan_wants_write(const struct chan *c)
{
	return c->head && !c->send_dead;
}

/* ---- sending ----------------------------------------------------------- */

/* Put the descriptor into the message's control part. */
static void attach_fd(struct msghdr *m, void *control, size_t size, int fd)
{
	struct cmsghdr *h;

	m->msg_control = control;
	m->msg_controllen = size;
	h = CMSG_FIRSTHDR(m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
}

/* Send one packet: 1 sent, 0 the socket is full, -1 dead. */
static int send_packet(struct chan *c, const struct packet *p)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = { (void *)p->data, p->len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (p->fd >= 0)
		attach_fd(&m, control.room, sizeof(control.room), p->fd);
	for (;;) {
		if (sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 1;
		if (errno == EAGAIN || errno == ENOBUFS)
			return 0;
		if (errno != EINTR)
			return -1;
	}
}

bool chan_flush(struct chan *c)
{
	while (c->head && !c->send_dead) {
		struct packet *p = c->head;
		int n = send_packet(c, p);

		if (n < 0) {
			c->send_dead = true;
			drop_queue(c);
		}
		if (n <= 0)
			break;
		c->head = p->next;
		if (!c->head)
			c->tail = &c->head;
		c->queued -= p->len;
		packet_free(p);
	}
	return !c->send_dead;
}

static struct packet *packet_new(const struct header *h, const void *data,
    size_t len)
{
	struct packet *p = malloc(sizeof(*p) + sizeof(*h) + len);

	if (!p)
		return NULL;
	p->next = NULL;
	p->fd = -1;
	p->len = sizeof(*h) + len;
	memcpy(p->data, h, sizeof(*h));
	if (len)
		memcpy(p->data + sizeof(*h), data, len);
	return p;
}

/* Cut a message into packets; NULL when out of memory. */
static struct packet *make_packets(unsigned type, const unsigned char *data,
    size_t len, struct packet ***end_r, size_t *bytes_r)
{
	struct header h = { .type = (uint16_t)type, .total = (uint32_t)len };
	struct packet *list = NULL, **end = &list;
	size_t bytes = 0;

	do {
		size_t n = len < PAYLOAD ? len : PAYLOAD;

		*end = packet_new(&h, data, n);
		if (!*end)
			goto fail;
		bytes += (*end)->len;
		end = &(*end)->next;
		h.flags = FLAG_MORE;
		data += n;
		len -= n;
	} while (len > 0);
	*end_r = end;
	*bytes_r = bytes;
	return list;
fail:
	packets_free(list);
	return NULL;
}

/* Bytes on the wire of a message of len bytes. */
static size_t wire_size(size_t len)
{
	size_t packets = len ? (len + PAYLOAD - 1) / PAYLOAD : 1;

	return len + packets * sizeof(struct header);
}

bool chan_send(struct chan *c, unsigned type, const void *data, size_t len,
    int passfd)
{
	struct packet *list, **end;
	size_t bytes;

	if (c->send_dead || type > UINT16_MAX || len > CHAN_MESSAGE_MAX)
		return false;
	if (wire_size(len) > c->queue_max - c->queued)
		return false;
	/* An empty message still needs a pointer to count from. */
	list = make_packets(type, data ? data : "", len, &end, &bytes);
	if (!list)
		return false;
	if (passfd >= 0) {
		list->fd = fcntl(passfd, F_DUPFD_CLOEXEC, 3);
		if (list->fd < 0) {
			packets_free(list);
			return false;
		}
	}
	*c->tail = list;
	c->tail = end;
	c->queued += bytes;
	return chan_flush(c);
}

/* ---- receiving --------------------------------------------------------- */

/* Give up on the peer: it sees the end of the connection too. */
static int misbehaved(struct chan *c)
{
	c->recv_dead = c->send_dead = true;
	drop_queue(c);
	drop_in_fd(c);
	shutdown(c->fd, SHUT_RDWR);
	return -1;
}

/* Take the descriptors out of a packet; *fd_r is the only one, or -1.
 * Return false if there was more than one. */
static bool take_fds(struct msghdr *m, int *fd_r)
{
	bool good = true;

	*fd_r = -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			if (*fd_r < 0) {
				*fd_r = fd;
			} else {
				close(fd);
				good = false;
			}
		}
	}
	return good;
}

/* Receive one packet: its length, 0 nothing now, -1 gone or misbehaved.
 * A descriptor that came with it is in *fd_r, whatever is returned. */
static ssize_t recv_packet(struct chan *c, unsigned char *packet, int *fd_r)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec iov = { packet, CHAN_PACKET };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n;

	*fd_r = -1;
	do {
		n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (!take_fds(&m, fd_r) || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return -1;
	return n < (ssize_t)sizeof(struct header) ? -1 : n;
}

/* Check a packet against the message it should belong to. */
static bool packet_fits(const struct chan *c, const struct header *h,
    size_t payload, int fd)
{
	if (!c->in_progress)
		return h->flags == 0 && h->total <= CHAN_MESSAGE_MAX &&
		    payload <= h->total && (payload || !h->total);
	return h->flags == FLAG_MORE && fd < 0 && payload > 0 &&
	    h->type == c->first.type && h->total == c->first.total &&
	    payload <= h->total - c->in.len;
}

/* Add a packet to the message; false when it breaks the framing. */
static bool add_packet(struct chan *c, const unsigned char *packet, size_t n,
    int fd)
{
	struct header h;

	memcpy(&h, packet, sizeof(h));
	if (!packet_fits(c, &h, n - sizeof(h), fd)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (!c->in_progress) {
		buf_reset(&c->in);
		c->first = h;
		c->in_fd = fd;
		c->in_progress = true;
	}
	buf_add(&c->in, packet + sizeof(h), n - sizeof(h));
	return !c->in.failed;
}

int chan_recv(struct chan *c, unsigned *type_r, const void **data_r,
    size_t *len_r, int *passfd_r)
{
	unsigned char packet[CHAN_PACKET];

	if (c->recv_dead)
		return -1;
	do {
		int fd;
		ssize_t n = recv_packet(c, packet, &fd);

		if (n <= 0 && fd >= 0)
			close(fd);
		if (n == 0)
			return 0;
		if (n < 0 || !add_packet(c, packet, (size_t)n, fd))
			return misbehaved(c);
	} while (c->in.len < c->first.total);
	c->in_progress = false;
	*type_r = c->first.type;
	*data_r = buf_str(&c->in);
	*len_r = c->in.len;
	*passfd_r = c->in_fd;
	c->in_fd = -1;
	return 1;
}
