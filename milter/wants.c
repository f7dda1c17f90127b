/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/wants.h"

#include <sys/random.h>

#define TABLE 16384		/* power of two */
#define COOLING_MAX 4096
#define MILLI 1000

const char *want_queue_name(enum want_queue q)
{
	static const char *const names[QUEUES] = { "calls", "hosted",
		"outbound", "recipients", "senders", "refresh" };

	return names[q];
}

bool wants_init(struct wants *w, const struct want_limits limits[QUEUES])
{
	memset(w, 0, sizeof(*w));
	w->table = calloc(TABLE, sizeof(struct want *));
	if (!w->table)
		return false;
	/* Peers choose the names; the seed keeps them from choosing the
	 * bucket. Without one the table is only slower. */
	if (getrandom(&w->seed, sizeof(w->seed), GRND_NONBLOCK) < 0)
		w->seed = (uint64_t)(uintptr_t)w->table;
	memcpy(w->limits, limits, sizeof(w->limits));
	for (size_t q = 0; q < QUEUES; q++) {
		w->buckets[q].level = (int64_t)limits[q].burst * MILLI;
		TAILQ_INIT(&w->queued[q]);
	}
	TAILQ_INIT(&w->asked);
	TAILQ_INIT(&w->answered);
	TAILQ_INIT(&w->cooling);
	pthread_mutex_init(&w->lock, NULL);
	return true;
}

/* ---- the table; with the lock held ------------------------------------- */

static struct want **bucket(struct wants *w, const char *domain)
{
	uint64_t h = w->seed;

	for (const char *p = domain; *p; p++) {
		h ^= (unsigned char)*p;
		h *= UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 29;
	}
	return &w->table[h & (TABLE - 1)];
}

static struct want *find(struct wants *w, const char *domain)
{
	struct want *want = *bucket(w, domain);

	while (want && strcmp(want->domain, domain) != 0)
		want = want->chain;
	return want;
}

/* The list an entry stands in, and the number to keep with it. */
static struct want_list *list_of(struct wants *w, const struct want *want,
    size_t **count_r)
{
	switch (want->state) {
	case WANT_QUEUED:
		*count_r = &w->n.queued[want->queue];
		return &w->queued[want->queue];
	case WANT_ASKED:
		*count_r = &w->n.asked[want->asked_queue];
		return &w->asked;
	case WANT_ANSWERED:
		*count_r = &w->n.answered;
		return &w->answered;
	case WANT_COOLING:
		break;
	}
	*count_r = &w->n.cooling;
	return &w->cooling;
}

static void leave(struct wants *w, struct want *want)
{
	size_t *count;
	struct want_list *list = list_of(w, want, &count);

	TAILQ_REMOVE(list, want, entry);
	--*count;
}

static void enter(struct wants *w, struct want *want, enum want_state state,
    bool at_head)
{
	struct want_list *list;
	size_t *count;

	want->state = state;
	list = list_of(w, want, &count);
	if (at_head)
		TAILQ_INSERT_HEAD(list, want, entry);
	else
		TAILQ_INSERT_TAIL(list, want, entry);
	++*count;
}

static void move(struct wants *w, struct want *want, enum want_state state,
    bool at_head)
{
	leave(w, want);
	enter(w, want, state, at_head);
}

static struct want *insert(struct wants *w, const char *domain,
    enum want_queue queue, int64_t now)
{
	size_t size = strlen(domain) + 1;
	struct want *want = calloc(1, sizeof(*want) + size);
	struct want **head;

	if (!want)
		return NULL;
	memcpy(want->domain, domain, size);
	want->queue = queue;
	want->since = now;
	head = bucket(w, domain);
	want->chain = *head;
	*head = want;
	enter(w, want, WANT_QUEUED, false);
	return want;
}

static void drop(struct wants *w, struct want *want)
{
	struct want **p = bucket(w, want->domain);

	while (*p != want)
		p = &(*p)->chain;
	*p = want->chain;
	leave(w, want);
	free(want);
}

/* One more reason to learn a domain that is outstanding already. */
static void merge(struct wants *w, struct want *want, enum want_queue queue,
    unsigned flags)
{
	want->flags |= flags;
	w->n.coalesced++;
	if (queue >= want->queue)
		return;
	if (want->state != WANT_QUEUED) {
		want->queue = queue;
		return;
	}
	leave(w, want);
	want->queue = queue;
	enter(w, want, WANT_QUEUED, false);
}

