/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge - one message, judged alike whichever door it comes through.
 *
 * A door translates what its MTA says into session facts and a sender; from
 * there on milter and policy service go the same way: the configuration is
 * pinned, promises are looked up, each recipient is judged, the audit lines
 * are written, what is not known is wished for, and all is counted.
 *
 * A judge is used by one thread at a time. Nothing here waits.
 */
#ifndef TM_MILTER_JUDGE_H
#define TM_MILTER_JUDGE_H

#include "conf/conf.h"
#include "mtasts/mtasts.h"
#include "policy/reply.h"
#include "policy/verdict.h"

struct services;

/* Longest envelope address kept for matching and logs (RFC 5321: 256). */
#define JUDGE_ADDRESS_SIZE 321
#define JUDGE_QUEUE_ID_SIZE 40

/* What the client said at MAIL; strings are copied. */
struct judge_sender {
	const char *path;	/* with or without <> */
	const char *auth_user;	/* NULL or "": not authenticated */
	bool requiretls;	/* the MAIL parameter (RFC 8689 §2) */
};

/* The most severe verdict among accepted recipients; its policy_domain is
 * NULL, since the recipient it pointed to is gone. */
struct judge_worst {
	struct verdict verdict;
	struct promise promise;
	bool set;
};

/* Caller's storage; zero-initialised is "no message". The door may read all
 * of it, and write queue_id and what is said to be the door's. */
struct judge {
	struct services *services;
	const struct session_facts *session;
	struct conf *conf;	/* pinned; NULL: no message is open */
	char from[JUDGE_ADDRESS_SIZE];
	char from_domain[MTASTS_DOMAIN_SIZE];
	char *auth_user;
	char queue_id[JUDGE_QUEUE_ID_SIZE];	/* "" : none yet */
	struct message_facts facts;
	unsigned accepted;
	struct judge_worst worst;
	bool uncounted;		/* set by a door: another counts this */
	bool has_no_end;	/* set by a door: no line of the message will
				 * come, so every recipient has its own */
};

/*
 * A message begins. session is the door's and outlives the judge; what
 * depends on the configuration is set in it: relay, client_exempt, and
 * tls.state, which the door has filled in with what it saw itself.
 */
void judge_begin(struct judge *j, struct services *services,
    struct session_facts *session, const struct judge_sender *sender);

/* The same with a configuration that was pinned before; takes the caller's
 * reference. For a door that judges a message in several steps. */
void judge_begin_with(struct judge *j, struct services *services,
    struct conf *conf, struct session_facts *session,
    const struct judge_sender *sender);

/* True between judge_begin() and judge_end(). */
static inline bool judge_is_open(const struct judge *j)
{
	return j->conf != NULL;
}

/* Keep the MTA's queue id; NULL or "" changes nothing. */
void judge_set_queue_id(struct judge *j, const char *id);

/*
 * Judge one recipient, count it, and write its audit line if it has one.
 * mta_name is what the MTA calls itself ({j}), normalised, or NULL: it
 * stands in for an empty conf->mx_names. path NULL: there is no single
 * recipient (DATA in the policy service), and rules about recipients do not
 * match. The reply is filled in when action is defer or reject; the
 * verdict's policy_domain must not be used once path is gone.
 */
void judge_rcpt(struct judge *j, const char *path, const char *mta_name,
    struct verdict *v_r, struct reply *reply_r);

/* What a door did to an accepted message, or saw in it. */
struct judge_end_of_message {
	size_t forged;		/* header fields removed */
	bool tagged;
	bool held;
	const char *tls_required;	/* as struct audit has it, or NULL */
};

/* The MTA takes the message: count it, write its audit line, and learn from
 * it. Call it once a message. */
void judge_accepted(struct judge *j, const struct judge_end_of_message *e);

/* The message, if there is one, is over. May be called twice. */
void judge_end(struct judge *j);

#endif
