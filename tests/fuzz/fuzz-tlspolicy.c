/* SPDX-License-Identifier: BSD-2-Clause */
/* Input: two bytes that choose who asks and what is known, then three
 * lines of bytes: the key, the patterns, and the policy to the end. */
#include "config.h"

#include "policy/tlspolicy.h"
#include "tests/fuzz/fuzz.h"
#include "util/buf.h"
#include "util/str.h"

const char fuzz_name[] = "tlspolicy";

static const char *const maps[] = {
	"postfix", "QUERY", "QUERYwithTLSRPT", "sts",
};

static void check_key(const char *key, size_t len, struct nexthop *hop)
{
	struct nexthop again;
	bool named = nexthop_parse(key, len, hop);

	FUZZ_CHECK(named == (hop->kind != NEXTHOP_INVALID));
	FUZZ_CHECK((*hop->domain != '\0') == (hop->kind == NEXTHOP_DOMAIN ||
	    hop->kind == NEXTHOP_HOST));
	FUZZ_CHECK((*hop->text != '\0') == named);
	/* the canonical text is its own; ":0" stands for an unknown name */
	if (!named || hop->kind == NEXTHOP_PATH || hop->port == 0)
		return;
	FUZZ_CHECK(nexthop_parse(hop->text, strlen(hop->text), &again));
	FUZZ_CHECK(again.kind == hop->kind && again.port == hop->port);
	FUZZ_CHECK(strcmp(again.text, hop->text) == 0);
}

/* Attributes as Postfix splits them: at blanks and commas, not inside of
 * braces (PF-TP-06). */
static char *next_token(char **s)
{
	char *start = *s + strspn(*s, ", "), *end;

	if (*start == '\0')
		return NULL;
	if (*start == '{') {
		end = strchr(start, '}');
		FUZZ_CHECK(end && !memchr(start + 1, '{',
		    (size_t)(end - start - 1)));
		end++;
	} else {
		end = start + strcspn(start, ", ");
	}
	FUZZ_CHECK(*end == '\0' || *end == ' ');
	*s = *end ? end + 1 : end;
	*end = '\0';
	return start;
}

static void check_match(const char *list)
{
	FUZZ_CHECK(*list && *list != ':' && list[strlen(list) - 1] != ':');
	FUZZ_CHECK(!strstr(list, "::"));
	FUZZ_CHECK(list[strspn(list,
	    "abcdefghijklmnopqrstuvwxyz0123456789-.:")] == '\0');
}

/* No attribute we did not mean, and none twice that may not be. */
static void check_attributes(char *s, bool tlsrpt)
{
	static const struct {
		const char *start;
		bool once, tlsrpt;
	} known[] = {
		{ "match=", true, false },
		{ "servername=hostname", true, false },
		{ "policy_type=sts", true, true },
		{ "policy_domain=", true, true },
		{ "mx_host_pattern=", false, true },
		{ "{ policy_string = ", false, true },
	};
	size_t n = sizeof(known) / sizeof(known[0]), seen[6] = { 0 };
	char *token;

	while ((token = next_token(&s))) {
		size_t i = 0;

		while (i < n && !str_starts(token, known[i].start))
			i++;
		FUZZ_CHECK(i < n && !(known[i].once && seen[i]));
		FUZZ_CHECK(tlsrpt || !known[i].tlsrpt);
		seen[i]++;
		if (i == 0)
			check_match(token + strlen("match="));
	}
	FUZZ_CHECK(seen[0] == 1 && seen[1] == 1);
}

static void check_value(const struct tlspolicy_options *o, struct buf *out)
{
	bool tlsrpt = o->dialect == DIALECT_QUERY_TLSRPT ||
	    (o->dialect == DIALECT_POSTFIX && o->version >= 310);

	FUZZ_CHECK(!out->failed && out->len > 0);
	FUZZ_CHECK(out->len < SOCKETMAP_REPLY_MAX);
	for (size_t i = 0; i < out->len; i++)
		FUZZ_CHECK(out->data[i] >= ' ' && out->data[i] <= '~');
	if (!str_starts(out->data, "secure ")) {
		FUZZ_CHECK(strcmp(out->data, "dane") == 0 ||
		    strcmp(out->data, "dane-only") == 0);
		FUZZ_CHECK(o->dialect != DIALECT_SENDMAIL);
		return;
	}
	check_attributes(out->data + strlen("secure "), tlsrpt);
}

/* Cut the text at the first line end; return what is behind it. */
static char *cut_line(char *s)
{
	char *end = strchr(s, '\n');

	if (!end)
		return s + strlen(s);
	*end = '\0';
	return end + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tlspolicy_options o = { .version = 307 };
	struct tlspolicy_facts f = { .text = "" };
	struct tlspolicy_answer a;
	struct nexthop hop;
	struct buf out;
	char *key, *patterns;

	if (size < 2)
		return 0;
	key = strndup((const char *)data + 2, size - 2);
	if (!key)
		return 0;
	patterns = cut_line(key);
	f.text = cut_line(patterns);
	f.patterns = patterns;
	check_key(key, strlen(key), &hop);
	f.hop = &hop;
	f.sts = (enum tlspolicy_sts)(data[0] % (STS_MODE_ENFORCE + 1));
	f.dane = (enum tlspolicy_dane)(data[0] / 16 % (DANE_FACT_ERROR + 1));
	o.dialect = tls_dialect_of(maps[data[1] % 4],
	    strlen(maps[data[1] % 4]));
	o.version = data[1] & 4 ? 307 : 310;
	o.dane = data[1] & 8;
	o.dane_works = !(data[1] & 16);
	o.default_may = !(data[1] & 32);
	buf_init(&out, 2 * SOCKETMAP_REPLY_MAX);
	tlspolicy_decide(&o, &f, &out, &a);
	if (a.status == SOCKETMAP_OK)
		check_value(&o, &out);
	else
		FUZZ_CHECK(out.len == 0 && *a.why);
	buf_clear(&out);
	free(key);
	return 0;
}
