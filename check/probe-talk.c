/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a probe: in clear text, then inside TLS, and the handshake
 * between.
 */
#include "config.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "check/probe-internal.h"
#include "check/tlsfacts.h"
#include "mtasts/evloop.h"
#include "util/clock.h"

enum io_result { IO_DONE, IO_WAIT, IO_END, IO_ERROR };

/* ---- reading and writing ----------------------------------------------- */

static enum io_result io_result(struct probe *p, int n)
{
	if (p->ssl) {
		switch (SSL_get_error(p->ssl, n)) {
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE:
			return IO_WAIT;
		case SSL_ERROR_ZERO_RETURN:
			return IO_END;
		default:
			return IO_ERROR;
		}
	}
	if (n == 0)
		return IO_END;
	return errno == EAGAIN || errno == EINTR ? IO_WAIT : IO_ERROR;
}

static enum io_result receive(struct probe *p)
{
	char data[4096];
	int n;

	ERR_clear_error();
	n = p->ssl ? SSL_read(p->ssl, data, sizeof(data)) :
	    (int)recv(p->fd, data, sizeof(data), 0);
	if (n <= 0)
		return io_result(p, n);
	buf_add(&p->in, data, (size_t)n);
	return p->in.failed ? IO_ERROR : IO_DONE;
}

static enum io_result flush(struct probe *p)
{
	while (p->sent < p->out.len) {
		const char *data = p->out.data + p->sent;
		size_t len = p->out.len - p->sent;
		int n;

		ERR_clear_error();
		n = p->ssl ? SSL_write(p->ssl, data, (int)len) :
		    (int)send(p->fd, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			return io_result(p, n);
		p->sent += (size_t)n;
	}
	return IO_DONE;
}

static void watch(struct probe *p)
{
	bool writing = p->sent < p->out.len ||
	    (p->ssl && SSL_want_write(p->ssl));

	evio_set(p->io, EVLOOP_READ | (writing ? EVLOOP_WRITE : 0));
}

/* The connection has ended, in a stage that expected more. */
static void broken(struct probe *p, enum io_result why)
{
	const char *detail = why == IO_END ?
	    "the server closed the connection" : "the connection broke";

	if (p->in.failed)
		detail = "the server talks without end";
	if (p->late)
		p->late(p);
	else
		probe_fail(p, STAGE_UNKNOWN, detail);
}

/* ---- conversation ------------------------------------------------------ */

void probe_say(struct probe *p, const char *text, enum reply_kind kind,
    probe_step_fn *step)
{
	reply_clear(&p->reply);
	reply_init(&p->reply, kind);
	p->step = step;
	p->late = NULL;
	buf_reset(&p->out);
	p->sent = 0;
	if (text)
		buf_adds(&p->out, text);
	watch(p);
}

void probe_wait(struct probe *p, int64_t ms, probe_step_fn *late)
{
	p->late = late;
	evtimer_set(p->timer, ms);
}

static void drop_used(struct probe *p, size_t used)
{
	memmove(p->in.data, p->in.data + used, p->in.len - used);
	buf_cut(&p->in, p->in.len - used);
}

/* Use what has come; true if p is gone. */
static bool take(struct probe *p)
{
	bool gone = false;

	p->gone = &gone;
	while (p->step && p->in.len > 0) {
		probe_step_fn *step = p->step;

		drop_used(p, reply_feed(&p->reply, p->in.data, p->in.len));
		if (p->reply.state == REPLY_MORE)
			break;
		p->step = NULL;
		step(p);
		if (gone)
			return true;
		/* It began a handshake: what is there was judged. */
		if (p->ssl && !p->secured)
			break;
	}
	p->gone = NULL;
	return false;
}

void probe_talk(struct probe *p, unsigned events)
{
	enum io_result result;

	if (p->ssl && !p->secured) {
		probe_handshake(p);
		return;
	}
	(void)events;
	result = flush(p);
	while (result != IO_ERROR && result != IO_END) {
		result = receive(p);
		if (result == IO_DONE && take(p))
			return;
		if (result == IO_WAIT || (p->ssl && !p->secured))
			break;
	}
	if (result == IO_ERROR || result == IO_END) {
		broken(p, result);
		return;
	}
	if (!p->ssl || p->secured)
		flush(p);
	watch(p);
}

/* ---- the handshake ----------------------------------------------------- */

static int version_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} versions[] = {
		{ "TLSv1", TLS1_VERSION },
		{ "TLSv1.1", TLS1_1_VERSION },
		{ "TLSv1.2", TLS1_2_VERSION },
		{ "TLSv1.3", TLS1_3_VERSION },
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
		if (strcmp(versions[i].name, name) == 0)
			return versions[i].number;
	return 0;
}

