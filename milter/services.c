/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/services-internal.h"

#include "audit/rulecounts.h"
#include "milter/historian.h"
#include "milter/learner.h"
#include "milter/listeners.h"
#include "milter/lists.h"
#include "milter/policyd.h"
#include "milter/socketmapd.h"
#include "milter/proto.h"
#include "milter/wire.h"
#include "policy/fuse.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/logring.h"

#define FUSE_LISTENERS_MAX 64

bool services_init(struct services *s, struct conf *conf)
{
	*s = (struct services){ .conf = conf };
	pthread_mutex_init(&s->conf_lock, NULL);
	pthread_mutex_init(&s->fuse_lock, NULL);
	s->started_ms = clock_mono_ms();
	s->loaded = clock_wall();
	s->fuse = fuse_new(conf->fuse_after * 1000, conf->fuse_networks,
	    s->started_ms);
	s->listeners = listeners_new(s->started_ms);
	s->rulecounts = rulecounts_new();
	return s->fuse && s->listeners && s->rulecounts &&
	    rulecounts_bind(s->rulecounts, &conf->rules);
}

/* ---- configuration ----------------------------------------------------- */

struct conf *services_conf(struct services *s)
{
	struct conf *c;

	pthread_mutex_lock(&s->conf_lock);
	c = conf_ref(s->conf);
	pthread_mutex_unlock(&s->conf_lock);
	return c;
}

/* Other threads only read it. */
const struct conf *services_conf_here(struct services *s)
{
	return s->conf;
}

void services_set_conf(struct services *s, struct conf *conf)
{
	struct conf *old;

	/* Before any other thread sees the rules. */
	if (!rulecounts_bind(s->rulecounts, &conf->rules))
		log_err("frontend", "out of memory: some rules are not "
		    "counted");
	pthread_mutex_lock(&s->conf_lock);
	old = s->conf;
	s->conf = conf;
	s->loaded = clock_wall();
	pthread_mutex_unlock(&s->conf_lock);
	conf_unref(old);
	pthread_mutex_lock(&s->fuse_lock);
	fuse_set(s->fuse, conf->fuse_after * 1000, conf->fuse_networks);
	pthread_mutex_unlock(&s->fuse_lock);
	if (s->learner)
		learner_set_conf(s->learner, conf_ref(conf));
}

bool services_reload(struct services *s, services_reload_fn *fn, void *arg)
{
	if (s->waiters_n == RELOAD_WAITERS_MAX)
		return false;
	if (!wire_send(s->monitor, MSG_RELOAD, NULL, 0, -1))
		return false;
	s->waiters[s->waiters_n++] = (struct reload_waiter){ fn, arg };
	return true;
}

void services_reloaded(struct services *s, bool ok, const char *messages)
{
	struct reload_waiter waiters[RELOAD_WAITERS_MAX];
	size_t n = s->waiters_n;

	/* One of them may ask again. */
	memcpy(waiters, s->waiters, n * sizeof(waiters[0]));
	s->waiters_n = 0;
	for (size_t i = 0; i < n; i++)
		waiters[i].fn(waiters[i].arg, ok, messages);
}

/* ---- what is simply there ---------------------------------------------- */

struct cache *services_cache(struct services *s)
{
	return s->cache;
}

struct learner *services_learner(struct services *s)
{
	return s->learner;
}

struct history *services_history(struct services *s)
{
	return s->history;
}

struct historian *services_historian(struct services *s)
{
	return s->historian;
}

struct lists *services_lists(struct services *s)
{
	return s->lists;
}

struct counters *services_counters(struct services *s)
{
	return &s->counters;
}

/* ---- the fuse ---------------------------------------------------------- */

/* Keep the name for services_warn_fuses(). Called with the lock. */
static void remember_listener(struct services *s, const char *listener)
{
	if (s->fuse_listeners.n < FUSE_LISTENERS_MAX &&
	    !strv_has(&s->fuse_listeners, listener))
		strv_add(&s->fuse_listeners, listener);
}

void services_fuse_saw(struct services *s, const char *listener,
    const struct netaddr *client, bool tls)
{
	int64_t now = clock_mono_ms();
	bool closed = false;

	pthread_mutex_lock(&s->fuse_lock);
	if (tls) {
		closed = fuse_saw_tls(s->fuse, listener, now);
	} else {
		remember_listener(s, listener);
		fuse_saw_plaintext(s->fuse, listener, client, now);
	}
	pthread_mutex_unlock(&s->fuse_lock);
	if (closed)
		log_notice("fuse", "TLS is back on listener %s: reject and "
		    "quarantine are in force again", listener);
}

/* Say so at once, and then each minute. Called with the lock. */
static void warn_fuse(struct services *s, const char *listener, int64_t now)
{
	if (fuse_should_warn(s->fuse, listener, now))
		log_err("fuse", "no TLS session on listener %s any more: our "
		    "own STARTTLS seems broken (certificate or key?); reject "
		    "and quarantine there are defer until TLS is seen again",
		    listener);
}

bool services_fuse_blown(struct services *s, const char *listener)
{
	int64_t now = clock_mono_ms();
	bool blown;

	pthread_mutex_lock(&s->fuse_lock);
	blown = fuse_is_blown(s->fuse, listener, now);
	if (blown)
		warn_fuse(s, listener, now);
	pthread_mutex_unlock(&s->fuse_lock);
	return blown;
}

