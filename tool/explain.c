/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain - judge a message that does not exist by the rules that do.
 *
 * Gathers the facts as the milter door does (milter/session.c), from the
 * command line instead of an MTA, and shows how each rule fared.
 */
#include "config.h"

#include "tool/explain.h"

#include <unistd.h>

#include "audit/pairjson.h"
#include "conf/conf.h"
#include "conf/gather.h"
#include "mtasts/cachejson.h"
#include "mtasts/record.h"
#include "tool/access.h"
#include "tool/explain-args.h"
#include "tool/explain-lists.h"
#include "tool/out.h"
#include "tool/pairs.h"
#include "tool/records.h"
#include "tool/tool.h"
#include "util/clock.h"

#define ADDRESS_SIZE 321

struct explain_values {
	const char *client;
	const char *client_name;
	const char *listener;
	const char *helo;
	const char *tls;
	const char *from;
	struct strv to;
	const char *auth;
	const char *verify;
	const char *cert_subject;
	const char *cert_fingerprint;
	struct strv policies;
	struct strv listed;
	const char *history;
	bool requiretls;
	const char *mta;
};

#define OPTION(name, kind, member, arg, help) \
	{ name, 0, kind, offsetof(struct explain_values, member), arg, help }

static const struct option_def options[] = {
	OPTION("client", OPTION_STRING, client, "IP",
	    "address of the SMTP client"),
	OPTION("client-name", OPTION_STRING, client_name, "NAME",
	    "its name, as confirmed by the MTA"),
	OPTION("listener", OPTION_STRING, listener, "PORT|NAME",
	    "where it connected to [25]"),
	OPTION("helo", OPTION_STRING, helo, "NAME", "what it said at EHLO"),
	OPTION("tls", OPTION_STRING, tls, "TLS",
	    "VERSION/CIPHER/BITS, none or unknown"),
	OPTION("from", OPTION_STRING, from, "ADDRESS",
	    "envelope sender; <> is the null sender"),
	OPTION("to", OPTION_LIST, to, "ADDRESS",
	    "envelope recipient; may be repeated"),
	OPTION("auth", OPTION_STRING, auth, "USER", "authenticated as USER"),
	OPTION("verify", OPTION_STRING, verify, "RESULT",
	    "client certificate: ok, fail or none"),
	OPTION("cert-subject", OPTION_STRING, cert_subject, "TEXT",
	    "subject of the client certificate"),
	OPTION("cert-fingerprint", OPTION_STRING, cert_fingerprint, "HEX",
	    "fingerprint of the client certificate"),
	OPTION("policy", OPTION_LIST, policies, "DOMAIN=MODE",
	    "what a domain has promised; may be repeated"),
	OPTION("listed", OPTION_LIST, listed, "LIST=MODE",
	    "what a list says of the sender; repeatable"),
	OPTION("history", OPTION_STRING, history, "TLS:PLAIN[:DAYS]",
	    "messages before, from the network"),
	OPTION("requiretls", OPTION_FLAG, requiretls, NULL,
	    "the client said REQUIRETLS"),
	OPTION("mta", OPTION_STRING, mta, "NAME",
	    "what the MTA calls itself [the host name]"),
};

struct facts {
	struct tool *t;
	const struct explain_values *o;
	const struct conf *conf;
	struct explain_policy *policies;
	size_t policies_n;
	struct access access;
	bool access_tried;
	struct explain_tls tls;
	char mta[MTASTS_DOMAIN_SIZE];	/* normalised */
	char from[ADDRESS_SIZE];
	char from_domain[MTASTS_DOMAIN_SIZE];
	struct session_facts session;
	struct message_facts message;
	bool from_asked;
	bool history_asked;
};

/* ---- what domains have promised ---------------------------------------- */

static const struct explain_policy *stated_policy(const struct facts *f,
    const char *domain)
{
	for (size_t i = f->policies_n; i > 0; i--)
		if (strcmp(f->policies[i - 1].domain, domain) == 0)
			return &f->policies[i - 1];
	return NULL;
}

/* The record of a domain with a policy stated by --policy. It names us as
 * its MX: to suppose a promise of somebody else would decide nothing. */
