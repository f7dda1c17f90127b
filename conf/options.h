/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options - the one table of everything tlsmilter.conf can say.
 *
 * The parser, `tlsmilterd -D`, the check of the man page and the comparison
 * at reload all read it. To add an option: one row here, one member in
 * struct conf (or rule, or conf_listener), one entry in tlsmilter.conf(5).
 */
#ifndef TM_CONF_OPTIONS_H
#define TM_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* What a value is, and in what C type it is kept. */
enum opt_type {
	OPT_STRING,	/* char * */
	OPT_WORD,	/* enum or bool: index into words, from min */
	OPT_BOOL,	/* bool */
	OPT_TRISTATE,	/* int: -1 when not given, else 0 or 1 */
	OPT_NUMBER,	/* any unsigned integer, or int */
	OPT_FACILITY,	/* int: a syslog facility */
	OPT_DURATION,	/* int64_t, seconds */
	OPT_SIZE,	/* uint64_t, bytes */
	OPT_PERMISSION,	/* mode_t, octal */
	OPT_ENDPOINT,	/* struct endpoint */
	OPT_REPLY,	/* struct reply_template; parsed after `action` */
	OPT_STRINGS,	/* struct strv: from here on, lists */
	OPT_ENDPOINTS,	/* struct conf_sockets */
	OPT_CLIENTS,	/* struct client_set * */
	OPT_ADDRESSES,	/* struct addr_set * */
	OPT_PROMISES,	/* unsigned: PROMISE_* bits */
	OPT_HOSTED,	/* struct hosted *, in struct conf */
};

/* What a changed value asks for at reload. */
enum opt_reload {
	RELOAD_LIVE,		/* nothing: in force at once */
	RELOAD_RESOLVER,	/* a new resolver process */
	RELOAD_RESTART,		/* a restart of the daemon */
};

enum {
	OPT_LATER = 1,	/* its feature is not built yet: refused */
	OPT_FILES = 2,	/* a list that may hold file:/path entries */
};

/* Bring a string to its canonical form, or say what is wrong with it. */
typedef bool opt_check_fn(const char *s, struct buf *canon, struct buf *err);

struct option {
	const char *section;	/* "" : outside of every section */
	const char *name;
	enum opt_type type;
	unsigned flags;
	const char *def;	/* items of a list stand apart by a space;
				 * NULL: none, or made at load */
	const char *words;	/* OPT_WORD: the words, apart by a space */
	int64_t min;
	int64_t max;		/* of numbers, durations and sizes */
	enum opt_reload reload;
	size_t offset;		/* into conf, or the struct of the section */
	size_t size;
	opt_check_fn *check;	/* strings; NULL: any clean text */
	const char *help;
};

struct section {
	const char *name;
	bool titled;	/* `rule "name" { … }`, any number of them */
	bool later;	/* not built yet */
	const char *help;
};

extern const struct option options[];
extern const size_t options_n;
extern const struct section sections[];
extern const size_t sections_n;

const struct option *option_find(const char *section, const char *name);
const struct section *section_find(const char *name);

bool option_is_list(const struct option *o);
const char *option_type_name(enum opt_type type);

#endif
