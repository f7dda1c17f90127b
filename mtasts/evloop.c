/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "mtasts/evloop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "util/clock.h"

#define BATCH 64
#define NOT_SET SIZE_MAX

struct evio {
	struct evloop *loop;
	int fd;
	unsigned events;
	evio_fn *fn;
	void *arg;
};

struct evtimer {
	struct evloop *loop;
	int64_t due;
	uint64_t seq;		/* equal times fire in the order set */
	size_t index;		/* in the heap; NOT_SET when stopped */
	evtimer_fn *fn;
	void *arg;
};

struct evloop {
	int epfd;
	/* What the current evloop_process() still has to call; a watch that
	 * is freed meanwhile is taken out. */
	struct epoll_event batch[BATCH];
	int batch_n;
	struct evtimer **heap;
	size_t heap_n;
	size_t heap_size;	/* never less than timers */
	size_t timers;
	uint64_t seq;
};

struct evloop *evloop_new(void)
{
	struct evloop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void evloop_free(struct evloop *l)
{
	if (!l)
		return;
	close(l->epfd);
	free(l->heap);
	free(l);
}

int evloop_fd(const struct evloop *l)
{
	return l->epfd;
}

/* ---- descriptors ------------------------------------------------------- */

static uint32_t to_epoll(unsigned events)
{
	return (events & EVLOOP_READ ? (uint32_t)EPOLLIN : 0) |
	    (events & EVLOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

static bool epoll_change(struct evio *io, int op, unsigned events)
{
	struct epoll_event ev = {
		.events = to_epoll(events), .data.ptr = io,
	};

	return epoll_ctl(io->loop->epfd, op, io->fd, &ev) == 0;
}

bool evio_set(struct evio *io, unsigned events)
{
	if (events == io->events)
		return true;
	if (!events) {
		/* Fails harmlessly if the descriptor is closed already. */
		epoll_change(io, EPOLL_CTL_DEL, 0);
		io->events = 0;
		return true;
	}
	if (!epoll_change(io, io->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
	    events))
		return false;
	io->events = events;
	return true;
}

struct evio *evio_new(struct evloop *l, int fd, unsigned events, evio_fn *fn,
    void *arg)
{
	struct evio *io = malloc(sizeof(*io));

	if (!io)
		return NULL;
	*io = (struct evio){ .loop = l, .fd = fd, .fn = fn, .arg = arg };
	if (!evio_set(io, events)) {
		free(io);
		return NULL;
	}
	return io;
}

void evio_free(struct evio *io)
{
	if (!io)
		return;
	evio_set(io, 0);
	for (int i = 0; i < io->loop->batch_n; i++)
		if (io->loop->batch[i].data.ptr == io)
			io->loop->batch[i].data.ptr = NULL;
	free(io);
}

static void call_io(const struct epoll_event *ev)
{
	struct evio *io = ev->data.ptr;
	unsigned events = 0;

	if (!io)
		return;
	if (ev->events & EPOLLIN)
		events |= EVLOOP_READ;
	if (ev->events & EPOLLOUT)
		events |= EVLOOP_WRITE;
	if (ev->events & (EPOLLERR | EPOLLHUP))
		events |= io->events;
	events &= io->events;
	if (events)
		io->fn(io->arg, io->fd, events);
}

/* ---- timers: a binary heap --------------------------------------------- */

static bool earlier(const struct evtimer *a, const struct evtimer *b)
{
	return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void heap_put(struct evloop *l, size_t i, struct evtimer *t)
{
	l->heap[i] = t;
	t->index = i;
}

/* Find the place of t for the empty slot i. */
static void heap_settle(struct evloop *l, size_t i, struct evtimer *t)
{
	while (i > 0 && earlier(t, l->heap[(i - 1) / 2])) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < l->heap_n &&
		    earlier(l->heap[child + 1], l->heap[child]))
			child++;
		if (child >= l->heap_n || !earlier(l->heap[child], t))
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

static void heap_remove(struct evtimer *t)
{
	struct evloop *l = t->loop;
	struct evtimer *last;
	size_t i = t->index;

	if (i == NOT_SET)
		return;
	t->index = NOT_SET;
	last = l->heap[--l->heap_n];
	if (last != t)
		heap_settle(l, i, last);
}

/* Room for every timer there is, so that setting one cannot fail. */
static bool heap_reserve(struct evloop *l)
{
	size_t size = l->heap_size ? l->heap_size * 2 : 64;
	struct evtimer **heap;

	if (l->timers < l->heap_size)
		return true;
	heap = realloc(l->heap, size * sizeof(*heap));
	if (!heap)
		return false;
	l->heap = heap;
	l->heap_size = size;
	return true;
}

struct evtimer *evtimer_new(struct evloop *l, evtimer_fn *fn, void *arg)
{
	struct evtimer *t = malloc(sizeof(*t));

	if (!t || !heap_reserve(l)) {
		free(t);
		return NULL;
	}
	*t = (struct evtimer){
		.loop = l, .index = NOT_SET, .fn = fn, .arg = arg,
	};
	l->timers++;
	return t;
}

void evtimer_set(struct evtimer *t, int64_t ms)
{
	struct evloop *l = t->loop;

	heap_remove(t);
	if (ms < 0)
		return;
	t->due = clock_mono_ms() + ms;
	t->seq = ++l->seq;
	heap_settle(l, l->heap_n++, t);
}

void evtimer_free(struct evtimer *t)
{
	if (!t)
		return;
	heap_remove(t);
	t->loop->timers--;
	free(t);
}

int evloop_timeout(const struct evloop *l)
{
	int64_t left;

	if (!l->heap_n)
		return -1;
	left = l->heap[0]->due - clock_mono_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Fire what is due; a timer set meanwhile waits for the next time. */
static void call_timers(struct evloop *l)
{
	int64_t now = clock_mono_ms();
	uint64_t seq = l->seq;

	while (l->heap_n && l->heap[0]->due <= now && l->heap[0]->seq <= seq) {
		struct evtimer *t = l->heap[0];

		heap_remove(t);
		t->fn(t->arg);
	}
}

void evloop_process(struct evloop *l)
{
	int n = epoll_wait(l->epfd, l->batch, BATCH, 0);

	l->batch_n = n > 0 ? n : 0;
	for (int i = 0; i < l->batch_n; i++)
		call_io(&l->batch[i]);
	l->batch_n = 0;
	call_timers(l);
}

void evloop_wait(struct evloop *l, int max_ms)
{
	struct pollfd p = { .fd = l->epfd, .events = POLLIN };
	int timeout = evloop_timeout(l);

	if (timeout < 0 || (max_ms >= 0 && max_ms < timeout))
		timeout = max_ms;
	poll(&p, 1, timeout);
	evloop_process(l);
}
