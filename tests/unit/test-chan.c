/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "util/chan.h"

static bool pair(struct chan **a_r, struct chan **b_r, size_t queue_max)
{
	int fds[2];

	if (chan_pair(fds) < 0)
		return false;
	*a_r = chan_new(fds[0], queue_max);
	*b_r = chan_new(fds[1], queue_max);
	return *a_r && *b_r;
}

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 7 + i / 251);
}

/* Send len bytes from a to b, moving both ends until they are there. */
static bool transfer(struct chan *a, struct chan *b, size_t len)
{
	unsigned char *data = malloc(len ? len : 1);
	const unsigned char *got;
	const void *p;
	unsigned type;
	size_t n;
	int fd, r = 0;

	for (size_t i = 0; i < len; i++)
		data[i] = pattern(i);
	if (!chan_send(a, 17, data, len, -1)) {
		free(data);
		return false;
	}
	free(data);
	for (int turn = 0; turn < 1000 && r == 0; turn++) {
		r = chan_recv(b, &type, &p, &n, &fd);
		if (r == 0 && !chan_flush(a))
			return false;
	}
	if (r != 1 || type != 17 || n != len || fd != -1)
		return false;
	got = p;
	for (size_t i = 0; i < len; i++)
		if (got[i] != pattern(i))
			return false;
	return true;
}

static void messages_of_every_size_arrive(void)
{
	static const struct {
		const char *label;
		size_t len;
	} cases[] = {
		{ "empty", 0 },
		{ "one byte", 1 },
		{ "a full packet", CHAN_PACKET - 8 },
		{ "a packet and a byte", CHAN_PACKET - 7 },
		{ "two full packets", 2 * (CHAN_PACKET - 8) },
		{ "a policy text", 65536 },
		{ "the longest", CHAN_MESSAGE_MAX },
	};
	struct chan *a, *b;

	if (!pair(&a, &b, 1 << 20)) {
		CU_FAIL("pair");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_CASE(cases[i].label, transfer(a, b, cases[i].len));
	CU_ASSERT(!chan_send(a, 1, "x", CHAN_MESSAGE_MAX + 1, -1));
	chan_free(a);
	chan_free(b);
}

static void the_queue_is_bounded(void)
{
	struct chan *a, *b;
	char data[1000] = "";
	const void *p;
	unsigned type, sent = 0, got = 0;
	size_t n;
	int fd;

	if (!pair(&a, &b, 20000)) {
		CU_FAIL("pair");
		return;
	}
	while (sent < 100000 && chan_send(a, 5, data, sizeof(data), -1))
		sent++;
	CU_ASSERT(sent > 19 && sent < 100000);
	CU_ASSERT(chan_wants_write(a));
	while (chan_recv(b, &type, &p, &n, &fd) == 1) {
		CU_ASSERT(type == 5 && n == sizeof(data));
		got++;
		CU_ASSERT(chan_flush(a));
	}
	CU_ASSERT_EQUAL(got, sent);
	CU_ASSERT(!chan_wants_write(a));
	CU_ASSERT(chan_send(a, 5, data, sizeof(data), -1));
	chan_free(a);
	chan_free(b);
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

static void a_descriptor_goes_with_its_message(void)
{
	struct chan *a, *b;
	char big[20000] = "";
	const void *p;
	unsigned type;
	size_t n;
	int fd = -1, pipes[2];

	if (!pair(&a, &b, 1 << 20) || pipe2(pipes, O_CLOEXEC) < 0) {
		CU_FAIL("pair");
		return;
	}
	CU_ASSERT(chan_send(a, 1, "none", 4, -1));
	CU_ASSERT(chan_send(a, 2, big, sizeof(big), pipes[0]));
	CU_ASSERT(chan_recv(b, &type, &p, &n, &fd) == 1);
	CU_ASSERT(type == 1 && fd == -1);
	CU_ASSERT(chan_recv(b, &type, &p, &n, &fd) == 1);
	CU_ASSERT(type == 2 && n == sizeof(big) && fd >= 0);
	CU_ASSERT(same_file(fd, pipes[0]));
	CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	chan_free(a);
	chan_free(b);
}

static void the_end_comes_after_the_last_message(void)
{
	struct chan *a, *b;
	const void *p;
	unsigned type;
	size_t n;
	int fd;

	if (!pair(&a, &b, 1 << 20)) {
		CU_FAIL("pair");
		return;
	}
	CU_ASSERT(chan_send(a, 3, "last", 4, -1));
	chan_free(a);
	CU_ASSERT(!chan_send(b, 4, "x", 1, -1));
	CU_ASSERT(chan_recv(b, &type, &p, &n, &fd) == 1);
	CU_ASSERT(type == 3 && n == 4 && memcmp(p, "last", 4) == 0);
	CU_ASSERT(chan_recv(b, &type, &p, &n, &fd) == -1);
	CU_ASSERT(chan_recv(b, &type, &p, &n, &fd) == -1);
	chan_free(b);
}

struct raw {
	uint16_t type;
	uint16_t flags;
	uint32_t total;
	char data[4];
};

static void broken_framing_closes_the_channel(void)
{
	static const struct {
		const char *label;
		struct raw packets[2];
		size_t len[2];
	} cases[] = {
		{ "shorter than a header", { { 1, 0, 0, "" } }, { 7 } },
		{ "continuation first", { { 1, 1, 4, "abc" } }, { 12 } },
		{ "longer than announced", { { 1, 0, 3, "abc" } }, { 12 } },
		{ "empty part of a message", { { 1, 0, 4, "" } }, { 8 } },
		{ "too long", { { 1, 0, CHAN_MESSAGE_MAX + 1, "abc" } },
		    { 12 } },
		{ "second message inside the first",
		    { { 1, 0, 8, "abc" }, { 1, 0, 4, "abc" } }, { 12, 12 } },
		{ "type changes", { { 1, 0, 8, "abc" }, { 2, 1, 8, "abc" } },
		    { 12, 12 } },
		{ "length changes", { { 1, 0, 8, "abc" }, { 1, 1, 9, "abc" } },
		    { 12, 12 } },
		{ "second part too long",
		    { { 1, 0, 6, "abc" }, { 1, 1, 6, "abc" } }, { 12, 12 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fds[2], fd = -1;
		struct chan *c;
		const void *p;
		unsigned type;
		size_t n;

		if (chan_pair(fds) < 0 || !(c = chan_new(fds[0], 1000))) {
			CU_FAIL("pair");
			return;
		}
		for (int k = 0; k < 2 && cases[i].len[k]; k++)
			CU_ASSERT(send(fds[1], &cases[i].packets[k],
			    cases[i].len[k], 0) > 0);
		CHECK_CASE(cases[i].label,
		    chan_recv(c, &type, &p, &n, &fd) == -1);
		CHECK_CASE(cases[i].label, !chan_send(c, 1, "x", 1, -1));
		CHECK_CASE(cases[i].label,
		    send(fds[1], "x", 1, MSG_NOSIGNAL) < 0);
		chan_free(c);
		close(fds[1]);
	}
}

static const struct unit_test tests[] = {
	{ "messages of every size arrive", messages_of_every_size_arrive },
	{ "the queue is bounded", the_queue_is_bounded },
	{ "a descriptor goes with its message",
	    a_descriptor_goes_with_its_message },
	{ "the end comes after the last message",
	    the_end_comes_after_the_last_message },
	{ "broken framing closes the channel",
	    broken_framing_closes_the_channel },
};

UNIT_MAIN("chan", tests)
