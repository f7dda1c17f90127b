/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * services - what the frontend lends to its doors.
 *
 * Made by frontend.c before the first door opens, gone only with the
 * process. Every function may be called from any thread and none waits for
 * the network, a disk or the log daemon.
 */
#ifndef TM_MILTER_SERVICES_H
#define TM_MILTER_SERVICES_H

#include <jansson.h>

#include "audit/counters.h"
#include "conf/conf.h"
#include "mtasts/cache.h"

struct historian;
struct history;
struct learner;
struct lists;
struct services;

/* The configuration in force, with a reference the caller gives back with
 * conf_unref(); pin it at MAIL for the whole message. */
struct conf *services_conf(struct services *s);

/* The same without a reference, for the loop's thread alone, where another
 * is put in force: valid until it returns to the loop. */
const struct conf *services_conf_here(struct services *s);

/* NULL while the cache could not be opened: everything is then unknown. */
struct cache *services_cache(struct services *s);
struct learner *services_learner(struct services *s);
struct lists *services_lists(struct services *s);
struct counters *services_counters(struct services *s);

/* NULL while history.size is 0, or the file could not be opened. */
struct history *services_history(struct services *s);
struct historian *services_historian(struct services *s);

/* The fuse, locked inside (policy/fuse.h says what each means). */
void services_fuse_saw(struct services *s, const char *listener,
    const struct netaddr *client, bool tls);
bool services_fuse_blown(struct services *s, const char *listener);

/* A session came in on this listener (milter/listeners.h). */
void services_saw_listener(struct services *s, const char *port,
    const char *name);

/*
 * If milter and policy service are both asked about a session, only one may
 * count its messages. The milter, which sees more, says whose session it
 * has, and the policy service leaves those alone. Sessions of long ago are
 * forgotten.
 */
void services_milter_saw(struct services *s, const struct netaddr *client,
    uint16_t port);
bool services_milter_has(struct services *s, const struct netaddr *client,
    uint16_t port);

/* For the control door: a new `status` object; and a reload, whose result
 * arrives through fn in the loop's thread. */
json_t *services_status(struct services *s);
typedef void services_reload_fn(void *arg, bool ok, const char *messages);
bool services_reload(struct services *s, services_reload_fn *fn, void *arg);

#endif
