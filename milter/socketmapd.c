/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/socketmapd.h"

#include "milter/services.h"
#include "milter/socketmapd-internal.h"
#include "policy/socketmap.h"
#include "util/clock.h"
#include "util/log.h"

/* Postfix hangs up after 10 seconds without a request and after 100 in
 * all (PF-SM-06): the client's limits come first. */
#define IDLE_MS (300 * 1000)
/* From the first byte of a request to its last, and for taking an answer. */
#define BUSY_MS (100 * 1000)
/* Requests of one connection that may be without an answer. */
#define REQUESTS_MAX 128
/* No more is answered in one go, so that a few bytes that ask for long
 * policies over and over do not fill the memory. */
#define ANSWERS_ENOUGH (128 * 1024)
#define OUT_MAX (ANSWERS_ENOUGH + 2 * (SOCKETMAP_REPLY_MAX + 16))
#define TROUBLE_MS 10000

struct conn {
	struct peer peer;		/* first: it is cast back */
	struct netstring reader;
	bool partial;			/* a request has begun */
	struct request_list requests;	/* in the order of their answers */
	unsigned requests_n;
	struct buf rest;		/* read, not looked at yet */
};

static struct socketmapd *server_of(const struct conn *c)
{
	return peers_arg(c->peer.peers);
}

/* ---- answers ----------------------------------------------------------- */

/* Mail is deferred: say why. */
static void log_temp(struct socketmapd *d, const struct nexthop *hop,
    const char *why)
{
	unsigned silent;

	if (!notice_due(&d->on_temp, TROUBLE_MS / 10, &silent))
		return;
	log_info("socketmap", "answer=TEMP next_hop=%s reason=\"%s\"%s",
	    hop->text, why, silent ? ", and others before" : "");
}

static void count(struct socketmapd *d, enum socketmap_status status)
{
	uint64_t *const counters[] = {
		[SOCKETMAP_OK] = &d->n.ok,
		[SOCKETMAP_NOTFOUND] = &d->n.notfound,
		[SOCKETMAP_TEMP] = &d->n.temp,
	};

	++*counters[status];
}

static void log_answer(const struct nexthop *hop, const char *value,
    const struct outgoing_answer *answer)
{
	log_debug("socketmap", "next_hop=%s answer=\"%.200s\" reason=\"%s\"",
	    hop->text, answer->tls.status == SOCKETMAP_OK ? value :
	    answer->tls.status == SOCKETMAP_TEMP ? "TEMP" : "NOTFOUND",
	    answer->tls.why);
}

bool socketmapd_evaluate(struct socketmapd *d,
    const struct outbound_question *q, struct outgoing_answer *answer_r)
{
	buf_reset(&d->value);
	outbound_answer(d->services, q, &d->value, answer_r);
	return !answer_r->tls.waits || q->out_of_time;
}

/* Write the reply to what was evaluated just now. */
static void reply(struct socketmapd *d, const struct outbound_question *q,
    const struct outgoing_answer *answer, struct buf *out)
{
	const struct tlspolicy_answer *tls = &answer->tls;
	enum socketmap_status status = socketmap_reply(out, tls->status,
	    tls->status == SOCKETMAP_OK ? buf_str(&d->value) : tls->why);

	count(d, status);
	if (log_wants(LOG_DEBUG))
		log_answer(q->hop, buf_str(&d->value), answer);
	if (status == SOCKETMAP_TEMP)
		log_temp(d, q->hop, tls->why);
	outbound_learn(d->services, q->hop, answer);
}

/* ---- requests that have to wait ---------------------------------------- */

static void request_free(struct request *r)
{
	struct conn *c = r->conn;

	waiting_remove(server_of(c), r);
	TAILQ_REMOVE(&c->requests, r, in_conn);
	c->requests_n--;
	free(r);
}

/* NULL when out of memory. */
static struct request *request_new(struct conn *c,
    const struct outbound_question *q)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->conn = c;
	r->dialect = q->dialect;
	r->hop = *q->hop;
	TAILQ_INSERT_TAIL(&c->requests, r, in_conn);
	c->requests_n++;
	return r;
}

/* Answer the first of the queue; it is gone then, unless it has to wait once
 * more. */
