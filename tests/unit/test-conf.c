/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/options.h"
#include "conf/setup.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define FILE_NAME "/t.conf"

static void add_lists(struct bundle *b)
{
	static const char domains[] =
	    "# ours\n\nexample.org\n  example.net=testing  # soon\n";
	static const char bad[] = "example.org\n\nnot a domain\n";
	static const char clients[] = "192.0.2.0/24\r\n192.0.2.7/24\n";
	static const char senders[] = "example.com\n.example.com\nme@\n<>\n";

	bundle_add_text(b, "/domains", domains, strlen(domains));
	bundle_add_text(b, "/bad", bad, strlen(bad));
	bundle_add_text(b, "/clients", clients, strlen(clients));
	bundle_add_text(b, "/senders", senders, strlen(senders));
	bundle_add_text(b, "/binary", "a\0b", 3);
}

/* Load a text; the caller clears m. */
static struct conf *load(const char *text, struct conf_messages *m)
{
	struct bundle *b = bundle_new();
	struct conf *c;

	*m = (struct conf_messages){ 0 };
	bundle_add_text(b, FILE_NAME, text, strlen(text));
	add_lists(b);
	c = conf_load_bundle(FILE_NAME, b, m);
	bundle_free(b);
	return c;
}

/* Load a text that must be right; the caller gives the reference back. */
static struct conf *load_good(const char *text)
{
	struct conf_messages m;
	struct conf *c = load(text, &m);

