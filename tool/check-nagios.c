/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --format nagios: a plugin's output. The first line says the worst,
 * with the numbers of all targets; the other targets have a line each.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "tool/check-report.h"
#include "util/buf.h"

#define TEXT_MAX 65536
#define NUMBERS_MAX (1024 * 1024)

/* The lines of a plugin end at a bar, where numbers begin. */
static void add_plain(struct buf *out, const char *text)
{
	size_t from = out->len;

	report_clean(out, text);
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] == '|')
			out->data[i] = '/';
}

static void add_verdict(struct buf *out, const json_t *report)
{
	static const char *const words[] = {
		[STATUS_GOOD] = "OK", [STATUS_WARNING] = "WARN",
		[STATUS_FAILED] = "FAIL", [STATUS_UNKNOWN] = "UNKNOWN",
	};

	buf_addf(out, "TLS %s - ", words[check_report_status(report)]);
	add_plain(out, report_text(report, "target"));
	buf_adds(out, ": ");
	add_plain(out, report_text(json_object_get(report, "verdict"),
	    "text"));
}

/* ---- numbers ----------------------------------------------------------- */

struct numbers {
	size_t hosts, hosts_ok;
	size_t addresses, addresses_ok;
	bool has_end;
	int64_t end;		/* of the certificate that ends first */
};

/* Does a finding say that the host, or one of its addresses, fails? */
static bool host_fails(const json_t *report, const char *host)
{
	const json_t *finding;
	size_t i;

	json_array_foreach(json_object_get(report, "findings"), i, finding)
		if (report_status(finding, "status") == CHECK_FAIL &&
		    report_is(finding, "host", host))
			return true;
	return false;
}

static void count_address(const json_t *address, struct numbers *n)
{
	int64_t end = report_number(json_object_get(address, "certificate"),
	    "not_after");

	n->addresses++;
	n->addresses_ok += json_is_object(json_object_get(address, "tls"));
	if (end && (!n->has_end || end < n->end)) {
		n->has_end = true;
		n->end = end;
	}
}

static void count(const json_t *report, struct numbers *n)
{
	const json_t *host, *address;
	size_t i, k;

	json_array_foreach(json_object_get(report, "hosts"), i, host) {
		size_t before = n->addresses_ok;

		n->hosts++;
		json_array_foreach(json_object_get(host, "addresses"), k,
		    address)
			count_address(address, n);
		n->hosts_ok += n->addresses_ok > before &&
		    !host_fails(report, report_text(host, "name"));
	}
}

/* A label in quotes, for it has blanks if there are several targets. */
static void add_label(struct buf *out, const json_t *report, bool several,
    const char *name)
{
	size_t from;

	buf_adds(out, out->len ? " " : "");
	if (!several) {
		buf_addf(out, "%s=", name);
		return;
	}
	buf_addc(out, '\'');
	from = out->len;
	add_plain(out, report_text(report, "target"));
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] == '\'' || out->data[i] == '=')
			out->data[i] = '_';
	buf_addf(out, "::%s'=", name);
}

static void add_numbers(struct buf *out, const json_t *report, bool several)
{
	int64_t ms = report_number(report, "took_ms");
	struct numbers n = { .hosts = 0 };

	count(report, &n);
	if (report_is(report, "kind", "domain")) {
		add_label(out, report, several, "mx_total");
		buf_addf(out, "%zu", n.hosts);
		add_label(out, report, several, "mx_ok");
		buf_addf(out, "%zu;;;0;%zu", n.hosts_ok, n.hosts);
	}
	add_label(out, report, several, "addresses_total");
	buf_addf(out, "%zu", n.addresses);
	add_label(out, report, several, "addresses_tls");
	buf_addf(out, "%zu;;;0;%zu", n.addresses_ok, n.addresses);
	if (n.has_end) {
		int64_t left = n.end - report_number(report, "started");

		add_label(out, report, several, "cert_days_min");
		buf_addf(out, "%lld", (long long)(left < 0 ?
		    (left - 86399) / 86400 : left / 86400));
	}
	add_label(out, report, several, "time");
	buf_addf(out, "%lld.%03llds", (long long)(ms / 1000),
	    (long long)(ms % 1000));
}

/* ---- lines ------------------------------------------------------------- */

static size_t find_worst(const json_t *reports)
{
	enum status worst = check_reports_status(reports);
	const json_t *report;
	size_t i;

	json_array_foreach(reports, i, report)
		if (check_report_status(report) == worst)
			return i;
	return 0;
}

void check_print_nagios(const json_t *reports)
{
	size_t worst = find_worst(reports), n = json_array_size(reports), i;
	const json_t *report;
	struct buf line, numbers;

	if (n == 0)
		return;
	buf_init(&line, TEXT_MAX);
	buf_init(&numbers, NUMBERS_MAX);
	json_array_foreach(reports, i, report)
		add_numbers(&numbers, report, n > 1);
	add_verdict(&line, json_array_get(reports, worst));
	out_line("%s | %s", buf_str(&line), buf_str(&numbers));
	json_array_foreach(reports, i, report) {
		if (i == worst)
			continue;
		buf_reset(&line);
		add_verdict(&line, report);
		out_line("%s", buf_str(&line));
	}
	buf_clear(&line);
	buf_clear(&numbers);
}
