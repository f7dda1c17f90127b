/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * factsjson - facts and findings as JSON (contrib/schema/check-1.json).
 */
#ifndef TM_CHECK_FACTSJSON_H
#define TM_CHECK_FACTSJSON_H

#include <jansson.h>

#include "check/facts.h"
#include "check/finding.h"

/* One report; the caller's. NULL when out of memory. */
json_t *check_report_json(const struct check_facts *f,
    const struct findings *findings);

/* factsjson-host.c: "hosts" */
json_t *factsjson_hosts(const struct check_facts *f,
    const struct findings *findings);

/* Text with everything but printable ASCII escaped; NULL: null. */
json_t *factsjson_text(const char *text);
/* The same, "" is null. */
json_t *factsjson_some(const char *text);
json_t *factsjson_texts(const struct strv *sv);
json_t *factsjson_answer(enum check_answer a);

#endif
