/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain-lists - what the partner lists say of the sender's domain.
 */
#ifndef TM_TOOL_EXPLAIN_LISTS_H
#define TM_TOOL_EXPLAIN_LISTS_H

#include "conf/conf.h"

struct buf;
struct tool;

/*
 * Fill in m->listed for every list of the configuration: as an option
 * --listed states (LIST=enforce|testing|no|unknown, the first two perhaps
 * with :TLSv1.2 behind), else from the list itself: its file, or the last
 * good copy of what came from its URL, which is not read as root. A list
 * that cannot be read is unknown, after a complaint. False with a sentence in err when an
 * option is wrong.
 */
bool explain_listed(struct tool *t, const struct conf *conf,
    const struct strv *options, struct message_facts *m, struct buf *err);

/* A list: of its file, or the last good copy of what came from its URL, which
 * is not read as root. The caller gives it back with partners_unref(). NULL
 * after a complaint. */
struct partners *explain_list_open(struct tool *t,
    const struct conf_list *list);

/* "enforce", "testing", "no" or "unknown". */
const char *explain_listed_name(enum listed_mode mode);

#endif
