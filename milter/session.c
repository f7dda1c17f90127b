/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/session.h"

#include "audit/line.h"
#include "conf/gather.h"
#include "milter/learner.h"
#include "milter/services.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

/* Longest envelope address kept for matching and logs (RFC 5321: 256). */
#define ADDRESS_SIZE 321
/* Header fields of one message we can delete; a message with more forged
 * fields than this is deferred. */
#define DELETES_MAX 20000
/* A domain not known after this many seconds counts as without policy. */
#define WAIT_LIMIT 1800

/* A message-level outcome: the most severe verdict of accepted recipients
 * and whose it was. */
struct outcome {
	struct verdict verdict;
	struct promise promise;
	bool set;
};

struct message {
	bool open;		/* between MAIL and its end */
	struct conf *conf;
	char from[ADDRESS_SIZE];
	char from_domain[MTASTS_DOMAIN_SIZE];
	char *auth_user;
	char queue_id[40];
	struct message_facts facts;
	unsigned accepted;
	struct outcome worst;
	bool strip;		/* forged fields are to be deleted */
	int seen[FIELDS];	/* fields of each name so far */
	struct session_delete *deletes;
	size_t deletes_n, deletes_size;
	bool too_many;
	struct buf ar, tag, reason;
};

struct session {
	struct services *services;
	struct session_abilities can;
	struct session_facts facts;
	bool tls_seen;		/* latched: TLS is never turned off again */
	char *client_name, *helo, *listener_name, *listener_port;
	char *tls_version, *cipher, *cert_subject, *cert_issuer;
	char *mta_name;		/* {j}, normalised, or NULL */
	bool is_postfix;
	struct message msg;
};

/* Replace a heap string by a copy of value; NULL and "" become NULL. */
static void keep(char **where, const char *value)
{
	free(*where);
	*where = value && *value ? strdup(value) : NULL;
}

static const char *macro(const struct session_macros *m, const char *name)
{
	const char *value = m->get(m->arg, name);

	return value && *value ? value : NULL;
}

static void message_reset(struct message *msg)
{
	conf_unref(msg->conf);
	free(msg->auth_user);
	free(msg->deletes);
	buf_clear(&msg->ar);
	buf_clear(&msg->tag);
	buf_clear(&msg->reason);
	*msg = (struct message){ 0 };
	buf_init(&msg->ar, 2000);
	buf_init(&msg->tag, 1000);
	buf_init(&msg->reason, 300);
}

struct session *session_new(struct services *services,
    const struct session_abilities *abilities)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->services = services;
	s->can = *abilities;
	s->facts.door = DOOR_MILTER;
	message_reset(&s->msg);
	counter_add(&services_counters(services)->sessions, 1);
	return s;
}

/* Nothing of an earlier session on this connection holds for the next. No
 * MTA we know sends CONNECT twice, but one that did must lend TLS to nobody. */
static void forget_session(struct session *s)
{
	message_reset(&s->msg);
	keep(&s->client_name, NULL);
	keep(&s->helo, NULL);
	keep(&s->tls_version, NULL);
	keep(&s->cipher, NULL);
	keep(&s->cert_subject, NULL);
	keep(&s->cert_issuer, NULL);
	s->facts = (struct session_facts){ .door = DOOR_MILTER };
	s->tls_seen = false;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	forget_session(s);
	keep(&s->listener_name, NULL);
	keep(&s->listener_port, NULL);
	keep(&s->mta_name, NULL);
	free(s);
}

/* Keep our host name as the MTA knows it, for conf->mx_names (design §5). */
static void keep_mta_name(struct session *s, const char *name)
{
	char domain[MTASTS_DOMAIN_SIZE];

	if (!name || s->mta_name)
		return;
	if (mtasts_domain_normalize(name, domain) == MTASTS_OK)
		keep(&s->mta_name, domain);
}

void session_connect(struct session *s, const char *host,
    const struct sockaddr *sa, const struct session_macros *m)
{
	const char *resolve = macro(m, "{client_resolve}");
	const char *version = macro(m, "v");
	struct session_facts *f = &s->facts;

	forget_session(s);
	if (sa)
		netaddr_from_sockaddr(sa, &f->client, &f->client_port);
	if (host && resolve && strcmp(resolve, "OK") == 0)
		keep(&s->client_name, host);
	keep(&s->listener_name, macro(m, "{daemon_name}"));
	keep(&s->listener_port, macro(m, "{daemon_port}"));
	keep_mta_name(s, macro(m, "j"));
	s->is_postfix = version && str_starts(version, "Postfix");
	f->client_name = s->client_name;
	f->listener_name = s->listener_name;
	f->listener_port = s->listener_port;
	services_saw_listener(s->services, s->listener_port, s->listener_name);
}

