/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watched domains: asking the resolver for the checks that are due, keeping
 * what they saw, and logging what is news (milter/watch.h).
 *
 * Beside the note of each domain, which is memory's, its file has a record
 * of ours under "watch " and the domain: when it was checked last, and how it
 * stands. So a restart neither checks everything at once nor logs again what
 * was logged.
 */
#include "config.h"

#include "milter/learner-internal.h"

#include "check/memorystore.h"
#include "milter/proto.h"
#include "milter/watch.h"
#include "util/chan.h"
#include "util/clock.h"
#include "util/log.h"

#define ACTIVE_MAX 4
/* For one check; many hosts that are silent take minutes. */
#define LIMIT_MS (10 * 60 * 1000)
#define TIMER_MAX 60
#define LINE_MAX_BYTES 2000
#define KEY_PREFIX "watch "
#define KEY_SIZE (sizeof(KEY_PREFIX) + DNS_NAME_SIZE)

_Static_assert(WATCH_STATE_SIZE <= WATCH_NOTE_MAX, "a state can be kept");

struct watched {
	char *domain;
	int64_t next;		/* wall clock */
	int64_t checked;	/* the last time; 0: never */
	unsigned failures;	/* in a row, to check at all */
	uint32_t seq;		/* while asked; else 0 */
	int64_t deadline;	/* while asked; monotonic */
	struct buf state;	/* how it stands, packed; empty: not known */
};

struct watch {
	struct watched *v;	/* as conf->watch.domains */
	size_t n;
	unsigned asked;
	struct memorystore *memory;	/* NULL: none */
	struct loop_timer *timer;
	struct want_call *calls;	/* who waits for a check */
};

static int64_t interval_of(const struct learner *l)
{
	return l->conf->watch.interval;
}

/* ---- status ------------------------------------------------------------ */

static json_t *time_or_null(int64_t wall)
{
	json_t *time;
	struct buf text;

	if (wall <= 0)
		return json_null();
	buf_init(&text, 40);
	clock_add_time(&text, wall);
	time = json_string(buf_str(&text));
	buf_clear(&text);
	return time;
}

static json_t *finding_json(const struct watch_finding *f)
{
	char addr[NETADDR_TEXT];

	return json_pack("{ss ss ss? ss? ss}", "id", f->info->id, "status",
	    check_status_name(f->status), "host", *f->host ? f->host : NULL,
	    "address", f->addr.family == AF_UNSPEC ? NULL :
	    netaddr_format(&f->addr, addr), "text", f->text);
}

static json_t *counts_json(const struct watch_summary *s)
{
	json_t *counts = json_object();

	for (int i = 0; i < WATCH_STATUSES; i++)
		json_object_set_new(counts,
		    check_status_name((enum check_status)i),
		    json_integer(s->counts[i]));
	return counts;
}

static json_t *watched_json(const struct watched *d)
{
	struct watch_summary s;
	int64_t checked;
	json_t *o = json_pack("{ss so so si}", "domain", d->domain, "checked",
	    time_or_null(d->checked), "next", time_or_null(d->next),
	    "failures", (int)d->failures);
	bool known = watch_state_read(d->state.data, d->state.len, &checked,
	    &s);

	json_object_set_new(o, "status", known ?
	    json_string(check_status_name(s.status)) : json_null());
	json_object_set_new(o, "verdict", known ? json_string(s.verdict) :
	    json_null());
	json_object_set_new(o, "counts", known ? counts_json(&s) :
	    json_null());
	json_object_set_new(o, "worst", known && s.n ?
	    finding_json(&s.v[0]) : json_null());
	return o;
}

/* Other threads see a copy. */
static void show(struct learner *l)
{
	json_t *all = json_array(), *old;

	for (size_t i = 0; i < l->watch->n; i++)
		json_array_append_new(all, watched_json(&l->watch->v[i]));
	pthread_mutex_lock(&l->lock);
	old = l->watch_status;
	l->watch_status = all;
	pthread_mutex_unlock(&l->lock);
	json_decref(old);
}

