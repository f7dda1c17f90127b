/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/fuse.h"

#include "util/str.h"

#define LISTENERS_MAX 64
#define LISTENER_NAME 64
#define WARN_EVERY_MS 60000

/* What one listener saw since its last TLS session. */
struct slot {
	char name[LISTENER_NAME];
	int64_t last_tls;	/* or when the fuse was made */
	int64_t last_warning;
	bool warned;
	unsigned n;
	uint64_t networks[FUSE_NETWORKS_MAX];
};

struct fuse {
	int64_t after_ms;
	unsigned networks;
	int64_t started;
	unsigned n;
	struct slot slots[LISTENERS_MAX];
};

struct fuse *fuse_new(int64_t after_ms, unsigned networks, int64_t now)
{
	struct fuse *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->started = now;
	fuse_set(f, after_ms, networks);
	return f;
}

void fuse_free(struct fuse *f)
{
	free(f);
}

void fuse_set(struct fuse *f, int64_t after_ms, unsigned networks)
{
	f->after_ms = after_ms;
	f->networks = networks < FUSE_NETWORKS_MAX ? networks :
	    FUSE_NETWORKS_MAX;
}

/* Find the slot of a listener, or make it; the last one is shared by all
 * that come too late. */
static struct slot *find_slot(struct fuse *f, const char *listener)
{
	struct slot *s;

	if (!listener)
		listener = "";
	for (unsigned i = 0; i < f->n; i++)
		if (strncmp(f->slots[i].name, listener,
			LISTENER_NAME - 1) == 0)
			return &f->slots[i];
	if (f->n == LISTENERS_MAX)
		return &f->slots[LISTENERS_MAX - 1];
	s = &f->slots[f->n++];
	snprintf(s->name, sizeof(s->name), "%s", listener);
	s->last_tls = f->started;
	return s;
}

static bool is_blown(const struct fuse *f, const struct slot *s, int64_t now)
{
	return f->networks > 0 && s->n >= f->networks &&
	    now - s->last_tls >= f->after_ms;
}

bool fuse_saw_tls(struct fuse *f, const char *listener, int64_t now)
{
	struct slot *s = find_slot(f, listener);
	bool blown = is_blown(f, s, now);

	s->last_tls = now;
	s->warned = false;
	s->n = 0;
	return blown;
}

/* Pack a client's network, /24 or /48, into a number. */
static uint64_t network_of(const struct netaddr *client)
{
	size_t len = client->family == AF_INET ? 3 : 6;
	uint64_t network = (uint64_t)client->family;

	for (size_t i = 0; i < len; i++)
		network = network << 8 | client->bytes[i];
	return network;
}

void fuse_saw_plaintext(struct fuse *f, const char *listener,
    const struct netaddr *client, int64_t now)
{
	struct slot *s = find_slot(f, listener);
	uint64_t network = network_of(client);

	(void)now;
	if (client->family == AF_UNSPEC)
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (s->networks[i] == network)
			return;
	if (s->n < FUSE_NETWORKS_MAX)
		s->networks[s->n++] = network;
}

bool fuse_is_blown(struct fuse *f, const char *listener, int64_t now)
{
	return is_blown(f, find_slot(f, listener), now);
}

bool fuse_should_warn(struct fuse *f, const char *listener, int64_t now)
{
	struct slot *s = find_slot(f, listener);

	if (!is_blown(f, s, now) ||
	    (s->warned && now - s->last_warning < WARN_EVERY_MS))
		return false;
	s->warned = true;
	s->last_warning = now;
	return true;
}