/*
 * Mail that came by no SMTP session: Postfix's non_smtpd_milters say
 * "localhost" with port 0 on both sides (PF-MI-01).
 */
static bool is_non_smtp(const struct session *s)
{
	static const struct netaddr loopback = {
		AF_INET, { 127, 0, 0, 1 }
	};
	const char *port = s->facts.listener_port;

	if (s->facts.client.family == AF_UNSPEC)
		return true;
	if (!netaddr_equal(&s->facts.client, &loopback))
		return false;
	return s->facts.client_port == 0 && (!port || strcmp(port, "0") == 0);
}

/* What the certificate macros mean (design §6.4): Sendmail names a subject
 * even when verification failed and says so in {verify}; Postfix names one
 * only when it trusts it, and never sends {verify}. */
static enum verify_state verify_of(const struct session *s,
    const struct session_macros *m)
{
	const char *verify = macro(m, "{verify}");

	if (verify && strcmp(verify, "OK") == 0)
		return VERIFY_OK;
	if (verify && strcmp(verify, "NO") == 0)
		return VERIFY_NONE;
	if (verify && strcmp(verify, "FAIL") == 0)
		return VERIFY_FAILED;
	if (verify || !(s->is_postfix || s->can.symlist))
		return VERIFY_UNAVAILABLE;
	if (macro(m, "{cert_subject}") || macro(m, "{cert_issuer}"))
		return VERIFY_OK;
	return VERIFY_UNAVAILABLE;
}

/* Take the TLS macros of this stage, if there are any, and latch them. */
static void latch_tls(struct session *s, const struct session_macros *m)
{
	const char *version = macro(m, "{tls_version}");
	const char *bits = macro(m, "{cipher_bits}");
	struct tls_facts *tls = &s->facts.tls;
	uint64_t value = 0;

	if (!version)
		return;
	keep(&s->tls_version, version);
	keep(&s->cipher, macro(m, "{cipher}"));
	if (!bits || !str_to_u64(bits, 65536, &value))
		value = 0;
	tls->verify = verify_of(s, m);
	keep(&s->cert_subject, macro(m, "{cert_subject}"));
	keep(&s->cert_issuer, macro(m, "{cert_issuer}"));
	tls->version = s->tls_version;
	tls->cipher = s->cipher;
	tls->bits = (int)value;
	tls->cert_subject = tls->verify == VERIFY_OK ? s->cert_subject : NULL;
	tls->cert_issuer = tls->verify == VERIFY_OK ? s->cert_issuer : NULL;
	s->tls_seen = true;
}

void session_helo(struct session *s, const char *helo,
    const struct session_macros *m)
{
	keep(&s->helo, helo);
	s->facts.helo = s->helo;
	latch_tls(s, m);
}

/*
 * The session's TLS state under this message's configuration. Without the
 * macros having been asked for at MAIL their absence proves nothing: a
 * client may send MAIL after STARTTLS with no second EHLO (PF-MI-03).
 */
static enum tls_state tls_state_of(const struct session *s,
    const struct conf *conf)
{
	const struct conf_listener *l = conf_listener_of(conf, &s->facts);

	if ((l && l->tls_unknown) || s->facts.non_smtp)
		return TLS_UNKNOWN;
	if (s->tls_seen)
		return TLS_ENCRYPTED;
	return s->can.symlist ? TLS_PLAINTEXT : TLS_UNKNOWN;
}

static const char *fuse_key(const struct session *s)
{
	if (s->facts.listener_port)
		return s->facts.listener_port;
	return s->facts.listener_name ? s->facts.listener_name : "";
}

/* Latch the session's facts as this message's configuration sees them. */
static void judge_session(struct session *s, const struct conf *conf)
{
	struct session_facts *f = &s->facts;

	f->non_smtp = is_non_smtp(s);
	f->relay = client_set_match(conf->relays, f);
	f->client_exempt = client_set_match(conf->exempt_client, f);
	f->tls.state = tls_state_of(s, conf);
	if (f->client_exempt || f->relay || f->tls.state == TLS_UNKNOWN)
		return;
	services_fuse_saw(s->services, fuse_key(s), &f->client,
	    f->tls.state == TLS_ENCRYPTED);
}

