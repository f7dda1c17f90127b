/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * door - the milter door: libmilter's callbacks (design §6).
 *
 * The only file that includes libmilter is door.c. Sessions are judged by
 * session.c, which knows nothing of libmilter.
 */
#ifndef TM_MILTER_DOOR_H
#define TM_MILTER_DOOR_H

#include <stdbool.h>

struct buf;
struct endpoint;
struct services;

/*
 * Register the callbacks and listen on fd, an inherited listening socket
 * ("fd:N", a Debian extension); where libmilter refuses that, or fd is -1,
 * it binds the endpoint itself. services stays the caller's. False with a
 * sentence in err.
 */
bool door_open(struct services *services, const struct endpoint *ep, int fd,
    struct buf *err);

/* Serve; runs libmilter's loop in the calling thread and returns only when
 * it gave up. Its signals (HUP, TERM, INT) must be blocked before. */
bool door_serve(void);

#endif
