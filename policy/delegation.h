/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delegation - Postfix's policy delegation protocol: requests and answers.
 *
 * A request is lines `name=value` up to an empty line, an answer is one
 * line `action=...` and an empty one (PF-PD-01, SMTPD_POLICY_README). The
 * reader is fed bytes as they come, in pieces of any size, and never keeps
 * more than the limits below: whatever breaks the rules makes the request
 * malformed, and whoever reads it hangs up without an answer (PF-PD-08).
 * No I/O, no clock, no lock.
 */
#ifndef TM_POLICY_DELEGATION_H
#define TM_POLICY_DELEGATION_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/facts.h"

struct buf;

/* PF-PD-12: Postfix's own line_length_limit is 2048. */
#define DELEGATION_LINE_MAX 8192	/* without the LF */
#define DELEGATION_ATTRIBUTES_MAX 100
#define DELEGATION_REQUEST_MAX 65536

/* The attributes we read; all others are counted and forgotten. */
enum delegation_attribute {
	DELEGATION_REQUEST,
	DELEGATION_PROTOCOL_STATE,
	DELEGATION_INSTANCE,
	DELEGATION_QUEUE_ID,
	DELEGATION_CLIENT_ADDRESS,
	DELEGATION_CLIENT_NAME,
	DELEGATION_CLIENT_PORT,
	DELEGATION_SERVER_PORT,
	DELEGATION_HELO_NAME,
	DELEGATION_SENDER,
	DELEGATION_RECIPIENT,
	DELEGATION_RECIPIENT_COUNT,
	DELEGATION_SASL_METHOD,
	DELEGATION_SASL_USERNAME,
	DELEGATION_ENCRYPTION_PROTOCOL,
	DELEGATION_ENCRYPTION_CIPHER,
	DELEGATION_ENCRYPTION_KEYSIZE,
	DELEGATION_CCERT_SUBJECT,	/* xtext taken away, as the next */
	DELEGATION_CCERT_ISSUER,
	DELEGATION_CCERT_FINGERPRINT,
	DELEGATION_POLICY_CONTEXT,
	DELEGATION_ATTRIBUTES
};

struct delegation;
struct delegation *delegation_new(void);	/* NULL: out of memory */
void delegation_free(struct delegation *d);

enum delegation_progress {
	DELEGATION_MORE,	/* the request has not ended yet */
	DELEGATION_DONE,	/* it is whole; what follows is the next */
	DELEGATION_MALFORMED,	/* nothing more can be read here */
};

/*
 * Read from data; *used_r is how much of it belonged to this request. After
 * DONE the values can be asked for, until delegation_reset() makes the
 * reader ready for the next request. After MALFORMED only
 * delegation_error() and delegation_free() make sense.
 */
enum delegation_progress delegation_feed(struct delegation *d,
    const char *data, size_t len, size_t *used_r);
void delegation_reset(struct delegation *d);

/* Why the request is malformed: a static text. */
const char *delegation_error(const struct delegation *d);

/* The value, of which a first one counts if there are several; NULL if the
 * request has none, which is not the same as an empty one. */
const char *delegation_value(const struct delegation *d,
    enum delegation_attribute attribute);

/* Where in the session Postfix asks. */
enum delegation_stage {
	DELEGATION_EARLY,	/* CONNECT to MAIL, VRFY, ETRN, and any other:
				 * too early or never right to judge */
	DELEGATION_AT_RCPT,
	DELEGATION_AT_DATA,
	DELEGATION_AT_END,	/* END-OF-MESSAGE */
};

/* What one request says. Strings point into the reader, and are not cut. */
struct delegation_facts {
	enum delegation_stage stage;
	const char *state;	/* as Postfix names it; "" if it does not */
	const char *instance;	/* the same for all requests of a message;
				 * NULL: none */
	const char *queue_id;	/* NULL: none yet */
	unsigned recipients;	/* known at DATA and END-OF-MESSAGE only */
	const char *sender;	/* "" for the null sender */
	const char *recipient;	/* NULL: there is none, or several */
	const char *auth_user;	/* NULL: not authenticated; "-": not named */
	struct session_facts session;
};

/*
 * Take the facts out of a whole request. An encryption_protocol that is
 * empty means plaintext; one that is absent (a Postfix without TLS, another
 * program) means nothing, and TLS is unknown. A certificate is trusted when
 * Postfix names its subject or issuer, which it does for no other; one that
 * only has a fingerprint was presented and is not trusted. What depends on
 * the configuration (relay, exemptions, promises) is left to the caller.
 */
void delegation_facts(const struct delegation *d,
    struct delegation_facts *facts_r);

/*
 * Append an answer: `action=WORD TEXT`, and the empty line. Every byte of
 * text that is not printable ASCII becomes a blank or `?`, and what is too
 * long for a line is cut: whatever text is, this is one answer. text may be
 * NULL or "".
 */
void delegation_answer(struct buf *out, const char *word, const char *text);

#endif
