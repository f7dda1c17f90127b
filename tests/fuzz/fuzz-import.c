/* SPDX-License-Identifier: BSD-2-Clause */
/* One member of a file for `cache import`. */
#include "config.h"

#include "mtasts/cachejson.h"
#include "mtasts/fresh.h"
#include "mtasts/name.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "import";

static const int64_t now = 1795294982;

/* Nothing imported lives longer than it would have here. */
static void check_record(const char *domain, const struct buf *packed)
{
	struct record rec;
	json_t *object;

	FUZZ_CHECK(name_is_normal(domain, strlen(domain)));
	FUZZ_CHECK(record_read(packed->data, packed->len, &rec));
	FUZZ_CHECK(rec.kind == RECORD_POLICY && rec.imported);
	FUZZ_CHECK(rec.max_age <= MTASTS_MAX_AGE);
	FUZZ_CHECK(rec.fetched <= now);
	FUZZ_CHECK(rec.expires <= rec.fetched + rec.max_age);
	fresh_next(&rec, now);
	object = cachejson_from_record(domain, &rec, now);
	FUZZ_CHECK(object);
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char domain[MTASTS_DOMAIN_SIZE];
	struct buf packed, err;
	json_t *object = json_loadb((const char *)data, size, 0, NULL);

	if (!object)
		return 0;
	buf_init(&packed, RECORD_MAX_PACKED);
	buf_init(&err, 1000);
	if (cachejson_to_record(object, now, domain, &packed, &err))
		check_record(domain, &packed);
	else
		FUZZ_CHECK(err.len > 0);
	buf_clear(&err);
	buf_clear(&packed);
	json_decref(object);
	return 0;
}
