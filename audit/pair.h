/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pair - what is remembered of one sender domain and one client network.
 *
 * The pair is what is told apart: whoever forges a sender does it from
 * another network and meets another pair (design §6.12). The packed form is
 * the value in the history file: a version byte, then numbers; an unknown
 * version, or anything that does not add up, is no pair. Pure functions.
 */
#ifndef TM_AUDIT_PAIR_H
#define TM_AUDIT_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/facts.h"

/* Most times of TLS messages kept; the upper bound of history.min. */
#define PAIR_TIMES_MAX 16
/* Room for a domain, a blank, a network and a NUL. */
#define PAIR_NAME_SIZE (256 + NETADDR_TEXT)
/* Room for any packed pair. */
#define PAIR_PACKED_MAX (20 + 4 * PAIR_TIMES_MAX)

/* Times are wall-clock seconds, stored in 32 bits without sign; counts stop
 * at their largest value. */
struct pair {
	uint32_t first;		/* the first message */
	uint32_t last;		/* the last one; to the second */
	uint32_t tls;		/* messages ever */
	uint32_t plaintext;
	bool last_plaintext;	/* the last message came in plaintext */
	unsigned version;	/* TLS version of the last TLS message, as
				 * tls_version_rank(); 0: none, or not known */
	unsigned times_n;
	uint32_t times[PAIR_TIMES_MAX];	/* last TLS messages, newest first */
};

/* One accepted message. */
struct pair_event {
	int64_t when;
	bool tls;		/* else plaintext */
	unsigned version;	/* tls_version_rank(); with tls */
	unsigned keep;		/* times to keep, 1 to PAIR_TIMES_MAX */
};

/*
 * The pair and the event an accepted message makes; name_r has
 * PAIR_NAME_SIZE bytes. False for what is not remembered: relays, exempt
 * clients, authenticated sessions, null senders, mail without a sender's
 * domain, and sessions of which it is not known whether they used TLS.
 */
bool pair_of_message(const struct session_facts *s,
    const struct message_facts *m, unsigned keep, int64_t now, char *name_r,
    struct pair_event *event_r);

/* What a pair must have done to count as one that uses TLS. */
struct pair_limits {
	unsigned min;		/* history.min, messages over TLS … */
	unsigned days;		/* history.days, … within so many days */
};

/* Write "DOMAIN NETWORK"; name_r has PAIR_NAME_SIZE bytes. The network is
 * the client's /24 or /48. False without a client address, or when the
 * domain is no normalised name. */
bool pair_name(const char *domain, const struct netaddr *client,
    char *name_r);

/* Bring what an administrator writes for a network into the form of names:
 * an address, or a /24 or /48. network_r has NETADDR_TEXT bytes. */
bool pair_network(const char *text, char *network_r);

/* Pack into out (PAIR_PACKED_MAX bytes); return the length. */
size_t pair_pack(const struct pair *p, unsigned char *out);

/* False, and *pair_r untouched, when this is no pair we know. */
bool pair_read(const void *data, size_t len, struct pair *pair_r);

/* Add a message to a pair; one that is all zero is new. */
void pair_note(struct pair *p, const struct pair_event *e);

/* TLS messages within the last so many days, as far as times are kept. The
 * clock may have jumped: a time more than a day ahead does not count. */
unsigned pair_recent(const struct pair *p, unsigned days, int64_t now);

/* The facts a rule reads (policy/facts.h). */
void pair_facts(const struct pair *p, const struct pair_limits *limits,
    int64_t now, struct history_facts *facts_r);

/* "TLSv1.3" for 13; "" for a version that is not known. */
const char *pair_version_name(unsigned version);

#endif
