/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/options.h"

#include "conf/conf-internal.h"

/* Where a row's value is kept. */
#define IN(type, member) \
	.offset = offsetof(struct type, member), \
	.size = sizeof(((struct type *)0)->member)

#define MIN (int64_t)60
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define KIB (int64_t)1024
#define MIB (1024 * KIB)
#define TIB (1024 * 1024 * MIB)

const struct option options[] = {
	{ "", "mode", OPT_WORD, .def = "observe", .words = "enforce observe",
	    IN(conf, observe),
	    .help = "observe computes and logs every verdict, and touches "
		    "no mail" },
	{ "", "milter", OPT_ENDPOINT, .def = "inet:8899@127.0.0.1",
	    .reload = RELOAD_RESTART, IN(conf, milter),
	    .help = "socket the mail server connects to" },
	{ "", "policy_service", OPT_ENDPOINTS, .def = "",
	    .reload = RELOAD_RESTART, IN(conf, policy_service),
	    .help = "sockets of the Postfix policy service; none unless "
		    "given" },
	{ "", "socketmap", OPT_ENDPOINTS, .def = "",
	    .reload = RELOAD_RESTART, IN(conf, socketmap),
	    .help = "sockets of the socketmap for outgoing mail; none unless "
		    "given" },
	{ "", "control", OPT_ENDPOINT,
	    .def = "unix:/run/tlsmilter/control.sock",
	    .reload = RELOAD_RESTART, IN(conf, control),
	    .help = "socket of the tlsmilter command" },
	{ "", "socket_mode", OPT_PERMISSION, .def = "0660", .max = 0777,
	    .reload = RELOAD_RESTART, IN(conf, socket_mode),
	    .help = "permissions of unix sockets for the mail server" },
	{ "", "socket_group", OPT_STRING, .def = "",
	    .reload = RELOAD_RESTART, IN(conf, socket_group),
	    .check = check_name,
	    .help = "group of unix sockets for the mail server; empty: "
		    "that of the daemon" },
	{ "", "user", OPT_STRING, .def = "tlsmilter",
	    .reload = RELOAD_RESTART, IN(conf, user), .check = check_name,
	    .help = "user the daemon becomes when started as root" },
	{ "", "state_dir", OPT_STRING, .def = "/var/lib/tlsmilter",
	    .reload = RELOAD_RESTART, IN(conf, state_dir), .check = check_path,
	    .help = "folder of the cache" },
	{ "", "syslog_facility", OPT_FACILITY, .def = "mail",
	    .reload = RELOAD_RESTART, IN(conf, syslog_facility),
	    .help = "syslog facility" },
	{ "", "syslog_ident", OPT_STRING, .def = "tlsmilterd",
	    .reload = RELOAD_RESTART, IN(conf, syslog_ident),
	    .check = check_name,
	    .help = "name in front of log lines" },
	{ "", "log", OPT_WORD, .def = "message",
	    .words = "message recipients actions", IN(conf, log),
	    .help = "a line per message, per recipient, or only for what "
		    "is not accepted" },
	{ "", "authserv_id", OPT_STRING, IN(conf, authserv_id),
	    .check = check_authserv_id,
	    .help = "our name in Authentication-Results; default: the host "
		    "name" },
	{ "", "authentication_results", OPT_WORD, .def = "tagged",
	    .words = "tagged all none", IN(conf, authentication_results),
	    .help = "which messages get an Authentication-Results field" },
	{ "", "strip_ar", OPT_WORD, .def = "own", .words = "own all",
	    IN(conf, strip_ar),
	    .help = "which fields under our name are removed as forged" },
	{ "", "help_url", OPT_STRING, .def = "", IN(conf, help_url),
	    .check = check_url,
	    .help = "address for people, given in refusals" },
	{ "", "hosted_domains", OPT_HOSTED, OPT_FILES, .def = "",
	    IN(conf, hosted),
	    .help = "our domains, learnt at start and kept fresh" },
	{ "", "mx_names", OPT_STRINGS, .def = "", IN(conf, mx_names),
	    .check = check_domain,
	    .help = "our MX host names; default: the mail server's name" },
	{ "", "relays", OPT_CLIENTS, OPT_FILES, .def = "", IN(conf, relays),
	    .help = "our own relays: logged, never refused" },
	{ "", "sandbox", OPT_BOOL, .def = "yes", .reload = RELOAD_RESOLVER,
	    IN(conf, sandbox),
	    .help = "Landlock and seccomp; no only for sanitizer builds" },
	{ "", "metrics", OPT_STRING, OPT_LATER, .help = "metrics listener" },

	{ "dns", "servers", OPT_STRINGS, .def = "",
	    .reload = RELOAD_RESOLVER, IN(conf, dns_servers),
	    .check = check_server,
	    .help = "name servers to ask; default: those of resolv.conf" },
	{ "dns", "dnssec", OPT_WORD, .def = "validate",
	    .words = "validate trust-ad off", .reload = RELOAD_RESOLVER,
	    IN(conf, dnssec),
	    .help = "validate here, trust the server's AD bit, or do without" },
	{ "dns", "trust_anchor", OPT_STRING,
	    .def = "/usr/share/dns/root.key", .reload = RELOAD_RESOLVER,
	    IN(conf, trust_anchor), .check = check_path,
	    .help = "file with the root key" },
	{ "dns", "timeout", OPT_DURATION, .def = "5s", .min = 1, .max = MIN,
	    .reload = RELOAD_RESOLVER, IN(conf, dns_timeout),
	    .help = "limit for one DNS question" },

	{ "https", "ca_file", OPT_STRING, .def = "",
	    .reload = RELOAD_RESOLVER, IN(conf, ca_file), .check = check_path,
	    .help = "trusted authorities; default: the system's" },
	{ "https", "proxy", OPT_STRING, .def = "",
	    .reload = RELOAD_RESOLVER, IN(conf, proxy), .check = check_proxy,
	    .help = "HTTP proxy for policy fetches" },
	{ "https", "timeout", OPT_DURATION, .def = "60s", .min = 1,
	    .max = 10 * MIN, .reload = RELOAD_RESOLVER,
	    IN(conf, https_timeout), .help = "limit for one policy fetch" },
	{ "https", "max_size", OPT_SIZE, .def = "64KiB", .min = KIB,
	    .max = MTASTS_POLICY_SIZE, .reload = RELOAD_RESOLVER,
	    IN(conf, https_max_size), .help = "longest policy accepted" },
	{ "https", "allow_private", OPT_BOOL, .def = "no",
	    .reload = RELOAD_RESOLVER, IN(conf, allow_private),
	    .help = "fetch policies from private addresses too" },
	{ "https", "port", OPT_NUMBER, .def = "443", .min = 1, .max = 65535,
	    .reload = RELOAD_RESOLVER, IN(conf, https_port),
	    .help = "port of policy hosts; only for test worlds" },

	{ "cache", "size", OPT_SIZE, .def = "1GiB", .min = MIB, .max = TIB,
	    .reload = RELOAD_RESTART, IN(conf, cache_size),
	    .help = "size limit of the policy cache" },
	{ "cache", "min_refresh", OPT_DURATION, .def = "1h", .max = DAY,
	    IN(conf, min_refresh),
	    .help = "least time between two fetches of one policy" },
	{ "cache", "max_negative", OPT_DURATION, .def = "1h", .min = 1,
	    .max = DAY, IN(conf, max_negative),
	    .help = "longest life of the answer \"no policy\"" },

	{ "fuse", "after", OPT_DURATION, .def = "30m", .min = 1,
	    .max = 7 * DAY, IN(conf, fuse_after),
	    .help = "time without any TLS session before ours is suspect" },
	{ "fuse", "networks", OPT_NUMBER, .def = "10", .min = 1,
	    .max = 1000, IN(conf, fuse_networks),
	    .help = "client networks that must have come in plaintext" },

	{ "history", "min", OPT_NUMBER, .def = "3", .min = 1,
	    .max = PAIR_TIMES_MAX, IN(conf, history.min),
	    .help = "messages over TLS that make a habit of it" },
	{ "history", "days", OPT_NUMBER, .def = "30", .min = 1, .max = 365,
	    IN(conf, history.days),
	    .help = "days within which they must have come" },
	{ "history", "size", OPT_NUMBER, .def = "1000000", .max = 10000000,
	    .reload = RELOAD_RESTART, IN(conf, history_size),
	    .help = "senders remembered at most; 0: none" },

	{ "exempt", "client", OPT_CLIENTS, OPT_FILES,
	    .def = "127.0.0.0/8 ::1", IN(conf, exempt_client),
	    .help = "clients that are never judged" },
	{ "exempt", "authenticated", OPT_BOOL, .def = "no",
	    IN(conf, rules.exempt_authenticated),
	    .help = "never judge authenticated sessions" },
	{ "exempt", "null_sender", OPT_BOOL, .def = "yes",
	    IN(conf, rules.exempt_null_sender),
	    .help = "never judge bounces" },
	{ "exempt", "from", OPT_ADDRESSES, OPT_FILES, .def = "",
	    IN(conf, rules.exempt_from),
	    .help = "senders that are never judged" },
	{ "exempt", "to", OPT_ADDRESSES, OPT_FILES,
	    .def = "postmaster@ abuse@", IN(conf, rules.exempt_to),
	    .help = "recipients that are never judged" },

	{ "listener", "match", OPT_STRINGS, .def = "",
	    IN(conf_listener, match), .check = check_listener,
	    .help = "ports or daemon names this section speaks of" },
	{ "listener", "tls", OPT_WORD, .def = "auto",
	    .words = "auto unknown", IN(conf_listener, tls_unknown),
	    .help = "unknown: a proxy in front ends TLS; do not judge" },

	{ "list", "file", OPT_STRING, IN(conf_list, file),
	    .check = check_list_file,
	    .help = "file with the list, as JSON" },
	{ "list", "url", OPT_STRING, IN(conf_list, url),
	    .check = check_list_url,
	    .help = "https address of the list" },
	{ "list", "refresh", OPT_DURATION, .min = 5 * MIN, .max = 30 * DAY,
	    IN(conf_list, refresh),
	    .help = "time between two fetches of the list; default: 1d" },

	{ "rule", "listener", OPT_STRINGS, .def = "",
	    IN(rule, listeners), .check = check_listener,
	    .help = "condition: port or daemon name of the session" },
	{ "rule", "client", OPT_CLIENTS, OPT_FILES, .def = "",
	    IN(rule, clients), .help = "condition: the client" },
	{ "rule", "from", OPT_ADDRESSES, OPT_FILES, .def = "",
	    IN(rule, from), .help = "condition: the envelope sender" },
	{ "rule", "to", OPT_ADDRESSES, OPT_FILES, .def = "", IN(rule, to),
	    .help = "condition: the recipient" },
	{ "rule", "to_policy", OPT_PROMISES, .def = "",
	    IN(rule, to_policy),
	    .help = "condition: what our own domain has promised" },
	{ "rule", "from_policy", OPT_PROMISES, .def = "",
	    IN(rule, from_policy),
	    .help = "condition: what the sender's domain has promised" },
	{ "rule", "authenticated", OPT_TRISTATE, IN(rule, authenticated),
	    .help = "condition: the session is authenticated, or not" },
	{ "rule", "requiretls", OPT_TRISTATE, IN(rule, requiretls),
	    .help = "condition: MAIL had the REQUIRETLS parameter, or not" },
	{ "rule", "list", OPT_STRING, IN(rule, list),
	    .help = "condition: the sender's domain is on a list" },
	{ "rule", "history", OPT_WORD, .words = "downgrade", .min = 1,
	    IN(rule, history_downgrade),
	    .help = "condition: the sender used TLS before, and now not" },
	{ "rule", "require", OPT_WORD,
	    .words = "none tls tls1.2 tls1.3 verified", IN(rule, require),
	    .help = "requirement: encryption, or its least version" },
	{ "rule", "min_bits", OPT_NUMBER, .min = 1, .max = 512,
	    IN(rule, min_bits),
	    .help = "requirement: least effective bits of the cipher" },
	{ "rule", "deny_cipher", OPT_STRINGS, .def = "",
	    IN(rule, deny_cipher), .check = check_token,
	    .help = "requirement: none of these ciphers" },
	{ "rule", "cert_name", OPT_STRINGS, .def = "",
	    IN(rule, cert_name), .check = check_token,
	    .help = "requirement: a trusted certificate with such a name" },
	{ "rule", "cert_fingerprint", OPT_STRINGS, .def = "",
	    IN(rule, cert_fingerprint), .check = check_fingerprint,
	    .help = "requirement: a certificate with such a fingerprint" },
	{ "rule", "action", OPT_WORD, .def = "observe",
	    .words = "observe tag quarantine defer reject",
	    .min = ACTION_OBSERVE, IN(rule, action),
	    .help = "what happens when the requirement is not met" },
	{ "rule", "unknown", OPT_WORD, .def = "accept",
	    .words = "accept defer", IN(rule, unknown),
	    .help = "what happens while a promise or fact is not known" },
	{ "rule", "reply", OPT_REPLY, IN(rule, reply),
	    .help = "SMTP reply instead of the built-in one" },

	{ "postfix", "version", OPT_STRING, .def = "3.7",
	    IN(conf, postfix.version_text), .check = check_postfix_version,
	    .help = "version of Postfix that asks the socketmap" },
	{ "postfix", "dane", OPT_BOOL, .def = "no",
	    .reload = RELOAD_RESOLVER, IN(conf, postfix.dane),
	    .help = "answer DANE levels to Postfix" },
	{ "postfix", "default_level", OPT_WORD, .def = "may",
	    .words = "none may encrypt dane dane-only fingerprint verify "
		     "secure", IN(conf, postfix.default_level),
	    .help = "smtp_tls_security_level of main.cf" },
	{ "postfix", "on_outage", OPT_WORD, .def = "notfound",
	    .words = "notfound temp", IN(conf, postfix.outage_temp),
	    .help = "answer for what is not known while nothing can be "
		    "looked up" },

	{ "destination", "level", OPT_WORD,
	    .words = "none may encrypt dane dane-only fingerprint verify "
		     "secure", IN(conf_destination, level),
	    .help = "TLS level of mail to this next hop" },
	{ "destination", "match", OPT_STRINGS, .def = "",
	    IN(conf_destination, match), .check = check_match,
	    .help = "names or fingerprints its certificate may have" },

	{ "watch", "domains", OPT_STRINGS, OPT_FILES, .def = "",
	    IN(conf, watch.domains), .check = check_domain,
	    .help = "domains whose mail hosts are checked regularly" },
	{ "watch", "interval", OPT_DURATION, .def = "6h", .min = 10 * MIN,
	    .max = 7 * DAY, IN(conf, watch.interval),
	    .help = "from one check of a domain to the next" },
};
const size_t options_n = sizeof(options) / sizeof(options[0]);