	for (size_t i = 0; i < m.n; i++)
		if (m.v[i].error)
			fprintf(stderr, "%s\n", m.v[i].text);
	conf_messages_clear(&m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

#define F FILE_NAME ":"

static const struct {
	const char *label, *text, *want;
} bad_texts[] = {
	{ "unknown key", "mode = observe\nmood = observe\n",
	    F "2: no such option 'mood'" },
	{ "unknown key in a section", "dns {\n\tserver = 192.0.2.1\n}\n",
	    F "2: no such option 'server' in section \"dns\"" },
	{ "unknown section", "\nresolver {\n}\n",
	    F "2: no such option 'resolver'" },
	{ "key of a section at the top", "servers = {}\n",
	    F "1: no such option 'servers'" },
	{ "path to a key of a section", "dns|timeout = 5s\n",
	    F "1: no such option" },
	{ "no equals sign", "mode observe\n",
	    F "1: missing equal sign after option 'mode'" },
	{ "list for a scalar", "mode = {\"observe\"}\n",
	    F "1: unexpected token '{'" },
	{ "scalar for a section", "dns = 5\n",
	    F "1: missing opening brace for section 'dns'" },
	{ "rule without a name", "rule {\nrequire = tls\n}\n",
	    F "1: missing title for section 'rule'" },
	{ "bad word", "\n\nmode = watch\n",
	    F "3: mode: \"watch\" is none of: enforce observe" },
	{ "bad boolean", "sandbox = maybe\n",
	    F "1: sandbox: \"maybe\" is neither yes nor no" },
	{ "bad number", "fuse { networks = ten }\n",
	    F "1: networks: \"ten\" is not a number from 1 to 1000" },
	{ "number out of range", "fuse {\n networks = 0\n}\n",
	    F "2: networks: \"0\" is not a number from 1 to 1000" },
	{ "bad duration", "dns { timeout = fast }\n",
	    F "1: timeout: \"fast\" is not a duration such as 5s, 30m, 6h or "
	    "1d" },
	{ "duration out of range", "dns { timeout = 2m }\n",
	    F "1: timeout: \"2m\" is not from 1s to 1m" },
	{ "bad size", "cache { size = 1GB }\n",
	    F "1: size: \"1GB\" is not a size such as 64KiB, 16MiB or 1GiB" },
	{ "size out of range", "https { max_size = 1MiB }\n",
	    F "1: max_size: \"1MiB\" is not from 1KiB to 64KiB" },
	{ "size beyond 64 bits", "cache { size = 99999999999TiB }\n",
	    F "1: size: \"99999999999TiB\" is not a size such as 64KiB, "
	    "16MiB or 1GiB" },
	{ "bad permissions", "socket_mode = 0888\n",
	    F "1: socket_mode: \"0888\" is not an octal mode such as 0660" },
	{ "permissions with bits above 0777", "socket_mode = 4660\n",
	    F "1: socket_mode: \"4660\" is not an octal mode such as 0660" },
	{ "bad facility", "syslog_facility = post\n",
	    F "1: syslog_facility: \"post\" is not a syslog facility" },
	{ "relative path", "state_dir = state\n",
	    F "1: state_dir: \"state\" is not an absolute path" },
	{ "bad URL", "help_url = \"example.com/tls\"\n",
	    F "1: help_url: \"example.com/tls\" is not an http:// or "
	    "https:// address of at most 120 characters" },
	{ "URL with a blank", "help_url = \"https://example.com/a b\"\n",
	    F "1: help_url: \"https://example.com/a b\" is not an http:// or "
	    "https:// address of at most 120 characters" },
	{ "bad domain", "hosted_domains = {\"example.com\",\n\"a..b\"}\n",
	    F "2: hosted_domains: \"a..b\" is not a domain name" },
	{ "bad stated mode", "hosted_domains = \"example.com=strict\"\n",
	    F "1: hosted_domains: mode \"strict\" is none of: none testing "
	    "enforce" },
	{ "domain stated in two ways",
	    "hosted_domains = {\"a.example\", \"A.example=enforce\"}\n",
	    F "1: hosted_domains: a.example is there twice, with different "
	    "modes" },
	{ "bad MX name", "mx_names = {\"mx\"}\n",
	    F "1: mx_names: \"mx\" is not a domain name" },
	{ "bad name server", "dns { servers = {\"ns.example.com\"} }\n",
	    F "1: servers: \"ns.example.com\" is not an address such as "
	    "192.0.2.1 or 192.0.2.1@53" },
	{ "bad port of a listener", "rule \"x\" { listener = 70000 "
	    "require = tls }\n",
	    F "1: listener: \"70000\" is not a port" },
	{ "duplicate scalar", "mode = observe\n\nmode = enforce\n",
	    F "3: \"mode\" is given twice (first in line 1)" },
	{ "duplicate scalar in a rule",
	    "rule \"x\" {\nrequire = tls\nrequire = none\n}\n",
	    F "3: \"require\" is given twice (first in line 2)" },
	{ "duplicate list", "relays = {}\nrelays = {\"192.0.2.1\"}\n",
	    F "2: \"relays\" is given twice (first in line 1)" },
	{ "duplicate empty list", "relays = {\"192.0.2.1\"}\nrelays = {}\n",
	    F "2: \"relays\" is given twice (first in line 1)" },
	{ "duplicate section", "dns {\n}\nfuse {\n}\ndns {\n}\n",
	    F "5: section \"dns\" is given twice (first in line 1)" },
	{ "duplicate rule name",
	    "rule \"x\" { require = tls }\nrule \"x\" { require = tls }\n",
	    F "2: found duplicate title 'x'" },
	{ "rule with nothing in it", "\nrule \"x\" {\n\n}\n",
	    F "2: rule \"x\" requires nothing; say what, or require = none "
	    "to end the rules there" },
	{ "rule with an empty requirement", "rule \"x\" { deny_cipher = {} "
	    "}\n",
	    F "1: rule \"x\" requires nothing; say what, or require = none "
	    "to end the rules there" },
	{ "rule with a condition only",
	    "rule \"x\" {\nfrom = example.com\n}\n",
	    F "1: rule \"x\" requires nothing; say what, or require = none "
	    "to end the rules there" },
	{ "none and a requirement",
	    "rule \"x\" { require = none min_bits = 128 }\n",
	    F "1: rule \"x\" has require = none and min_bits" },
	{ "none and an action",
	    "rule \"x\" { require = none action = tag }\n",
	    F "1: rule \"x\" has require = none and an action, which would "
	    "never be used" },
	{ "rule name with a quote", "rule 'a\"b' { require = tls }\n",
	    F "1: rule: the name must be 1 to 64 characters of ASCII without "
	    "quotes and backslashes" },
	{ "reply without a refusal",
	    "rule \"x\" {\nrequire = tls\nreply = \"550 5.7.10 No\"\n}\n",
	    F "3: reply: only for action = defer or reject" },
	{ "listener without match", "listener \"x\" { tls = unknown }\n",
	    F "1: listener \"x\" has no match" },
	{ "unterminated section", "mode = observe\nrule \"x\" {\n"
	    "require = tls\n", F "2: unterminated section" },
	{ "unterminated list", "relays = {\n\"192.0.2.1\",\n",
	    F "1: unterminated list" },
	{ "unterminated string", "mode = observe\nuser = \"x\nlog = all\n",
	    F "2: unterminated string" },
	{ "unterminated string at the end", "user = 'x",
	    F "1: unterminated string" },
	{ "unterminated comment", "mode = observe\n/* and\nso on\n",
	    F "2: unterminated comment" },
	{ "closing brace too many", "dns { }\n}\n", F "2: unexpected \"}\"" },
	{ "section in a section", "dns { https { } }\n",
	    F "1: unexpected \"{\"" },
	{ "list in a list", "relays = { { } }\n", F "1: unexpected \"{\"" },
	{ "variable in a string", "user = \"${HOME}\"\n",
	    F "1: ${...} is not expanded here; write the value" },
	{ "variable in a word", "\nuser = ${HOME}\n",
	    F "2: ${...} is not expanded here; write the value" },
	{ "variable in single quotes", "user = '${HOME}'\n",
	    F "1: ${...} is not expanded here; write the value" },
	{ "include", "include(\"/etc/passwd\")\n", F "1: unexpected \"(\"" },
	{ "append", "relays += {\"192.0.2.1\"}\n", F "1: unexpected \"+\"" },
	{ "escape", "user = \"\\101\"\n",
	    F "1: in a string, a backslash stands only before a quote or a "
	    "backslash" },
	{ "control character", "user = \"a\x01\"\n",
	    F "1: unexpected byte 0x01" },
	{ "not UTF-8", "authserv_id = \"\xff\"\n",
	    F "1: authserv_id: not clean UTF-8 text" },
	{ "feature of later", "\nsocketmap = {\"inet:8461@127.0.0.1\"}\n",
	    F "2: \"socketmap\" is not built yet" },
	{ "section of later", "mode = observe\npostfix {\n"
	    "version = \"3.7\"\n}\n",
	    F "2: section \"postfix\" is not built yet" },
	{ "empty section of later", "watch {\n}\n",
	    F "1: section \"watch\" is not built yet" },
	{ "titled section of later", "list \"partners\" { refresh = 1d }\n",
	    F "1: section \"list\" is not built yet" },
	{ "condition of later", "rule \"x\" { require = tls\n"
	    "history = downgrade }\n",
	    F "2: \"history\" is not built yet" },
	{ "dane as a condition", "rule \"x\" { require = tls\n"
	    "to_policy = dane }\n",
	    F "2: to_policy: \"dane\" is not built yet" },
	{ "unknown promise", "rule \"x\" { from_policy = strict\n"
	    "require = tls }\n",
	    F "1: from_policy: \"strict\" is none of: none testing enforce" },
	{ "list file that is not there", "mode = observe\n"
	    "hosted_domains = {\"file:/nothing\"}\n",
	    F "2: a file it names was not handed on" },
	{ "list file with a relative path",
	    "hosted_domains = {\"file:domains\"}\n",
	    F "1: \"domains\" is not an absolute path" },
	{ "mistake in a list file", "hosted_domains = {\"file:/bad\"}\n",
	    "/bad:3: hosted_domains: \"not a domain\" is not a domain name" },
	{ "list file that is no text", "relays = {\"file:/binary\"}\n",
	    "/binary:1: not a text file" },
};

static void errors_name_file_and_line(void)
{
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(*bad_texts); i++) {
		struct conf_messages m;
		struct conf *c = load(bad_texts[i].text, &m);

		CHECK_CASE(bad_texts[i].label, c == NULL);
		CHECK_CASE(bad_texts[i].label, m.n == 1 && m.v[0].error);
		CHECK_CASE_STR(bad_texts[i].label, m.n ? m.v[0].text : "",
		    bad_texts[i].want);
		conf_unref(c);
		conf_messages_clear(&m);
	}
}

/* Values whose wording is another module's: line and option are ours. */
static void errors_of_others_get_our_line(void)
{
	static const struct {
		const char *label, *text, *want;
	} cases[] = {
		{ "bad CIDR", "relays = {\"192.0.2.0/24\",\n"
		    "\"192.0.2.1/24\"}\n", F "2: relays: " },
		{ "bad CIDR of a rule", "rule \"x\" { require = tls\n"
		    "client = 192.0.2.0/33 }\n", F "2: client: " },
		{ "bad CIDR in a file", "relays = {\"file:/clients\"}\n",
		    "/clients:2: relays: " },
		{ "bad endpoint", "\nmilter = \"8899\"\n", F "2: milter: " },
		{ "endpoint without a host", "milter = \"inet:8899\"\n",
		    F "1: milter: " },
		{ "bad address pattern", "exempt { from = {\"a b\"} }\n",
		    F "1: from: " },
		{ "reply of the wrong class", "rule \"x\" { require = tls\n"
		    "action = defer\nreply = \"550 5.7.10 No\" }\n",
		    F "3: reply: " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_messages m;
		struct conf *c = load(cases[i].text, &m);

		CHECK_CASE(cases[i].label, c == NULL && m.n == 1);
		CHECK_CASE(cases[i].label, m.n && str_starts(m.v[0].text,
		    cases[i].want) && strlen(m.v[0].text) >
		    strlen(cases[i].want));
		conf_unref(c);
		conf_messages_clear(&m);
	}
}

static void every_mistake_has_its_line(void)
{
	struct conf_messages m;
	struct conf *c;

	c = load("mode = watch\nfuse { networks = 0 }\n"
	    "rule \"x\" { min_bits = 0 action = refuse }\n", &m);
	CU_ASSERT_PTR_NULL(c);
	CU_ASSERT_EQUAL(m.n, 4);
	for (size_t i = 0; i < m.n; i++)
		CU_ASSERT(m.v[i].error && !strchr(m.v[i].text, '\n'));
	conf_messages_clear(&m);
}

static void many_mistakes_have_an_end(void)
{
	struct conf_messages m;
	struct buf text;

	buf_init(&text, 10000);
	buf_adds(&text, "relays = {");
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "\"x/y\",\n");
	buf_adds(&text, "}\n");
	CU_ASSERT_PTR_NULL(load(buf_str(&text), &m));
	CU_ASSERT_EQUAL_FATAL(m.n, 50);
	CU_ASSERT_STRING_EQUAL(m.v[49].text, F "50: more mistakes follow");
	conf_messages_clear(&m);
	buf_clear(&text);
}

/* A parse that failed leaves nothing behind in libconfuse's scanner. */
static void a_good_text_loads_after_a_bad_one(void)
{
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(*bad_texts); i++) {
		struct conf_messages m;

		conf_unref(load(bad_texts[i].text, &m));
		conf_messages_clear(&m);
		conf_unref(load_good("mode = enforce # \"\n"));
	}
}

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
	CU_ASSERT(c->rules.exempt_null_sender);
	CU_ASSERT(!c->rules.exempt_authenticated);
	CU_ASSERT_STRING_EQUAL(c->user, "tlsmilter");
	CU_ASSERT_STRING_EQUAL(c->state_dir, "/var/lib/tlsmilter");
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
    "dns { servers = {\"127.0.0.1@5301\", \"::1\"} dnssec = trust-ad\n"
    "  timeout = 7 }\n"
    "https { allow_private = yes port = 8443 max_size = 1024 }\n"
    "cache { size = 64MiB min_refresh = 60m max_negative = 90s }\n"
    "fuse { after = 1h networks = 3 }\n"
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
    "  require = tls1.3 }\n";