void services_warn_fuses(struct services *s)
{
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(&s->fuse_lock);
	for (size_t i = 0; i < s->fuse_listeners.n; i++)
		warn_fuse(s, s->fuse_listeners.v[i], now);
	pthread_mutex_unlock(&s->fuse_lock);
}

/* ---- listeners --------------------------------------------------------- */

void services_saw_listener(struct services *s, const char *port,
    const char *name)
{
	listeners_saw(s->listeners, port, name);
}

void services_warn_listeners(struct services *s)
{
	struct conf *c = services_conf(s);
	struct buf missing;

	buf_init(&missing, 1000);
	if (listeners_missing(s->listeners, &c->rules, clock_mono_ms(),
	    &missing))
		log_warn("milter", "no session came in on listener %s for a "
		    "day; is that what the MTA calls it?", buf_str(&missing));
	buf_clear(&missing);
	conf_unref(c);
}

/* ---- whose session it is ----------------------------------------------- */

/* FNV-1a; never 0, which is an empty place. */
static uint64_t client_hash(const struct netaddr *client, uint16_t port)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(client->bytes); i++)
		h = (h ^ client->bytes[i]) * 0x100000001b3;
	h = (h ^ (port & 0xff)) * 0x100000001b3;
	h = (h ^ (port >> 8)) * 0x100000001b3;
	return h | 1;
}

void services_milter_saw(struct services *s, const struct netaddr *client,
    uint16_t port)
{
	uint64_t h = client_hash(client, port);

	atomic_store_explicit(&s->clients[h / 2 % CLIENTS_MAX], h,
	    memory_order_relaxed);
}

bool services_milter_has(struct services *s, const struct netaddr *client,
    uint16_t port)
{
	uint64_t h = client_hash(client, port);

	return atomic_load_explicit(&s->clients[h / 2 % CLIENTS_MAX],
	    memory_order_relaxed) == h;
}

static json_t *fuse_json(struct services *s)
{
	json_t *blown = json_array();
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(&s->fuse_lock);
	for (size_t i = 0; i < s->fuse_listeners.n; i++)
		if (fuse_is_blown(s->fuse, s->fuse_listeners.v[i], now))
			json_array_append_new(blown,
			    json_string(s->fuse_listeners.v[i]));
	pthread_mutex_unlock(&s->fuse_lock);
	return blown;
}

/* ---- status ------------------------------------------------------------ */

static json_t *store_json(const struct store_stat *st)
{
	return json_pack("{s:I, s:I, s:I, s:i}", "entries",
	    (json_int_t)st->entries, "used", (json_int_t)st->used, "size",
	    (json_int_t)st->size, "readers", (int)st->readers);
}

static json_t *cache_json(struct cache *cache)
{
	struct cache_stat st;

	if (!cache)
		return json_pack("{s:b}", "open", 0);
	cache_stat(cache, &st);
	return json_pack("{s:b, s:o, s:o, s:o, s:I}", "open", 1, "policies",
	    store_json(&st.policies), "negatives",
	    store_json(&st.negatives), "dane", store_json(&st.dane),
	    "evicted", (json_int_t)st.evicted);
}

static void add_time(json_t *o, const char *name, int64_t wall)
{
	struct buf text;

	buf_init(&text, 40);
	clock_add_time(&text, wall);
	json_object_set_new(o, name, json_string(buf_str(&text)));
	buf_clear(&text);
}

static void add_conf(struct services *s, json_t *o)
{
	struct conf *c = services_conf(s);
	int64_t loaded;

	pthread_mutex_lock(&s->conf_lock);
	loaded = s->loaded;
	pthread_mutex_unlock(&s->conf_lock);
	json_object_set_new(o, "mode",
	    json_string(c->observe ? "observe" : "enforce"));
	json_object_set_new(o, "config_file",
	    c->file ? json_string(c->file) : json_null());
	add_time(o, "config_loaded", loaded);
	json_object_set_new(o, "hosted_domains",
	    json_integer((json_int_t)c->hosted_n));
	json_object_set_new(o, "rules", rulecounts_json(&c->rules));
	conf_unref(c);
}

static json_t *lists_status(struct services *s)
{
	struct conf *c = services_conf(s);
	json_t *lists = lists_json(s->lists, c);

	conf_unref(c);
	return lists;
}

json_t *services_status(struct services *s)
{
	json_t *o = json_object();
	uint64_t dropped = log_syslog_dropped() + logring_dropped(s->ring);

	json_object_set_new(o, "version", json_string(PACKAGE_VERSION));
	json_object_set_new(o, "uptime", json_integer(
	    (json_int_t)(clock_mono_ms() - s->started_ms) / 1000));
	json_object_set_new(o, "milter", json_string(s->milter));
	add_conf(s, o);
	json_object_set_new(o, "fuse_blown", fuse_json(s));
	json_object_set_new(o, "log_lines_dropped",
	    json_integer((json_int_t)dropped));
	json_object_set_new(o, "counters", counters_json(&s->counters));
	json_object_set_new(o, "policy_service", s->policyd ?
	    policyd_status(s->policyd) : json_null());
	json_object_set_new(o, "socketmap", s->socketmapd ?
	    socketmapd_status(s->socketmapd) : json_null());
	json_object_set_new(o, "cache", cache_json(s->cache));
	json_object_set_new(o, "history", historian_status(s->historian));
	json_object_set_new(o, "lists", lists_status(s));
	json_object_set_new(o, "watch", learner_watch_status(s->learner));
	json_object_set_new(o, "learner", s->learner ?
	    learner_status(s->learner) : json_null());
	return o;
}
