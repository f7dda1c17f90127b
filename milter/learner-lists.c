/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partner lists from URLs: asking the resolver for one after the other, and
 * drawing over what it has read (milter/listmsg.h). What to do with it is
 * for milter/lists.h.
 */
#include "config.h"

#include "milter/learner-internal.h"

#include "milter/listmsg.h"
#include "milter/lists.h"
#include "milter/proto.h"
#include "util/chan.h"
#include "util/clock.h"

#define SAID_MAX 4000
/* For DNS and for reading the list, above what HTTPS may take. */
#define EXTRA_MS 60000
/* To draw over a list that was read. */
#define DRAW_MS 60000

static struct list_job job_of(const struct list_fetch *f)
{
	return (struct list_job){ f->name, f->url, "" };
}

/* Whoever asked for this list is told. */
static void tell(struct learner *l, const char *name, bool ok,
    const struct buf *said)
{
	struct want_call **p = &l->list_calls;

	while (*p) {
		struct want_call *call = *p;

		if (name && strcmp(call->domain, name) != 0) {
			p = &call->next;
			continue;
		}
		*p = call->next;
		learner_call_end(l, call, ok, buf_str(said));
	}
}

/* Ask for what comes at f->offset; behind the end: it may be forgotten. */
static bool send_more(struct learner *l)
{
	struct list_more more = { l->fetch.seq, l->fetch.offset };

	buf_reset(&l->message);
	list_more_pack(&more, &l->message);
	return !l->message.failed && chan_send(l->chan, MSG_LIST_MORE,
	    l->message.data, l->message.len, -1);
}

static void fetch_clear(struct list_fetch *f)
{
	listcopy_abort(f->writer);
	free(f->name);
	free(f->url);
	*f = (struct list_fetch){ .active = false };
}

/* Of a list that is not wanted any more the resolver need not keep the
 * rest. */
static void abandon(struct learner *l)
{
	struct list_fetch *f = &l->fetch;

	if (l->chan && f->offset < f->size) {
		f->offset = f->size;
		(void)send_more(l);
	}
	fetch_clear(f);
}

/* ---- the end of a fetch ------------------------------------------------ */

static void failed(struct learner *l, const char *why)
{
	struct buf said;

	buf_init(&said, SAID_MAX);
	lists_failed(l->lists, l->fetch.name, why, learner_now(l), &said);
	tell(l, l->fetch.name, false, &said);
	abandon(l);
	buf_clear(&said);
}

static void unchanged(struct learner *l)
{
	struct buf said;
	bool ok;

	buf_init(&said, SAID_MAX);
	ok = lists_unchanged(l->lists, l->fetch.name, learner_now(l), &said);
	tell(l, l->fetch.name, ok, &said);
	fetch_clear(&l->fetch);
	buf_clear(&said);
}

/* All of it is here. */
static void complete(struct learner *l)
{
	struct list_fetch *f = &l->fetch;
	struct listcopy_writer *w = f->writer;
	struct buf said;
	bool ok;

	f->writer = NULL;
	buf_init(&said, SAID_MAX);
	ok = lists_take(l->lists, f->name, w, learner_now(l), &said);
	tell(l, f->name, ok, &said);
	fetch_clear(f);
	buf_clear(&said);
}

void learner_lists_lost(struct learner *l)
{
	struct buf said;

	if (!l->fetch.active)
		return;
	buf_init(&said, SAID_MAX);
	if (!lists_lost(l->lists, l->fetch.name, learner_now(l), &said))
		tell(l, l->fetch.name, false, &said);
	fetch_clear(&l->fetch);
	buf_clear(&said);
}

static void give_up(struct learner *l)
{
	if (l->fetch.active && clock_mono_ms() >= l->fetch.deadline)
		failed(l, "no answer from the resolver");
}

/* ---- messages ---------------------------------------------------------- */

static void begin_drawing(struct learner *l, const struct list_answer *m)
{
	struct list_fetch *f = &l->fetch;
	struct list_job job = job_of(f);
	struct buf err;

	buf_init(&err, SAID_MAX);
	f->size = m->size;
	f->deadline = clock_mono_ms() + DRAW_MS;
	f->writer = lists_begin_copy(l->lists, &job, m->etag, &err);
	if (!f->writer)
		failed(l, buf_str(&err));
	else if (!send_more(l))
		failed(l, "the resolver takes no question");
	buf_clear(&err);
}

