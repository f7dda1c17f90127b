/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-history - what the memory of senders costs.
 *
 *	bench-history [PAIRS [SECONDS]]
 *	bench-history fill DIR PAIRS
 *
 * Fills a history with so many pairs, then judges messages that came over
 * TLS from random senders, every other one of them known, by a rule that
 * asks for a downgrade: with that history, with an empty one, turn by turn
 * in one run; and notes messages of random pairs. Prints one JSON object:
 * "ratio" is verdicts a second with the full history to those with the empty
 * one; memory is what the process grew by without the mapped file, whose
 * pages belong to the page cache. With "fill" it only fills, for others.
 */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "audit/history.h"
#include "policy/verdict.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define TURNS 10
#define SENDERS 65536	/* prepared before the clock starts */
#define MIN 3

struct sender {
	char domain[64];
	struct netaddr client;
};

struct bench {
	unsigned pairs;
	int64_t turn_ms;
	struct sender *senders;
	unsigned *order;	/* of the pairs in the file */
	struct ruleset rules;
	struct history *empty, *full;
	uint64_t checksum;	/* so that no verdict is optimised away */
};

static void die(const char *what)
{
	fprintf(stderr, "bench-history: %s\n", what);
	exit(1);
}

/* Milliseconds of processor time, which others do not take away. */
static int64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Bytes of this process that are no file's. */
static uint64_t own_memory(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	unsigned long long kib = 0;
	char line[256];

	if (!f)
		die("no /proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Anonymous: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}

/* ---- histories --------------------------------------------------------- */

static struct history *open_history(const char *dir)
{
	struct history_options o = { .state_dir = dir, .entries = 1000000 };
	enum store_error e = STORE_OK;
	struct history *h;
	struct buf err;

	buf_init(&err, 1000);
	h = history_open(&o, &err, &e);
	if (!h)
		die(buf_str(&err));
	buf_clear(&err);
	return h;
}

static void sender_of(unsigned i, const char *kind, struct sender *s)
{
	snprintf(s->domain, sizeof(s->domain), "%s-%06u.example", kind, i);
	s->client = (struct netaddr){ .family = AF_INET, .bytes = {
		(uint8_t)(198 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i,
		1 } };
}

static void note(struct history *h, const struct sender *s, int64_t now)
{
	const struct pair_event event = { .when = now, .tls = true,
		.version = 13, .keep = MIN };
	char name[PAIR_NAME_SIZE];

	if (!pair_name(s->domain, &s->client, name) ||
	    history_note(h, name, &event) != STORE_OK)
		die("cannot note");
}

/* Note n messages of the pairs that next() names. */
static void note_many(struct history *h, unsigned n, unsigned pairs,
    uint32_t *random)
{
	int64_t now = clock_wall();
	struct sender s;

	for (unsigned i = 0; i < n; i++) {
		if (i % HISTORY_BATCH == 0 && history_begin(h) != STORE_OK)
			die("cannot begin");
		*random = *random * 1664525 + 1013904223;
		sender_of((unsigned)((uint64_t)*random * pairs >> 32),
		    "customer", &s);
		note(h, &s, now);
		if ((i + 1) % HISTORY_BATCH == 0 &&
		    history_commit(h) != STORE_OK)
			die("cannot commit");
	}
}

/* Put 0 to n - 1 into a random order. */
static unsigned *shuffled(unsigned n)
{
	unsigned *order = mem_array(n, sizeof(*order));
	uint32_t random = 3;

	if (!order)
		die("out of memory");
	for (unsigned i = 0; i < n; i++) {
		unsigned j;

		random = random * 1664525 + 1013904223;
		j = (unsigned)((uint64_t)random * (i + 1) >> 32);
		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

/* Every pair has come over TLS often enough. */
static void fill(struct history *h, const unsigned *order, unsigned pairs)
{
	int64_t now = clock_wall();
	struct sender s;

	for (uint64_t i = 0; i < pairs; i++) {
		if (i % HISTORY_BATCH == 0 && history_begin(h) != STORE_OK)
			die("cannot begin");
		sender_of(order[i], "customer", &s);
		for (unsigned j = 0; j < MIN; j++)
			note(h, &s, now);
		if (((i + 1) % HISTORY_BATCH == 0 || i + 1 == pairs) &&
		    history_commit(h) != STORE_OK)
			die("cannot commit");
	}
}

/* ---- verdicts ---------------------------------------------------------- */

static void make_senders(struct bench *b)
{
	uint32_t random = 1;

	b->senders = calloc(SENDERS, sizeof(*b->senders));
	if (!b->senders)
		die("out of memory");
	for (unsigned i = 0; i < SENDERS; i++) {
		random = random * 1664525 + 1013904223;
		sender_of((unsigned)((uint64_t)random * b->pairs >> 32),
		    i % 2 ? "stranger" : "customer", &b->senders[i]);
	}
}

static void make_rules(struct bench *b)
{
	static struct rule *rules[1];

	rules[0] = rule_new("downgrade");
	if (!rules[0])
		die("out of memory");
	rules[0]->history_downgrade = true;
	rules[0]->action = ACTION_DEFER;
	b->rules = (struct ruleset){ .rules = rules, .n = 1 };
}

/* Judge one message as a door does: look the sender up, try the rules. */
static void judge(struct bench *b, struct history *h,
    const struct sender *sender, int64_t now)
{
	const struct pair_limits limits = { MIN, 30 };
	struct session_facts s = { .client = sender->client,
		.tls = { .state = TLS_ENCRYPTED, .version = "TLSv1.3",
			.cipher = "TLS_AES_256_GCM_SHA384", .bits = 256 } };
	struct message_facts m = { .from = "a@",
		.from_domain = sender->domain };
	struct rcpt_facts r = { .to = "b@example.com",
		.to_domain = "example.com" };
	struct verdict v;

	history_look(h, sender->domain, &sender->client, &limits, now,
	    &m.history);
	verdict_decide(&b->rules, &s, &m, &r, false, NULL, NULL, &v);
	b->checksum += v.action + m.history.tls;
}

static uint64_t turn(struct bench *b, struct history *h)
{
	int64_t end = cpu_ms() + b->turn_ms, now = clock_wall();
	uint64_t n = 0;

	do {
		for (unsigned i = 0; i < 1024; i++)
			judge(b, h, &b->senders[n++ % SENDERS], now);
	} while (cpu_ms() < end);
	return n;
}

static void run(struct bench *b)
{
	uint64_t empty = 0, full = 0, before, after_fill, after;
	struct history_stat st;
	uint32_t random = 7;
	int64_t start, fill_ms, note_ms;

	turn(b, b->empty);
	before = own_memory();
	start = cpu_ms();
	fill(b->full, b->order, b->pairs);
	fill_ms = cpu_ms() - start;
	after_fill = own_memory();
	for (unsigned i = 0; i < TURNS; i++) {
		empty += turn(b, b->empty);
		full += turn(b, b->full);
	}
	start = cpu_ms();
	note_many(b->full, 100000 / HISTORY_BATCH * HISTORY_BATCH, b->pairs,
	    &random);
	note_ms = cpu_ms() - start + 1;
	after = own_memory();
	history_stat(b->full, &st);
	printf("{\"pairs\": %u, \"bytes_per_pair\": %.1f, "
	    "\"verdicts_full\": %.0f, \"verdicts_empty\": %.0f, "
	    "\"ratio\": %.3f, \"fill_ms\": %lld, \"notes_per_second\": %.0f, "
	    "\"own_memory_fill\": %lld, \"own_memory_all\": %lld, "
	    "\"checksum\": %llu}\n", b->pairs,
	    (double)st.used / (double)st.entries,
	    (double)full * 1e3 / (double)(TURNS * b->turn_ms),
	    (double)empty * 1e3 / (double)(TURNS * b->turn_ms),
	    (double)full / (double)empty, (long long)fill_ms,
	    1e3 * 100000 / (double)note_ms,
	    (long long)(after_fill - before), (long long)(after - before),
	    (unsigned long long)b->checksum);
}

static int fill_only(const char *dir, const char *pairs)
{
	struct history *h = open_history(dir);
	unsigned *order;
	uint64_t n;

	if (!str_to_u64(pairs, 10000000, &n))
		die("PAIRS is no number");
	order = shuffled((unsigned)n);
	fill(h, order, (unsigned)n);
	free(order);
	history_sync(h);
	history_close(h);
	return 0;
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = { HISTORY_FILE,
		HISTORY_FILE "-lock" };
	char path[600];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR") ? : "/tmp";
	char dir[2][256];
	uint64_t pairs = 100000, seconds = 5;
	struct bench b = { 0 };

	if (argc == 4 && strcmp(argv[1], "fill") == 0)
		return fill_only(argv[2], argv[3]);
	if (argc > 3 || (argc > 1 && (!str_to_u64(argv[1], 10000000, &pairs) ||
	    !pairs)) || (argc > 2 && (!str_to_u64(argv[2], 3600, &seconds) ||
	    !seconds))) {
		fprintf(stderr, "usage: bench-history [PAIRS [SECONDS]]\n"
		    "       bench-history fill DIR PAIRS\n");
		return 64;
	}
	for (size_t i = 0; i < 2; i++) {
		snprintf(dir[i], sizeof(dir[i]), "%s/bench-history-XXXXXX",
		    tmp);
		if (!mkdtemp(dir[i]))
			die("cannot make a folder");
	}
	b.pairs = (unsigned)pairs;
	b.turn_ms = (int64_t)(seconds * 1000 / (2 * TURNS));
	b.empty = open_history(dir[0]);
	b.full = open_history(dir[1]);
	b.order = shuffled(b.pairs);
	make_senders(&b);
	make_rules(&b);
	run(&b);
	rule_free(b.rules.rules[0]);
	free(b.senders);
	free(b.order);
	for (size_t i = 0; i < 2; i++) {
		history_close(i ? b.full : b.empty);
		remove_dir(dir[i]);
	}
	return 0;
}
