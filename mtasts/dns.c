/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/dns.h"

#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "mtasts/evloop.h"
#include "mtasts/selftest.h"
#include "util/buf.h"
#include "util/netaddr.h"
#include "util/str.h"

/* Questions libunbound works on at once, those given up included. */
#define JOBS_MAX 8192

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

struct dns {
	struct evloop *loop;
	struct base base;
	struct ub_ctx *plain;		/* does not validate */
	struct ub_ctx *validating;	/* NULL: validation off */
	uint32_t timeout_ms;
	struct job *jobs;		/* libunbound holds these */
	unsigned jobs_n;
	struct dns_query *waiting;	/* for the first self-test */
	struct dns_query **waiting_tail;
	struct selftest *selftest;
	enum dns_validation validation;
	char why[160];
	dns_validation_fn *on_validation;
	void *on_validation_arg;
};

/*
 * A question as libunbound knows it. It cannot be withdrawn (ub_cancel()
 * uses a pipe the event interface does not have), so one whose asker is
 * gone stays until libunbound ends it.
 */
struct job {
	struct job *prev, *next;
	struct dns *dns;
	struct dns_query *query;	/* NULL: nobody waits any more */
};

struct dns_query {
	struct dns_query *next;		/* in dns->waiting */
	struct dns *dns;
	struct job *job;
	struct evtimer *timer;
	bool waits;
	bool answered;
	struct dns_answer answer;
	unsigned type;
	dns_fn *fn;
	void *arg;
	char name[];
};

