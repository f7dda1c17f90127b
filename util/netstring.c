/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/netstring.h"

#include "util/str.h"

/* The longest head: the digits and the colon. */
#define HEAD_MAX (NETSTRING_DIGITS_MAX + 1)

void netstring_init(struct netstring *n, size_t max)
{
	*n = (struct netstring){ .max = max };
	buf_init(&n->held, HEAD_MAX + max + 1);
}

void netstring_clear(struct netstring *n)
{
	buf_clear(&n->held);
	n->error = NULL;
}

const char *netstring_error(const struct netstring *n)
{
	return n->error ? n->error : "";
}

static enum netstring_progress malformed(struct netstring *n,
    const char *error)
{
	n->error = error;
	return NETSTRING_MALFORMED;
}

/* Read the head; DONE with its length in *head_r, and the payload's. */
static enum netstring_progress read_head(struct netstring *n,
    const char *data, size_t len, size_t *head_r, size_t *payload_len_r)
{
	size_t i, value = 0;

	for (i = 0; i < len && str_is_digit(data[i]); i++) {
		if (i == NETSTRING_DIGITS_MAX)
			return malformed(n, "a length of too many digits");
		if (i > 0 && data[0] == '0')
			return malformed(n, "a length with a leading zero");
		value = value * 10 + (size_t)(data[i] - '0');
		if (value > n->max)
			return malformed(n, "a frame that is too long");
	}
	if (i == len)
		return NETSTRING_MORE;
	if (i == 0)
		return malformed(n, "no length");
	if (data[i] != ':')
		return malformed(n, "no colon behind the length");
	*head_r = i + 1;
	*payload_len_r = value;
	return NETSTRING_DONE;
}

/* Read a frame from its first byte on; its whole length goes to *used_r. */
static enum netstring_progress read_frame(struct netstring *n,
    const char *data, size_t len, size_t *used_r, const char **payload_r,
    size_t *payload_len_r)
{
	enum netstring_progress p;
	size_t head, payload_len;

	p = read_head(n, data, len, &head, &payload_len);
	if (p != NETSTRING_DONE)
		return p;
	if (len - head <= payload_len)
		return NETSTRING_MORE;
	if (data[head + payload_len] != ',')
		return malformed(n, "no comma behind the frame");
	*used_r = head + payload_len + 1;
	*payload_r = data + head;
	*payload_len_r = payload_len;
	return NETSTRING_DONE;
}

/* How many more bytes the held beginning can surely take: no more than its
 * frame has, so that nothing of the next is copied. */
static size_t bytes_wanted(struct netstring *n)
{
	size_t head, payload_len;

	if (read_head(n, n->held.data, n->held.len, &head, &payload_len) !=
	    NETSTRING_DONE)
		return 1;
	return head + payload_len + 1 - n->held.len;
}

/* Go on with the frame whose beginning is held. */
static enum netstring_progress feed_held(struct netstring *n,
    const char *data, size_t len, size_t *used_r, const char **payload_r,
    size_t *payload_len_r)
{
	enum netstring_progress p = NETSTRING_MORE;
	size_t at = 0, whole;

	while (p == NETSTRING_MORE && at < len) {
		size_t take = bytes_wanted(n);

		if (take > len - at)
			take = len - at;
		buf_add(&n->held, data + at, take);
		if (n->held.failed)
			return malformed(n, "out of memory");
		at += take;
		p = read_frame(n, n->held.data, n->held.len, &whole,
		    payload_r, payload_len_r);
	}
	if (p == NETSTRING_DONE)
		n->held.len = 0;	/* its bytes stay for the caller */
	*used_r = at;
	return p;
}

enum netstring_progress netstring_feed(struct netstring *n, const char *data,
    size_t len, size_t *used_r, const char **payload_r,
    size_t *payload_len_r)
{
	enum netstring_progress p;

	*used_r = 0;
	if (n->error)
		return NETSTRING_MALFORMED;
	if (n->held.len > 0)
		return feed_held(n, data, len, used_r, payload_r,
		    payload_len_r);
	p = read_frame(n, data, len, used_r, payload_r, payload_len_r);
	if (p != NETSTRING_MORE)
		return p;
	buf_add(&n->held, data, len);
	if (n->held.failed)
		return malformed(n, "out of memory");
	*used_r = len;
	return NETSTRING_MORE;
}

void netstring_add(struct buf *out, const void *payload, size_t len)
{
	buf_addu(out, len);
	buf_addc(out, ':');
	buf_add(out, payload, len);
	buf_addc(out, ',');
}
