/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/partners-reader.h"

#include "mtasts/name.h"
#include "util/clock.h"
#include "util/str.h"

#define FINDINGS_MAX 50	/* of either kind; then "more … follow" */
#define TEXT_BYTES_MAX 500	/* of name, author, contact */
#define SHOWN_MAX 60		/* bytes of a wrong value in a message */
#define PATTERN_HOST_MAX 253	/* RFC 1035 §2.3.4, as text */
#define TIME_MAX INT64_C(253402300799)	/* the end of the year 9999 */

/* ---- findings ---------------------------------------------------------- */

static void tell(struct reader *r, enum partners_severity severity,
    struct position pos, const char *path, const char *text)
{
	struct partners_finding f = { severity, pos.line, pos.column, path,
		text };

	size_t *told = &r->told[severity];

	r->errors += severity == PARTNERS_ERROR;
	if (r->stop || *told >= FINDINGS_MAX)
		return;
	if (++*told == FINDINGS_MAX) {
		f.text = severity == PARTNERS_ERROR ?
		    "more mistakes follow" : "more warnings follow";
		f.path = "";
		/* There is no list after a mistake, but there may be one
		 * after any number of warnings. */
		r->stop = severity == PARTNERS_ERROR;
	}
	if (!r->fn(r->arg, &f)) {
		r->stop = true;
		r->errors++;	/* what was not read may be missing */
	}
}

static void tell_at(struct reader *r, enum partners_severity severity,
    const struct place *at, bool at_key, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));
static void tell_at(struct reader *r, enum partners_severity severity,
    const struct place *at, bool at_key, const char *fmt, va_list ap)
{
	struct buf path, text;
	struct position pos;

	/* Looking for the place walks the text: not for what is not told. */
	if (r->stop || r->told[severity] >= FINDINGS_MAX) {
		r->errors += severity == PARTNERS_ERROR;
		return;
	}
	buf_init(&path, 4000);
	buf_init(&text, 4000);
	place_find(at, at_key, r->text, r->len, &pos);
	place_write(at, &path);
	buf_vaddf(&text, fmt, ap);
	tell(r, severity, pos, buf_str(&path), buf_str(&text));
	buf_clear(&path);
	buf_clear(&text);
}

void read_error(struct reader *r, const struct place *at, bool at_key,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell_at(r, PARTNERS_ERROR, at, at_key, fmt, ap);
	va_end(ap);
}

void read_warn(struct reader *r, const struct place *at, bool at_key,
    const char *fmt, ...)
{
	va_list ap;

	if (r->now == NEVER)
		return;
	va_start(ap, fmt);
	tell_at(r, PARTNERS_WARNING, at, at_key, fmt, ap);
	va_end(ap);
}

void read_error_at(struct reader *r, struct position pos, const char *text)
{
	tell(r, PARTNERS_ERROR, pos, "", text);
}

/* A wrong value, as it may be shown. */
static void error_value(struct reader *r, const struct place *at,
    const char *value, const char *sentence)
{
	struct buf shown;

	buf_init(&shown, 1000);
	place_write_text(value, SHOWN_MAX, true, &shown);
	read_error(r, at, false, "\"%s\" %s", buf_str(&shown), sentence);
	buf_clear(&shown);
}

/* ---- objects ----------------------------------------------------------- */

static const struct member *find_member(const struct member *members,
    size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

static void unknown_member(struct reader *r, const struct place *at)
{
	if (r->foreign)
		read_warn(r, at, true, "is not used");
	else
		read_error(r, at, true, "is no member that is known here");
}

bool read_object(struct reader *r, const json_t *object,
    const struct place *at, const struct member *members, size_t n,
    void *out)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object)) {
		read_error(r, at, false, "must be an object");
		return false;
	}
	json_object_foreach((json_t *)object, key, value) {
		struct place here = { at, key, 0 };
		const struct member *m = find_member(members, n, key);

		if (r->stop)
			break;
		if (!m)
			unknown_member(r, &here);
		else if (m->take)
			m->take(r, value, &here, out);
	}
	for (size_t i = 0; i < n; i++) {
		struct place here = { at, members[i].name, 0 };

		if (members[i].required &&
		    !json_object_get(object, members[i].name))
			read_error(r, &here, false, "is missing");
	}
	return true;
}

const char *read_string(struct reader *r, const json_t *value,
    const struct place *at)
{
	if (!json_is_string(value))
		read_error(r, at, false, "must be a string");
	return json_string_value(value);
}

/* ---- texts and times --------------------------------------------------- */

static const char *read_text(struct reader *r, const json_t *value,
    const struct place *at)
{
	const char *s = read_string(r, value, at);
	size_t len = s ? strlen(s) : 0;

	if (!s)
		return NULL;
	if (len == 0 || len > TEXT_BYTES_MAX || !str_is_clean_utf8(s, len)) {
		read_error(r, at, false, "must be 1 to %d bytes without "
		    "control characters", TEXT_BYTES_MAX);
		return NULL;
	}
	return s;
}

void take_text(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	const char *s = read_text(r, value, at);

	if (s)
		*(uint32_t *)out = draft_text(&r->draft, s);
}

