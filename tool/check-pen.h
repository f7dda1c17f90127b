/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check-pen - lines of text within the width of the terminal.
 *
 * Every text is made printable ASCII first, so that a column is a byte.
 */
#ifndef TM_TOOL_CHECK_PEN_H
#define TM_TOOL_CHECK_PEN_H

#include "tool/out.h"

struct pen {
	unsigned width;
	unsigned column;	/* of this line where the next text goes */
	unsigned written;	/* up to here there is some */
};

/* As wide as output may be. */
void pen_init(struct pen *p);

/* Write without wrapping; pad with blanks up to a column. */
void pen_put(struct pen *p, enum colour colour, const char *text);
void pen_tab(struct pen *p, unsigned column);
void pen_end(struct pen *p);

/* Write words, and where the line is full, go on at column indent of the
 * next. A word that fits on no line is broken. */
void pen_wrap(struct pen *p, unsigned indent, const char *text);

/* Each line of a text beginning at column indent. */
void pen_lines(struct pen *p, unsigned indent, const char *text);

/* A word at the right margin, of the next line if there is no room on this
 * one; ends the line. */
void pen_right(struct pen *p, const char *text);

#endif
