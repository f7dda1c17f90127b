/* SPDX-License-Identifier: BSD-2-Clause */
/* Partner lists: what is read, what is refused and where, and the blob. */
#include "config.h"

#include "policy/partners.h"

#include <unistd.h>

#include "mtasts/name.h"
#include "policy/partners-internal.h"
#include "tests/unit/unit.h"
#include "util/clock.h"
#include "util/str.h"

#define NOW 1800000000	/* 2027-01-15T08:00:00Z */
#define HEAD "{\"schema\": \"tlsmilter/partners-1\", \"author\": \"A\",\n" \
	"\"timestamp\": \"2027-01-01T00:00:00Z\",\n" \
	"\"expires\": \"2027-06-01T00:00:00Z\",\n"
#define FOREIGN "{\"version\": \"0.1\", \"author\": \"A\",\n" \
	"\"timestamp\": \"2027-01-01T00:00:00.123-08:00\",\n" \
	"\"expires\": 1811808000,\n"

/* ---- showing a list ---------------------------------------------------- */

static bool show(void *arg, const char *domain, const struct partner *p)
{
	struct buf *out = arg;

	buf_addf(out, "%s%s=%s", out->len ? "; " : "", domain,
	    partner_mode_name(p->mode));
	if (p->min_version)
		buf_addf(out, " %d", p->min_version);
	if (p->until)
		buf_addf(out, " until %lld", (long long)p->until);
	if (*p->mx)
		buf_addf(out, " mx %s", p->mx);
	return true;
}

/* The list in words, or the error. */
static void read_and_show(const char *text, struct buf *out)
{
	struct partners *p = partners_read("L", text, strlen(text), out);

	if (p)
		CU_ASSERT(partners_walk(p, show, out));
	partners_unref(p);
}

static void check_read(const char *label, const char *text, const char *want)
{
	struct buf out;

	buf_init(&out, 100000);
	read_and_show(text, &out);
	CHECK_CASE_STR(label, buf_str(&out), want);
	buf_clear(&out);
}

/* ---- reading ----------------------------------------------------------- */

struct read_case {
	const char *label, *text, *want;
};

static const struct read_case good[] = {
	{ "a domain on its own",
	  HEAD "\"domains\": {\"bank.example\": {\"mode\": \"enforce\"}}}",
	  "bank.example=enforce" },
	{ "everything one can say",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"testing\",\n"
	  "\"mx\": [\"MX.a.example.\", \"*.b.example\", \".c.example\"],\n"
	  "\"min_tls_version\": \"TLSv1.3\", \"comment\": \"since 1999\",\n"
	  "\"until\": \"2027-02-01T00:00:00+01:00\"}}}",
	  "a.example=testing 13 until 1801436400 mx mx.a.example "
	  "*.b.example .c.example" },
	{ "defaults fill what is not said",
	  HEAD "\"domains\": {\"a.example\": {}, \"b.example\": {\"mode\":\n"
	  "\"testing\", \"mx\": [\"b.example\"]}}, \"defaults\": {\"mode\":\n"
	  "\"enforce\", \"min_tls_version\": \"TLSv1.2\",\n"
	  "\"mx\": [\"*.host.example\"]}}",
	  "a.example=enforce 12 mx *.host.example; "
	  "b.example=testing 12 mx b.example" },
	{ "aliases, which have defaults too",
	  HEAD "\"domains\": {\"a.example\": {\"alias\": \"h\"},\n"
	  "\"b.example\": {\"alias\": \"h\"}}, \"defaults\": {\"mode\":\n"
	  "\"enforce\"}, \"aliases\": {\"h\": {\"mx\": [\"h.example\"],\n"
	  "\"until\": \"2027-02-01T00:00:00Z\"}}}",
	  "a.example=enforce until 1801440000 mx h.example; "
	  "b.example=enforce until 1801440000 mx h.example" },
	{ "all subdomains, U-labels and capitals",
	  HEAD "\"domains\": {\".B\\u00fccher.example\": {\"mode\": \"enforce"
	  "\"}, \"BANK.example.\": {\"mode\": \"testing\"}}}",
	  ".xn--bcher-kva.example=enforce; bank.example=testing" },
	{ "a byte order mark and no domain",
	  "\xef\xbb\xbf" HEAD "\"domains\": {}}", "" },
	{ "a pattern that stands there twice counts once",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\",\n"
	  "\"mx\": [\"m.example\", \"M.example.\"]}}}",
	  "a.example=enforce mx m.example" },
	{ "STARTTLS Everywhere: its shape, TLS 1.2 and suffixes",
	  FOREIGN "\"pinsets\": {\"x\": {}}, \"policy-aliases\": {\"big\": {\n"
	  "\"mode\": \"enforce\", \"mxs\": [\".big.example\"]}},\n"
	  "\"policies\": {\"a.example\": {\"policy-alias\": \"big\"},\n"
	  "\"b.example\": {\"mode\": \"testing\", \"mxs\": [\"b.example\"],\n"
	  "\"report\": [\"https://b.example/\"], \"mta-sts\": true}}}",
	  "a.example=enforce 12 mx .big.example; "
	  "b.example=testing 12 mx b.example" },
	{ "STARTTLS Everywhere: what stands beside an alias is ignored",
	  FOREIGN "\"policy-aliases\": {\"x\": {\"mode\": \"enforce\",\n"
	  "\"mxs\": [\"*.x.example\"], \"min-tls-version\": \"TLSv1.1\"}},\n"
	  "\"policies\": {\"a.example\": {\"policy-alias\": \"x\",\n"
	  "\"mode\": \"testing\"}}}",
	  "a.example=enforce mx *.x.example" },
};

