/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter-load - speak the milter protocol as Postfix does, as fast as the
 * filter answers, and print a JSON object of what was measured.
 *
 *	milter-load SOCKET CONNECTIONS MESSAGES TLS
 *
 * SOCKET is /path or PORT (on 127.0.0.1). MESSAGES are sent in all, spread
 * over the CONNECTIONS, each of which stays open. TLS is 0 or 1. Bounded: it
 * stops after 60 seconds, whatever was reached.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/where.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define TIME_LIMIT_MS 60000
#define HEADERS 8

/* SMFIP_* as they stand on the wire. */
enum {
	NO_CONNECT = 0x1, NO_HELO = 0x2, NO_MAIL = 0x4, NO_RCPT = 0x8,
	NO_BODY = 0x10, NO_HDRS = 0x20, NO_EOH = 0x40, NR_HDR = 0x80,
	NO_DATA = 0x200, NR_CONN = 0x1000, NR_HELO = 0x2000, NR_MAIL = 0x4000,
	NR_RCPT = 0x8000, NR_DATA = 0x10000, NR_EOH = 0x40000,
	NR_BODY = 0x80000,
};

#define LIT(s) s, sizeof(s) - 1

/* The steps of a session; each command may be declined or need no reply. */
static const struct step {
	char command;
	uint32_t declined, no_reply;
	const char *macros;
	size_t macros_len;
	const char *data;
	size_t data_len;
} steps[] = {
	{ 'C', NO_CONNECT, NR_CONN, LIT("Cj\0mx.example.org\0v\0Postfix "
	    "3.7.11\0{daemon_name}\0mx.example.org\0{daemon_port}\00025\0"
	    "{client_resolve}\0OK\0"), LIT("client.example.net\0" "4\x30\x39"
	    "192.0.2.1\0") },
	{ 'H', NO_HELO, NR_HELO, LIT("H"), LIT("client.example.net\0") },
	{ 'M', NO_MAIL, NR_MAIL, LIT("M"),
	    LIT("<sender@example.net>\0SIZE=2000\0") },
	{ 'R', NO_RCPT, NR_RCPT, LIT("R"), LIT("<rcpt@example.org>\0") },
	{ 'T', NO_DATA, NR_DATA, LIT("Ti\0004ABCDEF1234\0"), LIT("") },
	{ 'L', NO_HDRS, NR_HDR, LIT("L"), LIT("X-Header-Name\0a header of "
	    "usual length, some fifty bytes or so\0") },
	{ 'N', NO_EOH, NR_EOH, LIT("N"), LIT("") },
	{ 'B', NO_BODY, NR_BODY, LIT("B"), LIT("body") },
	{ 'E', 0, 0, LIT("Ei\0004ABCDEF1234\0"), LIT("") },
};
enum { STEP_MAIL = 2, STEP_HEADER = 5, STEPS = 9 };

static const char tls_macros[] = "M{tls_version}\0TLSv1.3\0{cipher}\0"
    "TLS_AES_256_GCM_SHA384\0{cipher_bits}\000256\0";

struct conn {
	int fd;
	size_t step;
	unsigned headers;
	uint32_t protocol;
	bool negotiated;
	int64_t began;		/* of the message, in microseconds */
	struct buf out;
	unsigned char in[4096];
	size_t in_len;
};

static struct {
	uint64_t wanted, done, refused, errors;
	bool tls;
	uint32_t *latency;
} run;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void put(struct conn *c, char command, const void *data, size_t len)
{
	uint32_t n = htonl((uint32_t)len + 1);

	buf_add(&c->out, &n, 4);
	buf_addc(&c->out, command);
	buf_add(&c->out, data, len);
}

/* Queue commands until one needs a reply. */
static void advance(struct conn *c)
{
	while (c->step < STEPS) {
		const struct step *s = &steps[c->step];

		if (c->step == STEP_MAIL)
			c->began = now_us();
		if (c->step != STEP_HEADER || ++c->headers >= HEADERS)
			c->step++;
		if (c->protocol & s->declined)
			continue;
		if (s->command == 'M' && run.tls)
			put(c, 'D', tls_macros, sizeof(tls_macros) - 1);
		else
			put(c, 'D', s->macros, s->macros_len);
		put(c, s->command, s->data, s->data_len);
		if (!(c->protocol & s->no_reply))
			return;
	}
}

