/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf-internal.h"

#include "util/buf.h"

#define NAME_MAX_LEN 64

/* True when a rule's section gave the option. */
static bool given(const struct conf_group *g, const char *name)
{
	const struct conf_entry *e;

	e = conf_group_find(g, option_find(g->section, name));
	return e && e->line && e->n;
}

/* A title goes to logs and headers, so it is short and plain. */
bool load_check_title(struct loader *l, const struct conf_group *g)
{
	size_t len = strlen(g->title);
	bool ok = len > 0 && len <= NAME_MAX_LEN;

	for (const char *p = g->title; *p; p++)
		ok = ok && *p >= ' ' && *p <= '~' && *p != '"' && *p != '\\';
	if (!ok)
		load_error(l, g->line, "%s: the name must be 1 to %d "
		    "characters of ASCII without quotes and backslashes",
		    g->section, NAME_MAX_LEN);
	return ok;
}

/* ---- rules ------------------------------------------------------------- */

/* What stands beside `require`; each implies require = tls. */
static const char *const requirements[] = { "min_bits", "deny_cipher",
	"cert_name", "cert_fingerprint" };
#define REQUIREMENTS (sizeof(requirements) / sizeof(requirements[0]))

static const char *other_requirement(const struct conf_group *g)
{
	for (size_t i = 0; i < REQUIREMENTS; i++)
		if (given(g, requirements[i]))
			return requirements[i];
	return NULL;
}

static void check_requirement(struct loader *l, const struct conf_group *g,
    struct rule *r)
{
	const char *other = other_requirement(g);

	if (!given(g, "require")) {
		r->require = REQUIRE_TLS;
		if (!other)
			load_error(l, g->line, "rule \"%s\" requires nothing; "
			    "say what, or require = none to end the rules "
			    "there", g->title);
	} else if (r->require == REQUIRE_NONE && other) {
		load_error(l, g->line, "rule \"%s\" has require = none and %s",
		    g->title, other);
	} else if (r->require == REQUIRE_NONE && r->action > ACTION_OBSERVE) {
		load_error(l, g->line, "rule \"%s\" has require = none and an "
		    "action, which would never be used", g->title);
	}
}

static void check_reply(struct loader *l, const struct conf_group *g,
    struct rule *r)
{
	const struct conf_entry *e;
	struct buf err;

	e = conf_group_find(g, option_find("rule", "reply"));
	if (!e || !e->n)
		return;
	if (r->action != ACTION_DEFER && r->action != ACTION_REJECT) {
		load_error(l, e->line, "reply: only for action = defer or "
		    "reject");
		return;
	}
	buf_init(&err, 1000);
	if (!reply_template_parse(e->v[0].text, r->action, &r->reply, &err))
		load_error(l, e->line, "reply: %s", buf_str(&err));
	buf_clear(&err);
}

static bool add_rule(struct ruleset *rs, struct rule *r)
{
	struct rule **more = realloc(rs->rules, (rs->n + 1) * sizeof(*more));

	if (!more)
		return false;
	rs->rules = more;
	rs->rules[rs->n++] = r;
	return true;
}

static void load_rule(struct loader *l, struct conf_group *g)
{
	struct rule *r;

	if (!load_check_title(l, g))
		return;
	r = rule_new(g->title);
	if (!r || !add_rule(&l->conf->rules, r)) {
		rule_free(r);
		load_error(l, g->line, "out of memory");
		return;
	}
	r->authenticated = -1;
	r->requiretls = -1;
	load_group(l, g, r);
	check_requirement(l, g, r);
	check_reply(l, g, r);
	load_rule_list(l, g, r);
	l->conf->needs_to_policy |= r->to_policy != 0;
	l->conf->needs_from_policy |= r->from_policy != 0;
	l->conf->needs_history |= r->history_downgrade;
}

void load_rules(struct loader *l, struct conf_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, "rule") == 0)
			load_rule(l, &t->g[i]);
}

/* ---- listeners --------------------------------------------------------- */

static void load_listener(struct loader *l, struct conf_group *g)
{
	struct conf *c = l->conf;
	struct conf_listener *more, *ls;

	if (!load_check_title(l, g))
		return;
	more = realloc(c->listeners, (c->listeners_n + 1) * sizeof(*more));
	if (!more) {
		load_error(l, g->line, "out of memory");
		return;
	}
	c->listeners = more;
	ls = &more[c->listeners_n++];
	*ls = (struct conf_listener){ .name = strdup(g->title) };
	if (!ls->name)
		load_error(l, g->line, "out of memory");
	load_group(l, g, ls);
	if (!given(g, "match"))
		load_error(l, g->line, "listener \"%s\" has no match",
		    g->title);
}

void load_listeners(struct loader *l, struct conf_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->g[i].section, "listener") == 0)
			load_listener(l, &t->g[i]);
}
