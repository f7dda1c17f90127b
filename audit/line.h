/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line - the audit line: who, what, why, in key=value (design §6.8).
 *
 * `QUEUEID: action=… would=… rule=… tls=… cipher=… bits=… client=… helo=…
 * from=… to=… policy=… reason=… source=…`. Before a queue id exists:
 * `NOQUEUE: client=ip:port …`. Peer text is quoted and cleaned; the order
 * and the names are stable.
 */
#ifndef TM_AUDIT_LINE_H
#define TM_AUDIT_LINE_H

#include "policy/verdict.h"

struct buf;

struct audit {
	const char *queue_id;	/* NULL: NOQUEUE */
	const struct session_facts *session;
	const struct message_facts *message;
	const char *to;		/* NULL: not about one recipient */
	unsigned recipients;	/* accepted ones; shown as nrcpt= if to is
				 * NULL */
	const char *to_domain;
	struct promise to_promise;
	const struct verdict *verdict;
	unsigned forged;	/* header fields removed; shown if not 0 */
	const char *source;	/* "milter", "policy", "explain" */
};

void audit_format(struct buf *out, const struct audit *a);

/* The set as text: "enforce", "dane,enforce", "none", "unknown". */
void audit_format_promise(struct buf *out, const struct promise *p);

#endif
