/* SPDX-License-Identifier: BSD-2-Clause */
/* Input: the data of TLSA records, each behind two bytes of length. */
#include "config.h"

#include "mtasts/dnswire.h"
#include "mtasts/tlsa.h"
#include "tests/fuzz/fuzz.h"

#define RECORDS_MAX 16

const char fuzz_name[] = "tlsa";

static size_t read_records(char *data, size_t size,
    struct dns_record *records)
{
	size_t n = 0, at = 0;

	while (n < RECORDS_MAX && size - at >= 2) {
		size_t len = (size_t)(unsigned char)data[at] << 8 |
		    (unsigned char)data[at + 1];

		at += 2;
		if (len > size - at)
			len = size - at;
		records[n++] = (struct dns_record){ .data = data + at,
			.len = len };
		at += len;
	}
	return n;
}

/* An unusable record changes nothing for the others. */
static void check_alone(const struct dns_record *record, enum tlsa_use use)
{
	struct tlsa t;
	bool whole = tlsa_read(record->data, record->len, &t);

	FUZZ_CHECK(whole == (record->len >= 3));
	FUZZ_CHECK(whole == (use != TLSA_MALFORMED));
	if (use == TLSA_COUNTS || use == TLSA_WEAKER)
		FUZZ_CHECK(tlsa_judge(&t) == TLSA_COUNTS);
	else if (whole)
		FUZZ_CHECK(tlsa_judge(&t) == use);
	FUZZ_CHECK(use != TLSA_WEAKER || t.mtype == TLSA_SHA256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_record records[RECORDS_MAX] = { { .len = 0 } };
	enum tlsa_use use[RECORDS_MAX];
	size_t n, counts, usable = 0, weaker = 0;
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	n = read_records(copy, size, records);
	counts = tlsa_judge_set(records, n, use);
	for (size_t i = 0; i < n; i++) {
		check_alone(&records[i], use[i]);
		usable += use[i] == TLSA_COUNTS;
		weaker += use[i] == TLSA_WEAKER;
	}
	FUZZ_CHECK(counts == usable);
	FUZZ_CHECK(usable > 0 || weaker == 0);
	free(copy);
	return 0;
}
