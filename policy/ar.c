/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ar - find forged Authentication-Results fields, and write ours.
 *
 * The scanner does not build a tree: it walks the tokens once to see whose
 * field it is and once to look for our method. What it must not do is read
 * a field otherwise than the filters behind us do; so it takes every
 * reading that anybody might (AR-09), but nothing inside quotes or comments
 * for a method, as OpenDMARC quotes what strangers wrote.
 */
#include "config.h"

#include "policy/ar.h"

#include "mtasts/mtasts.h"
#include "util/buf.h"
#include "util/str.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define METHOD "x-tls"

/* The longest authserv-id that is compared. */
#define ID_MAX 1024
/* So many names with U-labels are converted for one field; a field with
 * more of them is taken for forged. */
#define IDN_MAX 32
/* Where a line of ours is folded, and the name before its first line. */
#define FOLD_AT 76
#define AR_COLUMN (sizeof("Authentication-Results: ") - 1)

/* ---- tokens ------------------------------------------------------------ */

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,	/* letters, digits, "-", "_", ".", and 8-bit bytes */
	TOKEN_QUOTED,	/* text without the quotes, still with "\" */
	TOKEN_CHAR,	/* any other character */
};

struct token {
	enum token_kind kind;
	const char *text;
	size_t len;
	bool spaced;	/* blanks or a comment stand before it */
};

struct lexer {
	const char *p;
	bool broken;	/* a comment or quotes without end */
};

