/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation fails once: the call says so, writes nothing, and leaks
 * nothing (which a build with sanitizers sees).
 */
#include "config.h"

#include "mtasts/answer.h"
#include "mtasts/record.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define TEXT "version: STSv1\nmode: enforce\nmax_age: 86400\n" \
	"mx: a.example\nmx: b.example\nmx: a.example\nmx: c.example\n" \
	"mx: d.example\nmx: e.example\nmx: f.example\nmx: g.example\n" \
	"mx: h.example\nmx: i.example\n"

/* Longer than a buffer is at first, so that it must grow. */
#define LONG_TEXT TEXT TEXT TEXT TEXT

/* Run the operation; true when it succeeded. */
typedef bool operation(void);

static bool parse_policy(void)
{
	enum mtasts_error e = MTASTS_OK;
	struct mtasts_policy *p;

	p = mtasts_policy_parse(TEXT, strlen(TEXT), 0, NULL, NULL, &e);
	if (!p) {
		CU_ASSERT_EQUAL(e, MTASTS_E_MEMORY);
		return false;
	}
	CU_ASSERT_EQUAL(mtasts_policy_mx_count(p), 9);
	mtasts_policy_free(p);
	return true;
}

static bool pack_record(void)
{
	const struct record rec = {
		.kind = RECORD_POLICY, .id = "1", .text = LONG_TEXT,
	};
	struct record got = { .kind = RECORD_NEGATIVE };
	struct buf b;
	bool good;

	buf_init(&b, RECORD_MAX_PACKED);
	record_pack(&rec, &b);
	good = !b.failed;
	CU_ASSERT_EQUAL(record_read(b.data, b.len, &got), good);
	buf_clear(&b);
	return good;
}

static bool pack_answer(void)
{
	const struct answer answer = {
		.domain = "a.example", .outcome = MTASTS_FOUND, .id = "1",
		.patterns = "a.example b.example", .text = LONG_TEXT,
	};
	struct answer got;
	struct buf b;
	bool good;

	buf_init(&b, ANSWER_MAX_PACKED);
	answer_pack(&answer, &b);
	good = !b.failed;
	CU_ASSERT_EQUAL(answer_unpack(b.data, b.len, &got), good);
	buf_clear(&b);
	return good;
}

static bool pack_ask(void)
{
	const struct ask ask = { .domain = "a.example", .held_id = "1" };
	struct ask got;
	struct buf b;
	bool good;

	buf_init(&b, ANSWER_MAX_PACKED);
	ask_pack(&ask, &b);
	good = !b.failed;
	CU_ASSERT_EQUAL(ask_unpack(b.data, b.len, &got), good);
	buf_clear(&b);
	return good;
}

/* Fail the first allocation, the second, … until none is left to fail;
 * return how many there were. */
static unsigned walk(operation *run)
{
	unsigned n = 0;
	bool good, struck;

	do {
		failmalloc_set(++n);
		good = run();
		struck = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT_EQUAL(good, !struck);
	} while (struck && n < 1000);
	return n - 1;
}

static void parsing_survives(void)
{
	CU_ASSERT(walk(parse_policy) > 10);
}

static void packing_survives(void)
{
	CU_ASSERT(walk(pack_record) > 1);
	CU_ASSERT(walk(pack_answer) > 1);
	CU_ASSERT(walk(pack_ask) > 0);
}

static bool read_names(void)
{
	char out[MTASTS_DOMAIN_SIZE];
	struct record rec = { .patterns = "*.example.com" };

	return mtasts_domain_normalize("MAIL.Example.com.", out) ==
	    MTASTS_OK && record_matches(&rec, out) &&
	    record_list_has("a.example b.example", "b.example");
}

/* What milter callbacks do on every recipient must not allocate at all. */
static void hot_paths_do_not_allocate(void)
{
	CU_ASSERT_EQUAL(walk(read_names), 0);
}

static const struct unit_test tests[] = {
	{ "parsing survives", parsing_survives },
	{ "packing survives", packing_survives },
	{ "hot paths do not allocate", hot_paths_do_not_allocate },
};

UNIT_MAIN("mtasts-memory", tests)
