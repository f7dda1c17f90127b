/* SPDX-License-Identifier: BSD-2-Clause */
/* Design §6.8: one line, stable order, nothing a peer can forge in it. */
#include "config.h"

#include "audit/counters.h"
#include "audit/line.h"
#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PLAIN "tls=none cipher=- bits=- "

/* Judge a scenario and format its line. */
static void format(const char *queue_id, const char *rules,
    const char *facts, const struct audit *extra, struct buf *out)
{
	struct scenario sc;
	struct verdict v;
	struct audit a = *extra;

	scenario_read(&sc, rules, facts);
	sc.s.client_port = a.source ? 4711 : 0;
	scenario_decide(&sc, NULL, NULL, &v);
	a.queue_id = queue_id;
	a.session = &sc.s;
	a.message = &sc.m;
	a.verdict = &v;
	if (sc.has_rcpt) {
		a.to = sc.r.to;
		a.to_domain = sc.r.to_domain;
		a.to_promise = sc.r.to_promise;
	}
	audit_format(out, &a);
	scenario_clear(&sc);
}

static void lines(void)
{
	static const struct {
		const char *label, *queue_id, *rules, *facts, *want;
	} cases[] = {
		{ "refused", NULL, "our to_policy=enforce action=reject",
		    "client=192.0.2.1 helo=mail.b.example from=a@b.example "
		    "to=b@our.example ours to_policy=enforce",
		    "NOQUEUE: action=reject would=reject rule=our " PLAIN
		    "client=192.0.2.1:4711 helo=mail.b.example "
		    "from=a@b.example to=b@our.example policy=enforce "
		    "reason=\"plaintext; rule \\\"our\\\" requires tls; "
		    "to_policy enforce of our.example\" source=milter" },
		{ "accepted, TLS", "4ABC12", "our to_policy=enforce",
		    "client=192.0.2.1 helo=mx from=<> to=b@our.example "
		    "tls=TLSv1.3/TLS_AES_256_GCM_SHA384/256",
		    "4ABC12: action=accept would=accept rule=- tls=TLSv1.3 "
		    "cipher=TLS_AES_256_GCM_SHA384 bits=256 "
		    "client=192.0.2.1 helo=mx from=<> to=b@our.example "
		    "policy=none reason=\"no rule matches\" source=milter" },
		{ "observed", "4ABC12", "r action=reject",
		    "client=2001:db8::1 observe from=a@b.example to=postmaster",
		    "4ABC12: action=observe would=reject rule=r " PLAIN
		    "client=2001:db8::1 helo=- from=a@b.example "
		    "to=postmaster policy=none reason=\"plaintext; rule "
		    "\\\"r\\\" requires tls; observe mode\" source=milter" },
		{ "IPv6 without queue id", "", "", "client=2001:db8::1 "
		    "tls=unknown to=b@b.example to_policy=unknown",
		    "NOQUEUE: action=accept would=accept rule=- tls=unknown "
		    "cipher=- bits=- client=[2001:db8::1]:4711 helo=- from=- "
		    "to=b@b.example policy=unknown reason=\"no rule "
		    "matches\" source=milter" },
		{ "no address (PF-MI-11)", NULL, "", "non_smtp to=b@b.example "
		    "to_policy=enforce,dane,testing",
		    "NOQUEUE: action=accept would=accept rule=- " PLAIN
		    "client=- helo=- from=- to=b@b.example "
		    "policy=dane,enforce,testing reason=\"not received by "
		    "SMTP\" source=milter" },
		{ "a version without a name", "Q", "", "client=192.0.2.1 "
		    "tls=//0 to=b@b.example",
		    "Q: action=accept would=accept rule=- tls=unnamed "
		    "cipher=\"\" bits=- client=192.0.2.1 helo=- from=- "
		    "to=b@b.example policy=none reason=\"no rule matches\" "
		    "source=milter" },
		{ "a peer's text is quoted and cleaned", "Q\n1",
		    "b\xc3\xa4nk action=tag", "client=192.0.2.1 "
		    "helo=x\r\nlog:\taction=accept from=\"a\\b\xff\"@b.example "
		    "to=x=y@b.example", "\"Q\\x0A1\": action=tag would=tag "
		    "rule=\"b\\xC3\\xA4nk\" " PLAIN "client=192.0.2.1 "
		    "helo=\"x\\x0D\\x0Alog:\\x09action=accept\" "
		    "from=\"\\\"a\\\\b\\xFF\\\"@b.example\" "
		    "to=\"x=y@b.example\" policy=none reason=\"plaintext; "
		    "rule \\\"b??nk\\\" requires tls\" source=milter" },
	};
	static const struct audit milter = { .source = "milter" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b;

		buf_init(&b, AUDIT_LINE_MAX);
		format(cases[i].queue_id, cases[i].rules, cases[i].facts,
		    &milter, &b);
		CHECK_CASE_STR(cases[i].label, buf_str(&b), cases[i].want);
		buf_clear(&b);
	}
}

