/* SPDX-License-Identifier: BSD-2-Clause */
/* What the resolver sends, and what is asked of it. */
#include "config.h"

#include "mtasts/fresh.h"
#include "mtasts/name.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "answer";

static const int64_t now = 1795294982;

static void check_record(const struct record *rec)
{
	struct record again;
	struct buf b;

	buf_init(&b, RECORD_MAX_PACKED);
	record_pack(rec, &b);
	FUZZ_CHECK(!b.failed);
	FUZZ_CHECK(record_read(b.data, b.len, &again));
	FUZZ_CHECK(strcmp(again.text, rec->text) == 0);
	buf_clear(&b);
}

/* An answer that passed, worked into nothing and then once more. */
static void check_answer(const struct answer *a)
{
	const struct fresh_limits limits = {
		.min_refresh = 3600, .max_negative = 3600,
	};
	struct record first, second;

	FUZZ_CHECK(name_is_normal(a->domain, strlen(a->domain)));
	fresh_apply(NULL, a, &limits, now, &first);
	check_record(&first);
	if (a->outcome == MTASTS_FOUND)
		FUZZ_CHECK(fresh_standing(&first, now) == STANDING_POLICY);
	else
		FUZZ_CHECK(fresh_standing(&first, now) != STANDING_POLICY);
	fresh_apply(&first, a, &limits, now + 300, &second);
	check_record(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer answer, again;
	struct ask ask;
	struct buf b;

	buf_init(&b, ANSWER_MAX_PACKED);
	if (answer_unpack(data, size, &answer)) {
		check_answer(&answer);
		answer_pack(&answer, &b);
		FUZZ_CHECK(!b.failed && answer_unpack(b.data, b.len, &again));
		FUZZ_CHECK(strcmp(answer.id, again.id) == 0);
	}
	buf_reset(&b);
	if (ask_unpack(data, size, &ask)) {
		ask_pack(&ask, &b);
		FUZZ_CHECK(b.len == size && memcmp(b.data, data, size) == 0);
	}
	buf_clear(&b);
	return 0;
}
