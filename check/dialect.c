/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/dialect.h"

static const struct dialect smtp = {
	.greeting = REPLY_SMTP,
	.hello_reply = REPLY_SMTP,
	.starttls_reply = REPLY_SMTP,
	.hello = "EHLO %s\r\n",
	.helo = "HELO %s\r\n",
	.starttls = "STARTTLS\r\n",
	.keyword = "STARTTLS",
	.injected = "NOOP\r\n",
	.quit = "QUIT\r\n",
};

static const struct dialect imap = {
	.greeting = REPLY_IMAP_GREETING,
	.hello_reply = REPLY_IMAP,
	.starttls_reply = REPLY_IMAP,
	.hello = REPLY_IMAP_TAG " CAPABILITY\r\n",
	.starttls = REPLY_IMAP_TAG " STARTTLS\r\n",
	.keyword = "STARTTLS",
	/* Answered by the same tag: two answers where one is due. */
	.injected = REPLY_IMAP_TAG " NOOP\r\n",
	.quit = REPLY_IMAP_TAG " LOGOUT\r\n",
};

static const struct dialect pop3 = {
	.greeting = REPLY_POP3,
	.hello_reply = REPLY_POP3_LIST,
	.starttls_reply = REPLY_POP3,
	.hello = "CAPA\r\n",
	.starttls = "STLS\r\n",
	.keyword = "STLS",
	.injected = "CAPA\r\n",
	.quit = "QUIT\r\n",
};

const struct dialect *dialect_of(enum check_protocol p)
{
	switch (p) {
	case CHECK_SMTP:
	case CHECK_SUBMISSION:
	case CHECK_SMTPS:
		return &smtp;
	case CHECK_IMAP:
	case CHECK_IMAPS:
		return &imap;
	case CHECK_POP3:
	case CHECK_POP3S:
		return &pop3;
	case CHECK_HTTPS:
	case CHECK_PROTOCOLS:
		break;
	}
	return NULL;
}