/* A message is over: begin the next on the same connection. */
static void message_done(struct conn *c)
{
	if (run.done < run.wanted)
		run.latency[run.done++] = (uint32_t)(now_us() - c->began);
	c->step = STEP_MAIL;
	c->headers = 0;
	put(c, 'A', "", 0);
	if (run.done < run.wanted)
		advance(c);
}

static void on_reply(struct conn *c, char reply, const unsigned char *data,
    size_t len)
{
	uint32_t protocol;

	if (reply == 'O' && len >= 12) {
		memcpy(&protocol, data + 8, 4);
		c->protocol = ntohl(protocol);
		c->negotiated = true;
		advance(c);
	} else if (!c->negotiated) {
		run.errors++;
	} else if (reply == 'c') {
		if (c->step == STEPS)
			message_done(c);
		else
			advance(c);
	} else if (strchr("yrt", reply)) {
		run.refused++;
		message_done(c);
	} else if (!strchr("himeq+-", reply)) {
		run.errors++;
	}
}

static bool on_readable(struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len);
	uint32_t len;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->in_len += (size_t)n;
	while (c->in_len >= 5) {
		memcpy(&len, c->in, 4);
		len = ntohl(len);
		if (len == 0 || len > sizeof(c->in) - 4)
			return false;
		if (c->in_len < 4 + len)
			break;
		on_reply(c, (char)c->in[4], c->in + 5, len - 1);
		c->in_len -= 4 + len;
		memmove(c->in, c->in + 4 + len, c->in_len);
	}
	return true;
}

/* Commands are small and the filter reads: a short write is an error. */
static bool flush(struct conn *c)
{
	ssize_t n;

	if (c->out.len == 0)
		return true;
	n = write(c->fd, c->out.data, c->out.len);
	if (n != (ssize_t)c->out.len)
		return false;
	buf_reset(&c->out);
	return true;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void print_result(unsigned conns, int64_t us)
{
	qsort(run.latency, run.done, sizeof(*run.latency), compare);
	printf("{\"connections\": %u, \"messages\": %llu, \"refused\": %llu, "
	    "\"errors\": %llu, \"per_second\": %.0f, \"p50_us\": %u, "
	    "\"p99_us\": %u}\n", conns, (unsigned long long)run.done,
	    (unsigned long long)run.refused, (unsigned long long)run.errors,
	    (double)run.done * 1e6 / (double)us,
	    run.done ? run.latency[run.done / 2] : 0,
	    run.done ? run.latency[run.done * 99 / 100] : 0);
}

static void serve(int epfd, int64_t until)
{
	struct epoll_event ev[64];

	while (run.done < run.wanted && !run.errors &&
	    clock_mono_ms() < until) {
		int n = epoll_wait(epfd, ev, 64, 1000);

		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (!on_readable(c) || !flush(c))
				run.errors++;
		}
	}
}

/* Open one connection and offer what Postfix offers. */
static bool open_conn(const char *where, int epfd)
{
	uint32_t offer[3] = { htonl(6), htonl(0x1ff), htonl(0x1fffff) };
	struct conn *c = calloc(1, sizeof(*c));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (!c)
		return false;
	buf_init(&c->out, 65536);
	c->fd = where_dial(where);
	put(c, 'O', offer, sizeof(offer));
	return flush(c) && epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) == 0;
}

int main(int argc, char **argv)
{
	uint64_t conns, tls;
	int epfd = epoll_create1(0);
	int64_t began;

	if (argc != 5 || !str_to_u64(argv[2], 1024, &conns) || !conns ||
	    !str_to_u64(argv[3], 10000000, &run.wanted) || !run.wanted ||
	    !str_to_u64(argv[4], 1, &tls)) {
		fprintf(stderr, "usage: milter-load SOCKET CONNECTIONS "
		    "MESSAGES TLS\n");
		return 64;
	}
	run.tls = tls;
	run.latency = mem_array(run.wanted, sizeof(*run.latency));
	if (!run.latency)
		return 1;
	began = now_us();
	for (uint64_t i = 0; i < conns; i++)
		if (!open_conn(argv[1], epfd))
			return 1;
	serve(epfd, clock_mono_ms() + TIME_LIMIT_MS);
	print_result((unsigned)conns, now_us() - began);
	return run.errors ? 1 : 0;
}
