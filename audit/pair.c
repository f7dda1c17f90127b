/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/pair.h"

#include "policy/verdict.h"
#include "util/pack.h"

#define PAIR_VERSION 1
#define FLAG_PLAINTEXT 1u	/* of the last message */
#define DAY 86400
#define DOMAIN_LEN_MAX 253

bool pair_name(const char *domain, const struct netaddr *client,
    char *name_r)
{
	size_t len = strlen(domain);
	char network[NETADDR_TEXT];

	if (client->family == AF_UNSPEC || len == 0 || len > DOMAIN_LEN_MAX ||
	    strchr(domain, ' '))
		return false;
	netaddr_network(client, network);
	memcpy(name_r, domain, len);
	name_r[len] = ' ';
	memcpy(name_r + len + 1, network, strlen(network) + 1);
	return true;
}

bool pair_network(const char *text, char *network_r)
{
	struct cidr cidr;
	const char *err;
	bool v4;

	if (!cidr_parse(text, &cidr, &err))
		return false;
	v4 = cidr.addr.family == AF_INET;
	if (cidr.prefix != (v4 ? 24 : 48) && cidr.prefix != (v4 ? 32 : 128))
		return false;
	netaddr_network(&cidr.addr, network_r);
	return true;
}

bool pair_of_message(const struct session_facts *s,
    const struct message_facts *m, unsigned keep, int64_t now, char *name_r,
    struct pair_event *event_r)
{
	if (!m->from_domain || s->non_smtp ||
	    s->tls.state == TLS_UNKNOWN || !verdict_promises_apply(s, m) ||
	    !pair_name(m->from_domain, &s->client, name_r))
		return false;
	*event_r = (struct pair_event){
		.when = now,
		.tls = s->tls.state == TLS_ENCRYPTED,
		.version = (unsigned)tls_version_rank(s->tls.version),
		.keep = keep,
	};
	return true;
}

/* ---- the packed form --------------------------------------------------- */

static void put_u8(unsigned char **p, unsigned v)
{
	*(*p)++ = (unsigned char)v;
}

static void put_u32(unsigned char **p, uint32_t v)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		put_u8(p, v >> shift & 0xff);
}

/* No struct buf: nothing here may run out of memory. */
size_t pair_pack(const struct pair *p, unsigned char *out)
{
	unsigned char *at = out;

	put_u8(&at, PAIR_VERSION);
	put_u8(&at, p->last_plaintext ? FLAG_PLAINTEXT : 0);
	put_u8(&at, p->version);
	put_u32(&at, p->first);
	put_u32(&at, p->last);
	put_u32(&at, p->tls);
	put_u32(&at, p->plaintext);
	put_u8(&at, p->times_n);
	for (unsigned i = 0; i < p->times_n; i++)
		put_u32(&at, p->times[i]);
	return (size_t)(at - out);
}

/* A record that counts less TLS than it has times of is not ours. */
static bool adds_up(const struct pair *p, unsigned flags)
{
	return (flags & ~FLAG_PLAINTEXT) == 0 && p->times_n <= p->tls &&
	    (!p->version || *pair_version_name(p->version)) &&
	    (p->tls || p->plaintext) && (!p->last_plaintext || p->plaintext) &&
	    (p->last_plaintext || p->tls);
}

bool pair_read(const void *data, size_t len, struct pair *pair_r)
{
	struct pair p = { 0 };
	unsigned version, flags;
	struct unpack u;

	unpack_init(&u, data, len);
	version = unpack_u8(&u);
	flags = unpack_u8(&u);
	p.version = unpack_u8(&u);
	p.first = unpack_u32(&u);
	p.last = unpack_u32(&u);
	p.tls = unpack_u32(&u);
	p.plaintext = unpack_u32(&u);
	p.times_n = unpack_u8(&u);
	if (version != PAIR_VERSION || p.times_n > PAIR_TIMES_MAX)
		return false;
	for (unsigned i = 0; i < p.times_n; i++)
		p.times[i] = unpack_u32(&u);
	p.last_plaintext = flags & FLAG_PLAINTEXT;
	if (!unpack_ok(&u) || !adds_up(&p, flags))
		return false;
	*pair_r = p;
	return true;
}

/* ---- what happens to it ------------------------------------------------ */

static uint32_t stored_time(int64_t when)
{
	if (when < 0)
		return 0;
	return when > UINT32_MAX ? UINT32_MAX : (uint32_t)when;
}

static void count_up(uint32_t *n)
{
	if (*n < UINT32_MAX)
		(*n)++;
}

/* The newest comes first and the oldest falls off. */
static void keep_time(struct pair *p, uint32_t when, unsigned keep)
{
	if (keep > PAIR_TIMES_MAX)
		keep = PAIR_TIMES_MAX;
	if (keep < 1)
		keep = 1;
	p->times_n = p->times_n < keep ? p->times_n + 1 : keep;
	memmove(p->times + 1, p->times,
	    (p->times_n - 1) * sizeof(p->times[0]));
	p->times[0] = when;
}

void pair_note(struct pair *p, const struct pair_event *e)
{
	uint32_t when = stored_time(e->when);

	if ((!p->tls && !p->plaintext) || p->first > when)
		p->first = when;
	p->last = when;
	p->last_plaintext = !e->tls;
	if (!e->tls) {
		count_up(&p->plaintext);
		return;
	}
	count_up(&p->tls);
	p->version = *pair_version_name(e->version) ? e->version : 0;
	keep_time(p, when, e->keep);
}

unsigned pair_recent(const struct pair *p, unsigned days, int64_t now)
{
	int64_t oldest = now - (int64_t)days * DAY;
	unsigned n = 0;

	for (unsigned i = 0; i < p->times_n; i++)
		n += p->times[i] >= oldest && p->times[i] <= now + DAY;
	return n;
}

void pair_facts(const struct pair *p, const struct pair_limits *limits,
    int64_t now, struct history_facts *facts_r)
{
	*facts_r = (struct history_facts){
		.known = true,
		.used_tls = pair_recent(p, limits->days, now) >= limits->min,
		.tls = p->tls,
		.plaintext = p->plaintext,
	};
}

const char *pair_version_name(unsigned version)
{
	static const char *const names[] = { "SSLv3", "TLSv1", "TLSv1.1",
		"TLSv1.2", "TLSv1.3" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((unsigned)tls_version_rank(names[i]) == version)
			return names[i];
	return "";
}
