/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/cmdline.h"
#include "milter/monitor-internal.h"
#include "milter/notify.h"
#include "milter/proto.h"
#include "milter/wire.h"
#include "util/chan.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/pack.h"

/* How long a child that hung up may take to end by itself. */
#define END_MS 1000

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- messages of the children ------------------------------------------ */

/* The answer to an offer, or the news that the frontend serves. */
static void on_ready(struct monitor *m, const void *data, size_t len)
{
	struct unpack u;
	uint32_t number;

	unpack_init(&u, data, len);
	number = len ? unpack_u32(&u) : 0;
	if (!unpack_ok(&u))
		return;
	if (number) {
		reload_accepted(m, number);
		return;
	}
	m->frontend.serving = true;
	monitor_ready(m);
	reload_resume(m);
}

static void on_refused(struct monitor *m, const void *data, size_t len)
{
	struct unpack u;
	uint32_t number;
	const char *why;

	unpack_init(&u, data, len);
	number = unpack_u32(&u);
	why = unpack_str(&u);
	if (unpack_ok(&u))
		reload_refused(m, number, why);
}

static void on_frontend_message(void *arg, unsigned type, const void *data,
    size_t len, int passfd)
{
	struct monitor *m = ((struct child *)arg)->monitor;

	close_fd(passfd);
	if (type == MSG_READY)
		on_ready(m, data, len);
	else if (type == MSG_REFUSED)
		on_refused(m, data, len);
	else if (type == MSG_RELOAD)
		reload_start(m, true);
}

/* The resolver reads what strangers wrote: nothing it says is acted upon. */
static void on_resolver_message(void *arg, unsigned type, const void *data,
    size_t len, int passfd)
{
	(void)arg;
	(void)type;
	(void)data;
	(void)len;
	close_fd(passfd);
}

/* Without its channel a child cannot be led any more. As a rule it is just
 * ending, and its status tells why: do not hide that behind a signal. */
static void on_dead(void *arg)
{
	struct child *c = arg;

	wire_free(c->wire);
	c->wire = NULL;
	if (c->pid)
		loop_timer_set(c->end, END_MS);
}

static void on_end_limit(void *arg)
{
	struct child *c = arg;

	if (c->pid)
		kill(c->pid, SIGKILL);
}

/* ---- starting ---------------------------------------------------------- */

/* Start a child. The caller fills in fds from the third on: the first two
 * are its channel to us and the configuration. */
static bool spawn(struct child *c, const char *title,
    struct child_fd *fds, size_t fds_n)
{
	struct monitor *m = c->monitor;
	struct child_args args = {
		.config_file = m->config_file,
		.state_dir = m->start->state_dir,
		.milter = buf_str(&m->milter),
		.sockets_n = m->sockets.n,
		.cache_size = m->start->cache_size,
		.history_size = m->start->history_size,
		.foreground = m->cmd->foreground || notify_wanted(),
		.verbose = m->cmd->verbose,
	};
	struct buf err;
	int pair[2];

	for (size_t i = 0; i < m->sockets.n; i++)
		args.sockets[i] = m->sockets.v[i].spec;
	buf_init(&err, 200);
	if (chan_pair(pair) != 0) {
		log_err("monitor", "%s: cannot make a channel: %s", c->name,
		    strerror(errno));
		return false;
	}
	fds[0] = (struct child_fd){ pair[1], FD_CONTROL_CHANNEL };
	fds[1] = (struct child_fd){ m->bundle_fd, FD_CONFIG };
	c->pid = child_spawn(title, &args, fds, fds_n, &err);
	c->started = clock_mono_ms();
	c->serving = false;
	close(pair[1]);
	if (c->pid < 0) {
		log_err("monitor", "%s: %s", c->name, buf_str(&err));
		close(pair[0]);
		c->pid = 0;
	} else {
		c->wire = wire_new(m->loop, pair[0], c == &m->frontend ?
		    &(struct wire_handler){ on_frontend_message, on_dead, c } :
		    &(struct wire_handler){ on_resolver_message, on_dead, c });
		if (!c->wire)
			kill(c->pid, SIGKILL);
	}
	buf_clear(&err);
	return c->pid > 0;
}

/* Try again later; a child that died counts how long it lived. */
static void restart_later(struct child *c, int64_t lived_ms)
{
	c->delay = child_restart_delay(lived_ms, c->delay);
	loop_timer_set(c->restart, c->delay);
}

static void start_resolver(struct monitor *m, int peer_fd)
{
	struct child_fd fds[3] = { [2] = { peer_fd, FD_PEER } };

	loop_timer_set(m->resolver.restart, -1);
	if (!spawn(&m->resolver, CHILD_RESOLVER, fds, 3))
		restart_later(&m->resolver, 0);
}

/* Start the frontend and the resolver with it. */
static void start_frontend(struct monitor *m)
{
	struct child_fd fds[6 + SOCKETS_MAX] = {
		[2] = { -1, FD_PEER },
		[3] = { m->milter_fd, FD_MILTER },
		[4] = { m->control_fd, FD_CONTROL },
		[5] = { m->lock_fd, FD_LOCK },
	};
	bool started;
	int pair[2];

	if (chan_pair(pair) != 0) {
		restart_later(&m->frontend, 0);
		return;
	}
	fds[2].fd = pair[0];
	for (size_t i = 0; i < m->sockets.n; i++)
		fds[6 + i] = (struct child_fd){ m->sockets.v[i].fd,
			FD_SOCKETS + (int)i };
	started = spawn(&m->frontend, CHILD_FRONTEND, fds,
	    6 + m->sockets.n);
	close(pair[0]);
	if (!started)
		restart_later(&m->frontend, 0);
	else
		start_resolver(m, pair[1]);
	close(pair[1]);
}

