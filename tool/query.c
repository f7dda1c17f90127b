/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query - what is in force for a domain, and what the mail server is told
 * about it, as the daemon sees it; without a daemon from its cache, or
 * looked up now.
 */
#include "config.h"

#include "tool/query.h"

#include "conf/control.h"
#include "tool/out.h"

struct query {
	struct tool *t;
	struct access access;
	struct queried *v;
	size_t n;
};

/* The answer is all there is to know, but for its record. */
static void take_answer(struct queried *q, json_t *answer)
{
	json_t *record = json_object_get(answer, "record");
	json_t *dnssec = json_object_get(answer, "dnssec");

	q->live = json_is_true(json_object_get(answer, "live"));
	if (json_is_object(record))
		q->record = json_incref(record);
	if (json_is_object(dnssec))
		q->dnssec = json_incref(dnssec);
	q->outgoing = json_incref(answer);
}

static void ask_daemon(struct query *query, struct queried *q)
{
	json_t *answer;

	out_progress("asking about %s", q->hop.text);
	answer = access_call(&query->access, "query", "domain",
	    json_string(q->hop.text), ACCESS_LOOKUP_TIMEOUT_MS);
	out_progress_end();
	q->failed = !json_is_true(json_object_get(answer, "ok"));
	if (!q->failed)
		take_answer(q, answer);
	json_decref(answer);
}

static bool ask_all(struct query *query)
{
	if (query->access.kind != ACCESS_DAEMON) {
		if (!query->access.daemon_runs)
			return query_live(query->t, &query->access, query->v,
			    query->n);
		complain("%s", buf_str(&query->access.why));
		return false;
	}
	for (size_t i = 0; i < query->n; i++)
		ask_daemon(query, &query->v[i]);
	return true;
}

static enum status answer_all(const struct query *query)
{
	enum status status = STATUS_GOOD;

	for (size_t i = 0; i < query->n; i++) {
		query_print(query->t, &query->v[i]);
		status = status_worse(status, query_status(&query->v[i]));
	}
	return status;
}

static bool take_operands(struct query *query, char **operands)
{
	for (size_t i = 0; i < query->n; i++) {
		const char *text = operands[i];

		if (nexthop_parse(text, strlen(text), &query->v[i].hop))
			continue;
		complain("\"%s\" is not a domain name or next hop", text);
		return false;
	}
	return true;
}

static enum status query_all(struct query *query)
{
	enum status status = STATUS_CONFIG;

	if (access_open(query->t, ACCESS_READ, &query->access))
		status = ask_all(query) ? answer_all(query) : STATUS_UNKNOWN;
	access_close(&query->access);
	return status;
}

static enum status run_query(struct tool *t, const void *values, int n,
    char **operands)
{
	struct query query = { .t = t, .n = (size_t)n };
	enum status status = STATUS_UNKNOWN;

	(void)values;
	query.v = calloc(query.n, sizeof(*query.v));
	if (!query.v)
		complain("out of memory");
	else if (!take_operands(&query, operands))
		status = STATUS_USAGE;
	else
		status = query_all(&query);
	for (size_t i = 0; query.v && i < query.n; i++) {
		json_decref(query.v[i].record);
		json_decref(query.v[i].outgoing);
		json_decref(query.v[i].dnssec);
	}
	free(query.v);
	return status;
}

const struct command command_query = {
	.name = "query",
	.usage = "NEXTHOP...",
	.summary = "show what a domain promises and what is answered for it",
	.details = "A next hop is a domain, [HOST], or either with :PORT. "
	    "Asks the daemon, which\nlooks up what it does not know yet. "
	    "Without a daemon, reads its cache, or looks\nup what is not "
	    "there.\nExit status 1: a policy could not be fetched; 3: could "
	    "not tell.",
	.min_operands = 1,
	.max_operands = -1,
	.run = run_query,
};
