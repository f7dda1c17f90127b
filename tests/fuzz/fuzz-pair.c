/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "audit/pair.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "pair";

/* Whatever a pair says, another message makes a pair of it. */
static void check_note(struct pair p, bool tls)
{
	const struct pair_event e = { .when = 1795294982, .tls = tls,
		.version = 13, .keep = 3 };
	unsigned char packed[PAIR_PACKED_MAX];
	struct pair again;
	size_t len;

	pair_note(&p, &e);
	FUZZ_CHECK(p.last_plaintext == !tls);
	FUZZ_CHECK(!tls || (p.times_n >= 1 && p.times_n <= 3));
	len = pair_pack(&p, packed);
	FUZZ_CHECK(len <= sizeof(packed));
	FUZZ_CHECK(pair_read(packed, len, &again));
	FUZZ_CHECK(again.tls == p.tls && again.times_n == p.times_n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pair_limits limits = { 3, 30 };
	unsigned char packed[PAIR_PACKED_MAX];
	struct history_facts facts;
	struct pair p;

	if (!pair_read(data, size, &p))
		return 0;
	FUZZ_CHECK(pair_pack(&p, packed) == size);
	FUZZ_CHECK(memcmp(packed, data, size) == 0);
	FUZZ_CHECK(pair_recent(&p, 365, p.last) <= p.times_n);
	pair_facts(&p, &limits, 1795294982, &facts);
	FUZZ_CHECK(facts.known && (!facts.used_tls || facts.tls >= 3));
	check_note(p, true);
	check_note(p, false);
	return 0;
}