void take_comment(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	(void)out;
	read_string(r, value, at);
}

void take_time(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	const char *s = json_string_value(value);
	int64_t t = 0;

	if (r->foreign && json_is_integer(value)) {
		t = json_integer_value(value);
	} else if (!s) {
		read_error(r, at, false, "must be a string, a time such as "
		    "2026-12-31T00:00:00Z");
		return;
	} else if (!clock_parse_rfc3339(s, &t)) {
		error_value(r, at, s,
		    "is not a time such as 2026-12-31T00:00:00Z");
		return;
	}
	if (t <= 0 || t > TIME_MAX)
		read_error(r, at, false, "must be from 1970 to 9999");
	else
		*(int64_t *)out = t;
}

/* ---- terms ------------------------------------------------------------- */

void take_mode(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	const char *s = read_string(r, value, at);
	struct terms *t = out;

	if (!s)
		return;
	t->mode = strcmp(s, "enforce") == 0 ? PARTNER_ENFORCE :
	    strcmp(s, "testing") == 0 ? PARTNER_TESTING : 0;
	if (!t->mode)
		read_error(r, at, false, "must be enforce or testing");
}

void take_version(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	static const struct {
		const char *name;
		int rank;
		bool foreign;
	} versions[] = {
		{ "TLSv1.2", 12, false }, { "TLSv1.3", 13, false },
		{ "TLSv1", 0, true }, { "TLSv1.1", 0, true },
	};
	const char *s = read_string(r, value, at);
	struct terms *t = out;

	for (size_t i = 0; s && i < sizeof(versions) / sizeof(versions[0]);
	    i++)
		if (strcmp(versions[i].name, s) == 0 &&
		    versions[i].foreign <= r->foreign) {
			t->min_version = versions[i].rank;
			return;
		}
	if (s)
		read_error(r, at, false, "must be TLSv1.2 or TLSv1.3");
}

void take_until(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct terms *t = out;

	take_time(r, value, at, &t->until);
	if (t->until && t->until <= r->now)
		read_warn(r, at, false, "has passed; what it says holds no "
		    "more");
}

/* Warn of a pattern that no host of the world can match. */
static void warn_hopeless(struct reader *r, const struct place *at,
    const char *pattern, const char *name)
{
	static const char *const nowhere[] = { ".invalid", ".localhost" };

	/* A wildcard stands for two bytes more at least. */
	if (name != pattern && strlen(name) + 2 > PATTERN_HOST_MAX)
		read_warn(r, at, false, "can match no host: too long");
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		if (str_ends(name, nowhere[i]))
			read_warn(r, at, false, "can match no host: there is "
			    "none in \"%s\" (RFC 6761)", nowhere[i] + 1);
}

static bool has_pattern(const char *list, const char *pattern)
{
	const char *entry;
	size_t len;

	while (name_list_next(&list, &entry, &len))
		if (len == strlen(pattern) &&
		    memcmp(entry, pattern, len) == 0)
			return true;
	return false;
}

/* Add one pattern to the list, in its normal form. */
static void add_pattern(struct reader *r, const char *s,
    const struct place *at, struct buf *mx)
{
	size_t prefix = *s == '.' ? 1 : str_starts(s, "*.") ? 2 : 0;
	char pattern[MTASTS_DOMAIN_SIZE + 2];
	enum mtasts_error e;

	memcpy(pattern, s, prefix);
	e = mtasts_domain_normalize(s + prefix, pattern + prefix);
	if (e != MTASTS_OK) {
		if (e == MTASTS_E_MEMORY)
			r->draft.failed = true;
		else
			error_value(r, at, s, "is not a host name, nor one "
			    "behind \"*.\" or \".\"");
		return;
	}
	warn_hopeless(r, at, pattern, pattern + prefix);
	if (has_pattern(buf_str(mx), pattern)) {
		read_warn(r, at, false, "stands there twice");
		return;
	}
	if (mx->len)
		buf_addc(mx, ' ');
	buf_adds(mx, pattern);
	r->draft.failed |= mx->failed;
}

void take_mx(struct reader *r, const json_t *value, const struct place *at,
    void *out)
{
	size_t n = json_array_size(value);
	struct terms *t = out;

	if (!json_is_array(value)) {
		read_error(r, at, false, "must be an array of host names");
		return;
	}
	if (n == 0 || n > PARTNERS_MX_MAX) {
		read_error(r, at, false, "must name 1 to %d hosts; leave it "
		    "out to name none", PARTNERS_MX_MAX);
		return;
	}
	for (size_t i = 0; i < n && !r->stop; i++) {
		struct place here = { at, NULL, i };
		const char *s = read_string(r, json_array_get(value, i),
		    &here);

		if (s)
			add_pattern(r, s, &here, &t->mx);
	}
}

void take_alias(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct terms *t = out;

	t->alias = read_string(r, value, at);
}

enum mtasts_error read_domain(const char *key, char *out)
{
	*out = '.';
	return mtasts_domain_normalize(key + (*key == '.'),
	    out + (*key == '.'));
}
