/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache here is a table: gather asks for nothing but cache_get().
 */
#include "config.h"

#include "conf/gather.h"
#include "tests/unit/unit.h"

#define NOW 1795000000

/* Records as they would be kept; the times are offsets from NOW. */
static const struct row {
	const char *domain;
	enum record_kind kind;
	enum mtasts_mode mode;
	int64_t expires, check_after, refetch_after;
	const char *patterns, *mx, *rua;
} rows[] = {
	{ "hosted.example", RECORD_POLICY, MTASTS_ENFORCE, 900, 60, 800,
	    "mx.elsewhere.example", "", "tlsrpt@hosted.example" },
	{ "stated.example", RECORD_POLICY, MTASTS_NONE, 900, 60, 800, "", "",
	    "reports@collect.example" },
	{ "gone.example", RECORD_POLICY, MTASTS_ENFORCE, -5, -60, -9, "", "",
	    "" },
	{ "by-mx.example", RECORD_POLICY, MTASTS_ENFORCE, 900, 60, 800,
	    "other.example", "mx0.example.org mx.us.example", "" },
	{ "by-policy.example", RECORD_POLICY, MTASTS_TESTING, 900, 60, 800,
	    "*.us.example", "", "" },
	{ "no-policy-by-mx.example", RECORD_NEGATIVE, MTASTS_NONE, 900, 60,
	    0, "", "mx.us.example", "" },
	{ "theirs.example", RECORD_POLICY, MTASTS_ENFORCE, 900, 60, 800,
	    "mx.theirs.example", "mx.theirs.example", "" },
	{ "due.example", RECORD_POLICY, MTASTS_ENFORCE, 900, -1, 800,
	    "mx.us.example", "", "" },
	{ "refetch.example", RECORD_POLICY, MTASTS_ENFORCE, 900, 60, -1,
	    "mx.us.example", "", "" },
	{ "two-labels.example", RECORD_POLICY, MTASTS_ENFORCE, 900, 60, 800,
	    "*.example", "mx.other.example", "" },
	{ "sender.example", RECORD_POLICY, MTASTS_ENFORCE, 900, 60, 800,
	    "mx.theirs.example", "", "" },
};

struct cache {
	bool broken;
};

enum store_error cache_get(struct cache *c, const char *domain,
    cache_view_fn *fn, void *arg)
{
	if (c->broken)
		return STORE_IO;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct record rec = { .kind = r->kind, .mode = r->mode,
			.expires = NOW + r->expires, .fetched = NOW - 3600,
			.checked = NOW - 3600, .used = NOW, .max_age = 3600,
			.check_after = NOW + r->check_after,
			.refetch_after = NOW + r->refetch_after, .id = "1",
			.failed_id = "", .patterns = r->patterns,
			.mx_known = *r->mx, .mx = r->mx, .rua = r->rua, .text = "" };

		if (strcmp(r->domain, domain) == 0) {
			fn(arg, &rec);
			return STORE_OK;
		}
	}
	return STORE_NOT_FOUND;
}

static const char rules_for_both[] =
    "hosted_domains = {hosted.example, \"stated.example=enforce\",\n"
    "  new.example}\n"
    "rule a { to_policy = enforce require = tls }\n"
    "rule b { from_policy = enforce require = tls }\n";
static const char no_such_rules[] =
    "hosted_domains = {hosted.example}\n"
    "rule a { require = tls }\n";

static struct conf *load(const char *text)
{
	struct bundle *b = bundle_new();
	struct conf_messages m = { 0 };
	struct conf *c;

