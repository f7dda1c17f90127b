/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "check/judge-internal.h"
#include "util/buf.h"

#define DAY 86400

static void say(struct judge *j, const char *id, enum check_status status,
    const char *text)
{
	findings_add(j->out, id, status, NULL, NULL, "%s", text);
}

/* ---- MX ---------------------------------------------------------------- */

static void list_hosts(struct judge *j)
{
	const struct check_facts *f = j->f;
	struct buf names;

	buf_init(&names, 1500);
	for (size_t i = 0; i < f->n && names.len < 1000; i++)
		buf_addf(&names, "%s%u %s", i ? ", " : "",
		    f->hosts[i].preference, f->hosts[i].name);
	findings_add(j->out, "mx.found", CHECK_OK, NULL, NULL, "%s (%s)",
	    buf_str(&names), f->mx_secure ? "signed" : "not signed");
	buf_clear(&names);
}

static void judge_unknown_mx(struct judge *j)
{
	const struct check_facts *f = j->f;

	findings_add(j->out, f->mx_status == DNS_BOGUS ? "mx.bogus" :
	    "mx.error", f->mx_status == DNS_BOGUS ? CHECK_FAIL :
	    CHECK_UNKNOWN, NULL, NULL, "the MX record of %s: %s%s%s",
	    f->target.name, dns_status_text(f->mx_status),
	    *f->mx_why ? ", " : "", f->mx_why);
}

static void judge_mx(struct judge *j)
{
	const struct check_facts *f = j->f;

	switch (f->mx) {
	case MX_UNKNOWN:
		judge_unknown_mx(j);
		break;
	case MX_FOUND:
		list_hosts(j);
		break;
	case MX_IMPLICIT:
		say(j, "mx.implicit", CHECK_WARN,
		    "there is no MX record: mail goes to the domain itself");
		break;
	case MX_NULL:
		say(j, "mx.null", CHECK_OK,
		    "a null MX: the domain takes no mail");
		break;
	case MX_NONE:
		say(j, "mx.none", CHECK_FAIL,
		    "neither an MX record nor an address");
		break;
	case MX_NO_DOMAIN:
		say(j, "mx.no-domain", CHECK_FAIL,
		    "there is no such domain (NXDOMAIN)");
		break;
	}
	if (f->null_and_others)
		say(j, "mx.null-and-others", CHECK_FAIL,
		    "a null MX stands beside other MX records");
	if (f->mx_cut)
		findings_add(j->out, "mx.cut", CHECK_INFO, NULL, NULL,
		    "only the first %zu hosts were tested", f->n);
}

/* ---- MTA-STS ----------------------------------------------------------- */

static size_t count_covered(struct judge *j)
{
	const struct check_facts *f = j->f;
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct host_facts *h = &f->hosts[i];
		struct finding *one;

		if (f->sts_mode == MTASTS_NONE || check_covered(f, h)) {
			n++;
			continue;
		}
		one = findings_add(j->out, "mta-sts.uncovered",
		    f->sts_mode == MTASTS_ENFORCE ? CHECK_FAIL : CHECK_WARN,
		    h, NULL, "no mx line of the policy matches");
		judge_fix(j, one, "mx: %s", h->name);
	}
	return n;
}

static void find_stale(struct judge *j)
{
	const struct check_facts *f = j->f;

	if (f->mx != MX_FOUND && f->mx != MX_IMPLICIT)
		return;
	for (size_t i = 0; i < f->sts_mx.n; i++) {
		bool matched = false;

		for (size_t k = 0; k < f->n && !matched; k++)
			matched = mtasts_mx_match(f->sts_mx.v[i],
			    f->hosts[k].name);
		if (!matched && !f->mx_cut)
			findings_add(j->out, "mta-sts.stale", CHECK_WARN,
			    NULL, NULL, "no MX host matches \"mx: %s\"",
			    f->sts_mx.v[i]);
	}
}

