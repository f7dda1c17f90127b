/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "tests/unit/scenario.h"

#include "util/buf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void wrong(const char *what, const char *text)
{
	fprintf(stderr, "scenario: wrong %s \"%s\"\n", what, text);
	abort();
}

/* Append the parts of s between separators to sv; empty ones are left out. */
static void split(struct strv *sv, const char *s, const char *separators)
{
	while (*(s += strspn(s, separators))) {
		size_t len = strcspn(s, separators);

		if (!strv_add_n(sv, s, len))
			abort();
		s += len;
	}
}

/* If word is "key=value", point *value_r at the value. */
static bool is_key(const char *word, const char *key, const char **value_r)
{
	size_t len = strlen(key);

	if (strncmp(word, key, len) != 0 || word[len] != '=')
		return false;
	*value_r = word + len + 1;
	return true;
}

static int number(const char *s)
{
	uint64_t n;

	if (!str_to_u64(s, 100000, &n))
		wrong("number", s);
	return (int)n;
}

static unsigned promise_bits(const char *s)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = {
		{ "none", PROMISE_NONE }, { "testing", PROMISE_TESTING },
		{ "enforce", PROMISE_ENFORCE }, { "dane", PROMISE_DANE },
	};
	struct strv parts = { 0 };
	unsigned set = 0;

	split(&parts, s, ",");
	for (size_t i = 0; i < parts.n; i++) {
		unsigned bit = 0;

		for (size_t k = 0; k < COUNT(names); k++)
			if (strcmp(parts.v[i], names[k].name) == 0)
				bit = names[k].bit;
		if (!bit)
			wrong("promise", s);
		set |= bit;
	}
	strv_clear(&parts);
	return set;
}

static struct promise promise(const char *s)
{
	if (strcmp(s, "unknown") == 0)
		return (struct promise){ 0 };
	if (strcmp(s, "waited") == 0)
		return (struct promise){ .waited_out = true };
	return (struct promise){ .set = promise_bits(s), .known = true };
}

static void add_addrs(struct addr_set **set, const char *s)
{
	struct strv parts = { 0 };
	struct buf err;

	buf_init(&err, 1000);
	split(&parts, s, ",");
	if (!*set && !(*set = addr_set_new()))
		abort();
	for (size_t i = 0; i < parts.n; i++)
		if (!addr_set_add(*set, parts.v[i], &err))
			wrong("address", buf_str(&err));
	strv_clear(&parts);
	buf_clear(&err);
}

static void add_clients(struct client_set **set, const char *s)
{
	struct strv parts = { 0 };
	struct buf err;

	buf_init(&err, 1000);
	split(&parts, s, ",");
	if (!*set && !(*set = client_set_new()))
		abort();
	for (size_t i = 0; i < parts.n; i++)
		if (!client_set_add(*set, parts.v[i], &err))
			wrong("client", buf_str(&err));
	strv_clear(&parts);
	buf_clear(&err);
}

static void set_reply(struct rule *rule, const char *s)
{
	char *text = strdup(s);
	struct buf err;

	buf_init(&err, 1000);
	for (char *p = text; *p; p++)
		*p = *p == '_' ? ' ' : *p;
	if (!reply_template_parse(text, rule->action, &rule->reply, &err))
		wrong("reply", buf_str(&err));
	free(text);
	buf_clear(&err);
}

/* Lists are called a, b, c …, in the order of the configuration. */
static void set_list(struct rule *rule, const char *name)
{
	rule->list = strdup(name);
	if (!rule->list)
		abort();
	rule->list_index = name[0] - 'a';
}

/* Conditions. */
static bool read_condition(struct rule *rule, const char *word)
{
	const char *v;

	if (is_key(word, "listener", &v))
		split(&rule->listeners, v, ",");
	else if (is_key(word, "client", &v))
		add_clients(&rule->clients, v);
	else if (is_key(word, "from", &v))
		add_addrs(&rule->from, v);
	else if (is_key(word, "to", &v))
		add_addrs(&rule->to, v);
	else if (is_key(word, "to_policy", &v))
		rule->to_policy = promise_bits(v);
	else if (is_key(word, "from_policy", &v))
		rule->from_policy = promise_bits(v);
	else if (is_key(word, "authenticated", &v))
		rule->authenticated = strcmp(v, "yes") == 0;
	else if (is_key(word, "requiretls", &v))
		rule->requiretls = strcmp(v, "yes") == 0;
	else if (is_key(word, "list", &v))
		set_list(rule, v);
	else if (strcmp(word, "downgrade") == 0)
		rule->history_downgrade = true;
	else
		return false;
	return true;
}