/* The position is ours to give, most of the words are jansson's. */
static const struct read_case syntax[] = {
	{ "not JSON", "hello", "L:1:5: not JSON: " },
	{ "nothing", "", "L:1:1: not JSON: " },
	{ "cut off", "{\"schema\":\n \"tls", "L:2:5: not JSON: " },
	{ "something behind it", "{}\n{}", "L:2:1: not JSON: " },
	{ "the same member twice", "{\"a\": 1,\n\"a\": 2}",
	  "L:2:3: duplicate" },
	{ "NUL in a string", "{\"a\": \"\\u0000\"}",
	  "L:1:14: a NUL character is not allowed" },
	{ "a huge number", "{\"a\": 99999999999999999999}", "L:1:26: too big" },
	{ "a huge real", "{\"a\": 1e999}", "L:1:11: real number overflow" },
	{ "not UTF-8", "{\"a\": \"\xff\"}", "L:1:7: not JSON: unable to decode" },
	{ "a control character", "{\"a\": \"\x1b[2J\"}",
	  "L:1:7: not JSON: control character" },
};

static const struct read_case bad[] = {
	{ "nested too deeply", "[[[[[[[[[[[[[[[[[[[[", "L:1:17: nested too "
	  "deeply" },
	{ "an array", "\n [1]", "L:2:2: must be an object" },
	{ "no schema", "{}", "L:1:1: schema: is missing" },
	{ "another schema", "{\"schema\": \"tlsmilter/partners-2\"}",
	  "L:1:12: schema: must be \"tlsmilter/partners-1\"" },
	{ "no author", "{\"schema\": \"tlsmilter/partners-1\"}",
	  "L:1:1: author: is missing" },
	{ "an unknown member", HEAD "\"domain\": {}}",
	  "L:4:1: domain: is no member that is known here" },
	{ "an unknown member of a domain",
	  HEAD "\"domains\": {\"bank.example\": {\"mode\": \"enforce\",\n"
	  "  \"min_tls\": \"TLSv1.2\"}}}",
	  "L:5:3: domains.\"bank.example\".min_tls: is no member that is "
	  "known here" },
	{ "a wrong mode",
	  HEAD "\"domains\": {\n \"bank.example\": {\"mode\": \"enforced\"}}}",
	  "L:5:27: domains.\"bank.example\".mode: must be enforce or "
	  "testing" },
	{ "a mode of another type",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": 1}}}",
	  "L:4:35: domains.\"a.example\".mode: must be a string" },
	{ "no mode anywhere",
	  HEAD "\"domains\": {\"a.example\": {}}}",
	  "L:4:26: domains.\"a.example\".mode: is missing, here and in "
	  "defaults" },
	{ "the column counts characters, and escapes are one key",
	  HEAD "\"domains\": {\"\xc3\xbc.ex\\u0061mple\": {\"mode\": 1}}}",
	  "L:4:40: domains.\"\xc3\xbc.example\".mode: must be a string" },
	{ "a domain that is none",
	  HEAD "\"domains\": {\"bank_example\": {\"mode\": \"enforce\"}}}",
	  "L:4:13: domains.bank_example: is not a domain name" },
	{ "a single label",
	  HEAD "\"domains\": {\".com\": {\"mode\": \"enforce\"}}}",
	  "L:4:13: domains.\".com\": is not a domain name" },
	{ "an address",
	  HEAD "\"domains\": {\"192.0.2.1\": {\"mode\": \"enforce\"}}}",
	  "L:4:13: domains.\"192.0.2.1\": is not a domain name" },
	{ "a wildcard is written otherwise",
	  HEAD "\"domains\": {\"*.a.example\": {\"mode\": \"enforce\"}}}",
	  "L:4:13: domains.\"*.a.example\": is not a domain name; all "
	  "subdomains are written with \".\" for \"*.\"" },
	{ "a domain twice, written differently",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\"},\n"
	  "\"A.Example\": {\"mode\": \"testing\"}}}",
	  "L:5:1: domains.\"A.Example\": a.example is listed twice" },
	{ "an MX that is none",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\",\n"
	  "\"mx\": [\"ok.example\",\n  \"http://x.example/\"]}}}",
	  "L:6:3: domains.\"a.example\".mx[1]: \"http://x.example/\" is not "
	  "a host name, nor one behind \"*.\" or \".\"" },
	{ "a top-level domain as MX",
	  HEAD "\"defaults\": {\"mx\": [\"*.com\"]}, \"domains\": {}}",
	  "L:4:21: defaults.mx[0]: \"*.com\" is not a host name, nor one "
	  "behind \"*.\" or \".\"" },
	{ "an MX list without an MX",
	  HEAD "\"defaults\": {\"mx\": []}, \"domains\": {}}",
	  "L:4:20: defaults.mx: must name 1 to 32 hosts; leave it out to "
	  "name none" },
	{ "an MX list that is a string",
	  HEAD "\"defaults\": {\"mx\": \"a.example\"}, \"domains\": {}}",
	  "L:4:20: defaults.mx: must be an array of host names" },
	{ "an old version",
	  HEAD "\"defaults\": {\"min_tls_version\": \"TLSv1\"}}",
	  "L:1:1: domains: is missing" },
	{ "an old version, asked for",
	  HEAD "\"domains\": {}, \"defaults\": {\"min_tls_version\":\n"
	  "\"TLSv1\"}}",
	  "L:5:1: defaults.min_tls_version: must be TLSv1.2 or TLSv1.3" },
	{ "a day instead of a time",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\",\n"
	  "\"until\": \"2027-12-31\"}}}",
	  "L:5:10: domains.\"a.example\".until: \"2027-12-31\" is not a time "
	  "such as 2026-12-31T00:00:00Z" },
	{ "a time that would mean none",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\",\n"
	  "\"until\": \"1970-01-01T00:00:00Z\"}}}",
	  "L:5:10: domains.\"a.example\".until: must be from 1970 to 9999" },
	{ "a time before all others",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\",\n"
	  "\"until\": \"1970-01-01T00:00:00+01:00\"}}}",
	  "L:5:10: domains.\"a.example\".until: must be from 1970 to 9999" },
	{ "a time behind all others",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\",\n"
	  "\"until\": \"9999-12-31T23:59:59-01:00\"}}}",
	  "L:5:10: domains.\"a.example\".until: must be from 1970 to 9999" },
	{ "seconds are for STARTTLS Everywhere only",
	  "{\"schema\": \"tlsmilter/partners-1\", \"timestamp\": 1}",
	  "L:1:49: timestamp: must be a string, a time such as "
	  "2026-12-31T00:00:00Z" },
	{ "a list that ends before it begins",
	  "{\"schema\": \"tlsmilter/partners-1\", \"author\": \"A\",\n"
	  "\"timestamp\": \"2027-01-01T00:00:00Z\",\n"
	  "\"expires\": \"2027-01-01T00:00:00Z\", \"domains\": {}}",
	  "L:3:12: expires: must be after timestamp" },
	{ "an alias nobody defined",
	  HEAD "\"domains\": {\"a.example\": {\"alias\": \"h\"}}}",
	  "L:4:36: domains.\"a.example\".alias: there is no such alias" },
	{ "an alias of an alias",
	  HEAD "\"aliases\": {\"a\": {\"alias\": \"b\"}}, \"domains\": {}}",
	  "L:4:19: aliases.a.alias: an alias cannot name another" },
	{ "an alias and more",
	  HEAD "\"aliases\": {\"a\": {\"mode\": \"testing\"}}, \"domains\":\n"
	  "{\"a.example\": {\"alias\": \"a\", \"mode\": \"enforce\"}}}",
	  "L:5:30: domains.\"a.example\".mode: cannot stand beside alias" },
	{ "an alias of another type",
	  HEAD "\"domains\": {\"a.example\": {\"alias\": {}}}}",
	  "L:4:36: domains.\"a.example\".alias: must be a string" },
	{ "control characters in a text that is shown",
	  "{\"schema\": \"tlsmilter/partners-1\", \"author\": \"a\\u001b[1m\"}",
	  "L:1:46: author: must be 1 to 500 bytes without control "
	  "characters" },
	{ "control characters in a key do not come out again",
	  HEAD "\"\\u0007\\u009b\\\"x\": 1}",
	  "L:4:1: \"\\u0007\\u009b\\\"x\": is no member that is known here" },
	{ "STARTTLS Everywhere: a mode is missing",
	  FOREIGN "\"policies\": {\"a.example\": {\"mxs\": [\"a.example\"]}}}",
	  "L:4:27: policies.\"a.example\".mode: is missing" },
	{ "STARTTLS Everywhere: hosts are missing",
	  FOREIGN "\"policies\": {\"a.example\": {\"mode\": \"testing\"}}}",
	  "L:4:27: policies.\"a.example\".mxs: is missing" },
	{ "STARTTLS Everywhere: no subdomains",
	  FOREIGN "\"policies\": {\".a.example\": {\"mode\": \"testing\",\n"
	  "\"mxs\": [\"a.example\"]}}}",
	  "L:4:14: policies.\".a.example\": must be a domain, without \".\" "
	  "before it" },
	{ "STARTTLS Everywhere: another version",
	  "{\"version\": \"0.2\", \"policies\": {}}",
	  "L:1:13: version: must be \"0.1\"" },
};

