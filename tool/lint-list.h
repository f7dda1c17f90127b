/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint-list - check a partner list before it is published.
 */
#ifndef TM_TOOL_LINT_LIST_H
#define TM_TOOL_LINT_LIST_H

#include "tool/tool.h"

struct buf;

/* Print every finding about a list, by line, and what it is in all. file
 * is for messages. */
enum status lint_list(const struct tool *t, const char *file,
    const struct buf *text);

#endif
