/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may replace a partner list, and how its copy survives.
 */
#include "config.h"

#include "milter/lists.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "milter/listmsg.h"
#include "policy/partners.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

#define NOW INT64_C(1800000000)	/* 2027-01-15T08:00:00Z */
#define DAY 86400
#define URL "https://lists.example/tls.json"

static char name[] = "partners", more[] = "more", file[] = "x";
static char url[] = URL, other_url[] = URL "2";

/* ---- the test's world -------------------------------------------------- */

static struct buf log_text = { .max = 1000000 };

static void keep_line(void *arg, int priority, const char *line, size_t len)
{
	(void)arg;
	buf_addf(&log_text, "<%d>", priority);
	buf_add(&log_text, line, len);
	buf_addc(&log_text, '\n');
}

static bool logged(const char *text)
{
	return strstr(buf_str(&log_text), text) != NULL;
}

/* A list of one domain. */
static struct partners *make(int64_t timestamp, int64_t expires,
    const char *domain)
{
	struct partners *p;
	struct buf text, err;

	buf_init(&text, 10000);
	buf_init(&err, 1000);
	buf_adds(&text, "{\"schema\": \"tlsmilter/partners-1\", "
	    "\"author\": \"A\", \"timestamp\": \"");
	clock_add_time(&text, timestamp);
	buf_adds(&text, "\", \"expires\": \"");
	clock_add_time(&text, expires);
	buf_addf(&text, "\", \"domains\": {\"%s\": {\"mode\": \"enforce\", "
	    "\"min_tls_version\": \"TLSv1.3\"}}}", domain);
	p = partners_read("L", buf_str(&text), text.len, &err);
	if (!p)
		fprintf(stderr, "%s\n", buf_str(&err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	buf_clear(&text);
	buf_clear(&err);
	return p;
}

struct world {
	struct tmpdir dir;
	struct lists *lists;
	struct conf_list list[LISTS_MAX];
	struct conf conf;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	tmpdir_make(&w->dir);
	log_set_sink(keep_line, NULL);
	log_set_level(LOG_DEBUG);
	buf_reset(&log_text);
	w->conf.lists = w->list;
	w->conf.lists_n = 1;
	w->list[0] = (struct conf_list){ .name = name, .url = url,
		.refresh = DAY };
	w->lists = lists_new(w->dir.dir);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->lists);
}

/* As the daemon does, at the next start too. */
static void world_start(struct world *w, int64_t now)
{
	lists_free(w->lists);
	w->lists = lists_new(w->dir.dir);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->lists);
	buf_reset(&log_text);
	lists_set_conf(w->lists, &w->conf, now);
}

