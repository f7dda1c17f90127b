/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/explain.h"

#include <jansson.h>

#include "audit/line.h"
#include "conf/control.h"
#include "policy/reply.h"
#include "tool/explain-lists.h"
#include "tool/out.h"
#include "util/buf.h"

#define TEXT_MAX 4000
#define WIDTH 80
#define LABEL_WIDTH 9
#define RULE_FRAME "rule     \"\": "

static const char *const tls_names[] = {
	[TLS_UNKNOWN] = "unknown",
	[TLS_PLAINTEXT] = "none",
	[TLS_ENCRYPTED] = "tls",
};

static const char *const verify_names[] = {
	[VERIFY_UNAVAILABLE] = "unavailable",
	[VERIFY_OK] = "ok",
	[VERIFY_FAILED] = "fail",
	[VERIFY_NONE] = "none",
};

static const struct {
	const char *name, *text;
} outcomes[] = {
	[RULE_NO_MATCH] = { "no_match", "does not match" },
	[RULE_MET] = { "met", "requirement met" },
	[RULE_UNMET] = { "unmet", "requirement not met" },
	[RULE_UNKNOWN_MET] = { "unknown_met", "not known, counts as met" },
	[RULE_UNKNOWN_DEFER] = { "unknown_defer", "not known" },
	[RULE_ENDS] = { "ends", "matches and requires nothing: "
	    "no further rule is tried" },
};

void explanation_add_rule(void *arg, const struct rule_trace *trace)
{
	struct explanation *e = arg;
	struct rule_trace *more;

	more = reallocarray(e->rules, e->rules_n + 1, sizeof(*more));
	if (!more) {
		complain("out of memory");
		return;
	}
	e->rules = more;
	e->rules[e->rules_n++] = *trace;
}

void explanation_clear(struct explanation *e)
{
	free(e->rules);
	e->rules = NULL;
	e->rules_n = 0;
}

/* ---- the pieces both forms show ---------------------------------------- */

/* "550 5.7.10 text", or nothing when the recipient is accepted. */
static void add_reply(const struct explanation *e, struct buf *out)
{
	struct reply reply;

	if (e->verdict.action < ACTION_DEFER)
		return;
	reply_build(&e->verdict, e->conf->help_url, &reply);
	buf_addf(out, "%s %s %s", reply.code, reply.xcode, reply.text);
}

/* True when the milter would write results about this message at all
 * (design §6.6). */
static bool may_write_results(const struct explanation *e)
{
	const struct session_facts *s = e->session;

	return !e->conf->observe && !s->relay && !s->client_exempt &&
	    !e->message->auth_user &&
	    e->conf->authentication_results == AR_ALL;
}

/* The header fields of the message if this were its only recipient. */
static void add_header(const struct explanation *e, struct buf *out)
{
	enum conf_ar want = e->conf->authentication_results;
	bool tagged = e->verdict.action == ACTION_TAG;

	if (e->verdict.action >= ACTION_DEFER)
		return;
	if (want != AR_NONE && (tagged || may_write_results(e))) {
		buf_adds(out, "Authentication-Results: ");
		ar_format(out, e->conf->authserv_id, &e->session->tls,
		    &e->verdict);
	}
	if (tagged) {
		buf_addf(out, "%sX-TLS-Policy: ", out->len ? "\n" : "");
		ar_format_tag(out, &e->session->tls, &e->verdict);
	}
}

static void add_audit(const struct explanation *e, struct buf *out)
{
	struct audit a = {
		.session = e->session,
		.message = e->message,
		.to = e->rcpt.to,
		.to_domain = e->rcpt.to_domain,
		.to_promise = e->rcpt.to_promise,
		.verdict = &e->verdict,
		.source = "explain",
	};

	audit_format(out, &a);
}

static const char *rule_name(const struct verdict *v)
{
	return v->rule ? v->rule->name : NULL;
}

/* ---- for people -------------------------------------------------------- */

/* End a line with what a domain has promised. */
static void print_promise(bool asked, const struct promise *promise)
{
	struct buf b;

	buf_init(&b, 200);
	audit_format_promise(&b, promise);
	out_line("%s%s", asked ? ", policy " : ", policy not needed",
	    asked ? buf_str(&b) : "");
	buf_clear(&b);
}

