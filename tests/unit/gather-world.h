/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather-world - a world of a few lines for tests of check/gather.h.
 *
 * DNS, MTA-STS and the prober are replaced at link time ($(GATHER_WRAP)), so
 * that a test says what they answer, and is told who was connected to, in
 * which order and with which names.
 */
#ifndef TM_TESTS_GATHER_WORLD_H
#define TM_TESTS_GATHER_WORLD_H

#include "check/gather.h"

/* One answer; data: MX "10 name 20 name", A "192.0.2.1 …", TXT the text, TLSA
 * "311=byte …" (a digest of that byte). */
struct row {
	const char *name;
	enum dns_type type;
	enum dns_status status;
	const char *data;
	const char *alias;
	bool insecure;
	bool never;		/* no answer at all */
};

/* What the n-th connection to an address sees: words, the last is
 * repeated. */
struct server {
	const char *address;
	const char *words;
};

struct world {
	const struct row *rows;		/* ends with name NULL */
	const struct server *servers;	/* ends with address NULL */
	const char *policy;		/* NULL: no MTA-STS */
	bool slow_policy;		/* it never comes */
	bool unvalidated;
};

/* What came of it. */
struct gather_run {
	char log[8192];		/* a line for each connection */
	unsigned parallel;	/* connections under way: none at the end */
	unsigned most_parallel;
	bool doubled;		/* two to one address at once */
	bool ended;
	bool no_memory;
	struct check_facts f;	/* the caller clears them */
};

/* Gather until it ends; steps: cancel behind so many rounds of the loop, -1:
 * never. */
void gather_world_run(const struct world *w, const struct check_target *t,
    const struct gather_options *o, int steps, struct gather_run *run_r);

#endif
