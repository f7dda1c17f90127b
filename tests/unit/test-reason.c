/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a verdict says of itself: its reason, and how each rule fared. See
 * scenario.h for the notation.
 */
#include "config.h"

#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OUR "our require=tls to_policy=enforce action=reject"
#define OURS "to=b@our.example ours to_policy=enforce"
#define TLS13 "tls=TLSv1.3/TLS_AES_256_GCM_SHA384/256"

struct row {
	const char *label, *rules, *facts, *want;
};

static void reasons_say_why(void)
{
#define NAME50 "a2345678901234567890123456789012345678901234567890"
	static const struct row rows[] = {
		{ "plaintext", "bank from=bank.example require=tls1.2 "
		    "action=reject", "from=a@bank.example",
		    "plaintext; rule \"bank\" requires tls1.2" },
		{ "promise", OUR, OURS, "plaintext; rule \"our\" requires "
		    "tls; to_policy enforce of our.example" },
		{ "sender's promise",
		    "r from_policy=dane require=tls action=tag",
		    "from=a@b.example from_policy=dane", "plaintext; rule "
		    "\"r\" requires tls; from_policy dane of b.example" },
		{ "list", "r list=a require=tls action=tag",
		    "from=a@b.example listed=a:enforce", "plaintext; rule "
		    "\"r\" requires tls; list \"a\" names b.example" },
		{ "past", "r downgrade require=tls action=tag",
		    "from=a@b.example used_tls", "plaintext; rule \"r\" "
		    "requires tls; b.example used TLS from this network" },
		{ "version", "r require=tls1.3 action=reject", "tls=TLSv1.2",
		    "TLSv1.2; rule \"r\" requires tls1.3" },
		{ "bits", "r min_bits=256 action=reject",
		    "tls=TLSv1.2/AES/128",
		    "128 bits; rule \"r\" requires min_bits 256" },
		{ "only bits, plaintext", "r require=none min_bits=256 "
		    "action=reject", "",
		    "plaintext; rule \"r\" requires tls" },
		{ "cipher", "r deny=RC4 action=reject", "tls=TLSv1/RC4-SHA",
		    "this cipher is denied; rule \"r\" requires "
		    "deny_cipher" },
		{ "verified", "r require=verified action=reject",
		    TLS13 " verify=none", "no client certificate; rule "
		    "\"r\" requires verified" },
		{ "verified, not trusted", "r require=verified action=reject",
		    TLS13 " verify=failed", "client certificate is not "
		    "trusted; rule \"r\" requires verified" },
		{ "cert_name", "r cert_name=x action=reject",
		    TLS13 " verify=ok subject=evil\nx", "client certificate "
		    "has another name; rule \"r\" requires cert_name" },
		{ "cert_name, none there", "r cert_name=x action=reject",
		    TLS13 " verify=none", "no client certificate; rule "
		    "\"r\" requires cert_name" },
		{ "cert_name, not trusted", "r cert_name=x action=reject",
		    TLS13 " verify=failed", "client certificate is not "
		    "trusted; rule \"r\" requires cert_name" },
		{ "fingerprint, none there", "r fp=ab action=reject",
		    TLS13 " verify=none", "no client certificate; rule "
		    "\"r\" requires cert_fingerprint" },
		{ "fingerprint, empty", "r fp=ab action=reject",
		    TLS13 " fp=", "no client certificate; rule "
		    "\"r\" requires cert_fingerprint" },
		{ "fingerprint of one that is not trusted either",
		    "r fp=ab action=reject", TLS13 " verify=failed fp=cd",
		    "client certificate is another one; rule \"r\" requires "
		    "cert_fingerprint" },
		{ "fingerprint", "r fp=ab action=reject", TLS13 " fp=cd",
		    "client certificate is another one; rule \"r\" requires "
		    "cert_fingerprint" },
		{ "unknown promise", OUR " unknown=defer",
		    "to=b@our.example ours to_policy=unknown",
		    "to_policy is not known yet; rule \"our\" requires tls" },
		{ "unknown fact", "r min_bits=128 unknown=defer", "tls=TLSv1.2",
		    "min_bits cannot be checked; rule \"r\" requires "
		    "min_bits 128" },
		{ "odd names are cleaned", "b\xc3\xa4\x7fnk require=tls", "",
		    "plaintext; rule \"b???nk\" requires tls" },
		{ "exempt", OUR, OURS " exempt", "client is exempt" },
		{ "not by SMTP", OUR, OURS " non_smtp",
		    "not received by SMTP" },
		{ "exception", "x require=none; " OUR, OURS,
		    "rule \"x\" requires nothing" },
		{ "TLS unknown", OUR, OURS " tls=unknown",
		    "cannot tell whether TLS is in use" },
		{ "unknown counts as met", OUR,
		    "to=b@our.example ours to_policy=unknown",
		    "to_policy is not known yet; rule \"our\" counts as "
		    "met" },
		{ "unknown fact counts as met",
		    "r require=verified action=reject", TLS13,
		    "verified cannot be checked; rule \"r\" counts as met" },
		{ "met", OUR, OURS " " TLS13,
		    "every rule that matches is met" },
		{ "no match", OUR, "", "no rule matches" },
		{ "observe mode", "r require=tls action=tag", "observe",
		    "plaintext; rule \"r\" requires tls; observe mode" },
		{ "relay", "r require=tls action=tag", "relay",
		    "plaintext; rule \"r\" requires tls; client is a "
		    "relay" },
		{ "fuse", "r require=tls action=reject", "fused",
		    "plaintext; rule \"r\" requires tls; our own STARTTLS "
		    "may be broken" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scenario sc;
		struct verdict v;

		scenario_read(&sc, rows[i].rules, rows[i].facts);
		scenario_decide(&sc, NULL, NULL, &v);
		CHECK_CASE_STR(rows[i].label, v.reason, rows[i].want);
		scenario_clear(&sc);
	}
}

/* The longest of everything still fits, with the end of the sentence. */
static void long_reasons_keep_their_end(void)
{
	struct scenario sc;
	struct verdict v;

	scenario_read(&sc, NAME50 NAME50 " from_policy=enforce "
	    "require=verified action=reject", TLS13 " verify=failed "
	    "from=a@" NAME50 "." NAME50 "." NAME50 "." NAME50 ".example "
	    "from_policy=enforce observe");
	scenario_decide(&sc, NULL, NULL, &v);
	CU_ASSERT(strlen(v.reason) < sizeof(v.reason));
	CU_ASSERT(str_ends(v.reason, "; observe mode"));
	CU_ASSERT(str_starts(v.reason, "client certificate is not "
	    "trusted; rule \"a23456789012345678901234567890\" requires "
	    "verified; from_policy enforce of "));
	scenario_clear(&sc);
}

/* ---- trace ------------------------------------------------------------- */

static void add_trace(void *arg, const struct rule_trace *t)
{
	static const char *const outcomes[] = {
		[RULE_NO_MATCH] = "no-match", [RULE_MET] = "met",
		[RULE_UNMET] = "unmet", [RULE_UNKNOWN_MET] = "unknown-met",
		[RULE_UNKNOWN_DEFER] = "unknown-defer",
		[RULE_ENDS] = "ends",
	};
	struct buf *b = arg;

	buf_addf(b, "%s%s:%s", b->len ? " " : "", t->rule->name,
	    outcomes[t->outcome]);
	if (t->condition)
		buf_addf(b, "(%s)", t->condition);
	if (t->unmet || t->unmet_what)
		buf_addf(b, "[%s:%s]", unmet_name(t->unmet), t->unmet_what);
	if (t->noted)
		buf_addf(b, "=%s", action_name(t->noted));
}

static void every_rule_tried_is_traced(void)
{
	static const struct row rows[] = {
		{ "each condition is named",
		    "a listener=1; b client=192.0.2.1; c from=x.example; "
		    "d to=x.example; e authenticated=yes; f requiretls=yes; "
		    "g to_policy=enforce; h from_policy=enforce",
		    "port=25 client=192.0.2.2 from=a@b.example to=a@b.example",
		    "a:no-match(listener) b:no-match(client) "
		    "c:no-match(from) d:no-match(to) "
		    "e:no-match(authenticated) f:no-match(requiretls) "
		    "g:no-match(to_policy) h:no-match(from_policy)" },
		{ "the first condition that fails is named",
		    "a from=x.example requiretls=yes", "",
		    "a:no-match(from)" },
		{ "outcomes", "a require=tls; b require=tls1.3; "
		    "c require=verified; d require=verified unknown=defer; "
		    "e require=none; f require=tls",
		    "tls=TLSv1.2", "a:met b:unmet[weak:tls1.3]=observe "
		    "c:unknown-met[unknown:verified] "
		    "d:unknown-defer[unknown:verified]=observe e:ends" },
		{ "each requirement is named, and what follows",
		    "a require=tls1.2 action=tag; b min_bits=128 "
		    "action=quarantine; c deny=RC4 action=defer; "
		    "d require=verified action=reject; e cert_name=x; f fp=ab",
		    "tls=TLSv1.1/RC4-MD5/64 verify=none",
		    "a:unmet[weak:tls1.2]=tag "
		    "b:unmet[weak:min_bits]=quarantine "
		    "c:unmet[weak:deny_cipher]=defer "
		    "d:unmet[certificate:verified]=reject "
		    "e:unmet[certificate:cert_name]=observe "
		    "f:unmet[certificate:cert_fingerprint]=observe" },
		{ "a list that only tries a domain out",
		    "a list=a action=reject", "from=a@b.example "
		    "listed=a:testing", "a:unmet[plaintext:tls]=observe" },
		{ "unknown promises", "a to_policy=enforce; "
		    "b to_policy=enforce unknown=defer; "
		    "c to_policy=none require=none",
		    "to=b@b.example to_policy=unknown",
		    "a:unknown-met(to_policy)[unknown:tls] "
		    "b:unknown-defer(to_policy)[unknown:tls]=observe "
		    "c:met(to_policy)" },
		{ "no failed condition outweighs an unknown one",
		    "a to_policy=enforce from_policy=enforce",
		    "to=b@b.example to_policy=unknown from=a@b.example",
		    "a:no-match(from_policy)" },
		{ "list and history", "a list=a; b downgrade",
		    "from=a@b.example no_past",
		    "a:no-match(list) b:no-match(history)" },
		{ "exempt: no rule is tried", "a require=tls", "exempt", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scenario sc;
		struct verdict v;
		struct buf b;

		buf_init(&b, 1000);
		scenario_read(&sc, rows[i].rules, rows[i].facts);
		scenario_decide(&sc, add_trace, &b, &v);
		CHECK_CASE_STR(rows[i].label, buf_str(&b), rows[i].want);
		scenario_clear(&sc);
		buf_clear(&b);
	}
}

static const struct unit_test tests[] = {
	{ "reasons say why", reasons_say_why },
	{ "long reasons keep their end", long_reasons_keep_their_end },
	{ "every rule tried is traced", every_rule_tried_is_traced },
};

UNIT_MAIN("reason", tests)
