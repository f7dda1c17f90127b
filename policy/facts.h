/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts - what is known of a session, a message and a recipient.
 *
 * Plain values that a door (milter, policy service) or `tlsmilter explain`
 * fills in; the rules read nothing else. Strings are borrowed and may be
 * NULL where a fact is not known. Nothing here is trusted text: whoever
 * shows it cleans it first.
 */
#ifndef TM_POLICY_FACTS_H
#define TM_POLICY_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/netaddr.h"

enum tls_state {
	TLS_UNKNOWN,	/* cannot be told: never punished as plaintext */
	TLS_PLAINTEXT,
	TLS_ENCRYPTED,
};

/* Client certificate, as far as the MTA tells. */
enum verify_state {
	VERIFY_UNAVAILABLE,	/* MTA did not ask for one, or does not say */
	VERIFY_OK,		/* presented and trusted */
	VERIFY_FAILED,		/* presented, not trusted */
	VERIFY_NONE,		/* asked for, none presented */
};

struct tls_facts {
	enum tls_state state;
	const char *version;	/* as the MTA writes it: "TLSv1.3" */
	const char *cipher;
	int bits;		/* effective bits; 0: not known */
	enum verify_state verify;
	const char *cert_subject;	/* CN or DN; only with VERIFY_OK */
	const char *cert_issuer;
	const char *cert_fingerprint;	/* NULL: unavailable */
};

enum door { DOOR_MILTER, DOOR_POLICY_SERVICE, DOOR_EXPLAIN };

struct session_facts {
	enum door door;
	struct netaddr client;
	uint16_t client_port;
	const char *client_name;	/* NULL unless the MTA confirmed it */
	const char *helo;
	const char *listener_name;	/* {daemon_name} */
	const char *listener_port;	/* "25"; NULL: unknown */
	bool non_smtp;		/* sendmail(1), queue manager: no session */
	bool relay;		/* in `relays` */
	bool client_exempt;	/* in exempt.client */
	struct tls_facts tls;
};

/* A domain's promises are a set; several can hold (design §5). */
enum {
	PROMISE_NONE = 1,	/* looked up: no policy, or mode none */
	PROMISE_TESTING = 2,
	PROMISE_ENFORCE = 4,
	PROMISE_DANE = 8,
};

struct promise {
	unsigned set;		/* PROMISE_*; 0 with known == false */
	bool known;		/* false: never looked up yet */
	bool waited_out;	/* not known after 30 minutes: no policy */
};

/* What earlier messages of this sender's domain from this client network
 * were like (audit/history). */
struct history_facts {
	bool known;		/* false: nobody looked */
	bool used_tls;		/* at least history.min messages came over TLS
				 * within the last history.days */
	uint64_t tls;		/* messages ever */
	uint64_t plaintext;
};

/* What a partner list says about the sender's domain now. */
enum listed_mode {
	LISTED_NO,		/* not on the list, or no longer */
	LISTED_TESTING,
	LISTED_ENFORCE,
	LISTED_UNKNOWN,		/* the list was never loaded */
};
struct listed {
	enum listed_mode mode;
	int min_version;	/* as tls_version_rank(); 0: any TLS */
};

/* As many lists as a configuration can have. */
#define LISTS_MAX 16

struct message_facts {
	const char *from;	/* address without <>, "" for the null sender */
	const char *from_domain;	/* normalised; NULL if none */
	struct promise from_promise;
	const char *auth_user;	/* NULL: not authenticated */
	bool requiretls;
	struct history_facts history;
	struct listed listed[LISTS_MAX];	/* by the list's index */
};

struct rcpt_facts {
	const char *to;		/* address without <> */
	const char *to_domain;	/* normalised; NULL if none */
	bool ours;		/* hosted, or its policy or MX names us */
	bool is_tlsrpt;		/* a TLSRPT mailbox of a hosted domain */
	struct promise to_promise;	/* meaningful when ours, or unknown */
};

#endif
