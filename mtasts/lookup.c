/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery of one domain's policy, RFC 8461 §3: TXT record, addresses of
 * the policy host, HTTPS fetch, parse. Each step ends in a callback from
 * the event loop that begins the next.
 */
#include "config.h"

#include <stdarg.h>

#include "mtasts/ctx.h"
#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "mtasts/httpsget.h"
#include "util/buf.h"
#include "util/str.h"

#define DETAIL_SIZE 256
#define POLICY_PATH ".well-known/mta-sts.txt"

/* Who asked; a lookup of one domain has one or more. */
struct waiter {
	struct waiter *next;
	mtasts_result_fn *fn;
	void *arg;
	char held_id[MTASTS_ID_SIZE + 1];
};

struct lookup {
	struct lookup *next;		/* in its bucket */
	struct lookup *queue_next;
	struct mtasts_ctx *ctx;
	struct waiter *waiters;
	struct waiter **waiters_tail;
	bool active;			/* not in the queue any more */
	unsigned flags;
	/* Steps under way, NULL otherwise. */
	struct dns_query *txt;
	struct httpsget *get;
	struct evtimer *timer;
	/* What is known so far. */
	struct mtasts_result txt_result;
	char txt_detail[DETAIL_SIZE];
	char detail[DETAIL_SIZE];
	char host[sizeof("mta-sts.") + MTASTS_DOMAIN_SIZE];
	char domain[MTASTS_DOMAIN_SIZE];
};

