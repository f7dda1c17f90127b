/* SPDX-License-Identifier: BSD-2-Clause */
/* A partner list as JSON. */
#include "config.h"

#include "mtasts/name.h"
#include "policy/partners-internal.h"
#include "tests/fuzz/fuzz.h"
#include "util/str.h"

const char fuzz_name[] = "partners";

static const int64_t now = 1795294982;

struct walked {
	const struct partners *list;
	size_t n;
};

/* What is listed is found, and says what it may say. */
static bool check_entry(void *arg, const char *domain,
    const struct partner *p)
{
	struct walked *w = arg;
	struct partner found;

	FUZZ_CHECK(partners_is_key(domain) && partners_is_mx(p->mx));
	FUZZ_CHECK(p->mode == PARTNER_TESTING || p->mode == PARTNER_ENFORCE);
	FUZZ_CHECK(p->min_version == 0 || p->min_version == 12 ||
	    p->min_version == 13);
	if (*domain != '.' && p->until == 0 && partners_expires(w->list) > 0)
		FUZZ_CHECK(partners_find(w->list, domain, 0, &found) &&
		    found.mode == p->mode && strcmp(found.mx, p->mx) == 0);
	w->n++;
	return true;
}

/* A finding can be shown, and points into the text. */
static bool check_finding(void *arg, const struct partners_finding *f)
{
	size_t *errors = arg;

	FUZZ_CHECK(*f->text);
	FUZZ_CHECK(str_utf8_text_len(f->path, strlen(f->path)) ==
	    strlen(f->path));
	FUZZ_CHECK((f->line == 0) == (f->column == 0));
	*errors += f->severity == PARTNERS_ERROR;
	return true;
}

static void check_list(const struct partners *p)
{
	struct walked w = { p, 0 };
	struct partners *again;
	struct buf err;
	const void *blob;
	size_t len;

	FUZZ_CHECK(partners_walk(p, check_entry, &w));
	FUZZ_CHECK(w.n == partners_count(p));
	FUZZ_CHECK(partners_timestamp(p) > 0);
	FUZZ_CHECK(partners_expires(p) > partners_timestamp(p));
	blob = partners_data(p, &len);
	buf_init(&err, 1000);
	again = partners_open(blob, len, NULL, NULL, &err);
	FUZZ_CHECK(again);
	partners_unref(again);
	buf_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct partners *p, *linted;
	size_t errors = 0;
	struct buf err;

	buf_init(&err, 100000);
	p = partners_read("L", text, size, &err);
	linted = partners_lint(text, size, now, check_finding, &errors);
	FUZZ_CHECK(!p == !linted && !p == (err.len > 0));
	FUZZ_CHECK(!p == (errors > 0));
	if (p)
		check_list(p);
	partners_unref(linted);
	partners_unref(p);
	buf_clear(&err);
	return 0;
}
