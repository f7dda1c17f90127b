/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/store.h"

#define MIB (1024 * 1024)

static struct tmpdir dir;
static struct buf err;

static struct store *open_with(struct store_options o)
{
	enum store_error e = STORE_OK;

	buf_reset(&err);
	return store_open(tmpdir_path(&dir, "t.mdb"), &o, &err, &e);
}

static struct store *open_rw(uint64_t size)
{
	return open_with((struct store_options){ .size = size });
}

static void begin(void)
{
	tmpdir_make(&dir);
	buf_init(&err, 1000);
}

static void end(void)
{
	buf_clear(&err);
	tmpdir_remove(&dir);
}

static enum store_error put_one(struct store *s, const char *key,
    const char *value)
{
	enum store_error e = store_write_begin(s);

	if (!e)
		e = store_put(s, key, value, strlen(value));
	if (!e)
		return store_commit(s);
	store_abort(s);
	return e;
}

/* True when key holds want, or is absent if want is NULL. */
static bool holds(struct store *s, const char *key, const char *want)
{
	struct store_read *r = store_read_begin(s);
	struct store_value v;
	enum store_error e;
	bool ok;

	if (!r)
		return false;
	e = store_read_get(r, key, &v);
	ok = want ? e == STORE_OK && v.len == strlen(want) &&
	    memcmp(v.data, want, v.len) == 0 : e == STORE_NOT_FOUND;
	store_read_end(r);
	return ok;
}

static void values_come_back_after_reopening(void)
{
	struct store *s;
	struct store_stat st;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(put_one(s, "a.example", "one"), STORE_OK);
	CU_ASSERT_EQUAL(put_one(s, "b.example", "two"), STORE_OK);
	CU_ASSERT_EQUAL(put_one(s, "b.example", "three"), STORE_OK);
	CU_ASSERT(holds(s, "a.example", "one"));
	CU_ASSERT(holds(s, "b.example", "three"));
	CU_ASSERT(holds(s, "c.example", NULL));
	store_close(s);
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT(holds(s, "b.example", "three"));
	store_stat(s, &st);
	CU_ASSERT_EQUAL(st.entries, 2);
	CU_ASSERT(st.used > 0 && st.used < st.size);
	CU_ASSERT_EQUAL(st.size, MIB);
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	CU_ASSERT_EQUAL(store_delete(s, "b.example"), STORE_OK);
	CU_ASSERT_EQUAL(store_delete(s, "b.example"), STORE_NOT_FOUND);
	CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
	CU_ASSERT(holds(s, "b.example", NULL));
	store_close(s);
	end();
}

static void keys_are_checked(void)
{
	char longest[513];
	struct store *s;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memset(longest, 'k', 512);
	longest[512] = '\0';
	CU_ASSERT_EQUAL(put_one(s, "", "x"), STORE_ARGUMENT);
	CU_ASSERT_EQUAL(put_one(s, longest, "x"), STORE_ARGUMENT);
	longest[511] = '\0';
	CU_ASSERT_EQUAL(put_one(s, longest, "x"), STORE_OK);
	CU_ASSERT(holds(s, longest, "x"));
	store_close(s);
	end();
}

static void an_aborted_write_leaves_nothing(void)
{
	struct store *s;
	struct store_value v;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	CU_ASSERT_EQUAL(store_put(s, "a", "1", 1), STORE_OK);
	CU_ASSERT_EQUAL(store_write_get(s, "a", &v), STORE_OK);
	CU_ASSERT(holds(s, "a", NULL));
	store_abort(s);
	CU_ASSERT(holds(s, "a", NULL));
	store_close(s);
	end();
}

