/* SPDX-License-Identifier: BSD-2-Clause */
/* What is found, and how bad it is, by what was promised. */
#include "config.h"

#include "check/judge.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check-scenario.h"
#include "tests/unit/unit.h"

#define DAY 86400

/* ---- what is wrong with every address ---------------------------------- */

static void nothing(struct probe_facts *p)
{
	(void)p;
}

static void untrusted(struct probe_facts *p)
{
	p->tls.chain_good = false;
	snprintf(p->tls.chain_error, sizeof(p->tls.chain_error),
	    "self-signed certificate");
	p->tls.cert.self_signed = true;
}

static void expired(struct probe_facts *p)
{
	p->tls.chain_good = false;
	p->tls.chain_expired = true;
	p->tls.cert.not_after = SCENARIO_NOW - DAY;
}

static void ends_in_20_days(struct probe_facts *p)
{
	p->tls.cert.not_after = SCENARIO_NOW + 20 * DAY;
	p->tls.cert.not_before = SCENARIO_NOW - 70 * DAY;
}

static void ends_in_29_days(struct probe_facts *p)
{
	p->tls.cert.not_after = SCENARIO_NOW + 29 * DAY;
	p->tls.cert.not_before = SCENARIO_NOW - 61 * DAY;
}

static void ends_in_2_days(struct probe_facts *p)
{
	p->tls.cert.not_after = SCENARIO_NOW + 2 * DAY;
	p->tls.cert.not_before = SCENARIO_NOW - 88 * DAY;
}

static void ends_in_2_of_6_days(struct probe_facts *p)
{
	p->tls.cert.not_after = SCENARIO_NOW + 2 * DAY;
	p->tls.cert.not_before = SCENARIO_NOW - 4 * DAY;
}

static void in_the_common_name(struct probe_facts *p)
{
	p->tls.name_good = false;
	p->tls.name_in_cn = true;
}

static void weak_key(struct probe_facts *p)
{
	p->tls.cert.key_bits = 1024;
}

static void sha1(struct probe_facts *p)
{
	snprintf(p->tls.cert.signature, sizeof(p->tls.cert.signature),
	    "RSA-SHA1");
}

static void old_tls(struct probe_facts *p)
{
	snprintf(p->tls.version, sizeof(p->tls.version), "TLSv1.1");
}

static void cbc(struct probe_facts *p)
{
	p->tls.aead = false;
}

static void no_forward_secrecy(struct probe_facts *p)
{
	p->tls.forward_secret = false;
}

static void cut_off(struct probe_facts *p, enum stage_id at,
    enum stage_state state)
{
	p->has_tls = false;
	p->stages[at].state = state;
	for (int i = at + 1; i < STAGES; i++)
		p->stages[i].state = STAGE_SKIPPED;
	if (at <= STAGE_HELLO)
		p->offered = p->accepted = ANSWER_UNKNOWN;
}

static void handshake_fails(struct probe_facts *p)
{
	cut_off(p, STAGE_HANDSHAKE, STAGE_FAILED);
}

static void starttls_454(struct probe_facts *p)
{
	cut_off(p, STAGE_STARTTLS, STAGE_UNKNOWN);
	p->accepted = ANSWER_UNKNOWN;
}

static void starttls_refused(struct probe_facts *p)
{
	cut_off(p, STAGE_STARTTLS, STAGE_FAILED);
	p->accepted = ANSWER_NO;
}

static void spoke_early(struct probe_facts *p)
{
	cut_off(p, STAGE_STARTTLS, STAGE_FAILED);
	p->spoke_early = true;
}

static void hidden(struct probe_facts *p)
{
	p->offered = ANSWER_NO;
	p->sent_anyway = true;
}

static void greeting_421(struct probe_facts *p)
{
	cut_off(p, STAGE_GREETING, STAGE_UNKNOWN);
	p->stages[STAGE_GREETING].reply = strdup("421 later");
	p->stages[STAGE_GREETING].code = 421;
}

static void greeting_554(struct probe_facts *p)
{
	cut_off(p, STAGE_GREETING, STAGE_FAILED);
	p->stages[STAGE_GREETING].code = 554;
}

static void greeting_garbage(struct probe_facts *p)
{
	cut_off(p, STAGE_GREETING, STAGE_FAILED);
	snprintf(p->stages[STAGE_GREETING].detail, 160, "nonsense");
}

static void half_a_reply(struct probe_facts *p)
{
	cut_off(p, STAGE_GREETING, STAGE_UNKNOWN);
	p->stages[STAGE_GREETING].reply = strdup("220-");
	snprintf(p->stages[STAGE_GREETING].detail, 160, "timed out");
}

