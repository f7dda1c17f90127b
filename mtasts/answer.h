/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answer - the question "what does this domain promise?" and its answer,
 * as they travel between the frontend and the resolver.
 *
 * Both have a packed form (util/pack) with a version byte. An answer comes
 * from the process that parses hostile input, so unpacking validates every
 * field again: names and patterns are LDH, ids alphanumeric, lists bounded.
 */
#ifndef TM_MTASTS_ANSWER_H
#define TM_MTASTS_ANSWER_H

#include "mtasts/mtasts.h"

struct buf;

/* Room for the packed form of either: a policy text, its patterns again,
 * and the lists within these limits. */
#define ANSWER_MAX_PACKED (MTASTS_POLICY_SIZE + 131072)
#define ANSWER_MX_MAX 100	/* MX host names */
#define ANSWER_RUA_MAX 20	/* mailboxes, … */
#define ANSWER_MAILBOX_MAX 320	/* … and the length of each */
#define ANSWER_DETAIL_MAX 500	/* bytes of detail */

/* Who asks; each class has its own bound and rate (design §2). */
enum ask_class {
	ASK_OUTBOUND,	/* socketmap (next issues) */
	ASK_HOSTED,	/* our own domains */
	ASK_RECIPIENT,	/* recipients' domains */
	ASK_SENDER,	/* senders' domains */
	ASK_CLASSES
};

struct ask {
	uint32_t seq;		/* chosen by the asker, echoed back */
	enum ask_class class;
	const char *domain;	/* normalised */
	const char *held_id;	/* "" if nothing is held */
	bool refetch;		/* a true fetch, whatever the id says */
	bool want_mx;		/* look up the MX host names too */
	bool want_rua;		/* look up the TLSRPT addresses too */
	bool allow_private;	/* split-horizon DNS is normal for ours */
};

/* Lists are space-separated, "" when empty. Pointers of an unpacked answer
 * point into the packed message. */
struct answer {
	uint32_t seq;
	const char *domain;
	enum mtasts_outcome outcome;
	enum mtasts_error error;
	const char *detail;	/* clean ASCII for logs */
	const char *id;
	uint32_t ttl;
	bool secure;
	enum mtasts_mode mode;	/* MTASTS_FOUND: this and the next three */
	uint32_t max_age;
	const char *patterns;	/* "mx1.example *.example.net" */
	const char *text;
	bool mx_known;		/* the MX lookup ended: with names or none */
	bool null_mx;
	const char *mx;		/* MX host names, most preferred first */
	const char *rua;	/* mailboxes "tlsrpt@example.com" */
};

/* Append the packed form; a NULL string counts as "". Lists are cut to the
 * limits above, and policy members are left out unless MTASTS_FOUND. */
void ask_pack(const struct ask *ask, struct buf *out);
void answer_pack(const struct answer *answer, struct buf *out);

/* False when the message is damaged, of another version, or holds anything
 * that is out of bounds. */
bool ask_unpack(const void *data, size_t len, struct ask *ask_r);
bool answer_unpack(const void *data, size_t len, struct answer *answer_r);

#endif
