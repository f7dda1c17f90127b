/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policy service answers, request by request, and what it keeps of
 * a message between them. The services are the test's own; reader, rules
 * and configuration are the real ones.
 */
#include "config.h"

#include "milter/policyd-internal.h"

#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/services.h"
#include "policy/delegation.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/log.h"

/* ---- the services ------------------------------------------------------ */

static struct {
	struct conf *conf;
	struct counters counters;
	bool milter_has;
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
	return NULL;
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
	(void)tls;
}

bool services_fuse_blown(struct services *s, const char *listener)
{
	(void)s;
	(void)listener;
	return false;
}

void services_saw_listener(struct services *s, const char *port,
    const char *name)
{
	(void)s;
	(void)port;
	(void)name;
}

bool services_milter_has(struct services *s, const struct netaddr *client,
    uint16_t port)
{
	(void)s;
	(void)client;
	(void)port;
	return fake.milter_has;
}

static void log_sink(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	(void)priority;
	buf_add(&fake.log, line, len);
	buf_addc(&fake.log, '\n');
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

/* ---- one connection of Postfix ------------------------------------------ */

struct client {
	struct policyd_judge judge;
	struct policyd_message message;
	struct delegation *reader;
	struct buf out;
};

static void client_open(struct client *c)
{
	*c = (struct client){ .reader = delegation_new() };
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->reader);
	buf_init(&c->out, 4000);
}

static void client_close(struct client *c)
{
	policyd_message_clear(&c->message);
	delegation_free(c->reader);
	buf_clear(&c->out);
}

/* The answer to a request of exactly these lines. */
static const char *ask_plainly(struct client *c, const char *lines)
{
	struct buf request;
	size_t used;

	buf_init(&request, 10000);
	buf_addf(&request, "request=smtpd_access_policy\n%s\n", lines);
	delegation_reset(c->reader);
	CU_ASSERT_EQUAL_FATAL(delegation_feed(c->reader, request.data,
	    request.len, &used), DELEGATION_DONE);
	CU_ASSERT_EQUAL(used, request.len);
	buf_clear(&request);
	buf_reset(&c->out);
	CU_ASSERT_TRUE(policyd_answer(&c->judge, &c->message, c->reader,
	    &c->out));
	return buf_str(&c->out);
}

/* The answer to a request of Postfix's usual lines. Those given come before
 * them, and so take their place. */
static const char *ask(struct client *c, const char *state,
    const char *lines)
{
	static const char usual[] = "client_address=192.0.2.1\n"
	    "client_port=4711\nclient_name=mail.client.example\n"
	    "server_port=25\nhelo_name=h\nsender=a@client.example\n"
	    "recipient=b@ours.example\nrecipient_count=0\nqueue_id=\n"
	    "instance=1.2.3.0\nsasl_method=\nsasl_username=\n"
	    "encryption_protocol=\nencryption_cipher=\n"
	    "encryption_keysize=0\n";
	const char *answer;
	struct buf all;

	buf_init(&all, 10000);
	buf_addf(&all, "protocol_state=%s\n%s%s", state, lines, usual);
	answer = ask_plainly(c, buf_str(&all));
	buf_clear(&all);
	return answer;
}

/* The answer begins like that. */
#define CHECK_ANSWER(label, answer, want) \
	CHECK_CASE_STR(label, first_of(answer, strlen(want)), want)

static const char *first_of(const char *answer, size_t len)
{
	static char copy[1000];

	snprintf(copy, sizeof(copy), "%.*s", (int)len, answer);
	return copy;
}

#define OURS "hosted_domains = {\"ours.example=enforce\"}\n" \
	"mode = enforce\nauthserv_id = \"mx.ours.example\"\n"
#define FROM_BANK OURS "rule \"bank\" { from = {\"bank.example\"} " \
	"require = tls action = reject }\n"
#define PROMISE OURS "rule \"our promise\" { to_policy = enforce " \
	"require = tls action = reject }\n"
#define REFUSED "action=550 5.7.10 "
#define PASSED "action=DUNNO\n\n"
#define TLS "encryption_protocol=TLSv1.3\n"