static void silent(struct probe_facts *p)
{
	cut_off(p, STAGE_GREETING, STAGE_UNKNOWN);
}

static void refused(struct probe_facts *p)
{
	cut_off(p, STAGE_CONNECT, STAGE_FAILED);
}

static void dead(struct probe_facts *p)
{
	cut_off(p, STAGE_CONNECT, STAGE_UNKNOWN);
}

static void not_tested(struct probe_facts *p)
{
	cut_off(p, STAGE_CONNECT, STAGE_SKIPPED);
}

static void no_ehlo_inside(struct probe_facts *p)
{
	p->stages[STAGE_HELLO_TLS].state = STAGE_FAILED;
}

static void offered_inside(struct probe_facts *p)
{
	p->offered_inside = true;
}

static void injectable(struct probe_facts *p)
{
	p->injection = ANSWER_YES;
}

/* The same server, for each promise. */
static const struct {
	const char *label;
	scenario_fn *fault;
	const char *plain;	/* nothing promised; IGNORED is left out */
	const char *testing;
	const char *enforce;
	const char *dane;	/* DANE-EE that matches, and no policy */
} servers[] = {
	{ "all is well", nothing, "", "", "", "" },
	{ "a self-signed certificate", untrusted, "cert.chain=info",
	    "cert.chain=warn", "cert.chain=fail", "cert.chain=info" },
	{ "an expired certificate", expired, "cert.expiry=info",
	    "cert.expiry=warn", "cert.expiry=fail", "cert.expiry=info" },
	{ "TV: less than a quarter of the time is left", ends_in_20_days,
	    "cert.expiry=info", "cert.expiry=warn", "cert.expiry=warn",
	    "cert.expiry=info" },
	{ "renewal is due, and nothing is late", ends_in_29_days, "", "", "",
	    "" },
	{ "less than three days are left", ends_in_2_days,
	    "cert.expiry=info", "cert.expiry=warn", "cert.expiry=fail",
	    "cert.expiry=info" },
	{ "a short life is no fault", ends_in_2_of_6_days, "", "", "", "" },
	{ "STS-G: the common name does not count", in_the_common_name,
	    "cert.name=info", "cert.name=warn", "cert.name=fail",
	    "cert.name=info" },
	{ "TV-05: a weak key", weak_key, "cert.key=warn", "cert.key=warn",
	    "cert.key=fail", "cert.key=fail" },
	{ "TV-05: SHA-1", sha1, "cert.signature=warn", "cert.signature=warn",
	    "cert.signature=fail", "cert.signature=warn" },
	{ "TV-08: old TLS is better than none", old_tls, "tls.version=warn",
	    "tls.version=warn", "tls.version=warn", "tls.version=warn" },
	{ "TV-04: CBC", cbc, "tls.cipher=info", "tls.cipher=info",
	    "tls.cipher=info", "tls.cipher=info" },
	{ "TV-03: no forward secrecy", no_forward_secrecy, "tls.cipher=warn",
	    "tls.cipher=warn", "tls.cipher=warn", "tls.cipher=warn" },
	{ "the handshake fails", handshake_fails, "tls.handshake=fail",
	    "tls.handshake=fail", "tls.handshake=fail",
	    "tls.handshake=fail" },
	{ "ST-S-02: 454", starttls_454, "starttls.unavailable=unknown",
	    "starttls.unavailable=unknown", "starttls.unavailable=unknown",
	    "starttls.unavailable=unknown" },
	{ "ST-C-05: refused for good", starttls_refused,
	    "starttls.refused=fail", "starttls.refused=fail",
	    "starttls.refused=fail", "starttls.refused=fail" },
	{ "ST-C-01: clear text behind the reply", spoke_early,
	    "starttls.early=fail", "starttls.early=fail",
	    "starttls.early=fail", "starttls.early=fail" },
	{ "works, and is not offered", hidden, "starttls.hidden=warn",
	    "starttls.hidden=warn", "starttls.hidden=fail",
	    "starttls.hidden=fail" },
	{ "ST-C-05: 421 tells nothing", greeting_421, "smtp.busy=unknown",
	    "smtp.busy=unknown", "smtp.busy=unknown", "smtp.busy=unknown" },
	{ "554 may be meant for us", greeting_554, "smtp.greeting=unknown",
	    "smtp.greeting=unknown", "smtp.greeting=unknown",
	    "smtp.greeting=unknown" },
	{ "no mail server", greeting_garbage, "smtp.greeting=fail",
	    "smtp.greeting=fail", "smtp.greeting=fail",
	    "smtp.greeting=fail" },
	{ "says nothing", silent, "smtp.silent=unknown",
	    "smtp.silent=unknown", "smtp.silent=unknown",
	    "smtp.silent=unknown" },
	{ "half a reply, and then nothing", half_a_reply,
	    "smtp.silent=unknown", "smtp.silent=unknown",
	    "smtp.silent=unknown", "smtp.silent=unknown" },
	{ "nobody listens", refused, "host.refused=fail",
	    "host.refused=fail", "host.refused=fail", "host.refused=fail" },
	{ "no answer, though others do", dead, "host.unreachable=fail",
	    "host.unreachable=fail", "host.unreachable=fail",
	    "host.unreachable=fail" },
	{ "not tested", not_tested, "host.not-tested=unknown",
	    "host.not-tested=unknown", "host.not-tested=unknown",
	    "host.not-tested=unknown" },
	{ "EHLO fails inside TLS", no_ehlo_inside, "tls.ehlo=fail",
	    "tls.ehlo=fail", "tls.ehlo=fail", "tls.ehlo=fail" },
	{ "ST-S-06: offered inside TLS", offered_inside,
	    "starttls.inside=warn", "starttls.inside=warn",
	    "starttls.inside=warn", "starttls.inside=warn" },
	{ "ST-S-07: injected commands are carried out", injectable,
	    "starttls.injection=fail", "starttls.injection=fail",
	    "starttls.injection=fail", "starttls.injection=fail" },
};

