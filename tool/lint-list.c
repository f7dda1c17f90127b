/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/lint-list.h"

#include <jansson.h>

#include "conf/control.h"
#include "policy/partners.h"
#include "tool/out.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

/* A finding that outlives the search. */
struct kept {
	enum partners_severity severity;
	unsigned line, column;
	char *path, *text;
};

struct findings {
	struct kept *v;
	size_t n;
	size_t errors;
	bool failed;
};

static const struct {
	const char *name;
	enum colour colour;
} severities[] = {
	[PARTNERS_WARNING] = { "warning", YELLOW },
	[PARTNERS_ERROR] = { "error", RED },
};

/* ---- collecting -------------------------------------------------------- */

static bool keep(void *arg, const struct partners_finding *f)
{
	struct findings *all = arg;
	struct kept *v = reallocarray(all->v, all->n + 1, sizeof(*v));

	if (!v) {
		all->failed = true;
		return false;
	}
	all->v = v;
	v += all->n++;
	*v = (struct kept){ f->severity, f->line, f->column,
		strdup(f->path), strdup(f->text) };
	all->errors += f->severity == PARTNERS_ERROR;
	all->failed |= !v->path || !v->text;
	return !all->failed;
}

/* By place, so that people can go through the file; what is meant for the
 * whole, and "more mistakes follow", are last as they came. */
static int compare(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	unsigned line_x = x->line ? x->line : UINT32_MAX;
	unsigned line_y = y->line ? y->line : UINT32_MAX;

	if (line_x != line_y)
		return line_x < line_y ? -1 : 1;
	return (x->column > y->column) - (x->column < y->column);
}

static void findings_clear(struct findings *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].path);
		free(all->v[i].text);
	}
	free(all->v);
}

/* ---- printing ---------------------------------------------------------- */

static void print_finding(const char *file, const struct kept *f)
{
	out_part(PLAIN, "%s:", file);
	if (f->line)
		out_part(PLAIN, "%u:%u:", f->line, f->column);
	out_part(PLAIN, " ");
	out_part(severities[f->severity].colour, "%s",
	    severities[f->severity].name);
	out_line(": %s%s%s", f->path, *f->path ? ": " : "", f->text);
}

static bool count_testing(void *arg, const char *domain,
    const struct partner *partner)
{
	size_t *n = arg;

	(void)domain;
	*n += partner->mode == PARTNER_TESTING;
	return true;
}

static size_t testing_of(const struct partners *p)
{
	size_t n = 0;

	if (p)
		partners_walk(p, count_testing, &n);
	return n;
}

static void print_text(const char *file, const struct findings *all,
    const struct partners *p)
{
	struct buf expires;

	for (size_t i = 0; i < all->n; i++)
		print_finding(file, &all->v[i]);
	out_part(PLAIN, "%s: ", file);
	if (!p) {
		out_part(RED, "invalid");
		out_line("%s", "");
		return;
	}
	buf_init(&expires, 100);
	clock_add_time(&expires, partners_expires(p));
	out_part(GREEN, "valid");
	out_line(": domains %zu, testing %zu, expires %s",
	    partners_count(p), testing_of(p), buf_str(&expires));
	buf_clear(&expires);
}

static json_t *time_json(int64_t t)
{
	struct buf text;
	json_t *json;

	buf_init(&text, 100);
	clock_add_time(&text, t);
	json = json_string(buf_str(&text));
	buf_clear(&text);
	return json;
}

static json_t *text_json(const char *s)
{
	return *s ? control_string(s) : json_null();
}

static json_t *findings_json(const struct findings *all)
{
	json_t *array = json_array();

	for (size_t i = 0; i < all->n; i++) {
		const struct kept *f = &all->v[i];

		json_array_append_new(array, json_pack(
		    "{s:i, s:i, s:o, s:s, s:o}", "line", (int)f->line,
		    "column", (int)f->column, "path", text_json(f->path),
		    "severity", severities[f->severity].name,
		    "text", control_string(f->text)));
	}
	return array;
}

static void print_json(const char *file, const struct findings *all,
    const struct partners *p)
{
	json_t *counts = json_null(), *testing = json_null();

	if (p) {
		counts = json_integer((json_int_t)partners_count(p));
		testing = json_integer((json_int_t)testing_of(p));
	}
	out_json(json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, "
	    "s:o, s:o}", "schema", "tlsmilter/lint-list-1",
	    "file", control_string(file), "valid", p != NULL,
	    "name", text_json(p ? partners_name(p) : ""),
	    "author", text_json(p ? partners_author(p) : ""),
	    "contact", text_json(p ? partners_contact(p) : ""),
	    "timestamp", p ? time_json(partners_timestamp(p)) : json_null(),
	    "expires", p ? time_json(partners_expires(p)) : json_null(),
	    "domains", counts, "testing", testing,
	    "findings", findings_json(all)));
}

enum status lint_list(const struct tool *t, const char *file,
    const struct buf *text)
{
	struct findings all = { 0 };
	struct partners *p;
	enum status status;

	p = partners_lint(buf_str(text), text->len, clock_wall(), keep, &all);
	if (all.failed || (!p && !all.errors)) {
		complain("%s: out of memory", file);
		partners_unref(p);
		findings_clear(&all);
		return STATUS_UNKNOWN;
	}
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), compare);
	if (t->json)
		print_json(file, &all, p);
	else
		print_text(file, &all, p);
	status = !p ? STATUS_FAILED : all.n ? STATUS_WARNING : STATUS_GOOD;
	partners_unref(p);
	findings_clear(&all);
	return status;
}
