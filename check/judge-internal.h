/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge-internal - shared by the files of judge: judge.c (where we stand,
 * and the order), judge-domain.c, judge-host.c (DNS and DANE of a host),
 * judge-server.c (what a server says) and judge-cert.c.
 */
#ifndef TM_CHECK_JUDGE_INTERNAL_H
#define TM_CHECK_JUDGE_INTERNAL_H

#include "check/judge.h"

struct judge {
	const struct check_facts *f;
	const struct memory *m;		/* may be NULL */
	struct findings *out;
	/* The host that is judged … */
	const struct host_facts *h;
	enum check_promise promise;
	enum mtasts_mode sts_mode;	/* MTASTS_NONE: not in the policy */
	/* … and the address. */
	const struct address_facts *a;
	const struct probe_facts *p;	/* the better of two probes */
	bool is_relay;			/* else people log in */
};

/* Mail between servers is to be encrypted and the server to be verified. */
bool judge_is_firm(const struct judge *j);

/* How bad it is when this does not work: for TLS as such, … */
enum check_status judge_tls(const struct judge *j);
/* … and for the chain and the name of the certificate (PKIX). */
enum check_status judge_pkix(const struct judge *j);

/* Append a line of evidence to a finding, which may be NULL. */
void judge_evidence(struct judge *j, struct finding *one, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
/* What the server said in a stage, if anything. */
void judge_quote(struct judge *j, struct finding *one, enum stage_id id);
void judge_fix(struct judge *j, struct finding *one, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "41 days", "5 hours": how long, for people. */
#define JUDGE_TIME_SIZE 40
const char *judge_time_text(int64_t seconds, char *out);

/* No name could be looked up: that is one finding, and not theirs. */
bool judge_is_deaf(const struct judge *j);

void judge_domain(struct judge *j);
void judge_host(struct judge *j);
void judge_server(struct judge *j);
void judge_cert(struct judge *j);

/* How much is left of a certificate; ok, warn or fail, and the text. */
enum check_status judge_expiry(const struct cert_facts *c, int64_t now,
    char *text, size_t size);

#endif
