/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's events in every order an MTA may send them, with the macros
 * as Postfix and Sendmail fill them. The services are the test's own; rules
 * and configuration are the real ones.
 */
#include "config.h"

#include "milter/session.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/services.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- the services ------------------------------------------------------ */

static struct {
	struct conf *conf;
	struct counters counters;
	unsigned wanted;
	unsigned fuse_tls, fuse_plain;
	bool blown;
	int64_t waiting;
	struct history *history;
	unsigned recorded, recorded_tls;
	char recorded_name[PAIR_NAME_SIZE];
	struct buf log;
} fake;

struct conf *services_conf(struct services *s)
{
	(void)s;
	return conf_ref(fake.conf);
}

struct cache *services_cache(struct services *s)
{
	(void)s;
	return NULL;
}

struct learner *services_learner(struct services *s)
{
	(void)s;
	return NULL;
}

struct history *services_history(struct services *s)
{
	(void)s;
	return fake.history;
}

struct historian *services_historian(struct services *s)
{
	(void)s;
	return NULL;
}

struct lists *services_lists(struct services *s)
{
	(void)s;
	return NULL;
}

void historian_saw(struct historian *h, const struct session_facts *s,
    const struct message_facts *m, unsigned keep, int64_t now)
{
	struct pair_event e;

	(void)h;
	if (!pair_of_message(s, m, keep, now, fake.recorded_name, &e))
		return;
	fake.recorded++;
	fake.recorded_tls += e.tls;
}

struct counters *services_counters(struct services *s)
{
	(void)s;
	return &fake.counters;
}

void services_fuse_saw(struct services *s, const char *listener,
    const struct netaddr *client, bool tls)
{
	(void)s;
	(void)listener;
	(void)client;
	if (tls)
		fake.fuse_tls++;
	else
		fake.fuse_plain++;
}

bool services_fuse_blown(struct services *s, const char *listener)
{
	(void)s;
	(void)listener;
	return fake.blown;
}

void services_saw_listener(struct services *s, const char *port,
    const char *name)
{
	(void)s;
	(void)port;
	(void)name;
}

void services_milter_saw(struct services *s, const struct netaddr *client,
    uint16_t port)
{
	(void)s;
	(void)client;
	(void)port;
}

void learner_want(struct learner *l, const char *domain,
    enum ask_class class)
{
	(void)l;
	(void)domain;
	(void)class;
	fake.wanted++;
}

int64_t learner_waiting_since(struct learner *l, const char *domain,
    int64_t now)
{
	(void)l;
	(void)domain;
	(void)now;
	return fake.waiting;
}

static void log_sink(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	(void)priority;
	buf_add(&fake.log, line, len);
	buf_addc(&fake.log, '\n');
}

/* ---- a scripted MTA ---------------------------------------------------- */

#define MACROS_MAX 16

struct mta {
	struct session *session;
	const char *names[MACROS_MAX], *values[MACROS_MAX];
	struct session_macros macros;
	struct reply reply;
	struct session_edits edits;
};

static const char *mta_get(void *arg, const char *name)
{
	struct mta *mta = arg;

	for (size_t i = 0; i < MACROS_MAX && mta->names[i]; i++)
		if (strcmp(mta->names[i], name) == 0)
			return mta->values[i];
	return NULL;
}

static void mta_set(struct mta *mta, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < MACROS_MAX && mta->names[i]; i++)
		if (strcmp(mta->names[i], name) == 0)
			break;
	CU_ASSERT_FATAL(i < MACROS_MAX);
	mta->names[i] = name;
	mta->values[i] = value;
}

