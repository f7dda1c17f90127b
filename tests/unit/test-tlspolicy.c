/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers to Postfix and Sendmail (PF-TP, PF-SM, design §8). */
#include "config.h"

#include "policy/tlspolicy.h"

#include "policy/partners.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define MX "mx1.example.com *.mail.example.com"
#define TEXT "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\n" \
	"mx: *.mail.example.com\r\nmax_age: 86400\r\n"

/* What a case says of the world; all zero is Postfix 3.7 asking for
 * example.com, of which nothing is known, with DANE off. */
struct setting {
	const char *map, *version, *key;
	bool dane;		/* on, and the resolver is fit for it */
	bool no_ad;		/* … and is not */
	bool strict;		/* default_level is not may */
	bool outage, outage_temp;
	bool hosted, null_mx;
	enum tlspolicy_sts sts;
	const char *patterns, *text;
	enum tlspolicy_dane dane_fact;
	const char *level;	/* of an override; NULL: none */
	const char *match[4];
	const struct partner *partner;
};

static void set_up(const char *label, const struct setting *s,
    struct tlspolicy_options *o_r, struct nexthop *hop_r,
    struct tlspolicy_override *ov_r, struct tlspolicy_facts *f_r)
{
	const char *map = s->map ? s->map : "postfix";
	const char *key = s->key ? s->key : "example.com";

	*o_r = (struct tlspolicy_options){
		.dialect = tls_dialect_of(map, strlen(map)),
		.dane = s->dane, .dane_works = !s->no_ad,
		.default_may = !s->strict, .outage_temp = s->outage_temp,
	};
	CHECK_CASE(label, postfix_version_parse(
	    s->version ? s->version : "3.7", &o_r->version));
	nexthop_parse(key, strlen(key), hop_r);
	*ov_r = (struct tlspolicy_override){ .match = s->match };
	while (s->match[ov_r->match_n])
		ov_r->match_n++;
	if (s->level)
		CHECK_CASE(label, tls_level_parse(s->level, &ov_r->level));
	*f_r = (struct tlspolicy_facts){
		.hop = hop_r, .override = s->level ? ov_r : NULL,
		.partner = s->partner,
		.hosted = s->hosted, .null_mx = s->null_mx,
		.outage = s->outage, .sts = s->sts,
		.patterns = s->patterns ? s->patterns : MX,
		.text = s->text ? s->text : TEXT, .dane = s->dane_fact,
	};
}

/* "OK value", "NOTFOUND why" or "TEMP why". */
static void answer(const char *label, const struct setting *s,
    struct buf *got)
{
	static const char *const words[] = {
		[SOCKETMAP_OK] = "OK", [SOCKETMAP_NOTFOUND] = "NOTFOUND",
		[SOCKETMAP_TEMP] = "TEMP",
	};
	struct tlspolicy_options o;
	struct tlspolicy_facts f;
	struct tlspolicy_answer a;
	struct tlspolicy_override ov;
	struct nexthop hop;
	struct buf value;

	set_up(label, s, &o, &hop, &ov, &f);
	buf_init(&value, 2 * SOCKETMAP_REPLY_MAX);
	tlspolicy_decide(&o, &f, &value, &a);
	buf_adds(got, words[a.status]);
	buf_addc(got, ' ');
	buf_adds(got, a.status == SOCKETMAP_OK ? buf_str(&value) : a.why);
	CHECK_CASE(label, (a.status == SOCKETMAP_OK) == (value.len > 0));
	CHECK_CASE(label, a.status == SOCKETMAP_OK || !value.failed);
	CHECK_CASE(label, a.why && *a.why);
	buf_clear(&value);
}

struct row {
	const char *label;
	struct setting s;
	const char *want;
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf got;

		buf_init(&got, 3 * SOCKETMAP_REPLY_MAX);
		answer(rows[i].label, &rows[i].s, &got);
		CHECK_CASE_STR(rows[i].label, buf_str(&got), rows[i].want);
		buf_clear(&got);
	}
}

#define SECURE "OK secure match=mx1.example.com:.mail.example.com " \
	"servername=hostname"
#define UNDER_WAY "TEMP the lookup is under way"
#define NOTHING "NOTFOUND nothing is promised"

/* ---- the table of design §8 -------------------------------------------- */

