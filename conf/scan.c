/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/scan.h"

#include "util/buf.h"
#include "util/str.h"

#define WORD_MAX 4096	/* bytes of one word or string */
#define DEPTH_MAX 2	/* a section, and a list in it */

struct scan {
	const char *p;
	const char *end;
	unsigned line;
	char last;		/* first character of the last token */
	char before;		/* that of the token before */
	unsigned equals_line;	/* of the last equals sign */
	char open[DEPTH_MAX];	/* 's' section, 'l' list */
	unsigned open_line[DEPTH_MAX];
	unsigned depth;
	struct buf *out;
	struct buf *err;
	struct scan_result *r;
};

void scan_result_clear(struct scan_result *r)
{
	free(r->opened);
	*r = (struct scan_result){ 0 };
}

static bool fail(struct scan *s, unsigned line, const char *text)
{
	s->r->error_line = line;
	buf_adds(s->err, text);
	return false;
}

static bool fail_char(struct scan *s, char c)
{
	s->r->error_line = s->line;
	if (c > ' ' && c < 0x7f)
		buf_addf(s->err, "unexpected \"%c\"", c);
	else
		buf_addf(s->err, "unexpected byte 0x%02X", (unsigned char)c);
	return false;
}

/* Note a token by its first character ('w': a word). */
static void note(struct scan *s, char c)
{
	s->before = s->last;
	s->last = c;
}

static void emit(struct scan *s, char c)
{
	note(s, c);
	buf_addc(s->out, c);
}

static void newline(struct scan *s)
{
	s->line++;
	buf_addc(s->out, '\n');
}

static bool at(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, what, n) == 0;
}

static bool skip_line_comment(struct scan *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
	return true;
}

static bool skip_block_comment(struct scan *s)
{
	unsigned start = s->line;

	for (s->p += 2; s->p < s->end; s->p++) {
		if (at(s, "*/")) {
			s->p += 2;
			buf_addc(s->out, ' ');
			return true;
		}
		if (*s->p == '\n')
			newline(s);
	}
	return fail(s, start, "unterminated comment");
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static const char dollar_text[] =
    "${...} is not expanded here; write the value";
static const char list_text[] =
    "unexpected \"[\"; a list stands in braces: {\"a\", \"b\"}";
static const char escape_text[] =
    "in a string, a backslash stands only before a quote or a backslash";

/* Copy one character of a string, with its backslash. */
static bool string_char(struct scan *s, char quote)
{
	if (is_control(*s->p) && *s->p != '\t')
		return fail_char(s, *s->p);
	if (at(s, "${"))
		return fail(s, s->line, dollar_text);
	if (*s->p == '\\') {
		s->p++;
		if (s->p == s->end || (*s->p != quote && *s->p != '\\'))
			return fail(s, s->line, escape_text);
		buf_addc(s->out, '\\');
	}
	buf_addc(s->out, *s->p++);
	return true;
}

/* Copy a quoted string, which must end on its line. */
static bool copy_string(struct scan *s)
{
	const char *start = s->p;
	char quote = *s->p++;

	emit(s, quote);
	while (s->p < s->end && *s->p != quote) {
		if (*s->p == '\n' || *s->p == '\r')
			break;
		if (s->p - start > WORD_MAX)
			return fail(s, s->line, "string too long");
		if (!string_char(s, quote))
			return false;
	}
	if (s->p == s->end || *s->p != quote)
		return fail(s, s->line, "unterminated string");
	buf_addc(s->out, *s->p++);
	return true;
}

static bool is_word_char(char c)
{
	return !is_control(c) && !strchr(" #\"'={}()+,*", c);
}

static bool copy_word(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && is_word_char(*s->p)) {
		if (at(s, "${"))
			return fail(s, s->line, dollar_text);
		if (s->p - start > WORD_MAX)
			return fail(s, s->line, "word too long");
		s->p++;
	}
	if (s->p == start)
		return fail_char(s, *s->p);
	if (*start == '[' && s->p == start + 1)
		return fail(s, s->line, list_text);
	note(s, 'w');
	buf_add(s->out, start, (size_t)(s->p - start));
	return true;
}

static bool note_section(struct scan *s)
{
	struct scan_result *r = s->r;
	unsigned *more;

	more = realloc(r->opened, (r->opened_n + 1) * sizeof(*more));
	if (!more)
		return fail(s, s->line, "out of memory");
	r->opened = more;
	r->opened[r->opened_n++] = s->line;
	return true;
}

/* Line ends count as blanks, so the name of the next setting is taken for
 * a value that was forgotten. */
static bool equals(struct scan *s)
{
	if (s->last == 'w' && s->before == '=' && s->equals_line != s->line)
		return fail(s, s->equals_line, "no value behind \"=\"");
	s->equals_line = s->line;
	emit(s, *s->p++);
	return true;
}

static bool open_brace(struct scan *s)
{
	bool list = s->last == '=';

	if (s->depth == DEPTH_MAX || (s->depth && s->open[0] == 'l') ||
	    (s->depth && !list))
		return fail_char(s, '{');
	s->open[s->depth] = list ? 'l' : 's';
	s->open_line[s->depth++] = s->line;
	if (!list && !note_section(s))
		return false;
	emit(s, *s->p++);
	return true;
}

static bool close_brace(struct scan *s)
{
	if (s->depth == 0)
		return fail_char(s, '}');
	if (s->last == '{' && s->before == '=')
		buf_adds(s->out, "\"\"");
	s->depth--;
	emit(s, *s->p++);
	return true;
}

/* Go past one token, blank or comment. */
static bool scan_one(struct scan *s)
{
	char c = *s->p;

	switch (c) {
	case '\n':
		s->p++;
		newline(s);
		return true;
	case ' ':
	case '\t':
	case '\r':
		s->p++;
		buf_addc(s->out, ' ');
		return true;
	case '{':
		return open_brace(s);
	case '}':
		return close_brace(s);
	case '=':
		return equals(s);
	case ',':
		emit(s, *s->p++);
		return true;
	case '"':
	case '\'':
		return copy_string(s);
	}
	if (c == '#' || at(s, "//"))
		return skip_line_comment(s);
	if (at(s, "/*"))
		return skip_block_comment(s);
	return copy_word(s);
}

static bool check_end(struct scan *s)
{
	if (s->out->failed)
		return fail(s, s->line, "out of memory");
	if (s->depth == 0)
		return true;
	return fail(s, s->open_line[s->depth - 1],
	    s->open[s->depth - 1] == 'l' ? "unterminated list" :
	    "unterminated section");
}

bool scan_text(const char *text, size_t len, struct buf *out,
    struct scan_result *r, struct buf *err)
{
	struct scan s = { .p = text, .end = text + len, .line = 1,
		.out = out, .err = err, .r = r };

	*r = (struct scan_result){ 0 };
	s.p += str_bom(text, len);
	while (s.p < s.end)
		if (!scan_one(&s))
			return false;
	return check_end(&s);
}
