/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor-internal - what the files of the monitor share.
 *
 * monitor.c       life cycle, loop, signals
 * monitor-open.c  configuration at start, and what needs root
 * children.c      starting, ending and replacing frontend and resolver
 * reload.c        a new configuration, all or nothing
 * damage.c        a damaged file of state_dir
 * watchfiles.c    files the resolver read when it started
 */
#ifndef TM_MILTER_MONITOR_INTERNAL_H
#define TM_MILTER_MONITOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "milter/child.h"
#include "milter/privs.h"
#include "milter/sockets.h"
#include "util/buf.h"

struct bundle;
struct cmdline;
struct conf;
struct loop;
struct loop_signal;
struct loop_timer;
struct monitor;
struct wire;

/* One place for a child; the process in it changes. */
struct child {
	struct monitor *monitor;
	const char *name;	/* for messages */
	pid_t pid;		/* 0: none runs */
	bool serving;		/* it has said so */
	struct wire *wire;
	int64_t started;	/* monotonic ms */
	int64_t delay;		/* the last one before a restart */
	struct loop_timer *restart;
	struct loop_timer *end;	/* it hung up: limit for its end */
};

enum reload_state { RELOAD_IDLE, RELOAD_OFFERED };

struct reload {
	enum reload_state state;
	uint32_t number;	/* of the last offer */
	bool asked;		/* by the frontend, which wants to be told */
	bool again;		/* another was wanted meanwhile, */
	bool again_asked;	/* … by the frontend */
	struct conf *conf;	/* offered, not in force */
	int bundle_fd;
	struct buf messages;	/* for whoever asked */
	struct loop_timer *limit;
};

#define WATCHED_MAX 8

/* A file the resolver read when it started. */
struct watched {
	char *path;
	struct stat st;		/* zero while it does not exist */
};

struct monitor {
	const struct cmdline *cmd;
	char *config_file;	/* absolute, NULL: the default */
	struct conf *start;	/* as the daemon was started */
	struct conf *conf;	/* in force */
	int bundle_fd;		/* sealed, what conf was made of */
	struct privs privs;
	struct buf milter;	/* the endpoint in libmilter's spelling */
	int lock_fd;
	int milter_fd;
	int control_fd;
	struct sockets sockets;	/* of the other doors */
	struct buf doors;	/* where it serves, for people */

	struct loop *loop;
	struct loop_signal *signals[4];
	struct loop_timer *stop_limit;
	struct child frontend;
	struct child resolver;
	struct reload reload;
	pid_t verify_pid;	/* checks a file; 0: no check */
	size_t verify_file;	/* which; in damage.c's table */
	struct loop_timer *verify_limit;
	struct watched watched[WATCHED_MAX];
	size_t watched_n;
	struct loop_timer *watch_timer;
	bool ready;		/* a frontend has accepted connections */
	bool stopping;
	bool killed;		/* the frontend did not end by itself */
	int status;		/* to exit with */
};

/* ---- monitor-open.c ---------------------------------------------------- */

/* Read the configuration as it is now, with the command line on top, and
 * append every message to texts. NULL after an error. */
struct conf *monitor_read_conf(const struct monitor *m,
    struct bundle *bundle, struct buf *texts);

/* ---- children.c -------------------------------------------------------- */

bool children_init(struct monitor *m);
void children_clear(struct monitor *m);

/* Start both, joined by a new pair. */
void children_start(struct monitor *m);

/* A process has ended: one of ours or one already given up. */
void children_ended(struct monitor *m, pid_t pid, int status);

/* End the resolver at once and start another with the bundle in force. */
void children_replace_resolver(struct monitor *m);

/* Stop the frontend in an orderly way and all others at once. */
void children_drain(struct monitor *m);
void children_kill(struct monitor *m);

/* ---- monitor.c --------------------------------------------------------- */

/* The frontend accepts connections. */
void monitor_ready(struct monitor *m);

/* End the daemon with this exit status. */
void monitor_stop(struct monitor *m, int status);

/* ---- reload.c ---------------------------------------------------------- */

bool reload_init(struct monitor *m);
void reload_clear(struct monitor *m);
void reload_start(struct monitor *m, bool asked);

/* The frontend has started to serve: do what had to wait for that. */
void reload_resume(struct monitor *m);

/* The frontend's answers to the offer of that number. */
void reload_accepted(struct monitor *m, uint32_t number);
void reload_refused(struct monitor *m, uint32_t number, const char *why);
void reload_frontend_ended(struct monitor *m);

/* ---- damage.c ---------------------------------------------------------- */

bool damage_init(struct monitor *m);

/* True when a frontend that ended like this may have met a damaged file:
 * then its restart waits until all were checked. */
bool damage_suspected(struct monitor *m, int status);

/* The process that checked a file has ended. */
void damage_checked(struct monitor *m, int status);

/* ---- watchfiles.c ------------------------------------------------------ */

bool watchfiles_init(struct monitor *m);
void watchfiles_clear(struct monitor *m);

/* Look at the files of the configuration in force from now on. */
void watchfiles_set(struct monitor *m);

#endif