static void a_snapshot_does_not_change(void)
{
	struct store *s;
	struct store_read *r;
	struct store_value v;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	put_one(s, "a", "old");
	r = store_read_begin(s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	put_one(s, "a", "new");
	CU_ASSERT_EQUAL(store_read_get(r, "a", &v), STORE_OK);
	CU_ASSERT(v.len == 3 && memcmp(v.data, "old", 3) == 0);
	store_read_end(r);
	CU_ASSERT(holds(s, "a", "new"));
	store_close(s);
	end();
}

static void the_pool_ends_without_blocking(void)
{
	struct store_read *reads[300];
	struct store *s;
	size_t n = 0;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	while (n < 300 && (reads[n] = store_read_begin(s)))
		n++;
	CU_ASSERT_EQUAL(n, 128);
	store_read_end(reads[--n]);
	reads[n] = store_read_begin(s);
	CU_ASSERT_PTR_NOT_NULL(reads[n]);
	for (n = 0; n < 128; n++)
		store_read_end(reads[n]);
	CU_ASSERT_EQUAL(put_one(s, "a", "1"), STORE_OK);
	store_close(s);
	end();
}

/* ---- threads ----------------------------------------------------------- */

#define THREADS 8

struct race {
	struct store *store;
	atomic_bool stop;
	atomic_uint reads, torn;
};

/* Both keys are always written together with the same value. */
static void *race_reader(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		struct store_read *r = store_read_begin(race->store);
		struct store_value x, y;

		if (!r)
			continue;
		if (store_read_get(r, "x", &x) || store_read_get(r, "y", &y) ||
		    x.len != y.len || memcmp(x.data, y.data, x.len) != 0)
			race->torn++;
		store_read_end(r);
		race->reads++;
	}
	return NULL;
}

static bool race_write(struct store *s, unsigned i)
{
	char value[64];
	int n = snprintf(value, sizeof(value), "value %u", i);

	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	(void)store_put(s, "x", value, (size_t)n);
	(void)store_put(s, "y", value, (size_t)n);
	return store_commit(s) == STORE_OK;
}

static void many_readers_see_whole_writes(void)
{
	struct race race = { 0 };
	pthread_t threads[THREADS];
	int64_t until = clock_mono_ms() + 60000;
	unsigned writes = 0;

	begin();
	race.store = open_with((struct store_options){ .size = MIB,
	    .sync = STORE_SYNC_LATER });
	CU_ASSERT_PTR_NOT_NULL_FATAL(race.store);
	CU_ASSERT(race_write(race.store, 0));
	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, race_reader, &race);
	/* A map of 256 pages: a reader that lost the processor in its snapshot
	 * fills it, one that kept its snapshot would fill it for good. */
	while ((writes < 2000 || race.reads < 1000) &&
	    clock_mono_ms() < until)
		writes += race_write(race.store, writes + 1);
	race.stop = true;
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT(writes >= 2000);
	CU_ASSERT(race.reads >= 1000);
	CU_ASSERT_EQUAL(race.torn, 0);
	store_close(race.store);
	end();
}

/* ---- walking ----------------------------------------------------------- */

struct seen {
	struct store *store;
	char last[512];
	unsigned n, stop_at;
	bool ordered, write;
};

static bool see(void *arg, const char *key, const struct store_value *value)
{
	struct seen *seen = arg;

	(void)value;
	seen->ordered = seen->ordered && strcmp(seen->last, key) < 0;
	snprintf(seen->last, sizeof(seen->last), "%s", key);
	seen->n++;
	if (seen->write)
		CU_ASSERT_EQUAL(put_one(seen->store, "k0000", "again"),
		    STORE_OK);
	return seen->n != seen->stop_at;
}

static void fill(struct store *s, unsigned n)
{
	char key[16];

	CU_ASSERT_EQUAL_FATAL(store_write_begin(s), STORE_OK);
	for (unsigned i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%04u", i);
		CU_ASSERT_EQUAL(store_put(s, key, key, 5), STORE_OK);
	}
	CU_ASSERT_EQUAL_FATAL(store_commit(s), STORE_OK);
}

