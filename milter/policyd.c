/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/policyd.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/policyd-internal.h"
#include "milter/services.h"
#include "policy/delegation.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/loop.h"

#define CONNECTIONS_MAX 10000
/* Descriptors for everything that is no connection of any door. */
#define RESERVE 128

/* Postfix drops a connection that was idle for 300 s, and any after 1000 s
 * (smtpd_policy_service_max_idle and _max_ttl): the client's limits come
 * first, so that it never meets one we have just closed. */
#define IDLE_MS (1200 * 1000)
/* From the first byte of a request to its last, and for taking an answer:
 * as long as Postfix waits (smtpd_policy_service_timeout). */
#define BUSY_MS (100 * 1000)
#define FORGET_MS (330 * 1000)
#define SWEEP_MS 5000

/* A request of Postfix has less than 1 KiB. What one piece asks for is
 * answered before more is read. */
#define READ_CHUNK 4096
#define OUT_MAX (128 * 1024)

#define ACCEPTS_MAX 16
/* After running out of descriptors a listener rests this long. */
#define ACCEPT_PAUSE_MS 1000
#define TROUBLE_MS 10000

struct conn {
	struct policyd *policyd;
	struct conn *prev, *next;	/* longest without a request first */
	int fd;
	bool eof;		/* the peer sends no more */
	struct loop_io *io;
	int64_t deadline;	/* monotonic ms */
	struct delegation *reader;	/* NULL: between requests */
	struct buf out;		/* what the peer has not taken yet */
	size_t sent;		/* bytes of it that it has */
	struct policyd_message message;
};

struct listener {
	struct policyd *policyd;
	struct listener *next;
	int fd;
	const char *address;
	struct loop_io *io;
	struct loop_timer *pause;
};

struct policyd {
	struct loop *loop;
	struct policyd_judge judge;
	struct listener *listeners;
	struct conn *first, *last;
	unsigned conns_n, conns_max;
	struct loop_timer *sweep;
	struct delegation *spare;	/* a reader nobody uses now */
	struct buf answers;	/* to what was just read */
	uint64_t requests, malformed, dropped;
	struct policyd_notice on_malformed, on_full, on_descriptors;
};

/* ---- the list of connections ------------------------------------------- */

static void list_add(struct conn *c)
{
	struct policyd *p = c->policyd;

	c->next = NULL;
	c->prev = p->last;
	*(p->last ? &p->last->next : &p->first) = c;
	p->last = c;
	p->conns_n++;
}

static void list_remove(struct conn *c)
{
	struct policyd *p = c->policyd;

	*(c->prev ? &c->prev->next : &p->first) = c->next;
	*(c->next ? &c->next->prev : &p->last) = c->prev;
	p->conns_n--;
}

static void set_deadline(struct conn *c, int64_t ms)
{
	c->deadline = clock_mono_ms() + ms;
}

/* ---- one connection ---------------------------------------------------- */

/* A request begins: take the reader that is free, or make one. */
static bool begin_request(struct conn *c)
{
	struct policyd *p = c->policyd;

	c->reader = p->spare ? p->spare : delegation_new();
	p->spare = NULL;
	set_deadline(c, BUSY_MS);
	return c->reader != NULL;
}

/* A request is over: an idle connection keeps nothing of it. */
static void end_request(struct conn *c)
{
	struct policyd *p = c->policyd;

	if (!p->spare && c->reader) {
		delegation_reset(c->reader);
		p->spare = c->reader;
	} else {
		delegation_free(c->reader);
	}
	c->reader = NULL;
}

static void conn_free(struct conn *c)
{
	list_remove(c);
	loop_io_free(c->io);
	close(c->fd);
	end_request(c);
	policyd_message_clear(&c->message);
	buf_clear(&c->out);
	free(c);
}

static struct conn *conn_new(struct policyd *p, int fd, loop_io_fn *fn)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->io = loop_io_new(p->loop, fd, LOOP_READ, fn, c);
	if (!c->io) {
		free(c);
		return NULL;
	}
	c->policyd = p;
	c->fd = fd;
	buf_init(&c->out, OUT_MAX);
	set_deadline(c, IDLE_MS);
	list_add(c);
	return c;
}

static size_t conn_unsent(const struct conn *c)
{
	return c->out.len - c->sent;
}