static bool has_parameter(char *const *argv, const char *name)
{
	for (size_t i = 1; argv[0] && argv[i]; i++)
		if (str_ieq(argv[i], name))
			return true;
	return false;
}

/* Fill in what the client said at MAIL. */
static void take_sender(struct session *s, char *const *argv,
    const struct session_macros *m)
{
	const char *user = macro(m, "{auth_authen}");
	struct message *msg = &s->msg;

	addr_split(argv[0] ? argv[0] : "", msg->from, sizeof(msg->from),
	    msg->from_domain);
	if (!user && macro(m, "{auth_type}"))
		user = "-";
	keep(&msg->auth_user, user);
	msg->facts.from = msg->from;
	msg->facts.from_domain = *msg->from_domain ? msg->from_domain : NULL;
	msg->facts.auth_user = msg->auth_user;
	msg->facts.requiretls = has_parameter(argv, "REQUIRETLS");
}

static void take_queue_id(struct session *s, const struct session_macros *m)
{
	const char *id = macro(m, "i");

	if (id)
		snprintf(s->msg.queue_id, sizeof(s->msg.queue_id), "%s", id);
}

/* Set promise.waited_out for a domain whose first lookup does not end. */
static void note_waiting(struct session *s, const char *domain,
    struct promise *promise)
{
	int64_t since;

	if (promise->known || !domain)
		return;
	since = learner_waiting_since(services_learner(s->services), domain,
	    clock_wall());
	promise->waited_out = since > WAIT_LIMIT;
}

static void gather_from(struct session *s)
{
	struct message *msg = &s->msg;
	struct gathered g;

	if (!msg->conf->needs_from_policy || !msg->facts.from_domain ||
	    !verdict_promises_apply(&s->facts, &msg->facts))
		return;
	gather_sender(msg->conf, services_cache(s->services),
	    msg->facts.from_domain, clock_wall(), &g);
	note_waiting(s, msg->facts.from_domain, &g.promise);
	msg->facts.from_promise = g.promise;
}

enum session_answer session_mail(struct session *s, char *const *argv,
    const struct session_macros *m)
{
	struct message *msg = &s->msg;

	message_reset(msg);
	msg->conf = services_conf(s->services);
	msg->open = true;
	keep_mta_name(s, macro(m, "j"));
	latch_tls(s, m);
	take_sender(s, argv, m);
	take_queue_id(s, m);
	judge_session(s, msg->conf);
	gather_from(s);
	msg->strip = !msg->conf->observe && !s->facts.relay &&
	    !s->facts.client_exempt && !s->facts.non_smtp &&
	    msg->conf->authentication_results != AR_NONE;
	return SESSION_CONTINUE;
}

/* The names our MX hosts have: configured, or what the MTA calls itself. */
static const struct strv *mx_names(struct session *s, struct strv *one)
{
	if (s->msg.conf->mx_names.n)
		return &s->msg.conf->mx_names;
	*one = (struct strv){ .v = &s->mta_name, .n = s->mta_name ? 1 : 0 };
	return one;
}

/* Find out what the recipient's domain has promised, and ask for what is
 * not known. A hosted domain is looked at in any case, for the sake of its
 * TLSRPT mailboxes. */
static void gather_to(struct session *s, struct rcpt_facts *rcpt)
{
	struct message *msg = &s->msg;
	struct strv one;
	struct gathered g;

	if (!rcpt->to_domain || s->facts.client_exempt || s->facts.non_smtp)
		return;
	if (!conf_hosted(msg->conf, rcpt->to_domain) &&
	    !(msg->conf->needs_to_policy &&
	    verdict_promises_apply(&s->facts, &msg->facts)))
		return;
	gather_rcpt(msg->conf, services_cache(s->services), rcpt->to_domain,
	    rcpt->to, mx_names(s, &one), clock_wall(), &g);
	if (g.learn)
		learner_want(services_learner(s->services), rcpt->to_domain,
		    g.hosted ? ASK_HOSTED : ASK_RECIPIENT);
	note_waiting(s, rcpt->to_domain, &g.promise);
	rcpt->ours = g.ours;
	rcpt->is_tlsrpt = g.is_tlsrpt;
	rcpt->to_promise = g.promise;
}

