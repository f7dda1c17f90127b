/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/options.h"
#include "policy/partners.h"
#include "tests/unit/conf-load.h"

static void defaults_touch_nothing(void)
{
	struct bundle *b = bundle_new();
	struct conf_messages m = { 0 };
	struct conf *c = conf_load_bundle(NULL, b, &m);
	struct buf out;

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(m.n, 0);
	CU_ASSERT(c->observe && c->rules.observe);	/* ST-S-03 */
	CU_ASSERT_EQUAL(c->rules.n, 1);
	CU_ASSERT_STRING_EQUAL(c->rules.rules[0]->name, "our promise");
	CU_ASSERT_EQUAL(c->rules.rules[0]->action, ACTION_OBSERVE);
	CU_ASSERT_EQUAL(c->rules.rules[0]->to_policy, PROMISE_ENFORCE);
	CU_ASSERT_EQUAL(c->rules.rules[0]->require, REQUIRE_TLS);
	CU_ASSERT_EQUAL(c->rules.rules[0]->unknown, UNKNOWN_ACCEPT);
	CU_ASSERT(c->needs_to_policy && !c->needs_from_policy);
	CU_ASSERT(!c->needs_history);
	CU_ASSERT_EQUAL(c->history.min, 3);
	CU_ASSERT_EQUAL(c->history.days, 30);
	CU_ASSERT_EQUAL(c->history_size, 1000000);
	CU_ASSERT(c->rules.exempt_null_sender);
	CU_ASSERT(!c->rules.exempt_authenticated);
	CU_ASSERT_STRING_EQUAL(c->user, "tlsmilter");
	CU_ASSERT_STRING_EQUAL(c->state_dir, "/var/lib/tlsmilter");
	CU_ASSERT_EQUAL(c->policy_service.n, 0);
	CU_ASSERT_EQUAL(c->socket_mode, 0660);
	CU_ASSERT_EQUAL(c->cache_size, (uint64_t)1 << 30);
	CU_ASSERT_EQUAL(c->https_port, 443);
	CU_ASSERT_EQUAL(c->dns_timeout, 5);
	CU_ASSERT_EQUAL(c->dnssec, DNSSEC_VALIDATE);
	CU_ASSERT_EQUAL(c->authentication_results, AR_TAGGED);
	CU_ASSERT(*c->authserv_id);
	buf_init(&out, 100);
	endpoint_format(&c->milter, ENDPOINT_POSTFIX, &out);
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "inet:127.0.0.1:8899");
	buf_clear(&out);
	conf_unref(c);
	bundle_free(b);
}

/* Nearly everything that can be said, in several spellings. */
static const char full[] =
    "# a comment\n#\n"
    "mode = enforce // another\n"
    "/* and\n one over lines */\n"
    "milter = \"unix:/run/x/milter.sock\" socket_mode=0666\n"
    "control = 'unix:/run/x/control.sock'\r\n"
    "policy_service = {\"inet:localhost:8461\", /run/x/p.sock} "
    "socket_group = postfix\n"
    "user = mail log = recipients\n"
    "help_url = https://example.com/tls\n"
    "authserv_id = mx.example.com\n"
    "authentication_results = ALL\n"
    "hosted_domains = {\"example.com\", \"file:/domains\",\n"
    "  # in a list\n  \"M\xc3\xbcller.example=enforce\",}\n"
    "mx_names = MX.example.com.\n"
    "relays = { 192.0.2.0/28, \"2001:db8::/32\" }\n"
    "sandbox = off\n"
    "dns { servers = {\"127.0.0.1@5301\", \"::1\"} dnssec = off\n"
    "  timeout = 7 }\n"
    "https { allow_private = yes port = 8443 max_size = 1024 }\n"
    "cache { size = 64MiB min_refresh = 60m max_negative = 90s }\n"
    "fuse { after = 1h networks = 3 } "
    "history { min = 5 days = 7 size = 1000 }\n"
    "exempt { client = {} authenticated = yes from = \"file:/senders\" }\n"
    "listener \"proxied\" { match = 10465 tls = unknown }\n"
    "rule \"exception\" { client = .example.com require = none }\n"
    "rule \"bank\" { from = {\"bank.example\", \".bank.example\"}\n"
    "  require = tls1.2 min_bits = 128 deny_cipher = \"RC4\"\n"
    "  action = reject reply = \"550 5.7.10 Say \\\"TLS\\\"\" }\n"
    "rule \"cert\" { cert_name = {\"*.example.com\"} requiretls = no\n"
    "  authenticated = no action = defer unknown = defer }\n"
    "rule \"ours\" { to_policy = {enforce, testing} require = tls\n"
    "  action = tag } rule \"theirs\" { from_policy = enforce\n"
    "  require = tls1.3 } rule \"past\" { history = Downgrade\n"
    "  require = tls action = defer }\n";

