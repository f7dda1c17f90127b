/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/match.h"

#include "mtasts/mtasts.h"
#include "policy/facts.h"
#include "policy/keyset.h"
#include "util/buf.h"
#include "util/str.h"

/* The longest full address a pattern may have; RFC 5321 §4.5.3.1.3 ends at
 * 256, U-labels and quoting need more. */
#define ADDRESS_MAX 1024
/* The longest domain in U-label form that can have an A-label form. */
#define UTF8_DOMAIN_MAX 1100

enum {
	KIND_DOMAIN,
	KIND_SUFFIX,
	KIND_LOCAL,
	KIND_ADDRESS,
	KIND_NULL_SENDER,
	KIND_IPV4,			/* + prefix length, 0 to 32 */
	KIND_IPV6 = KIND_IPV4 + 33,	/* + prefix length, 0 to 128 */
};

struct addr_set {
	struct keyset keys;
};

struct client_set {
	struct keyset keys;
	/* the prefix lengths in use, each once */
	uint8_t prefixes4[33];
	uint8_t prefixes6[129];
	size_t n4;
	size_t n6;
};

static bool fail(struct buf *err, const char *pattern, const char *why)
{
	str_quote(err, pattern, 200);
	buf_addf(err, " %s", why);
	return false;
}

static bool add_key(struct keyset *keys, int kind, const void *data,
    size_t len, struct buf *err)
{
	if (keyset_add(keys, (uint8_t)kind, data, len))
		return true;
	buf_adds(err, "out of memory");
	return false;
}

/*
 * Return the '@' before the domain: the last one outside quotes. Where the
 * quotes do not pair, the last one of all, so that such an address still
 * has a domain that rules can speak of.
 */
static const char *find_at(const char *s, size_t len)
{
	const char *at = NULL, *last = NULL;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '@') {
			last = s + i;
			at = quoted ? at : last;
		}
		if (s[i] == '"')
			quoted = !quoted;
		else if (s[i] == '\\' && i + 1 < len)
			i++;
	}
	return quoted ? last : at;
}

/* Write a local part without quotes and in lower case: "JoE" and joe are
 * one mailbox here, or else a rule could be escaped by spelling. Return the
 * length, or size if it does not fit. */
static size_t plain_local(const char *s, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			continue;
		if (s[i] == '\\' && i + 1 < len)
			i++;
		if (n + 1 >= size)
			return size;
		out[n++] = str_lower(s[i]);
	}
	out[n] = '\0';
	return n;
}

/* Write "local@domain" with both in the form that is compared; a domain
 * that has no normalised form (a literal) is taken as it is written. Return
 * the length of the local part in *local_r and of all, 0 if too long. */
static size_t plain_address(const char *s, const char *domain, char *out,
    size_t size, size_t *local_r)
{
	const char *at = find_at(s, strlen(s));
	size_t n = plain_local(s, at ? (size_t)(at - s) : strlen(s), out,
	    size);
	size_t len;

	if (n >= size)
		return 0;
	*local_r = n;
	if (!at)
		return n;
	if (!domain)
		domain = at + 1;
	len = strlen(domain);
	if (len >= size - n - 1)
		return 0;
	out[n++] = '@';
	memcpy(out + n, domain, len + 1);
	str_lower_all(out + n);
	return n + len;
}

struct addr_set *addr_set_new(void)
{
	return calloc(1, sizeof(struct addr_set));
}

void addr_set_free(struct addr_set *set)
{
	if (set)
		keyset_clear(&set->keys);
	free(set);
}

bool addr_set_is_empty(const struct addr_set *set)
{
	return set->keys.n == 0;
}

/* Add "example.com" or ".example.com". A label before the suffix makes a
 * name of it, so that a single label (".example") is a suffix as well. */
static bool add_domain(struct keyset *keys, const char *pattern,
    struct buf *err)
{
	char name[UTF8_DOMAIN_MAX], domain[MTASTS_DOMAIN_SIZE];
	size_t skip = pattern[0] == '.' ? 2 : 0;
	int len = snprintf(name, sizeof(name), "%s%s", skip ? "x" : "",
	    pattern);

