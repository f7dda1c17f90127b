/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socketmapd - the socketmap server, in the thread of the frontend's loop:
 * which TLS level does this destination promise (design §8, PF-SM)?
 *
 * What is known is answered at once. A next hop nobody has asked about waits
 * for its first lookup, up to a deadline, then the answer is TEMP; the
 * lookup goes on. Requests may be pipelined; answers keep their order. What
 * breaks the protocol ends the connection without an answer.
 */
#ifndef TM_MILTER_SOCKETMAPD_H
#define TM_MILTER_SOCKETMAPD_H

#include <jansson.h>
#include <stdbool.h>

struct loop;
struct services;
struct socketmapd;

/* The loop's wake function is the socketmap server's from now on. NULL: out
 * of memory or descriptors. */
struct socketmapd *socketmapd_new(struct loop *loop,
    struct services *services);

/* Serve this listening socket; address is what status calls it, and must
 * last. The descriptor is the server's from now on. */
bool socketmapd_listen(struct socketmapd *d, int fd, const char *address);

/* Close every connection and listener; the store thread has ended. */
void socketmapd_free(struct socketmapd *d);

/* A new object for `status`; NULL when out of memory. */
json_t *socketmapd_status(const struct socketmapd *d);

#endif
