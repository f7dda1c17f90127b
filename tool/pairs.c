/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/pairs.h"

#include "audit/history.h"
#include "audit/pairjson.h"
#include "conf/conf.h"
#include "tool/out.h"
#include "util/clock.h"

bool pairs_take(const char *domain, const char *network,
    struct pairs_wish *wish)
{
	if (domain && !tool_domain(domain, wish->domain))
		return false;
	if (!network || pair_network(network, wish->network))
		return true;
	complain("%s: not an address, an IPv4 /24 or an IPv6 /48", network);
	return false;
}

/* ---- the file ---------------------------------------------------------- */

static struct history *open_history(struct tool *t, bool readonly,
    struct buf *err, enum store_error *error_r)
{
	const struct history_options options = {
		.state_dir = tool_state_dir(t),
		.entries = t->conf->history_size,
		.readonly = readonly,
	};

	return history_open(&options, err, error_r);
}

bool pairs_open(struct tool *t, struct access *a, bool write)
{
	enum store_error error = STORE_OK;
	struct buf err;
	bool ok;

	if (a->kind != ACCESS_FILES || a->history)
		return true;
	buf_init(&err, 1000);
	a->history = open_history(t, true, &err, &error);
	if (a->history && write) {
		/* Only now: to write would make one. */
		history_close(a->history);
		a->history = open_history(t, false, &err, &error);
	}
	ok = a->history || error == STORE_NOT_FOUND;
	if (!ok)
		complain("%s", buf_str(&err));
	buf_clear(&err);
	return ok;
}

/* ---- walking ----------------------------------------------------------- */

struct walk {
	const struct pairs_wish *wish;
	const struct pair_limits *limits;
	int64_t now;
	pairs_fn *fn;
	void *arg;
	bool stopped;
};

static bool is_wished(const struct walk *w, const char *network,
    const struct pair *p)
{
	if (*w->wish->network && strcmp(w->wish->network, network) != 0)
		return false;
	return !w->wish->downgraded || (p->last_plaintext &&
	    pair_recent(p, w->limits->days, w->now) >= w->limits->min);
}

static bool walk_pair(void *arg, const char *domain, const char *network,
    const struct pair *p)
{
	struct walk *w = arg;
	json_t *pair;

	if (!is_wished(w, network, p))
		return true;
	pair = pairjson_from_pair(domain, network, p, w->limits, w->now,
	    w->wish->times);
	w->stopped = !pair || !w->fn(w->arg, pair);
	json_decref(pair);
	return !w->stopped;
}

static bool walk_files(struct access *a, struct walk *w)
{
	struct history_cursor at = { "" };
	enum store_error e = STORE_NOT_FOUND;

	if (a->history)
		e = history_walk_piece(a->history, &at, *w->wish->domain ?
		    w->wish->domain : NULL, walk_pair, w);
	if (e == STORE_OK || e == STORE_NOT_FOUND)
		return !w->stopped;
	complain("cannot read the history: %s", store_strerror(e));
	return false;
}

static json_t *request_of(const struct pairs_wish *wish)
{
	return json_pack("{ss ss* ss* sb sb}", "command", "history-list",
	    "domain", *wish->domain ? wish->domain : NULL,
	    "network", *wish->network ? wish->network : NULL,
	    "downgraded", wish->downgraded, "times", wish->times);
}

static bool walk_daemon(struct access *a, struct walk *w)
{
	return access_send_request(a, request_of(w->wish)) &&
	    access_each_item(a, w->fn, w->arg);
}

bool pairs_walk(struct tool *t, struct access *a,
    const struct pairs_wish *wish, pairs_fn *fn, void *arg)
{
	struct walk w = { .wish = wish, .limits = &t->conf->history,
		.now = clock_wall(), .fn = fn, .arg = arg };

	return a->kind == ACCESS_DAEMON ? walk_daemon(a, &w) :
	    walk_files(a, &w);
}
