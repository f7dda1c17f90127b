/* SPDX-License-Identifier: BSD-2-Clause */
/* What frontend and resolver say to each other about DANE, and what is kept
 * of it. */
#include "config.h"

#include "milter/danemsg.h"

#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "danemsg";

static void check_record(const struct danerec *rec)
{
	const char *hosts = rec->hosts;
	struct danerec_host host;
	unsigned n = 0;

	while (danerec_next_host(&hosts, &host))
		n++;
	FUZZ_CHECK(n <= DANE_HOSTS_MAX);
	FUZZ_CHECK(hosts[strspn(hosts, " ")] == '\0');
	FUZZ_CHECK(rec->outcome <= DANE_ERROR);
	if (danerec_standing(rec, rec->checked) == DANEREC_HOLDS)
		FUZZ_CHECK(danerec_expires(rec) > rec->checked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dane_answer answer, again;
	struct dane_ask ask;
	struct danerec rec;
	struct buf b;

	buf_init(&b, DANEMSG_SIZE);
	if (dane_ask_unpack(data, size, &ask)) {
		FUZZ_CHECK(*ask.hop.domain && ask.hop.port != 0);
		dane_ask_pack(ask.seq, ask.hop.text, &b);
		FUZZ_CHECK(b.len == size && memcmp(b.data, data, size) == 0);
	}
	if (dane_answer_unpack(data, size, &answer) &&
	    size <= DANEMSG_SIZE) {
		check_record(&answer.rec);
		buf_reset(&b);
		dane_answer_pack(&answer, &b);
		FUZZ_CHECK(!b.failed && b.len == size);
		FUZZ_CHECK(dane_answer_unpack(b.data, b.len, &again));
	}
	if (danerec_read(data, size, &rec) &&
	    rec.checked > -(INT64_C(1) << 60) &&
	    rec.checked < INT64_C(1) << 60)
		check_record(&rec);
	buf_clear(&b);
	return 0;
}
