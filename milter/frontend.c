/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/frontend.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "check/memorystore.h"
#include "milter/child.h"
#include "milter/control.h"
#include "milter/daemonlog.h"
#include "milter/door.h"
#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/lists.h"
#include "milter/policyd.h"
#include "milter/proto.h"
#include "milter/services-internal.h"
#include "milter/socketmapd.h"
#include "milter/wire.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/endpoint.h"
#include "util/log.h"
#include "util/logring.h"
#include "util/loop.h"
#include "util/pack.h"

#define RING_BYTES (1024 * 1024)
#define FLUSH_MS 500
#define MINUTE_MS 60000
#define ERR_MAX 1000

struct frontend {
	struct child_args args;
	struct services services;
	struct loop *loop;
	struct loop_timer *minute;
	struct control *control;
	struct conf *offered;	/* by MSG_CONFIG, not yet in force */
};

/* ---- the end ----------------------------------------------------------- */

/* Commit, flush, and go without waiting for libmilter, whose threads may
 * still be in callbacks: nothing they use is freed. The loop and libmilter
 * may both want to go; who comes second waits for the end of the process. */
static void leave(struct frontend *f, int status)
{
	static atomic_flag leaving = ATOMIC_FLAG_INIT;

	while (atomic_flag_test_and_set(&leaving))
		pause();
	learner_end(f->services.learner);
	historian_end(f->services.historian);
	logring_flush(f->services.ring, FLUSH_MS);
	_exit(status);
}

/* ---- the monitor's messages -------------------------------------------- */

/* Answer the offer of that number: accept it, or say why not. */
static void answer_offer(struct frontend *f, uint32_t number, const char *why)
{
	struct buf msg;

	buf_init(&msg, ERR_MAX + 100);
	pack_u32(&msg, number);
	if (why)
		pack_str(&msg, why);
	if (!msg.failed)
		wire_send(f->services.monitor, why ? MSG_REFUSED : MSG_READY,
		    msg.data, msg.len, -1);
	buf_clear(&msg);
}

/* The first error among the messages, or a sentence of last resort. */
static const char *first_error(const struct conf_messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].error)
			return m->v[i].text;
	return "the frontend cannot compile the configuration";
}

/* Compile the bundle behind fd, which is closed; NULL with why in err. */
static struct conf *compile(const char *path, int fd, struct buf *err)
{
	struct bundle *bundle = bundle_open(fd, err);
	struct conf_messages messages = { 0 };
	struct conf *c = NULL;

	if (bundle) {
		c = conf_load_bundle(path, bundle, &messages);
		if (!c)
			buf_adds(err, first_error(&messages));
	}
	conf_messages_clear(&messages);
	bundle_free(bundle);
	close(fd);
	return c;
}

static void on_config(struct frontend *f, const void *data, size_t len,
    int fd)
{
	struct unpack u;
	struct buf err;
	const char *path;
	uint32_t number;

	unpack_init(&u, data, len);
	number = unpack_u32(&u);
	path = unpack_str(&u);
	if (!unpack_ok(&u) || fd < 0) {
		if (fd >= 0)
			close(fd);
		return;
	}
	buf_init(&err, ERR_MAX);
	conf_unref(f->offered);
	f->offered = compile(*path ? path : NULL, fd, &err);
	answer_offer(f, number, f->offered ? NULL : buf_str(&err));
	buf_clear(&err);
}

static void on_commit(struct frontend *f)
{
	if (f->offered)
		services_set_conf(&f->services, f->offered);
	f->offered = NULL;
}

static void on_reloaded(struct frontend *f, const void *data, size_t len)
{
	struct unpack u;
	const char *messages;
	bool ok;

	unpack_init(&u, data, len);
	ok = unpack_u8(&u) == 1;
	messages = unpack_str(&u);
	if (unpack_ok(&u))
		services_reloaded(&f->services, ok, messages);
}

static void on_message(void *arg, unsigned type, const void *data,
    size_t len, int passfd)
{
	struct frontend *f = arg;

	if (type == MSG_CONFIG) {
		on_config(f, data, len, passfd);
		return;
	}
	if (type == MSG_RESOLVER_FD && passfd >= 0 && f->services.learner) {
		learner_set_resolver(f->services.learner, passfd);
		return;
	}
	if (passfd >= 0)
		close(passfd);
	if (type == MSG_COMMIT)
		on_commit(f);
	else if (type == MSG_RELOADED)
		on_reloaded(f, data, len);
	else if (type == MSG_DRAIN)
		leave(f, EX_OK);
}

static void on_monitor_gone(void *arg)
{
	leave(arg, EX_OK);
}