json_t *learner_watch_status(struct learner *l)
{
	json_t *all = NULL;

	if (l) {
		pthread_mutex_lock(&l->lock);
		all = json_deep_copy(l->watch_status);
		pthread_mutex_unlock(&l->lock);
	}
	return all ? all : json_array();
}

/* ---- what is kept ------------------------------------------------------ */

static void state_key(const struct watched *d, char *key)
{
	snprintf(key, KEY_SIZE, "%s%s", KEY_PREFIX, d->domain);
}

/* Look what is remembered of a domain; false: nothing, or nothing new. */
static bool load(struct learner *l, struct watched *d)
{
	struct memorystore *memory = l->watch->memory;
	struct watch_summary s;
	char key[KEY_SIZE];
	int64_t checked;

	if (!memory || d->checked)
		return false;
	state_key(d, key);
	buf_reset(&d->state);
	if (memorystore_get(memory, key, &d->state) == STORE_OK &&
	    watch_state_read(d->state.data, d->state.len, &checked, &s)) {
		d->checked = checked;
		return true;
	}
	buf_reset(&d->state);
	return false;
}

/* Without it the next check knows less, and that is all. */
static void store(struct learner *l, struct watched *d, const char *note)
{
	struct memorystore *memory = l->watch->memory;
	enum store_error e = STORE_OK;
	char key[KEY_SIZE];

	if (!memory)
		return;
	state_key(d, key);
	if (*note)
		e = memorystore_put(memory, d->domain, note, strlen(note));
	if (!e)
		e = memorystore_put(memory, key, d->state.data, d->state.len);
	if (e && log_limit_take(&l->misc_limit))
		log_err("watch", "%s: what the check saw could not be kept: "
		    "%s", d->domain, store_strerror(e));
}

/* ---- the end of a check ------------------------------------------------ */

/* Whoever asked for a check of this domain (NULL: of any) is told. */
static void tell(struct learner *l, const char *domain, bool ok,
    const char *text)
{
	struct want_call **p = &l->watch->calls;

	while (*p) {
		struct want_call *call = *p;

		if (domain && strcmp(call->domain, domain) != 0) {
			p = &call->next;
			continue;
		}
		*p = call->next;
		learner_call_end(l, call, ok, text);
	}
}

static void not_asked(struct learner *l, struct watched *d)
{
	l->watch->asked -= d->seq != 0;
	d->seq = 0;
}

/* There was no check: later again, and what is known stays. */
static void failed(struct learner *l, struct watched *d, const char *why)
{
	not_asked(l, d);
	d->failures++;
	d->next = learner_now(l) + watch_pause(d->failures, interval_of(l));
	if (d->failures == 1)
		log_warn("watch", "%s could not be checked: %s; it is tried "
		    "again", d->domain, why);
	tell(l, d->domain, false, why);
}

static void log_news(void *arg, enum watch_news news,
    const struct watch_finding *f, enum check_status before)
{
	const struct watched *d = arg;
	struct buf line;
	int priority;

	buf_init(&line, LINE_MAX_BYTES);
	priority = watch_line(d->domain, news, f, before, &line);
	log_line(priority, "watch", "%s", buf_str(&line));
	buf_clear(&line);
}

static void log_verdict(const struct watched *d,
    const struct watch_summary *s)
{
	log_info("watch", "%s checked: %s: %s (ok=%u info=%u warn=%u "
	    "unknown=%u fail=%u)", d->domain, check_status_name(s->status),
	    s->verdict, s->counts[CHECK_OK], s->counts[CHECK_INFO],
	    s->counts[CHECK_WARN], s->counts[CHECK_UNKNOWN],
	    s->counts[CHECK_FAIL]);
}

/* Log what is news, and let the domain stand so from now on. */
static void take(struct watched *d, const struct watch_summary *seen)
{
	struct watch_summary before, kept;
	int64_t checked;
	bool known = watch_state_read(d->state.data, d->state.len, &checked,
	    &before);
	struct buf state;

	watch_merge(known ? &before : NULL, seen, log_news, d, &kept);
	buf_init(&state, WATCH_STATE_SIZE);
	watch_state_pack(d->checked, &kept, &state);
	buf_clear(&d->state);
	d->state = state;
	if (state.failed)
		buf_reset(&d->state);
}

