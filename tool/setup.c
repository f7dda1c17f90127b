/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup - the lines another program's configuration needs.
 */
#include "config.h"

#include "conf/setup.h"

#include "tool/out.h"
#include "tool/tool.h"
#include "util/buf.h"

#define SETUP_MAX (1024 * 1024)

static enum status run_postfix(struct tool *t, const void *values, int n,
    char **operands)
{
	struct conf *conf = tool_conf(t);
	struct buf text;

	(void)values;
	(void)n;
	(void)operands;
	if (!conf)
		return STATUS_CONFIG;
	buf_init(&text, SETUP_MAX);
	setup_postfix(conf, &text);
	if (t->json)
		out_json(json_pack("{s:s, s:s, s:s}", "schema",
		    "tlsmilter/setup-1", "for", "postfix", "text",
		    buf_str(&text)));
	else
		out_text("", buf_str(&text));
	buf_clear(&text);
	return STATUS_GOOD;
}

static const struct command command_postfix = {
	.name = "postfix",
	.usage = "",
	.summary = "print what main.cf must say",
	.is_data = true,
	.run = run_postfix,
};

static const struct command *const commands[] = {
	&command_postfix,
	NULL
};

const struct command command_setup = {
	.name = "setup",
	.usage = "postfix",
	.summary = "print the settings a mail server needs for this "
	    "configuration",
	.max_operands = -1,
	.sub = commands,
};
