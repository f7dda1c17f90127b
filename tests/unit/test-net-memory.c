/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every allocation on the way of a lookup fails once: somebody is told,
 * nothing leaks (which a build with sanitizers sees), nothing hangs.
 */
#include "config.h"

#include <poll.h>

#include "mtasts/ctx.h"
#include "mtasts/dane.h"
#include "mtasts/dns.h"
#include "mtasts/dnswire.h"
#include "mtasts/evloop.h"
#include "mtasts/mtasts.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/chan.h"

#define WALK_MAX 2000

/* A root of nobody's: its key was thrown away. */
static const char ca_text[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfzCCASWgAwIBAgIUMqX8ApG9I4JrB3KhmQCpcPFZCE8wCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJVGVzdCBSb290MCAXDTI2MTEyMTIyNDAyMVoYDzIxMjYxMDI4\n"
    "MjI0MDIxWjAUMRIwEAYDVQQDDAlUZXN0IFJvb3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATyKopY9uQyVSsIRK2Nu8AEkks+P45UZfVneAGruQz1znqcaZ9NtKlp\n"
    "bCcYV4Fli7EsAoYV8GMk4hufqeagFMgao1MwUTAdBgNVHQ4EFgQU0/DnZ6TYODxo\n"
    "pqEnQeX/HY8PSOYwHwYDVR0jBBgwFoAU0/DnZ6TYODxopqEnQeX/HY8PSOYwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB1w6SEZ0tcPZd9YJ1bNZjr\n"
    "sQYTkKHCWaqp28QRd/rXZAIhAOVgqko43rXybcMmE2tsBLTfK3yzSfhsmZw1rmsF\n"
    "omkX\n"
    "-----END CERTIFICATE-----\n";

/* Run the operation; true when it succeeded. */
typedef bool operation(void);

static unsigned walk(operation *run)
{
	unsigned n = 0;
	bool struck;

	do {
		failmalloc_set(++n);
		run();
		struck = failmalloc_struck();
		failmalloc_set(0);
	} while (struck && n < WALK_MAX);
	CU_ASSERT(run());
	return n - 1;
}

static bool parse_answer(void)
{
	/* The root is an alias of "x", which has the TXT records "a" and
	 * "b". */
	static const char packet[] =
	    "\0\1\201\200\0\1\0\3\0\0\0\0" "\0\0\20\0\1"
	    "\0\0\5\0\1\0\0\0\74\0\3\1x\0"
	    "\1x\0\0\20\0\1\0\0\0\74\0\2\1a"
	    "\1x\0\0\20\0\1\0\0\0\74\0\2\1b";
	struct dns_answer a;
	bool good;

	if (!dns_answer_parse(packet, sizeof(packet) - 1, DNS_TXT, &a))
		return false;
	good = a.status == DNS_FOUND && a.n == 2 &&
	    strcmp(a.canonical, "x") == 0;
	dns_answer_clear(&a);
	return good;
}

static bool send_message(void)
{
	struct chan *a, *b;
	char text[10000] = "";
	const void *data;
	unsigned type;
	size_t len;
	int fds[2], fd;
	bool good;

	if (chan_pair(fds) < 0)
		return false;
	a = chan_new(fds[0], 100000);
	b = chan_new(fds[1], 100000);
	good = a && b && chan_send(a, 1, text, sizeof(text), -1) &&
	    chan_recv(b, &type, &data, &len, &fd) == 1 &&
	    len == sizeof(text);
	if (!a)
		close(fds[0]);
	if (!b)
		close(fds[1]);
	chan_free(a);
	chan_free(b);
	return good;
}

struct outcome {
	unsigned calls;
	enum mtasts_error error;
};

static void on_result(void *arg, const struct mtasts_result *r)
{
	struct outcome *o = arg;

	o->calls++;
	o->error = r->error;
}

static struct mtasts_ctx *open_ctx(enum mtasts_dnssec dnssec)
{
	/* Nobody listens on this port: DNS fails. */
	static const char *const servers[] = { "127.0.0.1@1", NULL };
	struct mtasts_options o = {
		.dns_servers = servers, .dns_timeout_ms = 1, .https_timeout_ms = 50,
		.dnssec = dnssec,
		.trust_anchor_text = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B"
		    "0D7C65D08458E880409BBC683457104237C7F8EC8D",
		.ca_text = ca_text,
		.proxy = "http://127.0.0.1:1",
	};
	char err[200] = "";
	struct mtasts_ctx *ctx = mtasts_ctx_new(&o, err, sizeof(err));

	CU_ASSERT((ctx == NULL) == (err[0] != '\0'));
	return ctx;
}

/* One lookup to its end, which is that nobody listens; another cancelled.
 * True when both went that way. */
static bool look_up_with(enum mtasts_dnssec dnssec)
{
	struct mtasts_ctx *ctx = open_ctx(dnssec);
	struct outcome o = { 0, MTASTS_OK };
	enum mtasts_error error;
	unsigned expected;
	bool good;

	if (!ctx)
		return false;
	error = mtasts_lookup_start(ctx, "a.example", "1",
	    MTASTS_LOOKUP_REFETCH, on_result, &o);
	expected = error == MTASTS_OK;
	CU_ASSERT_EQUAL(o.calls, 0);
	while (o.calls < expected) {
		struct pollfd p = { mtasts_ctx_fd(ctx), POLLIN, 0 };

		poll(&p, 1, mtasts_ctx_timeout(ctx));
		mtasts_ctx_process(ctx);
	}
	good = o.error == MTASTS_E_CONNECT;
	expected += mtasts_lookup_start(ctx, "b.example", NULL,
	    MTASTS_LOOKUP_REFETCH, on_result, &o) == MTASTS_OK;
	mtasts_ctx_free(ctx);
	CU_ASSERT_EQUAL(o.calls, expected);
	return good && expected == 2 && o.error == MTASTS_E_CANCELLED;
}

static bool look_up(void)
{
	return look_up_with(MTASTS_DNSSEC_OFF);
}

static bool look_up_validated(void)
{
	return look_up_with(MTASTS_DNSSEC_VALIDATE);
}

static bool look_up_trusted(void)
{
	return look_up_with(MTASTS_DNSSEC_TRUST_AD);
}

struct dane_outcome_seen {
	unsigned calls;
	bool with_machine;
};

static void on_dane(void *arg, const struct danestate *s)
{
	struct dane_outcome_seen *seen = arg;

	seen->calls++;
	seen->with_machine = s != NULL;
}

/* One lookup to its end, which is that nothing can be validated; another
 * given up. True when both went that way. */
static bool look_up_dane(void)
{
	struct mtasts_ctx *ctx = open_ctx(MTASTS_DNSSEC_VALIDATE);
	struct dane_next_hop hop = { "a.example", true, 25, 60000 };
	struct dane_outcome_seen seen = { 0, true };
	struct dane_lookup *first, *second;

	if (!ctx)
		return false;
	first = dane_lookup_start(ctx->loop, ctx->dns, &hop, on_dane, &seen);
	second = dane_lookup_start(ctx->loop, ctx->dns, &hop, on_dane, &seen);
	CU_ASSERT_EQUAL(seen.calls, 0);
	dane_lookup_cancel(second);
	while (first && seen.calls == 0)
		evloop_wait(ctx->loop, -1);
	CU_ASSERT_EQUAL(seen.calls, first != NULL);
	mtasts_ctx_free(ctx);
	return first && second && !seen.with_machine;
}

static void write_resolv_conf(struct tmpdir *dir)
{
	FILE *f;

	tmpdir_make(dir);
	f = fopen(tmpdir_path(dir, "resolv.conf"), "w");
	CU_ASSERT_FATAL(f != NULL);
	/* Nobody answers at this address. */
	fputs("nameserver 127.255.255.254\nnameserver ::1\n", f);
	fclose(f);
}

/* The servers of resolv.conf are tested; true when that failed. */
static bool test_mta(void)
{
	static const char *const servers[] = { "127.0.0.1@1", NULL };
	struct tmpdir dir;
	struct evloop *loop = evloop_new();
	struct dns_options o = { .servers = servers, .timeout_ms = 20,
		.mta_test = true };
	struct dns *d = NULL;
	const char *why = "";
	struct buf err;
	bool good;

	write_resolv_conf(&dir);
	o.resolv_conf = tmpdir_path(&dir, "resolv.conf");
	buf_init(&err, 200);
	if (loop)
		d = dns_new(loop, &o, &err);
	CU_ASSERT(!loop || (d == NULL) == (err.len > 0 || err.failed));
	while (d && dns_mta(d, &why) == DNS_MTA_TESTING)
		evloop_wait(loop, -1);
	good = d && dns_mta(d, NULL) == DNS_MTA_NO_AD && *why;
	dns_free(d);
	if (loop)
		evloop_free(loop);
	buf_clear(&err);
	tmpdir_remove(&dir);
	return good;
}

static void answers(void)
{
	CU_ASSERT(walk(parse_answer) > 2);
}

static void messages(void)
{
	CU_ASSERT(walk(send_message) > 4);
}

static void lookups(void)
{
	CU_ASSERT(walk(look_up) > 10);
}

static void validated_lookups(void)
{
	CU_ASSERT(walk(look_up_validated) > 10);
}

static void trusted_lookups(void)
{
	CU_ASSERT(walk(look_up_trusted) > 10);
}

static void dane_lookups(void)
{
	CU_ASSERT(walk(look_up_dane) > 10);
}

static void tests_of_the_mta(void)
{
	CU_ASSERT(walk(test_mta) > 15);
}

static const struct unit_test tests[] = {
	{ "answers", answers },
	{ "messages", messages },
	{ "lookups", lookups },
	{ "validated lookups", validated_lookups },
	{ "lookups that trust AD", trusted_lookups },
	{ "DANE lookups", dane_lookups },
	{ "tests of what the MTA gets", tests_of_the_mta },
};

UNIT_MAIN("net-memory", tests)
