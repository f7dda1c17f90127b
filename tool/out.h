/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * out - everything the tool prints.
 *
 * Every text passes through here and leaves without control bytes: what
 * peers and policies contain can neither move the cursor nor begin a line.
 * Colour is used only on a terminal, without NO_COLOR, and always beside a
 * word that says the same.
 */
#ifndef TM_TOOL_OUT_H
#define TM_TOOL_OUT_H

#include <jansson.h>
#include <stdbool.h>

enum colour { PLAIN, BOLD, GREEN, YELLOW, RED };

/* Decide about colour and progress; once, at start. */
void out_init(void);

/* Columns there are for text: those of the terminal, but from 80 to 100, and
 * 80 without one. */
unsigned out_width(void);

/* Write to a file instead of standard output from now on. What it holds is
 * replaced when there is something to write. */
bool out_to_file(const char *path);

/* Keep what is printed until out_release() prints or drops it. */
void out_hold(void);
void out_release(bool print);

/* One line; the newline is added. */
void out_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A part of a line. */
void out_part(enum colour colour, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A text of several lines, each behind an indent. */
void out_text(const char *indent, const char *text);

/* An object on one line, in ASCII; takes the reference. False when out of
 * memory. */
bool out_json(json_t *object);
/* The same without a newline and without taking the reference. */
bool out_json_part(const json_t *object);

/* Around a list that is printed as one document, a member a line, as it
 * comes: it needs no memory. n is how many members there were. */
void out_document_begin(const char *schema, const char *members);
void out_document_end(size_t n);

/* A line on standard error, behind "tlsmilter: ". */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What is being done, on standard error if that is a terminal; NULL ends
 * it. */
void out_progress(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
void out_progress_end(void);

/* Pass on what was printed so far, to who reads a pipe. */
void out_flush(void);

/* Flush; false when some output could not be written. */
bool out_finish(void);

#endif
