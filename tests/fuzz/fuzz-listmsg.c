/* SPDX-License-Identifier: BSD-2-Clause */
/* What frontend and resolver say to each other about lists; and URLs. */
#include "config.h"

#include "milter/listmsg.h"

#include "mtasts/httphead.h"
#include "mtasts/httpsurl.h"
#include "mtasts/name.h"
#include "policy/partners.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "listmsg";

static void check_ask(const uint8_t *data, size_t size, struct buf *b)
{
	struct list_ask m, again;

	if (!list_ask_unpack(data, size, &m))
		return;
	FUZZ_CHECK(strlen(m.etag) < HTTPHEAD_ETAG_SIZE);
	FUZZ_CHECK(strlen(m.url) < HTTPSURL_SIZE);
	buf_reset(b);
	list_ask_pack(&m, b);
	FUZZ_CHECK(!b->failed && b->len == size);
	FUZZ_CHECK(list_ask_unpack(b->data, b->len, &again));
}

static void check_answer(const uint8_t *data, size_t size, struct buf *b)
{
	struct list_answer m, again;

	if (!list_answer_unpack(data, size, &m))
		return;
	FUZZ_CHECK(m.size <= PARTNERS_BLOB_MAX);
	FUZZ_CHECK((m.outcome == LIST_FETCHED) == (m.size > 0));
	buf_reset(b);
	list_answer_pack(&m, b);
	FUZZ_CHECK(!b->failed && b->len == size);
	FUZZ_CHECK(list_answer_unpack(b->data, b->len, &again));
}

static void check_part(const uint8_t *data, size_t size, struct buf *b)
{
	struct list_part m;
	struct list_more more;

	if (list_part_unpack(data, size, &m)) {
		FUZZ_CHECK(m.len > 0 && m.len <= LISTMSG_PART_MAX);
		buf_reset(b);
		list_part_pack(&m, b);
		FUZZ_CHECK(!b->failed && b->len == size);
	}
	if (list_more_unpack(data, size, &more))
		FUZZ_CHECK(size == 8);
}

static void check_url(const uint8_t *data, size_t size, struct buf *b)
{
	struct httpsurl url;
	struct buf text;

	buf_init(&text, 65536);
	buf_add(&text, data, size);
	buf_reset(b);
	if (httpsurl_parse(buf_str(&text), &url, b)) {
		FUZZ_CHECK(b->len == 0);
		FUZZ_CHECK(name_is_normal(url.host, strlen(url.host)));
		FUZZ_CHECK(strpbrk(url.path, " \t\r\n#") == NULL);
	} else {
		FUZZ_CHECK(b->len > 0);
	}
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b;

	buf_init(&b, LISTMSG_SIZE * 2);
	check_ask(data, size, &b);
	check_answer(data, size, &b);
	check_part(data, size, &b);
	check_url(data, size, &b);
	buf_clear(&b);
	return 0;
}
