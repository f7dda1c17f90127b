/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command `query`: what is known of a next hop, and what is answered for
 * it. What is not known yet is looked up first.
 */
#include "config.h"

#include "milter/control-internal.h"

#include "conf/outgoingjson.h"
#include "milter/outbound.h"
#include "milter/services.h"
#include "mtasts/cachejson.h"

struct query {
	struct nexthop hop;
	const struct conf *conf;
	json_t *result;		/* of outgoing_json(), and the record */
	bool has_record;
	bool sts_known, dane_known;
};

/* Add a member; without memory for it there is no result at all. */
static void add(struct query *q, const char *name, json_t *value)
{
	if (json_object_set_new(q->result, name, value) == 0)
		return;
	json_decref(q->result);
	q->result = NULL;
}

static void take_view(void *arg, const struct outgoing_known *known,
    const char *list)
{
	struct query *q = arg;
	json_t *record = known->rec ? cachejson_from_record(
	    known->hop->domain, known->rec, known->now) : NULL;

	q->has_record = record != NULL;
	q->sts_known = fresh_standing(known->rec, known->now) !=
	    STANDING_UNKNOWN;
	q->dane_known = danerec_standing(known->dane, known->now) ==
	    DANEREC_HOLDS;
	q->result = outgoing_json(q->conf, known, list);
	add(q, "record", record ? record : json_null());
}

/* Fill in what is known now. */
static void look(struct conn *conn, struct query *q)
{
	struct services *services = conn_services(conn);
	struct conf *conf = services_conf(services);
	struct outbound_question question = { .conf = conf, .hop = &q->hop,
		.complete = true };

	q->conf = conf;
	json_decref(q->result);
	q->result = NULL;
	outbound_view(services, &question, take_view, q);
	conf_unref(conf);
}

/* Takes the result over. */
static void answer(struct conn *conn, struct query *q, bool live)
{
	struct learner *learner = services_learner(conn_services(conn));

	add(q, "ok", json_true());
	add(q, "live", json_boolean(live));
	add(q, "dnssec", learner ? learner_dnssec(learner) : json_null());
	conn_answer(conn, q->result);
}

static bool read_hop(const json_t *request, struct nexthop *hop_r)
{
	const char *text = json_string_value(json_object_get(request,
	    "domain"));

	return text && nexthop_parse(text, strlen(text), hop_r);
}

/* A lookup that failed leaves a record too, which says why. */
static void done_query(struct conn *conn, const char *name, bool ok,
    const char *text)
{
	struct query q = { .result = NULL };
	bool live = conn_job(conn)->count > 0;

	(void)name;
	if (conn_job(conn)->pending > 0)
		return;
	(void)read_hop(conn_job(conn)->request, &q.hop);
	conn_end_job(conn);
	look(conn, &q);
	if (ok || q.has_record) {
		answer(conn, &q, live);
		return;
	}
	json_decref(q.result);
	conn_refuse(conn, text);
}

/* Ask for what is missing; false when nothing is, or can be had. The job
 * counts whether the policy is looked up. */
static bool ask_missing(struct conn *conn, const struct query *q,
    json_t *request)
{
	struct job *job = conn_begin_job(conn, request);
	bool asked = false;

	job->done = done_query;
	if (!q->sts_known)
		asked = conn_ask(conn, LEARNER_LOOKUP, q->hop.domain, NULL, 0);
	job->count = asked;
	if (!q->dane_known && q->hop.port != 0)
		asked |= conn_ask(conn, LEARNER_DANE, q->hop.text, NULL, 0);
	if (!asked)
		conn_end_job(conn);
	return asked;
}

void control_query(struct conn *conn, json_t *request)
{
	struct query q = { .result = NULL };
	bool missing;

	if (!read_hop(request, &q.hop)) {
		conn_refuse(conn, "not a domain name or next hop");
		return;
	}
	look(conn, &q);
	missing = *q.hop.domain && !(q.sts_known && q.dane_known);
	if (missing && ask_missing(conn, &q, request)) {
		json_decref(q.result);
		return;
	}
	if (missing && !q.has_record) {
		json_decref(q.result);
		conn_refuse(conn, "too much to do, try again later");
		return;
	}
	answer(conn, &q, false);
}
