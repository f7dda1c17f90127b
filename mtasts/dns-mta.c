/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/adtest.h"
#include "mtasts/dns-internal.h"
#include "mtasts/nameserver.h"
#include "util/buf.h"

struct dns_mta_test {
	struct dns *dns;
	struct dns_upstream *servers[RESOLV_CONF_SERVERS];
	struct adtest *adtest;		/* NULL: not wanted, or impossible */
	char why[160];			/* it is NULL; clean */
};

static struct dns_query *ask(void *arg, size_t server, const char *zone,
    dns_fn *fn, void *fn_arg)
{
	struct dns_mta_test *t = arg;

	return dns_test_query(t->dns, t->servers[server], zone, fn, fn_arg);
}

static void changed(void *arg)
{
	struct dns_mta_test *t = arg;

	dns_tell_change(t->dns);
}

/* True if all of them can be asked: c-ares knows no scopes. */
static bool can_ask(const char *const *servers, struct buf *why)
{
	struct netaddr addr;
	uint16_t port;

	for (; *servers; servers++)
		if (!nameserver_parse(*servers, &addr, &port)) {
			buf_addf(why, "%s: cannot be tested", *servers);
			return false;
		}
	return true;
}

/* What is wrong with resolv.conf costs DANE, and nothing else. */
static bool find_servers(struct dns_mta_test *t, const struct dns_options *o,
    struct resolv_conf *rc_r)
{
	struct buf why;
	bool good;

	buf_init(&why, sizeof(t->why) - 1);
	good = resolv_conf_read(o->resolv_conf, rc_r, &why) &&
	    can_ask(rc_r->servers, &why);
	snprintf(t->why, sizeof(t->why), "%s", buf_str(&why));
	buf_clear(&why);
	return good;
}

static bool open_servers(struct dns_mta_test *t, struct evloop *loop,
    const char *const *servers, uint32_t timeout_ms, struct buf *err)
{
	struct adtest_owner owner = { ask, changed, t };

	for (size_t i = 0; servers[i]; i++) {
		const char *one[] = { servers[i], NULL };

		t->servers[i] = dns_stub_new(loop, one, timeout_ms, err);
		if (!t->servers[i])
			return false;
	}
	t->adtest = adtest_new(loop, &owner, servers);
	if (!t->adtest)
		buf_adds(err, "out of memory");
	return t->adtest != NULL;
}

struct dns_mta_test *dns_mta_test_new(struct dns *d, struct evloop *loop,
    const struct dns_options *o, struct buf *err)
{
	struct dns_mta_test *t = calloc(1, sizeof(*t));
	struct resolv_conf rc;

	if (!t) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	t->dns = d;
	if (!o->mta_test) {
		snprintf(t->why, sizeof(t->why), "not tested");
	} else if (find_servers(t, o, &rc) &&
	    !open_servers(t, loop, rc.servers, o->timeout_ms, err)) {
		dns_mta_test_free(t);
		return NULL;
	}
	return t;
}

bool dns_mta_test_add_zone(struct dns_mta_test *t, const char *name,
    size_t len)
{
	return !t->adtest || adtest_add_zone(t->adtest, name, len);
}

void dns_mta_test_begin(struct dns_mta_test *t)
{
	if (t->adtest)
		adtest_begin(t->adtest);
}

enum dns_mta dns_mta_test_state(const struct dns_mta_test *t,
    const char **why_r)
{
	if (t->adtest)
		return adtest_state(t->adtest, why_r);
	if (why_r)
		*why_r = t->why;
	return DNS_MTA_NO_AD;
}

void dns_mta_test_free(struct dns_mta_test *t)
{
	if (!t)
		return;
	adtest_free(t->adtest);
	for (size_t i = 0; i < RESOLV_CONF_SERVERS; i++)
		if (t->servers[i])
			t->servers[i]->free(t->servers[i]);
	free(t);
}
