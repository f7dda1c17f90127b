/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/gather-internal.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a certificate or key that are shown; every digest is whole. */
#define SHOWN_WHOLE 64
#define SHOWN_CUT 50

/* ---- MX ---------------------------------------------------------------- */

static void remove_host(struct check_facts *f, size_t i)
{
	f->n--;
	memmove(&f->hosts[i], &f->hosts[i + 1],
	    (f->n - i) * sizeof(f->hosts[0]));
}

/* True if the host is there already with no worse a preference. */
static bool has_better(struct check_facts *f, const struct dns_record *mx)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->hosts[i].name, mx->data) != 0)
			continue;
		if (f->hosts[i].preference <= mx->priority)
			return true;
		remove_host(f, i);
		break;
	}
	return false;
}

/* By preference, then by name, as servers turn their answers round. */
static bool comes_after(const struct host_facts *h,
    const struct dns_record *mx)
{
	if (h->preference != mx->priority)
		return h->preference > mx->priority;
	return strcmp(h->name, mx->data) > 0;
}

static void add_host(struct check_facts *f, const struct dns_record *mx,
    size_t max)
{
	size_t i = f->n;
	struct netaddr addr;

	while (i > 0 && comes_after(&f->hosts[i - 1], mx))
		i--;
	if (f->n == max) {
		f->mx_cut = true;
		if (i == f->n)
			return;
		f->n--;
	}
	memmove(&f->hosts[i + 1], &f->hosts[i],
	    (f->n - i) * sizeof(f->hosts[0]));
	f->hosts[i] = (struct host_facts){
		.preference = mx->priority,
		.is_literal = netaddr_parse(mx->data, &addr),
	};
	snprintf(f->hosts[i].name, sizeof(f->hosts[i].name), "%s", mx->data);
	f->n++;
}

bool gather_mx_hosts(const struct dns_answer *a, size_t max,
    struct check_facts *f)
{
	size_t null = 0;

	for (size_t i = 0; i < a->n; i++)
		null += a->records[i].len == 0;
	if (a->n > 0 && null == a->n) {
		f->mx = MX_NULL;
		return true;
	}
	f->mx = MX_FOUND;
	f->null_and_others = null > 0;
	f->mx_cut = a->truncated;
	f->hosts = calloc(max, sizeof(f->hosts[0]));
	if (!f->hosts)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->records[i].len > 0 && !has_better(f, &a->records[i]))
			add_host(f, &a->records[i], max);
	return true;
}

/* ---- addresses --------------------------------------------------------- */

static int compare(const struct netaddr *a, const struct netaddr *b)
{
	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	return memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16);
}

static void add_address(struct host_facts *h, const struct netaddr *addr,
    unsigned port)
{
	size_t i = h->n;
	int order = 1;

	while (i > 0 &&
	    (order = compare(addr, &h->addresses[i - 1].addr)) < 0)
		i--;
	if ((i > 0 && order == 0) || h->n == GATHER_ADDRESSES_MAX)
		return;
	memmove(&h->addresses[i + 1], &h->addresses[i],
	    (h->n - i) * sizeof(h->addresses[0]));
	h->addresses[i] = (struct address_facts){
		.addr = *addr, .port = port,
	};
	h->n++;
}

bool gather_addresses(const struct dns_answer *a, unsigned port,
    struct host_facts *h)
{
	if (a->n == 0)
		return true;
	if (!h->addresses)
		h->addresses = calloc(GATHER_ADDRESSES_MAX,
		    sizeof(h->addresses[0]));
	if (!h->addresses)
		return false;
	for (size_t i = 0; i < a->n; i++)
		add_address(h, &a->records[i].addr, port);
	return true;
}

/* ---- TLSA -------------------------------------------------------------- */

/* What is no record is shown as RFC 3597 §5 writes unknown data. */
static char *shown_text(const struct dns_record *r)
{
	struct tlsa t = { .data = (const unsigned char *)r->data,
		.len = r->len };
	char hex[2 * SHOWN_WHOLE + 1];
	struct buf b;
	size_t shown;

	buf_init(&b, 2 * SHOWN_WHOLE + 64);
	if (tlsa_read(r->data, r->len, &t))
		buf_addf(&b, "%u %u %u ", t.usage, t.selector, t.mtype);
	else
		buf_addf(&b, "\\# %zu ", r->len);
	shown = t.len > SHOWN_WHOLE ? SHOWN_CUT : t.len;
	str_hex(t.data, shown, hex);
	buf_adds(&b, hex);
	if (shown < t.len)
		buf_adds(&b, "...");
	return buf_steal(&b);
}

static int by_text(const void *a, const void *b)
{
	const struct tlsa_fact *x = a, *y = b;

	return strcmp(x->text, y->text);
}

