/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --explain: what an id of a finding means.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "check/finding.h"
#include "tool/check-pen.h"
#include "tool/out.h"
#include "util/buf.h"

#define PARAGRAPH_MAX 65536

/* A paragraph is wrapped anew, but a line that begins with a blank is an
 * example and stays as it is. */
static void print_paragraph(struct pen *p, const char *text, size_t len)
{
	struct buf b;

	buf_init(&b, PARAGRAPH_MAX);
	buf_add(&b, text, len);
	if (*text == ' ' || *text == '\t') {
		out_text("", buf_str(&b));
	} else {
		pen_wrap(p, 0, buf_str(&b));
		pen_end(p);
	}
	buf_clear(&b);
}

static void print_paragraphs(struct pen *p, const char *text)
{
	while (text && *text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);

		pen_end(p);
		print_paragraph(p, text, len);
		text += len;
		text += strspn(text, "\n");
	}
}

static void print_about(struct pen *p, const char *label, const char *text)
{
	if (!text)
		return;
	pen_end(p);
	pen_put(p, BOLD, label);
	pen_put(p, PLAIN, " ");
	pen_wrap(p, 0, text);
	pen_end(p);
}

static void explain_text(const struct finding_info *info)
{
	struct pen p;

	pen_init(&p);
	pen_put(&p, BOLD, info->id);
	pen_put(&p, PLAIN, ": ");
	pen_wrap(&p, 0, info->title);
	pen_end(&p);
	print_paragraphs(&p, info->explain);
	print_about(&p, "Effect:", info->effect);
	print_about(&p, "Where people log in:", info->login_effect);
	print_about(&p, "See:", info->reference);
}

static void list_text(const struct finding_info *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out_line("%-22s %s", v[i].id, v[i].title);
}

static void explain_json(const struct finding_info *v, size_t n)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(ids, json_pack(
		    "{s:s, s:s, s:s?, s:s?, s:s?}",
		    "id", v[i].id, "title", v[i].title,
		    "explain", v[i].explain, "effect", v[i].effect,
		    "reference", v[i].reference));
	out_json(json_pack("{s:s, s:o}",
	    "schema", "tlsmilter/check-explain-1", "ids", ids));
}

enum status check_explain(const struct tool *t, const char *id)
{
	const struct finding_info *all, *info = finding_info(id);
	bool list = strcmp(id, "list") == 0;
	size_t n = 0;

	if (!info && !list) {
		complain("\"%s\" is no id of a finding; see tlsmilter check "
		    "--explain list", id);
		return STATUS_USAGE;
	}
	all = finding_table(&n);
	if (t->json)
		explain_json(list ? all : info, list ? n : 1);
	else if (list)
		list_text(all, n);
	else
		explain_text(info);
	return STATUS_GOOD;
}
