/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/control-internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/control.h"
#include "milter/historian.h"
#include "milter/services.h"
#include "util/log.h"
#include "util/loop.h"

#define CONNECTIONS_MAX 32
#define IDLE_MS (5 * 60 * 1000)
/* A list is produced while less than this waits for the peer. */
#define ROOM 65536
/* One answer above that, and the end of a list. */
#define OUT_MAX (ROOM + 2 * CONTROL_LINE_MAX)
#define READ_CHUNK 16384
/* After running out of descriptors the listener rests this long. */
#define ACCEPT_PAUSE_MS 1000

/*
 * Where other threads leave what has ended, for the loop's thread. It lives
 * as long as somebody may still ring: questions that outlive the control
 * socket each hold a reference.
 */
struct bell {
	pthread_mutex_t lock;
	unsigned refs;
	int fd;
	struct finished *list;	/* newest first */
};

struct finished {
	struct finished *next;
	struct bell *bell;
	uint64_t job;
	bool ok;
	char *domain;
	char *text;
};

struct conn {
	struct control *control;
	struct conn *next;
	int fd;
	struct loop_io *io;
	struct loop_timer *idle;
	struct control_lines lines;
	struct buf out;
	size_t sent;		/* bytes of out the peer has */
	bool eof;		/* the peer sends no more */
	bool dead;
	struct job job;
};

struct control {
	struct loop *loop;
	struct services *services;
	int fd;
	struct loop_io *accept_io;
	struct loop_timer *accept_timer;
	struct conn *conns;
	unsigned conns_n;
	uint64_t last_job;
	struct bell *bell;
	struct loop_io *bell_io;
};

/* ---- the bell ---------------------------------------------------------- */

static struct bell *bell_new(void)
{
	struct bell *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0) {
		free(b);
		return NULL;
	}
	pthread_mutex_init(&b->lock, NULL);
	b->refs = 1;
	return b;
}

static void finished_free(struct finished *f)
{
	free(f->domain);
	free(f->text);
	free(f);
}

