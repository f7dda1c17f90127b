/* SPDX-License-Identifier: BSD-2-Clause */
/* What is remembered from one check to the next, and what is said of it. */
#include "config.h"

#include "check/memory.h"

#include <stdlib.h>
#include <string.h>

#include "check/judge.h"
#include "check/memorystore.h"
#include "tests/unit/check-scenario.h"
#include "tests/unit/tmpdir.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

typedef void change_fn(struct check_facts *f);

struct story {
	struct buf note;
	int64_t now;
	char list[1024];
};

static void begin(struct story *s)
{
	*s = (struct story){ .now = SCENARIO_NOW };
	buf_init(&s->note, MEMORY_NOTE_MAX);
}

/* One more check, an hour later, of the good domain after a change. */
static void check(struct story *s, change_fn *change)
{
	struct memory *m = memory_read(buf_str(&s->note), s->note.len);
	struct findings findings = { .v = NULL };
	struct check_facts f;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	scenario_good(&f);
	f.started = s->now += 3600;
	if (change)
		change(&f);
	check_judge(&f, m, &findings);
	CU_ASSERT_FALSE(findings.failed);
	scenario_list(&findings, s->list, sizeof(s->list));
	findings_clear(&findings);
	buf_reset(&s->note);
	CU_ASSERT(memory_update(m, &f, &s->note));
	memory_free(m);
	check_facts_clear(&f);
}

static void checks(struct story *s, change_fn *change, int n)
{
	while (n-- > 0)
		check(s, change);
}

static void missing(struct check_facts *f)
{
	scenario_no_starttls(f);
}

static void missing_once(struct check_facts *f)
{
	scenario_no_starttls(f);
	for (size_t i = 0; i < 2; i++)
		f->hosts[0].addresses[i].second_kind = SECOND_NONE;
}

static void busy_one(struct probe_facts *p)
{
	probe_facts_clear(p);
	p->stages[STAGE_CONNECT].state = STAGE_OK;
	p->stages[STAGE_GREETING].state = STAGE_UNKNOWN;
	p->stages[STAGE_GREETING].code = 421;
	p->stages[STAGE_GREETING].reply = strdup("421 later");
}

static void busy(struct check_facts *f)
{
	scenario_each(f, busy_one);
}

static void missing_without_promise(struct check_facts *f)
{
	check_facts_clear(f);
	scenario_plain(f);
	scenario_no_starttls(f);
}

static void test_lost(void)
{
	struct memory_starttls counts;
	struct memory *m;
	struct story s;

	begin(&s);
	check(&s, missing);
	CU_ASSERT_STRING_EQUAL(s.list, "starttls.missing=fail");
	/* One good check makes no habit; three do. */
	check(&s, NULL);
	CU_ASSERT_STRING_EQUAL(s.list, "");
	check(&s, missing);
	CU_ASSERT_STRING_EQUAL(s.list, "starttls.missing=fail");
	checks(&s, NULL, 3);
	CU_ASSERT_STRING_EQUAL(s.list, "");
	check(&s, missing_without_promise);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.list, "starttls.lost=fail"));
	/* It stays lost, what cannot be told changes nothing, … */
	check(&s, busy);
	CU_ASSERT_STRING_EQUAL(s.list, "smtp.busy=unknown");
	check(&s, missing);
	CU_ASSERT_STRING_EQUAL(s.list, "starttls.lost=fail");
	/* … and it comes back once. */
	check(&s, NULL);
	CU_ASSERT_STRING_EQUAL(s.list, "starttls.back=info");
	check(&s, NULL);
	CU_ASSERT_STRING_EQUAL(s.list, "");
	check(&s, missing_once);
	CU_ASSERT_STRING_EQUAL(s.list, "starttls.lost=warn");
	m = memory_read(buf_str(&s.note), s.note.len);
	memory_starttls(m, "mx.example.com", NULL, &counts);
	CU_ASSERT_EQUAL(counts.offered, 6);
	CU_ASSERT_EQUAL(counts.told, 11);
	CU_ASSERT_EQUAL(counts.missing_since, s.now);
	memory_free(m);
	buf_clear(&s.note);
}

static void moved_and_missing(struct check_facts *f)
{
	scenario_no_starttls(f);
	CU_ASSERT(netaddr_parse("192.0.2.99",
	    &f->hosts[0].addresses[0].addr));
	f->hosts[0].addresses[1].addr = f->hosts[0].addresses[0].addr;
	f->hosts[0].addresses[1].addr.bytes[3]++;
}

