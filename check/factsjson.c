/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/factsjson.h"

#include <string.h>

#include "check/reply.h"
#include "util/buf.h"

#define TEXT_MAX 8192

/* ---- values ------------------------------------------------------------ */

json_t *factsjson_text(const char *text)
{
	json_t *value;
	struct buf b;

	if (!text)
		return json_null();
	buf_init(&b, 4 * TEXT_MAX + 8);
	reply_clean(&b, text, strlen(text), TEXT_MAX);
	value = b.failed ? NULL : json_string(buf_str(&b));
	buf_clear(&b);
	return value;
}

json_t *factsjson_some(const char *text)
{
	return text && *text ? factsjson_text(text) : json_null();
}

json_t *factsjson_texts(const struct strv *sv)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < sv->n; i++)
		if (json_array_append_new(list, factsjson_text(sv->v[i])) !=
		    0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *factsjson_answer(enum check_answer a)
{
	return a == ANSWER_UNKNOWN ? json_null() :
	    json_boolean(a == ANSWER_YES);
}

/* ---- where we stand ---------------------------------------------------- */

static const char *validation_text(enum dns_validation v)
{
	switch (v) {
	case DNS_VALIDATION_OFF:
		return "off";
	case DNS_VALIDATION_TESTING:
		return "testing";
	case DNS_VALIDATION_WORKS:
		return "works";
	case DNS_VALIDATION_FAILED:
		break;
	}
	return "failed";
}

static json_t *vantage(const struct check_facts *f)
{
	return json_pack("{s:o, s:o, s:s, s:o, s:s}",
	    "ehlo", factsjson_text(f->ehlo ? f->ehlo : ""),
	    "resolver", factsjson_text(f->resolver),
	    "dnssec", validation_text(f->validation),
	    "dnssec_reason", factsjson_text(f->validation_why),
	    "port25", f->port25 == ANSWER_YES ? "open" :
	    f->port25 == ANSWER_NO ? "blocked" : "unknown");
}

/* ---- the domain -------------------------------------------------------- */

static json_t *mx_records(const struct check_facts *f)
{
	json_t *list = json_array();

	if (f->mx != MX_FOUND)
		return list;
	for (size_t i = 0; list && i < f->n; i++)
		if (json_array_append_new(list, json_pack("{s:i, s:o}",
		    "preference", (int)f->hosts[i].preference, "host",
		    factsjson_text(f->hosts[i].name))) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static const char *mx_text(enum mx_state state)
{
	switch (state) {
	case MX_UNKNOWN:
		return "unknown";
	case MX_FOUND:
		return "found";
	case MX_IMPLICIT:
		return "implicit";
	case MX_NULL:
		return "null";
	case MX_NONE:
		return "none";
	case MX_NO_DOMAIN:
		break;
	}
	return "no-domain";
}

static json_t *mx(const struct check_facts *f)
{
	char detail[224] = "";

	if (!f->target.is_domain)
		return json_null();
	if (f->mx == MX_UNKNOWN)
		snprintf(detail, sizeof(detail), "%s%s%s",
		    dns_status_text(f->mx_status), *f->mx_why ? ", " : "",
		    f->mx_why);
	return json_pack("{s:s, s:b, s:o, s:o}", "state", mx_text(f->mx),
	    "secure", f->mx_secure, "detail", factsjson_text(detail),
	    "records", mx_records(f));
}

static json_t *dane(const struct check_facts *f)
{
	if (!f->dane_asked)
		return json_null();
	switch (f->dane) {
	case DANE_NONE:
		return json_string("none");
	case DANE_SOME:
		return json_string("some");
	case DANE_ALL:
		return json_string("all");
	case DANE_NULL_MX:
		return json_string("null-mx");
	case DANE_ERROR:
		break;
	}
	return json_string("error");
}

static json_t *policy_host(const struct check_facts *f)
{
	const struct probe_facts *p = &f->policy_host.probe;
	char name[DNS_NAME_SIZE + 16], addr[NETADDR_TEXT];

	if (!f->policy_host.asked)
		return json_null();
	snprintf(name, sizeof(name), "mta-sts.%s", f->target.name);
	netaddr_format(&f->policy_host.addr, addr);
	return json_pack("{s:o, s:s, s:o, s:o, s:o}", "name",
	    factsjson_text(name), "address", addr, "not_after", p->has_tls ?
	    json_integer(p->tls.cert.not_after) : json_null(), "issuer",
	    p->has_tls ? factsjson_text(p->tls.cert.issuer) : json_null(),
	    "detail", factsjson_text(
		p->stages[STAGE_CONNECT].state != STAGE_OK ?
		p->stages[STAGE_CONNECT].detail :
		p->stages[STAGE_HANDSHAKE].detail));
}

static const char *sts_text(const struct check_facts *f)
{
	switch (f->sts) {
	case MTASTS_FOUND:
	case MTASTS_UNCHANGED:
		return "found";
	case MTASTS_ABSENT:
		return "absent";
	case MTASTS_FAILED:
		break;
	}
	return f->sts_error == MTASTS_E_DNS ? "unknown" : "failed";
}

static json_t *mta_sts(const struct check_facts *f)
{
	bool found = f->sts == MTASTS_FOUND;
	int covered = 0;

	if (!f->sts_asked)
		return json_null();
	for (size_t i = 0; found && i < f->n; i++)
		covered += check_covered(f, &f->hosts[i]);
	return json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:i, s:i,"
	    " s:o}", "state", sts_text(f), "id", factsjson_some(f->sts_id),
	    "secure", f->sts_secure,
	    "mode", found ? json_string(mtasts_mode_name(f->sts_mode)) :
	    json_null(), "max_age", found ? json_integer(f->sts_max_age) :
	    json_null(), "mx", factsjson_texts(&f->sts_mx),
	    "detail", factsjson_text(f->sts_detail),
	    "held_id", factsjson_some(f->held_id),
	    "covered", covered, "hosts", (int)f->n,
	    "policy_host", policy_host(f));
}

static json_t *tlsrpt(const struct check_facts *f)
{
	const char *state = "unknown";

	if (!f->target.is_domain)
		return json_null();
	switch (f->tlsrpt) {
	case TLSRPT_UNKNOWN:
		break;
	case TLSRPT_ABSENT:
		state = "absent";
		break;
	case TLSRPT_INVALID:
		state = "invalid";
		break;
	case TLSRPT_SEVERAL:
		state = "several";
		break;
	case TLSRPT_FOUND:
		state = "found";
		break;
	}
	return json_pack("{s:s, s:o, s:o}", "state", state, "rua",
	    factsjson_texts(&f->tlsrpt_rua), "detail",
	    factsjson_text(f->tlsrpt_why));
}

/* ---- findings ---------------------------------------------------------- */

/* Who relays mail suffers otherwise than who logs in. */
static const char *effect(const struct check_facts *f,
    const struct finding *one)
{
	if (one->status == CHECK_OK)
		return NULL;
	return check_protocol_info(f->target.protocol)->is_relay ?
	    one->info->effect : one->info->login_effect;
}

static json_t *finding(const struct check_facts *f,
    const struct finding *one)
{
	char addr[NETADDR_TEXT];

	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o,"
	    " s:o}", "id", one->info->id,
	    "status", check_status_name(one->status),
	    "host", factsjson_some(one->host),
	    "address", one->addr.family == AF_UNSPEC ? json_null() :
	    json_string(netaddr_format(&one->addr, addr)),
	    "title", one->info->title, "text", factsjson_text(one->text),
	    "evidence", factsjson_texts(&one->evidence),
	    "effect", factsjson_text(effect(f, one)),
	    "fix", factsjson_text(one->fix),
	    "reference", factsjson_text(one->info->reference),
	    "since", one->since ? json_integer(one->since) : json_null());
}

static json_t *all_findings(const struct check_facts *f,
    const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < findings->n; i++)
		if (json_array_append_new(list, finding(f,
		    &findings->v[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* ---- the verdict ------------------------------------------------------- */

static const struct finding *worst_finding(const struct findings *findings,
    enum check_status status)
{
	for (size_t i = 0; i < findings->n; i++)
		if (findings->v[i].status == status)
			return &findings->v[i];
	return NULL;
}

/* One sentence: what promise there is, and whether it holds. */
static void verdict_text(const struct check_facts *f,
    const struct findings *findings, struct buf *out)
{
	enum check_status status = findings_worst(findings);
	const struct finding *one = worst_finding(findings, status);

	if (f->mx == MX_NULL && status <= CHECK_INFO) {
		buf_adds(out, "takes no mail, and says so");
	} else if (status > CHECK_INFO && one) {
		if (*one->host)
			buf_addf(out, "%s: ", one->host);
		buf_adds(out, one->text);
	} else if (f->dane_asked && f->dane == DANE_ALL) {
		buf_adds(out, "TLS is promised by DANE, and the promise "
		    "holds");
	} else if (f->sts_asked && f->sts == MTASTS_FOUND &&
	    f->sts_mode == MTASTS_ENFORCE) {
		buf_adds(out, "TLS is promised by MTA-STS, and the promise "
		    "holds");
	} else if (f->target.is_domain) {
		buf_adds(out, "TLS works, and nothing is promised");
	} else {
		buf_adds(out, "TLS works");
	}
}

static json_t *verdict(const struct check_facts *f,
    const struct findings *findings)
{
	json_t *value = NULL;
	enum check_status worst = findings_worst(findings);
	struct buf text;

	buf_init(&text, 4096);
	verdict_text(f, findings, &text);
	if (!text.failed)
		value = json_pack("{s:s, s:o, s:i, s:i, s:i, s:i, s:i}",
		    "status", check_status_name(worst == CHECK_INFO ?
			CHECK_OK : worst),
		    "text", factsjson_text(buf_str(&text)),
		    "ok", (int)findings_count(findings, CHECK_OK),
		    "info", (int)findings_count(findings, CHECK_INFO),
		    "warn", (int)findings_count(findings, CHECK_WARN),
		    "unknown", (int)findings_count(findings, CHECK_UNKNOWN),
		    "fail", (int)findings_count(findings, CHECK_FAIL));
	buf_clear(&text);
	return value;
}

json_t *check_report_json(const struct check_facts *f,
    const struct findings *findings)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:I, s:i, s:i, s:i, s:o, s:o,"
	    " s:o, s:o, s:o, s:o, s:o, s:o}",
	    "schema", "tlsmilter/check-1",
	    "target", factsjson_text(f->target.text),
	    "kind", f->target.is_domain ? "domain" : "host",
	    "protocol", check_protocol_info(f->target.protocol)->name,
	    "started", (json_int_t)f->started,
	    "took_ms", (int)f->ms,
	    "connections", (int)f->connections,
	    "exit", check_status_exit(findings_worst(findings)),
	    "vantage", vantage(f),
	    "verdict", verdict(f, findings),
	    "mx", mx(f), "dane", dane(f), "mta_sts", mta_sts(f),
	    "tlsrpt", tlsrpt(f),
	    "hosts", factsjson_hosts(f, findings),
	    "findings", all_findings(f, findings));
}