static bool is_soft(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Send what the peer takes of data; -1 when it is gone. */
static ssize_t send_some(const struct conn *c, const char *data, size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 && is_soft(errno) ? 0 : n;
}

/* Send the answers just made, and keep what the peer does not take. */
static bool send_answers(struct conn *c, const struct buf *answers)
{
	ssize_t n;

	if (!answers->len)
		return true;
	n = send_some(c, answers->data, answers->len);
	if (n < 0)
		return false;
	if ((size_t)n == answers->len)
		return true;
	buf_add(&c->out, answers->data + n, answers->len - (size_t)n);
	set_deadline(c, BUSY_MS);
	return !c->out.failed;
}

/* Send more of what was kept. */
static bool conn_flush(struct conn *c)
{
	ssize_t n = send_some(c, c->out.data + c->sent, conn_unsent(c));

	if (n < 0)
		return false;
	c->sent += (size_t)n;
	if (conn_unsent(c))
		return true;
	buf_clear(&c->out);
	c->sent = 0;
	set_deadline(c, c->reader ? BUSY_MS : IDLE_MS);
	return true;
}

/* Say why a connection is closed without an answer (PF-PD-08). */
static void log_malformed(struct policyd *p, const char *why)
{
	unsigned silent;

	p->malformed++;
	counter_add(&services_counters(p->judge.services)->trouble, 1);
	if (!policyd_notice_due(&p->on_malformed, TROUBLE_MS, &silent))
		return;
	log_warn("policy", "a malformed request (%s): closing the connection "
	    "without an answer; %u more since the last such line", why,
	    silent);
}

/* The request is whole: answer it. */
static bool conn_answer(struct conn *c)
{
	struct policyd *p = c->policyd;
	size_t before = p->answers.len;
	bool ok = policyd_answer(&p->judge, &c->message, c->reader,
	    &p->answers);

	if (!ok)	/* half an answer is worse than none */
		buf_cut(&p->answers, before);
	p->requests++;
	end_request(c);
	list_remove(c);
	list_add(c);
	set_deadline(c, IDLE_MS);
	if (!ok)
		log_malformed(p, "no memory for the answer");
	return ok;
}

/* Take up what has arrived; false when the connection must end. */
static bool conn_feed(struct conn *c, const char *data, size_t len)
{
	enum delegation_progress progress;
	size_t used;

	for (; len; data += used, len -= used) {
		if (!c->reader && !begin_request(c)) {
			log_malformed(c->policyd, "no memory for it");
			return false;
		}
		progress = delegation_feed(c->reader, data, len, &used);
		if (progress == DELEGATION_MALFORMED) {
			log_malformed(c->policyd,
			    delegation_error(c->reader));
			return false;
		}
		if (progress == DELEGATION_DONE && !conn_answer(c))
			return false;
	}
	return true;
}

/* What was answered before the trouble began is still sent. */
static bool conn_read(struct conn *c)
{
	struct policyd *p = c->policyd;
	char chunk[READ_CHUNK];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	bool ok;

	if (n < 0)
		return is_soft(errno);
	if (n == 0) {
		c->eof = true;
		if (c->reader)
			log_malformed(p, "it ends in the middle");
		return conn_unsent(c) > 0;
	}
	buf_reset(&p->answers);
	ok = conn_feed(c, chunk, (size_t)n);
	return send_answers(c, &p->answers) && ok;
}

/* More is read only when all is answered, so that a peer that does not read
 * makes nobody else pay. */
static void on_conn(void *arg, int fd, unsigned events)
{
	struct conn *c = arg;
	bool ok = true;

	(void)fd;
	if (events & LOOP_WRITE)
		ok = conn_flush(c);
	else if (events & LOOP_READ)
		ok = conn_read(c);
	if (!ok || (c->eof && !conn_unsent(c))) {
		conn_free(c);
		return;
	}
	loop_io_set(c->io, conn_unsent(c) ? LOOP_WRITE : LOOP_READ);
}

/* ---- limits ------------------------------------------------------------ */

/* Postfix waits 300 s for the client's next command (smtpd_timeout): what
 * was remembered of a message is of no use after that, and must not keep an
 * old configuration in memory. */
static void forget_message(struct conn *c, int64_t now)
{
	if (c->message.conf && !c->reader &&
	    c->deadline - now < IDLE_MS - FORGET_MS)
		policyd_message_clear(&c->message);
}

void policyd_sweep(struct policyd *p, int64_t now)
{
	struct conn *c, *next;

	for (c = p->first; c; c = next) {
		next = c->next;
		forget_message(c, now);
		if (now < c->deadline)
			continue;
		if (c->reader)
			log_malformed(p, "it does not end");
		p->dropped++;
		conn_free(c);
	}
}

static void on_sweep(void *arg)
{
	struct policyd *p = arg;

	policyd_sweep(p, clock_mono_ms());
	if (p->first)
		loop_timer_set(p->sweep, SWEEP_MS);
}

/* Every connection is taken: the one longest without a request has to go,
 * which an idle Postfix does not even notice. */
static void make_room(struct policyd *p)
{
	unsigned silent;

	if (p->conns_n < p->conns_max)
		return;
	conn_free(p->first);
	p->dropped++;
	if (policyd_notice_due(&p->on_full, TROUBLE_MS, &silent))
		log_warn("policy", "%u connections are open, which is the "
		    "limit: closing the one longest idle; %u more since the "
		    "last such line", p->conns_max, silent);
}

/* Half of what the process may open, so that the milter has its share. */
static unsigned connections_max(void)
{
	struct rlimit rl;
	rlim_t half;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return RESERVE;
	half = rl.rlim_cur > 2 * RESERVE ? (rl.rlim_cur - RESERVE) / 2 :
	    RESERVE / 2;
	return half < CONNECTIONS_MAX ? (unsigned)half : CONNECTIONS_MAX;
}

/* ---- listeners --------------------------------------------------------- */

static void on_pause_over(void *arg)
{
	struct listener *l = arg;

	loop_io_set(l->io, LOOP_READ);
}

/* Out of descriptors: the connection stays in the queue for a moment. */
static void rest(struct listener *l)
{
	unsigned silent;

	if (policyd_notice_due(&l->policyd->on_descriptors, TROUBLE_MS,
	    &silent))
		log_warn("policy", "no descriptor left for a connection, "
		    "pausing; %u more since the last such line", silent);
	loop_io_set(l->io, 0);
	loop_timer_set(l->pause, ACCEPT_PAUSE_MS);
}

static void on_accept(void *arg, int listen_fd, unsigned events)
{
	struct listener *l = arg;
	struct policyd *p = l->policyd;

	(void)events;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(listen_fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				rest(l);
			return;
		}
		make_room(p);
		if (!p->first)
			loop_timer_set(p->sweep, SWEEP_MS);
		if (!conn_new(p, fd, on_conn))
			close(fd);
	}
}

