/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/fresh.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "record";

/* Whatever a record says, time goes on. */
static void check_fresh(const struct record *rec, int64_t now)
{
	struct ask ask = { 0 };

	FUZZ_CHECK(fresh_next(rec, now) > now);
	fresh_ask(rec, now, &ask);
	FUZZ_CHECK(ask.held_id);
	FUZZ_CHECK(ask.refetch == (fresh_due(rec, now) == FRESH_REFETCH));
	if (ask.refetch)
		FUZZ_CHECK(fresh_standing(rec, now) == STANDING_POLICY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record rec;
	struct buf b;

	if (!record_read(data, size, &rec))
		return 0;
	buf_init(&b, size);
	record_pack(&rec, &b);
	FUZZ_CHECK(!b.failed && b.len == size);
	FUZZ_CHECK(memcmp(b.data, data, size) == 0);
	buf_clear(&b);
	record_matches(&rec, "mx.example.com");
	check_fresh(&rec, 0);
	check_fresh(&rec, 1795294982);
	check_fresh(&rec, rec.fetched);
	check_fresh(&rec, rec.retry_after - 1);
	return 0;
}
