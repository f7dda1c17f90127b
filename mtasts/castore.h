/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * castore - the certificates we trust, loaded once (OpenSSL).
 *
 * Loading Debian's 145 roots costs 30 ms, so all connections share one
 * store, and nothing opens a file later.
 */
#ifndef TM_MTASTS_CASTORE_H
#define TM_MTASTS_CASTORE_H

#include <openssl/types.h>

struct buf;

/* Where this system keeps its authorities, whether it has any or not. */
const char *castore_system_file(void);

/* Load PEM certificates from text, else from file, else the system's.
 * NULL with a sentence in err; none found is an error, except in the empty
 * text, which stands for trusting nobody. */
X509_STORE *castore_load(const char *file, const char *text,
    struct buf *err);

#endif
