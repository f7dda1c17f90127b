/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol - what a target of a check is, and how it is spoken to.
 */
#ifndef TM_CHECK_PROTOCOL_H
#define TM_CHECK_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "mtasts/dnswire.h"

enum check_protocol {
	CHECK_SMTP,		/* 25, STARTTLS */
	CHECK_SUBMISSION,	/* 587, STARTTLS */
	CHECK_SMTPS,		/* 465, TLS at once (RFC 8314) */
	CHECK_IMAP,		/* 143, STARTTLS */
	CHECK_IMAPS,		/* 993 */
	CHECK_POP3,		/* 110, STLS */
	CHECK_POP3S,		/* 995 */
	CHECK_HTTPS,		/* 443: handshake only, for policy hosts */
	CHECK_PROTOCOLS
};

struct check_protocol_info {
	const char *name;	/* as of options: "smtp", "submission", … */
	unsigned port;
	bool implicit;		/* TLS begins at once */
	bool is_relay;		/* mail between servers: SMTP on port 25 */
};
const struct check_protocol_info *check_protocol_info(
    enum check_protocol p);

/* A domain whose MX hosts are meant, or one service of one host. */
struct check_target {
	bool is_domain;
	enum check_protocol protocol;	/* CHECK_SMTP for domains */
	char name[DNS_NAME_SIZE];	/* normalised, or an address */
	unsigned port;
	char text[DNS_NAME_SIZE + 32];	/* "example.com",
					 * "imap mx.example.com:143" */
};

/* Read "example.com" (is_domain), or "HOST[:PORT]", "[ADDRESS]:PORT" for a
 * protocol. False with a sentence in err (errsize bytes). */
bool check_target_domain(const char *operand, struct check_target *t_r,
    char *err, size_t errsize);
bool check_target_host(enum check_protocol p, const char *operand,
    struct check_target *t_r, char *err, size_t errsize);

#endif
