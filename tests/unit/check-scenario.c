/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/check-scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SHA "0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789abcdef"

static char *copy(const char *text)
{
	char *s = strdup(text);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s;
}

static void probe(struct probe_facts *p)
{
	struct cert_facts *c = &p->tls.cert;

	for (int i = 0; i < STAGES; i++)
		p->stages[i].state = STAGE_OK;
	p->stages[STAGE_HELLO].reply = copy("250-mx\n250 STARTTLS");
	p->offered = p->accepted = ANSWER_YES;
	p->has_tls = true;
	p->tls = (struct probe_tls){ .version = "TLSv1.3",
		.cipher = "TLS_AES_256_GCM_SHA384", .bits = 256,
		.group = "x25519", .forward_secret = true, .aead = true,
		.sni = "mx.example.com", .chain_length = 2,
		.chain_good = true, .name_good = true,
		.name_matched = "mx.example.com" };
	*c = (struct cert_facts){ .subject = copy("CN=mx.example.com"),
		.issuer = copy("CN=An authority"),
		.not_before = SCENARIO_NOW - 30 * 86400,
		.not_after = SCENARIO_NOW + 60 * 86400, .key = "RSA",
		.key_bits = 2048, .signature = "RSA-SHA256", .sha256 = SHA,
		.spki_sha256 = SHA };
}

static void host(struct host_facts *h)
{
	*h = (struct host_facts){ .name = "mx.example.com",
		.preference = 10, .dane = DANE_HOST_NO_TLSA,
		.ipv4 = { .asked = true, .status = DNS_FOUND },
		.ipv6 = { .asked = true, .status = DNS_FOUND } };
	h->addresses = calloc(2, sizeof(*h->addresses));
	CU_ASSERT_PTR_NOT_NULL_FATAL(h->addresses);
	h->n = 2;
	netaddr_parse("192.0.2.25", &h->addresses[0].addr);
	netaddr_parse("2001:db8::25", &h->addresses[1].addr);
	for (size_t i = 0; i < 2; i++) {
		h->addresses[i].port = 25;
		probe(&h->addresses[i].first);
	}
}

void scenario_plain(struct check_facts *f)
{
	*f = (struct check_facts){ .started = SCENARIO_NOW,
		.validation = DNS_VALIDATION_WORKS, .port25 = ANSWER_YES,
		.ehlo = "me.example", .resolver = "127.0.0.1",
		.mx = MX_FOUND, .mx_status = DNS_FOUND, .mx_secure = true,
		.dane_asked = true, .dane = DANE_NONE, .sts_asked = true,
		.sts = MTASTS_ABSENT, .sts_error = MTASTS_E_NO_RECORD,
		.tlsrpt = TLSRPT_ABSENT };
	CU_ASSERT(check_target_domain("example.com", &f->target, NULL, 0));
	f->hosts = calloc(1, sizeof(*f->hosts));
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->hosts);
	f->n = 1;
	host(&f->hosts[0]);
}

void scenario_good(struct check_facts *f)
{
	scenario_plain(f);
	f->sts = MTASTS_FOUND;
	f->sts_error = MTASTS_OK;
	f->sts_mode = MTASTS_ENFORCE;
	f->sts_max_age = 31 * 86400;
	snprintf(f->sts_id, sizeof(f->sts_id), "1");
	CU_ASSERT(strv_add(&f->sts_mx, "mx.example.com"));
	f->tlsrpt = TLSRPT_FOUND;
	CU_ASSERT(strv_add(&f->tlsrpt_rua, "mailto:tls@example.com"));
}

void scenario_each(struct check_facts *f, scenario_fn *fn)
{
	for (size_t i = 0; i < f->hosts[0].n; i++) {
		struct address_facts *a = &f->hosts[0].addresses[i];

		fn(&a->first);
		if (a->second_kind == SECOND_RETRY)
			fn(&a->second);
	}
}

void scenario_dane(struct check_facts *f, unsigned usage, bool matches)
{
	struct host_facts *h = &f->hosts[0];

	f->dane = DANE_ALL;
	h->dane = DANE_HOST_USABLE;
	snprintf(h->base, sizeof(h->base), "%s", h->name);
	h->tlsa = calloc(1, sizeof(*h->tlsa));
	CU_ASSERT_PTR_NOT_NULL_FATAL(h->tlsa);
	h->tlsa_n = 1;
	h->tlsa[0] = (struct tlsa_fact){ .text = copy("3 1 1 " SHA),
		.data = calloc(1, 35), .len = 35, .use = TLSA_COUNTS,
		.matches = matches ? ANSWER_YES : ANSWER_NO };
	CU_ASSERT_PTR_NOT_NULL_FATAL(h->tlsa[0].data);
	h->tlsa[0].data[0] = (unsigned char)usage;
	for (size_t i = 0; i < h->n; i++) {
		struct probe_tls *t = &h->addresses[i].first.tls;

		t->dane = matches ? ANSWER_YES : ANSWER_NO;
		if (matches)
			snprintf(t->dane_record, sizeof(t->dane_record),
			    "%s", h->tlsa[0].text);
	}
}

static void without(struct probe_facts *p)
{
	probe_facts_clear(p);
	p->stages[STAGE_CONNECT].state = STAGE_OK;
	p->stages[STAGE_GREETING].state = STAGE_OK;
	p->stages[STAGE_HELLO].state = STAGE_OK;
	p->stages[STAGE_HELLO].reply = copy("250-mx\n250 SIZE 1");
	p->stages[STAGE_STARTTLS].state = STAGE_FAILED;
	p->stages[STAGE_STARTTLS].reply = copy("500 what");
	p->stages[STAGE_STARTTLS].code = 500;
	p->offered = p->accepted = ANSWER_NO;
	p->sent_anyway = true;
}

void scenario_no_starttls(struct check_facts *f)
{
	for (size_t i = 0; i < f->hosts[0].n; i++) {
		struct address_facts *a = &f->hosts[0].addresses[i];

		without(&a->first);
		a->second_kind = SECOND_RETRY;
		without(&a->second);
	}
}

void scenario_list(const struct findings *findings, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *one = &findings->v[i];
		char word[80];

		if (one->status == CHECK_OK)
			continue;
		snprintf(word, sizeof(word), "%s=%s", one->info->id,
		    check_status_name(one->status));
		if (!strstr(out, word))
			n += (size_t)snprintf(out + n, size - n, "%s%s",
			    n ? " " : "", word);
	}
}
