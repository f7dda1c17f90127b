/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * partners - a partner list, compiled: domains that must use TLS.
 *
 * A list is written as JSON (man/tlsmilter-list.5, and the policy.json shape
 * of STARTTLS Everywhere) and compiled into one immutable block of memory
 * without pointers, a "blob": it can be written to a file, sent to another
 * process and mapped, and is validated whole by whoever opens it. Looking a
 * domain up allocates nothing and takes a bounded time, however hostile
 * the list.
 *
 * A list is counted; any number of threads may read it, and take and drop
 * references. Strings it hands out live as long as a reference is held.
 */
#ifndef TM_POLICY_PARTNERS_H
#define TM_POLICY_PARTNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct partners;

#define PARTNERS_JSON_MAX ((size_t)16 << 20)	/* bytes of JSON */
#define PARTNERS_BLOB_MAX ((size_t)32 << 20)	/* bytes, compiled */
#define PARTNERS_DOMAINS_MAX 200000
#define PARTNERS_ALIASES_MAX 10000
#define PARTNERS_MX_MAX 32		/* patterns of one domain */

enum partner_mode {
	PARTNER_TESTING = 1,	/* observe only */
	PARTNER_ENFORCE,
};
/* "testing", "enforce". */
const char *partner_mode_name(enum partner_mode mode);

/* What a list says of one domain. */
struct partner {
	enum partner_mode mode;
	int min_version;	/* as tls_version_rank(): 12, 13; 0: any TLS */
	int64_t until;		/* first second it no more holds; 0: none */
	/*
	 * Names of its mail hosts, normalised, separated by a space (see
	 * name_list_next()): "mx.example.com", "*.example.com" (exactly one
	 * label more, as in MTA-STS) or ".example.com" (one or more). "" if
	 * the list names none.
	 */
	const char *mx;
};

/*
 * Read a list from JSON. name is the file or URL, for messages. NULL after
 * the first error, with "NAME:LINE:COLUMN: PATH: sentence" in err, to be
 * shown as it is. A list that has expired, or whose timestamp is in the
 * future, is none: see partners_expires() and partners_timestamp(). Whoever
 * replaces one list by another compares the two, and refuses a timestamp in
 * the future, which would keep out every later list.
 */
struct partners *partners_read(const char *name, const char *text,
    size_t len, struct buf *err);

/* What is wrong, or unwise, in a list. */
enum partners_severity { PARTNERS_WARNING, PARTNERS_ERROR };

struct partners_finding {
	enum partners_severity severity;
	unsigned line, column;	/* from 1; column in characters; 0: the whole
				 * list is meant */
	const char *path;	/* `domains."bank.example".mx[2]`; "" : none */
	const char *text;	/* a sentence; both live until return */
};

/* Called for each finding, in no order, at most 50 times for either
 * severity; false ends the search, without a list. */
typedef bool partners_finding_fn(void *arg,
    const struct partners_finding *f);

/* Look for every mistake in a list, and for what is unwise at the time now.
 * The list if it has no error, else NULL. */
struct partners *partners_lint(const char *text, size_t len, int64_t now,
    partners_finding_fn *fn, void *arg);

/* The blob. */
const void *partners_data(const struct partners *p, size_t *len_r);

typedef void partners_release_fn(void *arg);

/*
 * Open a blob that may come from anywhere; NULL with a sentence in err if
 * it is damaged, of another version, or no list. The memory is borrowed, of
 * any alignment, and must not change: release(arg) is called when the last
 * reference is dropped, by the thread that drops it (free(3) and the blob
 * will do; with release == NULL the caller keeps it alive). It is not
 * called when opening fails.
 */
struct partners *partners_open(const void *blob, size_t len,
    partners_release_fn *release, void *arg, struct buf *err);

struct partners *partners_ref(struct partners *p);
void partners_unref(struct partners *p);	/* NULL is allowed */

/*
 * Look up a normalised domain: its own entry, else that of the nearest
 * parent listed with its subdomains (".example.com"). An entry whose `until`
 * has passed is as if it were not there; a list that has expired lists
 * nobody. False, and nothing written, when the domain is not listed.
 */
bool partners_find(const struct partners *p, const char *domain,
    int64_t now, struct partner *partner_r);

size_t partners_count(const struct partners *p);
int64_t partners_timestamp(const struct partners *p);
/* The first second at which the list holds no more. */
int64_t partners_expires(const struct partners *p);
/* Who says so, in the list's own words: valid UTF-8 without control
 * characters, not to be trusted otherwise; "" if not given. */
const char *partners_name(const struct partners *p);
const char *partners_author(const struct partners *p);
const char *partners_contact(const struct partners *p);

/* Called for each entry in the order of their names, ended ones too;
 * false ends the walk. */
typedef bool partners_walk_fn(void *arg, const char *domain,
    const struct partner *partner);
/* False when the function ended it. */
bool partners_walk(const struct partners *p, partners_walk_fn *fn,
    void *arg);

#endif
