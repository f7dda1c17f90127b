/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf-internal.h"

#include <unistd.h>

#include "util/buf.h"

#define ERROR_MAX 2000
#define VALUE_MAX 8192
#define FILE_PREFIX "file:"

/* Where a value stands. */
struct place {
	const char *file;
	unsigned line;
};

/* Set one value; replace *text_r (if not NULL) by its canonical form. */
static bool load_value(struct loader *l, const struct option *o,
    const struct place *at, const char *text, void *base, char **text_r)
{
	struct buf canon, err;
	bool ok;

	buf_init(&canon, VALUE_MAX);
	buf_init(&err, ERROR_MAX);
	ok = value_set(o, text, base, &canon, &err);
	if (!ok)
		load_error_in(l, at->file, at->line, "%s: %s", o->name,
		    err.len ? buf_str(&err) : "out of memory");
	if (ok && text_r) {
		char *copy = buf_steal(&canon);

		if (copy) {
			free(*text_r);
			*text_r = copy;
		} else {
			load_error(l, at->line, "out of memory");
		}
	}
	buf_clear(&canon);
	buf_clear(&err);
	return ok;
}

/* ---- file:/path -------------------------------------------------------- */

/* Cut blanks and a comment off a line of a list file. */
static char *trim_line(char *s)
{
	size_t len = strcspn(s, "#");

	while (len && strchr(" \t\r", s[len - 1]))
		len--;
	s[len] = '\0';
	return s + strspn(s, " \t");
}

static void load_lines(struct loader *l, const struct option *o,
    const char *path, char *text, void *base)
{
	struct place at = { path, 0 };

	while (text) {
		char *next = strchr(text, '\n');
		char *item;

		at.line++;
		if (next)
			*next++ = '\0';
		item = trim_line(text);
		if (*item)
			load_value(l, o, &at, item, base, NULL);
		text = next;
	}
}

const char *load_bundled(struct loader *l, const char *path,
    unsigned line, size_t *len_r)
{
	const char *text;
	struct buf err;

	buf_init(&err, ERROR_MAX);
	if (*path != '/')
		buf_addf(&err, "\"%s\" is not an absolute path", path);
	else if (l->disk)
		bundle_add_file(l->disk, path, &err);
	text = err.len ? NULL : bundle_get(l->bundle, path, len_r);
	if (!text)
		load_error(l, line, "%s", err.len ? buf_str(&err) :
		    "a file it names was not handed on");
	buf_clear(&err);
	return text;
}

static void load_file(struct loader *l, const struct option *o,
    const struct conf_value *v, void *base)
{
	const char *path = v->text + strlen(FILE_PREFIX);
	size_t len;
	const char *text = load_bundled(l, path, v->line, &len);
	char *copy;

	if (!text)
		return;
	if (memchr(text, '\0', len)) {
		load_error_in(l, path, 1, "not a text file");
		return;
	}
	copy = strdup(text);
	if (copy)
		load_lines(l, o, path, copy + str_bom(copy, len), base);
	else
		load_error(l, v->line, "out of memory");
	free(copy);
}

/* ---- groups ------------------------------------------------------------ */

static void load_entry(struct loader *l, struct conf_entry *e, void *base)
{
	const struct option *o = e->option;

	for (size_t i = 0; i < e->n; i++) {
		struct place at = { l->file, e->v[i].line };

		if ((o->flags & OPT_FILES) &&
		    str_starts(e->v[i].text, FILE_PREFIX))
			load_file(l, o, &e->v[i], base);
		else
			load_value(l, o, &at, e->v[i].text, base,
			    &e->v[i].text);
	}
}

/* The default that is known only now. */
static const char *default_of(const struct option *o, char *room, size_t size)
{
	if (strcmp(o->name, "authserv_id") != 0)
		return o->def;
	if (gethostname(room, size) != 0 || !*room)
		return "localhost";
	room[size - 1] = '\0';
	return room;
}

/* Add an entry with the default; NULL if there is none. */
static struct conf_entry *add_default(struct loader *l, struct conf_group *g,
    const struct option *o)
{
	char room[256];
	const char *def = default_of(o, room, sizeof(room));
	struct conf_entry *e;
	bool ok = true;

	if (!def)
		return NULL;
	e = conf_group_add(g, o, 0);
	if (e && !option_is_list(o))
		ok = conf_entry_add(e, def, 0);
	while (e && ok && option_is_list(o) && *def) {
		size_t len = strcspn(def, " ");
		char item[64];

		snprintf(item, sizeof(item), "%.*s", (int)len, def);
		ok = conf_entry_add(e, item, 0);
		def += len + (def[len] == ' ');
	}
	if (!e || !ok)
		load_error(l, 0, "out of memory");
	return e;
}

static int by_option(const void *a, const void *b)
{
	const struct option *oa = ((const struct conf_entry *)a)->option;
	const struct option *ob = ((const struct conf_entry *)b)->option;

	return oa < ob ? -1 : oa > ob;
}

