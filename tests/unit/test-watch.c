/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watched domains, the pure parts: what travels between frontend and
 * resolver, when a domain is checked, and what of a check is news.
 */
#include "config.h"

#include <syslog.h>

#include "milter/watch.h"
#include "milter/watcher.h"
#include "tests/unit/unit.h"
#include "util/buf.h"
#include "util/pack.h"

#define NOW INT64_C(1795294982)
#define HOUR 3600

/* ---- summaries --------------------------------------------------------- */

/* "starttls.lost fail mx1.example 192.0.2.1", or without what is behind. */
static void add(struct watch_summary *s, const char *id,
    enum check_status status, const char *host, const char *addr,
    const char *text)
{
	struct watch_finding *f = &s->v[s->n++];

	*f = (struct watch_finding){ .info = finding_info(id),
		.status = status, .host = host, .text = text,
		.addr = { .family = AF_UNSPEC } };
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->info);
	if (*addr)
		CU_ASSERT_FATAL(netaddr_parse(addr, &f->addr));
	if (status > s->status)
		s->status = status;
	s->counts[status]++;
}

static struct watch_summary lost(void)
{
	struct watch_summary s = { .verdict = "1 failure" };

	add(&s, "starttls.lost", CHECK_FAIL, "mx2.example.net",
	    "203.0.113.9", "offered on 41 of 41 earlier checks, now missing");
	return s;
}

/* ---- messages ---------------------------------------------------------- */

static void questions_travel(void)
{
	struct watch_ask m = { .seq = 7, .domain = "a.example",
		.held_id = "20260101", .held_mode = MTASTS_ENFORCE,
		.note = "{\"v\":1}" }, got;
	struct buf b;

	buf_init(&b, WATCHMSG_SIZE);
	watch_ask_pack(&m, &b);
	CU_ASSERT_FATAL(watch_ask_unpack(b.data, b.len, &got));
	CU_ASSERT_EQUAL(got.seq, 7);
	CU_ASSERT_STRING_EQUAL(got.domain, "a.example");
	CU_ASSERT_STRING_EQUAL(got.held_id, "20260101");
	CU_ASSERT_EQUAL(got.held_mode, MTASTS_ENFORCE);
	CU_ASSERT_STRING_EQUAL(got.note, "{\"v\":1}");
	for (size_t len = 0; len < b.len; len++)
		CU_ASSERT_FALSE(watch_ask_unpack(b.data, len, &got));
	buf_clear(&b);
}

static void hostile_questions_are_refused(void)
{
	static const struct {
		const char *label;
		struct watch_ask m;
	} cases[] = {
		{ "no domain", { 1, "", "", MTASTS_NONE, "" } },
		{ "an address", { 1, "192.0.2.1", "", MTASTS_NONE, "" } },
		{ "upper case", { 1, "A.example", "", MTASTS_NONE, "" } },
		{ "an id that is long", { 1, "a.example",
		    "123456789012345678901234567890123", MTASTS_NONE, "" } },
		{ "an id with a line", { 1, "a.example", "a\nb", MTASTS_NONE,
		    "" } },
		{ "a mode of later", { 1, "a.example", "",
		    (enum mtasts_mode)9, "" } },
	};
	struct watch_ask got;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, WATCHMSG_SIZE);
		watch_ask_pack(&cases[i].m, &b);
		CHECK_CASE(cases[i].label, !b.failed &&
		    !watch_ask_unpack(b.data, b.len, &got));
		buf_clear(&b);
	}
}

static void answers_travel(void)
{
	struct watch_answer m = { .seq = 9, .failed = "", .note = "{}",
		.summary = lost() }, got;
	struct buf b, again;

	add(&m.summary, "mx.alias", CHECK_INFO, "", "", "an alias");
	m.summary.more = 3;
	buf_init(&b, WATCHMSG_SIZE);
	buf_init(&again, WATCHMSG_SIZE);
	watch_answer_pack(&m, &b);
	CU_ASSERT_FATAL(watch_answer_unpack(b.data, b.len, &got));
	CU_ASSERT_EQUAL(got.seq, 9);
	CU_ASSERT_EQUAL(got.summary.status, CHECK_FAIL);
	CU_ASSERT_EQUAL(got.summary.counts[CHECK_FAIL], 1);
	CU_ASSERT_EQUAL(got.summary.more, 3);
	CU_ASSERT_EQUAL_FATAL(got.summary.n, 2);
	CU_ASSERT_STRING_EQUAL(got.summary.v[0].info->id, "starttls.lost");
	CU_ASSERT_STRING_EQUAL(got.summary.v[0].host, "mx2.example.net");
	watch_answer_pack(&got, &again);
	CU_ASSERT(again.len == b.len &&
	    memcmp(again.data, b.data, b.len) == 0);
	for (size_t len = 0; len < b.len; len++)
		CU_ASSERT_FALSE(watch_answer_unpack(b.data, len, &got));
	buf_clear(&b);
	buf_clear(&again);
}