static void set_why(char *out, size_t size, const char *text)
{
	size_t i = 0;

	for (; text && text[i] && i + 1 < size; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

static void job_free(struct job *j)
{
	struct dns *d = j->dns;

	if (j->prev)
		j->prev->next = j->next;
	else
		d->jobs = j->next;
	if (j->next)
		j->next->prev = j->prev;
	d->jobs_n--;
	if (j->query)
		j->query->job = NULL;
	free(j);
}

static struct job *job_new(struct dns *d, struct dns_query *q)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->dns = d;
	j->query = q;
	j->next = d->jobs;
	if (d->jobs)
		d->jobs->prev = j;
	d->jobs = j;
	d->jobs_n++;
	q->job = j;
	return j;
}

static void query_free(struct dns_query *q)
{
	if (q->job)
		q->job->query = NULL;
	evtimer_free(q->timer);
	dns_answer_clear(&q->answer);
	free(q);
}

/* Call back from the event loop's next round: libunbound may answer inside
 * ub_resolve_event(), and must not be called again from its callback. */
static void query_answered(struct dns_query *q)
{
	q->answered = true;
	evtimer_set(q->timer, 0);
}

static void query_failed(struct dns_query *q, enum dns_status status,
    const char *why)
{
	q->answer = (struct dns_answer){ .status = status };
	set_why(q->answer.why, sizeof(q->answer.why), why);
}

/* Translate libunbound's result. Its rcode is 0 for NXDOMAIN; a bogus
 * answer comes with the forged packet, and a failure with none. */
static void query_take_result(struct dns_query *q, int rcode,
    const void *packet, int len, int sec, const char *why)
{
	if (sec == 1) {
		query_failed(q, DNS_BOGUS, why);
		return;
	}
	if (rcode != 0 || !packet || len <= 0 ||
	    !dns_answer_parse(packet, (size_t)len, q->type, &q->answer)) {
		query_failed(q, DNS_SERVFAIL, why);
		return;
	}
	q->answer.secure = sec == 2 && q->answer.status != DNS_SERVFAIL;
}

static void on_result(void *arg, int rcode, void *packet, int len, int sec,
    char *why, int ratelimited)
{
	struct job *j = arg;
	struct dns_query *q = j->query;

	(void)ratelimited;
	if (q) {
		query_take_result(q, rcode, packet, len, sec, why);
		query_answered(q);
	}
	job_free(j);
}

static void query_submit(struct dns_query *q, struct ub_ctx *ctx)
{
	struct job *j = job_new(q->dns, q);
	int rc = UB_NOMEM;

	evtimer_set(q->timer, q->dns->timeout_ms);
	if (j)
		rc = ub_resolve_event(ctx, q->name, (int)q->type, 1, j,
		    on_result, NULL);
	if (rc == 0)
		return;
	if (j)
		job_free(j);
	query_failed(q, DNS_SERVFAIL, ub_strerror(rc));
	query_answered(q);
}

static void query_due(void *arg)
{
	struct dns_query *q = arg;
	struct dns_answer answer;
	dns_fn *fn = q->fn;
	void *fn_arg = q->arg;

	if (!q->answered)
		query_failed(q, DNS_TIMEOUT, NULL);
	answer = q->answer;
	q->answer = (struct dns_answer){ .n = 0 };
	query_free(q);
	fn(fn_arg, &answer);
	dns_answer_clear(&answer);
}

static struct dns_query *query_new(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg)
{
	size_t len = strlen(name);
	struct dns_query *q;

	if (d->jobs_n >= JOBS_MAX)
		return NULL;
	q = calloc(1, sizeof(*q) + len + 1);
	if (!q)
		return NULL;
	q->timer = evtimer_new(d->loop, query_due, q);
	if (!q->timer) {
		free(q);
		return NULL;
	}
	q->dns = d;
	q->type = type;
	q->fn = fn;
	q->arg = arg;
	memcpy(q->name, name, len + 1);
	return q;
}

static struct ub_ctx *current_ctx(const struct dns *d)
{
	return d->validation == DNS_VALIDATION_WORKS ? d->validating :
	    d->plain;
}

struct dns_query *dns_query_start(struct dns *d, const char *name,
    enum dns_type type, dns_fn *fn, void *arg)
{
	struct dns_query *q = query_new(d, name, type, fn, arg);

	if (!q)
		return NULL;
	if (d->validation == DNS_VALIDATION_TESTING) {
		q->waits = true;
		*d->waiting_tail = q;
		d->waiting_tail = &q->next;
	} else {
		query_submit(q, current_ctx(d));
	}
	return q;
}

static void unlink_waiting(struct dns_query *q)
{
	struct dns_query **p = &q->dns->waiting;

	while (*p && *p != q)
		p = &(*p)->next;
	if (*p)
		*p = q->next;
	if (!q->next)
		q->dns->waiting_tail = p;
}

void dns_query_cancel(struct dns_query *q)
{
	if (!q)
		return;
	if (q->waits)
		unlink_waiting(q);
	query_free(q);
}

/* ---- whether answers are validated ------------------------------------- */

static void release_waiting(struct dns *d)
{
	struct dns_query *q;

	while ((q = d->waiting)) {
		d->waiting = q->next;
		q->next = NULL;
		q->waits = false;
		query_submit(q, current_ctx(d));
	}
	d->waiting_tail = &d->waiting;
}

static struct dns_query *ask_validated(void *arg, const char *zone,
    dns_fn *fn, void *fn_arg)
{
	struct dns *d = arg;
	struct dns_query *q = query_new(d, zone, DNS_SOA, fn, fn_arg);

	if (q)
		query_submit(q, d->validating);
	return q;
}

static void test_ended(void *arg, bool passed, const char *why)
{
	enum dns_validation now = passed ? DNS_VALIDATION_WORKS :
	    DNS_VALIDATION_FAILED;
	struct dns *d = arg;
	bool changed = d->validation != now;

	d->validation = now;
	set_why(d->why, sizeof(d->why), why);
	release_waiting(d);
	if (changed && d->on_validation)
		d->on_validation(d->on_validation_arg);
}

enum dns_validation dns_validation(const struct dns *d, const char **why_r)
{
	if (why_r)
		*why_r = d->why;
	return d->validation;
}

void dns_on_validation(struct dns *d, dns_validation_fn *fn, void *arg)
{
	d->on_validation = fn;
	d->on_validation_arg = arg;
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

/* "ADDR" or "ADDR@PORT", numeric. */
static bool is_server(const char *s)
{
	const char *at = strchr(s, '@');
	size_t len = at ? (size_t)(at - s) : strlen(s);
	char host[NETADDR_TEXT];
	struct netaddr addr;
	uint64_t port = 53;

	if (len >= sizeof(host) || (at && !str_to_u64(at + 1, 65535, &port)))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	return port > 0 && netaddr_parse(host, &addr);
}

static bool add_servers(struct ub_ctx *ctx, const struct dns_options *o,
    struct buf *err)
{
	const char *file = o->resolv_conf ? o->resolv_conf :
	    "/etc/resolv.conf";
	int rc;

	for (size_t i = 0; o->servers && o->servers[i]; i++) {
		if (!is_server(o->servers[i])) {
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

static bool add_anchor(struct dns *d, char *line, unsigned number,
    struct buf *err)
{
	int rc;

	line[strcspn(line, ";\r")] = '\0';
	line += strspn(line, " \t");
	if (!*line)
		return true;
	rc = ub_ctx_add_ta(d->validating, line);
	if (rc == 0 && selftest_add_zone(d->selftest, line,
	    strcspn(line, " \t")))
		return true;
	buf_addf(err, "trust anchor, line %u: %s", number,
	    ub_strerror(rc ? rc : UB_NOMEM));
	return false;
}

static bool add_anchors(struct dns *d, const char *text, struct buf *err)
{
	char *copy = strdup(text ? text : ""), *rest = copy, *line;
	unsigned number = 0;
	bool good = copy != NULL;

	if (!copy)
		buf_adds(err, "out of memory");
	while (good && (line = strsep(&rest, "\n")))
		good = add_anchor(d, line, ++number, err);
	free(copy);
	if (good && !selftest_has_zones(d->selftest)) {
		buf_adds(err, "trust anchor: no DS or DNSKEY record");
		good = false;
	}
	return good;
}

static struct ub_ctx *make_ctx(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	struct ub_ctx *ctx = ub_ctx_create_ub_event(&d->base.ub);
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

/* Make libunbound read and check all it was told, now. "localhost" is
 * answered by the library itself. */
static bool finalize(struct ub_ctx *ctx, struct buf *err)
{
	int rc = ub_resolve_event(ctx, "localhost.", DNS_A, 1, NULL,
	    forget_result, NULL);

	return rc ? ub_failed(err, "libunbound does not accept its "
	    "configuration or trust anchor", rc) : true;
}

static bool start_validation(struct dns *d, const struct dns_options *o,
    struct buf *err)
{
	struct selftest_owner owner = { ask_validated, test_ended, d };

	if (!o->validate)
		return true;
	d->selftest = selftest_new(d->loop, &owner);
	if (!d->selftest) {
		buf_adds(err, "out of memory");
		return false;
	}
	d->validating = make_ctx(d, o, err);
	if (!d->validating || !add_anchors(d, o->anchors, err) ||
	    !finalize(d->validating, err))
		return false;
	d->validation = DNS_VALIDATION_TESTING;
	selftest_begin(d->selftest);
	return true;
}

struct dns *dns_new(struct evloop *loop, const struct dns_options *o,
    struct buf *err)
{
	struct dns *d = calloc(1, sizeof(*d));

	if (!d) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	d->loop = loop;
	d->base.ub.magic = UB_EVENT_MAGIC;
	d->base.ub.vmt = &base_vmt;
	d->base.loop = loop;
	d->timeout_ms = o->timeout_ms;
	d->waiting_tail = &d->waiting;
	d->plain = make_ctx(d, o, err);
	if (!d->plain || !finalize(d->plain, err) ||
	    !start_validation(d, o, err)) {
		dns_free(d);
		return NULL;
	}
	return d;
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	selftest_free(d->selftest);
	/* Ends every question without calling back. */
	ub_ctx_delete(d->validating);
	ub_ctx_delete(d->plain);
	while (d->jobs)
		job_free(d->jobs);
	free(d);
}

const char *dns_library_version(void)
{
	return ub_version();
}
