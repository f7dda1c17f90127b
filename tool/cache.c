/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache - list, show, export: what the cache holds. The commands that
 * change it are in cache-change.c and cache-import.c.
 */
#include "config.h"

#include "tool/cache.h"

#include "mtasts/cachejson.h"
#include "tool/access.h"
#include "tool/out.h"
#include "tool/records.h"

bool cache_domains(int n, char **operands, struct strv *domains)
{
	char domain[MTASTS_DOMAIN_SIZE];

	for (int i = 0; i < n; i++) {
		if (!tool_domain(operands[i], domain))
			return false;
		if (!strv_add(domains, domain)) {
			complain("out of memory");
			return false;
		}
	}
	return true;
}

/* ---- documents --------------------------------------------------------- */

/* A list printed as one JSON document, a record a line, as it comes. */
struct document {
	size_t n;
	bool policies_only;
};

static bool document_record(void *arg, const json_t *record)
{
	struct document *d = arg;

	if (d->policies_only && !records_in_force(record))
		return true;
	if (d->n++ > 0)
		out_line(",");
	return out_json_part(record);
}

static bool print_document(struct access *a, bool with_text,
    bool policies_only)
{
	struct document d = { .policies_only = policies_only };

	out_document_begin(CACHEJSON_SCHEMA, "domains");
	if (!records_walk(a, with_text, document_record, &d))
		return false;
	out_document_end(d.n);
	return true;
}

/* ---- list -------------------------------------------------------------- */

static void list_line(const char *domain, const char *mode,
    const char *source, const char *expires, const char *id)
{
	out_line("%-32s %-8s %-8s %-20s %s", domain, mode, source, expires,
	    id);
}

static bool list_record(void *arg, const json_t *record)
{
	bool expired = json_is_true(json_object_get(record, "expired"));

	(void)arg;
	list_line(records_string(record, "domain") ? : "?",
	    expired ? "expired" : records_string(record, "mode") ? : "-",
	    records_string(record, "source") ? : "-",
	    records_string(record, "expires") ? : "-",
	    records_string(record, "id") ? : "");
	return true;
}

static enum status run_list(struct tool *t, const void *values, int n,
    char **operands)
{
	struct access a;
	enum status status = access_need(t, ACCESS_READ, &a);
	bool ok = true;

	(void)values;
	(void)n;
	(void)operands;
	if (status == STATUS_GOOD && t->json) {
		ok = print_document(&a, false, false);
	} else if (status == STATUS_GOOD) {
		list_line("DOMAIN", "MODE", "SOURCE", "EXPIRES", "ID");
		ok = records_walk(&a, false, list_record, NULL);
	}
	access_close(&a);
	return ok ? status : STATUS_UNKNOWN;
}

/* ---- show -------------------------------------------------------------- */

/* Print a member of any simple type; a list in one line. */
static void show_member(const char *name, const json_t *record)
{
	const json_t *value = json_object_get(record, name);
	struct buf text;

	buf_init(&text, 128 * 1024);
	if (json_is_string(value))
		buf_adds(&text, json_string_value(value));
	else if (json_is_boolean(value))
		buf_adds(&text, json_is_true(value) ? "yes" : "no");
	else if (json_is_integer(value))
		buf_addf(&text, "%lld", (long long)json_integer_value(value));
	else
		records_add_list(record, name, &text);
	out_line("  %-9s %s", name, text.len ? buf_str(&text) : "-");
	buf_clear(&text);
}

static void show_record(const json_t *record)
{
	static const char *const members[] = {
		"source", "mode", "mx", "id", "max_age", "fetched", "expires",
		"expired", "checked", "used", "dnssec", "mx_hosts", "null_mx",
		"tlsrpt", "error",
	};
	const char *text = records_string(record, "text");

	out_part(BOLD, "%s", records_string(record, "domain") ? : "?");
	out_line("%s", "");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		show_member(members[i], record);
	if (text && *text) {
		out_line("  policy");
		out_text("    ", text);
	}
}

static enum status show_domains(struct tool *t, struct access *a,
    const struct strv *domains)
{
	struct document d = { 0 };
	enum status status = STATUS_GOOD;

	if (t->json)
		out_document_begin(CACHEJSON_SCHEMA, "domains");
	for (size_t i = 0; i < domains->n; i++) {
		json_t *record = NULL;
		enum records_result r = records_get(a, domains->v[i],
		    &record);

		if (r == RECORDS_MISSING)
			complain("%s is not in the cache", domains->v[i]);
		if (r == RECORDS_FOUND && t->json)
			document_record(&d, record);
		else if (r == RECORDS_FOUND)
			show_record(record);
		status = status_worse(status, r == RECORDS_FOUND ?
		    STATUS_GOOD : r == RECORDS_MISSING ? STATUS_FAILED :
		    STATUS_UNKNOWN);
		json_decref(record);
	}
	if (t->json)
		out_document_end(d.n);
	return status;
}

static enum status run_show(struct tool *t, const void *values, int n,
    char **operands)
{
	struct strv domains = { 0 };
	enum status status = STATUS_USAGE;
	struct access a;

	(void)values;
	if (cache_domains(n, operands, &domains)) {
		status = access_need(t, ACCESS_READ, &a);
		if (status == STATUS_GOOD)
			status = show_domains(t, &a, &domains);
		access_close(&a);
	}
	strv_clear(&domains);
	return status;
}

/* ---- export ------------------------------------------------------------ */

static enum status run_export(struct tool *t, const void *values, int n,
    char **operands)
{
	enum status status;
	struct access a;

	(void)values;
	/* As whoever called us: access may change the user. */
	if (n > 0 && strcmp(operands[0], "-") != 0 &&
	    !out_to_file(operands[0]))
		return STATUS_FAILED;
	status = access_need(t, ACCESS_READ, &a);
	if (status == STATUS_GOOD && !print_document(&a, true, true))
		status = STATUS_FAILED;
	access_close(&a);
	return status;
}

/* ---- the command ------------------------------------------------------- */

static const struct command command_list = {
	.name = "list",
	.usage = "",
	.summary = "list every domain in the cache",
	.is_data = true,
	.run = run_list,
};

static const struct command command_show = {
	.name = "show",
	.usage = "DOMAIN...",
	.summary = "show all that is remembered of a domain",
	.min_operands = 1,
	.max_operands = -1,
	.is_data = true,
	.run = run_show,
};

static const struct command command_export = {
	.name = "export",
	.usage = "[FILE]",
	.summary = "write every policy as JSON",
	.details = "Without FILE to standard output. What `cache import' "
	    "reads.",
	.max_operands = 1,
	.is_data = true,
	.run = run_export,
};

static const struct command *const commands[] = {
	&command_list,
	&command_show,
	&command_cache_refresh,
	&command_cache_purge,
	&command_export,
	&command_cache_import,
	NULL
};

const struct command command_cache = {
	.name = "cache",
	.usage = "COMMAND [ARGUMENT...]",
	.summary = "look into the policy cache and administer it",
	.details = "While the daemon runs, everything goes through its "
	    "control socket; otherwise the\nfiles in state_dir are opened.",
	.max_operands = -1,
	.sub = commands,
};
