/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "mtasts/dns-internal.h"
#include "mtasts/evloop.h"
#include "mtasts/nameserver.h"
#include "util/buf.h"

/* ---- libunbound on our event loop -------------------------------------- */

/* What libunbound takes for its event base. */
struct base {
	struct ub_event_base ub;	/* first: it is cast back */
	struct evloop *loop;
};

struct event {
	struct ub_event ub;		/* first: it is cast back */
	struct evloop *loop;
	int fd;
	short bits;
	void (*cb)(int, short, void *);
	void *arg;
	struct evio *io;
	struct evtimer *timer;
};

static int event_del(struct ub_event *ub)
{
	struct event *ev = (struct event *)ub;

	evio_free(ev->io);
	ev->io = NULL;
	if (ev->timer)
		evtimer_set(ev->timer, -1);
	return 0;
}

/* Nothing of the event may be touched after its callback: it may be gone. */
static void event_ready(void *arg, int fd, unsigned events)
{
	struct event *ev = arg;
	short bits = 0;

	if (events & EVLOOP_READ)
		bits |= UB_EV_READ;
	if (events & EVLOOP_WRITE)
		bits |= UB_EV_WRITE;
	if (!(ev->bits & UB_EV_PERSIST))
		event_del(&ev->ub);
	ev->cb(fd, bits, ev->arg);
}

static void event_due(void *arg)
{
	struct event *ev = arg;

	if (!(ev->bits & UB_EV_PERSIST))
		event_del(&ev->ub);
	ev->cb(ev->fd, UB_EV_TIMEOUT, ev->arg);
}

static bool event_arm_timer(struct event *ev, const struct timeval *tv)
{
	int64_t ms = (int64_t)tv->tv_sec * 1000 + (tv->tv_usec + 999) / 1000;

	if (!ev->timer)
		ev->timer = evtimer_new(ev->loop, event_due, ev);
	if (ev->timer)
		evtimer_set(ev->timer, ms < 0 ? 0 : ms);
	return ev->timer != NULL;
}

static int event_add(struct ub_event *ub, struct timeval *tv)
{
	struct event *ev = (struct event *)ub;
	unsigned events = 0;

	event_del(ub);
	if (ev->bits & UB_EV_READ)
		events |= EVLOOP_READ;
	if (ev->bits & UB_EV_WRITE)
		events |= EVLOOP_WRITE;
	if (ev->fd >= 0 && events) {
		ev->io = evio_new(ev->loop, ev->fd, events, event_ready, ev);
		if (!ev->io)
			return -1;
	}
	return tv && !event_arm_timer(ev, tv) ? -1 : 0;
}

static void event_add_bits(struct ub_event *ub, short bits)
{
	struct event *ev = (struct event *)ub;

	event_del(ub);
	ev->bits |= bits;
}

static void event_del_bits(struct ub_event *ub, short bits)
{
	struct event *ev = (struct event *)ub;

	event_del(ub);
	ev->bits &= (short)~bits;
}

static void event_set_fd(struct ub_event *ub, int fd)
{
	struct event *ev = (struct event *)ub;

	event_del(ub);
	ev->fd = fd;
}

static void event_free(struct ub_event *ub)
{
	struct event *ev = (struct event *)ub;

	event_del(ub);
	evtimer_free(ev->timer);
	free(ev);
}

static int event_add_timer(struct ub_event *ub, struct ub_event_base *base,
    void (*cb)(int, short, void *), void *arg, struct timeval *tv)
{
	struct event *ev = (struct event *)ub;

	(void)base;
	event_del(ub);
	ev->cb = cb;
	ev->arg = arg;
	return tv && event_arm_timer(ev, tv) ? 0 : -1;
}

/* Signals belong to the program, and Windows has its own events. */
static int event_no_signal(struct ub_event *ub, struct timeval *tv)
{
	(void)ub;
	(void)tv;
	return -1;
}

static void event_no_wsa(struct ub_event *ub)
{
	(void)ub;
}

static void event_no_wouldblock(struct ub_event *ub, int bit)
{
	(void)ub;
	(void)bit;
}

