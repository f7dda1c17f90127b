/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialect - what is said to servers of each protocol.
 */
#ifndef TM_CHECK_DIALECT_H
#define TM_CHECK_DIALECT_H

#include "check/protocol.h"
#include "check/reply.h"

struct dialect {
	enum reply_kind greeting;
	enum reply_kind hello_reply;
	enum reply_kind starttls_reply;
	const char *hello;	/* a command; "%s" is our name, if it is told */
	const char *helo;	/* if hello is refused; NULL: give up */
	const char *starttls;	/* the command … */
	const char *keyword;	/* … and what offers it */
	const char *injected;	/* harmless, and answered */
	const char *quit;
};

/* NULL for a protocol without a conversation. */
const struct dialect *dialect_of(enum check_protocol p);

#endif