static void good_lists_are_read(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_read(good[i].label, good[i].text, good[i].want);
}

static void syntax_errors_are_located(void)
{
	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++) {
		const struct read_case *c = &syntax[i];
		struct buf out;

		buf_init(&out, 1000);
		CHECK_CASE(c->label, !partners_read("L", c->text,
		    strlen(c->text), &out));
		CHECK_CASE(c->label, str_starts(buf_str(&out), c->want) &&
		    str_is_clean_utf8(buf_str(&out), out.len));
		if (!str_starts(buf_str(&out), c->want))
			fprintf(stderr, "got <%s>\n", buf_str(&out));
		buf_clear(&out);
	}
}

static void mistakes_are_located(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_read(bad[i].label, bad[i].text, bad[i].want);
}

static void sizes_are_bounded(void)
{
	struct buf text, out;

	buf_init(&text, 20u << 20);
	buf_init(&out, 1000);
	buf_addc(&text, '[');
	for (size_t i = 0; i < 500000; i++)
		buf_adds(&text, "{},");
	read_and_show(buf_str(&text), &out);
	CU_ASSERT_STRING_EQUAL(buf_str(&out),
	    "L:1:1259999: too many objects and arrays");
	buf_reset(&text);
	buf_reset(&out);
	while (text.len <= PARTNERS_JSON_MAX)
		buf_adds(&text, "                                ");
	read_and_show(buf_str(&text), &out);
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "L: larger than 16 MiB");
	buf_clear(&text);
	buf_clear(&out);
}