void load_group(struct loader *l, struct conf_group *g, void *base)
{
	for (size_t i = 0; i < options_n; i++) {
		const struct option *o = &options[i];
		struct conf_entry *e;

		if ((o->flags & OPT_LATER) ||
		    strcmp(o->section, g->section) != 0)
			continue;
		e = conf_group_find(g, o);
		if (!e)
			e = add_default(l, g, o);
		if (e)
			load_entry(l, e, base);
	}
	if (g->n)	/* a dump is in the order of the table */
		qsort(g->e, g->n, sizeof(*g->e), by_option);
}

static bool add_missing(struct conf_text *t)
{
	for (size_t i = 0; i < sections_n; i++)
		if (!sections[i].titled && !sections[i].later &&
		    !conf_text_find(t, sections[i].name) &&
		    !conf_text_add(t, sections[i].name, NULL, 0))
			return false;
	return true;
}

static size_t move_groups(struct conf_group *to, const struct conf_text *t,
    const char *section)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, section) == 0)
			to[n++] = t->g[i];
	return n;
}

/* Make t complete, and bring its sections into the order of the table;
 * those of one name keep theirs. */
static bool complete(struct conf_text *t)
{
	struct conf_group *sorted;
	size_t n;

	if (!add_missing(t))
		return false;
	sorted = mem_array(t->n, sizeof(*sorted));
	if (!sorted)
		return false;
	n = move_groups(sorted, t, "");
	for (size_t i = 0; i < sections_n; i++)
		n += move_groups(sorted + n, t, sections[i].name);
	free(t->g);
	t->g = sorted;
	t->n = n;
	return true;
}

bool conf_override(struct conf *c, const char *name, const char *value,
    struct buf *err)
{
	const struct option *o = option_find("", name);
	struct conf_entry *e = conf_group_find(&c->text->g[0], o);
	struct buf canon;
	char *text = NULL;

	buf_init(&canon, VALUE_MAX);
	if (value_set(o, value, c, &canon, err))
		text = buf_steal(&canon);
	buf_clear(&canon);
	if (!text) {
		buf_adds(err, err->len ? "" : "out of memory");
		return false;
	}
	free(e->v[0].text);
	e->v[0].text = text;
	return true;
}

/* ---- hosted domains ---------------------------------------------------- */

static int by_domain(const void *a, const void *b)
{
	return strcmp(((const struct hosted *)a)->domain,
	    ((const struct hosted *)b)->domain);
}

/* Sort hosted domains and join equal ones. */
static void sort_hosted(struct loader *l, const struct conf_text *t)
{
	const struct option *o = option_find("", "hosted_domains");
	struct conf *c = l->conf;
	size_t n = 1;

	if (!c->hosted_n)
		return;
	qsort(c->hosted, c->hosted_n, sizeof(*c->hosted), by_domain);
	for (size_t i = 1; i < c->hosted_n; i++) {
		struct hosted *h = &c->hosted[i], *last = &c->hosted[n - 1];

		if (strcmp(last->domain, h->domain) != 0) {
			c->hosted[n++] = *h;
			continue;
		}
		if (last->stated != h->stated)
			load_error(l, conf_group_find(&t->g[0], o)->line,
			    "hosted_domains: %s is there twice, with "
			    "different modes", h->domain);
		free(h->domain);
	}
	c->hosted_n = n;
}

/* ---- sockets ----------------------------------------------------------- */

/* One address of a socket, and the option that names it. */
struct named_socket {
	const char *option;
	const struct conf_value *value;
};

/* Two of them at one address: the second could not be bound. */
static void check_pair(struct loader *l, const struct named_socket *a,
    const struct named_socket *b)
{
	unsigned line = a->value->line > b->value->line ? a->value->line :
	    b->value->line;

	if (strcmp(a->value->text, b->value->text) != 0)
		return;
	if (strcmp(a->option, b->option) == 0)
		load_error(l, line, "%s: %s is there twice", a->option,
		    a->value->text);
	else
		load_error(l, line, "%s and %s are the same socket",
		    a->option, b->option);
}

#define SOCKET_OPTIONS_MAX 8
#define NAMED_SOCKETS_MAX (SOCKET_OPTIONS_MAX * CONF_SOCKETS_MAX)

static void check_sockets(struct loader *l, const struct conf_text *t)
{
	struct named_socket all[NAMED_SOCKETS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < t->g[0].n; i++) {
		const struct conf_entry *e = &t->g[0].e[i];

		if (e->option->type != OPT_ENDPOINT &&
		    e->option->type != OPT_ENDPOINTS)
			continue;
		for (size_t k = 0; k < e->n && n < NAMED_SOCKETS_MAX; k++)
			all[n++] = (struct named_socket){ e->option->name,
				&e->v[k] };
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			check_pair(l, &all[k], &all[i]);
}

/* ---- all of it --------------------------------------------------------- */

bool conf_compile(struct loader *l, struct conf_text *t)
{
	struct conf *c = l->conf;

	if (!complete(t)) {
		load_error(l, 0, "out of memory");
		return false;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct section *s = section_find(t->g[i].section);

		if (!s || !s->titled)
			load_group(l, &t->g[i], c);
	}
	c->rules.observe = c->observe;
	check_sockets(l, t);
	sort_hosted(l, t);
	load_watch(l, t);
	load_listeners(l, t);
	load_lists(l, t);
	load_postfix(l);
	load_destinations(l, t);
	load_rules(l, t);
	if (l->errors == 0)
		load_advice(l, t);
	return l->errors == 0;
}
