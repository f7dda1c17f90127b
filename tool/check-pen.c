/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/check-pen.h"

#include "tool/check-report.h"
#include "util/buf.h"

/* No text of a report is longer: what is, is cut. */
#define TEXT_MAX 65536

void pen_init(struct pen *p)
{
	*p = (struct pen){ .width = out_width() };
}

/* Write what is clean. Blanks are written when something follows them, so
 * that no line ends with any. */
static void put_clean(struct pen *p, enum colour colour, const char *text,
    size_t len)
{
	size_t solid = len;

	while (solid && text[solid - 1] == ' ')
		solid--;
	if (solid) {
		if (p->column > p->written)
			out_part(PLAIN, "%*s", (int)(p->column - p->written),
			    "");
		out_part(colour, "%.*s", (int)solid, text);
		p->written = p->column + (unsigned)solid;
	}
	p->column += (unsigned)len;
}

void pen_put(struct pen *p, enum colour colour, const char *text)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	report_clean(&b, text);
	put_clean(p, colour, buf_str(&b), b.len);
	buf_clear(&b);
}

void pen_tab(struct pen *p, unsigned column)
{
	if (p->column < column)
		p->column = column;
}

void pen_end(struct pen *p)
{
	out_line("%s", "");
	p->column = p->written = 0;
}

static void next_line(struct pen *p, unsigned indent)
{
	pen_end(p);
	pen_tab(p, indent);
}

/* Write one word, in pieces if it must be. */
static void put_word(struct pen *p, unsigned indent, const char *word,
    size_t len)
{
	while (p->column + len > p->width) {
		size_t room = p->width > p->column ? p->width - p->column : 0;

		put_clean(p, PLAIN, word, room);
		word += room;
		len -= room;
		next_line(p, indent);
	}
	put_clean(p, PLAIN, word, len);
}

void pen_wrap(struct pen *p, unsigned indent, const char *text)
{
	bool first = true;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	report_clean(&b, text);
	for (const char *s = buf_str(&b); *s;) {
		size_t len = strcspn(s, " ");
		unsigned blank = first || p->column <= indent ? 0 : 1;

		if (len && p->column + blank + len > p->width &&
		    p->column > indent && len <= p->width - indent)
			next_line(p, indent);
		else if (len && blank)
			put_clean(p, PLAIN, " ", 1);
		put_word(p, indent, s, len);
		first = first && len == 0;
		s += len + (s[len] == ' ');
	}
	buf_clear(&b);
}

void pen_lines(struct pen *p, unsigned indent, const char *text)
{
	struct buf line;

	buf_init(&line, TEXT_MAX);
	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_reset(&line);
		buf_add(&line, text, len);
		if (p->column > indent)
			next_line(p, indent);
		pen_tab(p, indent);
		pen_wrap(p, indent, buf_str(&line));
		text += len + (text[len] == '\n');
	}
	buf_clear(&line);
}

void pen_right(struct pen *p, const char *text)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	report_clean(&b, text);
	if (p->written && p->column + 2 + b.len > p->width)
		pen_end(p);
	pen_tab(p, p->width > b.len ? p->width - (unsigned)b.len : 0);
	put_clean(p, PLAIN, buf_str(&b), b.len);
	pen_end(p);
	buf_clear(&b);
}