static void pack_stated(const struct explain_policy *policy, const char *mta,
    int64_t now, struct buf *packed)
{
	struct record rec = {
		.kind = policy->mode == MTASTS_NONE ? RECORD_NEGATIVE :
		    RECORD_POLICY,
		.mode = policy->mode,
		.mx_known = true,
		.max_age = MTASTS_MAX_AGE,
		.fetched = now,
		.expires = now + MTASTS_MAX_AGE,
		.checked = now,
		.check_after = now + 86400,
		.refetch_after = now + 86400,
		.id = "1",
		.failed_id = "",
		.patterns = mta,
		.mx = mta,
		.rua = "",
		.text = "",
	};

	record_pack(&rec, packed);
}

/* A domain without a policy; its MX and TLSRPT addresses count all the
 * same. Nothing is packed when it was looked up too long ago. */
static void pack_negative(const json_t *record, int64_t now,
    struct buf *packed)
{
	const char *expires = records_string(record, "expires");
	struct record rec = {
		.kind = RECORD_NEGATIVE,
		.mx_known = true,
		.checked = now,
		.check_after = now,
		.id = "",
		.failed_id = "",
		.patterns = "",
		.text = "",
	};
	struct buf mx, rua;

	buf_init(&mx, RECORD_MAX_PACKED);
	buf_init(&rua, RECORD_MAX_PACKED);
	records_add_list(record, "mx_hosts", &mx);
	records_add_list(record, "tlsrpt", &rua);
	rec.mx = buf_str(&mx);
	rec.rua = buf_str(&rua);
	if (expires && clock_parse_time(expires, &rec.expires) &&
	    rec.expires > now)
		record_pack(&rec, packed);
	buf_clear(&mx);
	buf_clear(&rua);
}

static void pack_json(const char *domain, const json_t *record, int64_t now,
    struct buf *packed)
{
	char name[MTASTS_DOMAIN_SIZE];
	struct buf err;

	if (!records_string(record, "mode")) {
		pack_negative(record, now, packed);
		return;
	}
	buf_init(&err, 500);
	if (records_in_force(record) &&
	    !cachejson_to_record(record, now, name, packed, &err))
		complain("%s: %s", domain, buf_str(&err));
	buf_clear(&err);
}

/* Get at what the daemon knows, or its files; false, after a complaint the
 * first time, when there is no way. */
static bool has_access(struct facts *f)
{
	if (!f->access_tried) {
		f->access_tried = true;
		access_open(f->t, ACCESS_READ, &f->access);
		if (f->access.kind == ACCESS_NONE)
			complain("policies and history count as unknown: %s",
			    buf_str(&f->access.why));
	}
	return f->access.kind != ACCESS_NONE;
}

/* Take a record out of the cache, the daemon's or our own. */
static void pack_cached(struct facts *f, const char *domain, int64_t now,
    struct buf *packed)
{
	json_t *record = NULL;

	if (!has_access(f))
		return;
	if (records_get(&f->access, domain, &record) == RECORDS_FOUND)
		pack_json(domain, record, now, packed);
	json_decref(record);
}

/* What is known of a domain; false if nothing is. */
static bool find_record(struct facts *f, const char *domain, int64_t now,
    const struct strv *mx_names, struct buf *packed, struct record *rec_r)
{
	const struct explain_policy *stated = stated_policy(f, domain);

	if (stated && !stated->known)
		return false;
	if (stated)
		pack_stated(stated, mx_names->v[0], now, packed);
	else
		pack_cached(f, domain, now, packed);
	return record_read(packed->data, packed->len, rec_r);
}

static void gather_from(struct facts *f)
{
	const char *domain = f->message.from_domain;
	int64_t now = clock_wall();
	struct gathered g;
	struct record rec;
	struct buf packed;
	char *mta = f->mta;
	struct strv names = { .v = &mta, .n = 1 };
	bool found;

	if (!f->conf->needs_from_policy || !domain ||
	    !verdict_promises_apply(&f->session, &f->message))
		return;
	buf_init(&packed, RECORD_MAX_PACKED);
	found = find_record(f, domain, now, &names, &packed, &rec);
	gather_sender_record(f->conf, domain, found ? &rec : NULL, now, &g);
	f->message.from_promise = g.promise;
	f->from_asked = true;
	buf_clear(&packed);
}

static bool take_pair(void *arg, const json_t *pair)
{
	struct facts *f = arg;

	pairjson_facts(pair, &f->conf->history, clock_wall(),
	    &f->message.history);
	return true;
}

