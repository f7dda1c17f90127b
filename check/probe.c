/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/probe-internal.h"
#include "mtasts/castore.h"
#include "mtasts/evloop.h"
#include "util/buf.h"
#include "util/clock.h"

/* ---- the prober -------------------------------------------------------- */

/* Whatever a server can do is to be seen, TLS 1.0 and weak keys too. */
static SSL_CTX *new_context(struct buf *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
	    SSL_CTX_set_cipher_list(ctx,
		"ALL:!aNULL:!eNULL:@SECLEVEL=0") == 1 &&
	    SSL_CTX_dane_enable(ctx) == 1) {
		/* RFC 7672 §3.1.1: with DANE-EE the name does not count. */
		SSL_CTX_dane_set_flags(ctx, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT |
		    SSL_OP_IGNORE_UNEXPECTED_EOF);
		return ctx;
	}
	SSL_CTX_free(ctx);
	buf_adds(err, "OpenSSL cannot be set up");
	return NULL;
}

struct prober *prober_new(struct evloop *loop,
    const struct prober_options *o, struct buf *err)
{
	struct prober *p = calloc(1, sizeof(*p));

	if (!p) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	p->loop = loop;
	p->timeout_ms = o->timeout_ms;
	p->ehlo = strdup(o->ehlo);
	p->roots = castore_load(o->ca_file, o->ca_text, err);
	if (p->roots)
		p->ctx = new_context(err);
	if (!p->ctx || !p->ehlo) {
		prober_free(p);
		return NULL;
	}
	/* For DANE-TA and usages of PKIX alike; it takes a reference. */
	SSL_CTX_set1_cert_store(p->ctx, p->roots);
	return p;
}

void prober_free(struct prober *p)
{
	if (!p)
		return;
	SSL_CTX_free(p->ctx);
	X509_STORE_free(p->roots);
	free(p->ehlo);
	free(p);
}

/* ---- life of a probe --------------------------------------------------- */

static void release(struct probe *p)
{
	evio_free(p->io);
	evtimer_free(p->timer);
	SSL_free(p->ssl);
	if (p->fd >= 0)
		close(p->fd);
	reply_clear(&p->reply);
	buf_clear(&p->in);
	buf_clear(&p->out);
	if (p->gone)
		*p->gone = true;
	free(p);
}

void probe_cancel(struct probe *p)
{
	if (!p)
		return;
	probe_facts_clear(&p->facts);
	release(p);
}

void probe_end(struct probe *p)
{
	probe_fn *fn = p->fn;
	void *arg = p->arg;
	struct probe_facts facts = p->facts;

	if (p->ssl && SSL_is_init_finished(p->ssl))
		SSL_shutdown(p->ssl);
	release(p);
	fn(arg, &facts);
}

/* ---- stages ------------------------------------------------------------ */

void probe_stage(struct probe *p, enum stage_id id)
{
	p->stage = id;
	p->began = clock_mono_ms();
	evtimer_set(p->timer, p->prober->timeout_ms);
}

static char *clean_reply(const struct reply *r)
{
	struct buf b;

	buf_init(&b, 5 * PROBE_REPLY_MAX);
	reply_clean(&b, buf_str(&r->text), r->text.len, PROBE_REPLY_MAX);
	if (b.len > 0 && b.data[b.len - 1] == '\n')
		buf_cut(&b, b.len - 1);
	return b.len > 0 ? buf_steal(&b) : NULL;
}

void probe_stage_end(struct probe *p, enum stage_state state,
    const char *detail)
{
	struct stage *s = &p->facts.stages[p->stage];

	s->state = state;
	s->ms = (uint32_t)(clock_mono_ms() - p->began);
	snprintf(s->detail, sizeof(s->detail), "%s", detail);
	if (p->reply.text.len > 0) {
		free(s->reply);
		s->reply = clean_reply(&p->reply);
		s->code = p->reply.code;
	}
}

/* The rest is not reached. */
void probe_fail(struct probe *p, enum stage_state state, const char *detail)
{
	probe_stage_end(p, state, detail);
	probe_end(p);
}

static void on_timeout(void *arg)
{
	struct probe *p = arg;
	char detail[64];

	if (p->late) {
		p->late(p);
		return;
	}
	snprintf(detail, sizeof(detail), "timed out after %u s",
	    (p->prober->timeout_ms + 999) / 1000);
	probe_fail(p, STAGE_UNKNOWN, detail);
}

/* ---- connecting -------------------------------------------------------- */

static void on_connected(struct probe *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0) {
		probe_fail(p, error == ECONNREFUSED ? STAGE_FAILED :
		    STAGE_UNKNOWN, strerror(error));
		return;
	}
	p->connected = true;
	probe_stage_end(p, STAGE_OK, "");
	probe_begin(p);
}

static void on_io(void *arg, int fd, unsigned events)
{
	struct probe *p = arg;

	(void)fd;
	if (p->connected)
		probe_talk(p, events);
	else
		on_connected(p);
}

static socklen_t socket_address(const struct probe_request *r,
    struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *four = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)r->addr.family;
	if (r->addr.family == AF_INET6) {
		memcpy(&six->sin6_addr, r->addr.bytes, 16);
		six->sin6_port = htons((uint16_t)r->port);
		return sizeof(*six);
	}
	memcpy(&four->sin_addr, r->addr.bytes, 4);
	four->sin_port = htons((uint16_t)r->port);
	return sizeof(*four);
}

/* What fails at once is told from the timer, not from probe_start(). */
static void on_refused(void *arg)
{
	struct probe *p = arg;

	probe_fail(p, p->error == ECONNREFUSED ? STAGE_FAILED :
	    STAGE_UNKNOWN, strerror(p->error));
}

static bool begin_connection(struct probe *p)
{
	struct sockaddr_storage ss;
	socklen_t len = socket_address(&p->request, &ss);

	p->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (p->fd < 0 && errno != EAFNOSUPPORT)
		return false;
	if (p->fd < 0 || (connect(p->fd, (struct sockaddr *)&ss, len) != 0 &&
	    errno != EINPROGRESS)) {
		p->error = errno;
		/* Nothing has left this machine. */
		p->facts.is_local = p->error == ENETUNREACH ||
		    p->error == EADDRNOTAVAIL || p->error == EAFNOSUPPORT ||
		    p->error == EACCES || p->error == EPERM;
		evtimer_free(p->timer);
		p->timer = evtimer_new(p->prober->loop, on_refused, p);
		if (!p->timer)
			return false;
		p->began = clock_mono_ms();
		evtimer_set(p->timer, 0);
		return true;
	}
	p->io = evio_new(p->prober->loop, p->fd, EVLOOP_WRITE, on_io, p);
	if (!p->io)
		return false;
	probe_stage(p, STAGE_CONNECT);
	return true;
}

struct probe *probe_start(struct prober *prober,
    const struct probe_request *r, probe_fn *fn, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->prober = prober;
	p->request = *r;
	p->fn = fn;
	p->arg = arg;
	p->fd = -1;
	p->dialect = dialect_of(r->protocol);
	buf_init(&p->in, PROBE_IN_MAX);
	buf_init(&p->out, PROBE_OUT_MAX);
	reply_init(&p->reply, REPLY_SMTP);
	p->timer = evtimer_new(prober->loop, on_timeout, p);
	if (!p->timer || !begin_connection(p)) {
		probe_cancel(p);
		return NULL;
	}
	return p;
}
