/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

/* What later versions offer instead does not exist in those we support. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/time.h>

#include "mtasts/dns-internal.h"
#include "mtasts/evloop.h"
#include "mtasts/nameserver.h"
#include "util/buf.h"

#define CLASS_IN 1
#define EDNS_SIZE 1232		/* what libunbound is told, too */
#define TRIES 3			/* of each server */

/* In the header of a packet, and from the end of ours, which is its OPT. */
#define HEADER_SIZE 12
#define FLAGS 3
#define FLAG_AD 0x20
#define FLAG_RCODE 0x0f
#define RCODE_FORMERR 1
#define OPT_FLAGS_FROM_END 4
#define OPT_FLAG_DO 0x80

struct stub {
	struct dns_upstream upstream;	/* first: it is cast back */
	struct evloop *loop;
	ares_channel channel;
	struct watch *watches;
	struct evtimer *timer;
	bool timer_set;
};

/* A socket of c-ares's. */
struct watch {
	struct watch *next;
	struct evio *io;
	int fd;
};

struct question {
	struct stub *stub;
	struct dns_job *job;
	bool edns;
	char name[];
};

/* ---- c-ares on our event loop ------------------------------------------ */

/* A question's time limit is never earlier than that of one before it, so
 * a timer that is set is early enough. */
static void set_timer(struct stub *s)
{
	struct timeval tv;

	if (s->timer_set || !ares_timeout(s->channel, NULL, &tv))
		return;
	s->timer_set = true;
	evtimer_set(s->timer, (int64_t)tv.tv_sec * 1000 +
	    (tv.tv_usec + 999) / 1000);
}

static void on_due(void *arg)
{
	struct stub *s = arg;

	s->timer_set = false;
	ares_process_fd(s->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(s);
}

static void on_ready(void *arg, int fd, unsigned events)
{
	struct stub *s = arg;

	ares_process_fd(s->channel,
	    events & EVLOOP_READ ? fd : ARES_SOCKET_BAD,
	    events & EVLOOP_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(s);
}

static void watch_free(struct watch **p)
{
	struct watch *w = *p;

	*p = w->next;
	evio_free(w->io);
	free(w);
}

/* Without memory for the watch, its questions end by their time limit. */
static void watch_new(struct stub *s, int fd, unsigned events)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return;
	w->fd = fd;
	w->io = evio_new(s->loop, fd, events, on_ready, s);
	if (!w->io) {
		free(w);
		return;
	}
	w->next = s->watches;
	s->watches = w;
}

/* c-ares says what it waits for: nothing before it closes a socket. */
static void on_sock_state(void *arg, ares_socket_t fd, int readable,
    int writable)
{
	struct stub *s = arg;
	struct watch **p = &s->watches;
	unsigned events = (readable ? (unsigned)EVLOOP_READ : 0) |
	    (writable ? (unsigned)EVLOOP_WRITE : 0);

	while (*p && (*p)->fd != fd)
		p = &(*p)->next;
	if (!*p) {
		if (events)
			watch_new(s, fd, events);
	} else if (events) {
		evio_set((*p)->io, events);
	} else {
		watch_free(p);
	}
}

/* ---- questions --------------------------------------------------------- */

static void send_question(struct question *q);

/* A server older than EDNS cannot set AD, but it knows the answer. */
static bool wants_no_edns(const struct question *q, const unsigned char *p,
    int len)
{
	return q->edns && len >= HEADER_SIZE &&
	    (p[FLAGS] & FLAG_RCODE) == RCODE_FORMERR;
}

static void take_answer(struct dns_job *job, const unsigned char *packet,
    int len)
{
	struct dns_answer answer;

	if (!dns_answer_parse(packet, (size_t)len, job->type, &answer)) {
		dns_job_failed(job, DNS_SERVFAIL, ares_strerror(ARES_ENOMEM));
		return;
	}
	answer.secure = answer.status != DNS_SERVFAIL &&
	    (packet[FLAGS] & FLAG_AD);
	dns_job_answered(job, &answer);
}

static void on_answer(void *arg, int status, int timeouts,
    unsigned char *packet, int len)
{
	struct question *q = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS && wants_no_edns(q, packet, len)) {
		q->edns = false;
		send_question(q);
		return;
	}
	if (status == ARES_SUCCESS)
		take_answer(q->job, packet, len);
	else if (status == ARES_ETIMEOUT)
		dns_job_failed(q->job, DNS_TIMEOUT, NULL);
	/* Whose stub is freed is told nothing. */
	else if (status != ARES_EDESTRUCTION)
		dns_job_failed(q->job, DNS_SERVFAIL, ares_strerror(status));
	free(q);
}

/* As the C library asks with RES_TRUSTAD and RES_USE_DNSSEC: AD asks for AD
 * (RFC 6840 §5.7), and some servers set it only if DO is there. */
