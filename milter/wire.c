/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include "milter/wire.h"

#include <unistd.h>

#include "util/chan.h"
#include "util/loop.h"

#define QUEUE_MAX (2 * CHAN_MESSAGE_MAX)
/* Messages of one turn of the loop: a peer that never stops sending must not
 * keep the monitor from signals and from its other child. */
#define TURN 64

struct wire {
	struct chan *chan;
	struct loop_io *io;
	struct wire_handler handler;
	bool *freed;	/* set by wire_free() during a callback */
};

/* Take in what has arrived, up to a turn; false when a callback freed the
 * wire. */
static bool receive(struct wire *w)
{
	bool freed = false;

	w->freed = &freed;
	for (unsigned i = 0; i < TURN && !freed; i++) {
		const void *data;
		unsigned type;
		size_t len;
		int passfd, n = chan_recv(w->chan, &type, &data, &len, &passfd);

		if (n > 0)
			w->handler.on_message(w->handler.arg, type, data, len,
			    passfd);
		if (n < 0)
			w->handler.on_dead(w->handler.arg);
		if (n <= 0)
			break;
	}
	if (!freed)
		w->freed = NULL;
	return !freed;
}

static void watch(struct wire *w)
{
	loop_io_set(w->io, chan_wants_write(w->chan) ?
	    LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void ready(void *arg, int fd, unsigned events)
{
	struct wire *w = arg;

	(void)fd;
	if (events & LOOP_WRITE)
		chan_flush(w->chan);
	if (receive(w))
		watch(w);
}

struct wire *wire_new(struct loop *loop, int fd,
    const struct wire_handler *handler)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (w)
		w->chan = chan_new(fd, QUEUE_MAX);
	if (!w || !w->chan) {
		close(fd);
		free(w);
		return NULL;
	}
	w->handler = *handler;
	w->io = loop_io_new(loop, fd, LOOP_READ, ready, w);
	if (!w->io) {
		wire_free(w);
		return NULL;
	}
	return w;
}

void wire_free(struct wire *w)
{
	if (!w)
		return;
	if (w->freed)
		*w->freed = true;
	loop_io_free(w->io);
	chan_free(w->chan);
	free(w);
}

bool wire_send(struct wire *w, unsigned type, const void *data, size_t len,
    int passfd)
{
	bool ok = chan_send(w->chan, type, data, len, passfd);

	watch(w);
	return ok;
}