static void load(const char *text)
{
	struct conf_messages messages = { 0 };
	struct bundle *bundle = bundle_new();

	conf_unref(fake.conf);
	buf_clear(&fake.log);
	memset(&fake, 0, sizeof(fake));
	buf_init(&fake.log, 65536);
	log_set_sink(log_sink, NULL);
	bundle_add_text(bundle, "test.conf", text, strlen(text));
	fake.conf = conf_load_bundle("test.conf", bundle, &messages);
	for (size_t i = 0; !fake.conf && i < messages.n; i++)
		fprintf(stderr, "%s\n", messages.v[i].text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fake.conf);
	conf_messages_clear(&messages);
	bundle_free(bundle);
}

static void connect_from(struct mta *mta, const char *address, int port,
    bool symlist)
{
	struct session_abilities can = { symlist, true, true, true };
	struct sockaddr_in sin = { .sin_family = AF_INET };

	*mta = (struct mta){ 0 };
	mta->macros = (struct session_macros){ mta_get, mta };
	mta_set(mta, "j", "mx.ours.example");
	mta_set(mta, "v", "Postfix 3.7.11");
	mta_set(mta, "{daemon_name}", "mx.ours.example");
	mta_set(mta, "{daemon_port}", port ? "25" : "0");
	mta->session = session_new((struct services *)&fake, &can);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mta->session);
	sin.sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, address, &sin.sin_addr);
	session_connect(mta->session, "[x]", (struct sockaddr *)&sin,
	    &mta->macros);
}

static enum session_answer mail(struct mta *mta, const char *from,
    const char *parameter)
{
	char *argv[] = { strdup(from), parameter ? strdup(parameter) : NULL,
		NULL };
	enum session_answer a = session_mail(mta->session, argv, &mta->macros);

	free(argv[0]);
	free(argv[1]);
	return a;
}

static enum session_answer rcpt(struct mta *mta, const char *to)
{
	char *argv[] = { strdup(to), NULL };
	enum session_answer a = session_rcpt(mta->session, argv, &mta->macros,
	    &mta->reply);

	free(argv[0]);
	return a;
}

static enum session_answer eom(struct mta *mta)
{
	enum session_answer a;

	mta_set(mta, "i", "4ABCDEF");
	session_data(mta->session, &mta->macros);
	a = session_eom(mta->session, &mta->macros, &mta->reply, &mta->edits);
	if (a == SESSION_CONTINUE)
		session_accepted(mta->session, &mta->edits);
	return a;
}

static void use_tls(struct mta *mta)
{
	mta_set(mta, "{tls_version}", "TLSv1.3");
	mta_set(mta, "{cipher}", "TLS_AES_256_GCM_SHA384");
	mta_set(mta, "{cipher_bits}", "256");
}

static void quit(struct mta *mta)
{
	session_free(mta->session);
	mta->session = NULL;
}

#define OURS "hosted_domains = {\"ours.example=enforce\"}\n" \
	"mode = enforce\nauthserv_id = \"mx.ours.example\"\n"
#define REJECT_RULE OURS "rule \"our promise\" { to_policy = enforce " \
	"require = tls action = reject }\n"

/* ---- tests ------------------------------------------------------------- */

static void plaintext_is_refused_at_rcpt_only(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	session_helo(mta.session, "client.example", &mta.macros);
	CU_ASSERT_EQUAL(mail(&mta, "<a@client.example>", NULL),
	    SESSION_CONTINUE);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_REJECT);
	CU_ASSERT_STRING_EQUAL(mta.reply.code, "550");
	CU_ASSERT_STRING_EQUAL(mta.reply.xcode, "5.7.10");
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@others.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(fake.counters.recipients[ACTION_REJECT], 1);
	CU_ASSERT_EQUAL(fake.counters.recipients[ACTION_ACCEPT], 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log), "action=reject"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log),
	    "4ABCDEF: action=accept"));
	quit(&mta);
}

/* PF-MI-03: EHLO, STARTTLS, MAIL; the macros come at MAIL. */
static void tls_without_second_ehlo_is_seen(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	session_helo(mta.session, "client.example", &mta.macros);
	session_abort(mta.session);
	use_tls(&mta);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(fake.fuse_tls, 1);
	/* RFC 3207 §4.2: the EHLO before STARTTLS is forgotten */
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log), "helo=- "));
	quit(&mta);
}