/* Write one audit line; to is NULL for the line of the whole message. */
static void audit(struct session *s, const struct rcpt_facts *rcpt,
    const struct verdict *v)
{
	struct message *msg = &s->msg;
	struct audit a = {
		.queue_id = *msg->queue_id ? msg->queue_id : NULL,
		.session = &s->facts,
		.message = &msg->facts,
		.verdict = v,
		.source = "milter",
	};
	struct buf line;

	if (rcpt) {
		a.to = rcpt->to;
		a.to_domain = rcpt->to_domain;
		a.to_promise = rcpt->to_promise;
	} else {
		a.recipients = msg->accepted;
		a.to_domain = v->policy_domain;
		a.to_promise = msg->worst.promise;
		a.forged = (unsigned)msg->deletes_n;
	}
	buf_init(&line, 2000);
	audit_format(&line, &a);
	log_line(LOG_INFO, NULL, "%s", buf_str(&line));
	buf_clear(&line);
}

/* Remember the most severe verdict among accepted recipients. The verdict
 * borrows policy_domain from the recipient: keep only what outlives it. */
static void note_accepted(struct session *s, const struct rcpt_facts *rcpt,
    const struct verdict *v)
{
	struct outcome *worst = &s->msg.worst;

	s->msg.accepted++;
	if (worst->set && (v->action < worst->verdict.action ||
	    (v->action == worst->verdict.action &&
	    v->would <= worst->verdict.would)))
		return;
	worst->verdict = *v;
	worst->verdict.policy_domain = NULL;
	worst->promise = rcpt->to_promise;
	worst->set = true;
}

static void count_verdict(struct session *s, const struct verdict *v)
{
	struct counters *c = services_counters(s->services);

	counter_add(&c->recipients[v->action], 1);
	counter_add(&c->would[v->would], 1);
}

enum session_answer session_rcpt(struct session *s, char *const *argv,
    const struct session_macros *m, struct reply *reply_r)
{
	struct message *msg = &s->msg;
	char to[ADDRESS_SIZE], domain[MTASTS_DOMAIN_SIZE];
	struct rcpt_facts rcpt = { .to = to };
	struct verdict v;

	if (!msg->open)
		return SESSION_TROUBLE;
	take_queue_id(s, m);
	addr_split(argv[0] ? argv[0] : "", to, sizeof(to), domain);
	rcpt.to_domain = *domain ? domain : NULL;
	gather_to(s, &rcpt);
	verdict_decide(&msg->conf->rules, &s->facts, &msg->facts, &rcpt,
	    services_fuse_blown(s->services, fuse_key(s)), NULL, NULL, &v);
	count_verdict(s, &v);
	if (v.action < ACTION_DEFER) {
		if (msg->conf->log == LOG_RECIPIENTS)
			audit(s, &rcpt, &v);
		note_accepted(s, &rcpt, &v);
		return SESSION_CONTINUE;
	}
	audit(s, &rcpt, &v);
	reply_build(&v, msg->conf->help_url, reply_r);
	return v.action == ACTION_REJECT ? SESSION_REJECT : SESSION_DEFER;
}

void session_data(struct session *s, const struct session_macros *m)
{
	take_queue_id(s, m);
}

const char *session_field_name(enum session_field f)
{
	return f == FIELD_AR ? "Authentication-Results" : "X-TLS-Policy";
}

static void note_delete(struct message *msg, enum session_field field)
{
	struct session_delete *more;
	size_t size;

	if (msg->deletes_n == DELETES_MAX) {
		msg->too_many = true;
		return;
	}
	if (msg->deletes_n == msg->deletes_size) {
		size = msg->deletes_size ? msg->deletes_size * 2 : 8;
		more = reallocarray(msg->deletes, size, sizeof(*more));
		if (!more) {
			msg->too_many = true;
			return;
		}
		msg->deletes = more;
		msg->deletes_size = size;
	}
	msg->deletes[msg->deletes_n++] = (struct session_delete){
		field, msg->seen[field]
	};
}

void session_header(struct session *s, const char *name, const char *value)
{
	struct message *msg = &s->msg;

	if (!msg->open || !msg->strip)
		return;
	if (ar_is_tag_field(name)) {
		msg->seen[FIELD_TAG]++;
		note_delete(msg, FIELD_TAG);
	} else if (ar_is_ar_field(name)) {
		msg->seen[FIELD_AR]++;
		if (ar_is_forged(value, msg->conf->authserv_id,
		    msg->conf->strip_ar))
			note_delete(msg, FIELD_AR);
	}
}

