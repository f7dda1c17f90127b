/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/lister.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mtasts/ctx.h"
#include "mtasts/evloop.h"
#include "mtasts/httpsget.h"
#include "mtasts/httpsurl.h"
#include "policy/partners.h"
#include "util/buf.h"
#include "util/str.h"

/* With a URL, and more; sent is as much as a message holds. */
#define REASON_MAX 8000

/* A text on its way through the thread that reads it. */
struct reading {
	uint32_t seq;
	int fd;			/* rung at the end */
	pthread_t thread;
	char url[HTTPSURL_SIZE];
	char *text;
	size_t len;
	struct partners *partners;	/* the result; NULL: see err */
	struct buf err;
};

struct lister {
	struct mtasts_ctx *ctx;
	struct lister_handler handler;
	int fd;			/* rung by the thread */
	struct evio *io;
	struct evtimer *timer;	/* to answer outside of lister_ask() */
	/* What was asked for last. */
	uint32_t seq;
	char url[HTTPSURL_SIZE];
	char held[HTTPHEAD_ETAG_SIZE];
	struct httpsurl parts;
	struct buf reason;	/* of a failure, for the timer */
	/* What became of it. */
	bool waiting;		/* for an earlier thread to end */
	struct httpsget *get;
	struct reading *reading;	/* may be of an earlier question */
	char etag[HTTPHEAD_ETAG_SIZE];
	struct partners *partners;	/* waits to be drawn */
};

/* Give back its memory too: nothing else here will need as much. */
static void drop_list(struct lister *l)
{
	partners_unref(l->partners);
	l->partners = NULL;
	mem_trim();
}

/* ---- answers ----------------------------------------------------------- */

static void answer(struct lister *l, enum list_outcome outcome,
    const char *reason)
{
	struct list_answer m = { .seq = l->seq, .outcome = outcome,
		.etag = outcome == LIST_FAILED ? "" : l->etag,
		.reason = reason };
	size_t size = 0;

	if (outcome == LIST_FETCHED)
		partners_data(l->partners, &size);
	m.size = (uint32_t)size;
	l->handler.answer(l->handler.arg, &m);
}

static void answer_later(struct lister *l)
{
	evtimer_set(l->timer, 0);
}

static void on_timer(void *arg)
{
	struct lister *l = arg;

	answer(l, LIST_FAILED, buf_str(&l->reason));
}

/* ---- reading ----------------------------------------------------------- */

static void reading_free(struct reading *r)
{
	if (!r)
		return;
	partners_unref(r->partners);
	buf_clear(&r->err);
	free(r->text);
	free(r);
}

static void *read_list(void *arg)
{
	static const uint64_t one = 1;
	struct reading *r = arg;
	ssize_t n;

	r->partners = partners_read(r->url, r->text, r->len, &r->err);
	free(r->text);
	r->text = NULL;
	/* It can only fail by being full, and then it has rung. */
	n = write(r->fd, &one, sizeof(one));
	(void)n;
	return NULL;
}

/* Signals are for the first thread. */
static bool start_thread(struct reading *r)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&r->thread, NULL, read_list, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0;
}

/* Read the text, which is taken over; false when that cannot begin. */
static bool begin_reading(struct lister *l, char *text, size_t len)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (!r) {
		free(text);
		return false;
	}
	r->seq = l->seq;
	r->fd = l->fd;
	r->text = text;
	r->len = len;
	memcpy(r->url, l->url, sizeof(r->url));
	buf_init(&r->err, REASON_MAX);
	if (start_thread(r)) {
		l->reading = r;
		return true;
	}
	reading_free(r);
	return false;
}

static void begin(struct lister *l);