/* What every domain without a promise has, and testing says of itself. */
static void leave_out(char *list, const char *word)
{
	char *at = strstr(list, word);

	if (at)
		memmove(at, at + strlen(word), strlen(at + strlen(word)) + 1);
}

static void expect(const char *label, struct check_facts *f,
    const char *wanted)
{
	struct findings findings = { .v = NULL };
	char list[1024];

	check_judge(f, NULL, &findings);
	CU_ASSERT_FALSE(findings.failed);
	scenario_list(&findings, list, sizeof(list));
	leave_out(list, "mta-sts.absent=info ");
	leave_out(list, "mta-sts.mode=info ");
	leave_out(list, "dane.rollover=info ");
	leave_out(list, "tlsrpt.absent=info ");
	leave_out(list, "tlsrpt.absent=info");
	leave_out(list, "tlsrpt.absent=warn ");
	leave_out(list, "mta-sts.mode=info");
	leave_out(list, "dane.rollover=info");
	while (*list && list[strlen(list) - 1] == ' ')
		list[strlen(list) - 1] = '\0';
	CHECK_CASE_STR(label, list, wanted);
	findings_clear(&findings);
	check_facts_clear(f);
}

static void test_servers(void)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		struct check_facts f;

		scenario_plain(&f);
		scenario_each(&f, servers[i].fault);
		expect(servers[i].label, &f, servers[i].plain);
		scenario_good(&f);
		f.sts_mode = MTASTS_TESTING;
		scenario_each(&f, servers[i].fault);
		expect(servers[i].label, &f, servers[i].testing);
		scenario_good(&f);
		scenario_each(&f, servers[i].fault);
		expect(servers[i].label, &f, servers[i].enforce);
		scenario_plain(&f);
		scenario_dane(&f, TLSA_DANE_EE, true);
		scenario_each(&f, servers[i].fault);
		expect(servers[i].label, &f, servers[i].dane);
	}
}

/* ---- no STARTTLS ------------------------------------------------------- */

static void masked(struct probe_facts *p)
{
	snprintf(p->masked, sizeof(p->masked), "XXXXXXXA");
}

static void no_ehlo(struct probe_facts *p)
{
	p->hello_refused = true;
	p->stages[STAGE_HELLO].state = STAGE_FAILED;
}

static void test_missing(void)
{
	struct check_facts f;

	scenario_plain(&f);
	scenario_no_starttls(&f);
	expect("nothing promised", &f, "starttls.missing=warn");
	scenario_good(&f);
	scenario_no_starttls(&f);
	expect("enforce", &f, "starttls.missing=fail");
	scenario_plain(&f);
	scenario_dane(&f, TLSA_DANE_EE, true);
	scenario_no_starttls(&f);
	expect("DANE", &f, "starttls.missing=fail");
	scenario_good(&f);
	scenario_no_starttls(&f);
	scenario_each(&f, masked);
	expect("masked", &f, "starttls.masked=fail");
	scenario_good(&f);
	scenario_no_starttls(&f);
	scenario_each(&f, no_ehlo);
	expect("EHLO is refused", &f, "smtp.helo=fail");
	scenario_good(&f);
	f.hosts[0].addresses[0].second_kind = SECOND_RETRY;
	f.hosts[0].addresses[0].second.offered = ANSWER_NO;
	expect("on one of two connections", &f, "starttls.flapping=fail");
}

