/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy - the text at https://mta-sts.<domain>/.well-known/mta-sts.txt:
 * lines of key ":" value, ended by LF or CRLF (RFC 8461 §3.2).
 *
 * One parser serves the daemon and `lint`, so that both always agree. It
 * reads on after an error to report them all; a rejected policy means mail
 * without protection, so what is harmless is only reported.
 */
#include "config.h"

#include "mtasts/mtasts.h"

#include "mtasts/name.h"
#include "util/str.h"

#define KEY_MAX 32
#define MAX_AGE_DIGITS 10
#define DAY 86400
#define WEEK (7 * DAY)
#define BOM "\xef\xbb\xbf"

struct mtasts_policy {
	enum mtasts_mode mode;
	uint32_t max_age;
	struct strv mx;
};

enum key { KEY_VERSION, KEY_MODE, KEY_MAX_AGE, KEY_MX, KEY_COUNT };

/* A piece of the text; not NUL-terminated. */
struct span {
	const char *s;
	size_t len;
};

struct parser {
	struct mtasts_policy *policy;
	bool strict;
	bool invalid;
	bool no_memory;
	mtasts_finding_fn *fn;
	void *arg;
	const char *line_start;
	unsigned line;
	bool seen[KEY_COUNT];
	struct span max_age;	/* its value, to report on it at the end, */
	unsigned max_age_line;	/* and where it stands */
	unsigned max_age_column;
};

enum finding {
	F_SIZE,
	F_BOM,
	F_BLANK_LINE,
	F_NO_COLON,
	F_KEY_SPACE,
	F_KEY_SYNTAX,
	F_KEY_CASE,
	F_KEY_UNKNOWN,
	F_KEY_DUPLICATE,
	F_VALUE_EMPTY,
	F_VALUE_SYNTAX,
	F_VERSION,
	F_MODE,
	F_MAX_AGE_SYNTAX,
	F_MAX_AGE_RANGE,
	F_MAX_AGE_DAY,
	F_MAX_AGE_WEEK,
	F_MX_U_LABEL,
	F_MX_LIST,
	F_MX_DOT,
	F_MX_WILDCARD,
	F_MX_SYNTAX,
	F_MX_ADDRESS,
	F_MX_DUPLICATE,
	F_MX_MANY,
	F_NO_VERSION,
	F_NO_MODE,
	F_NO_MAX_AGE,
	F_NO_MX,
	F_COUNT
};

/* TOLERATED is outside the ABNF, but harmless at run time. */
enum { TOLERATED = MTASTS_ERROR + 1 };

