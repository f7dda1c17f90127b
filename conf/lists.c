/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf-internal.h"

#include "mtasts/httpsurl.h"
#include "policy/partners.h"
#include "util/buf.h"
#include "util/clock.h"

#define DEFAULT_REFRESH "1d"
#define EXPIRES_SOON (7 * 86400)

bool check_list_url(const char *s, struct buf *canon, struct buf *err)
{
	struct httpsurl parts;

	buf_addf(err, "\"%s\" ", s);
	if (!httpsurl_parse(s, &parts, err))
		return false;
	buf_reset(err);
	buf_adds(canon, s);
	return true;
}

bool check_list_file(const char *s, struct buf *canon, struct buf *err)
{
	if (*s)
		return check_path(s, canon, err);
	buf_adds(err, "\"\" is not an absolute path");
	return false;
}

static struct conf_entry *find_entry(const struct conf_group *g,
    const char *name)
{
	return conf_group_find(g, option_find("list", name));
}

/* Say when a list from a URL is refreshed, so that a dump shows it. */
static bool add_refresh(struct conf_group *g)
{
	struct conf_entry *e;

	if (find_entry(g, "refresh"))
		return true;
	e = conf_group_add(g, option_find("list", "refresh"), 0);
	return e && conf_entry_add(e, DEFAULT_REFRESH, 0);
}

/* Whoever keeps the file has forgotten it, or will have. */
static void warn_expiry(struct loader *l, const struct conf_list *list)
{
	int64_t expires = partners_expires(list->partners);
	int64_t now = clock_wall();
	struct buf when;

	buf_init(&when, 100);
	clock_add_time(&when, expires);
	if (expires <= now)
		load_warn_in(l, list->file, 0, "this list has expired and "
		    "lists nobody any more");
	else if (expires - now < EXPIRES_SOON)
		load_warn_in(l, list->file, 0, "this list expires soon, at %s; "
		    "then it lists nobody", buf_str(&when));
	buf_clear(&when);
}

/* Read the file, completely: a list with a mistake is no list. */
static void load_partners(struct loader *l, const struct conf_group *g,
    struct conf_list *list)
{
	size_t len;
	const char *text;
	struct buf err;

	text = load_bundled(l, list->file, find_entry(g, "file")->line, &len);
	if (!text)
		return;
	buf_init(&err, 5000);
	list->partners = partners_read(list->file, text, len, &err);
	if (list->partners)
		warn_expiry(l, list);
	else
		load_error_text(l, err.len ? buf_str(&err) : "out of memory");
	buf_clear(&err);
}

/* A list has one source. */
static bool check_source(struct loader *l, const struct conf_group *g)
{
	const struct conf_entry *file = find_entry(g, "file");
	const struct conf_entry *url = find_entry(g, "url");
	const struct conf_entry *refresh = find_entry(g, "refresh");

	if (file && url)
		load_error(l, url->line > file->line ? url->line : file->line,
		    "list \"%s\" has both a file and a url", g->title);
	else if (!file && !url)
		load_error(l, g->line, "list \"%s\" has neither a file nor a "
		    "url", g->title);
	else if (file && refresh)
		load_error(l, refresh->line, "refresh is for lists with a "
		    "url; a file is read again at reload");
	else
		return true;
	return false;
}

static struct conf_list *add_list(struct loader *l,
    const struct conf_group *g)
{
	struct conf *c = l->conf;
	struct conf_list *more;

	if (c->lists_n >= LISTS_MAX) {
		load_error(l, g->line, "more than %d lists", LISTS_MAX);
		return NULL;
	}
	more = realloc(c->lists, (c->lists_n + 1) * sizeof(*more));
	if (more) {
		c->lists = more;
		more += c->lists_n;
		*more = (struct conf_list){ .name = strdup(g->title) };
	}
	if (more && more->name) {
		c->lists_n++;
		return more;
	}
	load_error(l, g->line, "out of memory");
	return NULL;
}

static void load_list(struct loader *l, struct conf_group *g)
{
	size_t before = l->errors;
	struct conf_list *list;

	if (!load_check_title(l, g) || !check_source(l, g))
		return;
	list = add_list(l, g);
	if (!list)
		return;
	if (find_entry(g, "url") && !add_refresh(g)) {
		load_error(l, g->line, "out of memory");
		return;
	}
	load_group(l, g, list);
	if (list->file && l->errors == before)
		load_partners(l, g, list);
}

void load_lists(struct loader *l, struct conf_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, "list") == 0)
			load_list(l, &t->g[i]);
}

void load_rule_list(struct loader *l, const struct conf_group *g,
    struct rule *r)
{
	const struct conf_entry *e;

	if (!r->list)
		return;
	for (size_t i = 0; i < l->conf->lists_n; i++)
		if (strcmp(l->conf->lists[i].name, r->list) == 0) {
			r->list_index = (int)i;
			return;
		}
	e = conf_group_find(g, option_find("rule", "list"));
	load_error(l, e->line, "list: there is no list \"%s\"", r->list);
}

static bool is_used(const struct conf *c, size_t list)
{
	for (size_t i = 0; i < c->rules.n; i++)
		if (c->rules.rules[i]->list_index == (int)list)
			return true;
	return false;
}

void advise_lists(struct loader *l, const struct conf_text *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->g[i].section, "list") != 0)
			continue;
		if (!is_used(l->conf, n++) && l->conf->socketmap.n == 0)
			load_warn(l, t->g[i].line, "list \"%s\" is used by no "
			    "rule, and there is no socketmap",
			    t->g[i].title);
	}
}

void conf_lists_clear(struct conf *c)
{
	for (size_t i = 0; i < c->lists_n; i++) {
		free(c->lists[i].name);
		free(c->lists[i].file);
		free(c->lists[i].url);
		partners_unref(c->lists[i].partners);
	}
	free(c->lists);
}
