/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlsfacts - what a finished handshake tells (OpenSSL).
 */
#ifndef TM_CHECK_TLSFACTS_H
#define TM_CHECK_TLSFACTS_H

#include <openssl/types.h>

#include "check/facts.h"

/*
 * The name is the reference identity, "" if there is none; with_dane says
 * that TLSA records were given to the connection. False when out of memory.
 * *f_r is written in any case, to be cleared by its owner.
 */
bool tls_facts_take(SSL *ssl, X509_STORE *roots, const char *name,
    bool with_dane, struct probe_tls *f_r);

/* The first error OpenSSL has queued, in words; the queue is emptied. */
void tls_error_text(char *out, size_t size);

#endif
