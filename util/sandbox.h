/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox - give up what a process no longer needs (Landlock, seccomp).
 *
 * Call after everything is loaded and before the first thread is made.
 */
#ifndef TM_UTIL_SANDBOX_H
#define TM_UTIL_SANDBOX_H

#include <stdbool.h>

struct buf;

/* What became active; the kernel may lack either. */
struct sandbox_state {
	bool landlock;		/* no file can be opened any more */
	bool seccomp;		/* no exec, no ptrace, no new privileges … */
};

/* Deny every file access and all but a list of system calls. */
void sandbox_enter(struct sandbox_state *state_r, struct buf *err);

#endif
