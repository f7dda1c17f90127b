/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/tlsrpt.h"

#include "mtasts/mtasts.h"
#include "util/buf.h"
#include "util/str.h"

#define RPT_VERSION "v=TLSRPTv1"
#define MAILBOX_MAX 320
#define NAME_MAX_LEN 32

/* A part of the record: not owned, not terminated. */
struct span {
	const char *p;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.len && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Cut the next part off at a separator; false when nothing is left. */
static bool next_part(struct span *rest, char separator, struct span *part_r)
{
	const char *end;

	if (!rest->p)
		return false;
	end = memchr(rest->p, separator, rest->len);
	part_r->p = rest->p;
	part_r->len = end ? (size_t)(end - rest->p) : rest->len;
	if (end) {
		rest->p = end + 1;
		rest->len -= part_r->len + 1;
	} else {
		rest->p = NULL;
		rest->len = 0;
	}
	*part_r = trim(*part_r);
	return true;
}

bool tlsrpt_is_candidate(const char *text, size_t len)
{
	size_t n = sizeof(RPT_VERSION) - 1;

	if (len < n || memcmp(text, RPT_VERSION, n) != 0)
		return false;
	while (n < len && is_blank(text[n]))
		n++;
	return n < len && text[n] == ';';
}

/* ---- one address ------------------------------------------------------- */

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, str_lower(c)) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* Undo %XX into out (MAILBOX_MAX + 1 bytes); false if it is broken. */
static bool percent_decode(struct span s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '%') {
			int high, low;

			if (s.len - i < 3)
				return false;
			high = hex(s.p[i + 1]);
			low = hex(s.p[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || n == MAILBOX_MAX)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

/* RFC 5321 Dot-string; quoted local parts do not occur in practice. */
static bool is_local_part(const char *s, size_t len)
{
	if (len == 0 || len > 64)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!str_is_alnum(s[i]) && !strchr("!#$%&'*+-/=?^_`{|}~.",
		    s[i]))
			return false;
	return true;
}

static void add_mailbox(struct span uri, struct buf *out)
{
	static const char scheme[] = "mailto:";
	size_t n = sizeof(scheme) - 1;
	char mailbox[MAILBOX_MAX + 1], domain[MTASTS_DOMAIN_SIZE];
	const char *at, *headers;

	if (uri.len <= n || !str_ieq_n(uri.p, scheme, n))
		return;
	uri.p += n;
	uri.len -= n;
	headers = memchr(uri.p, '?', uri.len);
	if (headers)
		uri.len = (size_t)(headers - uri.p);
	if (!percent_decode(uri, mailbox))
		return;
	at = strrchr(mailbox, '@');
	if (!at || !is_local_part(mailbox, (size_t)(at - mailbox)) ||
	    mtasts_domain_normalize(at + 1, domain) != MTASTS_OK)
		return;
	buf_addf(out, "%s%.*s@%s", out->len ? " " : "", (int)(at - mailbox),
	    mailbox, domain);
}

/* ---- the record -------------------------------------------------------- */

/* "name=value" with a name as RFC 8460 §3 wants it. */
static bool split_field(struct span field, struct span *name_r,
    struct span *value_r)
{
	const char *eq = memchr(field.p, '=', field.len);

	if (!eq || eq == field.p || eq - field.p > NAME_MAX_LEN)
		return false;
	name_r->p = field.p;
	name_r->len = (size_t)(eq - field.p);
	value_r->p = eq + 1;
	value_r->len = field.len - name_r->len - 1;
	if (!str_is_alnum(field.p[0]) || !value_r->len)
		return false;
	for (size_t i = 0; i < name_r->len; i++)
		if (!str_is_alnum(field.p[i]) && !strchr("_-.", field.p[i]))
			return false;
	for (size_t i = 0; i < value_r->len; i++)
		if ((unsigned char)value_r->p[i] > '~' ||
		    (value_r->p[i] < ' ' && value_r->p[i] != '\t'))
			return false;
	return true;
}

static bool is_rua(struct span name)
{
	return name.len == 3 && memcmp(name.p, "rua", 3) == 0;
}

/* Give each URI of the record to add(); the first rua counts. */
static bool walk_uris(const char *text, size_t len,
    void (*add)(struct span uri, struct buf *out), struct buf *out)
{
	struct span rest = { text, len }, field, name, value, uri;
	bool seen = false;

	if (!tlsrpt_is_candidate(text, len))
		return false;
	next_part(&rest, ';', &field);
	while (next_part(&rest, ';', &field)) {
		if (!field.len && !rest.p)
			break;		/* the optional last ";" */
		if (!split_field(field, &name, &value))
			return false;
		if (seen || !is_rua(name))
			continue;
		seen = true;
		while (next_part(&value, ',', &uri))
			add(uri, out);
	}
	return seen;
}

bool tlsrpt_mailboxes(const char *text, size_t len, struct buf *out)
{
	return walk_uris(text, len, add_mailbox, out);
}

/* split_field() lets through nothing but printable ASCII and tabs. */
static void add_uri(struct span uri, struct buf *out)
{
	for (size_t i = 0; i < uri.len; i++)
		buf_addc(out, uri.p[i] == '\t' ? ' ' : uri.p[i]);
	if (uri.len)
		buf_addc(out, '\n');
}

bool tlsrpt_uris(const char *text, size_t len, struct buf *out)
{
	return walk_uris(text, len, add_uri, out);
}