/* Format a detail; what peers sent must not get out unclean. */
static void set_detail(char *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void set_detail(char *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, DETAIL_SIZE, fmt, ap);
	va_end(ap);
	for (char *p = out; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

/* ---- the table of lookups ---------------------------------------------- */

/* FNV-1a; the bound on lookups keeps chains short whatever is asked. */
static struct lookup **bucket_of(struct mtasts_ctx *ctx, const char *domain)
{
	uint32_t h = 2166136261u;

	for (; *domain; domain++)
		h = (h ^ (unsigned char)*domain) * 16777619u;
	return &ctx->buckets[h % CTX_BUCKETS];
}

static struct lookup *find(struct mtasts_ctx *ctx, const char *domain,
    unsigned flags)
{
	struct lookup *l = *bucket_of(ctx, domain);

	while (l && (l->flags != flags || strcmp(l->domain, domain) != 0))
		l = l->next;
	return l;
}

static void unlink_lookup(struct lookup *l)
{
	struct lookup **p = bucket_of(l->ctx, l->domain);

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
}

static void waiters_free(struct waiter *w)
{
	while (w) {
		struct waiter *next = w->next;

		free(w);
		w = next;
	}
}

static void lookup_free(struct lookup *l)
{
	dns_query_cancel(l->txt);
	httpsget_cancel(l->get);
	evtimer_free(l->timer);
	waiters_free(l->waiters);
	free(l);
}

/* ---- results ----------------------------------------------------------- */

static void tell(struct waiter *list, const struct mtasts_result *r)
{
	while (list) {
		struct waiter *w = list;

		list = w->next;
		w->fn(w->arg, r);
		free(w);
	}
}

/* A policy without a TXT record is only for who holds one already: such a
 * record is required to discover it (§3.1; STS-S-02). */
static bool may_have(const struct lookup *l, const struct waiter *w)
{
	return l->txt_result.id[0] || w->held_id[0];
}

/* Take those waiters out of the list for which the TXT answer is all. */
static struct waiter *take_satisfied(struct lookup *l)
{
	struct waiter *out = NULL, **out_tail = &out, **p = &l->waiters;
	bool refetch = l->flags & MTASTS_LOOKUP_REFETCH;
	const char *id = l->txt_result.id;

	while (*p) {
		struct waiter *w = *p;
		bool more = refetch ? may_have(l, w) :
		    id[0] && strcmp(w->held_id, id) != 0;

		if (more) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = NULL;
		*out_tail = w;
		out_tail = &w->next;
	}
	l->waiters_tail = p;
	return out;
}

static void begin_queued(struct mtasts_ctx *ctx);

/* The end: l leaves the table, then everyone is told, so that a callback
 * may ask for the same domain again. */
static void finish(struct lookup *l, const struct mtasts_result *r)
{
	struct mtasts_ctx *ctx = l->ctx;
	struct waiter *late = NULL;

	unlink_lookup(l);
	if (l->active)
		ctx->active--;
	if (r->outcome == MTASTS_FOUND && !l->txt_result.id[0])
		late = take_satisfied(l);
	tell(late, &l->txt_result);
	tell(l->waiters, r);
	l->waiters = NULL;
	lookup_free(l);
	begin_queued(ctx);
}

static void finish_failed(struct lookup *l, enum mtasts_error error)
{
	struct mtasts_result r = l->txt_result;

	r.domain = l->domain;
	r.outcome = MTASTS_FAILED;
	r.error = error;
	r.detail = l->detail;
	finish(l, &r);
}

/* ---- the policy -------------------------------------------------------- */

/* Keep the first error the parser finds as the detail. */
static void note_finding(void *arg, const struct mtasts_finding *f)
{
	struct lookup *l = arg;

	if (f->severity != MTASTS_ERROR || l->detail[0])
		return;
	if (f->line)
		set_detail(l->detail, "policy line %u: %s", f->line, f->text);
	else
		set_detail(l->detail, "policy: %s", f->text);
}

static void on_fetched(void *arg, struct fetch_result *f)
{
	struct lookup *l = arg;
	struct mtasts_result r = l->txt_result;
	struct mtasts_policy *policy;
	enum mtasts_error error = MTASTS_E_POLICY;

	l->get = NULL;
	if (f->error != MTASTS_OK) {
		set_detail(l->detail, "%s", f->detail);
		finish_failed(l, f->error);
		return;
	}
	l->detail[0] = '\0';
	policy = mtasts_policy_parse(f->body, f->body_len, 0, note_finding,
	    l, &error);
	if (!policy) {
		if (!l->detail[0])
			set_detail(l->detail, "%s", mtasts_strerror(error));
		finish_failed(l, error);
		return;
	}
	r.outcome = MTASTS_FOUND;
	r.error = MTASTS_OK;
	r.detail = "";
	r.policy = policy;
	r.text = f->body;
	r.text_len = f->body_len;
	finish(l, &r);
	mtasts_policy_free(policy);
}

static void begin_fetch(struct lookup *l)
{
	struct fetch_request r = { .kind = HTTPHEAD_POLICY,
		.host = l->host, .path = POLICY_PATH };

	l->get = httpsget_start(l->ctx, &r, l->ctx->allow_private ||
	    (l->flags & MTASTS_LOOKUP_PRIVATE), on_fetched, l);
	if (l->get)
		return;
	set_detail(l->detail, "out of memory");
	finish_failed(l, MTASTS_E_MEMORY);
}

/* ---- the TXT record ---------------------------------------------------- */

/* Drop what does not begin with v=STSv1; exactly one record must be left,
 * and be valid (§3.1; STS-T-06, T-08). */
static enum mtasts_error read_records(struct lookup *l,
    const struct dns_answer *a, struct mtasts_txt *txt_r)
{
	const struct dns_record *only = NULL;
	size_t n = 0, offset = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct dns_record *rec = &a->records[i];

		if (mtasts_txt_is_candidate(rec->data, rec->len)) {
			only = rec;
			n++;
		}
	}
	if (n == 0) {
		set_detail(l->detail, "none of the %zu TXT records at "
		    "_mta-sts.%s is for MTA-STS", a->n, l->domain);
		return a->truncated ? MTASTS_E_RECORD : MTASTS_E_NO_RECORD;
	}
	if (n > 1 || a->truncated) {
		set_detail(l->detail, "%zu MTA-STS records at _mta-sts.%s",
		    n, l->domain);
		return MTASTS_E_RECORD;
	}
	if (mtasts_txt_parse(only->data, only->len, txt_r, &offset) ==
	    MTASTS_OK)
		return MTASTS_OK;
	set_detail(l->detail, "MTA-STS record at _mta-sts.%s is invalid at "
	    "byte %zu", l->domain, offset);
	return MTASTS_E_RECORD;
}

/* Translate a TXT answer; the detail goes to l->detail. */
static enum mtasts_error judge_txt(struct lookup *l,
    const struct dns_answer *a, struct mtasts_txt *txt_r)
{
	static const enum mtasts_error errors[] = {
		[DNS_FOUND] = MTASTS_OK,
		[DNS_NODATA] = MTASTS_E_NO_RECORD,
		[DNS_NXDOMAIN] = MTASTS_E_NO_RECORD,
		[DNS_SERVFAIL] = MTASTS_E_DNS,
		[DNS_BOGUS] = MTASTS_E_BOGUS,
		[DNS_TIMEOUT] = MTASTS_E_DNS,
	};

	if (a->status == DNS_FOUND)
		return read_records(l, a, txt_r);
	set_detail(l->detail, "_mta-sts.%s: %s%s%s", l->domain,
	    dns_status_text(a->status), a->why[0] ? ": " : "", a->why);
	return errors[a->status];
}

static void on_txt(void *arg, const struct dns_answer *a)
{
	struct lookup *l = arg;
	struct mtasts_result *r = &l->txt_result;
	struct mtasts_txt txt = { .id = "" };
	struct waiter *satisfied;

	l->txt = NULL;
	r->error = judge_txt(l, a, &txt);
	if (r->error == MTASTS_OK) {
		memcpy(r->id, txt.id, sizeof(r->id));
		l->detail[0] = '\0';
		r->outcome = MTASTS_UNCHANGED;
	} else {
		r->outcome = r->error == MTASTS_E_NO_RECORD ||
		    r->error == MTASTS_E_RECORD ?
		    MTASTS_ABSENT : MTASTS_FAILED;
	}
	memcpy(l->txt_detail, l->detail, sizeof(l->txt_detail));
	r->domain = l->domain;
	r->detail = l->txt_detail;
	r->secure = a->secure;
	r->ttl = a->ttl;
	satisfied = take_satisfied(l);
	if (!l->waiters) {
		l->waiters = satisfied;
		finish(l, r);
		return;
	}
	tell(satisfied, r);
	begin_fetch(l);
}

/* ---- beginning --------------------------------------------------------- */

/* The lookup could not begin. */
static void on_timer(void *arg)
{
	finish_failed(arg, MTASTS_E_BUSY);
}

static void begin(struct lookup *l)
{
	char name[sizeof("_mta-sts.") + MTASTS_DOMAIN_SIZE];

	l->active = true;
	l->ctx->active++;
	snprintf(name, sizeof(name), "_mta-sts.%s", l->domain);
	l->txt = dns_query_start(l->ctx->dns, name, DNS_TXT, on_txt, l);
	if (l->txt)
		return;
	/* Never call back from mtasts_lookup_start(). */
	set_detail(l->detail, "too many DNS questions");
	evtimer_set(l->timer, 0);
}

static void begin_queued(struct mtasts_ctx *ctx)
{
	while (ctx->queue && ctx->active < ctx->max_active && !ctx->closing) {
		struct lookup *l = ctx->queue;

		ctx->queue = l->queue_next;
		if (!ctx->queue)
			ctx->queue_tail = &ctx->queue;
		ctx->queued--;
		begin(l);
	}
}

static bool add_waiter(struct lookup *l, const char *held_id,
    mtasts_result_fn *fn, void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return false;
	w->fn = fn;
	w->arg = arg;
	snprintf(w->held_id, sizeof(w->held_id), "%s",
	    held_id ? held_id : "");
	*l->waiters_tail = w;
	l->waiters_tail = &w->next;
	return true;
}

static struct lookup *lookup_new(struct mtasts_ctx *ctx, const char *domain,
    unsigned flags)
{
	struct lookup *l = calloc(1, sizeof(*l));
	struct lookup **bucket = bucket_of(ctx, domain);

	if (!l)
		return NULL;
	l->timer = evtimer_new(ctx->loop, on_timer, l);
	if (!l->timer) {
		free(l);
		return NULL;
	}
	l->ctx = ctx;
	l->flags = flags;
	l->waiters_tail = &l->waiters;
	memcpy(l->domain, domain, strlen(domain) + 1);
	snprintf(l->host, sizeof(l->host), "mta-sts.%s", domain);
	l->next = *bucket;
	*bucket = l;
	return l;
}

static void enqueue(struct lookup *l)
{
	struct mtasts_ctx *ctx = l->ctx;

	*ctx->queue_tail = l;
	ctx->queue_tail = &l->queue_next;
	ctx->queued++;
	begin_queued(ctx);
}

enum mtasts_error mtasts_lookup_start(struct mtasts_ctx *ctx,
    const char *domain, const char *held_id, unsigned flags,
    mtasts_result_fn *fn, void *arg)
{
	char name[MTASTS_DOMAIN_SIZE];
	struct lookup *l;

	if (mtasts_domain_normalize(domain, name) != MTASTS_OK ||
	    (held_id && strlen(held_id) > MTASTS_ID_SIZE))
		return MTASTS_E_ARGUMENT;
	if (ctx->closing)
		return MTASTS_E_BUSY;
	l = find(ctx, name, flags);
	if (l)
		return add_waiter(l, held_id, fn, arg) ? MTASTS_OK :
		    MTASTS_E_MEMORY;
	if (ctx->active >= ctx->max_active && ctx->queued >= ctx->max_queued)
		return MTASTS_E_BUSY;
	l = lookup_new(ctx, name, flags);
	if (!l)
		return MTASTS_E_MEMORY;
	if (!add_waiter(l, held_id, fn, arg)) {
		unlink_lookup(l);
		lookup_free(l);
		return MTASTS_E_MEMORY;
	}
	enqueue(l);
	return MTASTS_OK;
}

void lookup_cancel_all(struct mtasts_ctx *ctx)
{
	for (size_t i = 0; i < CTX_BUCKETS; i++)
		while (ctx->buckets[i]) {
			struct lookup *l = ctx->buckets[i];

			set_detail(l->detail, "the context was closed");
			finish_failed(l, MTASTS_E_CANCELLED);
		}
}

/* ---- waiting for one --------------------------------------------------- */

struct blocking {
	bool done;
	struct mtasts_result result;
	struct mtasts_policy *policy;
};

static void on_blocking(void *arg, const struct mtasts_result *r)
{
	struct blocking *b = arg;

	b->result = *r;
	if (r->outcome == MTASTS_FOUND)
		b->policy = mtasts_policy_parse(r->text, r->text_len, 0,
		    NULL, NULL, &b->result.error);
	if (r->outcome == MTASTS_FOUND && !b->policy)
		b->result.outcome = MTASTS_FAILED;
	b->done = true;
}

struct mtasts_policy *mtasts_lookup(struct mtasts_ctx *ctx,
    const char *domain, struct mtasts_result *result_r)
{
	struct blocking b = { .done = false };
	enum mtasts_error error = mtasts_lookup_start(ctx, domain, NULL, 0,
	    on_blocking, &b);

	while (error == MTASTS_OK && !b.done)
		evloop_wait(ctx->loop, -1);
	if (error != MTASTS_OK)
		b.result = (struct mtasts_result){
			.outcome = MTASTS_FAILED, .error = error,
		};
	b.result.domain = domain;
	b.result.detail = mtasts_strerror(b.result.error);
	b.result.policy = b.policy;
	b.result.text = NULL;
	b.result.text_len = 0;
	if (result_r)
		*result_r = b.result;
	return b.policy;
}
