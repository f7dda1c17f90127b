/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/learner-internal.h"

#include "util/log.h"

/* ---- who waits --------------------------------------------------------- */

static void call_result(struct want_call *call, bool ok, const char *text)
{
	call->ok = ok;
	buf_reset(&call->text);
	buf_adds(&call->text, text);
}

/* To be told after the commit, in the order of arrival. */
static void call_finish(struct learner *l, struct want_call *call)
{
	struct want_call **tail = &l->finished;

	while (*tail)
		tail = &(*tail)->next;
	call->next = NULL;
	*tail = call;
}

void learner_call_end(struct learner *l, struct want_call *call, bool ok,
    const char *text)
{
	call_result(call, ok, text);
	call_finish(l, call);
}

void learner_calls_result(struct want *want, bool ok, const char *text)
{
	for (struct want_call *c = want->calls; c; c = c->next)
		call_result(c, ok, text);
}

void learner_calls_finish(struct learner *l, struct want *want)
{
	while (want->calls) {
		struct want_call *call = want->calls;

		want->calls = call->next;
		call_finish(l, call);
	}
}

static void call_tell(struct learner *l, struct want_call *call,
    bool committed)
{
	if (call->text.len == 0)
		call_result(call, false, "the daemon is stopping");
	if (!committed)
		call_result(call, false, "the cache could not be written");
	pthread_mutex_lock(&l->lock);
	l->calls_n--;
	pthread_mutex_unlock(&l->lock);
	call->fn(call->arg, call->ok, buf_str(&call->text));
	buf_clear(&call->text);
	buf_clear(&call->data);
	free(call);
}

void learner_calls_tell(struct learner *l, bool committed)
{
	while (l->finished) {
		struct want_call *call = l->finished;

		l->finished = call->next;
		call_tell(l, call, committed);
	}
}

/* ---- the operations ---------------------------------------------------- */

/* Hang the call on the domain's question. */
static void wait_for_answer(struct learner *l, struct want_call *call,
    unsigned flags)
{
	struct want *want = wants_get(&l->wants, call->domain, QUEUE_CALL,
	    flags, learner_now(l));

	if (!want) {
		call_result(call, false, "out of memory");
		call_finish(l, call);
		return;
	}
	call->next = want->calls;
	want->calls = call;
}

static void do_refresh(struct learner *l, struct want_call *call)
{
	wait_for_answer(l, call, WANT_REFETCH);
}

static void do_lookup(struct learner *l, struct want_call *call)
{
	struct record rec;

	if (learner_read(l, call->domain, &rec) &&
	    fresh_standing(&rec, learner_now(l)) != STANDING_UNKNOWN) {
		call_result(call, true, "known");
		call_finish(l, call);
		return;
	}
	wait_for_answer(l, call, WANT_USE);
}

/* The tool prints it as it is, so it names the domain. */
static void refuse_purge(struct want_call *call, enum store_error e)
{
	call_result(call, false, call->domain);
	if (e == STORE_NOT_FOUND)
		buf_adds(&call->text, " is not in the cache");
	else
		buf_addf(&call->text, ": %s", store_strerror(e));
}

/* Whoever can write to the cache can weaken what is required: say so. */
static void do_purge(struct learner *l, struct want_call *call)
{
	enum mtasts_mode mode = MTASTS_NONE;
	struct record rec;
	enum store_error e = STORE_IO;
	bool policy = false;

	if (learner_read(l, call->domain, &rec)) {
		mode = rec.mode;
		policy = rec.kind == RECORD_POLICY;
	}
	if (l->writing)
		e = cache_delete(l->cache, call->domain);
	if (e)
		refuse_purge(call, e);
	else
		call_result(call, true, "purged");
	if (!e)
		learner_keep_forget(l, call->domain);
	if (!e)
		log_notice("policy", "purged by the administrator domain=%s "
		    "mode=%s%s", call->domain,
		    policy ? mtasts_mode_name(mode) : "-",
		    policy && mode == MTASTS_ENFORCE ? ", a downgrade until "
		    "it is learnt again" : "");
	call_finish(l, call);
}

/* Why a record may not be imported; NULL if it may. */
static const char *import_refused(struct learner *l, const char *domain,
    const struct record *rec)
{
	int64_t now = learner_now(l);
	struct record held;

	if (rec->kind != RECORD_POLICY ||
	    fresh_standing(rec, now) != STANDING_POLICY)
		return "no policy in force";
	if (learner_read(l, domain, &held) && held.kind == RECORD_POLICY &&
	    fresh_standing(&held, now) == STANDING_POLICY &&
	    held.fetched > rec->fetched)
		return "a policy fetched later is held";
	return NULL;
}

static void do_import(struct learner *l, struct want_call *call)
{
	struct record rec;
	const char *why = "not a record";
	enum store_error e;

	if (record_read(call->data.data, call->data.len, &rec))
		why = import_refused(l, call->domain, &rec);
	if (!why && !l->writing)
		why = "the cache cannot be written";
	if (!why) {
		e = cache_put(l->cache, call->domain, &rec);
		why = e ? store_strerror(e) : NULL;
	}
	call_result(call, !why, why ? why : "imported");
	if (!why)
		learner_keep_answered(l, call->domain, &rec, "");
	if (!why)
		log_notice("policy", "imported domain=%s mode=%s",
		    call->domain, mtasts_mode_name(rec.mode));
	call_finish(l, call);
}

void learner_call_begin(struct learner *l, struct want_call *call)
{
	static void (*const ops[])(struct learner *, struct want_call *) = {
		[LEARNER_REFRESH] = do_refresh,
		[LEARNER_PURGE] = do_purge,
		[LEARNER_IMPORT] = do_import,
		[LEARNER_LOOKUP] = do_lookup,
		[LEARNER_DANE] = learner_dane_call,
		[LEARNER_LIST] = learner_lists_call,
		[LEARNER_WATCH] = learner_watch_call,
	};

	ops[call->op](l, call);
}
