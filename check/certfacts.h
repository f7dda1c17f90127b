/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * certfacts - what stands in a certificate (OpenSSL).
 */
#ifndef TM_CHECK_CERTFACTS_H
#define TM_CHECK_CERTFACTS_H

#include <openssl/types.h>

#include "check/facts.h"

/* DNS names of a certificate that are kept. */
#define CERT_NAMES_MAX 100

/* False when out of memory. *f_r is written in any case, to be cleared by
 * its owner. */
bool cert_facts_take(X509 *cert, struct cert_facts *f_r);

#endif