/* ---- lint -------------------------------------------------------------- */

static bool collect(void *arg, const struct partners_finding *f)
{
	struct buf *out = arg;

	buf_addf(out, "%c:%u:%u:%s:%s\n",
	    f->severity == PARTNERS_ERROR ? 'E' : 'W', f->line, f->column,
	    f->path, f->text);
	return true;
}

static const struct read_case linted[] = {
	{ "nothing to say",
	  HEAD "\"domains\": {\"a.example\": {\"mode\": \"enforce\"}}}", "" },
	{ "everything unwise",
	  "{\"schema\": \"tlsmilter/partners-1\", \"author\": \"A\",\n"
	  "\"timestamp\": \"2027-01-16T00:00:00Z\",\n"
	  "\"expires\": \"2027-02-01T00:00:00Z\",\n"
	  "\"aliases\": {\"h\": {\"mode\": \"enforce\"}},\n"
	  "\"domains\": {\"a.example\": {\"mode\": \"enforce\", \"until\":\n"
	  "\"2027-01-01T00:00:00Z\", \"mx\": [\"m.invalid\", \"a.example\",\n"
	  "\"a.example\"]}}}",
	  "W:2:14:timestamp:is in the future\n"
	  "W:3:12:expires:the list expires within 30 days\n"
	  "W:6:1:domains.\"a.example\".until:has passed; what it says holds "
	  "no more\n"
	  "W:6:32:domains.\"a.example\".mx[0]:can match no host: there is "
	  "none in \"invalid\" (RFC 6761)\n"
	  "W:7:1:domains.\"a.example\".mx[2]:stands there twice\n"
	  "W:4:13:aliases.h:no domain uses it\n" },
	{ "all errors, not only the first",
	  HEAD "\"domains\": {\"a\": {\"mode\": \"x\"}, \"b.example\": 1}}",
	  "E:4:13:domains.a:is not a domain name\n"
	  "E:4:27:domains.a.mode:must be enforce or testing\n"
	  "E:4:46:domains.\"b.example\":must be an object\n" },
	{ "expired and empty",
	  "{\"version\": \"0.1\", \"timestamp\": 1, \"expires\": 2, \"x\": 1,"
	  "\n\"policies\": {}}",
	  "W:1:50:x:is not used\n"
	  "W:1:47:expires:the list has expired, and lists nobody any more\n"
	  "W:2:13:policies:lists no domain\n" },
};