const struct section sections[] = {
	{ "dns", .help = "how the resolver asks the DNS" },
	{ "https", .help = "how the resolver fetches policies" },
	{ "cache", .help = "what is remembered" },
	{ "fuse", .help = "protection against our own broken STARTTLS" },
	{ "history", .help = "who has used TLS before" },
	{ "exempt", .help = "who is never judged" },
	{ "listener", .titled = true, .help = "what is special of a port" },
	{ "list", .titled = true, .help = "a partner list: domains that must "
					  "use TLS" },
	{ "rule", .titled = true, .help = "a condition, a requirement, an "
					  "action" },
	{ "postfix", .help = "what the socketmap may say" },
	{ "destination", .titled = true,
	    .help = "TLS of mail to a next hop, whatever it promised" },
	{ "watch", .help = "regular checks of domains" },
};
const size_t sections_n = sizeof(sections) / sizeof(sections[0]);

const struct option *option_find(const char *section, const char *name)
{
	for (size_t i = 0; i < options_n; i++)
		if (strcmp(options[i].name, name) == 0 &&
		    strcmp(options[i].section, section) == 0)
			return &options[i];
	return NULL;
}

const struct section *section_find(const char *name)
{
	for (size_t i = 0; i < sections_n; i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	return NULL;
}

bool option_is_list(const struct option *o)
{
	return o->type >= OPT_STRINGS;
}

const char *option_type_name(enum opt_type type)
{
	static const char *const names[] = {
		[OPT_STRING] = "string",
		[OPT_WORD] = "word",
		[OPT_BOOL] = "boolean",
		[OPT_TRISTATE] = "boolean",
		[OPT_NUMBER] = "number",
		[OPT_FACILITY] = "facility",
		[OPT_DURATION] = "duration",
		[OPT_SIZE] = "size",
		[OPT_PERMISSION] = "octal",
		[OPT_ENDPOINT] = "address",
		[OPT_REPLY] = "reply",
		[OPT_STRINGS] = "list",
		[OPT_ENDPOINTS] = "sockets",
		[OPT_CLIENTS] = "clients",
		[OPT_ADDRESSES] = "addresses",
		[OPT_PROMISES] = "promises",
		[OPT_HOSTED] = "domains",
	};

	return names[type];
}