/* Design §5: what is not known defers where a rule says so, but for half an
 * hour at most. */
static void unknown_promises_defer_half_an_hour(void)
{
	struct mta mta;

	load(OURS "rule \"our promise\" { to_policy = enforce require = tls "
	    "action = reject unknown = defer }\n");
	connect_from(&mta, "192.0.2.1", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	fake.waiting = 1800;
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@others.example>"), SESSION_DEFER);
	CU_ASSERT_STRING_EQUAL(mta.reply.code, "451");
	fake.waiting = 1801;
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@others.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_REJECT);
	/* Without a cache there is nothing to learn for. */
	CU_ASSERT_EQUAL(fake.wanted, 0);
	quit(&mta);
}

/* Without a symlist the macros come at HELO only, and stay for the session. */
static void tls_at_helo_is_latched(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, false);
	use_tls(&mta);
	session_helo(mta.session, "client.example", &mta.macros);
	mta_set(&mta, "{tls_version}", NULL);
	for (int i = 0; i < 2; i++) {
		mail(&mta, "<a@client.example>", NULL);
		CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"),
		    SESSION_CONTINUE);
		CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	}
	CU_ASSERT_EQUAL(fake.counters.by_tls[TLS_ENCRYPTED], 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log),
	    "helo=client.example "));
	quit(&mta);
}

/* A connection that serves another session tells nothing of the last one. */
static void another_connect_forgets_tls(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = 1 };
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	use_tls(&mta);
	session_helo(mta.session, "client.example", &mta.macros);
	mta_set(&mta, "{tls_version}", NULL);
	session_connect(mta.session, "[x]", (struct sockaddr *)&sin,
	    &mta.macros);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log), "tls=none"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log), "helo=- "));
	quit(&mta);
}

static void unknown_tls_is_not_punished(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, false);
	session_helo(mta.session, "client.example", &mta.macros);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(fake.counters.by_tls[TLS_UNKNOWN], 1);
	quit(&mta);

	load(REJECT_RULE "listener \"proxied\" { match = {\"25\"} "
	    "tls = unknown }\n");
	connect_from(&mta, "192.0.2.1", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(fake.fuse_plain, 0);
	quit(&mta);
}

/* PF-MI-01: a refusal would leave the mail stuck in the queue. */
static void non_smtp_mail_passes(void)
{
	struct mta mta;

	load(REJECT_RULE "exempt { client = {} }\n");
	connect_from(&mta, "127.0.0.1", 0, true);
	session_helo(mta.session, "localhost", &mta.macros);
	mail(&mta, "root@ours.example", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "b@ours.example"), SESSION_CONTINUE);
	session_header(mta.session, "X-TLS-Policy", "forged");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(mta.edits.deletes_n, 0);
	CU_ASSERT_EQUAL(fake.counters.by_tls[TLS_UNKNOWN], 1);
	quit(&mta);
}

static void events_may_be_missing_or_doubled(void)
{
	struct session_abilities can = { 0 };
	struct mta mta;

	load(REJECT_RULE);
	session_abort(NULL);
	session_free(NULL);
	session_free(session_new((struct services *)&fake, &can));
	connect_from(&mta, "192.0.2.1", 4711, true);
	session_abort(mta.session);
	session_abort(mta.session);
	session_header(mta.session, "X-TLS-Policy", "early");
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_TROUBLE);
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	mail(&mta, "<a@client.example>", NULL);
	mail(&mta, "<>", "SIZE=5");
	rcpt(&mta, "<b@ours.example>");
	session_abort(mta.session);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_TROUBLE);
	quit(&mta);
}