/* What the sender did before: stated, or as the history has it. */
static void find_history(struct facts *f)
{
	struct pairs_wish wish = { .times = true };

	netaddr_network(&f->session.client, wish.network);
	memcpy(wish.domain, f->from_domain, sizeof(wish.domain));
	if (!has_access(f) || !pairs_open(f->t, &f->access, false))
		return;
	f->message.history = (struct history_facts){ .known = true };
	if (!pairs_walk(f->t, &f->access, &wish, take_pair, f))
		f->message.history.known = false;
}

static void gather_history(struct facts *f)
{
	if (!f->conf->needs_history || !f->message.from_domain ||
	    !verdict_promises_apply(&f->session, &f->message))
		return;
	f->history_asked = true;
	if (!f->o->history)
		find_history(f);
}

/* False when no rule would look at the promise. */
static bool gather_to(struct facts *f, struct rcpt_facts *rcpt)
{
	char *mta = f->mta;
	struct strv names = { .v = &mta, .n = 1 };
	int64_t now = clock_wall();
	struct gathered g;
	struct record rec;
	struct buf packed;
	bool found;

	if (!rcpt->to_domain || f->session.client_exempt)
		return false;
	if (!conf_hosted(f->conf, rcpt->to_domain) &&
	    !(f->conf->needs_to_policy &&
	    verdict_promises_apply(&f->session, &f->message)))
		return false;
	if (f->conf->mx_names.n)
		names = f->conf->mx_names;
	buf_init(&packed, RECORD_MAX_PACKED);
	found = find_record(f, rcpt->to_domain, now, &names, &packed, &rec);
	gather_rcpt_record(f->conf, rcpt->to_domain, found ? &rec : NULL,
	    rcpt->to, &names, now, &g);
	rcpt->ours = g.ours;
	rcpt->is_tlsrpt = g.is_tlsrpt;
	rcpt->to_promise = g.promise;
	buf_clear(&packed);
	return true;
}

/* ---- from the command line to facts ------------------------------------ */

static bool take_policies(struct facts *f, struct buf *err)
{
	const struct strv *list = &f->o->policies;

	f->policies = mem_array(list->n, sizeof(*f->policies));
	if (!f->policies) {
		buf_adds(err, "out of memory");
		return false;
	}
	for (; f->policies_n < list->n; f->policies_n++)
		if (!explain_parse_policy(list->v[f->policies_n],
		    &f->policies[f->policies_n], err))
			return false;
	return true;
}

/* The name the MTA gives as {j}; our host's when none is stated. */
static bool take_mta_name(struct facts *f, struct buf *err)
{
	char host[256] = "";

	if (f->o->mta) {
		if (mtasts_domain_normalize(f->o->mta, f->mta) == MTASTS_OK)
			return true;
		buf_addf(err, "--mta %s: not a host name", f->o->mta);
		return false;
	}
	/* A host without a domain has no MX name; --policy still needs one
	 * that stands for us. */
	if (gethostname(host, sizeof(host) - 1) != 0 ||
	    mtasts_domain_normalize(host, f->mta) != MTASTS_OK)
		snprintf(f->mta, sizeof(f->mta), "this-host.invalid");
	return true;
}

static void take_tls(struct facts *f, enum verify_state verify)
{
	struct tls_facts *tls = &f->session.tls;

	tls->state = f->tls.state;
	if (tls->state != TLS_ENCRYPTED)
		return;
	tls->version = f->tls.version;
	tls->cipher = *f->tls.cipher ? f->tls.cipher : NULL;
	tls->bits = f->tls.bits;
	tls->verify = verify;
	tls->cert_subject = verify == VERIFY_OK ? f->o->cert_subject : NULL;
	tls->cert_fingerprint = f->o->cert_fingerprint;
}

static void take_session(struct facts *f)
{
	const char *listener = f->o->listener ? f->o->listener : "25";
	struct session_facts *s = &f->session;
	const struct conf_listener *l;

	s->door = DOOR_EXPLAIN;
	s->client_name = f->o->client_name;
	s->helo = f->o->helo;
	if (explain_is_port(listener))
		s->listener_port = listener;
	else
		s->listener_name = listener;
	s->relay = client_set_match(f->conf->relays, s);
	s->client_exempt = client_set_match(f->conf->exempt_client, s);
	l = conf_listener_of(f->conf, s);
	if (l && l->tls_unknown)
		s->tls.state = TLS_UNKNOWN;
}

