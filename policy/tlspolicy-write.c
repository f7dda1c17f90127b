/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/tlspolicy-internal.h"

#include "mtasts/name.h"
#include "policy/partners.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ANSWER_MAX (SOCKETMAP_REPLY_MAX - (sizeof("OK ") - 1))
/*
 * Sendmail 8.18 reads 255 bytes of a list and cuts a longer one, in the midst
 * of a name if need be. Near 1000 bytes, fewer if the names are short, its
 * rewriting rules have no room for the answer, and mail goes without TLS
 * (PF-SM-13).
 */
#define SENDMAIL_ANSWER_MAX \
	(sizeof("secure match= servername=hostname") - 1 + 255)
#define POLICY_KEY_MAX 32	/* RFC 8461 §3.2 */

#define V(major, minor) POSTFIX_VERSION(major, minor)

static const char too_long[] = "the answer is too long for the client";
static const char no_names[] = "the policy names no host that may be named";
static const char bad_name[] =
    "match: not a host name, \".domain\" nor a keyword";

/* ---- names the certificate may have ------------------------------------ */

static bool scan(const char *s, size_t len, struct name_shape *shape_r)
{
	/* An address would turn on OpenSSL's check of addresses. */
	return name_scan(s, len, shape_r) && !shape_r->numeric;
}

static bool is_name(const char *s, size_t len)
{
	struct name_shape shape;

	return scan(s, len, &shape);
}

/* Append one name as Postfix has it (PF-TP-11): "*.example.com" of a policy
 * is written ".example.com"; false when it is none. */
static bool add_name(struct buf *out, const char *s, size_t len)
{
	struct name_shape shape;
	size_t dot;

	if (len > 1 && s[0] == '*' && s[1] == '.') {
		s++;
		len--;
	}
	dot = len > 0 && *s == '.';
	if (!scan(s + dot, len - dot, &shape))
		return false;
	if (!shape.upper)
		buf_add(out, s, len);
	for (size_t i = 0; shape.upper && i < len; i++)
		buf_addc(out, str_lower(s[i]));
	return true;
}

static bool is_keyword(const char *s, size_t len)
{
	static const char *const keywords[] = {
		"nexthop", "dot-nexthop", "hostname",
	};

	for (size_t i = 0; i < COUNT(keywords); i++)
		if (strlen(keywords[i]) == len &&
		    memcmp(keywords[i], s, len) == 0)
			return true;
	return false;
}

/* "name:.name" from a list separated by a space. A host with the name of a
 * keyword would let the MX record say what to expect. */
static const char *add_patterns(struct buf *out, const char *patterns)
{
	const char *entry, *before = " match=";
	bool any = false;
	size_t len;

	while (name_list_next(&patterns, &entry, &len)) {
		if (is_keyword(entry, len))
			continue;
		buf_adds(out, before);
		if (!add_name(out, entry, len))
			return bad_name;
		before = ":";
		any = true;
	}
	return any ? NULL : no_names;
}

static bool is_fingerprint(const char *s)
{
	size_t digits = strspn(s, "0123456789abcdefABCDEF:");

	return digits >= 2 && s[digits] == '\0' && s[0] != ':' &&
	    s[digits - 1] != ':';
}

static bool is_match_name(const char *s)
{
	size_t dot = *s == '.';

	return is_keyword(s, strlen(s)) || is_name(s + dot, strlen(s + dot));
}

typedef bool match_fn(const char *s);

/* What a level allows in its match list; NULL: no list. */
static match_fn *match_check(enum tls_level level)
{
	switch (level) {
	case TLS_LEVEL_FINGERPRINT:
		return is_fingerprint;
	case TLS_LEVEL_VERIFY:
	case TLS_LEVEL_SECURE:
		return is_match_name;
	case TLS_LEVEL_NONE:
	case TLS_LEVEL_MAY:
	case TLS_LEVEL_ENCRYPT:
	case TLS_LEVEL_DANE:
	case TLS_LEVEL_DANE_ONLY:
		break;
	}
	return NULL;
}

