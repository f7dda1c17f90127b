/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/statedir.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "milter/privs.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/lockfile.h"

#define RETRY_MS 20

/* Make the folder; one that is there already is fine. */
static bool make(const char *path, const struct privs *p, struct buf *err)
{
	if (mkdir(path, 0750) != 0) {
		if (errno == EEXIST)
			return true;
		buf_addf(err, "cannot make the state folder %s: %s", path,
		    strerror(errno));
		return false;
	}
	if (p->drop && lchown(path, p->uid, p->gid) != 0) {
		buf_addf(err, "cannot give the state folder %s to uid %d: %s",
		    path, (int)p->uid, strerror(errno));
		return false;
	}
	return true;
}

bool statedir_prepare(const char *path, const struct privs *p,
    struct buf *err)
{
	struct stat st;

	if (!make(path, p, err))
		return false;
	if (stat(path, &st) != 0) {
		buf_addf(err, "state folder %s: %s", path, strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode))
		buf_addf(err, "state_dir %s is not a folder", path);
	else if (st.st_mode & S_IWOTH)
		buf_addf(err, "state folder %s is writable by everyone; "
		    "others could plant policies there", path);
	else if (st.st_uid != p->uid && st.st_uid != 0)
		buf_addf(err, "state folder %s belongs to uid %d, but we run "
		    "as uid %d", path, (int)st.st_uid, (int)p->uid);
	else
		return true;
	return false;
}

/* What the admin can do about it; errno as lockfile_take() left it. */
static void add_hint(const struct privs *p, struct buf *err)
{
	if (errno == EACCES)
		buf_addf(err, "; it must belong to uid %d, as which we run",
		    (int)p->uid);
	else if (errno == EROFS)
		buf_adds(err, "; in the systemd unit, ReadWritePaths= lists "
		    "what may be written");
}

static int lock_wait(const char *path, const struct privs *p, int wait_ms,
    struct buf *err)
{
	int64_t until = clock_mono_ms() + wait_ms;
	enum lockfile_state state;
	int fd = -1;

	for (;;) {
		buf_reset(err);
		state = lockfile_take(path, &fd, err);
		if (state == LOCKFILE_TAKEN)
			return fd;
		if (state == LOCKFILE_FAILED)
			add_hint(p, err);
		if (state != LOCKFILE_HELD || clock_mono_ms() >= until)
			return -1;
		poll(NULL, 0, RETRY_MS);
	}
}

int statedir_lock(const char *path, const struct privs *p, int wait_ms,
    struct buf *err)
{
	int fd;

	if (!privs_borrow(p, err))
		return -1;
	fd = lock_wait(path, p, wait_ms, err);
	if (privs_return(p, err))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}
