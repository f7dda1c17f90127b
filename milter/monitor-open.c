/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/cmdline.h"
#include "milter/daemonlog.h"
#include "milter/monitor-internal.h"
#include "milter/monitor.h"
#include "milter/notify.h"
#include "milter/statedir.h"
#include "util/log.h"

/* How long the frontend of a monitor that was killed may hold the lock. */
#define LOCK_WAIT_MS 1000

/* Far less than a mail server needs, and enough to start with. */
#define NOFILE_MIN 256

#define ERR_MAX 500

/* ---- configuration ----------------------------------------------------- */

/* Put -p and -u on top of a configuration nobody else has yet. */
static bool apply_cmdline(const struct monitor *m, struct conf *c,
    struct buf *err)
{
	const struct {
		char flag;
		const char *option, *value;
	} overrides[] = {
		{ 'p', "milter", m->cmd->socket },
		{ 'u', "user", m->cmd->user },
	};

	for (size_t i = 0; i < sizeof(overrides) / sizeof(*overrides); i++) {
		if (!overrides[i].value || conf_override(c,
		    overrides[i].option, overrides[i].value, err))
			continue;
		log_err(NULL, "-%c %s: %s", overrides[i].flag,
		    overrides[i].value, buf_str(err));
		return false;
	}
	return true;
}

static void report_messages(const struct conf_messages *messages,
    struct buf *texts)
{
	for (size_t i = 0; i < messages->n; i++) {
		const struct conf_message *msg = &messages->v[i];

		log_line(msg->error ? LOG_ERR : LOG_WARNING, NULL, "%s%s",
		    msg->error ? "" : "warning: ", msg->text);
		buf_addf(texts, "%s%s%s", texts->len ? "\n" : "",
		    msg->error ? "" : "warning: ", msg->text);
	}
}

struct conf *monitor_read_conf(const struct monitor *m,
    struct bundle *bundle, struct buf *texts)
{
	struct conf_messages messages = { 0 };
	struct buf err;
	struct conf *c = conf_load(m->config_file, bundle, &messages);

	report_messages(&messages, texts);
	conf_messages_clear(&messages);
	buf_init(&err, ERR_MAX);
	if (c && !apply_cmdline(m, c, &err)) {
		conf_unref(c);
		c = NULL;
	}
	buf_clear(&err);
	return c;
}

static int seal(struct monitor *m, const struct bundle *bundle)
{
	m->bundle_fd = bundle_seal(bundle);
	if (m->bundle_fd >= 0)
		return EX_OK;
	log_err(NULL, "cannot keep the configuration in memory: %s",
	    strerror(errno));
	return EX_OSERR;
}

int monitor_load(struct monitor *m)
{
	struct bundle *bundle = bundle_new();
	struct buf texts;
	int status = EX_CONFIG;

	if (!bundle)
		return EX_OSERR;
	buf_init(&texts, ERR_MAX);
	m->start = monitor_read_conf(m, bundle, &texts);
	if (m->start) {
		m->conf = conf_ref(m->start);
		endpoint_format(&m->start->milter, ENDPOINT_LIBMILTER,
		    &m->milter);
		sockets_init(&m->sockets, m->start);
		buf_adds(&m->doors, buf_str(&m->milter));
		sockets_describe(&m->sockets, &m->doors);
		status = seal(m, bundle);
	}
	buf_clear(&texts);
	bundle_free(bundle);
	return status;
}

int monitor_dump(const struct monitor *m)
{
	struct buf out;
	bool ok;

	buf_init(&out, 16 * 1024 * 1024);
	conf_dump(m->conf, &out);
	ok = !out.failed && fputs(buf_str(&out), stdout) >= 0 &&
	    fflush(stdout) == 0;
	buf_clear(&out);
	return ok ? EX_OK : EX_IOERR;
}

/* ---- what needs root --------------------------------------------------- */

