/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * partners-reader - reading a list's JSON, member by member.
 *
 * Objects are read by tables of their members (partners-members.c); which
 * members there are, and what they mean together, is partners-shape.c. The
 * way from a text to a list is partners-read.c.
 */
#ifndef TM_POLICY_PARTNERS_READER_H
#define TM_POLICY_PARTNERS_READER_H

#include <jansson.h>

#include "mtasts/mtasts.h"
#include "policy/partners-internal.h"

#define NEVER INT64_MIN		/* as "now": nothing is old or new */

/* What one object of the list says, or the defaults. */
struct terms {
	int mode;		/* 0: it says nothing */
	int min_version;	/* -1: it says nothing */
	int64_t until;		/* 0: it says nothing */
	struct buf mx;		/* empty: it says nothing */
	const char *alias;	/* NULL: none; borrowed from the JSON */
};

struct alias {
	const char *name;	/* borrowed from the JSON */
	uint32_t terms;
	bool used;
};

struct reader {
	const char *text;
	size_t len;
	int64_t now;		/* NEVER: warnings are not wanted */
	partners_finding_fn *fn;
	void *arg;
	bool foreign;		/* the shape of STARTTLS Everywhere */
	bool stop;
	size_t errors;
	size_t told[PARTNERS_ERROR + 1];	/* findings, by severity */
	struct terms defaults;
	struct alias *aliases;	/* sorted by name */
	size_t aliases_n;
	struct draft draft;
};

/* Tell of a mistake; with at_key it is the member's name that is wrong. */
void read_error(struct reader *r, const struct place *at, bool at_key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void read_warn(struct reader *r, const struct place *at, bool at_key,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Tell of an error whose position is known, or of the whole (line 0). */
void read_error_at(struct reader *r, struct position pos, const char *text);

/* A member of an object. Functions report what is wrong themselves. */
struct member {
	const char *name;
	bool required;
	void (*take)(struct reader *r, const json_t *value,
	    const struct place *at, void *out);	/* NULL: looked at later */
};

/* Read the members of an object into out. An unknown one is an error, but
 * in a foreign list a warning, as others know what it is for. False when it
 * is no object. */
bool read_object(struct reader *r, const json_t *object,
    const struct place *at, const struct member *members, size_t n,
    void *out);

/* A string, or NULL after an error. */
const char *read_string(struct reader *r, const json_t *value,
    const struct place *at);

/* Functions for tables; out is what they write to. */
void take_text(struct reader *r, const json_t *value,
    const struct place *at, void *out);		/* uint32_t: offset */
void take_comment(struct reader *r, const json_t *value,
    const struct place *at, void *out);		/* nothing */
void take_time(struct reader *r, const json_t *value,
    const struct place *at, void *out);		/* int64_t */
void take_mode(struct reader *r, const json_t *value,
    const struct place *at, void *out);		/* struct terms, as below */
void take_version(struct reader *r, const json_t *value,
    const struct place *at, void *out);
void take_until(struct reader *r, const json_t *value,
    const struct place *at, void *out);
void take_mx(struct reader *r, const json_t *value, const struct place *at,
    void *out);
void take_alias(struct reader *r, const json_t *value,
    const struct place *at, void *out);

/* Read a whole list, of either shape, into r->draft; sorted. */
void read_list(struct reader *r, const json_t *root);

/* Write a domain of the list, perhaps with "." before it, in its normal
 * form to out, which has MTASTS_DOMAIN_SIZE + 1 bytes. */
enum mtasts_error read_domain(const char *key, char *out);

#endif
