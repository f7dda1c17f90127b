/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <string.h>

#include "check/factsjson.h"

/* ---- one address ------------------------------------------------------- */

static json_t *stages(const struct probe_facts *p)
{
	json_t *list = json_array();

	for (int i = 0; list && i < STAGES; i++) {
		const struct stage *s = &p->stages[i];
		json_t *one = json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}",
		    "name", stage_name((enum stage_id)i),
		    "state", stage_state_name(s->state), "ms", (int)s->ms,
		    "code", s->code ? json_integer(s->code) : json_null(),
		    "reply", factsjson_text(s->reply),
		    "detail", factsjson_text(s->detail));

		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool has_finding(const struct findings *findings, const char *id,
    const struct host_facts *h, const struct address_facts *a)
{
	for (size_t i = 0; i < findings->n; i++)
		if (strcmp(findings->v[i].info->id, id) == 0 &&
		    strcmp(findings->v[i].host, h->name) == 0 &&
		    netaddr_equal(&findings->v[i].addr, &a->addr))
			return true;
	return false;
}

static json_t *starttls(const struct probe_facts *p, bool lost)
{
	return json_pack("{s:o, s:o, s:b, s:b, s:o, s:b, s:o}",
	    "offered", factsjson_answer(p->offered),
	    "accepted", factsjson_answer(p->accepted),
	    "sent_anyway", p->sent_anyway, "lost", lost,
	    "masked", factsjson_some(p->masked),
	    "ehlo_refused", p->hello_refused,
	    "injection", factsjson_answer(p->injection));
}

static json_t *tls(const struct probe_facts *p)
{
	const struct probe_tls *t = &p->tls;

	if (!p->has_tls)
		return json_null();
	return json_pack("{s:s, s:s, s:i, s:o, s:o, s:{s:b, s:o, s:i},"
	    " s:{s:b, s:o, s:b}, s:{s:o, s:i, s:o}}",
	    "version", t->version, "cipher", t->cipher,
	    "bits", (int)t->bits, "group", factsjson_some(t->group),
	    "sni", factsjson_some(t->sni),
	    "chain", "good", t->chain_good,
	    "error", factsjson_text(t->chain_error),
	    "length", (int)t->chain_length,
	    "name", "good", t->name_good,
	    "matched", factsjson_some(t->name_matched),
	    "in_cn", t->name_in_cn,
	    "dane", "matches", factsjson_answer(t->dane),
	    "depth", t->dane_depth, "record", factsjson_some(t->dane_record));
}

static json_t *certificate(const struct probe_facts *p)
{
	const struct cert_facts *c = &p->tls.cert;

	if (!p->has_tls || !*c->sha256)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:s, s:i, s:o, s:b, s:s,"
	    " s:s}", "subject", factsjson_text(c->subject),
	    "issuer", factsjson_text(c->issuer),
	    "names", factsjson_texts(&c->names),
	    "not_before", (json_int_t)c->not_before,
	    "not_after", (json_int_t)c->not_after, "key", c->key,
	    "key_bits", (int)c->key_bits,
	    "signature", factsjson_text(c->signature),
	    "self_signed", c->self_signed, "sha256", c->sha256,
	    "spki_sha256", c->spki_sha256);
}

/* The worst of what the second connection met. */
static const char *state_of(const struct probe_facts *p)
{
	for (int i = 0; i < STAGES; i++) {
		if (p->stages[i].state == STAGE_FAILED)
			return "failed";
		if (p->stages[i].state == STAGE_UNKNOWN)
			return "unknown";
	}
	return "ok";
}

static json_t *second(const struct address_facts *a)
{
	if (a->second_kind == SECOND_NONE)
		return json_null();
	return json_pack("{s:s, s:s, s:o, s:o}", "kind",
	    a->second_kind == SECOND_RETRY ? "retry" : "no-sni",
	    "state", state_of(&a->second),
	    "offered", factsjson_answer(a->second.offered),
	    "sha256", factsjson_some(a->second.has_tls ?
		a->second.tls.cert.sha256 : ""));
}

