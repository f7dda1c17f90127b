/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tool/explain-args.h"

#include "policy/verdict.h"
#include "util/buf.h"
#include "util/str.h"

#define BITS_MAX 65536

/* Copy up to the slash or the end into out and step over it; false when
 * the part is empty, too long or holds anything but printable ASCII. */
static bool take_part(const char **text, char *out, size_t size)
{
	size_t len = strcspn(*text, "/");

	if (len == 0 || len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((*text)[i] <= ' ' || (*text)[i] > '~')
			return false;
	memcpy(out, *text, len);
	out[len] = '\0';
	*text += len + ((*text)[len] == '/');
	return true;
}

bool explain_parse_tls(const char *text, struct explain_tls *tls_r,
    struct buf *err)
{
	struct explain_tls tls = { .state = TLS_ENCRYPTED };
	const char *rest = text;
	uint64_t bits = 0;
	bool ok;

	if (strcmp(text, "none") == 0 || strcmp(text, "unknown") == 0) {
		tls.state = *text == 'n' ? TLS_PLAINTEXT : TLS_UNKNOWN;
		*tls_r = tls;
		return true;
	}
	ok = !str_ends(text, "/") &&
	    take_part(&rest, tls.version, sizeof(tls.version)) &&
	    (!*rest || take_part(&rest, tls.cipher, sizeof(tls.cipher))) &&
	    (!*rest || str_to_u64(rest, BITS_MAX, &bits));
	if (!ok) {
		buf_addf(err, "--tls %s: not none, unknown or "
		    "VERSION/CIPHER/BITS", text);
		return false;
	}
	if (tls_version_rank(tls.version) == 0) {
		buf_addf(err, "--tls %s: no such version; write it as in "
		    "TLSv1.3", text);
		return false;
	}
	tls.bits = (int)bits;
	*tls_r = tls;
	return true;
}

bool explain_parse_verify(const char *text, enum verify_state *state_r,
    struct buf *err)
{
	static const struct {
		const char *name;
		enum verify_state state;
	} names[] = {
		{ "ok", VERIFY_OK },
		{ "fail", VERIFY_FAILED },
		{ "none", VERIFY_NONE },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, text) == 0) {
			*state_r = names[i].state;
			return true;
		}
	}
	buf_addf(err, "--verify %s: not ok, fail or none", text);
	return false;
}

bool explain_parse_policy(const char *text, struct explain_policy *policy_r,
    struct buf *err)
{
	struct explain_policy policy = { .known = true };
	const char *equals = strchr(text, '=');
	char *domain;

	if (!equals) {
		buf_addf(err, "--policy %s: not DOMAIN=MODE", text);
		return false;
	}
	domain = strndup(text, (size_t)(equals - text));
	if (!domain || mtasts_domain_normalize(domain, policy.domain) !=
	    MTASTS_OK) {
		buf_addf(err, "--policy %s: not a domain name", text);
		free(domain);
		return false;
	}
	free(domain);
	if (strcmp(equals + 1, "unknown") == 0) {
		policy.known = false;
	} else if (!mtasts_mode_parse(equals + 1, &policy.mode)) {
		buf_addf(err, "--policy %s: the mode is not none, testing, "
		    "enforce or unknown", text);
		return false;
	}
	*policy_r = policy;
	return true;
}

/* Read a number up to a colon or the end, and step over it. */
static bool take_number(const char **text, uint64_t max, uint64_t *n_r)
{
	size_t len = strcspn(*text, ":");
	char digits[24];

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, *text, len);
	digits[len] = '\0';
	*text += len + ((*text)[len] == ':');
	return str_to_u64(digits, max, n_r);
}

bool explain_parse_history(const char *text, const struct pair_limits *limits,
    struct history_facts *facts_r, struct buf *err)
{
	const char *rest = text;
	uint64_t tls, plaintext, days = 0;

	if (str_ends(text, ":") || !take_number(&rest, UINT32_MAX, &tls) ||
	    !take_number(&rest, UINT32_MAX, &plaintext) ||
	    (*rest && !take_number(&rest, UINT32_MAX, &days)) || *rest) {
		buf_addf(err, "--history %s: not TLS:PLAIN or TLS:PLAIN:DAYS",
		    text);
		return false;
	}
	*facts_r = (struct history_facts){
		.known = true,
		.used_tls = tls >= limits->min && days <= limits->days,
		.tls = tls,
		.plaintext = plaintext,
	};
	return true;
}

bool explain_is_port(const char *listener)
{
	uint64_t port;

	return str_to_u64(listener, 65535, &port);
}
