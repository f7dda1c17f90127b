/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/child.h"
#include "milter/cmdline.h"
#include "milter/notify.h"
#include "milter/privs.h"
#include "milter/sockets.h"
#include "milter/statedir.h"
#include "milter/wire.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/chan.h"
#include "util/loop.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void a_restart_waits_longer_each_time(void)
{
	static const struct {
		const char *label;
		int64_t lived, last, want;
	} cases[] = {
		{ "lived well: at once", 10000, 0, 0 },
		{ "lived well after trouble: at once", 60000, 5000, 0 },
		{ "died young the first time", 9999, 0, 100 },
		{ "again", 0, 100, 200 },
		{ "and again", 0, 200, 400 },
		{ "nearly the last", 0, 1600, 3200 },
		{ "capped", 0, 3200, 5000 },
		{ "stays", 0, 5000, 5000 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_CASE(cases[i].label, child_restart_delay(cases[i].lived,
		    cases[i].last) == cases[i].want);
}

/* Call cmdline_parse() with up to five arguments. */
static bool parse(const char *const *args, struct cmdline *c, struct buf *err)
{
	char *argv[8] = { (char *)(uintptr_t)"tlsmilterd" };
	int argc = 1;

	for (; *args; args++)
		argv[argc++] = (char *)(uintptr_t)*args;
	argv[argc] = NULL;
	return cmdline_parse(argc, argv, c, err);
}

static void options_are_read(void)
{
	struct cmdline c;
	struct buf err;

	buf_init(&err, 200);
	CU_ASSERT(parse((const char *[]){ "-fvv", "-c", "/x", "-D", NULL },
	    &c, &err));
	CU_ASSERT(c.foreground && c.dump && !c.check && !c.version);
	CU_ASSERT_EQUAL(c.verbose, 2);
	CU_ASSERT_STRING_EQUAL(c.config_file, "/x");
	CU_ASSERT_PTR_NULL(c.user);
	CU_ASSERT(parse((const char *[]){ "-n", "-uweb", "-p", "unix:/s",
	    NULL }, &c, &err));
	CU_ASSERT(c.check && !c.foreground);
	CU_ASSERT_STRING_EQUAL(c.user, "web");
	CU_ASSERT_STRING_EQUAL(c.socket, "unix:/s");
	CU_ASSERT_STRING_EQUAL(buf_str(&err), "");
	buf_clear(&err);
}

static void wrong_options_are_named(void)
{
	static const struct {
		const char *const args[4];
		const char *err;
	} cases[] = {
		{ { "-x", NULL }, "unknown option -x" },
		{ { "-fc", NULL }, "option -c needs an argument" },
		{ { "-f", "stray", NULL }, "unexpected argument \"stray\"" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cmdline c = { .verbose = 77 };
		struct buf err;

		buf_init(&err, 200);
		CHECK_CASE(cases[i].err, !parse(cases[i].args, &c, &err));
		CHECK_CASE_STR(cases[i].err, buf_str(&err), cases[i].err);
		CHECK_CASE(cases[i].err, c.verbose == 77);
		buf_clear(&err);
	}
}

static void usage_and_version_name_everything(void)
{
	struct buf text;

	buf_init(&text, 10000);
	cmdline_usage(&text);
	for (const char *o = "cfnDpuvVh"; *o; o++) {
		char wanted[8];

		snprintf(wanted, sizeof(wanted), "  -%c ", *o);
		CHECK_CASE(wanted, strstr(buf_str(&text), wanted) != NULL);
	}
	buf_reset(&text);
	cmdline_version(&text);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&text), PACKAGE_VERSION));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&text), "libcurl"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&text), "milter"));
	buf_clear(&text);
}

