/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-outbound - what one answer of the socketmap costs, step by step,
 * without sockets.
 *
 *	bench-outbound [RECORDS [SECONDS]]
 *
 * Fills a cache in a new directory under $TMPDIR with policies, and answers
 * requests about them: the frame is read, then the key, the record is looked
 * up, the answer decided, and the reply written. Prints one JSON object of
 * nanoseconds: each step's, as the difference of runs that stop behind it
 * and before it, turn by turn, and of all of them.
 */
#include "config.h"

#include <unistd.h>

#include "conf/bundle.h"
#include "conf/outgoing.h"
#include "mtasts/cache.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/netstring.h"
#include "util/str.h"

#define TURNS 10
#define MAP_SIZE ((uint64_t)2 * 1024 * 1024 * 1024)

enum step { STEP_FRAME, STEP_KEY, STEP_LOOK_UP, STEP_DECIDE, STEP_REPLY,
	STEPS };
static const char *const step_names[STEPS] = {
	"frame", "key", "look_up", "decide", "reply",
};

struct bench {
	char dir[256];
	unsigned records;
	int64_t turn_ms;
	struct conf *conf;
	struct cache *cache;
	struct netstring reader;
	struct buf requests;	/* one behind the other */
	size_t *ends;
	unsigned next;
	enum step last;		/* how far this run goes */
	struct nexthop hop;
	int64_t now;
	struct buf value, out;
	struct outgoing_answer answer;
	uint64_t checksum;	/* so that nothing is optimised away */
};

static void die(const char *what)
{
	fprintf(stderr, "bench-outbound: %s\n", what);
	exit(1);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

/* ---- before the clock starts ------------------------------------------- */

static void add_policy(struct bench *b, const char *domain)
{
	struct buf patterns = { .max = 600 }, text = { .max = 2000 };
	struct record rec = { .kind = RECORD_POLICY, .mode = MTASTS_ENFORCE,
		.max_age = 604800, .fetched = b->now, .checked = b->now,
		.expires = b->now + 604800, .check_after = b->now + 86400,
		.refetch_after = b->now + 86400, .used = b->now, .id = "1",
		.failed_id = "", .mx = "", .rua = "" };

	buf_addf(&patterns, "mx1.%s mx2.%s", domain, domain);
	buf_addf(&text, "version: STSv1\r\nmode: enforce\r\nmx: mx1.%s\r\n"
	    "mx: mx2.%s\r\nmax_age: 604800\r\n", domain, domain);
	rec.patterns = buf_str(&patterns);
	rec.text = buf_str(&text);
	need(cache_put(b->cache, domain, &rec) == STORE_OK, "cache_put");
	buf_clear(&patterns);
	buf_clear(&text);
}

static void fill(struct bench *b)
{
	struct cache_options o = { .state_dir = b->dir, .size = MAP_SIZE };
	struct buf err = { .max = 1000 };
	enum store_error e;
	char domain[64], request[80];

	b->cache = cache_open(&o, &err, &e);
	need(b->cache != NULL, buf_str(&err));
	need(cache_begin(b->cache) == STORE_OK, "cache_begin");
	for (unsigned n = 0; n < b->records; n++) {
		/* in an order that no index likes */
		unsigned i = (unsigned)((uint64_t)n * 7919 % b->records);

		snprintf(domain, sizeof(domain), "%c%06u.example",
		    'a' + i % 26, i);
		add_policy(b, domain);
		snprintf(request, sizeof(request), "postfix %s", domain);
		netstring_add(&b->requests, request, strlen(request));
		b->ends[n] = b->requests.len;
	}
	need(cache_commit(b->cache) == STORE_OK, "cache_commit");
	need(!b->requests.failed, "out of memory");
}

static void set_up(struct bench *b)
{
	struct conf_messages messages = { .n = 0 };
	struct bundle *bundle = bundle_new();
	const char *tmp = getenv("TMPDIR");

	need(bundle != NULL, "out of memory");
	b->conf = conf_load(NULL, bundle, &messages);
	need(b->conf != NULL, "no configuration");
	conf_messages_clear(&messages);
	bundle_free(bundle);
	b->now = clock_wall();
	netstring_init(&b->reader, SOCKETMAP_REQUEST_MAX);
	buf_init(&b->requests, (size_t)1 << 30);
	buf_init(&b->value, SOCKETMAP_REPLY_MAX);
	buf_init(&b->out, SOCKETMAP_REPLY_MAX + 100);
	b->ends = mem_array(b->records, sizeof(*b->ends));
	need(b->ends != NULL, "out of memory");
	snprintf(b->dir, sizeof(b->dir), "%s/tlsmilter-bench-XXXXXX",
	    tmp ? tmp : "/tmp");
	need(mkdtemp(b->dir) != NULL, "mkdtemp");
	fill(b);
}

static void remove_dir(struct bench *b)
{
	static const char *const names[] = { "policies.mdb",
		"policies.mdb-lock", "volatile.mdb", "volatile.mdb-lock",
		"dane.mdb", "dane.mdb-lock" };
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->dir, names[i]);
		unlink(path);
	}
	rmdir(b->dir);
}