static void long_texts_are_cut(void)
{
	struct watch_answer m = { .seq = 1, .failed = "", .note = "" }, got;
	char text[2 * WATCH_TEXT_MAX];
	struct buf b;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	/* A character of two bytes across the end. */
	text[WATCH_TEXT_MAX - 1] = '\xc3';
	text[WATCH_TEXT_MAX] = '\xbc';
	m.summary = (struct watch_summary){ .verdict = text };
	add(&m.summary, "mx.alias", CHECK_INFO, "", "", text);
	buf_init(&b, WATCHMSG_SIZE);
	watch_answer_pack(&m, &b);
	CU_ASSERT_FATAL(watch_answer_unpack(b.data, b.len, &got));
	CU_ASSERT_EQUAL(strlen(got.summary.verdict), WATCH_TEXT_MAX - 1);
	CU_ASSERT_EQUAL(strlen(got.summary.v[0].text), WATCH_TEXT_MAX - 1);
	buf_clear(&b);
}

/* What a resolver that was taken over could send. */
static void hostile_answers_are_refused(void)
{
	static const struct {
		const char *label, *id, *host, *addr, *text;
		unsigned status, n;
	} cases[] = {
		{ "as it should be", "starttls.lost", "mx1.example",
		    "192.0.2.1", "text", CHECK_FAIL, 1 },
		{ "an id nobody knows", "starttls.found", "", "", "",
		    CHECK_FAIL, 1 },
		{ "an id with more", "starttls.lost ", "", "", "",
		    CHECK_FAIL, 1 },
		{ "a good finding", "starttls.lost", "", "", "", CHECK_OK,
		    1 },
		{ "a status of later", "starttls.lost", "", "", "", 5, 1 },
		{ "a host with a blank", "starttls.lost", "a b", "", "",
		    CHECK_FAIL, 1 },
		{ "a host with a line", "starttls.lost", "a\nb", "", "",
		    CHECK_FAIL, 1 },
		{ "no address", "starttls.lost", "", "here", "", CHECK_FAIL,
		    1 },
		{ "an address in other words", "starttls.lost", "",
		    "[2001:DB8::1]", "", CHECK_FAIL, 1 },
		{ "a text with a line", "starttls.lost", "", "", "a\nb",
		    CHECK_FAIL, 1 },
		{ "a text that is not UTF-8", "starttls.lost", "", "",
		    "\xff", CHECK_FAIL, 1 },
		{ "a C1 control", "starttls.lost", "", "", "\xc2\x9b",
		    CHECK_FAIL, 1 },
		{ "more than there are", "starttls.lost", "", "", "",
		    CHECK_FAIL, 2 },
		{ "less than there are", "starttls.lost", "", "", "",
		    CHECK_FAIL, 0 },
	};
	struct watch_summary s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b;

		buf_init(&b, WATCHMSG_SIZE);
		pack_u8(&b, CHECK_FAIL);
		for (int k = 0; k < WATCH_STATUSES; k++)
			pack_u32(&b, 1);
		pack_str(&b, "verdict");
		pack_u32(&b, 0);
		pack_u8(&b, cases[i].n);
		pack_str(&b, cases[i].id);
		pack_u8(&b, cases[i].status);
		pack_str(&b, cases[i].host);
		pack_str(&b, cases[i].addr);
		pack_str(&b, cases[i].text);
		CHECK_CASE(cases[i].label, watch_summary_unpack(b.data,
		    b.len, &s) == (i == 0));
		buf_clear(&b);
	}
}

