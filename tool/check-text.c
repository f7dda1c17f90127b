/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --format text: what a report says, for people.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "tool/check-pen.h"
#include "tool/check-report.h"
#include "util/buf.h"
#include "util/clock.h"

#define TEXT_MAX 65536

/* Columns of the block about the domain. */
#define COLUMN_WORD 2
#define COLUMN_LABEL 11
#define COLUMN_TEXT 20

/* ---- the first lines --------------------------------------------------- */

static size_t count_addresses(const json_t *report)
{
	const json_t *host;
	size_t i, n = 0;

	json_array_foreach(json_object_get(report, "hosts"), i, host)
		n += json_array_size(json_object_get(host, "addresses"));
	return n;
}

static void add_count(struct buf *b, size_t n, const char *one,
    const char *many)
{
	buf_addf(b, "%s%zu %s", b->len ? ", " : "", n, n == 1 ? one : many);
}

static void print_title(struct pen *p, const json_t *report)
{
	size_t hosts = json_array_size(json_object_get(report, "hosts"));
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (report_is(report, "kind", "domain"))
		add_count(&b, hosts, "mail host", "mail hosts");
	add_count(&b, count_addresses(report), "address", "addresses");
	pen_put(p, BOLD, report_text(report, "target"));
	pen_put(p, PLAIN, "   ");
	pen_wrap(p, COLUMN_WORD, buf_str(&b));
	pen_end(p);
	buf_clear(&b);
}

static void add_dnssec(struct buf *b, const json_t *vantage)
{
	const char *dnssec = report_text(vantage, "dnssec");
	const char *why = report_text(vantage, "dnssec_reason");

	if (!*dnssec)
		return;
	buf_addf(b, ", DNSSEC %s", strcmp(dnssec, "failed") == 0 ? "FAILED" :
	    dnssec);
	if (*why)
		buf_addf(b, " (%s)", why);
}

static void print_vantage(struct pen *p, const json_t *report)
{
	const json_t *vantage = json_object_get(report, "vantage");
	const char *port25 = report_text(vantage, "port25");
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_addf(&b, "seen from %s, resolver %s",
	    report_text(vantage, "ehlo"), report_text(vantage, "resolver"));
	add_dnssec(&b, vantage);
	if (strcmp(port25, "blocked") == 0)
		buf_adds(&b, ", port 25 BLOCKED");
	pen_tab(p, COLUMN_WORD);
	pen_wrap(p, COLUMN_WORD, buf_str(&b));
	pen_end(p);
	buf_clear(&b);
}

/* ---- the domain -------------------------------------------------------- */

/* A row: how findings of that kind stand, what it is about, and a text. */
static void print_row(struct pen *p, const json_t *report,
    const char *prefix, const char *label, const char *text)
{
	unsigned worst = report_worst(report, prefix, true);

	pen_tab(p, COLUMN_WORD);
	if (worst == CHECK_STATUSES)
		pen_put(p, PLAIN, "-");
	else
		pen_put(p, report_colour(worst), report_word(worst));
	pen_tab(p, COLUMN_LABEL);
	pen_put(p, PLAIN, label);
	pen_tab(p, COLUMN_TEXT);
	pen_wrap(p, COLUMN_TEXT, text);
	pen_end(p);
}

/* A state in words; and what is known of it besides. */
struct words {
	const char *state;
	const char *text;
};

static void add_words(struct buf *b, const struct words *w, size_t n,
    const json_t *object)
{
	const char *detail = report_text(object, "detail");
	const char *state = report_text(object, "state");

	for (size_t i = 0; i < n; i++)
		if (strcmp(w[i].state, state) == 0)
			buf_adds(b, w[i].text);
	/* Why something is absent is that it is absent. */
	if (*detail && strcmp(state, "absent") != 0)
		buf_addf(b, "%s%s", b->len ? ": " : "", detail);
}

static void print_mx(struct pen *p, const json_t *report)
{
	static const struct words words[] = {
		{ "implicit", "none: the domain itself takes its mail" },
		{ "null", "null MX: the domain takes no mail" },
		{ "none", "neither MX records nor an address" },
		{ "no-domain", "the domain does not exist" },
		{ "unknown", "could not be looked up" },
	};
	const json_t *mx = json_object_get(report, "mx"), *record;
	struct buf b;
	size_t i;

	if (!json_is_object(mx))
		return;
	buf_init(&b, TEXT_MAX);
	if (report_is(mx, "state", "found")) {
		json_array_foreach(json_object_get(mx, "records"), i, record)
			buf_addf(&b, "%s%lld %s", i ? ", " : "",
			    (long long)report_number(record, "preference"),
			    report_text(record, "host"));
	} else {
		add_words(&b, words, sizeof(words) / sizeof(words[0]), mx);
	}
	if (report_answer(mx, "secure") == REPORT_YES)
		buf_adds(&b, " (signed)");
	print_row(p, report, "mx.", "mx", buf_str(&b));
	buf_clear(&b);
}

static void print_dane(struct pen *p, const json_t *report)
{
	static const struct words words[] = {
		{ "all", "every mail host has TLSA records" },
		{ "some", "some mail hosts have TLSA records" },
		{ "none", "no TLSA records" },
		{ "error", "could not be looked up" },
	};
	const char *dane = report_text(report, "dane");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].state, dane) == 0)
			print_row(p, report, "dane.", "dane", words[i].text);
}

static void add_policy(struct buf *b, const json_t *sts)
{
	int64_t hosts = report_number(sts, "hosts");

	buf_addf(b, "%s, id %s, max_age ", report_text(sts, "mode"),
	    report_text(sts, "id"));
	clock_add_span(b, report_number(sts, "max_age"));
	if (hosts > 0)
		buf_addf(b, ", covers %lld of %lld mail host%s",
		    (long long)report_number(sts, "covered"),
		    (long long)hosts, hosts == 1 ? "" : "s");
}

