/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "check/reply.h"

#include <string.h>

#include "util/str.h"

void reply_init(struct reply *r, enum reply_kind kind)
{
	*r = (struct reply){ .kind = kind };
	buf_init(&r->text, REPLY_MAX);
}

void reply_clear(struct reply *r)
{
	buf_clear(&r->text);
}

/* ---- one line ---------------------------------------------------------- */

static bool begins(const char *line, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && str_ieq_n(line, prefix, n);
}

/* "250-text", "250 text" or "250"; every line has the same code. */
static enum reply_state smtp_line(struct reply *r, const char *line,
    size_t len)
{
	unsigned code = 0;

	if (len < 3 || (len > 3 && line[3] != '-' && line[3] != ' '))
		return REPLY_NONSENSE;
	for (size_t i = 0; i < 3; i++) {
		if (!str_is_digit(line[i]))
			return REPLY_NONSENSE;
		code = code * 10 + (unsigned)(line[i] - '0');
	}
	if (code < 200 || code > 599 || (r->lines > 1 && code != r->code))
		return REPLY_NONSENSE;
	r->code = code;
	if (len > 3 && line[3] == '-')
		return REPLY_MORE;
	/* Nothing we say is answered with "go on" (3xx). */
	if (code < 300)
		return REPLY_YES;
	return code >= 400 && code < 500 ? REPLY_LATER : REPLY_NO;
}

static bool is_temporary(const char *line, size_t len)
{
	for (; len > 0; line++, len--)
		if (begins(line, len, "[SYS/TEMP]") ||
		    begins(line, len, "[IN-USE]") ||
		    begins(line, len, "[LOGIN-DELAY]") ||
		    begins(line, len, "[UNAVAILABLE]"))
			return true;
	return false;
}

static enum reply_state pop3_line(struct reply *r, const char *line,
    size_t len)
{
	if (r->lines > 1)
		return len == 1 && line[0] == '.' ? REPLY_YES : REPLY_MORE;
	if (begins(line, len, "+OK"))
		return r->kind == REPLY_POP3_LIST ? REPLY_MORE : REPLY_YES;
	if (!begins(line, len, "-ERR"))
		return REPLY_NONSENSE;
	return is_temporary(line, len) ? REPLY_LATER : REPLY_NO;
}

/* What follows "* " or the tag. */
static enum reply_state imap_status(const char *text, size_t len)
{
	if (begins(text, len, "OK") || begins(text, len, "PREAUTH"))
		return REPLY_YES;
	if (begins(text, len, "BYE"))
		return REPLY_LATER;
	if (begins(text, len, "NO") || begins(text, len, "BAD"))
		return is_temporary(text, len) ? REPLY_LATER : REPLY_NO;
	return REPLY_NONSENSE;
}

static enum reply_state imap_line(struct reply *r, const char *line,
    size_t len)
{
	size_t tag = strlen(REPLY_IMAP_TAG " ");

	if (r->kind == REPLY_IMAP_GREETING)
		return begins(line, len, "* ") ?
		    imap_status(line + 2, len - 2) : REPLY_NONSENSE;
	if (begins(line, len, REPLY_IMAP_TAG " "))
		return imap_status(line + tag, len - tag);
	/* Another tag is an answer to what was not asked: it is kept, and
	 * who injected a command looks for it. */
	if (begins(line, len, "* BYE"))
		return REPLY_LATER;
	return len > 0 ? REPLY_MORE : REPLY_NONSENSE;
}

static void end_line(struct reply *r)
{
	const char *line = r->text.data + r->line;
	size_t len = r->text.len - r->line;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	r->lines++;
	switch (r->kind) {
	case REPLY_SMTP:
		r->state = smtp_line(r, line, len);
		break;
	case REPLY_POP3:
	case REPLY_POP3_LIST:
		r->state = pop3_line(r, line, len);
		break;
	case REPLY_IMAP_GREETING:
	case REPLY_IMAP:
		r->state = imap_line(r, line, len);
		break;
	}
	buf_cut(&r->text, r->line + len);
	buf_addc(&r->text, '\n');
	r->line = r->text.len;
	if (r->state == REPLY_MORE && r->lines >= REPLY_LINES_MAX)
		r->state = REPLY_NONSENSE;
}

size_t reply_feed(struct reply *r, const char *data, size_t len)
{
	size_t used = 0;

	while (used < len && r->state == REPLY_MORE) {
		char c = data[used++];

		if (c == '\n' && r->text.data) {
			end_line(r);
		} else if (c == '\n') {
			r->state = REPLY_NONSENSE;
		} else {
			buf_addc(&r->text, c);
			if (r->text.len - r->line > REPLY_LINE_MAX)
				r->state = REPLY_NONSENSE;
		}
		if (r->text.failed)
			r->state = REPLY_NONSENSE;
	}
	return used;
}

/* ---- keywords ---------------------------------------------------------- */

static size_t word_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != ' ' && s[n] != '\t')
		n++;
	return n;
}

static void imap_words(const char *s, size_t len, reply_keyword_fn *fn,
    void *arg)
{
	while (len > 0) {
		size_t n = word_length(s, len);

		if (n > 0)
			fn(arg, s, n);
		s += n;
		len -= n;
		for (; len > 0 && (*s == ' ' || *s == '\t'); len--)
			s++;
	}
}

static void line_keywords(const struct reply *r, unsigned number,
    const char *line, size_t len, reply_keyword_fn *fn, void *arg)
{
	const char capability[] = "* CAPABILITY ";

	if (r->kind == REPLY_IMAP) {
		size_t n = sizeof(capability) - 1;

		if (begins(line, len, capability))
			imap_words(line + n, len - n, fn, arg);
	} else if (number > 1 && r->kind == REPLY_SMTP && len > 4) {
		fn(arg, line + 4, word_length(line + 4, len - 4));
	} else if (number > 1 && r->kind == REPLY_POP3_LIST) {
		fn(arg, line, word_length(line, len));
	}
}

void reply_keywords(const struct reply *r, reply_keyword_fn *fn, void *arg)
{
	const char *line = buf_str(&r->text);
	const char *end;

	for (unsigned n = 1; (end = strchr(line, '\n')) != NULL; n++) {
		line_keywords(r, n, line, (size_t)(end - line), fn, arg);
		line = end + 1;
	}
}

void reply_clean(struct buf *out, const char *text, size_t len, size_t max)
{
	size_t n = len < max ? len : max;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n' ? i + 1 < n : c >= 0x20 && c < 0x7f)
			buf_addc(out, (char)c);
		else if (c != '\n' && c != '\r')
			buf_addf(out, "\\x%02X", c);
	}
	if (n < len)
		buf_adds(out, "...");
}
