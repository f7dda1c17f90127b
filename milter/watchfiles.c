/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf.h"
#include "milter/monitor-internal.h"
#include "mtasts/castore.h"
#include "util/log.h"
#include "util/loop.h"

#define EVERY_MS 5000

static void look(const char *path, struct stat *st_r)
{
	if (stat(path, st_r) != 0)
		*st_r = (struct stat){ 0 };
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void forget_all(struct monitor *m)
{
	for (size_t i = 0; i < m->watched_n; i++)
		free(m->watched[i].path);
	m->watched_n = 0;
}

static void watch(struct monitor *m, const char *path)
{
	struct watched *w = &m->watched[m->watched_n];

	if (m->watched_n == WATCHED_MAX || !*path)
		return;
	w->path = strdup(path);
	if (!w->path)
		return;
	look(path, &w->st);
	m->watched_n++;
}

void watchfiles_set(struct monitor *m)
{
	forget_all(m);
	/* Also when we ask others: the mail server asks these. */
	watch(m, "/etc/resolv.conf");
	if (m->conf->dnssec == DNSSEC_VALIDATE)
		watch(m, m->conf->trust_anchor);
	if (*m->conf->ca_file) {
		watch(m, m->conf->ca_file);
	} else {
		watch(m, "/etc/ssl/certs");
		watch(m, castore_system_file());
	}
}

static void on_timer(void *arg)
{
	struct monitor *m = arg;
	const char *changed = NULL;

	for (size_t i = 0; i < m->watched_n; i++) {
		struct watched *w = &m->watched[i];
		struct stat now;

		look(w->path, &now);
		if (same(&now, &w->st))
			continue;
		w->st = now;
		changed = w->path;
	}
	loop_timer_set(m->watch_timer, EVERY_MS);
	if (!changed || m->stopping)
		return;
	log_notice("monitor", "%s has changed, replacing the resolver",
	    changed);
	children_replace_resolver(m);
}

bool watchfiles_init(struct monitor *m)
{
	m->watch_timer = loop_timer_new(m->loop, on_timer, m);
	if (!m->watch_timer)
		return false;
	loop_timer_set(m->watch_timer, EVERY_MS);
	return true;
}

void watchfiles_clear(struct monitor *m)
{
	forget_all(m);
	loop_timer_free(m->watch_timer);
}
