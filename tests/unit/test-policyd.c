/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of the policy service: time limits, memory, and what a
 * failed allocation does. The answers are made up here, and longer than the
 * room a buffer begins with.
 */
#include "config.h"

#include <errno.h>

#include "milter/policyd-internal.h"
#include "milter/policyd.h"
#include "milter/services.h"
#include "policy/delegation.h"
#include "tests/unit/door-client.h"
#include "tests/unit/failmalloc.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

#define RUNS_MAX 1000
#define REQUEST "request=smtpd_access_policy\nsender=a@b.example\n\n"
#define TEN "1234567890"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define TEXT HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
#define ANSWER "action=HOLD " TEXT "\n\n"
#define SECOND INT64_C(1000)

static struct {
	struct tmpdir dir;
	struct endpoint ep;
	struct loop *loop;
	struct policyd *policyd;
	struct counters counters;
	struct conf *conf;	/* only its address is used */
	unsigned cleared;
} world;

/* ---- what the frontend and the rules would provide --------------------- */

struct counters *services_counters(struct services *s)
{
	(void)s;
	return &world.counters;
}

void policyd_message_clear(struct policyd_message *m)
{
	world.cleared += m->conf != NULL;
	m->conf = NULL;
}

bool policyd_answer(struct policyd_judge *pj, struct policyd_message *m,
    const struct delegation *d, struct buf *out)
{
	(void)pj;
	m->conf = world.conf;
	(void)d;
	delegation_answer(out, "HOLD", TEXT);
	return !out->failed;
}

/* ---- scripted clients -------------------------------------------------- */

/* Wait for a whole answer, or the end. */
static bool is_answered(struct client *c)
{
	while (!c->closed && !strstr(c->heard, "\n\n"))
		loop_run(world.loop);
	return !c->closed;
}

/* Ask as somebody else, twice: what others sent before was read then. */
static void let_it_read(void)
{
	struct client c;

	for (int i = 0; i < 2; i++) {
		client_open(&c, world.loop, &world.ep);
		client_say(&c, REQUEST);
		CU_ASSERT(is_answered(&c));
		CU_ASSERT_STRING_EQUAL(c.heard, ANSWER);
		client_close(&c);
	}
}

/* True when the client is closed if it was swept so many seconds from
 * now. */
static bool is_swept(const struct client *c, int64_t seconds)
{
	policyd_sweep(world.policyd, clock_mono_ms() + seconds * SECOND);
	return client_is_hung_up(c);
}

static void set_up(void)
{
	int fd;

	fd = door_listen(&world.dir, &world.ep);
	world.conf = (struct conf *)(void *)&world;
	world.loop = loop_new();
	world.policyd = policyd_new(world.loop, NULL);
	CU_ASSERT_FATAL(world.loop && world.policyd);
	CU_ASSERT_FATAL(policyd_listen(world.policyd, fd, "unix:here"));
}

static void tear_down(void)
{
	policyd_free(world.policyd);
	loop_free(world.loop);
	tmpdir_remove(&world.dir);
}

/* ---- the tests --------------------------------------------------------- */

static void idle_connections_stay_for_twenty_minutes(void)
{
	struct client fresh, used;

	set_up();
	client_open(&fresh, world.loop, &world.ep);
	client_open(&used, world.loop, &world.ep);
	client_say(&used, REQUEST);
	CU_ASSERT(is_answered(&used));
	let_it_read();
	CU_ASSERT(!is_swept(&fresh, 1190) && !is_swept(&used, 1190));
	CU_ASSERT(is_swept(&fresh, 1201) && is_swept(&used, 1201));
	CU_ASSERT_EQUAL(world.counters.trouble, 0);
	client_close(&fresh);
	client_close(&used);
	tear_down();
}

/* PF-PD-12: slowly is not for ever. */
static void half_requests_stay_for_a_hundred_seconds(void)
{
	struct client c, more;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_open(&more, world.loop, &world.ep);
	client_say(&c, "r");
	client_say(&more, REQUEST "request=");
	let_it_read();
	client_say(&c, "equest=smtpd_access_policy\n");
	let_it_read();
	CU_ASSERT(is_answered(&more));
	CU_ASSERT(!is_swept(&c, 95) && !is_swept(&more, 95));
	CU_ASSERT(is_swept(&c, 101) && is_swept(&more, 101));
	CU_ASSERT_EQUAL(world.counters.trouble, 2);
	client_close(&c);
	client_close(&more);
	tear_down();
}

/* A peer that asks and does not listen. */
static void answers_wait_for_a_hundred_seconds(void)
{
	unsigned stuck = 0;
	struct client c;

	set_up();
	client_open(&c, world.loop, &world.ep);
	loop_io_set(c.io, 0);
	while (stuck < 3) {
		if (send(c.fd, REQUEST, strlen(REQUEST),
		    MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
			stuck = 0;
			continue;
		}
		let_it_read();
		stuck++;
	}
	policyd_sweep(world.policyd, clock_mono_ms() + 95 * SECOND);
	CU_ASSERT(send(c.fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) == 0 ||
	    errno == EAGAIN);
	policyd_sweep(world.policyd, clock_mono_ms() + 101 * SECOND);
	CU_ASSERT(send(c.fd, "x", 1, MSG_NOSIGNAL) < 0);
	client_close(&c);
	tear_down();
}

static void an_old_configuration_is_let_go(void)
{
	struct client c;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_say(&c, REQUEST);
	CU_ASSERT(is_answered(&c));
	world.cleared = 0;
	CU_ASSERT(!is_swept(&c, 325));
	CU_ASSERT_EQUAL(world.cleared, 0);
	CU_ASSERT(!is_swept(&c, 331));
	CU_ASSERT_EQUAL(world.cleared, 1);
	CU_ASSERT(!is_swept(&c, 340));
	CU_ASSERT_EQUAL(world.cleared, 1);
	client_close(&c);
	tear_down();
}

/* Serve one client with the given allocation failing; true when it was
 * answered. */
static bool serve(unsigned fail_at, bool *struck_r)
{
	struct client c;
	bool answered;

	client_open(&c, world.loop, &world.ep);
	client_say(&c, REQUEST);
	failmalloc_set(fail_at);
	answered = is_answered(&c);
	*struck_r = failmalloc_struck();
	failmalloc_set(0);
	CU_ASSERT_STRING_EQUAL(c.heard, answered ? ANSWER : "");
	client_close(&c);
	return answered;
}

/* PF-PD-08: a whole answer or none, and the next client is served. */
static void every_failure_ends_one_connection(void)
{
	bool answered, struck, unused;
	unsigned n = 0;

	do {
		set_up();
		answered = serve(++n, &struck);
		CU_ASSERT_EQUAL(answered, !struck);
		CU_ASSERT(serve(0, &unused));
		tear_down();
	} while (struck && n < RUNS_MAX);
	CU_ASSERT(n > 4 && n < RUNS_MAX);
}

static const struct unit_test tests[] = {
	{ "idle connections stay for twenty minutes",
	    idle_connections_stay_for_twenty_minutes },
	{ "half requests stay for a hundred seconds",
	    half_requests_stay_for_a_hundred_seconds },
	{ "answers wait for a hundred seconds",
	    answers_wait_for_a_hundred_seconds },
	{ "an old configuration is let go", an_old_configuration_is_let_go },
	{ "every failure ends one connection",
	    every_failure_ends_one_connection },
};

UNIT_MAIN("policyd", tests)
