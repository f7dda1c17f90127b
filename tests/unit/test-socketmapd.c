/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of the socketmap server: the order of answers, waiting and
 * news, limits, and what a failed allocation does. What is known of a next
 * hop is made up here: "wait…" is unknown until the test says so. How long
 * anybody waits is for test_socketmap.py.
 */
#include "config.h"

#include "milter/learner.h"
#include "milter/peers.h"
#include "milter/services.h"
#include "milter/socketmapd-internal.h"
#include "milter/socketmapd.h"
#include "tests/unit/door-client.h"
#include "tests/unit/failmalloc.h"
#include "util/clock.h"

#define RUNS_MAX 1000
#define SECOND INT64_C(1000)
#define KNOWN "17:postfix a.example,"
#define WAITS "20:postfix wait.example,"
#define LATER "21:postfix wait2.example,"
#define NOTHING "9:NOTFOUND ,"
#define OK "9:OK secure,"

static struct {
	struct tmpdir dir;
	struct endpoint ep;
	struct loop *loop;
	struct socketmapd *server;
	struct conf conf;
	bool known;		/* what waited is known by now */
	bool given_up;
	unsigned wanted;
	int waiters;
	learner_news_fn *news;
	void *news_arg;
} world;

/* ---- what the frontend and the store thread would provide --------------- */

const struct conf *services_conf_here(struct services *s)
{
	(void)s;
	return &world.conf;
}

struct learner *services_learner(struct services *s)
{
	(void)s;
	return (struct learner *)(void *)&world;
}

void learner_set_news(struct learner *l, learner_news_fn *fn, void *arg)
{
	(void)l;
	world.news = fn;
	world.news_arg = arg;
}

void learner_add_waiters(struct learner *l, int change)
{
	(void)l;
	world.waiters += change;
}

void outbound_answer(struct services *s, const struct outbound_question *q,
    struct buf *out, struct outgoing_answer *answer_r)
{
	bool waits = strncmp(q->hop->domain, "wait", 4) == 0 && !world.known;

	(void)s;
	*answer_r = (struct outgoing_answer){ .learn_sts = waits };
	answer_r->tls.why = "made up";
	if (!*q->hop->domain) {
		answer_r->tls.status = SOCKETMAP_NOTFOUND;
	} else if (waits && !(world.given_up && q->wanted)) {
		answer_r->tls.status = SOCKETMAP_TEMP;
		answer_r->tls.waits = true;
	} else {
		answer_r->tls.status = SOCKETMAP_OK;
		buf_adds(out, "secure");
	}
}

void outbound_learn(struct services *s, const struct nexthop *hop,
    const struct outgoing_answer *answer)
{
	(void)s;
	(void)hop;
	world.wanted += answer->learn_sts;
}

/* ---- a scripted client ------------------------------------------------- */

/* Wait until so much was heard, or for the end. */
static const char *hear(struct client *c, size_t len)
{
	while (!c->closed && c->len < len)
		loop_run(world.loop);
	return c->heard;
}

/* Ask as somebody else, twice: what others sent before was read then. */
static void let_it_read(void)
{
	struct client c;

	for (int i = 0; i < 2; i++) {
		client_open(&c, world.loop, &world.ep);
		client_say(&c, KNOWN);
		CU_ASSERT_STRING_EQUAL(hear(&c, strlen(OK)), OK);
		client_close(&c);
	}
}

static void set_up(void)
{
	int fd;

	memset(&world, 0, sizeof(world));
	atomic_init(&world.conf.refs, 1);
	fd = door_listen(&world.dir, &world.ep);
	world.loop = loop_new();
	world.server = socketmapd_new(world.loop, NULL);
	CU_ASSERT_FATAL(world.loop && world.server);
	CU_ASSERT_FATAL(socketmapd_listen(world.server, fd, "unix:here"));
}

static void tear_down(void)
{
	socketmapd_free(world.server);
	CU_ASSERT_EQUAL(world.waiters, 0);
	CU_ASSERT_EQUAL(world.conf.refs, 1);
	loop_free(world.loop);
	tmpdir_remove(&world.dir);
}

/* ---- waiting ----------------------------------------------------------- */

static void answers_keep_their_order(void)
{
	struct client c;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_say(&c, KNOWN WAITS KNOWN "16:postfix .example," LATER);
	CU_ASSERT_STRING_EQUAL(hear(&c, strlen(OK)), OK);
	let_it_read();
	CU_ASSERT_EQUAL(world.waiters, 2);
	CU_ASSERT(world.wanted >= 2);
	world.known = true;
	world.news(world.news_arg, "wait2.example");
	let_it_read();
	CHECK_CASE("the first still waits", c.len == strlen(OK));
	CU_ASSERT_EQUAL(world.waiters, 1);
	world.news(world.news_arg, "[wait.example]:587");
	CU_ASSERT_STRING_EQUAL(hear(&c, strlen(OK OK OK NOTHING OK)),
	    OK OK OK NOTHING OK);
	client_close(&c);
	tear_down();
}

static void news_of_everything_is_news_of_each(void)
{
	struct client c;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_say(&c, WAITS LATER);
	let_it_read();
	CU_ASSERT_EQUAL(world.waiters, 2);
	world.news(world.news_arg, "other.example");
	let_it_read();
	CU_ASSERT_EQUAL(world.waiters, 2);
	world.known = true;
	world.news(world.news_arg, "");
	CU_ASSERT_STRING_EQUAL(hear(&c, strlen(OK OK)), OK OK);
	client_close(&c);
	tear_down();
}

