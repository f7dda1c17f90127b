/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/protocol.h"

#include <stdio.h>
#include <string.h>

#include "mtasts/mtasts.h"
#include "util/netaddr.h"
#include "util/str.h"

static const struct check_protocol_info protocols[CHECK_PROTOCOLS] = {
	[CHECK_SMTP] = { "smtp", 25, false, true },
	[CHECK_SUBMISSION] = { "submission", 587, false, false },
	[CHECK_SMTPS] = { "smtps", 465, true, false },
	[CHECK_IMAP] = { "imap", 143, false, false },
	[CHECK_IMAPS] = { "imaps", 993, true, false },
	[CHECK_POP3] = { "pop3", 110, false, false },
	[CHECK_POP3S] = { "pop3s", 995, true, false },
	[CHECK_HTTPS] = { "https", 443, true, false },
};

const struct check_protocol_info *check_protocol_info(enum check_protocol p)
{
	return &protocols[p];
}

/* A host name or an address, as text that a name of ours has. */
static bool take_name(const char *host, struct check_target *t_r)
{
	struct netaddr addr;

	_Static_assert(sizeof(t_r->name) >= MTASTS_DOMAIN_SIZE,
	    "room for a domain");
	if (netaddr_parse(host, &addr)) {
		netaddr_format(&addr, t_r->name);
		return true;
	}
	return mtasts_domain_normalize(host, t_r->name) == MTASTS_OK;
}

bool check_target_domain(const char *operand, struct check_target *t_r,
    char *err, size_t errsize)
{
	struct check_target t = { .is_domain = true,
		.protocol = CHECK_SMTP,
		.port = protocols[CHECK_SMTP].port };

	if (mtasts_domain_normalize(operand, t.name) != MTASTS_OK) {
		snprintf(err, errsize, "\"%s\" is not a domain name", operand);
		return false;
	}
	snprintf(t.text, sizeof(t.text), "%s", t.name);
	*t_r = t;
	return true;
}

/* Where the port begins in "HOST:PORT" or "[ADDRESS]:PORT"; NULL: no port.
 * An address of version 6 without brackets has none. */
static const char *find_port(const char *operand)
{
	const char *colon = strrchr(operand, ':');

	if (!colon)
		return NULL;
	if (*operand == '[')
		return colon > operand && colon[-1] == ']' ? colon : NULL;
	return strchr(operand, ':') == colon ? colon : NULL;
}

bool check_target_host(enum check_protocol p, const char *operand,
    struct check_target *t_r, char *err, size_t errsize)
{
	struct check_target t = { .protocol = p, .port = protocols[p].port };
	const char *colon = find_port(operand);
	size_t len = colon ? (size_t)(colon - operand) : strlen(operand);
	char host[sizeof(t.name)];
	uint64_t port;

	if (colon) {
		if (!str_to_u64(colon + 1, 65535, &port) || port == 0) {
			snprintf(err, errsize, "\"%s\": no port number",
			    operand);
			return false;
		}
		t.port = (unsigned)port;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, operand);
	if (len >= sizeof(host) || !take_name(host, &t)) {
		snprintf(err, errsize,
		    "\"%s\" is neither a host name nor an address", operand);
		return false;
	}
	snprintf(t.text, sizeof(t.text),
	    strchr(t.name, ':') ? "%s [%s]:%u" : "%s %s:%u",
	    protocols[p].name, t.name, t.port);
	*t_r = t;
	return true;
}