static void succeeded(struct learner *l, struct watched *d,
    const struct watch_answer *m)
{
	not_asked(l, d);
	d->failures = 0;
	d->checked = learner_now(l);
	d->next = watch_next(d->domain, d->checked, interval_of(l));
	take(d, &m->summary);
	log_verdict(d, &m->summary);
	store(l, d, m->note);
	tell(l, d->domain, true, m->summary.verdict);
}

void learner_watch_answer(struct learner *l, const void *data, size_t len)
{
	struct watch *w = l->watch;
	struct watch_answer m;
	size_t i = w->n;

	if (watch_answer_unpack(data, len, &m))
		for (i = 0; i < w->n && w->v[i].seq != m.seq;)
			i++;
	else if (log_limit_take(&l->misc_limit))
		log_warn("learner", "the resolver sent a malformed answer "
		    "about a watched domain, ignored");
	if (i == w->n || m.seq == 0) {
		l->counts.strays++;
		return;
	}
	if (*m.failed)
		failed(l, &w->v[i], m.failed);
	else
		succeeded(l, &w->v[i], &m);
	show(l);
}

void learner_watch_lost(struct learner *l)
{
	for (size_t i = 0; i < l->watch->n; i++)
		if (l->watch->v[i].seq)
			failed(l, &l->watch->v[i], "the resolver ended");
	show(l);
}

void learner_watch_tick(struct learner *l)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < l->watch->n; i++)
		if (l->watch->v[i].seq && now >= l->watch->v[i].deadline) {
			failed(l, &l->watch->v[i],
			    "no answer from the resolver");
			show(l);
		}
}

/* ---- asking ------------------------------------------------------------ */

/* Give the question the policy that is held, and what is remembered. */
static void ask_with(struct learner *l, const struct watched *d,
    struct watch_ask *ask, struct buf *note)
{
	struct record rec;

	if (learner_read(l, d->domain, &rec) &&
	    fresh_standing(&rec, learner_now(l)) == STANDING_POLICY) {
		ask->held_id = rec.id;
		ask->held_mode = rec.mode;
	}
	if (l->watch->memory && memorystore_get(l->watch->memory, d->domain,
	    note) == STORE_OK && !note->failed)
		ask->note = buf_str(note);
}

/* False when the channel takes no more now. */
static bool send_ask(struct learner *l, struct watched *d)
{
	struct watch_ask ask = { .seq = ++l->seq, .domain = d->domain,
		.held_id = "", .note = "" };
	struct buf note;
	bool sent;

	/* 0 is no question. */
	if (ask.seq == 0)
		ask.seq = ++l->seq;
	buf_init(&note, WATCH_NOTE_MAX);
	ask_with(l, d, &ask, &note);
	buf_reset(&l->message);
	watch_ask_pack(&ask, &l->message);
	sent = learner_send(l, MSG_WATCH_ASK);
	buf_clear(&note);
	if (!sent)
		return false;
	d->seq = ask.seq;
	d->deadline = clock_mono_ms() + LIMIT_MS;
	l->watch->asked++;
	return true;
}

/* The domain that is due for the longest time; else, in *next_r, when the
 * next one is. */
static struct watched *find_due(struct learner *l, int64_t *next_r)
{
	int64_t now = learner_now(l), next = now + TIMER_MAX;
	struct watched *due = NULL;

	for (size_t i = 0; i < l->watch->n; i++) {
		struct watched *d = &l->watch->v[i];

		if (d->seq)
			continue;
		if (watch_is_due(d->next, interval_of(l), now) &&
		    (!due || d->next < due->next))
			due = d;
		if (d->next < next)
			next = d->next;
	}
	*next_r = next;
	return due;
}

void learner_watch_pump(struct learner *l)
{
	struct watch *w = l->watch;
	struct watched *due = NULL;
	int64_t next = 0;

	if (!l->chan || !w->n)
		return;
	while (w->asked < ACTIVE_MAX && (due = find_due(l, &next)) &&
	    send_ask(l, due))
		;
	/* Behind an answer, or a full channel, this comes again. */
	if (w->asked == ACTIVE_MAX || due)
		next = learner_now(l) + TIMER_MAX;
	loop_timer_set(w->timer, (next - learner_now(l)) * 1000);
}