/* Files in the folder of copies. */
static unsigned count_files(struct world *w)
{
	DIR *d = opendir(tmpdir_path(&w->dir, LISTCOPY_FOLDER));
	struct dirent *entry;
	unsigned n = 0;

	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* The path of the only copy. */
static void copy_path(struct world *w, struct buf *path)
{
	DIR *d = opendir(tmpdir_path(&w->dir, LISTCOPY_FOLDER));
	struct dirent *entry;

	buf_init(path, 1000);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			buf_addf(path, "%s/%s/%s", w->dir.dir,
			    LISTCOPY_FOLDER, entry->d_name);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	closedir(d);
}

static void forget_path(void *arg, const char *path)
{
	(void)arg;
	(void)path;
}

static void world_end(struct world *w)
{
	lists_free(w->lists);
	listcopy_sweep(w->dir.dir, NULL, 0, forget_path, NULL);
	rmdir(tmpdir_path(&w->dir, LISTCOPY_FOLDER));
	tmpdir_remove(&w->dir);
	log_set_sink(NULL, NULL);
	log_set_level(LOG_INFO);
	buf_clear(&log_text);
}

/* The resolver has sent this list. */
static bool take(struct world *w, struct partners *p, int64_t now,
    struct buf *said)
{
	const struct list_job job = { "partners", w->list[0].url, "" };
	struct listcopy_writer *writer;
	const char *data;
	struct buf err;
	size_t len;
	bool ok;

	buf_init(&err, 1000);
	data = partners_data(p, &len);
	writer = lists_begin_copy(w->lists, &job, "\"1\"", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	/* In two parts. */
	CU_ASSERT(listcopy_add(writer, data, len / 2, &err));
	CU_ASSERT(listcopy_add(writer, data + len / 2, len - len / 2, &err));
	buf_reset(said);
	ok = lists_take(w->lists, "partners", writer, now, said);
	buf_clear(&err);
	partners_unref(p);
	return ok;
}

static enum listed_mode mode_of(struct world *w, const char *domain,
    int64_t now)
{
	struct listed listed[LISTS_MAX];

	lists_find(w->lists, &w->conf, domain, now, listed);
	return listed[0].mode;
}

/* When the list is due, in seconds from now; -1 if not within a year. */
static int64_t due_in(struct world *w, int64_t now)
{
	struct list_job job;

	for (int64_t t = 0; t < 366 * DAY; t += 60)
		if (lists_due(w->lists, now + t, &job))
			return t;
	return -1;
}

/* ---- what may replace what --------------------------------------------- */

static void verdicts(void)
{
	static const struct {
		const char *label;
		int64_t held;		/* timestamp; 0: none is held */
		int64_t timestamp, expires;
		const char *domain;
		enum lists_verdict want;
	} cases[] = {
		{ "the first", 0, NOW - 9, NOW + 9, "a.example",
		    LISTS_NEWER },
		{ "a later one", NOW - 9, NOW - 8, NOW + 9, "a.example",
		    LISTS_NEWER },
		{ "the same", NOW - 9, NOW - 9, NOW + 99, "h.example",
		    LISTS_SAME },
		{ "an older one", NOW - 9, NOW - 10, NOW + 99, "a.example",
		    LISTS_OLDER },
		{ "as old, but another", NOW - 9, NOW - 9, NOW + 99,
		    "a.example", LISTS_CHANGED },
		{ "as old, with another end", NOW - 9, NOW - 9, NOW + 98,
		    "h.example", LISTS_CHANGED },
		{ "expired this second", 0, NOW - 9, NOW, "a.example",
		    LISTS_EXPIRED },
		{ "good for a second", 0, NOW - 9, NOW + 1, "a.example",
		    LISTS_NEWER },
		{ "our clock is late", 0, NOW + 3600, NOW + 9999,
		    "a.example", LISTS_NEWER },
		{ "from the future", NOW - 9, NOW + 3601, NOW + 9999,
		    "a.example", LISTS_FUTURE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct partners *held = cases[i].held ?
		    make(cases[i].held, NOW + 99, "h.example") : NULL;
		struct partners *new = make(cases[i].timestamp,
		    cases[i].expires, cases[i].domain);

		CHECK_CASE(cases[i].label, lists_judge(held, new, NOW) ==
		    cases[i].want);
		partners_unref(held);
		partners_unref(new);
	}
}

static void pauses(void)
{
	int64_t last = 0;

	CU_ASSERT_EQUAL(lists_pause(1, DAY), 300);
	CU_ASSERT_EQUAL(lists_pause(2, DAY), 600);
	for (unsigned i = 1; i < 100; i++) {
		int64_t pause = lists_pause(i, DAY);

		CU_ASSERT(pause >= last && pause <= 21600);
		last = pause;
	}
	CU_ASSERT_EQUAL(lists_pause(UINT_MAX, DAY), 21600);
	/* Not longer than the interval, never shorter than five minutes. */
	CU_ASSERT_EQUAL(lists_pause(50, 3600), 3600);
	CU_ASSERT_EQUAL(lists_pause(50, 10), 300);
}

static void replacing(void)
{
	struct listed listed[LISTS_MAX];
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_UNKNOWN);
	CU_ASSERT_EQUAL(due_in(&w, NOW), 0);
	CU_ASSERT(take(&w, make(NOW - 100, NOW + 30 * DAY, "a.example"), NOW,
	    &said));
	CU_ASSERT(logged("<6>list \"partners\": 1 domain, timestamp "));
	lists_find(w.lists, &w.conf, "a.example", NOW, listed);
	CU_ASSERT_EQUAL(listed[0].mode, LISTED_ENFORCE);
	CU_ASSERT_EQUAL(listed[0].min_version, 13);
	CU_ASSERT_EQUAL(listed[1].mode, LISTED_NO);
	CU_ASSERT_EQUAL(mode_of(&w, "b.example", NOW), LISTED_NO);
	CU_ASSERT(due_in(&w, NOW) > DAY * 8 / 10);
	CU_ASSERT(due_in(&w, NOW) <= DAY + 60);

	/* Nothing but a newer one changes anything. */
	CU_ASSERT(!take(&w, make(NOW - 101, NOW + 30 * DAY, "b.example"),
	    NOW, &said));
	CU_ASSERT(logged("<4>list \"partners\": not replaced: " URL
	    ": the server sent an older list"));
	CU_ASSERT_EQUAL(due_in(&w, NOW), 300);
	CU_ASSERT(!take(&w, make(NOW - 100, NOW + 30 * DAY, "b.example"),
	    NOW, &said));
	CU_ASSERT(logged("another list with the same timestamp"));
	CU_ASSERT_EQUAL(due_in(&w, NOW), 600);
	CU_ASSERT(!take(&w, make(NOW - 99, NOW, "b.example"), NOW, &said));
	CU_ASSERT(logged("a list that has expired"));
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_ENFORCE);
	CU_ASSERT_EQUAL(mode_of(&w, "b.example", NOW), LISTED_NO);
	CU_ASSERT_EQUAL(count_files(&w), 1);

	/* The same is as good as unchanged. */
	CU_ASSERT(take(&w, make(NOW - 100, NOW + 30 * DAY, "a.example"), NOW,
	    &said));
	CU_ASSERT(logged("<6>list \"partners\": unchanged, 1 domain"));
	CU_ASSERT(take(&w, make(NOW - 50, NOW + 30 * DAY, "b.example"), NOW,
	    &said));
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_NO);
	CU_ASSERT_EQUAL(mode_of(&w, "b.example", NOW), LISTED_ENFORCE);
	CU_ASSERT_EQUAL(count_files(&w), 1);
	buf_clear(&said);
	world_end(&w);
}