static json_t *deep(const struct address_facts *a)
{
	if (!a->has_deep)
		return json_null();
	return json_pack("{s:o, s:o, s:b}", "versions",
	    factsjson_texts(&a->deep.versions), "ciphers",
	    factsjson_texts(&a->deep.ciphers), "complete", !a->deep.cut);
}

static json_t *address(const struct host_facts *h,
    const struct address_facts *a, const struct findings *findings)
{
	/* A retry that came further tells more. */
	const struct probe_facts *p = a->second_kind == SECOND_RETRY &&
	    a->second.has_tls && !a->first.has_tls ? &a->second : &a->first;
	char text[NETADDR_TEXT];

	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "address", netaddr_format(&a->addr, text), "port", (int)a->port,
	    "stages", stages(p),
	    "starttls", starttls(p, has_finding(findings, "starttls.lost", h,
		a)),
	    "tls", tls(p), "certificate", certificate(p),
	    "second", second(a), "deep", deep(a));
}

/* ---- one host ---------------------------------------------------------- */

static json_t *tlsa(const struct host_facts *h)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < h->tlsa_n; i++) {
		const struct tlsa_fact *t = &h->tlsa[i];
		json_t *one = json_pack("{s:o, s:s, s:o}",
		    "record", factsjson_text(t->text),
		    "use", tlsa_use_text(t->use),
		    "matches", factsjson_answer(t->matches));

		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static const char *promise_text(enum check_promise p)
{
	switch (p) {
	case CHECK_PROMISE_NONE:
		return "none";
	case CHECK_PROMISE_TESTING:
		return "testing";
	case CHECK_PROMISE_ENFORCE:
		return "enforce";
	case CHECK_PROMISE_TLS:
		return "tls";
	case CHECK_PROMISE_DANE:
		break;
	}
	return "dane";
}

static const char *family_text(const struct family_facts *family)
{
	if (!family->asked)
		return "not asked";
	switch (family->status) {
	case DNS_FOUND:
		return "found";
	case DNS_NODATA:
		return "no data";
	case DNS_NXDOMAIN:
		return "NXDOMAIN";
	case DNS_SERVFAIL:
		return "SERVFAIL";
	case DNS_BOGUS:
		return "bogus";
	case DNS_TIMEOUT:
		break;
	}
	return "timeout";
}

static json_t *addresses(const struct host_facts *h,
    const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < h->n; i++)
		if (json_array_append_new(list, address(h, &h->addresses[i],
		    findings)) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *host(const struct check_facts *f, const struct host_facts *h,
    const struct findings *findings)
{
	bool secure = (h->ipv4.status != DNS_FOUND || h->ipv4.secure) &&
	    (h->ipv6.status != DNS_FOUND || h->ipv6.secure) &&
	    (h->ipv4.secure || h->ipv6.secure);

	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:b, s:o, s:o, s:o,"
	    " s:o}", "name", factsjson_text(h->name),
	    "preference", f->target.is_domain ?
	    json_integer(h->preference) : json_null(),
	    "alias", h->alias ? factsjson_text(h->canonical) : json_null(),
	    "promise", promise_text(check_promise(f, h)),
	    "ipv4", family_text(&h->ipv4), "ipv6", family_text(&h->ipv6),
	    "secure", secure,
	    "dane", h->dane == DANE_HOST_PENDING ? json_null() :
	    json_string(dane_host_text(h->dane)),
	    "base", factsjson_some(h->base), "tlsa", tlsa(h),
	    "addresses", addresses(h, findings));
}

json_t *factsjson_hosts(const struct check_facts *f,
    const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < f->n; i++)
		if (json_array_append_new(list, host(f, &f->hosts[i],
		    findings)) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}
