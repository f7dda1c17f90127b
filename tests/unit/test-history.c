/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "audit/history.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define DAY 86400
#define NOW INT64_C(1795294982)

static const struct pair_limits limits = { 3, 30 };
static struct tmpdir dir;
static struct buf err;

static struct history *open_history(uint64_t entries, uint64_t map_size,
    bool readonly)
{
	struct history_options o = { .state_dir = dir.dir,
		.entries = entries, .map_size = map_size,
		.readonly = readonly };
	enum store_error e = STORE_OK;

	buf_reset(&err);
	return history_open(&o, &err, &e);
}

static struct history *begin_with(uint64_t entries, uint64_t map_size)
{
	struct history *h;

	tmpdir_make(&dir);
	buf_init(&err, 1000);
	h = open_history(entries, map_size, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	return h;
}

static void end(struct history *h)
{
	history_close(h);
	buf_clear(&err);
	tmpdir_remove(&dir);
}

/* One accepted message, in a write of its own. */
static enum store_error note(struct history *h, const char *domain,
    const char *client, int64_t when, bool tls)
{
	const struct pair_event event = { .when = when, .tls = tls,
		.version = tls ? 13 : 0, .keep = limits.min };
	char name[PAIR_NAME_SIZE];
	struct netaddr addr;
	enum store_error e;

	CU_ASSERT_FATAL(netaddr_parse(client, &addr) &&
	    pair_name(domain, &addr, name));
	e = history_begin(h);
	if (!e)
		e = history_note(h, name, &event);
	if (!e)
		return history_commit(h);
	history_abort(h);
	return e;
}

static struct history_facts look(struct history *h, const char *domain,
    const char *client, int64_t now)
{
	struct history_facts f;
	struct netaddr addr;

	CU_ASSERT_FATAL(netaddr_parse(client, &addr));
	history_look(h, domain, &addr, &limits, now, &f);
	return f;
}

static bool has(struct history *h, const char *domain, const char *client)
{
	struct history_facts f = look(h, domain, client, NOW);

	return f.tls || f.plaintext;
}

static uint64_t entries(struct history *h)
{
	struct history_stat st;

	history_stat(h, &st);
	return st.entries;
}

/* ---- facts ------------------------------------------------------------- */

/* Design §6.12: a pair is a domain and a network. */
static void pairs_do_not_mix(void)
{
	struct history *h = begin_with(100, 0);
	static const struct {
		const char *label, *domain, *client;
		bool used;
	} cases[] = {
		{ "the client itself", "example.com", "192.0.2.1", true },
		{ "its neighbour in the /24", "example.com", "192.0.2.99",
		    true },
		{ "the same, mapped", "example.com", "::ffff:192.0.2.5",
		    true },
		{ "the next /24", "example.com", "192.0.3.1", false },
		{ "another domain", "example.net", "192.0.2.1", false },
		{ "a domain below it", "www.example.com", "192.0.2.1",
		    false },
		{ "the client's /48", "example.com", "2001:db8:1:ffff::9",
		    true },
		{ "the next /48", "example.com", "2001:db8:2::1", false },
	};

	for (int i = 0; i < 3; i++) {
		note(h, "example.com", "192.0.2.1", NOW - i, true);
		note(h, "example.com", "2001:db8:1::1", NOW - i, true);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct history_facts f = look(h, cases[i].domain,
		    cases[i].client, NOW);

		CHECK_CASE(cases[i].label, f.known);
		CHECK_CASE(cases[i].label, f.used_tls == cases[i].used);
		CHECK_CASE(cases[i].label, f.tls == (cases[i].used ? 3 : 0));
	}
	CU_ASSERT_EQUAL(entries(h), 2);
	end(h);
}

/* A forged sender from elsewhere changes nothing for the real one. */
static void spoofing_touches_its_own_network_only(void)
{
	struct history *h = begin_with(100, 0);
	struct history_facts before, after;

	for (int i = 0; i < 3; i++)
		note(h, "bank.example", "192.0.2.1", NOW, true);
	before = look(h, "bank.example", "192.0.2.1", NOW);
	for (int i = 0; i < 50; i++)
		note(h, "bank.example", "198.51.100.7", NOW, false);
	after = look(h, "bank.example", "192.0.2.1", NOW);
	CU_ASSERT(before.used_tls && after.used_tls);
	CU_ASSERT_EQUAL(after.plaintext, 0);
	CU_ASSERT(!look(h, "bank.example", "198.51.100.7", NOW).used_tls);
	end(h);
}

static void time_passes(void)
{
	struct history *h = begin_with(100, 0);

	for (int i = 0; i < 3; i++)
		note(h, "example.com", "192.0.2.1", NOW + i, true);
	CU_ASSERT(look(h, "example.com", "192.0.2.1", NOW + 30 * DAY).used_tls);
	CU_ASSERT(!look(h, "example.com", "192.0.2.1",
	    NOW + 30 * DAY + 1).used_tls);
	CU_ASSERT_EQUAL(look(h, "example.com", "192.0.2.1",
	    NOW + 300 * DAY).tls, 3);
	end(h);
}

static void without_a_file_nothing_is_known(void)
{
	struct netaddr none = { .family = AF_UNSPEC };
	struct history *h = begin_with(100, 0);
	struct history_facts f;

	CU_ASSERT(!look(NULL, "example.com", "192.0.2.1", NOW).known);
	history_look(h, "example.com", &none, &limits, NOW, &f);
	CU_ASSERT(!f.known);
	CU_ASSERT(look(h, "example.com", "192.0.2.1", NOW).known);
	end(h);
}

/* ---- the file ---------------------------------------------------------- */

static void it_survives_closing(void)
{
	struct history *h = begin_with(100, 0);

	for (int i = 0; i < 3; i++)
		note(h, "example.com", "192.0.2.1", NOW, true);
	CU_ASSERT_EQUAL(history_sync(h), STORE_OK);
	history_close(h);
	h = open_history(100, 0, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT(look(h, "example.com", "192.0.2.1", NOW).used_tls);
	end(h);
}

static void an_absent_file_is_not_found(void)
{
	struct history_options o = { .entries = 10, .readonly = true };
	enum store_error e = STORE_OK;

	tmpdir_make(&dir);
	buf_init(&err, 1000);
	o.state_dir = dir.dir;
	CU_ASSERT_PTR_NULL(history_open(&o, &err, &e));
	CU_ASSERT_EQUAL(e, STORE_NOT_FOUND);
	CU_ASSERT(strstr(buf_str(&err), HISTORY_FILE) != NULL);
	end(NULL);
}

static void a_file_of_something_else_is_damaged(void)
{
	struct history_options o = { .entries = 10 };
	enum store_error e = STORE_OK;
	FILE *f;

	tmpdir_make(&dir);
	buf_init(&err, 1000);
	o.state_dir = dir.dir;
	f = fopen(tmpdir_path(&dir, HISTORY_FILE), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	for (int i = 0; i < 10000; i++)
		fputc('x', f);
	fclose(f);
	CU_ASSERT_PTR_NULL(history_open(&o, &err, &e));
	CU_ASSERT_EQUAL(e, STORE_DAMAGED);
	end(NULL);
}

/* Put a value by hand, as a later version or a damaged disk might. */
static void put_raw(const char *key, const char *value, size_t len)
{
	struct store_options so = { .size = 1 << 20,
		.sync = STORE_SYNC_LATER };
	enum store_error e = STORE_OK;
	struct store *s;

	s = store_open(tmpdir_path(&dir, HISTORY_FILE), &so, &err, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_EQUAL(store_write_begin(s), STORE_OK);
	CU_ASSERT_EQUAL(store_put(s, key, value, len), STORE_OK);
	CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
	store_close(s);
}

static bool count_pair(void *arg, const char *domain, const char *network,
    const struct pair *p)
{
	unsigned *n = arg;

	(void)domain;
	(void)network;
	(void)p;
	(*n)++;
	return true;
}

static unsigned count(struct history *h)
{
	struct history_cursor at = { "" };
	unsigned n = 0;

	CU_ASSERT_EQUAL(history_walk_piece(h, &at, NULL, count_pair, &n),
	    STORE_NOT_FOUND);
	return n;
}

static void what_is_damaged_is_never_trusted(void)
{
	struct history *h = begin_with(100, 0);

	for (int i = 0; i < 3; i++)
		note(h, "example.com", "192.0.2.1", NOW, true);
	history_close(h);
	put_raw("pexample.com 192.0.2", "\x02later", 6);
	put_raw("pno blank or network", "", 0);
	put_raw("pnoblank", "\x01", 1);
	put_raw("d", "", 0);
	put_raw("dzzzz", "", 0);
	put_raw("d0000stray", "", 0);
	put_raw("dgarbage", "x", 1);
	h = open_history(1, 0, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT(look(h, "example.com", "192.0.2.1", NOW).known);
	CU_ASSERT(!has(h, "example.com", "192.0.2.1"));
	CU_ASSERT_EQUAL(count(h), 0);
	/* A new message begins anew, and the rest can be evicted. */
	CU_ASSERT_EQUAL(note(h, "example.com", "192.0.2.1", NOW, true),
	    STORE_OK);
	CU_ASSERT_EQUAL(look(h, "example.com", "192.0.2.1", NOW).tls, 1);
	for (int i = 0; i < 20; i++) {
		char domain[32];

		snprintf(domain, sizeof(domain), "d%d.example", i);
		CU_ASSERT_EQUAL(note(h, domain, "192.0.2.1", NOW, true),
		    STORE_OK);
	}
	CU_ASSERT(count(h) <= 2);
	end(h);
}

/* ---- bounds ------------------------------------------------------------ */

/* Design §2: least recently seen goes first, known to the day. */
static void the_least_recently_seen_goes_first(void)
{
	struct history *h = begin_with(3, 0);
	struct history_stat st;

	note(h, "a.example", "192.0.2.1", NOW, true);
	note(h, "b.example", "192.0.2.1", NOW + DAY, true);
	note(h, "c.example", "192.0.2.1", NOW + 2 * DAY, true);
	CU_ASSERT_EQUAL(entries(h), 3);
	/* a is seen again: now b is the oldest */
	note(h, "a.example", "192.0.2.1", NOW + 3 * DAY, false);
	note(h, "d.example", "192.0.2.1", NOW + 3 * DAY, true);
	CU_ASSERT_EQUAL(entries(h), 3);
	CU_ASSERT(!has(h, "b.example", "192.0.2.1"));
	CU_ASSERT(has(h, "a.example", "192.0.2.1"));
	note(h, "e.example", "192.0.2.1", NOW + 3 * DAY, true);
	CU_ASSERT(!has(h, "c.example", "192.0.2.1"));
	CU_ASSERT(has(h, "a.example", "192.0.2.1"));
	history_stat(h, &st);
	CU_ASSERT_EQUAL(st.evicted, 2);
	CU_ASSERT_EQUAL(st.max_entries, 3);
	CU_ASSERT_EQUAL(count(h), 3);
	end(h);
}

static void one_that_is_there_evicts_nobody(void)
{
	struct history *h = begin_with(2, 0);
	struct history_stat st;

	note(h, "a.example", "192.0.2.1", NOW, true);
	note(h, "b.example", "192.0.2.1", NOW, true);
	for (int i = 0; i < 10; i++)
		note(h, i % 2 ? "a.example" : "b.example", "192.0.2.1",
		    NOW + i * DAY, true);
	history_stat(h, &st);
	CU_ASSERT_EQUAL(st.evicted, 0);
	CU_ASSERT_EQUAL(st.entries, 2);
	end(h);
}

/* The clock was a year ahead for a while: those seen then must not stay
 * for ever. */
static void a_jump_of_the_clock_heals(void)
{
	struct history *h = begin_with(2, 0);

	note(h, "a.example", "192.0.2.1", NOW + 365 * DAY, true);
	note(h, "a.example", "192.0.2.1", NOW, true);
	note(h, "b.example", "192.0.2.1", NOW + DAY, true);
	note(h, "c.example", "192.0.2.1", NOW + DAY, true);
	CU_ASSERT(!has(h, "a.example", "192.0.2.1"));
	CU_ASSERT(has(h, "b.example", "192.0.2.1"));
	CU_ASSERT_EQUAL(entries(h), 2);
	end(h);
}

static void a_smaller_bound_is_reached_again(void)
{
	struct history *h = begin_with(1000, 0);
	char domain[32];

	for (int i = 0; i < 500; i++) {
		snprintf(domain, sizeof(domain), "d%d.example", i);
		note(h, domain, "192.0.2.1", NOW, true);
	}
	history_close(h);
	h = open_history(10, 0, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	for (int i = 0; i < 100; i++) {
		snprintf(domain, sizeof(domain), "e%d.example", i);
		CU_ASSERT_EQUAL(note(h, domain, "192.0.2.1", NOW + DAY, true),
		    STORE_OK);
	}
	CU_ASSERT_EQUAL(entries(h), 10);
	CU_ASSERT(has(h, "e99.example", "192.0.2.1"));
	end(h);
}

/* A flood of the longest names fills the map long before the bound: old
 * ones go, new ones are kept, and the file stays in its map. */
static void a_full_map_forgets_too(void)
{
	const uint64_t map = 4096 * 1024;
	struct history *h = begin_with(1000000, map);
	char domain[254], last[254] = "";
	struct history_stat st;
	struct stat file;

	for (int i = 0; i < 4000; i++) {
		memset(domain, 'a', sizeof(domain) - 1);
		domain[sizeof(domain) - 1] = '\0';
		snprintf(domain, 40, "%d", i * 7919 % 4001);
		domain[strlen(domain)] = '.';
		CU_ASSERT_EQUAL_FATAL(note(h, domain, "192.0.2.1",
		    NOW + i * 60, true), STORE_OK);
		memcpy(last, domain, sizeof(last));
	}
	history_stat(h, &st);
	CU_ASSERT(st.used <= map / 10 * 9);
	CU_ASSERT(st.entries > 100);
	CU_ASSERT(st.evicted + st.entries == 4000);
	CU_ASSERT(has(h, last, "192.0.2.1"));
	CU_ASSERT_EQUAL(stat(tmpdir_path(&dir, HISTORY_FILE), &file), 0);
	CU_ASSERT((uint64_t)file.st_size <= map);
	end(h);
}

/* Entries of ordinary names cost at most 200 bytes on the disk. */
static void a_pair_costs_few_bytes(void)
{
	struct history *h = begin_with(1000000, 0);
	const struct pair_event event = { .when = NOW, .tls = true,
		.version = 13, .keep = 3 };
	const unsigned n = 20000;
	struct history_stat st;
	char name[PAIR_NAME_SIZE];

	for (unsigned i = 0; i < n; i++) {
		if (i % HISTORY_BATCH == 0)
			CU_ASSERT_EQUAL_FATAL(history_begin(h), STORE_OK);
		for (unsigned j = 0; j < 3; j++) {
			snprintf(name, sizeof(name),
			    "host%u.example.com 198.51.%u.0/24",
			    i * 7919 % n, i % 256);
			CU_ASSERT_EQUAL(history_note(h, name, &event),
			    STORE_OK);
		}
		if ((i + 1) % HISTORY_BATCH == 0)
			CU_ASSERT_EQUAL_FATAL(history_commit(h), STORE_OK);
	}
	history_stat(h, &st);
	CU_ASSERT_EQUAL(st.entries, n);
	printf("(%u bytes a pair) ", (unsigned)(st.used / n));
	CU_ASSERT(st.used / n <= 200);
	end(h);
}

/* ---- forgetting -------------------------------------------------------- */

static void fill(struct history *h)
{
	note(h, "a.example", "192.0.2.1", NOW, true);
	note(h, "a.example", "192.0.3.1", NOW + DAY, true);
	note(h, "a.example", "2001:db8::1", NOW, false);
	note(h, "a.example.net", "192.0.2.1", NOW, true);
	note(h, "aa.example", "192.0.2.1", NOW, true);
}

static unsigned forget(struct history *h, const char *domain,
    const char *network)
{
	unsigned n = 99;

	CU_ASSERT_EQUAL(history_begin(h), STORE_OK);
	CU_ASSERT_EQUAL(history_forget(h, domain, network, &n), STORE_OK);
	CU_ASSERT_EQUAL(history_commit(h), STORE_OK);
	return n;
}

static void a_domain_or_a_pair_is_forgotten(void)
{
	struct history *h = begin_with(100, 0);
	uint64_t all = 0;

	fill(h);
	CU_ASSERT_EQUAL(forget(h, "a.example", "192.0.3.0/24"), 1);
	CU_ASSERT_EQUAL(forget(h, "a.example", "192.0.3.0/24"), 0);
	CU_ASSERT(has(h, "a.example", "192.0.2.1"));
	CU_ASSERT_EQUAL(forget(h, "a.example", NULL), 2);
	CU_ASSERT(!has(h, "a.example", "192.0.2.1"));
	CU_ASSERT(has(h, "a.example.net", "192.0.2.1"));
	CU_ASSERT_EQUAL(forget(h, "example", NULL), 0);
	CU_ASSERT_EQUAL(entries(h), 2);
	CU_ASSERT_EQUAL(history_begin(h), STORE_OK);
	CU_ASSERT_EQUAL(history_forget_all(h, &all), STORE_OK);
	CU_ASSERT_EQUAL(history_commit(h), STORE_OK);
	CU_ASSERT_EQUAL(all, 2);
	CU_ASSERT_EQUAL(entries(h), 0);
	CU_ASSERT_EQUAL(count(h), 0);
	end(h);
}

static void many_pairs_are_forgotten_in_batches(void)
{
	struct history *h = begin_with(1000, 0);
	char client[32];

	for (int i = 0; i < HISTORY_BATCH + 5; i++) {
		snprintf(client, sizeof(client), "192.0.%d.1", i);
		note(h, "a.example", client, NOW, true);
	}
	CU_ASSERT_EQUAL(forget(h, "a.example", NULL), HISTORY_BATCH);
	CU_ASSERT_EQUAL(forget(h, "a.example", NULL), 5);
	CU_ASSERT_EQUAL(entries(h), 0);
	end(h);
}

/* ---- walking ----------------------------------------------------------- */

struct seen {
	struct buf text;
	unsigned left;
};

static bool see(void *arg, const char *domain, const char *network,
    const struct pair *p)
{
	struct seen *seen = arg;

	if (seen->left == 0)
		return false;
	seen->left--;
	buf_addf(&seen->text, "%s %s %u/%u\n", domain, network, p->tls,
	    p->plaintext);
	return true;
}

static void check_walk(struct history *h, const char *domain,
    unsigned at_a_time, const char *want)
{
	struct history_cursor at = { "" };
	struct seen seen;
	enum store_error e;
	char label[100];

	buf_init(&seen.text, 1000);
	do {
		seen.left = at_a_time;
		e = history_walk_piece(h, &at, domain, see, &seen);
	} while (!e);
	snprintf(label, sizeof(label), "%s, %u at a time",
	    domain ? domain : "all", at_a_time);
	CHECK_CASE(label, e == STORE_NOT_FOUND);
	CHECK_CASE_STR(label, buf_str(&seen.text), want);
	buf_clear(&seen.text);
}

static void a_walk_goes_by_pieces(void)
{
	static const char a[] =
	    "a.example 192.0.2.0/24 1/0\n"
	    "a.example 192.0.3.0/24 1/0\n"
	    "a.example 2001:db8::/48 0/1\n";
	static const char all[] =
	    "a.example 192.0.2.0/24 1/0\n"
	    "a.example 192.0.3.0/24 1/0\n"
	    "a.example 2001:db8::/48 0/1\n"
	    "a.example.net 192.0.2.0/24 1/0\n"
	    "aa.example 192.0.2.0/24 1/0\n";
	struct history *h = begin_with(100, 0);

	check_walk(h, NULL, 10, "");
	fill(h);
	for (unsigned n = 1; n < 7; n++) {
		check_walk(h, NULL, n, all);
		check_walk(h, "a.example", n, a);
		check_walk(h, "b.example", n, "");
		check_walk(h, "example", n, "");
	}
	end(h);
}

static const struct unit_test tests[] = {
	{ "design §6.12: pairs of domain and network do not mix",
	    pairs_do_not_mix },
	{ "issue 3: a forged sender touches its own network only",
	    spoofing_touches_its_own_network_only },
	{ "history.days pass", time_passes },
	{ "without a file or a client nothing is known",
	    without_a_file_nothing_is_known },
	{ "it survives closing", it_survives_closing },
	{ "an absent file is not found", an_absent_file_is_not_found },
	{ "a file of something else is damaged",
	    a_file_of_something_else_is_damaged },
	{ "what is damaged is never trusted",
	    what_is_damaged_is_never_trusted },
	{ "the least recently seen goes first",
	    the_least_recently_seen_goes_first },
	{ "a pair that is there evicts nobody",
	    one_that_is_there_evicts_nobody },
	{ "design §10: a jump of the clock heals",
	    a_jump_of_the_clock_heals },
	{ "a smaller bound is reached again",
	    a_smaller_bound_is_reached_again },
	{ "a full map forgets too", a_full_map_forgets_too },
	{ "a pair costs at most 200 bytes", a_pair_costs_few_bytes },
	{ "a domain or a pair is forgotten",
	    a_domain_or_a_pair_is_forgotten },
	{ "many pairs are forgotten in batches",
	    many_pairs_are_forgotten_in_batches },
	{ "a walk goes by pieces", a_walk_goes_by_pieces },
};

UNIT_MAIN("history", tests)
