/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup - what the mail server's own configuration must say.
 *
 * Text for people: settings to paste, every remark a comment, made for one
 * configuration of ours. Nothing is changed anywhere.
 */
#ifndef TM_CONF_SETUP_H
#define TM_CONF_SETUP_H

#include "conf/conf.h"

struct buf;

/* Append the lines for Postfix's main.cf. */
void setup_postfix(const struct conf *c, struct buf *out);

/* Append the lines for main.cf with which Postfix asks the policy service,
 * and what this configuration cannot do there. False when policy_service
 * is empty: then it says how to set it. */
bool setup_postfix_policy(const struct conf *c, struct buf *out);

/* What the policy service cannot do of this configuration, a sentence for
 * each; rule is NULL where it is about no single one. */
typedef void setup_limit_fn(void *arg, const char *rule, const char *text);
void setup_policy_limits(const struct conf *c, setup_limit_fn *fn, void *arg);

/* Append the lines for Sendmail's .mc file. */
void setup_sendmail(const struct conf *c, struct buf *out);

/* Append the lines with which either asks the socketmap about outgoing mail.
 * False when socketmap is empty: then it says how to set it. */
bool setup_postfix_outbound(const struct conf *c, struct buf *out);
bool setup_sendmail_outbound(const struct conf *c, struct buf *out);

#endif