static void what_the_server_sends_is_damaged(void)
{
	const struct list_job job = { "partners", URL, "" };
	struct listcopy_writer *writer;
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(NOW - 100, NOW + DAY, "a.example"), NOW,
	    &said));
	writer = lists_begin_copy(w.lists, &job, "", &said);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	CU_ASSERT(listcopy_add(writer, "no list", 7, &said));
	buf_reset(&said);
	CU_ASSERT(!lists_take(w.lists, "partners", writer, NOW, &said));
	CU_ASSERT(logged("<4>list \"partners\": not replaced: "));
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_ENFORCE);
	CU_ASSERT_EQUAL(count_files(&w), 1);
	/* What a peer said is shown, but not its control characters. */
	buf_reset(&said);
	lists_failed(w.lists, "partners", "bad\n\x1b[0m \xc3\xa4 \xff!", NOW,
	    &said);
	CU_ASSERT(logged("not replaced: bad??[0m \xc3\xa4 ?!"));
	/* Lists that are gone interest nobody. */
	lists_failed(w.lists, "other", "x", NOW, &said);
	CU_ASSERT(!lists_unchanged(w.lists, "other", NOW, &said));
	CU_ASSERT(!lists_hurry(w.lists, "other", NOW));
	buf_clear(&said);
	world_end(&w);
}

/* ---- the copy ---------------------------------------------------------- */

static void a_restart_keeps_the_list(void)
{
	struct list_job job;
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(clock_wall() - 100, clock_wall() + 30 * DAY,
	    "a.example"), clock_wall(), &said));
	world_start(&w, clock_wall());
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", clock_wall()),
	    LISTED_ENFORCE);
	CU_ASSERT(logged("; from the copy of "));
	CU_ASSERT(!lists_due(w.lists, clock_wall(), &job));
	CU_ASSERT(lists_due(w.lists, clock_wall() + 2 * DAY, &job));
	CU_ASSERT_STRING_EQUAL(job.etag, "\"1\"");

	/* Another URL is another list. */
	w.list[0].url = other_url;
	world_start(&w, clock_wall());
	CU_ASSERT(logged("it came from " URL));
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", clock_wall()),
	    LISTED_UNKNOWN);
	CU_ASSERT_EQUAL(count_files(&w), 0);
	buf_clear(&said);
	world_end(&w);
}