static void send_question(struct question *q)
{
	unsigned char *packet = NULL;
	uint16_t id = 0;
	int len = 0, rc;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
		on_answer(q, ARES_ENOMEM, 0, NULL, 0);
		return;
	}
	rc = ares_create_query(q->name, CLASS_IN, (int)q->job->type, id, 1,
	    &packet, &len, q->edns ? EDNS_SIZE : 0);
	if (rc != ARES_SUCCESS) {
		on_answer(q, rc, 0, NULL, 0);
		return;
	}
	packet[FLAGS] |= FLAG_AD;
	if (q->edns)
		packet[len - OPT_FLAGS_FROM_END] |= OPT_FLAG_DO;
	ares_send(q->stub->channel, packet, len, on_answer, q);
	ares_free_string(packet);
}

static void stub_ask(struct dns_upstream *upstream, const char *name,
    struct dns_job *job)
{
	struct stub *s = (struct stub *)upstream;
	size_t len = strlen(name);
	struct question *q = malloc(sizeof(*q) + len + 1);

	if (!q) {
		dns_job_failed(job, DNS_SERVFAIL, ares_strerror(ARES_ENOMEM));
		return;
	}
	*q = (struct question){ .stub = s, .job = job, .edns = true };
	memcpy(q->name, name, len + 1);
	send_question(q);
	set_timer(s);
}

static void stub_free(struct dns_upstream *upstream)
{
	struct stub *s = (struct stub *)upstream;

	if (s->channel)
		ares_destroy(s->channel);
	while (s->watches)
		watch_free(&s->watches);
	evtimer_free(s->timer);
	free(s);
}

/* ---- setting up -------------------------------------------------------- */

/* Fill a node of the list c-ares takes; false with a sentence in err. */
static bool set_node(struct ares_addr_port_node *node, const char *server,
    struct buf *err)
{
	struct netaddr addr;
	uint16_t port;

	if (!nameserver_parse(server, &addr, &port)) {
		buf_addf(err, "DNS server \"%s\" is not ADDRESS or "
		    "ADDRESS@PORT", server);
		return false;
	}
	*node = (struct ares_addr_port_node){
		.family = addr.family, .udp_port = port, .tcp_port = port,
	};
	memcpy(&node->addr, addr.bytes, addr.family == AF_INET ?
	    sizeof(node->addr.addr4) : sizeof(node->addr.addr6));
	return true;
}

static bool set_servers(struct stub *s, const char *const *servers, size_t n,
    struct buf *err)
{
	struct ares_addr_port_node *nodes = calloc(n, sizeof(*nodes));
	bool good = nodes != NULL;
	int rc = ARES_ENOMEM;

	for (size_t i = 0; good && i < n; i++) {
		good = set_node(&nodes[i], servers[i], err);
		nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
	}
	if (good)
		rc = ares_set_servers_ports(s->channel, nodes);
	free(nodes);
	if (nodes && !good)
		return false;
	if (rc != ARES_SUCCESS)
		buf_addf(err, "c-ares: %s", ares_strerror(rc));
	return rc == ARES_SUCCESS;
}

/*
 * Everything is set, so that no file is read but the source of its random
 * numbers, and no variable of the environment counts. The first try waits a
 * part of the time limit and each round twice as long as the one before: 1
 * + 2 + 4 parts for each server.
 */
static bool open_channel(struct stub *s, size_t servers, uint32_t timeout_ms,
    struct buf *err)
{
	uint32_t part = timeout_ms / (7 * (uint32_t)servers);
	char lookups[] = "b";
	struct in_addr here = { htonl(INADDR_LOOPBACK) };
	struct ares_options o = {
		/* A single server is not asked again after it has said no. */
		.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH |
		    ARES_FLAG_NOALIASES |
		    (servers == 1 ? ARES_FLAG_NOCHECKRESP : 0),
		.timeout = part > 0 ? (int)part : 1,
		.tries = TRIES,
		.ndots = 1,
		.servers = &here, .nservers = 1,
		.lookups = lookups,
		.sock_state_cb = on_sock_state, .sock_state_cb_data = s,
		.ednspsz = EDNS_SIZE,
	};
	int rc = ares_init_options(&s->channel, &o, ARES_OPT_FLAGS |
	    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
	    ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
	    ARES_OPT_SOCK_STATE_CB | ARES_OPT_SORTLIST | ARES_OPT_EDNSPSZ |
	    ARES_OPT_NOROTATE);

	if (rc != ARES_SUCCESS)
		buf_addf(err, "c-ares: %s", ares_strerror(rc));
	return rc == ARES_SUCCESS;
}

struct dns_upstream *dns_stub_new(struct evloop *loop,
    const char *const *servers, uint32_t timeout_ms, struct buf *err)
{
	struct stub *s = calloc(1, sizeof(*s));
	size_t n = 0;

	if (!s) {
		buf_adds(err, "out of memory");
		return NULL;
	}
	while (servers[n])
		n++;
	s->upstream = (struct dns_upstream){ stub_ask, stub_free };
	s->loop = loop;
	s->timer = evtimer_new(loop, on_due, s);
	if (!s->timer)
		buf_adds(err, "out of memory");
	/* ares_library_init() does nothing outside Windows. */
	if (!s->timer || !open_channel(s, n, timeout_ms, err) ||
	    !set_servers(s, servers, n, err)) {
		stub_free(&s->upstream);
		return NULL;
	}
	return &s->upstream;
}

const char *dns_stub_library_version(void)
{
	return ares_version(NULL);
}
