/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check-scenario - facts of a check in which all is well, to be spoilt.
 */
#ifndef TM_TESTS_CHECK_SCENARIO_H
#define TM_TESTS_CHECK_SCENARIO_H

#include "check/facts.h"
#include "check/finding.h"

#define SCENARIO_NOW 1764400000

/* example.com, MX 10 mx.example.com, signed, 192.0.2.25 and 2001:db8::25,
 * policy enforce, TLSRPT; TLS 1.3 and a good certificate. The caller's. */
void scenario_good(struct check_facts *f);
/* Without the policy and TLSRPT. */
void scenario_plain(struct check_facts *f);

/* One TLSA record of this usage that counts. */
void scenario_dane(struct check_facts *f, unsigned usage, bool matches);

/* The server offers no STARTTLS, on both connections to each address. */
void scenario_no_starttls(struct check_facts *f);

/* Both addresses alike, and their retries. */
typedef void scenario_fn(struct probe_facts *p);
void scenario_each(struct check_facts *f, scenario_fn *fn);

/* "id=status …" of all that is not ok, each once, in order. */
void scenario_list(const struct findings *findings, char *out, size_t size);

#endif