static struct ub_event_vmt event_vmt = {
	.add_bits = event_add_bits,
	.del_bits = event_del_bits,
	.set_fd = event_set_fd,
	.free = event_free,
	.add = event_add,
	.del = event_del,
	.add_timer = event_add_timer,
	.del_timer = event_del,
	.add_signal = event_no_signal,
	.del_signal = event_del,
	.winsock_unregister_wsaevent = event_no_wsa,
	.winsock_tcp_wouldblock = event_no_wouldblock,
};

static struct ub_event *base_new_event(struct ub_event_base *ub, int fd,
    short bits, void (*cb)(int, short, void *), void *arg)
{
	struct event *ev = malloc(sizeof(*ev));

	if (!ev)
		return NULL;
	*ev = (struct event){
		.ub = { UB_EVENT_MAGIC, &event_vmt },
		.loop = ((struct base *)ub)->loop,
		.fd = fd, .bits = bits, .cb = cb, .arg = arg,
	};
	return &ev->ub;
}

static struct ub_event *base_no_signal(struct ub_event_base *ub, int fd,
    void (*cb)(int, short, void *), void *arg)
{
	(void)ub;
	(void)fd;
	(void)cb;
	(void)arg;
	return NULL;
}

static struct ub_event *base_no_wsa(struct ub_event_base *ub, void *wsa,
    void (*cb)(int, short, void *), void *arg)
{
	(void)ub;
	(void)wsa;
	(void)cb;
	(void)arg;
	return NULL;
}

/* The base is part of struct dns, and evloop_process() runs it. */
static void base_free(struct ub_event_base *ub)
{
	(void)ub;
}

static int base_dispatch(struct ub_event_base *ub)
{
	(void)ub;
	return 0;
}

static int base_loopexit(struct ub_event_base *ub, struct timeval *tv)
{
	(void)ub;
	(void)tv;
	return 0;
}

static struct ub_event_base_vmt base_vmt = {
	.free = base_free,
	.dispatch = base_dispatch,
	.loopexit = base_loopexit,
	.new_event = base_new_event,
	.new_signal = base_no_signal,
	.winsock_register_wsaevent = base_no_wsa,
};

/* ---- questions --------------------------------------------------------- */

struct unbound {
	struct dns_upstream upstream;	/* first: it is cast back */
	struct base base;
	struct ub_ctx *ctx;
};

/* Translate libunbound's result. Its rcode is 0 for NXDOMAIN; a bogus
 * answer comes with the forged packet, and a failure with none. */
static void on_result(void *arg, int rcode, void *packet, int len, int sec,
    char *why, int ratelimited)
{
	struct dns_job *job = arg;
	struct dns_answer answer;

	(void)ratelimited;
	if (sec == 1) {
		dns_job_failed(job, DNS_BOGUS, why);
		return;
	}
	if (rcode != 0 || !packet || len <= 0 ||
	    !dns_answer_parse(packet, (size_t)len, job->type, &answer)) {
		dns_job_failed(job, DNS_SERVFAIL, why);
		return;
	}
	answer.secure = sec == 2 && answer.status != DNS_SERVFAIL;
	dns_job_answered(job, &answer);
}

static void unbound_ask(struct dns_upstream *upstream, const char *name,
    struct dns_job *job)
{
	struct unbound *u = (struct unbound *)upstream;
	int rc = ub_resolve_event(u->ctx, name, (int)job->type, 1, job,
	    on_result, NULL);

	if (rc)
		dns_job_failed(job, DNS_SERVFAIL, ub_strerror(rc));
}

static void unbound_free(struct dns_upstream *upstream)
{
	struct unbound *u = (struct unbound *)upstream;

	/* Ends every question without calling back. */
	ub_ctx_delete(u->ctx);
	free(u);
}

/* ---- setting up -------------------------------------------------------- */

