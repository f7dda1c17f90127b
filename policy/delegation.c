/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/delegation.h"

#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* An answer Postfix surely reads as one attribute; replies have at most
 * 200 characters, and our header field is not much longer. */
#define ANSWER_MAX 1000

static const char *const names[DELEGATION_ATTRIBUTES] = {
	[DELEGATION_REQUEST] = "request",
	[DELEGATION_PROTOCOL_STATE] = "protocol_state",
	[DELEGATION_INSTANCE] = "instance",
	[DELEGATION_QUEUE_ID] = "queue_id",
	[DELEGATION_CLIENT_ADDRESS] = "client_address",
	[DELEGATION_CLIENT_NAME] = "client_name",
	[DELEGATION_CLIENT_PORT] = "client_port",
	[DELEGATION_SERVER_PORT] = "server_port",
	[DELEGATION_HELO_NAME] = "helo_name",
	[DELEGATION_SENDER] = "sender",
	[DELEGATION_RECIPIENT] = "recipient",
	[DELEGATION_RECIPIENT_COUNT] = "recipient_count",
	[DELEGATION_SASL_METHOD] = "sasl_method",
	[DELEGATION_SASL_USERNAME] = "sasl_username",
	[DELEGATION_ENCRYPTION_PROTOCOL] = "encryption_protocol",
	[DELEGATION_ENCRYPTION_CIPHER] = "encryption_cipher",
	[DELEGATION_ENCRYPTION_KEYSIZE] = "encryption_keysize",
	[DELEGATION_CCERT_SUBJECT] = "ccert_subject",
	[DELEGATION_CCERT_ISSUER] = "ccert_issuer",
	[DELEGATION_CCERT_FINGERPRINT] = "ccert_fingerprint",
	[DELEGATION_POLICY_CONTEXT] = "policy_context",
};

struct delegation {
	struct buf line;	/* the last one, as far as it has come */
	struct buf values;	/* one behind the other, with their NULs */
	size_t where[DELEGATION_ATTRIBUTES];	/* in values, plus 1; 0: none */
	unsigned attributes;
	size_t bytes;
	const char *error;
};

struct delegation *delegation_new(void)
{
	struct delegation *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	buf_init(&d->line, DELEGATION_LINE_MAX);
	buf_init(&d->values, DELEGATION_REQUEST_MAX);
	return d;
}

void delegation_free(struct delegation *d)
{
	if (!d)
		return;
	buf_clear(&d->line);
	buf_clear(&d->values);
	free(d);
}

void delegation_reset(struct delegation *d)
{
	buf_reset(&d->line);
	buf_reset(&d->values);
	memset(d->where, 0, sizeof(d->where));
	d->attributes = 0;
	d->bytes = 0;
	d->error = NULL;
}

const char *delegation_error(const struct delegation *d)
{
	return d->error ? d->error : "";
}

const char *delegation_value(const struct delegation *d,
    enum delegation_attribute attribute)
{
	size_t where = d->where[attribute];

	return where ? d->values.data + where - 1 : NULL;
}

/* ---- reading ----------------------------------------------------------- */