void learner_lists_answer(struct learner *l, const void *data, size_t len)
{
	struct list_fetch *f = &l->fetch;
	struct list_answer m;

	if (!list_answer_unpack(data, len, &m) || !f->active || f->writer ||
	    m.seq != f->seq) {
		l->counts.strays++;
		return;
	}
	if (m.outcome == LIST_FETCHED)
		begin_drawing(l, &m);
	else if (m.outcome == LIST_UNCHANGED)
		unchanged(l);
	else
		failed(l, m.reason);
}

void learner_lists_part(struct learner *l, const void *data, size_t len)
{
	struct list_fetch *f = &l->fetch;
	struct list_part m;
	struct buf err;

	if (!list_part_unpack(data, len, &m) || !f->writer ||
	    m.seq != f->seq || m.offset != f->offset ||
	    m.len > f->size - f->offset) {
		l->counts.strays++;
		return;
	}
	buf_init(&err, SAID_MAX);
	f->offset += (uint32_t)m.len;
	if (!listcopy_add(f->writer, m.data, m.len, &err))
		failed(l, buf_str(&err));
	else if (!send_more(l))
		failed(l, "the resolver takes no question");
	else if (f->offset == f->size)
		complete(l);
	buf_clear(&err);
}

/* ---- asking ------------------------------------------------------------ */

static bool send_ask(struct learner *l, const struct list_job *job)
{
	struct list_ask ask = { ++l->seq, job->url, job->etag };

	buf_reset(&l->message);
	list_ask_pack(&ask, &l->message);
	return !l->message.failed && chan_send(l->chan, MSG_LIST_ASK,
	    l->message.data, l->message.len, -1);
}

void learner_lists_pump(struct learner *l)
{
	struct list_fetch *f = &l->fetch;
	struct list_job job;

	if (!l->lists || !l->chan || f->active ||
	    !lists_due(l->lists, learner_now(l), &job))
		return;
	f->name = strdup(job.name);
	f->url = strdup(job.url);
	if (!f->name || !f->url || !send_ask(l, &job)) {
		fetch_clear(f);
		return;
	}
	f->active = true;
	f->seq = l->seq;
	f->deadline = clock_mono_ms() + l->conf->https_timeout * 1000 +
	    EXTRA_MS;
}

/* `tlsmilter list refresh`. */
void learner_lists_call(struct learner *l, struct want_call *call)
{
	if (!l->lists || !lists_hurry(l->lists, call->domain,
	    learner_now(l))) {
		learner_call_end(l, call, false,
		    "no list of that name comes from a URL");
		return;
	}
	if (!l->chan) {
		learner_call_end(l, call, false, "there is no resolver now");
		return;
	}
	call->next = l->list_calls;
	l->list_calls = call;
	learner_lists_pump(l);
}

/* ---- changes ----------------------------------------------------------- */

/* A fetch under way may be of a list that is gone or from elsewhere now:
 * it begins again. Who waits for one that is gone is told. */
void learner_lists_conf(struct learner *l)
{
	struct want_call **p = &l->list_calls;

	if (!l->lists)
		return;
	abandon(l);
	lists_set_conf(l->lists, l->conf, learner_now(l));
	while (*p) {
		struct want_call *call = *p;

		if (lists_hurry(l->lists, call->domain, learner_now(l))) {
			p = &call->next;
			continue;
		}
		*p = call->next;
		learner_call_end(l, call, false, "the list is no longer "
		    "configured");
	}
	learner_lists_pump(l);
}

void learner_lists_stop(struct learner *l)
{
	struct buf said;

	buf_init(&said, SAID_MAX);
	buf_adds(&said, "the daemon is stopping");
	tell(l, NULL, false, &said);
	fetch_clear(&l->fetch);
	buf_clear(&said);
}

void learner_lists_tick(struct learner *l)
{
	if (!l->lists)
		return;
	give_up(l);
	lists_warn(l->lists, learner_now(l));
}