	bundle_add_text(b, "/c", text, strlen(text));
	c = conf_load_bundle("/c", b, &m);
	for (size_t i = 0; i < m.n; i++)
		fprintf(stderr, "%s\n", m.v[i].text);
	conf_messages_clear(&m);
	bundle_free(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* What is expected, in letters: h hosted, o ours, l to be learnt,
 * t TLSRPT mailbox, k known; then the promise. */
struct want {
	const char *flags;
	unsigned promise;
};

static void check(const char *label, const struct gathered *g,
    const struct want *w)
{
	CHECK_CASE(label, g->hosted == (strchr(w->flags, 'h') != NULL));
	CHECK_CASE(label, g->ours == (strchr(w->flags, 'o') != NULL));
	CHECK_CASE(label, g->learn == (strchr(w->flags, 'l') != NULL));
	CHECK_CASE(label, g->is_tlsrpt == (strchr(w->flags, 't') != NULL));
	CHECK_CASE(label, g->promise.known ==
	    (strchr(w->flags, 'k') != NULL));
	CHECK_CASE(label, g->promise.set == w->promise);
}

static void recipients_promises_are_ours_alone(void)
{
	static const struct {
		const char *label, *domain, *address;
		struct want want;
	} cases[] = {
		{ "hosted, learnt", "hosted.example", "a@hosted.example",
		    { "hok", PROMISE_ENFORCE } },
		{ "hosted, stated mode wins over the published one",
		    "stated.example", NULL, { "hok", PROMISE_ENFORCE } },
		{ "hosted, not learnt yet", "new.example", NULL,
		    { "hol", 0 } },
		{ "MX names us", "by-mx.example", NULL,
		    { "ok", PROMISE_ENFORCE } },
		{ "policy names us", "by-policy.example", NULL,
		    { "ok", PROMISE_TESTING } },
		{ "no policy, MX names us", "no-policy-by-mx.example", NULL,
		    { "ok", PROMISE_NONE } },
		{ "a promise of others binds the hop to their MX",
		    "theirs.example", NULL, { "k", PROMISE_NONE } },
		{ "a wildcard is one label (STS-V)", "two-labels.example",
		    NULL, { "k", PROMISE_NONE } },
		{ "policy known, MX hosts not yet", "sender.example", NULL,
		    { "kl", PROMISE_NONE } },
		{ "unknown domain", "unknown.example", NULL, { "l", 0 } },
		{ "expired policy is unknown", "gone.example", NULL,
		    { "l", 0 } },
		{ "id to be looked at (STS-C)", "due.example", NULL,
		    { "okl", PROMISE_ENFORCE } },
		{ "daily refresh is due (STS-C)", "refetch.example", NULL,
		    { "okl", PROMISE_ENFORCE } },
		{ "no domain at all", NULL, "postmaster", { "", 0 } },
		{ "TLSRPT mailbox in the domain itself", "hosted.example",
		    "TLSRPT@hosted.example", { "hokt", PROMISE_ENFORCE } },
		{ "TLSRPT mailbox in another domain", "collect.example",
		    "reports@collect.example", { "lt", 0 } },
	};
	struct conf *c = load(rules_for_both);
	struct strv mx = { 0 };
	struct cache cache = { false };

	strv_add(&mx, "mx.us.example");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gathered g;

		gather_rcpt(c, &cache, cases[i].domain, cases[i].address,
		    &mx, NOW, &g);
		check(cases[i].label, &g, &cases[i].want);
	}
	strv_clear(&mx);
	conf_unref(c);
}

static void senders_promises_are_taken_as_they_are(void)
{
	static const struct {
		const char *label, *domain;
		struct want want;
	} cases[] = {
		{ "published", "theirs.example", { "k", PROMISE_ENFORCE } },
		{ "MX hosts do not matter", "sender.example",
		    { "k", PROMISE_ENFORCE } },
		{ "unknown", "unknown.example", { "l", 0 } },
		{ "none", NULL, { "", 0 } },
	};
	struct conf *c = load(rules_for_both);
	struct cache cache = { false };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gathered g;

		gather_sender(c, &cache, cases[i].domain, NOW, &g);
		check(cases[i].label, &g, &cases[i].want);
	}
	conf_unref(c);
}

static void nothing_is_learnt_that_no_rule_asks_for(void)
{
	static const struct want rcpt = { "", 0 }, hosted = { "hol", 0 };
	struct conf *c = load(no_such_rules);
	struct cache cache = { false };
	struct gathered g;

	gather_rcpt(c, &cache, "unknown.example", NULL, NULL, NOW, &g);
	check("recipient", &g, &rcpt);
	gather_sender(c, &cache, "unknown.example", NOW, &g);
	check("sender", &g, &rcpt);
	conf_unref(c);
	c = load("hosted_domains = new.example rule a { require = tls }");
	gather_rcpt(c, &cache, "new.example", NULL, NULL, NOW, &g);
	check("hosted domains are kept fresh anyway", &g, &hosted);
	conf_unref(c);
}

static void without_a_cache_all_is_unknown(void)
{
	static const struct want unknown = { "", 0 },
		hosted = { "ho", 0 }, stated = { "hok", PROMISE_ENFORCE };
	struct conf *c = load(rules_for_both);
	struct cache broken = { true };
	struct cache *caches[] = { NULL, &broken };

	for (size_t i = 0; i < 2; i++) {
		struct gathered g;

		gather_rcpt(c, caches[i], "theirs.example", "a@b", NULL, NOW,
		    &g);
		check("theirs", &g, &unknown);
		gather_rcpt(c, caches[i], "hosted.example", "a@b", NULL, NOW,
		    &g);
		check("hosted", &g, &hosted);
		gather_rcpt(c, caches[i], "stated.example", NULL, NULL, NOW,
		    &g);
		check("stated", &g, &stated);
		gather_sender(c, caches[i], "theirs.example", NOW, &g);
		check("sender", &g, &unknown);
	}
	conf_unref(c);
}

static const struct unit_test tests[] = {
	{ "recipients' promises are ours alone",
	    recipients_promises_are_ours_alone },
	{ "senders' promises are taken as they are",
	    senders_promises_are_taken_as_they_are },
	{ "nothing is learnt that no rule asks for",
	    nothing_is_learnt_that_no_rule_asks_for },
	{ "without a cache all is unknown", without_a_cache_all_is_unknown },
};

UNIT_MAIN("gather", tests)