static const struct {
	const char *name;
	const char *value;
} ub_options[] = {
	/* The library's own defaults suit one question at a time. */
	{ "outgoing-range:", "256" },
	{ "outgoing-num-tcp:", "16" },
	{ "num-queries-per-thread:", "2048" },
	{ "msg-cache-size:", "4m" },
	{ "rrset-cache-size:", "8m" },
	{ "edns-buffer-size:", "1232" },
	/* Servers that come back are seen within a minute. */
	{ "infra-host-ttl:", "60" },
	{ "val-bogus-ttl:", "10" },
	{ "cache-max-ttl:", "86400" },
	/* Names that only private networks use still reach the servers. */
	{ "unblock-lan-zones:", "yes" },
	{ "local-zone:", "test. transparent" },
	{ "local-zone:", "home.arpa. transparent" },
};

/* Append a sentence about a libunbound error; return false. */
static bool ub_failed(struct buf *err, const char *what, int rc)
{
	buf_addf(err, "%s: %s", what, ub_strerror(rc));
	return false;
}

static bool add_servers(struct ub_ctx *ctx, const struct dns_options *o,
    struct buf *err)
{
	const char *file = o->resolv_conf ? o->resolv_conf : RESOLV_CONF;
	struct netaddr addr;
	uint16_t port;
	int rc;

	for (size_t i = 0; o->servers && o->servers[i]; i++) {
		if (!nameserver_parse(o->servers[i], &addr, &port)) {
			buf_addf(err, "DNS server \"%s\" is not ADDRESS or "
			    "ADDRESS@PORT", o->servers[i]);
			return false;
		}
		rc = ub_ctx_set_fwd(ctx, o->servers[i]);
		if (rc)
			return ub_failed(err, o->servers[i], rc);
	}
	if (o->servers && o->servers[0])
		return true;
	/* resolv.conf(5): without the file, the server is on this host. */
	rc = access(file, F_OK) == 0 ? ub_ctx_resolvconf(ctx, file) :
	    ub_ctx_set_fwd(ctx, "127.0.0.1");
	return rc ? ub_failed(err, file, rc) : true;
}

static struct ub_ctx *make_ctx(struct base *base,
    const struct dns_options *o, struct buf *err)
{
	struct ub_ctx *ctx = ub_ctx_create_ub_event(&base->ub);
	int rc = 0;

	if (!ctx) {
		buf_adds(err, "libunbound: out of memory");
		return NULL;
	}
	/* Libraries do not log; what matters comes back in the answers. */
	rc = ub_ctx_debugout(ctx, NULL);
	for (size_t i = 0; rc == 0 &&
	    i < sizeof(ub_options) / sizeof(ub_options[0]); i++) {
		rc = ub_ctx_set_option(ctx, ub_options[i].name,
		    ub_options[i].value);
		if (rc)
			ub_failed(err, ub_options[i].name, rc);
	}
	if (rc || !add_servers(ctx, o, err)) {
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}

struct dns_upstream *dns_unbound_new(struct evloop *loop,
    const struct dns_options *o, struct buf *err)
{
	struct unbound *u = malloc(sizeof(*u));

	if (!u) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	*u = (struct unbound){
		.upstream = { unbound_ask, unbound_free },
		.base = { { UB_EVENT_MAGIC, &base_vmt }, loop },
	};
	u->ctx = make_ctx(&u->base, o, err);
	if (!u->ctx) {
		free(u);
		return NULL;
	}
	return &u->upstream;
}

const char *dns_unbound_add_anchor(struct dns_upstream *upstream,
    const char *line)
{
	struct unbound *u = (struct unbound *)upstream;
	int rc = ub_ctx_add_ta(u->ctx, line);

	return rc ? ub_strerror(rc) : NULL;
}

static void forget_result(void *arg, int rcode, void *packet, int len,
    int sec, char *why, int ratelimited)
{
	(void)arg;
	(void)rcode;
	(void)packet;
	(void)len;
	(void)sec;
	(void)why;
	(void)ratelimited;
}

/* "localhost" is answered by the library itself. */
bool dns_unbound_ready(struct dns_upstream *upstream, struct buf *err)
{
	struct unbound *u = (struct unbound *)upstream;
	int rc = ub_resolve_event(u->ctx, "localhost.", DNS_A, 1, NULL,
	    forget_result, NULL);

	return rc ? ub_failed(err, "libunbound does not accept its "
	    "configuration or trust anchor", rc) : true;
}

const char *dns_library_version(void)
{
	return ub_version();
}
