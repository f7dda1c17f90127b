/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - one SMTP session as a milter sees it, judged (design §6).
 *
 * Knows the order of a session's events and what to make of them, nothing of
 * libmilter: door.c translates. Facts of the session are latched, facts of
 * the message are taken at MAIL together with the configuration, every
 * recipient is judged at RCPT, and the message is edited at its end only.
 *
 * A session is used by one thread at a time, but not always by the same. No
 * function here waits for anything.
 */
#ifndef TM_MILTER_SESSION_H
#define TM_MILTER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "policy/reply.h"
#include "util/buf.h"

struct services;
struct session;

/* The value of an MTA macro now, NULL if it is not defined. */
typedef const char *session_macro_fn(void *arg, const char *name);
struct session_macros {
	session_macro_fn *get;
	void *arg;
};

/* What was agreed with the MTA when the connection began. */
struct session_abilities {
	bool symlist;		/* TLS macros were asked for at MAIL */
	bool add_headers;
	bool change_headers;
	bool quarantine;
};

/* What the MTA is to be told. */
enum session_answer {
	SESSION_CONTINUE,
	SESSION_DEFER,		/* reply is set */
	SESSION_REJECT,		/* reply is set */
	SESSION_TROUBLE,	/* we failed (memory): a generic 4xx */
};

struct session *session_new(struct services *services,
    const struct session_abilities *abilities);
void session_free(struct session *s);

/* sa is NULL for mail that came by no socket. */
void session_connect(struct session *s, const char *host,
    const struct sockaddr *sa, const struct session_macros *m);
void session_helo(struct session *s, const char *helo,
    const struct session_macros *m);

/* argv is NULL-terminated: the path, then ESMTP parameters. */
enum session_answer session_mail(struct session *s, char *const *argv,
    const struct session_macros *m);
enum session_answer session_rcpt(struct session *s, char *const *argv,
    const struct session_macros *m, struct reply *reply_r);

/* DATA: the queue id is known from here on. */
void session_data(struct session *s, const struct session_macros *m);
void session_header(struct session *s, const char *name, const char *value);

/* Header fields we edit. */
enum session_field { FIELD_AR, FIELD_TAG, FIELDS };
const char *session_field_name(enum session_field f);

struct session_delete {
	enum session_field field;
	int index;		/* from 1, among fields of that name */
};

/* What to do to the message; owned by the session, gone at the next event. */
struct session_edits {
	const struct session_delete *deletes;	/* highest index first */
	size_t deletes_n;
	const char *ar;			/* insert at the top; NULL: none */
	const char *tag;		/* insert below ar; NULL: none */
	const char *quarantine;		/* reason; NULL: do not hold */
};

/* End of message: what is to be done to it. SESSION_DEFER means that it
 * cannot be edited as it must be. */
enum session_answer session_eom(struct session *s,
    const struct session_macros *m, struct reply *reply_r,
    struct session_edits *edits_r);

/* The edits of session_eom() are made, and the message is the MTA's: count
 * it, write its audit line, and learn from it. */
void session_accepted(struct session *s, const struct session_edits *edits);

/* The message, if there is one, is over. May be called at any time, twice,
 * or never. */
void session_abort(struct session *s);

#endif
