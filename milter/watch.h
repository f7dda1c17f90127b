/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch - when watched domains are checked, and what of a check is news.
 *
 * Pure functions; times are wall clock, in seconds. What is kept of a domain
 * is the time of its last check and the summary of how it stands.
 */
#ifndef TM_MILTER_WATCH_H
#define TM_MILTER_WATCH_H

#include "milter/watchmsg.h"

/* ---- when -------------------------------------------------------------- */

/* The time of the first check after a start: soon, the first of the domains
 * first, unless one is remembered (last; 0: none). */
int64_t watch_first(const char *domain, size_t index, int64_t last,
    int64_t interval, int64_t now);

/* The time of the next check: the interval, give or take a tenth. */
int64_t watch_next(const char *domain, int64_t last, int64_t interval);

/* Seconds until a check that could not be made is tried again. */
int64_t watch_pause(unsigned failures, int64_t interval);

/* A clock that was put back keeps nothing waiting. */
bool watch_is_due(int64_t next, int64_t interval, int64_t now);

/* ---- what is news ------------------------------------------------------ */

enum watch_news {
	WATCH_NEW,
	WATCH_CHANGED,		/* another status than before */
	WATCH_GOOD,		/* is no finding any more */
};

/* before: WATCH_CHANGED, the status it had. */
typedef void watch_news_fn(void *arg, enum watch_news news,
    const struct watch_finding *f, enum check_status before);

/*
 * Compare a summary with the one kept (NULL: none), tell what is news, and
 * write what is to be kept, which points into both. A failure or a warning
 * stays while a check cannot tell, and then is not news again; so does what
 * may be among those left out. What lost its meaning with STARTTLS, such as
 * a fault of the certificate, ends without news.
 */
void watch_merge(const struct watch_summary *kept,
    const struct watch_summary *seen, watch_news_fn *fn, void *arg,
    struct watch_summary *kept_r);

/* A line of the log about a domain, and its priority. */
int watch_line(const char *domain, enum watch_news news,
    const struct watch_finding *f, enum check_status before,
    struct buf *out);

/* ---- what is kept ------------------------------------------------------ */

#define WATCH_STATE_SIZE (WATCH_SUMMARY_SIZE + 16)

void watch_state_pack(int64_t checked, const struct watch_summary *s,
    struct buf *out);
/* False when it is damaged, or of another version. Strings point into it. */
bool watch_state_read(const void *data, size_t len, int64_t *checked_r,
    struct watch_summary *s_r);

#endif
