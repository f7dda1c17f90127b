/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query without a daemon: what is not in its cache is looked up now, DANE in
 * any case.
 */
#include "config.h"

#include "tool/query.h"

#include "conf/conf.h"
#include "conf/outgoingjson.h"
#include "mtasts/cache.h"
#include "mtasts/cachejson.h"
#include "policy/partners.h"
#include "tool/explain-lists.h"
#include "tool/lookup.h"
#include "tool/out.h"
#include "util/clock.h"

struct item {
	struct queried *q;
	struct buf record, dane;	/* packed; empty: nothing */
};

struct live {
	struct tool *t;
	struct item *v;
	size_t n;
	struct item **missing;	/* whose policy is to be looked up */
	size_t missing_n;
	struct item **daned;	/* whose DANE is */
	size_t daned_n;
};

/* ---- MTA-STS ----------------------------------------------------------- */

static void take_record(struct item *item, const struct record *rec,
    int64_t now)
{
	buf_reset(&item->record);
	record_pack(rec, &item->record);
	json_decref(item->q->record);
	item->q->record = cachejson_from_record(item->q->hop.domain, rec,
	    now);
}

/* What has not expired need not be looked up again. */
static void view_record(void *arg, const struct record *rec)
{
	struct item *item = arg;
	int64_t now = clock_wall();

	if (fresh_standing(rec, now) != STANDING_UNKNOWN)
		take_record(item, rec, now);
}

static void on_policy(void *arg, size_t index, const struct answer *answer)
{
	struct live *l = arg;
	struct item *item = l->missing[index];
	struct fresh_limits limits = lookup_limits(l->t->conf);
	int64_t now = clock_wall();
	struct record rec;

	fresh_apply(NULL, answer, &limits, now, &rec);
	take_record(item, &rec, now);
	item->q->live = true;
}

static bool look_up_policies(struct live *l)
{
	struct lookup *lookups = mem_array(l->missing_n, sizeof(*lookups));
	bool ok = lookups != NULL;

	for (size_t i = 0; ok && i < l->missing_n; i++)
		lookups[i] = (struct lookup){
			.domain = l->missing[i]->q->hop.domain,
			.held_id = "" };
	ok = ok && lookup_run(l->t->conf, lookups, l->missing_n, on_policy,
	    l);
	free(lookups);
	return ok;
}

/* ---- DANE -------------------------------------------------------------- */

static void on_dane(void *arg, size_t index, const struct danerec *rec)
{
	struct live *l = arg;

	danerec_pack(rec, &l->daned[index]->dane);
}

static bool look_up_dane(struct live *l)
{
	const struct nexthop **hops = mem_array(l->daned_n, sizeof(*hops));
	bool ok = hops != NULL;

	for (size_t i = 0; ok && i < l->daned_n; i++)
		hops[i] = &l->daned[i]->q->hop;
	ok = ok && lookup_dane(l->t->conf, hops, l->daned_n, on_dane, l);
	free(hops);
	return ok;
}

/* ---- the answer -------------------------------------------------------- */

/* The first list that has the domain; the reference is the caller's. */
static struct partners *find_partner(struct tool *t, const char *domain,
    int64_t now, struct partner *partner_r, const char **list_r)
{
	for (size_t i = 0; *domain && i < t->conf->lists_n; i++) {
		struct partners *p = explain_list_open(t,
		    &t->conf->lists[i]);

		if (p && partners_find(p, domain, now, partner_r) &&
		    partner_r->mode == PARTNER_ENFORCE) {
			*list_r = t->conf->lists[i].name;
			return p;
		}
		partners_unref(p);
	}
	return NULL;
}

/* Whether the mail server's resolver sets AD is not tested here. */
static void answer(struct live *l, struct item *item)
{
	struct outgoing_known known = { .hop = &item->q->hop,
		.now = clock_wall(), .dane_works = true };
	struct partners *owner;
	struct partner partner;
	struct danerec dane;
	const char *list = NULL;
	struct record rec;

	if (item->record.len && record_read(item->record.data,
	    item->record.len, &rec))
		known.rec = &rec;
	if (item->dane.len && danerec_read(item->dane.data, item->dane.len,
	    &dane))
		known.dane = &dane;
	owner = find_partner(l->t, known.hop->domain, known.now, &partner,
	    &list);
	if (owner)
		known.partner = &partner;
	item->q->outgoing = outgoing_json(l->t->conf, &known, list);
	partners_unref(owner);
}

/* ---- all of it --------------------------------------------------------- */

static void find_work(struct live *l, struct access *access)
{
	for (size_t i = 0; i < l->n; i++) {
		struct item *item = &l->v[i];
		const struct nexthop *hop = &item->q->hop;

		if (*hop->domain && access->kind == ACCESS_FILES &&
		    access->cache)
			cache_get(access->cache, hop->domain, view_record,
			    item);
		if (*hop->domain && !item->q->record)
			l->missing[l->missing_n++] = item;
		if (*hop->domain && hop->port != 0)
			l->daned[l->daned_n++] = item;
	}
}

static bool prepare(struct live *l, struct queried *v)
{
	l->v = calloc(l->n, sizeof(*l->v));
	l->missing = mem_array(l->n, sizeof(struct item *));
	l->daned = mem_array(l->n, sizeof(struct item *));
	if (!l->v || !l->missing || !l->daned) {
		complain("out of memory");
		return false;
	}
	for (size_t i = 0; i < l->n; i++) {
		l->v[i].q = &v[i];
		buf_init(&l->v[i].record, RECORD_MAX_PACKED);
		buf_init(&l->v[i].dane, DANEREC_MAX_PACKED);
	}
	return true;
}

bool query_live(struct tool *t, struct access *access, struct queried *v,
    size_t n)
{
	struct live l = { .t = t, .n = n };
	bool ok = prepare(&l, v);

	if (ok)
		find_work(&l, access);
	/* The daemon may start while we wait for the network. */
	access_close(access);
	ok = ok && look_up_policies(&l) && look_up_dane(&l);
	for (size_t i = 0; l.v && i < n; i++) {
		if (ok)
			answer(&l, &l.v[i]);
		buf_clear(&l.v[i].record);
		buf_clear(&l.v[i].dane);
	}
	free(l.v);
	free(l.missing);
	free(l.daned);
	return ok;
}
