/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver - the process that talks to the Internet (design §2).
 *
 * It answers the frontend's questions about domains: MTA-STS, MX names,
 * TLSRPT mailboxes. All hostile parsing happens here, without privileges
 * and, in the sandbox, without files. It keeps nothing; the frontend checks
 * whatever it says.
 */
#ifndef TM_MILTER_RESOLVER_H
#define TM_MILTER_RESOLVER_H

/* Serve until the monitor or the frontend is gone; the exit status. */
int resolver_main(int argc, char **argv);

#endif
