/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache refresh, cache purge: fetch policies anew, or forget them.
 */
#include "config.h"

#include "tool/cache.h"

#include <unistd.h>

#include "conf/conf.h"
#include "conf/control.h"
#include "mtasts/cache.h"
#include "tool/lookup.h"
#include "tool/out.h"
#include "tool/records.h"
#include "util/clock.h"
#include "util/log.h"

/* Say what became of one domain. */
static void report(const struct tool *t, const char *schema,
    const char *domain, bool ok, const char *text)
{
	if (t->json) {
		out_json(json_pack("{s:s, s:s, s:b, s:o}", "schema", schema,
		    "domain", domain, "ok", ok, "text",
		    control_string(text)));
		return;
	}
	out_part(PLAIN, "%s: ", domain);
	out_part(ok ? GREEN : RED, "%s", ok ? "ok" : "failed");
	out_line("%s%s", *text ? ", " : "", text);
}

/* ---- refresh ----------------------------------------------------------- */

#define REFRESH_SCHEMA "tlsmilter/cache-refresh-1"

struct refresh_values {
	bool all;
};

struct refresh {
	struct tool *t;
	struct access access;
	struct strv domains;
	enum status status;
};

static bool collect_domain(void *arg, const json_t *record)
{
	struct strv *domains = arg;
	const char *domain = records_string(record, "domain");

	return !domain || !records_string(record, "mode") ||
	    strv_add(domains, domain);
}

static void refreshed(struct refresh *r, const char *domain, bool ok,
    const char *text)
{
	report(r->t, REFRESH_SCHEMA, domain, ok, text);
	if (!ok)
		r->status = status_worse(r->status, STATUS_WARNING);
}

/* Ask the daemon for some domains; false when it does not answer. */
static bool refresh_some(struct refresh *r, size_t from, size_t n)
{
	json_t *list = json_array(), *line, *item;
	bool ok, more = true;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
		    json_string(r->domains.v[from + i]));
	ok = access_send(&r->access, "cache-refresh", "domains", list);
	while (ok && more) {
		line = access_receive(&r->access, ACCESS_LOOKUP_TIMEOUT_MS);
		item = json_object_get(line, "item");
		ok = line && !json_is_false(json_object_get(line, "ok"));
		more = json_is_object(item);
		if (more)
			refreshed(r, records_string(item, "domain") ? : "?",
			    json_is_true(json_object_get(item, "ok")),
			    records_string(item, "text") ? : "");
		json_decref(line);
	}
	return ok;
}

static void refresh_by_daemon(struct refresh *r)
{
	size_t n = r->domains.n, some;

	for (size_t i = 0; i < n; i += some) {
		some = n - i < CONTROL_DOMAINS_MAX ? n - i :
		    CONTROL_DOMAINS_MAX;
		out_progress("refreshing %zu of %zu", i + some, n);
		if (!refresh_some(r, i, some)) {
			r->status = STATUS_UNKNOWN;
			break;
		}
	}
	out_progress_end();
}

/* What is known now, in the words of the store thread. */
static void describe(const struct record *rec, const struct answer *answer,
    struct buf *text)
{
	if (fresh_standing(rec, clock_wall()) == STANDING_POLICY)
		buf_addf(text, "policy %s, id %s",
		    mtasts_mode_name(rec->mode), *rec->id ? rec->id : "-");
	else
		buf_adds(text, "no policy");
	if (answer->error)
		buf_addf(text, " (%s: %s)", mtasts_strerror(answer->error),
		    answer->detail);
}

/* Make the new record of a domain, and put it into the cache. */
static enum store_error apply(struct refresh *r, const char *domain,
    const struct answer *answer, struct buf *text)
{
	struct fresh_limits limits = lookup_limits(r->t->conf);
	struct cache *cache = r->access.cache;
	struct record old, rec;
	enum store_error e = cache_begin(cache);
	bool held;

	if (e != STORE_OK)
		return e;
	held = cache_get_for_update(cache, domain, &old) == STORE_OK;
	fresh_apply(held ? &old : NULL, answer, &limits, clock_wall(), &rec);
	/* The record may point into the old one: describe it first. */
	describe(&rec, answer, text);
	e = cache_put(cache, domain, &rec);
	if (e == STORE_OK)
		return cache_commit(cache);
	cache_abort(cache);
	return e;
}

/* Work one answer into the cache as the store thread would. */
static void on_answer(void *arg, size_t index, const struct answer *answer)
{
	struct refresh *r = arg;
	const char *domain = r->domains.v[index];
	enum store_error e;
	struct buf text;

	buf_init(&text, 1000);
	e = apply(r, domain, answer, &text);
	if (e == STORE_OK)
		refreshed(r, domain, answer->outcome != MTASTS_FAILED,
		    buf_str(&text));
	else
		refreshed(r, domain, false, store_strerror(e));
	buf_clear(&text);
}

