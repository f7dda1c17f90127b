/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tlsmilter - the command-line tool (design §9): the table of commands and
 * the way from argv to one of them.
 */
#include "config.h"

#include "tool/tool.h"

#include <jansson.h>

#include "conf/conf.h"
#include "tool/out.h"

#define FULL_NAME_MAX 80

struct root_options {
	bool version;
};

static const struct option_def root_options[] = {
	{ "version", 'V', OPTION_FLAG, offsetof(struct root_options, version),
	  NULL, "print the version" },
};

static const struct command command_help;
static const struct command *const commands[] = {
	&command_cache,
	&command_check,
	&command_explain,
	&command_help,
	&command_history,
	&command_lint,
	&command_lists,
	&command_query,
	&command_reload,
	&command_setup,
	&command_status,
	NULL
};

static const struct command command_root = {
	.name = "tlsmilter",
	.usage = "COMMAND [ARGUMENT...]",
	.summary = "look into TLS policies and the running tlsmilterd",
	.options = root_options,
	.options_n = 1,
	.values_size = sizeof(struct root_options),
	.max_operands = -1,
	.sub = commands,
};

static void print_help(const struct command *cmd, const char *full_name)
{
	out_line("usage: %s [OPTION...] %s", full_name, cmd->usage);
	out_line("%s", "");
	out_part(PLAIN, "%c", cmd->summary[0] - 'a' + 'A');
	out_line("%s.", cmd->summary + 1);
	if (cmd->details) {
		out_line("%s", "");
		out_text("", cmd->details);
	}
	out_line("%s", "");
	if (cmd->sub) {
		out_line("Commands:");
		for (size_t i = 0; cmd->sub[i]; i++)
			out_line("  %-10s %s", cmd->sub[i]->name,
			    cmd->sub[i]->summary);
		out_line("%s", "");
	}
	options_help(cmd);
}

static enum status print_version(void)
{
	out_line("tlsmilter %s", PACKAGE_VERSION);
	return STATUS_GOOD;
}

/* How many letters must change to make one word of the other; both are
 * shorter than the row of the table it is computed in. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32], diagonal, above;
	size_t n = strlen(b);

	if (n >= 32)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; *a; a++, i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = diagonal + (*a != b[j - 1]);

			above = row[j];
			best = above + 1 < best ? above + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[n];
}

static const struct command *find_command(const struct command *const *list,
    const char *name)
{
	for (size_t i = 0; list[i]; i++)
		if (strcmp(list[i]->name, name) == 0)
			return list[i];
	return NULL;
}

static enum status unknown_command(const struct command *cmd,
    const char *full_name, const char *word)
{
	const char *near = NULL;
	unsigned best = 3;

	for (size_t i = 0; cmd->sub[i]; i++) {
		unsigned d = distance(cmd->sub[i]->name, word);

		if (d < best) {
			best = d;
			near = cmd->sub[i]->name;
		}
	}
	if (near)
		complain("unknown command \"%s\"; did you mean \"%s\"?", word,
		    near);
	else
		complain("unknown command \"%s\"; see %s --help", word,
		    full_name);
	return STATUS_USAGE;
}

static enum status usage_error(const struct command *cmd,
    const char *full_name)
{
	complain("usage: %s [OPTION...] %s", full_name, cmd->usage);
	return STATUS_USAGE;
}

/* Run a command without sub-commands. */
static enum status run_leaf(const struct command *cmd, const char *full_name,
    struct tool *t, const void *values, int n, char **operands)
{
	enum status status;

	if (n < cmd->min_operands ||
	    (cmd->max_operands >= 0 && n > cmd->max_operands))
		return usage_error(cmd, full_name);
	if (t->quiet && !cmd->is_data)
		out_hold();
	status = cmd->run(t, values, n, operands);
	out_release(status != STATUS_GOOD);
	return status;
}

static enum status run_command(const struct command *cmd, const char *prefix,
    struct tool *t, int argc, char **argv);

static enum status run_sub(const struct command *cmd, const char *full_name,
    struct tool *t, int argc, char **argv)
{
	const struct command *sub;

	if (argc == 0) {
		complain("usage: %s [OPTION...] %s; see %s --help", full_name,
		    cmd->usage, full_name);
		return STATUS_USAGE;
	}
	sub = find_command(cmd->sub, argv[0]);
	if (!sub)
		return unknown_command(cmd, full_name, argv[0]);
	return run_command(sub, full_name, t, argc, argv);
}

static enum status run_parsed(const struct command *cmd,
    const char *full_name, struct tool *t, const void *values, int argc,
    char **argv)
{
	const struct root_options *root = values;

	if (cmd == &command_root && root->version)
		return print_version();
	if (t->help) {
		print_help(cmd, full_name);
		return STATUS_GOOD;
	}
	if (cmd->sub)
		return run_sub(cmd, full_name, t, argc, argv);
	return run_leaf(cmd, full_name, t, values, argc, argv);
}

static enum status run_command(const struct command *cmd, const char *prefix,
    struct tool *t, int argc, char **argv)
{
	void *values = calloc(1, cmd->values_size + 1);
	enum status status = STATUS_USAGE;
	char full_name[FULL_NAME_MAX];
	int first;

	if (!values) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	snprintf(full_name, sizeof(full_name), "%s%s%s", prefix,
	    *prefix ? " " : "", cmd->name);
	first = options_parse(cmd, full_name, t, values, argc, argv);
	if (first >= 0)
		status = run_parsed(cmd, full_name, t, values, argc - first,
		    argv + first);
	options_clear(cmd, values);
	free(values);
	return status;
}

/* `help COMMAND [SUB-COMMAND]` is `COMMAND [SUB-COMMAND] --help`. */
static enum status run_help(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct command *cmd = &command_root;
	char full_name[FULL_NAME_MAX] = "tlsmilter";
	size_t len = strlen(full_name);

	(void)t;
	(void)values;
	for (int i = 0; i < n; i++) {
		const struct command *sub = cmd->sub ?
		    find_command(cmd->sub, operands[i]) : NULL;

		if (!sub && cmd->sub)
			return unknown_command(cmd, full_name, operands[i]);
		if (!sub)
			return usage_error(&command_help, "tlsmilter help");
		cmd = sub;
		len += (size_t)snprintf(full_name + len,
		    sizeof(full_name) - len, " %s", cmd->name);
	}
	print_help(cmd, full_name);
	return STATUS_GOOD;
}

static const struct command command_help = {
	.name = "help",
	.usage = "[COMMAND...]",
	.summary = "print the help of a command",
	.max_operands = 2,
	.is_data = true,
	.run = run_help,
};

int main(int argc, char **argv)
{
	struct tool t = { 0 };
	enum status status;

	out_init();
	status = run_command(&command_root, "", &t, argc, argv);
	conf_unref(t.conf);
	if (!out_finish() && status < STATUS_FAILED)
		status = STATUS_FAILED;
	return (int)status;
}
