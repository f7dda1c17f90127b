/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers - the connections of a door that answers requests, in the thread of
 * the frontend's loop: policy service and socketmap.
 *
 * Mail servers keep a connection for each of their processes and leave it
 * idle most of the time, so there may be thousands: an idle one keeps no
 * buffer, no timer and no thread. Nothing is sent unasked. A peer that does
 * not take its answers is not read from, so that nobody else pays for it;
 * one that is slow, idle for too long, or one too many, is closed.
 */
#ifndef TM_MILTER_PEERS_H
#define TM_MILTER_PEERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/notice.h"
#include "util/buf.h"

struct loop;
struct loop_io;
struct loop_timer;
struct peers;

/* The beginning of a door's own struct for a connection. Only `held` is for
 * the door, to write. */
struct peer {
	struct peers *peers;
	struct peer *prev, *next;	/* longest without a request first */
	int fd;
	bool eof;		/* the peer sends no more */
	bool held;		/* nothing is read from it now */
	struct loop_io *io;
	int64_t deadline;	/* monotonic ms */
	struct buf out;		/* what the peer has not taken yet */
	size_t sent;		/* bytes of it that it has */
};

/* What kind of door it is; all functions run in the loop's thread. */
struct peers_door {
	const char *name;	/* subsystem of log lines */
	size_t peer_size;
	size_t out_max;		/* bytes of answers that may wait */
	int64_t idle_ms;	/* longest time between two requests */
	int64_t busy_ms;	/* … and for one, or for taking an answer */
	/* Set up what is not right as zeros; may be NULL. */
	void (*init)(struct peer *peer);
	/*
	 * Bytes have come. Answers are appended to `answers` and sent when
	 * this returns, also when it returns false, which closes the
	 * connection. The door may leave work for later, and hold the peer.
	 */
	bool (*take)(struct peer *peer, const char *data, size_t len,
	    struct buf *answers);
	/* All that was sent is taken: go on with what was left, as take(). It
	 * is called until it appends nothing. May be NULL. */
	bool (*more)(struct peer *peer, struct buf *answers);
	/* A request has begun, and has not ended. */
	bool (*is_busy)(const struct peer *peer);
	/* It sends no more. True: it still waits for an answer. */
	bool (*ended)(struct peer *peer);
	/* Its time is over; for the log. May be NULL. */
	void (*expired)(struct peer *peer);
	/* Every few seconds; may be NULL. now is monotonic ms. */
	void (*look)(struct peer *peer, int64_t now);
	/* Free what the door added; the peer itself goes afterwards. */
	void (*clear)(struct peer *peer);
};

/* arg is for the door. NULL: out of memory or descriptors. */
struct peers *peers_new(struct loop *loop, const struct peers_door *door,
    void *arg);
void *peers_arg(const struct peers *p);

/* Serve this listening socket; address is what status calls it, and must
 * last. The descriptor belongs to the peers from now on. */
bool peers_listen(struct peers *p, int fd, const char *address);

/* Close every connection and listener. */
void peers_free(struct peers *p);

/* A request has begun, or has been answered. */
void peer_begins(struct peer *peer);
void peer_rests(struct peer *peer);

/* What more() waited for has come. The peer may be gone on return. */
void peer_go_on(struct peer *peer);

/* The time left until its deadline. */
int64_t peer_time_left(const struct peer *peer, int64_t now);

/* Close what has waited too long; done every few seconds by itself. */
void peers_sweep(struct peers *p, int64_t now);

/* A new object for `status`: sockets, connections, connections_max,
 * dropped; NULL when out of memory. */
json_t *peers_status(const struct peers *p);

#endif
