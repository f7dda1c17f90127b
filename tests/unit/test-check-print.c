/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `tlsmilter check` makes of reports: those of tests/data/checks, and
 * the same with any member missing or of another type.
 */
#include "config.h"

#include "tool/check.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "tool/check-pen.h"
#include "tool/out.h"
#include "util/buf.h"

#define FOLDER "tests/data/checks/"
#define OUTPUT_MAX (8 * 1024 * 1024)

static const char *const samples[] = {
	"good", "lost", "null-mx", "unknown", "hostile", "imap", "imaps",
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static json_t *load(const char *name)
{
	const char *srcdir = getenv("srcdir");
	json_error_t error;
	char path[300];
	json_t *report;

	snprintf(path, sizeof(path), "%s/" FOLDER "%s.json",
	    srcdir ? srcdir : ".", name);
	report = json_load_file(path, 0, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(report);
	return report;
}

/* An array of some samples. */
static json_t *load_all(const char *const *names, size_t n)
{
	json_t *reports = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(reports, load(names[i]));
	return reports;
}

/* ---- what was printed -------------------------------------------------- */

typedef void print_fn(json_t *report);

static char *printed(print_fn *fn, json_t *report)
{
	struct tmpdir dir;
	struct buf text, err;
	char *s;

	tmpdir_make(&dir);
	buf_init(&text, OUTPUT_MAX);
	buf_init(&err, 300);
	CU_ASSERT_FATAL(out_to_file(tmpdir_path(&dir, "out")));
	fn(report);
	CU_ASSERT(out_finish());
	CU_ASSERT(buf_add_file(&text, tmpdir_path(&dir, "out"), &err));
	tmpdir_remove(&dir);
	buf_addc(&text, '\0');
	s = buf_steal(&text);
	buf_clear(&err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	return s;
}

static void print_usual(json_t *report)
{
	check_print_text(report, &(struct check_style){ .quiet = false });
}

static void print_verbose(json_t *report)
{
	check_print_text(report, &(struct check_style){ .verbose = true });
}

static void print_quiet(json_t *report)
{
	check_print_text(report, &(struct check_style){ .quiet = true });
}

static void print_nagios(json_t *reports)
{
	check_print_nagios(reports);
}

static void print_prometheus(json_t *reports)
{
	check_print_prometheus(reports);
}

static void print_document(json_t *reports)
{
	check_print_json(reports, false);
}

static void print_ndjson(json_t *report)
{
	check_print_ndjson(report, false);
}

/* Only newlines and printable ASCII. */
static bool is_clean(const char *s)
{
	for (; *s; s++)
		if (*s != '\n' && (*s < 0x20 || *s > 0x7e))
			return false;
	return true;
}

static bool has_line(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* The longest line that does not begin at the margin: what is to be pasted
 * does, if it is long. */
static size_t widest(const char *text)
{
	size_t width = 0, len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len > 80 && (strstr(text, " IN TLSA ") ||
		    str_starts(text, "hostile.example. TXT ")))
			continue;
		width = len > width ? len : width;
	}
	return width;
}

static bool has_trailing_blank(const char *text)
{
	return strstr(text, " \n") != NULL;
}

/* ---- text -------------------------------------------------------------- */

static void text_is_clean_and_fits_a_terminal(void)
{
	static print_fn *const forms[] = {
		print_usual, print_verbose, print_quiet,
	};

	for (size_t i = 0; i < SAMPLES; i++) {
		json_t *report = load(samples[i]);

		for (size_t f = 0; f < 3; f++) {
			char *text = printed(forms[f], report);

			CHECK_CASE(samples[i], is_clean(text));
			CHECK_CASE(samples[i], widest(text) <= 80);
			CHECK_CASE(samples[i], !has_trailing_blank(text));
			free(text);
		}
		json_decref(report);
	}
}

static const char *last_line(char *text)
{
	char *end = strrchr(text, '\n'), *line;

	if (end)
		*end = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

static void the_last_line_is_the_result(void)
{
	static const struct {
		const char *name, *line;
	} cases[] = {
		{ "good", "Result: ok   22 ok   6 connections, 2.4 s" },
		{ "lost", "Result: FAIL   3 fail, 1 warn, 1 info, 16 ok   "
		  "6 connections, 2.4 s" },
		{ "null-mx", "Result: ok   1 ok   0 connections, 0.0 s" },
		{ "unknown", "Result: unknown   6 unknown   3 connections, "
		  "30.1 s" },
		{ "imaps", "Result: ok   3 ok   1 connection, 0.1 s" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *report = load(cases[i].name);
		char *text = printed(print_usual, report);

		CHECK_CASE_STR(cases[i].name, last_line(text),
		    cases[i].line);
		free(text);
		json_decref(report);
	}
}

static void findings_of_several_addresses_are_told_once(void)
{
	json_t *report = load("lost");
	char *text = printed(print_usual, report);
	const char *first = strstr(text, "now missing");

	CU_ASSERT(has_line(text,
	    "mx2.example.net [203.0.113.9, 203.0.113.10]: offered on 41"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NULL(strstr(first + 1, "now missing"));
	CU_ASSERT(has_line(text, "tlsmilter check --explain starttls.lost\n"));
	CU_ASSERT(has_line(text, "  2025-11-29T05:06:40Z, 2 hours ago\n"));
	free(text);
	json_decref(report);
}

static void what_is_to_be_pasted_is_whole(void)
{
	json_t *report = load("lost");
	char *text = printed(print_usual, report);

	CU_ASSERT(has_line(text, "\n_smtp._tls.example.com. TXT "
	    "\"v=TLSRPTv1; rua=mailto:tls-reports@example.com\"\n"));
	CU_ASSERT(has_line(text, "\n_25._tcp.mx1.example.com. IN TLSA 3 1 1 "
	    "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
	    "\n"));
	free(text);
	json_decref(report);
}

static void the_table_has_a_word_for_each_step(void)
{
	static const struct {
		const char *name, *row;
	} cases[] = {
		{ "good", " 192.0.2.25    ok   ok  ok   ok       1.3 X25519 "
		  "ok   ok    ok 3 1 1\n" },
		{ "good", " 2001:db8::25  ok   ok  ok   ok       1.3 ML-KEM "
		  "ok   ok    ok 3 1 1\n" },
		{ "good", " 203.0.113.9   ok   ok  ok   ok       1.2 P-256  "
		  "ok   ok    -\n" },
		{ "lost", " 203.0.113.9   ok   ok  ok   LOST     -          "
		  "-    -     -\n" },
		{ "unknown", " 192.0.2.1   ?    -   -    -        -          "
		  "-    -     -\n" },
		{ "hostile", " 192.0.2.66  ok   ok  no   MASKED   \\x1B[2 www "
		  "no   no    NO MATCH\n" },
		{ "imap", "  conn OK  CAPA STARTTLS TLS        name chain\n" },
		{ "imap", " 192.0.2.25  ok   ok  ok   INJECT   1.3 X25519 ok"
		  "   ok\n" },
		{ "imaps", "  conn TLS        CAPA name chain\n" },
		{ "imaps", " 192.0.2.25  ok   1.3 X25519 ok   ok   ok\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *report = load(cases[i].name);
		char *text = printed(print_usual, report);

		CHECK_CASE(cases[i].row, has_line(text, cases[i].row));
		free(text);
		json_decref(report);
	}
}

static void quiet_tells_nothing_of_what_is_well(void)
{
	json_t *report = load("good");
	char *text = printed(print_quiet, report);

	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	json_decref(report);
	report = load("lost");
	text = printed(print_quiet, report);
	CU_ASSERT(has_line(text, "starttls.lost\n"));
	CU_ASSERT(!has_line(text, "dane.rollover\n"));
	CU_ASSERT(!has_line(text, "HOSTS"));
	free(text);
	json_decref(report);
}

static void verbose_shows_what_the_server_said(void)
{
	json_t *report = load("lost");
	char *text = printed(print_verbose, report);

	CU_ASSERT(has_line(text, "250-XXXXXXXA\n"));
	CU_ASSERT(has_line(text, "500 5.5.1 Command unrecognized\n"));
	CU_ASSERT(has_line(text, "\nok       The domain has MX records"));
	free(text);
	json_decref(report);
}

/* ---- the other forms --------------------------------------------------- */

static void nagios_is_a_line_with_numbers(void)
{
	static const char *const one[] = { "lost" };
	json_t *reports = load_all(one, 1);
	char *text = printed(print_nagios, reports);

	CU_ASSERT_STRING_EQUAL(text,
	    "TLS FAIL - example.com: 1 of 2 mail hosts has lost STARTTLS. | "
	    "mx_total=2 mx_ok=1;;;0;2 addresses_total=4 "
	    "addresses_tls=2;;;0;4 cert_days_min=61 time=2.431s\n");
	free(text);
	json_decref(reports);
}

static void nagios_says_the_worst_of_several_first(void)
{
	json_t *reports = load_all(samples, SAMPLES);
	char *text = printed(print_nagios, reports);
	const char *bar = strchr(text, '|');

	CU_ASSERT(is_clean(text));
	CU_ASSERT(str_starts(text, "TLS FAIL - example.com: "));
	CU_ASSERT_PTR_NOT_NULL_FATAL(bar);
	CU_ASSERT(has_line(bar, " 'imap mx.example.com:143::time'=0.310s"));
	CU_ASSERT_PTR_NULL(strchr(bar + 1, '|'));
	CU_ASSERT(has_line(text, "\nTLS OK - nomail.example: The domain "));
	CU_ASSERT(has_line(text, "\nTLS UNKNOWN - unreachable.example: "));
	free(text);
	json_decref(reports);
}

/* NAME{LABEL="VALUE",…} INTEGER, or a comment. */
static bool is_sample(const char *line, size_t len)
{
	const char *s = line, *end = line + len;
	bool quoted = false;

	if (str_starts(line, "# HELP tlsmilter_") ||
	    str_starts(line, "# TYPE tlsmilter_"))
		return true;
	while (s < end && (str_is_alpha(*s) || *s == '_'))
		s++;
	if (s == line || *s++ != '{')
		return false;
	for (; s < end && (quoted || *s != '}'); s++) {
		if (quoted && *s == '\\')
			s++;
		else if (*s == '"')
			quoted = !quoted;
	}
	if (s + 2 >= end || s[1] != ' ')
		return false;
	s += 2;
	s += *s == '-';
	while (s < end && str_is_digit(*s))
		s++;
	return s == end;
}

static void prometheus_is_a_file_for_the_collector(void)
{
	json_t *reports = load_all(samples, SAMPLES);
	char *text = printed(print_prometheus, reports);
	size_t len;

	CU_ASSERT(is_clean(text));
	for (const char *s = text; *s; s += len + 1) {
		len = strcspn(s, "\n");
		CHECK_CASE(s, is_sample(s, len));
	}
	CU_ASSERT(has_line(text, "\ntlsmilter_mx_starttls_offered{target="
	    "\"example.com\",mx=\"mx2.example.net\",address=\"203.0.113.9\"} "
	    "0\n"));
	CU_ASSERT(has_line(text, "\ntlsmilter_check_status{target="
	    "\"unreachable.example\",check=\"egress\"} 3\n"));
	CU_ASSERT(has_line(text, "\ntlsmilter_mtasts_policy_expiry_timestamp"
	    "_seconds{target=\"example.com\"} 1765609600\n"));
	CU_ASSERT(!has_line(text, "_offered{target=\"unreachable"));
	free(text);
	json_decref(reports);
}

static void json_is_one_object_a_line(void)
{
	static const char *const some[] = { "good", "unknown" };
	json_t *reports = load_all(some, 2), *document, *line;
	char *text = printed(print_document, reports);

	document = json_loads(text, 0, NULL);
	CU_ASSERT(json_equal(json_object_get(document, "reports"), reports));
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(document,
	    "exit")), 3);
	free(text);
	text = printed(print_ndjson, json_array_get(reports, 0));
	line = json_loads(text, 0, NULL);
	CU_ASSERT(json_equal(line, json_array_get(reports, 0)));
	CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
	json_decref(line);
	json_decref(document);
	json_decref(reports);
}

/* ---- what is missing --------------------------------------------------- */

static void print_all(json_t *report)
{
	json_t *reports = json_pack("[O]", report);

	print_usual(report);
	print_verbose(report);
	print_quiet(report);
	check_print_nagios(reports);
	check_print_prometheus(reports);
	json_decref(reports);
}

/* Print with each member below a value, in turn, replaced: by null, then by
 * something of a type nothing has there. */
static size_t spoil(json_t *value, json_t *report)
{
	json_t *child, *kept, *other = json_pack("[[n]]");
	const char *name;
	size_t n = 0, i;
	void *next;

	json_object_foreach_safe(value, next, name, child) {
		kept = json_incref(child);
		json_object_set(value, name, json_null());
		free(printed(print_all, report));
		json_object_set(value, name, other);
		free(printed(print_all, report));
		json_object_set_new(value, name, kept);
		n += 1 + spoil(kept, report);
	}
	json_array_foreach(value, i, child) {
		kept = json_incref(child);
		json_array_set(value, i, json_null());
		free(printed(print_all, report));
		json_array_set_new(value, i, kept);
		n += 1 + (i < 2 ? spoil(kept, report) : 0);
	}
	json_decref(other);
	return n;
}

static void missing_members_are_put_up_with(void)
{
	json_t *report = load("lost"), *empty = json_object();

	CU_ASSERT(spoil(report, report) > 200);
	free(printed(print_all, empty));
	json_decref(empty);
	json_decref(report);
}

static const struct unit_test tests[] = {
	{ "text is clean and fits a terminal",
	  text_is_clean_and_fits_a_terminal },
	{ "the last line is the result", the_last_line_is_the_result },
	{ "findings of several addresses are told once",
	  findings_of_several_addresses_are_told_once },
	{ "what is to be pasted is whole", what_is_to_be_pasted_is_whole },
	{ "the table has a word for each step",
	  the_table_has_a_word_for_each_step },
	{ "quiet tells nothing of what is well",
	  quiet_tells_nothing_of_what_is_well },
	{ "verbose shows what the server said",
	  verbose_shows_what_the_server_said },
	{ "nagios is a line with numbers", nagios_is_a_line_with_numbers },
	{ "nagios says the worst of several first",
	  nagios_says_the_worst_of_several_first },
	{ "prometheus is a file for the collector",
	  prometheus_is_a_file_for_the_collector },
	{ "JSON is one object a line", json_is_one_object_a_line },
	{ "missing members are put up with",
	  missing_members_are_put_up_with },
};

UNIT_MAIN("check-print", tests)
