/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "conf/gather.h"

/* A TLSRPT mailbox may be in another domain than the one it is for. Up to
 * so many hosted domains are searched for it; beyond that only the
 * recipient's own, since this runs for every recipient. */
#define HOSTED_SEARCHED 8

struct look {
	const struct strv *mx_names;	/* NULL: nobody asks */
	const char *address;		/* NULL: nobody asks */
	int64_t now;
	struct gathered *g;
};

static unsigned promise_of(const struct record *rec)
{
	switch (rec->mode) {
	case MTASTS_ENFORCE:
		return PROMISE_ENFORCE;
	case MTASTS_TESTING:
		return PROMISE_TESTING;
	case MTASTS_NONE:
		break;
	}
	return PROMISE_NONE;
}

/* True when the domain's MX, or a policy in force, names one of ours: then
 * its promise is about this hop. */
static bool names_us(const struct record *rec, bool in_force,
    const struct strv *mx_names)
{
	for (size_t i = 0; mx_names && i < mx_names->n; i++)
		if (record_list_has(rec->mx, mx_names->v[i]) ||
		    (in_force && record_matches(rec, mx_names->v[i])))
			return true;
	return false;
}

static void look_at(void *arg, const struct record *rec)
{
	struct look *look = arg;
	struct gathered *g = look->g;
	enum standing standing = fresh_standing(rec, look->now);

	g->learn = standing == STANDING_UNKNOWN ||
	    fresh_due(rec, look->now) != FRESH_NOTHING;
	if (look->address && g->hosted)
		g->is_tlsrpt = record_list_has(rec->rua, look->address);
	if (standing == STANDING_UNKNOWN)
		return;
	g->promise.known = true;
	g->promise.set = standing == STANDING_POLICY ? promise_of(rec) :
	    PROMISE_NONE;
	g->ours = g->ours || names_us(rec, standing == STANDING_POLICY,
	    look->mx_names);
	/* Learnt as a sender's domain: its MX hosts may name us still. */
	if (look->mx_names && !g->ours && !rec->mx_known)
		g->learn = true;
}

/* Where the record of a domain comes from. */
struct source {
	struct cache *cache;		/* NULL: from rec */
	const struct record *rec;	/* NULL: nothing is known */
};

static void look_in(const struct source *from, const char *domain,
    struct look *look)
{
	if (from->rec)
		look_at(look, from->rec);
	else if (from->cache && domain && cache_get(from->cache, domain,
	    look_at, look) == STORE_NOT_FOUND)
		look->g->learn = true;
}

/* Fill in what the record and hosted_domains say. */
static void gather(const struct conf *conf, const struct source *from,
    const char *domain, struct look *look)
{
	const struct hosted *h = conf_hosted(conf, domain);
	struct gathered *g = look->g;

	*g = (struct gathered){ .hosted = h != NULL, .ours = h != NULL };
	look_in(from, domain, look);
	if (h && h->stated) {
		g->promise.known = true;
		g->promise.set = h->stated;
	}
}

struct search {
	const char *address;
	bool found;
};

static void search_rua(void *arg, const struct record *rec)
{
	struct search *s = arg;

	s->found = s->found || record_list_has(rec->rua, s->address);
}

static bool is_tlsrpt_elsewhere(const struct conf *conf,
    struct cache *cache, const char *address)
{
	struct search s = { address, false };

	if (!cache || conf->hosted_n > HOSTED_SEARCHED)
		return false;
	for (size_t i = 0; i < conf->hosted_n && !s.found; i++)
		cache_get(cache, conf->hosted[i].domain, search_rua, &s);
	return s.found;
}

static void gather_rcpt_from(const struct conf *conf,
    const struct source *from, const char *domain, const char *address,
    const struct strv *mx_names, int64_t now, struct gathered *g_r)
{
	struct gathered g;
	struct look look = { mx_names, address, now, &g };

	gather(conf, from, domain, &look);
	if (g.promise.known && !g.ours)
		g.promise.set = PROMISE_NONE;
	if (address && !g.is_tlsrpt)
		g.is_tlsrpt = is_tlsrpt_elsewhere(conf, from->cache, address);
	g.learn = g.learn && (g.hosted || conf->needs_to_policy);
	*g_r = g;
}

static void gather_sender_from(const struct conf *conf,
    const struct source *from, const char *domain, int64_t now,
    struct gathered *g_r)
{
	struct gathered g;
	struct look look = { NULL, NULL, now, &g };

	gather(conf, from, domain, &look);
	g.learn = g.learn && conf->needs_from_policy;
	*g_r = g;
}

void gather_rcpt(const struct conf *conf, struct cache *cache,
    const char *domain, const char *address, const struct strv *mx_names,
    int64_t now, struct gathered *g_r)
{
	struct source from = { .cache = cache };

	gather_rcpt_from(conf, &from, domain, address, mx_names, now, g_r);
}

void gather_sender(const struct conf *conf, struct cache *cache,
    const char *domain, int64_t now, struct gathered *g_r)
{
	struct source from = { .cache = cache };

	gather_sender_from(conf, &from, domain, now, g_r);
}

void gather_rcpt_record(const struct conf *conf, const char *domain,
    const struct record *rec, const char *address,
    const struct strv *mx_names, int64_t now, struct gathered *g_r)
{
	struct source from = { .rec = rec };

	gather_rcpt_from(conf, &from, domain, address, mx_names, now, g_r);
}

void gather_sender_record(const struct conf *conf, const char *domain,
    const struct record *rec, int64_t now, struct gathered *g_r)
{
	struct source from = { .rec = rec };

	gather_sender_from(conf, &from, domain, now, g_r);
}
