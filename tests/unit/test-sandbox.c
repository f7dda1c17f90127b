/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/sandbox.h"

/* Each probe returns true when the system call was allowed. */
static bool can_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool can_create(void)
{
	return open("sandbox-escape", O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600) >= 0;
}

static bool can_read_folder(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}

static bool can_stat_a_path(void)
{
	struct stat st;

	return stat("/etc/passwd", &st) == 0;
}

static bool can_unlink(void)
{
	return unlink("sandbox-no-such-file") == 0 || errno == ENOENT;
}

/* On success the program's status replaces ours. */
static bool can_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return false;
}

static bool can_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool can_trace(void)
{
	/* The call itself works, but nobody is traced: ESRCH. */
	return ptrace(PTRACE_CONT, getppid(), NULL, NULL) == 0 ||
	    errno == ESRCH;
}

static bool can_signal_the_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool can_own_a_descriptor(void)
{
	return fcntl(0, F_SETOWN, getppid()) == 0;
}

static bool can_change_a_descriptor(void)
{
	int fds[2];

	return pipe(fds) == 0 && fcntl(fds[0], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(fds[0], F_GETFL) == O_NONBLOCK;
}

static bool can_open_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0) >= 0;
}

/* One of a pair of datagram sockets may go on to any other by name. */
static bool can_reach_a_unix_socket(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX,
		.sun_path = "sandbox-no-such-socket" };
	int fds[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0 &&
	    (connect(fds[0], (struct sockaddr *)&to, sizeof(to)) == 0 ||
	    errno == ENOENT);
}

static bool can_make_a_pair(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
}

static bool can_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && listen(fd, 1) == 0;
}

static bool can_map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool can_send_udp(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&to,
	    sizeof(to)) == 0 && close(fd) == 0;
}

static bool can_make_tcp6_socket(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	return fd >= 0 || errno == EAFNOSUPPORT;
}

static bool can_use_memory_and_time(void)
{
	void *p = malloc(8 << 20);
	char random[16];
	bool good = p && clock_mono_ms() > 0 &&
	    getrandom(random, sizeof(random), 0) == sizeof(random);

	free(p);
	return good;
}

static bool can_stat_a_descriptor(void)
{
	struct stat st;

	return fstat(0, &st) == 0;
}

static void *thread_main(void *arg)
{
	return arg;
}

static bool can_make_a_thread(void)
{
	pthread_t t;
	void *value = NULL;
	char token;

	return pthread_create(&t, NULL, thread_main, &token) == 0 &&
	    pthread_join(t, &value) == 0 && value == &token;
}

static const struct {
	const char *label;
	bool (*probe)(void);
	bool allowed;
} cases[] = {
	{ "open a file", can_open, false },
	{ "create a file", can_create, false },
	{ "read a folder", can_read_folder, false },
	{ "stat a path", can_stat_a_path, false },
	{ "unlink", can_unlink, false },
	{ "fork", can_fork, false },
	{ "ptrace", can_trace, false },
	{ "signal another process", can_signal_the_parent, false },
	{ "signal another by a descriptor", can_own_a_descriptor, false },
	{ "unix socket", can_open_unix_socket, false },
	{ "unix socket by a pair", can_reach_a_unix_socket, false },
	{ "listen", can_listen, false },
	{ "executable memory", can_map_code, false },
	{ "UDP", can_send_udp, true },
	{ "TCP over IPv6", can_make_tcp6_socket, true },
	{ "memory, clock, random", can_use_memory_and_time, true },
	{ "fstat", can_stat_a_descriptor, true },
	{ "change a descriptor", can_change_a_descriptor, true },
	{ "a pair of streams", can_make_a_pair, true },
	{ "a thread", can_make_a_thread, true },
	{ "execve", can_exec, false },	/* last: success ends the child */
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* What the child saw, in memory it shares with the test. */
struct report {
	struct sandbox_state state;
	bool got[CASES];
	bool finished;
};

static void child(struct report *report, bool sandboxed)
{
	struct buf err;

	buf_init(&err, 1000);
	if (sandboxed)
		sandbox_enter(&report->state, &err);
	if (err.len)
		fprintf(stderr, "sandbox: %s\n", buf_str(&err));
	for (size_t i = 0; i < CASES; i++)
		report->got[i] = cases[i].probe();
	report->finished = true;
	_exit(0);
}

static struct report *run_child(bool sandboxed)
{
	struct report *report = mmap(NULL, sizeof(*report),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	if (report == MAP_FAILED)
		return NULL;
	pid = fork();
	if (pid == 0)
		child(report, sandboxed);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		munmap(report, sizeof(*report));
		return NULL;
	}
	return report;
}

static void the_sandbox_takes_files_and_programs_away(void)
{
	struct report *report = run_child(true);

	CU_ASSERT_PTR_NOT_NULL(report);
	if (!report)
		return;
	CU_ASSERT(report->state.seccomp);
	CU_ASSERT(report->finished);
	for (size_t i = 0; i < CASES; i++)
		CHECK_CASE(cases[i].label,
		    report->got[i] == cases[i].allowed);
	munmap(report, sizeof(*report));
}

/* Without the sandbox the same probes succeed: they do probe something. */
static void the_probes_work_outside(void)
{
	struct report *report = run_child(false);

	CU_ASSERT_PTR_NOT_NULL(report);
	if (!report)
		return;
	CU_ASSERT(report->got[0] && report->got[1] && report->got[5]);
	CU_ASSERT(report->got[8] && report->got[10]);
	CU_ASSERT(!report->finished);	/* exec replaced the child */
	CU_ASSERT(unlink("sandbox-escape") == 0);
	munmap(report, sizeof(*report));
}

static const struct unit_test tests[] = {
	{ "the sandbox takes files and programs away",
	    the_sandbox_takes_files_and_programs_away },
	{ "the probes work outside", the_probes_work_outside },
};

UNIT_MAIN("sandbox", tests)
