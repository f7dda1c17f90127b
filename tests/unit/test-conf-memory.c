/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever allocation fails while a configuration is loaded: it is refused,
 * or it is complete. A reload under memory pressure must not bring half a
 * configuration into force.
 */
#include "config.h"

#include <unistd.h>

#include "conf/conf.h"
#include "policy/partners.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

static const char text[] =
    "mode = enforce user = mail milter = unix:/run/x\n"
    "hosted_domains = {\"example.com\", \"file:/domains\"}\n"
    "mx_names = {mx1.example.com, mx2.example.com}\n"
    "relays = {\"192.0.2.0/28\", \".example.net\"}\n"
    "dns { servers = \"192.0.2.53\" }\n"
    "socketmap = {\"inet:8461@127.0.0.1\"} postfix { version = 3.10 }\n"
    "destination \".example.net\" { level = verify match = hostname }\n"
    "destination \"Example.net:25\" { level = secure\n"
    "  match = {mx.example.net, \".b.example\"} }\n"
    "exempt { from = {\"a@example.org\"} to = {} }\n"
    "listener \"l\" { match = 10465 tls = unknown }\n"
    "list \"p\" { file = \"/partners\" }\n"
    "list \"u\" { url = \"https://l.example.org/\" }\n"
    "rule \"p\" { list = p require = tls }\n"
    "rule \"a\" { client = \"192.0.2.7\" require = none }\n"
    "rule \"b\" { from = {\"bank.example\", \".bank.example\"}\n"
    "  listener = 25 require = tls1.2 deny_cipher = RC4\n"
    "  cert_name = mx.bank.example action = reject\n"
    "  reply = \"550 5.7.10 No\" }\n"
    "rule \"c\" { from_policy = enforce require = tls action = defer }\n";
static const char partners[] =
    "{\"schema\":\"tlsmilter/partners-1\",\"author\":\"A\",\n"
    "\"timestamp\":\"2026-01-01T00:00:00Z\","
    "\"expires\":\"9999-01-01T00:00:00Z\",\n"
    "\"aliases\":{\"h\":{\"mode\":\"enforce\","
    "\"mx\":[\"*.h.example\"]}},\n"
    "\"domains\":{\"a.example\":{\"mode\":\"testing\","
    "\"mx\":[\"a.example\",\"b.example\"]},"
    "\"b.example\":{\"alias\":\"h\"}}}";
static const char domains[] = "example.net=enforce\nexample.org\n";

#define RUNS_MAX 20000

static char *dump(const struct conf *c)
{
	struct buf out;

	buf_init(&out, 100000);
	conf_dump(c, &out);
	return buf_steal(&out);
}

static struct bundle *make_bundle(void)
{
	struct bundle *b = bundle_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT(bundle_add_text(b, "/c", text, strlen(text)));
	CU_ASSERT(bundle_add_text(b, "/partners", partners,
	    strlen(partners)));
	CU_ASSERT(bundle_add_text(b, "/domains", domains, strlen(domains)));
	return b;
}

static bool list_is_whole(const struct partners *p)
{
	struct partner a, b;

	return partners_find(p, "a.example", 0, &a) &&
	    partners_find(p, "b.example", 0, &b) &&
	    a.mode == PARTNER_TESTING && b.mode == PARTNER_ENFORCE &&
	    strcmp(a.mx, "a.example b.example") == 0 &&
	    strcmp(b.mx, "*.h.example") == 0;
}

static bool outbound_is_whole(const struct conf *c)
{
	const struct tlspolicy_override *ov;
	const char *title;
	struct nexthop hop;

	if (!nexthop_parse("example.net", 11, &hop))
		return false;
	ov = conf_destination_find(c, &hop, &title);
	return c->destinations_n == 2 && ov && ov->level == TLS_LEVEL_SECURE &&
	    strcmp(title, "Example.net:25") == 0 && ov->match_n == 2 &&
	    strcmp(ov->match[1], ".b.example") == 0 &&
	    c->socketmap.n == 1 &&
	    c->postfix.version == POSTFIX_VERSION(3, 10);
}

static bool is_whole(const struct conf *c, const struct conf *want)
{
	char *got = dump(c), *wanted = dump(want);
	bool ok = got && wanted && strcmp(got, wanted) == 0;

	ok = ok && c->hosted_n == want->hosted_n &&
	    c->rules.n == want->rules.n && conf_hosted(c, "example.org") &&
	    c->lists_n == 2 && c->rules.rules[0]->list_index == 0 &&
	    list_is_whole(c->lists[0].partners) &&
	    outbound_is_whole(c) &&
	    c->mx_names.n == 2 && c->rules.rules[2]->deny_cipher.n == 1 &&
	    strcmp(c->rules.rules[2]->reply.text, "No") == 0 &&
	    addr_set_match(c->rules.rules[2]->from, "x@a.bank.example",
	    "a.bank.example");
	free(got);
	free(wanted);
	return ok;
}

static void loading_is_all_or_nothing(void)
{
	struct conf_messages m = { 0 };
	struct bundle *b = make_bundle();
	struct conf *want = conf_load_bundle("/c", b, &m);
	unsigned n = 0, halves = 0;
	bool struck = true;

	CU_ASSERT_PTR_NOT_NULL_FATAL(want);
	conf_messages_clear(&m);
	while (struck && n < RUNS_MAX) {
		struct conf *c;

		failmalloc_set(++n);
		c = conf_load_bundle("/c", b, &m);
		struck = failmalloc_struck();
		failmalloc_set(0);
		if (c && !is_whole(c, want)) {
			fprintf(stderr, "half a configuration after failure "
			    "%u\n", n);
			halves++;
		}
		conf_unref(c);
		conf_messages_clear(&m);
	}
	CU_ASSERT(n > 100 && n < RUNS_MAX);
	CU_ASSERT_EQUAL(halves, 0);
	conf_unref(want);
	bundle_free(b);
}

static void bundles_are_all_or_nothing(void)
{
	struct bundle *b = make_bundle();
	bool struck = true;

	for (unsigned n = 1; struck && n < RUNS_MAX; n++) {
		struct bundle *copy = NULL;
		struct buf err;
		int fd;
		size_t len;

		buf_init(&err, 1000);
		failmalloc_set(n);
		fd = bundle_seal(b);
		if (fd >= 0)
			copy = bundle_open(fd, &err);
		struck = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT(!copy || (bundle_get(copy, "/c", &len) &&
		    len == strlen(text) && bundle_get(copy, "/domains",
		    &len) && len == strlen(domains)));
		CU_ASSERT(struck || copy);
		bundle_free(copy);
		buf_clear(&err);
		if (fd >= 0)
			close(fd);
	}
	CU_ASSERT(!struck);
	bundle_free(b);
}

static const struct unit_test tests[] = {
	{ "loading is all or nothing", loading_is_all_or_nothing },
	{ "bundles are all or nothing", bundles_are_all_or_nothing },
};

UNIT_MAIN("conf-memory", tests)
