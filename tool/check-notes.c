/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/check-notes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/memory.h"
#include "check/memorystore.h"
#include "tool/out.h"
#include "util/lockfile.h"

#define FOLDER_MAX 4096
#define LOCK_TRIES 100
#define LOCK_PAUSE_MS 50

/* ---- the folder -------------------------------------------------------- */

/* Make a folder and those above it, for its owner alone. False with errno
 * set. */
static bool make_folders(const char *path)
{
	struct buf part;
	bool ok = true;

	buf_init(&part, FOLDER_MAX);
	for (const char *s = path; ok && *s;) {
		size_t len = strcspn(s + 1, "/") + 1;

		buf_add(&part, s, len);
		ok = !part.failed && (mkdir(buf_str(&part), 0700) == 0 ||
		    errno == EEXIST || errno == EROFS || errno == EACCES);
		s += len;
	}
	buf_clear(&part);
	return ok && access(path, W_OK | X_OK) == 0;
}

/* The folder of whoever runs this; false: there is none. */
static bool add_own_folder(struct buf *folder)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	/* Relative ones are to be ignored, says the XDG specification. */
	if (state && *state == '/')
		buf_addf(folder, "%s/tlsmilter", state);
	else if (home && *home == '/')
		buf_addf(folder, "%s/.local/state/tlsmilter", home);
	return folder->len > 0 && !folder->failed;
}

/* The home of root is not for whom root has become: a folder beside the
 * daemon's files is. */
static bool add_substitute(struct buf *folder, struct tool *t,
    bool gave_up_root)
{
	if (!gave_up_root)
		return add_own_folder(folder);
	buf_addf(folder, "%s/check", tool_state_dir(t));
	return !folder->failed;
}

void check_notes_init(struct check_notes *n, struct tool *t,
    const struct access *a, bool gave_up_root)
{
	const char *state_dir = tool_state_dir(t);

	*n = (struct check_notes){ .off = true };
	buf_init(&n->folder, FOLDER_MAX);
	if (!state_dir)
		return;
	if (a->kind == ACCESS_FILES && access(state_dir, W_OK | X_OK) == 0) {
		buf_adds(&n->folder, state_dir);
		n->off = n->folder.failed;
		return;
	}
	if (t->state_dir && a->kind == ACCESS_NONE && !a->daemon_runs) {
		complain("nothing is remembered: %s", buf_str(&a->why));
		return;
	}
	if (!add_substitute(&n->folder, t, gave_up_root))
		complain("nothing is remembered: HOME is not set");
	else if (!make_folders(buf_str(&n->folder)))
		complain("nothing is remembered: %s: %s",
		    buf_str(&n->folder), strerror(errno));
	else
		n->off = false;
}

void check_notes_clear(struct check_notes *n)
{
	buf_clear(&n->folder);
	n->off = true;
}

/* ---- the file ---------------------------------------------------------- */

static void give_up(struct check_notes *n, const char *why)
{
	complain("nothing is remembered: %s", why);
	n->off = true;
}

/* Another run holds the lock for some milliseconds only. */
static int take_lock(const struct check_notes *n, struct buf *err)
{
	enum lockfile_state state = LOCKFILE_HELD;
	int fd = -1;

	for (int i = 0; state == LOCKFILE_HELD && i < LOCK_TRIES; i++) {
		if (i)
			poll(NULL, 0, LOCK_PAUSE_MS);
		buf_reset(err);
		state = lockfile_take(buf_str(&n->folder), &fd, err);
	}
	return state == LOCKFILE_TAKEN ? fd : -1;
}

struct opened {
	struct memorystore *store;
	int lock;
};

/* False: there is no file yet, which only reading minds, or it was
 * complained about. */
static bool open_notes(struct check_notes *n, bool readonly,
    struct opened *o_r)
{
	enum store_error error = STORE_OK;
	struct buf err;

	if (n->off)
		return false;
	buf_init(&err, 500);
	o_r->store = NULL;
	o_r->lock = take_lock(n, &err);
	if (o_r->lock >= 0)
		o_r->store = memorystore_open(buf_str(&n->folder), readonly,
		    &err, &error);
	if (!o_r->store && error != STORE_NOT_FOUND)
		give_up(n, buf_str(&err));
	if (!o_r->store && o_r->lock >= 0)
		close(o_r->lock);
	buf_clear(&err);
	return o_r->store != NULL;
}

static void close_notes(struct opened *o)
{
	memorystore_close(o->store);
	close(o->lock);
}

void check_notes_get(struct check_notes *n, const char *target,
    struct buf *note)
{
	enum store_error e;
	struct opened o;

	if (!open_notes(n, true, &o))
		return;
	e = memorystore_get(o.store, target, note);
	close_notes(&o);
	if (e != STORE_OK && e != STORE_NOT_FOUND)
		give_up(n, store_strerror(e));
}

void check_notes_put(struct check_notes *n, const char *target,
    const char *note, size_t len)
{
	enum store_error e;
	struct opened o;

	if (!note || !open_notes(n, false, &o))
		return;
	e = memorystore_put(o.store, target, note, len);
	close_notes(&o);
	if (e != STORE_OK)
		give_up(n, store_strerror(e));
}

enum check_forgotten check_notes_forget(struct check_notes *n,
    const char *target)
{
	enum store_error e;
	struct opened o;
	struct buf note;

	if (n->off)
		return FORGOTTEN_FAILED;
	/* Reading first: nothing is made only to be forgotten. */
	if (!open_notes(n, true, &o))
		return n->off ? FORGOTTEN_FAILED : FORGOTTEN_NOTHING;
	buf_init(&note, MEMORY_NOTE_MAX);
	e = memorystore_get(o.store, target, &note);
	buf_clear(&note);
	close_notes(&o);
	if (e == STORE_NOT_FOUND)
		return FORGOTTEN_NOTHING;
	if (!open_notes(n, false, &o))
		return FORGOTTEN_FAILED;
	e = memorystore_forget(o.store, target);
	close_notes(&o);
	if (e == STORE_OK || e == STORE_NOT_FOUND)
		return FORGOTTEN;
	give_up(n, store_strerror(e));
	return FORGOTTEN_FAILED;
}
