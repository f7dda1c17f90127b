/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/answer.h"

#include "mtasts/name.h"
#include "util/buf.h"
#include "util/pack.h"
#include "util/str.h"

#define ANSWER_VERSION 1

enum {
	ASK_FLAG_REFETCH = 1,
	ASK_FLAG_MX = 2,
	ASK_FLAG_RUA = 4,
	ASK_FLAG_PRIVATE = 8,
	ASK_FLAG_ALL = 15
};

enum {
	ANSWER_FLAG_SECURE = 1,
	ANSWER_FLAG_MX_KNOWN = 2,
	ANSWER_FLAG_NULL_MX = 4,
	ANSWER_FLAG_ALL = 7
};

/* ---- what fields may hold ---------------------------------------------- */

static bool is_id(const char *s)
{
	size_t len = 0;

	while (str_is_alnum(s[len]))
		len++;
	return s[len] == '\0' && len <= MTASTS_ID_SIZE;
}

static bool is_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

static bool is_detail(const char *s)
{
	size_t len = strlen(s);

	return len <= ANSWER_DETAIL_MAX && is_printable(s, len);
}

/* UTF-8 and no control characters but those between the words. */
static bool is_text(const char *s)
{
	size_t len = strlen(s);

	if (len > MTASTS_POLICY_SIZE)
		return false;
	for (;;) {
		size_t n = str_utf8_text_len(s, len);

		if (n == len)
			return true;
		if (!strchr("\t\r\n", s[n]))
			return false;
		s += n + 1;
		len -= n + 1;
	}
}

static bool is_mailbox(const char *s, size_t len)
{
	const char *at = memrchr(s, '@', len);

	return len <= ANSWER_MAILBOX_MAX && is_printable(s, len) && at &&
	    at > s && name_is_normal(at + 1, (size_t)(s + len - at - 1));
}

typedef bool entry_check(const char *s, size_t len);

static bool is_list(const char *list, size_t max, entry_check *check)
{
	const char *entry;
	size_t len, n = 0;

	while (name_list_next(&list, &entry, &len))
		if (++n > max || !check(entry, len))
			return false;
	return true;
}

/* ---- packing ----------------------------------------------------------- */

static void put_str(struct buf *out, const char *s)
{
	pack_str(out, s ? s : "");
}

static void put_cut(struct buf *out, const char *s, size_t max)
{
	pack_mem(out, s ? s : "", s ? strnlen(s, max) : 0);
}

/* The first max entries of a list. */
static void put_list(struct buf *out, const char *list, size_t max)
{
	const char *rest = list ? list : "", *start = rest, *entry;
	size_t len, n = 0;

	while (n < max && name_list_next(&rest, &entry, &len))
		n++;
	pack_mem(out, start, (size_t)(rest - start));
}

void ask_pack(const struct ask *ask, struct buf *out)
{
	unsigned flags = (ask->refetch ? ASK_FLAG_REFETCH : 0u) |
	    (ask->want_mx ? ASK_FLAG_MX : 0u) |
	    (ask->want_rua ? ASK_FLAG_RUA : 0u) |
	    (ask->allow_private ? ASK_FLAG_PRIVATE : 0u);

	pack_u8(out, ANSWER_VERSION);
	pack_u32(out, ask->seq);
	pack_u8(out, ask->class);
	pack_u8(out, flags);
	put_str(out, ask->domain);
	put_str(out, ask->held_id);
}

bool ask_unpack(const void *data, size_t len, struct ask *ask_r)
{
	struct ask ask = { 0 };
	unsigned version, class, flags;
	struct unpack u;

	unpack_init(&u, data, len);
	version = unpack_u8(&u);
	ask.seq = unpack_u32(&u);
	class = unpack_u8(&u);
	flags = unpack_u8(&u);
	ask.domain = unpack_str(&u);
	ask.held_id = unpack_str(&u);
	if (!unpack_ok(&u) || version != ANSWER_VERSION ||
	    class >= ASK_CLASSES || (flags & ~(unsigned)ASK_FLAG_ALL) ||
	    !name_is_normal(ask.domain, strlen(ask.domain)) ||
	    !is_id(ask.held_id))
		return false;
	ask.class = (enum ask_class)class;
	ask.refetch = flags & ASK_FLAG_REFETCH;
	ask.want_mx = flags & ASK_FLAG_MX;
	ask.want_rua = flags & ASK_FLAG_RUA;
	ask.allow_private = flags & ASK_FLAG_PRIVATE;
	*ask_r = ask;
	return true;
}

