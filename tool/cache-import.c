/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache import: read what export wrote. Everything is validated before
 * anything is written.
 */
#include "config.h"

#include "tool/cache.h"

#include <jansson.h>

#include "conf/control.h"
#include "mtasts/cache.h"
#include "mtasts/cachejson.h"
#include "tool/out.h"
#include "tool/readfile.h"
#include "tool/records.h"
#include "util/clock.h"

/* The longest file: a few hundred thousand policies. */
#define IMPORT_MAX ((size_t)256 * 1024 * 1024)
/* One request to the daemon is filled up to here. */
#define BATCH_BYTES (CONTROL_LINE_MAX / 2)

struct import {
	const json_t *records;
	size_t expired;		/* skipped: nothing to remember any more */
	size_t older;		/* skipped: the cache has a newer one */
	size_t imported;
	int64_t now;
};

/* ---- reading ----------------------------------------------------------- */

/* Parse the file; NULL after a complaint. */
static json_t *load(const char *file)
{
	json_error_t error;
	json_t *document = NULL;
	struct buf text, err;

	buf_init(&text, IMPORT_MAX);
	buf_init(&err, 500);
	if (!readfile(file, &text, &err)) {
		complain("%s", buf_str(&err));
	} else {
		document = json_loadb(buf_str(&text), text.len,
		    JSON_REJECT_DUPLICATES, &error);
		if (!document)
			complain("%s:%d:%d: %s", file, error.line,
			    error.column, error.text);
	}
	buf_clear(&text);
	buf_clear(&err);
	return document;
}

/* A policy may have expired since the file was written; that is no error. */
static bool has_expired(const struct import *im, const json_t *record)
{
	const char *expires = records_string(record, "expires");
	int64_t when;

	return expires && clock_parse_time(expires, &when) &&
	    when <= im->now;
}

static bool validate(struct import *im, const char *file)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct buf packed, err;
	bool ok = true;
	json_t *record;
	size_t i;

	buf_init(&packed, RECORD_MAX_PACKED);
	buf_init(&err, 500);
	json_array_foreach(im->records, i, record) {
		if (has_expired(im, record)) {
			im->expired++;
			continue;
		}
		buf_reset(&packed);
		buf_reset(&err);
		if (cachejson_to_record(record, im->now, domain, &packed,
		    &err))
			continue;
		complain("%s: record %zu (%s): %s", file, i + 1,
		    records_string(record, "domain") ? : "?", buf_str(&err));
		ok = false;
	}
	buf_clear(&packed);
	buf_clear(&err);
	return ok;
}

/* ---- writing ----------------------------------------------------------- */

/* What the cache has from a later fetch is not replaced. */
static bool cache_has_newer(struct cache *cache, const char *domain,
    const struct record *rec, int64_t now)
{
	struct record held;

	return cache_get_for_update(cache, domain, &held) == STORE_OK &&
	    held.kind == RECORD_POLICY && held.fetched > rec->fetched &&
	    fresh_standing(&held, now) == STANDING_POLICY;
}

static enum store_error write_record(struct import *im, struct cache *cache,
    const json_t *object, struct buf *packed)
{
	char domain[MTASTS_DOMAIN_SIZE];
	enum store_error e;
	struct record rec;
	struct buf err;

	buf_init(&err, 500);
	buf_reset(packed);
	/* Validated before: it can only fail for want of memory. */
	e = cachejson_to_record(object, im->now, domain, packed, &err) &&
	    record_read(packed->data, packed->len, &rec) ?
	    STORE_OK : STORE_ARGUMENT;
	buf_clear(&err);
	if (e != STORE_OK)
		return e;
	if (cache_has_newer(cache, domain, &rec, im->now)) {
		im->older++;
		return STORE_OK;
	}
	e = cache_put(cache, domain, &rec);
	im->imported += e == STORE_OK;
	return e;
}

