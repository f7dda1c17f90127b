/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history list, show, export: who used TLS before. Purging is in
 * history-purge.c.
 */
#include "config.h"

#include "tool/history.h"

#include "audit/pairjson.h"
#include "tool/out.h"
#include "tool/pairs.h"
#include "tool/records.h"

enum status history_open_access(struct tool *t, bool write,
    struct access *a)
{
	enum status status = access_need(t, ACCESS_HISTORY, a);

	if (status != STATUS_GOOD)
		return status;
	return pairs_open(t, a, write) ? STATUS_GOOD : STATUS_UNKNOWN;
}

static bool is_true(const json_t *pair, const char *member)
{
	return json_is_true(json_object_get(pair, member));
}

static long long number(const json_t *pair, const char *member)
{
	return (long long)json_integer_value(json_object_get(pair, member));
}

/* ---- documents --------------------------------------------------------- */

/* A pair a line, as it comes: a million of them need no memory. */
static bool document_pair(void *arg, const json_t *pair)
{
	size_t *n = arg;

	if ((*n)++ > 0)
		out_line(",");
	return out_json_part(pair);
}

static bool print_document(struct tool *t, struct access *a,
    const struct pairs_wish *wish, size_t *n)
{
	out_document_begin(PAIRJSON_SCHEMA, "entries");
	if (!pairs_walk(t, a, wish, document_pair, n))
		return false;
	out_document_end(*n);
	return true;
}

/* ---- list -------------------------------------------------------------- */

struct list_values {
	const char *domain;
	const char *network;
	bool downgraded;
};

static const struct option_def list_options[] = {
	{ "domain", 0, OPTION_STRING, offsetof(struct list_values, domain),
	  "DOMAIN", "only this sender's domain" },
	{ "network", 0, OPTION_STRING, offsetof(struct list_values, network),
	  "NETWORK", "only of this network, or of an address in it" },
	{ "downgraded", 0, OPTION_FLAG,
	  offsetof(struct list_values, downgraded), NULL,
	  "only who used TLS and came last without" },
};

static const char *state_of(const json_t *pair)
{
	return is_true(pair, "downgraded") ? "downgraded" :
	    is_true(pair, "uses_tls") ? "tls" : "-";
}

static bool list_pair(void *arg, const json_t *pair)
{
	(void)arg;
	out_line("%-24s %-19s %6lld %6lld %-10.10s %s",
	    records_string(pair, "domain") ? : "?",
	    records_string(pair, "network") ? : "?",
	    number(pair, "tls"), number(pair, "plaintext"),
	    records_string(pair, "last_seen") ? : "-", state_of(pair));
	return true;
}

static enum status run_list(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct list_values *o = values;
	struct pairs_wish wish = { .downgraded = o->downgraded };
	enum status status;
	struct access a;
	size_t count = 0;
	bool ok = true;

	(void)n;
	(void)operands;
	if (!pairs_take(o->domain, o->network, &wish))
		return STATUS_USAGE;
	status = history_open_access(t, false, &a);
	if (status == STATUS_GOOD && t->json) {
		ok = print_document(t, &a, &wish, &count);
	} else if (status == STATUS_GOOD) {
		out_line("%-24s %-19s %6s %6s %-10s %s", "DOMAIN", "NETWORK",
		    "TLS", "PLAIN", "LAST SEEN", "STATE");
		ok = pairs_walk(t, &a, &wish, list_pair, NULL);
	}
	access_close(&a);
	return ok ? status : STATUS_UNKNOWN;
}

/* ---- show -------------------------------------------------------------- */

static void show_times(const json_t *pair)
{
	const json_t *times = json_object_get(pair, "tls_times");

	for (size_t i = 0; i < json_array_size(times); i++)
		out_line("  %-12s %s", i ? "" : "TLS at",
		    json_string_value(json_array_get(times, i)) ? : "?");
}

