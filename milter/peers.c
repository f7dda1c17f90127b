/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/peers.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/loop.h"

#define CONNECTIONS_MAX 10000
/* Descriptors for everything that is no connection of any door. */
#define RESERVE 128
/* What one piece asks for is answered before more is read. */
#define READ_CHUNK 4096
#define SWEEP_MS 5000
#define ACCEPTS_MAX 16
/* After running out of descriptors a listener rests this long. */
#define ACCEPT_PAUSE_MS 1000
#define TROUBLE_MS 10000

struct listener {
	struct peers *peers;
	struct listener *next;
	int fd;
	const char *address;
	struct loop_io *io;
	struct loop_timer *pause;
};

struct peers {
	struct loop *loop;
	const struct peers_door *door;
	void *arg;
	struct listener *listeners;
	struct peer *first, *last;
	unsigned n, max;
	struct loop_timer *sweep;
	struct buf answers;	/* to what was just read */
	uint64_t dropped;
	struct notice on_full, on_descriptors;
};

/* ---- the list of connections ------------------------------------------- */

static void list_add(struct peer *peer)
{
	struct peers *p = peer->peers;

	peer->next = NULL;
	peer->prev = p->last;
	*(p->last ? &p->last->next : &p->first) = peer;
	p->last = peer;
	p->n++;
}

static void list_remove(struct peer *peer)
{
	struct peers *p = peer->peers;

	*(peer->prev ? &peer->prev->next : &p->first) = peer->next;
	*(peer->next ? &peer->next->prev : &p->last) = peer->prev;
	p->n--;
}

static void set_deadline(struct peer *peer, int64_t ms)
{
	peer->deadline = clock_mono_tick_ms() + ms;
}

void peer_begins(struct peer *peer)
{
	set_deadline(peer, peer->peers->door->busy_ms);
}

void peer_rests(struct peer *peer)
{
	list_remove(peer);
	list_add(peer);
	set_deadline(peer, peer->peers->door->idle_ms);
}

int64_t peer_time_left(const struct peer *peer, int64_t now)
{
	return peer->deadline - now;
}

/* ---- one connection ---------------------------------------------------- */

static void peer_free(struct peer *peer)
{
	list_remove(peer);
	loop_io_free(peer->io);
	close(peer->fd);
	peer->peers->door->clear(peer);
	buf_clear(&peer->out);
	free(peer);
}

static bool peer_new(struct peers *p, int fd, loop_io_fn *fn)
{
	struct peer *peer = calloc(1, p->door->peer_size);

	if (!peer)
		return false;
	peer->io = loop_io_new(p->loop, fd, LOOP_READ, fn, peer);
	if (!peer->io) {
		free(peer);
		return false;
	}
	peer->peers = p;
	peer->fd = fd;
	buf_init(&peer->out, p->door->out_max);
	set_deadline(peer, p->door->idle_ms);
	list_add(peer);
	if (p->door->init)
		p->door->init(peer);
	return true;
}

static size_t unsent(const struct peer *peer)
{
	return peer->out.len - peer->sent;
}

static void watch(struct peer *peer)
{
	if (unsent(peer))
		loop_io_set(peer->io, LOOP_WRITE);
	else
		loop_io_set(peer->io, peer->held || peer->eof ? 0 :
		    LOOP_READ);
}