/* Highest index first, since deleting moves the later ones (AR-10). */
static void reverse_deletes(struct message *msg)
{
	for (size_t i = 0, j = msg->deletes_n; i + 1 < j; i++) {
		struct session_delete d = msg->deletes[i];

		msg->deletes[i] = msg->deletes[--j];
		msg->deletes[j] = d;
	}
}

/* Decide which of our fields the message gets. */
static void write_fields(struct session *s, const struct verdict *v,
    struct session_edits *edits)
{
	struct message *msg = &s->msg;
	enum conf_ar want = msg->conf->authentication_results;
	bool tagged = v->action == ACTION_TAG;

	if (want == AR_NONE && !tagged)
		return;
	if (tagged) {
		ar_format_tag(&msg->tag, &s->facts.tls, v);
		edits->tag = buf_str(&msg->tag);
	}
	if (want == AR_NONE || (want == AR_TAGGED && !tagged))
		return;
	if (!tagged && (!msg->strip || msg->facts.auth_user))
		return;
	ar_format(&msg->ar, msg->conf->authserv_id, &s->facts.tls, v);
	edits->ar = buf_str(&msg->ar);
}

/* True when the MTA lets us do all that the edits ask for. */
static bool can_edit(const struct session *s, const struct session_edits *e)
{
	return (!e->deletes_n || s->can.change_headers) &&
	    (!(e->ar || e->tag) || s->can.add_headers) &&
	    (!e->quarantine || s->can.quarantine) &&
	    !s->msg.too_many && !s->msg.ar.failed && !s->msg.tag.failed;
}

static void count_message(struct session *s, const struct session_edits *e)
{
	struct counters *c = services_counters(s->services);

	counter_add(&c->messages, 1);
	counter_add(&c->by_tls[s->facts.tls.state], 1);
	counter_add(&c->forged, e->deletes_n);
	if (e->tag)
		counter_add(&c->tagged, 1);
	if (e->quarantine)
		counter_add(&c->held, 1);
}

/* Senders are learnt only after an accepted message, so that spam that is
 * refused anyway costs no lookup (design §7). */
static void learn_sender(struct session *s)
{
	struct message *msg = &s->msg;
	struct gathered g;

	if (!msg->conf->needs_from_policy || !msg->facts.from_domain ||
	    !verdict_promises_apply(&s->facts, &msg->facts))
		return;
	gather_sender(msg->conf, services_cache(s->services),
	    msg->facts.from_domain, clock_wall(), &g);
	if (g.learn)
		learner_want(services_learner(s->services),
		    msg->facts.from_domain, ASK_SENDER);
}

static bool wants_message_line(const struct session *s,
    const struct verdict *v)
{
	return s->msg.conf->log != LOG_ACTIONS || v->would > ACTION_ACCEPT ||
	    s->msg.deletes_n;
}

enum session_answer session_eom(struct session *s,
    const struct session_macros *m, struct reply *reply_r,
    struct session_edits *edits_r)
{
	struct message *msg = &s->msg;
	const struct verdict *v = &msg->worst.verdict;

	*edits_r = (struct session_edits){ 0 };
	if (!msg->open)
		return SESSION_CONTINUE;
	take_queue_id(s, m);
	reverse_deletes(msg);
	edits_r->deletes = msg->deletes;
	edits_r->deletes_n = msg->deletes_n;
	if (v->action == ACTION_QUARANTINE) {
		buf_addf(&msg->reason, "TLS policy: %s", v->reason);
		edits_r->quarantine = buf_str(&msg->reason);
	}
	write_fields(s, v, edits_r);
	if (!can_edit(s, edits_r)) {
		log_err(NULL, "%s: the MTA does not let us edit this message "
		    "as the configuration asks, deferring it",
		    *msg->queue_id ? msg->queue_id : "NOQUEUE");
		counter_add(&services_counters(s->services)->trouble, 1);
		*reply_r = (struct reply){ "451", "4.3.0",
			"Message cannot be processed now" };
		return SESSION_DEFER;
	}
	count_message(s, edits_r);
	if (wants_message_line(s, v))
		audit(s, NULL, v);
	learn_sender(s);
	msg->open = false;
	return SESSION_CONTINUE;
}

void session_abort(struct session *s)
{
	if (s)
		message_reset(&s->msg);
}
