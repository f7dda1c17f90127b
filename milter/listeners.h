/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listeners - which listeners the MTA has named so far.
 *
 * A rule about listener "587" is dead when the MTA calls that service
 * otherwise, and nothing would ever show it. After a day the names rules
 * use and no session has had are worth a warning (design §5). Locked inside.
 */
#ifndef TM_MILTER_LISTENERS_H
#define TM_MILTER_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct listeners;
struct ruleset;

/* now is monotonic milliseconds; the day begins here. */
struct listeners *listeners_new(int64_t now);
void listeners_free(struct listeners *l);

/* A session came in; either name may be NULL. At most 64 are kept. */
void listeners_saw(struct listeners *l, const char *port, const char *name);

/*
 * True once, when the day is over and some rule names a listener that was
 * not seen: out then has them as `"587" (rule "submission")`, separated by
 * commas. Call it every minute or so.
 */
bool listeners_missing(struct listeners *l, const struct ruleset *rules,
    int64_t now, struct buf *out);

#endif