static void without_dane(void)
{
	static const struct row rows[] = {
		{ "PF-TP-15: enforce", { .sts = STS_MODE_ENFORCE }, SECURE },
		{ "STS-A-02 PF-TP-23: testing", { .sts = STS_MODE_TESTING },
		    "NOTFOUND the policy is testing" },
		{ "STS-A-03 PF-TP-24: none", { .sts = STS_MODE_NONE },
		    "NOTFOUND the policy is none" },
		{ "PF-TP-24: no policy", { .sts = STS_NO_POLICY }, NOTHING },
		{ "the first lookup runs", { .sts = STS_UNKNOWN }, UNDER_WAY },
		{ "DANE is off: its facts are not read",
		    { .sts = STS_MODE_ENFORCE, .dane_fact = DANE_FACT_ALL },
		    SECURE },
		{ "DANE is off: nor its errors",
		    { .sts = STS_NO_POLICY, .dane_fact = DANE_FACT_ERROR },
		    NOTHING },
		{ "DANE-F-03: the resolver Postfix uses is not fit", {
		    .dane = true, .no_ad = true, .sts = STS_MODE_ENFORCE,
		    .dane_fact = DANE_FACT_ALL }, SECURE },
		{ "DANE-F-03: and mail does not wait for DANE then", {
		    .dane = true, .no_ad = true, .sts = STS_NO_POLICY,
		    .dane_fact = DANE_FACT_UNKNOWN }, NOTHING },
		{ "tlspol#95: never an empty match=", {
		    .sts = STS_MODE_ENFORCE, .patterns = "  " },
		    "NOTFOUND the policy names no MX host" },
	};

	check(rows, COUNT(rows));
}

#define DANE(sts_, fact) { .dane = true, .sts = STS_ ## sts_, \
	.dane_fact = DANE_FACT_ ## fact }
#define STRICT(sts_, fact) { .dane = true, .strict = true, \
	.sts = STS_ ## sts_, .dane_fact = DANE_FACT_ ## fact }

static void with_dane(void)
{
	static const struct row rows[] = {
		{ "every MX secure", DANE(NO_POLICY, ALL), "OK dane-only" },
		{ "PF-TP-26 STS-A-08 Snawoot#67: DANE outranks enforce",
		    DANE(MODE_ENFORCE, ALL), "OK dane-only" },
		{ "decided without waiting for MTA-STS", DANE(UNKNOWN, ALL),
		    "OK dane-only" },
		{ "dane-only whatever the default", STRICT(NO_POLICY, ALL),
		    "OK dane-only" },
		{ "some DANE, no policy", DANE(NO_POLICY, SOME), "OK dane" },
		{ "some DANE, testing", DANE(MODE_TESTING, SOME), "OK dane" },
		{ "some DANE, none", DANE(MODE_NONE, SOME), "OK dane" },
		{ "PF-TP-24: dane may not weaken the default",
		    STRICT(NO_POLICY, SOME), NOTHING },
		{ "partial or unusable DANE does not weaken enforce",
		    DANE(MODE_ENFORCE, SOME), SECURE },
		{ "nor with another default", STRICT(MODE_ENFORCE, SOME),
		    SECURE },
		{ "some DANE, and MTA-STS is not known", DANE(UNKNOWN, SOME),
		    UNDER_WAY },
		{ "no DANE, enforce", DANE(MODE_ENFORCE, NONE), SECURE },
		{ "no DANE, no policy", DANE(NO_POLICY, NONE), NOTHING },
		{ "no DANE, and MTA-STS is not known", DANE(UNKNOWN, NONE),
		    UNDER_WAY },
		{ "DANE-A-04: an error is not \"no DANE\"",
		    DANE(NO_POLICY, ERROR),
		    "TEMP the lookup of DANE failed" },
		{ "STS-A-08 DANE-A-01: nor does MTA-STS rescue it",
		    DANE(MODE_ENFORCE, ERROR),
		    "TEMP the lookup of DANE failed" },
		{ "DANE is not known yet, enforce is",
		    DANE(MODE_ENFORCE, UNKNOWN), UNDER_WAY },
		{ "DANE is not known yet, and no policy",
		    DANE(NO_POLICY, UNKNOWN), UNDER_WAY },
	};

	check(rows, COUNT(rows));
}

