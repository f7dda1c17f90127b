/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/history.h"
#include "conf/conf.h"
#include "conf/control.h"
#include "mtasts/cache.h"
#include "tool/out.h"
#include "util/lockfile.h"

#define CONNECT_TIMEOUT_MS 5000

static void access_init(struct access *a)
{
	*a = (struct access){ .kind = ACCESS_NONE, .lock = -1 };
	buf_init(&a->why, 1000);
}

/* Give up root for good. A user of the system keeps the group it has there,
 * which may use the control socket. */
static bool become(uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		gid = pw->pw_gid;
	if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0)
		return true;
	complain("cannot become user %lu: %s", (unsigned long)uid,
	    strerror(errno));
	return false;
}

bool access_drop_root(struct tool *t)
{
	const char *dir = tool_state_dir(t);
	const struct passwd *pw;
	struct stat st;

	if (geteuid() != 0 || !dir)
		return true;
	if (stat(dir, &st) == 0)
		return st.st_uid == 0 || become(st.st_uid, st.st_gid);
	pw = t->conf ? getpwnam(t->conf->user) : NULL;
	return !pw || become(pw->pw_uid, pw->pw_gid);
}

/* What to do about a daemon that cannot be reached. */
static const char *connect_hint(const struct endpoint *ep)
{
	if (ep->kind == ENDPOINT_UNIX && access(ep->path, W_OK) != 0 &&
	    errno == EACCES)
		return "; run this as root";
	return "; is tlsmilterd running?";
}

static bool connect_daemon(struct tool *t, struct access *a)
{
	struct buf err;

	buf_init(&err, 500);
	a->client = control_connect(&t->conf->control, CONNECT_TIMEOUT_MS,
	    &err);
	if (a->client)
		a->kind = ACCESS_DAEMON;
	else
		buf_addf(&a->why, "%sthe daemon cannot be reached: %s%s",
		    a->why.len ? "; " : "", buf_str(&err),
		    connect_hint(&t->conf->control));
	buf_clear(&err);
	return a->client != NULL;
}

static void open_files(struct tool *t, enum access_mode mode,
    struct access *a)
{
	struct cache_options options = {
		.state_dir = tool_state_dir(t),
		.size = t->conf->cache_size,
		.readonly = mode == ACCESS_READ,
	};
	enum store_error error = STORE_OK;

	if (mode == ACCESS_HISTORY) {
		a->kind = ACCESS_FILES;
		return;
	}
	a->cache = cache_open(&options, &a->why, &error);
	if (a->cache || (mode == ACCESS_READ && error == STORE_NOT_FOUND))
		a->kind = ACCESS_FILES;
}

bool access_open(struct tool *t, enum access_mode mode, struct access *a_r)
{
	enum lockfile_state locked;

	access_init(a_r);
	if (!tool_conf(t) || !access_drop_root(t))
		return false;
	locked = lockfile_take(tool_state_dir(t), &a_r->lock, &a_r->why);
	if (locked == LOCKFILE_TAKEN) {
		open_files(t, mode, a_r);
		return true;
	}
	/* Without permission for state_dir one may still have it for the
	 * socket; but a folder named by hand is not the daemon's. */
	a_r->daemon_runs = locked == LOCKFILE_HELD;
	if (a_r->daemon_runs || !t->state_dir)
		connect_daemon(t, a_r);
	return true;
}

bool access_open_daemon(struct tool *t, struct access *a_r)
{
	access_init(a_r);
	if (!tool_conf(t))
		return false;
	connect_daemon(t, a_r);
	return true;
}

static enum status needed(const struct access *a, bool configured)
{
	if (!configured)
		return STATUS_CONFIG;
	if (a->kind != ACCESS_NONE)
		return STATUS_GOOD;
	complain("%s", buf_str(&a->why));
	return STATUS_UNKNOWN;
}

enum status access_need(struct tool *t, enum access_mode mode,
    struct access *a_r)
{
	return needed(a_r, access_open(t, mode, a_r));
}

enum status access_need_daemon(struct tool *t, struct access *a_r)
{
	return needed(a_r, access_open_daemon(t, a_r));
}

void access_close(struct access *a)
{
	control_close(a->client);
	if (a->cache)
		cache_close(a->cache);
	history_close(a->history);
	if (a->lock >= 0)
		close(a->lock);
	buf_clear(&a->why);
	a->client = NULL;
	a->cache = NULL;
	a->history = NULL;
	a->lock = -1;
}

bool access_send_request(struct access *a, json_t *request)
{
	struct buf err;
	bool ok = false;

	buf_init(&err, 500);
	if (request)
		ok = control_send(a->client, request, ACCESS_TIMEOUT_MS, &err);
	else
		buf_adds(&err, "out of memory");
	if (!ok)
		complain("%s", buf_str(&err));
	buf_clear(&err);
	json_decref(request);
	return ok;
}

bool access_send(struct access *a, const char *command, const char *key,
    json_t *value)
{
	json_t *request = json_pack("{s:s}", "command", command);

	if (key && json_object_set_new(request, key, value) != 0) {
		json_decref(request);
		request = NULL;
	}
	return access_send_request(a, request);
}

json_t *access_receive(struct access *a, int timeout_ms)
{
	json_t *answer, *ok;
	struct buf err;

	buf_init(&err, 500);
	answer = control_receive(a->client, timeout_ms, &err);
	if (!answer)
		complain("%s", buf_str(&err));
	buf_clear(&err);
	ok = json_object_get(answer, "ok");
	if (json_is_false(ok))
		complain("%s", json_string_value(json_object_get(answer,
		    "error")) ? : "the daemon refused");
	return answer;
}

json_t *access_call(struct access *a, const char *command, const char *key,
    json_t *value, int timeout_ms)
{
	if (!access_send(a, command, key, value))
		return NULL;
	return access_receive(a, timeout_ms);
}

bool access_each_item(struct access *a, access_item_fn *fn, void *arg)
{
	bool ok = true, last = false;

	while (ok && !last) {
		json_t *line = access_receive(a, ACCESS_TIMEOUT_MS);
		json_t *item = json_object_get(line, "item");

		last = json_object_get(line, "ok") != NULL;
		ok = line && !json_is_false(json_object_get(line, "ok"));
		if (ok && json_is_object(item))
			ok = fn(arg, item);
		json_decref(line);
	}
	return ok;
}