/* Sendmail names the subject of a certificate it did not verify. */
static void unverified_certificates_do_not_count(void)
{
	static const struct {
		const char *label, *mta, *verify, *subject;
		enum session_answer want;
	} cases[] = {
		{ "Postfix, trusted", "Postfix 3.7.11", NULL, "sender.example",
		    SESSION_CONTINUE },
		{ "Postfix, none: unavailable", "Postfix 3.7.11", NULL, NULL,
		    SESSION_CONTINUE },
		{ "Sendmail OK", "8.17.1.9", "OK", "/CN=sender.example",
		    SESSION_CONTINUE },
		{ "Sendmail FAIL with a subject", "8.17.1.9", "FAIL",
		    "/CN=sender.example", SESSION_REJECT },
		{ "Sendmail NO", "8.17.1.9", "NO", "", SESSION_REJECT },
		{ "Sendmail NOT: unavailable", "8.17.1.9", "NOT", "",
		    SESSION_CONTINUE },
	};

	load(OURS "rule \"c\" { to = \"ours.example\" require = verified "
	    "action = reject }\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mta mta;

		connect_from(&mta, "192.0.2.1", 4711, true);
		mta_set(&mta, "v", cases[i].mta);
		session_connect(mta.session, "[x]", (struct sockaddr *)
		    &(struct sockaddr_in){ .sin_family = AF_INET,
		    .sin_addr.s_addr = htonl(0xc0000201), .sin_port = 9 },
		    &mta.macros);
		use_tls(&mta);
		mta_set(&mta, "{verify}", cases[i].verify);
		mta_set(&mta, "{cert_subject}", cases[i].subject);
		mail(&mta, "<a@client.example>", NULL);
		CHECK_CASE(cases[i].label,
		    rcpt(&mta, "<b@ours.example>") == cases[i].want);
		quit(&mta);
	}
}

/* AR-10: counted per name, deleted from the highest index down. */
static void forged_fields_are_deleted_from_the_last(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	use_tls(&mta);
	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<b@ours.example>");
	session_header(mta.session, "Authentication-Results",
	    "mx.ours.example; x-tls=pass");
	session_header(mta.session, "authentication-results",
	    "mx.ours.example; dkim=pass");
	session_header(mta.session, "X-TLS-Policy", "ok");
	session_header(mta.session, "AUTHENTICATION-RESULTS",
	    "mx.ours.example; x-tls=pass");
	session_header(mta.session, "Authentication-Results",
	    "other.example; x-tls=pass");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_EQUAL_FATAL(mta.edits.deletes_n, 3);
	CU_ASSERT(mta.edits.deletes[0].field == FIELD_AR &&
	    mta.edits.deletes[0].index == 3);
	CU_ASSERT(mta.edits.deletes[1].field == FIELD_TAG &&
	    mta.edits.deletes[1].index == 1);
	CU_ASSERT(mta.edits.deletes[2].field == FIELD_AR &&
	    mta.edits.deletes[2].index == 1);
	CU_ASSERT_PTR_NULL(mta.edits.ar);
	CU_ASSERT_EQUAL(fake.counters.forged, 3);
	quit(&mta);
}