static void dnssec_in_the_words_of_the_library(void)
{
	static const struct {
		const char *text;
		enum conf_dnssec word;
		enum mtasts_dnssec meaning;
	} cases[] = {
		{ "dns { dnssec = validate }", DNSSEC_VALIDATE,
		    MTASTS_DNSSEC_VALIDATE },
		{ "dns { dnssec = trust-ad }", DNSSEC_TRUST_AD,
		    MTASTS_DNSSEC_TRUST_AD },
		{ "dns { dnssec = off }", DNSSEC_OFF, MTASTS_DNSSEC_OFF },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *c = load_good(cases[i].text);

		CHECK_CASE(cases[i].text, c->dnssec == cases[i].word);
		CHECK_CASE(cases[i].text, conf_mtasts_dnssec(c) ==
		    cases[i].meaning);
		conf_unref(c);
	}
}

static void values_arrive(void)
{
	struct conf *c = load_good(full);

	CU_ASSERT(!c->observe && !c->rules.observe);
	CU_ASSERT_EQUAL(c->milter.kind, ENDPOINT_UNIX);
	CU_ASSERT_STRING_EQUAL(c->milter.path, "/run/x/milter.sock");
	CU_ASSERT_EQUAL_FATAL(c->policy_service.n, 2);
	CU_ASSERT_EQUAL(c->policy_service.v[0].port, 8461);
	CU_ASSERT_STRING_EQUAL(c->policy_service.v[1].path, "/run/x/p.sock");
	CU_ASSERT_EQUAL(c->socket_mode, 0666);
	CU_ASSERT_STRING_EQUAL(c->socket_group, "postfix");
	CU_ASSERT_EQUAL(c->log, LOG_RECIPIENTS);
	CU_ASSERT_EQUAL(c->authentication_results, AR_ALL);
	CU_ASSERT_STRING_EQUAL(c->help_url, "https://example.com/tls");
	CU_ASSERT_EQUAL(c->mx_names.n, 1);
	CU_ASSERT_STRING_EQUAL(c->mx_names.v[0], "mx.example.com");
	CU_ASSERT_EQUAL(c->dns_servers.n, 2);
	CU_ASSERT_EQUAL(c->dnssec, DNSSEC_OFF);
	CU_ASSERT_EQUAL(c->dns_timeout, 7);
	CU_ASSERT(!c->sandbox && c->allow_private);
	CU_ASSERT_EQUAL(c->https_port, 8443);
	CU_ASSERT_EQUAL(c->https_max_size, 1024);
	CU_ASSERT_EQUAL(c->cache_size, 64 << 20);
	CU_ASSERT_EQUAL(c->max_negative, 90);
	CU_ASSERT_EQUAL(c->fuse_after, 3600);
	CU_ASSERT_EQUAL(c->fuse_networks, 3);
	CU_ASSERT_EQUAL(c->history.min, 5);
	CU_ASSERT_EQUAL(c->history.days, 7);
	CU_ASSERT_EQUAL(c->history_size, 1000);
	CU_ASSERT(c->needs_history);
	CU_ASSERT(client_set_is_empty(c->exempt_client));
	CU_ASSERT(c->rules.exempt_authenticated);
	CU_ASSERT(addr_set_match(c->rules.exempt_from, "a@b.example.com",
	    "b.example.com"));
	CU_ASSERT(c->needs_to_policy && c->needs_from_policy);
	conf_unref(c);
}

