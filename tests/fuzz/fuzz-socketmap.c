/* SPDX-License-Identifier: BSD-2-Clause */
/* Input: a byte that says how large the pieces are, then what a client of
 * the socketmap sends. */
#include "config.h"

#include "policy/socketmap.h"
#include "tests/fuzz/fuzz.h"
#include "util/netstring.h"

const char fuzz_name[] = "socketmap";

/* Whatever text is, the reply is one frame of a sound size. */
static void check_reply(enum socketmap_status status, const char *text)
{
	enum socketmap_status sent;
	const char *payload;
	struct netstring n;
	struct buf out;
	size_t used, len;

	buf_init(&out, SOCKETMAP_REPLY_MAX + 100);
	sent = socketmap_reply(&out, status, text);
	FUZZ_CHECK(sent == status || sent == SOCKETMAP_TEMP);
	netstring_init(&n, SOCKETMAP_REPLY_MAX);
	FUZZ_CHECK(netstring_feed(&n, out.data, out.len, &used, &payload,
	    &len) == NETSTRING_DONE && used == out.len);
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK(payload[i] >= ' ' && payload[i] <= '~');
	netstring_clear(&n);
	buf_clear(&out);
}

static void check_request(const char *payload, size_t len)
{
	struct socketmap_request r;
	char *text;

	if (!socketmap_request_read(payload, len, &r))
		return;
	FUZZ_CHECK(r.map == payload && r.map_len > 0);
	FUZZ_CHECK(!memchr(r.map, ' ', r.map_len));
	FUZZ_CHECK(r.map[r.map_len] == ' ');
	FUZZ_CHECK(r.key + r.key_len == payload + len);
	text = strndup(r.key, r.key_len);
	if (text) {
		check_reply(SOCKETMAP_OK, text);
		check_reply(SOCKETMAP_TEMP, text);
	}
	free(text);
}

/* Return the number of frames, and of bytes up to the end of the last. */
static size_t read_all(const char *data, size_t size, size_t piece,
    size_t *end_r)
{
	enum netstring_progress p = NETSTRING_MORE;
	size_t used, len, at = 0, frames = 0;
	const char *payload;
	struct netstring n;

	*end_r = 0;
	netstring_init(&n, SOCKETMAP_REQUEST_MAX);
	while (p != NETSTRING_MALFORMED && at < size) {
		size_t k = size - at < piece ? size - at : piece;

		p = netstring_feed(&n, data + at, k, &used, &payload, &len);
		FUZZ_CHECK(used <= k && (used > 0 ||
		    p == NETSTRING_MALFORMED));
		at += used;
		if (p == NETSTRING_MALFORMED)
			FUZZ_CHECK(*netstring_error(&n));
		if (p != NETSTRING_DONE)
			continue;
		FUZZ_CHECK(len <= SOCKETMAP_REQUEST_MAX);
		check_request(payload, len);
		frames++;
		*end_r = at;
	}
	netstring_clear(&n);
	return frames;
}

/* The size of the pieces makes no difference. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t whole, pieces, n;

	if (size < 2)
		return 0;
	n = read_all(text + 1, size - 1, size, &whole);
	FUZZ_CHECK(read_all(text + 1, size - 1, data[0] % 64 + 1u, &pieces) ==
	    n);
	FUZZ_CHECK(whole == pieces);
	return 0;
}
