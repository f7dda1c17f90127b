/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readfile - the whole of a file or of standard input.
 */
#ifndef TM_TOOL_READFILE_H
#define TM_TOOL_READFILE_H

#include <stdbool.h>

struct buf;

/* Append the file, "-" for standard input, to text; false with a sentence
 * in err when it cannot be read or is longer than text may become. */
bool readfile(const char *path, struct buf *text, struct buf *err);

#endif
