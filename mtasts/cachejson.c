/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/cachejson.h"

#include "mtasts/fresh.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define DAY 86400
#define LIST_BYTES 65535	/* what a packed string can hold */
#define MAILBOX_MAX 320

/* ---- writing ----------------------------------------------------------- */

static json_t *time_json(int64_t t)
{
	struct buf b;
	json_t *json;

	if (t <= 0)
		return json_null();
	buf_init(&b, 40);
	clock_add_time(&b, t);
	json = json_string(buf_str(&b));
	buf_clear(&b);
	return json;
}

/* A space-separated list as an array of strings. */
static json_t *list_json(const char *list)
{
	json_t *array = json_array();

	while (*list) {
		size_t n = strcspn(list, " ");

		if (n)
			json_array_append_new(array, json_stringn(list, n));
		list += n;
		list += strspn(list, " ");
	}
	return array;
}

static const char *source_of(const struct record *rec)
{
	if (rec->kind != RECORD_POLICY)
		return "none";
	return rec->imported ? "import" : "mta-sts";
}

json_t *cachejson_from_record(const char *domain, const struct record *rec,
    int64_t now)
{
	bool policy = rec->kind == RECORD_POLICY;

	return json_pack("{ss ss so so ss so so sb sI so so sb so sb so so ss}",
	    "domain", domain,
	    "source", source_of(rec),
	    "mode", policy ? json_string(mtasts_mode_name(rec->mode)) :
	    json_null(),
	    "mx", list_json(policy ? rec->patterns : ""),
	    "id", rec->id,
	    "fetched", time_json(rec->fetched),
	    "expires", time_json(rec->expires),
	    "expired", policy && fresh_standing(rec, now) != STANDING_POLICY,
	    "max_age", (json_int_t)rec->max_age,
	    "checked", time_json(rec->checked),
	    "used", time_json(rec->used),
	    "dnssec", rec->secure,
	    "mx_hosts", rec->mx_known ? list_json(rec->mx) : json_null(),
	    "null_mx", rec->null_mx,
	    "tlsrpt", list_json(rec->rua),
	    "error", rec->error ? json_string(mtasts_strerror(rec->error)) :
	    json_null(),
	    "text", policy ? rec->text : "");
}

json_t *cachejson_file(int64_t now)
{
	return json_pack("{ss so so}", "schema", CACHEJSON_SCHEMA,
	    "exported", time_json(now), "domains", json_array());
}

const json_t *cachejson_file_domains(const json_t *file, struct buf *err)
{
	const char *schema = json_string_value(json_object_get(file,
	    "schema"));
	const json_t *domains = json_object_get(file, "domains");

	if (!schema || strcmp(schema, CACHEJSON_SCHEMA) != 0) {
		buf_adds(err, "\"schema\" is not \"" CACHEJSON_SCHEMA "\"");
		return NULL;
	}
	if (!json_is_array(domains)) {
		buf_adds(err, "\"domains\" is not an array");
		return NULL;
	}
	return domains;
}

/* ---- reading ----------------------------------------------------------- */

/* An import under way: the first error ends it. */
struct import {
	const json_t *object;
	struct buf *err;
	int64_t now;
	struct record rec;
	struct mtasts_policy *policy;
	char domain[MTASTS_DOMAIN_SIZE];
	struct buf patterns, mx, rua;
};

static bool bad(struct import *in, const char *member, const char *why)
{
	buf_addf(in->err, "\"%s\": %s", member, why);
	return false;
}

/* The value of a member; NULL for an absent or null one. */
static const json_t *member(const struct import *in, const char *name)
{
	const json_t *value = json_object_get(in->object, name);

	return json_is_null(value) ? NULL : value;
}

static bool read_domain(struct import *in)
{
	const char *domain = json_string_value(member(in, "domain"));

	if (!domain)
		return bad(in, "domain", "not a string");
	if (mtasts_domain_normalize(domain, in->domain) != MTASTS_OK)
		return bad(in, "domain", "not a domain name");
	return true;
}

/* The policy text decides mode, patterns and max_age, as when fetched. */
static bool read_text(struct import *in)
{
	const json_t *text = member(in, "text");
	struct mtasts_policy *p;

	if (!json_is_string(text) || json_string_length(text) == 0)
		return bad(in, "text", "no policy text");
	if (json_string_length(text) > MTASTS_POLICY_SIZE ||
	    strlen(json_string_value(text)) != json_string_length(text))
		return bad(in, "text", "too long, or holds a NUL");
	p = mtasts_policy_parse(json_string_value(text),
	    json_string_length(text), 0, NULL, NULL, NULL);
	if (!p)
		return bad(in, "text", "not a valid policy");
	in->policy = p;
	in->rec.text = json_string_value(text);
	in->rec.mode = mtasts_policy_mode(p);
	in->rec.max_age = mtasts_policy_max_age(p);
	for (size_t i = 0; i < mtasts_policy_mx_count(p); i++)
		buf_addf(&in->patterns, "%s%s", i ? " " : "",
		    mtasts_policy_mx(p, i));
	if (in->patterns.failed)
		return bad(in, "text", "too many mx patterns");
	in->rec.patterns = buf_str(&in->patterns);
	return true;
}