static void rules_arrive(void)
{
	struct conf *c = load_good(full);
	const struct rule *r;

	CU_ASSERT_EQUAL_FATAL(c->rules.n, 6);
	CU_ASSERT_EQUAL(c->rules.rules[0]->require, REQUIRE_NONE);
	r = c->rules.rules[1];
	CU_ASSERT_STRING_EQUAL(r->name, "bank");
	CU_ASSERT_EQUAL(r->require, REQUIRE_TLS12);
	CU_ASSERT_EQUAL(r->min_bits, 128);
	CU_ASSERT_EQUAL(r->action, ACTION_REJECT);
	CU_ASSERT_EQUAL(r->deny_cipher.n, 1);
	CU_ASSERT_STRING_EQUAL(r->reply.code, "550");
	CU_ASSERT_STRING_EQUAL(r->reply.text, "Say \"TLS\"");
	CU_ASSERT_EQUAL(r->authenticated, -1);
	r = c->rules.rules[2];
	CU_ASSERT_EQUAL(r->require, REQUIRE_TLS);	/* implied */
	CU_ASSERT_EQUAL(r->requiretls, 0);
	CU_ASSERT_EQUAL(r->authenticated, 0);
	CU_ASSERT_EQUAL(r->unknown, UNKNOWN_DEFER);
	CU_ASSERT(!r->history_downgrade);
	CU_ASSERT(c->rules.rules[5]->history_downgrade);
	r = c->rules.rules[3];
	CU_ASSERT_EQUAL(r->to_policy, PROMISE_ENFORCE | PROMISE_TESTING);
	CU_ASSERT_STRING_EQUAL(c->rules.rules[4]->name, "theirs");
	CU_ASSERT_EQUAL(c->listeners_n, 1);
	CU_ASSERT(c->listeners[0].tls_unknown);
	conf_unref(c);
}

static void hosted_domains_are_found(void)
{
	struct conf *c = load_good(full);
	const struct hosted *h;

	CU_ASSERT_EQUAL(c->hosted_n, 4);
	h = conf_hosted(c, "example.com");
	CU_ASSERT(h && h->stated == 0);
	h = conf_hosted(c, "example.net");
	CU_ASSERT(h && h->stated == PROMISE_TESTING);
	h = conf_hosted(c, "xn--mller-kva.example");
	CU_ASSERT(h && h->stated == PROMISE_ENFORCE);
	CU_ASSERT_PTR_NULL(conf_hosted(c, "www.example.com"));
	CU_ASSERT_PTR_NULL(conf_hosted(c, NULL));
	conf_unref(c);
}

static void listeners_are_found(void)
{
	struct conf *c = load_good(full);
	struct session_facts s = { .listener_port = "25" };

	CU_ASSERT_PTR_NULL(conf_listener_of(c, &s));
	s.listener_port = "10465";
	CU_ASSERT_PTR_EQUAL(conf_listener_of(c, &s), &c->listeners[0]);
	conf_unref(c);
}

static void lists_arrive(void)
{
	struct conf *c = load_good("list f { file = /partners }\n"
	    "rule x { list = u require = tls }\n"
	    "list u { url = \"https://L.example.org:8443/a\" refresh = 6h }\n"
	    "list v { url = \"https://l.example.org/\" }\n"
	    "rule y { list = f require = tls }\n"
	    "rule z { require = tls }\n");

	CU_ASSERT_EQUAL_FATAL(c->lists_n, 3);
	CU_ASSERT_STRING_EQUAL(c->lists[0].name, "f");
	CU_ASSERT_STRING_EQUAL(c->lists[0].file, "/partners");
	CU_ASSERT_PTR_NULL(c->lists[0].url);
	CU_ASSERT(partners_count(c->lists[0].partners) == 1);
	CU_ASSERT_STRING_EQUAL(c->lists[1].url,
	    "https://L.example.org:8443/a");
	CU_ASSERT_EQUAL(c->lists[1].refresh, 6 * 3600);
	CU_ASSERT_PTR_NULL(c->lists[1].file);
	CU_ASSERT_PTR_NULL(c->lists[1].partners);
	CU_ASSERT_EQUAL(c->lists[2].refresh, 86400);
	CU_ASSERT_EQUAL(c->rules.rules[0]->list_index, 1);
	CU_ASSERT_EQUAL(c->rules.rules[1]->list_index, 0);
	CU_ASSERT_EQUAL(c->rules.rules[2]->list_index, -1);
	conf_unref(c);
}