/* The field comes after the verdicts: whatever it says changes nothing. */
static void tls_required_is_only_logged(void)
{
	static const struct {
		const char *label, *parameter;
		const char *values[2];
		const char *want;	/* NULL: nothing is logged */
	} cases[] = {
		{ "none", NULL, { NULL, NULL }, NULL },
		{ "RT-06 No", NULL, { "No", NULL }, "tls_required=no" },
		{ "RT-06 any case", NULL, { " nO ", NULL },
		    "tls_required=no" },
		{ "RT-06 folded", NULL, { "\n\tNO", NULL },
		    "tls_required=no" },
		{ "RT-06 twice", NULL, { "No", "No" },
		    "tls_required=ignored" },
		{ "RT-06 yes", NULL, { "Yes", NULL },
		    "tls_required=ignored" },
		{ "RT-06 more than No", NULL, { "No way", NULL },
		    "tls_required=ignored" },
		{ "RT-06 less than No", NULL, { "n", NULL },
		    "tls_required=ignored" },
		{ "RT-06 empty", NULL, { "", NULL }, "tls_required=ignored" },
		{ "RT-04 beside REQUIRETLS", "REQUIRETLS", { "No", NULL },
		    "requiretls=yes tls_required=ignored" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mta mta;

		load("mode = enforce\n"
		    "rule \"r\" { require = tls  action = tag }");
		connect_from(&mta, "192.0.2.1", 4711, true);
		mail(&mta, "<a@client.example>", cases[i].parameter);
		rcpt(&mta, "<b@ours.example>");
		for (size_t k = 0; k < 2 && cases[i].values[k]; k++)
			session_header(mta.session, "tls-required",
			    cases[i].values[k]);
		CHECK_CASE(cases[i].label, eom(&mta) == SESSION_CONTINUE);
		CHECK_CASE(cases[i].label, mta.edits.tag);
		CHECK_CASE(cases[i].label, mta.edits.deletes_n == 0);
		CHECK_CASE(cases[i].label, cases[i].want ?
		    strstr(buf_str(&fake.log), cases[i].want) != NULL :
		    !strstr(buf_str(&fake.log), "tls_required"));
		quit(&mta);
	}
}

static void more_forgeries_than_we_can_hold_defer(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	use_tls(&mta);
	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<b@ours.example>");
	for (int i = 0; i < 20001; i++)
		session_header(mta.session, "X-TLS-Policy", "x");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_DEFER);
	CU_ASSERT_STRING_EQUAL(mta.reply.code, "451");
	quit(&mta);
}

static void observing_touches_nothing(void)
{
	struct mta mta;

	load("mode = observe\nhosted_domains = {\"ours.example=enforce\"}\n"
	    "authentication_results = all\n"
	    "rule \"r\" { to_policy = enforce require = tls "
	    "action = reject }\n"
	    "rule \"t\" { to = \"ours.example\" require = tls "
	    "action = tag }\n");
	connect_from(&mta, "192.0.2.1", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_CONTINUE);
	session_header(mta.session, "X-TLS-Policy", "x");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(mta.edits.deletes_n, 0);
	CU_ASSERT_PTR_NULL(mta.edits.ar);
	CU_ASSERT_PTR_NULL(mta.edits.tag);
	CU_ASSERT_PTR_NULL(mta.edits.quarantine);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log), "would=reject"));
	quit(&mta);
}

/* Design §6.6: `all` is for strangers' mail; a tag is never without one. */
static void who_gets_results_when_all_do(void)
{
	static const struct {
		const char *label, *client, *user, *to;
		bool ar;
	} cases[] = {
		{ "a stranger", "192.0.2.1", NULL, "<b@ours.example>", true },
		{ "a user", "192.0.2.1", "alice", "<b@ours.example>", false },
		{ "a tagged user", "192.0.2.1", "alice", "<t@ours.example>",
		    true },
		{ "a relay", "203.0.113.1", NULL, "<b@ours.example>", false },
		{ "an exempt client", "127.0.0.1", NULL, "<b@ours.example>",
		    false },
	};
	struct mta mta;

	load(OURS "authentication_results = all\n"
	    "relays = {\"203.0.113.0/24\"}\n"
	    "rule \"tag\" { to = \"t@ours.example\" require = tls "
	    "action = tag }\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		connect_from(&mta, cases[i].client, 4711, true);
		mta_set(&mta, "{auth_authen}", cases[i].user);
		mail(&mta, "<a@client.example>", NULL);
		rcpt(&mta, cases[i].to);
		CHECK_CASE(cases[i].label, eom(&mta) == SESSION_CONTINUE);
		CHECK_CASE(cases[i].label, !mta.edits.ar == !cases[i].ar);
		quit(&mta);
	}
}

