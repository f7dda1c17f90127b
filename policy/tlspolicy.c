/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/tlspolicy.h"

#include "policy/partners.h"
#include "policy/tlspolicy-internal.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const level_names[] = {
	[TLS_LEVEL_NONE] = "none",
	[TLS_LEVEL_MAY] = "may",
	[TLS_LEVEL_ENCRYPT] = "encrypt",
	[TLS_LEVEL_DANE] = "dane",
	[TLS_LEVEL_DANE_ONLY] = "dane-only",
	[TLS_LEVEL_FINGERPRINT] = "fingerprint",
	[TLS_LEVEL_VERIFY] = "verify",
	[TLS_LEVEL_SECURE] = "secure",
};

const char *tls_level_name(enum tls_level level)
{
	return level_names[level];
}

bool tls_level_parse(const char *name, enum tls_level *level_r)
{
	for (size_t i = 0; i < COUNT(level_names); i++)
		if (strcmp(name, level_names[i]) == 0) {
			*level_r = (enum tls_level)i;
			return true;
		}
	return false;
}

enum tls_dialect tls_dialect_of(const char *map, size_t len)
{
	static const struct {
		const char *name;
		enum tls_dialect dialect;
	} maps[] = {
		{ "QUERY", DIALECT_QUERY },
		{ "QUERYwithTLSRPT", DIALECT_QUERY_TLSRPT },
		{ "sts", DIALECT_SENDMAIL },
	};

	for (size_t i = 0; i < COUNT(maps); i++)
		if (strlen(maps[i].name) == len &&
		    str_ieq_n(map, maps[i].name, len))
			return maps[i].dialect;
	return DIALECT_POSTFIX;
}

/* Read at most two digits; NULL if there are none, or more. */
static const char *read_number(const char *s, unsigned *n_r)
{
	unsigned n = 0, digits = 0;

	for (; str_is_digit(*s) && digits <= 2; s++, digits++)
		n = n * 10 + (unsigned)(*s - '0');
	*n_r = n;
	return digits == 1 || digits == 2 ? s : NULL;
}

bool postfix_version_parse(const char *text, unsigned *version_r)
{
	unsigned major, minor;
	const char *s = read_number(text, &major);

	if (!s || *s != '.')
		return false;
	s = read_number(s + 1, &minor);
	if (!s || (*s != '\0' && *s != '.' && *s != '-'))
		return false;
	*version_r = POSTFIX_VERSION(major, minor);
	return true;
}

bool tlspolicy_wants_dane(const struct tlspolicy_options *o)
{
	if (!o->dane_works || o->dialect == DIALECT_SENDMAIL)
		return false;
	return o->dane || o->dialect != DIALECT_POSTFIX;
}

/* ---- deciding ---------------------------------------------------------- */

static const char cannot_look_up[] = "nothing can be looked up now";

struct decision {
	const struct tlspolicy_options *o;
	const struct tlspolicy_facts *f;
	struct tlspolicy_answer answer;
	struct tlspolicy_text text;	/* SOCKETMAP_OK */
};

/* An entry in mode testing asks for nothing. */
static bool is_on_list(const struct tlspolicy_facts *f)
{
	return f->partner && f->partner->mode == PARTNER_ENFORCE;
}

static void no_answer(struct decision *d, enum socketmap_status status,
    const char *why)
{
	d->answer.status = status;
	d->answer.why = why;
}

static void level(struct decision *d, enum tlspolicy_source source,
    enum tls_level tls, const char *why)
{
	d->answer.status = SOCKETMAP_OK;
	d->answer.source = source;
	d->answer.level = tls;
	d->answer.why = why;
	d->text.level = tls;
	d->text.domain = d->f->hop->domain;
	if (is_on_list(d->f))
		d->text.min_version = d->f->partner->min_version;
}

/* What an administrator has written is the answer, whatever it is. */
static bool by_override(struct decision *d)
{
	const struct tlspolicy_override *ov = d->f->override;
	const char *trouble;

	if (!ov)
		return false;
	trouble = tlspolicy_override_check(ov);
	if (trouble) {
		no_answer(d, SOCKETMAP_TEMP, trouble);
		return true;
	}
	level(d, FROM_OVERRIDE, ov->level, "the destination is configured");
	d->text.override = ov;
	d->text.min_version = 0;
	return true;
}

/* A list that names the mail hosts says all there is to say. */
static bool by_list(struct decision *d)
{
	if (!is_on_list(d->f) || *d->f->partner->mx == '\0')
		return false;
	level(d, FROM_LIST, TLS_LEVEL_SECURE, "a list names its mail hosts");
	d->text.patterns = d->f->partner->mx;
	return true;
}

/* Next hops that have nothing to promise, or nobody to. */
static const char *no_promise(const struct tlspolicy_facts *f)
{
	switch (f->hop->kind) {
	case NEXTHOP_INVALID:
		return "not a next hop with a policy";
	case NEXTHOP_PARENT:	/* STS-A-06 */
		return "a parent domain promises nothing";
	case NEXTHOP_LITERAL:	/* STS-A-07, DANE-L-11 */
		return "an address promises nothing";
	case NEXTHOP_PATH:
		return "a unix socket promises nothing";
	case NEXTHOP_DOMAIN:
	case NEXTHOP_HOST:
		break;
	}
	if (f->hosted)
		return "a domain of ours";
	if (f->null_mx)
		return "the domain takes no mail (null MX)";
	return NULL;
}