/* The first address as ever, the second without STARTTLS. */
static void one_never(struct check_facts *f)
{
	struct address_facts kept = f->hosts[0].addresses[0];

	f->hosts[0].addresses[0] = (struct address_facts){ .port = 25 };
	scenario_no_starttls(f);
	probe_facts_clear(&f->hosts[0].addresses[0].first);
	probe_facts_clear(&f->hosts[0].addresses[0].second);
	f->hosts[0].addresses[0] = kept;
}

/* Who moves a host and strips STARTTLS is not forgotten at the second
 * check; who has one address that never had it is no news. */
static void test_new_address(void)
{
	struct story s;

	begin(&s);
	checks(&s, NULL, 3);
	for (int i = 0; i < 3; i++) {
		check(&s, moved_and_missing);
		CU_ASSERT_STRING_EQUAL(s.list, "starttls.lost=fail");
	}
	buf_clear(&s.note);
	begin(&s);
	for (int i = 0; i < 6; i++) {
		check(&s, one_never);
		CU_ASSERT_STRING_EQUAL(s.list, "starttls.missing=fail");
	}
	buf_clear(&s.note);
}

/* ---- changes ----------------------------------------------------------- */

static void other_certificate(struct check_facts *f)
{
	for (size_t i = 0; i < 2; i++)
		f->hosts[0].addresses[i].first.tls.cert.sha256[0] = 'f';
}

static void other_issuer(struct check_facts *f)
{
	other_certificate(f);
	for (size_t i = 0; i < 2; i++) {
		struct cert_facts *c =
		    &f->hosts[0].addresses[i].first.tls.cert;

		free(c->issuer);
		c->issuer = strdup("CN=Another");
	}
}

static void older_tls(struct check_facts *f)
{
	for (size_t i = 0; i < 2; i++)
		snprintf(f->hosts[0].addresses[i].first.tls.version, 16,
		    "TLSv1.2");
}

static void testing(struct check_facts *f)
{
	f->sts_mode = MTASTS_TESTING;
	snprintf(f->sts_id, sizeof(f->sts_id), "2");
}

static void gone(struct check_facts *f)
{
	f->sts = MTASTS_ABSENT;
	f->sts_error = MTASTS_E_NO_RECORD;
}

static void fetch_fails(struct check_facts *f)
{
	f->sts = MTASTS_FAILED;
	f->sts_error = MTASTS_E_HTTP;
}

static void longer(struct check_facts *f)
{
	f->sts_max_age = 60 * 86400;
	snprintf(f->sts_id, sizeof(f->sts_id), "2");
}

static void longer_same_id(struct check_facts *f)
{
	f->sts_max_age = 60 * 86400;
}

static void other_mx(struct check_facts *f)
{
	f->hosts[0].preference = 20;
}

static void with_dane(struct check_facts *f)
{
	scenario_dane(f, TLSA_DANE_EE, true);
}

static const struct {
	const char *label;
	change_fn *before, *now;
	const char *first;	/* said at once … */
	const char *then;	/* … and when it is the same again */
} changes[] = {
	{ "nothing", NULL, NULL, "", "" },
	{ "another certificate", NULL, other_certificate,
	    "change.certificate=info", "" },
	{ "from another authority", NULL, other_issuer, "change.issuer=info",
	    "" },
	{ "an older TLS version", NULL, older_tls, "change.version=warn",
	    "" },
	{ "a newer TLS version", older_tls, NULL, "", "" },
	{ "enforce is withdrawn", NULL, testing,
	    "mta-sts.mode=info change.weakened=warn", "mta-sts.mode=info" },
	{ "the policy is gone", NULL, gone,
	    "mta-sts.absent=info change.weakened=warn",
	    "mta-sts.absent=info" },
	{ "a failed fetch is no weaker policy", NULL, fetch_fails,
	    "mta-sts.fetch=fail", "mta-sts.fetch=fail" },
	{ "the policy was withdrawn before", gone, NULL, "", "" },
	{ "another policy", NULL, longer, "change.policy=info", "" },
	{ "another policy with the old id", NULL, longer_same_id,
	    "change.policy=info mta-sts.id=warn", "" },
	{ "the MX records", NULL, other_mx, "change.mx=info", "" },
	{ "the TLSA records are gone", with_dane, NULL, "change.tlsa=warn",
	    "" },
};

