/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "policy/partners-reader.h"

#include "util/str.h"

#define SCHEMA "tlsmilter/partners-1"
#define FOREIGN_VERSION "0.1"
#define FOREIGN_LEAST 12	/* "(>= TLS 1.2)", its rules say */
#define EXPIRES_SOON (30 * 86400)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the members of each kind of object -------------------------------- */

static void take_schema(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	const char *s = read_string(r, value, at);

	(void)out;
	if (s && strcmp(s, SCHEMA) != 0)
		read_error(r, at, false, "must be \"%s\"", SCHEMA);
}

static void take_foreign_version(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	const char *s = read_string(r, value, at);

	(void)out;
	if (s && strcmp(s, FOREIGN_VERSION) != 0)
		read_error(r, at, false, "must be \"%s\"", FOREIGN_VERSION);
}

static void take_name(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct draft *d = out;

	take_text(r, value, at, &d->name);
}

static void take_author(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct draft *d = out;

	take_text(r, value, at, &d->author);
}

static void take_contact(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct draft *d = out;

	take_text(r, value, at, &d->contact);
}

static void take_timestamp(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct draft *d = out;

	take_time(r, value, at, &d->timestamp);
}

static void take_expires(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	struct draft *d = out;

	take_time(r, value, at, &d->expires);
}

static void refuse_alias(struct reader *r, const json_t *value,
    const struct place *at, void *out)
{
	(void)value;
	(void)out;
	read_error(r, at, true, "an alias cannot name another");
}

static const struct member list_members[] = {
	{ "$schema", false, take_comment },
	{ "schema", true, take_schema },
	{ "comment", false, take_comment },
	{ "name", false, take_name },
	{ "author", true, take_author },
	{ "contact", false, take_contact },
	{ "timestamp", true, take_timestamp },
	{ "expires", true, take_expires },
	{ "defaults", false, NULL },
	{ "aliases", false, NULL },
	{ "domains", true, NULL },
};

static const struct member default_members[] = {
	{ "comment", false, take_comment },
	{ "mode", false, take_mode },
	{ "min_tls_version", false, take_version },
	{ "mx", false, take_mx },
};

static const struct member alias_members[] = {
	{ "comment", false, take_comment },
	{ "mode", false, take_mode },
	{ "min_tls_version", false, take_version },
	{ "mx", false, take_mx },
	{ "until", false, take_until },
	{ "alias", false, refuse_alias },
};

static const struct member domain_members[] = {
	{ "comment", false, take_comment },
	{ "mode", false, take_mode },
	{ "min_tls_version", false, take_version },
	{ "mx", false, take_mx },
	{ "until", false, take_until },
	{ "alias", false, take_alias },
};

static const struct member foreign_members[] = {
	{ "author", false, take_author },
	{ "comment", false, NULL },
	{ "version", true, take_foreign_version },
	{ "timestamp", true, take_timestamp },
	{ "expires", true, take_expires },
	{ "pinsets", false, NULL },
	{ "policy-aliases", false, NULL },
	{ "policies", true, NULL },
};

static const struct member foreign_alias_members[] = {
	{ "mode", true, take_mode },
	{ "mxs", true, take_mx },
	{ "min-tls-version", false, take_version },
	{ "policy-alias", false, refuse_alias },
};

static const struct member foreign_domain_members[] = {
	{ "mode", false, take_mode },
	{ "mxs", false, take_mx },
	{ "min-tls-version", false, take_version },
	{ "policy-alias", false, take_alias },
};

/* The two shapes of a list: names, and the tables above. */
static const struct shape {
	const char *defaults, *aliases, *domains, *alias;
	const struct member *list, *alias_object, *domain_object;
	size_t list_n, alias_n, domain_n;
} ours = {
	"defaults", "aliases", "domains", "alias",
	list_members, alias_members, domain_members,
	COUNT(list_members), COUNT(alias_members), COUNT(domain_members),
}, starttls_everywhere = {
	"", "policy-aliases", "policies", "policy-alias",
	foreign_members, foreign_alias_members, foreign_domain_members,
	COUNT(foreign_members), COUNT(foreign_alias_members),
	COUNT(foreign_domain_members),
};

/* ---- terms ------------------------------------------------------------- */

static void terms_init(struct terms *t)
{
	*t = (struct terms){ .min_version = -1 };
	buf_init(&t->mx, PARTNERS_MX_MAX * (MTASTS_DOMAIN_SIZE + 2));
}

/* What is not said is taken from the defaults; the mode must be somewhere,
 * as nobody should have to guess it. */
static void check_mode(struct reader *r, const json_t *object,
    const struct place *at)
{
	struct place here = { at, "mode", 0 };

	if (!json_object_get(object, "mode") && !r->defaults.mode)
		read_error(r, &here, false, r->foreign ? "is missing" :
		    "is missing, here and in defaults");
}

