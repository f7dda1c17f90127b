/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Let each allocation of policy/ and audit/ fail once: what is built must
 * say so, leave nothing behind, and work when tried again; what judges must
 * not need memory at all.
 */
#include "config.h"

#include "audit/counters.h"
#include "audit/line.h"
#include "policy/ar.h"
#include "policy/fuse.h"
#include "policy/reply.h"
#include "tests/unit/failmalloc.h"
#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Run fn with the first allocation failing, then the second, … until none
 * is left to fail. fn returns false when it was told of the failure. */
static unsigned walk(bool (*fn)(void))
{
	bool hit = true;
	unsigned n;

	for (n = 0; hit && n < 1000; n++) {
		bool ok;

		failmalloc_set(n + 1);
		ok = fn();
		hit = failmalloc_struck();
		failmalloc_set(0);
		CU_ASSERT_NOT_EQUAL(ok, hit);
	}
	CU_ASSERT(!hit);
	return n - 1;
}

/* More than a set's first size, so that growing fails as well. */
static bool build_addr_set(void)
{
	struct addr_set *set = addr_set_new();
	char pattern[32];
	struct buf err;
	bool ok = set != NULL;

	buf_init(&err, 200);
	for (int i = 0; ok && i < 20; i++) {
		snprintf(pattern, sizeof(pattern), "user@d%d.example", i);
		ok = addr_set_add(set, pattern, &err);
	}
	if (set && !ok) {
		/* what was added before still matches, and it can go on */
		CU_ASSERT(addr_set_add(set, "d0.example", &err));
		CU_ASSERT(addr_set_match(set, "x@d0.example", "d0.example"));
	}
	addr_set_free(set);
	buf_clear(&err);
	return ok;
}

static bool build_client_set(void)
{
	static const char *const patterns[] = {
		"192.0.2.0/24", "2001:db8::/32", ".example.com",
	};
	struct client_set *set = client_set_new();
	struct buf err;
	bool ok = set != NULL;

	buf_init(&err, 200);
	for (size_t i = 0; ok && i < COUNT(patterns); i++)
		ok = client_set_add(set, patterns[i], &err);
	client_set_free(set);
	buf_clear(&err);
	return ok;
}

static bool build_rule(void)
{
	struct rule *rule = rule_new("name");
	struct buf err;
	bool ok;

	buf_init(&err, 200);
	ok = rule && reply_template_parse("550 5.7.10 text", ACTION_REJECT,
	    &rule->reply, &err);
	rule_free(rule);
	buf_clear(&err);
	return ok;
}

static bool build_fuse(void)
{
	struct fuse *f = fuse_new(1000, 10, 0);

	fuse_free(f);
	return f != NULL;
}

static bool build_texts(void)
{
	struct tls_facts tls = { .state = TLS_ENCRYPTED,
		.version = "TLSv1.3", .cipher = "AES", .bits = 256 };
	char name[] = "a rule";
	struct rule rule = { .name = name };
	struct verdict v = { .action = ACTION_TAG, .rule = &rule };
	struct session_facts s = { .tls = tls };
	struct message_facts m = { .from = "a@b.example" };
	struct audit a = { .session = &s, .message = &m, .verdict = &v };
	struct buf b;
	bool ok;

	buf_init(&b, 10000);
	ar_format(&b, "mx.example.com", &tls, &v);
	ar_format_tag(&b, &tls, &v);
	audit_format(&b, &a);
	ok = !b.failed;
	buf_clear(&b);
	return ok;
}

static void building_reports_every_failure(void)
{
	static const struct {
		const char *label;
		bool (*fn)(void);
		unsigned least;
	} cases[] = {
		{ "addr_set", build_addr_set, 22 },
		{ "client_set", build_client_set, 5 },
		{ "rule", build_rule, 3 },
		{ "fuse", build_fuse, 1 },
		{ "texts", build_texts, 4 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		CHECK_CASE(cases[i].label,
		    walk(cases[i].fn) >= cases[i].least);
}

/* jansson allocates through us here, so that it fails like our own code. */
static void *json_malloc(size_t size)
{
	return malloc(size);
}

static void json_free(void *p)
{
	free(p);
}

static bool build_json(void)
{
	struct counters c = { 0 };
	json_t *o = counters_json(&c);

	json_decref(o);
	return o != NULL;
}

static void counters_report_every_failure(void)
{
	json_set_alloc_funcs(json_malloc, json_free);
	CU_ASSERT(walk(build_json) > 20);
}

static void judging_needs_no_memory(void)
{
	struct scenario sc;
	struct reply reply;
	struct verdict v;

	scenario_read(&sc, "a from=x.example,.y.example,u@ client=192.0.2.0/24 "
	    "require=verified action=reject; b to=our.example to_policy=enforce"
	    " action=reject reply=550_5.7.10_x; c deny=RC4 cert_name=x fp=ab "
	    "action=reject", "client=192.0.2.1 client_name=a.example "
	    "from=u@b.example to=b@our.example ours to_policy=enforce "
	    "exempt_to=postmaster@ exempt_from=z.example");
	failmalloc_set(1);
	scenario_decide(&sc, NULL, NULL, &v);
	reply_build(&v, "https://example.com", &reply);
	CU_ASSERT(ar_is_forged("our.id; x-tls=pass", "our.id",
	    STRIP_AR_OWN));
	CU_ASSERT(!failmalloc_struck());
	failmalloc_set(0);
	CU_ASSERT_EQUAL(v.action, ACTION_REJECT);
	scenario_clear(&sc);
}

static const struct unit_test tests[] = {
	{ "building reports every failure", building_reports_every_failure },
	{ "counters report every failure", counters_report_every_failure },
	{ "judging needs no memory", judging_needs_no_memory },
};

UNIT_MAIN("policy-alloc", tests)
