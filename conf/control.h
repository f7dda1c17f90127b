/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - the language of the control socket, for both ends.
 *
 * One JSON object a line each way (design §9). A request has `command` and
 * the arguments of that command; an answer has `ok`, and `error` when that
 * is false. An answer that is a list comes as one line for each member,
 * `{"item": …}`, and ends with a line that has `ok`.
 *
 *   query          domain              record (or null), live
 *   cache-list                         items: record without the text
 *   cache-export                       items: record
 *   cache-show     domain              record
 *   cache-refresh  domains[]           items: domain, ok, text
 *   cache-purge    domain
 *   cache-import   records[]           count, older (skipped)
 *   list-refresh   names[] (or none)   items: name, ok, text
 *   status                             status
 *   reload                             messages
 *
 * Records are as mtasts/cachejson.h makes them. Neither end trusts the
 * other: lines are bounded, and what does not parse ends the connection.
 */
#ifndef TM_CONF_CONTROL_H
#define TM_CONF_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

struct endpoint;

/* The longest line either way, its newline not counted. */
#define CONTROL_LINE_MAX (1024 * 1024)

/* The most members of domains[] in one request. */
#define CONTROL_DOMAINS_MAX 256

/* ---- lines ------------------------------------------------------------- */

/* Cuts a stream into lines; not thread-safe. */
struct control_lines {
	struct buf in;
	size_t start;		/* of the first line not yet returned */
	size_t scanned;		/* no newline between start and here */
};

void control_lines_init(struct control_lines *l);
void control_lines_clear(struct control_lines *l);

/* Add what was read; false when a line is longer than allowed. */
bool control_lines_add(struct control_lines *l, const void *data,
    size_t len);

/* The next whole line, without its newline; NULL if there is none yet. It
 * lives until the next call of either function. */
const char *control_lines_next(struct control_lines *l, size_t *len_r);

/* ---- objects ----------------------------------------------------------- */

/* Read one line; NULL with a sentence in err. */
json_t *control_decode(const char *line, size_t len, struct buf *err);

/* Append an object as one line of ASCII; false when it is too long or
 * memory ran out (out is then as before). */
bool control_encode(const json_t *object, struct buf *out);

/* A new answer that says no; NULL when out of memory. */
json_t *control_error(const char *text);

/* A string that is valid in JSON whatever the bytes are: what is not clean
 * UTF-8 is escaped. NULL when out of memory, or too long for a line. */
json_t *control_string(const char *text);

/* ---- client ------------------------------------------------------------ */

struct control_client;

/* Connect, waiting at most timeout_ms; NULL with a sentence in err. */
struct control_client *control_connect(const struct endpoint *ep,
    int timeout_ms, struct buf *err);
void control_close(struct control_client *c);

/* Send one request, waiting at most timeout_ms for the peer to take it. */
bool control_send(struct control_client *c, const json_t *request,
    int timeout_ms, struct buf *err);

/* Wait for the next line; NULL with a sentence in err on time-out, end of
 * the connection, or an answer that is none. */
json_t *control_receive(struct control_client *c, int timeout_ms,
    struct buf *err);

#endif