/* Requirements and consequences. */
static bool read_requirement(struct rule *rule, const char *word)
{
	const char *v;

	if (is_key(word, "require", &v)) {
		if (!requirement_parse(v, &rule->require))
			wrong("requirement", v);
	} else if (is_key(word, "min_bits", &v)) {
		rule->min_bits = number(v);
	} else if (is_key(word, "deny", &v)) {
		split(&rule->deny_cipher, v, ",");
	} else if (is_key(word, "cert_name", &v)) {
		split(&rule->cert_name, v, ",");
	} else if (is_key(word, "fp", &v)) {
		split(&rule->cert_fingerprint, v, ",");
	} else if (is_key(word, "action", &v)) {
		if (!action_parse(v, &rule->action))
			wrong("action", v);
	} else if (is_key(word, "unknown", &v)) {
		rule->unknown = strcmp(v, "defer") == 0 ? UNKNOWN_DEFER :
		    UNKNOWN_ACCEPT;
	} else if (is_key(word, "reply", &v)) {
		set_reply(rule, v);
	} else {
		return false;
	}
	return true;
}

static struct rule *read_rule(const char *text)
{
	struct strv words = { 0 };
	struct rule *rule;

	split(&words, text, " ");
	if (words.n == 0)
		wrong("rule", text);
	rule = rule_new(words.v[0]);
	if (!rule)
		abort();
	for (size_t i = 1; i < words.n; i++)
		if (!read_condition(rule, words.v[i]) &&
		    !read_requirement(rule, words.v[i]))
			wrong("word", words.v[i]);
	strv_clear(&words);
	return rule;
}