static void put_policy(const struct answer *answer, struct buf *out)
{
	pack_u8(out, answer->mode);
	pack_u32(out, answer->max_age);
	put_list(out, answer->patterns, MTASTS_MX_MAX);
	pack_text(out, answer->text ? answer->text : "");
}

void answer_pack(const struct answer *answer, struct buf *out)
{
	unsigned flags = (answer->secure ? ANSWER_FLAG_SECURE : 0u) |
	    (answer->mx_known ? ANSWER_FLAG_MX_KNOWN : 0u) |
	    (answer->null_mx ? ANSWER_FLAG_NULL_MX : 0u);

	pack_u8(out, ANSWER_VERSION);
	pack_u32(out, answer->seq);
	pack_u8(out, answer->outcome);
	pack_u8(out, answer->error);
	pack_u8(out, flags);
	pack_u32(out, answer->ttl);
	put_str(out, answer->domain);
	put_cut(out, answer->detail, ANSWER_DETAIL_MAX);
	put_str(out, answer->id);
	put_list(out, answer->mx, ANSWER_MX_MAX);
	put_list(out, answer->rua, ANSWER_RUA_MAX);
	if (answer->outcome == MTASTS_FOUND)
		put_policy(answer, out);
}

/* ---- unpacking --------------------------------------------------------- */

/* The numbers of an answer, before they are known to be in range. */
struct numbers {
	unsigned version, outcome, error, flags, mode;
};

static void take_policy(struct unpack *u, struct numbers *n,
    struct answer *answer)
{
	n->mode = unpack_u8(u);
	answer->max_age = unpack_u32(u);
	answer->patterns = unpack_str(u);
	answer->text = unpack_text(u);
}

static void take_answer(struct unpack *u, struct numbers *n,
    struct answer *answer)
{
	n->version = unpack_u8(u);
	answer->seq = unpack_u32(u);
	n->outcome = unpack_u8(u);
	n->error = unpack_u8(u);
	n->flags = unpack_u8(u);
	answer->ttl = unpack_u32(u);
	answer->domain = unpack_str(u);
	answer->detail = unpack_str(u);
	answer->id = unpack_str(u);
	answer->mx = unpack_str(u);
	answer->rua = unpack_str(u);
	if (n->outcome == MTASTS_FOUND)
		take_policy(u, n, answer);
}

static bool numbers_are_sound(const struct numbers *n)
{
	return n->version == ANSWER_VERSION && n->outcome <= MTASTS_FAILED &&
	    n->error <= MTASTS_E_CANCELLED && n->mode <= MTASTS_ENFORCE &&
	    !(n->flags & ~(unsigned)ANSWER_FLAG_ALL);
}

static bool answer_is_sound(const struct answer *a)
{
	return name_is_normal(a->domain, strlen(a->domain)) &&
	    is_detail(a->detail) && is_id(a->id) &&
	    is_list(a->mx, ANSWER_MX_MAX, name_is_normal) &&
	    is_list(a->rua, ANSWER_RUA_MAX, is_mailbox);
}

static bool policy_is_sound(const struct answer *a)
{
	const char *list = a->patterns, *entry;
	size_t len;

	if (a->mode != MTASTS_NONE && !name_list_next(&list, &entry, &len))
		return false;
	return a->max_age <= MTASTS_MAX_AGE && *a->text && is_text(a->text) &&
	    is_list(a->patterns, MTASTS_MX_MAX, name_is_pattern);
}

bool answer_unpack(const void *data, size_t len, struct answer *answer_r)
{
	struct answer answer = { .patterns = "", .text = "" };
	struct numbers n = { 0 };
	struct unpack u;

	unpack_init(&u, data, len);
	take_answer(&u, &n, &answer);
	if (!unpack_ok(&u) || !numbers_are_sound(&n))
		return false;
	answer.outcome = (enum mtasts_outcome)n.outcome;
	answer.error = (enum mtasts_error)n.error;
	answer.mode = (enum mtasts_mode)n.mode;
	answer.secure = n.flags & ANSWER_FLAG_SECURE;
	answer.mx_known = n.flags & ANSWER_FLAG_MX_KNOWN;
	answer.null_mx = n.flags & ANSWER_FLAG_NULL_MX;
	if (!answer_is_sound(&answer))
		return false;
	if (answer.outcome == MTASTS_FOUND && !policy_is_sound(&answer))
		return false;
	*answer_r = answer;
	return true;
}
