/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check-notes - the notes that checks by hand leave for later ones
 * (check/memory.h), and the folder they are kept in.
 *
 * That is --state-dir, or state_dir where it may be written. While the
 * daemon runs, those are its own; then, and for people who may not write
 * there, a folder of the user has them. The lock of the folder is held for
 * as long as a note is read or written, so that several runs at a time do
 * not spoil it. Trouble is complained about once, and ends remembering.
 */
#ifndef TM_TOOL_CHECK_NOTES_H
#define TM_TOOL_CHECK_NOTES_H

#include "tool/access.h"

struct check_notes {
	struct buf folder;
	bool off;		/* nothing is remembered */
};

/* Choose the folder by what access_open() found; gave_up_root: it has become
 * another user. */
void check_notes_init(struct check_notes *n, struct tool *t,
    const struct access *access, bool gave_up_root);
void check_notes_clear(struct check_notes *n);

/* Append the note of a target; nothing if there is none. */
void check_notes_get(struct check_notes *n, const char *target,
    struct buf *note);
void check_notes_put(struct check_notes *n, const char *target,
    const char *note, size_t len);
/* What there was of a target is gone. */
enum check_forgotten { FORGOTTEN, FORGOTTEN_NOTHING, FORGOTTEN_FAILED };
enum check_forgotten check_notes_forget(struct check_notes *n,
    const char *target);

#endif
