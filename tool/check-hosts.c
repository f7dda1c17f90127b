/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check --format text: the table of hosts, a row for each address, with one
 * column for each step of a session.
 */
#include "config.h"

#include "tool/check.h"

#include <string.h>

#include "tool/check-pen.h"
#include "tool/check-report.h"
#include "util/buf.h"

#define TEXT_MAX 4096
#define INDENT_HOST 2
#define INDENT_ADDRESS 4
#define CELL_SIZE 24

/* What one cell says, in a word. */
struct cell {
	char text[CELL_SIZE];
	enum colour colour;
};

struct row {
	const json_t *report;
	const json_t *host;
	const json_t *address;
};

static struct cell say(enum colour colour, const char *text)
{
	struct cell cell = { .colour = colour };

	snprintf(cell.text, sizeof(cell.text), "%s", text);
	return cell;
}

/* ---- cells ------------------------------------------------------------- */

/* A stage: ok, no or the code the server refused with, and "?" for what
 * could not be told. */
static struct cell cell_stage(const struct row *r, const char *name)
{
	const char *state = report_stage_state(r->address, name);
	int64_t code = report_number(report_stage(r->address, name), "code");
	bool failed = strcmp(state, "failed") == 0;
	struct cell cell = { .colour = failed ? RED : YELLOW };

	if (strcmp(state, "ok") == 0)
		return say(GREEN, "ok");
	if (!failed && strcmp(state, "unknown") != 0)
		return say(PLAIN, "-");
	if (code >= 400 && code <= 599)
		snprintf(cell.text, sizeof(cell.text), "%d", (int)code);
	else
		snprintf(cell.text, sizeof(cell.text), "%s",
		    failed ? "no" : "?");
	return cell;
}

static struct cell cell_connect(const struct row *r)
{
	return cell_stage(r, "connect");
}

static struct cell cell_greeting(const struct row *r)
{
	return cell_stage(r, "greeting");
}

static struct cell cell_hello(const struct row *r)
{
	const json_t *starttls = json_object_get(r->address, "starttls");

	return report_answer(starttls, "ehlo_refused") == REPORT_YES ?
	    say(YELLOW, "HELO") : cell_stage(r, "ehlo");
}

static struct cell cell_hello_inside(const struct row *r)
{
	return cell_stage(r, "ehlo-tls");
}

static bool is_promised(const struct row *r)
{
	const char *promise = report_text(r->host, "promise");

	return *promise && strcmp(promise, "none") != 0 &&
	    strcmp(promise, "testing") != 0;
}

static struct cell cell_starttls(const struct row *r)
{
	const json_t *s = json_object_get(r->address, "starttls");
	enum report_answer offered = report_answer(s, "offered");
	enum report_answer accepted = report_answer(s, "accepted");

	if (report_answer(s, "lost") == REPORT_YES)
		return say(RED, "LOST");
	if (*report_text(s, "masked"))
		return say(RED, "MASKED");
	if (report_answer(s, "injection") == REPORT_YES)
		return say(RED, "INJECT");
	if (offered == REPORT_NO && accepted == REPORT_YES)
		return say(YELLOW, "hidden");
	if (offered == REPORT_NO)
		return say(is_promised(r) ? RED : YELLOW, "no");
	if (accepted == REPORT_NO &&
	    strcmp(report_stage_state(r->address, "starttls"), "failed") == 0)
		return say(RED, "refused");
	return cell_stage(r, "starttls");
}

/* A short name for a group: the table has room for no long one. */
static const char *short_group(const char *group)
{
	static const struct {
		const char *name, *brief;
	} groups[] = {
		{ "MLKEM", "ML-KEM" }, { "prime256", "P-256" },
		{ "secp256r1", "P-256" }, { "secp384r1", "P-384" },
		{ "secp521r1", "P-521" }, { "ffdhe", "DHE" },
		{ "x25519", "X25519" },
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strstr(group, groups[i].name))
			return groups[i].brief;
	return group;
}

static struct cell cell_tls(const struct row *r)
{
	const json_t *tls = json_object_get(r->address, "tls");
	const char *version = report_text(tls, "version");
	struct cell cell;

