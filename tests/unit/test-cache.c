/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mtasts/cache.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"

#define MIB (1024 * 1024)
#define DAY 86400
#define TEXT "version: STSv1\nmode: enforce\nmx: mx.example.com\n" \
	"max_age: 604800\n"

static struct tmpdir dir;
static struct buf err;

static struct cache *open_cache(uint64_t size, bool readonly,
    enum store_error *e_r)
{
	struct cache_options o = { .state_dir = dir.dir, .size = size,
		.readonly = readonly };

	buf_reset(&err);
	return cache_open(&o, &err, e_r);
}

static struct cache *begin_with(uint64_t size)
{
	enum store_error e = STORE_OK;
	struct cache *c;

	tmpdir_make(&dir);
	buf_init(&err, 1000);
	c = open_cache(size, false, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

static void end(struct cache *c)
{
	cache_close(c);
	buf_clear(&err);
	tmpdir_remove(&dir);
}

/* An enforce policy in use, unless changed. */
static struct record policy(void)
{
	int64_t now = clock_wall();

	return (struct record){ .kind = RECORD_POLICY,
		.mode = MTASTS_ENFORCE, .max_age = 604800, .fetched = now,
		.expires = now + 604800, .checked = now,
		.check_after = now + 300, .refetch_after = now + DAY,
		.used = now - now % DAY, .id = "20260101", .failed_id = "",
		.patterns = "mx.example.com", .mx = "mx.example.com",
		.rua = "", .text = TEXT };
}

static struct record negative(void)
{
	int64_t now = clock_wall();

	return (struct record){ .kind = RECORD_NEGATIVE, .checked = now,
		.expires = now + 3600, .check_after = now + 3600,
		.error = MTASTS_E_NO_RECORD, .id = "", .failed_id = "",
		.patterns = "", .mx = "", .rua = "", .text = "" };
}

static enum store_error put(struct cache *c, const char *domain,
    struct record rec)
{
	enum store_error e = cache_begin(c);

	if (!e)
		e = cache_put(c, domain, &rec);
	if (!e)
		return cache_commit(c);
	cache_abort(c);
	return e;
}

struct look {
	bool found;
	enum record_kind kind;
	enum mtasts_mode mode;
	char id[MTASTS_ID_SIZE + 1];
};

static void see(void *arg, const struct record *rec)
{
	struct look *look = arg;

	look->found = true;
	look->kind = rec->kind;
	look->mode = rec->mode;
	snprintf(look->id, sizeof(look->id), "%s", rec->id);
}

static struct look look_up(struct cache *c, const char *domain)
{
	struct look look = { 0 };
	enum store_error e = cache_get(c, domain, see, &look);

	CU_ASSERT_EQUAL(e, look.found ? STORE_OK : STORE_NOT_FOUND);
	return look;
}

static bool has(struct cache *c, const char *domain)
{
	return look_up(c, domain).found;
}

static void both_kinds_are_found(void)
{
	struct cache *c = begin_with(MIB);
	struct look look;

	CU_ASSERT_EQUAL(put(c, "p.example", policy()), STORE_OK);
	CU_ASSERT_EQUAL(put(c, "n.example", negative()), STORE_OK);
	look = look_up(c, "p.example");
	CU_ASSERT(look.found && look.kind == RECORD_POLICY &&
	    look.mode == MTASTS_ENFORCE);
	CU_ASSERT_STRING_EQUAL(look.id, "20260101");
	look = look_up(c, "n.example");
	CU_ASSERT(look.found && look.kind == RECORD_NEGATIVE);
	CU_ASSERT(!has(c, "other.example"));
	end(c);
}

static void one_kind_replaces_the_other(void)
{
	struct cache *c = begin_with(MIB);
	struct cache_stat st;

	CU_ASSERT_EQUAL(put(c, "a.example", policy()), STORE_OK);
	CU_ASSERT_EQUAL(put(c, "a.example", negative()), STORE_OK);
	CU_ASSERT_EQUAL(look_up(c, "a.example").kind, RECORD_NEGATIVE);
	cache_stat(c, &st);
	CU_ASSERT_EQUAL(st.policies.entries, 0);
	CU_ASSERT_EQUAL(put(c, "a.example", policy()), STORE_OK);
	CU_ASSERT_EQUAL(look_up(c, "a.example").kind, RECORD_POLICY);
	CU_ASSERT_EQUAL(cache_begin(c), STORE_OK);
	CU_ASSERT_EQUAL(cache_delete(c, "a.example"), STORE_OK);
	CU_ASSERT_EQUAL(cache_delete(c, "b.example"), STORE_NOT_FOUND);
	CU_ASSERT_EQUAL(cache_commit(c), STORE_OK);
	CU_ASSERT(!has(c, "a.example"));
	end(c);
}

static void uncommitted_changes_are_seen_by_the_writer_only(void)
{
	struct cache *c = begin_with(MIB);
	struct record p = policy(), n = negative(), got;

	CU_ASSERT_EQUAL(cache_begin(c), STORE_OK);
	CU_ASSERT_EQUAL(cache_put(c, "p.example", &p), STORE_OK);
	CU_ASSERT_EQUAL(cache_put(c, "n.example", &n), STORE_OK);
	CU_ASSERT_EQUAL(cache_get_for_update(c, "p.example", &got), STORE_OK);
	CU_ASSERT_STRING_EQUAL(got.text, TEXT);
	CU_ASSERT_EQUAL(cache_get_for_update(c, "n.example", &got), STORE_OK);
	CU_ASSERT_EQUAL(got.kind, RECORD_NEGATIVE);
	CU_ASSERT(!has(c, "p.example"));
	cache_abort(c);
	CU_ASSERT(!has(c, "p.example") && !has(c, "n.example"));
	end(c);
}

static void policies_survive_and_negatives_do_not(void)
{
	struct cache *c = begin_with(MIB);
	enum store_error e = STORE_OK;

	put(c, "p.example", policy());
	put(c, "n.example", negative());
	cache_close(c);
	c = open_cache(MIB, true, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(has(c, "p.example") && has(c, "n.example"));
	cache_close(c);
	c = open_cache(MIB, false, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(has(c, "p.example") && !has(c, "n.example"));
	end(c);
}

static void reading_needs_no_volatile_file(void)
{
	struct cache *c = begin_with(MIB);
	enum store_error e = STORE_OK;

	put(c, "p.example", policy());
	cache_close(c);
	CU_ASSERT_EQUAL(unlink(tmpdir_path(&dir, "volatile.mdb")), 0);
	c = open_cache(MIB, true, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(has(c, "p.example") && !has(c, "n.example"));
	CU_ASSERT(access(tmpdir_path(&dir, "volatile.mdb"), F_OK) < 0);
	end(c);
	tmpdir_make(&dir);
	buf_init(&err, 1000);
	CU_ASSERT_PTR_NULL(open_cache(MIB, true, &e));
	CU_ASSERT_EQUAL(e, STORE_NOT_FOUND);
	CU_ASSERT(err.len > 0);
	end(NULL);
}

/* Put bytes no version of ours wrote under a name. */
static void put_raw(const char *domain, const void *data, size_t len)
{
	struct store_options o = { .size = MIB };
	enum store_error e = STORE_OK;
	struct store *s = store_open(tmpdir_path(&dir, "policies.mdb"), &o,
	    &err, &e);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	CU_ASSERT_EQUAL(store_put(s, domain, data, len), STORE_OK);
	CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
	store_close(s);
}

static bool count(void *arg, const char *domain, const struct record *rec)
{
	unsigned *n = arg;

	(void)domain;
	(void)rec;
	++*n;
	return true;
}

static void unknown_versions_are_not_found(void)
{
	struct cache *c = begin_with(MIB);
	enum store_error e = STORE_OK;
	struct record rec = policy();
	struct buf packed;
	unsigned n = 0;

	cache_close(c);
	buf_init(&packed, RECORD_MAX_PACKED);
	record_pack(&rec, &packed);
	put_raw("good.example", packed.data, packed.len);
	put_raw("short.example", packed.data, packed.len / 2);
	packed.data[0] = (char)200;
	put_raw("future.example", packed.data, packed.len);
	put_raw("empty.example", "", 0);
	buf_clear(&packed);
	c = open_cache(MIB, false, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(has(c, "good.example"));
	CU_ASSERT(!has(c, "short.example"));
	CU_ASSERT(!has(c, "future.example"));
	CU_ASSERT(!has(c, "empty.example"));
	CU_ASSERT_EQUAL(cache_walk(c, count, &n), STORE_OK);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(put(c, "future.example", policy()), STORE_OK);
	CU_ASSERT(has(c, "future.example"));
	end(c);
}

/* ---- walking ----------------------------------------------------------- */

static bool join(void *arg, const char *domain, const struct record *rec)
{
	struct buf *b = arg;

	buf_addf(b, "%s%s ", domain, rec->kind == RECORD_POLICY ? "+" : "-");
	return true;
}

static bool join_two(void *arg, const char *domain, const struct record *rec)
{
	struct buf *b = arg;
	unsigned words = 0;

	for (size_t i = 0; i < b->len; i++)
		words += b->data[i] == ' ';
	return words < 2 ? join(arg, domain, rec) : false;
}

static void a_walk_gives_policies_first(void)
{
	static const char *const want[] = { "b.example+ d.example+ ",
		"e.example+ a.example- ", "c.example- " };
	struct cache *c = begin_with(MIB);
	struct cache_cursor at = { 0 };
	enum store_error e = STORE_OK;
	struct buf got;
	size_t i;

	put(c, "a.example", negative());
	put(c, "b.example", policy());
	put(c, "c.example", negative());
	put(c, "d.example", policy());
	put(c, "e.example", negative());
	put(c, "e.example", policy());
	buf_init(&got, 1000);
	CU_ASSERT_EQUAL(cache_walk(c, join, &got), STORE_OK);
	CU_ASSERT_STRING_EQUAL(buf_str(&got),
	    "b.example+ d.example+ e.example+ a.example- c.example- ");
	for (i = 0; i < 3 && !e; i++) {
		buf_reset(&got);
		e = cache_walk_piece(c, &at, join_two, &got);
		CHECK_CASE_STR(want[i], buf_str(&got), want[i]);
	}
	CU_ASSERT_EQUAL(e, STORE_NOT_FOUND);
	CU_ASSERT_EQUAL(i, 3);
	buf_clear(&got);
	end(c);
}

/* ---- eviction ---------------------------------------------------------- */

/* Fill with enforce policies in use until new ones are refused. */
static unsigned fill(struct cache *c, const char *prefix, struct record rec,
    unsigned max)
{
	char domain[64];

	for (unsigned i = 0; i < max; i++) {
		snprintf(domain, sizeof(domain), "%s%u.example", prefix, i);
		if (put(c, domain, rec) != STORE_OK)
			return i;
	}
	return max;
}

static unsigned count_prefix(struct cache *c, const char *prefix, unsigned n)
{
	char domain[64];
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		snprintf(domain, sizeof(domain), "%s%u.example", prefix, i);
		found += has(c, domain);
	}
	return found;
}

static void enforce_policies_in_use_are_never_evicted(void)
{
	struct cache *c = begin_with(MIB);
	struct cache_stat st;
	unsigned n = fill(c, "used", policy(), 100000);

	CU_ASSERT(n > 1000 && n < 10000);
	CU_ASSERT_EQUAL(put(c, "new.example", policy()), STORE_FULL);
	CHECK_CASE("STS-C-12 all are there", count_prefix(c, "used", n) == n);
	CHECK_CASE("known ones can be renewed",
	    put(c, "used0.example", policy()) == STORE_OK);
	CHECK_CASE("negatives have room of their own",
	    put(c, "n.example", negative()) == STORE_OK);
	cache_stat(c, &st);
	CU_ASSERT_EQUAL(st.evicted, 0);
	CU_ASSERT_EQUAL(st.policies.entries, n);
	CU_ASSERT(st.policies.used < st.policies.size);
	end(c);
}

static void eviction_has_an_order(void)
{
	static const char *const order[] = { "expired", "none", "testing",
		"unused" };
	struct cache *c = begin_with(MIB);
	struct record rec[4] = { policy(), policy(), policy(), policy() };
	int64_t now = clock_wall();
	unsigned left[4], n = 0, last = 0, more = 0;

	rec[0].fetched = now - 700000;
	rec[0].expires = now - 1000;
	rec[1].mode = MTASTS_NONE;
	rec[1].used -= 2 * DAY;
	rec[2].mode = MTASTS_TESTING;
	rec[3].used -= 31 * DAY;
	for (size_t i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(fill(c, order[i], rec[i], 150), 150);
	do {
		n += fill(c, n ? "more" : "used", policy(), 1500);
		for (size_t i = 0; i < 4; i++)
			left[i] = count_prefix(c, order[i], 150);
		for (size_t i = 1; i < 4; i++)
			CHECK_CASE(order[i], left[i] == 150 ||
			    left[i - 1] == 0);
		more = left[0] + left[1] + left[2] + left[3];
		last++;
	} while (more && last < 3);
	CHECK_CASE("STS-C-12 policies in use stay",
	    count_prefix(c, "used", 1500) == 1500);
	CHECK_CASE("the others made room", more == 0);
	end(c);
}

static void least_recently_used_goes_first(void)
{
	struct cache *c = begin_with(MIB);
	struct record old = policy(), young = policy();
	struct cache_stat st;
	unsigned i = 0;

	old.mode = young.mode = MTASTS_TESTING;
	old.used -= 20 * DAY;
	CU_ASSERT_EQUAL(fill(c, "young", young, 400), 400);
	CU_ASSERT_EQUAL(fill(c, "old", old, 400), 400);
	do {
		char domain[64];

		snprintf(domain, sizeof(domain), "filler%u.example", i);
		CU_ASSERT_EQUAL_FATAL(put(c, domain, policy()), STORE_OK);
		cache_stat(c, &st);
	} while (st.evicted < 200 && ++i < 10000);
	CU_ASSERT(st.evicted >= 200 && st.evicted < 400);
	CU_ASSERT_EQUAL(count_prefix(c, "young", 400), 400);
	CU_ASSERT_EQUAL(count_prefix(c, "old", 400) + st.evicted, 400);
	end(c);
}

static void negatives_are_bounded(void)
{
	struct cache *c = begin_with(MIB);
	struct cache_stat st;
	struct record rec = negative();
	char domain[64];
	unsigned n;

	for (n = 0; n < 60000; n += 100) {
		CU_ASSERT_EQUAL_FATAL(cache_begin(c), STORE_OK);
		for (unsigned i = n; i < n + 100; i++) {
			snprintf(domain, sizeof(domain), "spam%u.example", i);
			CU_ASSERT_EQUAL_FATAL(cache_put(c, domain, &rec),
			    STORE_OK);
		}
		CU_ASSERT_EQUAL_FATAL(cache_commit(c), STORE_OK);
	}
	cache_stat(c, &st);
	CU_ASSERT(st.evicted > 0);
	CU_ASSERT(st.negatives.used < st.negatives.size);
	CU_ASSERT(has(c, "spam59999.example"));
	CU_ASSERT_EQUAL(put(c, "p.example", policy()), STORE_OK);
	end(c);
}

/* ---- kill -9 ----------------------------------------------------------- */

static void crash_writer(int fd, unsigned first)
{
	enum store_error e = STORE_OK;
	struct cache *c = open_cache(4 * MIB, false, &e);

	for (unsigned i = first; c; i++) {
		char domain[64], id[16];
		struct record rec = policy();

		snprintf(domain, sizeof(domain), "d%u.example", i);
		snprintf(id, sizeof(id), "%u", i);
		rec.id = id;
		if (put(c, domain, rec) || write(fd, &i, sizeof(i)) < 0)
			break;
	}
	_exit(1);
}

static void committed_policies_survive_kill_9(void)
{
	struct cache *c = begin_with(4 * MIB);
	enum store_error e = STORE_OK;
	unsigned last = 0;

	cache_close(c);
	for (unsigned round = 0; round < 5; round++) {
		unsigned i, first = last + 1, seen = 0;
		int fds[2];
		pid_t pid;

		CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			crash_writer(fds[1], first);
		close(fds[1]);
		while (read(fds[0], &i, sizeof(i)) == sizeof(i)) {
			last = i;
			if (++seen == 30 + 41 * round)
				kill(pid, SIGKILL);
		}
		close(fds[0]);
		waitpid(pid, NULL, 0);
		CU_ASSERT(last >= first + 29);
	}
	c = open_cache(4 * MIB, false, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	for (unsigned i = 1; i <= last; i++) {
		char domain[64], id[16];

		snprintf(domain, sizeof(domain), "d%u.example", i);
		snprintf(id, sizeof(id), "%u", i);
		CHECK_CASE_STR("STS-C-12", look_up(c, domain).id, id);
	}
	end(c);
}

/* ---- DANE -------------------------------------------------------------- */

static void see_dane(void *arg, const struct danerec *rec)
{
	*(enum dane_outcome *)arg = rec->outcome;
}

static bool has_dane(struct cache *c, const char *hop)
{
	enum dane_outcome outcome = DANE_ERROR;

	return cache_get_dane(c, hop, see_dane, &outcome) == STORE_OK &&
	    outcome == DANE_ALL;
}

/* Put so many next hops, a hundred in a write. */
static void put_dane(struct cache *c, const char *label, unsigned n)
{
	struct danerec rec = { .validated = true, .outcome = DANE_ALL,
		.ttl = 60, .hosts = "mx1.a.example=usable "
		"mx2.a.example=usable mx3.a.example=usable" };
	char hop[64];

	for (unsigned i = 0; i < n; i++) {
		if (i % 100 == 0)
			CU_ASSERT_EQUAL_FATAL(cache_begin(c), STORE_OK);
		snprintf(hop, sizeof(hop), "%s%u.example:587", label, i);
		CU_ASSERT_EQUAL_FATAL(cache_put_dane(c, hop, &rec),
		    STORE_OK);
		if (i % 100 == 99 || i == n - 1)
			CU_ASSERT_EQUAL_FATAL(cache_commit(c), STORE_OK);
	}
}

static void dane_is_kept_until_the_next_start(void)
{
	enum store_error e = STORE_OK;
	struct cache *c = begin_with(4 * MIB);
	struct danerec rec;

	put_dane(c, "a", 1);
	CU_ASSERT(has_dane(c, "a0.example:587"));
	CU_ASSERT(!has_dane(c, "a0.example"));
	CU_ASSERT_EQUAL(cache_begin(c), STORE_OK);
	CU_ASSERT_EQUAL(cache_get_dane_for_update(c, "a0.example:587", &rec),
	    STORE_OK);
	CU_ASSERT_EQUAL(rec.outcome, DANE_ALL);
	CU_ASSERT_EQUAL(cache_commit(c), STORE_OK);
	cache_close(c);
	c = open_cache(4 * MIB, false, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT(!has_dane(c, "a0.example:587"));
	end(c);
}

/* 4 MiB hold some twenty thousand; then it begins anew, and again. */
static void a_full_store_of_dane_begins_anew(void)
{
	struct cache *c = begin_with(4 * MIB);
	struct cache_stat before, after;

	put_dane(c, "flood", 60000);
	cache_stat(c, &before);
	CU_ASSERT(before.evicted > 0);
	CU_ASSERT(before.dane.entries < 60000);
	put_dane(c, "later", 200);
	cache_stat(c, &after);
	CU_ASSERT_EQUAL(after.evicted, before.evicted);
	CU_ASSERT(has_dane(c, "later0.example:587"));
	CU_ASSERT(has_dane(c, "later199.example:587"));
	CU_ASSERT(has_dane(c, "flood59999.example:587"));
	end(c);
}

static const struct unit_test tests[] = {
	{ "DANE is kept until the next start",
	    dane_is_kept_until_the_next_start },
	{ "a full store of DANE begins anew",
	    a_full_store_of_dane_begins_anew },
	{ "both kinds are found", both_kinds_are_found },
	{ "one kind replaces the other", one_kind_replaces_the_other },
	{ "uncommitted changes are seen by the writer only",
	    uncommitted_changes_are_seen_by_the_writer_only },
	{ "policies survive and negatives do not",
	    policies_survive_and_negatives_do_not },
	{ "reading needs no volatile file", reading_needs_no_volatile_file },
	{ "unknown versions are not found", unknown_versions_are_not_found },
	{ "a walk gives policies first", a_walk_gives_policies_first },
	{ "enforce policies in use are never evicted",
	    enforce_policies_in_use_are_never_evicted },
	{ "eviction has an order", eviction_has_an_order },
	{ "least recently used goes first", least_recently_used_goes_first },
	{ "negatives are bounded", negatives_are_bounded },
	{ "committed policies survive kill -9",
	    committed_policies_survive_kill_9 },
};

UNIT_MAIN("cache", tests)