static void reload(void)
{
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(NOW - 100, NOW + 30 * DAY, "a.example"), NOW,
	    &said));
	/* Another interval, another list beside it: the first stays. */
	w.list[0].refresh = 3600;
	w.list[1] = (struct conf_list){ .name = more, .url = other_url,
		.refresh = DAY };
	w.conf.lists_n = 2;
	lists_set_conf(w.lists, &w.conf, NOW);
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_ENFORCE);
	CU_ASSERT(!logged("from the copy"));
	/* A file instead of the URL. */
	w.list[0] = (struct conf_list){ .name = name, .file = file,
		.partners = make(NOW - 9, NOW + DAY, "f.example") };
	lists_set_conf(w.lists, &w.conf, NOW);
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_NO);
	CU_ASSERT_EQUAL(mode_of(&w, "f.example", NOW), LISTED_ENFORCE);
	CU_ASSERT_EQUAL(count_files(&w), 0);
	CU_ASSERT(logged("removed "));
	CU_ASSERT(!lists_hurry(w.lists, "partners", NOW));
	partners_unref(w.list[0].partners);
	w.conf.lists_n = 0;
	lists_set_conf(w.lists, &w.conf, NOW);
	CU_ASSERT_EQUAL(due_in(&w, NOW), -1);
	buf_clear(&said);
	world_end(&w);
}

static void damage(struct world *w, const struct buf *path, off_t at,
    off_t len)
{
	int fd = open(buf_str(path), O_RDWR);
	char byte;

	CU_ASSERT_FATAL(fd >= 0);
	if (len >= 0) {
		CU_ASSERT_EQUAL(ftruncate(fd, len), 0);
	} else {
		CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
		byte = (char)(byte ^ 0x20);
		CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
	world_start(w, NOW);
	CU_ASSERT_EQUAL(mode_of(w, "a.example", NOW), LISTED_UNKNOWN);
	CU_ASSERT_EQUAL(count_files(w), 0);
	CU_ASSERT(logged(" is not used and removed: "));
	CU_ASSERT_EQUAL(due_in(w, NOW), 0);
}

static void a_damaged_copy_is_not_used(void)
{
	static const struct {
		off_t at;	/* change this byte */
		off_t len;	/* or cut to this length */
	} cases[] = {
		{ 0, -1 }, { 20, -1 }, { 60, -1 }, { 4000, -1 },
		{ 4096, -1 }, { 4120, -1 }, { 0, 0 }, { 0, 10 }, { 0, 4096 },
		{ 0, 4104 }, { 0, 4200 }, { 0, 100000 },
	};
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf path;

		CU_ASSERT(take(&w, make(NOW - 100, NOW + 30 * DAY,
		    "a.example"), NOW, &said));
		copy_path(&w, &path);
		damage(&w, &path, cases[i].at, cases[i].len);
		buf_clear(&path);
	}
	buf_clear(&said);
	world_end(&w);
}

/* A daemon killed while it wrote leaves a part of a file behind. */
static void what_a_kill_leaves(void)
{
	struct world w;
	struct buf said, path;
	int fd;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(NOW - 100, NOW + 30 * DAY, "a.example"), NOW,
	    &said));
	copy_path(&w, &path);
	buf_adds(&path, ".new");
	fd = open(buf_str(&path), O_CREAT | O_WRONLY, 0600);
	CU_ASSERT(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(count_files(&w), 2);
	world_start(&w, NOW);
	CU_ASSERT_EQUAL(count_files(&w), 1);
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW), LISTED_ENFORCE);
	buf_clear(&path);
	buf_clear(&said);
	world_end(&w);
}

