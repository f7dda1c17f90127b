/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query - the policy in force for a domain, as the daemon sees it; without
 * a daemon from its cache, or looked up now.
 */
#include "config.h"

#include "tool/tool.h"

#include "conf/conf.h"
#include "conf/control.h"
#include "mtasts/cachejson.h"
#include "tool/access.h"
#include "tool/lookup.h"
#include "tool/out.h"
#include "tool/records.h"
#include "util/clock.h"

struct answered {
	char domain[MTASTS_DOMAIN_SIZE];
	json_t *record;		/* NULL: nothing is known */
	bool live;
	bool failed;		/* complained about */
};

struct query {
	struct tool *t;
	struct access access;
	struct answered *v;
	size_t n;
	size_t *missing;	/* indices of what is to be looked up */
	size_t missing_n;
};

/* ---- asking ------------------------------------------------------------ */

static void ask_daemon(struct query *q, struct answered *a)
{
	json_t *answer, *record;

	out_progress("asking about %s", a->domain);
	answer = access_call(&q->access, "query", "domain",
	    json_string(a->domain), ACCESS_LOOKUP_TIMEOUT_MS);
	out_progress_end();
	record = json_object_get(answer, "record");
	a->failed = !json_is_true(json_object_get(answer, "ok"));
	a->live = json_is_true(json_object_get(answer, "live"));
	if (!a->failed && json_is_object(record))
		a->record = json_incref(record);
	json_decref(answer);
}

/* A negative record is as old as the lookup behind it; what has not expired
 * need not be looked up again. */
static bool still_holds(const json_t *record)
{
	const char *expires = records_string(record, "expires");
	int64_t when;

	return records_in_force(record) || (expires &&
	    !records_string(record, "mode") &&
	    clock_parse_time(expires, &when) && when > clock_wall());
}

static void ask_files(struct query *q, size_t index)
{
	struct answered *a = &q->v[index];

	if (q->access.kind == ACCESS_FILES)
		records_get(&q->access, a->domain, &a->record);
	if (a->record && still_holds(a->record))
		return;
	json_decref(a->record);
	a->record = NULL;
	q->missing[q->missing_n++] = index;
}

static void on_answer(void *arg, size_t index, const struct answer *answer)
{
	struct query *q = arg;
	struct answered *a = &q->v[q->missing[index]];
	struct fresh_limits limits = lookup_limits(q->t->conf);
	int64_t now = clock_wall();
	struct record rec;

	fresh_apply(NULL, answer, &limits, now, &rec);
	a->record = cachejson_from_record(a->domain, &rec, now);
	a->live = true;
}

static bool look_up_missing(struct query *q)
{
	struct lookup *lookups = mem_array(q->missing_n, sizeof(*lookups));
	bool ok = lookups != NULL;

	for (size_t i = 0; ok && i < q->missing_n; i++)
		lookups[i] = (struct lookup){
			.domain = q->v[q->missing[i]].domain, .held_id = "" };
	ok = ok && lookup_run(q->t->conf, lookups, q->missing_n, on_answer,
	    q);
	free(lookups);
	return ok;
}

static bool ask_all(struct query *q)
{
	if (q->access.kind == ACCESS_DAEMON) {
		for (size_t i = 0; i < q->n; i++)
			ask_daemon(q, &q->v[i]);
		return true;
	}
	if (q->access.daemon_runs) {
		complain("%s", buf_str(&q->access.why));
		return false;
	}
	for (size_t i = 0; i < q->n; i++)
		ask_files(q, i);
	/* The daemon may start while we wait for the network. */
	access_close(&q->access);
	return look_up_missing(q);
}

/* ---- answering --------------------------------------------------------- */

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

static enum status status_of(const struct answered *a)
{
	enum mtasts_error error = error_of(a->record);

	if (a->failed || !a->record)
		return STATUS_UNKNOWN;
	if (error == MTASTS_OK || error == MTASTS_E_NO_RECORD)
		return STATUS_GOOD;
	if (!records_in_force(a->record) && (error == MTASTS_E_DNS ||
	    error == MTASTS_E_BOGUS || error == MTASTS_E_TIMEOUT ||
	    error == MTASTS_E_MEMORY || error == MTASTS_E_BUSY))
		return STATUS_UNKNOWN;
	return STATUS_WARNING;
}

