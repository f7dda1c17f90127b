/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd - the Postfix policy service, in the thread of the frontend's
 * loop.
 *
 * Every smtpd(8) process keeps a connection of its own and leaves it idle
 * most of the time, so there may be thousands: one that waits for a request
 * keeps no buffer, no timer and no thread. Each request gets exactly one
 * answer, and nothing is ever sent unasked (PF-PD-05). What breaks the
 * protocol, and every trouble of ours, ends the connection without an
 * answer: Postfix tries once more and then does what
 * smtpd_policy_service_default_action says (PF-PD-08).
 */
#ifndef TM_MILTER_POLICYD_H
#define TM_MILTER_POLICYD_H

#include <jansson.h>
#include <stdbool.h>

struct loop;
struct policyd;
struct services;

/* NULL: out of memory or descriptors. */
struct policyd *policyd_new(struct loop *loop, struct services *services);

/* Serve this listening socket; address is what status calls it, and must
 * last. The descriptor is the policy service's from now on. */
bool policyd_listen(struct policyd *p, int fd, const char *address);

/* Close every connection and listener. */
void policyd_free(struct policyd *p);

/* A new object for `status`; NULL when out of memory. */
json_t *policyd_status(const struct policyd *p);

#endif