static void a_walk_sees_each_entry_once(void)
{
	static const struct {
		const char *label, *from;
		unsigned stop_at, want;
		bool write;
	} cases[] = {
		{ "all, over several snapshots", "", 0, 1000, false },
		{ "with a write after each entry", "", 0, 1000, true },
		{ "from a key that is there", "k0500", 0, 500, false },
		{ "from between two keys", "k0500x", 0, 499, false },
		{ "behind the end", "z", 0, 0, false },
		{ "stopped in the first snapshot", "", 10, 10, false },
		{ "stopped at the renewal", "", 256, 256, false },
		{ "stopped behind the renewal", "", 257, 257, false },
	};
	struct store *s;

	/* 1000 writes need 16 MiB if the walk pins its first snapshot, and 4
	 * if it renews it every 256 records. */
	begin();
	s = open_with((struct store_options){ .size = 8 * MIB,
	    .sync = STORE_SYNC_LATER });
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	fill(s, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = { .store = s, .ordered = true,
			.stop_at = cases[i].stop_at,
			.write = cases[i].write };

		CU_ASSERT_EQUAL(store_walk(s, cases[i].from, see, &seen),
		    STORE_OK);
		CHECK_CASE(cases[i].label, seen.n == cases[i].want);
		CHECK_CASE(cases[i].label, seen.ordered);
	}
	store_close(s);
	end();
}

/* ---- trouble ----------------------------------------------------------- */

static void a_full_map_spoils_the_write_only(void)
{
	static char value[8192];
	struct store *s;
	enum store_error e = STORE_OK;
	char key[16];
	unsigned i;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	put_one(s, "a", "kept");
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	for (i = 0; !e && i < 1000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		e = store_put(s, key, value, sizeof(value));
	}
	CU_ASSERT_EQUAL(e, STORE_FULL);
	CU_ASSERT_EQUAL(store_put(s, "b", "1", 1), STORE_FULL);
	CU_ASSERT_EQUAL(store_commit(s), STORE_FULL);
	CU_ASSERT(holds(s, "a", "kept"));
	CU_ASSERT(holds(s, "k0", NULL));
	CU_ASSERT_EQUAL(put_one(s, "b", "1"), STORE_OK);
	store_close(s);
	end();
}

static void files_of_others_are_refused(void)
{
	static const struct {
		const char *label, *file;
		mode_t mode;
		bool opens;
	} cases[] = {
		{ "STS-C-12 as we make it", "t.mdb", 0640, true },
		{ "STS-C-12 private", "t.mdb", 0600, true },
		{ "STS-C-12 world-writable", "t.mdb", 0646, false },
		{ "STS-C-12 group-writable", "t.mdb", 0660, false },
		{ "STS-C-12 lock world-writable", "t.mdb-lock", 0646, false },
		{ "STS-C-12 directory open to all", ".", 0777, false },
		{ "STS-C-12 directory open, sticky", ".", 01777, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *s;

		begin();
		s = open_rw(MIB);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		store_close(s);
		CU_ASSERT_EQUAL(chmod(tmpdir_path(&dir, cases[i].file),
		    cases[i].mode), 0);
		errno = 0;
		s = open_rw(MIB);
		CHECK_CASE(cases[i].label, (s != NULL) == cases[i].opens);
		CHECK_CASE(cases[i].label, s || errno == EPERM);
		CHECK_CASE(cases[i].label, s || err.len > 0);
		store_close(s);
		end();
	}
}

static void links_and_directories_are_refused(void)
{
	begin();
	CU_ASSERT_EQUAL(symlink("elsewhere", tmpdir_path(&dir, "t.mdb")), 0);
	CU_ASSERT_PTR_NULL(open_rw(MIB));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&err), "not a regular file"));
	CU_ASSERT_EQUAL(unlink(tmpdir_path(&dir, "t.mdb")), 0);
	CU_ASSERT_EQUAL(mkdir(tmpdir_path(&dir, "t.mdb"), 0700), 0);
	CU_ASSERT_PTR_NULL(open_rw(MIB));
	CU_ASSERT_EQUAL(rmdir(tmpdir_path(&dir, "t.mdb")), 0);
	end();
}

