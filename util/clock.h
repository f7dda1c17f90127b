/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - the two clocks, durations and their texts.
 *
 * Wall-clock times are seconds since the epoch in int64_t; they may jump.
 * Intervals are measured with the monotonic clock, in milliseconds.
 * Functions that decide by time take "now" as a parameter instead of
 * calling these, so that tests can set it.
 */
#ifndef TM_UTIL_CLOCK_H
#define TM_UTIL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

int64_t clock_wall(void);
int64_t clock_mono_ms(void);
/* The monotonic clock as of its last tick, some milliseconds ago: for who
 * reads it often and is not that exact. */
int64_t clock_mono_tick_ms(void);

/* Parse "90", "90s", "30m", "6h", "1d" or "2w" into seconds; one number
 * and one unit, at most ten years. *seconds_r is written on success. */
bool clock_parse_duration(const char *s, int64_t *seconds_r);

/* Append the shortest exact form clock_parse_duration() reads: "6h". */
void clock_add_duration(struct buf *b, int64_t seconds);

/* Append how long something is, for people: "3 days", "5 hours", in the
 * largest unit there are two of. */
void clock_add_span(struct buf *b, int64_t seconds);

/* Append an RFC 3339 time in UTC: "2026-11-21T20:44:02Z". */
void clock_add_time(struct buf *b, int64_t wall);

/* Parse that form again; only UTC ("Z") is accepted. */
bool clock_parse_time(const char *s, int64_t *wall_r);

/* Parse any time of RFC 3339 §5.6, with a fraction, which is dropped, and
 * an offset: "2026-11-21T21:44:02.5+01:00". */
bool clock_parse_rfc3339(const char *s, int64_t *wall_r);

#endif
