/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan - messages between two of our processes over a SOCK_SEQPACKET pair.
 *
 * A message has a type and up to CHAN_MESSAGE_MAX bytes; longer than one
 * packet (4 KiB) it travels in chunks. Both ends are non-blocking: what the
 * socket does not take is queued, up to a bound given at init. A peer that
 * breaks the framing is an error; the channel is then closed for good.
 * Not thread-safe.
 */
#ifndef TM_UTIL_CHAN_H
#define TM_UTIL_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_PACKET 4096
#define CHAN_MESSAGE_MAX (256 * 1024)

struct chan;

/* A connected pair of descriptors, close-on-exec; 0 or -1 with errno. */
int chan_pair(int fds[2]);

/* Take over fd. queue_max bounds the bytes waiting to be sent. */
struct chan *chan_new(int fd, size_t queue_max);
void chan_free(struct chan *c);	/* closes the descriptor */
int chan_fd(const struct chan *c);

/* Queue a message and send what the socket takes. passfd (or -1) goes with
 * it and stays the caller's. False: queue full, or the channel is dead. */
bool chan_send(struct chan *c, unsigned type, const void *data, size_t len,
    int passfd);

/* True while something waits for the socket to become writable. */
bool chan_wants_write(const struct chan *c);
bool chan_flush(struct chan *c);	/* false: dead */

/*
 * Receive the next whole message. 1: *type_r, *data_r, *len_r and *passfd_r
 * (a descriptor that is now the caller's, or -1) are set; data lives until
 * the next call. 0: nothing more now. -1: the peer is gone or misbehaved.
 */
int chan_recv(struct chan *c, unsigned *type_r, const void **data_r,
    size_t *len_r, int *passfd_r);

#endif