bool gather_tlsa(const struct dns_answer *a, struct host_facts *h)
{
	enum tlsa_use use[DNS_RECORDS_MAX];
	size_t n = a->n < DNS_RECORDS_MAX ? a->n : DNS_RECORDS_MAX;

	h->tlsa = calloc(n ? n : 1, sizeof(h->tlsa[0]));
	if (!h->tlsa)
		return false;
	tlsa_judge_set(a->records, n, use);
	for (size_t i = 0; i < n; i++) {
		struct tlsa_fact *t = &h->tlsa[h->tlsa_n++];

		t->use = use[i];
		t->text = shown_text(&a->records[i]);
		t->len = a->records[i].len;
		t->data = malloc(t->len + 1);
		if (!t->text || !t->data)
			return false;
		if (t->len)
			memcpy(t->data, a->records[i].data, t->len);
	}
	qsort(h->tlsa, h->tlsa_n, sizeof(h->tlsa[0]), by_text);
	return true;
}

/* The record OpenSSL tells of. */
static bool is_record(const struct tlsa_fact *t, const char *record)
{
	char text[TLSA_TEXT_SIZE];
	struct tlsa r;

	if (!tlsa_read(t->data, t->len, &r))
		return false;
	tlsa_text(&r, text);
	return strcmp(text, record) == 0;
}

static bool equals_hex(const struct tlsa *t, const char *hex)
{
	char own[2 * SHOWN_WHOLE + 1];

	if (t->len > SHOWN_WHOLE)
		return false;
	str_hex(t->data, t->len, own);
	return strcmp(own, hex) == 0;
}

/*
 * OpenSSL stops at the first record that matches: those for the server's
 * own certificate first, then those for a CA. So of the others only what
 * can be compared here is known: to say "no" of a record that is as good
 * would be told as a fault.
 */
static enum check_answer match_other(const struct tlsa_fact *t,
    const struct probe_tls *tls)
{
	struct tlsa r;

	if (!tlsa_read(t->data, t->len, &r))
		return ANSWER_UNKNOWN;
	if (r.usage == TLSA_DANE_EE && tls->dane_record[0] == '2')
		return ANSWER_NO;
	if (r.usage != TLSA_DANE_EE || r.mtype != TLSA_SHA256)
		return ANSWER_UNKNOWN;
	return equals_hex(&r, r.selector == TLSA_SPKI ?
	    tls->cert.spki_sha256 : tls->cert.sha256) ? ANSWER_YES :
	    ANSWER_NO;
}

static void match_one(struct tlsa_fact *t, const struct probe_facts *p)
{
	enum check_answer a = ANSWER_UNKNOWN;

	if (!p->has_tls || t->use != TLSA_COUNTS)
		return;
	switch (p->tls.dane) {
	case ANSWER_UNKNOWN:
		return;
	case ANSWER_NO:
		a = ANSWER_NO;
		break;
	case ANSWER_YES:
		a = is_record(t, p->tls.dane_record) ? ANSWER_YES :
		    match_other(t, &p->tls);
		break;
	}
	/* Yes beats no, which beats unknown. */
	if (a > t->matches)
		t->matches = a;
}

void gather_match_tlsa(struct host_facts *h)
{
	for (size_t i = 0; i < h->tlsa_n; i++)
		for (size_t j = 0; j < h->n; j++) {
			match_one(&h->tlsa[i], &h->addresses[j].first);
			match_one(&h->tlsa[i], &h->addresses[j].second);
		}
}

/* ---- the second connection --------------------------------------------- */

bool gather_said_421(const struct probe_facts *p)
{
	for (size_t i = 0; i < STAGES; i++)
		if (p->stages[i].code == 421)
			return true;
	return false;
}

static bool any_unknown(const struct probe_facts *p)
{
	for (size_t i = 0; i < STAGES; i++)
		if (p->stages[i].state == STAGE_UNKNOWN)
			return true;
	return false;
}

/*
 * A server that cannot be reached, that refuses us or has no time is not
 * asked twice; what was not good is, as some hosts are several, which do
 * not agree; and a good one is asked what it shows senders without SNI.
 */
int gather_second_kind(const struct probe_facts *first, bool implicit)
{
	const struct stage *greeting = &first->stages[STAGE_GREETING];

	if (first->stages[STAGE_CONNECT].state != STAGE_OK ||
	    gather_said_421(first))
		return SECOND_NONE;
	if (greeting->state == STAGE_FAILED || greeting->code / 100 == 4)
		return SECOND_NONE;
	if (any_unknown(first) || !first->has_tls ||
	    first->stages[STAGE_HANDSHAKE].state == STAGE_FAILED)
		return SECOND_RETRY;
	if (!implicit && (first->offered != ANSWER_YES ||
	    first->accepted != ANSWER_YES))
		return SECOND_RETRY;
	return *first->tls.sni ? SECOND_NO_SNI : SECOND_NONE;
}
