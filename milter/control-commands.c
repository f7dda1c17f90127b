/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/control-internal.h"

#include "milter/services.h"
#include "mtasts/cachejson.h"
#include "util/clock.h"
#include "util/log.h"

/* Questions one connection has with the store thread at a time: those that
 * ask the network, and those that only write. */
#define ASKED_MAX 16
#define IMPORTS_MAX 128
/* Records looked at before others get their turn. */
#define STEP_RECORDS 64

/* ---- lists ------------------------------------------------------------- */

struct step {
	struct conn *conn;
	unsigned seen;
};

static void answer_item(struct conn *conn, json_t *item)
{
	conn_answer(conn, json_pack("{s:o}", "item", item));
}

static bool list_record(void *arg, const char *domain,
    const struct record *rec)
{
	struct step *step = arg;
	struct job *job = conn_job(step->conn);
	json_t *item;

	if (step->seen++ == STEP_RECORDS || !conn_has_room(step->conn))
		return false;
	item = cachejson_from_record(domain, rec, clock_wall());
	if (item && !job->with_text)
		json_object_del(item, "text");
	answer_item(step->conn, item);
	job->count++;
	return true;
}

/* End a list with its count. */
static void end_list(struct conn *conn)
{
	json_int_t count = (json_int_t)conn_job(conn)->count;
	json_int_t older = (json_int_t)conn_job(conn)->older;

	conn_end_job(conn);
	conn_answer(conn, json_pack("{s:b, s:I, s:I}", "ok", 1, "count",
	    count, "older", older));
}

static void step_list(struct conn *conn)
{
	struct cache *cache = services_cache(conn_services(conn));
	struct step step = { .conn = conn };
	enum store_error e;

	e = cache ? cache_walk_piece(cache, &conn_job(conn)->cursor,
	    list_record, &step) : STORE_IO;
	if (e == STORE_OK || e == STORE_BUSY)
		return;
	if (e == STORE_NOT_FOUND) {
		end_list(conn);
		return;
	}
	conn_end_job(conn);
	conn_refuse(conn, store_strerror(e));
}

static void begin_list(struct conn *conn, json_t *request, bool with_text)
{
	struct job *job = conn_begin_job(conn, request);

	job->with_text = with_text;
	job->step = step_list;
}

static void run_list(struct conn *conn, json_t *request)
{
	begin_list(conn, request, false);
}

static void run_export(struct conn *conn, json_t *request)
{
	begin_list(conn, request, true);
}

/* ---- one domain -------------------------------------------------------- */

/* Read the domain of a request; false after refusing it. */
static bool take_domain(struct conn *conn, const json_t *value, char *domain)
{
	const char *text = json_string_value(value);

	if (text && mtasts_domain_normalize(text, domain) == MTASTS_OK)
		return true;
	conn_refuse(conn, "not a domain name");
	return false;
}

struct found {
	const char *domain;
	json_t *record;		/* NULL: there is none */
};

static void view_record(void *arg, const struct record *rec)
{
	struct found *f = arg;

	f->record = cachejson_from_record(f->domain, rec, clock_wall());
}

static void find_record(struct conn *conn, struct found *f)
{
	struct cache *cache = services_cache(conn_services(conn));

	if (cache)
		cache_get(cache, f->domain, view_record, f);
}

static void answer_record(struct conn *conn, struct found *f, bool live)
{
	conn_answer(conn, json_pack("{s:b, s:b, s:o}", "ok", 1, "live", live,
	    "record", f->record ? f->record : json_null()));
}

static void run_show(struct conn *conn, json_t *request)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct found f = { .domain = domain };

	if (!take_domain(conn, json_object_get(request, "domain"), domain))
		return;
	find_record(conn, &f);
	answer_record(conn, &f, false);
}

/* The store thread has done what was asked about one domain. */
void conn_done_text(struct conn *conn, const char *domain, bool ok,
    const char *text)
{
	(void)domain;
	conn_end_job(conn);
	if (ok)
		conn_answer(conn, json_pack("{s:b, s:o}", "ok", 1, "text",
		    control_string(text)));
	else
		conn_refuse(conn, text);
}