static void values_arrive(void)
{
	struct conf *c = load_good(full);

	CU_ASSERT(!c->observe && !c->rules.observe);
	CU_ASSERT_EQUAL(c->milter.kind, ENDPOINT_UNIX);
	CU_ASSERT_STRING_EQUAL(c->milter.path, "/run/x/milter.sock");
	CU_ASSERT_EQUAL(c->socket_mode, 0666);
	CU_ASSERT_STRING_EQUAL(c->socket_group, "postfix");
	CU_ASSERT_EQUAL(c->log, LOG_RECIPIENTS);
	CU_ASSERT_EQUAL(c->authentication_results, AR_ALL);
	CU_ASSERT_STRING_EQUAL(c->help_url, "https://example.com/tls");
	CU_ASSERT_EQUAL(c->mx_names.n, 1);
	CU_ASSERT_STRING_EQUAL(c->mx_names.v[0], "mx.example.com");
	CU_ASSERT_EQUAL(c->dns_servers.n, 2);
	CU_ASSERT_EQUAL(c->dnssec, DNSSEC_TRUST_AD);
	CU_ASSERT_EQUAL(c->dns_timeout, 7);
	CU_ASSERT(!c->sandbox && c->allow_private);
	CU_ASSERT_EQUAL(c->https_port, 8443);
	CU_ASSERT_EQUAL(c->https_max_size, 1024);
	CU_ASSERT_EQUAL(c->cache_size, 64 << 20);
	CU_ASSERT_EQUAL(c->max_negative, 90);
	CU_ASSERT_EQUAL(c->fuse_after, 3600);
	CU_ASSERT_EQUAL(c->fuse_networks, 3);
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

	CU_ASSERT_EQUAL_FATAL(c->rules.n, 5);
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

static char *dump(const struct conf *c)
{
	struct buf out;

	buf_init(&out, 100000);
	conf_dump(c, &out);
	return buf_steal(&out);
}

static void a_dump_loads_to_the_same(void)
{
	static const char *const texts[] = { "", full,
		"rule 'a b' { require = tls }", "exempt { to = {} }" };

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
		    "cache { min_refresh = 2h } rule \"x\" { require = tls }",
		    "", false },
		{ "the same in other words", "cache { size = 1GiB }",
		    "cache { size = 1024MiB } dns { timeout = 5 }", "",
		    false },
		{ "listeners", "", "milter = inet:9000@127.0.0.1", "milter",
		    false },
		{ "user and state", "",
		    "user = mail state_dir = /tmp cache { size = 2GiB }",
		    "user state_dir cache.size", false },
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
		{ "nothing wrong", full, "" },
		{ "rejecting for another's promise",
		    "rule \"x\" { from_policy = enforce require = tls\n"
		    "action = defer }", F "1: rule \"x\": from_policy" },
		{ "rejecting for our promise", "\nrule \"x\" {\n"
		    "to_policy = enforce require = tls action = reject }",
		    F "2: rule \"x\": action = defer is recommended" },
		{ "fingerprint", "rule \"x\" {\ncert_fingerprint = "
		    "00112233445566778899aabbccddeeff }",
		    F "1: rule \"x\": Postfix gives milters no" },
		{ "an end before the end", "rule \"x\" { require = none }\n"
		    "rule \"y\" { require = tls }",
		    F "1: rule \"x\" has no condition" },
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

static void setup_fits_the_configuration(void)
{
	static const struct {
		const char *label, *text, *want;
	} cases[] = {
		{ "Postfix spelling (PF-MI-09)", "",
		    "\nsmtpd_milters = { inet:127.0.0.1:8899, " },
		{ "observing never stops mail (PF-MI-08)", "",
		    ", default_action=accept }\n" },
		{ "enforcing defers when down", "mode = enforce",
		    ", default_action=tempfail }\n" },
		{ "IPv6", "milter = \"inet6:8899@[::1]\"",
		    "{ inet:[::1]:8899, " },
		{ "socket in the queue directory is relative",
		    "milter = unix:/var/spool/postfix/tm/s",
		    "\nsmtpd_milters = { unix:tm/s, " },
		{ "socket elsewhere", "milter = unix:/run/tm/s",
		    "\nsmtpd_milters = { unix:/run/tm/s, " },
		{ "chroot is warned of", "milter = unix:/run/tm/s",
		    "must be inside /var/spool/postfix/" },
		{ "never local mail (PF-MI-01)", "",
		    "# Never add it to non_smtpd_milters" },
		{ "STARTTLS is offered", "",
		    "\nsmtpd_tls_security_level = may\n" },
		{ "certificates are asked for",
		    "rule \"x\" { require = verified }",
		    "\nsmtpd_tls_ask_ccert = yes\n" },
		{ "services are named", "rule \"x\" { require = tls\n"
		    "listener = {SUBMISSION, \"465\"} }",
		    "#   -o milter_macro_daemon_name=SUBMISSION\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *c = load_good(cases[i].text);
		struct buf out;

		buf_init(&out, 10000);
		setup_postfix(c, &out);
		CHECK_CASE(cases[i].label, strstr(buf_str(&out),
		    cases[i].want) != NULL);
		buf_clear(&out);
		conf_unref(c);
	}
}

static void setup_says_no_more_than_needed(void)
{
	struct conf *c = load_good("rule \"x\" { require = tls "
	    "listener = 25 }");
	struct buf out;

	buf_init(&out, 10000);
	setup_postfix(c, &out);
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "smtpd_tls_ask_ccert"));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "milter_macro_daemon_name"));
	CU_ASSERT_PTR_NULL(strstr(buf_str(&out), "\nnon_smtpd_milters"));
	buf_clear(&out);
	conf_unref(c);
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