/* ---- one answer -------------------------------------------------------- */

static void look(void *arg, const struct record *rec)
{
	struct bench *b = arg;
	struct outgoing_known known = { .hop = &b->hop, .rec = rec,
		.now = b->now };

	if (b->last >= STEP_DECIDE)
		outgoing_decide(b->conf, DIALECT_POSTFIX, &known, &b->value,
		    &b->answer);
	else
		b->checksum += (uint64_t)rec->expires;
}

static void answer(struct bench *b)
{
	size_t at = b->next ? b->ends[b->next - 1] : 0, used, len;
	struct socketmap_request request;
	const char *payload;

	need(netstring_feed(&b->reader, b->requests.data + at,
	    b->ends[b->next] - at, &used, &payload, &len) == NETSTRING_DONE &&
	    socketmap_request_read(payload, len, &request), "frame");
	b->next = b->next + 1 < b->records ? b->next + 1 : 0;
	b->checksum += request.key_len;
	if (b->last < STEP_KEY)
		return;
	need(nexthop_parse(request.key, request.key_len, &b->hop), "key");
	if (b->last < STEP_LOOK_UP)
		return;
	buf_reset(&b->value);
	need(cache_get(b->cache, b->hop.domain, look, b) == STORE_OK, "get");
	if (b->last < STEP_REPLY)
		return;
	need(b->answer.tls.status == SOCKETMAP_OK, "answer");
	buf_reset(&b->out);
	need(socketmap_reply(&b->out, b->answer.tls.status,
	    buf_str(&b->value)) == SOCKETMAP_OK, "reply");
	b->checksum += b->out.len;
}

/* ---- the clock --------------------------------------------------------- */

/* Nanoseconds of an answer that goes so far. */
static double cost(struct bench *b, enum step last)
{
	int64_t begun = clock_mono_ms(), passed;
	uint64_t n = 0;

	b->last = last;
	do {
		for (unsigned i = 0; i < 1000; i++)
			answer(b);
		n += 1000;
		passed = clock_mono_ms() - begun;
	} while (passed < b->turn_ms);
	return (double)passed * 1e6 / (double)n;
}

/* The least of the turns is the one that others disturbed least. */
static void measure(struct bench *b)
{
	double least[STEPS] = { 0 }, before = 0;

	for (unsigned t = 0; t < TURNS; t++)
		for (enum step s = 0; s < STEPS; s++) {
			double ns = cost(b, s);

			if (t == 0 || ns < least[s])
				least[s] = ns;
		}
	printf("{\"schema\":\"tlsmilter/bench-outbound-1\",\"records\":%u",
	    b->records);
	for (enum step s = 0; s < STEPS; s++) {
		printf(",\"%s_ns\":%.0f", step_names[s], least[s] - before);
		before = least[s];
	}
	printf(",\"all_ns\":%.0f,\"checksum\":%llu}\n", before,
	    (unsigned long long)b->checksum);
}

int main(int argc, char **argv)
{
	uint64_t records = 10000, seconds = 5;
	struct bench b = { .next = 0 };

	if ((argc > 1 && (!str_to_u64(argv[1], 999999, &records) ||
	    records == 0)) || (argc > 2 && !str_to_u64(argv[2], 3600,
	    &seconds)))
		die("usage: bench-outbound [RECORDS [SECONDS]]");
	b.records = (unsigned)records;
	b.turn_ms = (int64_t)seconds * 1000 / (TURNS * STEPS);
	set_up(&b);
	measure(&b);
	cache_close(b.cache);
	remove_dir(&b);
	conf_unref(b.conf);
	return 0;
}
