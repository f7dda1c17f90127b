/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/query.h"

#include "tool/out.h"
#include "tool/records.h"
#include "util/clock.h"

/* ---- what the record says ---------------------------------------------- */

/* The code behind a record's sentence about its last lookup. */
static enum mtasts_error error_of(const json_t *record)
{
	const char *text = records_string(record, "error");
	int e = MTASTS_OK;

	while (text && e < MTASTS_E_CANCELLED &&
	    strcmp(mtasts_strerror((enum mtasts_error)e), text) != 0)
		e++;
	return (enum mtasts_error)e;
}

enum status query_status(const struct queried *q)
{
	enum mtasts_error error = error_of(q->record);

	if (q->failed || !q->outgoing || (*q->hop.domain && !q->record))
		return STATUS_UNKNOWN;
	if (error == MTASTS_OK || error == MTASTS_E_NO_RECORD)
		return STATUS_GOOD;
	if (!records_in_force(q->record) && (error == MTASTS_E_DNS ||
	    error == MTASTS_E_BOGUS || error == MTASTS_E_TIMEOUT ||
	    error == MTASTS_E_MEMORY || error == MTASTS_E_BUSY))
		return STATUS_UNKNOWN;
	return STATUS_WARNING;
}

static const char *source_of(const struct queried *q)
{
	if (!records_in_force(q->record))
		return "none";
	return q->live ? "live" : "cache";
}

/* Seconds since the policy was fetched; -1 if it never was. */
static int64_t age_of(const json_t *record)
{
	const char *fetched = records_string(record, "fetched");
	int64_t when, now = clock_wall();

	if (!fetched || !clock_parse_time(fetched, &when))
		return -1;
	return when < now ? now - when : 0;
}

static const char *name_of(const struct queried *q)
{
	return *q->hop.domain ? q->hop.domain : q->hop.text;
}

/* ---- JSON -------------------------------------------------------------- */

/* A member of the record, or null when no policy is in force. */
static json_t *member(const struct queried *q, const char *name)
{
	json_t *value = records_in_force(q->record) ?
	    json_object_get(q->record, name) : NULL;

	return value ? json_incref(value) : json_null();
}

static json_t *outgoing(const struct queried *q, const char *name)
{
	json_t *value = json_object_get(q->outgoing, name);

	return value ? json_incref(value) : json_null();
}

/* What an MTA would be told that asks the map of any name. */
static json_t *answer_of(const struct queried *q)
{
	const json_t *first = json_array_get(json_object_get(q->outgoing,
	    "answers"), 0);
	const char *status = records_string(first, "status");
	const char *value = records_string(first, "value");

	if (!status)
		return json_null();
	return value ? json_sprintf("%s %s", status, value) :
	    json_string(status);
}

static void print_json(const struct queried *q)
{
	int64_t age = age_of(q->record);
	bool policy = records_in_force(q->record);
	json_t *error = json_object_get(q->record, "error");

	out_json(json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o,"
	    " s:o, s:o, s:o, s:o, s:o, s:o}",
	    "schema", "tlsmilter/query-1",
	    "domain", name_of(q),
	    "next_hop", q->hop.text,
	    "source", source_of(q),
	    "mode", member(q, "mode"),
	    "mx", policy ? member(q, "mx") : json_array(),
	    "id", member(q, "id"),
	    "fetched", member(q, "fetched"),
	    "expires", member(q, "expires"),
	    "age", policy && age >= 0 ? json_integer(age) : json_null(),
	    "override", outgoing(q, "override"),
	    "dane", outgoing(q, "dane"),
	    "answer", answer_of(q),
	    "answers", json_is_array(json_object_get(q->outgoing,
	    "answers")) ? outgoing(q, "answers") : json_array(),
	    "error", error ? json_incref(error) : json_null()));
}

/* ---- text: the policy -------------------------------------------------- */

static void print_policy(const struct queried *q)
{
	const char *id = records_string(q->record, "id");
	struct buf text;

	buf_init(&text, 65536);
	out_line("  id        %s", id && *id ? id : "-");
	records_add_list(q->record, "mx", &text);
	out_line("  mx        %s", buf_str(&text));
	buf_reset(&text);
	clock_add_span(&text, age_of(q->record));
	out_line("  fetched   %s, %s ago",
	    records_string(q->record, "fetched") ? : "-", buf_str(&text));
	out_line("  expires   %s",
	    records_string(q->record, "expires") ? : "-");
	buf_clear(&text);
}

