/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain-args - facts as they are written on the command line of explain.
 *
 * Pure functions; each returns false with a sentence in err.
 */
#ifndef TM_TOOL_EXPLAIN_ARGS_H
#define TM_TOOL_EXPLAIN_ARGS_H

#include "audit/pair.h"
#include "mtasts/mtasts.h"
#include "policy/facts.h"

struct buf;

/* "none", "unknown", or VERSION[/CIPHER[/BITS]] as the MTA logs them; the
 * strings of *tls_r point into the two arrays. */
struct explain_tls {
	enum tls_state state;
	char version[16];
	char cipher[64];	/* "": not said */
	int bits;		/* 0: not said */
};
bool explain_parse_tls(const char *text, struct explain_tls *tls_r,
    struct buf *err);

/* "ok", "fail", "none": what became of the client's certificate. */
bool explain_parse_verify(const char *text, enum verify_state *state_r,
    struct buf *err);

/* DOMAIN=none|testing|enforce|unknown. */
struct explain_policy {
	char domain[MTASTS_DOMAIN_SIZE];
	bool known;
	enum mtasts_mode mode;
};
bool explain_parse_policy(const char *text, struct explain_policy *policy_r,
    struct buf *err);

/* TLS:PLAIN[:DAYS]: messages of that sender from that network, those over
 * TLS so many days old [0]. */
bool explain_parse_history(const char *text, const struct pair_limits *limits,
    struct history_facts *facts_r, struct buf *err);

/* A port number or the name of a listener ({daemon_name}). */
bool explain_is_port(const char *listener);

#endif
