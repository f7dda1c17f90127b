/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "util/clock.h"
#include "util/loop.h"

/* What the callbacks of one test saw and may touch. */
struct scene {
	struct loop *loop;
	struct loop_io *io;
	struct loop_timer *timer, *other;
	unsigned count;
	char seen[16];
};

static void stop_cb(void *arg)
{
	loop_stop(((struct scene *)arg)->loop);
}

/* A generous end for a loop that should have stopped by itself. */
static void guard_cb(void *arg)
{
	struct scene *s = arg;

	CU_FAIL("the loop did not stop by itself");
	loop_stop(s->loop);
}

static void run_guarded(struct scene *s)
{
	struct loop_timer *guard = loop_timer_new(s->loop, guard_cb, s);

	loop_timer_set(guard, 20000);
	loop_run(s->loop);
	loop_timer_free(guard);
}

static void read_cb(void *arg, int fd, unsigned events)
{
	struct scene *s = arg;

	CU_ASSERT(events & LOOP_READ);
	CU_ASSERT_EQUAL(read(fd, s->seen + s->count, 1), 1);
	s->count++;
	if (s->count == 3) {
		loop_io_free(s->io);
		s->io = NULL;
		loop_stop(s->loop);
	}
}

static void a_watch_reports_until_freed_in_its_callback(void)
{
	struct scene s = { .loop = loop_new() };
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	s.io = loop_io_new(s.loop, fds[0], LOOP_READ, read_cb, &s);
	CU_ASSERT_EQUAL(write(fds[1], "abcd", 4), 4);
	run_guarded(&s);
	CU_ASSERT_EQUAL(s.count, 3);
	CU_ASSERT_STRING_EQUAL(s.seen, "abc");
	CU_ASSERT_PTR_NULL(s.io);
	loop_free(s.loop);
	close(fds[0]);
	close(fds[1]);
}

static void write_cb(void *arg, int fd, unsigned events)
{
	struct scene *s = arg;

	(void)fd;
	CU_ASSERT_EQUAL(events, LOOP_WRITE);
	s->count++;
	CU_ASSERT(loop_io_set(s->io, 0));
}

static void a_paused_watch_is_silent(void)
{
	struct scene s = { .loop = loop_new() };
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	s.io = loop_io_new(s.loop, fds[1], 0, write_cb, &s);
	s.timer = loop_timer_new(s.loop, stop_cb, &s);
	loop_timer_set(s.timer, 20);
	run_guarded(&s);
	CU_ASSERT_EQUAL(s.count, 0);
	CU_ASSERT(loop_io_set(s.io, LOOP_WRITE));
	loop_timer_set(s.timer, 20);
	run_guarded(&s);
	CU_ASSERT_EQUAL(s.count, 1);
	loop_timer_free(s.timer);
	loop_io_free(s.io);
	loop_free(s.loop);
	close(fds[0]);
	close(fds[1]);
}

static void again_cb(void *arg)
{
	struct scene *s = arg;

	s->seen[s->count++] = 't';
	if (s->count < 3) {
		loop_timer_set(s->timer, 1);
		return;
	}
	loop_timer_free(s->timer);
	s->timer = NULL;
	loop_timer_free(s->other);
	loop_stop(s->loop);
}

static void timers_run_once_for_each_set(void)
{
	struct scene s = { .loop = loop_new() };
	int64_t start = clock_mono_ms();

	s.timer = loop_timer_new(s.loop, again_cb, &s);
	s.other = loop_timer_new(s.loop, guard_cb, &s);
	loop_timer_set(s.timer, 60000);
	loop_timer_set(s.timer, 10);
	loop_timer_set(s.other, 1);
	loop_timer_set(s.other, -1);
	run_guarded(&s);
	CU_ASSERT_EQUAL(s.count, 3);
	CU_ASSERT(clock_mono_ms() - start >= 10);
	loop_free(s.loop);
}

static void signal_seen(void *arg, int signo)
{
	struct scene *s = arg;

	CU_ASSERT_EQUAL(signo, SIGUSR1);
	s->count++;
	loop_stop(s->loop);
}

static void a_signal_runs_in_the_loop(void)
{
	struct scene s = { .loop = loop_new() };
	struct loop_signal *sig =
	    loop_signal_new(s.loop, SIGUSR1, signal_seen, &s);

	raise(SIGUSR1);
	CU_ASSERT_EQUAL(s.count, 0);
	run_guarded(&s);
	CU_ASSERT_EQUAL(s.count, 1);
	loop_signal_free(sig);
	loop_free(s.loop);
}

static void woken_cb(void *arg)
{
	struct scene *s = arg;

	if (++s->count == 1)
		loop_wake(s->loop);
	else
		loop_stop(s->loop);
}

static void *waker(void *arg)
{
	loop_wake(arg);
	return NULL;
}

static void another_thread_wakes_the_loop(void)
{
	struct scene s = { .loop = loop_new() };
	pthread_t thread;

	loop_set_wake(s.loop, woken_cb, &s);
	CU_ASSERT_EQUAL_FATAL(
	    pthread_create(&thread, NULL, waker, s.loop), 0);
	run_guarded(&s);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(s.count, 2);
	loop_free(s.loop);
}

static const struct unit_test tests[] = {
	{ "a watch reports until freed in its callback",
	    a_watch_reports_until_freed_in_its_callback },
	{ "a paused watch is silent", a_paused_watch_is_silent },
	{ "timers run once for each set", timers_run_once_for_each_set },
	{ "a signal runs in the loop", a_signal_runs_in_the_loop },
	{ "another thread wakes the loop", another_thread_wakes_the_loop },
};

UNIT_MAIN("loop", tests)
