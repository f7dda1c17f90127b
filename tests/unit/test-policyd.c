/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of the policy service: time limits, memory, and what a
 * failed allocation does. The answers are made up here, and longer than the
 * room a buffer begins with.
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/policyd-internal.h"
#include "milter/policyd.h"
#include "milter/services.h"
#include "policy/delegation.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/endpoint.h"
#include "util/log.h"
#include "util/loop.h"

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

struct client {
	int fd;
	struct loop_io *io;
	char heard[4096];
	size_t len;
	bool closed;
};

static void on_client(void *arg, int fd, unsigned events)
{
	struct client *c = arg;
	ssize_t n = recv(fd, c->heard + c->len,
	    sizeof(c->heard) - 1 - c->len, MSG_DONTWAIT);

	(void)events;
	c->closed = n <= 0;
	if (n > 0)
		c->len += (size_t)n;
	c->heard[c->len] = '\0';
	loop_stop(world.loop);
}

static void client_open(struct client *c)
{
	struct buf err;

	*c = (struct client){ .closed = false };
	buf_init(&err, 500);
	c->fd = endpoint_connect(&world.ep, 10000, &err);
	CU_ASSERT_FATAL(c->fd >= 0);
	c->io = loop_io_new(world.loop, c->fd, LOOP_READ, on_client, c);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->io);
	buf_clear(&err);
}

static void client_close(struct client *c)
{
	loop_io_free(c->io);
	close(c->fd);
}

static void say(const struct client *c, const char *text)
{
	CU_ASSERT(send(c->fd, text, strlen(text), MSG_NOSIGNAL) ==
	    (ssize_t)strlen(text));
}

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
		client_open(&c);
		say(&c, REQUEST);
		CU_ASSERT(is_answered(&c));
		CU_ASSERT_STRING_EQUAL(c.heard, ANSWER);
		client_close(&c);
	}
}

/* True when the client is closed if it was swept so many seconds from
 * now. */
static bool is_swept(const struct client *c, int64_t seconds)
{
	char byte;

	policyd_sweep(world.policyd, clock_mono_ms() + seconds * SECOND);
	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void set_up(void)
{
	struct buf err;
	int fd;

	tmpdir_make(&world.dir);
	world.ep.kind = ENDPOINT_UNIX;
	snprintf(world.ep.path, sizeof(world.ep.path), "%s/s",
	    world.dir.dir);
	buf_init(&err, 500);
	fd = endpoint_listen(&world.ep, 0600, (gid_t)-1, &err);
	CU_ASSERT_FATAL(fd >= 0);
	buf_clear(&err);
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
	client_open(&fresh);
	client_open(&used);
	say(&used, REQUEST);
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
	client_open(&c);
	client_open(&more);
	say(&c, "r");
	say(&more, REQUEST "request=");
	let_it_read();
	say(&c, "equest=smtpd_access_policy\n");
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
	client_open(&c);
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
	client_open(&c);
	say(&c, REQUEST);
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

	client_open(&c);
	say(&c, REQUEST);
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
