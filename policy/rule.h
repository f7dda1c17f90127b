/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rule - one `rule` section, compiled.
 *
 * A rule has conditions (all must match), a requirement and an action for
 * when the requirement is not met. Made by conf/, read-only afterwards.
 */
#ifndef TM_POLICY_RULE_H
#define TM_POLICY_RULE_H

#include "policy/facts.h"
#include "policy/match.h"
#include "util/str.h"

/* Mildest first; the order decides (design §5). */
enum action {
	ACTION_ACCEPT,
	ACTION_OBSERVE,
	ACTION_TAG,
	ACTION_QUARANTINE,
	ACTION_DEFER,
	ACTION_REJECT,
};
const char *action_name(enum action a);
/* "accept" is no action a rule can ask for. */
bool action_parse(const char *name, enum action *action_r);

enum requirement {
	REQUIRE_NONE,
	REQUIRE_TLS,
	REQUIRE_TLS12,
	REQUIRE_TLS13,
	REQUIRE_VERIFIED,
};
const char *requirement_name(enum requirement r);
bool requirement_parse(const char *name, enum requirement *r);

enum on_unknown { UNKNOWN_ACCEPT, UNKNOWN_DEFER };

struct rule_counts;

/* A reply a rule states itself: `reply = "530 5.7.0 text"`. */
struct reply_template {
	char code[4];		/* "" : the built-in reply */
	char xcode[12];
	char *text;		/* heap; rule_free() frees it */
};

struct rule {
	char *name;
	/* conditions; NULL, empty or 0 means "any" */
	struct strv listeners;
	struct client_set *clients;
	struct addr_set *from;
	struct addr_set *to;
	unsigned to_policy;	/* PROMISE_* set */
	unsigned from_policy;
	int authenticated;	/* -1 any, 0 no, 1 yes */
	int requiretls;		/* -1 any, 0 no, 1 yes */
	char *list;		/* the name of a `list`; NULL: any sender */
	int list_index;		/* of it in the configuration; -1 if none */
	bool history_downgrade;	/* the pair used TLS, this session does not */
	/* requirement: all must hold; each but REQUIRE_NONE implies tls */
	enum requirement require;
	int min_bits;		/* 0: none */
	struct strv deny_cipher;	/* a whole name, or one part of it
					 * between hyphens: "RC4" */
	struct strv cert_name;	/* CN, or whole subject, or .suffix of CN */
	struct strv cert_fingerprint;	/* hex, with or without colons */
	/* consequence */
	enum action action;
	enum on_unknown unknown;
	struct reply_template reply;
	/* Where it is counted (audit/rulecounts); NULL: nowhere. Not owned,
	 * and set before the rule is used by several threads. */
	struct rule_counts *counts;
};

/* A rule that matches everything, requires tls and observes; NULL when out
 * of memory. */
struct rule *rule_new(const char *name);
void rule_free(struct rule *rule);

/* True when the rule speaks of promises (to_policy, from_policy, list) or
 * of the past (history): such a
 * rule never matches authenticated sessions, relays, exempt clients or the
 * null sender. */
bool rule_is_about_promises(const struct rule *rule);

/* True for `require = none` without any other requirement: an exception. */
bool rule_requires_nothing(const struct rule *rule);

/*
 * Parse "530 5.7.0 text" for a rule: one ASCII line, at most 200
 * characters, class of the two codes equal to each other and to the action,
 * which must be defer or reject. False with a sentence in err.
 */
bool reply_template_parse(const char *s, enum action action,
    struct reply_template *t, struct buf *err);

#endif