static void take_message(struct facts *f)
{
	struct message_facts *m = &f->message;

	addr_split(f->o->from, f->from, sizeof(f->from), f->from_domain);
	m->from = f->from;
	m->from_domain = *f->from_domain ? f->from_domain : NULL;
	m->auth_user = f->o->auth;
	m->requiretls = f->o->requiretls;
}

/* Only now: what TLS:PLAIN means depends on the configuration. */
static bool take_history(struct facts *f, struct buf *err)
{
	return !f->o->history || explain_parse_history(f->o->history,
	    &f->conf->history, &f->message.history, err);
}

static bool take_facts(struct facts *f, struct buf *err)
{
	enum verify_state verify = VERIFY_UNAVAILABLE;

	if (!f->o->client || !f->o->tls || !f->o->from || !f->o->to.n) {
		buf_adds(err, "explain needs --client, --tls, --from and --to");
		return false;
	}
	if (!netaddr_parse(f->o->client, &f->session.client)) {
		buf_addf(err, "--client %s: not an IP address", f->o->client);
		return false;
	}
	if (f->o->cert_subject)
		verify = VERIFY_OK;
	if ((f->o->verify &&
	    !explain_parse_verify(f->o->verify, &verify, err)) ||
	    !explain_parse_tls(f->o->tls, &f->tls, err))
		return false;
	take_tls(f, verify);
	return take_policies(f, err) && take_mta_name(f, err);
}

/* ---- verdicts ---------------------------------------------------------- */

static enum status status_of(enum action action)
{
	return action >= ACTION_DEFER ? STATUS_FAILED :
	    action >= ACTION_TAG ? STATUS_WARNING : STATUS_GOOD;
}

static enum status explain_rcpt(struct facts *f, const char *to)
{
	char address[ADDRESS_SIZE], domain[MTASTS_DOMAIN_SIZE];
	struct explanation e = {
		.conf = f->conf,
		.session = &f->session,
		.message = &f->message,
		.from_asked = f->from_asked,
		.history_asked = f->history_asked,
	};

	addr_split(to, address, sizeof(address), domain);
	e.rcpt.to = address;
	e.rcpt.to_domain = *domain ? domain : NULL;
	e.to_asked = gather_to(f, &e.rcpt);
	verdict_decide(&f->conf->rules, &f->session, &f->message, &e.rcpt,
	    false, explanation_add_rule, &e, &e.verdict);
	if (f->t->json)
		explanation_print_json(&e);
	else
		explanation_print(&e);
	explanation_clear(&e);
	return status_of(e.verdict.action);
}

static enum status explain_all(struct facts *f, struct buf *err)
{
	enum status status = STATUS_GOOD;

	f->conf = tool_conf(f->t);
	if (!f->conf)
		return STATUS_CONFIG;
	take_session(f);
	take_message(f);
	if (!take_history(f, err) || !explain_listed(f->t, f->conf,
	    &f->o->listed, &f->message, err))
		return STATUS_USAGE;
	gather_from(f);
	gather_history(f);
	for (size_t i = 0; i < f->o->to.n; i++) {
		if (i > 0 && !f->t->json)
			out_line("%s", "");
		status = status_worse(status,
		    explain_rcpt(f, f->o->to.v[i]));
	}
	return status;
}

static enum status run_explain(struct tool *t, const void *values, int n,
    char **operands)
{
	struct facts f = { .t = t, .o = values };
	enum status status = STATUS_USAGE;
	struct buf err;

	(void)n;
	(void)operands;
	buf_init(&err, 1000);
	if (take_facts(&f, &err))
		status = explain_all(&f, &err);
	if (err.len)
		complain("%s", buf_str(&err));
	if (f.access_tried)
		access_close(&f.access);
	free(f.policies);
	buf_clear(&err);
	return status;
}

const struct command command_explain = {
	.name = "explain",
	.usage = "--client IP --tls TLS --from ADDRESS --to ADDRESS...",
	.summary = "show what the rules say about a message",
	.details = "Nothing is sent and nobody is asked: the facts come from "
	    "the options, the rules\nfrom the configuration, and promises "
	    "from --policy or the cache.\nExit status 0: accepted; 1: tagged "
	    "or held; 2: deferred or rejected.",
	.options = options,
	.options_n = sizeof(options) / sizeof(options[0]),
	.values_size = sizeof(struct explain_values),
	.run = run_explain,
};
