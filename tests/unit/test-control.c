/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/control.h"
#include "tests/unit/unit.h"
#include "util/endpoint.h"
#include "util/lockfile.h"

/* Feed a stream in pieces and join the lines that come out with "|". */
static void feed(struct control_lines *l, const char *stream, size_t piece,
    struct buf *out)
{
	size_t left = strlen(stream), n, len;
	const char *line;

	for (; left > 0; stream += n, left -= n) {
		n = left < piece ? left : piece;
		CU_ASSERT(control_lines_add(l, stream, n));
		while ((line = control_lines_next(l, &len)) != NULL) {
			CU_ASSERT_EQUAL(strlen(line), len);
			buf_adds(out, line);
			buf_addc(out, '|');
		}
	}
}

static void streams_are_cut_into_lines(void)
{
	static const struct {
		const char *stream, *lines;
	} cases[] = {
		{ "a\n", "a|" },
		{ "a\nbb\n\nccc\n", "a|bb||ccc|" },
		{ "no end", "" },
		{ "a\nrest", "a|" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece < 8; piece++) {
			struct control_lines l;
			struct buf out;

			buf_init(&out, 100);
			control_lines_init(&l);
			feed(&l, cases[i].stream, piece, &out);
			CHECK_CASE_STR(cases[i].stream, buf_str(&out),
			    cases[i].lines);
			control_lines_clear(&l);
			buf_clear(&out);
		}
	}
}

static void endless_lines_are_refused(void)
{
	struct control_lines l;
	char chunk[16384];
	size_t fed = 0, len;

	memset(chunk, 'x', sizeof(chunk));
	control_lines_init(&l);
	while (fed < 4 * CONTROL_LINE_MAX &&
	    control_lines_add(&l, chunk, sizeof(chunk)) &&
	    !control_lines_next(&l, &len) && !l.in.failed)
		fed += sizeof(chunk);
	CU_ASSERT(l.in.failed);
	CU_ASSERT(fed >= CONTROL_LINE_MAX - sizeof(chunk));
	CU_ASSERT(fed <= CONTROL_LINE_MAX + 65536);
	control_lines_clear(&l);
}

static void only_objects_are_decoded(void)
{
	static const struct {
		const char *line;
		bool ok;
	} cases[] = {
		{ "{}", true },
		{ "{\"command\":\"status\"}", true },
		{ "[]", false }, { "\"x\"", false }, { "", false },
		{ "{", false }, { "{} {}", false }, { "nul", false },
		{ "{\"a\":1,\"a\":2}", false },
		{ "{\"a\":\"\xff\"}", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf err;
		json_t *o;

		buf_init(&err, 500);
		o = control_decode(cases[i].line, strlen(cases[i].line),
		    &err);
		CHECK_CASE(cases[i].line, (o != NULL) == cases[i].ok);
		CHECK_CASE(cases[i].line, (err.len == 0) == cases[i].ok);
		json_decref(o);
		buf_clear(&err);
	}
}

static void deep_nesting_is_refused(void)
{
	struct buf line, err;
	json_t *o;

	buf_init(&line, CONTROL_LINE_MAX);
	buf_init(&err, 500);
	buf_adds(&line, "{\"a\":");
	for (int i = 0; i < 500000; i++)
		buf_addc(&line, '[');
	o = control_decode(line.data, line.len, &err);
	CU_ASSERT_PTR_NULL(o);
	CU_ASSERT(err.len > 0);
	buf_clear(&line);
	buf_clear(&err);
}

static void objects_become_one_line(void)
{
	json_t *o = control_error("a\nb\x1b[1m");
	struct buf out;

	buf_init(&out, 1000);
	CU_ASSERT(control_encode(o, &out));
	CU_ASSERT_STRING_EQUAL(buf_str(&out),
	    "{\"ok\":false,\"error\":\"a\\nb\\\\x1B[1m\"}\n");
	json_decref(o);
	o = json_pack("{s:s}", "x", "b\xc3\xbc");
	buf_reset(&out);
	CU_ASSERT(control_encode(o, &out));
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "{\"x\":\"b\\u00FC\"}\n");
	json_decref(o);
	buf_clear(&out);
}

static void a_line_too_long_leaves_no_trace(void)
{
	char *big = malloc(CONTROL_LINE_MAX + 1);
	struct buf out;
	json_t *o;

	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	memset(big, 'x', CONTROL_LINE_MAX);
	big[CONTROL_LINE_MAX] = '\0';
	o = json_pack("{s:s}", "x", big);
	buf_init(&out, 4 * CONTROL_LINE_MAX);
	buf_adds(&out, "before");
	CU_ASSERT(!control_encode(o, &out));
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "before");
	CU_ASSERT(!out.failed);
	buf_clear(&out);
	json_decref(o);
	free(big);
}

struct peer {
	int fd;
	const char *says;	/* NULL: says nothing and stays */
	char heard[200];
};