	if (len >= (int)sizeof(name) ||
	    mtasts_domain_normalize(name, domain) != MTASTS_OK)
		return fail(err, pattern, "is not a domain name");
	return add_key(keys, skip ? KIND_SUFFIX : KIND_DOMAIN, domain + skip,
	    strlen(domain + skip), err);
}

/* True without control characters, and without blanks outside quotes. */
static bool is_printable(const char *s)
{
	unsigned char least = *s == '"' ? ' ' : ' ' + 1;

	for (; *s; s++)
		if ((unsigned char)*s < least || *s == 0x7f)
			return false;
	return true;
}

/* True for domains without normalised form that mail systems use all the
 * same: literals and single labels such as localhost. */
static bool is_local_domain(const char *s)
{
	size_t len = strlen(s);

	if (len > 2 && s[0] == '[')
		return s[len - 1] == ']';
	for (; str_is_alnum(*s) || *s == '-' || *s == '_'; s++)
		;
	return !*s;
}

/* Add "user@" or "user@example.com". */
static bool add_address(struct keyset *keys, const char *pattern,
    const char *at, struct buf *err)
{
	char domain[MTASTS_DOMAIN_SIZE], address[ADDRESS_MAX];
	bool normal;
	size_t len, local;

	if (at == pattern)
		return fail(err, pattern, "has nothing before the @");
	if (!is_printable(pattern))
		return fail(err, pattern, "is not an address");
	normal = mtasts_domain_normalize(at + 1, domain) == MTASTS_OK;
	if (!normal && !is_local_domain(at + 1))
		return fail(err, pattern, "has no valid domain");
	len = plain_address(pattern, normal ? domain : NULL, address,
	    sizeof(address), &local);
	if (len == 0)
		return fail(err, pattern, "is too long");
	if (!at[1])
		return add_key(keys, KIND_LOCAL, address, local, err);
	return add_key(keys, KIND_ADDRESS, address, len, err);
}

bool addr_set_add(struct addr_set *set, const char *pattern, struct buf *err)
{
	const char *at = find_at(pattern, strlen(pattern));

	if (strcmp(pattern, "<>") == 0)
		return add_key(&set->keys, KIND_NULL_SENDER, "", 0, err);
	if (strpbrk(pattern, "<>"))
		return fail(err, pattern, "must be written without < and >");
	if (at)
		return add_address(&set->keys, pattern, at, err);
	return add_domain(&set->keys, pattern, err);
}

bool addr_set_match(const struct addr_set *set, const char *address,
    const char *domain)
{
	const struct keyset *keys = &set->keys;
	char plain[ADDRESS_MAX];
	size_t len, local = 0;

	if (!address || keys->n == 0)
		return false;
	if (!*address)
		return keyset_has(keys, KIND_NULL_SENDER, "", 0);
	if (domain && (keyset_has(keys, KIND_DOMAIN, domain, strlen(domain)) ||
	    keyset_has_parent(keys, KIND_SUFFIX, domain)))
		return true;
	len = plain_address(address, domain, plain, sizeof(plain), &local);
	return len > 0 && (keyset_has(keys, KIND_LOCAL, plain, local) ||
	    keyset_has(keys, KIND_ADDRESS, plain, len));
}

struct client_set *client_set_new(void)
{
	return calloc(1, sizeof(struct client_set));
}

void client_set_free(struct client_set *set)
{
	if (set)
		keyset_clear(&set->keys);
	free(set);
}

bool client_set_is_empty(const struct client_set *set)
{
	return set->keys.n == 0;
}

static bool add_network(struct client_set *set, const struct cidr *c,
    struct buf *err)
{
	bool v4 = c->addr.family == AF_INET;
	uint8_t *prefixes = v4 ? set->prefixes4 : set->prefixes6;
	size_t *n = v4 ? &set->n4 : &set->n6;
	uint8_t prefix = (uint8_t)c->prefix;

	if (!add_key(&set->keys, (v4 ? KIND_IPV4 : KIND_IPV6) + prefix,
		c->addr.bytes, v4 ? 4 : 16, err))
		return false;
	if (!memchr(prefixes, prefix, *n))
		prefixes[(*n)++] = prefix;
	return true;
}

