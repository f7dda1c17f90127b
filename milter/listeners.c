/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/listeners.h"

#include <pthread.h>

#include "policy/verdict.h"
#include "util/buf.h"
#include "util/str.h"

#define DAY_MS (24LL * 3600 * 1000)
#define NAMES_MAX 64

struct listeners {
	pthread_mutex_t lock;
	struct strv seen;
	int64_t began;
	bool told;
};

struct listeners *listeners_new(int64_t now)
{
	struct listeners *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	l->began = now;
	return l;
}

void listeners_free(struct listeners *l)
{
	if (!l)
		return;
	strv_clear(&l->seen);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void note(struct listeners *l, const char *name)
{
	if (name && l->seen.n < NAMES_MAX &&
	    !strv_has_nocase(&l->seen, name))
		strv_add(&l->seen, name);
}

void listeners_saw(struct listeners *l, const char *port, const char *name)
{
	pthread_mutex_lock(&l->lock);
	note(l, port);
	note(l, name);
	pthread_mutex_unlock(&l->lock);
}

static void add_missing(const struct listeners *l, const struct rule *rule,
    struct buf *out)
{
	for (size_t i = 0; i < rule->listeners.n; i++) {
		const char *name = rule->listeners.v[i];

		if (strv_has_nocase(&l->seen, name))
			continue;
		buf_addf(out, "%s\"%s\" (rule \"%s\")", out->len ? ", " : "",
		    name, rule->name);
	}
}

bool listeners_missing(struct listeners *l, const struct ruleset *rules,
    int64_t now, struct buf *out)
{
	bool due;

	pthread_mutex_lock(&l->lock);
	due = !l->told && now - l->began >= DAY_MS;
	for (size_t i = 0; due && i < rules->n; i++)
		add_missing(l, rules->rules[i], out);
	l->told |= due;
	pthread_mutex_unlock(&l->lock);
	return due && out->len > 0;
}
