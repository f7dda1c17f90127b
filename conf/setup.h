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

/* Append the lines for Sendmail's .mc file. */
void setup_sendmail(const struct conf *c, struct buf *out);

#endif