/* True for what was meant as an address, right or wrong. */
static bool looks_like_address(const char *s)
{
	return strpbrk(s, ":/[") || s[strspn(s, "0123456789.")] == '\0';
}

bool client_set_add(struct client_set *set, const char *pattern,
    struct buf *err)
{
	const char *why;
	struct cidr c;

	if (!looks_like_address(pattern))
		return add_domain(&set->keys, pattern, err);
	if (cidr_parse(pattern, &c, &why))
		return add_network(set, &c, err);
	str_quote(err, pattern, 200);
	buf_addf(err, ": %s", why);
	return false;
}

/* Look the address up once for every prefix length in use. */
static bool match_network(const struct client_set *set,
    const struct netaddr *addr)
{
	bool v4 = addr->family == AF_INET;
	const uint8_t *prefixes = v4 ? set->prefixes4 : set->prefixes6;
	size_t n = v4 ? set->n4 : set->n6, size = v4 ? 4 : 16;

	for (size_t i = 0; i < n; i++) {
		unsigned whole = prefixes[i] / 8, rest = prefixes[i] % 8;
		uint8_t key[16] = { 0 };

		memcpy(key, addr->bytes, whole);
		if (rest)
			key[whole] = addr->bytes[whole] &
			    (uint8_t)~(0xff >> rest);
		if (keyset_has(&set->keys,
			(uint8_t)((v4 ? KIND_IPV4 : KIND_IPV6) + prefixes[i]),
			key, size))
			return true;
	}
	return false;
}

static bool match_name(const struct keyset *keys, const char *client_name)
{
	char name[MTASTS_DOMAIN_SIZE];
	size_t len = strnlen(client_name, sizeof(name));

	if (len > 0 && len < sizeof(name) && client_name[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, client_name, len);
	name[len] = '\0';
	str_lower_all(name);
	return keyset_has(keys, KIND_DOMAIN, name, len) ||
	    keyset_has_parent(keys, KIND_SUFFIX, name);
}

bool client_set_match(const struct client_set *set,
    const struct session_facts *session)
{
	if (session->client.family != AF_UNSPEC &&
	    match_network(set, &session->client))
		return true;
	return session->client_name &&
	    match_name(&set->keys, session->client_name);
}

bool listener_match(const struct strv *listeners,
    const struct session_facts *session)
{
	const char *port = session->listener_port;
	const char *name = session->listener_name;

	return (port && strv_has(listeners, port)) ||
	    (name && strv_has_nocase(listeners, name));
}

/* Return where the path inside <> ends: at the first '>' outside quotes. */
static size_t path_len(const char *s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; s[i] && (quoted || s[i] != '>'); i++) {
		if (s[i] == '"')
			quoted = !quoted;
		else if (s[i] == '\\' && s[i + 1])
			i++;
	}
	/* a quote that is never closed hides nothing */
	return s[i] ? i : strcspn(s, ">");
}

/* Return the length of "@a,@b:", 0 if there is no source route. Colons
 * inside an address literal do not end it (RFC 5321 §4.1.2). */
static size_t route_len(const char *s, size_t len)
{
	bool literal = false;

	if (len == 0 || s[0] != '@')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '[' || s[i] == ']')
			literal = s[i] == '[';
		else if (s[i] == ':' && !literal)
			return i + 1;
	}
	return 0;
}

void addr_split(const char *path, char *address_r, size_t size,
    char *domain_r)
{
	const char *s = path + strspn(path, " \t"), *at;
	char domain[UTF8_DOMAIN_MAX];
	size_t len, skip;

	if (*s == '<')
		len = path_len(++s);
	else
		len = strlen(s);
	skip = route_len(s, len);
	s += skip;
	len -= skip;
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	at = find_at(s, len);
	domain_r[0] = '\0';
	if (at && (size_t)(s + len - at) <= sizeof(domain)) {
		skip = (size_t)(s + len - at) - 1;
		memcpy(domain, at + 1, skip);
		domain[skip] = '\0';
		if (mtasts_domain_normalize(domain, domain_r) != MTASTS_OK)
			domain_r[0] = '\0';
	}
	if (size == 0)
		return;
	len = len < size ? len : size - 1;
	memcpy(address_r, s, len);
	address_r[len] = '\0';
}
