/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules are counted by name, for recipients, whatever decided.
 */
#include "config.h"

#include "audit/rulecounts.h"

#include "tests/unit/scenario.h"
#include "tests/unit/unit.h"

#define TLS13 "tls=TLSv1.3/TLS_AES_256_GCM_SHA384/256"

/* Judge one recipient with a table of counts. */
static void judge(struct rulecounts *t, const char *rules, const char *facts)
{
	struct scenario sc;
	struct verdict v;

	scenario_read(&sc, rules, facts);
	CU_ASSERT(rulecounts_bind(t, &sc.rs));
	scenario_decide(&sc, rulecounts_count_rule, NULL, &v);
	rulecounts_count_verdict(&v);
	scenario_clear(&sc);
}

/* The counts of these rules as compact JSON, actions left out. */
static void check(struct rulecounts *t, const char *label, const char *rules,
    const char *want)
{
	struct scenario sc;
	json_t *all, *rule;
	char *text;
	size_t i;

	scenario_read(&sc, rules, "");
	CU_ASSERT(rulecounts_bind(t, &sc.rs));
	all = rulecounts_json(&sc.rs);
	json_array_foreach(all, i, rule) {
		json_object_del(rule, "action");
		json_object_set(rule, "decided", json_object_get(
		    json_object_get(rule, "decided"), "reject"));
		json_object_set(rule, "would", json_object_get(
		    json_object_get(rule, "would"), "reject"));
	}
	text = json_dumps(all, JSON_COMPACT);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CHECK_CASE_STR(label, text, want);
	free(text);
	json_decref(all);
	scenario_clear(&sc);
}

#define RULES \
	"a from=b.example require=tls action=reject; " \
	"b require=verified action=tag; c require=tls action=reject"

static void rules_are_counted(void)
{
	struct rulecounts *t = rulecounts_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	check(t, "nothing yet", "a require=tls",
	    "[{\"name\":\"a\",\"matched\":0,\"met\":0,\"unmet\":0,"
	    "\"unknown\":0,\"decided\":0,\"would\":0}]");
	judge(t, RULES, "from=x@b.example");
	judge(t, RULES, "from=x@b.example observe");
	judge(t, RULES, "from=x@c.example");
	judge(t, RULES, "from=x@b.example " TLS13);
	judge(t, RULES, "exempt");
	check(t, "each rule that matched is counted, one decides", RULES,
	    "[{\"name\":\"a\",\"matched\":3,\"met\":1,\"unmet\":2,"
	    "\"unknown\":0,\"decided\":1,\"would\":2},"
	    "{\"name\":\"b\",\"matched\":4,\"met\":0,\"unmet\":3,"
	    "\"unknown\":1,\"decided\":0,\"would\":0},"
	    "{\"name\":\"c\",\"matched\":4,\"met\":1,\"unmet\":3,"
	    "\"unknown\":0,\"decided\":1,\"would\":1}]");
	check(t, "a rule that stays over a reload keeps its counts",
	    "new require=tls; c require=tls1.3 action=reject",
	    "[{\"name\":\"new\",\"matched\":0,\"met\":0,\"unmet\":0,"
	    "\"unknown\":0,\"decided\":0,\"would\":0},"
	    "{\"name\":\"c\",\"matched\":4,\"met\":1,\"unmet\":3,"
	    "\"unknown\":0,\"decided\":1,\"would\":1}]");
	judge(t, "x require=none; a require=tls action=reject", "");
	check(t, "an exception that matched is met", "x require=none",
	    "[{\"name\":\"x\",\"matched\":1,\"met\":1,\"unmet\":0,"
	    "\"unknown\":0,\"decided\":0,\"would\":0}]");
	rulecounts_free(t);
}

static void rules_without_a_table_count_nothing(void)
{
	struct scenario sc;
	struct verdict v;

	scenario_read(&sc, RULES, "");
	scenario_decide(&sc, rulecounts_count_rule, NULL, &v);
	rulecounts_count_verdict(&v);
	CU_ASSERT_EQUAL(v.action, ACTION_REJECT);
	scenario_clear(&sc);
}

static const struct unit_test tests[] = {
	{ "rules are counted", rules_are_counted },
	{ "rules without a table count nothing",
	    rules_without_a_table_count_nothing },
};

UNIT_MAIN("rulecounts", tests)