static void answer_first(struct conn *c, struct request *r,
    struct buf *answers)
{
	struct socketmapd *d = server_of(c);
	struct outbound_question q = {
		.conf = services_conf_here(d->services), .hop = &r->hop,
		.dialect = r->dialect, .wanted = true,
		.out_of_time = r->out_of_time };
	struct outgoing_answer answer;

	if (socketmapd_evaluate(d, &q, &answer)) {
		reply(d, &q, &answer, answers);
		request_free(r);
	} else {
		waiting_add(d, r, &answer);
	}
}

/* Answers that are known go out, up to the first that is not. */
static void answer_queue(struct conn *c, struct buf *answers)
{
	struct request *r;

	while ((r = TAILQ_FIRST(&c->requests)) && !r->waits &&
	    answers->len < ANSWERS_ENOUGH)
		answer_first(c, r, answers);
}

/* ---- requests ---------------------------------------------------------- */

/* Answer at once if nothing stands in the way. When too many wait, this one
 * gets the answer of those whose time is over. */
static bool answer_hop(struct conn *c, struct outbound_question *q,
    struct buf *answers)
{
	struct socketmapd *d = server_of(c);
	struct outgoing_answer answer;
	struct request *r;
	bool known;

	q->out_of_time = waiting_is_full(d);
	known = socketmapd_evaluate(d, q, &answer);
	if (known && TAILQ_EMPTY(&c->requests)) {
		reply(d, q, &answer, answers);
		return true;
	}
	r = request_new(c, q);
	if (!r)
		return false;
	r->out_of_time = q->out_of_time;
	if (known)
		return true;
	d->n.waited++;
	waiting_add(d, r, &answer);
	return true;
}

/* Say why a connection is closed without an answer. */
static bool hang_up(struct socketmapd *d, const char *why)
{
	unsigned silent;

	d->n.malformed++;
	if (notice_due(&d->on_malformed, TROUBLE_MS, &silent))
		log_warn("socketmap", "closing a connection without an "
		    "answer: %s; %u more since the last such line", why,
		    silent);
	return false;
}

static bool answer_request(struct conn *c, const char *payload, size_t len,
    struct buf *answers)
{
	struct socketmapd *d = server_of(c);
	struct socketmap_request request;
	struct outbound_question q;
	struct nexthop hop;

	if (!socketmap_request_read(payload, len, &request))
		return hang_up(d, "a request without the name of a map");
	d->n.requests++;
	(void)nexthop_parse(request.key, request.key_len, &hop);
	q = (struct outbound_question){
		.conf = services_conf_here(d->services), .hop = &hop,
		.dialect = tls_dialect_of(request.map, request.map_len) };
	return answer_hop(c, &q, answers) ||
	    hang_up(d, "no memory for a request");
}

/* ---- the door ---------------------------------------------------------- */

/* True when what has been asked must be answered, and sent, first. */
static bool has_enough(const struct conn *c, const struct buf *answers)
{
	return c->requests_n >= REQUESTS_MAX ||
	    answers->len >= ANSWERS_ENOUGH;
}

/* Look at bytes until there is enough to do; *used_r is how many that was. */
static bool feed(struct conn *c, const char *data, size_t len,
    struct buf *answers, size_t *used_r)
{
	const char *payload;
	size_t payload_len, used, at = 0;

	while (at < len && !has_enough(c, answers)) {
		enum netstring_progress progress = netstring_feed(&c->reader,
		    data + at, len - at, &used, &payload, &payload_len);

		if (progress == NETSTRING_MALFORMED)
			return hang_up(server_of(c),
			    netstring_error(&c->reader));
		at += used;
		c->partial = progress == NETSTRING_MORE;
		if (progress == NETSTRING_DONE &&
		    !answer_request(c, payload, payload_len, answers))
			return false;
	}
	*used_r = at;
	return true;
}

/* An idle connection keeps no memory; one in the middle of a request has a
 * limit for the whole of it. */
static void settle_down(struct conn *c, bool was_partial)
{
	if (c->partial && !was_partial)
		peer_begins(&c->peer);
	if (c->partial || !TAILQ_EMPTY(&c->requests))
		return;
	peer_rests(&c->peer);
	if (c->reader.held.size)
		netstring_clear(&c->reader);
	if (c->rest.size && !c->rest.len)
		buf_clear(&c->rest);
}