static void ask_one(struct conn *conn, json_t *request, enum learner_op op,
    const char *domain, job_done_fn *done)
{
	conn_begin_job(conn, request)->done = done;
	if (conn_ask(conn, op, domain, NULL, 0))
		return;
	conn_end_job(conn);
	conn_refuse(conn, "too much to do, try again later");
}

static void run_purge(struct conn *conn, json_t *request)
{
	char domain[MTASTS_DOMAIN_SIZE];

	if (take_domain(conn, json_object_get(request, "domain"), domain))
		ask_one(conn, request, LEARNER_PURGE, domain, conn_done_text);
}

/* Answer when a watched domain has been checked anew. */
static void run_watch_check(struct conn *conn, json_t *request)
{
	char domain[MTASTS_DOMAIN_SIZE];

	if (take_domain(conn, json_object_get(request, "domain"), domain))
		ask_one(conn, request, LEARNER_WATCH, domain, conn_done_text);
}

/* ---- many domains ------------------------------------------------------ */

static void end_if_all_done(struct conn *conn, size_t total)
{
	struct job *job = conn_job(conn);

	if (job->pending == 0 && job->next == total)
		end_list(conn);
}

static const json_t *job_domains(const struct job *job)
{
	return json_object_get(job->request, "domains");
}

static void answer_refreshed(struct conn *conn, const char *domain, bool ok,
    const char *text)
{
	conn_job(conn)->count += ok;
	answer_item(conn, json_pack("{s:s, s:b, s:o}", "domain", domain,
	    "ok", ok, "text", control_string(text)));
}

/* Ask about as many domains as may be asked about at a time. */
static void refresh_more(struct conn *conn)
{
	struct job *job = conn_job(conn);
	const json_t *domains = job_domains(job);
	char domain[MTASTS_DOMAIN_SIZE];

	while (job->next < json_array_size(domains) &&
	    job->pending < ASKED_MAX) {
		/* Validated when the request came. */
		mtasts_domain_normalize(json_string_value(json_array_get(
		    domains, job->next)), domain);
		if (!conn_ask(conn, LEARNER_REFRESH, domain, NULL, 0)) {
			if (job->pending > 0)
				return;
			answer_refreshed(conn, domain, false,
			    "too much to do, try again later");
		}
		job->next++;
	}
	end_if_all_done(conn, json_array_size(domains));
}

static void done_refresh(struct conn *conn, const char *domain, bool ok,
    const char *text)
{
	answer_refreshed(conn, domain, ok, text);
	refresh_more(conn);
}

static void run_refresh(struct conn *conn, json_t *request)
{
	const json_t *domains = json_object_get(request, "domains"), *d;
	char domain[MTASTS_DOMAIN_SIZE];
	size_t i;

	if (!json_is_array(domains) ||
	    json_array_size(domains) > CONTROL_DOMAINS_MAX) {
		conn_refuse(conn, "domains is not an array, or too long");
		return;
	}
	json_array_foreach(domains, i, d)
		if (!take_domain(conn, d, domain))
			return;
	conn_begin_job(conn, request)->done = done_refresh;
	refresh_more(conn);
}

/* ---- import ------------------------------------------------------------ */

struct newer {
	const struct record *rec;
	bool held;
};

static void view_newer(void *arg, const struct record *held)
{
	struct newer *n = arg;

	n->held = held->kind == RECORD_POLICY &&
	    held->fetched > n->rec->fetched &&
	    fresh_standing(held, clock_wall()) == STANDING_POLICY;
}

/* True when the cache has a policy of the domain that was fetched later. */
static bool has_newer(struct conn *conn, const char *domain,
    const struct buf *packed)
{
	struct cache *cache = services_cache(conn_services(conn));
	struct record rec;
	struct newer n = { .rec = &rec };

	if (cache && record_read(packed->data, packed->len, &rec))
		cache_get(cache, domain, view_newer, &n);
	return n.held;
}