static void on_minute(void *arg)
{
	struct frontend *f = arg;

	services_warn_fuses(&f->services);
	services_warn_listeners(&f->services);
	if (!f->services.cache)
		log_err("frontend", "no cache: every policy is unknown");
	if (!f->services.history && f->args.history_size)
		log_err("frontend", "no history: who used TLS before is "
		    "unknown");
	loop_timer_set(f->minute, MINUTE_MS);
}

/* ---- the beginning ----------------------------------------------------- */

/* Inherited descriptors are not for processes we never start, but libraries
 * may: mark them. */
static void mark_fds(void)
{
	for (int fd = FD_CONTROL_CHANNEL; fd < FD_CHILD_END; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* libmilter takes HUP, TERM and INT in a thread of its own; every thread
 * inherits this mask. The monitor leads us, not signals. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int open_conf(struct frontend *f)
{
	struct buf err;
	struct conf *c;

	buf_init(&err, ERR_MAX);
	c = compile(f->args.config_file, FD_CONFIG, &err);
	if (c && !services_init(&f->services, c)) {
		buf_adds(&err, "out of memory");
		c = NULL;
	}
	if (!c)
		log_err("frontend", "%s", buf_str(&err));
	buf_clear(&err);
	return c ? EX_OK : EX_CONFIG;
}

/* libmilter calls syslog(3) itself, under this name too. */
static int open_log(struct frontend *f)
{
	const struct conf *c = f->services.conf;

	daemonlog_open(c->syslog_ident, c->syslog_facility, f->args.verbose);
	openlog(c->syslog_ident, LOG_PID, c->syslog_facility);
	f->services.ring = logring_start(RING_BYTES, daemonlog_sink_patient,
	    NULL);
	if (!f->services.ring) {
		log_err("frontend", "no memory or thread for the log");
		return EX_OSERR;
	}
	log_set_sink(logring_sink, f->services.ring);
	return EX_OK;
}

/* Without a cache mail flows, and everything is unknown; only damage is
 * for the monitor to see to. */
static int open_cache(struct frontend *f)
{
	struct cache_options options = {
		.state_dir = f->args.state_dir,
		.size = f->args.cache_size,
	};
	enum store_error error = STORE_OK;
	struct buf err;

	buf_init(&err, ERR_MAX);
	f->services.cache = cache_open(&options, &err, &error);
	if (!f->services.cache)
		log_err("frontend", "%s; %s", buf_str(&err),
		    error == STORE_DAMAGED ? "leaving that to the monitor" :
		    "going on without a cache, every policy is unknown");
	buf_clear(&err);
	return error == STORE_DAMAGED && !f->services.cache ?
	    EXIT_CACHE_DAMAGED : EX_OK;
}

/* The same of the history, which rules may do without. */
static int open_history(struct frontend *f)
{
	struct history_options options = {
		.state_dir = f->args.state_dir,
		.entries = f->args.history_size,
	};
	enum store_error error = STORE_OK;
	struct buf err;

	if (!options.entries)
		return EX_OK;
	buf_init(&err, ERR_MAX);
	f->services.history = history_open(&options, &err, &error);
	if (!f->services.history)
		log_err("frontend", "%s; %s", buf_str(&err),
		    error == STORE_DAMAGED ? "leaving that to the monitor" :
		    "going on without a history");
	buf_clear(&err);
	return error == STORE_DAMAGED && !f->services.history ?
	    EXIT_HISTORY_DAMAGED : EX_OK;
}

static int open_historian(struct frontend *f)
{
	if (!f->services.history)
		return EX_OK;
	f->services.historian = historian_start(f->services.history);
	if (f->services.historian)
		return EX_OK;
	log_err("frontend", "no memory or thread for the history");
	return EX_OSERR;
}

/* The same of what checks of watched domains saw, which the store thread
 * writes. */
static int open_memory(struct frontend *f)
{
	enum store_error error = STORE_OK;
	struct buf err;

	if (!f->services.learner)
		return EX_OK;
	buf_init(&err, ERR_MAX);
	f->services.memory = memorystore_open(f->args.state_dir, false, &err,
	    &error);
	if (f->services.memory)
		learner_set_memory(f->services.learner, f->services.memory);
	else
		log_err("frontend", "%s; %s", buf_str(&err),
		    error == STORE_DAMAGED ? "leaving that to the monitor" :
		    "going on without memory of earlier checks");
	buf_clear(&err);
	return error == STORE_DAMAGED && !f->services.memory ?
	    EXIT_CHECKS_DAMAGED : EX_OK;
}

/* Without the store thread they stay as the copies have them. */
static int open_lists(struct frontend *f)
{
	f->services.lists = lists_new(f->args.state_dir);
	if (!f->services.lists) {
		log_err("frontend", "out of memory");
		return EX_OSERR;
	}
	lists_set_conf(f->services.lists, f->services.conf, clock_wall());
	return EX_OK;
}

static int open_learner(struct frontend *f)
{
	if (!f->services.cache)
		return EX_OK;
	f->services.learner = learner_start(f->services.cache,
	    services_conf(&f->services), FD_PEER);
	if (f->services.learner) {
		learner_set_lists(f->services.learner, f->services.lists);
		return EX_OK;
	}
	log_err("frontend", "no memory or thread for the store");
	return EX_OSERR;
}

static int open_loop(struct frontend *f)
{
	f->loop = loop_new();
	f->minute = f->loop ? loop_timer_new(f->loop, on_minute, f) : NULL;
	if (f->minute) {
		loop_timer_set(f->minute, MINUTE_MS);
		f->services.monitor = wire_new(f->loop, FD_CONTROL_CHANNEL,
		    &(struct wire_handler){ on_message, on_monitor_gone, f });
	}
	if (f->services.monitor)
		f->control = control_new(f->loop, &f->services, FD_CONTROL);
	if (f->control)
		return EX_OK;
	log_err("frontend", "out of memory or descriptors");
	return EX_OSERR;
}

static bool open_policy(struct frontend *f, int fd, const char *address)
{
	struct services *s = &f->services;

	if (!s->policyd)
		s->policyd = policyd_new(f->loop, s);
	return s->policyd && policyd_listen(s->policyd, fd, address);
}

static bool open_map(struct frontend *f, int fd, const char *address)
{
	struct services *s = &f->services;

	if (!s->socketmapd)
		s->socketmapd = socketmapd_new(f->loop, s);
	return s->socketmapd && socketmapd_listen(s->socketmapd, fd, address);
}

/* The doors that may have several sockets, in the order of the arguments. */
static int open_sockets(struct frontend *f)
{
	static bool (*const open[SOCKET_KINDS])(struct frontend *f, int fd,
	    const char *address) = {
		[SOCKET_POLICY] = open_policy,
		[SOCKET_MAP] = open_map,
	};
	enum socket_kind kind;
	const char *address;

	for (size_t i = 0; i < f->args.sockets_n; i++) {
		if (socket_spec_parse(f->args.sockets[i], &kind, &address) &&
		    open[kind](f, FD_SOCKETS + (int)i, address))
			continue;
		log_err("frontend", "cannot serve %s: out of memory or "
		    "descriptors", f->args.sockets[i]);
		return EX_OSERR;
	}
	return EX_OK;
}

static void *serve(void *arg)
{
	struct frontend *f = arg;

	door_serve();
	log_err("frontend", "libmilter gave up");
	leave(f, EX_SOFTWARE);
	return NULL;
}

static int open_door(struct frontend *f)
{
	struct endpoint ep;
	pthread_t thread;
	struct buf err;
	bool ok;

	f->services.milter = f->args.milter;
	buf_init(&err, ERR_MAX);
	ok = endpoint_parse(f->args.milter, &ep, &err) &&
	    door_open(&f->services, &ep, FD_MILTER, &err);
	if (ok && pthread_create(&thread, NULL, serve, f) != 0) {
		buf_adds(&err, "no thread for libmilter");
		ok = false;
	}
	if (ok)
		pthread_detach(thread);
	else
		log_err("frontend", "cannot serve: %s", buf_str(&err));
	buf_clear(&err);
	return ok ? EX_OK : EX_UNAVAILABLE;
}

int frontend_main(int argc, char **argv)
{
	static int (*const steps[])(struct frontend *) = {
		open_conf, open_log, open_cache, open_history, open_lists,
		open_learner, open_memory, open_historian, open_loop,
		open_sockets, open_door,
	};
	static struct frontend f;

	prctl(PR_SET_NAME, "tlsmilterd");
	if (!child_args_parse(argc, argv, &f.args))
		return EX_USAGE;
	log_open("tlsmilterd", LOG_MAIL);
	log_set_sink(daemonlog_sink, NULL);
	daemonlog_set_stderr(f.args.foreground);
	mark_fds();
	block_signals();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = steps[i](&f);

		if (status == EX_OK)
			continue;
		if (f.services.ring)
			logring_flush(f.services.ring, FLUSH_MS);
		_exit(status);
	}
	wire_send(f.services.monitor, MSG_READY, NULL, 0, -1);
	loop_run(f.loop);
	leave(&f, EX_SOFTWARE);
	return EX_SOFTWARE;
}
