/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jansson gives the position of a syntax error only. For every other
 * mistake the text, by then known to be valid JSON, is walked again.
 */
#include "config.h"

#include <jansson.h>

#include "policy/partners-internal.h"
#include "util/str.h"

/* No list of any kind nests deeper than domains, domain, mx; some more are
 * allowed to members that we do not know. */
#define DEPTH_MAX 16

/* jansson needs about 250 bytes for an empty object of two. */
#define CONTAINERS_MAX (2 * PARTNERS_DOMAINS_MAX + 2 * PARTNERS_ALIASES_MAX)
#define VALUES_MAX (2 * 1000 * 1000)

#define KEY_SHOWN 100	/* bytes of a member's name in messages */

/* ---- walking ----------------------------------------------------------- */

struct walk {
	const char *p, *end;
};

static void skip_blank(struct walk *w)
{
	while (w->p < w->end && strchr(" \t\r\n", *w->p) && *w->p)
		w->p++;
}

/* Step over a string, from quote to quote. */
static void skip_string(struct walk *w)
{
	w->p++;
	while (w->p < w->end && *w->p != '"')
		w->p += *w->p == '\\' ? 2 : 1;
	w->p++;
	if (w->p > w->end)
		w->p = w->end;
}

/* Step over a value of any kind. */
static void skip_value(struct walk *w)
{
	size_t depth = 0;

	while (w->p < w->end) {
		char c = *w->p;

		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return;
		if (c == '"') {
			skip_string(w);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		w->p++;
	}
}

/* Compare the string at w, escapes and all, with a key. */
static bool is_key(const struct walk *w, const char *key)
{
	struct walk end = *w;
	json_t *string;
	size_t len;
	bool same;

	skip_string(&end);
	len = (size_t)(end.p - w->p);
	if (!memchr(w->p, '\\', len))
		return len == strlen(key) + 2 &&
		    memcmp(w->p + 1, key, len - 2) == 0;
	string = json_loadb(w->p, len, JSON_DECODE_ANY, NULL);
	same = string && strcmp(json_string_value(string), key) == 0;
	json_decref(string);
	return same;
}

/* Go from the brace or bracket at w to the first member or element; false
 * when there is none. */
static bool enter(struct walk *w)
{
	w->p++;
	skip_blank(w);
	return w->p < w->end && *w->p != '}' && *w->p != ']';
}

/* Go from the end of one to the next. */
static bool next(struct walk *w)
{
	skip_value(w);
	if (w->p >= w->end || *w->p != ',')
		return false;
	w->p++;
	skip_blank(w);
	return true;
}

/* Go from a member's name to its value. */
static void go_to_value(struct walk *w)
{
	skip_string(w);
	skip_blank(w);
	w->p += w->p < w->end;	/* the colon */
	skip_blank(w);
}

/* Go from an object to its member; false, and nowhere, if it has none such.
 * *key_r is where the member's name is. */
static bool go_to_member(struct walk *w, const char *key, const char **key_r)
{
	struct walk try = *w;

	if (*try.p != '{' || !enter(&try))
		return false;
	do {
		if (is_key(&try, key)) {
			*key_r = try.p;
			go_to_value(&try);
			*w = try;
			return true;
		}
		go_to_value(&try);
	} while (next(&try));
	return false;
}

static bool go_to_element(struct walk *w, size_t index)
{
	struct walk try = *w;

	if (*try.p != '[' || !enter(&try))
		return false;
	for (; index > 0; index--)
		if (!next(&try))
			return false;
	*w = try;
	return true;
}

/* Follow a place from the root as far as it goes. Places are as deep as the
 * reader nests its calls, so recursion is bounded. */
static bool follow(struct walk *w, const struct place *place,
    const char **key_r)
{
	if (!place)
		return true;
	if (!follow(w, place->up, key_r) || w->p >= w->end)
		return false;
	return place->key ? go_to_member(w, place->key, key_r) :
	    go_to_element(w, place->index);
}

static struct position position_of(const char *text, const char *p)
{
	struct position pos = { 1, 1 };

	text += str_bom(text, (size_t)(p - text));
	for (; text < p; text++) {
		if (*text == '\n') {
			pos.line++;
			pos.column = 1;
		} else if (((unsigned char)*text & 0xc0) != 0x80) {
			pos.column++;
		}
	}
	return pos;
}

void place_find(const struct place *place, bool at_key, const char *text,
    size_t len, struct position *pos_r)
{
	struct walk w = { text + str_bom(text, len), text + len };
	const char *key = NULL;
	bool found;

	skip_blank(&w);
	found = follow(&w, place, &key);
	*pos_r = position_of(text, found && at_key && key ? key : w.p);
}

/* ---- writing ----------------------------------------------------------- */

void place_write_text(const char *s, size_t max, bool quoted,
    struct buf *out)
{
	size_t len = strnlen(s, max), end = len;

	while (s[end] && end > 0 && ((unsigned char)s[end] & 0xc0) == 0x80)
		end--;
	for (size_t i = 0; i < end; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0)
			c = (unsigned char)s[++i];	/* U+0080 to U+009F */
		else if (c >= 0x80)
			c = ' ';	/* as it is */
		if (quoted && (c == '"' || c == '\\'))
			buf_addc(out, '\\');
		if (c < ' ' || c >= 0x7f)
			buf_addf(out, "\\u%04x", c);
		else
			buf_addc(out, s[i]);
	}
	if (s[end])
		buf_adds(out, "...");
}

static bool is_plain(const char *key)
{
	for (const char *p = key; *p; p++)
		if (!str_is_alnum(*p) && *p != '_' && *p != '-')
			return false;
	return *key && strlen(key) < KEY_SHOWN;
}

void place_write(const struct place *place, struct buf *out)
{
	if (!place)
		return;
	place_write(place->up, out);
	if (!place->key) {
		buf_addf(out, "[%zu]", place->index);
		return;
	}
	if (place->up)
		buf_addc(out, '.');
	if (is_plain(place->key)) {
		buf_adds(out, place->key);
		return;
	}
	buf_addc(out, '"');
	place_write_text(place->key, KEY_SHOWN, true, out);
	buf_addc(out, '"');
}

/* ---- bounds ------------------------------------------------------------ */

struct bounds {
	size_t depth, containers, values;
};

static const char *count(struct bounds *b, char c)
{
	if (c == '{' || c == '[') {
		b->depth++;
		b->containers++;
	} else if (c == '}' || c == ']') {
		b->depth -= b->depth > 0;
	}
	b->values += c == ',';
	return b->depth > DEPTH_MAX ? "nested too deeply" :
	    b->containers > CONTAINERS_MAX ? "too many objects and arrays" :
	    b->values > VALUES_MAX ? "too many values" : NULL;
}

bool place_is_bounded(const char *text, size_t len, struct position *pos_r,
    const char **sentence_r)
{
	struct walk w = { text, text + len };
	struct bounds b = { 0 };

	while (w.p < w.end) {
		const char *sentence;

		if (*w.p == '"') {
			skip_string(&w);
			continue;
		}
		sentence = count(&b, *w.p);
		if (sentence) {
			*pos_r = position_of(text, w.p);
			*sentence_r = sentence;
			return false;
		}
		w.p++;
	}
	return true;
}
