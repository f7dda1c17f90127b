/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/reply.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"

const char fuzz_name[] = "reply";

static bool is_printable(const char *s)
{
	for (; *s >= ' ' && *s < 0x7f; s++)
		;
	return !*s;
}

/* ES-02, ES-04, design §6.5: what any verdict answers with. */
static void check_reply(const struct verdict *v, const char *help_url)
{
	char escaped[2 * REPLY_TEXT_MAX + 1];
	struct reply reply;

	reply_build(v, help_url, &reply);
	FUZZ_CHECK(strlen(reply.code) == 3);
	FUZZ_CHECK(reply.code[0] ==
	    (v->action == ACTION_REJECT ? '5' : '4'));
	FUZZ_CHECK(reply.xcode[0] == reply.code[0]);
	FUZZ_CHECK(strlen(reply.text) > 0);
	FUZZ_CHECK(strlen(reply.text) <= REPLY_TEXT_MAX);
	FUZZ_CHECK(is_printable(reply.text));
	reply_escape(reply.text, escaped, sizeof(escaped));
	FUZZ_CHECK(strlen(escaped) >= strlen(reply.text));
}

static void check_template(const char *text, enum action action)
{
	struct reply_template t = { "", "", NULL };
	struct rule rule = { .action = action };
	struct verdict v = { .rule = &rule, .unmet = UNMET_PLAINTEXT,
		.unmet_what = "tls" };
	struct buf err;

	buf_init(&err, 1000);
	if (reply_template_parse(text, action, &t, &err)) {
		rule.reply = t;
		for (v.action = ACTION_DEFER; v.action <= ACTION_REJECT;
		    v.action++)
			check_reply(&v, NULL);
	} else {
		FUZZ_CHECK(err.len > 0 && !t.text);
	}
	free(t.text);
	buf_clear(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct verdict v = { .unmet_what = text, .policy_domain = text };

	if (!text)
		return 0;
	for (int a = ACTION_ACCEPT; a <= ACTION_REJECT; a++)
		check_template(text, (enum action)a);
	for (int u = UNMET_NOTHING; u <= UNMET_UNKNOWN; u++) {
		v.unmet = (enum unmet)u;
		v.action = u & 1 ? ACTION_REJECT : ACTION_DEFER;
		check_reply(&v, text);
	}
	free(text);
	return 0;
}