static void bell_unref(struct bell *b)
{
	struct finished *f;
	bool last;

	pthread_mutex_lock(&b->lock);
	last = --b->refs == 0;
	pthread_mutex_unlock(&b->lock);
	if (!last)
		return;
	while ((f = b->list) != NULL) {
		b->list = f->next;
		finished_free(f);
	}
	close(b->fd);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* A learner_done_fn, historian_done_fn and services_reload_fn; any thread. */
static void bell_ring(void *arg, bool ok, const char *text)
{
	static const uint64_t one = 1;
	struct finished *f = arg;
	struct bell *b = f->bell;
	ssize_t n;

	f->ok = ok;
	f->text = strdup(text ? text : "");
	pthread_mutex_lock(&b->lock);
	f->next = b->list;
	b->list = f;
	pthread_mutex_unlock(&b->lock);
	/* It can only fail by being full, and then it has rung. */
	n = write(b->fd, &one, sizeof(one));
	(void)n;
	bell_unref(b);
}

/* What has ended since the last call, oldest first. */
static struct finished *bell_take(struct bell *b)
{
	struct finished *f, *list = NULL;
	uint64_t count;
	ssize_t n;

	n = read(b->fd, &count, sizeof(count));
	(void)n;
	pthread_mutex_lock(&b->lock);
	while ((f = b->list) != NULL) {
		b->list = f->next;
		f->next = list;
		list = f;
	}
	pthread_mutex_unlock(&b->lock);
	return list;
}

static struct finished *finished_new(struct conn *conn, const char *domain)
{
	struct finished *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->job = conn->job.id;
	f->bell = conn->control->bell;
	f->domain = strdup(domain);
	if (!f->domain) {
		free(f);
		return NULL;
	}
	pthread_mutex_lock(&f->bell->lock);
	f->bell->refs++;
	pthread_mutex_unlock(&f->bell->lock);
	return f;
}

static void finished_cancel(struct finished *f)
{
	bell_unref(f->bell);
	finished_free(f);
}

bool conn_ask(struct conn *conn, enum learner_op op, const char *domain,
    const void *data, size_t len)
{
	struct finished *f = finished_new(conn, domain);

	if (!f)
		return false;
	if (!learner_call(services_learner(conn->control->services), op,
	    domain, data, len, bell_ring, f)) {
		finished_cancel(f);
		return false;
	}
	conn->job.pending++;
	return true;
}

bool conn_reload(struct conn *conn)
{
	struct finished *f = finished_new(conn, "");

	if (!f)
		return false;
	if (!services_reload(conn->control->services, bell_ring, f)) {
		finished_cancel(f);
		return false;
	}
	conn->job.pending++;
	return true;
}

bool conn_forget(struct conn *conn, const char *domain, const char *network)
{
	struct finished *f = finished_new(conn, domain ? domain : "");

	if (!f)
		return false;
	if (!historian_forget(services_historian(conn->control->services),
	    domain, network, bell_ring, f)) {
		finished_cancel(f);
		return false;
	}
	conn->job.pending++;
	return true;
}

/* ---- one connection ---------------------------------------------------- */

struct services *conn_services(struct conn *conn)
{
	return conn->control->services;
}

struct job *conn_job(struct conn *conn)
{
	return &conn->job;
}

static size_t conn_unsent(const struct conn *conn)
{
	return conn->out.len - conn->sent;
}

bool conn_has_room(const struct conn *conn)
{
	return !conn->dead && conn_unsent(conn) < ROOM;
}

void conn_answer(struct conn *conn, json_t *object)
{
	if (!object || !control_encode(object, &conn->out))
		conn->dead = true;
	json_decref(object);
}

void conn_refuse(struct conn *conn, const char *text)
{
	conn_answer(conn, control_error(text));
}

struct job *conn_begin_job(struct conn *conn, json_t *request)
{
	conn->job = (struct job){ .id = ++conn->control->last_job,
	    .request = json_incref(request) };
	return &conn->job;
}

void conn_end_job(struct conn *conn)
{
	json_decref(conn->job.request);
	conn->job = (struct job){ 0 };
}

static void conn_free(struct conn *conn)
{
	struct conn **p = &conn->control->conns;

	while (*p != conn)
		p = &(*p)->next;
	*p = conn->next;
	conn->control->conns_n--;
	conn_end_job(conn);
	loop_io_free(conn->io);
	loop_timer_free(conn->idle);
	close(conn->fd);
	control_lines_clear(&conn->lines);
	buf_clear(&conn->out);
	free(conn);
}

static bool is_soft(int error)
{
	return error == EAGAIN || error == EINTR;
}

static void conn_flush(struct conn *conn)
{
	ssize_t n;

	if (conn->dead || conn_unsent(conn) == 0)
		return;
	n = send(conn->fd, conn->out.data + conn->sent, conn_unsent(conn),
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && !is_soft(errno))
		conn->dead = true;
	if (n <= 0)
		return;
	conn->sent += (size_t)n;
	loop_timer_set(conn->idle, IDLE_MS);
	if (conn_unsent(conn) == 0 || conn->sent > ROOM) {
		memmove(conn->out.data, conn->out.data + conn->sent,
		    conn_unsent(conn));
		buf_cut(&conn->out, conn_unsent(conn));
		conn->sent = 0;
	}
}

/* A peer that closed its whole end hears no answer; one that only said its
 * last may wait for one. */
static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);
}

static void conn_read(struct conn *conn)
{
	char chunk[READ_CHUNK];
	ssize_t n = recv(conn->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && is_soft(errno))
		return;
	if (n <= 0) {
		conn->eof = true;
		conn->dead = n < 0 || has_hung_up(conn->fd);
		return;
	}
	loop_timer_set(conn->idle, IDLE_MS);
	if (!control_lines_add(&conn->lines, chunk, (size_t)n))
		conn->dead = true;
}

/* Take up the next request, if one has arrived. */
static bool conn_next_request(struct conn *conn)
{
	const char *line;
	json_t *request;
	struct buf err;
	size_t len;

	line = control_lines_next(&conn->lines, &len);
	if (!line) {
		conn->dead |= conn->lines.in.failed;
		return false;
	}
	buf_init(&err, 500);
	request = control_decode(line, len, &err);
	if (request)
		control_command(conn, request);
	else
		conn_refuse(conn, buf_str(&err));
	json_decref(request);
	buf_clear(&err);
	return true;
}

/* While a job waits for others, the peer is listened to, so that one that
 * leaves is noticed; but not without limit. */
static bool wants_read(const struct conn *conn)
{
	const struct job *job = &conn->job;

	return !conn->eof && (!job->id ||
	    (!job->step && conn->lines.in.len < ROOM));
}