static void refresh_by_ourselves(struct refresh *r)
{
	struct lookup *lookups = mem_array(r->domains.n, sizeof(*lookups));

	for (size_t i = 0; lookups && i < r->domains.n; i++)
		lookups[i] = (struct lookup){ .domain = r->domains.v[i],
			.held_id = "", .refetch = true };
	if (!lookups || !lookup_run(r->t->conf, lookups, r->domains.n,
	    on_answer, r))
		r->status = STATUS_UNKNOWN;
	free(lookups);
}

static enum status run_refresh(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct refresh_values *o = values;
	struct refresh r = { .t = t };

	if (o->all == (n > 0)) {
		complain("name the domains to refresh, or --all");
		return STATUS_USAGE;
	}
	if (!cache_domains(n, operands, &r.domains)) {
		strv_clear(&r.domains);
		return STATUS_USAGE;
	}
	r.status = access_need(t, ACCESS_WRITE, &r.access);
	if (r.status == STATUS_GOOD && o->all &&
	    !records_walk(&r.access, false, collect_domain, &r.domains))
		r.status = STATUS_UNKNOWN;
	if (r.status == STATUS_GOOD && r.access.kind == ACCESS_DAEMON)
		refresh_by_daemon(&r);
	else if (r.status == STATUS_GOOD)
		refresh_by_ourselves(&r);
	access_close(&r.access);
	strv_clear(&r.domains);
	return r.status;
}

static const struct option_def refresh_options[] = {
	{ "all", 'a', OPTION_FLAG, offsetof(struct refresh_values, all), NULL,
	  "every domain with a policy in the cache" },
};

const struct command command_cache_refresh = {
	.name = "refresh",
	.usage = "DOMAIN...|--all",
	.summary = "fetch policies now, whatever their age",
	.details = "A policy that cannot be fetched is kept until it "
	    "expires.\nExit status 1: some could not be fetched.",
	.options = refresh_options,
	.options_n = 1,
	.values_size = sizeof(struct refresh_values),
	.max_operands = -1,
	.run = run_refresh,
};

/* ---- purge ------------------------------------------------------------- */

#define PURGE_SCHEMA "tlsmilter/cache-purge-1"
#define PURGE_TEXT "forgotten; until it is learnt again, its promise is " \
	"not enforced"

static enum store_error delete_record(struct cache *cache,
    const char *domain)
{
	enum store_error e = cache_begin(cache);

	if (e == STORE_OK)
		e = cache_delete(cache, domain);
	if (e == STORE_OK)
		return cache_commit(cache);
	cache_abort(cache);
	return e;
}

/* Purge in the files. Who asked is in the log; a purge lets an attacker who
 * can block a lookup have mail in plaintext (STS-C-16). */
static bool purge_files(struct access *a, const char *domain)
{
	enum store_error e = delete_record(a->cache, domain);

	if (e == STORE_OK) {
		log_notice("cache", "%s purged by uid %lu: a downgrade until "
		    "its policy is learnt again", domain,
		    (unsigned long)getuid());
		return true;
	}
	if (e == STORE_NOT_FOUND)
		complain("%s is not in the cache", domain);
	else
		complain("%s: %s", domain, store_strerror(e));
	return false;
}

static bool purge_daemon(struct access *a, const char *domain)
{
	json_t *answer = access_call(a, "cache-purge", "domain",
	    json_string(domain), ACCESS_TIMEOUT_MS);
	bool ok = json_is_true(json_object_get(answer, "ok"));

	json_decref(answer);
	return ok;
}

static enum status purge_domains(struct tool *t, struct access *a,
    const struct strv *domains)
{
	enum status status = STATUS_GOOD;

	for (size_t i = 0; i < domains->n; i++) {
		bool ok = a->kind == ACCESS_DAEMON ?
		    purge_daemon(a, domains->v[i]) :
		    purge_files(a, domains->v[i]);

		if (ok || t->json)
			report(t, PURGE_SCHEMA, domains->v[i], ok,
			    ok ? PURGE_TEXT : "");
		if (!ok)
			status = STATUS_FAILED;
	}
	return status;
}

static enum status run_purge(struct tool *t, const void *values, int n,
    char **operands)
{
	struct strv domains = { 0 };
	enum status status = STATUS_USAGE;
	struct access a;

	(void)values;
	if (cache_domains(n, operands, &domains)) {
		status = access_need(t, ACCESS_WRITE, &a);
		if (a.kind == ACCESS_FILES) {
			log_open("tlsmilter", t->conf->syslog_facility);
			log_set_sink(log_sink_syslog, NULL);
		}
		if (status == STATUS_GOOD)
			status = purge_domains(t, &a, &domains);
		access_close(&a);
	}
	strv_clear(&domains);
	return status;
}

const struct command command_cache_purge = {
	.name = "purge",
	.usage = "DOMAIN...",
	.summary = "forget domains; a security downgrade, and logged",
	.details = "What a domain promised is forgotten and not enforced "
	    "until it is learnt again.\nTo replace a policy, use `cache "
	    "refresh'.",
	.min_operands = 1,
	.max_operands = -1,
	.run = run_purge,
};