static const struct {
	int severity;
	const char *id;
	const char *text;
} findings[F_COUNT] = {
	[F_SIZE] = { MTASTS_ERROR, "policy.size",
	    "the text is longer than 64 KiB" },
	[F_BOM] = { TOLERATED, "policy.bom",
	    "the text begins with a byte order mark" },
	[F_BLANK_LINE] = { TOLERATED, "policy.line.blank",
	    "blank lines are not part of the format" },
	[F_NO_COLON] = { MTASTS_ERROR, "policy.line.no-colon",
	    "a line needs a key and a colon" },
	[F_KEY_SPACE] = { MTASTS_ERROR, "policy.key.space",
	    "no blank may stand before a key or its colon" },
	[F_KEY_SYNTAX] = { MTASTS_ERROR, "policy.key.syntax",
	    "a key is 1 to 32 letters, digits, '_', '-' or '.', the first "
	    "a letter or digit" },
	[F_KEY_CASE] = { MTASTS_WARNING, "policy.key.case",
	    "keys are written in lower case; this line is ignored" },
	[F_KEY_UNKNOWN] = { MTASTS_NOTE, "policy.key.unknown",
	    "unknown key; this line is ignored" },
	[F_KEY_DUPLICATE] = { MTASTS_WARNING, "policy.key.duplicate",
	    "this key was there already; the first one counts" },
	[F_VALUE_EMPTY] = { MTASTS_ERROR, "policy.value.empty",
	    "the value is missing" },
	[F_VALUE_SYNTAX] = { MTASTS_ERROR, "policy.value.syntax",
	    "a value is UTF-8 text without control characters" },
	[F_VERSION] = { MTASTS_ERROR, "policy.version.value",
	    "the version must be STSv1" },
	[F_MODE] = { MTASTS_ERROR, "policy.mode.value",
	    "the mode must be enforce, testing or none" },
	[F_MAX_AGE_SYNTAX] = { MTASTS_ERROR, "policy.max-age.syntax",
	    "max_age must be a number of seconds of 1 to 10 digits" },
	[F_MAX_AGE_RANGE] = { MTASTS_WARNING, "policy.max-age.range",
	    "max_age is above the maximum of 31557600 seconds, which "
	    "counts instead" },
	[F_MAX_AGE_DAY] = { MTASTS_WARNING, "policy.max-age.day",
	    "max_age is less than a day: an attacker only needs to block "
	    "the policy that long" },
	[F_MAX_AGE_WEEK] = { MTASTS_NOTE, "policy.max-age.week",
	    "max_age is less than a week; weeks are usual" },
	[F_MX_U_LABEL] = { MTASTS_ERROR, "policy.mx.u-label",
	    "international names are written as A-labels (xn--)" },
	[F_MX_LIST] = { MTASTS_ERROR, "policy.mx.list",
	    "each mx line holds one name" },
	[F_MX_DOT] = { MTASTS_ERROR, "policy.mx.dot",
	    "mx names neither begin nor end with a dot" },
	[F_MX_WILDCARD] = { MTASTS_ERROR, "policy.mx.wildcard",
	    "'*' stands for the whole first label only: *.example.com" },
	[F_MX_SYNTAX] = { MTASTS_ERROR, "policy.mx.syntax",
	    "not a host name" },
	[F_MX_ADDRESS] = { MTASTS_WARNING, "policy.mx.address",
	    "an address never matches the name of an MX host; this line "
	    "is ignored" },
	[F_MX_DUPLICATE] = { MTASTS_NOTE, "policy.mx.duplicate",
	    "this mx was there already" },
	[F_MX_MANY] = { MTASTS_WARNING, "policy.mx.many",
	    "more than 256 mx lines; this one is ignored" },
	[F_NO_VERSION] = { MTASTS_ERROR, "policy.missing.version",
	    "the version is missing" },
	[F_NO_MODE] = { MTASTS_ERROR, "policy.missing.mode",
	    "the mode is missing" },
	[F_NO_MAX_AGE] = { MTASTS_ERROR, "policy.missing.max-age",
	    "max_age is missing" },
	[F_NO_MX] = { MTASTS_ERROR, "policy.missing.mx",
	    "no mx; only mode none can do without" },
};

static void report_at(struct parser *p, enum finding id, unsigned line,
    unsigned column)
{
	struct mtasts_finding f = {
		.line = line,
		.column = column,
		.id = findings[id].id,
		.text = findings[id].text,
	};
	int severity = findings[id].severity;

	if (severity == TOLERATED)
		severity = p->strict ? MTASTS_ERROR : MTASTS_WARNING;
	f.severity = (enum mtasts_severity)severity;
	if (f.severity == MTASTS_ERROR)
		p->invalid = true;
	if (p->fn)
		p->fn(p->arg, &f);
}

/* Report something about the byte at. */
static void report(struct parser *p, enum finding id, const char *at)
{
	report_at(p, id, p->line, (unsigned)(at - p->line_start) + 1);
}

static bool is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static bool span_is(struct span v, const char *s)
{
	return v.len == strlen(s) && memcmp(v.s, s, v.len) == 0;
}

/* ---- values ------------------------------------------------------------ */

static void take_version(struct parser *p, struct span v)
{
	if (!span_is(v, "STSv1"))
		report(p, F_VERSION, v.s);
}

/* A value that is too long for the buffer is no mode. */
static void take_mode(struct parser *p, struct span v)
{
	char name[sizeof("enforce")];

	if (v.len < sizeof(name)) {
		memcpy(name, v.s, v.len);
		name[v.len] = '\0';
		if (strlen(name) == v.len &&
		    mtasts_mode_parse(name, &p->policy->mode))
			return;
	}
	report(p, F_MODE, v.s);
}

static void take_max_age(struct parser *p, struct span v)
{
	uint64_t value = 0;

	for (size_t i = 0; i < v.len; i++) {
		if (!str_is_digit(v.s[i]) || i == MAX_AGE_DIGITS) {
			report(p, F_MAX_AGE_SYNTAX, v.s + i);
			return;
		}
		value = value * 10 + (unsigned)(v.s[i] - '0');
	}
	if (value > MTASTS_MAX_AGE) {
		/* To reject it would leave the domain without protection
		 * (RFC 8461 erratum 7282). */
		report(p, F_MAX_AGE_RANGE, v.s);
		value = MTASTS_MAX_AGE;
	}
	p->policy->max_age = (uint32_t)value;
	p->max_age_line = p->line;
	p->max_age_column = (unsigned)(v.s - p->line_start) + 1;
}

