/* SPDX-License-Identifier: BSD-2-Clause */
/* A DNS answer; the first byte of the input picks the type asked for. */
#include "config.h"

#include "mtasts/dnswire.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "dns";

static const unsigned types[] = {
	DNS_A, DNS_SOA, DNS_MX, DNS_TXT, DNS_AAAA, DNS_TLSA, DNS_CNAME, 99,
};

static void check_host(const char *name)
{
	size_t len = strlen(name);

	FUZZ_CHECK(len < 254);
	FUZZ_CHECK(!len || name[len - 1] != '.');
	FUZZ_CHECK(name[strspn(name,
	    "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0');
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
	FUZZ_CHECK(a.alias || !*a.canonical);
	check_host(a.canonical);
	for (size_t i = 0; i < a.n; i++) {
		FUZZ_CHECK(a.records[i].len <= size);
		if (type == DNS_MX || type == DNS_CNAME) {
			check_host(a.records[i].data);
			FUZZ_CHECK(strlen(a.records[i].data) ==
			    a.records[i].len);
		}
		if (type == DNS_TXT || type == DNS_TLSA)
			FUZZ_CHECK(a.records[i].data[a.records[i].len] == 0);
	}
	dns_answer_clear(&a);
	return 0;
}
