/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint - check the text of a policy before it is published: the parser of
 * the run time, strict where that one is lenient.
 */
#include "config.h"

#include "tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "conf/control.h"
#include "mtasts/mtasts.h"
#include "tool/lint-list.h"
#include "tool/out.h"
#include "tool/readfile.h"
#include "util/buf.h"

/* More than a sender or a reader of lists accepts, so that the size can be
 * a finding. */
#define LINT_READ_MAX (64 * 1024 * 1024)

struct lint_values {
	bool list;
};

static const struct option_def options[] = {
	{ "list", 'l', OPTION_FLAG, offsetof(struct lint_values, list), NULL,
	  "the files are partner lists" },
};

struct lint {
	const char *file;
	bool json;
	json_t *findings;
	unsigned counts[MTASTS_ERROR + 1];
};

static const struct {
	const char *name;
	enum colour colour;
} severities[] = {
	[MTASTS_NOTE] = { "note", PLAIN },
	[MTASTS_WARNING] = { "warning", YELLOW },
	[MTASTS_ERROR] = { "error", RED },
};

static void print_finding(const struct lint *l,
    const struct mtasts_finding *f)
{
	if (f->line)
		out_part(PLAIN, "%s:%u:%u: ", l->file, f->line, f->column);
	else	/* it speaks of the whole text */
		out_part(PLAIN, "%s: ", l->file);
	out_part(severities[f->severity].colour, "%s",
	    severities[f->severity].name);
	out_line(": %s [%s]", f->text, f->id);
}

static void on_finding(void *arg, const struct mtasts_finding *f)
{
	struct lint *l = arg;

	l->counts[f->severity]++;
	if (!l->json) {
		print_finding(l, f);
		return;
	}
	json_array_append_new(l->findings, json_pack(
	    "{s:i, s:i, s:s, s:o, s:s}", "line", (int)f->line,
	    "column", (int)f->column, "severity",
	    severities[f->severity].name, "text", control_string(f->text),
	    "id", f->id));
}

static void print_json(struct lint *l, const struct mtasts_policy *policy)
{
	json_t *mx = json_array();

	for (size_t i = 0; policy && i < mtasts_policy_mx_count(policy); i++)
		json_array_append_new(mx,
		    json_string(mtasts_policy_mx(policy, i)));
	out_json(json_pack("{s:s, s:o, s:b, s:s?, s:o, s:o, s:O}",
	    "schema", "tlsmilter/lint-1", "file", control_string(l->file),
	    "valid", policy != NULL,
	    "mode", policy ? mtasts_mode_name(mtasts_policy_mode(policy)) :
	    NULL,
	    "max_age", policy ?
	    json_integer(mtasts_policy_max_age(policy)) : json_null(),
	    "mx", mx, "findings", l->findings));
}

static void print_summary(const struct lint *l,
    const struct mtasts_policy *policy)
{
	out_part(PLAIN, "%s: ", l->file);
	if (policy) {
		out_part(GREEN, "valid");
		out_line(": mode %s, max_age %lu, mx %zu",
		    mtasts_mode_name(mtasts_policy_mode(policy)),
		    (unsigned long)mtasts_policy_max_age(policy),
		    mtasts_policy_mx_count(policy));
	} else {
		out_part(RED, "invalid");
		out_line("%s", "");
	}
}

static enum status lint_text(struct lint *l, const struct buf *text)
{
	enum mtasts_error error = MTASTS_OK;
	struct mtasts_policy *policy;
	enum status status;

	l->findings = json_array();
	policy = mtasts_policy_parse(buf_str(text), text->len,
	    MTASTS_PARSE_STRICT, on_finding, l, &error);
	if (!policy && error == MTASTS_E_MEMORY) {
		complain("%s", mtasts_strerror(error));
		status = STATUS_UNKNOWN;
	} else {
		if (l->json)
			print_json(l, policy);
		else
			print_summary(l, policy);
		status = !policy ? STATUS_FAILED :
		    l->counts[MTASTS_WARNING] ? STATUS_WARNING : STATUS_GOOD;
	}
	mtasts_policy_free(policy);
	json_decref(l->findings);
	return status;
}

static enum status lint_file(const struct tool *t, const char *file,
    const struct lint_values *o)
{
	struct lint l = { .file = file, .json = t->json };
	enum status status = STATUS_UNKNOWN;
	struct buf text, err;

	buf_init(&text, LINT_READ_MAX);
	buf_init(&err, 1000);
	if (!readfile(file, &text, &err))
		complain("%s", buf_str(&err));
	else if (o->list)
		status = lint_list(t, file, &text);
	else
		status = lint_text(&l, &text);
	buf_clear(&err);
	buf_clear(&text);
	return status;
}

static enum status run_lint(struct tool *t, const void *values, int n,
    char **operands)
{
	enum status status = STATUS_GOOD;

	for (int i = 0; i < n; i++)
		status = status_worse(status, lint_file(t, operands[i], values));
	return status;
}

const struct command command_lint = {
	.name = "lint",
	.usage = "FILE|-...",
	.summary = "check the text of an MTA-STS policy, or a partner list",
	.details = "Every finding is one line, FILE:LINE:COLUMN: SEVERITY: "
	    "TEXT [ID];\nof a list, FILE:LINE:COLUMN: SEVERITY: MEMBER: "
	    "TEXT.\nExit status 2: invalid; 1: valid, with warnings; "
	    "3: a file could not be read.",
	.options = options,
	.options_n = sizeof(options) / sizeof(options[0]),
	.values_size = sizeof(struct lint_values),
	.min_operands = 1,
	.max_operands = -1,
	.run = run_lint,
};