static const char *source_of(const struct answered *a)
{
	if (!records_in_force(a->record))
		return "none";
	return a->live ? "live" : "cache";
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

/* A member of the record, or null when no policy is in force. */
static json_t *member(const struct answered *a, const char *name)
{
	json_t *value = records_in_force(a->record) ?
	    json_object_get(a->record, name) : NULL;

	return value ? json_incref(value) : json_null();
}

static void print_json(const struct answered *a)
{
	int64_t age = age_of(a->record);
	bool policy = records_in_force(a->record);
	json_t *error = json_object_get(a->record, "error");

	out_json(json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o,"
	    " s:n, s:n, s:o}",
	    "schema", "tlsmilter/query-1",
	    "domain", a->domain,
	    "source", source_of(a),
	    "mode", member(a, "mode"),
	    "mx", policy ? member(a, "mx") : json_array(),
	    "id", member(a, "id"),
	    "fetched", member(a, "fetched"),
	    "expires", member(a, "expires"),
	    "age", policy && age >= 0 ? json_integer(age) : json_null(),
	    "dane",
	    "answer",
	    "error", error ? json_incref(error) : json_null()));
}

/* "3 days", "5 hours": the largest unit there are two of. */
static void add_age(struct buf *out, int64_t age)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {
		{ 86400, "days" }, { 3600, "hours" }, { 60, "minutes" },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (age < 2 * units[i].seconds)
			continue;
		buf_addf(out, "%lld %s",
		    (long long)(age / units[i].seconds), units[i].name);
		return;
	}
	buf_addf(out, "%lld seconds", (long long)age);
}

static void print_policy(const struct answered *a)
{
	const char *id = records_string(a->record, "id");
	struct buf text;

	buf_init(&text, 65536);
	out_line("  id       %s", id && *id ? id : "-");
	records_add_list(a->record, "mx", &text);
	out_line("  mx       %s", buf_str(&text));
	buf_reset(&text);
	add_age(&text, age_of(a->record));
	out_line("  fetched  %s, %s ago",
	    records_string(a->record, "fetched") ? : "-", buf_str(&text));
	out_line("  expires  %s",
	    records_string(a->record, "expires") ? : "-");
	buf_clear(&text);
}

static void print_human(const struct answered *a)
{
	const char *error = records_string(a->record, "error");
	const char *mode = records_string(a->record, "mode");

	out_part(BOLD, "%s", a->domain);
	if (!a->record)
		out_line(": not known");
	else if (!records_in_force(a->record))
		out_line(": no policy");
	else
		out_line(": %s, %s", mode, a->live ? "looked up now" :
		    "from the cache");
	if (records_in_force(a->record))
		print_policy(a);
	if (error)
		out_line("  error    %s", error);
}

static enum status answer_all(const struct query *q)
{
	enum status status = STATUS_GOOD;

	for (size_t i = 0; i < q->n; i++) {
		if (q->t->json)
			print_json(&q->v[i]);
		else
			print_human(&q->v[i]);
		status = status_worse(status, status_of(&q->v[i]));
	}
	return status;
}

/* ---- the command ------------------------------------------------------- */

static bool take_domains(struct query *q, char **operands)
{
	for (size_t i = 0; i < q->n; i++)
		if (!tool_domain(operands[i], q->v[i].domain))
			return false;
	return true;
}

static enum status query_domains(struct query *q)
{
	enum status status = STATUS_CONFIG;

	if (access_open(q->t, ACCESS_READ, &q->access))
		status = ask_all(q) ? answer_all(q) : STATUS_UNKNOWN;
	access_close(&q->access);
	return status;
}

static enum status run_query(struct tool *t, const void *values, int n,
    char **operands)
{
	struct query q = { .t = t, .n = (size_t)n };
	enum status status = STATUS_UNKNOWN;

	(void)values;
	q.v = calloc(q.n, sizeof(*q.v));
	q.missing = mem_array(q.n, sizeof(*q.missing));
	if (!q.v || !q.missing)
		complain("out of memory");
	else if (!take_domains(&q, operands))
		status = STATUS_USAGE;
	else
		status = query_domains(&q);
	for (size_t i = 0; q.v && i < q.n; i++)
		json_decref(q.v[i].record);
	free(q.v);
	free(q.missing);
	return status;
}

const struct command command_query = {
	.name = "query",
	.usage = "DOMAIN...",
	.summary = "show the policy in force for a domain",
	.details = "Asks the daemon, which looks up what it does not know "
	    "yet. Without a daemon,\nreads its cache, or looks the policy "
	    "up.\nExit status 1: a policy could not be fetched; 3: could "
	    "not tell.",
	.min_operands = 1,
	.max_operands = -1,
	.run = run_query,
};
