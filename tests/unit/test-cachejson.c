/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/cachejson.h"
#include "mtasts/fresh.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define NOW INT64_C(1795294982)		/* 2026-11-21T21:03:02Z */
#define TEXT "version: STSv1\nmode: enforce\nmx: mx1.example.com\n" \
	"mx: *.example.net\nmax_age: 604800\n"

static struct record policy(void)
{
	return (struct record){ .kind = RECORD_POLICY,
		.mode = MTASTS_ENFORCE, .max_age = 604800,
		.fetched = NOW - 1000, .expires = NOW - 1000 + 604800,
		.checked = NOW - 50, .check_after = NOW + 200,
		.refetch_after = NOW - 1000 + 86400,
		.used = NOW - NOW % 86400, .secure = true, .mx_known = true,
		.id = "20260101T", .failed_id = "",
		.patterns = "mx1.example.com *.example.net",
		.mx = "mx1.example.com mx2.example.net",
		.rua = "tls@example.com", .text = TEXT };
}

/* Import a JSON text; the record points into *packed. */
static bool import_text(const char *text, char *domain, struct buf *packed,
    struct buf *err, struct record *rec_r)
{
	json_t *object = json_loads(text, 0, NULL);
	bool ok = object && cachejson_to_record(object, NOW, domain, packed,
	    err);

	json_decref(object);
	return ok && record_read(packed->data, packed->len, rec_r);
}

static void an_export_imports_to_the_same(void)
{
	struct record rec = policy(), back = { 0 };
	char domain[MTASTS_DOMAIN_SIZE] = "";
	json_t *first = cachejson_from_record("example.com", &rec, NOW);
	json_t *second;
	char *text = json_dumps(first, 0);
	struct buf packed, err;

	buf_init(&packed, RECORD_MAX_PACKED);
	buf_init(&err, 1000);
	CU_ASSERT_FATAL(import_text(text, domain, &packed, &err, &back));
	CU_ASSERT_STRING_EQUAL(domain, "example.com");
	CU_ASSERT(back.imported);
	CU_ASSERT_EQUAL(back.fetched, rec.fetched);
	CU_ASSERT_EQUAL(back.expires, rec.expires);
	CU_ASSERT_EQUAL(back.max_age, rec.max_age);
	CU_ASSERT_EQUAL(back.mode, rec.mode);
	CU_ASSERT_EQUAL(back.used, rec.used);
	CU_ASSERT_STRING_EQUAL(back.id, rec.id);
	CU_ASSERT_STRING_EQUAL(back.patterns, rec.patterns);
	CU_ASSERT_STRING_EQUAL(back.mx, rec.mx);
	CU_ASSERT_STRING_EQUAL(back.rua, rec.rua);
	CU_ASSERT_STRING_EQUAL(back.text, rec.text);
	CU_ASSERT(fresh_standing(&back, NOW) == STANDING_POLICY);
	CHECK_CASE("STS-C-14 the id is looked at when first used",
	    fresh_due(&back, NOW) != FRESH_NOTHING);
	/* What differs is where it came from, and when it was looked at. */
	second = cachejson_from_record(domain, &back, NOW);
	json_object_set_new(first, "source", json_string("import"));
	json_object_set_new(first, "checked", json_null());
	CU_ASSERT(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	free(text);
	buf_clear(&packed);
	buf_clear(&err);
}

static void members_are_as_documented(void)
{
	struct record rec = policy();
	struct record none = { .kind = RECORD_NEGATIVE, .checked = NOW,
		.error = MTASTS_E_DNS, .id = "", .failed_id = "",
		.patterns = "", .mx = "", .rua = "", .text = "" };
	json_t *want, *got = cachejson_from_record("a.example", &rec, NOW);

	want = json_pack("{ss ss ss s[ss] ss ss ss sb si ss ss sb s[ss] sb "
	    "s[s] sn ss}", "domain", "a.example", "source", "mta-sts",
	    "mode", "enforce", "mx", "mx1.example.com", "*.example.net",
	    "id", "20260101T", "fetched", "2026-11-21T20:46:22Z",
	    "expires", "2026-11-28T20:46:22Z", "expired", 0,
	    "max_age", 604800, "checked", "2026-11-21T21:02:12Z",
	    "used", "2026-11-21T00:00:00Z", "dnssec", 1,
	    "mx_hosts", "mx1.example.com", "mx2.example.net", "null_mx", 0,
	    "tlsrpt", "tls@example.com", "error", "text", TEXT);
	if (!json_equal(got, want))
		json_dumpf(got, stderr, JSON_INDENT(1));
	CU_ASSERT(json_equal(got, want));
	json_decref(got);
	json_decref(want);
	got = cachejson_from_record("b.example", &none, NOW);
	CU_ASSERT(json_is_null(json_object_get(got, "mode")));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(got,
	    "source")), "none");
	CU_ASSERT(json_is_string(json_object_get(got, "error")));
	CU_ASSERT(json_is_null(json_object_get(got, "fetched")));
	json_decref(got);
}