static bool is_soft(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* Send what the peer takes of data; -1 when it is gone. */
static ssize_t send_some(const struct peer *peer, const char *data,
    size_t len)
{
	ssize_t n = send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 && is_soft(errno) ? 0 : n;
}

/* Send answers, and keep what the peer does not take. */
static bool send_answers(struct peer *peer, const struct buf *answers)
{
	ssize_t n = 0;

	if (answers->failed)
		return false;
	if (!answers->len)
		return true;
	if (!unsent(peer))
		n = send_some(peer, answers->data, answers->len);
	if (n < 0)
		return false;
	if ((size_t)n == answers->len)
		return true;
	buf_add(&peer->out, answers->data + n, answers->len - (size_t)n);
	set_deadline(peer, peer->peers->door->busy_ms);
	return !peer->out.failed;
}

/* Let the door go on as long as it has something and the peer takes it. */
static bool go_on(struct peer *peer)
{
	struct peers *p = peer->peers;
	bool ok = true;

	if (!p->door->more)
		return true;
	do {
		buf_reset(&p->answers);
		ok = p->door->more(peer, &p->answers);
		ok = send_answers(peer, &p->answers) && ok;
	} while (ok && p->answers.len && !unsent(peer));
	return ok;
}

/* Send more of what was kept. */
static bool flush(struct peer *peer)
{
	const struct peers_door *door = peer->peers->door;
	ssize_t n = send_some(peer, peer->out.data + peer->sent,
	    unsent(peer));

	if (n < 0)
		return false;
	peer->sent += (size_t)n;
	if (unsent(peer))
		return true;
	buf_clear(&peer->out);
	peer->sent = 0;
	set_deadline(peer, door->is_busy(peer) ? door->busy_ms :
	    door->idle_ms);
	return go_on(peer);
}

/* What was answered before trouble began is still sent. */
static bool receive(struct peer *peer)
{
	struct peers *p = peer->peers;
	char chunk[READ_CHUNK];
	ssize_t n = recv(peer->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	bool ok;

	if (n < 0)
		return is_soft(errno);
	if (n == 0) {
		peer->eof = true;
		return true;
	}
	buf_reset(&p->answers);
	ok = p->door->take(peer, chunk, (size_t)n, &p->answers);
	ok = send_answers(peer, &p->answers) && ok;
	return ok && (unsent(peer) || !peer->held || go_on(peer));
}

/* After something was done: wait for the next, or end. */
static void settle(struct peer *peer, bool ok)
{
	if (ok && peer->eof && !unsent(peer))
		ok = peer->peers->door->ended(peer);
	if (ok)
		watch(peer);
	else
		peer_free(peer);
}

/* More is read only when all is answered. */
static void on_peer(void *arg, int fd, unsigned events)
{
	struct peer *peer = arg;

	(void)fd;
	if (events & LOOP_WRITE)
		settle(peer, flush(peer));
	else if (events & LOOP_READ)
		settle(peer, receive(peer));
}

void peer_go_on(struct peer *peer)
{
	if (!unsent(peer))
		settle(peer, go_on(peer));
}

/* ---- limits ------------------------------------------------------------ */

void peers_sweep(struct peers *p, int64_t now)
{
	struct peer *peer, *next;

	for (peer = p->first; peer; peer = next) {
		next = peer->next;
		if (p->door->look)
			p->door->look(peer, now);
		if (now < peer->deadline)
			continue;
		if (p->door->expired)
			p->door->expired(peer);
		p->dropped++;
		peer_free(peer);
	}
}

static void on_sweep(void *arg)
{
	struct peers *p = arg;

	peers_sweep(p, clock_mono_ms());
	if (p->first)
		loop_timer_set(p->sweep, SWEEP_MS);
}

/* Every connection is taken: the one longest without a request has to go,
 * which an idle mail server does not even notice. */
static void make_room(struct peers *p)
{
	unsigned silent;

	if (p->n < p->max)
		return;
	peer_free(p->first);
	p->dropped++;
	if (notice_due(&p->on_full, TROUBLE_MS, &silent))
		log_warn(p->door->name, "%u connections are open, which is "
		    "the limit: closing the one longest idle; %u more since "
		    "the last such line", p->max, silent);
}

/* A third of what the process may open, so that the milter and the other
 * door have their share. */
static unsigned connections_max(void)
{
	struct rlimit rl;
	rlim_t share;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return RESERVE;
	share = rl.rlim_cur > 2 * RESERVE ? (rl.rlim_cur - RESERVE) / 3 :
	    RESERVE / 2;
	return share < CONNECTIONS_MAX ? (unsigned)share : CONNECTIONS_MAX;
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
	struct peers *p = l->peers;
	unsigned silent;

	if (notice_due(&p->on_descriptors, TROUBLE_MS, &silent))
		log_warn(p->door->name, "no descriptor left for a "
		    "connection, pausing; %u more since the last such line",
		    silent);
	loop_io_set(l->io, 0);
	loop_timer_set(l->pause, ACCEPT_PAUSE_MS);
}

static void on_accept(void *arg, int listen_fd, unsigned events)
{
	struct listener *l = arg;
	struct peers *p = l->peers;

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
		if (!peer_new(p, fd, on_peer))
			close(fd);
	}
}

bool peers_listen(struct peers *p, int fd, const char *address)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l) {
		close(fd);
		return false;
	}
	l->peers = p;
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

struct peers *peers_new(struct loop *loop, const struct peers_door *door,
    void *arg)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->door = door;
	p->arg = arg;
	p->max = connections_max();
	buf_init(&p->answers, door->out_max);
	p->sweep = loop_timer_new(loop, on_sweep, p);
	if (p->sweep)
		return p;
	peers_free(p);
	return NULL;
}

void *peers_arg(const struct peers *p)
{
	return p->arg;
}

void peers_free(struct peers *p)
{
	struct listener *l;

	if (!p)
		return;
	while (p->first)
		peer_free(p->first);
	while ((l = p->listeners) != NULL) {
		p->listeners = l->next;
		listener_free(l);
	}
	loop_timer_free(p->sweep);
	buf_clear(&p->answers);
	free(p);
}

json_t *peers_status(const struct peers *p)
{
	json_t *sockets = json_array();

	for (const struct listener *l = p->listeners; l; l = l->next)
		json_array_insert_new(sockets, 0, json_string(l->address));
	return json_pack("{s:o, s:i, s:i, s:I}", "sockets", sockets,
	    "connections", (int)p->n, "connections_max", (int)p->max,
	    "dropped", (json_int_t)p->dropped);
}
