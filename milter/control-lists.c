/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket's command about partner lists.
 */
#include "config.h"

#include "milter/control-internal.h"

#include "milter/services.h"

/* The names of all lists that come from a URL. */
static json_t *all_names(struct services *s)
{
	struct conf *c = services_conf(s);
	json_t *names = json_array();

	for (size_t i = 0; i < c->lists_n; i++)
		if (c->lists[i].url)
			json_array_append_new(names,
			    control_string(c->lists[i].name));
	conf_unref(c);
	return names;
}

static bool are_names(const json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach((json_t *)names, i, name)
		if (!json_is_string(name))
			return false;
	return json_is_array(names) && json_array_size(names) <= LISTS_MAX;
}

static void answer_one(struct conn *conn, const char *name, bool ok,
    const char *text)
{
	conn_job(conn)->count += ok;
	conn_answer(conn, json_pack("{s:{s:o, s:b, s:o}}", "item", "name",
	    control_string(name), "ok", ok, "text", control_string(text)));
}

static void end_if_done(struct conn *conn)
{
	json_int_t count = (json_int_t)conn_job(conn)->count;

	if (conn_job(conn)->pending)
		return;
	conn_end_job(conn);
	conn_answer(conn, json_pack("{s:b, s:I}", "ok", 1, "count", count));
}

static void done_one(struct conn *conn, const char *name, bool ok,
    const char *text)
{
	answer_one(conn, name, ok, text);
	end_if_done(conn);
}

/* Fetch the lists named, or all. */
void control_list_refresh(struct conn *conn, json_t *request)
{
	json_t *names = json_object_get(request, "names"), *name;
	struct job *job;
	size_t i;

	names = names ? json_incref(names) : all_names(conn_services(conn));
	if (!are_names(names)) {
		conn_refuse(conn, "names is not an array of strings, or too "
		    "long");
		json_decref(names);
		return;
	}
	job = conn_begin_job(conn, request);
	job->done = done_one;
	json_array_foreach(names, i, name)
		if (!conn_ask(conn, LEARNER_LIST, json_string_value(name),
		    NULL, 0))
			answer_one(conn, json_string_value(name), false,
			    "too much to do, try again later");
	json_decref(names);
	end_if_done(conn);
}
