/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/buf.h"

static enum lockfile_state failed(const char *dir, struct buf *err)
{
	buf_addf(err, "cannot lock %s: %s", dir, strerror(errno));
	return LOCKFILE_FAILED;
}

enum lockfile_state lockfile_take(const char *dir, int *fd_r,
    struct buf *err)
{
	int dirfd, fd;

	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return failed(dir, err);
	fd = openat(dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, 0600);
	close(dirfd);
	if (fd < 0)
		return failed(dir, err);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*fd_r = fd;
		return LOCKFILE_TAKEN;
	}
	if (errno != EWOULDBLOCK) {
		failed(dir, err);
		close(fd);
		return LOCKFILE_FAILED;
	}
	close(fd);
	buf_addf(err, "%s is in use by another process, as a rule by a "
	    "tlsmilterd that runs already", dir);
	return LOCKFILE_HELD;
}
