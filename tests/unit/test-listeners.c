/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/listeners.h"

#include "policy/verdict.h"
#include "tests/unit/unit.h"
#include "util/buf.h"

#define DAY (24LL * 3600 * 1000)

static struct rule *rule_for(const char *name, const char *listener)
{
	struct rule *rule = rule_new(name);

	CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
	if (listener)
		CU_ASSERT(strv_add(&rule->listeners, listener));
	return rule;
}

static void names_never_seen_are_told_once_after_a_day(void)
{
	struct rule *rules[] = { rule_for("submission", "587"),
		rule_for("named", "SMTPS"), rule_for("any", NULL) };
	struct ruleset rs = { .rules = rules, .n = 3 };
	struct listeners *l = listeners_new(1000);
	struct buf out;

	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	buf_init(&out, 1000);
	listeners_saw(l, "465", "smtps");
	listeners_saw(l, NULL, NULL);
	CU_ASSERT(!listeners_missing(l, &rs, 1000 + DAY - 1, &out));
	CU_ASSERT(listeners_missing(l, &rs, 1000 + DAY, &out));
	CU_ASSERT_STRING_EQUAL(buf_str(&out), "\"587\" (rule \"submission\")");
	CU_ASSERT(!listeners_missing(l, &rs, 1000 + 2 * DAY, &out));
	buf_clear(&out);
	listeners_free(l);
	for (size_t i = 0; i < 3; i++)
		rule_free(rules[i]);
}

static void silence_when_all_were_seen(void)
{
	struct rule *rules[] = { rule_for("submission", "587") };
	struct ruleset rs = { .rules = rules, .n = 1 };
	struct listeners *l = listeners_new(0);
	struct buf out;

	buf_init(&out, 1000);
	listeners_saw(l, "587", "MSA");
	CU_ASSERT(!listeners_missing(l, &rs, DAY, &out));
	CU_ASSERT_EQUAL(out.len, 0);
	listeners_free(l);
	listeners_free(NULL);
	rule_free(rules[0]);
}

static void what_a_client_can_make_up_is_bounded(void)
{
	struct listeners *l = listeners_new(0);
	struct ruleset rs = { 0 };
	struct buf out;
	char name[16];

	buf_init(&out, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		listeners_saw(l, name, "same");
	}
	CU_ASSERT(!listeners_missing(l, &rs, DAY, &out));
	listeners_free(l);
}

static const struct unit_test tests[] = {
	{ "names never seen are told once, after a day",
	    names_never_seen_are_told_once_after_a_day },
	{ "silence when all were seen", silence_when_all_were_seen },
	{ "what a client can make up is bounded",
	    what_a_client_can_make_up_is_bounded },
};

UNIT_MAIN("listeners", tests)