/* ---- files ------------------------------------------------------------- */

static char folder[] = "/tmp/tlsmilter-conf-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[sizeof(folder) + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_folder(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	fclose(f);
}

static void expect_load_error(const char *file, const char *want)
{
	struct bundle *b = bundle_new();
	struct conf_messages m = { 0 };

	CU_ASSERT_PTR_NULL(conf_load(in_folder(file), b, &m));
	CU_ASSERT_EQUAL(m.n, 1);
	CHECK_CASE(want, m.n && strstr(m.v[0].text, want));
	conf_messages_clear(&m);
	bundle_free(b);
}

static void files_are_read_once_and_handed_on(void)
{
	struct bundle *b = bundle_new(), *copy;
	struct conf_messages m = { 0 };
	struct conf *c, *again;
	struct buf text;
	int fd;

	buf_init(&text, 1000);
	buf_addf(&text, "hosted_domains = {\"file:%s\"}\n"
	    "dns { dnssec = off }\n", in_folder("domains"));
	write_file("domains", "example.com\nexample.org\n");
	write_file("good.conf", buf_str(&text));
	c = conf_load(in_folder("good.conf"), b, &m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->hosted_n, 2);
	fd = bundle_seal(b);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(write(fd, "x", 1) < 0);
	CU_ASSERT_EQUAL(unlink(in_folder("domains")), 0);
	buf_reset(&text);
	copy = bundle_open(fd, &text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	again = conf_load_bundle(in_folder("good.conf"), copy, &m);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_PTR_NOT_NULL(conf_hosted(again, "example.org"));
	conf_unref(again);
	conf_unref(c);
	bundle_free(copy);
	bundle_free(b);
	buf_clear(&text);
	conf_messages_clear(&m);
	close(fd);
}

static void unreadable_files_are_named(void)
{
	write_file("list.conf", "mode = observe\n"
	    "relays = {\"file:/nonexistent/list\"}\n");
	write_file("ca.conf", "\n\nhttps { ca_file = \"/nonexistent/ca\" }\n");
	write_file("fifo.conf", "relays = {\"file:/dev/null\"}\n");
	expect_load_error("nothing.conf", "/nothing.conf: No such file or "
	    "directory");
	expect_load_error(".", "not a regular file");
	expect_load_error("list.conf", "list.conf:2: cannot read "
	    "/nonexistent/list: No such file or directory");
	expect_load_error("ca.conf", "ca.conf:3: ca_file: cannot read "
	    "/nonexistent/ca: No such file or directory");
	expect_load_error("fifo.conf", "fifo.conf:1: cannot read /dev/null: "
	    "not a regular file");
}

static void large_files_are_refused(void)
{
	struct bundle *b = bundle_new();
	struct buf err;

	buf_init(&err, 1000);
	write_file("large", "");
	CU_ASSERT_EQUAL(truncate(in_folder("large"), BUNDLE_FILE_MAX + 1), 0);
	CU_ASSERT(!bundle_add_file(b, in_folder("large"), &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf_str(&err), "larger than"));
	buf_clear(&err);
	bundle_free(b);
}

static void check_not_a_bundle(const char *label, const char *data,
    size_t len, bool seal)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct buf err;

	buf_init(&err, 1000);
	CU_ASSERT_FATAL(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	if (seal)
		CU_ASSERT_EQUAL(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL |
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	CHECK_CASE(label, bundle_open(fd, &err) == NULL);
	CHECK_CASE(label, err.len > 0);
	buf_clear(&err);
	close(fd);
}

static void damaged_bundles_are_refused(void)
{
	static const char ok[] = "tmconf1\n\1\0a\0\2\0\0\0xy";
	static const char twice[] =
	    "tmconf1\n\1\0a\0\0\0\0\0\1\0a\0\0\0\0\0";

	check_not_a_bundle("not sealed", ok, sizeof(ok) - 1, false);
	check_not_a_bundle("empty", "", 0, true);
	check_not_a_bundle("other magic", "tmconf2\n", 8, true);
	check_not_a_bundle("same path twice", twice, sizeof(twice) - 1, true);
	for (size_t i = 9; i < sizeof(ok) - 1; i++)
		check_not_a_bundle("cut short", ok, i, true);
	check_not_a_bundle("not a memfd", "", 0, false);
}

static const struct unit_test tests[] = {
	{ "errors name file and line", errors_name_file_and_line },
	{ "errors of others get our line", errors_of_others_get_our_line },
	{ "every mistake has its line", every_mistake_has_its_line },
	{ "many mistakes have an end", many_mistakes_have_an_end },
	{ "a good text loads after a bad one",
	    a_good_text_loads_after_a_bad_one },
	{ "defaults touch nothing", defaults_touch_nothing },
	{ "values arrive", values_arrive },
	{ "rules arrive", rules_arrive },
	{ "hosted domains are found", hosted_domains_are_found },
	{ "listeners are found", listeners_are_found },
	{ "a dump loads to the same", a_dump_loads_to_the_same },
	{ "the command line wins", the_command_line_wins },
	{ "reload knows what it takes", reload_knows_what_it_takes },
	{ "unwise settings are warned of", unwise_settings_are_warned_of },
	{ "setup fits the configuration", setup_fits_the_configuration },
	{ "setup says no more than needed", setup_says_no_more_than_needed },
	{ "the sample shows the defaults", the_sample_shows_the_defaults },
	{ "the sample is complete", the_sample_is_complete },
	{ "files are read once and handed on",
	    files_are_read_once_and_handed_on },
	{ "unreadable files are named", unreadable_files_are_named },
	{ "large files are refused", large_files_are_refused },
	{ "damaged bundles are refused", damaged_bundles_are_refused },
};

static void remove_folder(void)
{
	static const char *const names[] = { "domains", "good.conf",
		"list.conf", "ca.conf", "fifo.conf", "large" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	rmdir(folder);
}

int main(void)
{
	int rc;

	if (!mkdtemp(folder))
		return 1;
	rc = unit_run("conf", tests, sizeof(tests) / sizeof(tests[0]));
	remove_folder();
	return rc;
}
