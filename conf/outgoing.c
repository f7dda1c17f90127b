/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/outgoing.h"

#include "policy/partners.h"

/* The result of a lookup that says "no policy" is better than none for who
 * cannot wait, that long: a policy host that never answers costs one
 * delivery attempt, and not every one after five minutes. */
#define KNOWN_BEFORE (24 * 3600)

static enum tlspolicy_sts mode_of(const struct record *rec)
{
	switch (rec->mode) {
	case MTASTS_NONE:
		return STS_MODE_NONE;
	case MTASTS_TESTING:
		return STS_MODE_TESTING;
	case MTASTS_ENFORCE:
		break;
	}
	return STS_MODE_ENFORCE;
}

static bool had_no_policy(const struct outgoing_known *k)
{
	return k->rec && k->rec->kind == RECORD_NEGATIVE &&
	    k->now < k->rec->checked + KNOWN_BEFORE;
}

static enum tlspolicy_sts sts_fact(const struct outgoing_known *k)
{
	switch (fresh_standing(k->rec, k->now)) {
	case STANDING_POLICY:
		return mode_of(k->rec);
	case STANDING_NO_POLICY:
		return STS_NO_POLICY;
	case STANDING_UNKNOWN:
		break;
	}
	if (k->sts_given_up || (k->out_of_time && had_no_policy(k)))
		return STS_NO_POLICY;
	return STS_UNKNOWN;
}

static enum tlspolicy_dane outcome_fact(enum dane_outcome outcome)
{
	switch (outcome) {
	case DANE_ALL:
		return DANE_FACT_ALL;
	case DANE_SOME:
		return DANE_FACT_SOME;
	case DANE_NONE:
	case DANE_NULL_MX:
		return DANE_FACT_NONE;
	case DANE_ERROR:
		break;
	}
	return DANE_FACT_ERROR;
}

/* True when the record says something now. */
static bool dane_is_known(const struct outgoing_known *k)
{
	switch (danerec_standing(k->dane, k->now)) {
	case DANEREC_HOLDS:
		return true;
	case DANEREC_STALE:
		return k->out_of_time;
	case DANEREC_UNKNOWN:
		break;
	}
	return false;
}

/* DANE takes part unless answers are not validated, or cannot be kept:
 * neither may stop mail (design §7). */
static void set_dane(const struct outgoing_known *k,
    struct tlspolicy_options *o, struct tlspolicy_facts *f)
{
	bool known = dane_is_known(k);

	o->dane_works = k->dane_works;
	f->dane = DANE_FACT_UNKNOWN;
	if (k->hop->port == 0) {
		/* A service nobody knows has no TLSA records to ask for. */
		f->dane = DANE_FACT_NONE;
	} else if (known && k->dane->validated) {
		f->dane = outcome_fact(k->dane->outcome);
		f->null_mx = k->dane->outcome == DANE_NULL_MX;
	} else if (known || k->dane_given_up) {
		o->dane_works = false;
	}
}

static void set_record(const struct outgoing_known *k,
    struct tlspolicy_facts *f)
{
	f->sts = sts_fact(k);
	if (!k->rec)
		return;
	f->patterns = k->rec->patterns;
	f->text = k->rec->text;
	f->null_mx |= k->rec->mx_known && k->rec->null_mx &&
	    fresh_standing(k->rec, k->now) != STANDING_UNKNOWN;
}

static bool has_mail_hosts(const struct nexthop *hop)
{
	return hop->kind == NEXTHOP_DOMAIN || hop->kind == NEXTHOP_HOST;
}

bool outgoing_is_fixed(const struct conf *conf, const struct nexthop *hop,
    const struct partner *partner)
{
	return !has_mail_hosts(hop) ||
	    conf_destination_find(conf, hop, NULL) ||
	    conf_hosted(conf, hop->domain) ||
	    (partner && partner->mode == PARTNER_ENFORCE && *partner->mx);
}

void outgoing_decide(const struct conf *conf, enum tls_dialect dialect,
    const struct outgoing_known *k, struct buf *out,
    struct outgoing_answer *answer_r)
{
	struct tlspolicy_options o = {
		.dialect = dialect,
		.version = conf->postfix.version,
		.dane = conf->postfix.dane,
		.default_may = conf->postfix.default_level ==
		    TLS_LEVEL_MAY,
		.outage_temp = conf->postfix.outage_temp,
	};
	struct tlspolicy_facts f = {
		.hop = k->hop,
		.override = conf_destination_find(conf, k->hop, NULL),
		.partner = k->partner,
		.hosted = *k->hop->domain &&
		    conf_hosted(conf, k->hop->domain) != NULL,
		.outage = k->outage,
	};
	bool fixed = outgoing_is_fixed(conf, k->hop, k->partner);

	set_dane(k, &o, &f);
	set_record(k, &f);
	*answer_r = (struct outgoing_answer){ .learn_sts = false };
	tlspolicy_decide(&o, &f, out, &answer_r->tls);
	if (fixed)
		return;
	answer_r->learn_sts = !k->rec ||
	    fresh_due(k->rec, k->now) != FRESH_NOTHING;
	o.dane_works = k->dane_works;
	answer_r->learn_dane = tlspolicy_wants_dane(&o) &&
	    k->hop->port != 0 && danerec_is_due(k->dane, k->now);
}