/* ---- any thread -------------------------------------------------------- */

static bool add(struct wants *w, const char *domain, enum want_queue queue,
    unsigned flags, int64_t now)
{
	struct want *want = find(w, domain);

	w->n.wanted++;
	if (want) {
		merge(w, want, queue, flags);
		return false;
	}
	if (w->n.queued[queue] < w->limits[queue].bound)
		want = insert(w, domain, queue, now);
	if (!want) {
		w->n.dropped[queue]++;
		return false;
	}
	want->flags = flags;
	return true;
}

bool wants_add(struct wants *w, const char *domain, enum want_queue queue,
    unsigned flags, int64_t now)
{
	bool added;

	if (!*domain || strlen(domain) >= WANT_NAME_SIZE)
		return false;
	pthread_mutex_lock(&w->lock);
	added = add(w, domain, queue, flags, now);
	pthread_mutex_unlock(&w->lock);
	return added;
}

int64_t wants_waiting(struct wants *w, const char *domain, int64_t now)
{
	const struct want *want;
	int64_t seconds = 0;

	pthread_mutex_lock(&w->lock);
	want = find(w, domain);
	if (want && want->state == WANT_COOLING)
		seconds = WANTS_GIVEN_UP;
	else if (want)
		seconds = now > want->since ? now - want->since : 1;
	pthread_mutex_unlock(&w->lock);
	return seconds;
}

void wants_counts(struct wants *w, struct want_counts *n_r)
{
	pthread_mutex_lock(&w->lock);
	*n_r = w->n;
	pthread_mutex_unlock(&w->lock);
}

/* ---- owner ------------------------------------------------------------- */

struct want *wants_get(struct wants *w, const char *domain,
    enum want_queue queue, unsigned flags, int64_t now)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	want = find(w, domain);
	if (!want)
		want = insert(w, domain, queue, now);
	else
		merge(w, want, queue, flags);
	if (want) {
		want->flags |= flags;
		if (want->state == WANT_COOLING ||
		    want->state == WANT_ANSWERED)
			move(w, want, WANT_QUEUED, false);
	}
	pthread_mutex_unlock(&w->lock);
	return want;
}

/* Fill by the time that passed; true when one question may be asked. Else
 * *wait_r is lowered to when one may. */
static bool rate_allows(const struct want_limits *limits,
    struct want_bucket *b, int64_t mono_ms, int64_t *wait_r)
{
	int64_t max = (int64_t)limits->burst * MILLI, wait;

	if (limits->rate == 0)
		return true;
	if (mono_ms > b->filled) {
		int64_t passed = mono_ms - b->filled;

		/* Beyond a burst's worth of time nothing is gained. */
		if (passed > max / limits->rate)
			b->level = max;
		else
			b->level += passed * limits->rate;
		if (b->level > max)
			b->level = max;
		b->filled = mono_ms;
	}
	if (b->level >= MILLI)
		return true;
	wait = (MILLI - b->level) / limits->rate + 1;
	if (*wait_r < 0 || wait < *wait_r)
		*wait_r = wait;
	return false;
}

/* Charge the rate of the queue it stands in, or pay back. */
static void charge(struct wants *w, enum want_queue queue, int64_t milli)
{
	if (w->limits[queue].rate)
		w->buckets[queue].level -= milli;
}

static void take(struct wants *w, struct want *want, int64_t deadline)
{
	charge(w, want->queue, MILLI);
	leave(w, want);
	want->asked_queue = want->queue;
	want->asked_flags = want->flags;
	want->flags = 0;
	want->deadline = deadline;
	enter(w, want, WANT_ASKED, false);
}

struct want *wants_take(struct wants *w, int64_t mono_ms, int64_t deadline,
    int64_t *wait_r)
{
	struct want *want = NULL;
	int64_t wait = -1;

	pthread_mutex_lock(&w->lock);
	for (size_t q = 0; q < QUEUES && !want; q++) {
		if (TAILQ_EMPTY(&w->queued[q]) ||
		    w->n.asked[q] >= w->limits[q].asked)
			continue;
		if (rate_allows(&w->limits[q], &w->buckets[q], mono_ms, &wait))
			want = TAILQ_FIRST(&w->queued[q]);
	}
	if (want)
		take(w, want, deadline);
	pthread_mutex_unlock(&w->lock);
	if (!want)
		*wait_r = wait;
	return want;
}

