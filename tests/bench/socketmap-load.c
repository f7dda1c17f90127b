/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socketmap-load - ask a socketmap server as mail servers do, as fast as it
 * answers, and print a JSON object of what was measured.
 *
 *	socketmap-load [-s] [-p PID] SOCKET CONNECTIONS REQUESTS MAP KEYS
 *
 * SOCKET is /path or PORT (on 127.0.0.1). REQUESTS are sent in all, spread
 * over the CONNECTIONS, each of which stays open and has one request under
 * way, as one of Postfix. KEYS is a file of keys, one a line, asked for in
 * its order, over and over, of the map MAP. PID is the server: the processor
 * time it took, all threads together, is then measured too. With -s it does
 * not sleep while there is nothing to read: waking a sleeper costs the one
 * who sends, and the slower a server is the more often its client sleeps, so
 * that it would be charged twice. For a client with a processor of its own.
 *
 * Every reply is looked at: "ok" and "notfound" are answers, "temp" and
 * "wrong" (any other text) are counted, and what is no netstring ends it
 * with an error. Bounded: it stops after 60 seconds, whatever was reached.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/where.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/netstring.h"
#include "util/str.h"

#define TIME_LIMIT_MS 60000
#define KEY_SIZE 1024
#define KEYS_BYTES ((size_t)512 * 1024 * 1024)
#define EVENTS 256

struct conn {
	int fd;
	uint64_t began;		/* of the request under way */
	size_t len;
	char in[16384];
};

static const struct answer {
	const char *name;	/* in the output */
	const char *word;
} answers[] = {
	{ "ok", "OK " },
	{ "notfound", "NOTFOUND " },
	{ "temp", "TEMP " },
	{ "wrong", "" },
};
enum { ANSWERS = sizeof(answers) / sizeof(answers[0]) };

static struct {
	uint64_t wanted, asked, done;
	uint64_t counts[ANSWERS];
	bool broken, spins;
	uint64_t *latency;	/* in nanoseconds */
	struct buf frames;	/* every request, ready to be sent */
	size_t *frame_ends;
	size_t frames_n, next;
} run;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "socketmap-load: %s\n", what);
	exit(1);
}

/* ---- the server's processor time --------------------------------------- */

/* Nanoseconds on a processor of all threads of a process: /proc/PID/stat
 * counts in hundredths of a second, of which a run may have thirty. */
