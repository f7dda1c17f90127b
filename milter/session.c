/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/session.h"

#include "milter/judge.h"
#include "milter/services.h"
#include "util/log.h"
#include "util/str.h"

/* Header fields of one message we can delete; a message with more forged
 * fields than this is deferred. */
#define DELETES_MAX 20000

/* What is to be done to the message; its facts and verdicts are the
 * judge's. */
struct message {
	struct judge judge;
	bool strip;		/* forged fields are to be deleted */
	int seen[FIELDS];	/* fields of each name so far */
	struct session_delete *deletes;
	size_t deletes_n, deletes_size;
	bool too_many;
	unsigned tls_required_n;	/* TLS-Required fields */
	bool tls_required_no;	/* the first of them says so */
	struct buf ar, tag, reason;
};

struct session {
	struct services *services;
	struct session_abilities can;
	struct session_facts facts;
	bool tls_seen;		/* latched: TLS is never turned off again */
	char *client_name, *helo, *listener_name, *listener_port;
	char *tls_version, *cipher, *cert_subject, *cert_issuer;
	char *cert_fingerprint;
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
	judge_end(&msg->judge);
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
	keep(&s->cert_fingerprint, NULL);
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
	services_milter_saw(s->services, &f->client, f->client_port);
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

/* Sendmail alone tells: {cert_fp} with CertFingerprintAlgorithm, {cert_md5}
 * without it. */
static const char *fingerprint_of(const struct session_macros *m)
{
	const char *fingerprint = macro(m, "{cert_fp}");

	return fingerprint ? fingerprint : macro(m, "{cert_md5}");
}

static void keep_helo(struct session *s, const char *helo)
{
	keep(&s->helo, helo);
	s->facts.helo = s->helo;
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
	/* what was said before TLS is no more known (RFC 3207 §4.2) */
	if (!s->tls_seen)
		keep_helo(s, NULL);
	keep(&s->tls_version, version);
	keep(&s->cipher, macro(m, "{cipher}"));
	if (!bits || !str_to_u64(bits, 65536, &value))
		value = 0;
	tls->verify = verify_of(s, m);
	keep(&s->cert_subject, macro(m, "{cert_subject}"));
	keep(&s->cert_issuer, macro(m, "{cert_issuer}"));
	keep(&s->cert_fingerprint, fingerprint_of(m));
	tls->version = s->tls_version;
	tls->cipher = s->cipher;
	tls->bits = (int)value;
	tls->cert_subject = tls->verify == VERIFY_OK ? s->cert_subject : NULL;
	tls->cert_issuer = tls->verify == VERIFY_OK ? s->cert_issuer : NULL;
	/* of a certificate that need not be trusted: it is pinned */
	tls->cert_fingerprint = s->cert_fingerprint;
	s->tls_seen = true;
}

void session_helo(struct session *s, const char *helo,
    const struct session_macros *m)
{
	latch_tls(s, m);
	keep_helo(s, helo);
}

/*
 * What we saw of TLS ourselves. Without the macros having been asked for at
 * MAIL their absence proves nothing: a client may send MAIL after STARTTLS
 * with no second EHLO (PF-MI-03).
 */
static enum tls_state tls_seen(const struct session *s)
{
	if (s->tls_seen)
		return TLS_ENCRYPTED;
	return s->can.symlist ? TLS_PLAINTEXT : TLS_UNKNOWN;
}

static bool has_parameter(char *const *argv, const char *name)
{
	for (size_t i = 1; argv[0] && argv[i]; i++)
		if (str_ieq(argv[i], name))
			return true;
	return false;
}

enum session_answer session_mail(struct session *s, char *const *argv,
    const struct session_macros *m)
{
	const char *user = macro(m, "{auth_authen}");
	struct message *msg = &s->msg;
	struct judge_sender sender = {
		.path = argv[0] ? argv[0] : "",
		.auth_user = user || !macro(m, "{auth_type}") ? user : "-",
		.requiretls = has_parameter(argv, "REQUIRETLS"),
	};

	message_reset(msg);
	keep_mta_name(s, macro(m, "j"));
	latch_tls(s, m);
	s->facts.non_smtp = is_non_smtp(s);
	s->facts.tls.state = tls_seen(s);
	judge_begin(&msg->judge, s->services, &s->facts, &sender);
	judge_set_queue_id(&msg->judge, macro(m, "i"));
	msg->strip = !msg->judge.conf->observe && !s->facts.relay &&
	    !s->facts.client_exempt && !s->facts.non_smtp &&
	    msg->judge.conf->authentication_results != AR_NONE;
	return SESSION_CONTINUE;
}

enum session_answer session_rcpt(struct session *s, char *const *argv,
    const struct session_macros *m, struct reply *reply_r)
{
	struct judge *j = &s->msg.judge;
	struct verdict v;

	if (!judge_is_open(j))
		return SESSION_TROUBLE;
	judge_set_queue_id(j, macro(m, "i"));
	judge_rcpt(j, argv[0] ? argv[0] : "", s->mta_name, &v, reply_r);
	if (v.action < ACTION_DEFER)
		return SESSION_CONTINUE;
	return v.action == ACTION_REJECT ? SESSION_REJECT : SESSION_DEFER;
}

void session_data(struct session *s, const struct session_macros *m)
{
	if (judge_is_open(&s->msg.judge))
		judge_set_queue_id(&s->msg.judge, macro(m, "i"));
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

/* RT-06: the only value is "No". It comes after the verdicts, so that it can
 * only be logged; and it binds nobody who receives mail (RT-10). */
static void note_tls_required(struct message *msg, const char *value)
{
	value += strspn(value, " \t\r\n");
	if (msg->tls_required_n++ == 0)
		msg->tls_required_no = str_ieq_n(value, "no", 2) &&
		    !value[2 + strspn(value + 2, " \t\r\n")];
}

/* RT-04, RT-06: beside the MAIL parameter, more than once, or with another
 * value the field means nothing. */
static const char *tls_required_of(const struct message *msg)
{
	if (!msg->tls_required_n)
		return NULL;
	return msg->tls_required_n == 1 && msg->tls_required_no &&
	    !msg->judge.facts.requiretls ? "no" : "ignored";
}

/* Note a field that must go because it was forged. */
static void note_forged(struct message *msg, const char *name,
    const char *value)
{
	const struct conf *conf = msg->judge.conf;

	if (ar_is_tag_field(name)) {
		msg->seen[FIELD_TAG]++;
		note_delete(msg, FIELD_TAG);
	} else if (ar_is_ar_field(name)) {
		msg->seen[FIELD_AR]++;
		if (ar_is_forged(value, conf->authserv_id, conf->strip_ar))
			note_delete(msg, FIELD_AR);
	}
}

void session_header(struct session *s, const char *name, const char *value)
{
	struct message *msg = &s->msg;

	if (!judge_is_open(&msg->judge))
		return;
	if (str_ieq(name, "TLS-Required"))
		note_tls_required(msg, value);
	else if (msg->strip)
		note_forged(msg, name, value);
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
	const struct conf *conf = msg->judge.conf;
	enum conf_ar want = conf->authentication_results;
	bool tagged = v->action == ACTION_TAG;

	if (want == AR_NONE && !tagged)
		return;
	if (tagged) {
		ar_format_tag(&msg->tag, &s->facts.tls, v);
		edits->tag = buf_str(&msg->tag);
	}
	if (want == AR_NONE || (want == AR_TAGGED && !tagged))
		return;
	if (!tagged && (!msg->strip || msg->judge.facts.auth_user))
		return;
	ar_format(&msg->ar, conf->authserv_id, &s->facts.tls, v);
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

/* Say what must be done, but cannot. */
static enum session_answer refuse_to_edit(struct session *s,
    struct reply *reply_r)
{
	const char *id = s->msg.judge.queue_id;

	log_err(NULL, "%s: the MTA does not let us edit this message as the "
	    "configuration asks, deferring it", *id ? id : "NOQUEUE");
	counter_add(&services_counters(s->services)->trouble, 1);
	*reply_r = (struct reply){ "451", "4.3.0",
		"Message cannot be processed now" };
	return SESSION_DEFER;
}

enum session_answer session_eom(struct session *s,
    const struct session_macros *m, struct reply *reply_r,
    struct session_edits *edits_r)
{
	struct message *msg = &s->msg;
	const struct verdict *v = &msg->judge.worst.verdict;

	*edits_r = (struct session_edits){ 0 };
	if (!judge_is_open(&msg->judge))
		return SESSION_CONTINUE;
	judge_set_queue_id(&msg->judge, macro(m, "i"));
	reverse_deletes(msg);
	edits_r->deletes = msg->deletes;
	edits_r->deletes_n = msg->deletes_n;
	if (v->action == ACTION_QUARANTINE) {
		buf_addf(&msg->reason, "TLS policy: %s", v->reason);
		edits_r->quarantine = buf_str(&msg->reason);
	}
	write_fields(s, v, edits_r);
	return can_edit(s, edits_r) ? SESSION_CONTINUE :
	    refuse_to_edit(s, reply_r);
}

void session_accepted(struct session *s, const struct session_edits *edits)
{
	struct message *msg = &s->msg;

	if (!judge_is_open(&msg->judge))
		return;
	judge_accepted(&msg->judge, &(struct judge_end_of_message){
		.forged = edits->deletes_n,
		.tagged = edits->tag,
		.held = edits->quarantine,
		.tls_required = tls_required_of(msg),
	});
	judge_end(&msg->judge);
}

void session_abort(struct session *s)
{
	if (s)
		message_reset(&s->msg);
}
