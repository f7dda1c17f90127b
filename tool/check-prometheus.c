/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --format prometheus: a file for the textfile collector of
 * node_exporter. What could not be told has no sample.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "tool/check-report.h"
#include "util/buf.h"

#define LABELS_MAX 8192

/* ---- labels ------------------------------------------------------------ */

/* A value may have anything; three bytes are escaped. What is no printable
 * ASCII was made \xHH first, so that the file is ASCII. */
static void add_label(struct buf *out, const char *name, const char *value)
{
	struct buf clean;

	buf_init(&clean, LABELS_MAX / 4);
	report_clean(&clean, value);
	buf_addf(out, "%s%s=\"", out->len ? "," : "", name);
	for (const char *s = buf_str(&clean); *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
	buf_clear(&clean);
}

static void print_sample(const char *metric, const struct buf *labels,
    int64_t value)
{
	if (!labels->failed)
		out_line("%s{%s} %lld", metric, buf_str(labels),
		    (long long)value);
}

/* ---- one sample for each target ---------------------------------------- */

/* Print the samples of a report. */
typedef void metric_fn(const char *metric, const json_t *report);

static void print_of_target(const char *metric, const json_t *report,
    int64_t value)
{
	struct buf labels;

	buf_init(&labels, LABELS_MAX);
	add_label(&labels, "target", report_text(report, "target"));
	print_sample(metric, &labels, value);
	buf_clear(&labels);
}

static void print_last_run(const char *metric, const json_t *report)
{
	print_of_target(metric, report, report_number(report, "started") +
	    report_number(report, "took_ms") / 1000);
}

static void print_connections(const char *metric, const json_t *report)
{
	print_of_target(metric, report, report_number(report,
	    "connections"));
}

static void print_policy_expiry(const char *metric, const json_t *report)
{
	const json_t *sts = json_object_get(report, "mta_sts");

	if (report_is(sts, "state", "found"))
		print_of_target(metric, report, report_number(report,
		    "started") + report_number(sts, "max_age"));
}

static void print_policy_host(const char *metric, const json_t *report)
{
	int64_t end = report_number(json_object_get(json_object_get(report,
	    "mta_sts"), "policy_host"), "not_after");

	if (end)
		print_of_target(metric, report, end);
}

/* ---- status ------------------------------------------------------------ */

static void print_status_of(const char *metric, const json_t *report,
    const char *check, int value)
{
	struct buf labels;

	buf_init(&labels, LABELS_MAX);
	add_label(&labels, "target", report_text(report, "target"));
	add_label(&labels, "check", check);
	print_sample(metric, &labels, value);
	buf_clear(&labels);
}

/* The groups are what ids begin with: "mta-sts.", "starttls." … */
static void print_status(const char *metric, const json_t *report)
{
	static const char *const groups[] = {
		"cert.", "change.", "dane.", "egress.", "host.", "mta-sts.",
		"mx.", "resolver.", "smtp.", "starttls.", "tls.", "tlsrpt.",
	};
	char name[16];

	print_status_of(metric, report, "all",
	    (int)check_report_status(report));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		unsigned worst = report_worst(report, groups[i], false);

		if (worst == CHECK_STATUSES)
			continue;
		snprintf(name, sizeof(name), "%.*s",
		    (int)strlen(groups[i]) - 1, groups[i]);
		print_status_of(metric, report, name,
		    check_status_exit((enum check_status)worst));
	}
}

/* ---- one sample for each address --------------------------------------- */

/* False: there is nothing to tell. */
typedef bool address_fn(const json_t *address, int64_t *value_r);

static bool value_offered(const json_t *address, int64_t *value_r)
{
	enum report_answer offered = report_answer(json_object_get(address,
	    "starttls"), "offered");

	*value_r = offered == REPORT_YES;
	return offered != REPORT_NULL;
}