static uint32_t keep_terms(struct reader *r, const struct terms *t)
{
	const struct terms *d = &r->defaults;
	int version = t->min_version >= 0 ? t->min_version : d->min_version;
	struct partner partner = {
		.mode = (enum partner_mode)(t->mode ? t->mode : d->mode),
		.min_version = version > 0 ? version : 0,
		.until = t->until,
		.mx = t->mx.len ? t->mx.data : buf_str(&d->mx),
	};

	return draft_terms(&r->draft, &partner);
}

/* ---- defaults and aliases ---------------------------------------------- */

static void read_defaults(struct reader *r, const json_t *root)
{
	struct place at = { NULL, "defaults", 0 };
	const json_t *object = json_object_get(root, "defaults");

	if (r->foreign)
		r->defaults.min_version = FOREIGN_LEAST;
	else if (object)
		read_object(r, object, &at, default_members,
		    COUNT(default_members), &r->defaults);
}

static void read_alias(struct reader *r, const struct shape *s,
    const char *name, const json_t *object, const struct place *at)
{
	struct terms t;

	terms_init(&t);
	if (!*name || strlen(name) > 200)
		read_error(r, at, true, "the name of an alias must be 1 to "
		    "200 bytes");
	if (read_object(r, object, at, s->alias_object, s->alias_n, &t) &&
	    !r->foreign)
		check_mode(r, object, at);
	r->aliases[r->aliases_n++] = (struct alias){ name,
		keep_terms(r, &t), false };
	buf_clear(&t.mx);
}

static int compare_aliases(const void *a, const void *b)
{
	const struct alias *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void read_aliases(struct reader *r, const struct shape *s,
    const json_t *root)
{
	json_t *aliases = json_object_get(root, s->aliases), *value;
	struct place at = { NULL, s->aliases, 0 };
	const char *name;

	if (!aliases)
		return;
	if (!json_is_object(aliases)) {
		read_error(r, &at, false, "must be an object");
		return;
	}
	if (json_object_size(aliases) > PARTNERS_ALIASES_MAX) {
		read_error(r, &at, false, "more than %d aliases",
		    PARTNERS_ALIASES_MAX);
		return;
	}
	r->aliases = mem_array(json_object_size(aliases),
	    sizeof(*r->aliases));
	if (!r->aliases) {
		r->draft.failed = true;
		return;
	}
	json_object_foreach(aliases, name, value) {
		struct place here = { &at, name, 0 };

		if (r->stop)
			break;
		read_alias(r, s, name, value, &here);
	}
	qsort(r->aliases, r->aliases_n, sizeof(*r->aliases),
	    compare_aliases);
}

static void warn_unused(struct reader *r, const struct shape *s)
{
	struct place at = { NULL, s->aliases, 0 };

	for (size_t i = 0; i < r->aliases_n && !r->stop; i++) {
		struct place here = { &at, r->aliases[i].name, 0 };

		if (!r->aliases[i].used)
			read_warn(r, &here, true, "no domain uses it");
	}
}

/* ---- domains ----------------------------------------------------------- */

/* An alias says everything; what stands beside it would be ignored, or is
 * a misunderstanding. */
static void check_alone(struct reader *r, const struct shape *s,
    const json_t *object, const struct place *at)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		struct place here = { at, key, 0 };

		if (strcmp(key, s->alias) == 0 || strcmp(key, "comment") == 0)
			continue;
		if (r->foreign)
			read_warn(r, &here, true, "is ignored beside %s",
			    s->alias);
		else
			read_error(r, &here, true, "cannot stand beside %s",
			    s->alias);
		return;
	}
}

static bool use_alias(struct reader *r, const struct shape *s,
    const char *name, const struct place *at, uint32_t *terms_r)
{
	struct place here = { at, s->alias, 0 };
	struct alias key = { .name = name }, *alias = NULL;

	if (r->aliases_n)
		alias = bsearch(&key, r->aliases, r->aliases_n,
		    sizeof(key), compare_aliases);
	if (!alias) {
		read_error(r, &here, false, "there is no such alias");
		return false;
	}
	alias->used = true;
	*terms_r = alias->terms;
	return true;
}

/* In a foreign list a domain without an alias needs both. */
static void check_required(struct reader *r, const json_t *object,
    const struct place *at)
{
	struct place mxs = { at, "mxs", 0 };

	check_mode(r, object, at);
	if (r->foreign && !json_object_get(object, "mxs"))
		read_error(r, &mxs, false, "is missing");
}

