/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf-internal.h"

#include "util/buf.h"

void conf_group_clear(struct conf_group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		for (size_t j = 0; j < g->e[i].n; j++)
			free(g->e[i].v[j].text);
		free(g->e[i].v);
	}
	free(g->e);
	free(g->title);
	*g = (struct conf_group){ 0 };
}

void conf_text_clear(struct conf_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		conf_group_clear(&t->g[i]);
	free(t->g);
	*t = (struct conf_text){ 0 };
}

struct conf_group *conf_text_add(struct conf_text *t, const char *section,
    const char *title, unsigned line)
{
	struct conf_group *g;
	char *copy = NULL;

	if (title && !(copy = strdup(title)))
		return NULL;
	g = realloc(t->g, (t->n + 1) * sizeof(*g));
	if (!g) {
		free(copy);
		return NULL;
	}
	t->g = g;
	g += t->n++;
	*g = (struct conf_group){ .section = section, .title = copy,
		.line = line };
	return g;
}

struct conf_entry *conf_group_add(struct conf_group *g,
    const struct option *o, unsigned line)
{
	struct conf_entry *e = realloc(g->e, (g->n + 1) * sizeof(*e));

	if (!e)
		return NULL;
	g->e = e;
	e += g->n++;
	*e = (struct conf_entry){ .option = o, .line = line };
	return e;
}

bool conf_entry_add(struct conf_entry *e, const char *text, unsigned line)
{
	struct conf_value *v;
	char *copy = strdup(text);

	v = realloc(e->v, (e->n + 1) * sizeof(*v));
	if (v)
		e->v = v;
	if (!copy || !v) {
		free(copy);
		return false;
	}
	e->v[e->n++] = (struct conf_value){ copy, line };
	return true;
}

struct conf_entry *conf_group_find(const struct conf_group *g,
    const struct option *o)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->e[i].option == o)
			return &g->e[i];
	return NULL;
}

struct conf_group *conf_text_find(const struct conf_text *t,
    const char *section)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, section) == 0)
			return &t->g[i];
	return NULL;
}

/* ---- printing ---------------------------------------------------------- */

static void dump_string(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

static bool is_bare(const struct option *o)
{
	return o->type != OPT_STRING && o->type != OPT_REPLY &&
	    o->type != OPT_ENDPOINT && !option_is_list(o);
}

static void dump_entry(struct buf *out, const struct conf_entry *e)
{
	if (option_is_list(e->option)) {
		buf_addc(out, '{');
		for (size_t i = 0; i < e->n; i++) {
			buf_adds(out, i ? ", " : "");
			dump_string(out, e->v[i].text);
		}
		buf_addc(out, '}');
	} else if (is_bare(e->option)) {
		buf_adds(out, e->v[0].text);
	} else {
		dump_string(out, e->v[0].text);
	}
	buf_addc(out, '\n');
}

static void dump_group(struct buf *out, const struct conf_group *g)
{
	bool top = !*g->section;

	if (!top) {
		buf_addf(out, "\n%s ", g->section);
		if (g->title) {
			dump_string(out, g->title);
			buf_addc(out, ' ');
		}
		buf_adds(out, "{\n");
	}
	for (size_t i = 0; i < g->n; i++) {
		buf_addf(out, "%s%s = ", top ? "" : "\t",
		    g->e[i].option->name);
		dump_entry(out, &g->e[i]);
	}
	if (!top)
		buf_adds(out, "}\n");
}

void conf_dump(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < c->text->n; i++)
		dump_group(out, &c->text->g[i]);
}

/* ---- comparison -------------------------------------------------------- */

static bool entries_equal(const struct conf_entry *a,
    const struct conf_entry *b)
{
	if (!a || !b || a->n != b->n)
		return a == b;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].text, b->v[i].text) != 0)
			return false;
	return true;
}

/* Append the names of the options of a reload class that differ. */
static void changed(const struct conf *old, const struct conf *new,
    enum opt_reload class, struct strv *sv)
{
	for (size_t i = 0; i < options_n; i++) {
		const struct option *o = &options[i];
		const struct conf_group *a, *b;
		struct buf name;

		a = conf_text_find(old->text, o->section);
		b = conf_text_find(new->text, o->section);
		if (o->reload != class || !a || !b || entries_equal(
		    conf_group_find(a, o), conf_group_find(b, o)))
			continue;
		buf_init(&name, 128);
		buf_addf(&name, "%s%s%s", o->section, *o->section ? "." : "",
		    o->name);
		strv_add(sv, buf_str(&name));
		buf_clear(&name);
	}
}

void conf_restart_needed(const struct conf *old, const struct conf *new,
    struct strv *sv)
{
	changed(old, new, RELOAD_RESTART, sv);
}

bool conf_resolver_differs(const struct conf *old, const struct conf *new)
{
	struct strv sv = { 0 };
	bool differs;

	changed(old, new, RELOAD_RESOLVER, &sv);
	differs = sv.n > 0;
	strv_clear(&sv);
	return differs;
}
