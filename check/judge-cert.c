/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "check/judge-internal.h"
#include "util/str.h"

#define DAY 86400

static struct finding *say(struct judge *j, const char *id,
    enum check_status status, const char *text)
{
	return findings_add(j->out, id, status, j->h, j->a, "%s", text);
}

/* ---- time -------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A renewal is due when a third is left: a warning there would come and go
 * every time, so less than a quarter. */
enum check_status judge_expiry(const struct cert_facts *c, int64_t now,
    char *text, size_t size)
{
	int64_t life = c->not_after - c->not_before;
	int64_t left = c->not_after - now;
	char time[JUDGE_TIME_SIZE];

	if (c->not_before > now) {
		snprintf(text, size, "is valid only in %s",
		    judge_time_text(c->not_before - now, time));
		return CHECK_FAIL;
	}
	if (left <= 0) {
		snprintf(text, size, "expired %s ago",
		    judge_time_text(-left, time));
		return CHECK_FAIL;
	}
	snprintf(text, size, "ends in %s", judge_time_text(left, time));
	if (left < least(3 * DAY, life / 8))
		return CHECK_FAIL;
	return left < least(30 * DAY, life / 4) ? CHECK_WARN : CHECK_OK;
}

static void judge_validity(struct judge *j)
{
	const struct probe_tls *t = &j->p->tls;
	char text[128];
	enum check_status status = judge_expiry(&t->cert, j->f->started,
	    text, sizeof(text));
	enum check_status worst = judge_pkix(j);

	/* The time counts for DANE-TA, not for DANE-EE (RFC 7672 §3.1). */
	if (j->promise == CHECK_PROMISE_DANE && host_facts_has_ta(j->h))
		worst = CHECK_FAIL;
	/* What nobody relies on is no more than information. */
	if (status > worst)
		status = worst;
	findings_add(j->out, "cert.expiry", status, j->h, j->a,
	    "the certificate %s", text);
}

/* ---- PKIX -------------------------------------------------------------- */

static void judge_chain(struct judge *j)
{
	const struct probe_tls *t = &j->p->tls;
	bool leaf_is_over = t->cert.not_after <= j->f->started ||
	    t->cert.not_before > j->f->started;
	struct finding *one;

	if (t->chain_good) {
		say(j, "cert.chain", CHECK_OK,
		    "leads to an authority that is trusted here");
		return;
	}
	/* That is what cert.expiry says. */
	if (t->chain_expired && leaf_is_over)
		return;
	one = say(j, "cert.chain", judge_pkix(j), t->chain_error);
	judge_evidence(j, one, "subject %s", t->cert.subject);
	judge_evidence(j, one, "issuer  %s", t->cert.issuer);
	if (t->chain_length == 1 && !t->cert.self_signed)
		judge_evidence(j, one, "the server sent no intermediate "
		    "certificate");
}

static void judge_cert_name(struct judge *j)
{
	const struct probe_tls *t = &j->p->tls;
	struct finding *one;
	struct netaddr addr;

	/* A target that is an address has no name. */
	if (netaddr_parse(j->h->name, &addr))
		return;
	if (t->name_good) {
		findings_add(j->out, "cert.name", CHECK_OK, j->h, j->a,
		    "the certificate names %s", t->name_matched);
		return;
	}
	one = findings_add(j->out, "cert.name", judge_pkix(j), j->h, j->a,
	    t->name_in_cn ? "the certificate names %s only as its common "
	    "name" : "the certificate does not name %s", j->h->name);
	for (size_t i = 0; i < t->cert.names.n && i < 5; i++)
		judge_evidence(j, one, "DNS:%s", t->cert.names.v[i]);
	if (t->cert.names.n > 5)
		judge_evidence(j, one, "and %zu more", t->cert.names.n - 5);
	if (t->cert.names.n == 0)
		judge_evidence(j, one, "subject %s", t->cert.subject);
}

/* ---- DANE -------------------------------------------------------------- */