/* Message-level actions come from accepted recipients; the most severe. */
static void the_message_gets_the_worst_of_the_accepted(void)
{
	struct mta mta;

	load(OURS
	    "rule \"tag\" { to = \"t@ours.example\" require = tls "
	    "action = tag }\n"
	    "rule \"hold\" { to = \"h@ours.example\" require = tls "
	    "action = quarantine }\n"
	    "rule \"no\" { to = \"r@ours.example\" require = tls "
	    "action = reject }\n");
	connect_from(&mta, "192.0.2.1", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<x@ours.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(rcpt(&mta, "<t@ours.example>"), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(rcpt(&mta, "<r@ours.example>"), SESSION_REJECT);
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mta.edits.tag);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mta.edits.ar);
	CU_ASSERT_PTR_NULL(mta.edits.quarantine);
	CU_ASSERT_PTR_NULL(strstr(mta.edits.tag, "@"));

	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<t@ours.example>");
	rcpt(&mta, "<h@ours.example>");
	rcpt(&mta, "<t@ours.example>");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_PTR_NOT_NULL(mta.edits.quarantine);
	CU_ASSERT_EQUAL(fake.counters.held, 1);
	quit(&mta);
}

static void the_configuration_is_pinned_at_mail(void)
{
	struct conf *before;
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	before = conf_ref(fake.conf);
	load(OURS "rule \"none\" { to = \"ours.example\" require = none }\n");
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_REJECT);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_CONTINUE);
	conf_unref(before);
	quit(&mta);
}

static void relays_are_never_refused(void)
{
	struct mta mta;

	load(OURS "relays = {\"192.0.2.0/28\"}\n"
	    "rule \"all\" { to = \"ours.example\" require = tls "
	    "action = reject }\n");
	connect_from(&mta, "192.0.2.3", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_CONTINUE);
	session_header(mta.session, "X-TLS-Policy", "x");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	CU_ASSERT_EQUAL(mta.edits.deletes_n, 0);
	CU_ASSERT_EQUAL(fake.fuse_plain, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&fake.log), "would=reject"));
	quit(&mta);
}

static void the_fuse_softens_a_refusal(void)
{
	struct mta mta;

	load(REJECT_RULE);
	fake.blown = true;
	connect_from(&mta, "192.0.2.1", 4711, true);
	mail(&mta, "<a@client.example>", NULL);
	CU_ASSERT_EQUAL(rcpt(&mta, "<b@ours.example>"), SESSION_DEFER);
	CU_ASSERT_STRING_EQUAL(mta.reply.code, "451");
	CU_ASSERT_STRING_EQUAL(mta.reply.xcode, "4.7.10");
	CU_ASSERT_EQUAL(fake.fuse_plain, 1);
	quit(&mta);
}

static void an_mta_that_cannot_be_edited_gets_a_deferral(void)
{
	struct session_abilities can = { .symlist = true };
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.1", 4711, true);
	quit(&mta);
	mta.session = session_new((struct services *)&fake, &can);
	session_connect(mta.session, "[x]", (struct sockaddr *)
	    &(struct sockaddr_in){ .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(0xc0000201), .sin_port = 9 },
	    &mta.macros);
	use_tls(&mta);
	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<b@ours.example>");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_CONTINUE);
	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<b@ours.example>");
	session_header(mta.session, "X-TLS-Policy", "x");
	CU_ASSERT_EQUAL(eom(&mta), SESSION_DEFER);
	quit(&mta);
}

/* ---- the past ---------------------------------------------------------- */

/* One message to one recipient; what became of it. */
static enum session_answer deliver(struct mta *mta, const char *from,
    const char *to)
{
	enum session_answer a = mail(mta, from, NULL);

	if (a == SESSION_CONTINUE)
		a = rcpt(mta, to);
	return a == SESSION_CONTINUE ? eom(mta) : a;
}