static bool value_handshake(const json_t *address, int64_t *value_r)
{
	const char *state = report_stage_state(address, "tls");

	*value_r = strcmp(state, "ok") == 0;
	return *value_r || strcmp(state, "failed") == 0;
}

static bool value_not_after(const json_t *address, int64_t *value_r)
{
	*value_r = report_number(json_object_get(address, "certificate"),
	    "not_after");
	return *value_r != 0;
}

/* The same series twice would spoil the whole file. */
static bool is_repeated(const json_t *hosts, size_t host, size_t address)
{
	const json_t *this = json_array_get(hosts, host);
	const json_t *list = json_object_get(this, "addresses");
	const char *text = report_text(json_array_get(list, address),
	    "address");

	for (size_t i = 0; i <= host; i++) {
		const json_t *other = json_array_get(hosts, i);
		const json_t *it;
		size_t k;

		if (!report_is(other, "name", report_text(this, "name")))
			continue;
		json_array_foreach(json_object_get(other, "addresses"), k, it)
			if ((i < host || k < address) &&
			    report_is(it, "address", text))
				return true;
	}
	return false;
}

static void print_address(const char *metric, const json_t *report,
    const json_t *host, const json_t *address, address_fn *fn)
{
	struct buf labels;
	int64_t value;

	if (!fn(address, &value))
		return;
	buf_init(&labels, LABELS_MAX);
	add_label(&labels, "target", report_text(report, "target"));
	add_label(&labels, "mx", report_text(host, "name"));
	add_label(&labels, "address", report_text(address, "address"));
	print_sample(metric, &labels, value);
	buf_clear(&labels);
}

static void print_addresses(const char *metric, const json_t *report,
    address_fn *fn)
{
	const json_t *hosts = json_object_get(report, "hosts");
	const json_t *host, *address;
	size_t i, k;

	json_array_foreach(hosts, i, host)
		json_array_foreach(json_object_get(host, "addresses"), k,
		    address)
			if (!is_repeated(hosts, i, k))
				print_address(metric, report, host, address,
				    fn);
}

static void print_offered(const char *metric, const json_t *report)
{
	print_addresses(metric, report, value_offered);
}

static void print_handshake(const char *metric, const json_t *report)
{
	print_addresses(metric, report, value_handshake);
}

static void print_not_after(const char *metric, const json_t *report)
{
	print_addresses(metric, report, value_not_after);
}

/* ---- all of it --------------------------------------------------------- */

static const struct {
	const char *name;
	const char *help;
	metric_fn *fn;
} metrics[] = {
	{ "tlsmilter_check_status",
	  "How a check ended: 0 ok, 1 warning, 2 failed, 3 could not tell.",
	  print_status },
	{ "tlsmilter_check_last_run_timestamp_seconds",
	  "When the target was checked.", print_last_run },
	{ "tlsmilter_check_connections",
	  "Connections the check made.", print_connections },
	{ "tlsmilter_mx_starttls_offered",
	  "Whether the address offered STARTTLS.", print_offered },
	{ "tlsmilter_mx_tls_established",
	  "Whether the TLS handshake succeeded.", print_handshake },
	{ "tlsmilter_cert_not_after_timestamp_seconds",
	  "When the certificate of the address ends.", print_not_after },
	{ "tlsmilter_mtasts_policy_expiry_timestamp_seconds",
	  "When the MTA-STS policy fetched by the check expires.",
	  print_policy_expiry },
	{ "tlsmilter_mtasts_host_cert_not_after_timestamp_seconds",
	  "When the certificate of the policy host ends.",
	  print_policy_host },
};

void check_print_prometheus(const json_t *reports)
{
	for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		const json_t *report;
		size_t i;

		out_line("# HELP %s %s", metrics[m].name, metrics[m].help);
		out_line("# TYPE %s gauge", metrics[m].name);
		json_array_foreach(reports, i, report)
			metrics[m].fn(metrics[m].name, report);
	}
}
