/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool - what the commands of tlsmilter share.
 *
 * A command is a struct command in a file of its own and a row in main.c.
 * The table of its options feeds the parser, --help and the check of the
 * man page. Commands return an exit status, the same everywhere (design §9).
 */
#ifndef TM_TOOL_TOOL_H
#define TM_TOOL_TOOL_H

#include <stdbool.h>
#include <stddef.h>

enum status {
	STATUS_GOOD = 0,
	STATUS_WARNING = 1,
	STATUS_FAILED = 2,
	STATUS_UNKNOWN = 3,	/* could not tell */
	STATUS_USAGE = 64,
	STATUS_CONFIG = 78,
};

/* Options every command takes, and what follows from them. */
struct tool {
	const char *conf_file;	/* NULL: the default */
	const char *state_dir;	/* NULL: as configured */
	bool json;
	bool quiet;
	bool help;
	struct conf *conf;	/* tool_conf() loads it */
};

enum option_kind {
	OPTION_FLAG,		/* bool */
	OPTION_STRING,		/* const char *; the last one counts */
	OPTION_LIST,		/* struct strv */
};

struct option_def {
	const char *name;	/* without "--" */
	char letter;		/* 0: none */
	enum option_kind kind;
	size_t offset;		/* of the value in the command's struct */
	const char *arg;	/* what its value is called; NULL: a flag */
	const char *help;
};

typedef enum status command_fn(struct tool *t, const void *values, int n,
    char **operands);

struct command {
	const char *name;
	const char *usage;	/* operands: "DOMAIN..." */
	const char *summary;	/* one line */
	const char *details;	/* more for --help; NULL: none */
	const struct option_def *options;
	size_t options_n;
	size_t values_size;	/* of the struct the options fill in */
	int min_operands;
	int max_operands;	/* -1: any number */
	bool is_data;		/* -q does not silence its output */
	command_fn *run;
	const struct command *const *sub;	/* NULL-terminated: run is
						 * NULL, sub-commands do it */
};

extern const struct command command_cache;
extern const struct command command_check;
extern const struct command command_explain;
extern const struct command command_history;
extern const struct command command_lint;
extern const struct command command_lists;
extern const struct command command_query;
extern const struct command command_reload;
extern const struct command command_setup;
extern const struct command command_status;

/* Read argv[1…] by a command's options and the common ones. Return the
 * index of the first operand, or -1 after a complaint. */
int options_parse(const struct command *cmd, const char *full_name,
    struct tool *t, void *values, int argc, char **argv);
/* Free what OPTION_LIST values hold. */
void options_clear(const struct command *cmd, void *values);
/* Print the options of a command, the common ones last. */
void options_help(const struct command *cmd);

/* The configuration; NULL after complaining about it (STATUS_CONFIG). */
struct conf *tool_conf(struct tool *t);

/* state_dir in force; NULL as tool_conf(). */
const char *tool_state_dir(struct tool *t);

/* Normalise a domain of the command line; false after a complaint. out has
 * MTASTS_DOMAIN_SIZE bytes. */
bool tool_domain(const char *operand, char *out);

/* The worse of two: unknown counts as worse than a warning, failed as
 * worst. */
enum status status_worse(enum status a, enum status b);

#endif