#define D "\"domain\":\"a.example\","
#define T "\"text\":\"version: STSv1\\nmode: enforce\\n" \
	"mx: mx.a.example\\nmax_age: 86400\\n\""

static void hostile_imports_are_judged(void)
{
	static const struct {
		const char *label, *json;
		const char *err;	/* the member named; NULL: accepted */
	} cases[] = {
		{ "domain and text are enough", "{" D T "}", NULL },
		{ "members we do not know", "{" D T ",\"x\":[{}]}", NULL },
		{ "null is absent", "{" D T ",\"id\":null,\"used\":null}",
		    NULL },
		{ "claims about the policy do not count",
		    "{" D T ",\"mode\":\"none\",\"mx\":[\"*.evil.example\"],"
		    "\"max_age\":1}", NULL },
		{ "no object", "[1]", "domains" },
		{ "no domain", "{" T "}", "domain" },
		{ "domain is a number", "{\"domain\":1," T "}", "domain" },
		{ "domain is an address", "{\"domain\":\"[192.0.2.1]\"," T
		    "}", "domain" },
		{ "domain with a slash", "{\"domain\":\"../a.example\"," T
		    "}", "domain" },
		{ "no text", "{" D "\"id\":\"1\"}", "text" },
		{ "empty text", "{" D "\"text\":\"\"}", "text" },
		{ "STS-P-05 text is no policy",
		    "{" D "\"text\":\"mode: enforce\\n\"}", "text" },
		{ "id too long", "{" D T ",\"id\":\"0123456789012345678901234"
		    "56789012\"}", "id" },
		{ "id with a space", "{" D T ",\"id\":\"a b\"}", "id" },
		{ "id with a newline", "{" D T ",\"id\":\"a\\nb\"}", "id" },
		{ "id is a number", "{" D T ",\"id\":7}", "id" },
		{ "fetched is a number", "{" D T ",\"fetched\":7}",
		    "fetched" },
		{ "fetched is no time", "{" D T ",\"fetched\":\"today\"}",
		    "fetched" },
		{ "STS-C-01 fetched too long ago",
		    "{" D T ",\"fetched\":\"2026-11-20T20:00:00Z\"}",
		    "expires" },
		{ "expired", "{" D T ",\"expires\":\"2026-11-21T20:00:00Z\"}",
		    "expires" },
		{ "hosts are no array", "{" D T ",\"mx_hosts\":\"a\"}",
		    "mx_hosts" },
		{ "host with a blank", "{" D T
		    ",\"mx_hosts\":[\"a.example b.example\"]}", "mx_hosts" },
		{ "host is a pattern", "{" D T
		    ",\"mx_hosts\":[\"*.example.com\"]}", "mx_hosts" },
		{ "mailbox with a blank", "{" D T
		    ",\"tlsrpt\":[\"a b@example.com\"]}", "tlsrpt" },
		{ "mailbox without a domain", "{" D T
		    ",\"tlsrpt\":[\"postmaster\"]}", "tlsrpt" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char domain[MTASTS_DOMAIN_SIZE] = "untouched";
		struct buf packed, err;
		struct record rec = { 0 };
		bool ok;

		buf_init(&packed, RECORD_MAX_PACKED);
		buf_init(&err, 1000);
		ok = import_text(cases[i].json, domain, &packed, &err, &rec);
		CHECK_CASE(cases[i].label, ok == !cases[i].err);
		CHECK_CASE_STR(cases[i].label, domain,
		    ok ? "a.example" : "untouched");
		if (ok) {
			CHECK_CASE_STR(cases[i].label, rec.patterns,
			    "mx.a.example");
			CHECK_CASE(cases[i].label,
			    rec.mode == MTASTS_ENFORCE);
		}
		if (cases[i].err)
			CHECK_CASE(cases[i].label, strncmp(buf_str(&err) + 1,
			    cases[i].err, strlen(cases[i].err)) == 0);
		buf_clear(&packed);
		buf_clear(&err);
	}
}

static void times_are_trusted_no_further_than_run_time(void)
{
	static const struct {
		const char *label, *members;
		int64_t fetched, expires;
	} cases[] = {
		{ "defaults", "", NOW, NOW + 86400 },
		{ "STS-C-01 fetched in the future",
		    ",\"fetched\":\"2036-01-01T00:00:00Z\"", NOW,
		    NOW + 86400 },
		{ "STS-C-01 expires after max_age",
		    ",\"expires\":\"2036-01-01T00:00:00Z\"", NOW,
		    NOW + 86400 },
		{ "an earlier end is kept",
		    ",\"expires\":\"2026-11-21T23:00:00Z\"", NOW,
		    1795302000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char domain[MTASTS_DOMAIN_SIZE];
		struct buf json, packed, err;
		struct record rec = { 0 };

		buf_init(&json, 5000);
		buf_init(&packed, RECORD_MAX_PACKED);
		buf_init(&err, 1000);
		buf_addf(&json, "{" D T "%s}", cases[i].members);
		CHECK_CASE(cases[i].label, import_text(buf_str(&json), domain,
		    &packed, &err, &rec));
		CHECK_CASE(cases[i].label, rec.fetched == cases[i].fetched);
		CHECK_CASE(cases[i].label, rec.expires == cases[i].expires);
		buf_clear(&json);
		buf_clear(&packed);
		buf_clear(&err);
	}
}

static void only_our_schema_is_read(void)
{
	static const struct {
		const char *label, *json;
		bool ok;
	} cases[] = {
		{ "ours", "{\"schema\":\"tlsmilter/cache-1\",\"domains\":[]}",
		    true },
		{ "next version",
		    "{\"schema\":\"tlsmilter/cache-2\",\"domains\":[]}",
		    false },
		{ "no schema", "{\"domains\":[]}", false },
		{ "schema is a number", "{\"schema\":1,\"domains\":[]}",
		    false },
		{ "domains is an object",
		    "{\"schema\":\"tlsmilter/cache-1\",\"domains\":{}}",
		    false },
		{ "an array", "[]", false },
	};
	json_t *file = cachejson_file(NOW);
	struct buf err;

	buf_init(&err, 1000);
	CU_ASSERT_PTR_NOT_NULL(cachejson_file_domains(file, &err));
	json_decref(file);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file = json_loads(cases[i].json, 0, NULL);
		buf_reset(&err);
		CHECK_CASE(cases[i].label, (cachejson_file_domains(file,
		    &err) != NULL) == cases[i].ok);
		CHECK_CASE(cases[i].label, (err.len == 0) == cases[i].ok);
		json_decref(file);
	}
	buf_clear(&err);
}

static const struct unit_test tests[] = {
	{ "an export imports to the same", an_export_imports_to_the_same },
	{ "members are as documented", members_are_as_documented },
	{ "hostile imports are judged", hostile_imports_are_judged },
	{ "times are trusted no further than run time",
	    times_are_trusted_no_further_than_run_time },
	{ "only our schema is read", only_our_schema_is_read },
};

UNIT_MAIN("cachejson", tests)
