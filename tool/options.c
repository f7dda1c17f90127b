/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/tool.h"

#include <getopt.h>

#include "tool/out.h"
#include "util/buf.h"
#include "util/str.h"

#define OPTIONS_MAX 40

static const struct option_def common[] = {
	{ "config", 'c', OPTION_STRING, offsetof(struct tool, conf_file),
	  "FILE", "read this configuration file" },
	{ "state-dir", 0, OPTION_STRING, offsetof(struct tool, state_dir),
	  "DIR", "use this folder instead of state_dir" },
	{ "json", 0, OPTION_FLAG, offsetof(struct tool, json),
	  NULL, "print JSON" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct tool, quiet),
	  NULL, "print nothing when all is well" },
	{ "help", 'h', OPTION_FLAG, offsetof(struct tool, help),
	  NULL, "print this help" },
};
#define COMMON (sizeof(common) / sizeof(common[0]))

/* The i-th option of a command, the common ones behind its own. */
static const struct option_def *option_at(const struct command *cmd, size_t i)
{
	return i < cmd->options_n ? &cmd->options[i] :
	    &common[i - cmd->options_n];
}

/* Fill in what getopt_long() wants; values are positions from 1. */
static void getopt_tables(const struct command *cmd, struct option *longs,
    struct buf *letters)
{
	size_t n = cmd->options_n + COMMON;

	for (size_t i = 0; i < n && i < OPTIONS_MAX; i++) {
		const struct option_def *o = option_at(cmd, i);

		longs[i] = (struct option){ .name = o->name,
		    .has_arg = o->arg ? required_argument : no_argument,
		    .val = (int)i + 256 };
		if (o->letter)
			buf_addf(letters, "%c%s", o->letter,
			    o->arg ? ":" : "");
	}
}

/* Translate what getopt_long() returned; NULL for an unknown option. */
static const struct option_def *option_found(const struct command *cmd,
    int found)
{
	size_t n = cmd->options_n + COMMON;

	if (found >= 256)
		return option_at(cmd, (size_t)found - 256);
	for (size_t i = 0; i < n; i++)
		if (option_at(cmd, i)->letter == found)
			return option_at(cmd, i);
	return NULL;
}

static bool option_set(const struct option_def *o, void *values,
    const char *arg)
{
	void *value = (char *)values + o->offset;

	if (o->kind == OPTION_LIST)
		return strv_add(value, arg);
	if (o->kind == OPTION_STRING)
		*(const char **)value = arg;
	else
		*(bool *)value = true;
	return true;
}

int options_parse(const struct command *cmd, const char *full_name,
    struct tool *t, void *values, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 1] = { 0 };
	const struct option_def *o;
	struct buf letters, name;
	char *argv0 = argv[0];
	int found, first = -1;

	buf_init(&letters, 100);
	buf_init(&name, 100);
	/* "+": a command with sub-commands stops at their name. */
	buf_adds(&letters, cmd->sub ? "+" : "");
	getopt_tables(cmd, longs, &letters);
	buf_adds(&name, full_name);
	argv[0] = name.data;
	optind = 0;
	while ((found = getopt_long(argc, argv, buf_str(&letters), longs,
	    NULL)) != -1) {
		o = option_found(cmd, found);
		if (!o || !option_set(o, o >= common && o < common + COMMON ?
		    (void *)t : values, optarg))
			goto done;
	}
	first = optind;
done:
	if (first < 0)
		fprintf(stderr, "Try `%s --help'.\n", full_name);
	argv[0] = argv0;
	buf_clear(&letters);
	buf_clear(&name);
	return first;
}

void options_clear(const struct command *cmd, void *values)
{
	for (size_t i = 0; i < cmd->options_n; i++)
		if (cmd->options[i].kind == OPTION_LIST)
			strv_clear((struct strv *)((char *)values +
			    cmd->options[i].offset));
}

void options_help(const struct command *cmd)
{
	out_line("Options:");
	for (size_t i = 0; i < cmd->options_n + COMMON; i++) {
		const struct option_def *o = option_at(cmd, i);
		char left[64];

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
		    o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		    o->letter ? "," : " ", o->name, o->arg ? " " : "",
		    o->arg ? o->arg : "");
		out_line("  %-30s %s", left, o->help);
	}
}
