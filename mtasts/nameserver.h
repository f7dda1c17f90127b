/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nameserver - which DNS servers there are: the words of an option, and
 * resolv.conf as the C library reads it.
 */
#ifndef TM_MTASTS_NAMESERVER_H
#define TM_MTASTS_NAMESERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/netaddr.h"

struct buf;

#define RESOLV_CONF "/etc/resolv.conf"
/* The C library asks no more servers than these (resolv.conf(5)). */
#define RESOLV_CONF_SERVERS 3

/* Parse "ADDRESS" or "ADDRESS@PORT"; the port is 53 if there is none. */
bool nameserver_parse(const char *s, struct netaddr *addr_r,
    uint16_t *port_r);

/* True for a server, written as above, that no packet leaves the host for. */
bool nameserver_is_local(const char *s);

/* Caller's storage, not to be copied: servers points into it. */
struct resolv_conf {
	const char *servers[RESOLV_CONF_SERVERS + 1];	/* NULL-terminated */
	char text[RESOLV_CONF_SERVERS][NETADDR_TEXT];
};

/* Take the servers out of the text of a resolv.conf, as they are written: a
 * scope ("fe80::1%eth0") is kept, though nameserver_parse() refuses it. None
 * means the server of this host, 127.0.0.1. */
void resolv_conf_parse(const char *text, struct resolv_conf *rc_r);

/* The same for a file (NULL: /etc/resolv.conf). Without the file it is the
 * server of this host. False with a sentence in err. */
bool resolv_conf_read(const char *path, struct resolv_conf *rc_r,
    struct buf *err);

#endif