/* ---- domains ----------------------------------------------------------- */

static void keep_addresses(struct check_facts *f, size_t n)
{
	struct host_facts *h = &f->hosts[0];

	for (; h->n > n; h->n--)
		probe_facts_clear(&h->addresses[h->n - 1].first);
}

static void bogus_mx(struct check_facts *f)
{
	f->mx = MX_UNKNOWN;
	f->mx_status = DNS_BOGUS;
}

static void mx_servfail(struct check_facts *f)
{
	f->mx = MX_UNKNOWN;
	f->mx_status = DNS_SERVFAIL;
}

static void deaf(struct check_facts *f)
{
	f->mx = MX_UNKNOWN;
	f->mx_status = DNS_TIMEOUT;
	f->tlsrpt = TLSRPT_UNKNOWN;
	keep_addresses(f, 0);
	f->hosts[0].ipv4.asked = f->hosts[0].ipv6.asked = false;
}

static void null_and_others(struct check_facts *f)
{
	f->null_and_others = true;
}

static void uncovered(struct check_facts *f)
{
	strv_clear(&f->sts_mx);
	strv_add(&f->sts_mx, "other.example.com");
}

static void stale(struct check_facts *f)
{
	strv_add(&f->sts_mx, "*.example.net");
}

static void short_max_age(struct check_facts *f)
{
	f->sts_max_age = 86400;
}

static void same_id(struct check_facts *f)
{
	snprintf(f->held_id, sizeof(f->held_id), "1");
	f->held_mode = MTASTS_TESTING;
}

static void failed_with(struct check_facts *f, enum mtasts_error e)
{
	f->sts = MTASTS_FAILED;
	f->sts_error = e;
	snprintf(f->sts_detail, sizeof(f->sts_detail), "no");
}

static void no_fetch(struct check_facts *f)
{
	failed_with(f, MTASTS_E_TLS);
}

static void invalid_policy(struct check_facts *f)
{
	failed_with(f, MTASTS_E_POLICY);
}

static void sts_servfail(struct check_facts *f)
{
	failed_with(f, MTASTS_E_DNS);
}

static void two_records(struct check_facts *f)
{
	f->sts = MTASTS_ABSENT;
	f->sts_error = MTASTS_E_RECORD;
}

static void no_reports(struct check_facts *f)
{
	f->tlsrpt = TLSRPT_ABSENT;
}

static void two_rua_records(struct check_facts *f)
{
	f->tlsrpt = TLSRPT_SEVERAL;
}

static void alias(struct check_facts *f)
{
	f->hosts[0].alias = true;
}

static void no_address(struct check_facts *f)
{
	keep_addresses(f, 0);
	f->hosts[0].ipv4.status = f->hosts[0].ipv6.status = DNS_NXDOMAIN;
}

static void one_family_fails(struct check_facts *f)
{
	keep_addresses(f, 1);
	f->hosts[0].ipv6.status = DNS_SERVFAIL;
}

static void tlsa_servfail(struct check_facts *f)
{
	f->hosts[0].dane = DANE_HOST_TLSA_ERROR;
}

static void mismatch(struct check_facts *f)
{
	scenario_dane(f, TLSA_DANE_EE, false);
}

static void no_validation(struct check_facts *f)
{
	f->validation = DNS_VALIDATION_FAILED;
}

static void all_dead(struct check_facts *f)
{
	f->port25 = ANSWER_UNKNOWN;
	scenario_each(f, dead);
}

static void egress_known(struct check_facts *f)
{
	f->port25 = ANSWER_NO;
	scenario_each(f, dead);
}

static void no_ipv6_here(struct check_facts *f)
{
	f->hosts[0].addresses[1].first.is_local = true;
	cut_off(&f->hosts[0].addresses[1].first, STAGE_CONNECT,
	    STAGE_UNKNOWN);
}

static void policy_host_ends(struct check_facts *f)
{
	struct probe_facts *p = &f->policy_host.probe;

	f->policy_host.asked = true;
	p->has_tls = p->tls.chain_good = p->tls.name_good = true;
	p->tls.cert.not_before = SCENARIO_NOW - 80 * DAY;
	p->tls.cert.not_after = SCENARIO_NOW + 10 * DAY;
}

