/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netaddr - IP addresses and networks as values.
 *
 * IPv4-mapped IPv6 addresses (::ffff:192.0.2.1) are stored as IPv4, so that
 * a CIDR list written for IPv4 holds whatever family the MTA listens with.
 */
#ifndef TM_UTIL_NETADDR_H
#define TM_UTIL_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct buf;

/* family is AF_INET, AF_INET6, or AF_UNSPEC for "no address". */
struct netaddr {
	int family;
	uint8_t bytes[16];
};

/* A network: the address with its host bits zero, and the prefix length. */
struct cidr {
	struct netaddr addr;
	unsigned prefix;
};

/* Room for any text netaddr_format() and netaddr_network() write. */
#define NETADDR_TEXT 64

/* Parse "192.0.2.1", "2001:db8::1", "[2001:db8::1]" or "IPv6:2001:db8::1". */
bool netaddr_parse(const char *s, struct netaddr *addr_r);

/* Take the address out of a socket address; false for other families. */
bool netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *addr_r,
    uint16_t *port_r);

/* Write the text form into out (NETADDR_TEXT bytes); "-" for AF_UNSPEC. */
const char *netaddr_format(const struct netaddr *addr, char *out);

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);

/* The client's network, /24 or /48, as text ("192.0.2.0/24"). */
const char *netaddr_network(const struct netaddr *addr, char *out);

/*
 * Return true for addresses no public policy host can have: loopback,
 * private, link-local, unique-local, multicast, unspecified, documentation,
 * shared (100.64/10), benchmark, reserved, and IPv6 forms that embed an
 * IPv4 address of such a range (mapped, NAT64, 6to4).
 */
bool netaddr_is_private(const struct netaddr *addr);

/*
 * Parse "192.0.2.0/24", "2001:db8::/32" or a bare address. Host bits that
 * are set, a prefix out of range or anything else is an error: *err_r then
 * names it as a static text.
 */
bool cidr_parse(const char *s, struct cidr *cidr_r, const char **err_r);
bool cidr_match(const struct cidr *cidr, const struct netaddr *addr);

#endif
