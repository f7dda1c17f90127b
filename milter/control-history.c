/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the control socket about the history:
 *
 * history-list, with domain, network, downgraded and times if wanted, one
 * {"item": …} a line, then {"ok": true, "count": N}; history-purge, with
 * domain and network, or "all": true.
 */
#include "config.h"

#include "milter/control-internal.h"

#include "audit/pairjson.h"
#include "milter/services.h"
#include "util/clock.h"

/* Pairs looked at before others get their turn. */
#define STEP_PAIRS 64

/* What a request asks for; strings are NULL where it does not say. */
struct wish {
	char domain_room[MTASTS_DOMAIN_SIZE], network_room[NETADDR_TEXT];
	const char *domain, *network;
	bool downgraded;
	bool times;
};

/* Read a request; false after refusing it. */
static bool take_wish(struct conn *conn, const json_t *request,
    struct wish *w_r)
{
	const json_t *domain = json_object_get(request, "domain");
	const json_t *network = json_object_get(request, "network");
	const char *text;

	*w_r = (struct wish){
		.downgraded = json_is_true(json_object_get(request,
		    "downgraded")),
		.times = json_is_true(json_object_get(request, "times")),
	};
	text = json_string_value(domain);
	if (domain && (!text || mtasts_domain_normalize(text,
	    w_r->domain_room) != MTASTS_OK)) {
		conn_refuse(conn, "not a domain name");
		return false;
	}
	w_r->domain = domain ? w_r->domain_room : NULL;
	text = json_string_value(network);
	if (network && (!text || !pair_network(text, w_r->network_room))) {
		conn_refuse(conn, "not an address, a /24 or a /48");
		return false;
	}
	w_r->network = network ? w_r->network_room : NULL;
	return true;
}

/* ---- lists ------------------------------------------------------------- */

struct step {
	struct conn *conn;
	struct wish wish;
	struct pair_limits limits;
	int64_t now;
	unsigned seen;
};

static bool is_wished(const struct step *step, const char *network,
    const struct pair *p)
{
	const struct wish *w = &step->wish;

	if (w->network && strcmp(w->network, network) != 0)
		return false;
	return !w->downgraded || (p->last_plaintext && pair_recent(p,
	    step->limits.days, step->now) >= step->limits.min);
}

static bool list_pair(void *arg, const char *domain, const char *network,
    const struct pair *p)
{
	struct step *step = arg;

	if (step->seen++ == STEP_PAIRS || !conn_has_room(step->conn))
		return false;
	if (!is_wished(step, network, p))
		return true;
	conn_answer(step->conn, json_pack("{s:o}", "item",
	    pairjson_from_pair(domain, network, p, &step->limits, step->now,
	    step->wish.times)));
	conn_job(step->conn)->count++;
	return true;
}

static void end_list(struct conn *conn)
{
	json_int_t count = (json_int_t)conn_job(conn)->count;

	conn_end_job(conn);
	conn_answer(conn, json_pack("{s:b, s:I}", "ok", 1, "count", count));
}

static void step_list(struct conn *conn)
{
	struct services *services = conn_services(conn);
	struct history *history = services_history(services);
	struct conf *conf = services_conf(services);
	struct step step = { .conn = conn, .limits = conf->history,
		.now = clock_wall() };
	enum store_error e = STORE_NOT_FOUND;

	conf_unref(conf);
	/* Validated before. */
	take_wish(conn, conn_job(conn)->request, &step.wish);
	if (history)
		e = history_walk_piece(history, &conn_job(conn)->pairs,
		    step.wish.domain, list_pair, &step);
	if (e == STORE_OK || e == STORE_BUSY)
		return;
	if (e == STORE_NOT_FOUND) {
		end_list(conn);
		return;
	}
	conn_end_job(conn);
	conn_refuse(conn, store_strerror(e));
}

/* False after refusing what cannot be done without a history. */
static bool has_history(struct conn *conn)
{
	if (services_history(conn_services(conn)))
		return true;
	conn_refuse(conn, "the daemon has no history: history.size is 0, or "
	    "the file could not be opened");
	return false;
}

void control_history_list(struct conn *conn, json_t *request)
{
	struct wish wish;

	if (has_history(conn) && take_wish(conn, request, &wish))
		conn_begin_job(conn, request)->step = step_list;
}

/* ---- purge ------------------------------------------------------------- */

void control_history_purge(struct conn *conn, json_t *request)
{
	bool all = json_is_true(json_object_get(request, "all"));
	struct wish wish;

	if (!has_history(conn) || !take_wish(conn, request, &wish))
		return;
	if (all ? wish.domain || wish.network : !wish.domain) {
		conn_refuse(conn, "name the domain to forget, or all");
		return;
	}
	conn_begin_job(conn, request)->done = conn_done_text;
	if (conn_forget(conn, wish.domain, wish.network))
		return;
	conn_end_job(conn);
	conn_refuse(conn, "too much to do, try again later");
}