/* The first lookup is under way, or nobody is there to do it: then what
 * is known decides alone, unless the administrator prefers to wait. */
static bool not_known(struct decision *d)
{
	if (!d->f->outage) {
		no_answer(d, SOCKETMAP_TEMP, "the lookup is under way");
		d->answer.waits = true;
	} else if (d->o->outage_temp) {
		no_answer(d, SOCKETMAP_TEMP, cannot_look_up);
	} else {
		return false;
	}
	return true;
}

/*
 * DANE outranks MTA-STS where it holds for every MX host (RFC 8461 §2,
 * STS-A-08), so that one is decided without the other; and what cannot be
 * told is no leave to do without it (DANE-A-04, DANE-F-04).
 */
static bool by_dane(struct decision *d)
{
	if (!tlspolicy_wants_dane(d->o))
		return false;
	switch (d->f->dane) {
	case DANE_FACT_ALL:
		level(d, FROM_DANE, TLS_LEVEL_DANE_ONLY,
		    "every MX host has DANE");
		return true;
	case DANE_FACT_ERROR:
		no_answer(d, SOCKETMAP_TEMP, "the lookup of DANE failed");
		return true;
	case DANE_FACT_UNKNOWN:
		return not_known(d);
	case DANE_FACT_NONE:
	case DANE_FACT_SOME:
		break;
	}
	return false;
}

static bool is_blank(const char *list)
{
	while (*list == ' ')
		list++;
	return *list == '\0';
}

/* At least one MX host has no DANE, so an enforce policy wins: at level
 * dane that host would get mail without authentication. */
static bool by_mta_sts(struct decision *d)
{
	if (d->f->sts == STS_UNKNOWN)
		return not_known(d);
	if (d->f->sts != STS_MODE_ENFORCE || !d->f->patterns ||
	    is_blank(d->f->patterns))
		return false;
	level(d, FROM_MTA_STS, TLS_LEVEL_SECURE, "the policy is enforce");
	d->text.patterns = d->f->patterns;
	d->text.policy_text = d->f->text;
	return true;
}

/* Level dane is none and may by turns, so it may not replace a stricter
 * level of main.cf (PF-TP-24), nor what a list asks for. */
static bool by_some_dane(struct decision *d)
{
	if (!tlspolicy_wants_dane(d->o) || d->f->dane != DANE_FACT_SOME ||
	    !d->o->default_may || is_on_list(d->f))
		return false;
	level(d, FROM_DANE, TLS_LEVEL_DANE, "some MX hosts have DANE");
	return true;
}

/* A list without names asks for TLS to whoever answers; Sendmail has no
 * word for that. */
static bool by_bare_list(struct decision *d)
{
	if (!is_on_list(d->f) || d->o->dialect == DIALECT_SENDMAIL)
		return false;
	level(d, FROM_LIST, TLS_LEVEL_ENCRYPT, "a list asks for TLS");
	return true;
}

static const char *why_nothing(const struct tlspolicy_facts *f)
{
	switch (f->sts) {
	case STS_MODE_NONE: return "the policy is none";
	case STS_MODE_TESTING: return "the policy is testing";
	case STS_MODE_ENFORCE: return "the policy names no MX host";
	case STS_UNKNOWN: return cannot_look_up;
	case STS_NO_POLICY: break;
	}
	return "nothing is promised";
}

/* The table of design §8, from the top. */
static void decide(struct decision *d)
{
	static bool (*const steps[])(struct decision *d) = {
		by_dane, by_mta_sts, by_some_dane, by_bare_list,
	};
	const char *why;

	if (by_override(d))
		return;
	why = no_promise(d->f);
	if (why) {
		no_answer(d, SOCKETMAP_NOTFOUND, why);
		return;
	}
	if (by_list(d))
		return;
	for (size_t i = 0; i < COUNT(steps); i++)
		if (steps[i](d))
			return;
	no_answer(d, SOCKETMAP_NOTFOUND, why_nothing(d->f));
}

/* Sendmail has one level, and does DANE by itself (PF-SM-13). What an
 * administrator asks for beyond that must not fail open. */
static void adapt_to_sendmail(struct decision *d)
{
	if (d->answer.status != SOCKETMAP_OK)
		return;
	if (d->text.level <= TLS_LEVEL_MAY ||
	    d->text.level == TLS_LEVEL_DANE)
		no_answer(d, SOCKETMAP_NOTFOUND, d->answer.why);
	else if (d->text.level < TLS_LEVEL_VERIFY)
		no_answer(d, SOCKETMAP_TEMP,
		    "the configured level has no word in Sendmail");
}

void tlspolicy_decide(const struct tlspolicy_options *o,
    const struct tlspolicy_facts *f, struct buf *out,
    struct tlspolicy_answer *answer_r)
{
	struct decision d = { .o = o, .f = f };
	const char *trouble;
	size_t start = out->len;

	decide(&d);
	if (o->dialect == DIALECT_SENDMAIL)
		adapt_to_sendmail(&d);
	if (d.answer.status == SOCKETMAP_OK) {
		trouble = tlspolicy_write(o, &d.text, out);
		if (trouble) {
			buf_cut(out, start);
			no_answer(&d, SOCKETMAP_TEMP, trouble);
		}
	}
	*answer_r = d.answer;
}