static void judge_mode(struct judge *j)
{
	const struct check_facts *f = j->f;
	uint32_t least = f->sts_mode == MTASTS_ENFORCE ? 14 * DAY :
	    f->sts_mode == MTASTS_TESTING ? DAY : 0;
	char have[JUDGE_TIME_SIZE], want[JUDGE_TIME_SIZE];

	if (f->sts_mode == MTASTS_TESTING)
		say(j, "mta-sts.mode", CHECK_INFO, "mode testing: failures "
		    "are reported, and mail is delivered all the same");
	if (f->sts_mode == MTASTS_NONE)
		say(j, "mta-sts.mode", CHECK_INFO,
		    "mode none: the policy is being withdrawn");
	if (f->sts_max_age < least) {
		struct finding *one = findings_add(j->out, "mta-sts.max-age",
		    CHECK_WARN, NULL, NULL, "max_age is %s, mode %s wants at "
		    "least %s", judge_time_text(f->sts_max_age, have),
		    mtasts_mode_name(f->sts_mode),
		    judge_time_text(least, want));

		judge_fix(j, one, "max_age: %u", f->sts_mode ==
		    MTASTS_ENFORCE ? 31 * DAY : 7 * DAY);
	}
	if (*f->held_id && strcmp(f->held_id, f->sts_id) == 0 &&
	    f->held_mode != f->sts_mode)
		findings_add(j->out, "mta-sts.id", CHECK_WARN, NULL, NULL,
		    "mode %s is cached with id %s, which now has mode %s",
		    mtasts_mode_name(f->held_mode), f->held_id,
		    mtasts_mode_name(f->sts_mode));
}

static void judge_policy(struct judge *j)
{
	const struct check_facts *f = j->f;
	size_t covered = count_covered(j);
	char age[JUDGE_TIME_SIZE];

	if (f->sts_mode == MTASTS_NONE)
		findings_add(j->out, "mta-sts.policy", CHECK_OK, NULL, NULL,
		    "none, id %s", f->sts_id);
	else
		findings_add(j->out, "mta-sts.policy", CHECK_OK, NULL, NULL,
		    "%s, id %s, max_age %s, covers %zu of %zu MX",
		    mtasts_mode_name(f->sts_mode), f->sts_id,
		    judge_time_text(f->sts_max_age, age), covered, f->n);
	find_stale(j);
	judge_mode(j);
	if (f->sts_findings.n > 0) {
		struct finding *one = findings_add(j->out, "mta-sts.text",
		    CHECK_WARN, NULL, NULL, "the text is tolerated, but not "
		    "as it should be");

		for (size_t i = 0; i < f->sts_findings.n; i++)
			judge_evidence(j, one, "%s", f->sts_findings.v[i]);
	}
}

static void judge_no_policy(struct judge *j)
{
	const struct check_facts *f = j->f;
	enum check_status status = CHECK_FAIL;
	const char *id = "mta-sts.fetch";

	switch (f->sts_error) {
	case MTASTS_E_NO_RECORD:
		id = "mta-sts.absent";
		status = CHECK_INFO;
		break;
	case MTASTS_E_RECORD:
		id = "mta-sts.record";
		break;
	case MTASTS_E_POLICY:
	case MTASTS_E_SIZE:
		id = "mta-sts.invalid";
		break;
	case MTASTS_E_BOGUS:
		id = "mta-sts.error";
		break;
	case MTASTS_E_DNS:
	case MTASTS_E_BUSY:
	case MTASTS_E_CANCELLED:
	case MTASTS_E_MEMORY:
	case MTASTS_E_ARGUMENT:
		id = "mta-sts.error";
		status = CHECK_UNKNOWN;
		break;
	case MTASTS_E_TIMEOUT:
		status = CHECK_UNKNOWN;
		break;
	case MTASTS_OK:
	case MTASTS_E_HOST:
	case MTASTS_E_CONNECT:
	case MTASTS_E_TLS:
	case MTASTS_E_HTTP:
		break;
	}
	findings_add(j->out, id, status, NULL, NULL, "%s",
	    *f->sts_detail ? f->sts_detail : mtasts_strerror(f->sts_error));
}

/* The certificate of the policy host, which is seldom watched. */
static void judge_policy_host(struct judge *j)
{
	const struct check_facts *f = j->f;
	const struct probe_facts *p = &f->policy_host.probe;
	enum check_status status;
	char text[128];

	if (!f->policy_host.asked || !p->has_tls)
		return;
	if (!p->tls.chain_good || !p->tls.name_good) {
		findings_add(j->out, "mta-sts.certificate", CHECK_FAIL, NULL,
		    NULL, "mta-sts.%s: %s", f->target.name,
		    !p->tls.chain_good ? p->tls.chain_error :
		    "the certificate does not name it");
		return;
	}
	status = judge_expiry(&p->tls.cert, f->started, text, sizeof(text));
	findings_add(j->out, "mta-sts.certificate", status, NULL, NULL,
	    "mta-sts.%s: the certificate %s", f->target.name, text);
}