/* Do a little, then say what to wait for; frees a connection that ended. */
static void conn_work(struct conn *conn)
{
	struct job *job = &conn->job;
	unsigned events = 0;
	bool again = false;

	conn_flush(conn);
	if (job->id && job->step && conn_has_room(conn))
		job->step(conn);
	else if (!job->id && conn_has_room(conn))
		again = conn_next_request(conn);
	if (conn->dead || (conn->eof && !job->id && !again &&
	    conn_unsent(conn) == 0)) {
		conn_free(conn);
		return;
	}
	if (!again && wants_read(conn))
		events |= LOOP_READ;
	/* A job without a step waits for the bell, not for the socket. */
	if (conn_unsent(conn) > 0 || again || (job->id && job->step))
		events |= LOOP_WRITE;
	loop_io_set(conn->io, events);
}

static void on_conn(void *arg, int fd, unsigned events)
{
	struct conn *conn = arg;

	(void)fd;
	if (events & LOOP_READ)
		conn_read(conn);
	conn_work(conn);
}

/* A job that waits for the network may last; a peer that neither asks nor
 * reads may not. */
static void on_idle(void *arg)
{
	struct conn *conn = arg;

	if (conn->job.pending > 0 && conn_unsent(conn) == 0)
		loop_timer_set(conn->idle, IDLE_MS);
	else
		conn_free(conn);
}

static struct conn *conn_new(struct control *c, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->io = loop_io_new(c->loop, fd, LOOP_READ, on_conn, conn);
	conn->idle = loop_timer_new(c->loop, on_idle, conn);
	if (!conn->io || !conn->idle) {
		loop_io_free(conn->io);
		loop_timer_free(conn->idle);
		free(conn);
		return NULL;
	}
	conn->control = c;
	conn->fd = fd;
	control_lines_init(&conn->lines);
	buf_init(&conn->out, OUT_MAX);
	loop_timer_set(conn->idle, IDLE_MS);
	conn->next = c->conns;
	c->conns = conn;
	c->conns_n++;
	return conn;
}

/* ---- the socket -------------------------------------------------------- */

static void on_bell(void *arg, int fd, unsigned events)
{
	struct control *c = arg;
	struct finished *f, *next;

	(void)fd;
	(void)events;
	for (f = bell_take(c->bell); f; f = next) {
		struct conn *conn = c->conns;

		next = f->next;
		while (conn && conn->job.id != f->job)
			conn = conn->next;
		if (conn) {
			conn->job.pending--;
			conn->job.done(conn, f->domain, f->ok,
			    f->text ? f->text : "");
			conn_work(conn);
		}
		finished_free(f);
	}
}

static void on_accept_pause_over(void *arg)
{
	struct control *c = arg;

	loop_io_set(c->accept_io, LOOP_READ);
}

static void on_accept(void *arg, int listen_fd, unsigned events)
{
	static const char full[] =
	    "{\"ok\":false,\"error\":\"too many connections\"}\n";
	struct control *c = arg;
	int fd;

	(void)events;
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		log_warn("control", "no descriptor left for a connection, "
		    "pausing");
		loop_io_set(c->accept_io, 0);
		loop_timer_set(c->accept_timer, ACCEPT_PAUSE_MS);
	}
	if (fd < 0)
		return;
	if (c->conns_n < CONNECTIONS_MAX && conn_new(c, fd))
		return;
	send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

struct control *control_new(struct loop *loop, struct services *services,
    int listen_fd)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = loop;
	c->services = services;
	c->fd = listen_fd;
	c->bell = bell_new();
	if (c->bell)
		c->bell_io = loop_io_new(loop, c->bell->fd, LOOP_READ,
		    on_bell, c);
	c->accept_timer = loop_timer_new(loop, on_accept_pause_over, c);
	c->accept_io = loop_io_new(loop, listen_fd, LOOP_READ, on_accept, c);
	if (c->bell_io && c->accept_timer && c->accept_io)
		return c;
	control_free(c);
	return NULL;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	while (c->conns)
		conn_free(c->conns);
	loop_io_free(c->accept_io);
	loop_timer_free(c->accept_timer);
	loop_io_free(c->bell_io);
	if (c->bell)
		bell_unref(c->bell);
	close(c->fd);
	free(c);
}