/* Say what is wrong with a value that is no pattern, most telling first. */
static void report_mx(struct parser *p, struct span v, struct span name)
{
	for (size_t i = 0; i < v.len; i++) {
		if ((unsigned char)v.s[i] >= 0x80) {
			report(p, F_MX_U_LABEL, v.s + i);
			return;
		}
		if (v.s[i] == ',' || v.s[i] == ';' || is_wsp(v.s[i])) {
			report(p, F_MX_LIST, v.s + i);
			return;
		}
	}
	if (name.len == 0 || memchr(name.s, '*', name.len))
		report(p, F_MX_WILDCARD, v.s);
	else if (name.s[0] == '.' || name.s[name.len - 1] == '.')
		report(p, F_MX_DOT, v.s);
	else
		report(p, F_MX_SYNTAX, v.s);
}

static void add_mx(struct parser *p, struct span v)
{
	struct strv *mx = &p->policy->mx;

	if (!strv_add_n(mx, v.s, v.len)) {
		p->no_memory = true;
		return;
	}
	str_lower_all(mx->v[mx->n - 1]);
	for (size_t i = 0; i + 1 < mx->n; i++) {
		if (strcmp(mx->v[i], mx->v[mx->n - 1]) == 0) {
			free(mx->v[--mx->n]);
			report(p, F_MX_DUPLICATE, v.s);
			return;
		}
	}
	if (mx->n > MTASTS_MX_MAX) {
		free(mx->v[--mx->n]);
		report(p, F_MX_MANY, v.s);
	}
}

static void take_mx(struct parser *p, struct span v)
{
	struct name_shape shape;
	struct span name = v;

	if (v.len >= 2 && v.s[0] == '*' && v.s[1] == '.') {
		name.s += 2;
		name.len -= 2;
	}
	if (!name_scan(name.s, name.len, &shape))
		report_mx(p, v, name);
	else if (shape.numeric)
		report(p, F_MX_ADDRESS, v.s);
	else
		add_mx(p, v);
}

/* ---- lines ------------------------------------------------------------- */

static const struct {
	const char *name;
	enum finding missing;
	void (*take)(struct parser *p, struct span v);
} keys[KEY_COUNT] = {
	[KEY_VERSION] = { "version", F_NO_VERSION, take_version },
	[KEY_MODE] = { "mode", F_NO_MODE, take_mode },
	[KEY_MAX_AGE] = { "max_age", F_NO_MAX_AGE, take_max_age },
	[KEY_MX] = { "mx", F_NO_MX, take_mx },
};

/* Return the key of a line, KEY_COUNT if it is none of ours. */
static enum key find_key(struct span name)
{
	unsigned k = 0;

	while (k < KEY_COUNT && !span_is(name, keys[k].name))
		k++;
	return (enum key)k;
}

static void report_unknown(struct parser *p, struct span name)
{
	for (unsigned k = 0; k < KEY_COUNT; k++) {
		if (name.len == strlen(keys[k].name) &&
		    str_ieq_n(name.s, keys[k].name, name.len)) {
			report(p, F_KEY_CASE, name.s);
			return;
		}
	}
	report(p, F_KEY_UNKNOWN, name.s);
}

static bool check_key(struct parser *p, struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.s[i];

		if (str_is_alnum(c) || (i > 0 && c && strchr("_-.", c)))
			continue;
		report(p, is_wsp(c) ? F_KEY_SPACE : F_KEY_SYNTAX, name.s + i);
		return false;
	}
	if (name.len == 0 || name.len > KEY_MAX) {
		report(p, F_KEY_SYNTAX, name.s);
		return false;
	}
	return true;
}

/* What may stand behind any key: sts-policy-ext-value. */
static bool check_value(struct parser *p, struct span v)
{
	size_t bad = str_utf8_text_len(v.s, v.len);

	if (v.len == 0)
		report(p, F_VALUE_EMPTY, v.s);
	else if (bad < v.len)
		report(p, F_VALUE_SYNTAX, v.s + bad);
	else
		return true;
	return false;
}

static void take_field(struct parser *p, struct span name, struct span v)
{
	enum key k = find_key(name);

	if (!check_key(p, name))
		return;
	if (k == KEY_COUNT)
		report_unknown(p, name);
	/* A key that is there counts as seen even if its value is bad: one
	 * finding for one mistake. */
	if (k < KEY_COUNT && k != KEY_MX && p->seen[k]) {
		report(p, F_KEY_DUPLICATE, name.s);
		k = KEY_COUNT;
	}
	if (k < KEY_COUNT)
		p->seen[k] = true;
	if (v.len == 0 || k == KEY_COUNT)
		check_value(p, v);
	else
		keys[k].take(p, v);
}