/* Give OpenSSL the records that count; it refuses none that does. */
static bool add_tlsa(struct probe *p)
{
	const struct probe_request *r = &p->request;

	for (size_t i = 0; i < r->tlsa_n; i++) {
		const struct tlsa_fact *t = &r->tlsa[i];
		struct tlsa tlsa;

		if (t->use != TLSA_COUNTS || !t->data ||
		    !tlsa_read(t->data, t->len, &tlsa))
			continue;
		if (!p->with_dane && SSL_dane_enable(p->ssl,
		    r->dane_base && *r->dane_base ? r->dane_base : NULL) != 1)
			return false;
		p->with_dane = true;
		if (SSL_dane_tlsa_add(p->ssl, (uint8_t)tlsa.usage,
		    (uint8_t)tlsa.selector, (uint8_t)tlsa.mtype, tlsa.data,
		    tlsa.len) < 0)
			return false;
	}
	return true;
}

static bool prepare(struct probe *p)
{
	const struct probe_request *r = &p->request;
	int version = r->version ? version_number(r->version) : 0;
	const char *sni = r->sni && *r->sni ? r->sni : NULL;

	p->ssl = SSL_new(p->prober->ctx);
	if (!p->ssl || SSL_set_fd(p->ssl, p->fd) != 1 || !add_tlsa(p))
		return false;
	SSL_set_hostflags(p->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* SSL_dane_enable() may have set another. */
	if (SSL_set_tlsext_host_name(p->ssl, sni) != 1)
		return false;
	if (version && (SSL_set_min_proto_version(p->ssl, version) != 1 ||
	    SSL_set_max_proto_version(p->ssl, version) != 1))
		return false;
	return !r->cipher || SSL_set_cipher_list(p->ssl, r->cipher) == 1;
}

static void handshake_failed(struct probe *p, int result)
{
	char reason[100], detail[160];
	int error = SSL_get_error(p->ssl, result);

	if (error == SSL_ERROR_SYSCALL || error == SSL_ERROR_ZERO_RETURN) {
		ERR_clear_error();
		probe_fail(p, STAGE_FAILED,
		    "the server closed the connection");
		return;
	}
	tls_error_text(reason, sizeof(reason));
	snprintf(detail, sizeof(detail), "%s%s", reason,
	    strcmp(reason, "wrong version number") == 0 ?
	    ": what the server sent is not TLS" : "");
	probe_fail(p, STAGE_FAILED, detail);
}

void probe_handshake(struct probe *p)
{
	int result;

	if (!p->ssl) {
		probe_stage(p, STAGE_HANDSHAKE);
		reply_clear(&p->reply);
		if (!prepare(p)) {
			char reason[100];

			tls_error_text(reason, sizeof(reason));
			probe_fail(p, STAGE_UNKNOWN, reason);
			return;
		}
	}
	ERR_clear_error();
	result = SSL_connect(p->ssl);
	if (result == 1) {
		p->secured = true;
		probe_secured(p);
		return;
	}
	switch (SSL_get_error(p->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		watch(p);
		break;
	default:
		handshake_failed(p, result);
	}
}
