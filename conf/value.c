/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf-internal.h"

#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

static void *field(const struct option *o, void *base)
{
	return (char *)base + o->offset;
}

/* Store an integer in a field of any width. */
static void store_number(const struct option *o, void *base, uint64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;
	const void *from = o->size == 1 ? (void *)&v8 :
	    o->size == 2 ? (void *)&v16 :
	    o->size == 4 ? (void *)&v32 : (void *)&v;

	memcpy(field(o, base), from, o->size);
}

static bool store_string(const struct option *o, void *base, const char *s)
{
	char **p = field(o, base), *copy = strdup(s);

	if (!copy)
		return false;
	free(*p);
	*p = copy;
	return true;
}

/* ---- one function for each type ---------------------------------------- */

typedef bool set_fn(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err);

static bool check_string(const struct option *o, const char *s,
    struct buf *canon, struct buf *err)
{
	if (o->check)
		return o->check(s, canon, err);
	buf_adds(canon, s);
	return true;
}

static bool set_string(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	if (!check_string(o, s, canon, err))
		return false;
	return store_string(o, base, buf_str(canon));
}

/* Find s among words that stand apart by a space; -1 if it is not there. */
static int word_index(const char *words, const char *s)
{
	size_t len = strlen(s);

	for (int i = 0; *words; i++) {
		size_t n = strcspn(words, " ");

		if (n == len && str_ieq_n(words, s, n)) {
			return i;
		}
		words += n;
		words += *words == ' ';
	}
	return -1;
}

static bool set_word(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	int i = word_index(o->words, s);

	if (i < 0) {
		buf_addf(err, "\"%s\" is none of: %s", s, o->words);
		return false;
	}
	for (; *s; s++)
		buf_addc(canon, str_lower(*s));
	store_number(o, base, (uint64_t)(o->min + i));
	return true;
}

static bool set_bool(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	int i = word_index("no yes false true off on", s);

	if (i < 0) {
		buf_addf(err, "\"%s\" is neither yes nor no", s);
		return false;
	}
	buf_adds(canon, i & 1 ? "yes" : "no");
	store_number(o, base, (uint64_t)(i & 1));
	return true;
}

static bool set_number(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	uint64_t v;

	if (!str_to_u64(s, (uint64_t)o->max, &v) || v < (uint64_t)o->min) {
		buf_addf(err, "\"%s\" is not a number from %lld to %lld", s,
		    (long long)o->min, (long long)o->max);
		return false;
	}
	buf_addf(canon, "%llu", (unsigned long long)v);
	store_number(o, base, v);
	return true;
}

static bool set_facility(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	int facility = log_facility(s);

	if (facility < 0) {
		buf_addf(err, "\"%s\" is not a syslog facility", s);
		return false;
	}
	buf_adds(canon, s);
	store_number(o, base, (uint64_t)facility);
	return true;
}

static bool set_duration(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	int64_t v;

	if (!clock_parse_duration(s, &v)) {
		buf_addf(err, "\"%s\" is not a duration such as 5s, 30m, 6h "
		    "or 1d", s);
		return false;
	}
	if (v < o->min || v > o->max) {
		buf_addf(err, "\"%s\" is not from ", s);
		clock_add_duration(err, o->min);
		buf_adds(err, " to ");
		clock_add_duration(err, o->max);
		return false;
	}
	clock_add_duration(canon, v);
	store_number(o, base, (uint64_t)v);
	return true;
}

static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
#define UNITS (sizeof(units) / sizeof(units[0]))

static void add_size(struct buf *b, uint64_t v)
{
	size_t i = 0;

	for (; v && v % 1024 == 0 && i + 1 < UNITS; v /= 1024)
		i++;
	buf_addf(b, "%llu%s", (unsigned long long)v, units[i]);
}

/* Parse digits and a unit: "4096", "64KiB", "1GiB". */
static bool parse_size(const char *s, uint64_t *v_r)
{
	size_t digits = strspn(s, "0123456789");
	char number[21];
	uint64_t v;

	if (digits == 0 || digits >= sizeof(number))
		return false;
	memcpy(number, s, digits);
	number[digits] = '\0';
	if (!str_to_u64(number, UINT64_MAX, &v))
		return false;
	for (size_t i = 0; i < UNITS; i++)
		if (str_ieq(s + digits, units[i])) {
			*v_r = v << (10 * i);
			return *v_r >> (10 * i) == v;
		}
	return false;
}

static bool set_size(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	uint64_t v;

	if (!parse_size(s, &v)) {
		buf_addf(err, "\"%s\" is not a size such as 64KiB, 16MiB or "
		    "1GiB", s);
		return false;
	}
	if (v < (uint64_t)o->min || v > (uint64_t)o->max) {
		buf_addf(err, "\"%s\" is not from ", s);
		add_size(err, (uint64_t)o->min);
		buf_adds(err, " to ");
		add_size(err, (uint64_t)o->max);
		return false;
	}
	add_size(canon, v);
	store_number(o, base, v);
	return true;
}

