/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "util/loop.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loop {
	struct event_base *base;
	struct event *wake_ev;
	int wake_fd;
	atomic_bool woken;
	loop_wake_fn *wake_fn;
	void *wake_arg;
};

struct loop_io {
	struct event *ev;
	unsigned watched;	/* events that are added now */
	loop_io_fn *fn;
	void *arg;
};

struct loop_timer {
	struct event *ev;
	loop_timer_fn *fn;
	void *arg;
};

struct loop_signal {
	struct event *ev;
	loop_signal_fn *fn;
	void *arg;
};

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	eventfd_t value;

	(void)what;
	eventfd_read((int)fd, &value);
	atomic_store(&l->woken, false);
	if (l->wake_fn)
		l->wake_fn(l->wake_arg);
}

static struct event_base *base_new(void)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	if (!cfg)
		return NULL;
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->base = base_new();
	if (l->wake_fd >= 0 && l->base)
		l->wake_ev = event_new(l->base, l->wake_fd,
		    EV_READ | EV_PERSIST, wake_cb, l);
	if (!l->wake_ev || event_add(l->wake_ev, NULL) != 0) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->wake_ev)
		event_free(l->wake_ev);
	if (l->base)
		event_base_free(l->base);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	free(l);
}

void loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

struct event_base *loop_event_base(struct loop *l)
{
	return l->base;
}

/* The callback may free its watch: nothing is touched after the call. */
static void io_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;
	unsigned events = 0;

	if (what & EV_READ)
		events |= LOOP_READ;
	if (what & EV_WRITE)
		events |= LOOP_WRITE;
	io->fn(io->arg, (int)fd, events);
}

static short io_flags(unsigned events)
{
	return (short)(EV_PERSIST | (events & LOOP_READ ? EV_READ : 0) |
	    (events & LOOP_WRITE ? EV_WRITE : 0));
}

struct loop_io *loop_io_new(struct loop *l, int fd, unsigned events,
    loop_io_fn *fn, void *arg)
{
	struct loop_io *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	io->fn = fn;
	io->arg = arg;
	io->ev = event_new(l->base, fd, io_flags(events), io_cb, io);
	if (!io->ev || (events && event_add(io->ev, NULL) != 0)) {
		loop_io_free(io);
		return NULL;
	}
	io->watched = events;
	return io;
}

bool loop_io_set(struct loop_io *io, unsigned events)
{
	struct event_base *base;
	evutil_socket_t fd;

	if (io->watched == events)
		return true;
	base = event_get_base(io->ev);
	fd = event_get_fd(io->ev);
	event_del(io->ev);
	io->watched = 0;
	event_assign(io->ev, base, fd, io_flags(events), io_cb, io);
	if (events && event_add(io->ev, NULL) != 0)
		return false;
	io->watched = events;
	return true;
}

void loop_io_free(struct loop_io *io)
{
	if (!io)
		return;
	if (io->ev)
		event_free(io->ev);
	free(io);
}

static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;

	(void)fd;
	(void)what;
	t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn *fn,
    void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	t->ev = event_new(l->base, -1, 0, timer_cb, t);
	if (!t->ev) {
		free(t);
		return NULL;
	}
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	if (ms < 0)
		event_del(t->ev);
	else
		event_add(t->ev, &tv);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	event_free(t->ev);
	free(t);
}

static void signal_cb(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)what;
	s->fn(s->arg, (int)signo);
}

struct loop_signal *loop_signal_new(struct loop *l, int signo,
    loop_signal_fn *fn, void *arg)
{
	struct loop_signal *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fn = fn;
	s->arg = arg;
	s->ev = event_new(l->base, signo, EV_SIGNAL | EV_PERSIST, signal_cb,
	    s);
	if (!s->ev || event_add(s->ev, NULL) != 0) {
		loop_signal_free(s);
		return NULL;
	}
	return s;
}

void loop_signal_free(struct loop_signal *s)
{
	if (!s)
		return;
	if (s->ev)
		event_free(s->ev);
	free(s);
}

void loop_set_wake(struct loop *l, loop_wake_fn *fn, void *arg)
{
	l->wake_fn = fn;
	l->wake_arg = arg;
}

void loop_wake(struct loop *l)
{
	if (!atomic_exchange(&l->woken, true))
		eventfd_write(l->wake_fd, 1);
}