static void what_is_in_vain_is_not_waited_for(void)
{
	struct client c;

	set_up();
	world.given_up = true;
	client_open(&c, world.loop, &world.ep);
	client_say(&c, WAITS);
	CU_ASSERT_STRING_EQUAL(hear(&c, strlen(OK)), OK);
	CU_ASSERT_EQUAL(world.waiters, 0);
	client_close(&c);
	tear_down();
}

static void who_hangs_up_waits_no_longer(void)
{
	struct client c;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_say(&c, WAITS);
	let_it_read();
	CU_ASSERT_EQUAL(world.waiters, 1);
	client_close(&c);
	world.known = true;
	world.news(world.news_arg, "wait.example");
	let_it_read();
	let_it_read();
	CU_ASSERT_EQUAL(world.waiters, 0);
	tear_down();
}

static void the_end_waits_for_nobody(void)
{
	struct client c;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_say(&c, WAITS KNOWN);
	let_it_read();
	loop_io_free(c.io);
	tear_down();
	close(c.fd);
}

/* ---- limits ------------------------------------------------------------ */

/* True when the client is closed if it was swept so many seconds from
 * now. */
static bool is_swept(const struct client *c, int64_t seconds)
{
	peers_sweep(world.server->peers, clock_mono_ms() + seconds * SECOND);
	return client_is_hung_up(c);
}

/* PF-SM-06: Postfix hangs up after 10 seconds by itself. */
static void idle_connections_stay_for_five_minutes(void)
{
	struct client c, half;

	set_up();
	client_open(&c, world.loop, &world.ep);
	client_open(&half, world.loop, &world.ep);
	client_say(&c, KNOWN);
	CU_ASSERT_STRING_EQUAL(hear(&c, strlen(OK)), OK);
	client_say(&half, "17:post");
	let_it_read();
	client_say(&half, "fix");
	let_it_read();
	CU_ASSERT(!is_swept(&half, 95) && is_swept(&half, 101));
	CU_ASSERT(!is_swept(&c, 295) && is_swept(&c, 301));
	client_close(&c);
	client_close(&half);
	tear_down();
}

static void more_than_may_wait_is_read_later(void)
{
	struct client c;
	struct buf many;

	set_up();
	buf_init(&many, 100000);
	for (unsigned i = 0; i < 200; i++)
		buf_adds(&many, WAITS);
	client_open(&c, world.loop, &world.ep);
	client_say(&c, buf_str(&many));
	let_it_read();
	CU_ASSERT_EQUAL(world.waiters, 128);
	world.known = true;
	world.news(world.news_arg, "wait.example");
	hear(&c, 200 * strlen(OK));
	CU_ASSERT_EQUAL(c.len, 200 * strlen(OK));
	CU_ASSERT(!c.closed);
	buf_clear(&many);
	client_close(&c);
	tear_down();
}

/* True for so many whole answers: "secure", or TEMP for want of memory. */
static bool has_answers(const char *s, unsigned n)
{
	static const char temp[] = "24:TEMP the answer is empty,";

	for (; *s; n--) {
		size_t len = strncmp(s, OK, strlen(OK)) == 0 ? strlen(OK) :
		    strlen(temp);

		if (len > strlen(s) || (len == strlen(temp) &&
		    strncmp(s, temp, len) != 0))
			return false;
		s += len;
	}
	return n == 0;
}

/* Serve one client with the given allocation failing; true when all was
 * found. */
static bool serve(unsigned fail_at, bool *struck_r)
{
	struct client c;
	bool answered;

	world.known = false;
	client_open(&c, world.loop, &world.ep);
	client_say(&c, KNOWN WAITS KNOWN);
	failmalloc_set(fail_at);
	hear(&c, strlen(OK));
	world.known = true;
	world.news(world.news_arg, "wait.example");
	hear(&c, strlen(OK OK OK));
	*struck_r = failmalloc_struck();
	failmalloc_set(0);
	answered = strcmp(c.heard, OK OK OK) == 0;
	CU_ASSERT(answered || c.closed || has_answers(c.heard, 3));
	client_close(&c);
	return answered;
}

/* A whole answer or none, and the next client is served. */
static void every_failure_ends_one_connection(void)
{
	bool struck, unused;
	unsigned n = 0;

	do {
		set_up();
		serve(++n, &struck);
		CU_ASSERT(serve(0, &unused));
		tear_down();
	} while (struck && n < RUNS_MAX);
	CU_ASSERT(n > 4 && n < RUNS_MAX);
}

static const struct unit_test tests[] = {
	{ "answers keep their order", answers_keep_their_order },
	{ "news of everything is news of each",
	    news_of_everything_is_news_of_each },
	{ "what is in vain is not waited for",
	    what_is_in_vain_is_not_waited_for },
	{ "who hangs up waits no longer", who_hangs_up_waits_no_longer },
	{ "the end waits for nobody", the_end_waits_for_nobody },
	{ "idle connections stay for five minutes",
	    idle_connections_stay_for_five_minutes },
	{ "more than may wait is read later",
	    more_than_may_wait_is_read_later },
	{ "every failure ends one connection",
	    every_failure_ends_one_connection },
};

UNIT_MAIN("socketmapd", tests)
