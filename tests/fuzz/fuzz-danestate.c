/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Input: a byte for the next hop, then six bytes for each answer: which of
 * the open questions it is for, its status, whether it is secure and an
 * alias, how many records, what they hold, and the TTL.
 */
#include "config.h"

#include "mtasts/danestate.h"
#include "tests/fuzz/fuzz.h"

#define STEP 6
#define RECORDS_MAX 40

const char fuzz_name[] = "danestate";

static void make_record(struct dns_record *r, char *data, enum dns_type type,
    unsigned n, unsigned seed)
{
	memset(data, 0, 64);
	r->data = data;
	r->priority = (n * 7 + seed) % 11;
	if (type == DNS_TLSA) {
		data[0] = (char)(seed % 5);
		data[1] = (char)((seed / 5 + n) % 3);
		data[2] = (char)(seed / 15 % 4);
		r->len = seed % 7 == 6 ? n % 4 : 35;
	} else if (seed % 16 == n) {
		r->len = 0;	/* the root */
	} else {
		r->len = (size_t)snprintf(data, 64, seed % 16 == n + 1 ?
		    "192.0.2.%u" : "mx%u.example", n * (seed % 3));
	}
}

static void give_answer(struct danestate *s, const struct dane_question *q,
    const uint8_t *in)
{
	static char data[RECORDS_MAX][64];
	struct dns_record records[RECORDS_MAX] = { { .len = 0 } };
	struct dns_answer a = {
		.status = (enum dns_status)(in[1] % (DNS_TIMEOUT + 1)),
		.records = records, .ttl = in[5],
	};

	if (a.status <= DNS_NXDOMAIN) {
		a.secure = in[2] & 1;
		a.alias = in[2] & 2;
		if (a.alias && in[2] & 4)
			snprintf(a.canonical, sizeof(a.canonical),
			    "t%u.example", in[2] / 8);
		a.truncated = in[2] == 255;
	}
	a.n = a.status == DNS_FOUND ? in[3] % RECORDS_MAX : 0;
	for (unsigned i = 0; i < a.n; i++)
		make_record(&records[i], data[i], q->type, i, in[4]);
	danestate_answer(s, q->id, &a);
}

static void check_question(const struct dane_question *q, unsigned port)
{
	char prefix[32];
	int n = snprintf(prefix, sizeof(prefix), "_%u._tcp.", port);

	FUZZ_CHECK(q->id < DANE_QUESTIONS_MAX);
	FUZZ_CHECK(*q->name && strlen(q->name) <= 253);
	FUZZ_CHECK((q->type == DNS_TLSA) ==
	    (strncmp(q->name, prefix, (size_t)n) == 0));
}

/* What the outcome says of the hosts. */
static void check_result(const struct danestate *s)
{
	size_t n[DANE_HOST_TLSA_ERROR + 1] = { 0 };
	struct dane_result r;

	danestate_result(s, &r);
	FUZZ_CHECK(r.hosts <= DANE_HOSTS_MAX && r.ttl <= 255);
	for (size_t i = 0; i < r.hosts; i++) {
		struct dane_host_result h, before;

		danestate_host(s, i, &h);
		n[h.state]++;
		FUZZ_CHECK(*h.name && (h.base != NULL) ==
		    (h.state == DANE_HOST_USABLE ||
		    h.state == DANE_HOST_UNUSABLE));
		if (i == 0)
			continue;
		danestate_host(s, i - 1, &before);
		FUZZ_CHECK(before.priority <= h.priority);
	}
	FUZZ_CHECK(n[DANE_HOST_PENDING] == 0);
	if (r.outcome == DANE_ALL)
		FUZZ_CHECK(r.mx_secure && n[DANE_HOST_USABLE] > 0 &&
		    n[DANE_HOST_UNUSABLE] + n[DANE_HOST_NO_TLSA] == 0);
	if (r.outcome == DANE_NONE)
		FUZZ_CHECK(n[DANE_HOST_USABLE] + n[DANE_HOST_UNUSABLE] +
		    n[DANE_HOST_TLSA_ERROR] == 0);
	if (r.outcome == DANE_ERROR)
		FUZZ_CHECK(n[DANE_HOST_USABLE] + n[DANE_HOST_UNUSABLE] +
		    n[DANE_HOST_NO_TLSA] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dane_question open[DANE_QUESTIONS_MAX];
	unsigned port, n = 0, asked = 0;
	struct danestate *s;

	if (size < 1)
		return 0;
	port = data[0] & 2 ? 587 : 25;
	s = danestate_new("example.com", data[0] & 1, port);
	if (!s)
		return 0;
	for (size_t at = 1; at + STEP <= size && !danestate_done(s);
	    at += STEP) {
		unsigned i;

		while (n < DANE_QUESTIONS_MAX && danestate_next(s, &open[n])) {
			check_question(&open[n++], port);
			FUZZ_CHECK(++asked <= DANE_QUESTIONS_MAX +
			    DANE_HOSTS_MAX);
		}
		FUZZ_CHECK(n > 0);	/* else it would never end */
		i = data[at] % n;
		give_answer(s, &open[i], data + at);
		open[i] = open[--n];
	}
	danestate_expire(s);
	FUZZ_CHECK(danestate_done(s));
	check_result(s);
	danestate_free(s);
	return 0;
}