static void child_arguments_are_checked(void)
{
	static const struct {
		const char *label;
		const char *args[13];
		bool ok;
	} cases[] = {
		{ "all", { "-c", "/c", "-s", "/s", "-p", "unix:/m", "-z123",
		    "-y77" }, true },
		{ "sockets", { "-s/s", "-p", "unix:/m", "-z123", "-y77", "-l",
		    "policy=unix:/p", "-lmap=inet:1@::1" }, true },
		{ "a socket of no door", { "-s/s", "-punix:/m",
		    "-lother=unix:/p" }, false },
		{ "no state folder", { "-p", "unix:/m", "-z", "1" }, false },
		{ "no socket", { "-s", "/s", "-z", "1" }, false },
		{ "size is no number", { "-s/s", "-punix:/m", "-z1x" },
		    false },
		{ "more behind", { "-s/s", "-punix:/m", "more" }, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *argv[16] = { (char *)(uintptr_t)CHILD_FRONTEND };
		struct child_args a = { .cache_size = 0 };
		int n = 0;

		for (; cases[i].args[n]; n++)
			argv[n + 1] = (char *)(uintptr_t)cases[i].args[n];
		CHECK_CASE(cases[i].label, child_args_parse(n + 1, argv,
		    &a) == cases[i].ok);
		CHECK_CASE(cases[i].label, !cases[i].ok ||
		    (a.cache_size == 123 && a.history_size == 77 &&
		    strcmp(a.milter, "unix:/m") == 0));
	}
}

static int open_dev_null(const struct endpoint *ep, mode_t mode,
    gid_t group, struct buf *err)
{
	if (ep->kind == ENDPOINT_INET && ep->port == 13) {
		buf_adds(err, "unlucky");
		return -1;
	}
	CU_ASSERT_EQUAL(mode, 0660);
	CU_ASSERT_EQUAL(group, 7);
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Bind those of a configuration whose last one may fail. */
static void open_sockets(uint16_t port, bool ok, const char *described)
{
	struct endpoint eps[2] = {
		{ .kind = ENDPOINT_UNIX, .path = "/nonexistent/p" },
		{ .kind = ENDPOINT_INET, .port = port },
	};
	struct conf c = { .policy_service = { &eps[0], 1 },
		.socketmap = { &eps[1], 1 } };
	struct sockets s;
	struct buf text;

	netaddr_parse("2001:db8::1", &eps[1].addr);
	buf_init(&text, 500);
	sockets_init(&s, &c);
	CU_ASSERT_EQUAL_FATAL(s.n, 2);
	CU_ASSERT_STRING_EQUAL(s.v[0].spec, "policy=unix:/nonexistent/p");
	CU_ASSERT(str_starts(s.v[1].spec, "map=inet6:"));
	CU_ASSERT_EQUAL(sockets_open(&s, open_dev_null, 0660, 7, &text), ok);
	CU_ASSERT_EQUAL(text.len == 0, ok);
	CU_ASSERT(s.v[0].fd >= 0 && (s.v[1].fd >= 0) == ok);
	buf_reset(&text);
	sockets_describe(&s, &text);
	CU_ASSERT_STRING_EQUAL(buf_str(&text), described);
	sockets_close(&s);
	CU_ASSERT(s.v[0].fd < 0 && s.v[1].fd < 0);
	sockets_close(&s);
	buf_clear(&text);
}

static void sockets_are_opened_and_closed(void)
{
	open_sockets(12, true, "; policy service on unix:/nonexistent/p"
	    "; socketmap on inet6:12@[2001:db8::1]");
	open_sockets(13, false, "; policy service on unix:/nonexistent/p"
	    "; socketmap on inet6:13@[2001:db8::1]");
}

/* A folder of our own, removed again by the caller. */
static char *scratch(char *name)
{
	snprintf(name, 40, "/tmp/tlsmilter-unit-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(name));
	return name;
}

static void notify_sends_one_datagram(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char dir[40], got[200] = "";

	unsetenv("NOTIFY_SOCKET");
	CU_ASSERT(!notify_wanted());
	notify_send("READY=1");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/n", scratch(dir));
	CU_ASSERT_EQUAL_FATAL(
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	CU_ASSERT(notify_wanted());
	notify_send("READY=1\nSTATUS=%s", "fine");
	CU_ASSERT(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	CU_ASSERT_STRING_EQUAL(got, "READY=1\nSTATUS=fine");
	memset(got, 0, sizeof(got));
	notify_reloading();
	CU_ASSERT(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	CU_ASSERT_EQUAL(strncmp(got, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	unlink(sun.sun_path);
	rmdir(dir);
}

static void the_state_folder_is_made_and_locked_once(void)
{
	struct privs self = { .uid = getuid(), .gid = getgid() };
	char dir[40], path[80];
	struct buf err;
	struct stat st;
	int lock;

	buf_init(&err, 300);
	snprintf(path, sizeof(path), "%s/state", scratch(dir));
	CU_ASSERT(statedir_prepare(path, &self, &err));
	CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0750);
	CU_ASSERT(statedir_prepare(path, &self, &err));
	lock = statedir_lock(path, &self, 0, &err);
	CU_ASSERT(lock >= 0);
	CU_ASSERT_EQUAL(statedir_lock(path, &self, 30, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&err), "in use"));
	close(lock);
	lock = statedir_lock(path, &self, 0, &err);
	CU_ASSERT(lock >= 0);
	close(lock);
	chmod(path, 0777);
	buf_reset(&err);
	CU_ASSERT(!statedir_prepare(path, &self, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&err), "writable by everyone"));
	snprintf(path, sizeof(path), "%s/state/lock", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/state", dir);
	rmdir(path);
	rmdir(dir);
	buf_clear(&err);
}

/* A wire and the messages that came over it. */
struct listener {
	struct loop *loop;
	struct wire *wire;
	unsigned types[4];
	unsigned n;
	bool dead;
};

static void heard(void *arg, unsigned type, const void *data, size_t len,
    int passfd)
{
	struct listener *l = arg;

	(void)data;
	CU_ASSERT_EQUAL(len, 3);
	if (passfd >= 0)
		close(passfd);
	l->types[l->n++] = type;
}

static void hung_up(void *arg)
{
	struct listener *l = arg;

	l->dead = true;
	wire_free(l->wire);
	l->wire = NULL;
	loop_stop(l->loop);
}

static void a_wire_delivers_until_the_other_end_is_gone(void)
{
	struct listener l = { .loop = loop_new() };
	struct wire *other;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(chan_pair(fds), 0);
	l.wire = wire_new(l.loop, fds[0],
	    &(struct wire_handler){ heard, hung_up, &l });
	other = wire_new(l.loop, fds[1],
	    &(struct wire_handler){ heard, hung_up, &l });
	CU_ASSERT_FATAL(l.wire && other);
	CU_ASSERT(wire_send(other, 7, "abc", 3, -1));
	CU_ASSERT(wire_send(other, 8, "def", 3, STDIN_FILENO));
	wire_free(other);
	loop_run(l.loop);
	CU_ASSERT_EQUAL(l.n, 2);
	CU_ASSERT(l.types[0] == 7 && l.types[1] == 8);
	CU_ASSERT(l.dead);
	loop_free(l.loop);
}

/* A peer that sends another message for each one that was taken in. */
#define FLOOD_MAX 10000
struct flood {
	struct loop *loop;
	struct chan *peer;
	unsigned n, n_at_timer;
};

static void heard_flood(void *arg, unsigned type, const void *data,
    size_t len, int passfd)
{
	struct flood *f = arg;

	(void)type;
	(void)data;
	(void)len;
	(void)passfd;
	if (f->n++ < FLOOD_MAX && !f->n_at_timer)
		chan_send(f->peer, 1, "x", 1, -1);
}

static void flood_hung_up(void *arg)
{
	(void)arg;
	CU_FAIL("the peer is there");
}

static void on_flood_timer(void *arg)
{
	struct flood *f = arg;

	f->n_at_timer = f->n;
	loop_stop(f->loop);
}

static void a_flood_leaves_others_their_turn(void)
{
	struct flood f = { .loop = loop_new() };
	struct loop_timer *timer = loop_timer_new(f.loop, on_flood_timer, &f);
	struct wire *wire;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(chan_pair(fds), 0);
	wire = wire_new(f.loop, fds[0],
	    &(struct wire_handler){ heard_flood, flood_hung_up, &f });
	f.peer = chan_new(fds[1], 65536);
	CU_ASSERT_FATAL(timer && wire && f.peer);
	CU_ASSERT(chan_send(f.peer, 1, "x", 1, -1));
	loop_timer_set(timer, 1);
	loop_run(f.loop);
	CU_ASSERT(f.n_at_timer > 0 && f.n_at_timer < FLOOD_MAX);
	wire_free(wire);
	chan_free(f.peer);
	loop_timer_free(timer);
	loop_free(f.loop);
}

static const struct unit_test tests[] = {
	{ "a restart waits longer each time",
	    a_restart_waits_longer_each_time },
	{ "options are read", options_are_read },
	{ "wrong options are named", wrong_options_are_named },
	{ "usage and version name everything",
	    usage_and_version_name_everything },
	{ "child arguments are checked", child_arguments_are_checked },
	{ "sockets are opened and closed", sockets_are_opened_and_closed },
	{ "notify sends one datagram", notify_sends_one_datagram },
	{ "the state folder is made and locked once",
	    the_state_folder_is_made_and_locked_once },
	{ "a wire delivers until the other end is gone",
	    a_wire_delivers_until_the_other_end_is_gone },
	{ "a flood leaves others their turn",
	    a_flood_leaves_others_their_turn },
};

UNIT_MAIN("process", tests)
