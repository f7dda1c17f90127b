/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/check-report.h"

#include <string.h>

#include "util/buf.h"
#include "util/str.h"

static const struct {
	const char *word;
	enum colour colour;
} statuses[CHECK_STATUSES] = {
	[CHECK_OK] = { "ok", GREEN },
	[CHECK_INFO] = { "info", BOLD },
	[CHECK_WARN] = { "WARN", YELLOW },
	[CHECK_UNKNOWN] = { "unknown", YELLOW },
	[CHECK_FAIL] = { "FAIL", RED },
};

const char *report_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

bool report_is(const json_t *object, const char *member, const char *text)
{
	return strcmp(report_text(object, member), text) == 0;
}

int64_t report_number(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

enum report_answer report_answer(const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);

	return json_is_true(value) ? REPORT_YES :
	    json_is_false(value) ? REPORT_NO : REPORT_NULL;
}

enum check_status report_status(const json_t *object, const char *member)
{
	enum check_status status = CHECK_UNKNOWN;

	(void)check_status_parse(report_text(object, member), &status);
	return status;
}

const char *report_word(enum check_status status)
{
	return statuses[status].word;
}

enum colour report_colour(enum check_status status)
{
	return statuses[status].colour;
}

unsigned report_worst(const json_t *report, const char *prefix,
    bool domain_only)
{
	const json_t *finding;
	unsigned worst = CHECK_STATUSES;
	size_t i;

	json_array_foreach(json_object_get(report, "findings"), i, finding) {
		unsigned status = report_status(finding, "status");

		if (!str_starts(report_text(finding, "id"), prefix) ||
		    (domain_only && *report_text(finding, "host")))
			continue;
		if (worst == CHECK_STATUSES || status > worst)
			worst = status;
	}
	return worst;
}

const json_t *report_stage(const json_t *address, const char *name)
{
	const json_t *stage;
	size_t i;

	json_array_foreach(json_object_get(address, "stages"), i, stage)
		if (report_is(stage, "name", name))
			return stage;
	return NULL;
}

const char *report_stage_state(const json_t *address, const char *name)
{
	const char *state = report_text(report_stage(address, name), "state");

	return *state ? state : "skipped";
}

bool report_is_implicit(const json_t *report)
{
	const char *protocol = report_text(report, "protocol");

	return strcmp(protocol, "smtps") == 0 ||
	    strcmp(protocol, "imaps") == 0 || strcmp(protocol, "pop3s") == 0;
}

bool report_is_smtp(const json_t *report)
{
	return !str_starts(report_text(report, "protocol"), "imap") &&
	    !str_starts(report_text(report, "protocol"), "pop3");
}

void report_clean(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\t' || c == '\n')
			buf_addc(out, ' ');
		else if (c >= 0x20 && c < 0x7f)
			buf_addc(out, *text);
		else if (c != '\r' || (text[1] && text[1] != '\n'))
			buf_addf(out, "\\x%02X", c);
	}
}
