/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A compiled partner list, from another process or from the disk. Its
 * checksum is made right, since a search would never get past it.
 */
#include "config.h"

#include "policy/partners-internal.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "partners-blob";

static bool check_entry(void *arg, const char *domain,
    const struct partner *p)
{
	const struct partners *list = arg;
	struct partner found;

	FUZZ_CHECK(partners_is_key(domain) && partners_is_mx(p->mx));
	FUZZ_CHECK(p->until >= 0);
	if (*domain != '.' && p->until == 0 && partners_expires(list) > 0)
		FUZZ_CHECK(partners_find(list, domain, 0, &found) &&
		    found.min_version == p->min_version);
	return true;
}

static void mend_checksum(uint8_t *blob, size_t len)
{
	uint64_t sum = partners_checksum(blob + AT_LEN, len - AT_LEN);

	for (int i = 0; i < 8; i++)
		blob[AT_CHECKSUM + i] = (uint8_t)(sum >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct partner found;
	struct partners *p;
	struct buf err;

	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	if (size >= HEADER_SIZE)
		mend_checksum(copy, size);
	buf_init(&err, 1000);
	p = partners_open(copy, size, free, copy, &err);
	FUZZ_CHECK(!p == (err.len > 0));
	if (p) {
		FUZZ_CHECK(partners_walk(p, check_entry, p));
		partners_find(p, "mail.bank.example", 0, &found);
		partners_find(p, "", 0, &found);
	} else {
		free(copy);
	}
	partners_unref(p);
	buf_clear(&err);
	return 0;
}
