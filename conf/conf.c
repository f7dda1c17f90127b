/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf-internal.h"
#include "mtasts/castore.h"
#include "util/buf.h"

#define MESSAGES_MAX 50	/* then "more mistakes follow" */

/* What is in force without a file, and in a file without rules: the least
 * anyone who publishes a policy wants to see, touching nothing. */
static const char built_in_rule[] =
    "rule \"our promise\" { to_policy = enforce  require = tls"
    "  action = observe  unknown = accept }\n";

/* ---- messages ---------------------------------------------------------- */

void conf_messages_clear(struct conf_messages *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].text);
	free(m->v);
	*m = (struct conf_messages){ 0 };
}

static void add_message(struct conf_messages *m, bool error, char *text)
{
	struct conf_message *v;

	if (!text || m->n >= MESSAGES_MAX) {
		free(text);
		return;
	}
	v = realloc(m->v, (m->n + 1) * sizeof(*v));
	if (!v) {
		free(text);
		return;
	}
	m->v = v;
	m->v[m->n++] = (struct conf_message){ error, text };
}

static void message(struct loader *l, bool error, const char *file,
    unsigned line, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));
static void message(struct loader *l, bool error, const char *file,
    unsigned line, const char *fmt, va_list ap)
{
	struct buf text;

	l->errors += error;
	buf_init(&text, 4000);
	buf_adds(&text, file);
	if (line)
		buf_addf(&text, ":%u", line);
	buf_adds(&text, ": ");
	if (l->messages->n == MESSAGES_MAX - 1)
		buf_adds(&text, "more mistakes follow");
	else
		buf_vaddf(&text, fmt, ap);
	add_message(l->messages, error, buf_steal(&text));
	buf_clear(&text);
}

void load_error(struct loader *l, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(l, true, l->file, line, fmt, ap);
	va_end(ap);
}

void load_error_in(struct loader *l, const char *file, unsigned line,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(l, true, file, line, fmt, ap);
	va_end(ap);
}

void load_error_text(struct loader *l, const char *text)
{
	l->errors++;
	add_message(l->messages, true, strdup(text));
}

void load_warn(struct loader *l, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(l, false, l->file, line, fmt, ap);
	va_end(ap);
}

void load_warn_in(struct loader *l, const char *file, unsigned line,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(l, false, file, line, fmt, ap);
	va_end(ap);
}

/* ---- life -------------------------------------------------------------- */

static void conf_clear_lists(struct conf *c)
{
	for (size_t i = 0; i < c->hosted_n; i++)
		free(c->hosted[i].domain);
	free(c->hosted);
	free(c->policy_service.v);
	free(c->socketmap.v);
	for (size_t i = 0; i < c->listeners_n; i++) {
		free(c->listeners[i].name);
		strv_clear(&c->listeners[i].match);
	}
	free(c->listeners);
	conf_lists_clear(c);
	conf_destinations_clear(c);
	for (size_t i = 0; i < c->rules.n; i++)
		rule_free(c->rules.rules[i]);
	free(c->rules.rules);
	strv_clear(&c->mx_names);
	strv_clear(&c->dns_servers);
	strv_clear(&c->watch.domains);
	client_set_free(c->relays);
	client_set_free(c->exempt_client);
	addr_set_free(c->rules.exempt_from);
	addr_set_free(c->rules.exempt_to);
}

static void conf_free(struct conf *c)
{
	conf_clear_lists(c);
	if (c->text)
		conf_text_clear(c->text);
	free(c->text);
	free(c->file);
	free(c->socket_group);
	free(c->user);
	free(c->state_dir);
	free(c->syslog_ident);
	free(c->authserv_id);
	free(c->help_url);
	free(c->trust_anchor);
	free(c->ca_file);
	free(c->proxy);
	free(c->postfix.version_text);
	free(c);
}

struct conf *conf_ref(struct conf *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void conf_unref(struct conf *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1,
	    memory_order_acq_rel) == 1)
		conf_free(c);
}

static struct conf *conf_new(const char *file)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	c->file = strdup(file);
	c->text = calloc(1, sizeof(*c->text));
	/* Sets exist even when empty, so that nobody checks for NULL. */
	c->relays = client_set_new();
	c->exempt_client = client_set_new();
	c->rules.exempt_from = addr_set_new();
	c->rules.exempt_to = addr_set_new();
	if (c->file && c->text && c->relays && c->exempt_client &&
	    c->rules.exempt_from && c->rules.exempt_to)
		return c;
	conf_free(c);
	return NULL;
}

/* ---- loading ----------------------------------------------------------- */

