/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --format json and ndjson: the reports as they are.
 */
#include "config.h"

#include "tool/check.h"

#include "tool/out.h"

enum status check_report_status(const json_t *report)
{
	json_int_t status = json_integer_value(json_object_get(report,
	    "exit"));

	if (!json_is_integer(json_object_get(report, "exit")) ||
	    status < STATUS_GOOD || status > STATUS_UNKNOWN)
		return STATUS_UNKNOWN;
	return (enum status)status;
}

enum status check_reports_status(const json_t *reports)
{
	enum status worst = STATUS_GOOD;
	const json_t *report;
	size_t i;

	json_array_foreach(reports, i, report)
		worst = status_worse(worst, check_report_status(report));
	return worst;
}

void check_print_json(json_t *reports, bool quiet)
{
	enum status status = check_reports_status(reports);

	if (quiet && status == STATUS_GOOD)
		return;
	out_json(json_pack("{s:s, s:s, s:i, s:O}",
	    "schema", "tlsmilter/check-1",
	    "version", PACKAGE_VERSION,
	    "exit", (int)status,
	    "reports", reports));
}

void check_print_ndjson(const json_t *report, bool quiet)
{
	if (quiet && check_report_status(report) == STATUS_GOOD)
		return;
	out_json_part(report);
	out_line("%s", "");
	out_flush();
}
