/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather-internal - what is shared by the files of gather.
 *
 * gather.c: the life of it, and what comes after what; gather-dns.c: MX,
 * addresses, DANE; gather-sts.c: MTA-STS, TLSRPT; gather-probe.c: who is
 * probed when; gather-pure.c: what needs no network to be decided.
 */
#ifndef TM_CHECK_GATHER_INTERNAL_H
#define TM_CHECK_GATHER_INTERNAL_H

#include "check/gather.h"
#include "check/probe.h"
#include "mtasts/ctx.h"
#include "util/buf.h"

/* A, AAAA and TLSA of each host; MX, TLSRPT, two of the policy host. */
#define GATHER_QUESTIONS_MAX (3 * GATHER_HOSTS_MAX + 4)
/* Connections to find the ciphers of TLS 1.2. */
#define GATHER_CIPHERS_MAX 24
/* Bytes of their list. */
#define GATHER_CIPHER_TEXT_MAX 4096
#define GATHER_RUA_MAX 20
#define GATHER_STS_FINDINGS_MAX 32

typedef void gather_take_fn(struct gather *g, size_t host,
    const struct dns_answer *a);

/* A question, which is answered once. */
struct gather_question {
	struct gather *g;
	struct dns_query *query;	/* NULL: not under way */
	gather_take_fn *take;
	size_t host;
};

/* A lookup of MTA-STS cannot be cancelled, only left alone. */
struct gather_sts {
	struct gather *g;		/* NULL: given up */
};

/* What is done with one address, one connection after the other. */
enum gather_step {
	STEP_CONTROL,
	STEP_POLICY,
	STEP_FIRST,
	STEP_SECOND,
	STEP_VERSIONS,
	STEP_CIPHERS,
	STEP_DONE
};

struct gather_work {
	struct gather *g;
	struct probe *probe;		/* NULL: none under way */
	enum gather_step step;
	bool begun;
	struct netaddr addr;
	unsigned port;
	struct host_facts *host;	/* NULL: control, policy host */
	struct address_facts *address;
	unsigned version;		/* which is tried next */
	unsigned tries;			/* connections for ciphers */
	struct buf ciphers;		/* "ALL:!A:!B" */
};

enum gather_phase { PHASE_NAMES, PHASE_TLSA, PHASE_PROBES };

struct gather {
	struct mtasts_ctx *ctx;
	struct prober *prober;
	struct gather_options o;
	gather_progress_fn *progress;
	gather_fn *fn;
	void *arg;
	struct check_facts f;
	int64_t began;			/* monotonic */
	enum gather_phase phase;
	bool failed;			/* out of memory */
	struct evtimer *kick;		/* the next step is due */

	struct evtimer *budget;		/* of all questions */
	bool expired;
	unsigned pending;		/* questions under way */
	size_t questions_n;
	struct gather_question questions[GATHER_QUESTIONS_MAX];
	struct dane_lookup *dane;	/* NULL: not under way */
	struct gather_sts *sts;		/* NULL: not under way */
	char policy_name[sizeof("mta-sts.") + DNS_NAME_SIZE];
	struct netaddr policy_addr;

	struct gather_work control;
	struct gather_work *works;	/* the last is the policy host's */
	size_t works_n;
	unsigned busy;			/* addresses at work */
};

/* ---- gather.c ---------------------------------------------------------- */

/* Look what is to be done next, from the loop. */
void gather_kick(struct gather *g);
void gather_no_memory(struct gather *g);
/* The rest of the target's budget for questions, in milliseconds. */
uint32_t gather_time_left(const struct gather *g);

/* ---- gather-dns.c ------------------------------------------------------ */

/* take() is called once: from here if it cannot be asked. */
void gather_ask(struct gather *g, const char *name, enum dns_type type,
    gather_take_fn *take, size_t host);
void gather_dns_start(struct gather *g);
/* The hosts are known, with what DANE says of them: ask for the records. */
void gather_dns_tlsa(struct gather *g);
bool gather_dns_ended(const struct gather *g);
/* The time is over: questions under way count as timed out. */
void gather_dns_expire(struct gather *g);
void gather_dns_cancel(struct gather *g);

/* ---- gather-sts.c ------------------------------------------------------ */

void gather_sts_start(struct gather *g);
void gather_sts_cancel(struct gather *g);
/* There is a TXT record, valid or not. */
bool gather_sts_published(const struct gather *g);

/* ---- gather-probe.c ---------------------------------------------------- */

void gather_control_start(struct gather *g);
/* Once the addresses are known. */
void gather_probes_prepare(struct gather *g);
/* Begin what may be begun; true when nothing is left to do. */
bool gather_probes_run(struct gather *g);
void gather_probes_cancel(struct gather *g);

/* ---- gather-pure.c ----------------------------------------------------- */

/* The hosts of an answer that has MX records, at most max of them. False
 * when out of memory. */
bool gather_mx_hosts(const struct dns_answer *a, size_t max,
    struct check_facts *f);

/* Append the addresses of an answer, sorted. False when out of memory. */
bool gather_addresses(const struct dns_answer *a, unsigned port,
    struct host_facts *h);

/* The records of an answer that has any, sorted by their text, as servers
 * turn answers round. False when out of memory. */
bool gather_tlsa(const struct dns_answer *a, struct host_facts *h);

/* A second connection? implicit: TLS begins at once. */
int gather_second_kind(const struct probe_facts *first, bool implicit);

/* Some reply was "421": the server wants to be left alone. */
bool gather_said_421(const struct probe_facts *p);

/* Which TLSA records the certificates seen at a host match. */
void gather_match_tlsa(struct host_facts *h);

#endif