static void judge_match(struct judge *j)
{
	const struct probe_tls *t = &j->p->tls;
	const char *base = *j->h->base ? j->h->base : j->h->name;
	struct finding *one;

	if (j->promise != CHECK_PROMISE_DANE || t->dane == ANSWER_UNKNOWN)
		return;
	if (t->dane == ANSWER_YES) {
		one = findings_add(j->out, "dane.match", CHECK_OK, j->h,
		    j->a, "TLSA %.20s... matches at depth %d",
		    t->dane_record, t->dane_depth);
		judge_evidence(j, one, "%s", t->dane_record);
		return;
	}
	one = say(j, "dane.mismatch", CHECK_FAIL,
	    "none of the TLSA records fits the certificate");
	for (size_t i = 0; i < j->h->tlsa_n; i++)
		if (j->h->tlsa[i].use == TLSA_COUNTS)
			judge_evidence(j, one, "TLSA %s",
			    j->h->tlsa[i].text);
	judge_evidence(j, one, "seen 3 1 1 %s", t->cert.spki_sha256);
	judge_fix(j, one, "_%u._tcp.%s. IN TLSA 3 1 1 %s", j->a->port, base,
	    t->cert.spki_sha256);
}

/* ---- strength ---------------------------------------------------------- */

static bool is_weak_key(const struct cert_facts *c)
{
	if (str_starts(c->key, "RSA") || str_starts(c->key, "DSA"))
		return c->key_bits < 2048;
	return str_starts(c->key, "EC") && c->key_bits < 224;
}

static void judge_strength(struct judge *j)
{
	const struct cert_facts *c = &j->p->tls.cert;

	findings_add(j->out, "cert.key", is_weak_key(c) ? judge_tls(j) :
	    CHECK_OK, j->h, j->a, "%s, %u bits", c->key, c->key_bits);
	/* Its own signature proves nothing anyway. */
	if (c->self_signed)
		return;
	if (!strstr(c->signature, "MD5") && !strstr(c->signature, "SHA1"))
		return;
	/* OpenSSL 3 does not verify it at the level programs have. */
	findings_add(j->out, "cert.signature", judge_pkix(j) == CHECK_FAIL ?
	    CHECK_FAIL : CHECK_WARN, j->h, j->a, "%s", c->signature);
}

/* ---- without SNI ------------------------------------------------------- */

static void judge_no_sni(struct judge *j)
{
	const struct probe_facts *p = &j->a->second;
	enum check_status status;

	if (j->a->second_kind != SECOND_NO_SNI ||
	    p->stages[STAGE_HANDSHAKE].state == STAGE_SKIPPED ||
	    p->stages[STAGE_HANDSHAKE].state == STAGE_UNKNOWN)
		return;
	status = judge_is_firm(j) || !j->is_relay ? CHECK_WARN : CHECK_INFO;
	if (!p->has_tls)
		findings_add(j->out, "cert.no-sni", status, j->h, j->a,
		    "the handshake fails without a server name: %s",
		    p->stages[STAGE_HANDSHAKE].detail);
	else if (strcmp(p->tls.cert.sha256, j->p->tls.cert.sha256) == 0)
		say(j, "cert.no-sni", CHECK_OK,
		    "the same certificate without a server name");
	else
		findings_add(j->out, "cert.no-sni",
		    (p->tls.name_good || !j->p->tls.name_good) &&
		    (p->tls.chain_good || !j->p->tls.chain_good) &&
		    (p->tls.dane == ANSWER_YES ||
		    j->p->tls.dane != ANSWER_YES) ? CHECK_INFO : status,
		    j->h, j->a, "another certificate without a server name: "
		    "%s", p->tls.cert.subject);
}

void judge_cert(struct judge *j)
{
	if (!*j->p->tls.cert.sha256) {
		say(j, "cert.chain", judge_pkix(j), "no certificate");
		return;
	}
	judge_chain(j);
	judge_cert_name(j);
	judge_validity(j);
	judge_match(j);
	judge_strength(j);
	judge_no_sni(j);
}