static bool write_files(struct import *im, struct cache *cache)
{
	enum store_error e = cache_begin(cache);
	struct buf packed;
	json_t *record;
	size_t i;

	buf_init(&packed, RECORD_MAX_PACKED);
	json_array_foreach(im->records, i, record) {
		if (e != STORE_OK)
			break;
		if (!has_expired(im, record))
			e = write_record(im, cache, record, &packed);
	}
	buf_clear(&packed);
	if (e == STORE_OK)
		e = cache_commit(cache);
	else
		cache_abort(cache);
	if (e == STORE_OK)
		return true;
	complain("nothing imported: %s", store_strerror(e));
	return false;
}

/* Send one batch, which is given up; false when the daemon refuses it. */
static bool send_batch(struct import *im, struct access *a, json_t *batch)
{
	json_t *answer = access_call(a, "cache-import", "records", batch,
	    ACCESS_LOOKUP_TIMEOUT_MS);
	bool ok = json_is_true(json_object_get(answer, "ok"));

	if (ok) {
		im->imported += (size_t)json_integer_value(
		    json_object_get(answer, "count"));
		im->older += (size_t)json_integer_value(
		    json_object_get(answer, "older"));
	}
	json_decref(answer);
	return ok;
}

/* Bytes a record takes in a request; 0 when out of memory. */
static size_t record_size(const json_t *record)
{
	char *text = json_dumps(record, JSON_COMPACT | JSON_ENSURE_ASCII);
	size_t size = text ? strlen(text) + 1 : 0;

	free(text);
	return size;
}

static bool write_daemon(struct import *im, struct access *a)
{
	json_t *batch = json_array(), *record;
	size_t i, size, filled = 0;
	bool ok = true;

	json_array_foreach(im->records, i, record) {
		if (has_expired(im, record))
			continue;
		size = record_size(record);
		if (filled > 0 && filled + size > BATCH_BYTES) {
			out_progress("imported %zu", im->imported);
			ok = send_batch(im, a, batch);
			batch = json_array();
			filled = 0;
		}
		if (!ok)
			break;
		json_array_append(batch, record);
		filled += size;
	}
	if (ok && filled > 0)
		ok = send_batch(im, a, batch);
	else
		json_decref(batch);
	out_progress_end();
	if (!ok)
		complain("%zu imported before that", im->imported);
	return ok;
}

/* ---- the command ------------------------------------------------------- */

static void report(const struct tool *t, const struct import *im)
{
	if (t->json) {
		out_json(json_pack("{s:s, s:I, s:I, s:I}", "schema",
		    "tlsmilter/cache-import-1",
		    "imported", (json_int_t)im->imported,
		    "expired", (json_int_t)im->expired,
		    "older", (json_int_t)im->older));
		return;
	}
	out_part(PLAIN, "%zu imported", im->imported);
	if (im->expired)
		out_part(PLAIN, ", %zu expired and skipped", im->expired);
	if (im->older)
		out_part(PLAIN, ", %zu older than what is held and skipped",
		    im->older);
	out_line("%s", "");
}

static enum status import_records(struct tool *t, struct import *im)
{
	struct access a;
	enum status status = access_need(t, ACCESS_WRITE, &a);
	bool ok = false;

	if (status == STATUS_GOOD) {
		ok = a.kind == ACCESS_DAEMON ? write_daemon(im, &a) :
		    write_files(im, a.cache);
		status = ok ? STATUS_GOOD : STATUS_FAILED;
	}
	if (ok)
		report(t, im);
	access_close(&a);
	return status;
}

static enum status run_import(struct tool *t, const void *values, int n,
    char **operands)
{
	struct import im = { .now = clock_wall() };
	enum status status = STATUS_FAILED;
	json_t *document;
	struct buf err;

	(void)values;
	(void)n;
	buf_init(&err, 500);
	document = load(operands[0]);
	if (document)
		im.records = cachejson_file_domains(document, &err);
	if (document && !im.records)
		complain("%s: %s", operands[0], buf_str(&err));
	if (im.records && validate(&im, operands[0]))
		status = import_records(t, &im);
	json_decref(document);
	buf_clear(&err);
	return status;
}

const struct command command_cache_import = {
	.name = "import",
	.usage = "FILE|-",
	.summary = "take in policies that were exported",
	.details = "Every record is validated before the first is written; "
	    "none lasts longer than if\nit had been fetched when the file "
	    "says.",
	.min_operands = 1,
	.max_operands = 1,
	.run = run_import,
};