/* Every connection is a descriptor: take all that we may have. */
static bool raise_nofile(struct buf *err)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return true;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		log_warn("monitor", "cannot raise the number of descriptors: "
		    "%s", strerror(errno));
	if (rl.rlim_max >= NOFILE_MIN)
		return true;
	buf_addf(err, "only %llu files may be open at once, %d are needed at "
	    "least; see LimitNOFILE= of the unit, or ulimit -n",
	    (unsigned long long)rl.rlim_max, NOFILE_MIN);
	return false;
}

/* A unix socket needs its folder; bind's own error would not say that. */
static bool check_folder(const struct endpoint *ep, struct buf *err)
{
	char path[sizeof(ep->path)];
	const char *dir;

	if (ep->kind != ENDPOINT_UNIX)
		return true;
	memcpy(path, ep->path, sizeof(path));
	dir = dirname(path);
	if (access(dir, F_OK) == 0)
		return true;
	buf_addf(err, "the folder %s of the socket %s does not exist; make "
	    "it, owned by the user of the daemon", dir, ep->path);
	return false;
}

static int open_listener(const struct endpoint *ep, mode_t mode, gid_t group,
    struct buf *err)
{
	if (!check_folder(ep, err))
		return -1;
	return endpoint_listen(ep, mode, group, err);
}

static bool find_group(const char *name, gid_t *gid_r, struct buf *err)
{
	const struct group *gr;

	if (!name || !*name) {
		*gid_r = (gid_t)-1;
		return true;
	}
	gr = getgrnam(name);
	if (!gr) {
		buf_addf(err, "socket_group \"%s\" does not exist", name);
		return false;
	}
	*gid_r = gr->gr_gid;
	return true;
}

void monitor_advise(const struct monitor *m)
{
	struct privs privs;
	struct buf err;
	gid_t group;

	buf_init(&err, ERR_MAX);
	if (!privs_find(m->start->user, false, &privs, &err) ||
	    !find_group(m->start->socket_group, &group, &err))
		log_warn(NULL, "warning: it could not start now: %s",
		    buf_str(&err));
	buf_clear(&err);
}

/* The control socket is for root and our group (design §9). */
static bool open_listeners(struct monitor *m, struct buf *err)
{
	gid_t group;

	if (!find_group(m->start->socket_group, &group, err))
		return false;
	m->milter_fd = open_listener(&m->start->milter,
	    m->start->socket_mode, group, err);
	if (m->milter_fd < 0 || !sockets_open(&m->sockets, open_listener,
	    m->start->socket_mode, group, err))
		return false;
	m->control_fd = open_listener(&m->start->control, 0660,
	    m->privs.drop ? m->privs.gid : (gid_t)-1, err);
	return m->control_fd >= 0;
}

/* Before it is too late to say so at a terminal. */
static void check_readable(const struct monitor *m)
{
	if (m->start->file && access(m->start->file, R_OK) != 0 &&
	    errno == EACCES)
		log_warn("monitor", "user %s cannot read %s: a reload will "
		    "fail", m->start->user, m->start->file);
}

static bool open_all(struct monitor *m, struct buf *err)
{
	const char *dir = m->start->state_dir;

	if (!privs_find(m->start->user, notify_wanted(), &m->privs, err) ||
	    !statedir_prepare(dir, &m->privs, err))
		return false;
	m->lock_fd = statedir_lock(dir, &m->privs, LOCK_WAIT_MS, err);
	return m->lock_fd >= 0 && open_listeners(m, err) &&
	    privs_drop(&m->privs, err);
}

int monitor_open(struct monitor *m)
{
	struct buf err;
	bool ok;

	signal(SIGPIPE, SIG_IGN);
	daemonlog_open(m->start->syslog_ident, m->start->syslog_facility,
	    m->cmd->verbose);
	log_set_sink(daemonlog_sink, NULL);
	daemonlog_set_stderr(true);
	buf_init(&err, ERR_MAX);
	ok = raise_nofile(&err) && open_all(m, &err);
	if (ok)
		check_readable(m);
	else
		log_err("monitor", "cannot start: %s", buf_str(&err));
	buf_clear(&err);
	return ok ? EX_OK : EX_UNAVAILABLE;
}
