/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child - how the monitor's children are started, and when again.
 *
 * A child is this same program, run by exec under another title, with a
 * fixed set of descriptors (milter/proto.h) and its settings as arguments:
 * so no memory of the parent, and no library it opened, is carried over.
 */
#ifndef TM_MILTER_CHILD_H
#define TM_MILTER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "milter/sockets.h"

struct buf;

#define CHILD_FRONTEND "tlsmilterd: frontend"
#define CHILD_RESOLVER "tlsmilterd: resolver"

/* What was fixed when the daemon started, whatever a reload says. */
struct child_args {
	const char *config_file;	/* NULL: the default */
	const char *state_dir;
	const char *milter;	/* libmilter's spelling; if it has to bind */
	const char *sockets[SOCKETS_MAX];	/* specs, milter/sockets.h */
	size_t sockets_n;
	uint64_t cache_size;
	uint64_t history_size;	/* pairs; 0: no history */
	bool foreground;	/* log to standard error as well */
	unsigned verbose;
};

/* Parse the arguments child_spawn() made. False if they are not such. */
bool child_args_parse(int argc, char **argv, struct child_args *args_r);

/* The descriptor fd, as the child finds it. */
struct child_fd {
	int fd;
	int as;
};

/*
 * Fork. The new process has default signal handlers, is the leader of a
 * session, and is killed when this process ends.
 */
pid_t child_fork(void);

/*
 * Fork and exec. Descriptors with fd < 0 are left out; all others but
 * standard input, output and error are closed, and those are /dev/null
 * unless args->foreground. Return its pid, or -1 with a sentence in err.
 */
pid_t child_spawn(const char *title, const struct child_args *args,
    const struct child_fd *fds, size_t fds_n, struct buf *err);

/* In a child: let standard input, output and error be /dev/null. False when
 * that cannot be opened. */
bool child_silence(void);

/* How long to wait before a child that lived so long is started again:
 * not at all after 10 s of life, else 0.1 s, doubling to 5 s. last is what
 * this said the time before. */
int64_t child_restart_delay(int64_t lived_ms, int64_t last);

/* Append "was killed by signal 9 (Killed)" or "ended with status 78". */
void child_describe_end(int status, struct buf *out);

#endif
