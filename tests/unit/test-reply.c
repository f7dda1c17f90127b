/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"
#include "policy/reply.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define URL "https://example.com/tls"
#define OURS "to=b@our.example ours to_policy=enforce"
#define LABEL60 "a23456789-123456789-123456789-123456789-123456789-123456789x"

/* Design §6.5, ES-01 to ES-06. */
static void replies_fit_the_verdict(void)
{
	static const struct {
		const char *label, *rules, *facts, *url, *want;
	} cases[] = {
		{ "plaintext, reject", "r to_policy=enforce action=reject",
		    OURS, URL, "550 5.7.10 TLS is required for mail to "
		    "our.example; see " URL },
		{ "plaintext, defer", "r to_policy=enforce action=defer",
		    OURS, URL, "451 4.7.10 TLS is required for mail to "
		    "our.example; see " URL },
		{ "no help_url", "r from=b.example action=reject",
		    "from=a@b.example", NULL,
		    "550 5.7.10 TLS is required for mail from b.example" },
		{ "empty help_url", "r from=b.example action=reject",
		    "from=a@b.example", "",
		    "550 5.7.10 TLS is required for mail from b.example" },
		{ "a help_url that cannot be shown", "r action=reject", "",
		    "https://example.com/a b", "550 5.7.10 TLS is required "
		    "for this mail" },
		{ "no domain", "r action=reject", "from=a@b.example " OURS,
		    URL, "550 5.7.10 TLS is required for this mail; see "
		    URL },
		{ "U-labels are shown as A-labels", "r to=.example "
		    "action=reject", "to=a@b\xc3\xbc" "cher.example", "",
		    "550 5.7.10 TLS is required for mail to "
		    "xn--bcher-kva.example" },
		{ "version, reject", "r require=tls1.2 action=reject",
		    "tls=TLSv1", "", "554 5.7.5 TLS 1.2 or newer is required "
		    "for this mail" },
		{ "version, defer", "r require=tls1.3 action=defer",
		    "tls=TLSv1", "", "454 4.7.5 TLS 1.3 is required for this "
		    "mail" },
		{ "bits", "r min_bits=128 action=reject",
		    "tls=TLSv1/DES/56", "", "554 5.7.5 A TLS cipher of 128 "
		    "bits or more is required for this mail" },
		{ "cipher", "r deny=DES action=reject", "tls=TLSv1/DES/56",
		    "", "554 5.7.5 Another TLS cipher is required for this "
		    "mail" },
		{ "certificate, reject", "r require=verified action=reject",
		    "tls=TLSv1.3 verify=none", "", "550 5.7.1 A trusted "
		    "client certificate is required for this mail" },
		{ "certificate, defer", "r cert_name=x action=defer",
		    "tls=TLSv1.3 verify=ok subject=y", "", "450 4.7.1 A "
		    "client certificate with the agreed name is required for "
		    "this mail" },
		{ "fingerprint", "r fp=ab action=reject",
		    "tls=TLSv1.3 fp=cd", "", "550 5.7.1 The agreed client "
		    "certificate is required for this mail" },
		{ "unknown promise",
		    "r to_policy=enforce unknown=defer action=reject",
		    "to=b@our.example to_policy=unknown", URL, "451 4.7.10 "
		    "Looking up whether mail to our.example requires TLS; "
		    "use TLS or try again later; see " URL },
		{ "unknown promise of the sender",
		    "r from_policy=enforce unknown=defer",
		    "from=a@b.example from_policy=unknown", "", "451 4.7.10 "
		    "Looking up whether mail from b.example requires TLS; "
		    "use TLS or try again later" },
		{ "unknown fact", "r require=verified unknown=defer",
		    "tls=TLSv1.3", "", "451 4.7.10 Cannot check the client "
		    "certificate that is required for this mail; try again "
		    "later" },
		{ "unknown bits", "r min_bits=128 from=b.example "
		    "unknown=defer", "tls=TLSv1.3 from=a@b.example", "",
		    "451 4.7.10 Cannot tell whether TLS is strong enough for "
		    "mail from b.example; try again later" },
		{ "the rule's own reply", "r action=reject "
		    "reply=530_5.7.0_Must_issue_a_STARTTLS_command_first", "",
		    URL, "530 5.7.0 Must issue a STARTTLS command first" },
		{ "the rule's own, deferring", "r action=defer "
		    "reply=421_4.7.0_later", "", "", "421 4.7.0 later" },
		{ "the rule's own, softened by the fuse (ES-02, ES-04)",
		    "r action=reject reply=530_5.7.0_STARTTLS_first", "fused",
		    "", "451 4.7.0 STARTTLS first" },
		{ "the rule's own, not for what is not known yet",
		    "r to_policy=enforce action=reject unknown=defer "
		    "reply=530_5.7.0_STARTTLS_first",
		    "to=b@our.example to_policy=unknown", "", "451 4.7.10 "
		    "Looking up whether mail to our.example requires TLS; "
		    "use TLS or try again later" },
		{ "fuse: the class follows the action",
		    "r action=quarantine", "fused", "",
		    "451 4.7.10 TLS is required for this mail" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scenario sc;
		struct reply reply;
		struct verdict v;
		char text[300];

		scenario_read(&sc, cases[i].rules, cases[i].facts);
		scenario_decide(&sc, NULL, NULL, &v);
		reply_build(&v, cases[i].url, &reply);
		snprintf(text, sizeof(text), "%s %s %s", reply.code,
		    reply.xcode, reply.text);
		CHECK_CASE_STR(cases[i].label, text, cases[i].want);
		CHECK_CASE("ES-02", reply.code[0] == reply.xcode[0]);
		CHECK_CASE("the class matches the returned status (§6.5)",
		    (reply.code[0] == '5') == (v.action == ACTION_REJECT));
		scenario_clear(&sc);
	}
}

/* Whatever the length of the domain and of help_url, one line of at most
 * 200 characters that ends where a part ends. */
static void replies_are_short(void)
{
	struct scenario sc;
	struct reply reply;
	struct verdict v;
	char url[400];

	scenario_read(&sc, "r require=tls1.2 from=.example action=reject",
	    "from=a@" LABEL60 "." LABEL60 "." LABEL60 ".example");
	scenario_decide(&sc, NULL, NULL, &v);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v.policy_domain);
	reply_build(&v, URL, &reply);
	CU_ASSERT_STRING_EQUAL(reply.text,
	    "TLS is required for this mail; see " URL);
	scenario_clear(&sc);

	scenario_read(&sc, "r from=.example action=reject",
	    "from=a@" LABEL60 ".b.example");
	scenario_decide(&sc, NULL, NULL, &v);
	for (size_t len = 9; len < sizeof(url) - 1; len++) {
		snprintf(url, sizeof(url), "https://%0*d", (int)len - 8, 1);
		reply_build(&v, url, &reply);
		CU_ASSERT(strlen(reply.text) <= REPLY_TEXT_MAX);
		CU_ASSERT(str_ends(reply.text, url) ||
		    str_ends(reply.text, ".b.example"));
		CU_ASSERT_EQUAL(str_ends(reply.text, url),
		    strlen("TLS is required for mail from ") + 60 +
		    strlen(".b.example; see ") + len <= REPLY_TEXT_MAX);
	}
	scenario_clear(&sc);
}

