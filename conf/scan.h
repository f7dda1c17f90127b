/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan - a first look at the text of tlsmilter.conf, before libconfuse.
 *
 * libconfuse 3.3 accepts a file that ends inside a section, expands
 * ${VAR}, drops characters it does not know, counts lines wrong after C
 * comments, and keeps the state of its scanner after an unterminated
 * string. So the text is checked here first, and comes out without
 * comments, line for line the same.
 */
#ifndef TM_CONF_SCAN_H
#define TM_CONF_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct scan_result {
	unsigned *opened;	/* line of each section's opening brace */
	size_t opened_n;
	unsigned error_line;	/* where the error is, on failure */
};

void scan_result_clear(struct scan_result *r);

/*
 * Check text and append what libconfuse may see to out; an empty list
 * becomes the list {""}, since libconfuse calls nobody back for an empty
 * one. False with a sentence in err and the line in r; clear r either way.
 */
bool scan_text(const char *text, size_t len, struct buf *out,
    struct scan_result *r, struct buf *err);

#endif
