/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "milter/proto.h"
#include "util/buf.h"
#include "util/str.h"

#define ARGS_MAX (16 + 2 * SOCKETS_MAX)
#define SPARE_FD 64	/* above every descriptor a child is given */

#define LIVED_WELL_MS 10000
#define FIRST_DELAY_MS 100
#define LAST_DELAY_MS 5000

/* The argument vector of a child; a pointer into args or text each. */
struct child_argv {
	const char *v[ARGS_MAX];
	char size[24];
	char history[24];
};

static void make_argv(const char *title, const struct child_args *args,
    struct child_argv *out)
{
	size_t n = 0;

	snprintf(out->size, sizeof(out->size), "%llu",
	    (unsigned long long)args->cache_size);
	snprintf(out->history, sizeof(out->history), "%llu",
	    (unsigned long long)args->history_size);
	out->v[n++] = title;
	if (args->config_file) {
		out->v[n++] = "-c";
		out->v[n++] = args->config_file;
	}
	out->v[n++] = "-s";
	out->v[n++] = args->state_dir;
	out->v[n++] = "-p";
	out->v[n++] = args->milter;
	for (size_t i = 0; i < args->sockets_n; i++) {
		out->v[n++] = "-l";
		out->v[n++] = args->sockets[i];
	}
	out->v[n++] = "-z";
	out->v[n++] = out->size;
	out->v[n++] = "-y";
	out->v[n++] = out->history;
	if (args->foreground)
		out->v[n++] = "-f";
	if (args->verbose)
		out->v[n++] = "-v";
	out->v[n] = NULL;
}

static bool add_socket(struct child_args *a, const char *spec)
{
	enum socket_kind kind;
	const char *address;

	if (a->sockets_n == SOCKETS_MAX ||
	    !socket_spec_parse(spec, &kind, &address))
		return false;
	a->sockets[a->sockets_n++] = spec;
	return true;
}

bool child_args_parse(int argc, char **argv, struct child_args *args_r)
{
	struct child_args a = { .state_dir = NULL };
	bool ok = true;
	int letter;

	optind = 1;
	while (ok && (letter = getopt(argc, argv, "c:s:p:l:z:y:fv")) != -1) {
		if (letter == 'c')
			a.config_file = optarg;
		else if (letter == 's')
			a.state_dir = optarg;
		else if (letter == 'p')
			a.milter = optarg;
		else if (letter == 'l')
			ok = add_socket(&a, optarg);
		else if (letter == 'z')
			ok = str_to_u64(optarg, UINT64_MAX, &a.cache_size);
		else if (letter == 'y')
			ok = str_to_u64(optarg, UINT64_MAX, &a.history_size);
		else if (letter == 'f')
			a.foreground = true;
		else if (letter == 'v')
			a.verbose++;
		else
			ok = false;
	}
	if (!ok || !a.state_dir || !a.milter || optind != argc)
		return false;
	*args_r = a;
	return true;
}

/* Put the descriptors where the child expects them, and close the rest. */
static bool place_fds(const struct child_fd *fds, size_t n)
{
	int moved[FD_CHILD_END];

	for (size_t i = 0; i < n; i++) {
		moved[i] = fds[i].fd < 0 ? -1 :
		    fcntl(fds[i].fd, F_DUPFD_CLOEXEC, SPARE_FD);
		if (fds[i].fd >= 0 && moved[i] < 0)
			return false;
	}
	close_range(FD_CONTROL_CHANNEL, SPARE_FD - 1, 0);
	for (size_t i = 0; i < n; i++)
		if (moved[i] >= 0 && dup2(moved[i], fds[i].as) < 0)
			return false;
	close_range(SPARE_FD, ~0U, 0);
	return true;
}

bool child_silence(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool ok = fd >= 0 && dup2(fd, STDIN_FILENO) >= 0 &&
	    dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;

	if (fd > STDERR_FILENO)
		close(fd);
	return ok;
}

/* The parent's handlers would write to its own loop. */
static void reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		if (signo != SIGKILL && signo != SIGSTOP && signo != SIGPIPE)
			signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The session keeps the terminal's interrupts away. */
pid_t child_fork(void)
{
	pid_t parent = getpid(), pid;
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid != 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return pid;
	}
	reset_signals();
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EX_OK);
	return 0;
}

pid_t child_spawn(const char *title, const struct child_args *args,
    const struct child_fd *fds, size_t fds_n, struct buf *err)
{
	struct child_argv argv;
	pid_t pid;

	make_argv(title, args, &argv);
	pid = child_fork();
	if (pid < 0)
		buf_addf(err, "cannot fork: %s", strerror(errno));
	if (pid != 0)
		return pid;
	if ((args->foreground || child_silence()) && place_fds(fds, fds_n))
		execv("/proc/self/exe", (char **)(uintptr_t)argv.v);
	_exit(EX_OSERR);
}

int64_t child_restart_delay(int64_t lived_ms, int64_t last)
{
	if (lived_ms >= LIVED_WELL_MS)
		return 0;
	if (last < FIRST_DELAY_MS)
		return FIRST_DELAY_MS;
	return last < LAST_DELAY_MS / 2 ? last * 2 : LAST_DELAY_MS;
}

void child_describe_end(int status, struct buf *out)
{
	if (WIFSIGNALED(status))
		buf_addf(out, "was killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		buf_addf(out, "ended with status %d", WEXITSTATUS(status));
}
