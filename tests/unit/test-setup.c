/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/setup.h"
#include "tests/unit/conf-load.h"

/* A text that a configuration puts into what is printed. */
struct setup_case {
	const char *label, *text, *want;
};

static void check_setup(const struct setup_case *cases, size_t n,
    void (*setup)(const struct conf *c, struct buf *out))
{
	for (size_t i = 0; i < n; i++) {
		struct conf *c = load_good(cases[i].text);
		struct buf out;

		buf_init(&out, 10000);
		setup(c, &out);
		CHECK_CASE(cases[i].label, strstr(buf_str(&out),
		    cases[i].want) != NULL);
		buf_clear(&out);
		conf_unref(c);
	}
}

static void setup_fits_the_configuration(void)
{
	static const struct setup_case cases[] = {
		{ "Postfix spelling (PF-MI-09)", "",
		    "\nsmtpd_milters = { inet:127.0.0.1:8899, " },
		{ "observing never stops mail (PF-MI-08)", "",
		    ", default_action=accept }\n" },
		{ "enforcing defers when down", "mode = enforce",
		    ", default_action=tempfail }\n" },
		{ "IPv6", "milter = \"inet6:8899@[::1]\"",
		    "{ inet:[::1]:8899, " },
		{ "socket in the queue directory is relative",
		    "milter = unix:/var/spool/postfix/tm/s",
		    "\nsmtpd_milters = { unix:tm/s, " },
		{ "socket elsewhere", "milter = unix:/run/tm/s",
		    "\nsmtpd_milters = { unix:/run/tm/s, " },
		{ "chroot is warned of", "milter = unix:/run/tm/s",
		    "must be inside /var/spool/postfix/" },
		{ "never local mail (PF-MI-01)", "",
		    "# Never add it to non_smtpd_milters" },
		{ "STARTTLS is offered", "",
		    "\nsmtpd_tls_security_level = may\n" },
		{ "certificates are asked for",
		    "rule \"x\" { require = verified }",
		    "\nsmtpd_tls_ask_ccert = yes\n" },
		{ "services are named", "rule \"x\" { require = tls\n"
		    "listener = {SUBMISSION, \"465\"} }",
		    "#   -o milter_macro_daemon_name=SUBMISSION\n" },
	};

	check_setup(cases, sizeof(cases) / sizeof(cases[0]), setup_postfix);
}

static void sendmail_lines_fit_the_configuration(void)
{
	static const struct setup_case cases[] = {
		{ "observing never stops mail: no F=", "",
		    "\nINPUT_MAIL_FILTER(`tlsmilter', "
		    "`S=inet:8899@127.0.0.1, T=S:10s;R:10s;E:30s')dnl\n" },
		{ "enforcing defers when down", "mode = enforce",
		    "@127.0.0.1, F=T, T=" },
		{ "IPv6", "milter = \"inet6:8899@[::1]\"",
		    "`S=inet6:8899@[::1], T=" },
		{ "unix socket", "milter = unix:/run/tm/s",
		    "`S=unix:/run/tm/s, T=" },
		{ "a unix socket is recommended (design 6.10)", "",
		    "dnl   milter = \"unix:/run/tlsmilter/milter.sock\"\n" },
		{ "a path Sendmail cannot read is no line",
		    "milter = \"unix:/run/a,b\"",
		    "\ndnl Sendmail cannot use the path /run/a,b" },
		{ "certificates are asked for",
		    "rule \"x\" { require = verified }",
		    "\ndefine(`confTLS_SRV_OPTIONS', `')dnl\n" },
		{ "fingerprints are of the usual kind", "rule \"x\" {\n"
		    "cert_fingerprint = 00112233445566778899aabbccddeeff }",
		    "\ndefine(`confCERT_FINGERPRINT_ALGORITHM', "
		    "`sha256')dnl\n" },
		{ "services are named", "rule \"x\" { require = tls\n"
		    "listener = {SUBMISSION, \"465\"} }",
		    "dnl   DAEMON_OPTIONS(`Name=SUBMISSION, Port=...')\n" },
	};

	check_setup(cases, sizeof(cases) / sizeof(cases[0]), setup_sendmail);
}

/* m4 reads what is no comment, so only known lines may be that. */
static void sendmail_lines_are_comments_or_settings(void)
{
	static const char *const known[] = { "dnl ", "INPUT_MAIL_FILTER(`",
		"define(`confTLS_SRV_OPTIONS'", "define(`confCACERT_PATH'",
		"define(`confCERT_FINGERPRINT_ALGORITHM'" };
	struct conf *c = load_good("rule \"x\" { require = verified\n"
	    "listener = SUBMISSION cert_fingerprint = "
	    "00112233445566778899aabbccddeeff }");
	struct buf out;
	char *text, *line, *rest;

	buf_init(&out, 10000);
	setup_sendmail(c, &out);
	rest = text = strdup(buf_str(&out));
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	while ((line = strsep(&rest, "\n"))) {
		bool ok = !*line;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			ok = ok || str_starts(line, known[i]);
		CHECK_CASE(line, ok);
	}
	free(text);
	buf_clear(&out);
	conf_unref(c);
}

