/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/cmdline.h"

#include <stddef.h>
#include <unistd.h>

#include "util/buf.h"

enum flag_kind { FLAG_BOOL, FLAG_COUNT, FLAG_TEXT };

static const struct flag {
	char letter;
	enum flag_kind kind;
	size_t offset;
	const char *argument;
	const char *help;
} flags[] = {
	{ 'c', FLAG_TEXT, offsetof(struct cmdline, config_file), "FILE",
	    "configuration (default " SYSCONFDIR
	    "/tlsmilter/tlsmilter.conf)" },
	{ 'f', FLAG_BOOL, offsetof(struct cmdline, foreground), NULL,
	    "stay in the foreground, log to standard error as well" },
	{ 'n', FLAG_BOOL, offsetof(struct cmdline, check), NULL,
	    "check the configuration and exit: 0 good, 78 not" },
	{ 'D', FLAG_BOOL, offsetof(struct cmdline, dump), NULL,
	    "print the effective configuration and exit" },
	{ 'p', FLAG_TEXT, offsetof(struct cmdline, socket), "SOCKET",
	    "milter socket, instead of the configured one" },
	{ 'u', FLAG_TEXT, offsetof(struct cmdline, user), "USER",
	    "run as this user when started as root" },
	{ 'v', FLAG_COUNT, offsetof(struct cmdline, verbose), NULL,
	    "log more; may be repeated" },
	{ 'V', FLAG_BOOL, offsetof(struct cmdline, version), NULL,
	    "print version and build features and exit" },
	{ 'h', FLAG_BOOL, offsetof(struct cmdline, help), NULL,
	    "print this help and exit" },
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static void set_flag(const struct flag *f, struct cmdline *c,
    const char *argument)
{
	char *member = (char *)c + f->offset;

	switch (f->kind) {
	case FLAG_BOOL:
		*(bool *)(void *)member = true;
		break;
	case FLAG_COUNT:
		++*(unsigned *)(void *)member;
		break;
	case FLAG_TEXT:
		*(const char **)(void *)member = argument;
		break;
	}
}

static const struct flag *find_flag(int letter)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (flags[i].letter == letter)
			return &flags[i];
	return NULL;
}

/* Write ":c:f…", as getopt(3) wants it, into out. */
static void getopt_string(struct buf *out)
{
	buf_addc(out, ':');
	for (size_t i = 0; i < FLAGS; i++) {
		buf_addc(out, flags[i].letter);
		if (flags[i].argument)
			buf_addc(out, ':');
	}
}

/* Parse into c; false with a sentence in err. */
static bool parse_flags(int argc, char **argv, const char *wanted,
    struct cmdline *c, struct buf *err)
{
	int letter;

	optind = 1;
	while ((letter = getopt(argc, argv, wanted)) != -1) {
		const struct flag *f = find_flag(letter);

		if (!f) {
			buf_addf(err, letter == ':' ?
			    "option -%c needs an argument" :
			    "unknown option -%c", optopt);
			return false;
		}
		set_flag(f, c, optarg);
	}
	if (optind == argc)
		return true;
	buf_addf(err, "unexpected argument \"%s\"", argv[optind]);
	return false;
}

bool cmdline_parse(int argc, char **argv, struct cmdline *c_r,
    struct buf *err)
{
	struct cmdline c = { 0 };
	struct buf wanted;
	bool ok;

	buf_init(&wanted, 3 * FLAGS);
	getopt_string(&wanted);
	ok = parse_flags(argc, argv, buf_str(&wanted), &c, err);
	buf_clear(&wanted);
	if (ok)
		*c_r = c;
	return ok;
}

void cmdline_usage(struct buf *out)
{
	buf_adds(out, "usage: tlsmilterd [-DfnvV] [-c FILE] [-p SOCKET] "
	    "[-u USER]\n");
	for (size_t i = 0; i < FLAGS; i++)
		buf_addf(out, "  -%c %-8s %s\n", flags[i].letter,
		    flags[i].argument ? flags[i].argument : "",
		    flags[i].help);
}

void cmdline_version(struct buf *out)
{
	buf_addf(out, "tlsmilterd %s\n", PACKAGE_VERSION);
	buf_addf(out, "built with: %s\n", TM_LIBRARIES);
	buf_addf(out, "sanitizers: %s\n", TM_SANITIZED);
	buf_addf(out, "configuration: %s/tlsmilter/tlsmilter.conf\n",
	    SYSCONFDIR);
}
