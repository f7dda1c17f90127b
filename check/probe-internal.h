/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-internal - one probe, shared by probe.c (its life and its
 * connection), probe-talk.c (bytes and the handshake) and probe-steps.c
 * (what is said, and what the answers mean).
 */
#ifndef TM_CHECK_PROBE_INTERNAL_H
#define TM_CHECK_PROBE_INTERNAL_H

#include <openssl/types.h>

#include "check/dialect.h"
#include "check/probe.h"
#include "check/reply.h"
#include "util/buf.h"

#define PROBE_REPLY_MAX 2048	/* bytes of a reply that are kept */
#define PROBE_OUT_MAX 1024	/* the longest command */
#define PROBE_IN_MAX 65536	/* what a server may send in one go */
/* How long to wait for an answer that should not come, and for the one to
 * QUIT. */
#define PROBE_LINGER_MS 700

struct prober {
	struct evloop *loop;
	SSL_CTX *ctx;
	X509_STORE *roots;
	char *ehlo;
	uint32_t timeout_ms;
};

struct probe;
/* The reply that was waited for is complete, good or bad; or, for `late`,
 * did not come. p may be gone when it returns. */
typedef void probe_step_fn(struct probe *p);

struct probe {
	struct prober *prober;
	struct probe_request request;
	probe_fn *fn;
	void *arg;
	bool *gone;			/* set when the probe is released */
	const struct dialect *dialect;	/* NULL: handshake only */
	int fd;
	int error;			/* of a connection that never was */
	struct evio *io;
	struct evtimer *timer;
	bool connected;
	SSL *ssl;			/* once the handshake begins */
	bool secured;			/* it has ended well */
	bool with_dane;			/* records were given to it */
	struct buf out;			/* to be sent … */
	size_t sent;			/* … of which this much is */
	struct buf in;			/* came, and is not used yet */
	struct reply reply;		/* that is waited for … */
	probe_step_fn *step;		/* … and what comes then; NULL: none */
	probe_step_fn *late;		/* no reply came: time, or the end;
					 * NULL: the stage has failed */
	enum stage_id stage;
	int64_t began;			/* of the stage, clock_mono_ms() */
	struct probe_facts facts;
};

/* probe.c. After an ending p is gone. */
void probe_stage(struct probe *p, enum stage_id id);
void probe_stage_end(struct probe *p, enum stage_state state,
    const char *detail);
void probe_fail(struct probe *p, enum stage_state state, const char *detail);
void probe_end(struct probe *p);

/* probe-talk.c. p may be gone after the first two. */
void probe_talk(struct probe *p, unsigned events);
void probe_handshake(struct probe *p);
/* Send; text NULL: nothing. Go on with step when the reply is there. */
void probe_say(struct probe *p, const char *text, enum reply_kind kind,
    probe_step_fn *step);
/* Wait only so long for it, then do `late`. */
void probe_wait(struct probe *p, int64_t ms, probe_step_fn *late);

/* probe-steps.c; p may be gone. */
void probe_begin(struct probe *p);	/* connected */
void probe_secured(struct probe *p);	/* the handshake is done */

#endif