static void judge_sts(struct judge *j)
{
	const struct check_facts *f = j->f;

	if (!f->sts_asked)
		return;
	if (f->sts == MTASTS_FOUND)
		judge_policy(j);
	else
		judge_no_policy(j);
	judge_policy_host(j);
}

/* ---- DANE -------------------------------------------------------------- */

static size_t count_hosts(const struct check_facts *f, enum dane_host state)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->hosts[i].dane == state;
	return n;
}

static void judge_dane(struct judge *j)
{
	const struct check_facts *f = j->f;
	size_t usable = count_hosts(f, DANE_HOST_USABLE);
	size_t without = count_hosts(f, DANE_HOST_NO_TLSA);

	if (!f->dane_asked)
		return;
	if (f->dane == DANE_ALL)
		say(j, "dane.domain", CHECK_OK,
		    "a signed MX record, and TLSA records for every host");
	else if (usable > 0 && !f->mx_secure)
		say(j, "dane.mx-insecure", CHECK_INFO, "the hosts have TLSA "
		    "records, but the domain's MX record is not signed");
	else if (usable > 0 && without > 0)
		findings_add(j->out, "dane.partial", CHECK_WARN, NULL, NULL,
		    "%zu of %zu hosts have TLSA records", usable, f->n);
}

/* ---- TLSRPT ------------------------------------------------------------ */

static bool wants_reports(const struct check_facts *f)
{
	return (f->sts_asked && f->sts == MTASTS_FOUND &&
	    f->sts_mode != MTASTS_NONE) ||
	    count_hosts(f, DANE_HOST_USABLE) > 0;
}

static void judge_no_tlsrpt(struct judge *j)
{
	const char *name = j->f->target.name;
	bool wanted = wants_reports(j->f);
	struct finding *one = findings_add(j->out, "tlsrpt.absent",
	    wanted ? CHECK_WARN : CHECK_INFO, NULL, NULL, wanted ?
	    "no _smtp._tls record: you ask for TLS, and see no failures" :
	    "no _smtp._tls record");

	if (wanted)
		judge_fix(j, one, "_smtp._tls.%s. IN TXT "
		    "\"v=TLSRPTv1; rua=mailto:tls-reports@%s\"", name, name);
}

static void judge_tlsrpt(struct judge *j)
{
	const struct check_facts *f = j->f;

	switch (f->tlsrpt) {
	case TLSRPT_FOUND:
		findings_add(j->out, "tlsrpt.record", CHECK_OK, NULL, NULL,
		    "%s%s", f->tlsrpt_rua.n ? f->tlsrpt_rua.v[0] : "",
		    f->tlsrpt_rua.n > 1 ? " and others" : "");
		break;
	case TLSRPT_ABSENT:
		judge_no_tlsrpt(j);
		break;
	case TLSRPT_INVALID:
	case TLSRPT_SEVERAL:
		findings_add(j->out, "tlsrpt.invalid", CHECK_WARN, NULL,
		    NULL, "%s", f->tlsrpt == TLSRPT_SEVERAL ?
		    "more than one record" : *f->tlsrpt_why ?
		    f->tlsrpt_why : "the record is invalid");
		break;
	case TLSRPT_UNKNOWN:
		findings_add(j->out, "tlsrpt.error", CHECK_UNKNOWN, NULL,
		    NULL, "the record at _smtp._tls: %s", f->tlsrpt_why);
		break;
	}
}

/* ---- all --------------------------------------------------------------- */

bool judge_is_deaf(const struct judge *j)
{
	const struct check_facts *f = j->f;

	return f->target.is_domain && f->mx == MX_UNKNOWN &&
	    f->mx_status == DNS_TIMEOUT && f->tlsrpt == TLSRPT_UNKNOWN;
}

void judge_domain(struct judge *j)
{
	if (judge_is_deaf(j)) {
		findings_add(j->out, "resolver.failed", CHECK_UNKNOWN, NULL,
		    NULL, "the name servers %s do not answer",
		    j->f->resolver);
		return;
	}
	judge_mx(j);
	if (j->f->mx == MX_NO_DOMAIN)
		return;
	judge_sts(j);
	judge_dane(j);
	if (j->f->mx != MX_NULL || j->f->tlsrpt != TLSRPT_ABSENT)
		judge_tlsrpt(j);
}
