/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/tool.h"

#include "conf/conf.h"
#include "tool/out.h"

struct conf *tool_conf(struct tool *t)
{
	struct conf_messages messages = { 0 };
	struct bundle *bundle;

	if (t->conf)
		return t->conf;
	bundle = bundle_new();
	if (bundle)
		t->conf = conf_load(t->conf_file, bundle, &messages);
	else
		complain("out of memory");
	for (size_t i = 0; !t->conf && i < messages.n; i++)
		complain("%s%s", messages.v[i].error ? "" : "warning: ",
		    messages.v[i].text);
	conf_messages_clear(&messages);
	bundle_free(bundle);
	return t->conf;
}

const char *tool_state_dir(struct tool *t)
{
	if (t->state_dir)
		return t->state_dir;
	return tool_conf(t) ? t->conf->state_dir : NULL;
}

bool tool_domain(const char *operand, char *out)
{
	if (mtasts_domain_normalize(operand, out) == MTASTS_OK)
		return true;
	complain("\"%s\" is not a domain name", operand);
	return false;
}

enum status status_worse(enum status a, enum status b)
{
	static const enum status order[] = {
		STATUS_GOOD, STATUS_WARNING, STATUS_UNKNOWN, STATUS_FAILED,
		STATUS_USAGE, STATUS_CONFIG,
	};
	enum status worst = STATUS_GOOD;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] == a || order[i] == b)
			worst = order[i];
	return worst;
}