/* How it goes on after bytes were looked at. */
static void set_held(struct conn *c)
{
	c->peer.held = c->rest.len > 0 || c->requests_n >= REQUESTS_MAX;
}

static bool take(struct peer *peer, const char *data, size_t len,
    struct buf *answers)
{
	struct conn *c = (struct conn *)peer;
	bool was_partial = c->partial;
	size_t used;

	if (!feed(c, data, len, answers, &used))
		return false;
	answer_queue(c, answers);
	/* Even nothing would make it allocate. */
	if (used < len)
		buf_add(&c->rest, data + used, len - used);
	settle_down(c, was_partial);
	set_held(c);
	return !c->rest.failed;
}

/* Go on with what was left when there was enough to do. */
static bool more(struct peer *peer, struct buf *answers)
{
	struct conn *c = (struct conn *)peer;
	bool was_partial = c->partial;
	size_t used;

	answer_queue(c, answers);
	if (!feed(c, c->rest.data, c->rest.len, answers, &used))
		return false;
	if (used) {
		memmove(c->rest.data, c->rest.data + used,
		    c->rest.len - used);
		buf_cut(&c->rest, c->rest.len - used);
	}
	settle_down(c, was_partial);
	set_held(c);
	return true;
}

static bool is_busy(const struct peer *peer)
{
	return ((const struct conn *)peer)->partial;
}

/* Who asked and sends no more may still wait for the answer. */
static bool ended(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;

	return !TAILQ_EMPTY(&c->requests) || c->rest.len;
}

static void expired(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;

	if (c->partial)
		hang_up(server_of(c), "a request does not end");
}

static void clear(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;
	struct request *r;

	while ((r = TAILQ_FIRST(&c->requests)))
		request_free(r);
	netstring_clear(&c->reader);
	buf_clear(&c->rest);
}

static void init(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;

	netstring_init(&c->reader, SOCKETMAP_REQUEST_MAX);
	TAILQ_INIT(&c->requests);
	buf_init(&c->rest, SOCKETMAP_REQUEST_MAX);
}

static const struct peers_door door = {
	.name = "socketmap",
	.peer_size = sizeof(struct conn),
	.out_max = OUT_MAX,
	.idle_ms = IDLE_MS,
	.busy_ms = BUSY_MS,
	.init = init,
	.take = take,
	.more = more,
	.is_busy = is_busy,
	.ended = ended,
	.expired = expired,
	.clear = clear,
};

void socketmapd_go_on(struct request *r)
{
	if (r == TAILQ_FIRST(&r->conn->requests))
		peer_go_on(&r->conn->peer);
}

/* ---- life -------------------------------------------------------------- */

struct socketmapd *socketmapd_new(struct loop *loop,
    struct services *services)
{
	struct socketmapd *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->loop = loop;
	d->services = services;
	d->learner = services_learner(services);
	buf_init(&d->value, SOCKETMAP_REPLY_MAX + 16);
	d->peers = peers_new(loop, &door, d);
	if (d->peers && waiting_init(d))
		return d;
	peers_free(d->peers);
	buf_clear(&d->value);
	free(d);
	return NULL;
}

bool socketmapd_listen(struct socketmapd *d, int fd, const char *address)
{
	return peers_listen(d->peers, fd, address);
}

void socketmapd_free(struct socketmapd *d)
{
	if (!d)
		return;
	peers_free(d->peers);
	waiting_clear(d);
	buf_clear(&d->value);
	free(d);
}

json_t *socketmapd_status(const struct socketmapd *d)
{
	json_t *status = peers_status(d->peers), *own;

	own = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "requests", (json_int_t)d->n.requests,
	    "ok", (json_int_t)d->n.ok,
	    "notfound", (json_int_t)d->n.notfound,
	    "temp", (json_int_t)d->n.temp,
	    "waited", (json_int_t)d->n.waited,
	    "waiting", (json_int_t)d->waiting.n,
	    "malformed", (json_int_t)d->n.malformed);
	if (status && own)
		json_object_update(status, own);
	json_decref(own);
	return status;
}