static void lint_tells_everything(void)
{
	for (size_t i = 0; i < sizeof(linted) / sizeof(linted[0]); i++) {
		struct partners *p;
		struct buf out;

		buf_init(&out, 10000);
		p = partners_lint(linted[i].text, strlen(linted[i].text), NOW,
		    collect, &out);
		CHECK_CASE(linted[i].label, !p == (buf_str(&out)[0] == 'E'));
		CHECK_CASE_STR(linted[i].label, buf_str(&out),
		    linted[i].want);
		partners_unref(p);
		buf_clear(&out);
	}
}

static void lint_is_bounded(void)
{
	struct buf text, out;
	size_t lines = 0;

	buf_init(&text, 100000);
	buf_init(&out, 100000);
	buf_adds(&text, HEAD "\"domains\": {");
	for (int i = 0; i < 500; i++)
		buf_addf(&text, "%s\"d%d\": {}", i ? "," : "", i);
	buf_adds(&text, "}}");
	CU_ASSERT_PTR_NULL(partners_lint(text.data, text.len, NOW, collect,
	    &out));
	for (const char *s = buf_str(&out); (s = strchr(s, '\n')); s++)
		lines++;
	CU_ASSERT_EQUAL(lines, 50);
	CU_ASSERT(str_ends(buf_str(&out), "more mistakes follow\n"));
	buf_clear(&text);
	buf_clear(&out);
}

