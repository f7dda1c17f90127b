/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire - a channel (util/chan) that lives on a loop.
 *
 * Used between the monitor and its children. Callbacks run in the loop's
 * thread; on_message may free the wire.
 */
#ifndef TM_MILTER_WIRE_H
#define TM_MILTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct wire;

struct wire_handler {
	/* A whole message; passfd (or -1) is now the callee's. */
	void (*on_message)(void *arg, unsigned type, const void *data,
	    size_t len, int passfd);
	/* The other end is gone, or broke the framing: free the wire. */
	void (*on_dead)(void *arg);
	void *arg;
};

/* Take over fd, which is closed if this fails (NULL). */
struct wire *wire_new(struct loop *loop, int fd,
    const struct wire_handler *handler);
void wire_free(struct wire *w);

/* Send now or when the socket has room; passfd (or -1) stays the
 * caller's. False when the other end does not read any more. */
bool wire_send(struct wire *w, unsigned type, const void *data, size_t len,
    int passfd);

#endif
