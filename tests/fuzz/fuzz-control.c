/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/control.h"
#include "mtasts/cachejson.h"
#include "tests/fuzz/fuzz.h"

const char fuzz_name[] = "control";

#define NOW 1800000000

/* What was imported comes out as it went in. */
static void check_record(const json_t *object, struct buf *packed,
    struct buf *again)
{
	char domain[MTASTS_DOMAIN_SIZE], domain2[MTASTS_DOMAIN_SIZE];
	struct record rec, rec2;
	struct buf err;
	json_t *out;

	buf_init(&err, 500);
	if (cachejson_to_record(object, NOW, domain, packed, &err)) {
		FUZZ_CHECK(record_read(packed->data, packed->len, &rec));
		FUZZ_CHECK(rec.fetched <= NOW && rec.expires > NOW);
		out = cachejson_from_record(domain, &rec, NOW);
		FUZZ_CHECK(cachejson_to_record(out, NOW, domain2, again,
		    &err));
		FUZZ_CHECK(record_read(again->data, again->len, &rec2));
		FUZZ_CHECK(strcmp(domain, domain2) == 0);
		FUZZ_CHECK(strcmp(rec.text, rec2.text) == 0);
		FUZZ_CHECK(rec.expires == rec2.expires);
		json_decref(out);
	} else {
		FUZZ_CHECK(err.len > 0);
	}
	buf_clear(&err);
}

static void check_line(const char *line, size_t len)
{
	struct buf err, text, packed, again;
	json_t *object, *back;

	buf_init(&err, 500);
	buf_init(&text, CONTROL_LINE_MAX + 1);
	buf_init(&packed, RECORD_MAX_PACKED);
	buf_init(&again, RECORD_MAX_PACKED);
	object = control_decode(line, len, &err);
	FUZZ_CHECK((object != NULL) == (err.len == 0));
	if (object && control_encode(object, &text)) {
		FUZZ_CHECK(memchr(text.data, '\n', text.len) ==
		    text.data + text.len - 1);
		back = control_decode(text.data, text.len, &err);
		FUZZ_CHECK(back && json_equal(object, back));
		json_decref(back);
	}
	if (object)
		check_record(object, &packed, &again);
	json_decref(object);
	buf_clear(&err);
	buf_clear(&text);
	buf_clear(&packed);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size ? data[0] % 64 + 1 : 1, n, len;
	struct control_lines lines;
	const char *line;

	control_lines_init(&lines);
	for (size_t i = 0; i < size; i += n) {
		n = size - i < piece ? size - i : piece;
		if (!control_lines_add(&lines, data + i, n))
			break;
		while ((line = control_lines_next(&lines, &len)) != NULL)
			check_line(line, len);
	}
	control_lines_clear(&lines);
	return 0;
}