void wants_untake(struct wants *w, struct want *want)
{
	pthread_mutex_lock(&w->lock);
	charge(w, want->asked_queue, -MILLI);
	want->flags |= want->asked_flags;
	move(w, want, WANT_QUEUED, true);
	pthread_mutex_unlock(&w->lock);
}

/* Queue it again if it was wanted for more than was satisfied. */
static bool again(struct wants *w, struct want *want, unsigned satisfied)
{
	if (!(want->flags & ~satisfied & (WANT_MX | WANT_REFETCH)))
		return false;
	want->flags |= WANT_LOOK;
	move(w, want, WANT_QUEUED, true);
	return true;
}

void wants_known(struct wants *w, struct want *want)
{
	pthread_mutex_lock(&w->lock);
	charge(w, want->asked_queue, -MILLI);
	if (!again(w, want, want->asked_flags))
		drop(w, want);
	pthread_mutex_unlock(&w->lock);
}

bool wants_answered(struct wants *w, struct want *want)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	done = !again(w, want, want->brings);
	if (done)
		move(w, want, WANT_ANSWERED, false);
	pthread_mutex_unlock(&w->lock);
	return done;
}

bool wants_committed(struct wants *w, struct want *want)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	done = !again(w, want, want->brings);
	if (done)
		drop(w, want);
	pthread_mutex_unlock(&w->lock);
	return done;
}

unsigned wants_flags(struct wants *w, const struct want *want)
{
	unsigned flags;

	pthread_mutex_lock(&w->lock);
	flags = want->flags | want->asked_flags;
	pthread_mutex_unlock(&w->lock);
	return flags;
}

void wants_cool(struct wants *w, struct want *want, int64_t deadline)
{
	pthread_mutex_lock(&w->lock);
	want->deadline = deadline;
	move(w, want, WANT_COOLING, false);
	if (w->n.cooling > COOLING_MAX)
		drop(w, TAILQ_FIRST(&w->cooling));
	pthread_mutex_unlock(&w->lock);
}

void wants_drop(struct wants *w, struct want *want)
{
	pthread_mutex_lock(&w->lock);
	drop(w, want);
	pthread_mutex_unlock(&w->lock);
}

struct want *wants_find_asked(struct wants *w, const char *domain,
    uint32_t seq)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	want = find(w, domain);
	if (want && (want->state != WANT_ASKED || want->seq != seq))
		want = NULL;
	pthread_mutex_unlock(&w->lock);
	return want;
}

/* Every question has the same time limit, so the first is the oldest. */
struct want *wants_overdue(struct wants *w, int64_t mono_ms)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	want = TAILQ_FIRST(&w->asked);
	if (want && want->deadline > mono_ms)
		want = NULL;
	pthread_mutex_unlock(&w->lock);
	return want;
}

struct want *wants_first_answered(struct wants *w)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	want = TAILQ_FIRST(&w->answered);
	pthread_mutex_unlock(&w->lock);
	return want;
}

static struct want *first(struct wants *w)
{
	struct want *want = TAILQ_FIRST(&w->asked);

	for (size_t q = 0; q < QUEUES && !want; q++)
		want = TAILQ_FIRST(&w->queued[q]);
	if (!want)
		want = TAILQ_FIRST(&w->answered);
	return want ? want : TAILQ_FIRST(&w->cooling);
}

struct want *wants_first(struct wants *w)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	want = first(w);
	pthread_mutex_unlock(&w->lock);
	return want;
}

/* From the youngest to the oldest, each to the head: the order stays. */
void wants_requeue_all(struct wants *w)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	while ((want = TAILQ_LAST(&w->asked, want_list))) {
		want->flags |= want->asked_flags;
		move(w, want, WANT_QUEUED, true);
	}
	pthread_mutex_unlock(&w->lock);
}

void wants_thaw(struct wants *w, int64_t mono_ms)
{
	struct want *want;

	pthread_mutex_lock(&w->lock);
	while ((want = TAILQ_FIRST(&w->cooling)) && want->deadline <= mono_ms)
		drop(w, want);
	pthread_mutex_unlock(&w->lock);
}

void wants_clear(struct wants *w)
{
	struct want *want;

	if (!w->table)
		return;
	while ((want = first(w)))
		drop(w, want);
	free(w->table);
	w->table = NULL;
	pthread_mutex_destroy(&w->lock);
}
