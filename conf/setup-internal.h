/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup-internal - what the set-up texts of one mail server share.
 */
#ifndef TM_CONF_SETUP_INTERNAL_H
#define TM_CONF_SETUP_INTERNAL_H

#include "conf/setup.h"

/* Where Debian's chrooted Postfix sees the root folder. */
#define QUEUE_DIRECTORY "/var/spool/postfix/"

/* True when the address can stand in a line of Sendmail's .mc file: m4 ends a
 * string at a quote, Sendmail ends an equate at a comma and drops blanks. */
bool setup_sendmail_can_say(const struct endpoint *ep);

/* Append a socket as Postfix writes it; relative inside of the queue
 * directory, which is right with chroot and without (PF-MI-09). */
void setup_add_socket(const struct endpoint *ep, struct buf *out);

/* Append remarks on who can open this socket, or on a better one if it is
 * not a unix socket: `name = "unix:.../file"`. */
void setup_add_socket_advice(const struct conf *c,
    const struct endpoint *ep, const char *name, const char *file,
    struct buf *out);

/* Append part 2 of Postfix's main.cf: STARTTLS. */
void setup_add_tls(const struct conf *c, struct buf *out);

/* The names of services, as opposed to ports, that rules and listener
 * sections use. */
void setup_service_names(const struct conf *c, struct strv *names);

#endif