static void test_changes(void)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct story s;

		begin(&s);
		check(&s, changes[i].before);
		check(&s, changes[i].now);
		CHECK_CASE_STR(changes[i].label, s.list, changes[i].first);
		check(&s, changes[i].now);
		CHECK_CASE_STR(changes[i].label, s.list, changes[i].then);
		buf_clear(&s.note);
	}
}

/* Machines behind one address that take turns are no news. */
static void test_turns(void)
{
	struct story s;

	begin(&s);
	check(&s, NULL);
	check(&s, other_certificate);
	CU_ASSERT_STRING_EQUAL(s.list, "change.certificate=info");
	for (int i = 0; i < 4; i++) {
		check(&s, i % 2 ? other_certificate : NULL);
		CU_ASSERT_STRING_EQUAL(s.list, "");
	}
	buf_clear(&s.note);
}

/* ---- notes ------------------------------------------------------------- */

static void test_damage(void)
{
	static const char *const notes[] = { "", "{", "[]", "{}", "null",
		"{\"version\": 2}", "{\"version\": \"1\"}",
		"{\"version\": 1, \"hosts\": [1, 2]}",
		"{\"version\": 1, \"hosts\": {\"mx.example.com\": 7}}",
		"{\"version\": 1, \"mx\": {\"a\": 1}, \"sts\": 3}",
		"{\"version\": 1, \"mx\": [1, null], \"sts\": {\"mode\": 1}}",
		"{\"version\": 1, \"hosts\": {\"mx.example.com\": {"
		"\"starttls\": {\"offered\": -5, \"told\": 1e9}, "
		"\"addresses\": {\"192.0.2.25\": {\"certificates\": [[]]}}}}}"
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		struct story s;

		begin(&s);
		buf_adds(&s.note, notes[i]);
		check(&s, NULL);
		check(&s, NULL);
		CHECK_CASE_STR(notes[i], s.list, "");
		buf_clear(&s.note);
	}
}

/* However many hosts a domain has had. */
static void test_bound(void)
{
	struct memory *m = memory_read(NULL, 0);
	struct check_facts f;
	struct buf note;

	buf_init(&note, MEMORY_NOTE_MAX);
	for (int i = 0; i < 400; i++) {
		scenario_good(&f);
		f.started = SCENARIO_NOW + i;
		snprintf(f.hosts[0].name, sizeof(f.hosts[0].name),
		    "mx%d.a-rather-long-name.example.com", i);
		buf_reset(&note);
		CU_ASSERT(memory_update(m, &f, &note));
		CU_ASSERT(note.len > 0);
		check_facts_clear(&f);
	}
	memory_free(m);
	buf_clear(&note);
}

static void test_store(void)
{
	enum store_error e;
	struct memorystore *store;
	struct buf err, note;
	struct tmpdir t;

	tmpdir_make(&t);
	buf_init(&err, 1000);
	buf_init(&note, MEMORY_NOTE_MAX);
	CU_ASSERT_PTR_NULL(memorystore_open(t.dir, true, &err, &e));
	CU_ASSERT_EQUAL(e, STORE_NOT_FOUND);
	store = memorystore_open(t.dir, false, &err, &e);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	CU_ASSERT_EQUAL(memorystore_get(store, "a.example", &note),
	    STORE_NOT_FOUND);
	CU_ASSERT_EQUAL(memorystore_put(store, "a.example", "{}", 2),
	    STORE_OK);
	CU_ASSERT_EQUAL(memorystore_get(store, "a.example", &note),
	    STORE_OK);
	CU_ASSERT_STRING_EQUAL(buf_str(&note), "{}");
	CU_ASSERT_EQUAL(memorystore_forget(store, "a.example"), STORE_OK);
	CU_ASSERT_EQUAL(memorystore_forget(store, "a.example"),
	    STORE_NOT_FOUND);
	CU_ASSERT_EQUAL(memorystore_put(store, "b.example", "{}", 2),
	    STORE_OK);
	memorystore_close(store);
	buf_clear(&note);
	buf_clear(&err);
	tmpdir_remove(&t);
}

static const struct unit_test tests[] = {
	{ "STARTTLS is lost, and back", test_lost },
	{ "an address that is new", test_new_address },
	{ "changes", test_changes },
	{ "machines that take turns", test_turns },
	{ "damaged notes", test_damage },
	{ "a note is bounded", test_bound },
	{ "the file", test_store },
};

UNIT_MAIN("check/memory", tests)
