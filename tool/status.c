/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status, reload: the running daemon.
 */
#include "config.h"

#include "tool/tool.h"

#include <jansson.h>
#include <string.h>

#include "tool/access.h"
#include "tool/out.h"
#include "util/buf.h"

/* Objects in objects are shown no deeper than the daemon nests them. */
#define DEPTH_MAX 8

/* Reloading reads files and waits for both children. */
#define RELOAD_TIMEOUT_MS 60000

/* ---- status ------------------------------------------------------------ */

/* Members that are more than a number to people. */
static bool add_quantity(const char *name, long long n, struct buf *out)
{
	if (strcmp(name, "uptime") == 0)
		buf_addf(out, "%lld d %02lld:%02lld:%02lld", n / 86400,
		    n / 3600 % 24, n / 60 % 60, n % 60);
	else if (strcmp(name, "used") == 0 || strcmp(name, "size") == 0)
		buf_addf(out, "%lld bytes", n);
	else
		return false;
	return true;
}

/* Write a value that is neither object nor array. */
static void add_value(const char *name, const json_t *value, struct buf *out)
{
	if (json_is_integer(value) &&
	    add_quantity(name, json_integer_value(value), out))
		return;
	if (json_is_string(value))
		buf_adds(out, json_string_value(value));
	else if (json_is_integer(value))
		buf_addf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		buf_addf(out, "%g", json_real_value(value));
	else
		buf_adds(out, json_is_true(value) ? "yes" :
		    json_is_false(value) ? "no" : "-");
}

static void show_value(const char *name, const json_t *value, unsigned depth)
{
	struct buf text;

	buf_init(&text, 65536);
	add_value(name, value, &text);
	out_line("%*s%-*s %s", (int)depth * 2, "", 26 - (int)depth * 2, name,
	    buf_str(&text));
	buf_clear(&text);
}

static void show_object(const json_t *object, unsigned depth);

static long long number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* One line for each rule: how often it applied (to recipients), what it
 * did, and what observe mode, a relay or the fuse kept it from doing. */
static void show_rule(const json_t *rule)
{
	const char *action = json_string_value(json_object_get(rule,
	    "action"));
	const char *name = json_string_value(json_object_get(rule, "name"));
	long long did, would;

	if (!action || !name)
		return;
	did = number_of(json_object_get(rule, "decided"), action);
	would = number_of(json_object_get(rule, "would"), action);
	out_line("  %-24.24s %-10s %7lld %7lld %7lld %8lld %10lld", name,
	    action, number_of(rule, "matched"), number_of(rule, "unmet"),
	    number_of(rule, "unknown"), did, would > did ? would - did : 0);
}

static void show_rules(const json_t *rules)
{
	const json_t *rule;
	size_t i;

	out_line("%-26s %-10s %7s %7s %7s %8s %10s", "rules", "action",
	    "matched", "unmet", "unknown", "applied", "would have");
	json_array_foreach(rules, i, rule)
		show_rule(rule);
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "-";
}

/* "mx1.example[192.0.2.1] starttls.lost", "starttls.lost"; "-" if all is
 * well. */
static void add_worst(const json_t *worst, struct buf *out)
{
	const char *host = json_string_value(json_object_get(worst, "host"));
	const char *address = json_string_value(json_object_get(worst,
	    "address"));

	if (host)
		buf_adds(out, host);
	if (address)
		buf_addf(out, "[%s]", address);
	buf_addf(out, "%s%s", host || address ? " " : "",
	    text_of(worst, "id"));
}

/* One line for each watched domain. */
static void show_watched(const json_t *domain)
{
	const json_t *counts = json_object_get(domain, "counts");
	struct buf worst;

	buf_init(&worst, 1000);
	add_worst(json_object_get(domain, "worst"), &worst);
	out_line("  %-24s %-20s %-7s %4lld %4lld %4lld %4lld %4lld  %s",
	    text_of(domain, "domain"), text_of(domain, "checked"),
	    text_of(domain, "status"), number_of(counts, "fail"),
	    number_of(counts, "unknown"), number_of(counts, "warn"),
	    number_of(counts, "info"), number_of(counts, "ok"),
	    buf_str(&worst));
	buf_clear(&worst);
}

