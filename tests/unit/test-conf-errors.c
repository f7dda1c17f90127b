/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/conf-load.h"

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
	{ "no value", "mode =\nlog = message\n",
	    F "1: no value behind \"=\"" },
	{ "list in brackets", "\nrelays = [\"192.0.2.1\"]\n",
	    F "2: unexpected \"[\"; a list stands in braces: {\"a\", "
	    "\"b\"}" },
	{ "one socket for two doors", "milter = \"unix:/run/x\"\n"
	    "control = \"local:/run/x\"\n",
	    F "2: milter and control are the same socket" },
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
	{ "policy service: no address", "policy_service = {\n"
	    "  \"unix:/a\",\n  \"/etc:5\", \"here\"}\n",
	    F "3: policy_service: socket address here: neither PORT@HOST nor "
	    "HOST:PORT; an IPv6 address stands in brackets" },
	{ "policy service: one twice", "policy_service = {\n"
	    "  \"inet:1@127.0.0.1\",\n  \"inet:127.0.0.1:1\"}\n",
	    F "3: policy_service: inet:1@127.0.0.1 is there twice" },
	{ "policy service: that of the milter", "policy_service = "
	    "\"inet:localhost:8899\"\n",
	    F "1: milter and policy_service are the same socket" },
	{ "policy service: too many", "policy_service = {\n"
	    "  \"/a\", \"/b\", \"/c\", \"/d\", \"/e\", \"/f\", \"/g\", "
	    "\"/h\",\n  \"/i\", \"/j\", \"/k\", \"/l\", \"/m\", \"/n\", "
	    "\"/o\", \"/p\",\n  \"/q\"}\n",
	    F "4: policy_service: more than 16 sockets" },
	{ "feature of later", "\nmetrics = \"127.0.0.1:9893\"\n",
	    F "2: \"metrics\" is not built yet" },
	{ "watch: too often", "watch {\n interval = 9m\n}\n",
	    F "2: interval: \"9m\" is not from 10m to 1w" },
	{ "watch: too seldom", "watch {\n interval = 8d\n}\n",
	    F "2: interval: \"8d\" is not from 10m to 1w" },
	{ "watch: no domain", "watch {\n domains = {\"a.example\",\n"
	    "  \"192.0.2.1\"}\n}\n",
	    F "3: domains: \"192.0.2.1\" is not a domain name" },
	{ "socketmap: that of the policy service", "policy_service = "
	    "\"/run/a\"\nsocketmap = {\"inet:1@127.0.0.1\", \"/run/a\"}\n",
	    F "2: policy_service and socketmap are the same socket" },
	{ "Postfix of no version", "postfix {\n version = \"three\"\n}\n",
	    F "2: version: \"three\" is not a version of Postfix such as "
	    "3.7" },
	{ "a level nobody knows", "postfix { default_level = secured }\n",
	    F "1: default_level: \"secured\" is none of: none may encrypt "
	    "dane dane-only fingerprint verify secure" },
	{ "an outage that does not end",
	    "postfix {\n on_outage = perm\n}\n",
	    F "2: on_outage: \"perm\" is none of: notfound temp" },
	{ "destination without a level",
	    "\ndestination \"a.example\" { }\n",
	    F "2: destination \"a.example\" has no level" },
	{ "destination that is no next hop",
	    "destination \"a b\" { level = may }\n",
	    F "1: destination \"a b\": not a domain, [host], either with "
	    ":port, .domain or address" },
	{ "destination twice in other words",
	    "destination \"B\303\274cher.example\" { level = may }\n"
	    "destination \"a.example\" { level = may }\n"
	    "destination \"xn--bcher-kva.EXAMPLE:25\" { level = may }\n",
	    F "3: destination \"xn--bcher-kva.EXAMPLE:25\" is there twice, "
	    "first as \"B\303\274cher.example\" in line 1" },
	{ "PF-TP-10: match at a level that has none",
	    "destination \"a.example\" {\n level = dane\n"
	    " match = {\"b.example\"}\n}\n",
	    F "3: destination \"a.example\": match: only for fingerprint, "
	    "verify and secure: \"b.example\"" },
	{ "PF-TP-10: a fingerprint without one",
	    "destination \"a.example\" {\n level = fingerprint }\n",
	    F "2: destination \"a.example\": match: a fingerprint is "
	    "needed" },
	{ "the entry of match that is wrong is named",
	    "destination \"a.example\" { level = fingerprint\n"
	    " match = {\"AB:cd\",\n  \"ef:\", \"01\"}\n}\n",
	    F "3: destination \"a.example\": match: not a fingerprint: "
	    "\"ef:\"" },
	{ "PF-TP-11: match with the wildcard of a policy",
	    "destination \"a.example\" {\n level = secure\n"
	    " match = {\"b.example\", \"*.b.example\"}\n}\n",
	    F "3: destination \"a.example\": match: not a host name, "
	    "\".domain\" nor a keyword: \"*.b.example\"" },
	{ "destination with a service of any port",
	    "destination \"a.example:mail\" { level = may }\n",
	    F "1: destination \"a.example:mail\": the port must be a "
	    "number, or a service of mail" },
	{ "destination that is no text",
	    "destination \"/run/\xff\" { level = may }\n",
	    F "1: destination: its name is not clean UTF-8 text" },
	{ "PF-TP-21: a match that writes on",
	    "destination \"a.example\" {\n level = secure\n"
	    " match = {\"b.example protocols=SSLv3\"}\n}\n",
	    F "3: destination \"a.example\": match: not a host name, "
	    "\".domain\" nor a keyword: \"b.example protocols=sslv3\"" },
	{ "list without a source", "\nlist \"l\" { }\n",
	    F "2: list \"l\" has neither a file nor a url" },
	{ "list with two sources", "list \"l\" {\n file = \"/partners\"\n"
	    " url = \"https://l.example.org/\"\n}\n",
	    F "3: list \"l\" has both a file and a url" },
	{ "list twice", "list \"l\" { file = \"/partners\" }\n"
	    "list \"l\" { file = \"/partners\" }\n",
	    F "2: found duplicate title 'l'" },
	{ "refresh of a file", "list \"l\" {\n file = \"/partners\"\n"
	    " refresh = 1h\n}\n", F "3: refresh is for lists with a url; a "
	    "file is read again at reload" },
	{ "refresh too often", "list \"l\" { url = \"https://l.example.org/"
	    "\" refresh = 1m }\n",
	    F "1: refresh: \"1m\" is not from 5m to 30d" },
	{ "list without TLS",
	    "list \"l\" {\n url = \"http://l.example.org/\"\n}\n",
	    F "2: url: \"http://l.example.org/\" does not begin with "
	    "https://" },
	{ "list from an address", "list \"l\" { url = \"https://192.0.2.1/"
	    "\" }\n", F "1: url: \"https://192.0.2.1/\" does not name a "
	    "host such as lists.example.org; an address has no "
	    "certificate" },
	{ "list with a password",
	    "list \"l\" { url = \"https://u:p@l.example.org/\" }\n",
	    F "1: url: \"https://u:p@l.example.org/\" has a user name, "
	    "which is not supported" },
	{ "list with a fragment",
	    "list \"l\" { url = \"https://l.example.org/#a\" }\n",
	    F "1: url: \"https://l.example.org/#a\" has a fragment (#), "
	    "which is never sent" },
	{ "list with a relative path", "list \"l\" { file = partners }\n",
	    F "1: file: \"partners\" is not an absolute path" },
	{ "list with an empty path", "list \"l\" { file = \"\" }\n",
	    F "1: file: \"\" is not an absolute path" },
	{ "list that is not there", "list \"l\" {\n file = \"/none\" }\n",
	    F "2: a file it names was not handed on" },
	{ "list with a mistake", "list \"l\" { file = \"/badlist\" }\n",
	    "/badlist:3:32: domains.\"a.example\".mode: must be enforce or "
	    "testing" },
	{ "rule with a list nobody defined", "list \"l\" { file = "
	    "\"/partners\" }\nrule \"r\" {\n list = \"m\"\n require = tls "
	    "}\n", F "3: list: there is no list \"m\"" },
	{ "unknown history", "rule \"x\" { require = tls\n"
	    "history = upgrade }\n",
	    F "2: history: \"upgrade\" is none of: downgrade" },
	{ "history.min of nothing", "history { min = 0 }\n",
	    F "1: min: \"0\" is not a number from 1 to 16" },
	{ "history.min of too much", "history { min = 17 }\n",
	    F "1: min: \"17\" is not a number from 1 to 16" },
	{ "history.days over a year", "history {\ndays = 366 }\n",
	    F "2: days: \"366\" is not a number from 1 to 365" },
	{ "history.size beyond bounds", "history { size = 10000001 }\n",
	    F "1: size: \"10000001\" is not a number from 0 to 10000000" },
	{ "unknown word", "dns {\ndnssec = trust\n}\n",
	    F "2: dnssec: \"trust\" is none of: validate trust-ad off" },
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

static const struct unit_test tests[] = {
	{ "errors name file and line", errors_name_file_and_line },
	{ "errors of others get our line", errors_of_others_get_our_line },
	{ "every mistake has its line", every_mistake_has_its_line },
	{ "many mistakes have an end", many_mistakes_have_an_end },
	{ "a good text loads after a bad one",
	    a_good_text_loads_after_a_bad_one },
};

UNIT_MAIN("conf-errors", tests)