/* "TLSv1.2", or NULL when the list asks for no version. */
static const char *least_version(const struct listed *listed)
{
	return listed->min_version == 0 ? NULL :
	    listed->min_version < 13 ? "TLSv1.2" : "TLSv1.3";
}

static void print_listed(const struct explanation *e)
{
	for (size_t i = 0; i < e->conf->lists_n; i++) {
		const struct listed *listed = &e->message->listed[i];
		const char *least = least_version(listed);

		out_line("list     \"%s\": %s%s%s", e->conf->lists[i].name,
		    explain_listed_name(listed->mode), least ? ", " : "",
		    least ? least : "");
	}
}

static void print_history(const struct explanation *e)
{
	const struct history_facts *h = &e->message->history;

	if (!e->history_asked)
		return;
	if (h->known)
		out_line("history  %llu over TLS, %llu in plaintext: %s",
		    (unsigned long long)h->tls,
		    (unsigned long long)h->plaintext,
		    h->used_tls ? "uses TLS" : "no habit of TLS");
	else
		out_line("history  unknown");
}

static void print_facts(const struct explanation *e)
{
	const struct tls_facts *tls = &e->session->tls;
	char client[NETADDR_TEXT];

	out_part(PLAIN, "client   %s, TLS ",
	    netaddr_format(&e->session->client, client));
	if (tls->state == TLS_ENCRYPTED)
		out_line("%s %s, %d bits", tls->version,
		    tls->cipher ? tls->cipher : "-", tls->bits);
	else
		out_line("%s", tls_names[tls->state]);
	out_part(PLAIN, "from     <%s>", e->message->from);
	print_promise(e->from_asked, &e->message->from_promise);
	print_listed(e);
	print_history(e);
	out_part(PLAIN, "to       <%s>%s", e->rcpt.to,
	    e->rcpt.ours ? ", ours" : "");
	print_promise(e->to_asked, &e->rcpt.to_promise);
	if (e->verdict.exempt != EXEMPT_NOT)
		out_line("exempt   %s", exemption_name(e->verdict.exempt));
}

/* Print a text behind a label, broken at blanks. */
static void print_broken(const char *label, const char *text)
{
	out_part(PLAIN, "%-*s", LABEL_WIDTH, label);
	while (strlen(text) > WIDTH - LABEL_WIDTH) {
		size_t len = WIDTH - LABEL_WIDTH;

		while (len > 0 && text[len] != ' ')
			len--;
		if (len == 0)	/* no blank to break it at */
			break;
		out_line("%.*s", (int)len, text);
		out_part(PLAIN, "%-*s", LABEL_WIDTH, "");
		text += len + 1;
	}
	out_line("%s", text);
}

/* How a rule fared: "requirement not met (min_bits), action reject". What is
 * in brackets did not match, is not met, or is not known. */
static void add_outcome(const struct rule_trace *r, struct buf *out)
{
	const char *what = r->condition ? r->condition : r->unmet_what;

	buf_adds(out, outcomes[r->outcome].text);
	if (what && r->outcome != RULE_MET)
		buf_addf(out, " (%s)", what);
	if (r->noted != ACTION_ACCEPT)
		buf_addf(out, ", action %s", action_name(r->noted));
}

/* On a line of its own if it does not fit behind the name. */
static void print_rule(const struct rule_trace *r)
{
	struct buf text;

	out_part(PLAIN, "rule     \"%s\":", r->rule->name);
	buf_init(&text, 200);
	add_outcome(r, &text);
	if (strlen(r->rule->name) + strlen(RULE_FRAME) + text.len > WIDTH) {
		out_line("%s", "");
		out_part(PLAIN, "%-*s", LABEL_WIDTH - 1, "");
	}
	out_part(PLAIN, " ");
	out_part(r->noted != ACTION_ACCEPT ? YELLOW : PLAIN, "%s",
	    buf_str(&text));
	out_line("%s", "");
	buf_clear(&text);
}

static void print_rules(const struct explanation *e)
{
	for (size_t i = 0; i < e->rules_n; i++)
		print_rule(&e->rules[i]);
}

static void print_verdict(const struct verdict *v)
{
	enum colour colour = v->action >= ACTION_DEFER ? RED :
	    v->action >= ACTION_TAG ? YELLOW : GREEN;

	out_part(PLAIN, "verdict  ");
	out_part(colour, "%s", action_name(v->action));
	if (v->would != v->action)
		out_part(PLAIN, ", would be %s", action_name(v->would));
	out_line("%s", "");
	if (v->rule)
		out_line("by rule  \"%s\"", v->rule->name);
	if (*v->reason)
		print_broken("reason", v->reason);
}

