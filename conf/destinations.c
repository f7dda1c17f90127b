/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an administrator says of outgoing mail: `destination` sections and
 * the version of Postfix.
 */
#include "config.h"

#include "conf/conf-internal.h"

#include "util/buf.h"

static struct conf_entry *find_entry(const struct conf_group *g,
    const char *name)
{
	return conf_group_find(g, option_find(g->section, name));
}

bool check_postfix_version(const char *s, struct buf *canon, struct buf *err)
{
	unsigned version;

	if (postfix_version_parse(s, &version)) {
		buf_adds(canon, s);
		return true;
	}
	buf_addf(err, "\"%s\" is not a version of Postfix such as 3.7", s);
	return false;
}

bool check_match(const char *s, struct buf *canon, struct buf *err)
{
	const char *name = s + (*s == '.');
	char domain[MTASTS_DOMAIN_SIZE];

	(void)err;
	buf_add(canon, s, (size_t)(name - s));
	if (mtasts_domain_normalize(name, domain) == MTASTS_OK)
		name = domain;
	for (; *name; name++)
		buf_addc(canon, str_lower(*name));
	return true;
}

void load_postfix(struct loader *l)
{
	struct conf_postfix *p = &l->conf->postfix;

	/* Checked when it was set; after an error it may be missing. */
	if (p->version_text)
		(void)postfix_version_parse(p->version_text, &p->version);
}

/* ---- one destination --------------------------------------------------- */

/* All services whose port we do not know have the port 0, so that one of
 * them would speak for the others. */
static bool read_title(struct loader *l, const struct conf_group *g,
    struct nexthop *hop_r)
{
	size_t len = strlen(g->title);

	if (!str_is_clean_utf8(g->title, len))
		load_error(l, g->line, "destination: its name is not clean "
		    "UTF-8 text");
	else if (!nexthop_parse(g->title, len, hop_r))
		load_error(l, g->line, "destination \"%s\": not a domain, "
		    "[host], either with :port, .domain or address",
		    g->title);
	else if (hop_r->kind <= NEXTHOP_LITERAL && hop_r->port == 0)
		load_error(l, g->line, "destination \"%s\": the port must be "
		    "a number, or a service of mail", g->title);
	else
		return true;
	return false;
}

/* NULL after an error. */
static struct conf_destination *add_destination(struct loader *l,
    const struct conf_group *g)
{
	struct conf *c = l->conf;
	struct conf_destination *more;
	struct nexthop hop;

	if (!read_title(l, g, &hop))
		return NULL;
	more = reallocarray(c->destinations, c->destinations_n + 1,
	    sizeof(*more));
	if (more) {
		c->destinations = more;
		more += c->destinations_n++;
		*more = (struct conf_destination){ .line = g->line,
			.title = strdup(g->title), .text = strdup(hop.text) };
	}
	if (more && more->title && more->text)
		return more;
	load_error(l, g->line, "out of memory");
	return NULL;
}

/* The entry of match that the level does not allow; NULL: it lacks one. */
static const struct conf_value *wrong_match(const struct conf_group *g,
    const struct tlspolicy_override *ov)
{
	for (size_t i = 0; i < ov->match_n; i++) {
		const struct tlspolicy_override one = { .level = ov->level,
			.match = &ov->match[i], .match_n = 1 };

		if (tlspolicy_override_check(&one))
			return &find_entry(g, "match")->v[i];
	}
	return NULL;
}

/* Level and match list as tlspolicy wants them. */
static void check_override(struct loader *l, const struct conf_group *g,
    const struct conf_destination *d)
{
	const struct tlspolicy_override ov = { .level = d->level,
		.match = (const char *const *)d->match.v,
		.match_n = d->match.n };
	const char *trouble = tlspolicy_override_check(&ov);
	const struct conf_value *wrong;

	if (!trouble)
		return;
	wrong = wrong_match(g, &ov);
	if (wrong)
		load_error(l, wrong->line, "destination \"%s\": %s: \"%s\"",
		    g->title, trouble, wrong->text);
	else
		load_error(l, find_entry(g, "level")->line,
		    "destination \"%s\": %s", g->title, trouble);
}

static void load_destination(struct loader *l, struct conf_group *g)
{
	size_t before = l->errors;
	struct conf_destination *d;

	d = add_destination(l, g);
	if (!d)
		return;
	load_group(l, g, d);
	if (!find_entry(g, "level"))
		load_error(l, g->line, "destination \"%s\" has no level",
		    g->title);
	else if (l->errors == before)
		check_override(l, g, d);
}

/* ---- all of them ------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	const struct conf_destination *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : x->line < y->line ? -1 : 1;
}

/* The same next hop may be written in several ways. */
static void check_twins(struct loader *l)
{
	const struct conf_destination *d = l->conf->destinations;

	for (size_t i = 1; i < l->conf->destinations_n; i++)
		if (strcmp(d[i - 1].text, d[i].text) == 0)
			load_error(l, d[i].line, "destination \"%s\" is "
			    "there twice, first as \"%s\" in line %u",
			    d[i].title, d[i - 1].title, d[i - 1].line);
}

void load_destinations(struct loader *l, struct conf_text *t)
{
	struct conf *c = l->conf;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, "destination") == 0)
			load_destination(l, &t->g[i]);
	if (l->errors || c->destinations_n == 0)
		return;
	qsort(c->destinations, c->destinations_n, sizeof(*c->destinations),
	    by_text);
	check_twins(l);
	for (size_t i = 0; i < c->destinations_n; i++) {
		struct conf_destination *d = &c->destinations[i];

		d->override = (struct tlspolicy_override){
			.level = d->level,
			.match = (const char *const *)d->match.v,
			.match_n = d->match.n };
	}
}

void conf_destinations_clear(struct conf *c)
{
	for (size_t i = 0; i < c->destinations_n; i++) {
		free(c->destinations[i].title);
		free(c->destinations[i].text);
		strv_clear(&c->destinations[i].match);
	}
	free(c->destinations);
}

/* ---- questions --------------------------------------------------------- */

static int compare_text(const void *key, const void *element)
{
	return strcmp(key, ((const struct conf_destination *)element)->text);
}

static const struct conf_destination *find(const struct conf *c,
    const char *text)
{
	return bsearch(text, c->destinations, c->destinations_n,
	    sizeof(*c->destinations), compare_text);
}

/* Itself, else the nearest parent: "a.b.example", ".b.example", … */
static const struct conf_destination *find_nearest(const struct conf *c,
    const struct nexthop *hop)
{
	const struct conf_destination *d = find(c, hop->text);
	const char *dot = hop->text;

	if (hop->kind != NEXTHOP_DOMAIN || hop->port != NEXTHOP_SMTP_PORT)
		return d;
	while (!d && (dot = strchr(dot + 1, '.')))
		d = find(c, dot);
	return d;
}

const struct tlspolicy_override *conf_destination_find(const struct conf *c,
    const struct nexthop *hop, const char **title_r)
{
	const struct conf_destination *d = NULL;

	if (c->destinations_n && *hop->text)
		d = find_nearest(c, hop);
	if (d && title_r)
		*title_r = d->title;
	return d ? &d->override : NULL;
}
