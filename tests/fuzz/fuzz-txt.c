/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/mtasts.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "txt";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct mtasts_txt txt;
	size_t offset = 0;

	if (mtasts_txt_parse(text, size, &txt, &offset) != MTASTS_OK) {
		FUZZ_CHECK(offset <= size);
		return 0;
	}
	FUZZ_CHECK(mtasts_txt_is_candidate(text, size));
	FUZZ_CHECK(*txt.id && strlen(txt.id) <= MTASTS_ID_SIZE);
	return 0;
}