/* ---- tests -------------------------------------------------------------- */

/* PF-PD-03, PF-PD-04: what an attribute that is there, empty, or missing
 * says of the session. */
static void attributes_decide(void)
{
	static const struct {
		const char *label, *lines, *answer;
	} rows[] = {
		{ "plaintext", "", REFUSED },
		{ "TLS", TLS, PASSED },
		{ "an authenticated user", "sasl_username=joe\n", PASSED },
		{ "authenticated, and nobody says who",
		    "sasl_method=EXTERNAL\n", PASSED },
		{ "the null sender", "sender=\n", PASSED },
		{ "recipient of another domain",
		    "recipient=b@others.example\n", PASSED },
	};
	struct client c;

	load(PROMISE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		client_open(&c);
		CHECK_ANSWER(rows[i].label,
		    ask(&c, "RCPT", rows[i].lines), rows[i].answer);
		client_close(&c);
	}
}

/* PF-PD-04: a Postfix without TLS, or another program, says nothing of
 * encryption, and what nobody says is never plaintext (design §6.3). */
static void what_is_missing_is_not_held_against_anybody(void)
{
	struct client c;

	load(PROMISE);
	client_open(&c);
	CHECK_ANSWER("no encryption_protocol", ask_plainly(&c,
	    "protocol_state=RCPT\nclient_address=192.0.2.1\n"
	    "sender=a@client.example\nrecipient=b@ours.example\n"), PASSED);
	CHECK_ANSWER("nothing but the state", ask_plainly(&c,
	    "protocol_state=RCPT\n"), PASSED);
	CHECK_ANSWER("nothing at all", ask_plainly(&c, ""), PASSED);
	client_close(&c);
}

/* RFC 5321 §4.5.3.1 has limits for addresses, which Postfix does not keep:
 * whoever writes a long local part must not get rid of the domain. */
static void long_addresses_keep_their_domain(void)
{
	static const struct {
		const char *label, *attribute, *domain, *conf;
	} rows[] = {
		{ "sender", "sender", "bank.example", FROM_BANK },
		{ "recipient", "recipient", "ours.example", PROMISE },
	};
	char local[2000], line[2200];
	struct client c;

	memset(local, 'x', sizeof(local));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i].conf);
		for (int len = 1; len < 1900; len += len < 330 ? 1 : 250) {
			client_open(&c);
			snprintf(line, sizeof(line), "%s=%.*s@%s\n",
			    rows[i].attribute, len, local, rows[i].domain);
			CHECK_ANSWER(rows[i].label, ask(&c, "RCPT", line),
			    REFUSED);
			client_close(&c);
		}
	}
}

/* PF-PD-10: an instance is a message, and what was done to one says nothing
 * of the next on the same connection. */
static void messages_do_not_mix(void)
{
	struct client c;

	load(OURS "rule \"t\" { to_policy = enforce require = tls "
	    "action = tag }\n");
	client_open(&c);
	CHECK_ANSWER("the first recipient", ask(&c, "RCPT", ""),
	    "action=PREPEND X-TLS-Policy: ");
	CHECK_ANSWER("the second", ask(&c, "RCPT",
	    "recipient=c@ours.example\n"), PASSED);
	CHECK_ANSWER("another message", ask(&c, "RCPT",
	    "instance=1.2.4.0\n"), "action=PREPEND X-TLS-Policy: ");
	CHECK_ANSWER("its end: too late to tag (PF-PD-09)", ask(&c,
	    "END-OF-MESSAGE", "instance=1.2.4.0\nrecipient_count=1\n"),
	    PASSED);
	CHECK_ANSWER("one in TLS", ask(&c, "RCPT", "instance=1.2.5.0\n"
	    TLS), PASSED);
	CHECK_ANSWER("and one that is not", ask(&c, "RCPT",
	    "instance=1.2.6.0\n"), "action=PREPEND X-TLS-Policy: ");
	client_close(&c);
}