/* The line of a whole message has counts in place of a recipient. */
static void the_line_of_a_message(void)
{
	struct audit a = { .source = "explain", .recipients = 3, .forged = 2,
		.to_promise = { .known = true, .set = PROMISE_ENFORCE } };
	struct buf b;

	buf_init(&b, AUDIT_LINE_MAX);
	format("Q", "", "client=192.0.2.1 from=a@b.example", &a, &b);
	CU_ASSERT_STRING_EQUAL(buf_str(&b), "Q: action=accept would=accept "
	    "rule=- " PLAIN "client=192.0.2.1 helo=- from=a@b.example "
	    "nrcpt=3 policy=enforce reason=\"no rule matches\" forged=2 "
	    "source=explain");
	buf_reset(&b);
	a = (struct audit){ 0 };
	format("Q", "", "client=192.0.2.1 from=a@b.example", &a, &b);
	CU_ASSERT_STRING_EQUAL(buf_str(&b), "Q: action=accept would=accept "
	    "rule=- " PLAIN "client=192.0.2.1 helo=- from=a@b.example "
	    "nrcpt=0 policy=- reason=\"no rule matches\" source=-");
	buf_reset(&b);
	format(NULL, "", "client=2001:db8::1 from=a@b.example", &a, &b);
	CU_ASSERT_STRING_EQUAL(buf_str(&b), "NOQUEUE: action=accept "
	    "would=accept rule=- " PLAIN "client=2001:db8::1 helo=- "
	    "from=a@b.example nrcpt=0 policy=- reason=\"no rule matches\" "
	    "source=-");
	buf_clear(&b);
}

/* Nobody can push reason= and source= out of the line. */
static void long_texts_are_cut(void)
{
	static const char *const fills[] = { "x", "\xff", "\"", "\\", " " };
	char text[3000];

	for (size_t i = 0; i < COUNT(fills); i++) {
		struct session_facts s = { .helo = text,
			.client = { .family = AF_INET6 },
			.client_port = 65535,
			.tls = { .state = TLS_ENCRYPTED, .version = text,
			    .cipher = text, .bits = 2147483647 } };
		struct message_facts m = { .from = text };
		struct rule rule = { .name = text };
		struct verdict v = { .action = ACTION_QUARANTINE,
			.would = ACTION_QUARANTINE, .rule = &rule };
		struct audit a = { .queue_id = text, .session = &s,
			.message = &m, .to = text, .to_domain = text,
			.to_promise = { .known = true, .set = 15 },
			.verdict = &v, .forged = 4294967295u,
			.source = text };
		struct buf b;

		memset(text, *fills[i], sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		memset(s.client.bytes, 0xab, sizeof(s.client.bytes));
		memcpy(v.reason, text, sizeof(v.reason) - 1);
		buf_init(&b, AUDIT_LINE_MAX);
		audit_format(&b, &a);
		CHECK_CASE(fills[i], !b.failed);
		CHECK_CASE(fills[i], strstr(buf_str(&b), " source=\"") !=
		    NULL);
		CHECK_CASE(fills[i], str_ends(buf_str(&b), "...\""));
		buf_clear(&b);
	}
}

static void promises_are_written(void)
{
	static const struct {
		struct promise promise;
		const char *want;
	} cases[] = {
		{ { 0, false, false }, "unknown" },
		{ { 0, false, true }, "unknown" },
		{ { 0, true, false }, "none" },
		{ { PROMISE_NONE, true, false }, "none" },
		{ { PROMISE_ENFORCE, true, false }, "enforce" },
		{ { PROMISE_DANE | PROMISE_ENFORCE, true, false },
		    "dane,enforce" },
		{ { PROMISE_TESTING, true, false }, "testing" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b;

		buf_init(&b, 100);
		audit_format_promise(&b, &cases[i].promise);
		CHECK_CASE_STR(cases[i].want, buf_str(&b), cases[i].want);
		buf_clear(&b);
	}
}

static void counters_have_names(void)
{
	struct counters c = { 0 };
	json_t *o, *want;

	counter_add(&c.sessions, 1);
	counter_add(&c.messages, 2);
	counter_add(&c.by_tls[TLS_UNKNOWN], 3);
	counter_add(&c.by_tls[TLS_PLAINTEXT], 4);
	counter_add(&c.by_tls[TLS_ENCRYPTED], 5);
	for (int a = ACTION_ACCEPT; a < ACTIONS; a++) {
		counter_add(&c.recipients[a], 10 + (unsigned)a);
		counter_add(&c.would[a], 20 + (unsigned)a);
	}
	counter_add(&c.held, 30);
	counter_add(&c.tagged, 31);
	counter_add(&c.forged, 32);
	counter_add(&c.trouble, 16);
	counter_add(&c.trouble, 17);
	o = counters_json(&c);
	want = json_loads("{\"sessions\":1,\"messages\":2,\"messages_by_tls\":"
	    "{\"unknown\":3,\"plaintext\":4,\"encrypted\":5},"
	    "\"recipients\":{\"accept\":10,\"observe\":11,\"tag\":12,"
	    "\"quarantine\":13,\"defer\":14,\"reject\":15},"
	    "\"would\":{\"accept\":20,\"observe\":21,\"tag\":22,"
	    "\"quarantine\":23,\"defer\":24,\"reject\":25},"
	    "\"held\":30,\"tagged\":31,\"forged\":32,\"trouble\":33}", 0,
	    NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	CU_ASSERT_PTR_NOT_NULL_FATAL(want);
	CU_ASSERT(json_equal(o, want));
	json_decref(o);
	json_decref(want);
}

static const struct unit_test tests[] = {
	{ "lines", lines },
	{ "the line of a message", the_line_of_a_message },
	{ "long texts are cut", long_texts_are_cut },
	{ "promises are written", promises_are_written },
	{ "counters have names", counters_have_names },
};

UNIT_MAIN("audit", tests)