/* Design §6.12: each accepted message of a session counts. */
static void accepted_mail_is_remembered(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.77", 4711, true);
	CU_ASSERT_EQUAL(deliver(&mta, "<a@client.example>",
	    "<b@others.example>"), SESSION_CONTINUE);
	CU_ASSERT_STRING_EQUAL(fake.recorded_name,
	    "client.example 192.0.2.0/24");
	use_tls(&mta);
	for (int i = 0; i < 2; i++)
		deliver(&mta, "<a@CLIENT.example>", "<b@ours.example>");
	CU_ASSERT_EQUAL(fake.recorded, 3);
	CU_ASSERT_EQUAL(fake.recorded_tls, 2);
	quit(&mta);
}

static void what_is_not_accepted_leaves_no_trace(void)
{
	struct mta mta;

	load(REJECT_RULE);
	connect_from(&mta, "192.0.2.77", 4711, true);
	CU_ASSERT_EQUAL(deliver(&mta, "<a@client.example>",
	    "<b@ours.example>"), SESSION_REJECT);
	session_abort(mta.session);
	/* The MTA, or another filter, refused it after RCPT. */
	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<b@others.example>");
	session_data(mta.session, &mta.macros);
	session_abort(mta.session);
	/* The client left before the end. */
	mail(&mta, "<a@client.example>", NULL);
	rcpt(&mta, "<b@others.example>");
	quit(&mta);
	CU_ASSERT_EQUAL(fake.recorded, 0);
}

static void some_are_never_remembered(void)
{
	struct mta mta;

	load(OURS "relays = {\"192.0.2.1\"} exempt { client = 192.0.2.2 }\n"
	    "listener \"p\" { match = \"10465\" tls = unknown }\n");
	connect_from(&mta, "192.0.2.1", 4711, true);
	deliver(&mta, "<a@client.example>", "<b@ours.example>");
	quit(&mta);
	connect_from(&mta, "192.0.2.2", 4711, true);
	deliver(&mta, "<a@client.example>", "<b@ours.example>");
	quit(&mta);
	connect_from(&mta, "192.0.2.3", 4711, true);
	deliver(&mta, "<>", "<b@ours.example>");
	mta_set(&mta, "{auth_authen}", "user");
	deliver(&mta, "<a@client.example>", "<b@ours.example>");
	quit(&mta);
	connect_from(&mta, "192.0.2.3", 4711, true);
	mta_set(&mta, "{daemon_port}", "10465");
	session_connect(mta.session, "[x]", (struct sockaddr *)
	    &(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = 1,
	    .sin_addr.s_addr = htonl(0xc0000203) }, &mta.macros);
	deliver(&mta, "<a@client.example>", "<b@ours.example>");
	quit(&mta);
	CU_ASSERT_EQUAL(fake.recorded, 0);
}

/* A history in which client.example has come over TLS three times. */
static void remember_client(struct tmpdir *dir)
{
	struct history_options o = { .entries = 10 };
	const struct pair_event event = { .when = clock_wall(), .tls = true,
		.version = 13, .keep = 3 };
	enum store_error e = STORE_OK;
	struct buf err;

	tmpdir_make(dir);
	o.state_dir = dir->dir;
	buf_init(&err, 1000);
	fake.history = history_open(&o, &err, &e);
	buf_clear(&err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fake.history);
	CU_ASSERT_EQUAL(history_begin(fake.history), STORE_OK);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(history_note(fake.history,
		    "client.example 192.0.2.0/24", &event), STORE_OK);
	CU_ASSERT_EQUAL(history_commit(fake.history), STORE_OK);
}

#define HISTORY_RULE OURS "rule \"downgrade\" { history = downgrade " \
	"require = tls action = defer }\n"

