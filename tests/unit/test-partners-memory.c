/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever allocation fails while a partner list is read, of ours or of
 * jansson's: there is no list, or all of it. Half a list would let the
 * domains of the other half send in plaintext.
 */
#include "config.h"

#include <jansson.h>

#include "policy/partners.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define RUNS_MAX 20000

#define HEAD "{\"schema\": \"tlsmilter/partners-1\", \"author\": \"A\",\n" \
	"\"timestamp\": \"2027-01-01T00:00:00Z\",\n" \
	"\"expires\": \"2027-01-02T00:00:00Z\",\n"
static const char good[] =
	HEAD "\"name\": \"N\", \"contact\": \"C\",\n"
	"\"defaults\": {\"mode\": \"enforce\", \"mx\": [\"d.example\"]},\n"
	"\"aliases\": {\"h\": {\"mx\": [\"*.h.example\", \"h.example\"]},\n"
	"\"unused\": {\"mode\": \"testing\"}},\n"
	"\"domains\": {\"a.example\": {\"alias\": \"h\"},\n"
	".b.example\": {}}}";
static const char bad[] =
	HEAD "\"domains\": {\"a\": {\"mode\": \"x\", \"b\\u0061d\": 1},\n"
	"\"a.example\": {\"mode\": \"enforce\", \"mx\": [\"*\"]},\n"
	"\"b.example\": {\"alias\": \"none\"}}}";

/* The good list, with enough domains to make every table grow. */
static char *many(void)
{
	struct buf text;

	buf_init(&text, 1000000);
	buf_add(&text, good, strlen(good) - strlen(".b.example\": {}}}"));
	for (int i = 0; i < 70; i++)
		buf_addf(&text, "\"d%d.example\": {\"mx\": [\"m%d.example\"]},",
		    i, i);
	buf_adds(&text, "\".b.example\": {}}}");
	return buf_steal(&text);
}

static void reading_is_all_or_nothing(void)
{
	char *text = many();
	unsigned n = 0, halves = 0;
	bool struck = true;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	while (struck && n < RUNS_MAX) {
		struct partners *p;
		struct buf err;

		buf_init(&err, 1000);
		failmalloc_set(++n);
		p = partners_read("L", text, strlen(text), &err);
		struck = failmalloc_struck();
		failmalloc_set(0);
		/* A blob that cannot be made smaller is as good. */
		halves += p ? partners_count(p) != 72 : !struck;
		partners_unref(p);
		buf_clear(&err);
	}
	CU_ASSERT(n > 500 && n < RUNS_MAX);
	CU_ASSERT_EQUAL(halves, 0);
	free(text);
}

static bool count(void *arg, const struct partners_finding *f)
{
	size_t *errors = arg;

	CU_ASSERT(f->path && f->text);
	*errors += f->severity == PARTNERS_ERROR;
	return true;
}

static void a_bad_list_stays_bad(void)
{
	bool struck = true;
	unsigned n = 0;

	while (struck && n < RUNS_MAX) {
		size_t errors = 0;
		struct partners *p;

		failmalloc_set(++n);
		p = partners_lint(bad, strlen(bad), 1800000000, count,
		    &errors);
		struck = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT(!p && errors > 0);
		CU_ASSERT(struck || errors == 5);
	}
	CU_ASSERT(n > 50 && n < RUNS_MAX);
}

static const struct unit_test tests[] = {
	{ "reading is all or nothing", reading_is_all_or_nothing },
	{ "a bad list stays bad", a_bad_list_stays_bad },
};

int main(void)
{
	/* Through our wrapper, so that jansson's fail too. */
	json_set_alloc_funcs(malloc, free);
	return unit_run("partners-memory", tests,
	    sizeof(tests) / sizeof(tests[0]));
}
