/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "audit/history.h"
#include "check/memorystore.h"
#include "conf/conf.h"
#include "milter/monitor-internal.h"
#include "milter/proto.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/loop.h"
#include "util/store.h"

/* A walk of a million records takes a second; damage can make it endless. */
#define VERIFY_LIMIT_MS 60000
#define PATH_BYTES 5000

/* Exit statuses of the process that looks. */
#define VERIFY_DAMAGED 1
#define VERIFY_UNSURE 2

/* The files that cannot be made anew at once; volatile.mdb and dane.mdb are
 * emptied at every start. */
static const struct file {
	const char *name;
	int status;		/* of a frontend that could not open it */
	const char *lost;
} files[] = {
	{ "policies.mdb", EXIT_CACHE_DAMAGED, "what it held is lost and will "
	  "be learnt again, hosted domains first" },
	{ HISTORY_FILE, EXIT_HISTORY_DAMAGED, "who used TLS before is "
	  "forgotten and will be learnt again" },
	{ MEMORYSTORE_FILE, EXIT_CHECKS_DAMAGED, "what checks of watched "
	  "domains saw before is forgotten" },
};
#define FILES (sizeof(files) / sizeof(files[0]))

static void store_path(const struct monitor *m, const struct file *file,
    struct buf *path)
{
	buf_init(path, PATH_BYTES);
	buf_addf(path, "%s/%s", m->start->state_dir, file->name);
}

/* Rename the file to NAME.damaged-TIME; its lock file goes. */
static void move_aside(const struct monitor *m, const struct file *file)
{
	struct buf path, aside;
	time_t now = (time_t)clock_wall();
	char stamp[32] = "";
	struct tm tm;

	store_path(m, file, &path);
	if (gmtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	buf_init(&aside, PATH_BYTES);
	buf_addf(&aside, "%s.damaged-%s", buf_str(&path), stamp);
	if (rename(buf_str(&path), buf_str(&aside)) != 0)
		log_err("monitor", "cannot move %s aside: %s", buf_str(&path),
		    strerror(errno));
	else
		log_err("monitor", "%s is damaged: %s; kept as %s",
		    buf_str(&path), file->lost, buf_str(&aside));
	buf_adds(&path, "-lock");
	unlink(buf_str(&path));
	buf_clear(&aside);
	buf_clear(&path);
}

/* In a process of its own, which may wait: look at the file. */
static void verify(const struct monitor *m, const struct file *file)
{
	struct buf path, err;
	enum store_error e;

	store_path(m, file, &path);
	buf_init(&err, 1000);
	e = store_verify(buf_str(&path), &err);
	if (e != STORE_OK && e != STORE_NOT_FOUND)
		log_err("monitor", "%s", buf_str(&err));
	_exit(e == STORE_OK || e == STORE_NOT_FOUND ? EX_OK :
	    e == STORE_DAMAGED ? VERIFY_DAMAGED : VERIFY_UNSURE);
}

/*
 * A mapped file that is damaged shows as a signal, or as status 1 where a
 * sanitizer catches that. SIGKILL and the statuses of sysexits.h say
 * nothing about the file.
 */
static bool looks_like_damage(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 1;
	return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM &&
	    WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGHUP;
}

/* Have the next file looked at; false when there is none, or no process
 * to do it. */
static bool verify_next(struct monitor *m)
{
	pid_t pid;

	if (m->verify_file == FILES)
		return false;
	pid = child_fork();
	if (pid == 0)
		verify(m, &files[m->verify_file]);
	if (pid < 0)
		return false;
	m->verify_pid = pid;
	loop_timer_set(m->verify_limit, VERIFY_LIMIT_MS);
	return true;
}

bool damage_suspected(struct monitor *m, int status)
{
	/* The frontend could not even open it. */
	for (size_t i = 0; i < FILES; i++) {
		if (WIFEXITED(status) &&
		    WEXITSTATUS(status) == files[i].status) {
			move_aside(m, &files[i]);
			return false;
		}
	}
	if (!looks_like_damage(status))
		return false;
	m->verify_file = 0;
	return verify_next(m);
}

void damage_checked(struct monitor *m, int status)
{
	bool damaged = !WIFEXITED(status) ||
	    WEXITSTATUS(status) == VERIFY_DAMAGED;

	m->verify_pid = 0;
	loop_timer_set(m->verify_limit, -1);
	if (m->stopping)
		return;
	if (damaged)
		move_aside(m, &files[m->verify_file]);
	m->verify_file++;
	if (!verify_next(m))
		loop_timer_set(m->frontend.restart, m->frontend.delay);
}

static void on_verify_limit(void *arg)
{
	struct monitor *m = arg;

	log_err("monitor", "checking %s takes too long",
	    files[m->verify_file].name);
	if (m->verify_pid)
		kill(-m->verify_pid, SIGKILL);
}

bool damage_init(struct monitor *m)
{
	m->verify_limit = loop_timer_new(m->loop, on_verify_limit, m);
	return m->verify_limit != NULL;
}
