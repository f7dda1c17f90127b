/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dane-world - a few lines of DNS for tests of DANE.
 *
 * A world is "NAME TYPE SECURITY [>ALIAS] [ttl=N] DATA; …". SECURITY is "s"
 * or "i" (not signed). DATA is "none", "nx", "fail", "bogus" or "timeout";
 * else for MX "10 mx.example 20 …" ("0 ." is a null MX), for TLSA records
 * as "311" (a digest of the right length) or "bad", for others nothing.
 * What no line is about is secure "no data".
 */
#ifndef TM_TESTS_DANE_WORLD_H
#define TM_TESTS_DANE_WORLD_H

#include "mtasts/dnswire.h"

/* Fill in the answer; dns_answer_clear() frees it. */
void dane_world_answer(const char *world, const char *name,
    enum dns_type type, struct dns_answer *a_r);

/* "MX", "TLSA", … */
const char *dane_world_type(enum dns_type type);

#endif
