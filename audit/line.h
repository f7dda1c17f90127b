/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line - the audit line: who, what, why, in key=value (design §6.8).
 *
 * `QUEUEID: action=… would=… rule=… tls=… cipher=… bits=… client=… helo=…
 * from=… to=… policy=… reason=… source=…`. Before a queue id exists
 * the line begins with NOQUEUE and has client=ip:port if the port is known.
 * requiretls=yes, forged= and tls_required= come before source= where there
 * is something to say. Peer text is quoted and cleaned; the order and the
 * names are stable, and what there is nothing to say about is "-".
 */
#ifndef TM_AUDIT_LINE_H
#define TM_AUDIT_LINE_H

#include "policy/verdict.h"

struct buf;

/* The longest line audit_format() writes, whatever it is given. */
#define AUDIT_LINE_MAX 2000

struct audit {
	const char *queue_id;	/* NULL: NOQUEUE */
	const struct session_facts *session;
	const struct message_facts *message;
	const char *to;		/* NULL: not about one recipient */
	unsigned recipients;	/* accepted ones; shown as nrcpt= if to is
				 * NULL */
	const char *to_domain;	/* policy= is shown with it, or when */
	struct promise to_promise;	/* this is known */
	const struct verdict *verdict;
	unsigned forged;	/* header fields removed; shown if not 0 */
	const char *tls_required;	/* what the header field TLS-Required
				 * says: "no", or "ignored" (RFC 8689 §4);
				 * NULL: there is none, nothing is shown */
	const char *source;	/* "milter", "policy", "explain" */
};

void audit_format(struct buf *out, const struct audit *a);

/* The set as text: "enforce", "dane,enforce", "none", "unknown". */
void audit_format_promise(struct buf *out, const struct promise *p);

#endif