const char *tlspolicy_override_check(const struct tlspolicy_override *ov)
{
	match_fn *check = match_check(ov->level);

	if (ov->match_n > 0 && !check)
		return "match: only for fingerprint, verify and secure";
	if (ov->match_n == 0 && ov->level == TLS_LEVEL_FINGERPRINT)
		return "match: a fingerprint is needed";
	for (size_t i = 0; i < ov->match_n; i++)
		if (!check(ov->match[i]))
			return ov->level == TLS_LEVEL_FINGERPRINT ?
			    "match: not a fingerprint" : bad_name;
	return NULL;
}

static const char *add_override(struct buf *out,
    const struct tlspolicy_override *ov)
{
	const char *before = " match=";
	const char *next = ov->level == TLS_LEVEL_FINGERPRINT ? "|" : ":";

	for (size_t i = 0; i < ov->match_n; i++) {
		buf_adds(out, before);
		if (ov->level == TLS_LEVEL_FINGERPRINT ||
		    is_keyword(ov->match[i], strlen(ov->match[i])))
			buf_adds(out, ov->match[i]);
		else if (!add_name(out, ov->match[i], strlen(ov->match[i])))
			return bad_name;
		before = next;
	}
	return NULL;
}

/* ---- Sendmail ---------------------------------------------------------- */

/* Sendmail knows no keywords; "" for what it has no word for. */
static const char *keyword_prefix(const char *keyword)
{
	if (strcmp(keyword, "nexthop") == 0)
		return "";
	if (strcmp(keyword, "dot-nexthop") == 0)
		return ".";
	return NULL;
}

static const char *add_sendmail_override(struct buf *out,
    const struct tlspolicy_override *ov, const char *domain)
{
	/* Postfix's default for secure */
	static const char *const standard[] = { "nexthop", "dot-nexthop" };
	const char *const *match = ov->match_n ? ov->match : standard;
	size_t n = ov->match_n ? ov->match_n : COUNT(standard);

	for (size_t i = 0; i < n; i++) {
		const char *name = match[i], *prefix = "";

		if (is_keyword(name, strlen(name))) {
			prefix = keyword_prefix(name);
			if (!prefix || *domain == '\0')
				return "match: Sendmail needs names";
			name = domain;
		}
		buf_adds(out, i == 0 ? " match=" : ":");
		buf_adds(out, prefix);
		if (!add_name(out, name, strlen(name)))
			return bad_name;
	}
	return NULL;
}

/* Exactly "secure match=LIST servername=hostname" (PF-SM-13). */
static const char *write_sendmail(const struct tlspolicy_text *t,
    struct buf *out)
{
	const char *trouble;

	buf_adds(out, "secure");
	if (t->override)
		trouble = add_sendmail_override(out, t->override, t->domain);
	else
		trouble = add_patterns(out, t->patterns);
	buf_adds(out, " servername=hostname");
	return trouble;
}

/* ---- Postfix ----------------------------------------------------------- */

