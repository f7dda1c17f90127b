/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - what the files of the command `check` share.
 *
 * check.c reads the command line, check-run.c checks the targets,
 * check-notes.c keeps what the next check will want to know, and each form
 * of output has a file that makes it from reports alone (check/report.h).
 */
#ifndef TM_TOOL_CHECK_H
#define TM_TOOL_CHECK_H

#include <jansson.h>

#include "check/gather.h"
#include "check/protocol.h"
#include "tool/tool.h"
#include "util/str.h"

/* ---- the command line -------------------------------------------------- */

enum check_format {
	FORMAT_TEXT, FORMAT_JSON, FORMAT_NDJSON, FORMAT_NAGIOS,
	FORMAT_PROMETHEUS,
};

enum check_fail_on { FAIL_ON_WARN, FAIL_ON_FAIL, FAIL_ON_NEVER };

/* As getopt left them. */
struct check_values {
	struct strv hosts[CHECK_PROTOCOLS];	/* but CHECK_HTTPS */
	const char *ehlo, *max_mx, *control, *timeout, *jobs;
	const char *format, *fail_on, *probe, *explain;
	bool deep, ipv4, ipv6, no_memory, forget, verbose;
};

struct check_options {
	enum check_format format;
	enum check_fail_on fail_on;
	unsigned max_mx;	/* at most GATHER_HOSTS_MAX, or 0: not said */
	unsigned jobs;
	uint32_t timeout_ms;
	char ehlo[DNS_NAME_SIZE + 8];
	const char *ca_file;	/* the configuration's; NULL: the system's */
	struct check_target control;	/* its name is "" if there is none */
	bool injection, deep, no_ipv4, no_ipv6;
	bool no_memory, verbose, quiet;
	struct check_target *targets;	/* no two are the same */
	size_t n;
};

/* False after a complaint. */
bool check_options_read(const struct check_values *v, const struct tool *t,
    int n, char **operands, struct check_options *o_r);
void check_options_clear(struct check_options *o);

/* What the configuration says: the name for EHLO unless the command line
 * has one, and the CA file. False after a complaint. */
bool check_options_conf(const struct check_values *v,
    const struct conf *conf, struct check_options *o);

/* ---- doing it ---------------------------------------------------------- */

enum status check_run(struct tool *t, const struct check_options *o);
enum status check_forget(struct tool *t, const struct check_options *o);
/* "list": all ids. */
enum status check_explain(const struct tool *t, const char *id);

/* ---- output ------------------------------------------------------------ */

struct check_style {
	bool verbose;
	bool quiet;		/* only what is not well */
};

/* One report, as people read it. With quiet nothing if it is well. */
void check_print_text(const json_t *report, const struct check_style *s);
/* Its parts: the table of hosts, every session, the findings. */
void check_print_hosts(const json_t *report);
void check_print_sessions(const json_t *report);
void check_print_findings(const json_t *report, const struct check_style *s);

/* All reports of an array at once. */
void check_print_json(json_t *reports, bool quiet);
void check_print_nagios(const json_t *reports);
void check_print_prometheus(const json_t *reports);
/* One report on a line of its own. */
void check_print_ndjson(const json_t *report, bool quiet);

/* The exit status of a report, and the worst of several. */
enum status check_report_status(const json_t *report);
enum status check_reports_status(const json_t *reports);

#endif
