/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only file that knows libconfuse. Every option is declared to it as a
 * string or a list of strings; types are ours (value.c), so that all
 * messages have one form. Its callbacks carry no argument and its scanner
 * is global, so one parse runs at a time, under a lock.
 */
#include "config.h"

#include <confuse.h>
#include <pthread.h>

#include "conf/conf-internal.h"
#include "conf/scan.h"
#include "util/buf.h"

struct parse {
	struct loader *l;
	struct conf_text *t;
	struct conf_group top;
	struct conf_group pending;	/* the section being read */
	struct scan_result scan;
	size_t closed;			/* sections read so far */
	bool failed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct parse *current;	/* under lock */

static const char *section_of(cfg_t *cfg)
{
	return strcmp(cfg_name(cfg), "root") == 0 ? "" : cfg_name(cfg);
}

static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	const char *section = section_of(cfg);
	struct buf text;

	buf_init(&text, 1000);
	buf_vaddf(&text, fmt, ap);
	if (*section)
		buf_addf(&text, " in section \"%s\"", section);
	load_error(current->l, (unsigned)cfg->line, "%s", buf_str(&text));
	buf_clear(&text);
	current->failed = true;
}

static int out_of_memory(void)
{
	load_error(current->l, 0, "out of memory");
	current->failed = true;
	return -1;
}

/* Find or make the entry a value belongs to. libconfuse empties an option
 * when a statement begins, so one value there is the first of a statement:
 * a second statement would silently win. */
static struct conf_entry *entry_for(struct conf_group *g,
    const struct option *o, unsigned line, bool first)
{
	struct conf_entry *e = conf_group_find(g, o);

	if (!e)
		return conf_group_add(g, o, line);
	if (first)
		load_error(current->l, line,
		    "\"%s\" is given twice (first in line %u)", o->name,
		    e->line);
	return e;
}

/* Called by libconfuse for each value; keep it with its line. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value,
    void *result)
{
	const char *section = section_of(cfg);
	const struct option *o = option_find(section, cfg_opt_name(opt));
	const struct section *sec = section_find(section);
	unsigned line = (unsigned)cfg->line;
	struct conf_entry *e;

	*(const char **)result = "";
	if (sec && sec->later)
		return 0;
	if (!o) {	/* "dns|timeout" reaches into a section */
		load_error(current->l, line, "no such option");
		return 0;
	}
	if (o->flags & OPT_LATER) {
		load_error(current->l, line, "\"%s\" is not built yet",
		    o->name);
		return 0;
	}
	e = entry_for(*section ? &current->pending : &current->top, o, line,
	    cfg_opt_size(opt) == 1);
	if (!e)
		return out_of_memory();
	if (option_is_list(o) && !*value)
		return 0;
	return conf_entry_add(e, value, line) ? 0 : out_of_memory();
}

/* Called by libconfuse behind the closing brace of a section. Sections do
 * not nest, so they close in the order in which they were opened. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct section *sec = section_find(cfg_opt_name(opt));
	unsigned line = current->scan.opened[current->closed++];
	cfg_t *last = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct conf_group *g;

	(void)cfg;
	if (sec->later) {
		load_error(current->l, line, "section \"%s\" is not built yet",
		    sec->name);
		return 0;
	}
	if (!sec->titled && (g = conf_text_find(current->t, sec->name))) {
		load_error(current->l, line,
		    "section \"%s\" is given twice (first in line %u)",
		    sec->name, g->line);
		conf_group_clear(&current->pending);
		return 0;
	}
	g = conf_text_add(current->t, sec->name, cfg_title(last), line);
	if (!g)
		return out_of_memory();
	g->e = current->pending.e;
	g->n = current->pending.n;
	current->pending = (struct conf_group){ 0 };
	return 0;
}

/* ---- from our table to libconfuse's ------------------------------------ */

static cfg_opt_t declare_value(const struct option *o)
{
	cfg_opt_t scalar = CFG_STR_CB(o->name, NULL, CFGF_NODEFAULT, on_value);
	cfg_opt_t list = CFG_STR_LIST_CB(o->name, NULL, CFGF_NODEFAULT,
	    on_value);

	return option_is_list(o) ? list : scalar;
}

/* The options of one section, and for "" the sections too. */
static cfg_opt_t *declare(const char *section)
{
	cfg_opt_t end = CFG_END();
	cfg_opt_t *opts;
	size_t n = 0;

	opts = calloc(options_n + sections_n + 1, sizeof(*opts));
	if (!opts)
		return NULL;
	for (size_t i = 0; i < options_n; i++)
		if (strcmp(options[i].section, section) == 0)
			opts[n++] = declare_value(&options[i]);
	opts[n] = end;
	return opts;
}

static void declare_free(cfg_opt_t *top)
{
	for (cfg_opt_t *o = top; o && o->name; o++)
		free(o->subopts);
	free(top);
}

static cfg_opt_t *declare_all(void)
{
	cfg_opt_t *top = declare("");
	cfg_opt_t end = CFG_END();
	size_t n = 0;

	while (top && top[n].name)
		n++;
	for (size_t i = 0; top && i < sections_n; i++) {
		const struct section *s = &sections[i];
		cfg_opt_t *subopts = declare(s->name);
		cfg_opt_t sec = CFG_SEC(s->name, subopts, s->titled ?
		    CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE);

		if (!subopts) {
			declare_free(top);
			return NULL;
		}
		sec.validcb = on_section;
		top[n++] = sec;
		top[n] = end;
	}
	return top;
}

/* ---- the parse --------------------------------------------------------- */

static void parse_clean(struct parse *p, const char *text)
{
	cfg_opt_t *opts = declare_all();
	cfg_t *cfg = opts ? cfg_init(opts, CFGF_NONE) : NULL;

	if (!cfg) {
		out_of_memory();
	} else {
		cfg_set_error_function(cfg, on_error);
		if (cfg_parse_buf(cfg, text) != CFG_SUCCESS && !p->failed)
			out_of_memory();
		cfg_free(cfg);
	}
	declare_free(opts);
}

static void parse_scanned(struct parse *p, const char *text)
{
	struct conf_group *top;

	current = p;
	if (conf_text_add(p->t, "", NULL, 1))
		parse_clean(p, text);
	else
		out_of_memory();
	current = NULL;
	top = conf_text_find(p->t, "");
	if (!top)
		return;
	top->e = p->top.e;
	top->n = p->top.n;
	p->top = (struct conf_group){ 0 };
}

bool conf_parse(struct loader *l, const char *text, size_t len,
    struct conf_text *t)
{
	struct parse p = { .l = l, .t = t };
	size_t before = l->errors;
	struct buf clean, err;

	buf_init(&clean, 2 * (size_t)BUNDLE_FILE_MAX);
	buf_init(&err, 1000);
	if (scan_text(text, len, &clean, &p.scan, &err)) {
		pthread_mutex_lock(&lock);
		parse_scanned(&p, buf_str(&clean));
		pthread_mutex_unlock(&lock);
	} else {
		load_error(l, p.scan.error_line, "%s", buf_str(&err));
	}
	conf_group_clear(&p.top);
	conf_group_clear(&p.pending);
	scan_result_clear(&p.scan);
	buf_clear(&clean);
	buf_clear(&err);
	return l->errors == before;
}