static void print_policy(const struct conf *c, struct buf *out)
{
	CU_ASSERT_EQUAL(setup_postfix_policy(c, out),
	    c->policy_service.n > 0);
}

#define SERVICE "policy_service = \"inet:8460@127.0.0.1\"\n"

static void policy_service_lines_fit_the_configuration(void)
{
	static const struct setup_case cases[] = {
		{ "none is configured", "",
		    "#   policy_service = \"unix:/var/spool/postfix/tlsmilter/"
		    "policy.sock\"\n" },
		{ "PF-PD-09: behind reject_unauth_destination", SERVICE,
		    "check_policy_service behind reject_unauth_destination." },
		{ "it is asked about recipients", SERVICE,
		    "\nsmtpd_recipient_restrictions = check_policy_service "
		    "{ inet:127.0.0.1:8460, timeout=10s, " },
		{ "PF-PD-08: observing never stops mail", SERVICE,
		    ", default_action=DUNNO }\n" },
		{ "PF-PD-08: enforcing defers when down",
		    SERVICE "mode = enforce",
		    ", default_action=DEFER_IF_PERMIT }\n" },
		{ "in the queue directory", "policy_service = "
		    "{\"/var/spool/postfix/a b/s\", \"inet:1@[::1]\"}",
		    "check_policy_service { unix:a b/s, timeout" },
		{ "several", "policy_service = {/run/a, \"inet:1@[::1]\"}",
		    "\n#   inet:[::1]:1\n" },
		{ "chroot is warned of", "policy_service = /run/a",
		    "must be inside /var/spool/postfix/" },
		{ "the end is optional", SERVICE,
		    "\n#smtpd_end_of_data_restrictions = check" },
		{ "the end is needed", SERVICE "rule \"x\" { "
		    "history = downgrade require = tls }",
		    "\nsmtpd_end_of_data_restrictions = check" },
		{ "services are named by their context", SERVICE
		    "rule \"x\" { listener = MSA require = tls }",
		    "#   -o smtpd_policy_service_policy_context=MSA\n" },
		{ "limit: tag", SERVICE "rule \"x\" { require = tls "
		    "action = tag }", "# - rule \"x\": action = tag adds "
		    "X-TLS-Policy and no "
		    "Authentication-Results,\n#   and nothing at " },
		{ "limit: recipients", SERVICE "rule \"x\" { to = a@ "
		    "require = tls }", "rule \"x\": to and to_policy are" },
		{ "limit: REQUIRETLS", SERVICE "rule \"x\" { requiretls = yes "
		    "require = tls }", "rule \"x\": requiretls = yes never" },
		{ "limit: certificates", SERVICE "rule \"x\" { "
		    "cert_name = x }", "rule \"x\": without a client" },
		{ "limit: forged fields", SERVICE, "# - Forged X-TLS-Policy" },
		{ "limit: results for all", SERVICE
		    "authentication_results = all",
		    "# - authentication_results = all: no" },
		{ "limit: our name", SERVICE, "# - mx_names is empty" },
	};

	check_setup(cases, sizeof(cases) / sizeof(cases[0]), print_policy);
}

static void print_outbound(const struct conf *c, struct buf *out)
{
	CU_ASSERT_EQUAL(setup_postfix_outbound(c, out), c->socketmap.n > 0);
}

#define MAP "socketmap = \"inet:8461@127.0.0.1\"\n"
#define DNSSEC "\nsmtp_dns_support_level = dnssec\nsmtp_host_lookup = dns\n"