/* A new resolver for a frontend that runs. */
static void rejoin(struct monitor *m)
{
	int pair[2];

	if (!m->frontend.wire)
		return;
	if (chan_pair(pair) != 0) {
		restart_later(&m->resolver, 0);
		return;
	}
	start_resolver(m, pair[1]);
	if (!wire_send(m->frontend.wire, MSG_RESOLVER_FD, NULL, 0, pair[0]))
		log_warn("monitor", "the frontend does not take the new "
		    "resolver");
	close(pair[0]);
	close(pair[1]);
}

static void on_restart_frontend(void *arg)
{
	start_frontend(((struct child *)arg)->monitor);
}

static void on_restart_resolver(void *arg)
{
	rejoin(((struct child *)arg)->monitor);
}

/* ---- ending ------------------------------------------------------------ */

/* Kill a child and forget it; its end is reaped without a word. */
static void retire(struct child *c)
{
	loop_timer_set(c->restart, -1);
	loop_timer_set(c->end, -1);
	wire_free(c->wire);
	c->wire = NULL;
	if (c->pid)
		kill(c->pid, SIGKILL);
	c->pid = 0;
}

static void log_end(const struct child *c, pid_t pid, int status)
{
	struct buf text;

	buf_init(&text, 200);
	child_describe_end(status, &text);
	if (c->delay)
		buf_addf(&text, "; starting it again in %lld ms",
		    (long long)c->delay);
	else
		buf_adds(&text, "; starting it again");
	log_err("monitor", "the %s (pid %d) %s", c->name, (int)pid,
	    buf_str(&text));
	buf_clear(&text);
}

/* True when a frontend that was never ready says that it cannot be. */
static bool is_hopeless(const struct monitor *m, int status)
{
	return !m->ready && WIFEXITED(status) && (
	    WEXITSTATUS(status) == EX_CONFIG ||
	    WEXITSTATUS(status) == EX_UNAVAILABLE ||
	    WEXITSTATUS(status) == EX_OSERR);
}

/* The resolver's peer is gone with the frontend: it is replaced as well. */
static void frontend_ended(struct monitor *m, pid_t pid, int64_t lived,
    int status)
{
	retire(&m->resolver);
	reload_frontend_ended(m);
	if (m->stopping)
		return;
	if (is_hopeless(m, status)) {
		log_err("monitor", "the frontend cannot start, giving up");
		monitor_stop(m, WEXITSTATUS(status));
		return;
	}
	m->frontend.delay = child_restart_delay(lived, m->frontend.delay);
	log_end(&m->frontend, pid, status);
	if (!damage_suspected(m, status))
		loop_timer_set(m->frontend.restart, m->frontend.delay);
}

void children_ended(struct monitor *m, pid_t pid, int status)
{
	struct child *c = pid == m->frontend.pid ? &m->frontend :
	    pid == m->resolver.pid ? &m->resolver : NULL;
	int64_t lived;

	if (!c)
		return;
	lived = clock_mono_ms() - c->started;
	loop_timer_set(c->end, -1);
	wire_free(c->wire);
	c->wire = NULL;
	c->pid = 0;
	if (c == &m->frontend) {
		frontend_ended(m, pid, lived, status);
	} else {
		restart_later(c, lived);
		log_end(c, pid, status);
	}
}

/* ---- for the other files ----------------------------------------------- */

static bool init_child(struct monitor *m, struct child *c, const char *name,
    loop_timer_fn *restart)
{
	*c = (struct child){ .monitor = m, .name = name };
	c->restart = loop_timer_new(m->loop, restart, c);
	c->end = loop_timer_new(m->loop, on_end_limit, c);
	return c->restart && c->end;
}

bool children_init(struct monitor *m)
{
	bool frontend = init_child(m, &m->frontend, "frontend",
	    on_restart_frontend);
	bool resolver = init_child(m, &m->resolver, "resolver",
	    on_restart_resolver);

	return frontend && resolver;
}

static void clear_child(struct child *c)
{
	wire_free(c->wire);
	loop_timer_free(c->restart);
	loop_timer_free(c->end);
}

void children_clear(struct monitor *m)
{
	clear_child(&m->frontend);
	clear_child(&m->resolver);
}

void children_start(struct monitor *m)
{
	start_frontend(m);
}

void children_replace_resolver(struct monitor *m)
{
	retire(&m->resolver);
	m->resolver.delay = 0;
	rejoin(m);
}

void children_drain(struct monitor *m)
{
	retire(&m->resolver);
	if (m->verify_pid)
		kill(-m->verify_pid, SIGKILL);
	loop_timer_set(m->frontend.restart, -1);
	if (m->frontend.pid && (!m->frontend.wire ||
	    !wire_send(m->frontend.wire, MSG_DRAIN, NULL, 0, -1)))
		kill(m->frontend.pid, SIGKILL);
}

void children_kill(struct monitor *m)
{
	if (m->frontend.pid)
		kill(m->frontend.pid, SIGKILL);
}
