/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/require.h"

#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* TV-10: the texts Postfix and Sendmail have from OpenSSL. */
static const struct {
	const char *text;
	int rank;
} versions[] = {
	{ "TLSv1.3", 13 },
	{ "TLSv1.2", 12 },
	{ "TLSv1.1", 11 },
	{ "TLSv1", 10 },
	{ "TLSv1.0", 10 },
	{ "SSLv3", 3 },
	{ "SSLv2", 2 },
};

int tls_version_rank(const char *version)
{
	for (size_t i = 0; version && i < COUNT(versions); i++)
		if (str_ieq(version, versions[i].text))
			return versions[i].rank;
	return 0;
}

static enum judged judge_bool(bool met)
{
	return met ? JUDGED_MET : JUDGED_UNMET;
}

static enum judged judge_version(const struct tls_facts *tls, int least)
{
	int rank = tls_version_rank(tls->version);

	return rank == 0 ? JUDGED_UNKNOWN : judge_bool(rank >= least);
}

static enum judged judge_tls12(const struct rule *rule,
    const struct tls_facts *tls)
{
	if (rule->require != REQUIRE_TLS12)
		return JUDGED_MET;
	return judge_version(tls, 12);
}

static enum judged judge_tls13(const struct rule *rule,
    const struct tls_facts *tls)
{
	if (rule->require != REQUIRE_TLS13)
		return JUDGED_MET;
	return judge_version(tls, 13);
}

static enum judged judge_bits(const struct rule *rule,
    const struct tls_facts *tls)
{
	if (rule->min_bits <= 0)
		return JUDGED_MET;
	if (tls->bits <= 0)
		return JUDGED_UNKNOWN;
	return judge_bool(tls->bits >= rule->min_bits);
}

/* True when pattern is the whole cipher name or one of its parts:
 * "ECDHE-RSA-RC4-SHA" and "TLS_RSA_WITH_RC4_128_SHA" have the part RC4. */
static bool cipher_has(const char *cipher, const char *pattern)
{
	size_t len = strlen(pattern);

	if (str_ieq(cipher, pattern))
		return true;
	while (*cipher) {
		size_t part = strcspn(cipher, "-_");

		if (part == len && str_ieq_n(cipher, pattern, len))
			return true;
		cipher += part + (cipher[part] != '\0');
	}
	return false;
}

static enum judged judge_cipher(const struct rule *rule,
    const struct tls_facts *tls)
{
	if (rule->deny_cipher.n == 0)
		return JUDGED_MET;
	if (!tls->cipher || !*tls->cipher)
		return JUDGED_UNKNOWN;
	for (size_t i = 0; i < rule->deny_cipher.n; i++)
		if (cipher_has(tls->cipher, rule->deny_cipher.v[i]))
			return JUDGED_UNMET;
	return JUDGED_MET;
}

static enum judged judge_verified_state(const struct tls_facts *tls)
{
	if (tls->verify == VERIFY_UNAVAILABLE)
		return JUDGED_UNKNOWN;
	return judge_bool(tls->verify == VERIFY_OK);
}

static enum judged judge_verified(const struct rule *rule,
    const struct tls_facts *tls)
{
	if (rule->require != REQUIRE_VERIFIED)
		return JUDGED_MET;
	return judge_verified_state(tls);
}

/*
 * Find the CN in a subject: Postfix gives the bare CN, Sendmail the whole
 * name as "/CN=…/O=…". The text is not escaped there, so that a subject
 * with a second "/CN=" may hide one in another attribute: it has no CN then.
 */
static size_t find_cn(const char *subject, const char **cn_r)
{
	const char *cn;

	*cn_r = subject;
	if (subject[0] != '/')
		return strlen(subject);
	cn = strstr(subject, "/CN=");
	if (!cn || strstr(cn + 1, "/CN="))
		return 0;
	*cn_r = cn + 4;
	return strcspn(*cn_r, "/");
}

/* pattern is a whole name, or ".example.com" for any name below it. */
static bool name_matches(const char *cn, size_t len, const char *pattern)
{
	size_t want = strlen(pattern);

	if (pattern[0] == '.' && len > want)
		return str_ieq_n(cn + len - want, pattern, want);
	return len == want && len > 0 && str_ieq_n(cn, pattern, len);
}

