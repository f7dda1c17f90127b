/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * txt - the record at _mta-sts.<domain>:
 *
 *	sts-text-record = sts-version 1*(delim sts-field) [delim]
 *	delim           = *WSP ";" *WSP
 *
 * (RFC 8461 §3.1). A field is name "=" value; only "id" has a meaning, and
 * the first one counts.
 */
#include "config.h"

#include "mtasts/mtasts.h"

#include "util/str.h"

#define STS_VERSION "v=STSv1"
#define NAME_MAX_LEN 32

struct cursor {
	const char *p;
	const char *end;
};

static void skip_wsp(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static bool skip_version(struct cursor *c)
{
	size_t len = strlen(STS_VERSION);

	if ((size_t)(c->end - c->p) < len || memcmp(c->p, STS_VERSION, len) != 0)
		return false;
	c->p += len;
	return true;
}

static bool skip_delim(struct cursor *c)
{
	struct cursor at = *c;

	skip_wsp(&at);
	if (at.p == at.end || *at.p != ';')
		return false;
	at.p++;
	skip_wsp(&at);
	*c = at;
	return true;
}

static bool is_name_char(char c, bool first)
{
	return str_is_alnum(c) ||
	    (!first && (c == '_' || c == '-' || c == '.'));
}

static size_t name_len(const struct cursor *c)
{
	size_t n = 0;

	while (c->p + n < c->end && is_name_char(c->p[n], n == 0))
		n++;
	return n;
}

/* Printable ASCII but "=", ";" and space. */
static size_t value_len(const struct cursor *c)
{
	size_t n = 0;

	while (c->p + n < c->end && c->p[n] > 0x20 && c->p[n] < 0x7f &&
	    c->p[n] != '=' && c->p[n] != ';')
		n++;
	return n;
}

/* Take an id of 1 to 32 letters and digits; leave the cursor at what is
 * wrong with it. */
static bool take_id(struct cursor *c, size_t len, struct mtasts_txt *txt)
{
	size_t n = 0;

	while (n < len && n < MTASTS_ID_SIZE && str_is_alnum(c->p[n]))
		n++;
	if (n < len) {
		c->p += n;
		return false;
	}
	memcpy(txt->id, c->p, len);
	txt->id[len] = '\0';
	return true;
}

static bool take_field(struct cursor *c, struct mtasts_txt *txt)
{
	size_t len = name_len(c);
	bool is_id = len == 2 && memcmp(c->p, "id", 2) == 0;

	if (len == 0 || len > NAME_MAX_LEN)
		return false;
	c->p += len;
	if (c->p == c->end || *c->p != '=')
		return false;
	c->p++;
	len = value_len(c);
	if (len == 0)
		return false;
	if (is_id && !*txt->id && !take_id(c, len, txt))
		return false;
	c->p += len;
	return true;
}

static bool take_record(struct cursor *c, struct mtasts_txt *txt)
{
	if (!skip_version(c) || !skip_delim(c) || !take_field(c, txt))
		return false;
	while (c->p < c->end) {
		if (!skip_delim(c))
			return false;
		if (c->p < c->end && !take_field(c, txt))
			return false;
	}
	return *txt->id != '\0';
}

bool mtasts_txt_is_candidate(const char *text, size_t len)
{
	struct cursor c = { text, text + len };

	return skip_version(&c) && skip_delim(&c);
}

enum mtasts_error mtasts_txt_parse(const char *text, size_t len,
    struct mtasts_txt *txt_r, size_t *offset_r)
{
	struct cursor c = { text, text + len };
	struct mtasts_txt txt = { "" };

	if (!take_record(&c, &txt)) {
		if (offset_r)
			*offset_r = (size_t)(c.p - text);
		return MTASTS_E_RECORD;
	}
	*txt_r = txt;
	return MTASTS_OK;
}
