/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dane-probe - look up DANE for next hops and print what was found.
 *
 * Options are NAME=VALUE; every other argument is a next hop as Postfix
 * looks it up. All are looked up at once; one JSON object a line for each,
 * in the order they end, with the answer a socketmap would give to the map
 * `map` for a domain whose MTA-STS policy is `sts`.
 */
#include "config.h"

#include <jansson.h>

#include "mtasts/dane.h"
#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "policy/tlspolicy.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define ANCHORS_MAX 10000

struct probe {
	const char *anchor, *sts, *map;
	uint64_t budget, timeout;
	enum mtasts_dnssec dnssec;
	const char *server;	/* NULL: those of resolv.conf */
	bool cancel;		/* give up every other lookup at once */
	struct evloop *loop;
	struct dns *dns;
	unsigned outstanding;
	bool starting;
};

struct hop {
	struct probe *probe;
	struct nexthop hop;
	int64_t began;
};

static void fail(const char *what)
{
	fprintf(stderr, "dane-probe: %s\n", what);
	exit(70);
}

static json_t *hosts_json(const struct danestate *s, size_t n)
{
	json_t *hosts = json_array();

	for (size_t i = 0; i < n; i++) {
		struct dane_host_result h;

		danestate_host(s, i, &h);
		json_array_append_new(hosts, json_pack("{sssssiss?}", "name",
		    h.name, "state", dane_host_text(h.state), "priority",
		    (int)h.priority, "base", h.base));
	}
	return hosts;
}

static enum tlspolicy_dane fact_of(enum dane_outcome outcome)
{
	switch (outcome) {
	case DANE_NONE: return DANE_FACT_NONE;
	case DANE_SOME: return DANE_FACT_SOME;
	case DANE_ALL: return DANE_FACT_ALL;
	case DANE_NULL_MX: return DANE_FACT_NONE;
	case DANE_ERROR: break;
	}
	return DANE_FACT_ERROR;
}

/* The answer of a socketmap, as postmap -q would show it. */
static void answer(const struct hop *h, const struct dane_result *r,
    bool validated, struct buf *out)
{
	struct tlspolicy_options o = {
		.dialect = tls_dialect_of(h->probe->map,
		    strlen(h->probe->map)),
		.version = POSTFIX_VERSION(3, 7), .dane = true,
		.dane_works = validated, .default_may = true,
	};
	struct tlspolicy_facts f = {
		.hop = &h->hop, .patterns = "mx1.example", .text = "",
		.sts = str_ieq(h->probe->sts, "enforce") ? STS_MODE_ENFORCE :
		    STS_NO_POLICY,
		.null_mx = validated && r->outcome == DANE_NULL_MX,
		.dane = validated ? fact_of(r->outcome) : DANE_FACT_UNKNOWN,
	};
	struct tlspolicy_answer a;
	struct buf value;

	buf_init(&value, 2 * SOCKETMAP_REPLY_MAX);
	tlspolicy_decide(&o, &f, &value, &a);
	socketmap_reply(out, a.status, a.status == SOCKETMAP_OK ?
	    buf_str(&value) : a.why);
	buf_clear(&value);
}

