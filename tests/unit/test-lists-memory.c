/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation on the way of a partner list into force fails once: the
 * list held stays, nothing leaks (which a build with sanitizers sees).
 */
#include "config.h"

#include "milter/lists.h"
#include "policy/partners.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/log.h"

#define NOW INT64_C(1800000000)	/* 2027-01-15T08:00:00Z */
#define WALK_MAX 1000

static char name[] = "partners", url[] = "https://lists.example/tls.json";
static struct conf_list list = { .name = name, .url = url,
	.refresh = 86400 };
static struct conf conf = { .lists = &list, .lists_n = 1 };
static struct tmpdir dir;

static void be_quiet(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	(void)priority;
	(void)line;
	(void)len;
}

static struct partners *make(const char *day)
{
	struct partners *p;
	struct buf text, err;

	buf_init(&text, 10000);
	buf_init(&err, 1000);
	buf_addf(&text, "{\"schema\": \"tlsmilter/partners-1\", "
	    "\"author\": \"A\", \"timestamp\": \"2027-01-%sT00:00:00Z\", "
	    "\"expires\": \"2027-02-01T00:00:00Z\", \"domains\": "
	    "{\"d%s.example\": {\"mode\": \"enforce\"}}}", day, day);
	p = partners_read("L", buf_str(&text), text.len, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	buf_clear(&text);
	buf_clear(&err);
	return p;
}

static bool take(struct lists *l, const struct partners *p)
{
	const struct list_job job = { name, url, "" };
	struct listcopy_writer *w;
	struct buf said;
	size_t len;
	const void *data = partners_data(p, &len);
	bool ok;

	buf_init(&said, 4000);
	w = lists_begin_copy(l, &job, "\"1\"", &said);
	ok = w && listcopy_add(w, data, len, &said);
	if (w && !ok)
		listcopy_abort(w);
	buf_reset(&said);
	if (ok)
		ok = lists_take(l, name, w, NOW, &said);
	buf_clear(&said);
	return ok;
}

static bool is_listed(struct lists *l, const char *domain)
{
	struct listed listed[LISTS_MAX];

	lists_find(l, &conf, domain, NOW, listed);
	return listed[0].mode == LISTED_ENFORCE;
}

static bool is_kept(void)
{
	DIR *d = opendir(tmpdir_path(&dir, LISTCOPY_FOLDER));
	struct dirent *entry;
	bool found = false;

	while (d && (entry = readdir(d)))
		found |= entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return found;
}

/* Open what is kept, then replace it; true when all went well. */
static bool start_and_replace(const struct partners *new)
{
	struct lists *l = lists_new(dir.dir);
	bool good;

	if (!l)
		return false;
	lists_set_conf(l, &conf, NOW);
	good = is_listed(l, "d01.example");
	/* What could not be opened may be good at the next start. */
	CU_ASSERT(is_kept());
	CU_ASSERT(!is_listed(l, "d02.example"));
	if (take(l, new)) {
		CU_ASSERT(is_listed(l, "d02.example"));
	} else {
		CU_ASSERT(is_listed(l, "d01.example") == good);
		good = false;
	}
	lists_free(l);
	return good;
}

/* Put the first list on disk. */
static void prepare(const struct partners *first)
{
	struct lists *l;

	listcopy_remove(dir.dir, name);
	l = lists_new(dir.dir);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	lists_set_conf(l, &conf, NOW);
	CU_ASSERT_FATAL(take(l, first));
	lists_free(l);
}

static void walk(void)
{
	struct partners *first = make("01"), *second = make("02");
	bool struck = true;
	unsigned n = 0;

	tmpdir_make(&dir);
	log_set_sink(be_quiet, NULL);
	while (struck && n < WALK_MAX) {
		bool good;

		prepare(first);
		failmalloc_set(++n);
		good = start_and_replace(second);
		struck = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT(good || struck);
	}
	CU_ASSERT(n > 10 && n < WALK_MAX);
	listcopy_remove(dir.dir, name);
	rmdir(tmpdir_path(&dir, LISTCOPY_FOLDER));
	tmpdir_remove(&dir);
	log_set_sink(NULL, NULL);
	partners_unref(first);
	partners_unref(second);
}

static const struct unit_test tests[] = {
	{ "opening and replacing", walk },
};

UNIT_MAIN("lists-memory", tests)
