/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "util/str.h"

/* The first 12 bytes of ::ffff:0:0/96 and of 64:ff9b::/96 (RFC 6052). */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

/* Store the IPv4 address found at four bytes. */
static void set_ipv4(struct netaddr *addr, const uint8_t *bytes)
{
	*addr = (struct netaddr){ .family = AF_INET };
	memcpy(addr->bytes, bytes, 4);
}

/* Store an IPv6 address, a mapped one as the IPv4 address it stands for. */
static void set_ipv6(struct netaddr *addr, const uint8_t *bytes)
{
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		set_ipv4(addr, bytes + 12);
		return;
	}
	addr->family = AF_INET6;
	memcpy(addr->bytes, bytes, 16);
}

/* Take brackets and the tag of a literal (RFC 5321 §4.1.3) away: the text
 * that is left goes to out. False if it cannot be an address. */
static bool strip_literal(const char *s, char *out, size_t size)
{
	size_t len = strlen(s);

	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len > 5 && str_ieq_n(s, "IPv6:", 5)) {
		s += 5;
		len -= 5;
		if (!memchr(s, ':', len))
			return false;
	}
	if (len >= size)
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	return true;
}

bool netaddr_parse(const char *s, struct netaddr *addr_r)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (!strip_literal(s, text, sizeof(text)))
		return false;
	if (inet_pton(AF_INET, text, bytes) == 1)
		set_ipv4(addr_r, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		set_ipv6(addr_r, bytes);
	else
		return false;
	return true;
}

bool netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *addr_r,
    uint16_t *port_r)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (!sa)
		return false;
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		set_ipv4(addr_r, (const uint8_t *)&in.sin_addr);
		*port_r = ntohs(in.sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		set_ipv6(addr_r, in6.sin6_addr.s6_addr);
		*port_r = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}

const char *netaddr_format(const struct netaddr *addr, char *out)
{
	if (addr->family == AF_UNSPEC ||
	    !inet_ntop(addr->family, addr->bytes, out, NETADDR_TEXT))
		memcpy(out, "-", 2);
	return out;
}

static size_t address_size(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
	return a->family == b->family &&
	    memcmp(a->bytes, b->bytes, address_size(a->family)) == 0;
}

/* Make the bits behind the prefix zero; true when all of them were. */
static bool clear_host_bits(struct netaddr *addr, unsigned prefix)
{
	bool clear = true;

	for (unsigned i = 0; i < address_size(addr->family); i++) {
		unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;
		uint8_t mask = (uint8_t)(kept >= 8 ? 0 : 0xff >> kept);

		if (addr->bytes[i] & mask)
			clear = false;
		addr->bytes[i] = (uint8_t)(addr->bytes[i] & ~mask);
	}
	return clear;
}

const char *netaddr_network(const struct netaddr *addr, char *out)
{
	unsigned prefix = addr->family == AF_INET ? 24 : 48;
	struct netaddr network = *addr;
	size_t len;

	clear_host_bits(&network, prefix);
	netaddr_format(&network, out);
	len = strlen(out);
	if (addr->family != AF_UNSPEC)
		snprintf(out + len, NETADDR_TEXT - len, "/%u", prefix);
	return out;
}

/* IANA's special-purpose ranges that are not globally reachable. */
static const struct cidr special[] = {
	{ { AF_INET, { 0 } }, 8 },
	{ { AF_INET, { 10 } }, 8 },
	{ { AF_INET, { 100, 64 } }, 10 },
	{ { AF_INET, { 127 } }, 8 },
	{ { AF_INET, { 169, 254 } }, 16 },
	{ { AF_INET, { 172, 16 } }, 12 },
	{ { AF_INET, { 192, 0, 0 } }, 24 },
	{ { AF_INET, { 192, 0, 2 } }, 24 },
	{ { AF_INET, { 192, 88, 99 } }, 24 },
	{ { AF_INET, { 192, 168 } }, 16 },
	{ { AF_INET, { 198, 18 } }, 15 },
	{ { AF_INET, { 198, 51, 100 } }, 24 },
	{ { AF_INET, { 203, 0, 113 } }, 24 },
	{ { AF_INET, { 224 } }, 3 },
	/* protocol assignments, with Teredo and benchmarking */
	{ { AF_INET6, { 0x20, 0x01 } }, 23 },
	{ { AF_INET6, { 0x20, 0x01, 0x0d, 0xb8 } }, 32 },
	{ { AF_INET6, { 0x3f, 0xff } }, 20 },
};

/* All of IPv6 that is assigned as global unicast. */
static const struct cidr global_ipv6 = { { AF_INET6, { 0x20 } }, 3 };
static const struct cidr sixtofour = { { AF_INET6, { 0x20, 0x02 } }, 16 };

/* Find the IPv4 address that packets to this IPv6 address end at. */
static bool embedded_ipv4(const struct netaddr *addr, struct netaddr *v4_r)
{
	if (addr->family != AF_INET6)
		return false;
	if (memcmp(addr->bytes, nat64, sizeof(nat64)) == 0 ||
	    memcmp(addr->bytes, mapped, sizeof(mapped)) == 0)
		set_ipv4(v4_r, addr->bytes + 12);
	else if (cidr_match(&sixtofour, addr))
		set_ipv4(v4_r, addr->bytes + 2);
	else
		return false;
	return true;
}

bool netaddr_is_private(const struct netaddr *addr)
{
	struct netaddr v4;

	if (embedded_ipv4(addr, &v4))
		addr = &v4;
	else if (addr->family != AF_INET && !cidr_match(&global_ipv6, addr))
		return true;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (cidr_match(&special[i], addr))
			return true;
	return false;
}

/* Read the number behind the slash, or take the whole address. */
static bool parse_prefix(const char *s, unsigned bits, unsigned *prefix_r)
{
	uint64_t prefix = bits;

	if (s && !str_to_u64(s, bits, &prefix))
		return false;
	*prefix_r = (unsigned)prefix;
	return true;
}

bool cidr_parse(const char *s, struct cidr *cidr_r, const char **err_r)
{
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);
	char text[NETADDR_TEXT];
	struct cidr cidr;
	bool colons;

	*err_r = "not an IP address or network";
	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (!netaddr_parse(text, &cidr.addr))
		return false;
	*err_r = "prefix length out of range";
	colons = strchr(text, ':') != NULL;
	if (!parse_prefix(slash ? slash + 1 : NULL, colons ? 128 : 32,
		&cidr.prefix))
		return false;
	if (colons && cidr.addr.family == AF_INET) {
		/* ::ffff:192.0.2.0/120 is 192.0.2.0/24 */
		if (cidr.prefix < 96)
			return false;
		cidr.prefix -= 96;
	}
	*err_r = "host bits are set behind the prefix";
	if (!clear_host_bits(&cidr.addr, cidr.prefix))
		return false;
	*err_r = NULL;
	*cidr_r = cidr;
	return true;
}

bool cidr_match(const struct cidr *cidr, const struct netaddr *addr)
{
	unsigned whole = cidr->prefix / 8, rest = cidr->prefix % 8;
	uint8_t mask = (uint8_t)~(0xff >> rest);

	if (cidr->addr.family != addr->family || addr->family == AF_UNSPEC)
		return false;
	if (memcmp(cidr->addr.bytes, addr->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	    ((cidr->addr.bytes[whole] ^ addr->bytes[whole]) & mask) == 0;
}