static void print_mta_sts(struct pen *p, const json_t *report)
{
	static const struct words words[] = {
		{ "absent", "no policy" },
		{ "failed", "the policy cannot be had" },
		{ "unknown", "could not be looked up" },
	};
	const json_t *sts = json_object_get(report, "mta_sts");
	struct buf b;

	if (!json_is_object(sts))
		return;
	buf_init(&b, TEXT_MAX);
	if (report_is(sts, "state", "found"))
		add_policy(&b, sts);
	else
		add_words(&b, words, sizeof(words) / sizeof(words[0]), sts);
	print_row(p, report, "mta-sts.", "mta-sts", buf_str(&b));
	buf_clear(&b);
}

/* When something ends, seen from a point of time. */
static void add_end(struct buf *b, int64_t end, int64_t now)
{
	if (end < now) {
		buf_adds(b, "ended ");
		clock_add_span(b, now - end);
		buf_adds(b, " ago");
	} else {
		buf_adds(b, "ends in ");
		clock_add_span(b, end - now);
	}
}

static void print_policy_host(struct pen *p, const json_t *report)
{
	const json_t *host = json_object_get(json_object_get(report,
	    "mta_sts"), "policy_host");
	const char *address = report_text(host, "address");
	const char *detail = report_text(host, "detail");
	int64_t end = report_number(host, "not_after");
	struct buf b;

	if (!json_is_object(host))
		return;
	buf_init(&b, TEXT_MAX);
	buf_adds(&b, report_text(host, "name"));
	/* Where it was, if something is wrong there. */
	if (*detail && *address && strcmp(address, "-") != 0)
		buf_addf(&b, " [%s]", address);
	if (end) {
		buf_adds(&b, ", certificate ");
		add_end(&b, end, report_number(report, "started"));
	}
	if (*detail)
		buf_addf(&b, ", %s", detail);
	print_row(p, report, "mta-sts.certificate", "policy", buf_str(&b));
	buf_clear(&b);
}

static void print_tlsrpt(struct pen *p, const json_t *report)
{
	static const struct words words[] = {
		{ "absent", "no record: nobody is told of failures" },
		{ "invalid", "the record is invalid" },
		{ "several", "several records, so none counts" },
		{ "unknown", "could not be looked up" },
	};
	const json_t *rpt = json_object_get(report, "tlsrpt"), *uri;
	struct buf b;
	size_t i;

	if (!json_is_object(rpt))
		return;
	buf_init(&b, TEXT_MAX);
	if (report_is(rpt, "state", "found"))
		buf_adds(&b, "reports go to ");
	else
		add_words(&b, words, sizeof(words) / sizeof(words[0]), rpt);
	if (report_is(rpt, "state", "found"))
		json_array_foreach(json_object_get(rpt, "rua"), i, uri)
			buf_addf(&b, "%s%s", i ? ", " : "",
			    json_string_value(uri) ? : "?");
	print_row(p, report, "tlsrpt.", "tlsrpt", buf_str(&b));
	buf_clear(&b);
}

static void print_domain(struct pen *p, const json_t *report)
{
	if (!report_is(report, "kind", "domain"))
		return;
	pen_end(p);
	pen_put(p, BOLD, "DOMAIN");
	pen_end(p);
	print_mx(p, report);
	print_dane(p, report);
	print_mta_sts(p, report);
	print_policy_host(p, report);
	print_tlsrpt(p, report);
}

/* ---- the last lines ---------------------------------------------------- */

static void add_counts(struct buf *b, const json_t *verdict)
{
	static const char *const names[] = {
		"fail", "unknown", "warn", "info", "ok",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int64_t n = report_number(verdict, names[i]);

		if (n > 0)
			buf_addf(b, "%s%lld %s", b->len ? ", " : "",
			    (long long)n, names[i]);
	}
}

static void add_effort(struct buf *b, const json_t *report)
{
	int64_t ms = report_number(report, "took_ms");
	int64_t n = report_number(report, "connections");

	buf_addf(b, "   %lld connection%s, %lld.%lld s", (long long)n,
	    n == 1 ? "" : "s", (long long)(ms / 1000),
	    (long long)(ms % 1000 / 100));
}

static void print_result(struct pen *p, const json_t *report)
{
	const json_t *verdict = json_object_get(report, "verdict");
	enum check_status status = report_status(verdict, "status");
	struct buf b;

	buf_init(&b, TEXT_MAX);
	add_counts(&b, verdict);
	add_effort(&b, report);
	pen_end(p);
	pen_wrap(p, 0, report_text(verdict, "text"));
	if (p->column)
		pen_end(p);
	pen_put(p, BOLD, "Result: ");
	pen_put(p, report_colour(status), report_word(status));
	pen_put(p, PLAIN, "   ");
	if (p->column + b.len > p->width)
		pen_wrap(p, 8, buf_str(&b));
	else
		pen_put(p, PLAIN, buf_str(&b));
	pen_end(p);
	buf_clear(&b);
}

void check_print_text(const json_t *report, const struct check_style *s)
{
	struct pen p;

	if (s->quiet && check_report_status(report) == STATUS_GOOD)
		return;
	pen_init(&p);
	print_title(&p, report);
	if (!s->quiet) {
		print_vantage(&p, report);
		print_domain(&p, report);
		check_print_hosts(report);
	}
	if (s->verbose && !s->quiet)
		check_print_sessions(report);
	check_print_findings(report, s);
	print_result(&p, report);
}
