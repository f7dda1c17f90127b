/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/sockets.h"

#include <unistd.h>

#include "conf/conf.h"
#include "util/buf.h"
#include "util/str.h"

static const struct kind {
	const char *prefix;
	const char *title;
	size_t offset;		/* of its addresses in struct conf */
} kinds[SOCKET_KINDS] = {
	[SOCKET_POLICY] = { "policy=", "policy service",
	    offsetof(struct conf, policy_service) },
	[SOCKET_MAP] = { "map=", "socketmap",
	    offsetof(struct conf, socketmap) },
};

_Static_assert(SOCKET_KINDS * CONF_SOCKETS_MAX <= SOCKETS_MAX,
    "every socket the configuration can name has its place");

static void add_socket(struct sockets *s, enum socket_kind kind,
    const struct endpoint *ep)
{
	struct door_socket *one = &s->v[s->n++];
	struct buf spec;

	*one = (struct door_socket){ .kind = kind, .ep = *ep, .fd = -1 };
	buf_init(&spec, sizeof(one->spec) - 1);
	buf_adds(&spec, kinds[kind].prefix);
	endpoint_format(ep, ENDPOINT_LIBMILTER, &spec);
	memcpy(one->spec, buf_str(&spec), spec.len);
	buf_clear(&spec);
}

void sockets_init(struct sockets *s, const struct conf *c)
{
	s->n = 0;
	for (int k = 0; k < SOCKET_KINDS; k++) {
		const struct conf_sockets *from = (const struct conf_sockets *)
		    (const void *)((const char *)c + kinds[k].offset);

		for (size_t i = 0; i < from->n; i++)
			add_socket(s, (enum socket_kind)k, &from->v[i]);
	}
}

bool sockets_open(struct sockets *s, sockets_open_fn *open, mode_t mode,
    gid_t group, struct buf *err)
{
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].fd = open(&s->v[i].ep, mode, group, err);
		if (s->v[i].fd < 0)
			return false;
	}
	return true;
}

void sockets_close(struct sockets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct door_socket *one = &s->v[i];

		if (one->fd < 0)
			continue;
		close(one->fd);
		one->fd = -1;
		if (one->ep.kind == ENDPOINT_UNIX)
			unlink(one->ep.path);
	}
}

bool socket_spec_parse(const char *spec, enum socket_kind *kind_r,
    const char **address_r)
{
	for (int k = 0; k < SOCKET_KINDS; k++) {
		if (!str_starts(spec, kinds[k].prefix))
			continue;
		*kind_r = (enum socket_kind)k;
		*address_r = spec + strlen(kinds[k].prefix);
		return true;
	}
	return false;
}

void sockets_describe(const struct sockets *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct door_socket *one = &s->v[i];
		const struct kind *kind = &kinds[one->kind];

		if (i == 0 || s->v[i - 1].kind != one->kind)
			buf_addf(out, "; %s on ", kind->title);
		else
			buf_adds(out, ", ");
		buf_adds(out, one->spec + strlen(kind->prefix));
	}
}
