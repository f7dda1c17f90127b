/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/partners-reader.h"

#include "util/str.h"

static struct partners *compile(struct reader *r)
{
	struct position whole = { 0, 0 };
	struct partners *p = NULL;
	struct buf err;
	void *blob;
	size_t len;

	buf_init(&err, 1000);
	blob = draft_compile(&r->draft, &len, &err);
	if (blob)
		p = partners_open(blob, len, free, blob, &err);
	if (!p) {
		read_error_at(r, whole, buf_str(&err));
		free(blob);
	}
	buf_clear(&err);
	return p;
}

/* True for what no program would take for JSON; not for what is JSON, but
 * which one cannot be sure to have understood. */
static bool is_other_format(enum json_error_code code)
{
	return code == json_error_invalid_syntax ||
	    code == json_error_premature_end_of_input ||
	    code == json_error_end_of_input_expected ||
	    code == json_error_invalid_utf8;
}

/* jansson's text may quote the input. */
static void syntax_error(struct reader *r, const json_error_t *error)
{
	struct position pos = { 0, 0 };
	struct buf text;

	if (error->line > 0) {
		pos.line = (unsigned)error->line;
		pos.column = error->column > 0 ? (unsigned)error->column : 1;
	}
	buf_init(&text, 1000);
	if (is_other_format(json_error_code(error)))
		buf_adds(&text, "not JSON: ");
	if (json_error_code(error) == json_error_null_character)
		buf_adds(&text, "a NUL character is not allowed");
	else
		place_write_text(error->text, sizeof(error->text), false,
		    &text);
	read_error_at(r, pos, text.len ? buf_str(&text) : "out of memory");
	buf_clear(&text);
}

static json_t *parse(struct reader *r)
{
	size_t bom = str_bom(r->text, r->len);
	struct position pos = { 0, 0 };
	const char *sentence = NULL;
	json_error_t error;
	json_t *root;

	if (r->len > PARTNERS_JSON_MAX) {
		read_error_at(r, pos, "larger than 16 MiB");
		return NULL;
	}
	if (!place_is_bounded(r->text, r->len, &pos, &sentence)) {
		read_error_at(r, pos, sentence);
		return NULL;
	}
	root = json_loadb(r->text + bom, r->len - bom,
	    JSON_REJECT_DUPLICATES, &error);
	if (!root)
		syntax_error(r, &error);
	return root;
}

static struct partners *make_list(struct reader *r)
{
	struct partners *p = NULL;
	json_t *root = parse(r);

	if (!root)
		return NULL;
	draft_init(&r->draft);
	read_list(r, root);
	free(r->aliases);
	json_decref(root);	/* the draft borrows nothing of it */
	if (r->errors == 0)
		p = compile(r);
	draft_clear(&r->draft);
	buf_clear(&r->defaults.mx);
	/* What was needed to read it is ten times the list, which may stay
	 * for weeks. */
	mem_trim();
	return p;
}

struct partners *partners_lint(const char *text, size_t len, int64_t now,
    partners_finding_fn *fn, void *arg)
{
	struct reader r = { .text = text, .len = len, .now = now, .fn = fn,
		.arg = arg };

	return make_list(&r);
}

struct first {
	const char *name;
	struct buf *err;
};

static bool keep_first(void *arg, const struct partners_finding *f)
{
	struct first *first = arg;

	buf_adds(first->err, first->name);
	if (f->line)
		buf_addf(first->err, ":%u:%u", f->line, f->column);
	if (*f->path)
		buf_addf(first->err, ": %s", f->path);
	buf_addf(first->err, ": %s", f->text);
	return false;
}

struct partners *partners_read(const char *name, const char *text,
    size_t len, struct buf *err)
{
	struct first first = { name, err };
	struct reader r = { .text = text, .len = len, .now = NEVER,
		.fn = keep_first, .arg = &first };

	return make_list(&r);
}
