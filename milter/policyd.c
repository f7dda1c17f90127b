/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/policyd.h"

#include "milter/peers.h"
#include "milter/policyd-internal.h"
#include "milter/services.h"
#include "policy/delegation.h"
#include "util/buf.h"
#include "util/log.h"

/* Postfix drops a connection that was idle for 300 s, and any after 1000 s
 * (smtpd_policy_service_max_idle and _max_ttl): the client's limits come
 * first, so that it never meets one we have just closed. */
#define IDLE_MS (1200 * 1000)
/* From the first byte of a request to its last, and for taking an answer:
 * as long as Postfix waits (smtpd_policy_service_timeout). */
#define BUSY_MS (100 * 1000)
#define FORGET_MS (330 * 1000)
#define OUT_MAX (128 * 1024)
#define TROUBLE_MS 10000

struct conn {
	struct peer peer;		/* first: it is cast back */
	struct delegation *reader;	/* NULL: between requests */
	struct policyd_message message;
};

struct policyd {
	struct policyd_judge judge;
	struct peers *peers;
	struct delegation *spare;	/* a reader nobody uses now */
	uint64_t requests, malformed;
	struct notice on_malformed;
};

static struct policyd *policyd_of(const struct conn *c)
{
	return peers_arg(c->peer.peers);
}

/* ---- requests ---------------------------------------------------------- */

/* A request begins: take the reader that is free, or make one. */
static bool begin_request(struct conn *c)
{
	struct policyd *p = policyd_of(c);

	c->reader = p->spare ? p->spare : delegation_new();
	p->spare = NULL;
	peer_begins(&c->peer);
	return c->reader != NULL;
}

/* A request is over: an idle connection keeps nothing of it. */
static void end_request(struct conn *c)
{
	struct policyd *p = policyd_of(c);

	if (!p->spare && c->reader) {
		delegation_reset(c->reader);
		p->spare = c->reader;
	} else {
		delegation_free(c->reader);
	}
	c->reader = NULL;
}

/* Say why a connection is closed without an answer (PF-PD-08). */
static void log_malformed(struct policyd *p, const char *why)
{
	unsigned silent;

	p->malformed++;
	counter_add(&services_counters(p->judge.services)->trouble, 1);
	if (!notice_due(&p->on_malformed, TROUBLE_MS, &silent))
		return;
	log_warn("policy", "a malformed request (%s): closing the connection "
	    "without an answer; %u more since the last such line", why,
	    silent);
}

/* The request is whole: answer it. Half an answer is worse than none. */
static bool answer_request(struct conn *c, struct buf *answers)
{
	struct policyd *p = policyd_of(c);
	size_t before = answers->len;
	bool ok = policyd_answer(&p->judge, &c->message, c->reader, answers);

	if (!ok) {
		buf_cut(answers, before);
		answers->failed = false;
	}
	p->requests++;
	end_request(c);
	peer_rests(&c->peer);
	if (!ok)
		log_malformed(p, "no memory for the answer");
	return ok;
}

/* ---- the door ---------------------------------------------------------- */

static bool take(struct peer *peer, const char *data, size_t len,
    struct buf *answers)
{
	struct conn *c = (struct conn *)peer;
	enum delegation_progress progress;
	size_t used;

	for (; len; data += used, len -= used) {
		if (!c->reader && !begin_request(c)) {
			log_malformed(policyd_of(c), "no memory for it");
			return false;
		}
		progress = delegation_feed(c->reader, data, len, &used);
		if (progress == DELEGATION_MALFORMED) {
			log_malformed(policyd_of(c),
			    delegation_error(c->reader));
			return false;
		}
		if (progress == DELEGATION_DONE &&
		    !answer_request(c, answers))
			return false;
	}
	return true;
}

static bool is_busy(const struct peer *peer)
{
	return ((const struct conn *)peer)->reader != NULL;
}

static bool ended(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;

	if (c->reader)
		log_malformed(policyd_of(c), "it ends in the middle");
	end_request(c);
	return false;
}

static void expired(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;

	if (c->reader)
		log_malformed(policyd_of(c), "it does not end");
}

/* Postfix waits 300 s for the client's next command (smtpd_timeout): what
 * was remembered of a message is of no use after that, and must not keep an
 * old configuration in memory. */
static void look(struct peer *peer, int64_t now)
{
	struct conn *c = (struct conn *)peer;

	if (c->message.conf && !c->reader &&
	    peer_time_left(peer, now) < IDLE_MS - FORGET_MS)
		policyd_message_clear(&c->message);
}

static void clear(struct peer *peer)
{
	struct conn *c = (struct conn *)peer;

	end_request(c);
	policyd_message_clear(&c->message);
}

static const struct peers_door door = {
	.name = "policy",
	.peer_size = sizeof(struct conn),
	.out_max = OUT_MAX,
	.idle_ms = IDLE_MS,
	.busy_ms = BUSY_MS,
	.take = take,
	.is_busy = is_busy,
	.ended = ended,
	.expired = expired,
	.look = look,
	.clear = clear,
};

/* ---- life -------------------------------------------------------------- */

struct policyd *policyd_new(struct loop *loop, struct services *services)
{
	struct policyd *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->judge.services = services;
	p->peers = peers_new(loop, &door, p);
	if (p->peers)
		return p;
	policyd_free(p);
	return NULL;
}

bool policyd_listen(struct policyd *p, int fd, const char *address)
{
	return peers_listen(p->peers, fd, address);
}

void policyd_sweep(struct policyd *p, int64_t now)
{
	peers_sweep(p->peers, now);
}

void policyd_free(struct policyd *p)
{
	if (!p)
		return;
	peers_free(p->peers);
	delegation_free(p->spare);
	free(p);
}

json_t *policyd_status(const struct policyd *p)
{
	json_t *status = peers_status(p->peers);

	if (status) {
		json_object_set_new(status, "requests",
		    json_integer((json_int_t)p->requests));
		json_object_set_new(status, "malformed",
		    json_integer((json_int_t)p->malformed));
	}
	return status;
}
