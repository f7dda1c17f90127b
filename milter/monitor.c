/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/monitor.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/background.h"
#include "milter/cmdline.h"
#include "milter/daemonlog.h"
#include "milter/monitor-internal.h"
#include "milter/notify.h"
#include "util/endpoint.h"
#include "util/log.h"
#include "util/loop.h"

/* A frontend that drains needs milliseconds; this is for one that hangs. */
#define STOP_LIMIT_MS 5000
/* Then even a process stuck in the kernel does not keep us. */
#define KILL_LIMIT_MS 1000

struct monitor *monitor_new(const struct cmdline *cmd)
{
	struct monitor *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->cmd = cmd;
	m->bundle_fd = m->lock_fd = m->milter_fd = m->control_fd = -1;
	m->reload.bundle_fd = -1;
	buf_init(&m->milter, 200);
	buf_init(&m->doors, 200 + SOCKETS_MAX * SOCKET_SPEC_SIZE);
	if (cmd->config_file) {
		m->config_file = realpath(cmd->config_file, NULL);
		if (!m->config_file)
			m->config_file = strdup(cmd->config_file);
		if (!m->config_file) {
			free(m);
			return NULL;
		}
	}
	return m;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Close a listener we made, and remove the unix socket with it. */
static void close_listener(int fd, const struct endpoint *ep)
{
	if (fd < 0)
		return;
	close(fd);
	if (ep->kind == ENDPOINT_UNIX)
		unlink(ep->path);
}

static void free_signals(struct monitor *m)
{
	for (size_t i = 0; i < sizeof(m->signals) / sizeof(m->signals[0]); i++)
		loop_signal_free(m->signals[i]);
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	if (m->start) {
		close_listener(m->milter_fd, &m->start->milter);
		close_listener(m->control_fd, &m->start->control);
		sockets_close(&m->sockets);
	}
	children_clear(m);
	reload_clear(m);
	watchfiles_clear(m);
	free_signals(m);
	loop_timer_free(m->stop_limit);
	loop_timer_free(m->verify_limit);
	loop_free(m->loop);
	close_fd(m->bundle_fd);
	close_fd(m->lock_fd);
	conf_unref(m->start);
	conf_unref(m->conf);
	buf_clear(&m->milter);
	buf_clear(&m->doors);
	free(m->config_file);
	free(m);
}

void monitor_ready(struct monitor *m)
{
	if (!m->ready) {
		log_notice("monitor", "version %s serves %s", PACKAGE_VERSION,
		    buf_str(&m->doors));
		if (!m->cmd->foreground && !notify_wanted())
			daemonlog_set_stderr(false);
		background_ready();
	}
	m->ready = true;
	notify_send("READY=1\nSTATUS=Serving %.800s", buf_str(&m->doors));
}

/* Children that were killed and forgotten count until they are gone. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ||
	    errno != ECHILD;
}

static void check_stopped(struct monitor *m)
{
	if (m->stopping && !has_children())
		loop_stop(m->loop);
}

void monitor_stop(struct monitor *m, int status)
{
	if (m->stopping)
		return;
	m->stopping = true;
	m->status = status;
	notify_send("STOPPING=1\nSTATUS=Stopping");
	loop_timer_set(m->stop_limit, STOP_LIMIT_MS);
	children_drain(m);
	check_stopped(m);
}

static void on_stop_limit(void *arg)
{
	struct monitor *m = arg;

	if (!m->frontend.pid || m->killed) {
		loop_stop(m->loop);
		return;
	}
	log_warn("monitor", "the frontend does not end, killing it");
	m->killed = true;
	children_kill(m);
	loop_timer_set(m->stop_limit, KILL_LIMIT_MS);
}

static void on_terminate(void *arg, int signo)
{
	log_notice("monitor", "stopping on signal %d", signo);
	monitor_stop(arg, EX_OK);
}

static void on_hangup(void *arg, int signo)
{
	(void)signo;
	reload_start(arg, false);
}

static void on_child(void *arg, int signo)
{
	struct monitor *m = arg;
	int status;
	pid_t pid;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->verify_pid)
			damage_checked(m, status);
		else
			children_ended(m, pid, status);
	}
	check_stopped(m);
}

static bool init_loop(struct monitor *m)
{
	static const struct {
		int signo;
		loop_signal_fn *fn;
	} wanted[] = {
		{ SIGTERM, on_terminate }, { SIGINT, on_terminate },
		{ SIGHUP, on_hangup }, { SIGCHLD, on_child },
	};

	m->loop = loop_new();
	if (!m->loop)
		return false;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		m->signals[i] = loop_signal_new(m->loop, wanted[i].signo,
		    wanted[i].fn, m);
		if (!m->signals[i])
			return false;
	}
	m->stop_limit = loop_timer_new(m->loop, on_stop_limit, m);
	return m->stop_limit && children_init(m) && reload_init(m) &&
	    damage_init(m) && watchfiles_init(m);
}

int monitor_serve(struct monitor *m)
{
	if (!init_loop(m)) {
		log_err("monitor", "out of memory or descriptors at start");
		return EX_OSERR;
	}
	watchfiles_set(m);
	children_start(m);
	if (!m->stopping)
		loop_run(m->loop);
	log_notice("monitor", "stopped");
	return m->status;
}
