/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/rule.h"

#include "policy/reply.h"
#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const action_names[] = {
	[ACTION_ACCEPT] = "accept",
	[ACTION_OBSERVE] = "observe",
	[ACTION_TAG] = "tag",
	[ACTION_QUARANTINE] = "quarantine",
	[ACTION_DEFER] = "defer",
	[ACTION_REJECT] = "reject",
};

static const char *const requirement_names[] = {
	[REQUIRE_NONE] = "none",
	[REQUIRE_TLS] = "tls",
	[REQUIRE_TLS12] = "tls1.2",
	[REQUIRE_TLS13] = "tls1.3",
	[REQUIRE_VERIFIED] = "verified",
};

const char *action_name(enum action a)
{
	return action_names[a];
}

bool action_parse(const char *name, enum action *action_r)
{
	for (size_t i = ACTION_OBSERVE; i < COUNT(action_names); i++)
		if (strcmp(name, action_names[i]) == 0) {
			*action_r = (enum action)i;
			return true;
		}
	return false;
}

const char *requirement_name(enum requirement r)
{
	return requirement_names[r];
}

bool requirement_parse(const char *name, enum requirement *r)
{
	for (size_t i = 0; i < COUNT(requirement_names); i++)
		if (strcmp(name, requirement_names[i]) == 0) {
			*r = (enum requirement)i;
			return true;
		}
	return false;
}

struct rule *rule_new(const char *name)
{
	struct rule *rule = calloc(1, sizeof(*rule));

	if (!rule)
		return NULL;
	rule->name = strdup(name);
	if (!rule->name) {
		free(rule);
		return NULL;
	}
	rule->authenticated = -1;
	rule->requiretls = -1;
	rule->list_index = -1;
	rule->require = REQUIRE_TLS;
	rule->action = ACTION_OBSERVE;
	rule->unknown = UNKNOWN_ACCEPT;
	return rule;
}

void rule_free(struct rule *rule)
{
	if (!rule)
		return;
	free(rule->name);
	strv_clear(&rule->listeners);
	client_set_free(rule->clients);
	addr_set_free(rule->from);
	addr_set_free(rule->to);
	free(rule->list);
	strv_clear(&rule->deny_cipher);
	strv_clear(&rule->cert_name);
	strv_clear(&rule->cert_fingerprint);
	free(rule->reply.text);
	free(rule);
}

bool rule_is_about_promises(const struct rule *rule)
{
	return rule->to_policy || rule->from_policy || rule->list ||
	    rule->history_downgrade;
}

bool rule_requires_nothing(const struct rule *rule)
{
	return rule->require == REQUIRE_NONE && rule->min_bits == 0 &&
	    rule->deny_cipher.n == 0 && rule->cert_name.n == 0 &&
	    rule->cert_fingerprint.n == 0;
}

/* Return the length of "530 " at s, 0 if there is no reply code. The
 * second digit is limited by RFC 5321 §4.2. */
static size_t code_len(const char *s)
{
	if ((s[0] != '4' && s[0] != '5') || s[1] < '0' || s[1] > '5' ||
	    !str_is_digit(s[2]) || s[3] != ' ')
		return 0;
	return 4;
}

/* Return the length of "5.7.10 " at s, 0 if there is no enhanced code
 * (RFC 3463 §2: one digit, then twice one to three). */
static size_t xcode_len(const char *s)
{
	size_t len = 1;

	if (*s != '4' && *s != '5')
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (s[len++] != '.')
			return 0;
		while (digits < 4 && str_is_digit(s[len + digits]))
			digits++;
		if (digits == 0 || digits == 4)
			return 0;
		len += digits;
	}
	return s[len] == ' ' ? len + 1 : 0;
}

static bool is_reply_text(const char *s)
{
	size_t len = 0;

	for (; s[len]; len++)
		if (s[len] < 0x20 || s[len] > 0x7e || len == REPLY_TEXT_MAX)
			return false;
	return len > 0 && s[0] != ' ';
}

static bool fail(struct buf *err, const char *why)
{
	buf_adds(err, why);
	return false;
}

bool reply_template_parse(const char *s, enum action action,
    struct reply_template *t, struct buf *err)
{
	size_t code = code_len(s);
	size_t xcode = code ? xcode_len(s + code) : 0;
	struct reply_template made = { "", "", NULL };

	if (action != ACTION_DEFER && action != ACTION_REJECT)
		return fail(err, "a reply needs action defer or reject");
	if (!xcode)
		return fail(err, "a reply must look like \"550 5.7.10 text\"");
	if (s[0] != s[code])
		return fail(err, "the two codes of the reply must begin with "
		    "the same digit");
	if (s[0] != (action == ACTION_REJECT ? '5' : '4'))
		return fail(err, "the codes of the reply must begin with 5 "
		    "for action reject, with 4 for defer");
	if (!is_reply_text(s + code + xcode))
		return fail(err, "the text of the reply must be one line of "
		    "1 to 200 ASCII characters");
	made.text = strdup(s + code + xcode);
	if (!made.text)
		return fail(err, "out of memory");
	memcpy(made.code, s, code - 1);
	memcpy(made.xcode, s + code, xcode - 1);
	*t = made;
	return true;
}