static void on_timer(void *arg)
{
	learner_pump(arg);
	learner_commit_if_wanted(arg);
}

/* Not the check that is under way, which may be too old for the caller. */
void learner_watch_call(struct learner *l, struct want_call *call)
{
	struct watch *w = l->watch;
	size_t i = 0;

	while (i < w->n && strcmp(w->v[i].domain, call->domain) != 0)
		i++;
	if (i == w->n || !l->chan) {
		learner_call_end(l, call, false, i == w->n ?
		    "the domain is not watched" :
		    "there is no resolver now");
		return;
	}
	not_asked(l, &w->v[i]);
	w->v[i].next = 0;
	call->next = w->calls;
	w->calls = call;
	learner_watch_pump(l);
}

/* ---- changes ----------------------------------------------------------- */

static void clear(struct watched *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].domain);
		buf_clear(&v[i].state);
	}
	free(v);
}

static bool is_waited_for(const struct learner *l, const char *domain)
{
	const struct want_call *call = l->watch->calls;

	while (call && strcmp(call->domain, domain) != 0)
		call = call->next;
	return call != NULL;
}

/* When a domain is checked next; the interval may be another now. */
static void plan(struct learner *l, struct watched *d, size_t index)
{
	if (!d->failures && !is_waited_for(l, d->domain))
		d->next = watch_first(d->domain, index, d->checked,
		    interval_of(l), learner_now(l));
}

/* Move what is known of a domain that stays. */
static void carry_over(struct watch *w, struct watched *d)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].domain && strcmp(w->v[i].domain, d->domain) == 0) {
			free(d->domain);
			*d = w->v[i];
			w->v[i] = (struct watched){ .domain = NULL };
			return;
		}
}

/* A domain that is gone: its check is of no interest. */
static void drop_old(struct learner *l)
{
	struct watch *w = l->watch;

	for (size_t i = 0; i < w->n; i++) {
		if (!w->v[i].domain)
			continue;
		not_asked(l, &w->v[i]);
		tell(l, w->v[i].domain, false,
		    "the domain is no longer watched");
	}
	clear(w->v, w->n);
}

void learner_watch_conf(struct learner *l)
{
	const struct strv *domains = &l->conf->watch.domains;
	struct watched *v = calloc(domains->n + 1, sizeof(*v));
	struct watch *w = l->watch;
	size_t n = 0;

	for (; v && n < domains->n; n++) {
		buf_init(&v[n].state, WATCH_STATE_SIZE);
		v[n].domain = strdup(domains->v[n]);
		if (!v[n].domain)
			break;
		carry_over(w, &v[n]);
	}
	if (!v || n < domains->n)
		log_err("watch", "out of memory: not all domains are "
		    "watched");
	drop_old(l);
	w->v = v;
	w->n = v ? n : 0;
	for (size_t i = 0; i < w->n; i++) {
		(void)load(l, &v[i]);
		plan(l, &v[i], i);
	}
	show(l);
}

void learner_watch_memory(struct learner *l, struct memorystore *memory)
{
	l->watch->memory = memory;
	for (size_t i = 0; i < l->watch->n; i++)
		if (load(l, &l->watch->v[i]))
			plan(l, &l->watch->v[i], i);
	show(l);
}

/* ---- life -------------------------------------------------------------- */

bool learner_watch_init(struct learner *l)
{
	l->watch = calloc(1, sizeof(*l->watch));
	if (!l->watch)
		return false;
	l->watch->timer = loop_timer_new(l->loop, on_timer, l);
	return l->watch->timer != NULL;
}

void learner_watch_stop(struct learner *l)
{
	tell(l, NULL, false, "the daemon is stopping");
}

void learner_watch_free(struct learner *l)
{
	if (!l->watch)
		return;
	clear(l->watch->v, l->watch->n);
	loop_timer_free(l->watch->timer);
	free(l->watch);
	l->watch = NULL;
}
