/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/lists.h"

#include <pthread.h>
#include <sys/random.h>

#include "conf/control.h"
#include "policy/partners.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

#define DAY 86400
/* Without a list for so long, its domains count as not listed. */
#define WAIT_LIMIT 1800
/* The shortest pause between two tries, and the longest. */
#define PAUSE_MIN 300
#define PAUSE_MAX 21600
/* A resolver that ended may have been replaced, for all we know. */
#define PAUSE_LOST 10
/* Clocks differ by so much at most. */
#define FUTURE_MAX 3600
#define WARN_BEFORE (7 * DAY)
#define ERROR_MAX 4000

/* One list of the configuration. What other threads read is under the
 * lock, whoever writes it. */
struct slot {
	char *name;
	char *url;		/* NULL: from a file */
	int64_t refresh;
	/* Under the lock. */
	struct partners *partners;	/* NULL: never loaded */
	int64_t since;		/* the list is wanted */
	int64_t fetched;	/* last known to be current; 0: never */
	int64_t next;		/* fetch it then */
	struct buf error;	/* why the last try failed; "": it did not */
	/* The store thread's own. */
	char etag[HTTPHEAD_ETAG_SIZE];
	unsigned failures;	/* in a row */
	bool lost;		/* the resolver ended with the last try */
	int64_t warned;		/* of its end */
};

struct lists {
	char *state_dir;
	pthread_mutex_t lock;
	struct slot *slots[LISTS_MAX];
	size_t n;
};

/* ---- rules ------------------------------------------------------------- */

static bool is_equal(const struct partners *a, const struct partners *b)
{
	size_t a_len, b_len;
	const void *a_data = partners_data(a, &a_len);
	const void *b_data = partners_data(b, &b_len);

	return a_len == b_len && memcmp(a_data, b_data, a_len) == 0;
}

enum lists_verdict lists_judge(const struct partners *held,
    const struct partners *new, int64_t now)
{
	int64_t timestamp = partners_timestamp(new);
	bool expired = partners_expires(new) <= now;

	if (held && is_equal(held, new))
		return expired ? LISTS_EXPIRED : LISTS_SAME;
	if (held && timestamp < partners_timestamp(held))
		return LISTS_OLDER;
	if (held && timestamp == partners_timestamp(held))
		return LISTS_CHANGED;
	if (timestamp > now + FUTURE_MAX)
		return LISTS_FUTURE;
	return expired ? LISTS_EXPIRED : LISTS_NEWER;
}

int64_t lists_pause(unsigned failures, int64_t refresh)
{
	int64_t pause = PAUSE_MIN;

	for (unsigned i = 1; i < failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	if (pause > PAUSE_MAX)
		pause = PAUSE_MAX;
	if (pause > refresh)
		pause = refresh;
	return pause < PAUSE_MIN ? PAUSE_MIN : pause;
}

/* Up to a tenth less, so that not all who use a list come together. */
static int64_t with_jitter(int64_t refresh)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = 0;
	return refresh - (int64_t)(r % 1000) * (refresh / 10) / 1000;
}

/* ---- slots ------------------------------------------------------------- */

static struct slot *find(const struct lists *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->slots[i]->name, name) == 0)
			return l->slots[i];
	return NULL;
}

static void slot_free(struct slot *s)
{
	if (!s)
		return;
	partners_unref(s->partners);
	buf_clear(&s->error);
	free(s->name);
	free(s->url);
	free(s);
}

/* Say what is in force: how many, of when, until when. */
static void describe(const struct partners *p, struct buf *out)
{
	size_t n = partners_count(p);

	buf_addf(out, "%zu domain%s, timestamp ", n, n == 1 ? "" : "s");
	clock_add_time(out, partners_timestamp(p));
	buf_adds(out, ", valid until ");
	clock_add_time(out, partners_expires(p));
}

static void say(int priority, const struct slot *s, const struct buf *text)
{
	log_line(priority, NULL, "list \"%s\": %s", s->name, buf_str(text));
}

/* Put another list in force, or the same one; takes the reference. */
static void set_partners(struct lists *l, struct slot *s,
    struct partners *partners, int64_t fetched)
{
	struct partners *old;