static void states_are_kept(void)
{
	struct watch_summary s = lost(), got;
	int64_t checked = 0;
	struct buf b;

	buf_init(&b, WATCH_STATE_SIZE);
	watch_state_pack(NOW, &s, &b);
	CU_ASSERT_FATAL(watch_state_read(b.data, b.len, &checked, &got));
	CU_ASSERT_EQUAL(checked, NOW);
	CU_ASSERT_EQUAL(got.n, 1);
	b.data[0]++;
	CU_ASSERT_FALSE(watch_state_read(b.data, b.len, &checked, &got));
	CU_ASSERT_FALSE(watch_state_read(b.data, 5, &checked, &got));
	CU_ASSERT_FALSE(watch_state_read("", 0, &checked, &got));
	buf_clear(&b);
}

/* ---- reports ----------------------------------------------------------- */

static void reports_are_summed_up(void)
{
	json_t *r = json_loads("{\"verdict\":{\"status\":\"fail\","
	    "\"text\":\"bad\",\"ok\":3,\"warn\":1,\"fail\":1},\"findings\":["
	    "{\"id\":\"starttls.missing\",\"status\":\"ok\",\"text\":\"\"},"
	    "{\"id\":\"tlsrpt.absent\",\"status\":\"warn\",\"host\":null,"
	    "\"address\":null,\"text\":\"none\"},"
	    "{\"id\":\"no.such\",\"status\":\"fail\",\"text\":\"x\"},"
	    "{\"id\":\"starttls.lost\",\"status\":\"fail\","
	    "\"host\":\"mx1.example\",\"address\":\"192.0.2.1\","
	    "\"text\":\"gone\"}]}", 0, NULL);
	struct watch_summary s;

	watch_summarize(r, &s);
	CU_ASSERT_EQUAL(s.status, CHECK_FAIL);
	CU_ASSERT_STRING_EQUAL(s.verdict, "bad");
	CU_ASSERT_EQUAL(s.counts[CHECK_OK], 3);
	CU_ASSERT_EQUAL(s.counts[CHECK_INFO], 0);
	CU_ASSERT_EQUAL_FATAL(s.n, 2);
	CU_ASSERT_STRING_EQUAL(s.v[0].info->id, "starttls.lost");
	CU_ASSERT_EQUAL(s.v[0].addr.family, AF_INET);
	CU_ASSERT_STRING_EQUAL(s.v[1].info->id, "tlsrpt.absent");
	json_decref(r);
}

static void the_worst_of_many_stay(void)
{
	json_t *r = json_object(), *all = json_array();
	struct watch_summary s;

	for (int i = 0; i < 100; i++)
		json_array_append_new(all, json_pack("{ss ss ss}", "id",
		    "mx.alias", "status", i < 70 ? "info" : "fail", "text",
		    "x"));
	json_object_set_new(r, "findings", all);
	watch_summarize(r, &s);
	CU_ASSERT_EQUAL(s.n, WATCH_FINDINGS_MAX);
	CU_ASSERT_EQUAL(s.more, 100 - WATCH_FINDINGS_MAX);
	CU_ASSERT_EQUAL(s.v[29].status, CHECK_FAIL);
	CU_ASSERT_EQUAL(s.v[30].status, CHECK_INFO);
	json_decref(r);
}

/* ---- when -------------------------------------------------------------- */

static void checks_are_spread(void)
{
	int64_t least = NOW + 10 * HOUR, most = 0;
	char name[32];

	for (int i = 0; i < 1000; i++) {
		int64_t next;

		snprintf(name, sizeof(name), "d%d.example", i);
		next = watch_next(name, NOW, 10 * HOUR) - NOW;
		CU_ASSERT(next >= 9 * HOUR && next <= 11 * HOUR);
		least = next < least ? next : least;
		most = next > most ? next : most;
	}
	CU_ASSERT(least < 9 * HOUR + 300 && most > 11 * HOUR - 300);
	CU_ASSERT_NOT_EQUAL(watch_next("a.example", NOW, 10 * HOUR) - NOW,
	    watch_next("a.example", NOW + 1, 10 * HOUR) - NOW - 1);
}