static void a_missing_file_is_not_made_for_reading(void)
{
	struct store_options o = { .readonly = true };
	enum store_error e = STORE_OK;

	begin();
	CU_ASSERT_PTR_NULL(store_open(tmpdir_path(&dir, "t.mdb"), &o, &err,
	    &e));
	CU_ASSERT_EQUAL(e, STORE_NOT_FOUND);
	CU_ASSERT(access(tmpdir_path(&dir, "t.mdb"), F_OK) < 0);
	CU_ASSERT_EQUAL(store_verify(tmpdir_path(&dir, "t.mdb"), &err),
	    STORE_NOT_FOUND);
	end();
}

/* What a caller gets from a buffer that found no memory for the path. */
static void without_a_path_nothing_is_made(void)
{
	struct store_options o = { .size = MIB };
	enum store_error e = STORE_OK;
	struct buf why;

	buf_init(&why, 1000);
	unlink("-lock");
	CU_ASSERT_PTR_NULL(store_open("", &o, &why, &e));
	CU_ASSERT_EQUAL(e, STORE_IO);
	CU_ASSERT(why.len > 0);
	CU_ASSERT(access("-lock", F_OK) < 0);
	buf_clear(&why);
}

static void empty_discards_even_a_damaged_file(void)
{
	struct store *s;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	put_one(s, "a", "1");
	store_close(s);
	CU_ASSERT_EQUAL(truncate(tmpdir_path(&dir, "t.mdb"), 5000), 0);
	s = open_with((struct store_options){ .size = MIB, .empty = true });
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT(holds(s, "a", NULL));
	store_close(s);
	end();
}

/* Overwrite len bytes of the file at offset with a byte. */
static void scribble(off_t offset, size_t len, int byte)
{
	int fd = open(tmpdir_path(&dir, "t.mdb"), O_WRONLY | O_CLOEXEC);
	char page[4096];

	memset(page, byte, sizeof(page));
	CU_ASSERT(fd >= 0);
	for (size_t done = 0; done < len; done += sizeof(page))
		CU_ASSERT(pwrite(fd, page, sizeof(page),
		    offset + (off_t)done) > 0);
	close(fd);
}