static struct span trim(const char *s, const char *end)
{
	while (s < end && is_wsp(*s))
		s++;
	while (s < end && is_wsp(end[-1]))
		end--;
	return (struct span){ s, (size_t)(end - s) };
}

static void take_line(struct parser *p, const char *s, const char *end)
{
	const char *colon = memchr(s, ':', (size_t)(end - s));

	if (trim(s, end).len == 0)
		report(p, F_BLANK_LINE, s);
	else if (is_wsp(*s))
		report(p, F_KEY_SPACE, s);
	else if (!colon)
		report(p, F_NO_COLON, s);
	else
		take_field(p, (struct span){ s, (size_t)(colon - s) },
		    trim(colon + 1, end));
}

static void take_lines(struct parser *p, const char *s, const char *end)
{
	const char *lf, *eol;

	for (; s < end; s = lf ? lf + 1 : end) {
		lf = memchr(s, '\n', (size_t)(end - s));
		eol = lf ? lf : end;
		if (lf && eol > s && eol[-1] == '\r')
			eol--;
		p->line++;
		p->line_start = s;
		if (p->line == 1 && eol - s >= 3 && memcmp(s, BOM, 3) == 0) {
			report(p, F_BOM, s);
			s += 3;
		}
		take_line(p, s, eol);
	}
}

/* ---- the whole --------------------------------------------------------- */

static void check_max_age(struct parser *p)
{
	static const struct {
		enum mtasts_mode mode;
		uint32_t below;
		enum finding finding;
	} advice[] = {
		{ MTASTS_ENFORCE, DAY, F_MAX_AGE_DAY },
		{ MTASTS_ENFORCE, WEEK, F_MAX_AGE_WEEK },
		{ MTASTS_TESTING, WEEK, F_MAX_AGE_WEEK },
	};

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (p->policy->mode == advice[i].mode &&
		    p->policy->max_age < advice[i].below) {
			report_at(p, advice[i].finding, p->max_age_line,
			    p->max_age_column);
			return;
		}
	}
}

static void check_whole(struct parser *p)
{
	const struct mtasts_policy *policy = p->policy;
	bool needs_mx = p->seen[KEY_MODE] && policy->mode != MTASTS_NONE;

	for (unsigned k = 0; k < KEY_MX; k++)
		if (!p->seen[k])
			report_at(p, keys[k].missing, 0, 0);
	/* Without a valid mode nobody knows whether an mx is needed. */
	if (needs_mx && policy->mx.n == 0 &&
	    (!p->seen[KEY_MX] || !p->invalid))
		report_at(p, F_NO_MX, 0, 0);
	if (!p->invalid)
		check_max_age(p);
}

static enum mtasts_error parse(struct parser *p, const char *text,
    size_t len)
{
	if (len > MTASTS_POLICY_SIZE) {
		report_at(p, F_SIZE, 0, 0);
		return MTASTS_E_SIZE;
	}
	take_lines(p, text, text + len);
	if (p->no_memory)
		return MTASTS_E_MEMORY;
	check_whole(p);
	return p->invalid ? MTASTS_E_POLICY : MTASTS_OK;
}

struct mtasts_policy *mtasts_policy_parse(const char *text, size_t len,
    unsigned flags, mtasts_finding_fn *fn, void *arg,
    enum mtasts_error *error_r)
{
	struct parser p = {
		.policy = calloc(1, sizeof(*p.policy)),
		.strict = flags & MTASTS_PARSE_STRICT,
		.fn = fn,
		.arg = arg,
	};
	enum mtasts_error e = MTASTS_E_MEMORY;

	if (p.policy)
		e = parse(&p, text, len);
	if (error_r)
		*error_r = e;
	if (e == MTASTS_OK)
		return p.policy;
	mtasts_policy_free(p.policy);
	return NULL;
}

void mtasts_policy_free(struct mtasts_policy *policy)
{
	if (!policy)
		return;
	strv_clear(&policy->mx);
	free(policy);
}

enum mtasts_mode mtasts_policy_mode(const struct mtasts_policy *policy)
{
	return policy->mode;
}

uint32_t mtasts_policy_max_age(const struct mtasts_policy *policy)
{
	return policy->max_age;
}

size_t mtasts_policy_mx_count(const struct mtasts_policy *policy)
{
	return policy->mx.n;
}

const char *mtasts_policy_mx(const struct mtasts_policy *policy, size_t i)
{
	return i < policy->mx.n ? policy->mx.v[i] : NULL;
}