/* Whatever else is known: these cost no lookup. */
static void who_promises_nothing(void)
{
	static const struct row rows[] = {
		{ "hosted", { .hosted = true }, "NOTFOUND a domain of ours" },
		{ "hosted, though it has a policy", { .hosted = true,
		    .dane = true, .sts = STS_MODE_ENFORCE,
		    .dane_fact = DANE_FACT_ALL },
		    "NOTFOUND a domain of ours" },
		{ "DANE-L-14 STS-V-09: null MX", { .null_mx = true },
		    "NOTFOUND the domain takes no mail (null MX)" },
		{ "PF-TP-02 STS-A-06: .parent", { .key = ".example.com" },
		    "NOTFOUND a parent domain promises nothing" },
		{ "STS-A-07: [192.0.2.1]", { .key = "[192.0.2.1]" },
		    "NOTFOUND an address promises nothing" },
		{ "STS-A-07 DANE-L-11: [IPv6:2001:db8::1]:25",
		    { .key = "[IPv6:2001:db8::1]:25", .dane = true },
		    "NOTFOUND an address promises nothing" },
		{ "PF-TP-01: a unix socket", { .key = "/var/run/x" },
		    "NOTFOUND a unix socket promises nothing" },
		{ "STS-A-10: localhost", { .key = "localhost" },
		    "NOTFOUND not a next hop with a policy" },
		{ "STS-A-10: nothing", { .key = "" },
		    "NOTFOUND not a next hop with a policy" },
		{ "the same for the other peer", { .key = ".example.com",
		    .map = "QUERY" },
		    "NOTFOUND a parent domain promises nothing" },
	};

	check(rows, COUNT(rows));
}

static void smart_hosts(void)
{
	static const struct row rows[] = {
		{ "STS-A-05: a relayhost with MX has a policy", {
		    .key = "Example.com:2525", .sts = STS_MODE_ENFORCE },
		    SECURE },
		{ "STS-A-05: and one in brackets", {
		    .key = "[mx1.example.com]:587", .sts = STS_MODE_ENFORCE,
		    .patterns = "mx1.example.com" },
		    "OK secure match=mx1.example.com servername=hostname" },
		{ "DANE-L-12: DANE for the host in brackets", {
		    .key = "[mx1.example.com]:587", .dane = true,
		    .dane_fact = DANE_FACT_ALL }, "OK dane-only" },
	};

	check(rows, COUNT(rows));
}

static void outages(void)
{
	static const struct row rows[] = {
		{ "nobody there: not found", { .outage = true },
		    "NOTFOUND nothing can be looked up now" },
		{ "on_outage = temp", { .outage = true, .outage_temp = true },
		    "TEMP nothing can be looked up now" },
		{ "what is cached still holds", { .outage = true,
		    .sts = STS_MODE_ENFORCE }, SECURE },
		{ "also while DANE is not known", { .outage = true,
		    .dane = true, .sts = STS_MODE_ENFORCE }, SECURE },
		{ "but not with on_outage = temp", { .outage = true,
		    .outage_temp = true, .dane = true,
		    .sts = STS_MODE_ENFORCE },
		    "TEMP nothing can be looked up now" },
		{ "a cached \"none\" is no outage", { .outage = true,
		    .outage_temp = true, .sts = STS_NO_POLICY }, NOTHING },
	};

	check(rows, COUNT(rows));
}

/* ---- overrides and lists ----------------------------------------------- */