static bool add_built_in_rule(struct loader *l)
{
	struct conf_text t = { 0 };
	struct conf_group *g;
	bool ok;

	ok = conf_parse(l, built_in_rule, strlen(built_in_rule), &t);
	g = ok ? conf_text_add(l->conf->text, "rule", t.g[1].title, 0) : NULL;
	if (g) {
		g->e = t.g[1].e;
		g->n = t.g[1].n;
		t.g[1].e = NULL;
		t.g[1].n = 0;
	}
	conf_text_clear(&t);
	return g != NULL;
}

static bool load_text(struct loader *l, const char *text, size_t len)
{
	struct conf_text *t = l->conf->text;

	if (!conf_parse(l, text, len, t))
		return false;
	if (!conf_text_find(t, "rule") && !add_built_in_rule(l))
		return false;
	return conf_compile(l, t);
}

/* A file the resolver will open itself: look now, so that a wrong path is
 * found by `tlsmilterd -n`, not by a process that dies. Where it is ours to
 * choose, mail flows without it, and the advice says how to get it. */
static void check_file(struct loader *l, const char *section,
    const char *name, const char *path, const char *advice)
{
	const struct conf_group *g = conf_text_find(l->conf->text, section);
	const struct conf_entry *e;
	struct stat st;
	int fault = 0;

	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		fault = errno;
	else if (S_ISDIR(st.st_mode))
		fault = EISDIR;
	if (!fault)
		return;
	e = conf_group_find(g, option_find(section, name));
	if (e->line)
		load_error(l, e->line, "%s: cannot read %s: %s", name, path,
		    strerror(fault));
	else
		load_warn(l, 0, "cannot read %s: %s; %s, or set %s.%s", path,
		    strerror(fault), advice, section, name);
}

static void check_files(struct loader *l)
{
	const char *ca_file = l->conf->ca_file;

	check_file(l, "https", "ca_file",
	    *ca_file ? ca_file : castore_system_file(),
	    "no policy can be fetched: install ca-certificates");
	if (l->conf->dnssec == DNSSEC_VALIDATE)
		check_file(l, "dns", "trust_anchor", l->conf->trust_anchor,
		    "DNSSEC cannot be validated: install dns-root-data");
}

static struct conf *load(struct loader *l, const char *path)
{
	size_t len = 0;
	const char *text = path ? bundle_get(l->bundle, path, &len) : "";

	l->file = path ? path : BUILT_IN;
	if (!text) {
		load_error(l, 0, "not in the bundle");
		return NULL;
	}
	l->conf = conf_new(l->file);
	if (!l->conf) {
		load_error(l, 0, "out of memory");
		return NULL;
	}
	if (load_text(l, text, len) && l->disk)
		check_files(l);
	if (l->errors == 0)
		return l->conf;
	conf_unref(l->conf);
	return NULL;
}

struct conf *conf_load(const char *path, struct bundle *bundle,
    struct conf_messages *messages)
{
	struct loader l = { .bundle = bundle, .disk = bundle,
		.messages = messages, .file = BUILT_IN };
	struct buf err;

	if (path && !*path)
		path = NULL;
	if (!path && access(CONF_DEFAULT_FILE, F_OK) == 0)
		path = CONF_DEFAULT_FILE;
	buf_init(&err, 5000);
	if (path && !bundle_add_file(bundle, path, &err)) {
		l.errors++;
		add_message(messages, true, buf_steal(&err));
	}
	buf_clear(&err);
	return l.errors ? NULL : load(&l, path);
}

struct conf *conf_load_bundle(const char *path, const struct bundle *bundle,
    struct conf_messages *messages)
{
	struct loader l = { .bundle = bundle, .messages = messages };
	size_t len;

	if (path && !*path)
		path = NULL;
	if (!path && bundle_get(bundle, CONF_DEFAULT_FILE, &len))
		path = CONF_DEFAULT_FILE;
	return load(&l, path);
}

/* ---- questions --------------------------------------------------------- */

enum mtasts_dnssec conf_mtasts_dnssec(const struct conf *c)
{
	switch (c->dnssec) {
	case DNSSEC_VALIDATE: return MTASTS_DNSSEC_VALIDATE;
	case DNSSEC_TRUST_AD: return MTASTS_DNSSEC_TRUST_AD;
	case DNSSEC_OFF: break;
	}
	return MTASTS_DNSSEC_OFF;
}

static int compare_hosted(const void *key, const void *element)
{
	return strcmp(key, ((const struct hosted *)element)->domain);
}

const struct hosted *conf_hosted(const struct conf *c, const char *domain)
{
	if (!domain || !c->hosted_n)
		return NULL;
	return bsearch(domain, c->hosted, c->hosted_n, sizeof(*c->hosted),
	    compare_hosted);
}

const struct conf_listener *conf_listener_of(const struct conf *c,
    const struct session_facts *s)
{
	for (size_t i = 0; i < c->listeners_n; i++)
		if (listener_match(&c->listeners[i].match, s))
			return &c->listeners[i];
	return NULL;
}
