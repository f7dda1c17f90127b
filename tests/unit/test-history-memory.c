/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Let each allocation fail in turn: history says so and keeps what it has.
 */
#include "config.h"

#include "audit/history.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define NOW INT64_C(1795294982)
#define STEPS_MAX 1000

static struct tmpdir dir;

/* True when every step worked. */
static bool open_note_and_close(struct buf *err)
{
	const struct pair_event event = { .when = NOW, .tls = true,
		.version = 13, .keep = 3 };
	struct history_options o = { .state_dir = dir.dir, .entries = 10 };
	enum store_error e = STORE_OK;
	struct history *h = history_open(&o, err, &e);

	if (!h)
		return false;
	e = history_begin(h);
	if (!e)
		e = history_note(h, "a.example 192.0.2.0/24", &event);
	if (!e)
		e = history_commit(h);
	else
		history_abort(h);
	history_close(h);
	return !e;
}

static void each_allocation_may_fail(void)
{
	bool struck = true;
	unsigned n;

	tmpdir_make(&dir);
	for (n = 1; struck && n < STEPS_MAX; n++) {
		struct buf err;
		bool ok;

		buf_init(&err, 1000);
		failmalloc_set(n);
		ok = open_note_and_close(&err);
		struck = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT(ok || struck);
		buf_clear(&err);
	}
	CU_ASSERT(n > 3 && n < STEPS_MAX);
	tmpdir_remove(&dir);
}

/* Design §2: what a callback does needs no memory. */
static void reading_allocates_nothing(void)
{
	const struct pair_limits limits = { 1, 30 };
	struct history_options o;
	enum store_error e = STORE_OK;
	struct history_facts f = { 0 };
	struct netaddr client;
	struct history *h;
	struct buf err;

	tmpdir_make(&dir);
	buf_init(&err, 1000);
	CU_ASSERT(open_note_and_close(&err));
	o = (struct history_options){ .state_dir = dir.dir, .entries = 10 };
	h = history_open(&o, &err, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT(netaddr_parse("192.0.2.7", &client));
	failmalloc_set(1);
	history_look(h, "a.example", &client, &limits, NOW, &f);
	CU_ASSERT(!failmalloc_struck());
	failmalloc_set(0);
	CU_ASSERT(f.known && f.used_tls);
	history_close(h);
	buf_clear(&err);
	tmpdir_remove(&dir);
}

static const struct unit_test tests[] = {
	{ "each allocation may fail", each_allocation_may_fail },
	{ "reading allocates nothing", reading_allocates_nothing },
};

UNIT_MAIN("history memory", tests)
