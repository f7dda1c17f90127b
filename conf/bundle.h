/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bundle - the configuration file and every file it names, read once.
 *
 * The monitor reads them, seals them into a memfd, and each process parses
 * those same bytes; so all of them agree, and an unprivileged child needs
 * no access to the files (design §2, reload).
 */
#ifndef TM_CONF_BUNDLE_H
#define TM_CONF_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct bundle;

#define BUNDLE_FILE_MAX (16 * 1024 * 1024)

struct bundle *bundle_new(void);
void bundle_free(struct bundle *b);

/* Read a file from disk into the bundle (once); false with a sentence in
 * err: no such file, no permission, too large, not a regular file. */
bool bundle_add_file(struct bundle *b, const char *path, struct buf *err);
bool bundle_add_text(struct bundle *b, const char *path, const char *text,
    size_t len);

/* The bytes of a file, NUL-terminated; NULL if it is not in the bundle. */
const char *bundle_get(const struct bundle *b, const char *path,
    size_t *len_r);

/* A sealed memfd with everything (-1 with errno), and back again. */
int bundle_seal(const struct bundle *b);
struct bundle *bundle_open(int fd, struct buf *err);

#endif
