/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/records.h"

#include "mtasts/cache.h"
#include "mtasts/cachejson.h"
#include "tool/out.h"
#include "util/clock.h"

struct view {
	const char *domain;
	json_t *record;
};

static void view_record(void *arg, const struct record *rec)
{
	struct view *v = arg;

	v->record = cachejson_from_record(v->domain, rec, clock_wall());
}

static enum records_result get_from_files(struct access *a,
    const char *domain, json_t **record_r)
{
	struct view v = { .domain = domain };
	enum store_error e = STORE_NOT_FOUND;

	if (a->cache)
		e = cache_get(a->cache, domain, view_record, &v);
	if (v.record)
		*record_r = v.record;
	if (v.record || e == STORE_NOT_FOUND)
		return v.record ? RECORDS_FOUND : RECORDS_MISSING;
	complain("cannot read the cache: %s", store_strerror(e));
	return RECORDS_ERROR;
}

static enum records_result get_from_daemon(struct access *a,
    const char *domain, json_t **record_r)
{
	json_t *answer = access_call(a, "cache-show", "domain",
	    json_string(domain), ACCESS_TIMEOUT_MS);
	json_t *record = json_object_get(answer, "record");
	enum records_result result = RECORDS_ERROR;

	if (json_is_true(json_object_get(answer, "ok")))
		result = json_is_object(record) ? RECORDS_FOUND :
		    RECORDS_MISSING;
	if (result == RECORDS_FOUND)
		*record_r = json_incref(record);
	json_decref(answer);
	return result;
}

enum records_result records_get(struct access *a, const char *domain,
    json_t **record_r)
{
	return a->kind == ACCESS_DAEMON ?
	    get_from_daemon(a, domain, record_r) :
	    get_from_files(a, domain, record_r);
}

struct walk {
	records_fn *fn;
	void *arg;
	bool stopped;
};

static bool walk_record(void *arg, const char *domain,
    const struct record *rec)
{
	struct walk *w = arg;
	json_t *record = cachejson_from_record(domain, rec, clock_wall());

	w->stopped = !record || !w->fn(w->arg, record);
	json_decref(record);
	return !w->stopped;
}

static bool walk_files(struct access *a, struct walk *w)
{
	enum store_error e;

	if (!a->cache)
		return true;
	e = cache_walk(a->cache, walk_record, w);
	if (e == STORE_OK || e == STORE_NOT_FOUND)
		return !w->stopped;
	complain("cannot read the cache: %s", store_strerror(e));
	return false;
}

static bool walk_daemon(struct access *a, bool with_text, struct walk *w)
{
	return access_send(a, with_text ? "cache-export" : "cache-list",
	    NULL, NULL) && access_each_item(a, w->fn, w->arg);
}

bool records_walk(struct access *a, bool with_text, records_fn *fn,
    void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };

	return a->kind == ACCESS_DAEMON ? walk_daemon(a, with_text, &w) :
	    walk_files(a, &w);
}

const char *records_string(const json_t *record, const char *member)
{
	return json_string_value(json_object_get(record, member));
}

bool records_in_force(const json_t *record)
{
	return records_string(record, "mode") &&
	    !json_is_true(json_object_get(record, "expired"));
}

void records_add_list(const json_t *record, const char *member,
    struct buf *out)
{
	json_t *list = json_object_get(record, member), *item;
	size_t i;

	json_array_foreach(list, i, item)
		buf_addf(out, "%s%s", i ? " " : "",
		    json_string_value(item) ? : "?");
}
