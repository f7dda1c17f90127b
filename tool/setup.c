/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup - the lines another program's configuration needs.
 */
#include "config.h"

#include "conf/setup.h"

#include "tool/out.h"
#include "tool/tool.h"
#include "util/buf.h"

#define SETUP_MAX (1024 * 1024)

static void print_text(struct tool *t, const char *server, struct buf *text)
{
	if (t->json)
		out_json(json_pack("{s:s, s:s, s:s}", "schema",
		    "tlsmilter/setup-1", "for", server, "text",
		    buf_str(text)));
	else
		out_text("", buf_str(text));
	buf_clear(text);
}

/* Print what one mail server needs. */
static enum status print_setup(struct tool *t, const char *server,
    void (*write)(const struct conf *c, struct buf *out))
{
	struct conf *conf = tool_conf(t);
	struct buf text;

	if (!conf)
		return STATUS_CONFIG;
	buf_init(&text, SETUP_MAX);
	write(conf, &text);
	print_text(t, server, &text);
	return STATUS_GOOD;
}

/* Print what it needs for outgoing mail; a warning without a socketmap. */
static enum status print_outbound(struct tool *t, const char *server,
    bool (*write)(const struct conf *c, struct buf *out))
{
	struct conf *conf = tool_conf(t);
	struct buf text;
	bool ok;

	if (!conf)
		return STATUS_CONFIG;
	buf_init(&text, SETUP_MAX);
	ok = write(conf, &text);
	print_text(t, server, &text);
	return ok ? STATUS_GOOD : STATUS_WARNING;
}

static void add_limit(void *arg, const char *rule, const char *text)
{
	json_array_append_new(arg, json_pack("{s:s?, s:s}", "rule", rule,
	    "text", text));
}

/* Print what the policy service needs; a warning without one. */
static enum status print_policy(struct tool *t)
{
	struct conf *conf = tool_conf(t);
	json_t *limits;
	struct buf text;
	bool ok;

	if (!conf)
		return STATUS_CONFIG;
	buf_init(&text, SETUP_MAX);
	ok = setup_postfix_policy(conf, &text);
	if (t->json) {
		limits = json_array();
		setup_policy_limits(conf, add_limit, limits);
		out_json(json_pack("{s:s, s:s, s:s, s:o}", "schema",
		    "tlsmilter/setup-1", "for", "postfix-policy-service",
		    "text", buf_str(&text), "limits", limits));
	} else {
		out_text("", buf_str(&text));
	}
	buf_clear(&text);
	return ok ? STATUS_GOOD : STATUS_WARNING;
}

struct setup_values {
	bool policy_service;
	bool outbound;
};

static enum status run_postfix(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct setup_values *v = values;

	(void)n;
	(void)operands;
	if (v->policy_service && v->outbound) {
		complain("--policy-service and --outbound are printed one at "
		    "a time");
		return STATUS_USAGE;
	}
	if (v->outbound)
		return print_outbound(t, "postfix-outbound",
		    setup_postfix_outbound);
	return v->policy_service ? print_policy(t) :
	    print_setup(t, "postfix", setup_postfix);
}

static enum status run_sendmail(struct tool *t, const void *values, int n,
    char **operands)
{
	const struct setup_values *v = values;

	(void)n;
	(void)operands;
	return v->outbound ? print_outbound(t, "sendmail-outbound",
	    setup_sendmail_outbound) :
	    print_setup(t, "sendmail", setup_sendmail);
}

static const struct option_def postfix_options[] = {
	{ "policy-service", 0, OPTION_FLAG,
	  offsetof(struct setup_values, policy_service), NULL,
	  "for the policy service instead of the milter" },
	{ "outbound", 0, OPTION_FLAG,
	  offsetof(struct setup_values, outbound), NULL,
	  "for outgoing mail: the socketmap" },
};

static const struct option_def sendmail_options[] = {
	{ "outbound", 0, OPTION_FLAG,
	  offsetof(struct setup_values, outbound), NULL,
	  "for outgoing mail: the socketmap" },
};

static const struct command command_postfix = {
	.name = "postfix",
	.usage = "",
	.summary = "print what main.cf must say",
	.options = postfix_options,
	.options_n = 2,
	.values_size = sizeof(struct setup_values),
	.is_data = true,
	.run = run_postfix,
};

static const struct command command_sendmail = {
	.name = "sendmail",
	.usage = "",
	.summary = "print the lines for sendmail.mc",
	.options = sendmail_options,
	.options_n = 1,
	.values_size = sizeof(struct setup_values),
	.is_data = true,
	.run = run_sendmail,
};

static const struct command *const commands[] = {
	&command_postfix,
	&command_sendmail,
	NULL
};

const struct command command_setup = {
	.name = "setup",
	.usage = "postfix|sendmail",
	.summary = "print the settings a mail server needs for this "
	    "configuration",
	.max_operands = -1,
	.sub = commands,
};