/* The thread has ended. */
static void on_read(void *arg, int fd, unsigned events)
{
	struct lister *l = arg;
	struct reading *r = l->reading;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)events;
	if (n != (ssize_t)sizeof(count) || !r)
		return;
	pthread_join(r->thread, NULL);
	l->reading = NULL;
	if (r->seq != l->seq) {
		if (l->waiting)
			begin(l);
	} else if (r->partners) {
		l->partners = r->partners;
		r->partners = NULL;
		answer(l, LIST_FETCHED, "");
	} else {
		answer(l, LIST_FAILED, r->err.len ? buf_str(&r->err) :
		    "out of memory");
	}
	reading_free(r);
}

/* ---- fetching ---------------------------------------------------------- */

static void on_fetched(void *arg, struct fetch_result *r)
{
	struct lister *l = arg;
	char *text = r->body;

	l->get = NULL;
	memcpy(l->etag, r->etag, strlen(r->etag) + 1);
	if (r->error != MTASTS_OK) {
		buf_addf(&l->reason, "%s: %s", l->url, r->detail);
		answer(l, LIST_FAILED, buf_str(&l->reason));
		return;
	}
	if (r->unchanged) {
		answer(l, LIST_UNCHANGED, "");
		return;
	}
	r->body = NULL;
	if (!begin_reading(l, text, r->body_len))
		answer(l, LIST_FAILED, "no memory or thread to read the list");
}

static void begin(struct lister *l)
{
	struct fetch_request r = { .kind = HTTPHEAD_LIST,
		.host = l->parts.host, .port = l->parts.port,
		.path = l->parts.path, .etag = l->held,
		.max_size = PARTNERS_JSON_MAX };

	l->waiting = false;
	l->get = httpsget_start(l->ctx, &r, true, on_fetched, l);
	if (l->get)
		return;
	buf_adds(&l->reason, "out of memory");
	answer_later(l);
}

/* What the last question was about is no longer wanted. */
static void forget(struct lister *l)
{
	httpsget_cancel(l->get);
	l->get = NULL;
	l->waiting = false;
	evtimer_set(l->timer, -1);
	partners_unref(l->partners);
	l->partners = NULL;
	l->etag[0] = '\0';
	buf_reset(&l->reason);
}

void lister_ask(struct lister *l, const struct list_ask *ask)
{
	forget(l);
	l->seq = ask->seq;
	snprintf(l->url, sizeof(l->url), "%s", ask->url);
	snprintf(l->held, sizeof(l->held), "%s", ask->etag);
	if (!httpsurl_parse(l->url, &l->parts, &l->reason)) {
		answer_later(l);
		return;
	}
	/* Only one thread at a time. */
	l->waiting = l->reading != NULL;
	if (!l->waiting)
		begin(l);
}

void lister_more(struct lister *l, const struct list_more *more)
{
	struct list_part part = { .seq = more->seq, .offset = more->offset };
	const char *data;
	size_t size;

	if (more->seq != l->seq || !l->partners)
		return;
	data = partners_data(l->partners, &size);
	if (more->offset >= size) {
		drop_list(l);
		return;
	}
	part.data = data + more->offset;
	part.len = size - more->offset;
	if (part.len > LISTMSG_PART_MAX)
		part.len = LISTMSG_PART_MAX;
	l->handler.part(l->handler.arg, &part);
}

/* ---- life -------------------------------------------------------------- */

struct lister *lister_new(struct mtasts_ctx *ctx,
    const struct lister_handler *handler)
{
	struct lister *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->ctx = ctx;
	l->handler = *handler;
	buf_init(&l->reason, REASON_MAX);
	l->timer = evtimer_new(ctx->loop, on_timer, l);
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->fd >= 0)
		l->io = evio_new(ctx->loop, l->fd, EVLOOP_READ, on_read, l);
	if (l->timer && l->io)
		return l;
	lister_free(l);
	return NULL;
}

void lister_free(struct lister *l)
{
	if (!l)
		return;
	if (l->timer)
		forget(l);
	if (l->reading)
		pthread_join(l->reading->thread, NULL);
	reading_free(l->reading);
	evio_free(l->io);
	evtimer_free(l->timer);
	if (l->fd >= 0)
		close(l->fd);
	buf_clear(&l->reason);
	free(l);
}
