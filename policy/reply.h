/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply - the SMTP reply of a verdict (design §6.5).
 *
 * One line of printable ASCII, at most 200 characters, made of our words,
 * the domain that required TLS (validated LDH) and help_url only.
 */
#ifndef TM_POLICY_REPLY_H
#define TM_POLICY_REPLY_H

#include "policy/verdict.h"

#define REPLY_TEXT_MAX 200

struct reply {
	char code[4];		/* "550" */
	char xcode[12];		/* "5.7.10" */
	char text[REPLY_TEXT_MAX + 1];	/* % not doubled */
};

/* Fill in the reply of a verdict whose action is defer or reject; the
 * class always fits the action. help_url may be NULL or "". */
void reply_build(const struct verdict *v, const char *help_url,
    struct reply *reply_r);

/* Copy text with each % doubled, for smfi_setreply(); out has outsize
 * bytes, at least twice the text. */
void reply_escape(const char *text, char *out, size_t outsize);

#endif