/* Serve one connection: read a line, say what is to be said, hang up. */
static void *peer_run(void *arg)
{
	struct peer *p = arg;
	struct pollfd ready = { .fd = p->fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;
	int fd;

	/* The listener itself does not wait. */
	poll(&ready, 1, 10000);
	fd = accept(p->fd, NULL, NULL);
	while (len < sizeof(p->heard) - 1 && !strchr(p->heard, '\n')) {
		n = read(fd, p->heard + len, 1);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (p->says)
		send(fd, p->says, strlen(p->says), MSG_NOSIGNAL);
	else
		n = read(fd, p->heard, 1);	/* until the client leaves */
	close(fd);
	return NULL;
}

/* Make a socket in a fresh folder and start a peer on it. */
static void peer_start(struct peer *p, struct endpoint *ep, pthread_t *thread)
{
	char dir[] = "/tmp/test-control-XXXXXX";
	struct buf err;

	buf_init(&err, 500);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	*ep = (struct endpoint){ .kind = ENDPOINT_UNIX };
	snprintf(ep->path, sizeof(ep->path), "%s/s", dir);
	p->fd = endpoint_listen(ep, 0600, (gid_t)-1, &err);
	CU_ASSERT_FATAL(p->fd >= 0);
	CU_ASSERT_FATAL(pthread_create(thread, NULL, peer_run, p) == 0);
	buf_clear(&err);
}

static void peer_stop(struct peer *p, struct endpoint *ep, pthread_t thread)
{
	char *slash;

	pthread_join(thread, NULL);
	close(p->fd);
	unlink(ep->path);
	slash = strrchr(ep->path, '/');
	*slash = '\0';
	rmdir(ep->path);
}

static void the_client_reads_answers(void)
{
	static const struct {
		const char *label, *says, *value, *error;
	} cases[] = {
		{ "an answer", "{\"ok\":true,\"x\":\"1\"}\n", "1", "" },
		{ "two answers at once", "{\"x\":\"2\"}\n{}\n", "2", "" },
		{ "a connection that ends", "", NULL, "closed" },
		{ "half a line", "{\"x\":", NULL, "closed" },
		{ "garbage", "hello\n", NULL, "not a JSON object" },
		{ "silence", NULL, NULL, "in time" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = { .says = cases[i].says };
		struct control_client *c;
		struct endpoint ep;
		pthread_t thread;
		json_t *o = json_pack("{s:s}", "command", "status");
		struct buf err;

		buf_init(&err, 500);
		peer_start(&p, &ep, &thread);
		c = control_connect(&ep, 10000, &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CHECK_CASE(cases[i].label, control_send(c, o, 10000, &err));
		json_decref(o);
		o = control_receive(c, cases[i].says ? 10000 : 50, &err);
		CHECK_CASE(cases[i].label,
		    strstr(buf_str(&err), cases[i].error) != NULL);
		CHECK_CASE_STR(cases[i].label, cases[i].value ? : "-",
		    json_string_value(json_object_get(o, "x")) ? : "-");
		if (cases[i].says)
			CHECK_CASE_STR(cases[i].label, p.heard,
			    "{\"command\":\"status\"}\n");
		json_decref(o);
		control_close(c);
		peer_stop(&p, &ep, thread);
		buf_clear(&err);
	}
}

static void a_lock_has_one_holder(void)
{
	char dir[] = "/tmp/test-lock-XXXXXX", path[64];
	int first = -1, second = -1;
	struct buf err;

	buf_init(&err, 500);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL(lockfile_take(dir, &first, &err), LOCKFILE_TAKEN);
	CU_ASSERT_EQUAL(lockfile_take(dir, &second, &err), LOCKFILE_HELD);
	CU_ASSERT_EQUAL(second, -1);
	CU_ASSERT(strstr(buf_str(&err), "in use") != NULL);
	close(first);
	CU_ASSERT_EQUAL(lockfile_take(dir, &first, &err), LOCKFILE_TAKEN);
	close(first);
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	CU_ASSERT_EQUAL(symlink("/dev/null", path), 0);
	CU_ASSERT_EQUAL(lockfile_take(dir, &second, &err), LOCKFILE_FAILED);
	unlink(path);
	rmdir(dir);
	CU_ASSERT_EQUAL(lockfile_take(dir, &second, &err), LOCKFILE_FAILED);
	CU_ASSERT_EQUAL(second, -1);
	buf_clear(&err);
}

static const struct unit_test tests[] = {
	{ "streams are cut into lines", streams_are_cut_into_lines },
	{ "endless lines are refused", endless_lines_are_refused },
	{ "only objects are decoded", only_objects_are_decoded },
	{ "deep nesting is refused", deep_nesting_is_refused },
	{ "objects become one line", objects_become_one_line },
	{ "a line too long leaves no trace", a_line_too_long_leaves_no_trace },
	{ "the client reads answers", the_client_reads_answers },
	{ "a lock has one holder", a_lock_has_one_holder },
};

UNIT_MAIN("control", tests)
