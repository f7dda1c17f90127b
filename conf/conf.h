/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf - the configuration: tlsmilter.conf, compiled and immutable.
 *
 * Loaded as a whole, counted, and replaced as a whole. Everything inside
 * may be read by any thread that holds a reference.
 */
#ifndef TM_CONF_CONF_H
#define TM_CONF_CONF_H

#include <stdatomic.h>
#include <sys/types.h>

#include "audit/pair.h"
#include "conf/bundle.h"
#include "mtasts/mtasts.h"
#include "policy/ar.h"
#include "policy/match.h"
#include "policy/tlspolicy.h"
#include "policy/verdict.h"
#include "util/endpoint.h"
#include "util/str.h"

#define CONF_DEFAULT_FILE SYSCONFDIR "/tlsmilter/tlsmilter.conf"

enum conf_log { LOG_MESSAGE, LOG_RECIPIENTS, LOG_ACTIONS };
enum conf_ar { AR_TAGGED, AR_ALL, AR_NONE };
enum conf_dnssec { DNSSEC_VALIDATE, DNSSEC_TRUST_AD, DNSSEC_OFF };

/* A hosted domain; stated is a PROMISE_* bit, 0 if it is to be learnt. */
struct hosted {
	char *domain;
	unsigned stated;
};

/* The sockets of one door, as many as were configured. */
#define CONF_SOCKETS_MAX 16
struct conf_sockets {
	struct endpoint *v;
	size_t n;
};

struct conf_listener {		/* `listener "name" { … }` */
	char *name;
	struct strv match;
	bool tls_unknown;
};

struct partners;

struct conf_list {		/* `list "name" { … }` */
	char *name;
	char *file;		/* NULL: it comes from a URL */
	char *url;		/* as written; NULL: it comes from a file */
	int64_t refresh;	/* seconds */
	struct partners *partners;	/* of the file; NULL: of a URL, and
					 * milter/lists.h knows it */
};

struct conf_postfix {		/* what the socketmap may say */
	char *version_text;
	unsigned version;	/* POSTFIX_VERSION() */
	bool dane;
	enum tls_level default_level;	/* smtp_tls_security_level */
	bool outage_temp;	/* on_outage */
};

struct conf_destination {	/* `destination "next hop" { … }` */
	char *title;		/* as written */
	char *text;		/* of struct nexthop */
	unsigned line;
	enum tls_level level;
	struct strv match;
	struct tlspolicy_override override;	/* the two above */
};

#define CONF_WATCH_MAX 256
struct conf_watch {		/* `watch { … }` */
	struct strv domains;	/* normalised, sorted, each once */
	int64_t interval;	/* seconds */
};

struct conf {
	atomic_uint refs;
	char *file;		/* where it came from; for messages */

	bool observe;		/* mode */
	struct endpoint milter;
	struct conf_sockets policy_service;
	struct conf_sockets socketmap;
	struct endpoint control;
	mode_t socket_mode;
	char *socket_group;	/* "": none; no string here is NULL */
	char *user;
	char *state_dir;
	int syslog_facility;
	char *syslog_ident;
	enum conf_log log;
	char *authserv_id;
	enum conf_ar authentication_results;
	enum strip_ar strip_ar;
	char *help_url;

	struct hosted *hosted;	/* sorted by domain */
	size_t hosted_n;
	struct strv mx_names;	/* normalised; empty: {j} of the MTA */
	struct client_set *relays;

	struct strv dns_servers;
	enum conf_dnssec dnssec;
	char *trust_anchor;
	int64_t dns_timeout;	/* seconds, as all below */
	char *ca_file;		/* "" : the system's */
	char *proxy;
	int64_t https_timeout;
	uint64_t https_max_size;
	bool allow_private;
	uint64_t cache_size;
	int64_t min_refresh;
	int64_t max_negative;
	int64_t fuse_after;
	unsigned fuse_networks;
	struct pair_limits history;
	unsigned history_size;	/* pairs; 0: no history */
	struct client_set *exempt_client;
	struct ruleset rules;	/* exemptions inside */
	struct conf_listener *listeners;
	size_t listeners_n;
	struct conf_list *lists;	/* rule->list_index counts these */
	size_t lists_n;		/* at most LISTS_MAX */
	struct conf_postfix postfix;
	struct conf_destination *destinations;	/* sorted by text */
	size_t destinations_n;
	struct conf_watch watch;
	bool sandbox;
	uint16_t https_port;	/* 443 but in test worlds */

	struct conf_text *text;	/* every option as canonical text, for
				 * dumping and comparison */

	bool needs_to_policy;	/* a rule asks for recipients' promises */
	bool needs_from_policy;
	bool needs_history;	/* … for what the sender did before */
};

/* A message of the loader: an error ends loading, a warning does not. */
struct conf_message {
	bool error;
	char *text;		/* "FILE:LINE: sentence" */
};
struct conf_messages {
	struct conf_message *v;
	size_t n;
};
void conf_messages_clear(struct conf_messages *m);

/*
 * Read path and every file it names into the bundle, and compile. With
 * path == NULL or "" the default file is used if it exists, else the
 * built-in configuration. Return NULL after an error; warnings may come
 * either way. May be called from any thread; one load runs at a time.
 */
struct conf *conf_load(const char *path, struct bundle *bundle,
    struct conf_messages *messages);

/* Compile from a bundle alone, touching no file; used by the children.
 * path == NULL or "": as above, with the default file of the bundle. */
struct conf *conf_load_bundle(const char *path, const struct bundle *bundle,
    struct conf_messages *messages);

/* Put a value of the command line on top of a configuration nobody else
 * has yet: an option outside of every section, with one value. */
bool conf_override(struct conf *c, const char *name, const char *value,
    struct buf *err);

struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);

/* Print the effective configuration in its own syntax. */
void conf_dump(const struct conf *c, struct buf *out);

/* Names of options that differ and need a restart (listeners, user,
 * state_dir, cache.size, history.size), into sv. */
void conf_restart_needed(const struct conf *old, const struct conf *new,
    struct strv *sv);

/* True when the resolver must be replaced (dns, https, sandbox differ). */
bool conf_resolver_differs(const struct conf *old, const struct conf *new);

/* dns.dnssec in the words of mtasts_ctx_new(). */
enum mtasts_dnssec conf_mtasts_dnssec(const struct conf *c);

const struct hosted *conf_hosted(const struct conf *c, const char *domain);

/*
 * What a destination section says of a next hop: the one of the same text,
 * else, for a domain at the SMTP port, that of the nearest ".parent". NULL:
 * none does; else *title_r (may be NULL) is its name. Neither waits nor
 * allocates.
 */
const struct tlspolicy_override *conf_destination_find(const struct conf *c,
    const struct nexthop *hop, const char **title_r);

/* The listener section this session falls under, or NULL. */
const struct conf_listener *conf_listener_of(const struct conf *c,
    const struct session_facts *s);

#endif