static void print_text(const char *label,
    void (*add)(const struct explanation *e, struct buf *out),
    const struct explanation *e)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	add(e, &b);
	if (b.len > 0) {
		out_line("%s", label);
		out_text("  ", buf_str(&b));
	}
	buf_clear(&b);
}

void explanation_print(const struct explanation *e)
{
	print_facts(e);
	print_rules(e);
	print_verdict(&e->verdict);
	print_text("reply", add_reply, e);
	print_text("header", add_header, e);
	print_text("log", add_audit, e);
}

/* ---- as JSON ----------------------------------------------------------- */

/* A string, or null for none. */
static json_t *text_or_null(const char *text)
{
	return text ? control_string(text) : json_null();
}

static json_t *added(void (*add)(const struct explanation *e,
    struct buf *out), const struct explanation *e)
{
	struct buf b;
	json_t *string;

	buf_init(&b, TEXT_MAX);
	add(e, &b);
	string = text_or_null(b.len ? buf_str(&b) : NULL);
	buf_clear(&b);
	return string;
}

static json_t *promise_json(bool asked, const struct promise *p)
{
	struct buf b;
	json_t *string;

	if (!asked)
		return json_null();
	buf_init(&b, 200);
	audit_format_promise(&b, p);
	string = control_string(buf_str(&b));
	buf_clear(&b);
	return string;
}

static json_t *history_json(const struct explanation *e)
{
	const struct history_facts *h = &e->message->history;

	if (!e->history_asked || !h->known)
		return json_null();
	return json_pack("{sI sI sb}", "tls", (json_int_t)h->tls, "plaintext",
	    (json_int_t)h->plaintext, "uses_tls", h->used_tls);
}

static json_t *tls_json(const struct tls_facts *tls)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:s}",
	    "state", tls_names[tls->state],
	    "version", text_or_null(tls->version),
	    "cipher", text_or_null(tls->cipher),
	    "bits", tls->bits ? json_integer(tls->bits) : json_null(),
	    "verify", verify_names[tls->verify]);
}

static json_t *lists_json(const struct explanation *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->conf->lists_n; i++) {
		const struct listed *listed = &e->message->listed[i];

		json_array_append_new(list, json_pack("{s:o, s:s, s:s?}",
		    "name", control_string(e->conf->lists[i].name),
		    "mode", explain_listed_name(listed->mode),
		    "min_tls_version", least_version(listed)));
	}
	return list;
}

static json_t *rules_json(const struct explanation *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->rules_n; i++) {
		const struct rule_trace *r = &e->rules[i];

		json_array_append_new(list, json_pack(
		    "{s:o, s:s, s:s?, s:s?, s:s, s:s}",
		    "name", control_string(r->rule->name),
		    "outcome", outcomes[r->outcome].name,
		    "condition", r->condition, "unmet", r->unmet_what,
		    "action", action_name(r->rule->action),
		    "noted", action_name(r->noted)));
	}
	return list;
}

void explanation_print_json(const struct explanation *e)
{
	const struct verdict *v = &e->verdict;
	char client[NETADDR_TEXT];

	out_json(json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:s?, s:s,"
	    " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}",
	    "schema", "tlsmilter/explain-1",
	    "client", netaddr_format(&e->session->client, client),
	    "from", control_string(e->message->from),
	    "to", control_string(e->rcpt.to),
	    "action", action_name(v->action),
	    "would", action_name(v->would),
	    "rule", text_or_null(rule_name(v)),
	    "exempt", v->exempt == EXEMPT_NOT ? NULL :
	    exemption_name(v->exempt),
	    "reason", v->reason,
	    "reply", added(add_reply, e),
	    "header", added(add_header, e),
	    "audit", added(add_audit, e),
	    "tls", tls_json(&e->session->tls),
	    "from_policy", promise_json(e->from_asked,
	    &e->message->from_promise),
	    "history", history_json(e),
	    "to_policy", promise_json(e->to_asked,
	    &e->rcpt.to_promise),
	    "ours", e->rcpt.ours,
	    "lists", lists_json(e),
	    "rules", rules_json(e)));
}