static const struct {
	const char *label;
	void (*fault)(struct check_facts *f);
	const char *wanted;	/* of a domain with an enforce policy */
} domains[] = {
	{ "a bogus MX record", bogus_mx, "mx.bogus=fail" },
	{ "cannot tell is not broken", mx_servfail, "mx.error=unknown" },
	{ "no name server answers: that is one finding", deaf,
	    "resolver.failed=unknown" },
	{ "NM-01: a null MX must stand alone", null_and_others,
	    "mx.null-and-others=fail" },
	{ "STS-G: the host is not in the policy", uncovered,
	    "mta-sts.uncovered=fail mta-sts.stale=warn" },
	{ "STS-G: a pattern nobody has", stale, "mta-sts.stale=warn" },
	{ "a day is short for enforce", short_max_age,
	    "mta-sts.max-age=warn" },
	{ "another policy with the same id", same_id, "mta-sts.id=warn" },
	{ "the policy host's certificate", no_fetch, "mta-sts.fetch=fail" },
	{ "an invalid policy", invalid_policy, "mta-sts.invalid=fail" },
	{ "SERVFAIL says nothing about the policy", sts_servfail,
	    "mta-sts.error=unknown" },
	{ "two TXT records", two_records, "mta-sts.record=fail" },
	{ "enforce, and no reports", no_reports, "tlsrpt.absent=warn" },
	{ "two TLSRPT records", two_rua_records, "tlsrpt.invalid=warn" },
	{ "AD-05: an alias", alias, "mx.alias=warn" },
	{ "a host without an address", no_address, "host.no-address=fail" },
	{ "one family fails, the other is there", one_family_fails,
	    "host.dns-error=warn" },
	{ "DANE-A-04: a TLSA error is never \"no TLSA\"", tlsa_servfail,
	    "dane.error=fail" },
	{ "no record matches, though MTA-STS would do", mismatch,
	    "dane.mismatch=fail" },
	{ "servers that strip DNSSEC", no_validation,
	    "resolver.dnssec=unknown" },
	{ "nothing answers on port 25: is it we?", all_dead,
	    "egress.port25=unknown" },
	{ "port 25 is known to be blocked", egress_known,
	    "egress.port25=unknown" },
	{ "this machine has no IPv6", no_ipv6_here, "host.no-route=info" },
	{ "the policy host's certificate ends soon", policy_host_ends,
	    "mta-sts.certificate=warn" },
};

static void test_domains(void)
{
	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++) {
		struct check_facts f;

		scenario_good(&f);
		domains[i].fault(&f);
		if (strcmp(domains[i].wanted, "tlsrpt.absent=warn") == 0) {
			struct findings all = { .v = NULL };
			char list[200];

			check_judge(&f, NULL, &all);
			scenario_list(&all, list, sizeof(list));
			CHECK_CASE_STR(domains[i].label, list,
			    domains[i].wanted);
			findings_clear(&all);
			check_facts_clear(&f);
			continue;
		}
		expect(domains[i].label, &f, domains[i].wanted);
	}
}

static void submission(struct check_facts *f)
{
	scenario_plain(f);
	CU_ASSERT(check_target_host(CHECK_SUBMISSION, "mx.example.com",
	    &f->target, NULL, 0));
	f->sts_asked = f->dane_asked = false;
}

/* People log in there: IM-03, IM-04. */
static void test_submission(void)
{
	struct check_facts f;

	submission(&f);
	expect("all is well", &f, "");
	submission(&f);
	scenario_each(&f, untrusted);
	expect("their programs verify the chain", &f, "cert.chain=fail");
	submission(&f);
	scenario_each(&f, old_tls);
	expect("TLS 1.1", &f, "tls.version=fail");
	submission(&f);
	scenario_no_starttls(&f);
	expect("passwords in clear text", &f, "starttls.missing=fail");
}

/* Every id is once in the table, sorted, and complete. */
static void test_table(void)
{
	size_t n;
	const struct finding_info *table = finding_table(&n);

	for (size_t i = 0; i < n; i++) {
		CHECK_CASE(table[i].id, i == 0 ||
		    strcmp(table[i - 1].id, table[i].id) < 0);
		CHECK_CASE(table[i].id, *table[i].title &&
		    *table[i].explain);
		CHECK_CASE(table[i].id, finding_info(table[i].id) ==
		    &table[i]);
	}
	CU_ASSERT_PTR_NULL(finding_info("no.such"));
}

static const struct unit_test tests[] = {
	{ "servers, for each promise", test_servers },
	{ "no STARTTLS", test_missing },
	{ "domains", test_domains },
	{ "where people log in", test_submission },
	{ "the table of findings", test_table },
};

UNIT_MAIN("check/judge", tests)