static uint64_t cpu_ns(const char *pid)
{
	unsigned long long ns;
	char path[300];
	struct dirent *task;
	uint64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (task = readdir(dir))) {
		FILE *f;

		if (!str_is_digit(task->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%.20s/schedstat",
		    pid, task->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (!dir)
		fail("there is no such process");
	closedir(dir);
	return sum;
}

/* ---- requests ---------------------------------------------------------- */

static void load_keys(const char *file, const char *map)
{
	char key[KEY_SIZE], request[2 * KEY_SIZE];
	FILE *f = fopen(file, "r");
	size_t size = 0;

	if (!f)
		fail("the file of keys cannot be read");
	buf_init(&run.frames, KEYS_BYTES);
	while (fgets(key, sizeof(key), f)) {
		key[strcspn(key, "\n")] = '\0';
		snprintf(request, sizeof(request), "%s %s", map, key);
		netstring_add(&run.frames, request, strlen(request));
		if (run.frames_n == size) {
			size = size ? 2 * size : 1024;
			run.frame_ends = reallocarray(run.frame_ends, size,
			    sizeof(*run.frame_ends));
		}
		if (!run.frame_ends || run.frames.failed)
			fail("out of memory");
		run.frame_ends[run.frames_n++] = run.frames.len;
	}
	fclose(f);
	if (!run.frames_n)
		fail("there are no keys");
}

/* Requests are small and the server reads: a short write is an error. */
static void ask(struct conn *c, uint64_t now)
{
	size_t at = run.next ? run.frame_ends[run.next - 1] : 0;
	size_t len = run.frame_ends[run.next] - at;

	if (run.asked == run.wanted)
		return;
	run.asked++;
	run.next = run.next + 1 < run.frames_n ? run.next + 1 : 0;
	c->began = now;
	if (write(c->fd, run.frames.data + at, len) != (ssize_t)len)
		run.broken = true;
}

/* ---- replies ----------------------------------------------------------- */

static void count(const char *reply, size_t len)
{
	for (size_t i = 0; i < ANSWERS; i++) {
		size_t n = strlen(answers[i].word);

		if (n <= len && memcmp(reply, answers[i].word, n) == 0) {
			run.counts[i]++;
			return;
		}
	}
}

/*
 * Take the reply, of which there can be one; false when this is none. It is
 * read here and not by util/netstring, which is part of what is measured.
 */
static bool take_reply(struct conn *c)
{
	size_t n = 0, i = 0;
	uint64_t now;

	while (i < c->len && i < NETSTRING_DIGITS_MAX &&
	    str_is_digit(c->in[i]))
		n = n * 10 + (size_t)(c->in[i++] - '0');
	if (i == c->len || i + n + 2 > c->len)
		return n < sizeof(c->in) - NETSTRING_DIGITS_MAX;
	if (i == 0 || (c->in[0] == '0' && i > 1) || c->in[i] != ':' ||
	    c->in[i + 1 + n] != ',' || i + n + 2 != c->len)
		return false;
	count(c->in + i + 1, n);
	c->len = 0;
	now = now_ns();
	run.latency[run.done++] = now - c->began;
	ask(c, now);
	return true;
}

static bool on_readable(struct conn *c)
{
	ssize_t n = read(c->fd, c->in + c->len, sizeof(c->in) - c->len);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->len += (size_t)n;
	return take_reply(c);
}

/* ---- the run ----------------------------------------------------------- */

static struct conn *open_conns(const char *where, unsigned n, int epfd)
{
	struct conn *conns = calloc(n, sizeof(*conns));

	for (unsigned i = 0; conns && i < n; i++) {
		struct epoll_event ev = { .events = EPOLLIN,
			.data.ptr = &conns[i] };

		conns[i].fd = where_dial(where);
		if (epoll_ctl(epfd, EPOLL_CTL_ADD, conns[i].fd, &ev) < 0)
			fail("epoll_ctl");
	}
	if (!conns)
		fail("out of memory");
	return conns;
}

static void serve(int epfd, int64_t until)
{
	struct epoll_event ev[EVENTS];

	while (run.done < run.asked && !run.broken &&
	    clock_mono_ms() < until) {
		int n = epoll_wait(epfd, ev, EVENTS, run.spins ? 0 : 1000);

		for (int i = 0; i < n; i++)
			if (!on_readable(ev[i].data.ptr))
				run.broken = true;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_us(unsigned percent)
{
	return run.done ?
	    (double)run.latency[(run.done - 1) * percent / 100] / 1000 : 0;
}

/* cpu is the server's nanoseconds, 0 if nobody asked. */
static void print_result(unsigned conns, uint64_t ns, uint64_t cpu)
{
	qsort(run.latency, run.done, sizeof(*run.latency), compare);
	printf("{\"connections\": %u, \"requests\": %llu", conns,
	    (unsigned long long)run.done);
	for (size_t i = 0; i < ANSWERS; i++)
		printf(", \"%s\": %llu", answers[i].name,
		    (unsigned long long)run.counts[i]);
	printf(", \"per_second\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	    "\"max_us\": %.1f", (double)run.done * 1e9 / (double)ns,
	    percentile_us(50), percentile_us(99), percentile_us(100));
	if (cpu && run.done)
		printf(", \"cpu_us\": %.3f",
		    (double)cpu / 1000 / (double)run.done);
	printf("}\n");
}

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr, "usage: socketmap-load [-s] [-p PID] SOCKET "
	    "CONNECTIONS REQUESTS MAP KEYS\n");
	exit(64);
}

static void measure(const char *where, unsigned n, const char *pid)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct conn *conns = open_conns(where, n, epfd);
	uint64_t cpu = pid ? cpu_ns(pid) : 0;
	uint64_t began = now_ns(), took;

	for (unsigned i = 0; i < n; i++)
		ask(&conns[i], now_ns());
	serve(epfd, clock_mono_ms() + TIME_LIMIT_MS);
	took = now_ns() - began;
	print_result(n, took, pid ? cpu_ns(pid) - cpu : 0);
}

int main(int argc, char **argv)
{
	const char *pid = NULL;
	uint64_t conns;
	int c;

	while ((c = getopt(argc, argv, "p:s")) != -1) {
		if (c == 'p')
			pid = optarg;
		else if (c == 's')
			run.spins = true;
		else
			usage();
	}
	argv += optind;
	if (argc - optind != 5 || !str_to_u64(argv[1], 10000, &conns) ||
	    !conns || !str_to_u64(argv[2], 100000000, &run.wanted) ||
	    !run.wanted)
		usage();
	load_keys(argv[4], argv[3]);
	run.latency = mem_array(run.wanted, sizeof(*run.latency));
	if (!run.latency)
		fail("out of memory");
	measure(argv[0], (unsigned)conns, pid);
	if (run.broken || run.done < run.wanted)
		fail("the server broke the protocol, hung up or was too slow");
	return 0;
}
