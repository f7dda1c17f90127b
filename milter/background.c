/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/background.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "util/log.h"

static int ready_fd = -1;

/* In the old process: wait for the byte that means ready. */
static void wait_and_exit(int fd, pid_t pid)
{
	ssize_t n;
	int status;
	char byte;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EX_OK);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(EX_SOFTWARE);
}

bool background_begin(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid > 0) {
		close(fds[1]);
		wait_and_exit(fds[0], pid);
	}
	close(fds[0]);
	if (pid < 0) {
		close(fds[1]);
		return false;
	}
	setsid();
	ready_fd = fds[1];
	return chdir("/") == 0;
}

void background_ready(void)
{
	int null;

	if (ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null >= 0)
		close(null);
	if (write(ready_fd, "", 1) < 0)
		log_debug("monitor", "nobody waits for us to be ready");
	close(ready_fd);
	ready_fd = -1;
}
