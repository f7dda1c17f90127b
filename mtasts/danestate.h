/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * danestate - does DANE hold for a next hop (RFC 7672 §2)?
 *
 * A pure state machine: it says which DNS questions are to be asked, is
 * told the answers in any order, and decides, host by host, then for the
 * domain. No I/O, no clock; the questions may be asked in parallel. All its
 * memory is taken at the start. Not thread-safe.
 *
 * MX, then A and AAAA of every host, and TLSA only behind addresses that
 * are secure: servers of unsigned zones fail on TLSA questions, and a
 * failure there would stop mail (RFC 7672 §2.2.2).
 */
#ifndef TM_MTASTS_DANESTATE_H
#define TM_MTASTS_DANESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mtasts/dnswire.h"

/* MX hosts looked at, best preference first. */
#define DANE_HOSTS_MAX 32

enum dane_host {
	DANE_HOST_PENDING,
	DANE_HOST_USABLE,	/* TLS with authentication (DANE-A-01) */
	DANE_HOST_UNUSABLE,	/* secure records, none of which counts: TLS
				 * without authentication (DANE-A-02) */
	DANE_HOST_NO_TLSA,	/* proven: opportunistic (DANE-A-03) */
	DANE_HOST_NO_ADDRESS,	/* cannot be reached: does not count */
	DANE_HOST_ADDRESS_ERROR,	/* not told, and not to be used now: */
	DANE_HOST_TLSA_ERROR,		/* never "no TLSA" (DANE-A-04) */
};
/* "usable", "no TLSA record", … */
const char *dane_host_text(enum dane_host state);

enum dane_outcome {
	DANE_NONE,		/* proven for every host that counts */
	DANE_SOME,		/* TLSA records are there, but not for all
				 * hosts, or unusable, or the MX record is not
				 * signed; or that cannot be excluded */
	DANE_ALL,		/* a signed MX record, and every host that can
				 * be told about is USABLE */
	DANE_NULL_MX,		/* takes no mail (RFC 7505) */
	DANE_ERROR,		/* nothing can be told: try again */
};
const char *dane_outcome_text(enum dane_outcome outcome);

struct danestate;

/*
 * Begin. domain is normalised; without use_mx it is the only host, as for
 * a next hop in brackets. port is where mail goes; 0, a port nobody knows,
 * has no TLSA records. NULL when out of memory.
 */
struct danestate *danestate_new(const char *domain, bool use_mx,
    unsigned port);
void danestate_free(struct danestate *s);

struct dane_question {
	unsigned id;		/* to be given back with the answer; each
				 * question of a machine has its own, but a
				 * second TLSA question of one host, which
				 * comes after the first one's answer */
	enum dns_type type;
	char name[DNS_NAME_SIZE];
};
/* No id is as large. */
#define DANE_QUESTIONS_MAX (1 + 4 * DANE_HOSTS_MAX)

/* Take the next question; false: none is left to ask now. */
bool danestate_next(struct danestate *s, struct dane_question *q_r);

/* Answer a question that was taken; others are ignored. New questions may
 * have come up then. */
void danestate_answer(struct danestate *s, unsigned id,
    const struct dns_answer *a);

/* Count every question without an answer as failed: the time is over. */
void danestate_expire(struct danestate *s);

/* True when the outcome is known. Answers that are still to come, such as
 * that of a second address family, change nothing any more. */
bool danestate_done(const struct danestate *s);

struct dane_result {
	enum dane_outcome outcome;
	bool mx_secure;		/* or no MX record was needed */
	bool cut;		/* more hosts than DANE_HOSTS_MAX */
	/* Seconds the outcome holds: the least of all answers it rests on,
	 * DANE-F-05; 0 if there was none. */
	uint32_t ttl;
	size_t hosts;
};
/* Once done. */
void danestate_result(const struct danestate *s, struct dane_result *r_r);

struct dane_host_result {
	const char *name;	/* of the MX record; lives with the machine */
	unsigned priority;
	enum dane_host state;
	/* Where the TLSA records are: the reference name and the SNI
	 * (DANE-N-07); NULL unless USABLE or UNUSABLE. */
	const char *base;
};
/* i below hosts. */
void danestate_host(const struct danestate *s, size_t i,
    struct dane_host_result *r_r);

#endif
