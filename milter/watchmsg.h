/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchmsg - what frontend and resolver say to each other about watched
 * domains, and what is kept of a check.
 *
 * MSG_WATCH_ASK names a domain, with what memory keeps of it and the policy
 * held; MSG_WATCH_ANSWER brings the new note and a summary. The note is
 * opaque here. The frontend keeps the summary of each domain in the same
 * form, beside the note.
 *
 * Unpacking validates: the resolver reads the Internet. A finding must be
 * one we know, its texts clean and short. Strings of what is unpacked point
 * into the message.
 */
#ifndef TM_MILTER_WATCHMSG_H
#define TM_MILTER_WATCHMSG_H

#include "check/finding.h"
#include "mtasts/mtasts.h"

struct buf;

/* The most bytes of a note: MEMORY_NOTE_MAX. */
#define WATCH_NOTE_MAX 65536
#define WATCH_STATUSES (CHECK_FAIL + 1)
#define WATCH_FINDINGS_MAX 64
/* The most bytes of a finding's text, of a verdict and of a reason. */
#define WATCH_TEXT_MAX 400

/* Room for a packed summary, and for any of the messages. */
#define WATCH_SUMMARY_SIZE (1024 + WATCH_FINDINGS_MAX * \
    (DNS_NAME_SIZE + NETADDR_TEXT + WATCH_TEXT_MAX + 128))
#define WATCHMSG_SIZE (WATCH_NOTE_MAX + WATCH_SUMMARY_SIZE + 1024)

struct watch_ask {
	uint32_t seq;		/* echoed back */
	const char *domain;
	const char *held_id;	/* of the policy in the cache; "": none */
	enum mtasts_mode held_mode;
	const char *note;	/* "": nothing is remembered */
};

struct watch_finding {
	const struct finding_info *info;
	enum check_status status;	/* not CHECK_OK */
	const char *host;	/* "": the domain */
	struct netaddr addr;	/* AF_UNSPEC: all of the host */
	const char *text;
};

struct watch_summary {
	enum check_status status;
	uint32_t counts[WATCH_STATUSES];	/* of findings */
	const char *verdict;
	struct watch_finding v[WATCH_FINDINGS_MAX];
	unsigned n;
	uint32_t more;		/* findings left out */
};

struct watch_answer {
	uint32_t seq;
	const char *failed;	/* why there was no check; "": there was */
	const char *note;	/* this and the summary: of a check */
	struct watch_summary summary;
};

/* Texts that are too long are cut. */
void watch_ask_pack(const struct watch_ask *m, struct buf *out);
void watch_answer_pack(const struct watch_answer *m, struct buf *out);
void watch_summary_pack(const struct watch_summary *s, struct buf *out);

/* False when the message is damaged or holds anything out of bounds; then
 * *m_r is of no use. */
bool watch_ask_unpack(const void *data, size_t len, struct watch_ask *m_r);
bool watch_answer_unpack(const void *data, size_t len,
    struct watch_answer *m_r);
bool watch_summary_unpack(const void *data, size_t len,
    struct watch_summary *s_r);

/* True for a host as a finding may name it. */
bool watch_is_host(const char *host);

/* Worst first; those alike in the order they have. */
void watch_summary_sort(struct watch_summary *s);

#endif