/* Design §6.12: at its end a message is known to be accepted, once. */
static void accepted_mail_is_remembered(void)
{
	static const struct {
		const char *label, *state, *lines;
		bool milter_has;
		unsigned recorded;
	} rows[] = {
		{ "the end of a message", "END-OF-MESSAGE",
		    TLS, false, 1 },
		{ "a recipient is not yet a message", "RCPT",
		    TLS, false, 0 },
		{ "nor is DATA", "DATA", TLS,
		    false, 0 },
		{ "refused at its end", "END-OF-MESSAGE", "", false, 0 },
		{ "the milter remembers it", "END-OF-MESSAGE",
		    TLS, true, 0 },
		{ "an authenticated user", "END-OF-MESSAGE",
		    TLS "sasl_username=joe\n", false,
		    0 },
		{ "a relay", "END-OF-MESSAGE",
		    TLS
		    "client_address=198.51.100.1\n", false, 0 },
		{ "an exempt client", "END-OF-MESSAGE",
		    TLS "client_address=::1\n",
		    false, 0 },
		{ "a bounce", "END-OF-MESSAGE",
		    TLS "sender=\n", false, 0 },
	};
	struct client c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(PROMISE "relays = {\"198.51.100.0/24\"}\n");
		fake.milter_has = rows[i].milter_has;
		client_open(&c);
		ask(&c, rows[i].state, rows[i].lines);
		CHECK_CASE(rows[i].label, fake.recorded == rows[i].recorded);
		client_close(&c);
	}
}

/* Design §8: a recipient counts once and a message once, however many of
 * smtpd's restrictions ask, and not here if the milter counts them. */
static void each_is_counted_once(void)
{
	const atomic_uint_fast64_t *passed;
	struct client c;

	load(PROMISE);
	passed = &fake.counters.recipients[ACTION_ACCEPT];
	for (int milter = 0; milter < 2; milter++) {
		fake.milter_has = milter > 0;
		client_open(&c);
		ask(&c, "RCPT", TLS);
		ask(&c, "RCPT", TLS "recipient=c@ours.example\n");
		CU_ASSERT_EQUAL(*passed, 2);
		ask(&c, "DATA", TLS "recipient=\nrecipient_count=2\n");
		ask(&c, "END-OF-MESSAGE", TLS "recipient=\n"
		    "recipient_count=2\n");
		CU_ASSERT_EQUAL(*passed, 2);
		CU_ASSERT_EQUAL(fake.counters.messages, 1);
		client_close(&c);
	}
	fake.milter_has = false;
	client_open(&c);
	ask(&c, "DATA", TLS);
	CU_ASSERT_EQUAL(*passed, 3);	/* nobody asked at RCPT */
	client_close(&c);
}

/* A mapped address is the IPv4 address it stands for, and its network. */
static void mapped_clients_are_ipv4(void)
{
	struct client c;

	load(PROMISE);
	client_open(&c);
	ask(&c, "END-OF-MESSAGE", TLS
	    "client_address=::ffff:192.0.2.77\n");
	CU_ASSERT_STRING_EQUAL(fake.recorded_name,
	    "client.example 192.0.2.0/24");
	client_close(&c);
}

static void clean_up(void)
{
	conf_unref(fake.conf);
	fake.conf = NULL;
	buf_clear(&fake.log);
	log_set_sink(NULL, NULL);
}

static const struct unit_test tests[] = {
	{ "attributes decide (PF-PD-03)", attributes_decide },
	{ "what is missing is not held against anybody (PF-PD-04)",
	    what_is_missing_is_not_held_against_anybody },
	{ "long addresses keep their domain",
	    long_addresses_keep_their_domain },
	{ "messages do not mix (PF-PD-10)", messages_do_not_mix },
	{ "design 6.12: accepted mail is remembered",
	    accepted_mail_is_remembered },
	{ "design 8: each is counted once", each_is_counted_once },
	{ "mapped clients are IPv4 (PF-MI-11)", mapped_clients_are_ipv4 },
	{ "clean up", clean_up },
};

UNIT_MAIN("policyd-answer", tests)