static bool read_id(struct import *in)
{
	const json_t *id = member(in, "id");
	const char *s = id ? json_string_value(id) : "";

	if (!s || strlen(s) > MTASTS_ID_SIZE)
		return bad(in, "id", "not a policy id");
	for (const char *p = s; *p; p++)
		if (!str_is_alnum(*p))
			return bad(in, "id", "not a policy id");
	in->rec.id = s;
	return true;
}

/* A time not later than limit; dflt if there is none. */
static bool read_time(struct import *in, const char *name, int64_t dflt,
    int64_t limit, int64_t *time_r)
{
	const json_t *value = member(in, name);
	int64_t t = dflt;

	if (value && (!json_is_string(value) ||
	    !clock_parse_time(json_string_value(value), &t) || t < 0))
		return bad(in, name, "not a time such as "
		    "\"2026-11-21T20:44:02Z\"");
	*time_r = t < limit ? t : limit;
	return true;
}

/* Nothing may last longer than if it had been fetched then. The id is
 * looked at when the policy is first used: the file may be old. */
static bool read_times(struct import *in)
{
	struct record *rec = &in->rec;
	int64_t end;

	if (!read_time(in, "fetched", in->now, in->now, &rec->fetched))
		return false;
	end = rec->fetched + rec->max_age;
	if (!read_time(in, "expires", end, end, &rec->expires) ||
	    !read_time(in, "used", in->now, in->now, &rec->used))
		return false;
	if (rec->expires <= in->now)
		return bad(in, "expires", "the policy has expired");
	rec->used -= rec->used % DAY;
	rec->refetch_after = rec->fetched + DAY;
	return true;
}

static bool host_ok(const char *s)
{
	char normal[MTASTS_DOMAIN_SIZE];

	return mtasts_domain_normalize(s, normal) == MTASTS_OK &&
	    strcmp(normal, s) == 0;
}

static bool mailbox_ok(const char *s)
{
	const char *at = strrchr(s, '@');

	if (!at || at == s || strlen(s) > MAILBOX_MAX || !host_ok(at + 1))
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static bool read_list(struct import *in, const char *name,
    bool (*ok)(const char *), struct buf *list)
{
	const json_t *array = member(in, name), *item;
	size_t i;

	if (array && !json_is_array(array))
		return bad(in, name, "not an array");
	json_array_foreach(array, i, item) {
		const char *s = json_string_value(item);

		if (!s || !ok(s))
			return bad(in, name, "holds a bad name");
		buf_addf(list, "%s%s", list->len ? " " : "", s);
	}
	return list->failed ? bad(in, name, "too long") : true;
}

static bool read_hosts(struct import *in)
{
	if (!read_list(in, "mx_hosts", host_ok, &in->mx) ||
	    !read_list(in, "tlsrpt", mailbox_ok, &in->rua))
		return false;
	in->rec.mx_known = member(in, "mx_hosts") != NULL;
	in->rec.null_mx = json_is_true(member(in, "null_mx"));
	in->rec.secure = json_is_true(member(in, "dnssec"));
	in->rec.mx = buf_str(&in->mx);
	in->rec.rua = buf_str(&in->rua);
	return true;
}

bool cachejson_to_record(const json_t *object, int64_t now, char *domain,
    struct buf *packed, struct buf *err)
{
	struct import in = { .object = object, .err = err, .now = now };
	bool ok;

	in.rec.kind = RECORD_POLICY;
	in.rec.imported = true;
	in.rec.failed_id = "";
	buf_init(&in.patterns, LIST_BYTES);
	buf_init(&in.mx, LIST_BYTES);
	buf_init(&in.rua, LIST_BYTES);
	ok = json_is_object(object) || bad(&in, "domains", "not an object");
	ok = ok && read_domain(&in) && read_text(&in) && read_id(&in) &&
	    read_times(&in) && read_hosts(&in);
	if (ok)
		record_pack(&in.rec, packed);
	if (ok && packed->failed)
		ok = bad(&in, "text", "record too long");
	if (ok)
		memcpy(domain, in.domain, sizeof(in.domain));
	mtasts_policy_free(in.policy);
	buf_clear(&in.patterns);
	buf_clear(&in.mx);
	buf_clear(&in.rua);
	return ok;
}
