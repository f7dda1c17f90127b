/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd-internal - between the connections of the policy service
 * (policyd.c) and what they answer (policyd-answer.c).
 */
#ifndef TM_MILTER_POLICYD_INTERNAL_H
#define TM_MILTER_POLICYD_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "milter/notice.h"

struct buf;
struct conf;
struct delegation;
struct judge_worst;
struct services;

/* Room for an instance of Postfix: four numbers in hexadecimal digits. */
#define INSTANCE_SIZE 64

/*
 * What is remembered of a message between the requests about it. Postfix
 * names the message in each (`instance`), and asks about one message at a
 * time on a connection (PF-PD-10). Zero-initialised is "none".
 */
struct policyd_message {
	struct conf *conf;	/* pinned at its first request */
	char instance[INSTANCE_SIZE];
	bool judged;		/* a recipient was, at RCPT */
	bool tagged;
	bool held;
	struct judge_worst *worst;	/* of its recipients, if it is worse
					 * than accept; points into conf */
};

void policyd_message_clear(struct policyd_message *m);

/* Close what has waited too long; every few seconds. now is monotonic
 * milliseconds. */
struct policyd;
void policyd_sweep(struct policyd *p, int64_t now);

/* What the answers need besides the request; one for the whole service. */
struct policyd_judge {
	struct services *services;
	struct notice early, no_rcpt, no_tag;
};

/* Append the answer to a whole request. False: there is none, and whatever
 * was appended must not be sent. */
bool policyd_answer(struct policyd_judge *pj, struct policyd_message *m,
    const struct delegation *d, struct buf *out);

#endif