	pthread_mutex_lock(&l->lock);
	old = s->partners;
	s->partners = partners;
	s->fetched = fetched;
	buf_reset(&s->error);
	pthread_mutex_unlock(&l->lock);
	partners_unref(old);
	s->failures = 0;
	s->lost = false;
}

static void set_next(struct lists *l, struct slot *s, int64_t next)
{
	pthread_mutex_lock(&l->lock);
	s->next = next;
	pthread_mutex_unlock(&l->lock);
}

/* ---- copies ------------------------------------------------------------ */

static void take_copy(struct lists *l, struct slot *s,
    const struct listcopy *copy)
{
	struct buf text;

	memcpy(s->etag, copy->etag, sizeof(s->etag));
	set_partners(l, s, copy->partners, copy->fetched);
	buf_init(&text, ERROR_MAX);
	describe(copy->partners, &text);
	buf_adds(&text, "; from the copy of ");
	clock_add_time(&text, copy->fetched);
	say(LOG_INFO, s, &text);
	buf_clear(&text);
}

/* The copy is of no use: it goes, and the list is fetched. */
static void drop_copy(struct lists *l, const struct slot *s, int priority,
    const char *why)
{
	struct buf text;

	buf_init(&text, ERROR_MAX);
	buf_addf(&text, "the copy in %s/%s is not used and removed: %s",
	    l->state_dir, LISTCOPY_FOLDER, why);
	say(priority, s, &text);
	buf_clear(&text);
	(void)listcopy_remove(l->state_dir, s->name);
}

static void open_copy(struct lists *l, struct slot *s)
{
	enum listcopy_state state;
	struct listcopy copy;
	struct buf err;

	buf_init(&err, ERROR_MAX);
	state = listcopy_open(l->state_dir, s->name, s->url, &copy, &err);
	switch (state) {
	case LISTCOPY_GOOD:
		take_copy(l, s, &copy);
		break;
	case LISTCOPY_NONE:
		break;
	case LISTCOPY_OTHER:
		drop_copy(l, s, LOG_NOTICE, buf_str(&err));
		break;
	case LISTCOPY_DAMAGED:
		drop_copy(l, s, LOG_WARNING, buf_str(&err));
		break;
	case LISTCOPY_FAILED:
		log_err(NULL, "list \"%s\": the copy in %s/%s is not used: "
		    "%s", s->name, l->state_dir, LISTCOPY_FOLDER,
		    buf_str(&err));
		break;
	}
	buf_clear(&err);
}

static void log_removed(void *arg, const char *path)
{
	(void)arg;
	log_notice(NULL, "removed %s, which belongs to no list from a URL",
	    path);
}

static void sweep(struct lists *l)
{
	const char *names[LISTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->slots[i]->url)
			names[n++] = l->slots[i]->name;
	listcopy_sweep(l->state_dir, names, n, log_removed, NULL);
}

/* ---- configuration ----------------------------------------------------- */

static struct slot *slot_new(const struct conf_list *c, int64_t now)
{
	struct slot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	buf_init(&s->error, ERROR_MAX);
	s->name = strdup(c->name);
	s->url = c->url ? strdup(c->url) : NULL;
	s->since = now;
	if (s->name && (s->url || !c->url))
		return s;
	slot_free(s);
	return NULL;
}

/* True when the slot is of the same list. */
static bool is_of(const struct slot *s, const struct conf_list *c)
{
	if (!s || !s->url != !c->url)
		return false;
	return !s->url || strcmp(s->url, c->url) == 0;
}

/* Make the new slots; those that stay move over from the old ones. False,
 * and nothing changed, when out of memory. */
static bool make_slots(struct lists *l, const struct conf *conf, int64_t now,
    struct slot **slots, bool *is_new)
{
	for (size_t i = 0; i < conf->lists_n; i++) {
		struct slot *old = find(l, conf->lists[i].name);

		is_new[i] = !is_of(old, &conf->lists[i]);
		slots[i] = is_new[i] ? slot_new(&conf->lists[i], now) : old;
		if (slots[i])
			continue;
		while (i-- > 0)
			if (is_new[i])
				slot_free(slots[i]);
		return false;
	}
	return true;
}