	if (!json_is_object(tls)) {
		cell = cell_stage(r, "tls");
		return strcmp(cell.text, "no") == 0 ? say(RED, "FAIL") : cell;
	}
	version += str_starts(version, "TLSv") ? 4 : 0;
	cell.colour = *version == '1' && strlen(version) == 3 &&
	    version[2] >= '2' ? GREEN : YELLOW;
	snprintf(cell.text, sizeof(cell.text), "%.3s %.6s", version,
	    short_group(report_text(tls, "group")));
	return cell;
}

/* What counts is what was promised: only MTA-STS wants these two good. */
static struct cell cell_good(const struct row *r, const char *what)
{
	const json_t *tls = json_object_get(r->address, "tls");

	switch (report_answer(json_object_get(tls, what), "good")) {
	case REPORT_YES:
		return say(GREEN, "ok");
	case REPORT_NO:
		return say(report_is(r->host, "promise", "enforce") ? RED :
		    YELLOW, "no");
	case REPORT_NULL:
		break;
	}
	return say(PLAIN, "-");
}

static struct cell cell_name(const struct row *r)
{
	return cell_good(r, "name");
}

static struct cell cell_chain(const struct row *r)
{
	return cell_good(r, "chain");
}

/* "ok 3 1 1": the parameters of the record that matched. */
static struct cell dane_match(const char *record)
{
	struct cell cell = { .colour = GREEN };

	snprintf(cell.text, sizeof(cell.text), "ok %.5s", record);
	return cell;
}

static struct cell cell_dane(const struct row *r)
{
	const json_t *dane = json_object_get(json_object_get(r->address,
	    "tls"), "dane");
	const char *host = report_text(r->host, "dane");

	switch (report_answer(dane, "matches")) {
	case REPORT_YES:
		return dane_match(report_text(dane, "record"));
	case REPORT_NO:
		return say(RED, "NO MATCH");
	case REPORT_NULL:
		break;
	}
	if (strstr(host, "unusable"))
		return say(YELLOW, "unusable");
	if (strstr(host, "error") || strstr(host, "failed"))
		return say(RED, "error");
	return say(PLAIN, "-");
}

/* ---- the table --------------------------------------------------------- */

typedef struct cell cell_fn(const struct row *r);

struct column {
	const char *heading;
	unsigned width;
	cell_fn *fn;
};

#define COLUMNS_MAX 10
struct table {
	struct column v[COLUMNS_MAX];
	size_t n;
	unsigned addresses;	/* width of the column of addresses */
};

static void add_column(struct table *t, const char *heading, unsigned width,
    cell_fn *fn)
{
	if (t->n < COLUMNS_MAX)
		t->v[t->n++] = (struct column){ heading, width, fn };
}

/* The steps as the protocol has them. */
static void add_steps(struct table *t, const json_t *report)
{
	const char *protocol = report_text(report, "protocol");
	bool implicit = report_is_implicit(report);
	bool imap = str_starts(protocol, "imap");
	bool pop = str_starts(protocol, "pop3");

	add_column(t, "conn", 4, cell_connect);
	if (!implicit) {
		add_column(t, imap ? "OK" : pop ? "+OK" : "220", 3,
		    cell_greeting);
		add_column(t, imap || pop ? "CAPA" : "EHLO", 4, cell_hello);
		add_column(t, pop ? "STLS" : "STARTTLS", 8, cell_starttls);
	}
	add_column(t, "TLS", 10, cell_tls);
	if (implicit)
		add_column(t, imap || pop ? "CAPA" : "EHLO", 4,
		    cell_hello_inside);
	add_column(t, "name", 4, cell_name);
	add_column(t, "chain", 5, cell_chain);
	if (!imap && !pop)
		add_column(t, "DANE", 8, cell_dane);
}

/* As wide as the longest address, if all columns find room then. */
static void size_addresses(struct table *t, const json_t *report,
    unsigned width)
{
	const json_t *host, *address;
	unsigned rest = INDENT_ADDRESS + 1, room;
	size_t i, k;

	for (size_t c = 0; c < t->n; c++)
		rest += t->v[c].width + 1;
	room = width > rest ? width - rest : 0;
	t->addresses = 10;
	json_array_foreach(json_object_get(report, "hosts"), i, host)
		json_array_foreach(json_object_get(host, "addresses"), k,
		    address) {
			size_t len = strlen(report_text(address, "address"));

			if (len > t->addresses && len <= room)
				t->addresses = (unsigned)len;
		}
}