static int hex_value(char c)
{
	c = str_lower(c);
	if (str_is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Append s without its xtext coding (RFC 3461 §4), in which "+41" is an
 * "A". What is not coded like that stays as it is, and a coded NUL too. */
static void add_decoded(struct buf *out, const char *s)
{
	while (*s) {
		int high = *s == '+' ? hex_value(s[1]) : -1;
		int low = high < 0 ? -1 : hex_value(s[2]);

		if (low < 0 || high + low == 0) {
			buf_addc(out, *s++);
			continue;
		}
		buf_addc(out, (char)(high * 16 + low));
		s += 3;
	}
}

static void keep_value(struct delegation *d, const char *name, size_t len,
    const char *value)
{
	size_t at = d->values.len, i;

	for (i = 0; i < COUNT(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			break;
	if (i == COUNT(names) || d->where[i])
		return;
	if (i == DELEGATION_CCERT_SUBJECT || i == DELEGATION_CCERT_ISSUER)
		add_decoded(&d->values, value);
	else
		buf_adds(&d->values, value);
	buf_addc(&d->values, '\0');
	d->where[i] = at + 1;
}

/* Take up the line that is complete; return what is wrong with it. */
static const char *take_line(struct delegation *d)
{
	const char *line = buf_str(&d->line);
	const char *eq = strchr(line, '=');

	if (memchr(line, '\0', d->line.len))
		return "a NUL in it";
	if (!eq)
		return "a line without \"=\"";
	if (eq == line)
		return "an attribute without a name";
	if (++d->attributes > DELEGATION_ATTRIBUTES_MAX)
		return "too many attributes";
	keep_value(d, line, (size_t)(eq - line), eq + 1);
	return d->values.failed ? "no memory for it" : NULL;
}

/* The empty line has come: is this a request for us? */
static const char *check_whole(const struct delegation *d)
{
	const char *request = delegation_value(d, DELEGATION_REQUEST);

	if (!request)
		return "no request attribute";
	if (strcmp(request, "smtpd_access_policy") != 0)
		return "another request than smtpd_access_policy";
	return NULL;
}

/* Append len bytes of a line; return what is wrong with that. */
static const char *add_piece(struct delegation *d, const char *data,
    size_t len)
{
	if (len > DELEGATION_LINE_MAX - d->line.len)
		return "a line that is too long";
	if (len > DELEGATION_REQUEST_MAX - d->bytes)
		return "too many bytes";
	d->bytes += len;
	buf_add(&d->line, data, len);
	return d->line.failed ? "no memory for it" : NULL;
}

enum delegation_progress delegation_feed(struct delegation *d,
    const char *data, size_t len, size_t *used_r)
{
	size_t used = 0;
	bool done = false;

	while (!d->error && !done && used < len) {
		const char *lf = memchr(data + used, '\n', len - used);
		size_t piece = lf ? (size_t)(lf - data) - used : len - used;

		d->error = add_piece(d, data + used, piece);
		used += piece + (lf != NULL);
		if (!lf || d->error)
			continue;
		done = d->line.len == 0;
		d->error = done ? check_whole(d) : take_line(d);
		buf_reset(&d->line);
	}
	*used_r = used;
	if (d->error)
		return DELEGATION_MALFORMED;
	return done ? DELEGATION_DONE : DELEGATION_MORE;
}

/* ---- facts ------------------------------------------------------------- */

/* The value, or NULL if there is none or an empty one. */
static const char *text_of(const struct delegation *d,
    enum delegation_attribute attribute)
{
	const char *value = delegation_value(d, attribute);

	return value && *value ? value : NULL;
}

static uint64_t number_of(const struct delegation *d,
    enum delegation_attribute attribute, uint64_t max)
{
	const char *value = delegation_value(d, attribute);
	uint64_t n;

	return value && str_to_u64(value, max, &n) ? n : 0;
}

static enum delegation_stage stage_of(const char *state)
{
	static const struct {
		const char *state;
		enum delegation_stage stage;
	} stages[] = {
		{ "RCPT", DELEGATION_AT_RCPT },
		{ "DATA", DELEGATION_AT_DATA },
		{ "END-OF-MESSAGE", DELEGATION_AT_END },
	};

	for (size_t i = 0; i < COUNT(stages); i++)
		if (strcmp(state, stages[i].state) == 0)
			return stages[i].stage;
	return DELEGATION_EARLY;
}

/* Mail on standard input (sendmail -bs) has come over no network: Postfix
 * says localhost and port 0. */
static bool is_non_smtp(const struct session_facts *s, const char *port)
{
	static const struct netaddr loopback = {
		AF_INET, { 127, 0, 0, 1 }
	};

	return netaddr_equal(&s->client, &loopback) && port &&
	    strcmp(port, "0") == 0;
}

static void take_session(const struct delegation *d, struct session_facts *s)
{
	const char *address = text_of(d, DELEGATION_CLIENT_ADDRESS);
	const char *name = text_of(d, DELEGATION_CLIENT_NAME);

	s->door = DOOR_POLICY_SERVICE;
	if (address)
		netaddr_parse(address, &s->client);
	s->client_port = (uint16_t)number_of(d, DELEGATION_CLIENT_PORT,
	    UINT16_MAX);
	/* what has no confirmed name is called so */
	s->client_name = name && strcmp(name, "unknown") != 0 ? name : NULL;
	s->helo = text_of(d, DELEGATION_HELO_NAME);
	s->listener_port = text_of(d, DELEGATION_SERVER_PORT);
	s->listener_name = text_of(d, DELEGATION_POLICY_CONTEXT);
	s->non_smtp = is_non_smtp(s, text_of(d, DELEGATION_CLIENT_PORT));
}

/* Postfix names subject and issuer of a certificate it trusts and of no
 * other, and gives every certificate's fingerprint. Without any there was
 * none, or none was asked for: that it does not say. */
static void take_certificate(const struct delegation *d,
    struct tls_facts *tls)
{
	tls->cert_subject = text_of(d, DELEGATION_CCERT_SUBJECT);
	tls->cert_issuer = text_of(d, DELEGATION_CCERT_ISSUER);
	tls->cert_fingerprint = text_of(d, DELEGATION_CCERT_FINGERPRINT);
	if (tls->cert_subject || tls->cert_issuer)
		tls->verify = VERIFY_OK;
	else
		tls->verify = tls->cert_fingerprint ? VERIFY_FAILED :
		    VERIFY_UNAVAILABLE;
}

static void take_tls(const struct delegation *d, struct tls_facts *tls)
{
	const char *version = delegation_value(d,
	    DELEGATION_ENCRYPTION_PROTOCOL);

	tls->state = !version ? TLS_UNKNOWN :
	    *version ? TLS_ENCRYPTED : TLS_PLAINTEXT;
	if (tls->state != TLS_ENCRYPTED)
		return;
	tls->version = version;
	tls->cipher = text_of(d, DELEGATION_ENCRYPTION_CIPHER);
	tls->bits = (int)number_of(d, DELEGATION_ENCRYPTION_KEYSIZE, UINT16_MAX);
	take_certificate(d, tls);
}

static const char *user_of(const struct delegation *d)
{
	const char *user = text_of(d, DELEGATION_SASL_USERNAME);

	return !user && text_of(d, DELEGATION_SASL_METHOD) ? "-" : user;
}

/* The value, or "". */
static const char *string_of(const struct delegation *d,
    enum delegation_attribute attribute)
{
	const char *value = delegation_value(d, attribute);

	return value ? value : "";
}

void delegation_facts(const struct delegation *d,
    struct delegation_facts *facts_r)
{
	*facts_r = (struct delegation_facts){ 0 };
	facts_r->state = string_of(d, DELEGATION_PROTOCOL_STATE);
	facts_r->stage = stage_of(facts_r->state);
	facts_r->instance = text_of(d, DELEGATION_INSTANCE);
	facts_r->queue_id = text_of(d, DELEGATION_QUEUE_ID);
	facts_r->recipients = (unsigned)number_of(d,
	    DELEGATION_RECIPIENT_COUNT, UINT32_MAX);
	facts_r->sender = string_of(d, DELEGATION_SENDER);
	facts_r->recipient = text_of(d, DELEGATION_RECIPIENT);
	facts_r->auth_user = user_of(d);
	take_session(d, &facts_r->session);
	take_tls(d, &facts_r->session.tls);
}

/* ---- answers ----------------------------------------------------------- */

void delegation_answer(struct buf *out, const char *word, const char *text)
{
	size_t n = 0;

	buf_addf(out, "action=%s", word);
	if (text && *text)
		buf_addc(out, ' ');
	for (; text && *text && n < ANSWER_MAX; text++, n++) {
		bool blank = *text == '\t' || *text == '\n' || *text == '\r';

		/* a folded field is one line here */
		if (blank && n && out->data && text[-1] == '\n')
			continue;
		buf_addc(out, blank ? ' ' :
		    *text < ' ' || *text > '~' ? '?' : *text);
	}
	buf_adds(out, "\n\n");
}
