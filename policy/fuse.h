/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse - notice that our own STARTTLS broke (design §10).
 *
 * For each listener: when no TLS session was seen for fuse.after, and
 * plaintext came from fuse.networks different client networks since the
 * last one, then it is us. reject and quarantine become defer until TLS is
 * seen again. Not thread-safe; time is monotonic milliseconds.
 */
#ifndef TM_POLICY_FUSE_H
#define TM_POLICY_FUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/netaddr.h"

struct fuse;

/* The most networks a limit can ask for; a larger one means this. */
#define FUSE_NETWORKS_MAX 256

/* Room for listeners is bounded (64); more share the last slot. networks 0
 * is a fuse that never blows. listener may be NULL: not known. The time
 * without TLS begins at now. NULL when out of memory. */
struct fuse *fuse_new(int64_t after_ms, unsigned networks, int64_t now);
void fuse_free(struct fuse *f);
/* New limits at reload; what was seen is kept. */
void fuse_set(struct fuse *f, int64_t after_ms, unsigned networks);

/* One session whose TLS state is known, judged at MAIL. Return true when
 * this closed a blown fuse. */
bool fuse_saw_tls(struct fuse *f, const char *listener, int64_t now);
void fuse_saw_plaintext(struct fuse *f, const char *listener,
    const struct netaddr *client, int64_t now);

bool fuse_is_blown(struct fuse *f, const char *listener, int64_t now);

/* True at most once a minute for each blown listener: time to log. */
bool fuse_should_warn(struct fuse *f, const char *listener, int64_t now);

#endif