static bool give_up(void *arg, const struct partners_finding *f)
{
	++*(size_t *)arg;
	return f->text == NULL;
}

/* However much there is to warn of, the list is read to its end, and in a
 * time that grows with its length: going back to the place of each warning
 * took an hour. */
static void warnings_do_not_end_a_list(void)
{
	enum { MANY = 100000 };
	struct buf text, out;
	struct partners *p;
	size_t calls = 0;

	buf_init(&text, PARTNERS_JSON_MAX);
	buf_init(&out, 100000);
	buf_adds(&text, HEAD "\"domains\": {");
	for (int i = 0; i < MANY; i++)
		buf_addf(&text, "\"d%d.example\": {\"mode\": \"enforce\", "
		    "\"mx\": [\"m.invalid\"]},", i);
	buf_adds(&text, "\"last.example\": {\"mode\": \"enforce\"}}}");
	alarm(300);
	p = partners_lint(text.data, text.len, NOW, collect, &out);
	alarm(0);
	CU_ASSERT(p && partners_count(p) == MANY + 1);
	CU_ASSERT(str_ends(buf_str(&out), "more warnings follow\n"));
	partners_unref(p);
	CU_ASSERT_PTR_NULL(partners_lint(text.data, text.len, NOW, give_up,
	    &calls));
	CU_ASSERT_EQUAL(calls, 1);
	buf_clear(&text);
	buf_clear(&out);
}

/* ---- looking up -------------------------------------------------------- */

static const char lookups[] =
	HEAD "\"name\": \"N\", \"contact\": \"C\", \"domains\": {\n"
	"\"a.example\": {\"mode\": \"enforce\"},\n"
	"\".a.example\": {\"mode\": \"testing\"},\n"
	"\".deep.a.example\": {\"mode\": \"enforce\",\n"
	"  \"min_tls_version\": \"TLSv1.2\"},\n"
	"\"old.a.example\": {\"mode\": \"enforce\",\n"
	"  \"until\": \"2027-01-15T08:00:00Z\"},\n"
	"\"soon.example\": {\"mode\": \"enforce\",\n"
	"  \"until\": \"2027-01-15T08:00:01Z\"}}}";

static const struct {
	const char *label, *domain;
	int64_t now;
	const char *want;
} finds[] = {
	{ "its own entry", "a.example", NOW, "enforce" },
	{ "a subdomain", "b.a.example", NOW, "testing" },
	{ "the nearest parent", "b.deep.a.example", NOW, "enforce 12" },
	{ "the name itself is no subdomain", "deep.a.example", NOW,
	  "testing" },
	{ "a stranger", "b.example", NOW, "no" },
	{ "a name that only ends alike", "xa.example", NOW, "no" },
	{ "the top of it", "example", NOW, "no" },
	{ "nothing", "", NOW, "no" },
	{ "a dot", ".", NOW, "no" },
	{ "a key is no domain", ".b.a.example", NOW, "testing" },
	{ "ended: as if it were not there", "old.a.example", NOW,
	  "testing" },
	{ "not yet ended", "old.a.example", NOW - 1, "enforce" },
	{ "the last second", "soon.example", NOW, "enforce" },
	{ "the second after it", "soon.example", NOW + 1, "no" },
	{ "the last second of the list", "a.example", 1811807999,
	  "enforce" },
	{ "an expired list", "a.example", 1811808000, "no" },
};