static void a_restart_checks_what_is_due(void)
{
	static const struct {
		const char *label;
		int64_t last;
		bool soon;
	} cases[] = {
		{ "never checked", 0, true },
		{ "checked just now", NOW, false },
		{ "checked five hours ago", NOW - 5 * HOUR, false },
		{ "checked yesterday", NOW - 24 * HOUR, true },
		{ "checked in the future", NOW + HOUR, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t first = watch_first("a.example", 0, cases[i].last,
		    6 * HOUR, NOW);

		CHECK_CASE(cases[i].label, first > NOW);
		CHECK_CASE(cases[i].label,
		    (first <= NOW + 10) == cases[i].soon);
	}
	CU_ASSERT(watch_first("z.example", 255, 0, 6 * HOUR, NOW) >
	    watch_first("a.example", 0, 0, 6 * HOUR, NOW));
}

static void failures_pause(void)
{
	CU_ASSERT_EQUAL(watch_pause(1, 6 * HOUR), 60);
	CU_ASSERT_EQUAL(watch_pause(2, 6 * HOUR), 120);
	CU_ASSERT_EQUAL(watch_pause(7, 6 * HOUR), 3600);
	CU_ASSERT_EQUAL(watch_pause(4000000000u, 6 * HOUR), 3600);
	CU_ASSERT_EQUAL(watch_pause(9, 600), 600);
	CU_ASSERT(watch_is_due(NOW, HOUR, NOW));
	CU_ASSERT_FALSE(watch_is_due(NOW + 1, HOUR, NOW));
	/* The clock was put back a day. */
	CU_ASSERT(watch_is_due(NOW + 86400, HOUR, NOW));
}

/* ---- what is news ------------------------------------------------------ */

static void note_line(void *arg, enum watch_news news,
    const struct watch_finding *f, enum check_status before)
{
	struct buf *b = arg, line;

	buf_init(&line, 2000);
	buf_addf(b, "%d ", watch_line("a.example", news, f, before, &line));
	buf_addf(b, "%s\n", buf_str(&line));
	buf_clear(&line);
}

static bool is_sure(const char *id)
{
	return strncmp(id, "starttls.", 9) == 0 ||
	    strcmp(id, "host.refused") == 0;
}

/* One finding: its id, host and address, and what it is at two checks in a
 * row; CHECK_OK: not there. Beside it another one may be there the second
 * time. */
static void changes_are_told(void)
{
	static const struct {
		const char *label;
		const char *id, *host, *addr;
		enum check_status first, second;
		const char *other, *other_host, *other_addr;
		const char *told;
		enum check_status kept;
	} cases[] = {
		{ "new and bad", "starttls.lost", "mx1.example", "192.0.2.1",
		    CHECK_OK, CHECK_FAIL, NULL, "", "",
		    "3 a.example mx1.example[192.0.2.1]: starttls.lost "
		    "(fail): x\n", CHECK_FAIL },
		{ "new, of the domain", "tlsrpt.absent", "", "",
		    CHECK_OK, CHECK_WARN, NULL, "", "",
		    "4 a.example: tlsrpt.absent (warn): x\n", CHECK_WARN },
		{ "new, of a host", "mx.alias", "mx1.example", "",
		    CHECK_OK, CHECK_INFO, NULL, "", "",
		    "5 a.example mx1.example: mx.alias (info): x\n",
		    CHECK_INFO },
		{ "as before", "starttls.lost", "m.example", "192.0.2.1",
		    CHECK_FAIL, CHECK_FAIL, NULL, "", "", "", CHECK_FAIL },
		{ "worse", "cert.expiry", "m.example", "192.0.2.1",
		    CHECK_WARN, CHECK_FAIL, NULL, "", "",
		    "3 a.example m.example[192.0.2.1]: cert.expiry "
		    "(fail, was warn): x\n", CHECK_FAIL },
		{ "good again", "starttls.lost", "m.example", "192.0.2.1",
		    CHECK_FAIL, CHECK_OK, NULL, "", "",
		    "5 a.example m.example[192.0.2.1]: starttls.lost is good "
		    "again (was fail)\n", CHECK_OK },
		{ "a failure stays while it is not known", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_UNKNOWN,
		    NULL, "", "", "", CHECK_FAIL },
		{ "a host that does not answer hides", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "host.unreachable", "m.example", "192.0.2.1",
		    "4 a.example m.example[192.0.2.1]: host.unreachable "
		    "(unknown): y\n", CHECK_FAIL },
		{ "another address does not", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "host.unreachable", "m.example", "192.0.2.2",
		    "4 a.example m.example[192.0.2.2]: host.unreachable "
		    "(unknown): y\n"
		    "5 a.example m.example[192.0.2.1]: starttls.lost is good "
		    "again (was fail)\n", CHECK_OK },
		{ "without addresses nothing is known of a host",
		    "starttls.lost", "m.example", "192.0.2.1", CHECK_FAIL,
		    CHECK_OK, "host.dns-error", "m.example", "",
		    "4 a.example m.example: host.dns-error (unknown): y\n",
		    CHECK_FAIL },
		{ "without MX nothing is known", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "mx.error", "", "",
		    "4 a.example: mx.error (unknown): y\n", CHECK_FAIL },
		{ "a policy says nothing of STARTTLS", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "mta-sts.error", "", "",
		    "4 a.example: mta-sts.error (unknown): y\n"
		    "5 a.example m.example[192.0.2.1]: starttls.lost is good "
		    "again (was fail)\n", CHECK_OK },
		{ "but of the policy", "mta-sts.mode", "", "", CHECK_WARN,
		    CHECK_OK, "mta-sts.error", "", "",
		    "4 a.example: mta-sts.error (unknown): y\n",
		    CHECK_WARN },
		{ "a handshake comes before the certificate", "cert.expiry",
		    "m.example", "192.0.2.1", CHECK_WARN, CHECK_OK,
		    "tls.handshake", "m.example", "192.0.2.1",
		    "4 a.example m.example[192.0.2.1]: tls.handshake "
		    "(unknown): y\n", CHECK_WARN },
		{ "and behind STARTTLS", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "tls.handshake", "m.example", "192.0.2.1",
		    "4 a.example m.example[192.0.2.1]: tls.handshake "
		    "(unknown): y\n"
		    "5 a.example m.example[192.0.2.1]: starttls.lost is good "
		    "again (was fail)\n", CHECK_OK },
		{ "no STARTTLS, no certificate", "cert.expiry",
		    "m.example", "192.0.2.1", CHECK_WARN, CHECK_OK,
		    "starttls.lost", "m.example", "192.0.2.1",
		    "3 a.example m.example[192.0.2.1]: starttls.lost "
		    "(fail): y\n", CHECK_OK },
		{ "another word for the same", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "starttls.missing", "m.example", "192.0.2.1",
		    "3 a.example m.example[192.0.2.1]: starttls.missing "
		    "(fail): y\n", CHECK_OK },
		{ "a host that is down is not good", "starttls.lost",
		    "m.example", "192.0.2.1", CHECK_FAIL, CHECK_OK,
		    "host.refused", "m.example", "192.0.2.1",
		    "3 a.example m.example[192.0.2.1]: host.refused "
		    "(fail): y\n", CHECK_FAIL },
		{ "without DNSSEC all but DANE is known", "tlsrpt.absent",
		    "", "", CHECK_WARN, CHECK_OK, "resolver.dnssec", "", "",
		    "4 a.example: resolver.dnssec (unknown): y\n"
		    "5 a.example: tlsrpt.absent is good again (was warn)\n",
		    CHECK_OK },
		{ "and of DANE nothing", "dane.mismatch",
		    "m.example", "", CHECK_FAIL, CHECK_OK,
		    "resolver.dnssec", "", "",
		    "4 a.example: resolver.dnssec (unknown): y\n",
		    CHECK_FAIL },
		{ "where port 25 is blocked policies are known",
		    "mta-sts.mode", "", "", CHECK_WARN, CHECK_OK,
		    "egress.port25", "", "",
		    "4 a.example: egress.port25 (unknown): y\n"
		    "5 a.example: mta-sts.mode is good again (was warn)\n",
		    CHECK_OK },
		{ "an event happens again", "change.certificate",
		    "m.example", "", CHECK_INFO, CHECK_INFO, NULL, "", "",
		    "5 a.example m.example: change.certificate (info): x\n",
		    CHECK_INFO },
		{ "an event does not end", "change.certificate",
		    "m.example", "", CHECK_WARN, CHECK_OK, NULL, "", "", "",
		    CHECK_OK },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct watch_summary a = { .verdict = "" };
		struct watch_summary b = { .verdict = "" }, kept;
		struct buf told;

		buf_init(&told, 10000);
		if (cases[i].first)
			add(&a, cases[i].id, cases[i].first, cases[i].host,
			    cases[i].addr, "before");
		if (cases[i].second)
			add(&b, cases[i].id, cases[i].second, cases[i].host,
			    cases[i].addr, "x");
		if (cases[i].other)
			add(&b, cases[i].other, is_sure(cases[i].other) ?
			    CHECK_FAIL : CHECK_UNKNOWN, cases[i].other_host,
			    cases[i].other_addr, "y");
		watch_merge(&a, &b, note_line, &told, &kept);
		CHECK_CASE_STR(cases[i].label, buf_str(&told),
		    cases[i].told);
		CHECK_CASE(cases[i].label, cases[i].kept == CHECK_OK ||
		    (kept.n && kept.v[0].status >= cases[i].kept));
		CHECK_CASE(cases[i].label, cases[i].kept || kept.n ==
		    (cases[i].other != NULL));
		CHECK_CASE(cases[i].label, kept.status >= cases[i].kept);
		buf_clear(&told);
	}
}

/* fail, unknown, unknown, fail, good: two lines. */
static void unknown_does_not_flap(void)
{
	static const enum check_status seen[] = { CHECK_FAIL, CHECK_UNKNOWN,
		CHECK_UNKNOWN, CHECK_FAIL, CHECK_OK };
	struct watch_summary kept = { .verdict = "" }, next;
	struct buf told;

	buf_init(&told, 10000);
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		struct watch_summary s = { .verdict = "" };

		if (seen[i])
			add(&s, "starttls.lost", seen[i], "m.example", "",
			    "x");
		watch_merge(&kept, &s, note_line, &told, &next);
		kept = next;
	}
	CU_ASSERT_STRING_EQUAL(buf_str(&told),
	    "3 a.example m.example: starttls.lost (fail): x\n"
	    "5 a.example m.example: starttls.lost is good again "
	    "(was fail)\n");
	buf_clear(&told);
}

