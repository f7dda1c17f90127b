/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets - the listening sockets of doors that can have several.
 *
 * The monitor binds them all, and hands each frontend it starts the
 * descriptors FD_SOCKETS, FD_SOCKETS + 1, ... with one argument for each
 * that says whose it is: "policy=unix:/path". What is bound stays bound
 * while the frontend restarts, so no connection is refused then.
 *
 * A new door: a kind here, its row in sockets.c, its opener in frontend.c.
 */
#ifndef TM_MILTER_SOCKETS_H
#define TM_MILTER_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/endpoint.h"

struct buf;
struct conf;

enum socket_kind {
	SOCKET_POLICY,
	SOCKET_MAP,
	SOCKET_KINDS
};

/* As many as all kinds can have together. */
#define SOCKETS_MAX 32
#define SOCKET_SPEC_SIZE 160

struct door_socket {
	enum socket_kind kind;
	struct endpoint ep;
	char spec[SOCKET_SPEC_SIZE];	/* "policy=unix:/path" */
	int fd;			/* -1: not open */
};

struct sockets {
	struct door_socket v[SOCKETS_MAX];
	size_t n;
};

/* Fill in what the configuration asks for, nothing open yet. */
void sockets_init(struct sockets *s, const struct conf *c);

/*
 * Bind and listen on every one, with open, which is endpoint_listen() or
 * does more. False with a sentence in err; what is open then is closed by
 * sockets_close().
 */
typedef int sockets_open_fn(const struct endpoint *ep, mode_t mode,
    gid_t group, struct buf *err);
bool sockets_open(struct sockets *s, sockets_open_fn *open, mode_t mode,
    gid_t group, struct buf *err);

/* Close what is open, and remove unix sockets. */
void sockets_close(struct sockets *s);

/* Read a spec: its kind, and where in it the address begins. */
bool socket_spec_parse(const char *spec, enum socket_kind *kind_r,
    const char **address_r);

/* Append "; policy service on ADDRESS, ADDRESS" for the kinds there are, or
 * nothing. */
void sockets_describe(const struct sockets *s, struct buf *out);

#endif