static void domains_are_found(void)
{
	struct partners *p;
	struct buf out;

	buf_init(&out, 1000);
	p = partners_read("L", lookups, strlen(lookups), &out);
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		struct partner found = { 0 };
		char got[32] = "no";

		if (partners_find(p, finds[i].domain, finds[i].now, &found))
			snprintf(got, sizeof(got), "%s%s",
			    partner_mode_name(found.mode),
			    found.min_version ? " 12" : "");
		CHECK_CASE_STR(finds[i].label, got, finds[i].want);
	}
	CU_ASSERT_EQUAL(partners_count(p), 5);
	CU_ASSERT_EQUAL(partners_timestamp(p), 1798761600);
	CU_ASSERT_EQUAL(partners_expires(p), 1811808000);
	CU_ASSERT_STRING_EQUAL(partners_name(p), "N");
	CU_ASSERT_STRING_EQUAL(partners_author(p), "A");
	CU_ASSERT_STRING_EQUAL(partners_contact(p), "C");
	partners_unref(p);
	buf_clear(&out);
}

static void many_domains_stay_small(void)
{
	enum { DOMAINS = 20000 };
	struct partner found;
	struct partners *p;
	struct buf text, out;
	char name[64];
	size_t len, missed = 0;

	buf_init(&text, PARTNERS_JSON_MAX);
	buf_init(&out, 1000);
	buf_adds(&text, HEAD "\"domains\": {");
	for (int i = 0; i < DOMAINS; i++)
		buf_addf(&text, "%s\"d%d.partner.example\": {\"mode\": "
		    "\"enforce\", \"mx\": [\"mx%d.example\"]}", i ? "," : "",
		    i, i);
	buf_adds(&text, "}}");
	p = partners_read("L", text.data, text.len, &out);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	for (int i = 0; i < 2 * DOMAINS; i++) {
		snprintf(name, sizeof(name), "d%d.partner.example", i);
		missed += partners_find(p, name, NOW, &found) !=
		    (i < DOMAINS);
	}
	CU_ASSERT_EQUAL(missed, 0);
	partners_data(p, &len);
	CU_ASSERT(len <= (size_t)100 * DOMAINS);
	partners_unref(p);
	buf_clear(&text);
	buf_clear(&out);
}

/* ---- blobs ------------------------------------------------------------- */

static void count_release(void *arg)
{
	++*(int *)arg;
}