static enum judged judge_cert_name(const struct rule *rule,
    const struct tls_facts *tls)
{
	enum judged verified = judge_verified_state(tls);
	const char *cn;
	size_t len;

	if (rule->cert_name.n == 0)
		return JUDGED_MET;
	if (verified != JUDGED_MET)
		return verified;
	if (!tls->cert_subject || !*tls->cert_subject)
		return JUDGED_UNKNOWN;
	len = find_cn(tls->cert_subject, &cn);
	for (size_t i = 0; i < rule->cert_name.n; i++)
		if (name_matches(cn, len, rule->cert_name.v[i]) ||
		    str_ieq(tls->cert_subject, rule->cert_name.v[i]))
			return JUDGED_MET;
	return JUDGED_UNMET;
}

/* Compare hex digits; colons between them and case do not matter. */
static bool fingerprint_equal(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, ":");
		b += strspn(b, ":");
		if (str_lower(*a) != str_lower(*b))
			return false;
		if (!*a)
			return true;
	}
}

/* A pinned certificate need not be one we trust otherwise. */
static enum judged judge_fingerprint(const struct rule *rule,
    const struct tls_facts *tls)
{
	if (rule->cert_fingerprint.n == 0)
		return JUDGED_MET;
	if (tls->verify == VERIFY_NONE)
		return JUDGED_UNMET;
	if (!tls->cert_fingerprint)
		return JUDGED_UNKNOWN;
	for (size_t i = 0; *tls->cert_fingerprint &&
	    i < rule->cert_fingerprint.n; i++)
		if (fingerprint_equal(tls->cert_fingerprint,
			rule->cert_fingerprint.v[i]))
			return JUDGED_MET;
	return JUDGED_UNMET;
}

/* Each answers "met" when the rule does not ask. The order decides which
 * of several shortcomings is named. */
static const struct check {
	const char *what;
	enum unmet unmet;
	enum judged (*judge)(const struct rule *rule,
	    const struct tls_facts *tls);
} checks[] = {
	{ "tls1.2", UNMET_WEAK, judge_tls12 },
	{ "tls1.3", UNMET_WEAK, judge_tls13 },
	{ "min_bits", UNMET_WEAK, judge_bits },
	{ "deny_cipher", UNMET_WEAK, judge_cipher },
	{ "verified", UNMET_CERTIFICATE, judge_verified },
	{ "cert_name", UNMET_CERTIFICATE, judge_cert_name },
	{ "cert_fingerprint", UNMET_CERTIFICATE, judge_fingerprint },
};

bool require_is_about_certificate(const char *what)
{
	for (size_t i = 0; what && i < COUNT(checks); i++)
		if (strcmp(what, checks[i].what) == 0)
			return checks[i].unmet == UNMET_CERTIFICATE;
	return false;
}

static const struct judgement met = { JUDGED_MET, UNMET_NOTHING, NULL };

/* The version a partner list asks for. */
static struct judgement judge_least(int least, const struct tls_facts *tls)
{
	enum judged judged = least ? judge_version(tls, least) : JUDGED_MET;

	if (judged == JUDGED_MET)
		return met;
	return (struct judgement){ judged, judged == JUDGED_UNMET ?
		UNMET_WEAK : UNMET_UNKNOWN, least < 13 ? "tls1.2" :
		"tls1.3" };
}

static struct judgement judge_encrypted(const struct rule *rule, int least,
    const struct tls_facts *tls)
{
	struct judgement j = judge_least(least, tls);

	if (j.judged == JUDGED_UNMET)
		return j;
	for (size_t i = 0; i < COUNT(checks); i++) {
		const struct check *c = &checks[i];
		enum judged judged = c->judge(rule, tls);

		if (judged == JUDGED_UNMET)
			return (struct judgement){ judged, c->unmet,
				c->what };
		if (judged == JUDGED_UNKNOWN && j.judged == JUDGED_MET)
			j = (struct judgement){ judged, UNMET_UNKNOWN,
				c->what };
	}
	return j;
}

struct judgement require_judge(const struct rule *rule, int least,
    const struct tls_facts *tls)
{
	static const struct judgement plaintext = { JUDGED_UNMET,
		UNMET_PLAINTEXT, "tls" };
	static const struct judgement unknown = { JUDGED_UNKNOWN,
		UNMET_UNKNOWN, "tls" };

	if (rule_requires_nothing(rule))
		return met;
	if (tls->state == TLS_ENCRYPTED)
		return judge_encrypted(rule, least, tls);
	return tls->state == TLS_PLAINTEXT ? plaintext : unknown;
}
