/* SPDX-License-Identifier: BSD-2-Clause */
/* The TXT record at _smtp._tls: whatever comes out can stand in a list. */
#include "config.h"

#include "mtasts/name.h"
#include "mtasts/tlsrpt.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "tlsrpt";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *list, *entry;
	struct buf out;
	size_t len;

	buf_init(&out, 65536);
	if (tlsrpt_mailboxes(text, size, &out))
		FUZZ_CHECK(tlsrpt_is_candidate(text, size));
	list = buf_str(&out);
	while (name_list_next(&list, &entry, &len)) {
		const char *at = memrchr(entry, '@', len);

		FUZZ_CHECK(at && at > entry && len <= 320);
		FUZZ_CHECK(name_is_normal(at + 1,
		    (size_t)(entry + len - at - 1)));
		for (size_t i = 0; i < len; i++)
			FUZZ_CHECK(entry[i] > ' ' && entry[i] < 127);
	}
	buf_clear(&out);
	return 0;
}
