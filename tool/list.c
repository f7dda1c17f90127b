/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list status, list refresh: the partner lists of the running daemon.
 */
#include "config.h"

#include "tool/tool.h"

#include "conf/control.h"
#include "tool/access.h"
#include "tool/out.h"
#include "tool/records.h"

/* ---- status ------------------------------------------------------------ */

static void show_member(const json_t *list, const char *member,
    const char *label)
{
	const json_t *value = json_object_get(list, member);

	if (json_is_integer(value))
		out_line("  %-10s %lld", label,
		    (long long)json_integer_value(value));
	else
		out_line("  %-10s %s", label, json_string_value(value) ? :
		    "-");
}

static void show_list(const json_t *list)
{
	static const char *const members[] = {
		"source", "domains", "timestamp", "expires", "fetched",
		"next",
	};
	const char *error = records_string(list, "error");

	out_part(BOLD, "%s", records_string(list, "name") ? : "?");
	out_line("%s", "");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		show_member(list, members[i], members[i]);
	if (!error)
		return;
	out_part(RED, "  %-10s ", "failed");
	out_line("%s", error);
}

/* A list that is not there, or could not be fetched, is a warning. */
static enum status judge_list(const json_t *list)
{
	return json_is_integer(json_object_get(list, "domains")) &&
	    !records_string(list, "error") ? STATUS_GOOD : STATUS_WARNING;
}

static enum status show_lists(const struct tool *t, const json_t *lists)
{
	enum status status = STATUS_GOOD;
	const json_t *list;
	size_t i;

	if (!json_is_array(lists))
		return STATUS_UNKNOWN;
	json_array_foreach(lists, i, list) {
		status = status_worse(status, judge_list(list));
		if (!t->json)
			show_list(list);
	}
	if (t->json && !out_json(json_pack("{s:s, s:O}", "schema",
	    "tlsmilter/list-status-1", "lists", lists)))
		return STATUS_FAILED;
	if (!t->json && json_array_size(lists) == 0)
		out_line("no partner list is configured");
	return status;
}

static enum status run_status(struct tool *t, const void *values, int n,
    char **operands)
{
	json_t *answer = NULL;
	struct access a;
	enum status status = access_need_daemon(t, &a);

	(void)values;
	(void)n;
	(void)operands;
	if (status == STATUS_GOOD) {
		answer = access_call(&a, "status", NULL, NULL,
		    ACCESS_TIMEOUT_MS);
		status = show_lists(t, json_object_get(json_object_get(answer,
		    "status"), "lists"));
	}
	json_decref(answer);
	access_close(&a);
	return status;
}

static const struct command command_status_of_lists = {
	.name = "status",
	.usage = "",
	.summary = "show each list: where from, how many, until when",
	.details = "Exit status 1: a list was never loaded, or could not be "
	    "fetched the last time;\n3: the daemon is not running.",
	.is_data = true,
	.run = run_status,
};

/* ---- refresh ----------------------------------------------------------- */

static enum status show_refreshed(const struct tool *t, const json_t *item)
{
	const char *name = records_string(item, "name") ? : "?";
	const char *text = records_string(item, "text") ? : "";
	bool ok = json_is_true(json_object_get(item, "ok"));

	if (t->json) {
		out_json(json_pack("{s:s, s:s, s:b, s:s}", "schema",
		    "tlsmilter/list-refresh-1", "name", name, "ok", ok,
		    "text", text));
	} else {
		out_part(PLAIN, "%s: ", name);
		out_part(ok ? GREEN : RED, "%s", ok ? "ok" : "failed");
		out_line("%s%s", *text ? ", " : "", text);
	}
	return ok ? STATUS_GOOD : STATUS_WARNING;
}

/* The items, up to the line that ends them. */
static enum status receive_refreshed(const struct tool *t, struct access *a)
{
	enum status status = STATUS_GOOD;
	bool more = true;

	while (more) {
		json_t *line = access_receive(a, ACCESS_LOOKUP_TIMEOUT_MS);
		json_t *item = json_object_get(line, "item");

		more = json_is_object(item);
		if (more)
			status = status_worse(status,
			    show_refreshed(t, item));
		else if (!json_is_true(json_object_get(line, "ok")))
			status = STATUS_UNKNOWN;
		json_decref(line);
	}
	return status;
}

static enum status run_refresh(struct tool *t, const void *values, int n,
    char **operands)
{
	json_t *names = NULL;
	struct access a;
	enum status status = access_need_daemon(t, &a);

	(void)values;
	if (n > 0)
		names = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(names, control_string(operands[i]));
	if (status == STATUS_GOOD && access_send(&a, "list-refresh",
	    names ? "names" : NULL, names))
		status = receive_refreshed(t, &a);
	else if (status == STATUS_GOOD)
		status = STATUS_UNKNOWN;
	else
		json_decref(names);
	access_close(&a);
	return status;
}

static const struct command command_refresh_lists = {
	.name = "refresh",
	.usage = "[NAME...]",
	.summary = "fetch lists now; without a name, all that have a URL",
	.details = "What cannot replace the list held changes nothing, and "
	    "is said.\nExit status 1: a list could not be fetched, or was "
	    "refused; 3: the daemon is not\nrunning.",
	.max_operands = -1,
	.run = run_refresh,
};

/* ---- the command ------------------------------------------------------- */

static const struct command *const commands[] = {
	&command_status_of_lists,
	&command_refresh_lists,
	NULL
};

const struct command command_lists = {
	.name = "list",
	.usage = "COMMAND [ARGUMENT...]",
	.summary = "look after the partner lists",
	.details = "Lists from files are read again by `reload'.",
	.max_operands = -1,
	.sub = commands,
};
