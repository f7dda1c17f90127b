/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-partners - what a partner list costs.
 *
 *	bench-partners [DOMAINS [SECONDS]]
 *
 * Reads a list of so many domains from JSON, each with a mail host of its
 * own, and one of a single domain; then judges messages that came over TLS
 * from random senders, every tenth of them listed, by a rule with one list
 * and the same rule with the other, turn by turn in one run. (To refuse one
 * costs more than either list, for the wording.) Prints one JSON object:
 * sizes in bytes, memory as the private memory of the process grew from
 * before the list was read until its JSON was freed; "ratio" is verdicts a
 * second with the large list to those with the small one.
 */
#include "config.h"

#include <malloc.h>

#include "policy/partners.h"
#include "policy/verdict.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/str.h"

#define TURNS 10
#define NAMES 65536	/* senders prepared before the clock starts */
#define JSON_MAX PARTNERS_JSON_MAX

struct bench {
	unsigned domains;
	int64_t turn_ms;
	char (*names)[64];
	struct ruleset rules;
	struct rule *rule;
	uint64_t checksum;	/* so that no verdict is optimised away */
};

static void die(const char *what)
{
	fprintf(stderr, "bench-partners: %s\n", what);
	exit(1);
}

/* Milliseconds of processor time, which others do not take away. */
static int64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void write_list(unsigned domains, struct buf *json)
{
	buf_adds(json, "{\"schema\":\"tlsmilter/partners-1\",\"author\":\"A\","
	    "\"timestamp\":\"2026-01-01T00:00:00Z\","
	    "\"expires\":\"9999-01-01T00:00:00Z\",\"domains\":{");
	for (unsigned i = 0; i < domains; i++)
		buf_addf(json, "%s\n\"customer-%06u.example\":{\"mode\":"
		    "\"enforce\",\"mx\":[\"mx.customer-%06u.example\"]}",
		    i ? "," : "", i, i);
	buf_adds(json, "}}\n");
}

/* Private bytes of this process. */
static uint64_t private_memory(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	unsigned long long kib, sum = 0;
	char line[256];

	if (!f)
		die("no /proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_%*[A-Za-z]: %llu kB", &kib) == 1)
			sum += kib * 1024;
	fclose(f);
	return sum;
}

static struct partners *make_list(unsigned domains, size_t *json_r,
    int64_t *ms_r)
{
	struct partners *p;
	struct buf json, err;
	int64_t start;

	buf_init(&json, JSON_MAX);
	buf_init(&err, 1000);
	write_list(domains, &json);
	start = cpu_ms();
	p = partners_read("list", buf_str(&json), json.len, &err);
	if (!p)
		die(buf_str(&err));
	*ms_r = cpu_ms() - start;
	*json_r = json.len;
	buf_clear(&json);
	buf_clear(&err);
	return p;
}

static void make_names(struct bench *b)
{
	uint32_t random = 1;

	b->names = calloc(NAMES, sizeof(*b->names));
	if (!b->names)
		die("out of memory");
	for (unsigned i = 0; i < NAMES; i++) {
		random = random * 1664525 + 1013904223;
		snprintf(b->names[i], sizeof(*b->names), "%s-%06u.example",
		    i % 10 ? "stranger" : "customer",
		    (unsigned)((uint64_t)random * b->domains >> 32));
	}
}

static void make_rules(struct bench *b)
{
	static struct rule *rules[1];

	b->rule = rule_new("partners");
	if (!b->rule)
		die("out of memory");
	b->rule->list = strdup("partners");
	b->rule->list_index = 0;
	b->rule->action = ACTION_REJECT;
	rules[0] = b->rule;
	b->rules = (struct ruleset){ .rules = rules, .n = 1 };
}

/* Judge one message as a door does: look the sender up, try the rules. */
static void judge(struct bench *b, const struct partners *p,
    const char *domain, int64_t now)
{
	struct session_facts s = { .tls = { .state = TLS_ENCRYPTED,
		.version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384",
		.bits = 256 } };
	struct message_facts m = { .from = "a@", .from_domain = domain };
	struct rcpt_facts r = { .to = "b@example.com",
		.to_domain = "example.com" };
	struct partner found;
	struct verdict v;

	if (partners_find(p, domain, now, &found)) {
		m.listed[0].mode = LISTED_ENFORCE;
		m.listed[0].min_version = found.min_version;
	}
	verdict_decide(&b->rules, &s, &m, &r, false, NULL, NULL, &v);
	b->checksum += v.action;
}

/* Verdicts in a second of processor time, for one turn. */
static double turn(struct bench *b, const struct partners *p)
{
	int64_t now = clock_wall(), start = cpu_ms(), end = start;
	uint64_t n = 0;

	while (end - start < b->turn_ms) {
		for (unsigned i = 0; i < 1000; i++)
			judge(b, p, b->names[(n + i) % NAMES], now);
		n += 1000;
		end = cpu_ms();
	}
	return (double)n * 1000 / (double)(end - start);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	double large_rate[TURNS], small_rate[TURNS], ratio[TURNS];
	struct partners *large, *small, *again;
	struct bench b = { .domains = 50000, .turn_ms = 500 };
	uint64_t value, before, after;
	int64_t read_ms, small_ms, open_ms;
	size_t json, small_json, blob;
	struct buf err = { .max = 1000 };
	const void *data;

	if (argc > 1 && str_to_u64(argv[1], PARTNERS_DOMAINS_MAX, &value))
		b.domains = (unsigned)value;
	if (argc > 2 && str_to_u64(argv[2], 3600, &value))
		b.turn_ms = (int64_t)value * 1000 / (2 * TURNS);
	small = make_list(1, &small_json, &small_ms);
	make_names(&b);
	make_rules(&b);
	malloc_trim(0);
	before = private_memory();
	large = make_list(b.domains, &json, &read_ms);
	after = private_memory();
	data = partners_data(large, &blob);
	open_ms = cpu_ms();
	again = partners_open(data, blob, NULL, NULL, &err);
	open_ms = cpu_ms() - open_ms;
	for (int i = 0; i < TURNS; i++) {
		large_rate[i] = turn(&b, large);
		small_rate[i] = turn(&b, small);
		ratio[i] = large_rate[i] / small_rate[i];
	}
	printf("{\"domains\": %u, \"json\": %zu, \"compiled\": %zu, "
	    "\"per_domain\": %.1f, \"private_memory\": %lld, "
	    "\"read_ms\": %lld, \"open_ms\": %lld, "
	    "\"verdicts_per_second\": %.0f, \"ratio\": %.3f, "
	    "\"checksum\": %llu}\n", b.domains, json, blob,
	    (double)blob / (double)b.domains,
	    (long long)(after - before), (long long)read_ms,
	    (long long)open_ms, median(large_rate, TURNS),
	    median(ratio, TURNS), (unsigned long long)b.checksum);
	partners_unref(again);
	partners_unref(large);
	partners_unref(small);
	rule_free(b.rule);
	free(b.names);
	return 0;
}