static void outbound_lines_fit_the_configuration(void)
{
	static const struct setup_case cases[] = {
		{ "none is configured", "",
		    "#   socketmap = {\"inet:8461@127.0.0.1\"}\n" },
		{ "PF-SM-01: Postfix spelling", MAP, "\nsmtp_tls_policy_maps "
		    "= socketmap:inet:127.0.0.1:8461:postfix\n" },
		{ "PF-SM-01: IPv6", "socketmap = \"inet6:1@[::1]\"",
		    " = socketmap:inet:[::1]:1:postfix\n" },
		{ "PF-SM-10: relative in the queue directory",
		    "socketmap = /var/spool/postfix/tm/map",
		    " = socketmap:unix:tm/map:postfix\n" },
		{ "PF-SM-14: postmap(1) is not in the queue directory",
		    "socketmap = /var/spool/postfix/tm/map",
		    "\n#   postmap -q example.com socketmap:"
		    "unix:/var/spool/postfix/tm/map:postfix\n" },
		{ "PF-SM-10: chroot is warned of", "socketmap = /run/tm/map",
		    "# Debian's is: there the socket must be inside "
		    "/var/spool/postfix/.\n" },
		{ "a path that is no table", "socketmap = \"/run/a b\"",
		    "\n# Postfix cannot use the path /run/a b here" },
		{ "several", "socketmap = {/run/a, \"inet:1@[::1]\"}",
		    "\n#   socketmap:inet:[::1]:1:postfix\n" },
		{ "PF-TP-24: main.cf decides the rest", MAP,
		    "\nsmtp_tls_security_level = may\n" },
		{ "the level that is configured", MAP
		    "postfix { default_level = encrypt }",
		    "\nsmtp_tls_security_level = encrypt\n" },
		{ "secure needs authorities", MAP, "\nsmtp_tls_CAfile = "
		    "/etc/ssl/certs/ca-certificates.crt\n" },
		{ "PF-TP-12: TLS 1.2 from 3.6 on", MAP,
		    "\nsmtp_tls_mandatory_protocols = >=TLSv1.2\n" },
		{ "PF-TP-12: TLS 1.2 before 3.6", MAP
		    "postfix { version = 3.5 }",
		    "\nsmtp_tls_mandatory_protocols = !SSLv2, !SSLv3, "
		    "!TLSv1, !TLSv1.1\n" },
		{ "DANE needs DNSSEC", MAP "postfix { dane = yes }", DNSSEC },
		{ "DANE of main.cf needs it as well", MAP
		    "postfix { default_level = dane-only }", DNSSEC },
		{ "an old default is put right", MAP
		    "postfix { dane = yes version = 3.9 }",
		    "\nsmtp_tls_dane_insecure_mx_policy = dane\n" },
		{ "PF-TP-14: no SNI before 3.4", MAP
		    "postfix { version = 3.3 }", "# It cannot send the "
		    "server's name (SNI)" },
		{ "PF-TP-15: what 3.9 does not compare", MAP
		    "postfix { version = 3.9 }", "# It compares the "
		    "certificate with the policy, not the name" },
		{ "PF-TP-16: what 3.10 compares", MAP
		    "postfix { version = 3.10 }",
		    "# smtp_tls_enforce_sts_mx_patterns at its default" },
	};

	check_setup(cases, sizeof(cases) / sizeof(cases[0]), print_outbound);
}

static void print_sendmail_outbound(const struct conf *c, struct buf *out)
{
	CU_ASSERT_EQUAL(setup_sendmail_outbound(c, out), c->socketmap.n > 0);
}

static void sendmail_outbound_lines_fit_the_configuration(void)
{
	static const struct setup_case cases[] = {
		{ "none is configured", "",
		    "dnl   socketmap = {\"inet:8461@127.0.0.1\"}\n" },
		{ "PF-SM-13: the map, and a failure that waits", MAP,
		    "\nFEATURE(`sts', `socket -d5 -T<TMPF> "
		    "inet:8461@127.0.0.1')dnl\n" },
		{ "PF-SM-13: Sendmail's own default", "socketmap = {/run/a, "
		    "\"inet:5461@127.0.0.1\"}", "\nFEATURE(`sts')dnl\n" },
		{ "unix socket", "socketmap = /run/tm/map",
		    " -T<TMPF> unix:/run/tm/map')dnl\n" },
		{ "a path Sendmail cannot read is no line",
		    "socketmap = \"/run/a,b\"",
		    "\ndnl Sendmail cannot use the path /run/a,b" },
		{ "certificates need authorities", MAP,
		    "\ndefine(`confCACERT_PATH', `/etc/ssl/certs')dnl\n" },
	};

	check_setup(cases, sizeof(cases) / sizeof(cases[0]),
	    print_sendmail_outbound);
}

static void setup_says_no_more_than_needed(void)
{
	struct conf *c = load_good("rule \"x\" { require = tls "
	    "listener = 25 }");
	struct buf out;

	buf_init(&out, 10000);
	setup_postfix(c, &out);
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "smtpd_tls_ask_ccert"));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "milter_macro_daemon_name"));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "\nnon_smtpd_milters"));
	buf_clear(&out);
	CU_ASSERT(!setup_postfix_policy(c, &out));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "smtpd_"));
	buf_clear(&out);
	setup_sendmail(c, &out);
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "\ndefine("));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "DAEMON_OPTIONS"));
	buf_clear(&out);
	CU_ASSERT(!setup_postfix_outbound(c, &out));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "\nsmtp_"));
	buf_clear(&out);
	conf_unref(c);
	c = load_good("socketmap = \"/run/a b\" postfix { version = 3.10 }");
	CU_ASSERT(setup_postfix_outbound(c, &out));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "smtp_tls_policy_maps ="));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "smtp_dns_support_level"));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "insecure_mx_policy"));
	buf_clear(&out);
	conf_unref(c);
}

static const struct unit_test tests[] = {
	{ "setup fits the configuration", setup_fits_the_configuration },
	{ "policy service lines fit the configuration",
	    policy_service_lines_fit_the_configuration },
	{ "outbound lines fit the configuration",
	    outbound_lines_fit_the_configuration },
	{ "setup says no more than needed", setup_says_no_more_than_needed },
	{ "Sendmail lines fit the configuration",
	    sendmail_lines_fit_the_configuration },
	{ "Sendmail outbound lines fit the configuration",
	    sendmail_outbound_lines_fit_the_configuration },
	{ "Sendmail lines are comments or settings",
	    sendmail_lines_are_comments_or_settings },
};

UNIT_MAIN("setup", tests)