static void damage_is_found_and_survived(void)
{
	static const struct {
		const char *label;
		off_t cut;		/* > 0: truncate to this */
		off_t at;		/* else scribble here … */
		size_t len;
		int byte;
		enum store_error want;
	} cases[] = {
		{ "whole file", 0, 0, 0, 0, STORE_OK },
		{ "cut to half a page", 2048, 0, 0, 0, STORE_DAMAGED },
		{ "cut behind the headers", 8192, 0, 0, 0, STORE_DAMAGED },
		{ "cut in the middle", 40960, 0, 0, 0, STORE_DAMAGED },
		{ "headers zeroed", 0, 0, 8192, 0, STORE_DAMAGED },
		{ "headers scribbled", 0, 0, 8192, 0x55, STORE_DAMAGED },
		{ "pages zeroed", 0, 8192, 65536, 0, STORE_DAMAGED },
		{ "pages scribbled", 0, 8192, 65536, 0xff, STORE_DAMAGED },
		{ "pages scribbled low", 0, 8192, 65536, 1, STORE_DAMAGED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *s;
		enum store_error e;

		begin();
		s = open_rw(MIB);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		fill(s, 4000);
		store_close(s);
		if (cases[i].cut)
			CU_ASSERT_EQUAL(truncate(tmpdir_path(&dir, "t.mdb"),
			    cases[i].cut), 0);
		scribble(cases[i].at, cases[i].len, cases[i].byte);
		e = store_verify(tmpdir_path(&dir, "t.mdb"), &err);
		CHECK_CASE(cases[i].label, e == cases[i].want);
		CHECK_CASE(cases[i].label, (err.len > 0) == (e != STORE_OK));
		end();
	}
}

static void a_file_that_is_something_else_is_damaged(void)
{
	struct store_options o = { .size = MIB };
	enum store_error e = STORE_OK;
	int fd;

	begin();
	fd = open(tmpdir_path(&dir, "t.mdb"), O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600);
	CU_ASSERT(fd >= 0);
	for (int i = 0; i < 1000; i++)
		CU_ASSERT_EQUAL(write(fd, "not a store file", 16), 16);
	close(fd);
	CU_ASSERT_PTR_NULL(store_open(tmpdir_path(&dir, "t.mdb"), &o, &err,
	    &e));
	CU_ASSERT_EQUAL(e, STORE_DAMAGED);
	CU_ASSERT_EQUAL(store_verify(tmpdir_path(&dir, "t.mdb"), &err),
	    STORE_DAMAGED);
	end();
}

/* ---- kill -9 ----------------------------------------------------------- */

/* The writer: put i into two keys, then tell the parent that i is safe. */
static void crash_writer(int fd, unsigned first)
{
	struct store *s = open_rw(4 * MIB);

	for (unsigned i = first; s; i++) {
		char key[16], value[32];
		int n = snprintf(value, sizeof(value), "%u", i);

		snprintf(key, sizeof(key), "k%u", i % 100);
		if (store_write_begin(s) || store_put(s, key, value,
		    (size_t)n) || store_put(s, "last", value, (size_t)n) ||
		    store_commit(s) || write(fd, &i, sizeof(i)) < 0)
			break;
	}
	_exit(1);
}

/* Let a writer report at least `least` commits, kill it, return the last
 * commit it had reported. */
static unsigned crash_once(unsigned first, unsigned least)
{
	unsigned i, last = 0, seen = 0;
	int fds[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		crash_writer(fds[1], first);
	close(fds[1]);
	while (read(fds[0], &i, sizeof(i)) == sizeof(i)) {
		last = i;
		if (++seen == least)
			kill(pid, SIGKILL);
	}
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return last;
}

/* The value of a key as a number; 0 if absent. */
static unsigned number_of(struct store *s, const char *key)
{
	struct store_read *r = store_read_begin(s);
	struct store_value v;
	unsigned n = 0;

	if (r && store_read_get(r, key, &v) == STORE_OK)
		for (size_t i = 0; i < v.len; i++)
			n = n * 10 + (unsigned)(((const char *)v.data)[i] -
			    '0');
	store_read_end(r);
	return n;
}

static void commits_survive_kill_9(void)
{
	unsigned last = 0;

	begin();
	for (unsigned round = 0; round < 8; round++) {
		struct store *s;
		unsigned reported = crash_once(last + 1, 20 + round * 37);
		char key[16];

		CU_ASSERT(reported >= last + 20 + round * 37);
		CU_ASSERT_EQUAL(store_verify(tmpdir_path(&dir, "t.mdb"), &err),
		    STORE_OK);
		s = open_rw(4 * MIB);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		last = number_of(s, "last");
		/* One commit may have ended unreported. */
		CHECK_CASE("STS-C-12 last commit", last >= reported &&
		    last <= reported + 1);
		for (unsigned i = last < 100 ? 1 : last - 99; i <= last; i++) {
			snprintf(key, sizeof(key), "k%u", i % 100);
			CHECK_CASE("STS-C-12 record", number_of(s, key) == i);
		}
		store_close(s);
	}
	end();
}

/* A reader that was killed inside a snapshot, in a process that opened the
 * file as we do. */
static void hold_snapshot(int fd)
{
	struct store *s = open_rw(MIB);

	if (!s || !store_read_begin(s) || write(fd, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void a_dead_reader_pins_nothing_for_long(void)
{
	struct store *s;
	int fds[2];
	char ready = 0;
	pid_t pid;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	put_one(s, "x", "0");
	store_close(s);
	CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		hold_snapshot(fds[1]);
	CU_ASSERT_EQUAL(read(fds[0], &ready, 1), 1);
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	store_check_readers(s);
	for (unsigned i = 0; i < 1000; i++)
		CU_ASSERT_FATAL(race_write(s, i));
	store_close(s);
	close(fds[0]);
	close(fds[1]);
	end();
}

static void every_error_has_a_text(void)
{
	for (int e = STORE_OK; e <= STORE_ARGUMENT; e++)
		CU_ASSERT(store_strerror((enum store_error)e)[0] != '\0');
}

static void a_check_that_cannot_begin_says_why(void)
{
	struct rlimit old, none;

	begin();
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 0, old.rlim_max };
	buf_reset(&err);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &none), 0);
	CU_ASSERT_EQUAL(store_verify(tmpdir_path(&dir, "t.mdb"), &err),
	    STORE_IO);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &old), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&err), strerror(EMFILE)));
	end();
}

