/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/asker.h"

#include "mtasts/ctx.h"
#include "mtasts/dns.h"
#include "mtasts/evloop.h"
#include "mtasts/tlsrpt.h"
#include "util/buf.h"

#define LIST_MAX 65000
#define WAITING_MAX 4096

/* Questions of each class that may be under way; ASKER_LOOKUPS in all. */
static const unsigned active_max[ASK_CLASSES] = {
	[ASK_OUTBOUND] = 256,
	[ASK_HOSTED] = 32,
	[ASK_RECIPIENT] = 64,
	[ASK_SENDER] = 32,
};

struct question {
	struct question *prev, *next;
	struct asker *asker;
	struct ask ask;			/* strings point to those below */
	char domain[MTASTS_DOMAIN_SIZE];
	char held_id[MTASTS_ID_SIZE + 1];
	unsigned pending;		/* lookups under way */
	struct dns_query *mx_query;
	struct dns_query *rua_query;
	/* The answer as far as it is known. */
	struct answer answer;
	struct buf detail, patterns, text, mx, rua;
	char id[MTASTS_ID_SIZE + 1];
};

/* A list of questions in the order they came. */
struct queue {
	struct question *first, *last;
	unsigned n;
};

struct asker {
	struct mtasts_ctx *ctx;
	asker_fn *fn;
	void *arg;
	struct evtimer *timer;		/* to end questions outside ask() */
	struct queue waiting[ASK_CLASSES];
	struct queue active[ASK_CLASSES];
	struct queue ended;
	bool closing;
};

static void queue_add(struct queue *q, struct question *x)
{
	x->prev = q->last;
	x->next = NULL;
	if (q->last)
		q->last->next = x;
	else
		q->first = x;
	q->last = x;
	q->n++;
}

static void queue_remove(struct queue *q, struct question *x)
{
	if (x->prev)
		x->prev->next = x->next;
	else
		q->first = x->next;
	if (x->next)
		x->next->prev = x->prev;
	else
		q->last = x->prev;
	q->n--;
}

/* ---- one question ------------------------------------------------------ */

static struct question *question_new(struct asker *a, const struct ask *ask)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->asker = a;
	q->ask = *ask;
	snprintf(q->domain, sizeof(q->domain), "%s", ask->domain);
	snprintf(q->held_id, sizeof(q->held_id), "%s", ask->held_id);
	q->ask.domain = q->domain;
	q->ask.held_id = q->held_id;
	buf_init(&q->detail, LIST_MAX);
	buf_init(&q->patterns, LIST_MAX * 2);
	buf_init(&q->text, MTASTS_POLICY_SIZE);
	buf_init(&q->mx, LIST_MAX);
	buf_init(&q->rua, LIST_MAX);
	return q;
}

static void question_free(struct question *q)
{
	buf_clear(&q->detail);
	buf_clear(&q->patterns);
	buf_clear(&q->text);
	buf_clear(&q->mx);
	buf_clear(&q->rua);
	free(q);
}

/* The question itself ended; it is answered from the timer. */
static void question_ended(struct question *q)
{
	struct asker *a = q->asker;

	queue_remove(&a->active[q->ask.class], q);
	queue_add(&a->ended, q);
	evtimer_set(a->timer, 0);
}

static void lookup_ended(struct question *q)
{
	if (--q->pending == 0)
		question_ended(q);
}

static void set_failed(struct question *q, enum mtasts_error error)
{
	q->answer.outcome = MTASTS_FAILED;
	q->answer.error = error;
	buf_reset(&q->detail);
	buf_adds(&q->detail, mtasts_strerror(error));
}

static void take_policy(struct question *q, const struct mtasts_result *r)
{
	q->answer.mode = mtasts_policy_mode(r->policy);
	q->answer.max_age = mtasts_policy_max_age(r->policy);
	for (size_t i = 0; i < mtasts_policy_mx_count(r->policy); i++)
		buf_addf(&q->patterns, "%s%s", i ? " " : "",
		    mtasts_policy_mx(r->policy, i));
	buf_add(&q->text, r->text, r->text_len);
	if (q->patterns.failed || q->text.failed)
		set_failed(q, MTASTS_E_MEMORY);
}

static void on_result(void *arg, const struct mtasts_result *r)
{
	struct question *q = arg;

	if (q->asker->closing)
		return;
	q->answer.outcome = r->outcome;
	q->answer.error = r->error;
	q->answer.secure = r->secure;
	q->answer.ttl = r->ttl;
	memcpy(q->id, r->id, sizeof(q->id));
	buf_adds(&q->detail, r->detail);
	if (r->outcome == MTASTS_FOUND)
		take_policy(q, r);
	lookup_ended(q);
}

/* ---- MX names ---------------------------------------------------------- */

static int by_preference(const void *a, const void *b)
{
	const struct dns_record *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return strcmp(x->data, y->data);
}

/* Add the names in the order of preference; what is no host name cannot
 * be delivered to and is left out. */
static void add_mx_names(struct question *q, const struct dns_answer *a)
{
	unsigned n = 0;

	qsort(a->records, a->n, sizeof(a->records[0]), by_preference);
	for (size_t i = 0; i < a->n && n < ANSWER_MX_MAX; i++) {
		char host[MTASTS_DOMAIN_SIZE];

		if (mtasts_domain_normalize(a->records[i].data, host) !=
		    MTASTS_OK)
			continue;
		buf_addf(&q->mx, "%s%s", n++ ? " " : "", host);
	}
}