/* ---- text: DANE and what comes first ----------------------------------- */

static void print_override(const json_t *override)
{
	const char *source = records_string(override, "source");
	const char *level = records_string(override, "level");

	if (source)
		out_line("  override  %s \"%s\"%s%s", source,
		    records_string(override, "name"), level ? ", level " : "",
		    level ? level : "");
}

/* "all: mx1.example usable, mx2.example none", and whether that counts. */
static void print_dane(const struct queried *q)
{
	const json_t *dane = json_object_get(q->outgoing, "dane"), *host;
	const char *outcome = records_string(dane, "outcome");
	const char *before = ": ";
	size_t i;

	if (!outcome)
		return;
	out_part(PLAIN, "  dane      %s", outcome);
	json_array_foreach(json_object_get(dane, "hosts"), i, host) {
		out_part(PLAIN, "%s%s %s", before,
		    records_string(host, "name"),
		    records_string(host, "state"));
		before = ", ";
	}
	out_line("%s", json_is_true(json_object_get(dane, "mx_secure")) ||
	    strcmp(outcome, "not validated") == 0 ? "" : " (MX not signed)");
}

/* Why DANE is never answered, if it is not. */
static void print_dnssec(const struct queried *q)
{
	const char *validation = records_string(q->dnssec, "validation");
	const char *mta = records_string(q->dnssec, "mta");

	if (validation && strcmp(validation, "failed") == 0)
		out_line("            not answered: the DNS servers do not "
		    "deliver DNSSEC (%s)",
		    records_string(q->dnssec, "reason") ? : "");
	else if (mta && strcmp(mta, "failed") == 0)
		out_line("            not answered: the mail server's "
		    "resolver does not set AD (%s)",
		    records_string(q->dnssec, "mta_reason") ? : "");
}

/* ---- text: answers ----------------------------------------------------- */

static bool is_same(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "status"),
	    json_object_get(b, "status")) &&
	    json_equal(json_object_get(a, "value"),
	    json_object_get(b, "value")) &&
	    json_equal(json_object_get(a, "reason"),
	    json_object_get(b, "reason"));
}

/* The maps that answer like this one and come after it. */
static void add_maps(const json_t *answers, size_t at, struct buf *out)
{
	for (size_t i = at; i < json_array_size(answers); i++) {
		const json_t *other = json_array_get(answers, i);

		if (is_same(json_array_get(answers, at), other))
			buf_addf(out, "%s%s", i > at ? ", " : "",
			    records_string(other, "map"));
	}
}

static bool was_printed(const json_t *answers, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (is_same(json_array_get(answers, i),
		    json_array_get(answers, at)))
			return true;
	return false;
}

static void print_answers(const json_t *answers)
{
	struct buf maps;

	buf_init(&maps, 1000);
	for (size_t i = 0; i < json_array_size(answers); i++) {
		const json_t *a = json_array_get(answers, i);
		const char *value = records_string(a, "value");

		if (was_printed(answers, i))
			continue;
		buf_reset(&maps);
		add_maps(answers, i, &maps);
		out_line("  answer    %s", value ? value :
		    records_string(a, "status"));
		out_line("            to %s: %s", buf_str(&maps),
		    records_string(a, "reason"));
	}
	buf_clear(&maps);
}

static void print_text(const struct queried *q)
{
	const char *error = records_string(q->record, "error");
	const char *mode = records_string(q->record, "mode");

	out_part(BOLD, "%s", q->hop.text);
	if (!*q->hop.domain)
		out_line(": not a domain");
	else if (!q->record)
		out_line(": not known");
	else if (!records_in_force(q->record))
		out_line(": no policy");
	else
		out_line(": %s, %s", mode, q->live ? "looked up now" :
		    "from the cache");
	if (records_in_force(q->record))
		print_policy(q);
	if (error)
		out_line("  error     %s", error);
	print_override(json_object_get(q->outgoing, "override"));
	print_dane(q);
	print_dnssec(q);
	print_answers(json_object_get(q->outgoing, "answers"));
}

void query_print(const struct tool *t, const struct queried *q)
{
	if (t->json)
		print_json(q);
	else
		print_text(q);
}
