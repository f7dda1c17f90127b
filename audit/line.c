/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/line.h"

#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The most room each kind of text gets in the line, quoting included. All
 * of them together, with keys and numbers, stay below AUDIT_LINE_MAX, so
 * that nobody can push the end out of the line with a long address. */
#define ROOM_WORD 72
#define ROOM_NAME 260
#define ROOM_ADDRESS 330

void audit_format_promise(struct buf *out, const struct promise *p)
{
	/* strongest first */
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {
		{ PROMISE_DANE, "dane" },
		{ PROMISE_ENFORCE, "enforce" },
		{ PROMISE_TESTING, "testing" },
		{ PROMISE_NONE, "none" },
	};
	const char *separator = "";

	if (!p->known) {
		buf_adds(out, "unknown");
		return;
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		if (!(p->set & names[i].bit))
			continue;
		buf_addf(out, "%s%s", separator, names[i].name);
		separator = ",";
	}
	if (!*separator)
		buf_adds(out, "none");
}

/* Return how many bytes of s str_quote() can write in so much room, with
 * its quotes and the mark of a cut. */
static size_t fitting(const char *s, size_t room)
{
	size_t used = strlen("\"...\""), n = 0;

	while (s && s[n]) {
		used += s[n] < 0x20 || s[n] > 0x7e ? 4 :
		    s[n] == '"' || s[n] == '\\' ? 2 : 1;
		if (used > room)
			break;
		n++;
	}
	return n;
}

static void add_text(struct buf *out, const char *key, const char *value,
    size_t room)
{
	buf_addf(out, " %s=", key);
	str_quote(out, value, fitting(value, room));
}

/* tls=, cipher= and bits= */
static void add_tls(struct buf *out, const struct tls_facts *tls)
{
	bool encrypted = tls->state == TLS_ENCRYPTED;
	const char *version = tls->version && *tls->version ?
	    tls->version : "unnamed";

	if (!encrypted)
		version = tls->state == TLS_PLAINTEXT ? "none" : "unknown";
	add_text(out, "tls", version, ROOM_WORD);
	add_text(out, "cipher", encrypted ? tls->cipher : NULL, ROOM_WORD);
	if (encrypted && tls->bits > 0)
		buf_addf(out, " bits=%d", tls->bits);
	else
		buf_adds(out, " bits=-");
}

/* Without a queue id the port is what tells one session from another, and
 * what can be found in the MTA's own log. */
static void add_client(struct buf *out, const struct session_facts *s,
    bool with_port)
{
	char text[NETADDR_TEXT];

	netaddr_format(&s->client, text);
	if (!with_port || !s->client_port || s->client.family == AF_UNSPEC)
		buf_addf(out, " client=%s", text);
	else if (s->client.family == AF_INET6)
		buf_addf(out, " client=[%s]:%u", text, s->client_port);
	else
		buf_addf(out, " client=%s:%u", text, s->client_port);
}

/* from=, and to= or nrcpt= */
static void add_envelope(struct buf *out, const struct audit *a)
{
	const char *from = a->message->from;

	add_text(out, "from", from && !*from ? "<>" : from, ROOM_ADDRESS);
	if (a->to)
		add_text(out, "to", a->to, ROOM_ADDRESS);
	else
		buf_addf(out, " nrcpt=%u", a->recipients);
}

static void add_promise(struct buf *out, const struct audit *a)
{
	buf_adds(out, " policy=");
	if (a->to_domain || a->to_promise.known)
		audit_format_promise(out, &a->to_promise);
	else
		buf_addc(out, '-');
}

void audit_format(struct buf *out, const struct audit *a)
{
	const struct verdict *v = a->verdict;

	if (a->queue_id && *a->queue_id)
		str_quote(out, a->queue_id, fitting(a->queue_id, ROOM_WORD));
	else
		buf_adds(out, "NOQUEUE");
	buf_addf(out, ": action=%s would=%s", action_name(v->action),
	    action_name(v->would));
	add_text(out, "rule", v->rule ? v->rule->name : NULL, ROOM_WORD);
	add_tls(out, &a->session->tls);
	add_client(out, a->session, !a->queue_id || !*a->queue_id);
	add_text(out, "helo", a->session->helo, ROOM_NAME);
	add_envelope(out, a);
	add_promise(out, a);
	add_text(out, "reason", v->reason, ROOM_NAME);
	if (a->message->requiretls)
		buf_adds(out, " requiretls=yes");
	if (a->forged > 0)
		buf_addf(out, " forged=%u", a->forged);
	if (a->tls_required)
		buf_addf(out, " tls_required=%s", a->tls_required);
	add_text(out, "source", a->source, ROOM_WORD);
}
