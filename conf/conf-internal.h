/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf-internal - what the files of the loader share.
 *
 * Loading has three steps: the text is parsed into a tree of strings with
 * their lines (parse.c); the tree is compiled through the option table into
 * struct conf, defaults added and each string made canonical (compile.c,
 * value.c, rules.c); the tree is kept for dumping and comparison (text.c).
 */
#ifndef TM_CONF_INTERNAL_H
#define TM_CONF_INTERNAL_H

#include "conf/conf.h"
#include "conf/options.h"

#define BUILT_IN "(built-in)"

/* A value as written. */
struct conf_value {
	char *text;
	unsigned line;
};

/* One option of a section; n == 0 is the empty list. */
struct conf_entry {
	const struct option *option;
	unsigned line;		/* 0: a default */
	struct conf_value *v;
	size_t n;
};

/* A section; title is NULL for plain ones. */
struct conf_group {
	const char *section;	/* from the table; "" is the top level */
	char *title;
	unsigned line;
	struct conf_entry *e;
	size_t n;
};

/* A configuration as text; g[0] is the top level. */
struct conf_text {
	struct conf_group *g;
	size_t n;
};

void conf_group_clear(struct conf_group *g);
void conf_text_clear(struct conf_text *t);
/* NULL when out of memory. */
struct conf_group *conf_text_add(struct conf_text *t, const char *section,
    const char *title, unsigned line);
struct conf_entry *conf_group_add(struct conf_group *g,
    const struct option *o, unsigned line);
bool conf_entry_add(struct conf_entry *e, const char *text, unsigned line);
/* NULL: not there. */
struct conf_entry *conf_group_find(const struct conf_group *g,
    const struct option *o);
struct conf_group *conf_text_find(const struct conf_text *t,
    const char *section);

/* One run of the loader. */
struct loader {
	const char *file;		/* for messages */
	const struct bundle *bundle;
	struct bundle *disk;		/* NULL: files must be in bundle */
	struct conf_messages *messages;
	size_t errors;
	struct conf *conf;
};

void load_error(struct loader *l, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void load_error_in(struct loader *l, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A message that says itself where: "FILE:LINE:COLUMN: …". */
void load_error_text(struct loader *l, const char *text);
void load_warn(struct loader *l, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void load_warn_in(struct loader *l, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Parse a configuration file's text and append its groups to t. */
bool conf_parse(struct loader *l, const char *text, size_t len,
    struct conf_text *t);

/* Compile t into l->conf; t becomes canonical and complete. */
bool conf_compile(struct loader *l, struct conf_text *t);

/* Set every option of a group, or its default, in the struct at base. */
void load_group(struct loader *l, struct conf_group *g, void *base);

/* The text of a file that a value in that line names, read into the bundle
 * if that is allowed; NULL after an error. */
const char *load_bundled(struct loader *l, const char *path, unsigned line,
    size_t *len_r);

/* False, after an error, when a section's title is no good name. */
bool load_check_title(struct loader *l, const struct conf_group *g);

/* Compile `rule`, `listener` and `list` sections; rules come last. */
void load_rules(struct loader *l, struct conf_text *t);
void load_listeners(struct loader *l, struct conf_text *t);
void load_lists(struct loader *l, struct conf_text *t);
/* Find the list that a rule names. */
void load_rule_list(struct loader *l, const struct conf_group *g,
    struct rule *r);
void conf_lists_clear(struct conf *c);

/* Compile the `postfix` section and the `destination` sections. */
void load_postfix(struct loader *l);
void load_destinations(struct loader *l, struct conf_text *t);
void conf_destinations_clear(struct conf *c);

/* Sort what is watched; an error if it is too much. */
void load_watch(struct loader *l, const struct conf_text *t);

/* Warn of what is allowed but unwise. */
void load_advice(struct loader *l, const struct conf_text *t);
void advise_lists(struct loader *l, const struct conf_text *t);

/*
 * Set one value (one item of a list) in the struct at base, and append its
 * canonical text to canon. False with a sentence in err.
 */
bool value_set(const struct option *o, const char *text, void *base,
    struct buf *canon, struct buf *err);

/* Checks of strings, for the table. */
bool check_name(const char *s, struct buf *canon, struct buf *err);
bool check_path(const char *s, struct buf *canon, struct buf *err);
bool check_authserv_id(const char *s, struct buf *canon, struct buf *err);
bool check_proxy(const char *s, struct buf *canon, struct buf *err);
bool check_url(const char *s, struct buf *canon, struct buf *err);
bool check_list_file(const char *s, struct buf *canon, struct buf *err);
bool check_list_url(const char *s, struct buf *canon, struct buf *err);
bool check_domain(const char *s, struct buf *canon, struct buf *err);
bool check_server(const char *s, struct buf *canon, struct buf *err);
bool check_listener(const char *s, struct buf *canon, struct buf *err);
bool check_token(const char *s, struct buf *canon, struct buf *err);
bool check_postfix_version(const char *s, struct buf *canon,
    struct buf *err);
/* Names, keywords and fingerprints as they are compared: A-labels and lower
 * case. Which of them the level allows is asked when it is known. */
bool check_match(const char *s, struct buf *canon, struct buf *err);
bool check_fingerprint(const char *s, struct buf *canon, struct buf *err);

#endif