static void lists_are_bounded(void)
{
	struct conf_messages m;
	struct buf text;

	buf_init(&text, 10000);
	for (int i = 0; i <= LISTS_MAX; i++)
		buf_addf(&text, "list l%d { file = /partners }\n", i);
	CU_ASSERT_PTR_NULL(load(buf_str(&text), &m));
	CU_ASSERT_STRING_EQUAL(m.n ? m.v[0].text : "",
	    F "17: more than 16 lists");
	conf_messages_clear(&m);
	buf_clear(&text);
}

static void watched_domains_arrive(void)
{
	struct conf *c = load_good("watch { domains = {\"z.example\",\n"
	    "\"B\303\274cher.example\", \"Z.EXAMPLE\"} interval = 30m }\n");

	CU_ASSERT_EQUAL_FATAL(c->watch.domains.n, 2);
	CU_ASSERT_STRING_EQUAL(c->watch.domains.v[0],
	    "xn--bcher-kva.example");
	CU_ASSERT_STRING_EQUAL(c->watch.domains.v[1], "z.example");
	CU_ASSERT_EQUAL(c->watch.interval, 1800);
	conf_unref(c);
	c = load_good("");
	CU_ASSERT_EQUAL(c->watch.domains.n, 0);
	CU_ASSERT_EQUAL(c->watch.interval, 6 * 3600);
	conf_unref(c);
}

static void watched_domains_are_bounded(void)
{
	struct conf_messages m;
	struct buf text;

	buf_init(&text, 10000);
	buf_adds(&text, "watch {\n domains = {\"d0.example\"");
	for (int i = 0; i <= CONF_WATCH_MAX; i++)
		buf_addf(&text, ", \"d%d.example\"", i);
	buf_adds(&text, "}\n}\n");
	CU_ASSERT_PTR_NULL(load(buf_str(&text), &m));
	CU_ASSERT_STRING_EQUAL(m.n ? m.v[0].text : "",
	    F "2: domains: more than 256");
	conf_messages_clear(&m);
	buf_clear(&text);
}

/* The words of the table are enum tls_level, in its order. */
static void levels_have_their_words(void)
{
	for (int i = TLS_LEVEL_NONE; i <= TLS_LEVEL_SECURE; i++) {
		const char *name = tls_level_name((enum tls_level)i);
		struct conf *c;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "destination x.example { level = %s %s }\n"
		    "postfix { default_level = %s }", name,
		    i == TLS_LEVEL_FINGERPRINT ? "match = AB:CD" : "", name);
		c = load_good(buf_str(&text));
		CHECK_CASE(name, c->destinations_n == 1 &&
		    (int)c->destinations[0].level == i);
		CHECK_CASE(name, (int)c->postfix.default_level == i);
		conf_unref(c);
		buf_clear(&text);
	}
}

