/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding - what a check concludes, with a stable id for each conclusion.
 */
#ifndef TM_CHECK_FINDING_H
#define TM_CHECK_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/protocol.h"
#include "util/netaddr.h"
#include "util/str.h"

enum check_status {
	CHECK_OK,
	CHECK_INFO,
	CHECK_WARN,
	CHECK_UNKNOWN,		/* could not tell */
	CHECK_FAIL,
};
/* "ok", "info", "warn", "unknown", "fail" */
const char *check_status_name(enum check_status s);
/* False when it is no such name. */
bool check_status_parse(const char *name, enum check_status *s_r);
/* As exit statuses: 0 ok (and info), 1 warn, 2 fail, 3 unknown. */
int check_status_exit(enum check_status s);

/* What is said about an id whatever the target; see finding-table.c. */
struct finding_info {
	const char *id;		/* "starttls.lost" */
	const char *title;	/* "STARTTLS was offered before, and is not now" */
	const char *effect;	/* what comes of it, one sentence; NULL */
	const char *explain;	/* paragraphs for --explain */
	const char *reference;	/* "RFC 8461, section 4.1"; NULL: none */
	const char *login_effect;	/* where people log in; NULL: none */
};
const struct finding_info *finding_info(const char *id);	/* or NULL */
/* All of them, in order of their ids. */
const struct finding_info *finding_table(size_t *n_r);

struct finding {
	const struct finding_info *info;
	enum check_status status;
	char host[DNS_NAME_SIZE];	/* "": the domain */
	struct netaddr addr;		/* AF_UNSPEC: all of the host */
	char *text;		/* one sentence about this target */
	struct strv evidence;	/* lines: the server's own words, records */
	char *fix;		/* to be pasted, may have lines; NULL: none */
	int64_t since;		/* first seen so, wall clock; 0: now */
};

struct findings {
	struct finding *v;
	size_t n, size;
	bool failed;		/* out of memory: incomplete */
};

void findings_clear(struct findings *f);

/* Append; NULL after a failure, which is kept. text as printf. The pointer
 * lives until the next call. */
struct host_facts;
struct address_facts;
struct finding *findings_add(struct findings *f, const char *id,
    enum check_status status, const struct host_facts *host,
    const struct address_facts *address, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* Fail beats unknown, unknown beats warn. */
enum check_status findings_worst(const struct findings *f);
size_t findings_count(const struct findings *f, enum check_status status);

#endif