/* What changes when a list is new, or its interval is another. */
static void set_up(struct lists *l, struct slot *s,
    const struct conf_list *c, bool is_new, int64_t now)
{
	int64_t next;

	s->refresh = c->refresh;
	if (!s->url) {
		set_partners(l, s, partners_ref(c->partners), 0);
		return;
	}
	if (is_new)
		open_copy(l, s);
	next = s->fetched && s->fetched <= now ?
	    s->fetched + with_jitter(s->refresh) : now;
	if (is_new || next < s->next)
		set_next(l, s, next);
}

void lists_set_conf(struct lists *l, const struct conf *conf, int64_t now)
{
	struct slot *slots[LISTS_MAX] = { NULL }, *old[LISTS_MAX];
	size_t old_n = l->n;
	bool is_new[LISTS_MAX];

	if (conf->lists_n > LISTS_MAX ||
	    !make_slots(l, conf, now, slots, is_new)) {
		log_err("lists", "out of memory: the lists stay as they "
		    "were");
		return;
	}
	memcpy(old, l->slots, sizeof(old));
	for (size_t i = 0; i < conf->lists_n; i++)
		set_up(l, slots[i], &conf->lists[i], is_new[i], now);
	pthread_mutex_lock(&l->lock);
	memcpy(l->slots, slots, sizeof(slots));
	l->n = conf->lists_n;
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < old_n; i++)
		if (find(l, old[i]->name) != old[i])
			slot_free(old[i]);
	sweep(l);
}

struct lists *lists_new(const char *state_dir)
{
	struct lists *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->state_dir = strdup(state_dir);
	if (!l->state_dir) {
		free(l);
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void lists_free(struct lists *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		slot_free(l->slots[i]);
	pthread_mutex_destroy(&l->lock);
	free(l->state_dir);
	free(l);
}

/* ---- who is listed ----------------------------------------------------- */

/* Take a reference of each list in force; where there is none, say in
 * listed what that means. */
static void take_all(struct lists *l, const struct conf *conf, int64_t now,
    struct partners **partners, struct listed *listed)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < conf->lists_n; i++) {
		struct slot *s = find(l, conf->lists[i].name);
		struct partners *p = conf->lists[i].partners;

		if (!p && s)
			p = s->partners;
		partners[i] = p ? partners_ref(p) : NULL;
		if (!p && !(s && now > s->since + WAIT_LIMIT))
			listed[i].mode = LISTED_UNKNOWN;
	}
	pthread_mutex_unlock(&l->lock);
}

void lists_find(struct lists *l, const struct conf *conf, const char *domain,
    int64_t now, struct listed listed_r[LISTS_MAX])
{
	struct partners *partners[LISTS_MAX];
	struct partner found;

	memset(listed_r, 0, LISTS_MAX * sizeof(*listed_r));
	take_all(l, conf, now, partners, listed_r);
	for (size_t i = 0; i < conf->lists_n; i++) {
		if (partners[i] && partners_find(partners[i], domain, now,
		    &found)) {
			listed_r[i].mode = found.mode == PARTNER_ENFORCE ?
			    LISTED_ENFORCE : LISTED_TESTING;
			listed_r[i].min_version = found.min_version;
		}
		partners_unref(partners[i]);
	}
}

struct partners *lists_partner(struct lists *l, const struct conf *conf,
    const char *domain, int64_t now, struct partner *partner_r,
    size_t *index_r)
{
	struct partners *partners[LISTS_MAX], *owner = NULL;
	struct listed ignored[LISTS_MAX];
	struct partner found;

	take_all(l, conf, now, partners, ignored);
	for (size_t i = 0; i < conf->lists_n; i++) {
		if (!owner && partners[i] && partners_find(partners[i],
		    domain, now, &found) && found.mode == PARTNER_ENFORCE) {
			owner = partners[i];
			*partner_r = found;
			*index_r = i;
		} else {
			partners_unref(partners[i]);
		}
	}
	return owner;
}

/* ---- status ------------------------------------------------------------ */

static json_t *time_or_null(int64_t wall)
{
	struct buf text;
	json_t *o;

	if (!wall)
		return json_null();
	buf_init(&text, 40);
	clock_add_time(&text, wall);
	o = json_string(buf_str(&text));
	buf_clear(&text);
	return o;
}