/* A name from the configuration is no file name. */
static void names(void)
{
	static const char *const all[] = {
		"../../x", "/etc/passwd", "", "a b", "a/b", "a_b", ".",
		"\xc3\xa4", "a very long name, longer than any file system's "
		"limit on a name, which the name of a list in the "
		"configuration may well be, as there is no limit on that; "
		"and another two hundred characters to be sure of it: "
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	};
	size_t n = sizeof(all) / sizeof(all[0]);
	struct partners *p = make(NOW - 9, NOW + DAY, "a.example");
	struct listcopy copy;
	struct world w;
	const char *data;
	struct buf err;
	size_t len;

	world_init(&w);
	buf_init(&err, 4000);
	data = partners_data(p, &len);
	for (size_t i = 0; i < n; i++) {
		struct listcopy_writer *writer = listcopy_begin(w.dir.dir,
		    all[i], URL, "", &err);

		CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
		CHECK_CASE(all[i], listcopy_add(writer, data, len, &err));
		CHECK_CASE(all[i], listcopy_check(writer, &copy, &err));
		CHECK_CASE(all[i], listcopy_commit(writer, &err));
		partners_unref(copy.partners);
	}
	CU_ASSERT_EQUAL(count_files(&w), n);
	for (size_t i = 0; i < n; i++) {
		CHECK_CASE(all[i], listcopy_open(w.dir.dir, all[i], URL,
		    &copy, &err) == LISTCOPY_GOOD);
		partners_unref(copy.partners);
	}
	CU_ASSERT_STRING_EQUAL(buf_str(&err), "");
	CU_ASSERT_EQUAL(listcopy_open(w.dir.dir, "none", URL, &copy, &err),
	    LISTCOPY_NONE);
	listcopy_sweep(w.dir.dir, all, 2, forget_path, NULL);
	CU_ASSERT_EQUAL(count_files(&w), 2);
	CU_ASSERT(listcopy_remove(w.dir.dir, all[0]));
	CU_ASSERT(listcopy_remove(w.dir.dir, all[0]));
	CU_ASSERT_EQUAL(count_files(&w), 1);
	partners_unref(p);
	buf_clear(&err);
	world_end(&w);
}

/* The folder cannot be made: a file is in its place. */
static void a_copy_that_cannot_be_written(void)
{
	const struct list_job job = { "partners", URL, "" };
	struct world w;
	struct buf said;
	int fd;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	fd = open(tmpdir_path(&w.dir, LISTCOPY_FOLDER), O_CREAT | O_WRONLY,
	    0600);
	CU_ASSERT(fd >= 0);
	close(fd);
	CU_ASSERT_PTR_NULL(lists_begin_copy(w.lists, &job, "", &said));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&said), "cannot make "));
	world_start(&w, NOW);
	CU_ASSERT_EQUAL(due_in(&w, NOW), 0);
	buf_clear(&said);
	world_end(&w);
}

/* ---- times ------------------------------------------------------------- */

static void a_list_that_never_comes(void)
{
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	lists_failed(w.lists, "partners", "no", NOW, &said);
	CU_ASSERT(logged("not loaded: no; nobody is listed, next try in 5 "
	    "minutes"));
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW + 1800),
	    LISTED_UNKNOWN);
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW + 1801), LISTED_NO);
	/* One that claims to be unchanged is none. */
	CU_ASSERT(!lists_unchanged(w.lists, "partners", NOW, &said));
	CU_ASSERT_EQUAL(due_in(&w, NOW), 600);
	/* A resolver that ended may do so once. */
	CU_ASSERT(lists_lost(w.lists, "partners", NOW, &said));
	CU_ASSERT_EQUAL(due_in(&w, NOW), 60);
	CU_ASSERT(!lists_lost(w.lists, "partners", NOW, &said));
	CU_ASSERT(due_in(&w, NOW) >= 300);
	buf_clear(&said);
	world_end(&w);
}

static void the_end_of_a_list(void)
{
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(NOW - 9, NOW + 10 * DAY, "a.example"), NOW,
	    &said));
	lists_warn(w.lists, NOW + 2 * DAY);
	CU_ASSERT(!logged("expires soon"));
	lists_warn(w.lists, NOW + 3 * DAY);
	CU_ASSERT(logged("<4>list \"partners\": expires soon, at "));
	buf_reset(&log_text);
	lists_warn(w.lists, NOW + 3 * DAY + 60);
	CU_ASSERT_EQUAL(log_text.len, 0);
	lists_warn(w.lists, NOW + 10 * DAY - 60);
	CU_ASSERT(logged("expires soon"));
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW + 10 * DAY - 1),
	    LISTED_ENFORCE);
	CU_ASSERT_EQUAL(mode_of(&w, "a.example", NOW + 10 * DAY), LISTED_NO);
	/* At once, not a day after the last warning. */
	lists_warn(w.lists, NOW + 10 * DAY);
	CU_ASSERT(logged("<3>list \"partners\": expired at "));
	buf_reset(&log_text);
	lists_warn(w.lists, NOW + 10 * DAY + 60);
	CU_ASSERT_EQUAL(log_text.len, 0);
	/* The server has nothing better. */
	CU_ASSERT(lists_unchanged(w.lists, "partners", NOW + 10 * DAY - 1,
	    &said));
	CU_ASSERT(logged("unchanged, 1 domain"));
	buf_reset(&said);
	CU_ASSERT(!lists_unchanged(w.lists, "partners", NOW + 10 * DAY,
	    &said));
	CU_ASSERT(logged("which has expired"));
	buf_clear(&said);
	world_end(&w);
}

