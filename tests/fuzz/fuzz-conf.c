/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration of any bytes is refused with a message, or loads; what
 * loads prints as a configuration that loads to the same.
 */
#include "config.h"

#include "conf/conf.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "conf";

static struct conf *load(const char *text, size_t len)
{
	struct bundle *b = bundle_new();
	struct conf_messages m = { 0 };
	struct conf *c;

	FUZZ_CHECK(b && bundle_add_text(b, "/c", text, len));
	c = conf_load_bundle("/c", b, &m);
	FUZZ_CHECK(c || (m.n > 0 && m.v[m.n - 1].error));
	conf_messages_clear(&m);
	bundle_free(b);
	return c;
}

static void check_dump(const struct conf *c)
{
	struct buf first, second;
	struct conf *again;

	buf_init(&first, 16 << 20);
	buf_init(&second, 16 << 20);
	conf_dump(c, &first);
	again = load(buf_str(&first), first.len);
	FUZZ_CHECK(again);
	conf_dump(again, &second);
	FUZZ_CHECK(strcmp(buf_str(&first), buf_str(&second)) == 0);
	conf_unref(again);
	buf_clear(&first);
	buf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = load((const char *)data, size);

	if (c)
		check_dump(c);
	conf_unref(c);
	return 0;
}
