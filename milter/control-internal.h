/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control-internal - between the connections of the control socket
 * (control.c) and its commands (control-commands.c, control-history.c).
 *
 * A connection does one command at a time. A command either answers at
 * once, or becomes the connection's job: a list that is produced as fast as
 * the peer reads it, or questions to the store thread that end one by one.
 */
#ifndef TM_MILTER_CONTROL_INTERNAL_H
#define TM_MILTER_CONTROL_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/history.h"
#include "conf/control.h"
#include "milter/learner.h"
#include "mtasts/cache.h"

struct conn;
struct services;

/* Produce a little more of a list; called while little waits to be sent. */
typedef void job_step_fn(struct conn *conn);

/* A question to the store thread, or a reload, has ended. */
typedef void job_done_fn(struct conn *conn, const char *domain, bool ok,
    const char *text);

struct job {
	uint64_t id;		/* 0: the connection has none */
	job_step_fn *step;	/* NULL: nothing to produce by itself */
	job_done_fn *done;
	json_t *request;	/* a reference */
	size_t next;		/* member of the request to take up next */
	size_t pending;		/* questions not yet answered */
	size_t count;		/* members done */
	size_t older;		/* imports that were not worth it */
	bool with_text;
	struct cache_cursor cursor;
	struct history_cursor pairs;
};

struct services *conn_services(struct conn *conn);
struct job *conn_job(struct conn *conn);

/* Queue an answer; takes the reference, which may be NULL. */
void conn_answer(struct conn *conn, json_t *object);
void conn_refuse(struct conn *conn, const char *text);

/* Make request the connection's job; conn_end_job() ends it. */
struct job *conn_begin_job(struct conn *conn, json_t *request);
void conn_end_job(struct conn *conn);

/* True while the job may queue more. */
bool conn_has_room(const struct conn *conn);

/* Ask the store thread; the job's done is called later, in the loop's
 * thread. False when it cannot take more now. */
bool conn_ask(struct conn *conn, enum learner_op op, const char *domain,
    const void *data, size_t len);
bool conn_reload(struct conn *conn);

/* A job_done_fn for one question whose text is all there is to say. */
void conn_done_text(struct conn *conn, const char *domain, bool ok,
    const char *text);
/* The same of the historian: domain NULL is everything, network NULL all of
 * a domain's. */
bool conn_forget(struct conn *conn, const char *domain, const char *network);

/* control-query.c */
void control_query(struct conn *conn, json_t *request);

/* control-lists.c */
void control_list_refresh(struct conn *conn, json_t *request);

/* Carry out one request. */
void control_command(struct conn *conn, json_t *request);

/* control-history.c */
void control_history_list(struct conn *conn, json_t *request);
void control_history_purge(struct conn *conn, json_t *request);

#endif