static bool show_pair(void *arg, const json_t *pair)
{
	size_t *n = arg;

	if ((*n)++ > 0)
		out_line("%s", "");
	out_part(BOLD, "%s %s", records_string(pair, "domain") ? : "?",
	    records_string(pair, "network") ? : "?");
	out_line("%s", "");
	out_line("  %-12s %s", "first seen",
	    records_string(pair, "first_seen") ? : "-");
	out_line("  %-12s %s, %s", "last seen",
	    records_string(pair, "last_seen") ? : "-",
	    is_true(pair, "last_plaintext") ? "in plaintext" : "over TLS");
	out_line("  %-12s %lld over TLS, %lld in plaintext", "messages",
	    number(pair, "tls"), number(pair, "plaintext"));
	out_line("  %-12s %s", "TLS version",
	    records_string(pair, "tls_version") ? : "-");
	show_times(pair);
	out_line("  %-12s %s", "uses TLS",
	    is_true(pair, "uses_tls") ? "yes" : "no");
	out_line("  %-12s %s", "downgraded",
	    is_true(pair, "downgraded") ? "yes" : "no");
	return true;
}

static enum status run_show(struct tool *t, const void *values, int n,
    char **operands)
{
	struct pairs_wish wish = { .times = true };
	enum status status;
	struct access a;
	size_t count = 0;
	bool ok = true;

	(void)values;
	if (!pairs_take(operands[0], n > 1 ? operands[1] : NULL, &wish))
		return STATUS_USAGE;
	status = history_open_access(t, false, &a);
	if (status == STATUS_GOOD)
		ok = t->json ? print_document(t, &a, &wish, &count) :
		    pairs_walk(t, &a, &wish, show_pair, &count);
	access_close(&a);
	if (!ok || status != STATUS_GOOD)
		return ok ? status : STATUS_UNKNOWN;
	if (count == 0)
		complain("%s%s%s is not in the history", wish.domain,
		    *wish.network ? " " : "", wish.network);
	return count ? STATUS_GOOD : STATUS_FAILED;
}

/* ---- export ------------------------------------------------------------ */

static enum status run_export(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct pairs_wish wish = { .times = true };
	enum status status;
	struct access a;
	size_t count = 0;

	(void)values;
	/* As whoever called us: access may change the user. */
	if (n > 0 && strcmp(operands[0], "-") != 0 &&
	    !out_to_file(operands[0]))
		return STATUS_FAILED;
	status = history_open_access(t, false, &a);
	if (status == STATUS_GOOD && !print_document(t, &a, &wish, &count))
		status = STATUS_FAILED;
	access_close(&a);
	return status;
}

/* ---- the command ------------------------------------------------------- */

static const struct command command_list = {
	.name = "list",
	.usage = "",
	.summary = "list senders' domains, by network",
	.details = "STATE is \"tls\" where history.min and history.days make "
	    "TLS a habit, and\n\"downgraded\" where the last message came in "
	    "plaintext all the same.",
	.options = list_options,
	.options_n = sizeof(list_options) / sizeof(list_options[0]),
	.values_size = sizeof(struct list_values),
	.is_data = true,
	.run = run_list,
};

static const struct command command_show = {
	.name = "show",
	.usage = "DOMAIN [NETWORK]",
	.summary = "show all that is remembered of a sender's domain",
	.min_operands = 1,
	.max_operands = 2,
	.is_data = true,
	.run = run_show,
};

static const struct command command_export = {
	.name = "export",
	.usage = "[FILE]",
	.summary = "write all of it as JSON",
	.details = "Without FILE to standard output.",
	.max_operands = 1,
	.is_data = true,
	.run = run_export,
};

static const struct command *const commands[] = {
	&command_list,
	&command_show,
	&command_history_purge,
	&command_export,
	NULL
};

const struct command command_history = {
	.name = "history",
	.usage = "COMMAND [ARGUMENT...]",
	.summary = "who used TLS before: look into it and administer it",
	.details = "While the daemon runs, everything goes through its "
	    "control socket; otherwise the\nfile in state_dir is opened.",
	.max_operands = -1,
	.sub = commands,
};
