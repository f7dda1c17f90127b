/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *stage_name(enum stage_id id)
{
	switch (id) {
	case STAGE_CONNECT: return "connect";
	case STAGE_GREETING: return "greeting";
	case STAGE_HELLO: return "ehlo";
	case STAGE_STARTTLS: return "starttls";
	case STAGE_HANDSHAKE: return "tls";
	case STAGE_HELLO_TLS: return "ehlo-tls";
	case STAGES: break;
	}
	return "unknown";
}

const char *stage_state_name(enum stage_state state)
{
	switch (state) {
	case STAGE_SKIPPED: return "skipped";
	case STAGE_OK: return "ok";
	case STAGE_FAILED: return "failed";
	case STAGE_UNKNOWN: return "unknown";
	}
	return "unknown";
}

/* ---- the end of facts -------------------------------------------------- */

void probe_facts_clear(struct probe_facts *f)
{
	for (size_t i = 0; i < STAGES; i++)
		free(f->stages[i].reply);
	free(f->tls.cert.subject);
	free(f->tls.cert.issuer);
	free(f->tls.cert.common_name);
	strv_clear(&f->tls.cert.names);
	*f = (struct probe_facts){ .has_tls = false };
}

static void host_facts_clear(struct host_facts *h)
{
	for (size_t i = 0; i < h->tlsa_n; i++) {
		free(h->tlsa[i].text);
		free(h->tlsa[i].data);
	}
	free(h->tlsa);
	for (size_t i = 0; i < h->n; i++) {
		probe_facts_clear(&h->addresses[i].first);
		probe_facts_clear(&h->addresses[i].second);
		strv_clear(&h->addresses[i].deep.versions);
		strv_clear(&h->addresses[i].deep.ciphers);
	}
	free(h->addresses);
}

void check_facts_clear(struct check_facts *f)
{
	for (size_t i = 0; i < f->n; i++)
		host_facts_clear(&f->hosts[i]);
	free(f->hosts);
	strv_clear(&f->sts_mx);
	strv_clear(&f->sts_findings);
	strv_clear(&f->tlsrpt_rua);
	probe_facts_clear(&f->policy_host.probe);
	*f = (struct check_facts){ .n = 0 };
}

/* ---- TLSA -------------------------------------------------------------- */

#define TLSA_SHOWN 72	/* bytes; the longest digest has 64 */

void tlsa_text(const struct tlsa *t, char *out)
{
	char hex[2 * TLSA_SHOWN + 1];

	str_hex(t->data, t->len < TLSA_SHOWN ? t->len : TLSA_SHOWN, hex);
	snprintf(out, TLSA_TEXT_SIZE, "%u %u %u %s", t->usage, t->selector,
	    t->mtype, hex);
}

/* ---- what was promised ------------------------------------------------- */

bool check_covered(const struct check_facts *f, const struct host_facts *h)
{
	if (!f->sts_asked || f->sts != MTASTS_FOUND)
		return false;
	for (size_t i = 0; i < f->sts_mx.n; i++)
		if (mtasts_mx_match(f->sts_mx.v[i], h->name))
			return true;
	return false;
}

enum mtasts_mode check_sts_mode(const struct check_facts *f,
    const struct host_facts *h)
{
	return check_covered(f, h) ? f->sts_mode : MTASTS_NONE;
}

/* DANE comes before MTA-STS where it can be checked (RFC 8461 §2). */
enum check_promise check_promise(const struct check_facts *f,
    const struct host_facts *h)
{
	enum mtasts_mode mode = check_sts_mode(f, h);

	if (h->dane == DANE_HOST_USABLE)
		return CHECK_PROMISE_DANE;
	if (mode == MTASTS_ENFORCE)
		return CHECK_PROMISE_ENFORCE;
	if (h->dane == DANE_HOST_UNUSABLE)
		return CHECK_PROMISE_TLS;
	return mode == MTASTS_TESTING ? CHECK_PROMISE_TESTING : CHECK_PROMISE_NONE;
}

bool host_facts_has_ta(const struct host_facts *h)
{
	for (size_t i = 0; i < h->tlsa_n; i++)
		if (h->tlsa[i].use == TLSA_COUNTS && h->tlsa[i].len > 0 &&
		    h->tlsa[i].data[0] == TLSA_DANE_TA)
			return true;
	return false;
}
