/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/store-internal.h"

#define PATH_BYTES 4096
/* Longer than any file we make takes on a slow disk. */
#define VERIFY_SECONDS 300

/* Nothing in the file leads to these: the child answers with one byte. */
static const int fatal_signals[] = { SIGBUS, SIGSEGV, SIGABRT, SIGILL,
	SIGFPE, SIGALRM };

static enum store_error refuse(struct buf *err, const char *path,
    const char *why)
{
	buf_addf(err, "%s: %s", path, why);
	errno = EPERM;
	return STORE_IO;
}

/* Judge one existing file; a missing one is fine. */
static enum store_error file_check_one(const char *path, bool *exists_r,
    struct buf *err)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT) {
			buf_addf(err, "%s: %s", path, strerror(errno));
			return STORE_IO;
		}
		*exists_r = false;
		return STORE_OK;
	}
	if (!S_ISREG(st.st_mode))
		return refuse(err, path, "not a regular file");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return refuse(err, path, "belongs to another user");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(err, path, "writable by other users");
	*exists_r = true;
	return STORE_OK;
}

/* In a directory open to everybody another could swap the file. */
static enum store_error dir_check(const char *path, struct buf *err)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	struct buf dir;
	enum store_error e = STORE_OK;

	buf_init(&dir, PATH_BYTES);
	if (!slash)
		buf_adds(&dir, ".");
	else
		buf_add(&dir, path, slash == path ? 1 : (size_t)(slash - path));
	if (dir.failed || stat(buf_str(&dir), &st) < 0) {
		buf_addf(err, "%s: %s", buf_str(&dir), strerror(errno));
		e = STORE_IO;
	} else if ((st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH) {
		e = refuse(err, buf_str(&dir), "directory writable by all");
	}
	buf_clear(&dir);
	return e;
}

enum store_error store_file_check(const char *path, bool *exists_r,
    struct buf *err)
{
	struct buf lock;
	bool exists, lock_exists;
	enum store_error e = dir_check(path, err);

	if (!e)
		e = file_check_one(path, &exists, err);
	if (e)
		return e;
	buf_init(&lock, PATH_BYTES);
	buf_addf(&lock, "%s-lock", path);
	if (lock.failed)
		e = refuse(err, path, "name too long");
	else
		e = file_check_one(lock.data, &lock_exists, err);
	buf_clear(&lock);
	if (!e)
		*exists_r = exists;
	return e;
}

int store_file_remove(const char *path)
{
	struct buf lock;
	int rc = 0;

	buf_init(&lock, PATH_BYTES);
	buf_addf(&lock, "%s-lock", path);
	if (unlink(path) < 0 && errno != ENOENT)
		rc = -1;
	if (rc == 0 && !lock.failed && unlink(lock.data) < 0 && errno != ENOENT)
		rc = -1;
	buf_clear(&lock);
	return rc;
}

bool store_file_reserve_lock(const char *path, size_t size)
{
	struct buf lock;
	int fd = -1, rc = 0;

	buf_init(&lock, PATH_BYTES);
	buf_addf(&lock, "%s-lock", path);
	if (!lock.failed)
		fd = open(lock.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0640);
	if (fd >= 0) {
		rc = posix_fallocate(fd, 0, (off_t)size);
		close(fd);
	}
	buf_clear(&lock);
	errno = rc;
	return rc != ENOSPC && rc != EDQUOT;
}

/* The child: die quietly of what a damaged map can do, else report. */
static void verify_child(const char *path, int fd)
{
	struct rlimit no_core = { 0, 0 };
	struct buf err;
	sigset_t all;
	unsigned char code;
	int null = open("/dev/null", O_WRONLY);

	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(int); i++)
		signal(fatal_signals[i], SIG_DFL);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	if (null >= 0)
		dup2(null, STDERR_FILENO);
	alarm(VERIFY_SECONDS);
	buf_init(&err, 1000);
	code = (unsigned char)store_walk_damaged(path, &err);
	if (write(fd, &code, 1) == 1 && err.len)
		(void)!write(fd, err.data, err.len);
	_exit(0);
}

/* Read what the child has to say until it is gone. */
static void read_report(int fd, struct buf *report)
{
	char part[256];
	ssize_t n;

	do {
		n = read(fd, part, sizeof(part));
		if (n > 0)
			buf_add(report, part, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
}

/* A child that could not report died of the file. */
static enum store_error judge_report(const char *path, const struct buf *r,
    struct buf *err)
{
	if (r->len == 0) {
		buf_addf(err, "%s: damaged: reading it raised a signal", path);
		return STORE_DAMAGED;
	}
	if (r->len > 1)
		buf_add(err, r->data + 1, r->len - 1);
	return (enum store_error)(unsigned char)r->data[0];
}

static enum store_error cannot_check(const char *path, struct buf *err)
{
	buf_addf(err, "%s: cannot be checked: %s", path, strerror(errno));
	return STORE_IO;
}

enum store_error store_verify(const char *path, struct buf *err)
{
	struct buf report;
	enum store_error e;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return cannot_check(path, err);
	pid = fork();
	if (pid < 0) {
		e = cannot_check(path, err);
		close(fds[0]);
		close(fds[1]);
		return e;
	}
	if (pid == 0)
		verify_child(path, fds[1]);
	close(fds[1]);
	buf_init(&report, 1100);
	read_report(fds[0], &report);
	close(fds[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	e = judge_report(path, &report, err);
	buf_clear(&report);
	return e;
}