static bool is_name_char(char c)
{
	return str_is_alnum(c) || c == '-' || c == '_' || c == '.' ||
	    (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Go behind a comment, which may nest; the depth is only counted, so that
 * a field of nothing but "(" costs no more than any other (AR-14). */
static void skip_comment(struct lexer *lx)
{
	size_t depth = 0;

	do {
		if (*lx->p == '(')
			depth++;
		else if (*lx->p == ')')
			depth--;
		else if (*lx->p == '\\' && lx->p[1])
			lx->p++;
		lx->p++;
	} while (depth > 0 && *lx->p);
	if (depth > 0)
		lx->broken = true;
}

/* Go behind blanks and comments (CFWS); true if there were any. */
static bool skip_cfws(struct lexer *lx)
{
	const char *start = lx->p;

	while (is_blank(*lx->p) || *lx->p == '(') {
		if (*lx->p == '(')
			skip_comment(lx);
		else
			lx->p++;
	}
	return lx->p != start;
}

static void read_quoted(struct lexer *lx, struct token *t)
{
	t->kind = TOKEN_QUOTED;
	t->text = ++lx->p;
	while (*lx->p && *lx->p != '"') {
		if (*lx->p == '\\' && lx->p[1])
			lx->p++;
		lx->p++;
	}
	t->len = (size_t)(lx->p - t->text);
	if (*lx->p)
		lx->p++;
	else
		lx->broken = true;
}

static void next_token(struct lexer *lx, struct token *t)
{
	*t = (struct token){ .kind = TOKEN_END };
	t->spaced = skip_cfws(lx);
	t->text = lx->p;
	if (!*lx->p)
		return;
	if (*lx->p == '"') {
		read_quoted(lx, t);
		return;
	}
	t->kind = TOKEN_CHAR;
	while (is_name_char(*lx->p)) {
		t->kind = TOKEN_NAME;
		lx->p++;
	}
	if (t->kind == TOKEN_CHAR)
		lx->p++;
	t->len = (size_t)(lx->p - t->text);
}

static bool is_char(const struct token *t, char c)
{
	return t->kind == TOKEN_CHAR && *t->text == c;
}

/* ---- whose field is it? ------------------------------------------------ */

/* Gathers what may be an authserv-id and compares it with ours. */
struct claim {
	const char *ours;
	size_t ours_len;	/* without trailing dots */
	char ours_normal[MTASTS_DOMAIN_SIZE];	/* "" if no domain name */
	char id[ID_MAX];
	size_t len;		/* ID_MAX: too long to be ours */
	unsigned converted;
	bool claimed;
};

static size_t len_without_dots(const char *s, size_t len)
{
	while (len > 0 && s[len - 1] == '.')
		len--;
	return len;
}

static void claim_init(struct claim *c, const char *authserv_id)
{
	c->ours = authserv_id;
	c->ours_len = len_without_dots(authserv_id, strlen(authserv_id));
	c->len = 0;
	c->converted = 0;
	c->claimed = false;
	if (mtasts_domain_normalize(authserv_id, c->ours_normal) != MTASTS_OK)
		c->ours_normal[0] = '\0';
}

static bool has_8bit(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return true;
	return false;
}

/* Compare a name with U-labels. Converting takes time, so that only a few
 * are; no honest field has more in the place of the authserv-id. */
static bool claims_idn(struct claim *c, const char *s, size_t len)
{
	char id[ID_MAX], normal[MTASTS_DOMAIN_SIZE];

	if (!*c->ours_normal || len >= sizeof(id))
		return false;
	if (c->converted++ >= IDN_MAX)
		return true;
	memcpy(id, s, len);
	id[len] = '\0';
	return mtasts_domain_normalize(id, normal) == MTASTS_OK &&
	    strcmp(normal, c->ours_normal) == 0;
}

/* Compare one candidate (AR-09). */
static void claim_check(struct claim *c, const char *s, size_t len)
{
	len = len_without_dots(s, len);
	if (c->claimed || len == 0)
		return;
	if (len == c->ours_len && str_ieq_n(s, c->ours, len))
		c->claimed = true;
	else if (len == strlen(c->ours_normal) &&
	    str_ieq_n(s, c->ours_normal, len))
		c->claimed = true;
	else if (has_8bit(s, len))
		c->claimed = claims_idn(c, s, len);
}

/*
 * Take one more piece of a name. Pieces belong together when nothing is
 * between them, or only CFWS beside a dot ("our . example"). More than any
 * name can have are not gathered, so that the work stays in proportion.
 */
static void claim_add(struct claim *c, const char *s, size_t len,
    bool spaced)
{
	bool joined = c->len > 0 && c->len < ID_MAX &&
	    (!spaced || c->id[c->len - 1] == '.' || *s == '.');

	claim_check(c, s, len);
	if (!joined)
		c->len = 0;
	if (len >= ID_MAX - c->len) {
		c->len = ID_MAX;
		return;
	}
	memcpy(c->id + c->len, s, len);
	c->len += len;
	if (joined)
		claim_check(c, c->id, c->len);
}

/* Take the names inside quotes; the quoting itself says nothing. */
static void claim_add_quoted(struct claim *c, const struct token *t)
{
	bool spaced = t->spaced;
	char name[ID_MAX];
	size_t len = 0;

	for (size_t i = 0; i <= t->len; i++) {
		if (i < t->len && t->text[i] == '\\')
			continue;
		if (i < t->len && is_name_char(t->text[i])) {
			if (len < sizeof(name))
				name[len++] = t->text[i];
			continue;
		}
		if (len > 0 && len < sizeof(name))
			claim_add(c, name, len, spaced);
		spaced = true;
		len = 0;
	}
}

/* Look for our id in what stands before the first ";": authserv-id and
 * version, or whatever a malformed field has there. */
static void claim_scan(struct claim *c, const char *value)
{
	struct lexer lx = { .p = value };
	struct token t;

	next_token(&lx, &t);
	while (t.kind != TOKEN_END && !is_char(&t, ';')) {
		if (t.kind == TOKEN_NAME)
			claim_add(c, t.text, t.len, t.spaced);
		else if (t.kind == TOKEN_QUOTED)
			claim_add_quoted(c, &t);
		else
			c->len = 0;
		next_token(&lx, &t);
	}
}

/* Look for our id anywhere in a field whose quotes or comments do not end:
 * nobody can say where its parts are. */
static void claim_scan_raw(struct claim *c, const char *s)
{
	while (*s) {
		size_t len = 0;

		while (is_name_char(s[len]))
			len++;
		claim_check(c, s, len);
		s += len + (s[len] != '\0');
	}
}

/* ---- what does it hold? ------------------------------------------------ */

static bool is_method_name(const struct token *t)
{
	return (t->kind == TOKEN_NAME || t->kind == TOKEN_QUOTED) &&
	    t->len == strlen(METHOD) &&
	    str_ieq_n(t->text, METHOD, strlen(METHOD));
}

/* True when t is part of a value: behind "=", or, without a blank, behind
 * what an unquoted address may hold ("smtp.mailfrom=a/x-tls=b@example"). */
static bool is_in_value(const struct token *t, const struct token *before)
{
	return is_char(before, '=') || (!t->spaced &&
	    before->kind == TOKEN_CHAR &&
	    strchr("!#$%&'*+/?^`{|}~@", *before->text));
}

/* True when an x-tls result is in the field: "x-tls" where a method stands,
 * behind a semicolon, or anywhere else before "=" or "/" but in a value. */
static bool has_method(const char *value, bool *broken_r)
{
	struct lexer lx = { .p = value };
	struct token t, next, before = { .kind = TOKEN_END };
	bool found = false;

	next_token(&lx, &t);
	while (t.kind != TOKEN_END) {
		next_token(&lx, &next);
		if (is_method_name(&t) && (is_char(&before, ';') ||
		    (!is_in_value(&t, &before) &&
		    (is_char(&next, '=') || is_char(&next, '/')))))
			found = true;
		before = t;
		t = next;
	}
	*broken_r = lx.broken;
	return found;
}

/* Compare a field name; blanks before its colon do not count (RFC 5322
 * §4.5.1). */
static bool is_field(const char *name, const char *want)
{
	size_t len = strlen(want);

	if (strlen(name) < len || !str_ieq_n(name, want, len))
		return false;
	return name[len + strspn(name + len, " \t")] == '\0';
}

bool ar_is_ar_field(const char *name)
{
	return is_field(name, "Authentication-Results");
}

bool ar_is_tag_field(const char *name)
{
	return is_field(name, "X-TLS-Policy");
}

bool ar_is_forged(const char *value, const char *authserv_id,
    enum strip_ar what)
{
	struct claim c;
	bool broken, method = has_method(value, &broken);

	claim_init(&c, authserv_id);
	if (broken)
		claim_scan_raw(&c, value);
	else if (what == STRIP_AR_OWN && !method)
		return false;
	claim_scan(&c, value);
	return c.claimed;
}

/* ---- our own fields ---------------------------------------------------- */

/* Builds one field value and knows how far its line has come. */
struct field {
	struct buf *out;
	size_t line;		/* where the line begins in out */
	size_t column;		/* what stands before it */
};

/* Append one item, on a new line if it would make this one too long
 * (AR-13: LF and WSP, no CR). */
static void add_item(struct field *f, const char *item)
{
	size_t used = f->column + f->out->len - f->line;

	if (used + 1 + strlen(item) > FOLD_AT) {
		buf_addc(f->out, '\n');
		f->line = f->out->len;
		f->column = 0;
		buf_addc(f->out, '\t');
	} else {
		buf_addc(f->out, ' ');
	}
	buf_adds(f->out, item);
}

/* RFC 2045 §5.1: what a token may hold. */
static bool is_token_char(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* Append a value as token or quoted-string (AR-12); at most 100 bytes, and
 * "?" for what cannot stand in a header field. */
static void add_value(struct buf *b, const char *s)
{
	size_t len = strnlen(s, 100), plain = 0;

	while (plain < len && is_token_char(s[plain]))
		plain++;
	if (len > 0 && plain == len) {
		buf_add(b, s, len);
		return;
	}
	buf_addc(b, '"');
	for (size_t i = 0; i < len; i++) {
		bool printable = s[i] >= ' ' && s[i] < 0x7f;

		if (s[i] == '"' || s[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, printable ? s[i] : '?');
	}
	buf_addc(b, '"');
}

/* Append "name=value". */
static void add_property(struct field *f, const char *name,
    const char *value)
{
	struct buf item;

	buf_init(&item, 300);
	buf_addf(&item, "%s=", name);
	add_value(&item, value);
	if (item.failed)
		f->out->failed = true;
	add_item(f, buf_str(&item));
	buf_clear(&item);
}

static void add_tls(struct field *f, const struct tls_facts *tls,
    const char *version, const char *cipher, const char *bits)
{
	char number[16];

	if (tls->state != TLS_ENCRYPTED)
		return;
	if (tls->version && *tls->version)
		add_property(f, version, tls->version);
	if (tls->cipher && *tls->cipher)
		add_property(f, cipher, tls->cipher);
	if (tls->bits > 0) {
		snprintf(number, sizeof(number), "%d", tls->bits);
		add_property(f, bits, number);
	}
}

/* A rule that only observes changes nothing in a message, so it is no
 * failure here either. TLS that cannot be told is "neutral". */
static const char *result_of(const struct tls_facts *tls,
    const struct verdict *v)
{
	static const char *const results[] = {
		[TLS_UNKNOWN] = METHOD "=neutral",
		[TLS_PLAINTEXT] = METHOD "=none",
		[TLS_ENCRYPTED] = METHOD "=pass",
	};

	return v->action >= ACTION_TAG ? METHOD "=fail" : results[tls->state];
}

void ar_format(struct buf *out, const char *authserv_id,
    const struct tls_facts *tls, const struct verdict *v)
{
	struct field f = { out, out->len, AR_COLUMN };

	add_value(out, authserv_id);
	buf_addc(out, ';');
	add_item(&f, result_of(tls, v));
	add_tls(&f, tls, "smtp.version", "smtp.cipher", "smtp.bits");
	if (v->action >= ACTION_TAG && v->rule)
		add_property(&f, "policy.rule", v->rule->name);
}

void ar_format_tag(struct buf *out, const struct tls_facts *tls,
    const struct verdict *v)
{
	struct field f = { out, out->len, sizeof("X-TLS-Policy: ") - 1 };

	buf_adds(out, "fail");
	if (v->rule)
		add_property(&f, "rule", v->rule->name);
	add_property(&f, "unmet", unmet_name(v->unmet));
	if (v->unmet_what)
		add_property(&f, "required", v->unmet_what);
	add_tls(&f, tls, "version", "cipher", "bits");
}
