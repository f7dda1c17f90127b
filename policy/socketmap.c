/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/socketmap.h"

#include "util/buf.h"

#define OK_SIZE (sizeof("OK ") - 1)

/* "NOTFOUND " with its space is the documented form (PF-SM-02). */
static const char *const words[] = {
	[SOCKETMAP_OK] = "OK ",
	[SOCKETMAP_NOTFOUND] = "NOTFOUND ",
	[SOCKETMAP_TEMP] = "TEMP ",
};

bool socketmap_request_read(const char *payload, size_t len,
    struct socketmap_request *request_r)
{
	const char *space = memchr(payload, ' ', len);

	if (!space || space == payload)
		return false;
	request_r->map = payload;
	request_r->map_len = (size_t)(space - payload);
	request_r->key = space + 1;
	request_r->key_len = len - request_r->map_len - 1;
	return true;
}

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* The same for all of a text, eight bytes at a time: none has its high bit,
 * nor gets it when 1 is added, nor when ' ' is taken away. A carry into the
 * next byte comes from one that was found out already. */
static bool all_printable(const char *text, size_t len)
{
	const uint64_t ones = UINT64_MAX / 255;
	uint64_t part, bad = 0;

	for (; len >= sizeof(part); len -= sizeof(part)) {
		memcpy(&part, text, sizeof(part));
		bad |= part | (part + ones) | (part - ones * ' ');
		text += sizeof(part);
	}
	if (bad & ones << 7)
		return false;
	while (len > 0 && is_printable(text[len - 1]))
		len--;
	return len == 0;
}

/* Why a value of len bytes cannot be sent; NULL if it can. */
static const char *value_trouble(const char *text, size_t len)
{
	if (len == 0)
		return "the answer is empty";
	if (len > SOCKETMAP_REPLY_MAX - OK_SIZE)
		return "the answer is too long for a reply";
	return all_printable(text, len) ? NULL : "the answer is not printable";
}

static void add_reason(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_addc(out, is_printable(text[i]) ? text[i] : '?');
}

enum socketmap_status socketmap_reply(struct buf *out,
    enum socketmap_status status, const char *text)
{
	const char *trouble = NULL;
	size_t len;

	if (!text || status == SOCKETMAP_NOTFOUND)
		text = "";
	len = strlen(text);
	if (status == SOCKETMAP_OK)
		trouble = value_trouble(text, len);
	if (trouble) {
		status = SOCKETMAP_TEMP;
		text = trouble;
		len = strlen(text);
	}
	if (status == SOCKETMAP_TEMP && len > SOCKETMAP_REASON_MAX)
		len = SOCKETMAP_REASON_MAX;
	buf_addu(out, strlen(words[status]) + len);
	buf_addc(out, ':');
	buf_adds(out, words[status]);
	if (status == SOCKETMAP_OK)
		buf_add(out, text, len);
	else
		add_reason(out, text, len);
	buf_addc(out, ',');
	return status;
}
