/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/conf-internal.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sort names and join equal ones. */
static void sort_names(struct strv *names)
{
	size_t n = 1;

	if (!names->n)
		return;
	qsort(names->v, names->n, sizeof(*names->v), by_name);
	for (size_t i = 1; i < names->n; i++) {
		if (strcmp(names->v[n - 1], names->v[i]) == 0)
			free(names->v[i]);
		else
			names->v[n++] = names->v[i];
	}
	names->n = n;
}

void load_watch(struct loader *l, const struct conf_text *t)
{
	const struct conf_entry *e = conf_group_find(
	    conf_text_find(t, "watch"), option_find("watch", "domains"));

	sort_names(&l->conf->watch.domains);
	if (l->conf->watch.domains.n > CONF_WATCH_MAX)
		load_error(l, e->line, "domains: more than %d",
		    CONF_WATCH_MAX);
}
