/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint - a socket address as administrators write it.
 *
 * Reads libmilter's spelling (inet:8899@127.0.0.1, inet6:8899@[::1],
 * unix:/path, local:/path) and Postfix's (inet:127.0.0.1:8899,
 * unix:/path), and writes either. Swapping the two is the most common
 * set-up error of milters, so both are accepted everywhere.
 */
#ifndef TM_UTIL_ENDPOINT_H
#define TM_UTIL_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/netaddr.h"

struct buf;

enum endpoint_kind { ENDPOINT_INET, ENDPOINT_UNIX };

struct endpoint {
	enum endpoint_kind kind;
	struct netaddr addr;	/* ENDPOINT_INET; numeric hosts and
				 * "localhost" only */
	uint16_t port;
	char path[104];		/* ENDPOINT_UNIX */
};

enum endpoint_style { ENDPOINT_LIBMILTER, ENDPOINT_POSTFIX };

/*
 * Parse one address; err receives a sentence when it is wrong. A host is
 * required: an empty one would listen on every interface.
 */
bool endpoint_parse(const char *s, struct endpoint *ep_r, struct buf *err);

/* Append "inet:8899@127.0.0.1" or "inet:127.0.0.1:8899". */
void endpoint_format(const struct endpoint *ep, enum endpoint_style style,
    struct buf *out);

/*
 * Bind and listen, close-on-exec and non-blocking. A unix socket gets mode
 * and, unless it is (gid_t)-1, group. A stale unix socket (nobody answers)
 * is replaced; one that answers, and anything that is no socket, is an
 * error. Return the descriptor, or -1 with a sentence in err. Changes the
 * umask for a moment: only for programs with one thread.
 */
int endpoint_listen(const struct endpoint *ep, mode_t mode, gid_t group,
    struct buf *err);

/* Connect, waiting at most timeout_ms. Return a blocking close-on-exec
 * descriptor, or -1 with a sentence in err. */
int endpoint_connect(const struct endpoint *ep, int timeout_ms,
    struct buf *err);

#endif
