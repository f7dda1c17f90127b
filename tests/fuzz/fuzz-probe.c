/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The replies of mail servers: the first byte says of which protocol. Fed at
 * once and byte by byte, the result is the same, and what is kept is clean.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "check/reply.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "probe";

static void count(void *arg, const char *word, size_t len)
{
	size_t *n = arg;

	*n += len + (len > 0 ? (unsigned char)word[len - 1] : 0u);
}

static size_t feed(struct reply *r, enum reply_kind kind, const char *text,
    size_t len, size_t step)
{
	size_t used = 0, n;

	reply_init(r, kind);
	do {
		n = reply_feed(r, text + used, len - used < step ? len - used :
		    step);
		used += n;
	} while (n > 0);
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t words[2] = { 0, 0 };
	struct reply whole, slow;
	enum reply_kind kind;
	struct buf clean;
	const char *text;

	if (size == 0)
		return 0;
	kind = data[0] % (REPLY_IMAP + 1);
	text = (const char *)data + 1;
	size--;
	FUZZ_CHECK(feed(&whole, kind, text, size, SIZE_MAX) ==
	    feed(&slow, kind, text, size, 1));
	FUZZ_CHECK(whole.state == slow.state && whole.code == slow.code);
	FUZZ_CHECK(whole.text.len <= REPLY_MAX);
	reply_keywords(&whole, count, &words[0]);
	reply_keywords(&slow, count, &words[1]);
	FUZZ_CHECK(words[0] == words[1]);
	buf_init(&clean, 5 * 2048);
	reply_clean(&clean, text, size, 2048);
	for (size_t i = 0; i < clean.len; i++)
		FUZZ_CHECK(clean.data[i] == '\n' || (clean.data[i] >= 0x20 &&
		    clean.data[i] < 0x7f));
	buf_clear(&clean);
	reply_clear(&whole);
	reply_clear(&slow);
	return 0;
}
