/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/buf.h"

/* ---- Landlock ---------------------------------------------------------- */

/* Landlock's ruleset attribute up to ABI 6; older headers know less. */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* What each ABI version added; a kernel refuses bits it does not know. */
static const struct {
	int abi;
	struct ruleset adds;
	size_t size;
} landlock_abis[] = {
	{ 1, { .fs = 0x1fff }, 8 },	/* read, write, execute, make … */
	{ 2, { .fs = 1 << 13 }, 8 },	/* rename across folders */
	{ 3, { .fs = 1 << 14 }, 8 },	/* truncate */
	{ 4, { .net = 1 }, 16 },	/* bind TCP: nobody may listen */
	{ 5, { .fs = 1 << 15 }, 16 },	/* ioctl on devices */
	{ 6, { .scoped = 3 }, 24 },	/* abstract sockets, signals */
};

/* Handle every right and grant none: no file can be opened any more. */
static bool landlock_enter(struct buf *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset set = { 0 };
	size_t size = 0;
	int fd;
	bool good;

	if (abi < 1) {
		buf_adds(err, "the kernel has no Landlock; ");
		return false;
	}
	for (size_t i = 0; i < sizeof(landlock_abis) /
	    sizeof(landlock_abis[0]) && landlock_abis[i].abi <= abi; i++) {
		set.fs |= landlock_abis[i].adds.fs;
		set.net |= landlock_abis[i].adds.net;
		set.scoped |= landlock_abis[i].adds.scoped;
		size = landlock_abis[i].size;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (fd < 0) {
		buf_addf(err, "Landlock: %s; ", strerror(errno));
		return false;
	}
	good = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	if (!good)
		buf_addf(err, "Landlock: %s; ", strerror(errno));
	close(fd);
	return good;
}

/* ---- seccomp ----------------------------------------------------------- */

/*
 * What a process with an event loop, sockets, timers and memory needs, and
 * nothing that opens, changes or runs a file, or touches another process.
 * Names the architecture does not have are skipped.
 */
static const char *const allowed[] = {
	/* descriptors that are already there */
	"read", "readv", "write", "writev", "lseek", "close", "close_range",
	"dup", "dup2", "dup3", "fstat", "fstat64",
	/* sockets; making one is below */
	"bind", "connect", "getpeername", "getsockname", "getsockopt",
	"recv", "recvfrom", "recvmmsg", "recvmsg", "send", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shutdown",
	/* waiting */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd", "eventfd2", "pipe", "pipe2", "poll", "ppoll", "pselect6",
	"select",
	/* time */
	"clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"gettimeofday", "nanosleep", "time", "times",
	/* memory, threads */
	"brk", "futex", "futex_time64", "futex_waitv", "get_robust_list",
	"madvise", "membarrier", "mremap", "munmap", "rseq",
	"sched_getaffinity", "sched_yield", "set_robust_list",
	"set_tid_address",
	/* who and where we are */
	"getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom",
	"getrlimit", "getrusage", "gettid", "getuid", "sysinfo", "ugetrlimit",
	"uname",
	/* signals to ourselves, the end */
	"exit", "exit_group", "restart_syscall", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
	"sigreturn",
};

#define SOCK_TYPE_MASK 0xf	/* the kernel's; the rest are flags */

/* Allowed only when the masked argument has a value. */
static const struct {
	const char *name;
	unsigned arg;
	uint64_t mask;
	uint64_t value;
} conditional[] = {
	{ "socket", 0, UINT32_MAX, AF_INET },
	{ "socket", 0, UINT32_MAX, AF_INET6 },
	/* a pair of datagram sockets could be sent on by name, to /dev/log */
	{ "socketpair", 1, SOCK_TYPE_MASK, SOCK_STREAM },
	/* F_SETOWN and F_SETSIG would send any signal to our parent */
	{ "fcntl", 1, UINT32_MAX, F_DUPFD },
	{ "fcntl", 1, UINT32_MAX, F_DUPFD_CLOEXEC },
	{ "fcntl", 1, UINT32_MAX, F_GETFD },
	{ "fcntl", 1, UINT32_MAX, F_GETFL },
	{ "fcntl", 1, UINT32_MAX, F_SETFD },
	{ "fcntl", 1, UINT32_MAX, F_SETFL },
	{ "fcntl64", 1, UINT32_MAX, F_DUPFD },
	{ "fcntl64", 1, UINT32_MAX, F_DUPFD_CLOEXEC },
	{ "fcntl64", 1, UINT32_MAX, F_GETFD },
	{ "fcntl64", 1, UINT32_MAX, F_GETFL },
	{ "fcntl64", 1, UINT32_MAX, F_SETFD },
	{ "fcntl64", 1, UINT32_MAX, F_SETFL },
	{ "ioctl", 1, UINT32_MAX, FIONBIO },
	{ "ioctl", 1, UINT32_MAX, FIONREAD },
	{ "prctl", 0, UINT32_MAX, PR_SET_NAME },
	/* glibc's fstat(); never a path */
	{ "newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH },
	{ "statx", 2, AT_EMPTY_PATH, AT_EMPTY_PATH },
	/* threads, not processes */
	{ "clone", 0, CLONE_THREAD, CLONE_THREAD },
	/* no new code */
	{ "mmap", 2, PROT_EXEC, 0 },
	{ "mmap2", 2, PROT_EXEC, 0 },
	{ "mprotect", 2, PROT_EXEC, 0 },
	/* ask for limits, never set them (new_limit is NULL) */
	{ "prlimit64", 2, UINT64_MAX, 0 },
};

/* Refused with an error that makes libraries fall back quietly; all the
 * rest is EPERM. */
static const struct {
	const char *name;
	int error;
} refused[] = {
	{ "clone3", ENOSYS },	/* its flags cannot be filtered */
	{ "open", EACCES },
	{ "openat", EACCES },
	{ "openat2", EACCES },
};

/* abort() needs a signal to ourselves; others get none from here. */
static int allow_abort(scmp_filter_ctx f)
{
	struct scmp_arg_cmp self = {
		.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (uint64_t)getpid(),
	};

	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	    &self);
}

static int add_rules(scmp_filter_ctx f)
{
	int rc = allow_abort(f);

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		int nr = seccomp_syscall_resolve_name(allowed[i]);

		if (nr != __NR_SCMP_ERROR && rc == 0)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
	}
	for (size_t i = 0; i < sizeof(conditional) / sizeof(conditional[0]);
	    i++) {
		int nr = seccomp_syscall_resolve_name(conditional[i].name);
		struct scmp_arg_cmp cmp = {
			.arg = conditional[i].arg,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = conditional[i].mask,
			.datum_b = conditional[i].value,
		};

		if (nr != __NR_SCMP_ERROR && rc == 0)
			rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, nr, 1,
			    &cmp);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int nr = seccomp_syscall_resolve_name(refused[i].name);

		if (nr != __NR_SCMP_ERROR && rc == 0)
			rc = seccomp_rule_add(f,
			    SCMP_ACT_ERRNO((uint16_t)refused[i].error), nr, 0);
	}
	return rc;
}

static bool seccomp_enter(struct buf *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = -ENOMEM;

	if (!f)
		goto done;
	/* All threads, should a library have made one already. */
	rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A binary tree instead of a list: every system call pays. */
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_rules(f);
	if (rc == 0)
		rc = seccomp_load(f);
done:
	if (f)
		seccomp_release(f);
	if (rc != 0)
		buf_addf(err, "seccomp: %s; ", strerror(-rc));
	return rc == 0;
}

void sandbox_enter(struct sandbox_state *state_r, struct buf *err)
{
	struct sandbox_state state = { false, false };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		buf_addf(err, "no_new_privs: %s", strerror(errno));
	} else {
		state.landlock = landlock_enter(err);
		state.seccomp = seccomp_enter(err);
	}
	*state_r = state;
}