/* In the form they are compared and written in (PF-TP-11). */
static void match_lists_are_canonical(void)
{
	static const struct {
		const char *match, *want;
	} cases[] = {
		{ "MX.Partner.Example.", "mx.partner.example" },
		{ ".M\xc3\xbcller.example", ".xn--mller-kva.example" },
		{ "Hostname", "hostname" },
		{ "Dot-Nexthop", "dot-nexthop" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *c;
		struct buf text;

		buf_init(&text, 1000);
		buf_addf(&text, "destination a.example { level = secure "
		    "match = \"%s\" }", cases[i].match);
		c = load_good(buf_str(&text));
		CHECK_CASE_STR(cases[i].match,
		    c->destinations[0].override.match[0], cases[i].want);
		conf_unref(c);
		buf_clear(&text);
	}
}

static void a_dump_loads_to_the_same(void)
{
	static const char *const texts[] = { "", full,
		"rule 'a b' { require = tls }", "exempt { to = {} }",
		"watch { domains = {B.example, a.example} interval = 1w }",
		"list f { file = /partners }\n"
		"list u { url = \"https://l.example.org/a?b=c\" }\n"
		"rule x { list = u require = tls }",
		"socketmap = {/a} postfix { version = 3.10 dane = yes }\n"
		"destination \".M\xc3\xbcller.example\" { level = may }\n"
		"destination \"unix:/a\\\"\\\\b\" { level = may }\n"
		"destination \"[IPv6:2001:DB8:0::1]:26\" { level = secure\n"
		"  match = {B.example, Hostname} }" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct conf *a = load_good(texts[i]);
		char *first = dump(a);
		struct conf *b = load_good(first);
		char *second = dump(b);
		struct strv sv = { 0 };

		CHECK_CASE_STR(texts[i], second, first);
		conf_restart_needed(a, b, &sv);
		CHECK_CASE(texts[i], sv.n == 0);
		CHECK_CASE(texts[i], !conf_resolver_differs(a, b));
		CHECK_CASE(texts[i], a->rules.n == b->rules.n);
		CHECK_CASE(texts[i], a->hosted_n == b->hosted_n);
		strv_clear(&sv);
		free(first);
		free(second);
		conf_unref(a);
		conf_unref(b);
	}
}

static void the_command_line_wins(void)
{
	struct conf *c = load_good("user = mail");
	struct buf err;
	char *text;

	buf_init(&err, 1000);
	CU_ASSERT(conf_override(c, "milter", "inet:127.0.0.1:9000", &err));
	CU_ASSERT(conf_override(c, "user", "nobody", &err));
	CU_ASSERT_EQUAL(c->milter.port, 9000);
	CU_ASSERT_STRING_EQUAL(c->user, "nobody");
	text = dump(c);
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "milter = \"inet:9000@127.0.0.1\"\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "user = \"nobody\"\n"));
	CU_ASSERT(!conf_override(c, "milter", "9000", &err));
	CU_ASSERT(err.len > 0);
	CU_ASSERT_EQUAL(c->milter.port, 9000);
	free(text);
	buf_clear(&err);
	conf_unref(c);
}

