/* SPDX-License-Identifier: BSD-2-Clause */
/* A DNS answer; the first byte of the input picks the type asked for. */
#include "config.h"

#include "mtasts/dnswire.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "dns";

static const unsigned types[] = {
	DNS_A, DNS_SOA, DNS_MX, DNS_TXT, DNS_AAAA, 52,
};

static void check_host(const struct dns_record *rec)
{
	FUZZ_CHECK(rec->len == strlen(rec->data) && rec->len < 254);
	FUZZ_CHECK(!rec->len || rec->data[rec->len - 1] != '.');
	for (size_t i = 0; i < rec->len; i++)
		FUZZ_CHECK(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.",
		    rec->data[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_answer a;
	unsigned type;

	if (size < 1)
		return 0;
	type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	if (!dns_answer_parse(data + 1, size - 1, type, &a))
		return 0;
	FUZZ_CHECK(a.status <= DNS_SERVFAIL && !a.secure);
	FUZZ_CHECK(a.n <= DNS_RECORDS_MAX);
	FUZZ_CHECK(a.status == DNS_FOUND || a.n == 0);
	FUZZ_CHECK(a.ttl <= INT32_MAX);
	for (size_t i = 0; i < a.n; i++) {
		FUZZ_CHECK(a.records[i].len <= size);
		if (type == DNS_MX)
			check_host(&a.records[i]);
		if (type == DNS_TXT)
			FUZZ_CHECK(a.records[i].data[a.records[i].len] == 0);
	}
	dns_answer_clear(&a);
	return 0;
}