bool policyd_listen(struct policyd *p, int fd, const char *address)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return false;
	}
	l->policyd = p;
	l->fd = fd;
	l->address = address;
	l->next = p->listeners;
	p->listeners = l;
	l->pause = loop_timer_new(p->loop, on_pause_over, l);
	l->io = loop_io_new(p->loop, fd, LOOP_READ, on_accept, l);
	return l->pause && l->io;
}

static void listener_free(struct listener *l)
{
	loop_io_free(l->io);
	loop_timer_free(l->pause);
	close(l->fd);
	free(l);
}

/* ---- life -------------------------------------------------------------- */

struct policyd *policyd_new(struct loop *loop, struct services *services)
{
	struct policyd *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->judge.services = services;
	p->conns_max = connections_max();
	buf_init(&p->answers, OUT_MAX);
	p->sweep = loop_timer_new(loop, on_sweep, p);
	if (p->sweep)
		return p;
	policyd_free(p);
	return NULL;
}

void policyd_free(struct policyd *p)
{
	struct listener *l;

	if (!p)
		return;
	while (p->first)
		conn_free(p->first);
	while ((l = p->listeners) != NULL) {
		p->listeners = l->next;
		listener_free(l);
	}
	loop_timer_free(p->sweep);
	delegation_free(p->spare);
	buf_clear(&p->answers);
	free(p);
}

json_t *policyd_status(const struct policyd *p)
{
	json_t *sockets = json_array();

	for (const struct listener *l = p->listeners; l; l = l->next)
		json_array_insert_new(sockets, 0, json_string(l->address));
	return json_pack("{s:o, s:i, s:i, s:I, s:I, s:I}", "sockets", sockets,
	    "connections", (int)p->conns_n, "connections_max",
	    (int)p->conns_max, "requests", (json_int_t)p->requests,
	    "malformed", (json_int_t)p->malformed, "dropped",
	    (json_int_t)p->dropped);
}