static void show_watch(const json_t *domains)
{
	const json_t *domain;
	size_t i;

	if (json_array_size(domains))
		out_line("%-26s %-20s %-7s %4s %4s %4s %4s %4s  %s", "watch",
		    "checked", "status", "fail", "unkn", "warn", "info", "ok",
		    "worst");
	json_array_foreach(domains, i, domain)
		show_watched(domain);
}

static void show_member(const char *name, const json_t *value,
    unsigned depth)
{
	const json_t *item;
	size_t i;

	if (json_is_object(value) && depth < DEPTH_MAX) {
		out_line("%*s%s", (int)depth * 2, "", name);
		show_object(value, depth + 1);
		return;
	}
	if (!json_is_array(value)) {
		show_value(name, value, depth);
		return;
	}
	if (strcmp(name, "rules") == 0) {
		show_rules(value);
		return;
	}
	if (strcmp(name, "watch") == 0) {
		show_watch(value);
		return;
	}
	json_array_foreach(value, i, item) {
		if (json_is_object(item) && depth < DEPTH_MAX)
			show_member(name, item, depth);
		else
			show_value(name, item, depth);
	}
}

static void show_object(const json_t *object, unsigned depth)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
		show_member(name, value, depth);
}

static enum status show_status(const struct tool *t, const json_t *answer)
{
	json_t *status = json_object_get(answer, "status"), *out;

	if (!json_is_object(status))
		return STATUS_UNKNOWN;
	if (!t->json) {
		show_object(status, 0);
		return STATUS_GOOD;
	}
	out = json_pack("{s:s}", "schema", "tlsmilter/status-1");
	if (out)
		json_object_update_missing(out, status);
	return out_json(out) ? STATUS_GOOD : STATUS_FAILED;
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
		status = show_status(t, answer);
	}
	json_decref(answer);
	access_close(&a);
	return status;
}

const struct command command_status = {
	.name = "status",
	.usage = "",
	.summary = "show the state and the counters of the daemon",
	.details = "Exit status 3: the daemon is not running, or does not "
	    "answer.",
	.run = run_status,
};

/* ---- reload ------------------------------------------------------------ */

static enum status show_reload(const struct tool *t, const json_t *answer)
{
	bool ok = json_is_true(json_object_get(answer, "reloaded"));
	const char *messages = json_string_value(json_object_get(answer,
	    "messages"));

	if (!json_is_true(json_object_get(answer, "ok")))
		return STATUS_UNKNOWN;
	if (t->json) {
		out_json(json_pack("{s:s, s:b, s:s}", "schema",
		    "tlsmilter/reload-1", "reloaded", ok, "messages",
		    messages ? messages : ""));
	} else {
		out_text("", messages ? messages : "");
		out_part(ok ? GREEN : RED, "%s", ok ? "reloaded" : "refused");
		out_line("%s", ok ? "" : ", the old configuration stays");
	}
	return ok ? STATUS_GOOD : STATUS_CONFIG;
}

static enum status run_reload(struct tool *t, const void *values, int n,
    char **operands)
{
	json_t *answer = NULL;
	struct access a;
	enum status status = access_need_daemon(t, &a);

	(void)values;
	(void)n;
	(void)operands;
	if (status == STATUS_CONFIG)
		complain("not reloaded: the daemon keeps the configuration "
		    "it has");
	if (status == STATUS_GOOD) {
		answer = access_call(&a, "reload", NULL, NULL,
		    RELOAD_TIMEOUT_MS);
		status = show_reload(t, answer);
	}
	json_decref(answer);
	access_close(&a);
	return status;
}

const struct command command_reload = {
	.name = "reload",
	.usage = "",
	.summary = "make the daemon read its configuration again",
	.details = "Waits for the result. Exit status 78: the new "
	    "configuration was refused, and the\nold one stays; 3: the "
	    "daemon is not running.",
	.run = run_reload,
};