static bool set_permission(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	size_t len = strlen(s);
	uint64_t v = 0;

	for (const char *p = s; *p >= '0' && *p <= '7' && p < s + 4; p++)
		v = v * 8 + (uint64_t)(*p - '0');
	if (len < 3 || len > 4 || strspn(s, "01234567") != len ||
	    v > (uint64_t)o->max) {
		buf_addf(err, "\"%s\" is not an octal mode such as 0660", s);
		return false;
	}
	buf_addf(canon, "%04llo", (unsigned long long)v);
	store_number(o, base, v);
	return true;
}

static bool set_endpoint(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	if (!endpoint_parse(s, field(o, base), err))
		return false;
	endpoint_format(field(o, base), ENDPOINT_LIBMILTER, canon);
	return true;
}

/* Each is a descriptor that is handed from process to process. */
static bool set_endpoints(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	struct conf_sockets *sockets = field(o, base);
	struct endpoint *more;

	if (sockets->n == CONF_SOCKETS_MAX) {
		buf_addf(err, "more than %d sockets", CONF_SOCKETS_MAX);
		return false;
	}
	more = reallocarray(sockets->v, sockets->n + 1, sizeof(*more));
	if (!more)
		return false;
	sockets->v = more;
	if (!endpoint_parse(s, &more[sockets->n], err))
		return false;
	endpoint_format(&more[sockets->n++], ENDPOINT_LIBMILTER, canon);
	return true;
}

/* The action it must fit is known only when the rule is complete; then
 * load_rules() parses it. */
static bool set_reply(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	(void)o;
	(void)base;
	(void)err;
	buf_adds(canon, s);
	return true;
}

static bool set_strings(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	if (!check_string(o, s, canon, err))
		return false;
	return strv_add(field(o, base), buf_str(canon));
}

static bool set_clients(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	struct client_set **set = field(o, base);

	if (!*set)
		*set = client_set_new();
	buf_adds(canon, s);
	return *set && client_set_add(*set, s, err);
}

static bool set_addresses(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	struct addr_set **set = field(o, base);

	if (!*set)
		*set = addr_set_new();
	buf_adds(canon, s);
	return *set && addr_set_add(*set, s, err);
}

static const char promise_words[] = "none testing enforce";

static bool set_promises(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	int i = word_index(promise_words, s);
	unsigned *set = field(o, base);

	if (str_ieq(s, "dane")) {
		buf_adds(err, "\"dane\" is not built yet");
		return false;
	}
	if (i < 0) {
		buf_addf(err, "\"%s\" is none of: %s", s, promise_words);
		return false;
	}
	*set |= (unsigned)PROMISE_NONE << i;
	for (; *s; s++)
		buf_addc(canon, str_lower(*s));
	return true;
}

/* Parse the mode behind "example.net=". */
static bool parse_stated(const char *s, unsigned *stated_r, struct buf *err)
{
	int i = word_index(promise_words, s);

	if (i < 0) {
		buf_addf(err, "mode \"%s\" is none of: %s", s, promise_words);
		return false;
	}
	*stated_r = (unsigned)PROMISE_NONE << i;
	return true;
}

static bool add_hosted(struct conf *c, const char *domain, unsigned stated)
{
	struct hosted *more;
	char *copy;

	more = realloc(c->hosted, (c->hosted_n + 1) * sizeof(*more));
	if (!more)
		return false;
	c->hosted = more;
	copy = strdup(domain);
	if (!copy)
		return false;
	c->hosted[c->hosted_n++] = (struct hosted){ copy, stated };
	return true;
}

static bool set_hosted(const struct option *o, const char *s, void *base,
    struct buf *canon, struct buf *err)
{
	const char *eq = strchr(s, '=');
	size_t len = eq ? (size_t)(eq - s) : strlen(s);
	struct buf name, domain;
	unsigned stated = 0;
	bool ok;

	(void)o;
	buf_init(&name, 1000);
	buf_init(&domain, 1000);
	buf_add(&name, s, len);
	ok = check_domain(buf_str(&name), &domain, err) &&
	    (!eq || parse_stated(eq + 1, &stated, err)) &&
	    !name.failed && !domain.failed &&
	    add_hosted(base, buf_str(&domain), stated);
	buf_adds(canon, buf_str(&domain));
	if (eq)
		buf_adds(canon, eq);
	buf_clear(&name);
	buf_clear(&domain);
	return ok;
}

bool value_set(const struct option *o, const char *text, void *base,
    struct buf *canon, struct buf *err)
{
	static set_fn *const set[] = {
		[OPT_STRING] = set_string,
		[OPT_WORD] = set_word,
		[OPT_BOOL] = set_bool,
		[OPT_TRISTATE] = set_bool,
		[OPT_NUMBER] = set_number,
		[OPT_FACILITY] = set_facility,
		[OPT_DURATION] = set_duration,
		[OPT_SIZE] = set_size,
		[OPT_PERMISSION] = set_permission,
		[OPT_ENDPOINT] = set_endpoint,
		[OPT_REPLY] = set_reply,
		[OPT_STRINGS] = set_strings,
		[OPT_ENDPOINTS] = set_endpoints,
		[OPT_CLIENTS] = set_clients,
		[OPT_ADDRESSES] = set_addresses,
		[OPT_PROMISES] = set_promises,
		[OPT_HOSTED] = set_hosted,
	};

	if (!str_is_clean_utf8(text, strlen(text))) {
		buf_adds(err, "not clean UTF-8 text");
		return false;
	}
	return set[o->type](o, text, base, canon, err) && !canon->failed;
}