static void on_dane(void *arg, const struct danestate *s)
{
	struct hop *h = arg;
	struct dane_result r = { .outcome = DANE_ERROR };
	struct buf reply;
	json_t *o;

	buf_init(&reply, 2 * SOCKETMAP_REPLY_MAX);
	if (s)
		danestate_result(s, &r);
	answer(h, &r, s != NULL, &reply);
	o = json_pack("{sssssbsbsisIsoss}", "key", h->hop.text, "outcome",
	    s ? dane_outcome_text(r.outcome) : "not validated",
	    "reentrant", h->probe->starting, "mx_secure", r.mx_secure,
	    "ttl", (int)r.ttl, "ms", (json_int_t)(clock_mono_ms() - h->began),
	    "hosts", hosts_json(s, r.hosts), "reply", buf_str(&reply));
	json_dumpf(o, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	json_decref(o);
	buf_clear(&reply);
	h->probe->outstanding--;
	free(h);
}

static void start(struct probe *p, const char *key, bool cancel)
{
	struct hop *h = calloc(1, sizeof(*h));
	struct dane_next_hop hop = { .budget_ms = (uint32_t)p->budget };
	struct dane_lookup *l;

	if (!h || !nexthop_parse(key, strlen(key), &h->hop) ||
	    !*h->hop.domain)
		fail(key);
	h->probe = p;
	h->began = clock_mono_ms();
	hop.domain = h->hop.domain;
	hop.use_mx = h->hop.kind == NEXTHOP_DOMAIN;
	hop.port = h->hop.port;
	p->starting = true;
	l = dane_lookup_start(p->loop, p->dns, &hop, on_dane, h);
	p->starting = false;
	if (!l)
		fail("cannot look up");
	p->outstanding++;
	if (!cancel)
		return;
	dane_lookup_cancel(l);
	p->outstanding--;
	free(h);
}

static uint64_t number(const char *value)
{
	uint64_t n = 0;

	if (!str_to_u64(value, UINT32_MAX, &n))
		fail(value);
	return n;
}

static enum mtasts_dnssec dnssec(const char *value)
{
	if (str_ieq(value, "validate"))
		return MTASTS_DNSSEC_VALIDATE;
	if (str_ieq(value, "trust-ad"))
		return MTASTS_DNSSEC_TRUST_AD;
	if (!str_ieq(value, "off"))
		fail(value);
	return MTASTS_DNSSEC_OFF;
}

/* True when the argument was an option. */
static bool take_option(struct probe *p, const char *arg)
{
	const char *value = strchr(arg, '=');

	if (!value)
		return false;
	value++;
	if (str_starts(arg, "anchor="))
		p->anchor = value;
	else if (str_starts(arg, "budget="))
		p->budget = number(value);
	else if (str_starts(arg, "cancel="))
		p->cancel = number(value) != 0;
	else if (str_starts(arg, "dns_timeout="))
		p->timeout = number(value);
	else if (str_starts(arg, "dnssec="))
		p->dnssec = dnssec(value);
	else if (str_starts(arg, "dns="))
		p->server = value;
	else if (str_starts(arg, "map="))
		p->map = value;
	else if (str_starts(arg, "sts="))
		p->sts = value;
	else
		fail(arg);
	return true;
}

static void open_dns(struct probe *p)
{
	const char *servers[] = { p->server, NULL };
	struct dns_options o = { .dnssec = p->dnssec, .servers = servers,
		.timeout_ms = (uint32_t)p->timeout };
	char anchors[ANCHORS_MAX] = "";
	FILE *file = fopen(p->anchor, "r");
	struct buf err;

	buf_init(&err, 1000);
	if (!file || fread(anchors, 1, sizeof(anchors) - 1, file) == 0)
		fail(p->anchor);
	fclose(file);
	o.anchors = anchors;
	p->loop = evloop_new();
	p->dns = p->loop ? dns_new(p->loop, &o, &err) : NULL;
	if (!p->dns)
		fail(buf_str(&err));
	buf_clear(&err);
}

int main(int argc, char **argv)
{
	struct probe p = { .anchor = "/usr/share/dns/root.key", .sts = "none",
		.map = "postfix", .budget = 20000, .timeout = 5000,
		.dnssec = MTASTS_DNSSEC_VALIDATE };
	int keys = 0;

	for (int i = 1; i < argc; i++)
		if (!take_option(&p, argv[i]))
			argv[++keys] = argv[i];
	open_dns(&p);
	for (int i = 1; i <= keys; i++)
		start(&p, argv[i], p.cancel && i % 2 == 0);
	while (p.outstanding > 0)
		evloop_wait(p.loop, -1);
	dns_free(p.dns);
	evloop_free(p.loop);
	return 0;
}
