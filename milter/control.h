/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control - the control socket: one JSON object a line each way (design §9).
 *
 * Runs in the frontend's loop. Bounded: 32 connections, 1 MiB a request
 * (an import), 5 minutes idle. conf/control.h has the codec both sides use.
 */
#ifndef TM_MILTER_CONTROL_H
#define TM_MILTER_CONTROL_H

struct control;
struct loop;
struct services;

/* listen_fd becomes the control's. NULL when out of memory. */
struct control *control_new(struct loop *loop, struct services *services,
    int listen_fd);
void control_free(struct control *c);

#endif