static void on_mx(void *arg, const struct dns_answer *a)
{
	struct question *q = arg;

	q->mx_query = NULL;
	q->answer.mx_known = a->status <= DNS_NXDOMAIN;
	/* RFC 7505: a single "." says that no mail is accepted. */
	if (a->status == DNS_FOUND && a->n == 1 && a->records[0].len == 0)
		q->answer.null_mx = true;
	else if (a->status == DNS_FOUND)
		add_mx_names(q, a);
	/* RFC 5321 §5.1: without MX the domain itself is the host. */
	else if (a->status == DNS_NODATA)
		buf_adds(&q->mx, q->domain);
	lookup_ended(q);
}

/* ---- TLSRPT mailboxes -------------------------------------------------- */

/* Exactly one record counts (RFC 8460 §3). */
static void on_rua(void *arg, const struct dns_answer *a)
{
	const struct dns_record *only = NULL;
	struct question *q = arg;
	unsigned n = 0;

	q->rua_query = NULL;
	for (size_t i = 0; i < a->n; i++)
		if (tlsrpt_is_candidate(a->records[i].data,
		    a->records[i].len)) {
			only = &a->records[i];
			n++;
		}
	if (n == 1 && !a->truncated &&
	    !tlsrpt_mailboxes(only->data, only->len, &q->rua))
		buf_reset(&q->rua);
	lookup_ended(q);
}

/* ---- running ----------------------------------------------------------- */

static void start_dns(struct question *q)
{
	struct dns *dns = q->asker->ctx->dns;
	char name[sizeof("_smtp._tls.") + MTASTS_DOMAIN_SIZE];

	if (q->ask.want_mx)
		q->mx_query = dns_query_start(dns, q->domain, DNS_MX, on_mx,
		    q);
	if (q->ask.want_rua) {
		snprintf(name, sizeof(name), "_smtp._tls.%s", q->domain);
		q->rua_query = dns_query_start(dns, name, DNS_TXT, on_rua, q);
	}
	q->pending += (q->mx_query != NULL) + (q->rua_query != NULL);
}

static void question_start(struct question *q)
{
	unsigned flags =
	    (q->ask.refetch ? (unsigned)MTASTS_LOOKUP_REFETCH : 0) |
	    (q->ask.allow_private ? (unsigned)MTASTS_LOOKUP_PRIVATE : 0);
	enum mtasts_error error;

	queue_add(&q->asker->active[q->ask.class], q);
	/* Nothing below calls back before we return. */
	q->pending = 1;
	start_dns(q);
	error = mtasts_lookup_start(q->asker->ctx, q->domain, q->held_id,
	    flags, on_result, q);
	if (error == MTASTS_OK)
		return;
	set_failed(q, error);
	lookup_ended(q);
}

static void start_waiting(struct asker *a)
{
	for (int c = 0; c < ASK_CLASSES; c++)
		while (a->waiting[c].first &&
		    a->active[c].n < active_max[c]) {
			struct question *q = a->waiting[c].first;

			queue_remove(&a->waiting[c], q);
			question_start(q);
		}
}

static void answer_question(struct question *q)
{
	struct answer *answer = &q->answer;

	answer->seq = q->ask.seq;
	answer->domain = q->domain;
	answer->id = q->id;
	answer->detail = buf_str(&q->detail);
	answer->patterns = buf_str(&q->patterns);
	answer->text = buf_str(&q->text);
	answer->mx = buf_str(&q->mx);
	answer->rua = buf_str(&q->rua);
	q->asker->fn(q->asker->arg, answer);
}

static void on_timer(void *arg)
{
	struct asker *a = arg;
	struct question *q;

	while ((q = a->ended.first)) {
		queue_remove(&a->ended, q);
		answer_question(q);
		question_free(q);
	}
	start_waiting(a);
}

struct asker *asker_new(struct mtasts_ctx *ctx, asker_fn *fn, void *arg)
{
	struct asker *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->ctx = ctx;
	a->fn = fn;
	a->arg = arg;
	a->timer = evtimer_new(ctx->loop, on_timer, a);
	if (!a->timer) {
		free(a);
		return NULL;
	}
	return a;
}

static void cancel_dns(struct question *q)
{
	dns_query_cancel(q->mx_query);
	dns_query_cancel(q->rua_query);
	q->mx_query = q->rua_query = NULL;
}

static void queue_free(struct queue *queue)
{
	while (queue->first) {
		struct question *q = queue->first;

		queue_remove(queue, q);
		question_free(q);
	}
}

void asker_free(struct asker *a)
{
	if (!a)
		return;
	a->closing = true;
	for (int c = 0; c < ASK_CLASSES; c++)
		for (struct question *q = a->active[c].first; q; q = q->next)
			cancel_dns(q);
	evtimer_free(a->timer);
	/* Ends the lookups, which call back: the questions must live on. */
	mtasts_ctx_free(a->ctx);
	for (int c = 0; c < ASK_CLASSES; c++) {
		queue_free(&a->waiting[c]);
		queue_free(&a->active[c]);
	}
	queue_free(&a->ended);
	free(a);
}

bool asker_ask(struct asker *a, const struct ask *ask)
{
	struct queue *waiting = &a->waiting[ask->class];
	struct question *q;

	if (waiting->n >= WAITING_MAX)
		return false;
	q = question_new(a, ask);
	if (!q)
		return false;
	queue_add(waiting, q);
	start_waiting(a);
	return true;
}
