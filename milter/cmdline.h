/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmdline - the command line of tlsmilterd.
 */
#ifndef TM_MILTER_CMDLINE_H
#define TM_MILTER_CMDLINE_H

#include <stdbool.h>

struct buf;

struct cmdline {
	const char *config_file;	/* -c; NULL: the default */
	const char *socket;		/* -p; NULL: as configured */
	const char *user;		/* -u; NULL: as configured */
	bool foreground;		/* -f */
	bool check;			/* -n */
	bool dump;			/* -D */
	bool version;			/* -V */
	bool help;			/* -h */
	unsigned verbose;		/* -v, counted */
};

/* Parse; the strings stay those of argv. False with a sentence in err. */
bool cmdline_parse(int argc, char **argv, struct cmdline *c_r,
    struct buf *err);

/* Append the usage text, one option a line. */
void cmdline_usage(struct buf *out);

/* Append the version, what the program was built with and from. */
void cmdline_version(struct buf *out);

#endif
