/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check-report - reading reports of check/report.h, for all forms of output.
 *
 * Nothing here or in the printers relies on a member: one that is missing,
 * or of another type, reads as empty.
 */
#ifndef TM_TOOL_CHECK_REPORT_H
#define TM_TOOL_CHECK_REPORT_H

#include <jansson.h>

#include "check/finding.h"
#include "tool/out.h"

struct buf;

/* A member that is a string; "" otherwise. */
const char *report_text(const json_t *object, const char *member);
bool report_is(const json_t *object, const char *member, const char *text);
/* A member that is a number; 0 otherwise. */
int64_t report_number(const json_t *object, const char *member);

/* Three values: true, false, and anything else. */
enum report_answer { REPORT_NULL, REPORT_NO, REPORT_YES };
enum report_answer report_answer(const json_t *object, const char *member);

/* A status by its name; what is no status is CHECK_UNKNOWN. */
enum check_status report_status(const json_t *object, const char *member);
/* The word for people, and its colour. */
const char *report_word(enum check_status status);
enum colour report_colour(enum check_status status);

/* The worst of the findings whose id begins with prefix; CHECK_STATUSES if
 * there is none. domain_only: of those about no host. */
#define CHECK_STATUSES (CHECK_FAIL + 1)
unsigned report_worst(const json_t *report, const char *prefix,
    bool domain_only);

/* A stage of an address by its name; NULL if there is none. */
const json_t *report_stage(const json_t *address, const char *name);
/* Its state: "ok", "failed", "unknown", "skipped". */
const char *report_stage_state(const json_t *address, const char *name);

/* Are these addresses of a service that begins with TLS at once? */
bool report_is_implicit(const json_t *report);
/* … of one that speaks SMTP? */
bool report_is_smtp(const json_t *report);

/* Append a text as printable ASCII: every other byte as \xHH, but a tab or
 * a newline as a blank. */
void report_clean(struct buf *out, const char *text);

#endif
