/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/explain-lists.h"

#include "conf/listcopy.h"
#include "policy/partners.h"
#include "tool/access.h"
#include "tool/out.h"
#include "tool/tool.h"
#include "util/buf.h"
#include "util/clock.h"

static const char *const mode_names[] = {
	[LISTED_NO] = "no",
	[LISTED_TESTING] = "testing",
	[LISTED_ENFORCE] = "enforce",
	[LISTED_UNKNOWN] = "unknown",
};
#define MODES (sizeof(mode_names) / sizeof(mode_names[0]))

const char *explain_listed_name(enum listed_mode mode)
{
	return mode_names[mode];
}

/* ---- from options ------------------------------------------------------ */

static bool parse_mode(const char *s, size_t len, enum listed_mode *mode_r)
{
	for (size_t i = 0; i < MODES; i++)
		if (strlen(mode_names[i]) == len &&
		    memcmp(mode_names[i], s, len) == 0) {
			*mode_r = (enum listed_mode)i;
			return true;
		}
	return false;
}

/* Parse what is behind "LIST=". */
static bool parse_listed(const char *s, struct listed *listed_r)
{
	size_t len = strcspn(s, ":");
	struct listed listed = { 0 };

	if (!parse_mode(s, len, &listed.mode))
		return false;
	if (s[len] == ':') {
		listed.min_version = tls_version_rank(s + len + 1);
		if (listed.min_version < tls_version_rank("TLSv1.2") ||
		    (listed.mode != LISTED_TESTING &&
		    listed.mode != LISTED_ENFORCE))
			return false;
	}
	*listed_r = listed;
	return true;
}

static int find_list(const struct conf *conf, const char *name, size_t len)
{
	for (size_t i = 0; i < conf->lists_n; i++)
		if (strlen(conf->lists[i].name) == len &&
		    memcmp(conf->lists[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

/* The name of a list may hold "=", what is said of it may not. */
static bool take_option(const struct conf *conf, const char *option,
    bool *stated, struct listed *listed, struct buf *err)
{
	const char *equals = strrchr(option, '=');
	int i = equals ? find_list(conf, option, (size_t)(equals - option)) :
	    -1;

	if (!equals) {
		buf_addf(err, "--listed %s: not LIST=MODE", option);
	} else if (i < 0) {
		buf_addf(err, "--listed %s: there is no such list in the "
		    "configuration", option);
	} else if (!parse_listed(equals + 1, &listed[i])) {
		buf_addf(err, "--listed %s: not enforce, testing, no or "
		    "unknown, the first two perhaps with :TLSv1.2 or :TLSv1.3 "
		    "behind", option);
	} else {
		stated[i] = true;
		return true;
	}
	return false;
}

/* ---- from lists -------------------------------------------------------- */

static struct listed look_up(const struct partners *p, const char *domain)
{
	struct listed listed = { 0 };
	struct partner found;

	if (!p) {
		listed.mode = LISTED_UNKNOWN;
	} else if (partners_find(p, domain, clock_wall(), &found)) {
		listed.mode = found.mode == PARTNER_ENFORCE ?
		    LISTED_ENFORCE : LISTED_TESTING;
		listed.min_version = found.min_version;
	}
	return listed;
}

/* The last good copy of a list from a URL; NULL after a complaint. */
static struct partners *open_copy(struct tool *t,
    const struct conf_list *list)
{
	static const char *const faults[] = {
		[LISTCOPY_NONE] = "it was never fetched",
		[LISTCOPY_OTHER] = "what is kept came from another URL",
		[LISTCOPY_DAMAGED] = "what is kept is damaged",
		[LISTCOPY_FAILED] = "what is kept cannot be read",
	};
	struct listcopy copy = { 0 };
	enum listcopy_state state;
	struct buf err;

	buf_init(&err, 1000);
	state = listcopy_open(tool_state_dir(t), list->name, list->url, &copy,
	    &err);
	if (state != LISTCOPY_GOOD)
		complain("list \"%s\" counts as unknown: %s%s%s", list->name,
		    faults[state], err.len ? ": " : "", buf_str(&err));
	buf_clear(&err);
	return copy.partners;
}

struct partners *explain_list_open(struct tool *t,
    const struct conf_list *list)
{
	if (list->partners)
		return partners_ref(list->partners);
	return access_drop_root(t) ? open_copy(t, list) : NULL;
}

static struct listed ask(struct tool *t, const struct conf_list *list,
    const char *domain)
{
	struct listed listed = { .mode = LISTED_NO };
	struct partners *p;

	if (!domain)
		return listed;
	p = explain_list_open(t, list);
	listed = look_up(p, domain);
	partners_unref(p);
	return listed;
}

bool explain_listed(struct tool *t, const struct conf *conf,
    const struct strv *options, struct message_facts *m, struct buf *err)
{
	bool stated[LISTS_MAX] = { false };

	for (size_t i = 0; i < options->n; i++)
		if (!take_option(conf, options->v[i], stated, m->listed, err))
			return false;
	for (size_t i = 0; i < conf->lists_n; i++)
		if (!stated[i])
			m->listed[i] = ask(t, &conf->lists[i],
			    m->from_domain);
	return true;
}
