/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --format text: the findings, worst first. Those of one id are told
 * together, and those that say the same of several addresses once.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "tool/check-pen.h"
#include "tool/check-report.h"
#include "util/buf.h"
#include "util/clock.h"

#define TEXT_MAX 65536
#define COLUMN_TITLE 9
#define COLUMN_TEXT 16		/* behind "seen", "effect" …; leaves room for
				 * a digest of 64 digits */
#define EVIDENCE_MAX 12		/* lines, unless all is wanted */
#define ADDRESSES_MAX 8		/* named, of one host */

struct item {
	const json_t *finding;
	const char *id;
	enum check_status status;
	bool done;
};

struct list {
	struct pen pen;
	const struct check_style *style;
	int64_t now;
	struct item *v;
	size_t n;
};

/* ---- what is said of whom ---------------------------------------------- */

static bool is_same(const json_t *a, const json_t *b, const char *member)
{
	json_t *x = json_object_get(a, member);
	json_t *y = json_object_get(b, member);

	return x == y || (x && y && json_equal(x, y));
}

static bool says_same(const struct item *a, const struct item *b)
{
	return strcmp(a->id, b->id) == 0 && a->status == b->status &&
	    is_same(a->finding, b->finding, "text") &&
	    is_same(a->finding, b->finding, "evidence") &&
	    is_same(a->finding, b->finding, "fix");
}

/* The addresses of a host among what says the same as the item. */
static void add_addresses(const struct list *l, size_t at, size_t from,
    struct buf *b)
{
	const char *host = report_text(l->v[from].finding, "host");
	size_t n = 0;

	for (size_t i = from; i < l->n; i++) {
		const json_t *f = l->v[i].finding;
		const char *address = report_text(f, "address");

		if (!says_same(&l->v[at], &l->v[i]) ||
		    !report_is(f, "host", host) || !*address ||
		    strcmp(host, address) == 0)
			continue;
		if (++n <= ADDRESSES_MAX)
			buf_addf(b, "%s%s", n == 1 ? " [" : ", ", address);
	}
	if (n > ADDRESSES_MAX)
		buf_addf(b, " and %zu more", n - ADDRESSES_MAX);
	buf_adds(b, n ? "]" : "");
}

static bool has_earlier(const struct list *l, size_t at, size_t before)
{
	for (size_t i = at; i < before; i++)
		if (says_same(&l->v[at], &l->v[i]) &&
		    is_same(l->v[i].finding, l->v[before].finding, "host"))
			return true;
	return false;
}

/* "mx1.example.com [192.0.2.1, 192.0.2.2], mx2.example.com [192.0.2.3]" */
static void add_subjects(const struct list *l, size_t at, struct buf *b)
{
	for (size_t i = at; i < l->n; i++) {
		const char *host = report_text(l->v[i].finding, "host");

		if (!*host || !says_same(&l->v[at], &l->v[i]) ||
		    has_earlier(l, at, i))
			continue;
		buf_addf(b, "%s%s", b->len ? ", " : "", host);
		add_addresses(l, at, i, b);
	}
}

/* When the first of them began; 0: just now. */
static int64_t since_of(const struct list *l, size_t at)
{
	int64_t first = 0;

	for (size_t i = at; i < l->n; i++) {
		int64_t since = report_number(l->v[i].finding, "since");

		if (since && (!first || since < first) &&
		    says_same(&l->v[at], &l->v[i]))
			first = since;
	}
	return first;
}

static void mark_done(struct list *l, size_t at)
{
	for (size_t i = at; i < l->n; i++)
		if (says_same(&l->v[at], &l->v[i]))
			l->v[i].done = true;
}

/* ---- printing ---------------------------------------------------------- */

static void print_labelled(struct pen *p, const char *label,
    const char *text)
{
	if (!*text)
		return;
	pen_tab(p, COLUMN_TITLE);
	pen_put(p, PLAIN, label);
	pen_tab(p, COLUMN_TEXT);
	pen_lines(p, COLUMN_TEXT, text);
	pen_end(p);
}

static void print_evidence(struct list *l, const json_t *finding)
{
	const json_t *lines = json_object_get(finding, "evidence"), *line;
	size_t i, n = json_array_size(lines);
	size_t max = l->style->verbose ? n : EVIDENCE_MAX;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	json_array_foreach(lines, i, line)
		if (i < max)
			buf_addf(&b, "%s%s", i ? "\n" : "",
			    json_string_value(line) ? : "?");
	if (n > max)
		buf_addf(&b, "\n(%zu more lines, see -v)", n - max);
	print_labelled(&l->pen, "seen", buf_str(&b));
	buf_clear(&b);
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		longest = len > longest ? len : longest;
	}
	return longest;
}

/* What is to be pasted is never wrapped: lines without room behind the label
 * stand below it, at the margin if they must, and may leave the page. */