/* Only a validated name is shown; anything else would be a stranger's text
 * in a reply line. */
static void odd_domains_are_not_shown(void)
{
	static const char *const domains[] = {
		"evil.example\r\n250 ok", "a b.example", "b\xc3\xbc.example",
		"<script>", "", NULL,
	};

	for (size_t i = 0; i < COUNT(domains); i++) {
		struct verdict v = { .action = ACTION_REJECT,
			.unmet = UNMET_PLAINTEXT, .unmet_what = "tls",
			.policy_domain = domains[i] };
		struct reply reply;

		reply_build(&v, NULL, &reply);
		CU_ASSERT_STRING_EQUAL(reply.text,
		    "TLS is required for this mail");
	}
}

/* A verdict that should never be asked for a reply still gives a good one. */
static void any_verdict_has_a_reply(void)
{
	struct verdict v = { .action = ACTION_ACCEPT };
	struct reply reply;

	reply_build(&v, URL, &reply);
	CU_ASSERT_STRING_EQUAL(reply.code, "451");
	CU_ASSERT_STRING_EQUAL(reply.xcode, "4.7.1");
	v = (struct verdict){ .action = ACTION_REJECT, .unmet = UNMET_WEAK,
		.unmet_what = "new in a later version" };
	reply_build(&v, NULL, &reply);
	CU_ASSERT_STRING_EQUAL(reply.code, "554");
	CU_ASSERT_STRING_EQUAL(reply.text, "TLS is required for this mail");
}

/* ES-04: % is doubled. */
static void percents_are_doubled(void)
{
	char out[12];

	reply_escape("100% TLS", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "100%% TLS");
	reply_escape("%%%%%", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "%%%%%%%%%%");
	/* too little room: whole pairs only */
	reply_escape("%%%%%%", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "%%%%%%%%%%");
	reply_escape("abcdefghijklmnop", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "abcdefghijk");
	reply_escape("", out, 1);
	CU_ASSERT_STRING_EQUAL(out, "");
	out[0] = 'x';
	reply_escape("a", out, 0);
	CU_ASSERT_EQUAL(out[0], 'x');
}

static const struct unit_test tests[] = {
	{ "replies fit the verdict", replies_fit_the_verdict },
	{ "replies are short", replies_are_short },
	{ "odd domains are not shown", odd_domains_are_not_shown },
	{ "any verdict has a reply", any_verdict_has_a_reply },
	{ "percents are doubled", percents_are_doubled },
};

UNIT_MAIN("reply", tests)