static void print_headings(struct pen *p, const struct table *t)
{
	unsigned at = INDENT_ADDRESS + t->addresses + 2;

	pen_end(p);
	pen_put(p, BOLD, "HOSTS");
	for (size_t i = 0; i < t->n; i++) {
		pen_tab(p, at);
		pen_put(p, BOLD, t->v[i].heading);
		at += t->v[i].width + 1;
	}
	pen_end(p);
}

/* A cell keeps to its column, whatever a peer may have called things. */
static void print_cell(struct pen *p, const struct column *c,
    const struct row *r)
{
	struct cell cell = c->fn(r);
	struct buf b;

	buf_init(&b, TEXT_MAX);
	report_clean(&b, cell.text);
	buf_cut(&b, c->width);
	pen_put(p, cell.colour, buf_str(&b));
	buf_clear(&b);
}

static void print_address(struct pen *p, const struct table *t,
    const struct row *r)
{
	unsigned at = INDENT_ADDRESS + t->addresses + 2;

	pen_tab(p, INDENT_ADDRESS);
	pen_put(p, PLAIN, report_text(r->address, "address"));
	if (p->column + 2 > at)
		pen_end(p);
	for (size_t i = 0; i < t->n; i++) {
		pen_tab(p, at);
		print_cell(p, &t->v[i], r);
		at += t->v[i].width + 1;
	}
	pen_end(p);
}

static const char *promise_text(const json_t *host)
{
	static const struct {
		const char *name, *text;
	} promises[] = {
		{ "testing", "MTA-STS testing" },
		{ "enforce", "MTA-STS enforce" },
		{ "tls", "TLSA, none that counts" },
		{ "dane", "DANE" },
	};

	for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++)
		if (report_is(host, "promise", promises[i].name))
			return promises[i].text;
	return NULL;
}

static void add_aside(struct buf *b, const char *label, const char *text)
{
	if (text && *text)
		buf_addf(b, "%s%s %s", b->len ? ", " : "", label, text);
}

static void print_host(struct pen *p, const json_t *host)
{
	const json_t *preference = json_object_get(host, "preference");
	const char *name = report_text(host, "name");
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (json_is_integer(preference))
		buf_addf(&b, "preference %lld",
		    (long long)json_integer_value(preference));
	add_aside(&b, "promises", promise_text(host));
	add_aside(&b, "alias of", report_text(host, "alias"));
	pen_tab(p, INDENT_HOST);
	pen_put(p, BOLD, *name ? name : "(no name)");
	if (b.len) {
		pen_put(p, PLAIN, "   ");
		pen_wrap(p, INDENT_ADDRESS, buf_str(&b));
	}
	pen_end(p);
	buf_clear(&b);
}

static void print_no_address(struct pen *p, const json_t *host)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_addf(&b, "no address (IPv4: %s, IPv6: %s)",
	    report_text(host, "ipv4"), report_text(host, "ipv6"));
	pen_tab(p, INDENT_ADDRESS);
	pen_wrap(p, INDENT_ADDRESS, buf_str(&b));
	pen_end(p);
	buf_clear(&b);
}

void check_print_hosts(const json_t *report)
{
	const json_t *hosts = json_object_get(report, "hosts"), *list;
	struct row r = { .report = report };
	struct table t = { .n = 0 };
	struct pen p;
	size_t i, k;

	if (json_array_size(hosts) == 0)
		return;
	pen_init(&p);
	add_steps(&t, report);
	size_addresses(&t, report, p.width);
	print_headings(&p, &t);
	json_array_foreach(hosts, i, r.host) {
		print_host(&p, r.host);
		list = json_object_get(r.host, "addresses");
		if (json_array_size(list) == 0)
			print_no_address(&p, r.host);
		json_array_foreach(list, k, r.address)
			print_address(&p, &t, &r);
	}
}