static void overrides_come_first(void)
{
	static const struct row rows[] = {
		{ "above everything", { .level = "encrypt",
		    .dane = true, .sts = STS_MODE_ENFORCE,
		    .dane_fact = DANE_FACT_ALL }, "OK encrypt" },
		{ "none", { .level = "none" }, "OK none" },
		{ "may", { .level = "may" }, "OK may" },
		{ "dane", { .level = "dane" }, "OK dane" },
		{ "dane-only", { .level = "dane-only" },
		    "OK dane-only" },
		{ "for a domain of ours", { .level = "may",
		    .hosted = true }, "OK may" },
		{ "for an address", { .level = "may",
		    .key = "[192.0.2.1]" }, "OK may" },
		{ "for a parent", { .level = "encrypt",
		    .key = ".example.com" }, "OK encrypt" },
		{ "PF-TP-11: secure with names", { .level = "secure",
		    .match = { "MX.Example.com", ".example.com",
		    "dot-nexthop" } }, "OK secure "
		    "match=mx.example.com:.example.com:dot-nexthop "
		    "servername=hostname" },
		{ "secure without names: Postfix has a default", {
		    .level = "secure" },
		    "OK secure servername=hostname" },
		{ "PF-TP-10: verify", { .level = "verify",
		    .match = { "hostname" } },
		    "OK verify match=hostname servername=hostname" },
		{ "PF-TP-13: before 3.4 no servername", {
		    .level = "verify",
		    .match = { "hostname" },
		    .version = "3.3" }, "OK verify match=hostname" },
		{ "PF-TP-10: fingerprint", { .level = "fingerprint",
		    .match = { "AB:cd:01", "02" } },
		    "OK fingerprint match=AB:cd:01|02" },
		{ "PF-TP-10: fingerprint without one", {
		    .level = "fingerprint" },
		    "TEMP match: a fingerprint is needed" },
		{ "PF-TP-10: match at may", { .level = "may",
		    .match = { "x.example" } },
		    "TEMP match: only for fingerprint, verify and secure" },
		{ "PF-TP-21: a match that says more", { .level = "secure",
		    .match = { "x.example tafile=/etc/passwd" } },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
		{ "tlspol#70: an address in match", { .level = "secure",
		    .match = { "192.0.2.1" } },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
		{ "PF-TP-21: a fingerprint that says more", {
		    .level = "fingerprint",
		    .match = { "AB x=y" } },
		    "TEMP match: not a fingerprint" },
		{ "a fingerprint of one digit", { .level = "fingerprint",
		    .match = { "A" } }, "TEMP match: not a fingerprint" },
		{ "an empty fingerprint", { .level = "fingerprint",
		    .match = { "" } }, "TEMP match: not a fingerprint" },
		{ "a fingerprint that goes on", { .level = "fingerprint",
		    .match = { "AB:" } }, "TEMP match: not a fingerprint" },
		{ "a fingerprint of colons", { .level = "fingerprint",
		    .match = { ":AB" } },
		    "TEMP match: not a fingerprint" },
	};

	check(rows, COUNT(rows));
}

static const struct partner names_13 = { .mode = PARTNER_ENFORCE,
	.min_version = 13, .mx = "mx.example.com *.a.example .b.example" };
static const struct partner names = { .mode = PARTNER_ENFORCE,
	.mx = "mx.example.com" };
static const struct partner bare = { .mode = PARTNER_ENFORCE, .mx = "" };
static const struct partner bare_12 = { .mode = PARTNER_ENFORCE,
	.min_version = 12, .mx = "" };
static const struct partner testing = { .mode = PARTNER_TESTING,
	.min_version = 13, .mx = "mx.example.com" };
static const struct partner broken = { .mode = PARTNER_ENFORCE,
	.mx = "mx.example.com; x" };

static void lists_come_second(void)
{
	static const struct row rows[] = {
		{ "names and a version", { .partner = &names_13 },
		    "OK secure match=mx.example.com:.a.example:.b.example "
		    "servername=hostname protocols=>=TLSv1.3" },
		{ "PF-TP-12: the same before 3.6", { .partner = &names_13,
		    .version = "3.5" },
		    "OK secure match=mx.example.com:.a.example:.b.example "
		    "servername=hostname "
		    "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2" },
		{ "above DANE and MTA-STS", { .partner = &names,
		    .dane = true, .dane_fact = DANE_FACT_ALL,
		    .sts = STS_MODE_ENFORCE },
		    "OK secure match=mx.example.com servername=hostname" },
		{ "below an override", { .partner = &names_13,
		    .level = "encrypt" }, "OK encrypt" },
		{ "not for a domain of ours", { .partner = &names,
		    .hosted = true }, "NOTFOUND a domain of ours" },
		{ "no names: encrypt", { .partner = &bare,
		    .sts = STS_NO_POLICY }, "OK encrypt" },
		{ "no names, but a version", { .partner = &bare_12,
		    .sts = STS_NO_POLICY },
		    "OK encrypt protocols=>=TLSv1.2" },
		{ "no names never weaken a policy", { .partner = &bare_12,
		    .sts = STS_MODE_ENFORCE },
		    SECURE " protocols=>=TLSv1.2" },
		{ "nor DANE", { .partner = &bare, .dane = true,
		    .dane_fact = DANE_FACT_ALL }, "OK dane-only" },
		{ "and dane does not weaken them", { .partner = &bare,
		    .dane = true, .dane_fact = DANE_FACT_SOME,
		    .sts = STS_NO_POLICY }, "OK encrypt" },
		{ "no names while nothing is known", { .partner = &bare },
		    UNDER_WAY },
		{ "no names, and nothing can be known", { .partner = &bare,
		    .outage = true }, "OK encrypt" },
		{ "testing observes", { .partner = &testing,
		    .sts = STS_NO_POLICY }, NOTHING },
		{ "testing leaves dane alone", { .partner = &testing,
		    .dane = true, .dane_fact = DANE_FACT_SOME,
		    .sts = STS_NO_POLICY }, "OK dane" },
		{ "testing adds nothing to a policy", { .partner = &testing,
		    .sts = STS_MODE_ENFORCE }, SECURE },
		{ "PF-TP-21: a list that says more", { .partner = &broken },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
	};

	check(rows, COUNT(rows));
}

/* ---- dialects ---------------------------------------------------------- */

#define TLSRPT SECURE " policy_type=sts policy_domain=example.com " \
	"mx_host_pattern=mx1.example.com mx_host_pattern=*.mail.example.com" \
	" { policy_string = version: STSv1 }" \
	" { policy_string = mode: enforce }" \
	" { policy_string = mx: mx1.example.com }" \
	" { policy_string = mx: *.mail.example.com }" \
	" { policy_string = max_age: 86400 }"
#define ENFORCE(map_, version_) { .map = map_, .version = version_, \
	.sts = STS_MODE_ENFORCE, .dane_fact = DANE_FACT_SOME }

static void dialects(void)
{
	static const struct row rows[] = {
		{ "PF-TP-22 tlspol#6: 3.7 knows no TLSRPT",
		    ENFORCE("postfix", "3.7"), SECURE },
		{ "PF-TP-22: nor does 3.9", ENFORCE("postfix", "3.9"),
		    SECURE },
		{ "PF-TP-14: nor 3.3 servername", ENFORCE("postfix", "3.3"),
		    "OK secure match=mx1.example.com:.mail.example.com" },
		{ "PF-TP-14: 3.4 does", ENFORCE("postfix", "3.4.10"),
		    SECURE },
		{ "PF-TP-16 tlspol#94: 3.10 knows TLSRPT",
		    ENFORCE("postfix", "3.10"), TLSRPT },
		{ "PF-TP-16: and later ones", ENFORCE("postfix", "4.0"),
		    TLSRPT },
		{ "PF-SM-11: a name of somebody's own", ENFORCE("zone",
		    "3.10"), TLSRPT },
		{ "QUERY never has TLSRPT", ENFORCE("QUERY", "3.10"), SECURE },
		{ "and QUERYwithTLSRPT always", ENFORCE("QUERYwithTLSRPT",
		    "3.7"), TLSRPT },
		{ "their case does not matter", ENFORCE("querywithtlsrpt",
		    "3.7"), TLSRPT },
		{ "QUERY answers DANE with the option off", { .map = "QUERY",
		    .sts = STS_MODE_ENFORCE, .dane_fact = DANE_FACT_ALL },
		    "OK dane-only" },
		{ "QUERYwithTLSRPT too", { .map = "QUERYwithTLSRPT",
		    .sts = STS_MODE_ENFORCE, .dane_fact = DANE_FACT_ALL },
		    "OK dane-only" },
		{ "but not what the resolver cannot bear", { .map = "QUERY",
		    .no_ad = true, .sts = STS_MODE_ENFORCE,
		    .dane_fact = DANE_FACT_ALL }, SECURE },
		{ "QUERY for nothing", { .map = "QUERY",
		    .sts = STS_NO_POLICY, .dane_fact = DANE_FACT_NONE },
		    NOTHING },
		{ "PF-TP-16: DANE has no TLSRPT attributes", {
		    .version = "3.10", .dane = true,
		    .sts = STS_MODE_ENFORCE, .dane_fact = DANE_FACT_ALL },
		    "OK dane-only" },
		{ "PF-TP-18: nor has a list", { .version = "3.10",
		    .partner = &names },
		    "OK secure match=mx.example.com servername=hostname" },
		{ "PF-TP-18: the domain in A-labels", { .version = "3.10",
		    .key = "B\303\234CHER.example", .patterns = "mx.example",
		    .text = "", .sts = STS_MODE_ENFORCE },
		    "OK secure match=mx.example servername=hostname "
		    "policy_type=sts policy_domain=xn--bcher-kva.example "
		    "mx_host_pattern=mx.example" },
		{ "PF-TP-23: testing has none", { .version = "3.10",
		    .sts = STS_MODE_TESTING },
		    "NOTFOUND the policy is testing" },
	};

	check(rows, COUNT(rows));
}

#define STS_MAP .map = "sts", .version = "3.10"

static void sendmail(void)
{
	static const struct row rows[] = {
		{ "PF-SM-13: enforce", { STS_MAP, .sts = STS_MODE_ENFORCE },
		    SECURE },
		{ "PF-SM-13: DANE is its own business", { STS_MAP,
		    .dane = true, .sts = STS_MODE_ENFORCE,
		    .dane_fact = DANE_FACT_ALL }, SECURE },
		{ "PF-SM-13: and does not make it wait", { STS_MAP,
		    .dane = true, .sts = STS_NO_POLICY,
		    .dane_fact = DANE_FACT_ERROR }, NOTHING },
		{ "PF-SM-13: nothing yet is TEMP", { STS_MAP }, UNDER_WAY },
		{ "PF-SM-13: testing", { STS_MAP, .sts = STS_MODE_TESTING },
		    "NOTFOUND the policy is testing" },
		{ "PF-SM-13: no other attribute", { STS_MAP,
		    .partner = &names_13 }, "OK secure "
		    "match=mx.example.com:.a.example:.b.example "
		    "servername=hostname" },
		{ "a list without names cannot be said", { STS_MAP,
		    .partner = &bare, .sts = STS_NO_POLICY }, NOTHING },
		{ "an override", { STS_MAP, .level = "secure",
		    .match = { "mx.example" } },
		    "OK secure match=mx.example servername=hostname" },
		{ "verify is written as secure", { STS_MAP,
		    .level = "verify",
		    .match = { "mx.example" } },
		    "OK secure match=mx.example servername=hostname" },
		{ "Postfix's default names, spelt out", { STS_MAP,
		    .level = "secure" }, "OK secure "
		    "match=example.com:.example.com servername=hostname" },
		{ "so are its keywords", { STS_MAP, .level = "secure",
		    .match = { "dot-nexthop", "x.example" } },
		    "OK secure match=.example.com:x.example "
		    "servername=hostname" },
		{ "all but one", { STS_MAP, .level = "secure",
		    .match = { "hostname" } },
		    "TEMP match: Sendmail needs names" },
		{ "an exception", { STS_MAP, .level = "may" },
		    "NOTFOUND the destination is configured" },
		{ "none", { STS_MAP, .level = "none" },
		    "NOTFOUND the destination is configured" },
		{ "dane", { STS_MAP, .level = "dane" },
		    "NOTFOUND the destination is configured" },
		{ "what it cannot say must not fail open", { STS_MAP,
		    .level = "encrypt" },
		    "TEMP the configured level has no word in Sendmail" },
		{ "nor dane-only", { STS_MAP, .level = "dane-only" },
		    "TEMP the configured level has no word in Sendmail" },
		{ "nor a fingerprint", { STS_MAP, .level = "fingerprint",
		    .match = { "AB" } },
		    "TEMP the configured level has no word in Sendmail" },
		{ "its name in capitals", { .map = "STS",
		    .dane_fact = DANE_FACT_ALL, .sts = STS_MODE_ENFORCE },
		    SECURE },
	};

	check(rows, COUNT(rows));
}

/* ---- what publishers may try ------------------------------------------- */

#define REPORT(text_) { .version = "3.10", .sts = STS_MODE_ENFORCE, \
	.patterns = "m.example", .text = text_ }
#define HEAD "OK secure match=m.example servername=hostname " \
	"policy_type=sts policy_domain=example.com mx_host_pattern=m.example"

static void injections(void)
{
	static const struct row rows[] = {
		{ "PF-TP-21: braces", REPORT("x: y } match=evil.example {\n"
		    "mode: enforce\n"), HEAD
		    " { policy_string = mode: enforce }" },
		{ "PF-TP-21: an opening brace", REPORT("x: {\na: b"), HEAD
		    " { policy_string = a: b }" },
		{ "PF-TP-21: control characters", REPORT("x: a\tb\n"
		    "y: a\rmatch=evil.example\nz: \177\nw: \001"), HEAD
		    " { policy_string = x: a b }" },
		{ "PF-TP-21: blanks become one", REPORT("x:\t a  b \t \r\n"),
		    HEAD " { policy_string = x: a b }" },
		{ "PF-TP-21: 8-bit text", REPORT("x: \303\274\na: b\n"),
		    HEAD " { policy_string = a: b }" },
		{ "PF-TP-21: a key that is none", REPORT("x y: z\n: z\n"
		    "{: z\n_a: b\nno colon\n\na1_-.: b\n"), HEAD
		    " { policy_string = a1_-.: b }" },
		{ "PF-TP-21: = and , stay inside the braces",
		    REPORT("x: a=b, match=c\n"), HEAD
		    " { policy_string = x: a=b, match=c }" },
		{ "PF-TP-21: a byte order mark",
		    REPORT("\357\273\277version: STSv1\n"), HEAD
		    " { policy_string = version: STSv1 }" },
		{ "an empty value", REPORT("x:\n"), HEAD
		    " { policy_string = x: }" },
		{ "PF-TP-21: a pattern with a blank is two", {
		    .sts = STS_MODE_ENFORCE, .patterns = "a.example tafile=x" },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
		{ "PF-TP-21: a pattern with a colon", {
		    .sts = STS_MODE_ENFORCE, .patterns = "a.example:hostname" },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
		{ "PF-TP-21: a star that is no label", {
		    .sts = STS_MODE_ENFORCE, .patterns = "*x.example" },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
		{ "PF-TP-11: a host called like a keyword", {
		    .sts = STS_MODE_ENFORCE, .patterns = "nexthop a.example" },
		    "OK secure match=a.example servername=hostname" },
		{ "PF-TP-11: no other host", { .sts = STS_MODE_ENFORCE,
		    .patterns = "hostname dot-nexthop" },
		    "TEMP the policy names no host that may be named" },
		{ "tlspol#70: an address", { .sts = STS_MODE_ENFORCE,
		    .patterns = "192.0.2.1" },
		    "TEMP match: not a host name, \".domain\" nor a keyword" },
	};

	check(rows, COUNT(rows));
}

/* n patterns of about len bytes, and lines of policy. */
static void make_policy(size_t n, size_t len, size_t lines,
    struct buf *patterns, struct buf *text)
{
	for (size_t i = 0; i < n; i++) {
		size_t start = patterns->len;

		buf_addf(patterns, "%smx%03zu", i ? " " : "", i);
		while (patterns->len - start + 60 < len)
			buf_addf(patterns, ".%040d", 0);
		buf_adds(patterns, ".example");
	}
	for (size_t i = 0; i < lines; i++)
		buf_addf(text, "x%zu: value\n", i);
}

static void sizes_are_bounded(void)
{
	static const struct {
		const char *label, *map, *version;
		size_t n, len, lines;
		const char *start, *end;
	} cases[] = {
		{ "PF-SM-04: 2000 lines, 20 names", "postfix", "3.10", 20,
		    10, 2000, "OK secure match=mx000.example:", "x1999: value }" },
		{ "PF-SM-04: 256 long names", "postfix", "3.7", 256, 250, 256,
		    "OK secure match=mx000.000", ".example "
		    "servername=hostname" },
		{ "PF-SM-04: too many for TLSRPT", "postfix", "3.10", 256,
		    250, 256, "TEMP the answer is too long for the client",
		    "client" },
		{ "PF-SM-04: lines are left out first", "postfix", "3.10",
		    20, 10, 6000, "OK secure match=mx000.example:",
		    ": value }" },
		{ "PF-SM-13: 18 names for Sendmail, 251 bytes", "sts", "3.10",
		    18, 10, 18, "OK secure match=mx000.example:",
		    " servername=hostname" },
		{ "PF-SM-13: 19 names for Sendmail, 265 bytes", "sts", "3.10",
		    19, 10, 19, "TEMP the answer is too long for the client",
		    "client" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf patterns, text, got;
		struct setting s = { .map = cases[i].map,
			.version = cases[i].version,
			.sts = STS_MODE_ENFORCE };

		buf_init(&patterns, 1000000);
		buf_init(&text, 1000000);
		buf_init(&got, 300000);
		make_policy(cases[i].n, cases[i].len, cases[i].lines,
		    &patterns, &text);
		s.patterns = buf_str(&patterns);
		s.text = buf_str(&text);
		answer(cases[i].label, &s, &got);
		CHECK_CASE(cases[i].label, str_starts(buf_str(&got),
		    cases[i].start));
		CHECK_CASE(cases[i].label, str_ends(buf_str(&got),
		    cases[i].end));
		CHECK_CASE(cases[i].label, got.len <= SOCKETMAP_REPLY_MAX);
		buf_clear(&patterns);
		buf_clear(&text);
		buf_clear(&got);
	}
}

/* ---- the rest ---------------------------------------------------------- */

static void versions_are_compared(void)
{
	static const struct {
		const char *text;
		unsigned version;	/* 0: none */
	} cases[] = {
		{ "3.7", 307 }, { "3.10", 310 }, { "3.10.5", 310 },
		{ "3.11-20250101", 311 }, { "2.11.3", 211 }, { "10.0", 1000 },
		{ "", 0 }, { "3", 0 }, { "3.", 0 }, { ".7", 0 },
		{ "3.x", 0 }, { "3.100", 0 }, { "300.1", 0 }, { "3.7x", 0 },
		{ " 3.7", 0 }, { "-3.7", 0 }, { "3.7 ", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned version = 0;
		bool good = postfix_version_parse(cases[i].text, &version);

		CHECK_CASE(cases[i].text, version == cases[i].version);
		CHECK_CASE(cases[i].text, good == (version != 0));
	}
}

static void levels_have_names(void)
{
	enum tls_level l;

	for (int i = TLS_LEVEL_NONE; i <= TLS_LEVEL_SECURE; i++) {
		const char *name = tls_level_name((enum tls_level)i);

		CHECK_CASE(name, tls_level_parse(name, &l) && (int)l == i);
	}
	CU_ASSERT(!tls_level_parse("Secure", &l));
	CU_ASSERT(!tls_level_parse("", &l));
}

/* What stood in the buffer before stays, and no memory is needed for what
 * fits; with none at all the answer is TEMP. */
static void memory(void)
{
	struct setting s = { .version = "3.10", .sts = STS_MODE_ENFORCE };
	struct tlspolicy_options o;
	struct tlspolicy_facts f;
	struct tlspolicy_answer a;
	struct tlspolicy_override ov;
	struct nexthop hop;
	struct buf out;

	set_up("memory", &s, &o, &hop, &ov, &f);
	buf_init(&out, SOCKETMAP_REPLY_MAX);
	failmalloc_set(1);
	tlspolicy_decide(&o, &f, &out, &a);
	CU_ASSERT(failmalloc_struck());
	CU_ASSERT(a.status == SOCKETMAP_TEMP && out.len == 0);
	CU_ASSERT_STRING_EQUAL(a.why, "no room for the answer");
	failmalloc_set(0);
	buf_reset(&out);
	buf_addf(&out, "%01000d", 0);
	buf_cut(&out, 1);
	failmalloc_set(1);
	tlspolicy_decide(&o, &f, &out, &a);
	CU_ASSERT(a.status == SOCKETMAP_OK);
	CU_ASSERT(str_starts(buf_str(&out), "0secure match="));
	buf_cut(&out, 1);
	f.patterns = "bad_name";
	tlspolicy_decide(&o, &f, &out, &a);
	CU_ASSERT(a.status == SOCKETMAP_TEMP && out.len == 1);
	CU_ASSERT(!failmalloc_struck());
	failmalloc_set(0);
	buf_clear(&out);
}

static const struct unit_test tests[] = {
	{ "without DANE", without_dane },
	{ "with DANE", with_dane },
	{ "who promises nothing", who_promises_nothing },
	{ "smart hosts", smart_hosts },
	{ "outages", outages },
	{ "overrides come first", overrides_come_first },
	{ "lists come second", lists_come_second },
	{ "dialects", dialects },
	{ "Sendmail", sendmail },
	{ "injections", injections },
	{ "sizes are bounded", sizes_are_bounded },
	{ "versions are compared", versions_are_compared },
	{ "levels have names", levels_have_names },
	{ "memory", memory },
};

UNIT_MAIN("tlspolicy", tests)