/* PF-TP-12: the form with ">=" needs 3.6. */
static void add_protocols(struct buf *out, const struct tlspolicy_options *o,
    int min_version)
{
	static const struct {
		int least;	/* as struct partner */
		const char *now, *before_3_6;
	} rows[] = {
		{ 12, ">=TLSv1.2", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1" },
		{ 13, ">=TLSv1.3", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2" },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].least == min_version)
			buf_addf(out, " protocols=%s", o->version >= V(3, 6) ?
			    rows[i].now : rows[i].before_3_6);
}

/* Append a value of the policy: printable ASCII without braces, its blanks
 * made one (PF-TP-21). */
static bool add_policy_value(struct buf *out, const char *s, size_t len)
{
	bool blank = true;	/* none at the start */

	for (size_t i = 0; i < len; i++) {
		bool is_blank = s[i] == ' ' || s[i] == '\t';

		if (is_blank) {
			blank = true;
			continue;
		}
		if (s[i] < ' ' || s[i] > '~' || s[i] == '{' || s[i] == '}')
			return false;
		if (blank)
			buf_addc(out, ' ');
		blank = false;
		buf_addc(out, s[i]);
	}
	return true;
}

static bool is_policy_key(const char *s, size_t len)
{
	if (len == 0 || len > POLICY_KEY_MAX || !str_is_alnum(s[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!str_is_alnum(s[i]) && !strchr("_-.", s[i]))
			return false;
	return true;
}

/* Append a line of the policy written anew, or nothing. */
static void add_policy_line(struct buf *out, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t key = colon ? (size_t)(colon - line) : 0, start = out->len;

	if (!is_policy_key(line, key))
		return;
	buf_adds(out, " { policy_string = ");
	buf_add(out, line, key + 1);
	if (add_policy_value(out, colon + 1, len - key - 1))
		buf_adds(out, " }");
	else
		buf_cut(out, start);
}

/* One attribute for each line of the policy, in its order (PF-TP-16), as
 * many as fit behind start. */
static void add_policy_text(struct buf *out, const char *text, size_t start)
{
	const char *s = text + str_bom(text, strlen(text));

	while (*s) {
		size_t len = strcspn(s, "\n"), end = len;

		if (end > 0 && s[end - 1] == '\r')
			end--;
		/* a line never becomes longer than this */
		if (out->len - start + end + 32 > ANSWER_MAX)
			return;
		add_policy_line(out, s, end);
		s += len + (s[len] == '\n');
	}
}

static bool wants_tlsrpt(const struct tlspolicy_options *o,
    const struct tlspolicy_text *t)
{
	if (!t->policy_text || *t->domain == '\0')
		return false;
	return o->dialect == DIALECT_QUERY_TLSRPT ||
	    (o->dialect == DIALECT_POSTFIX && o->version >= V(3, 10));
}

/* PF-TP-16: the patterns with their "*", which Postfix compares with MX
 * names. add_patterns() has found them sound. */
static void add_tlsrpt(struct buf *out, const struct tlspolicy_text *t,
    size_t start)
{
	const char *patterns = t->patterns, *entry;
	size_t len;

	buf_addf(out, " policy_type=sts policy_domain=%s", t->domain);
	while (name_list_next(&patterns, &entry, &len)) {
		buf_adds(out, " mx_host_pattern=");
		buf_add(out, entry, len);
	}
	add_policy_text(out, t->policy_text, start);
}

static const char *write_postfix(const struct tlspolicy_options *o,
    const struct tlspolicy_text *t, struct buf *out)
{
	const char *trouble = NULL;
	size_t start = out->len;

	buf_adds(out, tls_level_name(t->level));
	if (t->override)
		trouble = add_override(out, t->override);
	else if (t->patterns)
		trouble = add_patterns(out, t->patterns);
	if (t->level >= TLS_LEVEL_VERIFY && o->version >= V(3, 4))
		buf_adds(out, " servername=hostname");
	add_protocols(out, o, t->min_version);
	if (!trouble && t->patterns && wants_tlsrpt(o, t))
		add_tlsrpt(out, t, start);
	return trouble;
}

const char *tlspolicy_write(const struct tlspolicy_options *o,
    const struct tlspolicy_text *t, struct buf *out)
{
	bool sendmail = o->dialect == DIALECT_SENDMAIL;
	size_t start = out->len;
	const char *trouble;

	trouble = sendmail ? write_sendmail(t, out) :
	    write_postfix(o, t, out);
	if (trouble)
		return trouble;
	if (out->failed)
		return "no room for the answer";
	if (out->len - start > (sendmail ? SENDMAIL_ANSWER_MAX : ANSWER_MAX))
		return too_long;
	return NULL;
}
