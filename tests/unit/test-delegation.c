/* SPDX-License-Identifier: BSD-2-Clause */
/* Postfix's policy delegation protocol (PF-PD). */
#include "config.h"

#include "policy/delegation.h"

#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define REQUEST "request=smtpd_access_policy\n"

/* Feed text in pieces of that size; return how the first request ended,
 * which was after *used_r bytes. */
static enum delegation_progress feed(struct delegation *d, const char *text,
    size_t len, size_t piece, size_t *used_r)
{
	enum delegation_progress p = DELEGATION_MORE;
	size_t used;

	*used_r = 0;
	while (p == DELEGATION_MORE && *used_r < len) {
		size_t n = len - *used_r < piece ? len - *used_r : piece;

		p = delegation_feed(d, text + *used_r, n, &used);
		CU_ASSERT(used <= n);
		CU_ASSERT(p != DELEGATION_MORE || used == n);
		*used_r += used;
	}
	return p;
}

/* A reader that holds one whole request. */
static struct delegation *reader_of(const char *label, const char *text)
{
	struct delegation *d = delegation_new();
	size_t used;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CHECK_CASE(label, feed(d, text, strlen(text), strlen(text), &used) ==
	    DELEGATION_DONE);
	CHECK_CASE(label, used == strlen(text));
	return d;
}