static void print_fix(struct pen *p, const char *fix)
{
	size_t longest = longest_line(fix);
	unsigned indent = longest + COLUMN_TITLE <= p->width ?
	    COLUMN_TITLE : 0;

	if (longest + COLUMN_TEXT <= p->width) {
		print_labelled(p, "fix", fix);
		return;
	}
	pen_tab(p, COLUMN_TITLE);
	pen_put(p, PLAIN, "fix");
	pen_end(p);
	for (size_t len; *fix; fix += len + (fix[len] == '\n')) {
		struct buf line;

		len = strcspn(fix, "\n");
		buf_init(&line, TEXT_MAX);
		buf_add(&line, fix, len);
		pen_tab(p, indent);
		pen_put(p, PLAIN, buf_str(&line));
		pen_end(p);
		buf_clear(&line);
	}
}

static void print_since(struct list *l, int64_t since)
{
	struct buf b;

	if (!since)
		return;
	buf_init(&b, TEXT_MAX);
	clock_add_time(&b, since);
	if (since <= l->now) {
		buf_adds(&b, ", ");
		clock_add_span(&b, l->now - since);
		buf_adds(&b, " ago");
	}
	print_labelled(&l->pen, "since", buf_str(&b));
	buf_clear(&b);
}

/* One sentence, and all that says the same. */
static void print_item(struct list *l, size_t at)
{
	const json_t *f = l->v[at].finding;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	add_subjects(l, at, &b);
	if (b.len && *report_text(f, "text"))
		buf_adds(&b, ": ");
	buf_adds(&b, report_text(f, "text"));
	if (b.len) {
		pen_tab(&l->pen, COLUMN_TITLE);
		pen_wrap(&l->pen, COLUMN_TITLE, buf_str(&b));
		pen_end(&l->pen);
	}
	if (l->v[at].status != CHECK_OK || l->style->verbose)
		print_evidence(l, f);
	print_fix(&l->pen, report_text(f, "fix"));
	print_since(l, since_of(l, at));
	mark_done(l, at);
	buf_clear(&b);
}

static void print_see(struct list *l, const struct item *item)
{
	const char *reference = report_text(item->finding, "reference");
	static const char command[] = "tlsmilter check --explain ";
	bool fits = COLUMN_TEXT + strlen(reference) + strlen("; ") +
	    strlen(command) + strlen(item->id) <= l->pen.width;
	struct buf b;

	if (item->status < CHECK_WARN)
		return;
	buf_init(&b, TEXT_MAX);
	if (*reference)
		buf_addf(&b, "%s%s", reference, fits ? "; " : "\n");
	buf_addf(&b, "%s%s", command, item->id);
	print_labelled(&l->pen, "see", buf_str(&b));
	buf_clear(&b);
}

static void print_title(struct pen *p, const struct item *item)
{
	const char *title = report_text(item->finding, "title");
	const char *text = *title ? title : item->id;

	pen_tab(p, COLUMN_TITLE);
	if (COLUMN_TITLE + strlen(text) <= p->width &&
	    item->status != CHECK_OK)
		pen_put(p, BOLD, text);
	else
		pen_wrap(p, COLUMN_TITLE, text);
	pen_right(p, item->id);
}

/* Every finding of one id and status. */
static void print_group(struct list *l, size_t at)
{
	const struct item *first = &l->v[at];

	pen_put(&l->pen, report_colour(first->status),
	    report_word(first->status));
	print_title(&l->pen, first);
	for (size_t i = at; i < l->n; i++)
		if (!l->v[i].done && l->v[i].status == first->status &&
		    strcmp(l->v[i].id, first->id) == 0)
			print_item(l, i);
	if (first->status != CHECK_OK)
		print_labelled(&l->pen, "effect",
		    report_text(first->finding, "effect"));
	print_see(l, first);
}

static void print_status(struct list *l, enum check_status status)
{
	bool first = true;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].done || l->v[i].status != status)
			continue;
		/* What is well is told without air. */
		if (first || status != CHECK_OK)
			pen_end(&l->pen);
		first = false;
		print_group(l, i);
	}
}

static bool list_take(struct list *l, const json_t *findings)
{
	const json_t *finding;
	size_t i;

	l->v = calloc(json_array_size(findings) + 1, sizeof(*l->v));
	if (!l->v) {
		complain("out of memory");
		return false;
	}
	json_array_foreach(findings, i, finding)
		l->v[l->n++] = (struct item){ .finding = finding,
		    .id = report_text(finding, "id"),
		    .status = report_status(finding, "status") };
	return true;
}

void check_print_findings(const json_t *report, const struct check_style *s)
{
	struct list l = { .style = s,
		.now = report_number(report, "started") };
	enum check_status least = s->quiet ? CHECK_WARN :
	    s->verbose ? CHECK_OK : CHECK_INFO;

	pen_init(&l.pen);
	if (!list_take(&l, json_object_get(report, "findings")))
		return;
	for (int status = CHECK_FAIL; status >= (int)least; status--)
		print_status(&l, (enum check_status)status);
	free(l.v);
}
