/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - shared by the sub-commands of `tlsmilter history`.
 */
#ifndef TM_TOOL_HISTORY_H
#define TM_TOOL_HISTORY_H

#include "tool/access.h"
#include "tool/tool.h"

extern const struct command command_history_purge;

/* Get at the history; anything but STATUS_GOOD after a complaint. The
 * access is to be closed in any case. */
enum status history_open_access(struct tool *t, bool write,
    struct access *a);

#endif