/* A clock set back by years must not mean that nothing is ever fetched. */
static void a_clock_set_back(void)
{
	struct list_job job;
	struct world w;
	struct buf said;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(NOW - 9, NOW + 30 * DAY, "a.example"), NOW,
	    &said));
	CU_ASSERT(!lists_due(w.lists, NOW, &job));
	CU_ASSERT(lists_due(w.lists, NOW - 3650 * DAY, &job));
	buf_clear(&said);
	world_end(&w);
}

/* ---- status ------------------------------------------------------------ */

static void status(void)
{
	struct world w;
	struct buf said;
	json_t *o, *list;

	buf_init(&said, 4000);
	world_init(&w);
	world_start(&w, NOW);
	CU_ASSERT(take(&w, make(NOW - 9, NOW + DAY, "a.example"), NOW,
	    &said));
	lists_failed(w.lists, "partners", "bad", NOW, &said);
	o = lists_json(w.lists, &w.conf);
	list = json_array_get(o, 0);
	CU_ASSERT_EQUAL(json_array_size(o), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(list,
	    "domains")), 1);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(list,
	    "source")), URL);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(list,
	    "error")), "bad");
	json_decref(o);
	buf_clear(&said);
	world_end(&w);
}

/* ---- messages ---------------------------------------------------------- */

static void messages(void)
{
	static const struct {
		const char *label;
		struct list_answer m;
		bool good;
	} cases[] = {
		{ "fetched", { 1, LIST_FETCHED, 100, "\"x\"", "" }, true },
		{ "without a tag", { 1, LIST_FETCHED, 100, "", "" }, true },
		{ "unchanged", { 1, LIST_UNCHANGED, 0, "", "" }, true },
		{ "failed", { 1, LIST_FAILED, 0, "", "why" }, true },
		{ "fetched nothing", { 1, LIST_FETCHED, 0, "", "" }, false },
		{ "too large", { 1, LIST_FETCHED, PARTNERS_BLOB_MAX + 1, "",
		    "" }, false },
		{ "failed with a list", { 1, LIST_FAILED, 1, "", "" },
		    false },
		{ "no outcome", { 1, LIST_FAILED + 1, 0, "", "" }, false },
		{ "no tag", { 1, LIST_FETCHED, 9, "x\r\ny", "" }, false },
	};
	struct list_answer m;
	struct buf b;

	buf_init(&b, LISTMSG_SIZE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&b);
		list_answer_pack(&cases[i].m, &b);
		CHECK_CASE(cases[i].label, list_answer_unpack(b.data, b.len,
		    &m) == cases[i].good);
		for (size_t n = 0; n < b.len; n++)
			CHECK_CASE(cases[i].label,
			    !list_answer_unpack(b.data, n, &m));
	}
	buf_clear(&b);
}

static const struct unit_test tests[] = {
	{ "verdicts", verdicts },
	{ "pauses", pauses },
	{ "replacing", replacing },
	{ "what the server sends is damaged",
	    what_the_server_sends_is_damaged },
	{ "a restart keeps the list", a_restart_keeps_the_list },
	{ "reload", reload },
	{ "a damaged copy is not used", a_damaged_copy_is_not_used },
	{ "what a kill leaves", what_a_kill_leaves },
	{ "names", names },
	{ "a copy that cannot be written", a_copy_that_cannot_be_written },
	{ "a list that never comes", a_list_that_never_comes },
	{ "the end of a list", the_end_of_a_list },
	{ "a clock set back", a_clock_set_back },
	{ "status", status },
	{ "messages", messages },
};

UNIT_MAIN("lists", tests)