static void sound_requests_are_read(void)
{
	static const struct {
		const char *label, *text;
		enum delegation_attribute attribute;
		const char *value;	/* NULL: absent */
	} cases[] = {
		{ "PF-PD-01: order is free", "sender=a@b.example\n" REQUEST
		    "\n", DELEGATION_SENDER, "a@b.example" },
		{ "PF-PD-01: the first of two counts", REQUEST
		    "sender=first\nsender=second\n\n", DELEGATION_SENDER,
		    "first" },
		{ "PF-PD-01: an empty first counts too", REQUEST
		    "sender=\nsender=second\n\n", DELEGATION_SENDER, "" },
		{ "PF-PD-01: unknown names are ignored", REQUEST
		    "tls_sni=x\nno such=y\nrequests=z\n\n",
		    DELEGATION_SENDER, NULL },
		{ "PF-PD-01: a value may hold =", REQUEST "helo_name=a=b=\n\n",
		    DELEGATION_HELO_NAME, "a=b=" },
		{ "PF-PD-01: blanks belong to the value", REQUEST
		    "helo_name= a \n\n", DELEGATION_HELO_NAME, " a " },
		{ "PF-PD-04: empty is not absent", REQUEST
		    "encryption_protocol=\n\n", DELEGATION_ENCRYPTION_PROTOCOL,
		    "" },
		{ "PF-PD-04: absent is not empty", REQUEST "\n",
		    DELEGATION_ENCRYPTION_PROTOCOL, NULL },
		{ "PF-PD-01: names have a case", REQUEST "Sender=x\n\n",
		    DELEGATION_SENDER, NULL },
		{ "a CR is part of the value", REQUEST "sender=x\r\n\n",
		    DELEGATION_SENDER, "x\r" },
		{ "PF-PD-03: xtext is taken away", REQUEST
		    "ccert_subject=Rig+20Test+2B+c3+9F\n\n",
		    DELEGATION_CCERT_SUBJECT, "Rig Test+\303\237" },
		{ "PF-PD-03: xtext of the issuer", REQUEST
		    "ccert_issuer=a+3Db\n\n", DELEGATION_CCERT_ISSUER, "a=b" },
		{ "what is no xtext stays", REQUEST
		    "ccert_subject=+2+G0+00+\n\n", DELEGATION_CCERT_SUBJECT,
		    "+2+G0+00+" },
		{ "only the names of certificates are xtext", REQUEST
		    "sender=a+41@b.example\n\n", DELEGATION_SENDER,
		    "a+41@b.example" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *label = cases[i].label;
		struct delegation *d = reader_of(label, cases[i].text);
		const char *got = delegation_value(d, cases[i].attribute);

		CHECK_CASE_STR(label, got ? got : "(none)",
		    cases[i].value ? cases[i].value : "(none)");
		CHECK_CASE_STR(label, delegation_error(d), "");
		delegation_free(d);
	}
	delegation_free(NULL);
}

static void malformed_requests_are_not(void)
{
	static const struct {
		const char *label, *text;
		size_t len;	/* 0: that of the string */
		const char *error;
	} cases[] = {
		{ "PF-PD-12: a NUL in a value", REQUEST "sender=a\0b\n\n",
		    sizeof(REQUEST "sender=a\0b\n\n") - 1, "a NUL in it" },
		{ "PF-PD-12: a NUL alone", "\0\n", 2, "a NUL in it" },
		{ "PF-PD-12: a line without =", REQUEST "sender\n\n", 0,
		    "a line without \"=\"" },
		{ "PF-PD-12: CR LF line ends", "request=smtpd_access_policy\r\n"
		    "\r\n", 0, "a line without \"=\"" },
		{ "PF-PD-12: an empty name", REQUEST "=x\n\n", 0,
		    "an attribute without a name" },
		{ "PF-PD-02: no request attribute", "sender=a@b.example\n\n", 0,
		    "no request attribute" },
		{ "PF-PD-02: nothing at all", "\n", 0,
		    "no request attribute" },
		{ "PF-PD-02: another request", "request=junk\n\n", 0,
		    "another request than smtpd_access_policy" },
		{ "PF-PD-02: an empty request attribute", "request=\n\n", 0,
		    "another request than smtpd_access_policy" },
		{ "PF-PD-02: the right one comes second", "request=junk\n"
		    REQUEST "\n", 0,
		    "another request than smtpd_access_policy" },
		{ "HTTP", "GET / HTTP/1.1\r\n\r\n", 0,
		    "a line without \"=\"" },
		{ "SMTP", "EHLO there\r\n", 0, "a line without \"=\"" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = cases[i].len ? cases[i].len :
		    strlen(cases[i].text), used;

		/* byte by byte, and whole */
		for (int whole = 0; whole < 2; whole++) {
			struct delegation *d = delegation_new();

			CU_ASSERT_PTR_NOT_NULL_FATAL(d);
			CHECK_CASE(cases[i].label, feed(d, cases[i].text, len,
			    whole ? len : 1, &used) == DELEGATION_MALFORMED);
			CHECK_CASE_STR(cases[i].label, delegation_error(d),
			    cases[i].error);
			/* and it stays so */
			CHECK_CASE(cases[i].label, delegation_feed(d, "\n", 1,
			    &used) == DELEGATION_MALFORMED);
			delegation_free(d);
		}
	}
}

/* Build a request of n attributes besides `request`, each of len bytes
 * without its LF. */
static char *request_of(size_t n, size_t len)
{
	struct buf b;

	buf_init(&b, 4 * 1024 * 1024);
	buf_adds(&b, REQUEST);
	for (size_t i = 0; i < n; i++) {
		buf_addc(&b, 'x');
		buf_addc(&b, '=');
		for (size_t k = 2; k < len; k++)
			buf_addc(&b, 'v');
		buf_addc(&b, '\n');
	}
	buf_addc(&b, '\n');
	return buf_steal(&b);
}

static void limits_hold(void)
{
	static const size_t first = sizeof(REQUEST) - 2;
	static const struct {
		const char *label;
		size_t n, len;
		const char *error;	/* NULL: it is sound */
	} cases[] = {
		{ "PF-PD-12: the longest line", 1, DELEGATION_LINE_MAX, NULL },
		{ "PF-PD-12: a longer line", 1, DELEGATION_LINE_MAX + 1,
		    "a line that is too long" },
		{ "PF-PD-12: as many attributes as may be",
		    DELEGATION_ATTRIBUTES_MAX - 1, 2, NULL },
		{ "PF-PD-12: one attribute more", DELEGATION_ATTRIBUTES_MAX, 2,
		    "too many attributes" },
		{ "PF-PD-12: the longest request", 15,
		    (DELEGATION_REQUEST_MAX - first) / 15, NULL },
		{ "PF-PD-12: a longer request", 16,
		    (DELEGATION_REQUEST_MAX - first) / 15, "too many bytes" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = request_of(cases[i].n, cases[i].len);
		struct delegation *d = delegation_new();
		size_t used;

		CU_ASSERT_FATAL(text && d);
		CHECK_CASE(cases[i].label, feed(d, text, strlen(text), 1000,
		    &used) == (cases[i].error ? DELEGATION_MALFORMED :
		    DELEGATION_DONE));
		CHECK_CASE_STR(cases[i].label, delegation_error(d),
		    cases[i].error ? cases[i].error : "");
		delegation_free(d);
		free(text);
	}
}

/* A line without an end must not be kept either. */
static void endless_line_ends(void)
{
	struct delegation *d = delegation_new();
	char block[1000];
	size_t used, total = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	memset(block, 'x', sizeof(block));
	while (total < 100000 && delegation_feed(d, block, sizeof(block),
	    &used) == DELEGATION_MORE)
		total += used;
	CU_ASSERT(total <= DELEGATION_LINE_MAX);
	delegation_free(d);
}

static void requests_follow_one_another(void)
{
	static const char text[] =
	    REQUEST "sender=a\n\n" REQUEST "recipient=b\n\n" REQUEST;

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct delegation *d = delegation_new();
		size_t len = strlen(text), used, at;

		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		CU_ASSERT(feed(d, text, len, piece, &at) == DELEGATION_DONE);
		CU_ASSERT_STRING_EQUAL(delegation_value(d, DELEGATION_SENDER),
		    "a");
		delegation_reset(d);
		CU_ASSERT(feed(d, text + at, len - at, piece, &used) ==
		    DELEGATION_DONE);
		at += used;
		CU_ASSERT_STRING_EQUAL(delegation_value(d,
		    DELEGATION_RECIPIENT), "b");
		CU_ASSERT_PTR_NULL(delegation_value(d, DELEGATION_SENDER));
		delegation_reset(d);
		CU_ASSERT(feed(d, text + at, len - at, piece, &used) ==
		    DELEGATION_MORE);
		delegation_free(d);
	}
}

/* ---- facts ------------------------------------------------------------- */

static const char *const tls_names[] = {
	[TLS_UNKNOWN] = "unknown", [TLS_PLAINTEXT] = "plaintext",
	[TLS_ENCRYPTED] = "tls",
};
static const char *const verify_names[] = {
	[VERIFY_UNAVAILABLE] = "unavailable", [VERIFY_OK] = "ok",
	[VERIFY_FAILED] = "failed", [VERIFY_NONE] = "none",
};
static const char *const stage_names[] = {
	[DELEGATION_EARLY] = "early", [DELEGATION_AT_RCPT] = "rcpt",
	[DELEGATION_AT_DATA] = "data", [DELEGATION_AT_END] = "end",
};

static void add_fact(struct buf *b, const char *name, const char *value)
{
	if (value)
		buf_addf(b, " %s=%s", name, value);
}

static void describe(const struct delegation_facts *f, struct buf *b)
{
	const struct session_facts *s = &f->session;
	char client[NETADDR_TEXT];

	buf_addf(b, "%s %s/%d %s", stage_names[f->stage],
	    tls_names[s->tls.state], s->tls.bits,
	    verify_names[s->tls.verify]);
	buf_addf(b, " client=%s:%u", netaddr_format(&s->client, client),
	    s->client_port);
	add_fact(b, "name", s->client_name);
	add_fact(b, "helo", s->helo);
	add_fact(b, "port", s->listener_port);
	add_fact(b, "context", s->listener_name);
	add_fact(b, "version", s->tls.version);
	add_fact(b, "cipher", s->tls.cipher);
	add_fact(b, "subject", s->tls.cert_subject);
	add_fact(b, "issuer", s->tls.cert_issuer);
	add_fact(b, "fingerprint", s->tls.cert_fingerprint);
	buf_addf(b, " from=<%s>", f->sender);
	add_fact(b, "user", f->auth_user);
	if (f->recipient)
		buf_addf(b, " to=<%s>", f->recipient);
	add_fact(b, "instance", f->instance);
	add_fact(b, "id", f->queue_id);
	if (f->recipients)
		buf_addf(b, " n=%u", f->recipients);
	if (s->non_smtp)
		buf_adds(b, " non_smtp");
}

/* As Postfix 3.7 sends it. */
#define POSTFIX(state) REQUEST "protocol_state=" state "\n" \
	"protocol_name=ESMTP\nclient_address=192.0.2.7\n" \
	"client_name=mail.sender.example\n" \
	"reverse_client_name=other.example\nclient_port=41000\n" \
	"server_address=192.0.2.1\nserver_port=25\nhelo_name=sender.example\n" \
	"queue_id=\ninstance=1a.5f.2b.0\nsize=0\netrn_domain=\nstress=\n" \
	"sasl_method=\nsasl_username=\nsasl_sender=\n" \
	"ccert_pubkey_fingerprint=\npolicy_context=\n"
#define NO_CERT "ccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
#define NO_TLS NO_CERT "encryption_protocol=\nencryption_cipher=\n" \
	"encryption_keysize=0\n"
#define TLS "encryption_protocol=TLSv1.3\nencryption_cipher=AES\n" \
	"encryption_keysize=256\n"
#define MAIL "sender=a@Sender.Example\nrecipient=b@example.com\n" \
	"recipient_count=0\n\n"
#define CLIENT " client=192.0.2.7:41000 name=mail.sender.example " \
	"helo=sender.example port=25"
#define ENVELOPE " from=<a@Sender.Example> " \
	"to=<b@example.com> instance=1a.5f.2b.0"

static void facts_are_what_postfix_says(void)
{
	static const struct {
		const char *label, *text, *facts;
	} cases[] = {
		{ "PF-PD-03: empty protocol is plaintext",
		    POSTFIX("RCPT") NO_TLS MAIL,
		    "rcpt plaintext/0 unavailable" CLIENT ENVELOPE },
		{ "PF-PD-03: absent protocol says nothing",
		    POSTFIX("RCPT") NO_CERT MAIL,
		    "rcpt unknown/0 unavailable" CLIENT ENVELOPE },
		{ "PF-PD-03: TLS without a certificate",
		    POSTFIX("RCPT") NO_CERT TLS MAIL,
		    "rcpt tls/256 unavailable" CLIENT
		    " version=TLSv1.3 cipher=AES" ENVELOPE },
		{ "PF-PD-03: a trusted certificate", POSTFIX("RCPT")
		    "ccert_subject=Sender+20X\nccert_issuer=CA\n"
		    "ccert_fingerprint=AB:CD\n" TLS MAIL,
		    "rcpt tls/256 ok" CLIENT " version=TLSv1.3 cipher=AES "
		    "subject=Sender X issuer=CA fingerprint=AB:CD" ENVELOPE },
		{ "PF-PD-03: an untrusted one has a fingerprint only",
		    POSTFIX("RCPT") "ccert_subject=\nccert_issuer=\n"
		    "ccert_fingerprint=AB:CD\n" TLS MAIL,
		    "rcpt tls/256 failed" CLIENT " version=TLSv1.3 cipher=AES "
		    "fingerprint=AB:CD" ENVELOPE },
		{ "PF-PD-03: an issuer alone is trusted", POSTFIX("RCPT")
		    "ccert_issuer=CA\n" TLS MAIL,
		    "rcpt tls/256 ok" CLIENT " version=TLSv1.3 cipher=AES "
		    "issuer=CA" ENVELOPE },
		{ "no certificate without TLS", POSTFIX("RCPT")
		    "ccert_subject=x\nencryption_protocol=\n" MAIL,
		    "rcpt plaintext/0 unavailable" CLIENT ENVELOPE },
		{ "PF-PD-03: a key size that is none", POSTFIX("RCPT")
		    "encryption_protocol=TLSv1.2\nencryption_keysize=-1\n"
		    MAIL, "rcpt tls/0 unavailable" CLIENT " version=TLSv1.2"
		    ENVELOPE },
		{ "PF-PD-04: hardly anything is there",
		    REQUEST "protocol_state=RCPT\n\n",
		    "rcpt unknown/0 unavailable client=-:0 from=<>" },
		{ "a name that is unknown is none", REQUEST
		    "client_name=unknown\nclient_address=2001:db8::7\n"
		    "client_port=unknown\n\n",
		    "early unknown/0 unavailable client=2001:db8::7:0 "
		    "from=<>" },
		{ "an address that is none", REQUEST
		    "client_address=192.0.2.999\nclient_port=70000\n\n",
		    "early unknown/0 unavailable client=-:0 from=<>" },
		{ "PF-PD-03: at DATA with two recipients", REQUEST
		    "protocol_state=DATA\nrecipient=\nrecipient_count=2\n"
		    "queue_id=ABC\ninstance=i\n\n",
		    "data unknown/0 unavailable client=-:0 from=<> "
		    "instance=i id=ABC n=2" },
		{ "PF-PD-03: at the end with one recipient", REQUEST
		    "protocol_state=END-OF-MESSAGE\nrecipient=x@b.example\n"
		    "recipient_count=1\n\n",
		    "end unknown/0 unavailable client=-:0 from=<> "
		    "to=<x@b.example> n=1" },
		{ "authenticated", REQUEST "protocol_state=RCPT\n"
		    "sasl_method=PLAIN\nsasl_username=alice\n\n",
		    "rcpt unknown/0 unavailable client=-:0 from=<> "
		    "user=alice" },
		{ "authenticated as nobody it names", REQUEST
		    "sasl_method=EXTERNAL\n\n",
		    "early unknown/0 unavailable client=-:0 from=<> user=-" },
		{ "PF-PD-03: policy_context names the listener", REQUEST
		    "server_port=587\npolicy_context=submission\n\n",
		    "early unknown/0 unavailable client=-:0 port=587 "
		    "context=submission from=<>" },
		{ "PF-MI-01: sendmail -bs has no port", REQUEST
		    "client_address=127.0.0.1\nclient_port=0\n\n",
		    "early unknown/0 unavailable client=127.0.0.1:0 from=<> "
		    "non_smtp" },
		{ "PF-PD-03: ETRN", REQUEST "protocol_state=ETRN\n\n",
		    "early unknown/0 unavailable client=-:0 from=<>" },
		{ "PF-PD-03: a state to come", REQUEST
		    "protocol_state=BDAT\n\n",
		    "early unknown/0 unavailable client=-:0 from=<>" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct delegation *d = reader_of(cases[i].label,
		    cases[i].text);
		struct delegation_facts f;
		struct buf got;

		buf_init(&got, 5000);
		delegation_facts(d, &f);
		describe(&f, &got);
		CHECK_CASE_STR(cases[i].label, buf_str(&got), cases[i].facts);
		buf_clear(&got);
		delegation_free(d);
	}
}

/* Cutting would take the domain. */
static void addresses_are_whole(void)
{
	struct delegation *d = delegation_new();
	struct delegation_facts f;
	size_t used;
	struct buf b;

	buf_init(&b, 20000);
	buf_adds(&b, REQUEST "sender=");
	for (int i = 0; i < 5000; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "@sender.example\n\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT(feed(d, b.data, b.len, b.len, &used) == DELEGATION_DONE);
	delegation_facts(d, &f);
	CU_ASSERT_EQUAL(strlen(f.sender), 5015);
	CU_ASSERT(str_ends(f.sender, "@sender.example"));
	delegation_free(d);
	buf_clear(&b);
}

/* ---- answers ----------------------------------------------------------- */

static void answers_are_one_line(void)
{
	static const struct {
		const char *label, *word, *text, *answer;
	} cases[] = {
		{ "PF-PD-06: pass", "DUNNO", NULL, "action=DUNNO\n\n" },
		{ "no text", "HOLD", "", "action=HOLD\n\n" },
		{ "PF-PD-06: reject", "550", "5.7.10 TLS is required",
		    "action=550 5.7.10 TLS is required\n\n" },
		{ "PF-PD-05: no second line", "HOLD", "a\naction=OK\n\nb",
		    "action=HOLD a action=OK b\n\n" },
		{ "a folded field is one line", "PREPEND", "X: a\n\tb",
		    "action=PREPEND X: a b\n\n" },
		{ "PF-PD-12: only printable ASCII", "HOLD",
		    "\303\244\001\177\r\t", "action=HOLD ????  \n\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf got;

		buf_init(&got, 2000);
		delegation_answer(&got, cases[i].word, cases[i].text);
		CHECK_CASE_STR(cases[i].label, buf_str(&got),
		    cases[i].answer);
		buf_clear(&got);
	}
}

static void a_long_answer_is_cut(void)
{
	char text[5000];
	struct buf got;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_init(&got, 2000);
	delegation_answer(&got, "HOLD", text);
	CU_ASSERT(!got.failed);
	CU_ASSERT(got.len < 1100);
	CU_ASSERT(str_ends(buf_str(&got), "x\n\n"));
	buf_clear(&got);
}

/* ---- no memory --------------------------------------------------------- */

/* Read a request whose values need more room than a buffer's first. */
static bool read_one(const char *text)
{
	struct delegation *d = delegation_new();
	enum delegation_progress p = DELEGATION_MALFORMED;
	size_t used;

	if (d)
		p = feed(d, text, strlen(text), 100, &used);
	if (d && p == DELEGATION_MALFORMED)
		CU_ASSERT_STRING_EQUAL(delegation_error(d),
		    "no memory for it");
	delegation_free(d);
	return p == DELEGATION_DONE;
}

static void every_failure_is_malformed(void)
{
	struct buf text;
	unsigned n = 0;
	bool hit = true;

	buf_init(&text, 10000);
	buf_adds(&text, POSTFIX("RCPT") NO_TLS "sender=");
	for (int i = 0; i < 1000; i++)
		buf_addc(&text, 'x');
	buf_adds(&text, "\n\n");
	for (; hit && n < 100; n++) {
		bool ok;

		failmalloc_set(n + 1);
		ok = read_one(buf_str(&text));
		hit = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT_NOT_EQUAL(ok, hit);
	}
	CU_ASSERT(!hit);
	CU_ASSERT(n > 5);
	buf_clear(&text);
}

static void an_answer_without_memory_is_none(void)
{
	struct buf out;

	buf_init(&out, 2000);
	failmalloc_set(1);
	delegation_answer(&out, "DUNNO", NULL);
	CU_ASSERT(failmalloc_struck());
	failmalloc_set(0);
	CU_ASSERT(out.failed);
	CU_ASSERT_EQUAL(out.len, 0);
	buf_clear(&out);
}

static const struct unit_test tests[] = {
	{ "sound requests are read", sound_requests_are_read },
	{ "malformed requests are not", malformed_requests_are_not },
	{ "limits hold", limits_hold },
	{ "an endless line ends", endless_line_ends },
	{ "requests follow one another", requests_follow_one_another },
	{ "facts are what Postfix says", facts_are_what_postfix_says },
	{ "addresses are whole", addresses_are_whole },
	{ "answers are one line", answers_are_one_line },
	{ "a long answer is cut", a_long_answer_is_cut },
	{ "every failure is malformed", every_failure_is_malformed },
	{ "an answer without memory is none",
	    an_answer_without_memory_is_none },
};

UNIT_MAIN("delegation", tests)