/* Cut s at the first separator; return what follows it, or NULL. */
static char *cut(char *s, char separator)
{
	char *at = s ? strchr(s, separator) : NULL;

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

/* "TLSv1.3/AES/256", "TLSv1.3", "none" or "unknown". */
static void read_tls(struct tls_facts *tls, char *v)
{
	char *cipher, *bits;

	if (strcmp(v, "unknown") == 0) {
		tls->state = TLS_UNKNOWN;
	} else if (strcmp(v, "none") != 0) {
		tls->state = TLS_ENCRYPTED;
		cipher = cut(v, '/');
		bits = cut(cipher, '/');
		tls->version = v;
		tls->cipher = cipher;
		tls->bits = bits ? number(bits) : 0;
	}
}

static bool read_certificate(struct tls_facts *tls, const char *word)
{
	const char *v;

	if (is_key(word, "verify", &v))
		tls->verify = strcmp(v, "ok") == 0 ? VERIFY_OK :
		    strcmp(v, "failed") == 0 ? VERIFY_FAILED : VERIFY_NONE;
	else if (is_key(word, "subject", &v))
		tls->cert_subject = v;
	else if (is_key(word, "fp", &v))
		tls->cert_fingerprint = v;
	else
		return false;
	return true;
}

static bool read_session(struct session_facts *s, char *word)
{
	const char *v;

	if (str_starts(word, "tls=")) {
		read_tls(&s->tls, word + 4);
	} else if (is_key(word, "client", &v)) {
		if (!netaddr_parse(v, &s->client))
			wrong("client", v);
	} else if (is_key(word, "client_name", &v)) {
		s->client_name = v;
	} else if (is_key(word, "helo", &v)) {
		s->helo = v;
	} else if (is_key(word, "port", &v)) {
		s->listener_port = v;
	} else if (is_key(word, "name", &v)) {
		s->listener_name = v;
	} else {
		return read_certificate(&s->tls, word);
	}
	return true;
}

static bool read_envelope(struct scenario *sc, const char *word)
{
	const char *v;

	if (is_key(word, "from", &v)) {
		addr_split(v, sc->from, sizeof(sc->from), sc->from_domain);
		sc->m.from = sc->from;
		sc->m.from_domain = *sc->from_domain ? sc->from_domain : NULL;
	} else if (is_key(word, "to", &v)) {
		addr_split(v, sc->to, sizeof(sc->to), sc->to_domain);
		sc->r.to = sc->to;
		sc->r.to_domain = *sc->to_domain ? sc->to_domain : NULL;
		sc->has_rcpt = true;
	} else if (is_key(word, "from_policy", &v)) {
		sc->m.from_promise = promise(v);
	} else if (is_key(word, "to_policy", &v)) {
		sc->r.to_promise = promise(v);
	} else if (is_key(word, "auth", &v)) {
		sc->m.auth_user = v;
	} else {
		return false;
	}
	return true;
}

/* "a:enforce:12": what list a says, and the version it asks for. */
static void read_listed(struct message_facts *m, char *v)
{
	static const char *const modes[] = {
		[LISTED_NO] = "no", [LISTED_TESTING] = "testing",
		[LISTED_ENFORCE] = "enforce", [LISTED_UNKNOWN] = "unknown",
	};
	struct listed *listed = &m->listed[v[0] - 'a'];
	char *mode = cut(v, ':'), *version = cut(mode, ':');

	listed->min_version = version ? number(version) : 0;
	for (size_t i = 0; i < COUNT(modes); i++)
		if (mode && strcmp(mode, modes[i]) == 0) {
			listed->mode = (enum listed_mode)i;
			return;
		}
	wrong("list", v);
}

/* What other messages of this sender were like, and what lists say. */
static bool read_memory(struct scenario *sc, char *word)
{
	struct history_facts *h = &sc->m.history;

	if (str_starts(word, "listed=")) {
		read_listed(&sc->m, word + strlen("listed="));
	} else if (strcmp(word, "used_tls") == 0) {
		*h = (struct history_facts){ .known = true, .used_tls = true };
	} else if (strcmp(word, "no_past") == 0) {
		*h = (struct history_facts){ .known = true };
	} else {
		return false;
	}
	return true;
}

/* Words without a value, and the exemption lists. */
static bool read_switch(struct scenario *sc, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "ours", &sc->r.ours },
		{ "tlsrpt", &sc->r.is_tlsrpt },
		{ "requiretls", &sc->m.requiretls },
		{ "relay", &sc->s.relay },
		{ "exempt", &sc->s.client_exempt },
		{ "non_smtp", &sc->s.non_smtp },
		{ "fused", &sc->fused },
		{ "observe", &sc->rs.observe },
		{ "exempt_auth", &sc->rs.exempt_authenticated },
		{ "exempt_null", &sc->rs.exempt_null_sender },
	};
	const char *v;

	for (size_t i = 0; i < COUNT(flags); i++)
		if (strcmp(word, flags[i].word) == 0) {
			*flags[i].flag = true;
			return true;
		}
	if (is_key(word, "exempt_from", &v))
		add_addrs(&sc->rs.exempt_from, v);
	else if (is_key(word, "exempt_to", &v))
		add_addrs(&sc->rs.exempt_to, v);
	else
		return false;
	return true;
}

void scenario_read(struct scenario *sc, const char *rules, const char *facts)
{
	struct strv texts = { 0 };

	*sc = (struct scenario){ 0 };
	sc->s.tls.state = TLS_PLAINTEXT;
	sc->m.from_promise = promise("none");
	sc->r.to_promise = promise("none");
	split(&texts, rules, ";");
	sc->rs.rules = calloc(texts.n + 1, sizeof(*sc->rs.rules));
	if (!sc->rs.rules)
		abort();
	for (size_t i = 0; i < texts.n; i++)
		sc->rs.rules[sc->rs.n++] = read_rule(texts.v[i]);
	strv_clear(&texts);
	split(&sc->words, facts, " ");
	for (size_t i = 0; i < sc->words.n; i++)
		if (!read_session(&sc->s, sc->words.v[i]) &&
		    !read_envelope(sc, sc->words.v[i]) &&
		    !read_switch(sc, sc->words.v[i]) &&
		    !read_memory(sc, sc->words.v[i]))
			wrong("fact", sc->words.v[i]);
}

void scenario_clear(struct scenario *sc)
{
	for (size_t i = 0; i < sc->rs.n; i++)
		rule_free(sc->rs.rules[i]);
	free(sc->rs.rules);
	addr_set_free(sc->rs.exempt_from);
	addr_set_free(sc->rs.exempt_to);
	strv_clear(&sc->words);
	*sc = (struct scenario){ 0 };
}

void scenario_decide(const struct scenario *sc, rule_trace_fn *trace,
    void *arg, struct verdict *v_r)
{
	verdict_decide(&sc->rs, &sc->s, &sc->m, sc->has_rcpt ? &sc->r : NULL,
	    sc->fused, trace, arg, v_r);
}