static void check_seek(struct store *s, const char *from, const char *want)
{
	char key[STORE_KEY_SIZE] = "";
	struct store_value v;
	enum store_error e = store_write_seek(s, from, key, &v);

	CHECK_CASE(from, e == (want ? STORE_OK : STORE_NOT_FOUND));
	CHECK_CASE_STR(from, key, want ? want : "");
}

static void a_write_finds_the_next_key(void)
{
	char key[STORE_KEY_SIZE];
	struct store_value v;
	struct store *s;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(put_one(s, "b", "1"), STORE_OK);
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	CU_ASSERT_EQUAL(store_put(s, "d", "2", 1), STORE_OK);
	CU_ASSERT_EQUAL(store_write_entries(s), 2);
	check_seek(s, "a", "b");
	check_seek(s, "b", "b");
	check_seek(s, "b ", "d");
	check_seek(s, "e", NULL);
	CU_ASSERT_EQUAL(store_write_seek(s, "", key, &v), STORE_ARGUMENT);
	CU_ASSERT_EQUAL(store_delete(s, "b"), STORE_OK);
	check_seek(s, "a", "d");
	CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
	store_close(s);
	end();
}

static void a_write_empties_all(void)
{
	struct store *s;

	begin();
	s = open_rw(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(put_one(s, "a", "1"), STORE_OK);
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	CU_ASSERT_EQUAL(store_put(s, "b", "2", 1), STORE_OK);
	CU_ASSERT_EQUAL(store_write_empty(s), STORE_OK);
	check_seek(s, "a", NULL);
	CU_ASSERT(holds(s, "a", "1"));
	CU_ASSERT_EQUAL(store_put(s, "c", "3", 1), STORE_OK);
	CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
	CU_ASSERT(holds(s, "a", NULL) && holds(s, "b", NULL));
	CU_ASSERT(holds(s, "c", "3"));
	store_close(s);
	end();
}

static const struct unit_test tests[] = {
	{ "values come back after reopening", values_come_back_after_reopening },
	{ "keys are checked", keys_are_checked },
	{ "an aborted write leaves nothing", an_aborted_write_leaves_nothing },
	{ "a snapshot does not change", a_snapshot_does_not_change },
	{ "the pool ends without blocking", the_pool_ends_without_blocking },
	{ "many readers see whole writes", many_readers_see_whole_writes },
	{ "a walk sees each entry once", a_walk_sees_each_entry_once },
	{ "a full map spoils the write only", a_full_map_spoils_the_write_only },
	{ "files of others are refused", files_of_others_are_refused },
	{ "links and directories are refused",
	    links_and_directories_are_refused },
	{ "a missing file is not made for reading",
	    a_missing_file_is_not_made_for_reading },
	{ "without a path nothing is made", without_a_path_nothing_is_made },
	{ "empty discards even a damaged file",
	    empty_discards_even_a_damaged_file },
	{ "damage is found and survived", damage_is_found_and_survived },
	{ "a file that is something else is damaged",
	    a_file_that_is_something_else_is_damaged },
	{ "commits survive kill -9", commits_survive_kill_9 },
	{ "a dead reader pins nothing for long",
	    a_dead_reader_pins_nothing_for_long },
	{ "a check that cannot begin says why",
	    a_check_that_cannot_begin_says_why },
	{ "a write finds the next key", a_write_finds_the_next_key },
	{ "a write empties all", a_write_empties_all },
	{ "every error has a text", every_error_has_a_text },
};

UNIT_MAIN("store", tests)