static void references_are_counted(void)
{
	struct partners *p, *copy;
	struct buf err;
	const void *blob;
	int released = 0;
	size_t len;

	buf_init(&err, 1000);
	p = partners_read("L", lookups, strlen(lookups), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	blob = partners_data(p, &len);
	copy = partners_open(blob, len, count_release, &released, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	CU_ASSERT_EQUAL(partners_count(copy), 5);
	CU_ASSERT_PTR_EQUAL(partners_ref(copy), copy);
	partners_unref(copy);
	CU_ASSERT_EQUAL(released, 0);
	partners_unref(copy);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_PTR_NULL(partners_open(blob, len - 1, count_release,
	    &released, &err));
	CU_ASSERT_EQUAL(released, 1);
	partners_unref(NULL);
	partners_unref(p);
	buf_clear(&err);
}

static bool is_sane(void *arg, const char *domain,
    const struct partner *partner)
{
	size_t *n = arg;

	CU_ASSERT(partners_is_key(domain) && partners_is_mx(partner->mx));
	CU_ASSERT(partner->mode == PARTNER_TESTING ||
	    partner->mode == PARTNER_ENFORCE);
	++*n;
	return true;
}

/* Open bytes; if they are a list, use all of it. */
static bool try_open(const char *data, size_t len)
{
	struct partner found;
	struct partners *p;
	struct buf err;
	size_t n = 0;

	buf_init(&err, 1000);
	p = partners_open(data, len, NULL, NULL, &err);
	CU_ASSERT(!p == (err.len > 0));
	buf_clear(&err);
	if (!p)
		return false;
	CU_ASSERT(partners_walk(p, is_sane, &n) && n == partners_count(p));
	partners_find(p, "x.deep.a.example", NOW, &found);
	CU_ASSERT(strlen(partners_author(p)) < len);
	partners_unref(p);
	return true;
}

/* As a hostile sender would, who can compute a checksum. */
static void mend_checksum(char *blob, size_t len)
{
	uint64_t sum = partners_checksum(blob + AT_LEN, len - AT_LEN);

	for (int i = 0; i < 8; i++)
		blob[AT_CHECKSUM + i] = (char)(sum >> 8 * i & 0xff);
}

static void damage_is_noticed(void)
{
	static const unsigned char flips[] = { 0x01, 0x10, 0x80, 0xff };
	struct partners *p;
	size_t len, opened = 0;
	const void *blob;
	struct buf err;
	char *copy;

	buf_init(&err, 1000);
	p = partners_read("L", lookups, strlen(lookups), &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	blob = partners_data(p, &len);
	copy = malloc(len + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, blob, len);
	copy[len] = '\0';
	CU_ASSERT(try_open(copy, len));
	CU_ASSERT_FALSE(try_open(copy, len + 1));
	for (size_t i = 0; i < len; i++) {
		CU_ASSERT_FALSE(try_open(copy, i));
		for (size_t k = 0; k < sizeof(flips); k++) {
			copy[i] = (char)(copy[i] ^ flips[k]);
			CU_ASSERT_FALSE(try_open(copy, len));
			mend_checksum(copy, len);
			opened += try_open(copy, len);
			memcpy(copy, blob, len);
		}
	}
	/* Another timestamp is still a list; most else is none. */
	CU_ASSERT(opened > 0 && opened < len);
	free(copy);
	partners_unref(p);
	buf_clear(&err);
}

/* ---- times ------------------------------------------------------------- */

static const struct {
	const char *text;
	int64_t want;	/* -1: not a time */
} times[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2027-01-15T08:00:00Z", NOW },
	{ "2027-01-15t09:30:00.999999999+01:30", NOW },
	{ "2027-01-15T00:00:00-08:00", NOW },
	{ "2016-12-31T23:59:60Z", 1483228800 },	/* a leap second */
	{ "2024-02-29T00:00:00z", 1709164800 },
	{ "2023-02-29T00:00:00Z", -1 },
	{ "2027-00-01T00:00:00Z", -1 },
	{ "2027-01-00T00:00:00Z", -1 },
	{ "2027-13-01T00:00:00Z", -1 },
	{ "2027-01-15T24:00:00Z", -1 },
	{ "2027-01-15T08:00:00", -1 },
	{ "2027-01-15T08:00:00.Z", -1 },
	{ "2027-01-15T08:00:00+1:00", -1 },
	{ "2027-01-15T08:00:00+01", -1 },
	{ "2027-01-15T08:00:00Zx", -1 },
	{ "2027-01-15 08:00:00Z", -1 },
	{ "2027-01-15", -1 },
	{ "", -1 },
};

static void times_are_rfc3339(void)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t got = -1;

		CHECK_CASE(times[i].text, clock_parse_rfc3339(times[i].text,
		    &got) == (times[i].want >= 0));
		CHECK_CASE(times[i].text, got == times[i].want);
	}
}

static const struct unit_test tests[] = {
	{ "good lists are read", good_lists_are_read },
	{ "syntax errors are located", syntax_errors_are_located },
	{ "mistakes are located", mistakes_are_located },
	{ "sizes are bounded", sizes_are_bounded },
	{ "lint tells everything", lint_tells_everything },
	{ "lint is bounded", lint_is_bounded },
	{ "warnings do not end a list", warnings_do_not_end_a_list },
	{ "domains are found", domains_are_found },
	{ "many domains stay small", many_domains_stay_small },
	{ "references are counted", references_are_counted },
	{ "damage is noticed", damage_is_noticed },
	{ "times are RFC 3339", times_are_rfc3339 },
};

UNIT_MAIN("partners", tests)
