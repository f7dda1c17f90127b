/* SPDX-License-Identifier: BSD-2-Clause */
/* What frontend and resolver say to each other about watched domains, and
 * what is kept of a check. */
#include "config.h"

#include "milter/watch.h"

#include "mtasts/name.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "watchmsg";

/* The first byte says what the rest is. */
enum { ASK, ANSWER, STATE, KINDS };

static bool is_clean(const char *s)
{
	return strlen(s) <= WATCH_TEXT_MAX && str_is_clean_utf8(s, strlen(s));
}

static void check_ask(const uint8_t *data, size_t size, struct buf *b)
{
	struct watch_ask m;

	if (!watch_ask_unpack(data, size, &m))
		return;
	FUZZ_CHECK(name_is_normal(m.domain, strlen(m.domain)));
	FUZZ_CHECK(strlen(m.held_id) <= MTASTS_ID_SIZE);
	FUZZ_CHECK(strlen(m.note) <= WATCH_NOTE_MAX);
	watch_ask_pack(&m, b);
	FUZZ_CHECK(!b->failed && b->len == size &&
	    memcmp(b->data, data, size) == 0);
}

static void count_news(void *arg, enum watch_news news,
    const struct watch_finding *f, enum check_status before)
{
	unsigned *n = arg;
	struct buf line;

	buf_init(&line, 2000);
	(void)watch_line("a.example", news, f, before, &line);
	FUZZ_CHECK(!line.failed);
	FUZZ_CHECK(str_is_clean_utf8(buf_str(&line), line.len));
	buf_clear(&line);
	(*n)++;
}

static void check_summary(const struct watch_summary *s)
{
	static const struct watch_summary none = { .verdict = "" };
	struct watch_summary kept, again;
	unsigned n = 0;

	FUZZ_CHECK(s->n <= WATCH_FINDINGS_MAX);
	FUZZ_CHECK(is_clean(s->verdict));
	for (unsigned i = 0; i < s->n; i++) {
		FUZZ_CHECK(is_clean(s->v[i].text));
		FUZZ_CHECK(s->v[i].status > CHECK_OK);
	}
	watch_merge(NULL, s, count_news, &n, &kept);
	FUZZ_CHECK(n == s->n && kept.n == s->n);
	watch_merge(&kept, &none, count_news, &n, &again);
	FUZZ_CHECK(again.n == 0);
	watch_merge(s, &kept, count_news, &n, &again);
	FUZZ_CHECK(again.n <= WATCH_FINDINGS_MAX);
}

static void check_answer(const uint8_t *data, size_t size, struct buf *b)
{
	struct watch_answer m;

	if (!watch_answer_unpack(data, size, &m))
		return;
	FUZZ_CHECK(is_clean(m.failed));
	watch_answer_pack(&m, b);
	FUZZ_CHECK(!b->failed && b->len == size &&
	    memcmp(b->data, data, size) == 0);
	check_summary(&m.summary);
}

static void check_state(const uint8_t *data, size_t size, struct buf *b)
{
	struct watch_summary s;
	int64_t checked;

	if (!watch_state_read(data, size, &checked, &s))
		return;
	FUZZ_CHECK(checked >= 0);
	watch_state_pack(checked, &s, b);
	FUZZ_CHECK(!b->failed && b->len == size &&
	    memcmp(b->data, data, size) == 0);
	check_summary(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[KINDS])(const uint8_t *data, size_t size,
	    struct buf *b) = {
		[ASK] = check_ask,
		[ANSWER] = check_answer,
		[STATE] = check_state,
	};
	struct buf b;

	if (size == 0)
		return 0;
	buf_init(&b, WATCHMSG_SIZE);
	checks[data[0] % KINDS](data + 1, size - 1, &b);
	buf_clear(&b);
	return 0;
}