static void reload_knows_what_it_takes(void)
{
	static const struct {
		const char *label, *old, *new, *restart;
		bool resolver;
	} cases[] = {
		{ "live options", "mode = observe\n",
		    "mode = enforce relays = 192.0.2.1 log = actions\n"
		    "history { min = 1 days = 9 }\n"
		    "cache { min_refresh = 2h } rule \"x\" { require = tls }",
		    "", false },
		{ "the same in other words", "cache { size = 1GiB }",
		    "cache { size = 1024MiB } dns { timeout = 5 }", "",
		    false },
		{ "listeners", "", "milter = inet:9000@127.0.0.1", "milter",
		    false },
		{ "policy service", "policy_service = {/a, /b}",
		    "policy_service = {/b, /a}", "policy_service", false },
		{ "socketmap", "", "socketmap = {/a}", "socketmap", false },
		{ "destinations", "", "postfix { version = 3.10\n"
		    "default_level = secure on_outage = temp }"
		    "destination x.example { level = may }", "", false },
		{ "user and state", "",
		    "user = mail state_dir = /tmp cache { size = 2GiB }",
		    "user state_dir cache.size", false },
		{ "what is watched", "", "watch { domains = {a.example}\n"
		    "interval = 1h }", "", false },
		{ "size of the history", "", "history { size = 0 }",
		    "history.size", false },
		{ "name servers", "", "dns { servers = 192.0.2.1 }", "",
		    true },
		{ "proxy", "", "https { proxy = \"http://192.0.2.1:3128\" }",
		    "", true },
		{ "sandbox", "", "sandbox = no", "", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *a = load_good(cases[i].old);
		struct conf *b = load_good(cases[i].new);
		struct strv sv = { 0 };
		struct buf names;

		conf_restart_needed(a, b, &sv);
		buf_init(&names, 1000);
		for (size_t j = 0; j < sv.n; j++)
			buf_addf(&names, "%s%s", j ? " " : "", sv.v[j]);
		CHECK_CASE_STR(cases[i].label, buf_str(&names),
		    cases[i].restart);
		CHECK_CASE(cases[i].label, conf_resolver_differs(a, b) ==
		    cases[i].resolver);
		buf_clear(&names);
		strv_clear(&sv);
		conf_unref(a);
		conf_unref(b);
	}
}

static void unwise_settings_are_warned_of(void)
{
	static const struct {
		const char *label, *text, *want;
	} cases[] = {
		{ "nothing wrong", "rule \"x\" { require = tls  min_bits = 128"
		    " requiretls = no }", "" },
		{ "rejecting for another's promise",
		    "rule \"x\" { from_policy = enforce require = tls\n"
		    "action = defer }", F "1: rule \"x\": from_policy" },
		{ "rejecting for our promise", "\nrule \"x\" {\n"
		    "to_policy = enforce require = tls action = reject }",
		    F "2: rule \"x\": action = defer is recommended" },
		{ "fingerprint", "rule \"x\" {\ncert_fingerprint = "
		    "00112233445566778899aabbccddeeff }",
		    F "1: rule \"x\": Postfix gives milters no "
		    "fingerprint; the rule counts as met then" },
		{ "fingerprint, and no mercy", "rule \"x\" {\n"
		    "cert_fingerprint = 00112233445566778899aabbccddeeff\n"
		    "unknown = defer  action = tag }", F "1: rule \"x\": "
		    "Postfix gives milters no fingerprint; mail is deferred "
		    "then" },
		{ "fingerprint, only observed", "rule \"x\" {\n"
		    "cert_fingerprint = 00112233445566778899aabbccddeeff\n"
		    "unknown = defer }", F "1: rule \"x\": Postfix gives "
		    "milters no fingerprint; that is only logged then" },
		{ "verified", "rule \"x\" { require = verified }",
		    F "1: rule \"x\": Postfix names a client certificate "
		    "only if" },
		{ "cert_name", "rule \"x\" { cert_name = y.example }",
		    F "1: rule \"x\": Postfix names a client certificate "
		    "only if" },
		{ "requiretls", "rule \"x\" { requiretls = yes\n"
		    "require = tls }", F "1: rule \"x\": only Postfix 3.11" },
		{ "an exception for what few can tell is no exception",
		    "rule \"x\" { requiretls = yes  require = none }\n"
		    "rule \"y\" { require = tls }",
		    F "1: rule \"x\": only Postfix 3.11" },
		{ "the past, by the policy service", "policy_service = "
		    "{\"inet:8898@127.0.0.1\"}\nrule \"x\" {\n"
		    "history = downgrade require = tls }",
		    F "2: rule \"x\": what comes by the policy service" },
		{ "the past, by the milter", "rule \"x\" {\n"
		    "history = downgrade require = tls }", "" },
		{ "an end before the end", "rule \"x\" { require = none }\n"
		    "rule \"y\" { require = tls }",
		    F "1: rule \"x\" has no condition" },
		{ "a list for nothing", "\nlist \"l\" { file = "
		    "\"/partners\" }", F "2: list \"l\" is used by no rule" },
		{ "a list for outgoing mail", "socketmap = {/a}\n"
		    "list \"l\" { file = \"/partners\" }", "" },
		{ "destinations for nothing", "\ndestination \"a.example\" "
		    "{ level = may }\ndestination \"b.example\" "
		    "{ level = may }",
		    F "2: destination \"a.example\" does nothing" },
		{ "a destination for outgoing mail", "socketmap = {/a}\n"
		    "destination \"a.example\" { level = may }", "" },
		{ "DANE without DNSSEC", "dns { dnssec = off }\n"
		    "postfix { dane = yes }\n",
		    F "2: dane = yes does nothing with dns.dnssec = off" },
		{ "PF-TP-26: a policy instead of DANE", "socketmap = {/a}\n"
		    "postfix {\n default_level = dane\n}",
		    F "3: default_level = dane, but dane = no" },
		{ "PF-TP-26: DANE first", "socketmap = {/a}\n"
		    "postfix { default_level = dane-only dane = yes }", "" },
		{ "an expired list", "list \"l\" { file = \"/oldlist\" }\n"
		    "rule \"x\" { list = l require = tls }",
		    "/oldlist: this list has expired" },
		{ "a list is a condition", "list \"l\" { file = "
		    "\"/partners\" }\nrule \"x\" { list = l require = none }\n"
		    "rule \"y\" { require = tls }", "" },
		{ "rejecting for the past",
		    "rule \"x\" { history = downgrade require = tls\n"
		    "action = reject }",
		    F "1: rule \"x\": action = defer is recommended" },
		{ "a history of nothing", "history { size = 0 }\n"
		    "rule \"x\" { history = downgrade require = tls }",
		    F "2: rule \"x\" never matches, since history.size" },
		{ "a history of users",
		    "rule \"x\" { history = downgrade require = tls\n"
		    "authenticated = yes }",
		    F "1: rule \"x\" never matches, since history is not" },
		{ "no end, since it has a condition",
		    "rule \"x\" { history = downgrade require = none }\n"
		    "rule \"y\" { require = tls }", "" },
		{ "strip_ar", "\nstrip_ar = all\n", F "2: strip_ar = all" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_messages m;
		struct conf *c = load(cases[i].text, &m);
		const char *got = m.n ? m.v[0].text : "";

		CHECK_CASE(cases[i].label, c != NULL);
		CHECK_CASE(cases[i].label, m.n == (*cases[i].want ? 1 : 0));
		CHECK_CASE(cases[i].label, str_starts(got, cases[i].want));
		CHECK_CASE(cases[i].label, m.n == 0 || !m.v[0].error);
		conf_unref(c);
		conf_messages_clear(&m);
	}
}

/* ---- the sample -------------------------------------------------------- */

static char *read_sample(void)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(SAMPLE, "r");

	CU_ASSERT_FATAL(text && f);
	CU_ASSERT(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

/* Take the "#" off settings; "# " begins a remark. */
static void uncomment(char *text)
{
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line[0] == '#' && line[1] != ' ' && line[1] != '\n')
			line[0] = ' ';
	}
}

static void the_sample_shows_the_defaults(void)
{
	char *sample = read_sample();
	struct conf *plain = load_good(sample), *all, *none = load_good("");
	char *dumps[3];

	uncomment(sample);
	all = load_good(sample);
	dumps[0] = dump(none);
	dumps[1] = dump(plain);
	dumps[2] = dump(all);
	CHECK_CASE_STR("as it is", dumps[1], dumps[0]);
	CHECK_CASE_STR("with every default stated", dumps[2], dumps[0]);
	for (size_t i = 0; i < 3; i++)
		free(dumps[i]);
	conf_unref(plain);
	conf_unref(all);
	conf_unref(none);
	free(sample);
}

static void the_sample_is_complete(void)
{
	char *sample = read_sample();

	uncomment(sample);
	for (size_t i = 0; i < options_n; i++) {
		const struct option *o = &options[i];
		char want[64];

		snprintf(want, sizeof(want), "%s = ", o->name);
		CHECK_CASE(o->name, (o->flags & OPT_LATER) ||
		    strcmp(o->section, "rule") == 0 ||
		    strstr(sample, want) != NULL);
	}
	free(sample);
}

/* ---- outgoing mail ----------------------------------------------------- */

static void destinations_are_found(void)
{
	static const char text[] =
	    "postfix { version = \"3.10.5\" dane = yes\n"
	    " default_level = encrypt on_outage = temp }\n"
	    "destination \".example\" { level = may }\n"
	    "destination \"Partner.Example\" { level = secure\n"
	    " match = {\".hosts.example\", \"nexthop\"} }\n"
	    "destination \".partner.example\" { level = encrypt }\n"
	    "destination \"[partner.example]:587\" { level = dane-only }\n"
	    "destination \"[192.0.2.1]\" { level = none }\n";
	static const struct {
		const char *label, *key, *title;
	} rows[] = {
		{ "its own name", "partner.example", "Partner.Example" },
		{ "in another spelling", "PARTNER.example.:smtp",
			"Partner.Example" },
		{ "another port", "partner.example:587", NULL },
		{ "a smart host", "[partner.example]:submission",
			"[partner.example]:587" },
		{ "its host at port 25", "[partner.example]", NULL },
		{ "below it", "a.partner.example", ".partner.example" },
		{ "far below it", "a.b.partner.example",
			".partner.example" },
		{ "beside it", "a.other.example", ".example" },
		{ "below, at another port", "a.partner.example:587", NULL },
		{ "no dot before it", "xpartner.example", ".example" },
		{ "a parent as Postfix asks for it (PF-TP-02)",
			".partner.example", ".partner.example" },
		{ "an address", "192.0.2.1", "[192.0.2.1]" },
		{ "nothing", "a b", NULL },
	};
	struct conf *c = load_good(text);
	struct nexthop hop;

	CU_ASSERT_EQUAL(c->postfix.version, POSTFIX_VERSION(3, 10));
	CU_ASSERT(c->postfix.dane && c->postfix.outage_temp);
	CU_ASSERT_EQUAL(c->postfix.default_level, TLS_LEVEL_ENCRYPT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct tlspolicy_override *ov;
		const char *title = NULL;

		nexthop_parse(rows[i].key, strlen(rows[i].key), &hop);
		ov = conf_destination_find(c, &hop, &title);
		CHECK_CASE(rows[i].label, (ov != NULL) ==
		    (rows[i].title != NULL));
		if (rows[i].title && title)
			CHECK_CASE_STR(rows[i].label, title, rows[i].title);
	}
	nexthop_parse("partner.example", 15, &hop);
	CU_ASSERT_EQUAL(conf_destination_find(c, &hop, NULL)->match_n, 2);
	conf_unref(c);
	c = load_good("");
	CU_ASSERT_PTR_NULL(conf_destination_find(c, &hop, NULL));
	CU_ASSERT_EQUAL(c->postfix.version, POSTFIX_VERSION(3, 7));
	CU_ASSERT(!c->postfix.dane && !c->postfix.outage_temp);
	CU_ASSERT_EQUAL(c->postfix.default_level, TLS_LEVEL_MAY);
	CU_ASSERT_EQUAL(c->socketmap.n, 0);
	conf_unref(c);
}

static const struct unit_test tests[] = {
	{ "destinations are found", destinations_are_found },
	{ "defaults touch nothing", defaults_touch_nothing },
	{ "values arrive", values_arrive },
	{ "dnssec in the words of the library",
	    dnssec_in_the_words_of_the_library },
	{ "rules arrive", rules_arrive },
	{ "hosted domains are found", hosted_domains_are_found },
	{ "listeners are found", listeners_are_found },
	{ "lists arrive", lists_arrive },
	{ "lists are bounded", lists_are_bounded },
	{ "watched domains arrive", watched_domains_arrive },
	{ "watched domains are bounded", watched_domains_are_bounded },
	{ "levels have their words", levels_have_their_words },
	{ "match lists are canonical", match_lists_are_canonical },
	{ "a dump loads to the same", a_dump_loads_to_the_same },
	{ "the command line wins", the_command_line_wins },
	{ "reload knows what it takes", reload_knows_what_it_takes },
	{ "unwise settings are warned of", unwise_settings_are_warned_of },
	{ "the sample shows the defaults", the_sample_shows_the_defaults },
	{ "the sample is complete", the_sample_is_complete },
};

UNIT_MAIN("conf", tests)
