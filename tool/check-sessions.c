/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check -v: every stage of every session, with what the server said.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "tool/check-pen.h"
#include "tool/check-report.h"
#include "util/buf.h"
#include "util/clock.h"

#define TEXT_MAX 65536
#define COLUMN_STAGE 4
#define COLUMN_STATE 14
#define COLUMN_TIME 22
#define COLUMN_TEXT 33

static enum colour colour_of(const char *state)
{
	return strcmp(state, "ok") == 0 ? GREEN :
	    strcmp(state, "failed") == 0 ? RED :
	    strcmp(state, "unknown") == 0 ? YELLOW : PLAIN;
}

/* A line of one stage: its name, how it went, how long it took, and what
 * was said. */
static void print_stage(struct pen *p, const json_t *stage)
{
	const char *state = report_text(stage, "state");
	const char *detail = report_text(stage, "detail");
	char ms[32];

	if (strcmp(state, "skipped") == 0 || !*state)
		return;
	pen_tab(p, COLUMN_STAGE);
	pen_put(p, PLAIN, report_text(stage, "name"));
	pen_tab(p, COLUMN_STATE);
	pen_put(p, colour_of(state), state);
	pen_tab(p, COLUMN_TIME);
	snprintf(ms, sizeof(ms), "%6lld ms",
	    (long long)report_number(stage, "ms"));
	pen_put(p, PLAIN, ms);
	pen_put(p, PLAIN, "  ");
	pen_lines(p, COLUMN_TEXT, report_text(stage, "reply"));
	if (*detail && p->column > COLUMN_TEXT)
		pen_end(p);
	pen_tab(p, COLUMN_TEXT);
	pen_wrap(p, COLUMN_TEXT, detail);
	pen_end(p);
}

static void print_more(struct pen *p, const char *label, struct buf *b)
{
	if (b->len) {
		pen_tab(p, COLUMN_STAGE);
		pen_put(p, PLAIN, label);
		pen_tab(p, COLUMN_STATE);
		pen_wrap(p, COLUMN_STATE, buf_str(b));
		pen_end(p);
	}
	buf_reset(b);
}

static void add_time(struct buf *b, const char *before, int64_t when)
{
	if (!when)
		return;
	buf_adds(b, before);
	clock_add_time(b, when);
}

static void print_tls(struct pen *p, const json_t *tls, struct buf *b)
{
	const char *error = report_text(json_object_get(tls, "chain"),
	    "error");

	if (!json_is_object(tls))
		return;
	buf_addf(b, "%s %s %s, %lld bits", report_text(tls, "version"),
	    report_text(tls, "cipher"), report_text(tls, "group"),
	    (long long)report_number(tls, "bits"));
	if (*report_text(tls, "sni"))
		buf_addf(b, ", SNI %s", report_text(tls, "sni"));
	print_more(p, "session", b);
	buf_adds(b, error);
	print_more(p, "chain", b);
}

static void print_names(struct pen *p, const json_t *cert, struct buf *b)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(cert, "names"), i, name)
		buf_addf(b, "%s%s", i ? ", " : "",
		    json_string_value(name) ? : "?");
	print_more(p, "names", b);
}

static void print_certificate(struct pen *p, const json_t *cert,
    struct buf *b)
{
	if (!json_is_object(cert))
		return;
	buf_addf(b, "%s, issued by %s", report_text(cert, "subject"),
	    report_text(cert, "issuer"));
	print_more(p, "cert", b);
	print_names(p, cert, b);
	add_time(b, "from ", report_number(cert, "not_before"));
	add_time(b, " to ", report_number(cert, "not_after"));
	print_more(p, "valid", b);
	buf_addf(b, "%s, %lld bits, signed with %s",
	    report_text(cert, "key"),
	    (long long)report_number(cert, "key_bits"),
	    report_text(cert, "signature"));
	print_more(p, "key", b);
	buf_adds(b, report_text(cert, "sha256"));
	print_more(p, "sha256", b);
	buf_adds(b, report_text(cert, "spki_sha256"));
	print_more(p, "spki", b);
}

static void add_list(struct buf *b, const json_t *list, const char *between)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		buf_addf(b, "%s%s", b->len ? between : "",
		    json_string_value(item) ? : "?");
}

static void print_deep(struct pen *p, const json_t *deep, struct buf *b)
{
	if (!json_is_object(deep))
		return;
	add_list(b, json_object_get(deep, "versions"), ", ");
	if (report_answer(deep, "complete") == REPORT_NO)
		buf_adds(b, " (incomplete)");
	print_more(p, "accepts", b);
	add_list(b, json_object_get(deep, "ciphers"), ", ");
	print_more(p, "ciphers", b);
}

static void print_second(struct pen *p, const json_t *second, struct buf *b)
{
	if (!json_is_object(second))
		return;
	buf_addf(b, "%s: %s", report_is(second, "kind", "no-sni") ?
	    "without SNI" : "tried again", report_text(second, "state"));
	if (*report_text(second, "sha256"))
		buf_addf(b, ", certificate %s",
		    report_text(second, "sha256"));
	print_more(p, "second", b);
}

static void print_session(struct pen *p, const json_t *host,
    const json_t *address)
{
	const json_t *stage;
	struct buf b;
	size_t i;

	buf_init(&b, TEXT_MAX);
	buf_addf(&b, "%s [%s]:%lld", report_text(host, "name"),
	    report_text(address, "address"),
	    (long long)report_number(address, "port"));
	pen_tab(p, 2);
	pen_wrap(p, 2, buf_str(&b));
	pen_end(p);
	buf_reset(&b);
	json_array_foreach(json_object_get(address, "stages"), i, stage)
		print_stage(p, stage);
	print_tls(p, json_object_get(address, "tls"), &b);
	print_certificate(p, json_object_get(address, "certificate"), &b);
	print_second(p, json_object_get(address, "second"), &b);
	print_deep(p, json_object_get(address, "deep"), &b);
	buf_clear(&b);
}

static void print_tlsa(struct pen *p, const json_t *host)
{
	const json_t *record;
	struct buf b;
	size_t i;

	buf_init(&b, TEXT_MAX);
	json_array_foreach(json_object_get(host, "tlsa"), i, record) {
		enum report_answer matches = report_answer(record, "matches");

		buf_addf(&b, "%s: %s%s", report_text(record, "record"),
		    report_text(record, "use"),
		    matches == REPORT_YES ? ", matches" :
		    matches == REPORT_NO ? ", does not match" : "");
		print_more(p, "tlsa", &b);
	}
	buf_clear(&b);
}

void check_print_sessions(const json_t *report)
{
	const json_t *host, *address;
	struct pen p;
	size_t i, k;

	if (json_array_size(json_object_get(report, "hosts")) == 0)
		return;
	pen_init(&p);
	pen_end(&p);
	pen_put(&p, BOLD, "SESSIONS");
	pen_end(&p);
	json_array_foreach(json_object_get(report, "hosts"), i, host) {
		json_array_foreach(json_object_get(host, "addresses"), k,
		    address)
			print_session(&p, host, address);
		print_tlsa(&p, host);
	}
}
