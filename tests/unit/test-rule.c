/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/unit.h"
#include "policy/rule.h"

#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN
#define TEXT200 FORTY FORTY FORTY FORTY FORTY

static void names_go_both_ways(void)
{
	static const struct {
		enum action action;
		const char *name;
	} actions[] = {
		{ ACTION_OBSERVE, "observe" }, { ACTION_TAG, "tag" },
		{ ACTION_QUARANTINE, "quarantine" },
		{ ACTION_DEFER, "defer" }, { ACTION_REJECT, "reject" },
	};
	static const struct {
		enum requirement require;
		const char *name;
	} requirements[] = {
		{ REQUIRE_NONE, "none" }, { REQUIRE_TLS, "tls" },
		{ REQUIRE_TLS12, "tls1.2" }, { REQUIRE_TLS13, "tls1.3" },
		{ REQUIRE_VERIFIED, "verified" },
	};
	enum requirement r;
	enum action a;

	for (size_t i = 0; i < COUNT(actions); i++) {
		a = ACTION_ACCEPT;
		CHECK_CASE(actions[i].name, action_parse(actions[i].name,
		    &a) && a == actions[i].action);
		CHECK_CASE_STR(actions[i].name, action_name(a),
		    actions[i].name);
	}
	for (size_t i = 0; i < COUNT(requirements); i++) {
		r = REQUIRE_NONE;
		CHECK_CASE(requirements[i].name, requirement_parse(
		    requirements[i].name, &r) &&
		    r == requirements[i].require);
		CHECK_CASE_STR(requirements[i].name, requirement_name(r),
		    requirements[i].name);
	}
	a = ACTION_TAG;
	CU_ASSERT(!action_parse("accept", &a) && a == ACTION_TAG);
	CU_ASSERT(!action_parse("Reject", &a) && a == ACTION_TAG);
	CU_ASSERT_STRING_EQUAL(action_name(ACTION_ACCEPT), "accept");
	r = REQUIRE_TLS13;
	CU_ASSERT(!requirement_parse("tls1.1", &r) && r == REQUIRE_TLS13);
}

/* Design §5: the default of every rule is to observe. */
static void a_new_rule_is_harmless(void)
{
	struct rule *rule = rule_new("r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
	CU_ASSERT_STRING_EQUAL(rule->name, "r");
	CU_ASSERT_EQUAL(rule->action, ACTION_OBSERVE);
	CU_ASSERT_EQUAL(rule->require, REQUIRE_TLS);
	CU_ASSERT_EQUAL(rule->authenticated, -1);
	CU_ASSERT_EQUAL(rule->requiretls, -1);
	CU_ASSERT_EQUAL(rule->unknown, UNKNOWN_ACCEPT);
	CU_ASSERT(!rule_is_about_promises(rule));
	CU_ASSERT(!rule_requires_nothing(rule));
	rule->require = REQUIRE_NONE;
	CU_ASSERT(rule_requires_nothing(rule));
	rule->min_bits = 1;
	CU_ASSERT(!rule_requires_nothing(rule));
	rule->to_policy = PROMISE_ENFORCE;
	CU_ASSERT(rule_is_about_promises(rule));
	rule_free(rule);
	rule_free(NULL);
}

static void replies_are_checked(void)
{
	static const struct {
		const char *text, *why;
		enum action action;
	} cases[] = {
		/* ES-02, ES-03 */
		{ "530 5.7.0 Must issue a STARTTLS command first", NULL,
		    ACTION_REJECT },
		{ "450 4.7.1 later", NULL, ACTION_DEFER },
		{ "421 4.7.0 100% TLS", NULL, ACTION_DEFER },
		{ "550 5.7.10 " TEXT200, NULL, ACTION_REJECT },
		{ "550 5.999.999 x", NULL, ACTION_REJECT },
		{ "550 5.7.10 " TEXT200 "x", "1 to 200", ACTION_REJECT },
		{ "550 5.7.10 ", "1 to 200", ACTION_REJECT },
		{ "550 5.7.10  x", "1 to 200", ACTION_REJECT },
		{ "550 5.7.10 a\nb", "1 to 200", ACTION_REJECT },
		{ "550 5.7.10 \xc3\xbc", "1 to 200", ACTION_REJECT },
		{ "550 4.7.10 x", "same digit", ACTION_REJECT },
		{ "450 4.7.10 x", "begin with 5", ACTION_REJECT },
		{ "550 5.7.10 x", "with 4 for defer", ACTION_DEFER },
		{ "550 5.7.10 x", "needs action", ACTION_TAG },
		{ "450 4.7.10 x", "needs action", ACTION_OBSERVE },
		{ "250 2.7.10 x", "must look like", ACTION_REJECT },
		{ "560 5.7.10 x", "must look like", ACTION_REJECT },
		{ "55x 5.7.10 x", "must look like", ACTION_REJECT },
		{ "5500 5.7.10 x", "must look like", ACTION_REJECT },
		{ "550", "must look like", ACTION_REJECT },
		{ "550 text", "must look like", ACTION_REJECT },
		{ "550 5.7 x", "must look like", ACTION_REJECT },
		{ "550 5.7.1x", "must look like", ACTION_REJECT },
		{ "550 5.7.1", "must look like", ACTION_REJECT },
		{ "550 5..1 x", "must look like", ACTION_REJECT },
		{ "550 5.7.1000 x", "must look like", ACTION_REJECT },
		{ "550 55.7.1 x", "must look like", ACTION_REJECT },
		{ "", "must look like", ACTION_REJECT },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reply_template t = { "999", "9.9.9", NULL };
		struct buf err;
		bool ok;

		buf_init(&err, 1000);
		ok = reply_template_parse(cases[i].text, cases[i].action, &t,
		    &err);
		CHECK_CASE(cases[i].text, ok == !cases[i].why);
		if (ok) {
			char back[300];

			snprintf(back, sizeof(back), "%s %s %s", t.code,
			    t.xcode, t.text);
			CHECK_CASE_STR(cases[i].text, back, cases[i].text);
		} else {
			CHECK_CASE(buf_str(&err),
			    strstr(buf_str(&err), cases[i].why) != NULL);
			CHECK_CASE_STR("untouched", t.code, "999");
		}
		free(t.text);
		buf_clear(&err);
	}
}

static const struct unit_test tests[] = {
	{ "names go both ways", names_go_both_ways },
	{ "a new rule is harmless", a_new_rule_is_harmless },
	{ "replies are checked", replies_are_checked },
};

UNIT_MAIN("rule", tests)