static void a_downgrade_is_noticed(void)
{
	static const struct {
		const char *label, *rules, *client, *from;
		bool tls;
		enum session_answer want;
		bool recorded;
	} cases[] = {
		{ "its network, in plaintext", HISTORY_RULE, "192.0.2.99",
		    "<a@client.example>", false, SESSION_DEFER, false },
		{ "over TLS", HISTORY_RULE, "192.0.2.99",
		    "<a@client.example>", true, SESSION_CONTINUE, true },
		{ "another network", HISTORY_RULE, "192.0.3.99",
		    "<a@client.example>", false, SESSION_CONTINUE, true },
		{ "another sender", HISTORY_RULE, "192.0.2.99",
		    "<a@other.example>", false, SESSION_CONTINUE, true },
		{ "a null sender", HISTORY_RULE, "192.0.2.99", "<>", false,
		    SESSION_CONTINUE, false },
		{ "more is asked", "history { min = 4 }\n" HISTORY_RULE,
		    "192.0.2.99", "<a@client.example>", false,
		    SESSION_CONTINUE, true },
		{ "a relay", "relays = {\"192.0.2.99\"}\n" HISTORY_RULE,
		    "192.0.2.99", "<a@client.example>", false,
		    SESSION_CONTINUE, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tmpdir dir;
		struct mta mta;

		load(cases[i].rules);
		remember_client(&dir);
		connect_from(&mta, cases[i].client, 4711, true);
		if (cases[i].tls)
			use_tls(&mta);
		CHECK_CASE(cases[i].label, deliver(&mta, cases[i].from,
		    "<b@ours.example>") == cases[i].want);
		CHECK_CASE(cases[i].label, fake.recorded == cases[i].recorded);
		quit(&mta);
		history_close(fake.history);
		fake.history = NULL;
		tmpdir_remove(&dir);
	}
}

static void clean_up(void)
{
	conf_unref(fake.conf);
	fake.conf = NULL;
	buf_clear(&fake.log);
}

static const struct unit_test tests[] = {
	{ "plaintext is refused at RCPT only",
	    plaintext_is_refused_at_rcpt_only },
	{ "TLS without a second EHLO is seen (PF-MI-03)",
	    tls_without_second_ehlo_is_seen },
	{ "another connect forgets TLS (PF-MI-05)",
	    another_connect_forgets_tls },
	{ "unknown promises defer half an hour",
	    unknown_promises_defer_half_an_hour },
	{ "TLS at HELO is latched", tls_at_helo_is_latched },
	{ "unknown TLS is not punished", unknown_tls_is_not_punished },
	{ "non-SMTP mail passes (PF-MI-01)", non_smtp_mail_passes },
	{ "events may be missing or doubled (PF-MI-05)",
	    events_may_be_missing_or_doubled },
	{ "unverified certificates do not count (PF-MI-16)",
	    unverified_certificates_do_not_count },
	{ "TLS-Required is only logged (RT-10)",
	    tls_required_is_only_logged },
	{ "forged fields are deleted from the last (AR-10)",
	    forged_fields_are_deleted_from_the_last },
	{ "more forgeries than we can hold defer",
	    more_forgeries_than_we_can_hold_defer },
	{ "observing touches nothing", observing_touches_nothing },
	{ "who gets results when all do", who_gets_results_when_all_do },
	{ "the message gets the worst of the accepted",
	    the_message_gets_the_worst_of_the_accepted },
	{ "the configuration is pinned at MAIL",
	    the_configuration_is_pinned_at_mail },
	{ "relays are never refused", relays_are_never_refused },
	{ "the fuse softens a refusal", the_fuse_softens_a_refusal },
	{ "an MTA that cannot be edited gets a deferral (PF-MI-13)",
	    an_mta_that_cannot_be_edited_gets_a_deferral },
	{ "design 6.12: accepted mail is remembered",
	    accepted_mail_is_remembered },
	{ "issue 3: what is not accepted leaves no trace",
	    what_is_not_accepted_leaves_no_trace },
	{ "design 6.12: some are never remembered",
	    some_are_never_remembered },
	{ "history = downgrade: a downgrade is noticed",
	    a_downgrade_is_noticed },
	{ "clean up", clean_up },
};

UNIT_MAIN("session", tests)