static bool read_terms(struct reader *r, const struct shape *s,
    const json_t *object, const struct place *at, uint32_t *terms_r)
{
	size_t before = r->errors;
	struct terms t;

	terms_init(&t);
	if (!read_object(r, object, at, s->domain_object, s->domain_n, &t)) {
		buf_clear(&t.mx);
		return false;
	}
	if (t.alias) {
		check_alone(r, s, object, at);
		use_alias(r, s, t.alias, at, terms_r);
	} else if (!json_object_get(object, s->alias)) {
		check_required(r, object, at);
		*terms_r = keep_terms(r, &t);
	}
	buf_clear(&t.mx);
	return r->errors == before;
}

static void read_entry(struct reader *r, const struct shape *s,
    const char *key, const json_t *object, const struct place *at)
{
	char domain[MTASTS_DOMAIN_SIZE + 1];
	enum mtasts_error e = read_domain(key, domain);
	uint32_t terms = 0;

	if (e == MTASTS_E_MEMORY)
		r->draft.failed = true;
	else if (e != MTASTS_OK && str_starts(key, "*.") && !r->foreign)
		read_error(r, at, true, "is not a domain name; all "
		    "subdomains are written with \".\" for \"*.\"");
	else if (e != MTASTS_OK)
		read_error(r, at, true, "is not a domain name");
	else if (*key == '.' && r->foreign)
		read_error(r, at, true, "must be a domain, without \".\" "
		    "before it");
	if (read_terms(r, s, object, at, &terms) && e == MTASTS_OK)
		draft_add(&r->draft, domain, terms);
}

static void read_domains(struct reader *r, const struct shape *s,
    const json_t *root)
{
	json_t *domains = json_object_get(root, s->domains), *value;
	struct place at = { NULL, s->domains, 0 };
	const char *key;

	if (!domains)
		return;	/* read_object() has said so */
	if (!json_is_object(domains)) {
		read_error(r, &at, false, "must be an object");
		return;
	}
	if (json_object_size(domains) > PARTNERS_DOMAINS_MAX) {
		read_error(r, &at, false, "more than %d domains",
		    PARTNERS_DOMAINS_MAX);
		return;
	}
	if (json_object_size(domains) == 0)
		read_warn(r, &at, false, "lists no domain");
	json_object_foreach(domains, key, value) {
		struct place here = { &at, key, 0 };

		if (r->stop || r->draft.failed)
			return;
		read_entry(r, s, key, value, &here);
	}
}

/* The key under which the nth entry of one name was written. */
static const char *key_of(const struct shape *s, const json_t *root,
    const char *name, size_t nth)
{
	char domain[MTASTS_DOMAIN_SIZE + 1];
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(root, s->domains), key, value)
		if (read_domain(key, domain) == MTASTS_OK &&
		    strcmp(domain, name) == 0 && nth-- == 0)
			return key;
	return name;
}

/* Names that differ in the JSON may be the same domain: "A.example" and
 * "a.example". */
static void check_duplicates(struct reader *r, const struct shape *s,
    const json_t *root)
{
	struct place at = { NULL, s->domains, 0 };
	const struct draft *d = &r->draft;
	size_t nth = 0;

	for (size_t i = 1; i < d->n && !r->stop; i++) {
		const char *name = draft_name(d, &d->v[i]);
		struct place here = { &at, NULL, 0 };

		if (strcmp(name, draft_name(d, &d->v[i - 1])) != 0) {
			nth = 0;
			continue;
		}
		here.key = key_of(s, root, name, ++nth);
		read_error(r, &here, true, "%s is listed twice", name);
	}
}

/* ---- the list ---------------------------------------------------------- */

static void check_times(struct reader *r)
{
	struct place timestamp = { NULL, "timestamp", 0 };
	struct place expires = { NULL, "expires", 0 };
	const struct draft *d = &r->draft;

	if (!d->timestamp || !d->expires)
		return;
	if (d->expires <= d->timestamp)
		read_error(r, &expires, false, "must be after timestamp");
	if (r->now == NEVER)
		return;
	if (d->timestamp > r->now)
		read_warn(r, &timestamp, false, "is in the future");
	if (d->expires <= r->now)
		read_warn(r, &expires, false, "the list has expired, and "
		    "lists nobody any more");
	else if (d->expires - r->now < EXPIRES_SOON)
		read_warn(r, &expires, false, "the list expires within %d "
		    "days", EXPIRES_SOON / 86400);
}

void read_list(struct reader *r, const json_t *root)
{
	const struct shape *s = &ours;

	terms_init(&r->defaults);
	if (json_object_get(root, "policies") &&
	    !json_object_get(root, "schema"))
		s = &starttls_everywhere;
	r->foreign = s != &ours;
	if (!read_object(r, root, NULL, s->list, s->list_n, &r->draft))
		return;
	check_times(r);
	read_defaults(r, root);
	read_aliases(r, s, root);
	read_domains(r, s, root);
	draft_sort(&r->draft);
	check_duplicates(r, s, root);
	warn_unused(r, s);
}