/* Hand one record to the store thread; false when it takes no more now. */
static bool import_one(struct conn *conn, const json_t *object,
    struct buf *packed)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct job *job = conn_job(conn);
	struct buf err;
	bool readable;

	/* Validated before; but it may have expired since. */
	buf_init(&err, 500);
	buf_reset(packed);
	readable = cachejson_to_record(object, clock_wall(), domain, packed,
	    &err);
	buf_clear(&err);
	if (!readable || has_newer(conn, domain, packed)) {
		job->older++;
		return true;
	}
	if (conn_ask(conn, LEARNER_IMPORT, domain, packed->data, packed->len))
		return true;
	if (job->pending == 0)
		conn_refuse(conn, "too much to do, try again later");
	return false;
}

/* Hand as many records to the store thread as it takes at a time. */
static void import_more(struct conn *conn)
{
	struct job *job = conn_job(conn);
	const json_t *records = json_object_get(job->request, "records");
	size_t n = json_array_size(records);
	struct buf packed;
	bool ok = true;

	buf_init(&packed, RECORD_MAX_PACKED);
	while (ok && job->next < n && job->pending < IMPORTS_MAX) {
		ok = import_one(conn, json_array_get(records, job->next),
		    &packed);
		job->next += ok;
	}
	buf_clear(&packed);
	if (!ok && job->pending == 0)
		conn_end_job(conn);
	else
		end_if_all_done(conn, n);
}

static void done_import(struct conn *conn, const char *domain, bool ok,
    const char *text)
{
	struct job *job = conn_job(conn);

	if (ok) {
		job->count++;
		import_more(conn);
		return;
	}
	log_warn("control", "import of %s failed: %s", domain, text);
	conn_end_job(conn);
	conn_refuse(conn, text);
}

/* Validate all records; false with a sentence about the first bad one. */
static bool validate(const json_t *records, struct buf *err)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct buf packed;
	bool ok = true;
	json_t *r;
	size_t i;

	buf_init(&packed, RECORD_MAX_PACKED);
	json_array_foreach((json_t *)records, i, r) {
		buf_reset(&packed);
		ok = cachejson_to_record(r, clock_wall(), domain, &packed,
		    err);
		if (!ok)
			break;
	}
	buf_clear(&packed);
	return ok;
}

/* All of it is validated before the first record is written. */
static void run_import(struct conn *conn, json_t *request)
{
	const json_t *records = json_object_get(request, "records");
	struct buf err;

	if (!json_is_array(records)) {
		conn_refuse(conn, "records is not an array");
		return;
	}
	buf_init(&err, 500);
	if (validate(records, &err)) {
		conn_begin_job(conn, request)->done = done_import;
		import_more(conn);
	} else {
		conn_refuse(conn, buf_str(&err));
	}
	buf_clear(&err);
}

/* ---- the daemon itself ------------------------------------------------- */

static void run_status(struct conn *conn, json_t *request)
{
	(void)request;
	conn_answer(conn, json_pack("{s:b, s:o}", "ok", 1, "status",
	    services_status(conn_services(conn))));
}

static void done_reload(struct conn *conn, const char *domain, bool ok,
    const char *text)
{
	(void)domain;
	conn_end_job(conn);
	conn_answer(conn, json_pack("{s:b, s:b, s:o}", "ok", 1,
	    "reloaded", ok, "messages", control_string(text)));
}

static void run_reload(struct conn *conn, json_t *request)
{
	conn_begin_job(conn, request)->done = done_reload;
	if (conn_reload(conn))
		return;
	conn_end_job(conn);
	conn_refuse(conn, "a reload is under way");
}

static const struct {
	const char *name;
	void (*run)(struct conn *conn, json_t *request);
} commands[] = {
	{ "cache-export", run_export },
	{ "cache-import", run_import },
	{ "cache-list", run_list },
	{ "cache-purge", run_purge },
	{ "cache-refresh", run_refresh },
	{ "cache-show", run_show },
	{ "history-list", control_history_list },
	{ "history-purge", control_history_purge },
	{ "list-refresh", control_list_refresh },
	{ "query", control_query },
	{ "reload", run_reload },
	{ "status", run_status },
	{ "watch-check", run_watch_check },
};

void control_command(struct conn *conn, json_t *request)
{
	const char *name = json_string_value(json_object_get(request,
	    "command"));

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (name && strcmp(commands[i].name, name) == 0) {
			commands[i].run(conn, request);
			return;
		}
	}
	conn_refuse(conn, "unknown command");
}