static void the_first_check_tells_all(void)
{
	struct watch_summary s = lost(), kept;
	struct buf told;

	buf_init(&told, 10000);
	watch_merge(NULL, &s, note_line, &told, &kept);
	CU_ASSERT_STRING_EQUAL(buf_str(&told), "3 a.example "
	    "mx2.example.net[203.0.113.9]: starttls.lost (fail): "
	    "offered on 41 of 41 earlier checks, now missing\n");
	buf_clear(&told);
}

/* What was cut off is not good. */
static void too_many_findings_hide(void)
{
	struct watch_summary before = lost(), s = { .verdict = "" }, kept;
	char hosts[WATCH_FINDINGS_MAX][16];
	struct buf told;

	for (int i = 0; i < WATCH_FINDINGS_MAX; i++) {
		snprintf(hosts[i], sizeof(hosts[i]), "m%d.example", i);
		add(&s, "mx.alias", CHECK_INFO, hosts[i], "", "x");
	}
	s.more = 1;
	buf_init(&told, 10000);
	watch_merge(&before, &s, note_line, &told, &kept);
	CU_ASSERT_PTR_NULL(strstr(buf_str(&told), "good again"));
	CU_ASSERT_EQUAL(kept.n, WATCH_FINDINGS_MAX);
	CU_ASSERT_EQUAL(kept.v[0].status, CHECK_FAIL);
	buf_clear(&told);
}

static const struct unit_test tests[] = {
	{ "questions travel", questions_travel },
	{ "hostile questions are refused", hostile_questions_are_refused },
	{ "answers travel", answers_travel },
	{ "long texts are cut", long_texts_are_cut },
	{ "hostile answers are refused", hostile_answers_are_refused },
	{ "states are kept", states_are_kept },
	{ "reports are summed up", reports_are_summed_up },
	{ "the worst of many stay", the_worst_of_many_stay },
	{ "checks are spread", checks_are_spread },
	{ "a restart checks what is due", a_restart_checks_what_is_due },
	{ "failures pause", failures_pause },
	{ "changes are told", changes_are_told },
	{ "unknown does not flap", unknown_does_not_flap },
	{ "the first check tells all", the_first_check_tells_all },
	{ "too many findings hide", too_many_findings_hide },
};

UNIT_MAIN("watch", tests)