/* Called with the lock; s may be NULL. */
static json_t *list_json(const struct conf_list *c, const struct slot *s)
{
	const struct partners *p = c->partners;
	const char *error = s && s->error.len ? buf_str(&s->error) : NULL;

	if (!p && s)
		p = s->partners;
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "name", c->name, "source", c->url ? c->url : c->file,
	    "domains", p ? json_integer((json_int_t)partners_count(p)) :
	    json_null(),
	    "timestamp", time_or_null(p ? partners_timestamp(p) : 0),
	    "expires", time_or_null(p ? partners_expires(p) : 0),
	    "fetched", time_or_null(s ? s->fetched : 0),
	    "next", time_or_null(s && s->url ? s->next : 0),
	    "error", error ? control_string(error) : json_null());
}

json_t *lists_json(struct lists *l, const struct conf *conf)
{
	json_t *array = json_array();

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < conf->lists_n; i++)
		json_array_append_new(array, list_json(&conf->lists[i],
		    find(l, conf->lists[i].name)));
	pthread_mutex_unlock(&l->lock);
	return array;
}

/* ---- fetching ---------------------------------------------------------- */

bool lists_due(const struct lists *l, int64_t now, struct list_job *job_r)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct slot *s = l->slots[i];

		/* A clock set back must not put it off for long. */
		if (!s->url || (now < s->next &&
		    s->next <= now + s->refresh + PAUSE_MAX))
			continue;
		*job_r = (struct list_job){ s->name, s->url, s->etag };
		return true;
	}
	return false;
}

bool lists_hurry(struct lists *l, const char *name, int64_t now)
{
	struct slot *s = find(l, name);

	if (!s || !s->url)
		return false;
	set_next(l, s, now);
	return true;
}

struct listcopy_writer *lists_begin_copy(struct lists *l,
    const struct list_job *job, const char *etag, struct buf *err)
{
	return listcopy_begin(l->state_dir, job->name, job->url, etag, err);
}

/* Keep a failure for `status`, as text that is safe to show: what the
 * resolver says may be a peer's. */
static void set_error(struct lists *l, struct slot *s, const char *why)
{
	pthread_mutex_lock(&l->lock);
	buf_reset(&s->error);
	while (*why) {
		size_t n = str_utf8_text_len(why, strlen(why));

		buf_add(&s->error, why, n);
		why += n;
		if (*why) {
			buf_addc(&s->error, '?');
			why++;
		}
	}
	pthread_mutex_unlock(&l->lock);
}

void lists_failed(struct lists *l, const char *name, const char *why,
    int64_t now, struct buf *said)
{
	struct slot *s = find(l, name);
	int64_t pause;

	if (!s)
		return;
	set_error(l, s, why);
	pause = lists_pause(++s->failures, s->refresh);
	set_next(l, s, now + pause);
	s->lost = false;
	buf_addf(said, "not %s: %s", s->partners ? "replaced" : "loaded",
	    buf_str(&s->error));
	log_warn(NULL, "list \"%s\": %s; %s, next try in %d minutes", name,
	    buf_str(said), s->partners ? "the list held stays" :
	    "nobody is listed", (int)(pause / 60));
}

bool lists_lost(struct lists *l, const char *name, int64_t now,
    struct buf *said)
{
	struct slot *s = find(l, name);

	if (!s)
		return true;
	if (s->lost) {
		lists_failed(l, name, "the resolver ended twice while it "
		    "worked on it", now, said);
		return false;
	}
	s->lost = true;
	set_next(l, s, now + PAUSE_LOST);
	return true;
}

/* The list held is what the server has. */
static void keep_held(struct lists *l, struct slot *s, int64_t now,
    struct buf *said)
{
	listcopy_touch(l->state_dir, s->name);
	set_partners(l, s, partners_ref(s->partners), now);
	set_next(l, s, now + with_jitter(s->refresh));
	buf_adds(said, "unchanged, ");
	describe(s->partners, said);
	say(LOG_INFO, s, said);
}

bool lists_unchanged(struct lists *l, const char *name, int64_t now,
    struct buf *said)
{
	struct slot *s = find(l, name);
	const char *why = NULL;

