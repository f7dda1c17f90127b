/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - test the mail hosts of domains, and single services, as a sender
 * would meet them (design §9).
 */
#include "config.h"

#include "tool/check.h"

#include "tool/out.h"

#define HOSTS(protocol) \
	offsetof(struct check_values, hosts) + \
	    (protocol) * sizeof(struct strv), "HOST[:PORT]"

static const struct option_def check_options[] = {
	{ "smtp", 0, OPTION_LIST, HOSTS(CHECK_SMTP),
	  "test one mail host, port 25" },
	{ "submission", 0, OPTION_LIST, HOSTS(CHECK_SUBMISSION),
	  "likewise, port 587" },
	{ "smtps", 0, OPTION_LIST, HOSTS(CHECK_SMTPS),
	  "likewise, port 465, TLS at once" },
	{ "imap", 0, OPTION_LIST, HOSTS(CHECK_IMAP), "likewise, port 143" },
	{ "imaps", 0, OPTION_LIST, HOSTS(CHECK_IMAPS),
	  "likewise, port 993, TLS at once" },
	{ "pop3", 0, OPTION_LIST, HOSTS(CHECK_POP3), "likewise, port 110" },
	{ "pop3s", 0, OPTION_LIST, HOSTS(CHECK_POP3S),
	  "likewise, port 995, TLS at once" },
	{ "deep", 0, OPTION_FLAG, offsetof(struct check_values, deep), NULL,
	  "try all versions and ciphers" },
	{ "probe", 0, OPTION_STRING, offsetof(struct check_values, probe),
	  "injection", "send a command in front of TLS" },
	{ "ehlo", 0, OPTION_STRING, offsetof(struct check_values, ehlo),
	  "NAME", "name to say at EHLO" },
	{ "max-mx", 0, OPTION_STRING, offsetof(struct check_values, max_mx),
	  "N", "test the first N mail hosts only" },
	{ "ipv4", '4', OPTION_FLAG, offsetof(struct check_values, ipv4),
	  NULL, "connect by IPv4 only" },
	{ "ipv6", '6', OPTION_FLAG, offsetof(struct check_values, ipv6),
	  NULL, "connect by IPv6 only" },
	{ "control", 0, OPTION_STRING, offsetof(struct check_values, control),
	  "HOST[:PORT]", "tells whether port 25 is open from here" },
	{ "timeout", 0, OPTION_STRING, offsetof(struct check_values, timeout),
	  "SECONDS", "wait so long for each step; 30" },
	{ "jobs", 0, OPTION_STRING, offsetof(struct check_values, jobs),
	  "N", "targets at once; 8" },
	{ "format", 0, OPTION_STRING, offsetof(struct check_values, format),
	  "FORMAT", "text, json, ndjson, nagios, prometheus" },
	{ "fail-on", 0, OPTION_STRING, offsetof(struct check_values, fail_on),
	  "warn|fail|never", "what makes the exit status not 0" },
	{ "verbose", 'v', OPTION_FLAG, offsetof(struct check_values, verbose),
	  NULL, "show every session, and what is well" },
	{ "explain", 0, OPTION_STRING, offsetof(struct check_values, explain),
	  "ID", "say what an id means; list: all ids" },
	{ "no-memory", 0, OPTION_FLAG,
	  offsetof(struct check_values, no_memory), NULL,
	  "neither use nor keep what was seen" },
	{ "forget", 0, OPTION_FLAG, offsetof(struct check_values, forget),
	  NULL, "forget what was seen of the targets" },
};

static enum status run_targets(struct tool *t, const struct check_values *v,
    struct check_options *o)
{
	if (!tool_conf(t))
		return STATUS_CONFIG;
	if (v->forget)
		return check_forget(t, o);
	if (!check_options_conf(v, t->conf, o))
		return STATUS_USAGE;
	return check_run(t, o);
}

static enum status run_check(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct check_values *v = values;
	struct check_options o;
	enum status status = STATUS_USAGE;

	if (v->explain)
		return check_explain(t, v->explain);
	if (check_options_read(v, t, n, operands, &o))
		status = run_targets(t, v, &o);
	check_options_clear(&o);
	return status;
}

const struct command command_check = {
	.name = "check",
	.usage = "DOMAIN...",
	.summary = "test the mail hosts of a domain, or one service",
	.details = "Looks at DNS, MTA-STS, DANE and TLSRPT, and talks to "
	    "every address of every mail\nhost until TLS is there; no mail "
	    "is sent. What was seen is remembered, so that\nSTARTTLS that "
	    "is lost is noticed the next time.\n"
	    "Exit status 1: warnings; 2: something fails; 3: could not tell.",
	.options = check_options,
	.options_n = sizeof(check_options) / sizeof(check_options[0]),
	.values_size = sizeof(struct check_values),
	.max_operands = -1,
	.is_data = true,
	.run = run_check,
};