	if (!s)
		return false;
	if (!s->partners)
		why = "the server says that nothing changed, but no list is "
		    "held";
	else if (partners_expires(s->partners) <= now)
		why = "the server has no other than the list held, which has "
		    "expired";
	if (why)
		lists_failed(l, name, why, now, said);
	else
		keep_held(l, s, now, said);
	return !why;
}

/* Why a list may not replace the one held; NULL if it may. */
static const char *refusal(enum lists_verdict verdict)
{
	switch (verdict) {
	case LISTS_NEWER:
	case LISTS_SAME:
		break;
	case LISTS_OLDER:
		return "the server sent an older list";
	case LISTS_CHANGED:
		return "the server sent another list with the same timestamp";
	case LISTS_EXPIRED:
		return "the server sent a list that has expired";
	case LISTS_FUTURE:
		return "the server sent a list from the future";
	}
	return NULL;
}

/* A new list is whole and good, and may replace the one held. */
static bool replace(struct lists *l, struct slot *s,
    struct listcopy_writer *w, struct listcopy *copy, int64_t now,
    struct buf *said)
{
	struct buf err;
	bool kept;

	buf_init(&err, ERROR_MAX);
	kept = listcopy_commit(w, &err);
	if (kept) {
		memcpy(s->etag, copy->etag, sizeof(s->etag));
		set_partners(l, s, copy->partners, now);
		set_next(l, s, now + with_jitter(s->refresh));
		s->warned = 0;
		describe(copy->partners, said);
		say(LOG_INFO, s, said);
	} else {
		partners_unref(copy->partners);
		lists_failed(l, s->name, buf_str(&err), now, said);
	}
	buf_clear(&err);
	return kept;
}

/* Append why a list is refused, with the times that tell. */
static void add_refusal(const struct slot *s, const struct partners *new,
    enum lists_verdict verdict, struct buf *out)
{
	buf_addf(out, "%s: %s (timestamp ", s->url, refusal(verdict));
	clock_add_time(out, partners_timestamp(new));
	if (s->partners) {
		buf_adds(out, ", held ");
		clock_add_time(out, partners_timestamp(s->partners));
	}
	buf_adds(out, ", valid until ");
	clock_add_time(out, partners_expires(new));
	buf_addc(out, ')');
}

bool lists_take(struct lists *l, const char *name,
    struct listcopy_writer *w, int64_t now, struct buf *said)
{
	struct slot *s = find(l, name);
	enum lists_verdict verdict = LISTS_EXPIRED;
	struct listcopy copy = { .partners = NULL };
	struct buf err;

	if (!s || !s->url) {
		listcopy_abort(w);
		return false;
	}
	buf_init(&err, ERROR_MAX);
	if (listcopy_check(w, &copy, &err)) {
		verdict = lists_judge(s->partners, copy.partners, now);
		if (refusal(verdict))
			add_refusal(s, copy.partners, verdict, &err);
	}
	if (verdict == LISTS_NEWER) {
		buf_clear(&err);
		return replace(l, s, w, &copy, now, said);
	}
	listcopy_abort(w);
	if (verdict == LISTS_SAME) {
		memcpy(s->etag, copy.etag, sizeof(s->etag));
		keep_held(l, s, now, said);
	} else {
		lists_failed(l, name, buf_str(&err), now, said);
	}
	partners_unref(copy.partners);
	buf_clear(&err);
	return verdict == LISTS_SAME;
}

/* ---- the end of a list ------------------------------------------------- */

static void warn_of(struct slot *s, int64_t now)
{
	int64_t expires = s->partners ? partners_expires(s->partners) : 0;
	bool today = now < s->warned + DAY && now >= s->warned;
	bool news = now >= expires && s->warned < expires;
	struct buf text;

	if (!s->partners || now < expires - WARN_BEFORE || (today && !news))
		return;
	s->warned = now;
	buf_init(&text, ERROR_MAX);
	buf_addf(&text, now < expires ? "expires soon, at " : "expired at ");
	clock_add_time(&text, expires);
	buf_adds(&text, now < expires ? ": then nobody is listed" :
	    ": nobody is listed any more");
	say(now < expires ? LOG_WARNING : LOG_ERR, s, &text);
	buf_clear(&text);
}

void lists_warn(struct lists *l, int64_t now)
{
	for (size_t i = 0; i < l->n; i++)
		warn_of(l->slots[i], now);
}
